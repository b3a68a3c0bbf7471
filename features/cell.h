/*
 * Cells: how a row of an entity's log holds a field's value, always 64 bits: units (booleans 0 and 1), the bits of a
 * double, or the number of a string. Null has the bits of -0.0, which no field value has.
 */
#ifndef OUTLIERD_CELL_H
#define OUTLIERD_CELL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CELL_NULL INT64_MIN
#define CELL_UNKNOWN INT64_MAX            /* a string that has no number: equal to no cell of a log */
#define CELL_UNITS_MAX (INT64_C(1) << 53) /* of a field, either side of 0 */

/** Columns of a log, borrowed: row i of column c is first[c * stride + i]. */
struct columns {
	const int64_t *time; /* ms */
	const int64_t *first;
	size_t stride;
};

/** Column c. */
static inline const int64_t *columns_at(const struct columns *columns, int c)
{
	return columns->first + (size_t)c * columns->stride;
}

/** The cell of a double. */
static inline int64_t cell_of_double(double number)
{
	int64_t cell;
	memcpy(&cell, &number, sizeof cell);
	return cell;
}

/** The double of a cell. */
static inline double cell_double(int64_t cell)
{
	double number;
	memcpy(&number, &cell, sizeof number);
	return number;
}

/** Whether two doubles have the same bits; all NaN (missing) are the same. */
static inline bool cell_same_double(double a, double b)
{
	return (isnan(a) && isnan(b)) || cell_of_double(a) == cell_of_double(b);
}

#endif
