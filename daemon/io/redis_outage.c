#include "daemon/io/redis_outage.h"

#include <stdio.h>

static int64_t now_us(const struct redis_outage *outage)
{
	return outage->clock->monotonic_us(outage->clock->self);
}

void redis_outage_init(struct redis_outage *outage, const char *address, const struct log *log,
		       const struct clock *clock)
{
	*outage = (struct redis_outage){.log = log, .clock = clock, .address = address};
}

int redis_outage_pass(struct redis_outage *outage, struct err *err)
{
	if (!outage->present)
		return 0;
	int64_t left_ms = (outage->next_us - now_us(outage) + 999) / 1000;
	if (left_ms <= 0)
		return 0;
	bool short_wait = left_ms <= REDIS_OUTAGE_WAIT_MAX_MS;
	outage->clock->sleep_ms(outage->clock->self, short_wait ? left_ms : REDIS_OUTAGE_WAIT_MAX_MS);
	return short_wait ? 0 : err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s", outage->reason);
}

void redis_outage_failed(struct redis_outage *outage, const char *reason)
{
	int64_t now = now_us(outage);
	snprintf(outage->reason, sizeof outage->reason, "%s", reason);
	if (!outage->present) {
		outage->present = true;
		outage->since_us = now;
		outage->delay_ms = REDIS_OUTAGE_DELAY_FIRST_MS;
		log_warning(outage->log, "Redis cannot be used, waiting for it address=%s reason=\"%s\"",
			    outage->address, reason);
	} else {
		outage->delay_ms *= 2;
		if (outage->delay_ms > REDIS_OUTAGE_DELAY_MAX_MS)
			outage->delay_ms = REDIS_OUTAGE_DELAY_MAX_MS;
	}
	/* Spread, so that instances which lost the same server do not all come back at once. */
	int64_t half_ms = outage->delay_ms / 2;
	uint64_t spread_ms = outage->clock->random(outage->clock->self) % ((uint64_t)half_ms + 1);
	outage->next_us = now + (half_ms + (int64_t)spread_ms) * 1000;
}

void redis_outage_over(struct redis_outage *outage)
{
	if (!outage->present)
		return;
	outage->present = false;
	log_notice(outage->log, "Redis can be used again address=%s after_ms=%lld", outage->address,
		   (long long)((now_us(outage) - outage->since_us) / 1000));
}
