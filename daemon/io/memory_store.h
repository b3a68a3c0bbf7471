/*
 * The in-memory twin of the Redis store: same guarantees, plus failures on request. Also the production store of
 * `"state": {"memory": {}}`, the demo and offline runs. Nothing expires. Memory is kept and reused where a record fits,
 * so that the steady state allocates nothing.
 */
#ifndef OUTLIERD_MEMORY_STORE_H
#define OUTLIERD_MEMORY_STORE_H

#include "daemon/ports.h"

struct memory_store;
/** An empty store. NULL: out of memory. */
struct memory_store *memory_store_new(void);
/** The port. Borrowed; several may be had. */
struct store memory_store_port(struct memory_store *store);
/** Frees it; NULL does nothing. */
void memory_store_free(struct memory_store *store);

/** Keeps a copy of everything as it is now; memory_store_rollback() goes back to it (a failover that lost writes). */
int memory_store_snapshot(struct memory_store *store) MUST_USE;
/** Goes back to the snapshot, which stays for another time; to nothing where none was taken. */
void memory_store_rollback(struct memory_store *store);
/** Forgets everything (FLUSHALL). */
void memory_store_flush(struct memory_store *store);
/** The next `count` calls fail with ERR_RETRY, and do nothing. */
void memory_store_fail(struct memory_store *store, size_t count);
/** The next `count` writes that would succeed are done, and yet fail with ERR_RETRY (a lost reply); the same write again finds itself written. */
void memory_store_lose_replies(struct memory_store *store, size_t count);
/** Drops a record of its own accord, as a server short of memory does, and counts it; counts also where there is none (another's). */
void memory_store_evict(struct memory_store *store, int32_t partition, struct slice entity);
/** From now on it is another server process with the same contents: another id, and nothing evicted yet. */
void memory_store_restart(struct memory_store *store);
/** Calls visit for every record of a partition in byte order of the entity. */
void memory_store_visit(const struct memory_store *store, int32_t partition,
			void (*visit)(void *context, struct slice entity, struct slice value), void *context);
/** The marker of a partition; data NULL: none. */
struct slice memory_store_marker(const struct memory_store *store, int32_t partition);

#endif
