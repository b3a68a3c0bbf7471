#include "features/record.h"

#include <assert.h>

uint32_t record_reference(const struct feature_set *set, const struct rows *rows, uint32_t first, uint32_t row,
			  const uint32_t *last_row)
{
	assert(row >= first);
	uint32_t oldest = RECORD_NO_ROW;
	bool is_new = false;
	for (size_t i = 0; i < set->string_count; i++) {
		int64_t number = rows->cells[(size_t)set->strings[i] * rows->capacity + row];
		if (number == CELL_NULL)
			continue;
		uint32_t last = last_row[number];
		is_new |= last == RECORD_NO_ROW;
		oldest = last < oldest ? last : oldest;
	}
	if (!is_new && oldest != RECORD_NO_ROW)
		return oldest;
	return row == first ? RECORD_NO_ROW : row - 1;
}

void record_note_strings(const struct feature_set *set, const struct rows *rows, uint32_t row, uint32_t *last_row)
{
	assert(row < RECORD_NO_ROW);
	for (size_t i = 0; i < set->string_count; i++) {
		int64_t number = rows->cells[(size_t)set->strings[i] * rows->capacity + row];
		if (number != CELL_NULL)
			last_row[number] = row;
	}
}
