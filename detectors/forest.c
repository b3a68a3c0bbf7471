#include "detectors/forest.h"

#include "detectors/float32.h"
#include "detectors/forest_check.h"
#include "detectors/kernel.h"
#include "detectors/walk.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EULER_GAMMA 0.5772156649015329
#define BLOCK_KEYS_MAX 16384 /* of a block on the stack, 64 KiB; more columns make smaller blocks */

_Static_assert(BLOCK_KEYS_MAX / FOREST_COLUMNS_MAX >= LAYOUT_GROUP, "a group of the widest rows fits into a block");

struct forest {
	struct forest_parts parts;
	double divisor; /* trees * c(psi) */
	struct layout *layout;
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
	if (forest == NULL || (forest->layout = layout_new(parts)) == NULL) {
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
	layout_free(forest->layout);
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

/* A row as keys, each column `stride` behind the one before; true where it misses a value that some tree asks for. */
static bool fill_row(const struct forest *forest, const double *row, size_t stride, uint32_t *keys)
{
	bool missing = false;
	for (size_t column = 0; column < forest->parts.columns; column++, keys += stride)
		if (isnan(row[column])) {
			*keys = LAYOUT_MISSING;
			missing |= forest->used[column];
		} else {
			*keys = float32_key(float32_of(row[column]));
		}
	return missing;
}

double forest_path(const struct forest *forest, const double *row)
{
	assert(forest != NULL && row != NULL);
	const struct forest_parts *parts = &forest->parts;
	uint32_t keys[FOREST_COLUMNS_MAX];
	double sum = 0.0;
	fill_row(forest, row, 1, keys);
	for (size_t t = 0; t < parts->tree_count; t++)
		sum += walk_tree(parts, &parts->trees[t], keys, 1);
	return sum / (double)parts->tree_count;
}

/* Rows that go the same way, until there is a block of them. */
struct lot {
	uint32_t keys[BLOCK_KEYS_MAX];
	size_t numbers[KERNEL_BLOCK_ROWS]; /* of the rows in the matrix */
	size_t rows;
};

static void score_lot(const struct forest *forest, struct lot *lot, bool missing, double *scores)
{
	double sums[KERNEL_BLOCK_ROWS];
	for (size_t row = lot->rows; row % LAYOUT_GROUP != 0; row++)
		for (size_t column = 0; column < forest->parts.columns; column++)
			lot->keys[layout_place(forest->parts.columns, row, column)] = 0;
	if (missing)
		kernel_sums_missing(forest->layout, &forest->parts, lot->keys, lot->rows, sums);
	else
		kernel_sums(forest->layout, lot->keys, lot->rows, sums);
	for (size_t i = 0; i < lot->rows; i++)
		scores[lot->numbers[i]] = score_of_sum(forest, sums[i]);
	lot->rows = 0;
}

/* The row's keys are in `whole` already, at its next place. */
static void move_keys(size_t columns, const struct lot *whole, struct lot *missing)
{
	const uint32_t *from = whole->keys + layout_place(columns, whole->rows, 0);
	uint32_t *to = missing->keys + layout_place(columns, missing->rows, 0);
	for (size_t column = 0; column < columns; column++)
		to[column * LAYOUT_GROUP] = from[column * LAYOUT_GROUP];
}

static int refuse(const struct matrix *matrix, const bool *used, size_t row, struct err *err)
{
	size_t column = 0;
	while (!used[column] || !isnan(matrix->values[row * matrix->stride + column]))
		column++;
	return err_set(err, ERR_DATA,
		       "row %zu, column %zu: a value is missing, and this forest says nothing about missing values",
		       row, column);
}

int forest_score(const struct forest *forest, const struct matrix *matrix, double *scores, struct err *err)
{
	size_t columns = forest->parts.columns;
	assert(matrix->columns == columns && matrix->stride >= columns);
	struct lot whole, missing;
	size_t fitting = BLOCK_KEYS_MAX / columns / LAYOUT_GROUP * LAYOUT_GROUP;
	size_t most = fitting < KERNEL_BLOCK_ROWS ? fitting : KERNEL_BLOCK_ROWS;
	whole.rows = missing.rows = 0;
	for (size_t row = 0; row < matrix->rows; row++) {
		uint32_t *keys = whole.keys + layout_place(columns, whole.rows, 0);
		if (!fill_row(forest, matrix->values + row * matrix->stride, LAYOUT_GROUP, keys)) {
			whole.numbers[whole.rows++] = row;
		} else if (forest->parts.missing == MISSING_REFUSED) {
			return refuse(matrix, forest->used, row, err);
		} else {
			move_keys(columns, &whole, &missing);
			missing.numbers[missing.rows++] = row;
		}
		if (whole.rows == most)
			score_lot(forest, &whole, false, scores);
		if (missing.rows == most)
			score_lot(forest, &missing, true, scores);
	}
	score_lot(forest, &whole, false, scores);
	score_lot(forest, &missing, true, scores);
	return 0;
}

bool forest_uses(const struct forest *forest, size_t column)
{
	assert(column < forest->parts.columns);
	return forest->used[column];
}
