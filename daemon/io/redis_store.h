/*
 * The store on Redis: an own socket with hiredis' reader, pipelined; atomic guarded writes by WATCH,
 * GET, MULTI, SET …, EXEC per partition. Keys: NAMESPACE:{PIPELINE/TOPIC/PARTITION}:e:ENTITY and …:m. What the server and
 * its user need is in docs/redis.md.
 *
 * An outage (away, loading, full, read-only, …) is ERR_RETRY. The store reconnects by itself with a growing delay; a
 * call within the delay waits at most 50 ms and fails again, so that its caller keeps polling Kafka. An outage is
 * logged when it begins and when it is over. Where the reply to EXEC was lost and cannot be asked for, the store
 * remembers the write of that partition: the same write again (same markers) is settled by the marker found, and a
 * read in between may see either state. Trouble with user or eviction policy at the first connection is ERR_CONFIG;
 * later the former is an outage, the latter ERR_HALT. facts() is what INFO says (run_id, evicted_keys, …): with each new
 * connection and each check().
 *
 * Behind Sentinel the primary is asked for at every connection, so after every outage, hang-up and -READONLY; INFO of
 * the server found must say that it is one. check() asks too, and moves where another server is the primary by now: one
 * that was cut off from its sentinels still answers. A primary promoted from an asynchronous replica is a Redis that
 * came back older than it was; the markers tell.
 */
#ifndef OUTLIERD_REDIS_STORE_H
#define OUTLIERD_REDIS_STORE_H

#include "daemon/ports.h"
#include "log.h"

struct redis_options {
	const char *address; /* tcp://HOST:PORT, unix:///PATH or sentinel://HOST:PORT,HOST:PORT/NAME */
	const char *name_space;
	const char *pipeline, *topic;
	const char *user, *password;                   /* NULL: none */
	const char *sentinel_user, *sentinel_password; /* of the sentinels themselves; NULL: none */
	int database;
	int64_t ttl_ms;            /* of every key written; 0: none */
	int64_t timeout_ms;        /* of connecting, and of every wait for the server */
	const struct log *log;     /* borrowed */
	const struct clock *clock; /* borrowed: back-off and waiting */
};

struct redis_store;
/** Makes the adapter, with copies of the strings; connects in open(). ERR_CONFIG: bad address or name. */
struct redis_store *redis_store_new(const struct redis_options *options, struct err *err) MUST_USE;
/** The port. Borrowed. */
struct store redis_store_port(struct redis_store *store);
/** Frees it; NULL does nothing. */
void redis_store_free(struct redis_store *store);

/** Deletes all records and markers of the options' namespace, pipeline and topic; *deleted counts keys. */
int redis_store_wipe(struct redis_store *store, uint64_t *deleted, struct err *err) MUST_USE;

/** For `check --online`: version, eviction policy, memory used and allowed, persistence. */
struct redis_facts {
	char version[32];
	char maxmemory_policy[32];
	char run_id[STORE_SERVER_ID_MAX];
	int64_t maxmemory_bytes, used_memory_bytes, evicted_keys;
	bool aof_enabled;
	bool loading; /* its data, after a start */
	bool replica; /* of another server */
};
/** The server that was last connected to, HOST:PORT or a path: which of several is the primary. Empty: none yet. Borrowed. */
const char *redis_store_server(const struct redis_store *store);
/** Asks the server, over a connection of its own, whatever its policy. ERR_UNAVAILABLE: it does not answer; ERR_CONFIG: it refuses. */
int redis_store_facts(struct redis_store *store, struct redis_facts *facts, struct err *err) MUST_USE;

#endif
