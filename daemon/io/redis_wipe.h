/* Deleting the state of a namespace: what a finished backfill leaves behind. */
#ifndef OUTLIERD_REDIS_WIPE_H
#define OUTLIERD_REDIS_WIPE_H

#include "daemon/io/redis_connection.h"
#include "daemon/io/redis_store.h"

/** Deletes (UNLINK) the keys of this namespace, pipeline and topic, found by SCAN; *deleted counts them. Keys written meanwhile may stay. Errors as redis_connection_exchange(). */
int redis_wipe_run(struct redis_connection *connection, const struct redis_options *options, uint64_t *deleted,
		   struct err *err) MUST_USE;

#endif
