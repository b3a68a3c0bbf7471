#include "detectors/forest.h"

#include "detectors/float32.h"
#include "detectors/forest_check.h"
#include "detectors/kernel.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EULER_GAMMA 0.5772156649015329
#define BLOCK_KEYS_MAX 16384 /* of a block on the stack, 64 KiB; more columns make smaller blocks */

_Static_assert(BLOCK_KEYS_MAX / FOREST_COLUMNS_MAX >= KERNEL_GROUP, "a group of the widest rows fits into a block");

struct forest {
	struct forest_parts parts;
	double divisor; /* trees * c(psi) */
	struct kernel *kernel;
	bool used[FOREST_COLUMNS_MAX];
};

static void tree_free(struct tree *tree)
{
	free(tree->left);
	free(tree->right);
	free(tree->feature);
	free(tree->threshold);
	free(tree->rows);
	free(tree->value);
	free(tree->missing_left);
}

void forest_parts_free(struct forest_parts *parts)
{
	for (size_t t = 0; parts->trees != NULL && t < parts->tree_count; t++)
		tree_free(&parts->trees[t]);
	free(parts->trees);
	*parts = (struct forest_parts){0};
}

static void note_used(struct forest *forest)
{
	for (size_t t = 0; t < forest->parts.tree_count; t++) {
		const struct tree *tree = &forest->parts.trees[t];
		for (uint32_t node = 0; node < tree->node_count; node++)
			if (tree->feature[node] >= 0)
				forest->used[tree->feature[node]] = true;
	}
}

struct forest *forest_take(struct forest_parts *parts, struct err *err)
{
	struct forest *forest = NULL;
	if (forest_check(parts, err) != 0)
		goto free_parts;
	forest = calloc(1, sizeof *forest);
	if (forest == NULL || (forest->kernel = kernel_new(parts)) == NULL) {
		err_memory(err);
		goto free_forest;
	}
	forest->parts = *parts;
	*parts = (struct forest_parts){0};
	forest->divisor = (double)forest->parts.tree_count * forest->parts.c_psi;
	note_used(forest);
	return forest;
free_forest:
	free(forest);
free_parts:
	forest_parts_free(parts);
	return NULL;
}

const struct forest_parts *forest_borrow(const struct forest *forest)
{
	assert(forest != NULL);
	return &forest->parts;
}

void forest_free(struct forest *forest)
{
	if (forest == NULL)
		return;
	kernel_free(forest->kernel);
	forest_parts_free(&forest->parts);
	free(forest);
}

double forest_c(uint64_t n)
{
	if (n <= 1)
		return 0.0;
	if (n == 2)
		return 1.0;
	double rows = (double)n;
	return 2.0 * (elementary_log(rows - 1.0) + EULER_GAMMA) - 2.0 * (rows - 1.0) / rows;
}

static double score_of_sum(const struct forest *forest, double sum)
{
	if (forest->parts.c_psi == 0.0)
		return 0.5;
	return elementary_exp2(-(sum / forest->divisor));
}

double forest_score_of_path(const struct forest *forest, double path)
{
	assert(path >= 0.0);
	return forest->parts.c_psi == 0.0 ? 0.5 : elementary_exp2(-(path / forest->parts.c_psi));
}

/* Path length below a node that is `above` splits from the root: the definition that every other walk must equal bit for bit. */
static double walk(const struct forest_parts *parts, const struct tree *tree, int32_t node, unsigned above,
		   const float *row)
{
	int32_t left = tree->left[node], right = tree->right[node];
	if (left < 0)
		return ((double)(above + 1) + tree->value[node]) - 1.0;
	float value = row[tree->feature[node]];
	if (!isnan(value))
		return walk(parts, tree, value <= tree->threshold[node] ? left : right, above + 1, row);
	if (parts->missing == MISSING_LISTED)
		return walk(parts, tree, tree->missing_left[node] ? left : right, above + 1, row);
	double on_left = walk(parts, tree, left, above + 1, row);
	double on_right = walk(parts, tree, right, above + 1, row);
	return (tree->rows[left] * on_left + tree->rows[right] * on_right) / tree->rows[node];
}

static double walk_sum(const struct forest_parts *parts, const double *row)
{
	float rounded[FOREST_COLUMNS_MAX];
	for (size_t column = 0; column < parts->columns; column++)
		rounded[column] = float32_of(row[column]);
	double sum = 0.0;
	for (size_t t = 0; t < parts->tree_count; t++)
		sum += walk(parts, &parts->trees[t], 0, 0, rounded);
	return sum;
}

double forest_path(const struct forest *forest, const double *row)
{
	assert(forest != NULL && row != NULL);
	return walk_sum(&forest->parts, row) / (double)forest->parts.tree_count;
}

/* Rows of a block as keys; incomplete[r] says that row r misses a value that some tree asks for (and has 0 in its place). -1 where the forest refuses that. */
static int fill_block(const struct forest *forest, const struct matrix *matrix, size_t from, size_t rows,
		      uint32_t *block, bool *incomplete, struct err *err)
{
	size_t columns = forest->parts.columns;
	for (size_t r = 0; r < rows; r++) {
		const double *row = matrix->values + (from + r) * matrix->stride;
		uint32_t *at = block + kernel_place(columns, r, 0);
		incomplete[r] = false;
		for (size_t column = 0; column < columns; column++, at += KERNEL_GROUP) {
			bool missing = isnan(row[column]);
			*at = float32_key(missing ? 0.0f : float32_of(row[column]));
			if (!missing || !forest->used[column])
				continue;
			if (forest->parts.missing == MISSING_REFUSED)
				return err_set(err, ERR_DATA,
					       "row %zu, column %zu: a value is missing, and this forest says nothing "
					       "about missing values",
					       from + r, column);
			incomplete[r] = true;
		}
	}
	return 0;
}

int forest_score(const struct forest *forest, const struct matrix *matrix, double *scores, struct err *err)
{
	size_t columns = forest->parts.columns;
	assert(matrix->columns == columns && matrix->stride >= columns);
	uint32_t block[BLOCK_KEYS_MAX];
	double sums[KERNEL_BLOCK_ROWS];
	bool incomplete[KERNEL_BLOCK_ROWS];
	size_t fitting = BLOCK_KEYS_MAX / columns / KERNEL_GROUP * KERNEL_GROUP;
	size_t block_rows = fitting < KERNEL_BLOCK_ROWS ? fitting : KERNEL_BLOCK_ROWS;
	for (size_t from = 0; from < matrix->rows; from += block_rows) {
		size_t rows = matrix->rows - from < block_rows ? matrix->rows - from : block_rows;
		size_t whole = (rows + KERNEL_GROUP - 1) / KERNEL_GROUP * KERNEL_GROUP;
		/* The last group may have places without a row: any key will do there. */
		if (whole > rows)
			memset(block + kernel_place(columns, rows, 0) / KERNEL_GROUP * KERNEL_GROUP, 0,
			       columns * KERNEL_GROUP * sizeof *block);
		if (fill_block(forest, matrix, from, rows, block, incomplete, err) != 0)
			return -1;
		kernel_sums(forest->kernel, block, whole, sums);
		for (size_t r = 0; r < rows; r++) {
			if (incomplete[r])
				sums[r] = walk_sum(&forest->parts, matrix->values + (from + r) * matrix->stride);
			scores[from + r] = score_of_sum(forest, sums[r]);
		}
	}
	return 0;
}

bool forest_uses(const struct forest *forest, size_t column)
{
	assert(column < forest->parts.columns);
	return forest->used[column];
}
