/* Reading a partition's marker and records as of one moment: pipelined MGETs, each of which begins with the marker. */
#ifndef OUTLIERD_REDIS_READ_H
#define OUTLIERD_REDIS_READ_H

#include "daemon/io/redis_connection.h"

/* Redis serves nobody else during one MGET; so many keys of 2 KB take it about 1.5 ms. */
#define REDIS_READ_KEYS_MAX 1000

struct redis_read {
	struct slice marker_key;
	struct slice record_prefix;   /* of the records' keys, before the entity */
	struct slice *marker;         /* out */
	struct state_record *records; /* entity in, value out */
	size_t count;
	struct arena *arena; /* the values lie in it */
};

/** Reads. The markers of all MGETs are the same, so nothing was written between them; else it begins again, a few times, then ERR_RETRY. ERR_MEMORY: the arena is full. On -1 the out fields hold nothing of use. */
int redis_read_run(struct redis_connection *connection, const struct redis_read *read, struct err *err) MUST_USE;

#endif
