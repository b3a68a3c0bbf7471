#include "features/filter.h"

#include <assert.h>
#include <stdlib.h>

#define LIST_SCANNED_MAX 8 /* longer lists are searched by halves */

void filter_free(struct filter *filter)
{
	assert(filter != NULL);
	for (size_t i = 0; i < filter->count; i++) {
		free(filter->tests[i].list);
		free(filter->tests[i].hours.offsets);
	}
	free(filter->tests);
	*filter = (struct filter){0};
}

static bool in_list(const struct filter_test *test, int64_t cell)
{
	if (test->list_count <= LIST_SCANNED_MAX) {
		bool found = false;
		for (size_t i = 0; i < test->list_count; i++)
			found |= test->list[i] == cell;
		return found;
	}
	size_t low = 0, high = test->list_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (test->list[middle] < cell)
			low = middle + 1;
		else
			high = middle;
	}
	return low < test->list_count && test->list[low] == cell;
}

bool filter_test_cell(const struct filter_test *test, int64_t cell, int64_t current)
{
	switch (test->kind) {
	case TEST_RANGE:
		assert(test->low > CELL_NULL);
		return cell >= test->low && cell <= test->high;
	case TEST_BETWEEN:
		return cell != CELL_NULL && cell_double(cell) > test->above && cell_double(cell) < test->under;
	case TEST_IN:
		return in_list(test, cell); /* which holds no null */
	case TEST_NOT_IN:
		return cell != CELL_NULL && !in_list(test, cell);
	case TEST_SAME:
		return cell != CELL_NULL && cell == current;
	case TEST_HOURS:
		break;
	}
	assert(!"hours test times, not cells");
	return false;
}

bool filter_test_time(const struct filter_test *test, int64_t time_ms)
{
	assert(test->kind == TEST_HOURS);
	int hour = civil_hour(time_ms, test->hours.offsets, test->hours.offset_count);
	bool from = hour >= test->hours.from, to = hour < test->hours.to;
	return test->hours.from < test->hours.to ? from && to : from || to;
}

bool filter_row(const struct filter *filter, const struct columns *columns, size_t row, const int64_t *current)
{
	bool holds = true;
	assert(current != NULL || !filter->same);
	for (size_t i = 0; i < filter->count && holds; i++) {
		const struct filter_test *test = &filter->tests[i];
		if (test->kind == TEST_HOURS)
			holds = filter_test_time(test, columns->time[row]);
		else
			holds = filter_test_cell(test, columns_at(columns, test->column)[row],
						 test->kind == TEST_SAME ? current[test->column] : CELL_NULL);
	}
	return holds;
}

bool filter_current(const struct filter *filter, const int64_t *current, int64_t time_ms)
{
	const struct columns self = {&time_ms, current, 1};
	return filter_row(filter, &self, 0, current);
}

bool filter_same_is_null(const struct filter *filter, const int64_t *current)
{
	bool null = false;
	for (size_t i = 0; i < filter->count; i++)
		null |= filter->tests[i].kind == TEST_SAME && current[filter->tests[i].column] == CELL_NULL;
	assert(!null || filter->same);
	return null;
}

/* One test over a block, anded into the mask. The loops that matter most have no branch, so that they vectorise. */
static void test_block(const struct filter_test *test, const int64_t *cells, const int64_t *times, size_t count,
		       int64_t current, uint8_t *mask)
{
	bool equality = test->kind == TEST_SAME || (test->kind == TEST_IN && test->list_count == 1);
	if (equality) {
		int64_t wanted = test->kind == TEST_SAME ? current : test->list[0];
		bool exists = wanted != CELL_NULL;
		for (size_t i = 0; i < count; i++)
			mask[i] &= (uint8_t)((cells[i] == wanted) & exists);
	} else if (test->kind == TEST_RANGE) {
		for (size_t i = 0; i < count; i++)
			mask[i] &= (uint8_t)((cells[i] >= test->low) & (cells[i] <= test->high));
	} else if (test->kind == TEST_HOURS) {
		for (size_t i = 0; i < count; i++)
			mask[i] &= (uint8_t)filter_test_time(test, times[i]);
	} else {
		for (size_t i = 0; i < count; i++)
			mask[i] &= (uint8_t)filter_test_cell(test, cells[i], current);
	}
}

void filter_block(const struct filter *filter, const struct columns *columns, size_t first, size_t count,
		  const int64_t *current, uint8_t *mask)
{
	assert(filter->count > 0);
	memset(mask, 1, count);
	for (size_t i = 0; i < filter->count; i++) {
		const struct filter_test *test = &filter->tests[i];
		bool hours = test->kind == TEST_HOURS;
		test_block(test, hours ? NULL : columns_at(columns, test->column) + first, columns->time + first, count,
			   hours ? CELL_NULL : current[test->column], mask);
	}
}
