#include "features/aggregate.h"

#include "features/plan.h"

#include <assert.h>

/*
 * A block's sums fit in 64 bits: 2^8 cells of at most 2^53. Its squares do where no cell reaches 2^27 (a million in
 * money of two decimals), which is nearly always; adding in 128 bits would take three times as long.
 */
#define BLOCK_CELLS 256
#define SMALL_CELL (UINT64_C(1) << 27)

static uint128 add_squares(uint128 a, uint128 b)
{
	assert(a <= AGGREGATE_OVERFLOWED && b <= AGGREGATE_OVERFLOWED);
	uint128 sum = a + b; /* at most 2^128: only both overflowed would wrap */
	return a == AGGREGATE_OVERFLOWED || sum > AGGREGATE_OVERFLOWED || sum < a ? AGGREGATE_OVERFLOWED : sum;
}

static void take_sums(struct aggregate *aggregate, bool squares, const int64_t *cells, size_t count)
{
	int64_t n = 0, sum = 0;
	uint64_t largest = 0, small_squares = 0;
	for (size_t i = 0; i < count; i++) {
		bool present = cells[i] != CELL_NULL;
		int64_t units = present ? cells[i] : 0;
		n += present;
		sum += units;
		largest |= (uint64_t)(units ^ (units >> 63));
		small_squares += (uint64_t)units * (uint64_t)units; /* wraps where largest shows it */
	}
	aggregate->n += n;
	aggregate->sum += sum;
	if (!squares)
		return;
	uint128 total = small_squares;
	if (largest >= SMALL_CELL) {
		total = 0;
		for (size_t i = 0; i < count; i++) {
			int128 units = cells[i] != CELL_NULL ? cells[i] : 0;
			total += (uint128)(units * units);
		}
	}
	aggregate->squares = add_squares(aggregate->squares, total);
}

static void take_extremes(struct aggregate *aggregate, enum value_kind kind, const int64_t *cells, size_t count)
{
	bool any = aggregate->n > 0;
	for (size_t i = 0; i < count; i++) {
		int64_t cell = cells[i];
		if (cell == CELL_NULL)
			continue;
		bool doubles = kind == VALUE_DOUBLE;
		if (!any || (doubles ? cell_double(cell) < cell_double(aggregate->low) : cell < aggregate->low))
			aggregate->low = cell;
		if (!any || (doubles ? cell_double(cell) > cell_double(aggregate->high) : cell > aggregate->high))
			aggregate->high = cell;
		any = true;
	}
}

static int64_t count_present(const int64_t *cells, size_t count)
{
	int64_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += cells[i] != CELL_NULL;
	return n;
}

void aggregate_take(struct aggregate *aggregate, enum value_kind kind, unsigned needs, const int64_t *cells,
		    size_t count)
{
	while (count > 0) {
		size_t block = count < BLOCK_CELLS ? count : BLOCK_CELLS;
		if (needs & NEED_EXTREMES)
			take_extremes(aggregate, kind, cells, block);
		if (needs & NEED_SUM)
			take_sums(aggregate, (needs & NEED_SQUARES) != 0, cells, block);
		else
			aggregate->n += count_present(cells, block);
		cells += block;
		count -= block;
	}
}

void aggregate_join(struct aggregate *aggregate, enum value_kind kind, const struct aggregate *other)
{
	if (other->n == 0)
		return;
	const int64_t extremes[] = {other->low, other->high};
	if (kind != VALUE_TEXT)
		take_extremes(aggregate, kind, extremes, 2);
	aggregate->n += other->n;
	aggregate->sum += other->sum;
	aggregate->squares = add_squares(aggregate->squares, other->squares);
}
