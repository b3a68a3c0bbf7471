#include "detectors/layout.h"

#include "detectors/float32.h"
#include "detectors/walk.h"

#include <assert.h>
#include <stdlib.h>

static unsigned depth_below(const struct tree *tree, int32_t node)
{
	if (tree->left[node] < 0)
		return 0;
	unsigned left = depth_below(tree, tree->left[node]);
	unsigned right = depth_below(tree, tree->right[node]);
	return 1 + (left > right ? left : right);
}

static struct split split_of(const struct tree *tree, int32_t node)
{
	return (struct split){float32_key(tree->threshold[node] + 0.0f), (uint32_t)tree->feature[node] * LAYOUT_GROUP};
}

/* Fills the perfect tree below place; a leaf above the bottom goes on left for ever, to slots that all hold its path. */
static void fill_perfect(struct layout *layout, size_t at, const struct tree *tree, int32_t node, size_t place,
			 unsigned above)
{
	size_t bottom = (size_t)1 << layout->depth;
	struct split *splits = layout->splits + at * bottom;
	if (layout->rows != NULL)
		layout->rows[2 * at * bottom + place] = tree->rows[node];
	if (tree->left[node] < 0) {
		for (; place < bottom; place *= 2)
			splits[place] = (struct split){UINT32_MAX, 0};
		layout->paths[at * bottom + place - bottom] = walk_path_at(tree, node, above);
		return;
	}
	assert(place < bottom);
	splits[place] = split_of(tree, node);
	if (layout->missing_left != NULL)
		layout->missing_left[at * bottom + place] = tree->missing_left[node];
	fill_perfect(layout, at, tree, tree->left[node], 2 * place, above + 1);
	fill_perfect(layout, at, tree, tree->right[node], 2 * place + 1, above + 1);
}

static void fill_deep(struct link *links, const struct tree *tree, int32_t node, unsigned above)
{
	struct link *link = &links[node];
	if (tree->left[node] < 0) {
		link->path = walk_path_at(tree, node, above);
		return;
	}
	*link = (struct link){split_of(tree, node), (uint32_t)tree->left[node], (uint32_t)tree->right[node], 0.0};
	assert(link->left != 0 && link->right != 0);
	fill_deep(links, tree, tree->left[node], above + 1);
	fill_deep(links, tree, tree->right[node], above + 1);
}

/* Depths of all trees: how many are deep, and how deep the others are at most. */
static void survey(struct layout *layout, const struct forest_parts *parts, unsigned *depths)
{
	for (size_t t = 0; t < parts->tree_count; t++) {
		depths[t] = depth_below(&parts->trees[t], 0);
		assert(depths[t] <= FOREST_DEPTH_MAX);
		if (depths[t] > LAYOUT_PERFECT_DEPTH)
			layout->deep_count++;
		else if (depths[t] > layout->depth)
			layout->depth = depths[t];
	}
}

static int take_memory(struct layout *layout, enum missing_mode missing)
{
	size_t places = layout->tree_count << layout->depth;
	layout->splits = calloc(places, sizeof *layout->splits);
	layout->paths = calloc(places, sizeof *layout->paths);
	layout->deeps = calloc(layout->deep_count + 1, sizeof *layout->deeps);
	if (missing == MISSING_BOTH)
		layout->rows = calloc(2 * places, sizeof *layout->rows);
	if (missing == MISSING_LISTED)
		layout->missing_left = calloc(places, sizeof *layout->missing_left);
	bool failed = layout->splits == NULL || layout->paths == NULL || layout->deeps == NULL ||
		      (missing == MISSING_BOTH && layout->rows == NULL) ||
		      (missing == MISSING_LISTED && layout->missing_left == NULL);
	return failed ? -1 : 0;
}

static int fill(struct layout *layout, const struct forest_parts *parts, const unsigned *depths)
{
	struct layout_deep *deep = layout->deeps;
	for (size_t t = 0; t < parts->tree_count; t++) {
		const struct tree *tree = &parts->trees[t];
		if (depths[t] <= LAYOUT_PERFECT_DEPTH) {
			fill_perfect(layout, t, tree, 0, 1, 0);
			continue;
		}
		deep->tree = t;
		deep->links = calloc(tree->node_count, sizeof *deep->links);
		if (deep->links == NULL)
			return -1;
		fill_deep(deep++->links, tree, 0, 0);
	}
	return 0;
}

struct layout *layout_new(const struct forest_parts *parts)
{
	assert(parts->tree_count > 0 && parts->columns <= FOREST_COLUMNS_MAX);
	struct layout *layout = calloc(1, sizeof *layout);
	unsigned *depths = calloc(parts->tree_count, sizeof *depths);
	if (layout == NULL || depths == NULL)
		goto fail;
	layout->columns = parts->columns;
	layout->tree_count = parts->tree_count;
	survey(layout, parts, depths);
	if (take_memory(layout, parts->missing) != 0 || fill(layout, parts, depths) != 0)
		goto fail;
	free(depths);
	return layout;
fail:
	free(depths);
	layout_free(layout);
	return NULL;
}

void layout_free(struct layout *layout)
{
	if (layout == NULL)
		return;
	for (size_t i = 0; layout->deeps != NULL && i < layout->deep_count; i++)
		free(layout->deeps[i].links);
	free(layout->deeps);
	free(layout->splits);
	free(layout->paths);
	free(layout->rows);
	free(layout->missing_left);
	free(layout);
}
