/*
 * The fast way through a forest for rows without missing values: the sum of their path lengths over all trees. Trees up
 * to KERNEL_PERFECT_DEPTH levels are laid out as perfect binary trees (a leaf above the bottom is padded with splits that
 * send everything left), walked without a branch, eight rows at a time, tree after tree over a block of rows that stays
 * in the first-level cache; a deeper tree is walked by its child indices. Measured and compared with gathers and
 * bit-vector methods before it was written: nothing portable was faster.
 */
#ifndef OUTLIERD_KERNEL_H
#define OUTLIERD_KERNEL_H

#include "detectors/forest.h"

#define KERNEL_PERFECT_DEPTH 10
#define KERNEL_GROUP 8        /* rows walked together */
#define KERNEL_BLOCK_ROWS 256 /* at most; also the number of sums */

struct kernel;

/** Lays out checked trees, which are not kept. NULL: out of memory. */
struct kernel *kernel_new(const struct forest_parts *parts);
/** Frees it; NULL does nothing. */
void kernel_free(struct kernel *kernel);

/** Where the key (float32_key) of a row's column stands in a block: groups of KERNEL_GROUP rows, in a group column by column. */
static inline size_t kernel_place(size_t columns, size_t row, size_t column)
{
	return row / KERNEL_GROUP * KERNEL_GROUP * columns + column * KERNEL_GROUP + row % KERNEL_GROUP;
}

/** Sums of the path lengths of the rows of a block, each over the trees in their order. rows is a multiple of KERNEL_GROUP, at most KERNEL_BLOCK_ROWS; sums holds rows elements. Allocates nothing. */
void kernel_sums(const struct kernel *kernel, const uint32_t *block, size_t rows, double *sums);

#endif
