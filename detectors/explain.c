#include "detectors/explain.h"

#include "detectors/float32.h"
#include "detectors/quadrature.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The method. For one leaf of value v whose path splits on the features j = 1 .. m, let z_j be the product of the shares
 * of training rows that took the path's edges at j's splits, and o_j 1 where the row itself takes all of them, else 0.
 * The game of this leaf is f(S) = v * product of o_j (j in S) * product of z_j (others). A coalition's Shapley weight
 * |S|! (m-1-|S|)! / m! is the integral of p^|S| (1-p)^(m-1-|S|) over [0, 1], so all coalitions together give
 *
 *     phi_i = v (o_i - z_i) * integral of the product over j != i of (z_j + (o_j - z_j) p) dp,
 *
 * a polynomial of degree at most m - 1, which Gauss-Legendre quadrature with ceil(m/2) points integrates exactly. All
 * leaves of a tree are served together: first, from the root down, each edge gets the weighted products at the points
 * (the factor of an older edge of the same feature is replaced by the new one); then, from the leaves up, the sums of
 * v * product over the leaves below. Each edge gives its feature sum * (slope - slope of its older edge), where slope =
 * (o - z) / factor: what the older edge gives these leaves is taken off.
 *
 * An edge is in one of three cases, and what is left to compute in each depends on the row only by which it is. The row
 * has taken all edges of the feature so far: factor z + (1 - z) p. It leaves the path here: factor z (1 - p). It left
 * before: the share of training rows alone comes in, and the slope stays -1 / (1 - p). Cases are chosen by masks: the
 * ways of a row cannot be predicted, and a misprediction costs as much as an edge. (Measured, 100 trees of 256 rows, 20
 * columns: 2.4 times as fast as a recursive pass.)
 */

/*
 * Numbers at four quadrature points: enough for trees of depth 8, and what a register of a machine with AVX2 holds; others
 * take two. Each machine does the same operations on each number, so the bits are the same. (Measured: 1.6 times as fast
 * with AVX2.)
 */
#define LANE 4
#define LANES_MAX (QUADRATURE_POINTS_MAX / LANE)
typedef double lane __attribute__((vector_size(LANE * sizeof(double)), aligned(16)));
typedef int64_t lane_mask __attribute__((vector_size(LANE * sizeof(int64_t)), aligned(16)));

#define INVERSES_BYTES_MAX ((size_t)1 << 30)

/* One side of a split. */
struct side {
	double share; /* of the training rows */
	double zero;  /* product of the shares of this edge and of all its older ones */
	double path;  /* of a leaf that it leads to; 0: it leads to a split */
};

/*
 * Splits of a tree stand level by level, so that what one needs was computed a while before; split s has the edges 2s + 1
 * (left) and 2s + 2, edge 0 leads to the root.
 */
struct split {
	int32_t feature;
	float threshold;
	uint32_t above; /* the edge that leads here */
	uint32_t older; /* the last edge above of the same feature; 0: none */
	bool missing_left;
	double older_zero;
	struct side sides[2];
};

struct explainer {
	size_t columns;
	size_t tree_count;
	bool both_ways;
	double base;
	struct split *splits;
	uint32_t *starts; /* of each tree in splits, and behind the last */
	size_t lanes;     /* of quadrature points in use */
	lane point[LANES_MAX], rest_slope[LANES_MAX] /* -1 / (1 - point) */;
	lane *inverses; /* of all splits, see invert(); NULL: they would take too much memory */
	/* Scratch, by the edges of one tree, `lanes` for each: */
	lane *product, *slope, *sums;
	int64_t *taken; /* -1: the row has taken the edge and all its older ones; else 0 */
	lane *phi;      /* by column */
	float *row;     /* likewise; NaN: missing */
};

/* While splits are laid out. */
struct layout {
	int32_t *nodes;    /* of the tree at hand, by split */
	uint8_t *levels;   /* of a split: edges above it */
	uint8_t *features; /* different ones on the path to a split, its own included */
	size_t most;       /* ... on any path */
};

/* The last edge above a split on the same feature; 0: none. */
static uint32_t older_edge(const struct split *splits, uint32_t above, int32_t feature)
{
	while (above != 0 && splits[(above - 1) / 2].feature != feature)
		above = splits[(above - 1) / 2].above;
	return above;
}

static void fill_split(struct layout *layout, const struct tree *tree, struct split *splits, uint32_t at,
		       uint32_t above)
{
	int32_t node = layout->nodes[at], feature = tree->feature[node];
	uint32_t older = older_edge(splits, above, feature);
	struct split *split = &splits[at];
	*split = (struct split){feature, tree->threshold[node], above, older, .older_zero = 1.0};
	split->missing_left = tree->missing_left != NULL && tree->missing_left[node] != 0;
	if (older != 0)
		split->older_zero = splits[(older - 1) / 2].sides[(older - 1) % 2].zero;
	layout->levels[at] = above == 0 ? 0 : (uint8_t)(layout->levels[(above - 1) / 2] + 1);
	unsigned before = above == 0 ? 0 : layout->features[(above - 1) / 2];
	layout->features[at] = (uint8_t)(before + (older == 0));
	if (layout->features[at] > layout->most)
		layout->most = layout->features[at];
	for (size_t i = 0; i < 2; i++) {
		int32_t child = i == 0 ? tree->left[node] : tree->right[node];
		split->sides[i].share = (double)tree->rows[child] / tree->rows[node];
		split->sides[i].zero = split->older_zero * split->sides[i].share;
		if (tree->left[child] < 0)
			split->sides[i].path = ((double)(layout->levels[at] + 2) + tree->value[child]) - 1.0;
	}
}

/* Copies a tree's splits level by level; returns how many there are. */
static uint32_t copy_splits(struct layout *layout, const struct tree *tree, struct split *splits)
{
	uint32_t count = 0;
	if (tree->left[0] >= 0) {
		layout->nodes[count++] = 0;
		fill_split(layout, tree, splits, 0, 0);
	}
	for (uint32_t at = 0; at < count; at++)
		for (uint32_t i = 0; i < 2; i++) {
			int32_t node = layout->nodes[at], child = i == 0 ? tree->left[node] : tree->right[node];
			if (tree->left[child] < 0)
				continue;
			layout->nodes[count] = child;
			fill_split(layout, tree, splits, count++, 2 * at + 1 + i);
		}
	return count;
}

/* Mean path length below a node when no feature is known. */
static double mean_below(const struct tree *tree, int32_t node, unsigned above)
{
	int32_t left = tree->left[node], right = tree->right[node];
	if (left < 0)
		return ((double)(above + 1) + tree->value[node]) - 1.0;
	double share_left = (double)tree->rows[left] / tree->rows[node];
	double share_right = (double)tree->rows[right] / tree->rows[node];
	return share_left * mean_below(tree, left, above + 1) + share_right * mean_below(tree, right, above + 1);
}

/* More points than are needed are as exact, so there may as well be whole lanes of them. */
static void set_quadrature(struct explainer *explainer)
{
	double point[QUADRATURE_POINTS_MAX], weight[QUADRATURE_POINTS_MAX];
	assert(explainer->lanes >= 1 && explainer->lanes <= LANES_MAX);
	quadrature_make(explainer->lanes * LANE, point, weight);
	explainer->taken[0] = -1;
	for (size_t q = 0; q < explainer->lanes; q++)
		for (size_t i = 0; i < LANE; i++) {
			explainer->point[q][i] = point[q * LANE + i];
			explainer->rest_slope[q][i] = -1.0 / (1.0 - point[q * LANE + i]);
			explainer->product[q][i] = weight[q * LANE + i];
			explainer->slope[q][i] = 0.0;
		}
}

/* 1 / (zero + (1 - zero) p) of a split's older edge, of its left and of its right one, `lanes` each. */
static void invert(const struct explainer *explainer, const struct split *split, lane *inverses)
{
	const double zeros[3] = {split->older_zero, split->sides[0].zero, split->sides[1].zero};
	for (size_t i = 0; i < 3; i++)
		for (size_t q = 0; q < explainer->lanes; q++)
			*inverses++ = 1.0 / (zeros[i] + (1.0 - zeros[i]) * explainer->point[q]);
}

static int keep_inverses(struct explainer *explainer, size_t splits)
{
	size_t lanes = explainer->lanes, bytes_each = 3 * lanes * sizeof(lane);
	if (splits > INVERSES_BYTES_MAX / bytes_each)
		return 0;
	explainer->inverses = malloc(splits * bytes_each + 1);
	if (explainer->inverses == NULL)
		return -1;
	for (size_t s = 0; s < splits; s++)
		invert(explainer, &explainer->splits[s], explainer->inverses + 3 * s * lanes);
	return 0;
}

static int take_scratch(struct explainer *explainer, uint32_t edges)
{
	size_t bytes = edges * explainer->lanes * sizeof(lane);
	explainer->product = malloc(bytes);
	explainer->slope = malloc(bytes);
	explainer->sums = malloc(bytes);
	explainer->taken = malloc(edges * sizeof *explainer->taken);
	explainer->phi = malloc(explainer->columns * sizeof *explainer->phi);
	explainer->row = malloc(explainer->columns * sizeof *explainer->row);
	bool failed = explainer->product == NULL || explainer->slope == NULL || explainer->sums == NULL ||
		      explainer->taken == NULL || explainer->phi == NULL || explainer->row == NULL;
	return failed ? -1 : 0;
}

static int take_layout(struct layout *layout, const struct forest_parts *parts)
{
	size_t most = 0;
	for (size_t t = 0; t < parts->tree_count; t++)
		most = parts->trees[t].node_count > most ? parts->trees[t].node_count : most;
	size_t splits = most / 2 + 1;
	layout->nodes = malloc(splits * sizeof *layout->nodes);
	layout->levels = malloc(splits * sizeof *layout->levels);
	layout->features = malloc(splits * sizeof *layout->features);
	return layout->nodes == NULL || layout->levels == NULL || layout->features == NULL ? -1 : 0;
}

static void free_layout(struct layout *layout)
{
	free(layout->nodes);
	free(layout->levels);
	free(layout->features);
}

static int lay_out(struct explainer *explainer, const struct forest_parts *parts, struct layout *layout)
{
	size_t nodes = 0;
	uint32_t splits = 0, most = 0;
	double sum = 0.0;
	for (size_t t = 0; t < parts->tree_count; t++)
		nodes += parts->trees[t].node_count;
	explainer->splits = malloc((nodes / 2 + 1) * sizeof *explainer->splits); /* a tree has one less than leaves */
	explainer->starts = malloc((parts->tree_count + 1) * sizeof *explainer->starts);
	if (explainer->splits == NULL || explainer->starts == NULL || take_layout(layout, parts) != 0)
		return -1;
	for (size_t t = 0; t < parts->tree_count; t++) {
		uint32_t count = copy_splits(layout, &parts->trees[t], explainer->splits + splits);
		explainer->starts[t] = splits;
		splits += count;
		most = count > most ? count : most;
		sum += mean_below(&parts->trees[t], 0, 0);
	}
	explainer->starts[parts->tree_count] = splits;
	explainer->base = sum / (double)parts->tree_count;
	explainer->lanes = ((layout->most + 1) / 2 + LANE - 1) / LANE;
	if (take_scratch(explainer, 2 * most + 1) != 0)
		return -1;
	set_quadrature(explainer);
	return keep_inverses(explainer, splits);
}

struct explainer *explainer_new(const struct forest *forest)
{
	const struct forest_parts *parts = forest_borrow(forest);
	struct explainer *explainer = calloc(1, sizeof *explainer);
	struct layout layout = {.most = 1};
	if (explainer == NULL)
		return NULL;
	explainer->columns = parts->columns;
	explainer->tree_count = parts->tree_count;
	explainer->both_ways = parts->missing != MISSING_LISTED;
	int status = lay_out(explainer, parts, &layout);
	free_layout(&layout);
	if (status == 0)
		return explainer;
	explainer_free(explainer);
	return NULL;
}

void explainer_free(struct explainer *explainer)
{
	if (explainer == NULL)
		return;
	free(explainer->splits);
	free(explainer->starts);
	free(explainer->inverses);
	free(explainer->product);
	free(explainer->slope);
	free(explainer->sums);
	free(explainer->taken);
	free(explainer->phi);
	free(explainer->row);
	free(explainer);
}

/* A loop over lanes of known number is worth twice the time, so everything is compiled for one and for any. */
#define INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define BY_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define BY_MACHINE
#endif

/* Both edges of a split whose value is missing and goes both ways: o = z, so nothing changes but the share. */
INLINE void share_split(struct explainer *explainer, const struct split *split, uint32_t edge, size_t lanes)
{
	for (uint32_t side = 0; side < 2; side++, edge++) {
		explainer->taken[edge] = explainer->taken[split->older];
		for (size_t q = 0; q < lanes; q++) {
			lane product = explainer->product[split->above * lanes + q] * split->sides[side].share;
			explainer->product[edge * lanes + q] = product;
			explainer->slope[edge * lanes + q] = explainer->slope[split->older * lanes + q];
			explainer->sums[edge * lanes + q] = split->sides[side].path * product;
		}
	}
}

/* One edge: follows is -1 where the row goes this way, else 0. before, own: inverses of the older edge and of this one. */
INLINE void take_edge(struct explainer *explainer, const struct split *split, const struct side *side, uint32_t edge,
		      int64_t follows, const lane *before, const lane *own, size_t lanes)
{
	int64_t older_taken = explainer->taken[split->older], taken = older_taken & follows;
	const lane_mask older_bits = (lane_mask){0} + older_taken, bits = (lane_mask){0} + taken;
	const lane share = (lane){0} + side->share;
	double one = -(double)follows, rest = 1.0 - side->zero;
	explainer->taken[edge] = taken;
	for (size_t q = 0; q < lanes; q++) {
		lane replaced = (side->zero + (one - side->zero) * explainer->point[q]) * before[q];
		lane slope = rest * own[q];
		lane ratio = (lane)((older_bits & (lane_mask)replaced) | (~older_bits & (lane_mask)share));
		lane product = explainer->product[split->above * lanes + q] * ratio;
		explainer->product[edge * lanes + q] = product;
		explainer->slope[edge * lanes + q] =
		    (lane)((bits & (lane_mask)slope) | (~bits & (lane_mask)explainer->rest_slope[q]));
		explainer->sums[edge * lanes + q] = side->path * product;
	}
}

/* One tree: down through all edges, then up again. */
INLINE void pass(struct explainer *explainer, size_t tree, size_t lanes)
{
	uint32_t start = explainer->starts[tree], count = explainer->starts[tree + 1] - start;
	lane computed[3 * LANES_MAX];
	for (uint32_t s = 0; s < count; s++) {
		const struct split *split = &explainer->splits[start + s];
		float value = explainer->row[split->feature];
		if (isnan(value) && explainer->both_ways) {
			share_split(explainer, split, 2 * s + 1, lanes);
			continue;
		}
		bool left = isnan(value) ? split->missing_left : value <= split->threshold;
		const lane *inverses = computed;
		if (explainer->inverses != NULL)
			inverses = explainer->inverses + 3 * lanes * (start + s);
		else
			invert(explainer, split, computed);
		take_edge(explainer, split, &split->sides[0], 2 * s + 1, -(int64_t)left, inverses, inverses + lanes,
			  lanes);
		take_edge(explainer, split, &split->sides[1], 2 * s + 2, (int64_t)left - 1, inverses,
			  inverses + 2 * lanes, lanes);
	}
	for (uint32_t s = count; s-- > 0;) {
		const struct split *split = &explainer->splits[start + s];
		const lane *older = explainer->slope + split->older * lanes;
		const lane *slope = explainer->slope + (2 * s + 1) * lanes,
			   *sums = explainer->sums + (2 * s + 1) * lanes;
		lane given = explainer->phi[split->feature];
		for (size_t q = 0; q < lanes; q++) {
			lane left = sums[q], right = sums[lanes + q];
			given += left * (slope[q] - older[q]) + right * (slope[lanes + q] - older[q]);
			explainer->sums[split->above * lanes + q] += left + right;
		}
		explainer->phi[split->feature] = given;
	}
}

BY_MACHINE static void pass_one(struct explainer *explainer, size_t tree)
{
	pass(explainer, tree, 1);
}

BY_MACHINE static void pass_any(struct explainer *explainer, size_t tree)
{
	pass(explainer, tree, explainer->lanes);
}

void explainer_row(struct explainer *explainer, const double *row, double *phi, double *base)
{
	assert(explainer->lanes >= 1 && explainer->lanes <= LANES_MAX);
	for (size_t column = 0; column < explainer->columns; column++) {
		explainer->row[column] = isnan(row[column]) ? NAN : float32_of(row[column]);
		explainer->phi[column] = (lane){0};
	}
	for (size_t q = 0; q < explainer->lanes; q++)
		explainer->sums[q] = (lane){0};
	for (size_t t = 0; t < explainer->tree_count; t++)
		if (explainer->lanes == 1)
			pass_one(explainer, t);
		else
			pass_any(explainer, t);
	for (size_t column = 0; column < explainer->columns; column++) {
		const lane *sum = &explainer->phi[column];
		phi[column] = ((*sum)[0] + (*sum)[1] + (*sum)[2] + (*sum)[3]) / (double)explainer->tree_count;
	}
	*base = explainer->base;
}

double explainer_log2(const struct forest *forest, double phi)
{
	double c_psi = forest_borrow(forest)->c_psi;
	assert(isfinite(phi));
	return c_psi == 0.0 || phi == 0.0 ? 0.0 : -phi / c_psi;
}
