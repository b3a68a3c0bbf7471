/*
 * Trees laid out for scoring. A tree of up to LAYOUT_PERFECT_DEPTH levels becomes a perfect binary tree in heap order
 * (root 1, below place i are 2i and 2i + 1): a leaf above the bottom is padded with splits that send everything left. All
 * perfect trees of a forest have the depth of the deepest of them, so that several can be walked in step. A deeper tree
 * is walked by its child indices.
 *
 * Rows come as blocks of keys (float32_key): groups of LAYOUT_GROUP rows, in a group column by column. A missing value has
 * the key LAYOUT_MISSING, which no number has: it goes right at every split of the tree and left at padding.
 */
#ifndef OUTLIERD_LAYOUT_H
#define OUTLIERD_LAYOUT_H

#include "detectors/forest.h"

#define LAYOUT_PERFECT_DEPTH 10
#define LAYOUT_GROUP 8 /* rows walked together */
#define LAYOUT_MISSING UINT32_MAX

/** One split. */
struct split {
	uint32_t threshold; /* float32_key; UINT32_MAX: padding */
	uint32_t offset;    /* of the column in a group: column * LAYOUT_GROUP */
};

/** One node of a deep tree. */
struct link {
	struct split split;
	uint32_t left, right; /* left 0: a leaf, for no node has the root below it */
	double path;          /* of a leaf */
};

/** A deep tree: its nodes by their numbers. */
struct layout_deep {
	size_t tree; /* its number in the forest */
	struct link *links;
};

/** A forest laid out. Perfect trees keep their order in `splits` and `paths`; a deep one has a place there too, unused. */
struct layout {
	size_t columns;
	size_t tree_count;
	unsigned depth;            /* of the perfect trees */
	struct split *splits;      /* tree_count times 2^depth, the first of each tree unused */
	double *paths;             /* tree_count times 2^depth leaves, from left to right */
	uint32_t *rows;            /* training rows by place, tree_count times 2^(depth+1); MISSING_BOTH only */
	uint8_t *missing_left;     /* of a split, as `splits`; MISSING_LISTED only */
	struct layout_deep *deeps; /* in the order of their numbers */
	size_t deep_count;
};

/** Lays out checked trees, which are not kept. NULL: out of memory. */
struct layout *layout_new(const struct forest_parts *parts);
/** Frees it; NULL does nothing. */
void layout_free(struct layout *layout);

/** Where the key of a row's column stands in a block. */
static inline size_t layout_place(size_t columns, size_t row, size_t column)
{
	return row / LAYOUT_GROUP * LAYOUT_GROUP * columns + column * LAYOUT_GROUP + row % LAYOUT_GROUP;
}

#endif
