/*
 * Fast ways through a laid-out forest (layout.h): sums of path lengths over all trees, in the trees' order, bit for bit
 * those of the plain walk. Branch-free: a level is a compare and an add with carry, and eight independent ways are
 * interleaved so that their latencies hide one another: eight rows in one tree, or for a single row eight trees. Tree
 * after tree over a block of rows that stays in the first-level cache. Measured and compared with gathers and bit-vector
 * methods before it was written: nothing portable was faster.
 */
#ifndef OUTLIERD_KERNEL_H
#define OUTLIERD_KERNEL_H

#include "detectors/layout.h"

#define KERNEL_BLOCK_ROWS 256 /* at most; also the number of sums */

/** Sums of a block of rows without missing values. rows is at most KERNEL_BLOCK_ROWS; keys of places behind them in the last group are read and do not matter. Allocates nothing. */
void kernel_sums(const struct layout *layout, const uint32_t *block, size_t rows, double *sums);

/** The same for rows with missing values, as parts->missing says: LISTED or BOTH. parts are those that were laid out. */
void kernel_sums_missing(const struct layout *layout, const struct forest_parts *parts, const uint32_t *block,
			 size_t rows, double *sums);

#endif
