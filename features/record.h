/*
 * What writing and reading a record share: docs/state-format.md. The record remembers for each string (by its number in
 * the rows) the number that it has in the record and the row in which it last occurred.
 */
#ifndef OUTLIERD_RECORD_H
#define OUTLIERD_RECORD_H

#include "features/entity_state.h"

#define RECORD_HEADER_BYTES (1 + ENTITY_GENERATION_BYTES)
#define RECORD_CONTROL_MAX ((EVENT_FIELDS_MAX + 7) / 8)
#define RECORD_ROW_MAX(columns) (RECORD_CONTROL_MAX + 28 + 11 * (columns)) /* bytes without literals */
#define RECORD_NO_ROW UINT32_MAX

enum { RECORD_STRING_NULL, RECORD_STRING_LITERAL, RECORD_STRING_KNOWN };
enum { RECORD_CELL_NULL, RECORD_CELL_PRESENT };
enum { RECORD_TALLY_COUNTS, RECORD_TALLY_UNITS, RECORD_TALLY_DOUBLES };

/** Bytes of a row's control bits. */
static inline size_t record_control_bytes(size_t columns)
{
	return (columns + 7) / 8;
}

/** The kind byte of a tally. */
static inline uint8_t record_tally_kind(enum value_kind kind)
{
	return kind == VALUE_UNITS    ? RECORD_TALLY_UNITS
	       : kind == VALUE_DOUBLE ? RECORD_TALLY_DOUBLES
				      : RECORD_TALLY_COUNTS;
}

/**
 * The row whose cells the others of `row` are compared with: the oldest of the rows in which its strings last occurred, the
 * row before where a string is new or there is none. last_row is by string number; RECORD_NO_ROW: never.
 */
uint32_t record_reference(const struct feature_set *set, const struct rows *rows, uint32_t first, uint32_t row,
			  const uint32_t *last_row);

/** Notes that the row's strings last occurred in it. */
void record_note_strings(const struct feature_set *set, const struct rows *rows, uint32_t row, uint32_t *last_row);

#endif
