/*
 * What is summed up of cells: exact, so that rows, blocks and panes can be joined in any order.
 */
#ifndef OUTLIERD_AGGREGATE_H
#define OUTLIERD_AGGREGATE_H

#include "features/cell.h"
#include "features/field.h"
#include "features/wide.h"

#define AGGREGATE_OVERFLOWED ((uint128)1 << 127) /* of squares: they are not known any more */

struct aggregate {
	int128 sum;
	uint128 squares; /* at most AGGREGATE_OVERFLOWED */
	int64_t n;       /* rows that match; with a column: and have the value */
	union {
		struct {
			int64_t low, high; /* cells; meaningless where n is 0 */
		};
		struct {
			int64_t distinct, distinct_with_own; /* different values, without and with the event's */
		};
	};
};

/** Of nothing. */
static inline struct aggregate aggregate_empty(void)
{
	return (struct aggregate){0};
}

/** Takes in count cells, null or not, of a column of that kind; needs: NEED_* of plan.h. */
void aggregate_take(struct aggregate *aggregate, enum value_kind kind, unsigned needs, const int64_t *cells,
		    size_t count);

/** Takes in another aggregate of the same kind (none of different values). */
void aggregate_join(struct aggregate *aggregate, enum value_kind kind, const struct aggregate *other);

#endif
