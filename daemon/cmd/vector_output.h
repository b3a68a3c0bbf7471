/*
 * Vectors as CSV, as `features` writes them from files and topics alike: _event_id, _entity, _time_ms, _partition, _offset,
 * _flags, what is kept, a label where wanted, then the features. And the JSON line of a record that gave no vector.
 */
#ifndef OUTLIERD_VECTOR_OUTPUT_H
#define OUTLIERD_VECTOR_OUTPUT_H

#include "buffer.h"
#include "features/apply.h"

/** One row. */
struct vector_row {
	const struct event *event; /* identifiers as they may leave */
	int32_t partition;
	const struct slice *kept; /* as many as the header's; data NULL: empty */
	struct slice label;       /* where the header has one */
	const struct vector *vector;
};

/** Appends the header. label: whether there is a column "label". */
void vector_output_header(struct buffer *out, const struct feature_set *set, const char *const *kept, size_t kept_count,
			  bool label);

/** Appends a row. */
void vector_output_row(struct buffer *out, const struct feature_set *set, const struct vector_row *row,
		       size_t kept_count, bool label);

/** Appends the line of a record without vector. coordinates: they are known. message: for people. */
void vector_output_reject(struct buffer *out, bool coordinates, int32_t partition, int64_t offset, enum outcome outcome,
			  enum reason reason, const char *message);

#endif
