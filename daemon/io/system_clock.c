#include "daemon/io/system_clock.h"

#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id, int64_t per_second)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * per_second + now.tv_nsec / (1000000000 / per_second);
}

static int64_t wall_ms(void *self)
{
	(void)self;
	return read_clock(CLOCK_REALTIME, 1000);
}

static int64_t monotonic_us(void *self)
{
	(void)self;
	return read_clock(CLOCK_MONOTONIC, 1000000);
}

static void sleep_ms(void *self, int64_t ms)
{
	struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};
	(void)self;
	nanosleep(&pause, NULL);
}

static uint64_t random_bits(void *self)
{
	uint64_t bits = 0;
	(void)self;
	while (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
		continue;
	return bits;
}

struct clock system_clock(void)
{
	return (struct clock){NULL, wall_ms, monotonic_us, sleep_ms, random_bits};
}
