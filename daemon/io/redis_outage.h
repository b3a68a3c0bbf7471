/*
 * When to try again, and what to say: a jittered delay that doubles with each failure, one log line when an outage
 * begins and one when it is over. An outage is anything that ERR_RETRY stands for, from a refused connection to -OOM.
 */
#ifndef OUTLIERD_REDIS_OUTAGE_H
#define OUTLIERD_REDIS_OUTAGE_H

#include "daemon/ports.h"
#include "log.h"

#define REDIS_OUTAGE_DELAY_FIRST_MS 50
#define REDIS_OUTAGE_DELAY_MAX_MS 2000
/* A call during the delay waits at most so long itself, so that its caller comes round to polling Kafka. */
#define REDIS_OUTAGE_WAIT_MAX_MS 50

struct redis_outage {
	const struct log *log;     /* borrowed */
	const struct clock *clock; /* borrowed */
	const char *address;       /* borrowed: for the log */
	bool present;
	int64_t since_us, next_us;
	int64_t delay_ms;
	char reason[256];
};

/** No outage. */
void redis_outage_init(struct redis_outage *outage, const char *address, const struct log *log,
		       const struct clock *clock);

/** Returns 0 where a call may go ahead; else waits a little and sets ERR_RETRY with the outage's reason. */
int redis_outage_pass(struct redis_outage *outage, struct err *err) MUST_USE;

/** A call failed with ERR_RETRY: sets when the next may go ahead; logs the first of an outage. */
void redis_outage_failed(struct redis_outage *outage, const char *reason);

/** A call succeeded: ends an outage, and logs that it is over. */
void redis_outage_over(struct redis_outage *outage);

#endif
