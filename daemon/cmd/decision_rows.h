/*
 * Recorded decisions as vectors, so that a model can be trained on what was served: read from the decisions topic, or from
 * a file of them (.avro: a container; .jsonl: lines), ordered by record, written as the CSV that `features` makes of the
 * same records, byte for byte. Decisions of other feature sets or topics are left out and counted.
 */
#ifndef OUTLIERD_DECISION_ROWS_H
#define OUTLIERD_DECISION_ROWS_H

#include "daemon/cmd/stretch.h"

struct decision_rows_options {
	const struct world *world;
	const char *path;                 /* of a file; NULL: the configured topic */
	const struct stretch_edge *edges; /* of the topic: records from, to */
	size_t memory_bytes;              /* of all rows; more is ERR_MEMORY with the remedy */
};

/** What was read. */
struct decision_rows_counts {
	uint64_t taken, other_features, other_topics, unreadable;
};

/** True for names of files that hold decisions rather than vectors. */
bool decision_rows_is_file(const char *path);

/** Writes the rows to a temporary file in $TMPDIR or /tmp, whose name path gets; the caller removes it. ERR_DATA; ERR_UNAVAILABLE. */
int decision_rows_spool(const struct decision_rows_options *options, char path[], size_t path_size,
			struct decision_rows_counts *counts, struct err *err) MUST_USE;

#endif
