#include "test/twin/forest_twin.h"

#include "elementary.h"
#include "rng.h"
#include "sha256.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static double c_of(double n)
{
	if (n < 2)
		return 0;
	if (n == 2)
		return 1;
	return 2.0 * (elementary_log(n - 1.0) + 0.5772156649015329) - 2.0 * (n - 1.0) / n;
}

static float rounded(double value)
{
	if (isnan(value))
		return NAN;
	if (value >= FLT_MAX)
		return FLT_MAX;
	if (value <= -FLT_MAX)
		return -FLT_MAX;
	float f = (float)value;
	return f == 0 ? 0 : f;
}

/* One tree in the making: nodes are appended in the order they are grown. */
struct growth {
	struct tree tree;
	const struct matrix *matrix;
	struct rng rng;
	int depth_max;
	bool density, gain;
};

static float cell(const struct growth *growth, uint64_t row, size_t column)
{
	return rounded(growth->matrix->values[row * growth->matrix->stride + column]);
}

static int add_node(struct tree *tree, size_t rows)
{
	size_t n = tree->node_count + 1;
	tree->left = must(realloc(tree->left, n * sizeof *tree->left));
	tree->right = must(realloc(tree->right, n * sizeof *tree->right));
	tree->feature = must(realloc(tree->feature, n * sizeof *tree->feature));
	tree->threshold = must(realloc(tree->threshold, n * sizeof *tree->threshold));
	tree->rows = must(realloc(tree->rows, n * sizeof *tree->rows));
	tree->value = must(realloc(tree->value, n * sizeof *tree->value));
	tree->left[n - 1] = tree->right[n - 1] = tree->feature[n - 1] = -1;
	tree->threshold[n - 1] = 0;
	tree->rows[n - 1] = (uint32_t)rows;
	tree->value[n - 1] = 0;
	return (int)tree->node_count++;
}

static double share_of(double part, double whole)
{
	double share = part / whole;
	return elementary_log(share < 0x1p-24 ? 0x1p-24 : share);
}

static int by_value(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;
	return a < b ? -1 : a > b;
}

/* Standard deviation of values[from .. to), by sums of their distances from the least of all; those before `from` are taken off. */
static double deviation_of(const float *values, size_t from, size_t to)
{
	double sums[2][2] = {{0, 0}, {0, 0}};
	for (size_t part = 0; part < 2; part++)
		for (size_t i = 0; i < (part == 0 ? to : from); i++) {
			double d = (double)values[i] - (double)values[0];
			sums[part][0] += d;
			sums[part][1] += d * d;
		}
	double n = (double)(to - from), mean = (sums[0][0] - sums[1][0]) / n;
	double variance = (sums[0][1] - sums[1][1]) / n - mean * mean;
	return variance > 0 ? sqrt(variance) : 0;
}

static double cut_by_gain(const struct growth *growth, const uint64_t *rows, size_t count, size_t column)
{
	float *values = must(calloc(count, sizeof *values));
	size_t present = 0;
	double least = INFINITY, cut = NAN;
	for (size_t i = 0; i < count; i++)
		if (!isnan(cell(growth, rows[i], column)))
			values[present++] = cell(growth, rows[i], column);
	qsort(values, present, sizeof *values, by_value);
	for (size_t i = 1; i < present; i++) {
		double low = values[i - 1], high = values[i];
		if (low == high)
			continue;
		double both = deviation_of(values, 0, i) + deviation_of(values, i, present);
		double middle = low + 0.5 * (high - low);
		if (both < least || isnan(cut))
			cut = middle >= high ? low : middle;
		if (both < least)
			least = both;
	}
	free(values);
	return cut;
}

/* volume: ln of the part of the root's volume */
static int grow(struct growth *growth, const uint64_t *rows, size_t count, int depth, double volume)
{
	int node = add_node(&growth->tree, count);
	size_t columns = growth->matrix->columns, eligible = 0;
	float *least = must(calloc(columns, sizeof *least)), *greatest = must(calloc(columns, sizeof *greatest));
	size_t *choice = must(calloc(columns, sizeof *choice));
	for (size_t column = 0; column < columns && depth < growth->depth_max; column++) {
		bool any = false;
		for (size_t i = 0; i < count; i++) {
			float value = cell(growth, rows[i], column);
			if (isnan(value))
				continue;
			if (!any || value < least[column])
				least[column] = value;
			if (!any || value > greatest[column])
				greatest[column] = value;
			any = true;
		}
		if (any && least[column] != greatest[column])
			choice[eligible++] = column;
	}
	if (eligible == 0) {
		growth->tree.value[node] = c_of((double)count);
		if (growth->density)
			growth->tree.value[node] =
			    (elementary_log((double)count) - volume) / 0.6931471805599453 - depth;
		goto done;
	}
	size_t column = choice[rng_below(&growth->rng, eligible)];
	double low = least[column], high = greatest[column], split;
	if (growth->gain && rng_below(&growth->rng, 2) == 1) {
		split = cut_by_gain(growth, rows, count, column);
	} else {
		double u = (double)(rng_next(&growth->rng) >> 11) * 0x1p-53;
		split = low + u * (high - low);
		if (split >= high)
			split = low;
	}
	float threshold = (float)split;
	if (threshold > split)
		threshold = nextafterf(threshold, -INFINITY);
	uint64_t *left = must(calloc(count, sizeof *left)), *right = must(calloc(count, sizeof *right));
	size_t below = 0, above = 0, lefts = 0, rights = 0;
	for (size_t i = 0; i < count; i++) {
		below += cell(growth, rows[i], column) <= threshold;
		above += cell(growth, rows[i], column) > threshold;
	}
	for (size_t i = 0; i < count; i++) {
		float value = cell(growth, rows[i], column);
		bool goes_left = value <= threshold;
		if (isnan(value))
			goes_left = rng_below(&growth->rng, below + above) < below;
		if (goes_left)
			left[lefts++] = rows[i];
		else
			right[rights++] = rows[i];
	}
	growth->tree.feature[node] = (int32_t)column;
	growth->tree.threshold[node] = threshold == 0 ? 0 : threshold;
	double cut = threshold;
	int child = grow(growth, left, lefts, depth + 1, volume + share_of(cut - low, high - low));
	growth->tree.left[node] = child;
	child = grow(growth, right, rights, depth + 1, volume + share_of(high - cut, high - low));
	growth->tree.right[node] = child;
	free(left);
	free(right);
done:
	free(least);
	free(greatest);
	free(choice);
	return node;
}

static int ascending(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return a < b ? -1 : a > b;
}

static struct rng generator_of(uint64_t seed, uint64_t tree)
{
	uint8_t message[16], digest[32];
	for (int i = 0; i < 8; i++) {
		message[i] = (uint8_t)(seed >> 8 * i);
		message[8 + i] = (uint8_t)(tree >> 8 * i);
	}
	sha256_of((struct slice){message, 16}, digest);
	uint64_t start = 0;
	for (int i = 7; i >= 0; i--)
		start = start << 8 | digest[i];
	struct rng rng;
	rng_seed(&rng, start);
	return rng;
}

void forest_twin_train(const struct train_options *options, const struct matrix *matrix, struct forest_parts *parts)
{
	uint64_t rows = matrix->rows;
	uint64_t psi = options->sample < rows ? options->sample : rows;
	*parts = (struct forest_parts){.columns = matrix->columns,
				       .psi = (uint32_t)psi,
				       .c_psi = options->density ? elementary_log((double)psi) / 0.6931471805599453
								 : c_of((double)psi),
				       .missing = MISSING_BOTH,
				       .tree_count = options->trees,
				       .trees = must(calloc(options->trees, sizeof *parts->trees))};
	uint64_t *numbers = must(malloc(rows * sizeof *numbers));
	for (uint32_t t = 0; t < options->trees; t++) {
		struct growth growth = {.matrix = matrix,
					.rng = generator_of(options->seed, t),
					.depth_max = 1,
					.density = options->density,
					.gain = options->gain};
		while (1u << growth.depth_max < psi)
			growth.depth_max++;
		for (uint64_t i = 0; i < rows; i++)
			numbers[i] = i;
		for (uint64_t i = 0; i < psi; i++) {
			uint64_t j = i + rng_below(&growth.rng, rows - i), drawn = numbers[j];
			numbers[j] = numbers[i];
			numbers[i] = drawn;
		}
		qsort(numbers, psi, sizeof *numbers, ascending);
		grow(&growth, numbers, psi, 0, 0.0);
		parts->trees[t] = growth.tree;
	}
	free(numbers);
}

static double walk(const struct forest_parts *parts, const struct tree *tree, int node, int nodes, const double *row)
{
	if (tree->left[node] == -1)
		return (nodes + tree->value[node]) - 1.0;
	float value = rounded(row[tree->feature[node]]);
	if (isnan(value) && parts->missing != MISSING_LISTED) {
		double left = walk(parts, tree, tree->left[node], nodes + 1, row);
		double right = walk(parts, tree, tree->right[node], nodes + 1, row);
		double l = tree->rows[tree->left[node]], r = tree->rows[tree->right[node]];
		return (l * left + r * right) / tree->rows[node];
	}
	bool goes_left = isnan(value) ? tree->missing_left[node] == 1 : value <= tree->threshold[node];
	return walk(parts, tree, goes_left ? tree->left[node] : tree->right[node], nodes + 1, row);
}

double forest_twin_sum(const struct forest_parts *parts, const double *row)
{
	double sum = 0;
	for (size_t t = 0; t < parts->tree_count; t++)
		sum += walk(parts, &parts->trees[t], 0, 1, row);
	return sum;
}

double forest_twin_score(const struct forest_parts *parts, const double *row)
{
	if (parts->c_psi == 0)
		return 0.5;
	return elementary_exp2(-(forest_twin_sum(parts, row) / ((double)parts->tree_count * parts->c_psi)));
}

/* Mean path length where only the columns of the coalition are known. */
static double known(const struct forest_parts *parts, const struct tree *tree, int node, int depth, const double *row,
		    unsigned coalition)
{
	if (tree->left[node] == -1)
		return depth + tree->value[node];
	int feature = tree->feature[node];
	float value = rounded(row[feature]);
	bool in = (coalition >> feature & 1) != 0 && (!isnan(value) || parts->missing == MISSING_LISTED);
	if (in) {
		bool goes_left = isnan(value) ? tree->missing_left[node] == 1 : value <= tree->threshold[node];
		return known(parts, tree, goes_left ? tree->left[node] : tree->right[node], depth + 1, row, coalition);
	}
	double left = known(parts, tree, tree->left[node], depth + 1, row, coalition);
	double right = known(parts, tree, tree->right[node], depth + 1, row, coalition);
	return (tree->rows[tree->left[node]] * left + tree->rows[tree->right[node]] * right) / tree->rows[node];
}

static double factorial(size_t n)
{
	double product = 1;
	for (size_t i = 2; i <= n; i++)
		product *= (double)i;
	return product;
}

void forest_twin_shapley(const struct forest_parts *parts, const double *row, double *phi, double *base)
{
	size_t columns = parts->columns;
	assert(columns <= FOREST_TWIN_COALITION_COLUMNS_MAX);
	unsigned coalitions = 1u << columns;
	double *worth = must(calloc(coalitions, sizeof *worth));
	for (unsigned coalition = 0; coalition < coalitions; coalition++)
		for (size_t t = 0; t < parts->tree_count; t++)
			worth[coalition] +=
			    known(parts, &parts->trees[t], 0, 0, row, coalition) / (double)parts->tree_count;
	for (size_t i = 0; i < columns; i++) {
		phi[i] = 0;
		for (unsigned coalition = 0; coalition < coalitions; coalition++) {
			size_t size = (size_t)__builtin_popcount(coalition);
			if ((coalition >> i & 1) == 0)
				phi[i] += factorial(size) * factorial(columns - size - 1) / factorial(columns) *
					  (worth[coalition | 1u << i] - worth[coalition]);
		}
	}
	*base = worth[0];
	free(worth);
}

static bool same_tree(const struct tree *a, const struct tree *b)
{
	size_t n = a->node_count;
	return n == b->node_count && memcmp(a->left, b->left, n * sizeof *a->left) == 0 &&
	       memcmp(a->right, b->right, n * sizeof *a->right) == 0 &&
	       memcmp(a->feature, b->feature, n * sizeof *a->feature) == 0 &&
	       memcmp(a->threshold, b->threshold, n * sizeof *a->threshold) == 0 &&
	       memcmp(a->rows, b->rows, n * sizeof *a->rows) == 0 &&
	       memcmp(a->value, b->value, n * sizeof *a->value) == 0;
}

bool forest_twin_equal(const struct forest_parts *a, const struct forest_parts *b)
{
	if (a->columns != b->columns || a->psi != b->psi || memcmp(&a->c_psi, &b->c_psi, sizeof a->c_psi) != 0 ||
	    a->missing != b->missing || a->tree_count != b->tree_count)
		return false;
	for (size_t t = 0; t < a->tree_count; t++)
		if (!same_tree(&a->trees[t], &b->trees[t]))
			return false;
	return true;
}
