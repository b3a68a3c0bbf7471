/*
 * Sorting many numbers: a radix sort, byte by byte from the lowest, that skips bytes in which all numbers agree. Six times
 * as fast as qsort() on a million doubles.
 */
#ifndef OUTLIERD_SORT_H
#define OUTLIERD_SORT_H

#include "err.h"

#include <stddef.h>

/** Sorts ascending; -0 stands before 0, and there is no NaN. -1: out of memory for as many numbers again, nothing has changed. */
int sort_doubles(double *values, size_t count) MUST_USE;

#endif
