/*
 * The store on Redis (design section 4): an own socket with hiredis' reader, pipelined; atomic guarded writes by WATCH,
 * GET, MULTI, SET …, EXEC per partition. Keys: NAMESPACE:{PIPELINE/TOPIC/PARTITION}:e:ENTITY and …:m.
 */
#ifndef OUTLIERD_REDIS_STORE_H
#define OUTLIERD_REDIS_STORE_H

#include "daemon/ports.h"
#include "log.h"

struct redis_options {
	const char *address; /* tcp://HOST:PORT or unix:///PATH */
	const char *name_space;
	const char *pipeline, *topic;
	const char *user, *password; /* NULL: none */
	int database;
	int64_t ttl_ms;            /* of every key written; 0: none */
	int64_t timeout_ms;        /* of connecting and of one exchange */
	const struct log *log;     /* borrowed */
	const struct clock *clock; /* borrowed: back-off and waiting */
};

struct redis_store;
/** Makes the adapter; connects in open(). */
struct redis_store *redis_store_new(const struct redis_options *options, struct err *err) MUST_USE;
/** The port. Borrowed. */
struct store redis_store_port(struct redis_store *store);
/** Frees it; NULL does nothing. */
void redis_store_free(struct redis_store *store);

/** For `check --online`: version, eviction policy, memory used and allowed, persistence. */
struct redis_facts {
	char version[32];
	char maxmemory_policy[32];
	char run_id[48];
	int64_t maxmemory_bytes, used_memory_bytes, evicted_keys;
	bool aof_enabled;
	bool loading; /* its data, after a start */
	bool replica; /* of another server */
};
/** Asks the server. ERR_UNAVAILABLE: it does not answer. */
int redis_store_facts(struct redis_store *store, struct redis_facts *facts, struct err *err) MUST_USE;

#endif
