/* The bounds of batches, cache and write-behind: what keeps memory and latency finite. */
#ifndef OUTLIERD_LIMITS_H
#define OUTLIERD_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct batch_limits {
	uint32_t records;          /* of one batch, at most */
	size_t bytes;              /* of record values of one batch */
	int64_t wait_ms;           /* time to fill a batch, at most */
	size_t memory_bytes;       /* of the batch's arena */
	size_t cache_bytes;        /* of the entity cache */
	int64_t write_interval_ms; /* state of several committed batches is written together, at most this long */
	uint64_t write_records;    /* ... and at most this many records of lead of C over R per partition */
	double dead_letters, late; /* caps on their share of the last 10,000 records of a partition */
	double parity_share;       /* of the scored events that are computed a second time, naively */
};

#endif
