/*
 * What writing and reading a record share: docs/state-format.md. The record remembers for each string (by its number in
 * the rows) the number that it has in the record and the row in which it last occurred.
 */
#ifndef OUTLIERD_RECORD_H
#define OUTLIERD_RECORD_H

#include "features/entity_state.h"

#define RECORD_HEADER_BYTES (1 + ENTITY_GENERATION_BYTES)
#define RECORD_CONTROL_MAX (EVENT_FIELDS_MAX / 8 + 1)
#define RECORD_ROW_MAX(columns) (RECORD_CONTROL_MAX + 28 + 15 * (columns)) /* bytes without literals */
#define RECORD_NO_ROW UINT32_MAX

/* A string's tag: 0 null; odd: a literal, tag / 2 bytes of which are those of the last one of its column; else 2 + 2 * number. */
enum { RECORD_STRING_NULL, RECORD_STRING_LITERAL, RECORD_STRING_KNOWN };
enum { RECORD_CELL_NULL, RECORD_CELL_PRESENT };
enum { RECORD_TALLY_COUNTS, RECORD_TALLY_UNITS, RECORD_TALLY_DOUBLES };

/** Bytes of a row's control bits. */
static inline size_t record_control_bytes(size_t columns)
{
	return columns / 8 + 1; /* a bit for each column and one for the offset */
}

/** The kind byte of a tally. */
static inline uint8_t record_tally_kind(enum value_kind kind)
{
	return kind == VALUE_UNITS    ? RECORD_TALLY_UNITS
	       : kind == VALUE_DOUBLE ? RECORD_TALLY_DOUBLES
				      : RECORD_TALLY_COUNTS;
}

/** A control bit. */
static inline bool record_control(const uint8_t *control, size_t bit)
{
	return (control[bit / 8] >> bit % 8 & 1) != 0;
}

/** How many bytes two texts begin with alike. */
size_t record_shared_prefix(struct slice a, struct slice b);

/**
 * The row whose cells the others of a row are compared with: of the rows in which its strings last occurred the oldest; the
 * row before where a string is new or there is none.
 */
struct record_reference {
	uint32_t oldest;
	bool has_new;
};

/** Of a row without strings so far. */
static inline struct record_reference record_reference_begin(void)
{
	return (struct record_reference){RECORD_NO_ROW, false};
}

/** Takes in one of the row's strings, by the row in which it last occurred; RECORD_NO_ROW: never. */
static inline void record_reference_add(struct record_reference *reference, uint32_t last_row)
{
	reference->has_new |= last_row == RECORD_NO_ROW;
	reference->oldest = last_row < reference->oldest ? last_row : reference->oldest;
}

/** The reference row; `before` is the row before, RECORD_NO_ROW where there is none. */
static inline uint32_t record_reference_end(const struct record_reference *reference, uint32_t before)
{
	return reference->has_new || reference->oldest == RECORD_NO_ROW ? before : reference->oldest;
}

#endif
