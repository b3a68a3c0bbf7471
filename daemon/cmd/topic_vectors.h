/*
 * Vectors of a stretch of the input topic: what the daemon computed there, without Redis, group or commits. `features`
 * writes them; partitions follow one another, each in offset order.
 */
#ifndef OUTLIERD_TOPIC_VECTORS_H
#define OUTLIERD_TOPIC_VECTORS_H

#include "daemon/cmd/label_book.h"
#include "daemon/cmd/stretch.h"
#include "daemon/io/output.h"

struct topic_vectors_options {
	struct world *world;
	const struct stretch_edge *from, *to;
	int64_t warm_up_ms; /* negative: one reach */
	size_t memory_bytes;
	const char *const *kept; /* names of configured fields */
	size_t kept_count;
	struct label_book *labels; /* NULL: no column */
	struct output *output;
	struct output *rejects; /* NULL: not wanted */
	bool strict;            /* the first invalid record is an error */
};

/** Writes header and rows; counts of the wanted records by outcome. */
int topic_vectors(const struct topic_vectors_options *options, uint64_t outcomes[OUTCOME_NUMBER],
		  struct err *err) MUST_USE;

#endif
