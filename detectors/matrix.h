/*
 * Rows of numbers for training and batch scoring: row-major doubles, NaN = missing. Borrowed, never owned here.
 */
#ifndef OUTLIERD_MATRIX_H
#define OUTLIERD_MATRIX_H

#include <stddef.h>

struct matrix {
	const double *values; /* rows * stride */
	size_t rows;
	size_t columns;
	size_t stride; /* elements from one row to the next, >= columns */
};

#endif
