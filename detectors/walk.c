#include "detectors/walk.h"

#include "detectors/float32.h"

#include <assert.h>

struct walker {
	const struct tree *tree;
	const uint32_t *keys;
	size_t stride;
	bool listed;
};

static double walk(const struct walker *walker, int32_t node, unsigned above)
{
	const struct tree *tree = walker->tree;
	int32_t left = tree->left[node], right = tree->right[node];
	if (left < 0)
		return walk_path_at(tree, node, above);
	uint32_t key = walker->keys[(size_t)tree->feature[node] * walker->stride];
	if (key != UINT32_MAX)
		return walk(walker, key <= float32_key(tree->threshold[node] + 0.0f) ? left : right, above + 1);
	if (walker->listed)
		return walk(walker, tree->missing_left[node] ? left : right, above + 1);
	double on_left = walk(walker, left, above + 1);
	double on_right = walk(walker, right, above + 1);
	return walk_mean(tree->rows[left], on_left, tree->rows[right], on_right, tree->rows[node]);
}

double walk_tree(const struct forest_parts *parts, const struct tree *tree, const uint32_t *keys, size_t stride)
{
	assert(tree->node_count > 0 && keys != NULL);
	struct walker walker = {tree, keys, stride, parts->missing == MISSING_LISTED};
	return walk(&walker, 0, 0);
}
