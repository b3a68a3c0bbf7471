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
 * a polynomial of degree at most m - 1, which Gauss-Legendre quadrature with ceil(m/2) points integrates exactly. One
 * depth-first pass serves all leaves of a tree: on the way down the products at the points (the factor of an older edge
 * of the same feature is replaced), on the way up the sums of v * product over the leaves below. At each edge its
 * feature gets (o - z) * sum / factor, and what its older edge will give these leaves is taken off beforehand.
 *
 * A missing value that goes both ways has o = z: the feature's factor is z at all points, and it gets exactly 0.
 */

struct step {
	int32_t feature; /* -1: leaf */
	float threshold;
	uint32_t right; /* the left child is the next step */
	bool missing_left;
	double share_left, share_right; /* of the training rows */
	double path;                    /* of a leaf */
};

/*
 * Numbers at two quadrature points, what a register of every x86-64 holds. (Four were slower: their copies of one number
 * go through memory.)
 */
#define LANE 2
#define LANES_MAX (QUADRATURE_POINTS_MAX / LANE)
typedef double lane __attribute__((vector_size(LANE * sizeof(double))));

/* One edge of the path at hand, from the root on; frame 0 stands above the root. */
struct frame {
	double zero, one;        /* of the edge's feature, this and its older edges together */
	lane inverse[LANES_MAX]; /* 1 / (zero + (one - zero) p) */
	lane product[LANES_MAX]; /* of all features' factors down to here */
	lane sums[LANES_MAX];    /* of value * product over the leaves below */
};

struct explainer {
	const struct forest *forest; /* borrowed */
	size_t columns;
	size_t tree_count;
	bool both_ways;
	double base;
	size_t lanes; /* of quadrature points in use */
	lane point[LANES_MAX], weight[LANES_MAX];
	uint32_t *starts; /* of each tree in steps */
	struct step *steps;
	uint8_t *newest; /* the frame of each column's newest edge, 0 where it has none; scratch, as the rest */
	struct frame frames[FOREST_DEPTH_MAX + 1];
	const double *row; /* of the call at hand, borrowed */
	double *phi;       /* likewise */
};

/* Copies the tree below a node in depth-first order; returns the next free step. */
static uint32_t copy_steps(struct explainer *explainer, const struct tree *tree, int32_t node, unsigned above,
			   uint32_t at)
{
	struct step *step = &explainer->steps[at];
	int32_t left = tree->left[node], right = tree->right[node];
	*step = (struct step){.feature = tree->feature[node], .threshold = tree->threshold[node]};
	if (left < 0) {
		step->path = ((double)(above + 1) + tree->value[node]) - 1.0;
		return at + 1;
	}
	step->missing_left = tree->missing_left != NULL && tree->missing_left[node] != 0;
	step->share_left = (double)tree->rows[left] / tree->rows[node];
	step->share_right = (double)tree->rows[right] / tree->rows[node];
	step->right = copy_steps(explainer, tree, left, above + 1, at + 1);
	return copy_steps(explainer, tree, right, above + 1, step->right);
}

/* Mean path length below a step when no feature is known. */
static double mean_below(const struct step *steps, uint32_t at)
{
	const struct step *step = &steps[at];
	if (step->feature < 0)
		return step->path;
	return step->share_left * mean_below(steps, at + 1) + step->share_right * mean_below(steps, step->right);
}

/* The most different features on one path below a step; on_path counts the splits above, by column. */
static size_t most_features(const struct step *steps, uint32_t at, uint8_t *on_path, size_t different)
{
	const struct step *step = &steps[at];
	if (step->feature < 0)
		return different;
	size_t here = different + (on_path[step->feature]++ == 0 ? 1 : 0);
	size_t left = most_features(steps, at + 1, on_path, here);
	size_t right = most_features(steps, step->right, on_path, here);
	on_path[step->feature]--;
	return left > right ? left : right;
}

/* More points than are needed are as exact, so there may as well be whole lanes of them. */
static void set_quadrature(struct explainer *explainer, size_t points)
{
	double point[QUADRATURE_POINTS_MAX], weight[QUADRATURE_POINTS_MAX];
	assert(points >= 1 && points <= QUADRATURE_POINTS_MAX);
	explainer->lanes = (points + LANE - 1) / LANE;
	quadrature_make(explainer->lanes * LANE, point, weight);
	struct frame *root = &explainer->frames[0];
	root->zero = root->one = 1.0;
	for (size_t q = 0; q < explainer->lanes; q++)
		for (size_t i = 0; i < LANE; i++) {
			explainer->point[q][i] = point[q * LANE + i];
			explainer->weight[q][i] = weight[q * LANE + i];
			root->inverse[q][i] = root->product[q][i] = 1.0;
		}
}

static int lay_out(struct explainer *explainer, const struct forest_parts *parts)
{
	size_t nodes = 0, most = 1;
	uint8_t on_path[FOREST_COLUMNS_MAX] = {0};
	for (size_t t = 0; t < parts->tree_count; t++)
		nodes += parts->trees[t].node_count;
	explainer->steps = malloc(nodes * sizeof *explainer->steps);
	explainer->starts = malloc(parts->tree_count * sizeof *explainer->starts);
	explainer->newest = calloc(parts->columns, sizeof *explainer->newest);
	if (explainer->steps == NULL || explainer->starts == NULL || explainer->newest == NULL)
		return -1;
	uint32_t at = 0;
	double sum = 0.0;
	for (size_t t = 0; t < parts->tree_count; t++) {
		explainer->starts[t] = at;
		at = copy_steps(explainer, &parts->trees[t], 0, 0, at);
		sum += mean_below(explainer->steps, explainer->starts[t]);
		size_t features = most_features(explainer->steps, explainer->starts[t], on_path, 0);
		most = features > most ? features : most;
	}
	assert(at == nodes);
	explainer->base = sum / (double)parts->tree_count;
	set_quadrature(explainer, (most + 1) / 2);
	return 0;
}

struct explainer *explainer_new(const struct forest *forest)
{
	const struct forest_parts *parts = forest_borrow(forest);
	struct explainer *explainer = calloc(1, sizeof *explainer);
	if (explainer == NULL)
		return NULL;
	explainer->forest = forest;
	explainer->columns = parts->columns;
	explainer->tree_count = parts->tree_count;
	explainer->both_ways = parts->missing != MISSING_LISTED;
	if (lay_out(explainer, parts) != 0) {
		explainer_free(explainer);
		return NULL;
	}
	return explainer;
}

void explainer_free(struct explainer *explainer)
{
	if (explainer == NULL)
		return;
	free(explainer->steps);
	free(explainer->starts);
	free(explainer->newest);
	free(explainer);
}

static void descend(struct explainer *explainer, uint32_t at, size_t depth);

/* One edge below the frame at `depth`: the share of the training rows that take it, and whether the row does (for a missing value: that share). */
static void take_edge(struct explainer *explainer, uint32_t child, size_t depth, int32_t feature, double share,
		      double follows)
{
	struct frame *above = &explainer->frames[depth], *edge = above + 1;
	uint8_t older_depth = explainer->newest[feature];
	const struct frame *older = &explainer->frames[older_depth];
	edge->zero = older->zero * share;
	edge->one = older->one * follows;
	double difference = edge->one - edge->zero, older_difference = older->one - older->zero;
	for (size_t q = 0; q < explainer->lanes; q++) {
		lane factor = edge->zero + difference * explainer->point[q];
		edge->inverse[q] = 1.0 / factor;
		edge->product[q] = above->product[q] * factor * older->inverse[q];
	}
	explainer->newest[feature] = (uint8_t)(depth + 1);
	descend(explainer, child, depth + 1);
	explainer->newest[feature] = older_depth;
	lane given = {0};
	for (size_t q = 0; q < explainer->lanes; q++) {
		given += explainer->weight[q] * edge->sums[q] *
			 (difference * edge->inverse[q] - older_difference * older->inverse[q]);
		above->sums[q] += edge->sums[q];
	}
	explainer->phi[feature] += given[0] + given[1];
}

/* Fills the sums of the frame at `depth`, whose edge leads to this step. */
static void descend(struct explainer *explainer, uint32_t at, size_t depth)
{
	const struct step *step = &explainer->steps[at];
	struct frame *frame = &explainer->frames[depth];
	if (step->feature < 0) {
		for (size_t q = 0; q < explainer->lanes; q++)
			frame->sums[q] = step->path * frame->product[q];
		return;
	}
	assert(depth < FOREST_DEPTH_MAX);
	double value = explainer->row[step->feature];
	double left, right;
	if (isnan(value) && explainer->both_ways) {
		left = step->share_left;
		right = step->share_right;
	} else {
		bool goes_left = isnan(value) ? step->missing_left : float32_of(value) <= step->threshold;
		left = goes_left ? 1.0 : 0.0;
		right = 1.0 - left;
	}
	for (size_t q = 0; q < explainer->lanes; q++)
		frame->sums[q] = (lane){0};
	take_edge(explainer, at + 1, depth, step->feature, step->share_left, left);
	take_edge(explainer, step->right, depth, step->feature, step->share_right, right);
}

void explainer_row(struct explainer *explainer, const double *row, double *phi, double *base)
{
	assert(explainer->lanes >= 1 && explainer->lanes <= LANES_MAX);
	explainer->row = row;
	explainer->phi = phi;
	for (size_t column = 0; column < explainer->columns; column++)
		phi[column] = 0.0;
	for (size_t t = 0; t < explainer->tree_count; t++)
		descend(explainer, explainer->starts[t], 0);
	for (size_t column = 0; column < explainer->columns; column++)
		phi[column] /= (double)explainer->tree_count;
	*base = explainer->base;
}

double explainer_log2(const struct forest *forest, double phi)
{
	double c_psi = forest_borrow(forest)->c_psi;
	assert(isfinite(phi));
	return c_psi == 0.0 || phi == 0.0 ? 0.0 : -phi / c_psi;
}
