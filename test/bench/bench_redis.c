/*
 * What guarded writes and reads cost on a real Redis: records a second, CPU of this process and of the server per
 * record, and allocations of this process per write. Goal: at most 1 us of our CPU per record of 500 bytes.
 */
#include "daemon/io/redis_store.h"
#include "test/integration/redis_process.h"

#include <sys/resource.h>

#define RECORDS 100000
#define VALUE_MAX 2048
#define ARENA_BYTES ((size_t)64 << 20)

static char names[RECORDS][32];
static char value[VALUE_MAX];
static struct state_record records[RECORDS];

#if !defined(__SANITIZE_ADDRESS__)
/* Counted here: glibc's own functions stand behind these names. */
static size_t allocations;
extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_calloc(size_t count, size_t size);
/** Counts. */
void *malloc(size_t size);
/** Counts. */
void *realloc(void *old, size_t size);
/** Counts. */
void *calloc(size_t count, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}
#else
static const size_t allocations = 0;
#endif

struct sample {
	int64_t wall_us, user_us, system_us;
	size_t allocations;
};

static struct sample sample_now(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return (struct sample){.wall_us = real_monotonic_us(NULL),
			       .user_us = (int64_t)used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec,
			       .system_us = (int64_t)used.ru_stime.tv_sec * 1000000 + used.ru_stime.tv_usec,
			       .allocations = allocations};
}

static double server_cpu_us(const struct redis_process *server)
{
	static const char *const parts[] = {"used_cpu_sys:", "used_cpu_user:"};
	const char *info = redis_process_ask(server, "INFO cpu");
	double seconds = 0;
	for (size_t i = 0; i < 2; i++) {
		const char *found = strstr(info, parts[i]);
		if (found != NULL)
			seconds += atof(found + strlen(parts[i]));
	}
	return seconds * 1e6;
}

static void print_row(const char *what, size_t bytes, size_t batch, struct sample from, struct sample to,
		      double server_us)
{
	double wall_s = (double)(to.wall_us - from.wall_us) / 1e6, calls = (double)RECORDS / (double)batch;
	double user_us = (double)(to.user_us - from.user_us), system_us = (double)(to.system_us - from.system_us);
	printf("%-6s %5zu B x %4zu  %8.0f records/s  client %.2f us/record (user %.2f)  server %.2f us/record  "
	       "allocations per call %.2f\n",
	       what, bytes, batch, RECORDS / wall_s, (user_us + system_us) / RECORDS, user_us / RECORDS,
	       server_us / RECORDS, (double)(to.allocations - from.allocations) / calls);
}

static void fail(const struct err *err)
{
	printf("bench_redis: %s\n", err->message);
	exit(1);
}

static void write_all(struct store *store, size_t batch, int *version)
{
	char from[32], to[32];
	struct err err = {0};
	for (size_t at = 0; at < RECORDS; at += batch) {
		size_t count = RECORDS - at < batch ? RECORDS - at : batch;
		enum store_write result;
		snprintf(from, sizeof from, "marker-%d", *version);
		snprintf(to, sizeof to, "marker-%d", *version + 1);
		struct slice expected = *version == 0 ? (struct slice){NULL, 0} : slice_of(from);
		if (store->write(store->self, 0, expected, slice_of(to), records + at, count, &result, &err) < 0)
			fail(&err);
		if (result != STORE_WRITTEN)
			give_up("a conflict");
		++*version;
	}
}

static void read_all(struct store *store, size_t batch, struct arena *arena)
{
	static struct state_record read[RECORDS];
	struct err err = {0};
	struct slice marker;
	for (size_t at = 0; at < RECORDS; at += batch) {
		size_t count = RECORDS - at < batch ? RECORDS - at : batch;
		for (size_t i = 0; i < count; i++)
			read[i].entity = records[at + i].entity;
		arena_reset(arena);
		if (store->read(store->self, 0, &marker, read, count, arena, &err) < 0)
			fail(&err);
		if (read[count - 1].value.length != records[0].value.length)
			give_up("a wrong value");
	}
}

int main(void)
{
	static const size_t sizes[] = {500, 2048}, batches[] = {64, 256, 1000};
	struct redis_process server;
	struct err err = {0};
	struct log log = {.stream = stderr, .level = LOG_LEVEL_INFO};
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	struct redis_options options = {.address = server.address,
					.name_space = "bench",
					.pipeline = "card-fraud",
					.topic = "transactions",
					.ttl_ms = INT64_C(90) * 86400000,
					.timeout_ms = 5000,
					.log = &log,
					.clock = &real_clock};
	struct redis_store *redis = redis_store_new(&options, &err);
	struct arena *arena = arena_new(ARENA_BYTES);
	if (redis == NULL || arena == NULL)
		fail(&err);
	struct store store = redis_store_port(redis);
	memset(value, 'v', sizeof value);
	for (size_t s = 0; s < 2; s++) {
		int version = 0;
		redis_process_ask(&server, "FLUSHALL");
		for (size_t i = 0; i < RECORDS; i++) {
			snprintf(names[i], sizeof names[i], "4111-%011zu", i);
			records[i] = (struct state_record){slice_of(names[i]), {value, sizes[s]}};
		}
		write_all(&store, 1000, &version); /* the keys exist, the buffers have grown */
		for (size_t b = 0; b < 6; b++) {
			bool writing = b < 3;
			size_t batch = batches[b % 3];
			if (!writing)
				read_all(&store, batch, arena);
			double server_us = server_cpu_us(&server);
			struct sample from = sample_now();
			if (writing)
				write_all(&store, batch, &version);
			else
				read_all(&store, batch, arena);
			struct sample to = sample_now();
			print_row(writing ? "write" : "read", sizes[s], batch, from, to,
				  server_cpu_us(&server) - server_us);
		}
	}
	redis_store_free(redis);
	arena_free(arena);
	redis_process_remove(&server);
	return 0;
}
