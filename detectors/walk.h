/*
 * A row's way down a tree, plainly: the definition that every faster walk must equal bit for bit, and what takes the rows
 * that these leave over.
 */
#ifndef OUTLIERD_WALK_H
#define OUTLIERD_WALK_H

#include "detectors/forest.h"

/** Path length at a leaf below so many splits, in the one form that all walks share: (nodes on the path + c) - 1. */
static inline double walk_path_at(const struct tree *tree, int32_t leaf, unsigned above)
{
	return ((double)(above + 1) + tree->value[leaf]) - 1.0;
}

/** A split's two sides as one where the value is missing: their mean, weighted by their training rows. */
static inline double walk_mean(uint32_t rows_left, double on_left, uint32_t rows_right, double on_right, uint32_t rows)
{
	return (rows_left * on_left + rows_right * on_right) / rows;
}

/** Path length of a row in one tree. keys: float32_key of column c at c * stride, UINT32_MAX = missing. */
double walk_tree(const struct forest_parts *parts, const struct tree *tree, const uint32_t *keys, size_t stride);

#endif
