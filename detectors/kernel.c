#include "detectors/kernel.h"

#include "detectors/float32.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

/* One split of a perfect tree, heap order from 1: below node i are 2i and 2i + 1. */
struct split {
	uint32_t threshold; /* float32_key */
	uint32_t offset;    /* of the column in a group: column * KERNEL_GROUP */
};

/* One node of a deep tree. */
struct link {
	struct split split;
	uint32_t left, right; /* left 0: a leaf, for no node has the root below it */
	double path;          /* of a leaf */
};

struct layout {
	unsigned depth;
	struct split *splits; /* 2^depth, the first unused; NULL: the tree is deep */
	double *paths;        /* 2^depth leaves, from left to right */
	struct link *links;   /* of a deep tree */
};

struct kernel {
	size_t columns;
	size_t tree_count;
	struct layout *layouts;
};

/* Path length at a leaf, in the one form that all walks share: (nodes on the path + c) - 1. */
static double path_at(const struct tree *tree, int32_t node, unsigned depth)
{
	return ((double)(depth + 1) + tree->value[node]) - 1.0;
}

static unsigned depth_below(const struct tree *tree, int32_t node)
{
	if (tree->left[node] < 0)
		return 0;
	unsigned left = depth_below(tree, tree->left[node]);
	unsigned right = depth_below(tree, tree->right[node]);
	return 1 + (left > right ? left : right);
}

/* Fills the perfect tree below place; a leaf above the bottom goes on left for ever, to slots that all hold its path. */
static void fill_perfect(struct layout *layout, const struct tree *tree, int32_t node, size_t place, unsigned depth)
{
	size_t bottom = (size_t)1 << layout->depth;
	if (tree->left[node] < 0) {
		double path = path_at(tree, node, depth);
		for (; place < bottom; place *= 2)
			layout->splits[place] = (struct split){UINT32_MAX, 0};
		layout->paths[place - bottom] = path;
		return;
	}
	assert(place < bottom);
	layout->splits[place].threshold = float32_key(tree->threshold[node] + 0.0f);
	layout->splits[place].offset = (uint32_t)tree->feature[node] * KERNEL_GROUP;
	fill_perfect(layout, tree, tree->left[node], 2 * place, depth + 1);
	fill_perfect(layout, tree, tree->right[node], 2 * place + 1, depth + 1);
}

static void fill_deep(struct layout *layout, const struct tree *tree, int32_t node, unsigned depth)
{
	struct link *link = &layout->links[node];
	if (tree->left[node] < 0) {
		link->path = path_at(tree, node, depth);
		return;
	}
	link->split.threshold = float32_key(tree->threshold[node] + 0.0f);
	link->split.offset = (uint32_t)tree->feature[node] * KERNEL_GROUP;
	link->left = (uint32_t)tree->left[node];
	link->right = (uint32_t)tree->right[node];
	assert(link->left != 0 && link->right != 0);
	fill_deep(layout, tree, tree->left[node], depth + 1);
	fill_deep(layout, tree, tree->right[node], depth + 1);
}

static int lay_out(struct layout *layout, const struct tree *tree)
{
	layout->depth = depth_below(tree, 0);
	assert(layout->depth <= FOREST_DEPTH_MAX);
	if (layout->depth > KERNEL_PERFECT_DEPTH) {
		layout->links = calloc(tree->node_count, sizeof *layout->links);
		if (layout->links == NULL)
			return -1;
		fill_deep(layout, tree, 0, 0);
		return 0;
	}
	size_t bottom = (size_t)1 << layout->depth;
	layout->splits = calloc(bottom, sizeof *layout->splits);
	layout->paths = calloc(bottom, sizeof *layout->paths);
	if (layout->splits == NULL || layout->paths == NULL)
		return -1;
	fill_perfect(layout, tree, 0, 1, 0);
	return 0;
}

struct kernel *kernel_new(const struct forest_parts *parts)
{
	assert(parts->tree_count > 0 && parts->columns <= FOREST_COLUMNS_MAX);
	struct kernel *kernel = calloc(1, sizeof *kernel);
	if (kernel == NULL)
		return NULL;
	kernel->columns = parts->columns;
	kernel->layouts = calloc(parts->tree_count, sizeof *kernel->layouts);
	if (kernel->layouts == NULL)
		goto free_kernel;
	kernel->tree_count = parts->tree_count;
	for (size_t t = 0; t < parts->tree_count; t++)
		if (lay_out(&kernel->layouts[t], &parts->trees[t]) != 0)
			goto free_kernel;
	return kernel;
free_kernel:
	kernel_free(kernel);
	return NULL;
}

void kernel_free(struct kernel *kernel)
{
	if (kernel == NULL)
		return;
	for (size_t t = 0; t < kernel->tree_count; t++) {
		free(kernel->layouts[t].splits);
		free(kernel->layouts[t].paths);
		free(kernel->layouts[t].links);
	}
	free(kernel->layouts);
	free(kernel);
}

/* One level for one row: 2i, and one more where the value is above the threshold. Compiles to compare and add with carry. */
static inline uint32_t below(const struct split *splits, const uint32_t *values, uint32_t at)
{
	const struct split *split = &splits[at];
	return at + at + (split->threshold < values[split->offset]);
}

static void sum_perfect(const struct layout *layout, const uint32_t *group, double *sums)
{
	const struct split *splits = layout->splits;
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
	const double *paths = layout->paths;
	sums[0] += paths[a - bottom];
	sums[1] += paths[b - bottom];
	sums[2] += paths[c - bottom];
	sums[3] += paths[d - bottom];
	sums[4] += paths[e - bottom];
	sums[5] += paths[f - bottom];
	sums[6] += paths[g - bottom];
	sums[7] += paths[h - bottom];
}

static void sum_deep(const struct layout *layout, const uint32_t *group, double *sums)
{
	for (size_t row = 0; row < KERNEL_GROUP; row++) {
		const struct link *link = layout->links;
		while (link->left != 0)
			link = &layout->links[link->split.threshold < group[link->split.offset + row] ? link->right
												      : link->left];
		sums[row] += link->path;
	}
}

void kernel_sums(const struct kernel *kernel, const uint32_t *block, size_t rows, double *sums)
{
	assert(rows <= KERNEL_BLOCK_ROWS && rows % KERNEL_GROUP == 0);
	for (size_t row = 0; row < rows; row++)
		sums[row] = 0.0;
	for (size_t t = 0; t < kernel->tree_count; t++) {
		const struct layout *layout = &kernel->layouts[t];
		for (size_t row = 0; row < rows; row += KERNEL_GROUP) {
			const uint32_t *group = block + row * kernel->columns;
			if (layout->links == NULL)
				sum_perfect(layout, group, sums + row);
			else
				sum_deep(layout, group, sums + row);
		}
	}
}
