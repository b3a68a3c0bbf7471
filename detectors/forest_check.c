#include "detectors/forest_check.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int check_leaf(const struct tree *tree, size_t t, size_t node, unsigned depth, struct err *err)
{
	double value = tree->value[node];
	if (tree->right[node] != -1 || tree->feature[node] != -1)
		return err_set(err, ERR_DATA,
			       "tree %zu, node %zu: a leaf (left -1) has right %d and feature %d, both must be -1", t,
			       node, tree->right[node], tree->feature[node]);
	if (!(value >= -(double)depth && value <= FOREST_VALUE_MAX))
		return err_set(err, ERR_DATA,
			       "tree %zu, node %zu: the leaf's value must be from %d (its depth, negative) to %d", t,
			       node, -(int)depth, FOREST_VALUE_MAX);
	return 0;
}

static int check_split(const struct forest_parts *parts, size_t t, size_t node, struct err *err)
{
	const struct tree *tree = &parts->trees[t];
	int32_t left = tree->left[node], right = tree->right[node], feature = tree->feature[node];
	if (left <= 0 || right <= 0 || (uint32_t)left >= tree->node_count || (uint32_t)right >= tree->node_count)
		return err_set(err, ERR_DATA, "tree %zu, node %zu: children %d and %d must be from 1 to %u", t, node,
			       left, right, tree->node_count - 1);
	if (feature < 0 || (size_t)feature >= parts->columns)
		return err_set(err, ERR_DATA, "tree %zu, node %zu: feature %d must be from 0 to %zu", t, node, feature,
			       parts->columns - 1);
	if (!isfinite(tree->threshold[node]))
		return err_set(err, ERR_DATA, "tree %zu, node %zu: the threshold is not finite", t, node);
	if ((uint64_t)tree->rows[left] + tree->rows[right] != tree->rows[node])
		return err_set(err, ERR_DATA, "tree %zu, node %zu: %u training rows, but its children have %u and %u",
			       t, node, tree->rows[node], tree->rows[left], tree->rows[right]);
	if (parts->missing == MISSING_LISTED && tree->missing_left[node] > 1)
		return err_set(err, ERR_DATA, "tree %zu, node %zu: missing_left must be 0 or 1", t, node);
	return 0;
}

/*
 * Walks down from the root with a stack. Two visits of a node are found when the second comes; as each inner node brings
 * two others, a walk that ends with every node seen once has seen a tree.
 */
static int check_shape(const struct forest_parts *parts, size_t t, uint8_t *seen, struct err *err)
{
	const struct tree *tree = &parts->trees[t];
	struct {
		uint32_t node;
		unsigned depth;
	} stack[FOREST_DEPTH_MAX + 2] = {{0, 0}};
	size_t waiting = 1, reached = 0;
	memset(seen, 0, tree->node_count);
	while (waiting > 0) {
		uint32_t node = stack[--waiting].node;
		unsigned depth = stack[waiting].depth;
		if (seen[node])
			return err_set(err, ERR_DATA, "tree %zu, node %u: it is reached twice", t, node);
		seen[node] = 1;
		reached++;
		if (tree->rows[node] < 1)
			return err_set(err, ERR_DATA, "tree %zu, node %u: it must have at least 1 training row", t,
				       node);
		if (tree->left[node] == -1) {
			if (check_leaf(tree, t, node, depth, err) != 0)
				return -1;
			continue;
		}
		if (check_split(parts, t, node, err) != 0)
			return -1;
		if (depth == FOREST_DEPTH_MAX)
			return err_set(err, ERR_DATA, "tree %zu, node %u: it splits at depth %u, %d is the limit", t,
				       node, depth, FOREST_DEPTH_MAX - 1);
		assert(waiting + 2 <= FOREST_DEPTH_MAX + 2);
		stack[waiting].node = (uint32_t)tree->right[node];
		stack[waiting++].depth = depth + 1;
		stack[waiting].node = (uint32_t)tree->left[node];
		stack[waiting++].depth = depth + 1;
	}
	if (reached != tree->node_count)
		return err_set(err, ERR_DATA, "tree %zu: only %zu of its %u nodes are reached from the root", t,
			       reached, tree->node_count);
	return 0;
}

static int check_numbers(const struct forest_parts *parts, struct err *err)
{
	if (parts->columns < 1 || parts->columns > FOREST_COLUMNS_MAX)
		return err_set(err, ERR_DATA, "%zu columns: a forest has 1 to %d", parts->columns, FOREST_COLUMNS_MAX);
	if (parts->trees == NULL || parts->tree_count < 1 || parts->tree_count > FOREST_TREES_MAX)
		return err_set(err, ERR_DATA, "%zu trees: a forest has 1 to %d", parts->tree_count, FOREST_TREES_MAX);
	if (parts->psi < 1)
		return err_set(err, ERR_DATA, "psi is %u, at least 1 row per tree is needed", parts->psi);
	if (parts->c_psi != 0.0 && !(parts->c_psi >= 1.0 && parts->c_psi <= FOREST_VALUE_MAX))
		return err_set(err, ERR_DATA, "c_psi must be 0 or from 1 to %d", FOREST_VALUE_MAX);
	if (parts->missing != MISSING_BOTH && parts->missing != MISSING_LISTED && parts->missing != MISSING_REFUSED)
		return err_set(err, ERR_DATA, "missing mode %d is not known", (int)parts->missing);
	return 0;
}

static int check_trees(const struct forest_parts *parts, struct err *err)
{
	uint64_t nodes = 0;
	uint32_t largest = 0;
	for (size_t t = 0; t < parts->tree_count; t++) {
		const struct tree *tree = &parts->trees[t];
		nodes += tree->node_count;
		if (tree->node_count < 1 || nodes > FOREST_NODES_MAX)
			return err_set(err, ERR_DATA,
				       "tree %zu: %u nodes; each tree has at least 1, all together at most %u", t,
				       tree->node_count, FOREST_NODES_MAX);
		if (tree->left == NULL || tree->right == NULL || tree->feature == NULL || tree->threshold == NULL ||
		    tree->rows == NULL || tree->value == NULL)
			return err_set(err, ERR_DATA, "tree %zu: an array is absent", t);
		if ((parts->missing == MISSING_LISTED) != (tree->missing_left != NULL))
			return err_set(
			    err, ERR_DATA,
			    "tree %zu: missing_left must be there where missing values go as listed, and only there",
			    t);
		largest = tree->node_count > largest ? tree->node_count : largest;
	}
	uint8_t *seen = malloc(largest);
	if (seen == NULL)
		return err_memory(err);
	int status = 0;
	for (size_t t = 0; status == 0 && t < parts->tree_count; t++)
		status = check_shape(parts, t, seen, err);
	free(seen);
	return status;
}

int forest_check(const struct forest_parts *parts, struct err *err)
{
	assert(parts != NULL);
	return check_numbers(parts, err) == 0 && check_trees(parts, err) == 0 ? 0 : -1;
}
