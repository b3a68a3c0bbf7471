#include "detectors/kernel.h"

#include <assert.h>
#include <string.h>

#define SINGLES_MAX 5 /* rows of a group that are walked one by one: with more of them the group as a whole is faster */

/* One level for one row: 2i, and one more where the value is above the threshold. Compiles to compare and add with carry. */
static inline uint32_t below(const struct split *splits, const uint32_t *values, uint32_t at)
{
	const struct split *split = &splits[at];
	return at + at + (split->threshold < values[split->offset]);
}

static void sum_group(const struct layout *layout, size_t tree, const uint32_t *group, double *sums)
{
	const struct split *splits = layout->splits + (tree << layout->depth);
	uint32_t a = 1, b = 1, c = 1, d = 1, e = 1, f = 1, g = 1, h = 1;
	for (unsigned level = 0; level < layout->depth; level++) {
		a = below(splits, group, a);
		b = below(splits, group + 1, b);
		c = below(splits, group + 2, c);
		d = below(splits, group + 3, d);
		e = below(splits, group + 4, e);
		f = below(splits, group + 5, f);
		g = below(splits, group + 6, g);
		h = below(splits, group + 7, h);
	}
	const uint32_t bottom = UINT32_C(1) << layout->depth;
	const double *paths = layout->paths + (tree << layout->depth);
	sums[0] += paths[a - bottom];
	sums[1] += paths[b - bottom];
	sums[2] += paths[c - bottom];
	sums[3] += paths[d - bottom];
	sums[4] += paths[e - bottom];
	sums[5] += paths[f - bottom];
	sums[6] += paths[g - bottom];
	sums[7] += paths[h - bottom];
}

static double path_deep(const struct link *links, const uint32_t *row)
{
	const struct link *link = links;
	while (link->left != 0)
		link = &links[link->split.threshold < row[link->split.offset] ? link->right : link->left];
	return link->path;
}

/* Path lengths of one row in eight trees that follow one another. */
static void walk_eight(const struct layout *layout, size_t tree, const uint32_t *row, double *found)
{
	const struct split *splits = layout->splits + (tree << layout->depth);
	const size_t apart = (size_t)1 << layout->depth;
	uint32_t a = 1, b = 1, c = 1, d = 1, e = 1, f = 1, g = 1, h = 1;
	for (unsigned level = 0; level < layout->depth; level++) {
		a = below(splits, row, a);
		b = below(splits + apart, row, b);
		c = below(splits + 2 * apart, row, c);
		d = below(splits + 3 * apart, row, d);
		e = below(splits + 4 * apart, row, e);
		f = below(splits + 5 * apart, row, f);
		g = below(splits + 6 * apart, row, g);
		h = below(splits + 7 * apart, row, h);
	}
	const double *paths = layout->paths + (tree << layout->depth) - apart;
	const uint32_t places[8] = {a, b, c, d, e, f, g, h};
	for (size_t i = 0; i < 8; i++)
		found[i] = paths[i * apart + places[i]];
}

static double path_one(const struct layout *layout, size_t tree, const uint32_t *row)
{
	uint32_t at = 1;
	for (unsigned level = 0; level < layout->depth; level++)
		at = below(layout->splits + (tree << layout->depth), row, at);
	return layout->paths[(tree << layout->depth) + at - (UINT32_C(1) << layout->depth)];
}

static double sum_single(const struct layout *layout, const uint32_t *row)
{
	const struct layout_deep *deep = layout->deeps, *last = deep + layout->deep_count;
	double sum = 0.0, found[8];
	for (size_t tree = 0; tree < layout->tree_count; tree += 8) {
		size_t count = layout->tree_count - tree < 8 ? layout->tree_count - tree : 8;
		if (count == 8)
			walk_eight(layout, tree, row, found);
		for (size_t i = 0; i < count; i++)
			if (deep < last && deep->tree == tree + i)
				sum += path_deep(deep++->links, row);
			else
				sum += count == 8 ? found[i] : path_one(layout, tree + i, row);
	}
	return sum;
}

/* Whole groups, and in the last one what is in its other places. */
static void sum_groups(const struct layout *layout, const uint32_t *block, size_t groups, double *sums)
{
	const struct layout_deep *deep = layout->deeps, *last = deep + layout->deep_count;
	for (size_t tree = 0; tree < layout->tree_count; tree++) {
		const struct link *links = deep < last && deep->tree == tree ? deep++->links : NULL;
		for (size_t group = 0; group < groups; group++) {
			const uint32_t *keys = block + group * LAYOUT_GROUP * layout->columns;
			if (links == NULL)
				sum_group(layout, tree, keys, sums + group * LAYOUT_GROUP);
			else
				for (size_t row = 0; row < LAYOUT_GROUP; row++)
					sums[group * LAYOUT_GROUP + row] += path_deep(links, keys + row);
		}
	}
}

void kernel_sums(const struct layout *layout, const uint32_t *block, size_t rows, double *sums)
{
	assert(rows <= KERNEL_BLOCK_ROWS);
	double found[KERNEL_BLOCK_ROWS];
	size_t singles = rows % LAYOUT_GROUP > SINGLES_MAX ? 0 : rows % LAYOUT_GROUP;
	size_t groups = (rows - singles + LAYOUT_GROUP - 1) / LAYOUT_GROUP;
	memset(found, 0, groups * LAYOUT_GROUP * sizeof *found);
	sum_groups(layout, block, groups, found);
	for (size_t row = rows - singles; row < rows; row++)
		found[row] = sum_single(layout, block + layout_place(layout->columns, row, 0));
	memcpy(sums, found, rows * sizeof *sums);
}
