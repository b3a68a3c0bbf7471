#include "detectors/grow.h"

#include "detectors/float32.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LN2 0.6931471805599453
#define SHARE_MIN 0x1p-24 /* of a split's volume: a side that is a single value has some */

struct range {
	float least, greatest;
};

struct grower {
	const struct matrix *sampled; /* borrowed */
	uint32_t psi;
	unsigned depth_max;
	bool density, gain;
	float *values;    /* of the tree's rows, column after column, psi each */
	uint32_t *order;  /* the tree's rows 0 .. psi - 1; a node is a run of it, ascending */
	uint32_t *aside;  /* right-hand rows while a run is parted */
	float *sorted;    /* the present values of a column in the node at hand */
	uint32_t *varied; /* by depth: columns that still differ in the node at hand, for its children to choose from */
	struct rng *rng;  /* of the tree at hand, borrowed */
	struct tree *tree; /* likewise */
};

/* ceil(log2(max(psi, 2))) */
static unsigned depth_limit(uint32_t psi)
{
	unsigned depth = 1;
	while ((UINT64_C(1) << depth) < psi)
		depth++;
	return depth;
}

struct grower *grower_new(const struct matrix *sampled, uint32_t psi, bool density, bool gain)
{
	assert(psi > 0 && sampled->columns <= FOREST_COLUMNS_MAX);
	struct grower *grower = calloc(1, sizeof *grower);
	if (grower == NULL)
		return NULL;
	grower->sampled = sampled;
	grower->psi = psi;
	grower->depth_max = depth_limit(psi);
	grower->density = density;
	grower->gain = gain;
	_Static_assert(SIZE_MAX / FOREST_COLUMNS_MAX / sizeof *grower->values >= UINT32_MAX,
		       "psi rows of floats have a size");
	grower->values = malloc(psi * sampled->columns * sizeof *grower->values);
	grower->order = malloc(psi * sizeof *grower->order);
	grower->aside = malloc(psi * sizeof *grower->aside);
	grower->sorted = gain ? malloc(psi * sizeof *grower->sorted) : NULL;
	grower->varied = malloc((grower->depth_max + 1) * sampled->columns * sizeof *grower->varied);
	if (grower->values == NULL || grower->order == NULL || grower->aside == NULL || grower->varied == NULL ||
	    (gain && grower->sorted == NULL)) {
		grower_free(grower);
		return NULL;
	}
	return grower;
}

void grower_free(struct grower *grower)
{
	if (grower == NULL)
		return;
	free(grower->values);
	free(grower->order);
	free(grower->aside);
	free(grower->sorted);
	free(grower->varied);
	free(grower);
}

static void gather(struct grower *grower, const uint32_t *rows)
{
	const struct matrix *sampled = grower->sampled;
	for (uint32_t i = 0; i < grower->psi; i++) {
		assert(rows[i] < sampled->rows && (i == 0 || rows[i - 1] < rows[i]));
		const double *row = sampled->values + (size_t)rows[i] * sampled->stride;
		for (size_t column = 0; column < sampled->columns; column++)
			grower->values[column * grower->psi + i] = float32_of(row[column]);
		grower->order[i] = i;
	}
}

/* Least and greatest present value of a column that has some. */
static struct range range_of(const float *values, const uint32_t *rows, uint32_t count)
{
	struct range range = {INFINITY, -INFINITY};
	for (uint32_t i = 0; i < count; i++) {
		float value = values[rows[i]];
		range.least = value < range.least ? value : range.least;
		range.greatest = value > range.greatest ? value : range.greatest;
	}
	return range;
}

/* True where two present values differ; most columns of most nodes tell so at once. */
static bool varies(const float *values, const uint32_t *rows, uint32_t count)
{
	uint32_t i = 0;
	while (i < count && isnan(values[rows[i]]))
		i++;
	for (uint32_t first = i; i < count; i++)
		if (values[rows[i]] < values[rows[first]] || values[rows[i]] > values[rows[first]])
			return true;
	return false;
}

/* The columns that vary in a node, out of those that do in the node above it. */
static size_t find_varied(struct grower *grower, const uint32_t *above, size_t above_count, const uint32_t *rows,
			  uint32_t count, uint32_t *varied)
{
	size_t found = 0;
	for (size_t i = 0; i < above_count; i++)
		if (varies(grower->values + (size_t)above[i] * grower->psi, rows, count))
			varied[found++] = above[i];
	return found;
}

float grower_threshold(float least, float greatest, double u)
{
	double low = least, high = greatest;
	assert(low < high && u >= 0.0 && u < 1.0);
	double threshold = low + u * (high - low);
	return float32_down(threshold >= high ? low : threshold);
}

static int ascending(const void *left, const void *right)
{
	const float *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* Standard deviation of n numbers with these sums. */
static double deviation(double sum, double squares, double n)
{
	double mean = sum / n, variance = squares / n - mean * mean;
	return variance > 0.0 ? sqrt(variance) : 0.0;
}

/*
 * The cut after which the two sides' standard deviations are smallest together, midway between two values: SCiForest's
 * averaged gain (Liu, Ting, Zhou: ECML 2010) in one column. The first of equal ones.
 */
static float threshold_by_gain(struct grower *grower, const float *values, const uint32_t *rows, uint32_t count)
{
	float *sorted = grower->sorted;
	uint32_t present = 0, best = 0;
	double sum = 0.0, squares = 0.0, left_sum = 0.0, left_squares = 0.0, least = INFINITY;
	for (uint32_t i = 0; i < count; i++)
		if (!isnan(values[rows[i]]))
			sorted[present++] = values[rows[i]];
	qsort(sorted, present, sizeof *sorted, ascending);
	for (uint32_t i = 0; i < present; i++) {
		double above = (double)sorted[i] - (double)sorted[0];
		sum += above;
		squares += above * above;
	}
	for (uint32_t i = 0; i + 1 < present; i++) {
		double above = (double)sorted[i] - (double)sorted[0];
		left_sum += above;
		left_squares += above * above;
		if (!(sorted[i] < sorted[i + 1]))
			continue;
		double both = deviation(left_sum, left_squares, i + 1) +
			      deviation(sum - left_sum, squares - left_squares, present - i - 1);
		if (both < least) {
			least = both;
			best = i;
		}
	}
	/* Where sums overflow no cut is better than another: the first that parts at all. */
	while (!(sorted[best] < sorted[best + 1]))
		best++;
	return grower_threshold(sorted[best], sorted[best + 1], 0.5);
}

/* Parts the run into left and right, each in the order it had; returns the number on the left. */
static uint32_t part(struct grower *grower, uint32_t column, float threshold, uint32_t *rows, uint32_t count)
{
	const float *values = grower->values + (size_t)column * grower->psi;
	uint32_t present_left = 0, present = 0, left = 0, right = 0;
	for (uint32_t i = 0; i < count; i++) {
		present_left += values[rows[i]] <= threshold;
		present += isnan(values[rows[i]]) ? 0 : 1;
	}
	assert(present_left > 0 && present_left < present);
	for (uint32_t i = 0; i < count; i++) {
		float value = values[rows[i]];
		if (isnan(value) ? rng_below(grower->rng, present) < present_left : value <= threshold)
			rows[left++] = rows[i];
		else
			grower->aside[right++] = rows[i];
	}
	memcpy(rows + left, grower->aside, right * sizeof *rows);
	return left;
}

double grower_log2(uint64_t n)
{
	assert(n > 0);
	return elementary_log((double)n) / LN2;
}

/* What a leaf adds to the splits above it. By density that is what makes the path log2(rows / volume), never below 0. */
static double leaf_value(const struct grower *grower, uint32_t count, unsigned depth, double volume_log)
{
	if (!grower->density)
		return forest_c(count);
	return (elementary_log((double)count) - volume_log) / LN2 - (double)depth;
}

/* ln of a side's share of the range that its split cuts. */
static double share_log(double side, struct range range)
{
	double share = side / ((double)range.greatest - (double)range.least);
	return elementary_log(share > SHARE_MIN ? share : SHARE_MIN);
}

/* The node of a run of rows, and all below it. above: columns that may vary in it, ascending; volume_log: ln of its share of the root's volume. */
static int32_t grow(struct grower *grower, uint32_t *rows, uint32_t count, const uint32_t *above, size_t above_count,
		    unsigned depth, double volume_log)
{
	struct tree *tree = grower->tree;
	int32_t node = (int32_t)tree->node_count++;
	assert(count > 0 && tree->node_count < 2 * (uint64_t)grower->psi);
	tree->rows[node] = count;
	uint32_t *varied = grower->varied + (depth + 1) * grower->sampled->columns;
	size_t varied_count = 0;
	if (depth < grower->depth_max && count > 1)
		varied_count = find_varied(grower, above, above_count, rows, count, varied);
	if (varied_count == 0) {
		tree->left[node] = tree->right[node] = tree->feature[node] = -1;
		tree->threshold[node] = 0.0f;
		tree->value[node] = leaf_value(grower, count, depth, volume_log);
		return node;
	}
	uint32_t column = varied[rng_below(grower->rng, varied_count)];
	const float *values = grower->values + (size_t)column * grower->psi;
	struct range range = range_of(values, rows, count);
	float threshold = grower->gain && rng_below(grower->rng, 2) == 1
			      ? threshold_by_gain(grower, values, rows, count)
			      : grower_threshold(range.least, range.greatest, rng_uniform(grower->rng));
	tree->feature[node] = (int32_t)column;
	tree->threshold[node] = threshold;
	tree->value[node] = 0.0;
	uint32_t left = part(grower, column, threshold, rows, count);
	double left_log = 0.0, right_log = 0.0;
	if (grower->density) {
		left_log = volume_log + share_log((double)threshold - (double)range.least, range);
		right_log = volume_log + share_log((double)range.greatest - (double)threshold, range);
	}
	tree->left[node] = grow(grower, rows, left, varied, varied_count, depth + 1, left_log);
	tree->right[node] = grow(grower, rows + left, count - left, varied, varied_count, depth + 1, right_log);
	return node;
}

/* Nodes that psi rows can make: every leaf has a row, and no leaf is deeper than the limit. */
static size_t nodes_most(uint32_t psi, unsigned depth)
{
	uint64_t by_rows = 2 * (uint64_t)psi - 1, by_depth = (UINT64_C(2) << depth) - 1;
	return (size_t)(by_rows < by_depth ? by_rows : by_depth);
}

int grower_tree(struct grower *grower, struct rng *rng, const uint32_t *rows, struct tree *tree)
{
	size_t most = nodes_most(grower->psi, grower->depth_max);
	assert(most <= FOREST_NODES_MAX);
	*tree = (struct tree){.left = malloc(most * sizeof *tree->left),
			      .right = malloc(most * sizeof *tree->right),
			      .feature = malloc(most * sizeof *tree->feature),
			      .threshold = malloc(most * sizeof *tree->threshold),
			      .rows = malloc(most * sizeof *tree->rows),
			      .value = malloc(most * sizeof *tree->value)};
	if (tree->left == NULL || tree->right == NULL || tree->feature == NULL || tree->threshold == NULL ||
	    tree->rows == NULL || tree->value == NULL)
		return -1; /* what there is stays in *tree, whose owner frees it */
	grower->rng = rng;
	grower->tree = tree;
	gather(grower, rows);
	for (uint32_t column = 0; column < grower->sampled->columns; column++)
		grower->varied[column] = column;
	grow(grower, grower->order, grower->psi, grower->varied, grower->sampled->columns, 0, 0.0);
	return 0;
}
