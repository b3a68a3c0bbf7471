/*
 * One atomic, guarded write of a partition. Two round trips:
 *
 *   WATCH m, GET m, MULTI         goes on only where m is the expected marker (else it hangs up) and MULTI was accepted
 *   SET or DEL records, SET m, EXEC
 *
 * MULTI belongs to the first, because records sent behind a MULTI that was refused would be executed one by one. A
 * change of m after the GET makes EXEC do nothing; so does an EXEC of ours that was delayed on a lost connection and
 * comes after another one.
 */
#ifndef OUTLIERD_REDIS_WRITE_H
#define OUTLIERD_REDIS_WRITE_H

#include "daemon/io/redis_connection.h"

/* Redis' own limit on a value (proto-max-bulk-len). */
#define REDIS_VALUE_MAX ((size_t)512 << 20)

struct redis_write {
	struct slice marker_key;
	struct slice record_prefix; /* of the records' keys, before the entity */
	struct slice expected;      /* data NULL: no marker */
	struct slice marker;
	const struct state_record *records; /* value.data NULL: deleted */
	size_t count;
	struct slice ttl_ms; /* decimal text; length 0: keys live for ever */
};

/**
 * Writes. *unresolved, in: an EXEC of this very write may have been executed before, so finding the new marker means
 * done; out, on -1: likewise for the next try. On -1 with *unresolved false nothing of it was written. ERR_HALT: the
 * server executed a part of the transaction only.
 */
int redis_write_run(struct redis_connection *connection, const struct redis_write *write, bool *unresolved,
		    enum store_write *result, struct err *err) MUST_USE;

#endif
