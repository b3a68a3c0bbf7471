/*
 * Writes whose outcome is not known yet: the reply to EXEC was lost, and the server could not be asked since. At most
 * one per partition, known by a hash of its markers, so that nothing is allocated but room for new partitions.
 */
#ifndef OUTLIERD_REDIS_PENDING_H
#define OUTLIERD_REDIS_PENDING_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

struct redis_pending {
	struct redis_pending_entry *entries; /* owned */
	size_t count, capacity;
};

/** Tells whether the partition's unknown write is the one from `expected` to `marker`, and makes room for what redis_pending_put() may have to remember. */
int redis_pending_get(struct redis_pending *pending, int32_t partition, struct slice expected, struct slice marker,
		      bool *unresolved, struct err *err) MUST_USE;

/** Remembers the write as the partition's unknown one, or (unresolved false) that there is none. After redis_pending_get(). */
void redis_pending_put(struct redis_pending *pending, int32_t partition, struct slice expected, struct slice marker,
		       bool unresolved);

/** Frees it. */
void redis_pending_free(struct redis_pending *pending);

#endif
