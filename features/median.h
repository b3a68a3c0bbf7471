/* The median of integers, without sorting them. */
#ifndef OUTLIERD_MEDIAN_H
#define OUTLIERD_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

/**
 * The lower median of count integers, at least one: the one that would stand at index (count - 1) / 2 after sorting. Greatest
 * and least must be less than 2^63 apart. Changes the order of the values. Takes two passes for each bit of that distance at
 * most, whatever the values: what others choose to send cannot make it slower.
 */
int64_t median_lower(int64_t *values, size_t count);

#endif
