#include "detectors/train.h"

#include "detectors/draw.h"
#include "detectors/grow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE_TREE UINT64_MAX /* the number under which the reference rows are drawn */

int train_options_check(const struct train_options *options, struct err *err)
{
	if (options->trees < 1 || options->trees > FOREST_TREES_MAX)
		return err_set(err, ERR_USAGE, "trees is %u, it must be from 1 to %d", options->trees,
			       FOREST_TREES_MAX);
	if (options->sample < 1)
		return err_set(err, ERR_USAGE, "sample is 0, at least 1 row per tree is needed");
	if (options->seed > TRAIN_SEED_MAX)
		return err_set(err, ERR_USAGE, "seed is %llu, it must be from 0 to 2^53 (%llu)",
			       (unsigned long long)options->seed, (unsigned long long)TRAIN_SEED_MAX);
	return 0;
}

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

/* A row that a tree has drawn. */
struct pick {
	uint64_t row;
	uint32_t tree;
};

/* Sorts by row, trees in their order among equals: a radix sort, byte by byte from the lowest. Returns where the result is: in one of the two. */
static struct pick *sort_picks(struct pick *picks, struct pick *aside, size_t count, uint64_t row_most)
{
	for (unsigned shift = 0; shift < 64 && row_most >> shift != 0; shift += 8) {
		size_t starts[257] = {0};
		for (size_t i = 0; i < count; i++)
			starts[(picks[i].row >> shift & 255) + 1]++;
		for (size_t byte = 0; byte < 256; byte++)
			starts[byte + 1] += starts[byte];
		for (size_t i = 0; i < count; i++)
			aside[starts[picks[i].row >> shift & 255]++] = picks[i];
		struct pick *sorted = aside;
		aside = picks;
		picks = sorted;
	}
	return picks;
}

/* In the order of rows each tree gets its own ascending. */
static void spread_picks(struct train_plan *plan, const struct pick *picks, size_t count, uint32_t *filled)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || picks[i - 1].row != picks[i].row)
			plan->distinct[plan->distinct_count++] = picks[i].row;
		uint32_t tree = picks[i].tree;
		plan->places[(size_t)tree * plan->psi + filled[tree]++] = (uint32_t)(plan->distinct_count - 1);
	}
}

static void draw_picks(const struct train_options *options, struct train_plan *plan, struct draw *draw, uint64_t rows,
		       struct pick *picks)
{
	uint64_t *drawn = plan->distinct; /* not in use yet */
	for (uint32_t tree = 0; tree < options->trees; tree++) {
		draw_seed(&plan->generators[tree], options->seed, tree);
		draw_rows(draw, &plan->generators[tree], rows, plan->psi, drawn);
		for (uint32_t i = 0; i < plan->psi; i++)
			*picks++ = (struct pick){drawn[i], tree};
	}
}

static int make_plan(const struct train_options *options, uint64_t rows, struct train_plan *plan)
{
	size_t count = (size_t)options->trees * plan->psi;
	int status = -1;
	plan->distinct = malloc(count * sizeof *plan->distinct);
	plan->places = malloc(count * sizeof *plan->places);
	plan->generators = malloc(options->trees * sizeof *plan->generators);
	struct draw *draw = draw_new(plan->psi);
	struct pick *picks = malloc(2 * count * sizeof *picks);
	uint32_t *filled = calloc(options->trees, sizeof *filled);
	if (plan->distinct != NULL && plan->places != NULL && plan->generators != NULL && draw != NULL &&
	    picks != NULL && filled != NULL) {
		draw_picks(options, plan, draw, rows, picks);
		spread_picks(plan, sort_picks(picks, picks + count, count, rows - 1), count, filled);
		status = 0;
	}
	draw_free(draw);
	free(picks);
	free(filled);
	return status;
}

int train_plan_make(const struct train_options *options, uint64_t rows, struct train_plan *plan, struct err *err)
{
	*plan = (struct train_plan){0};
	if (train_options_check(options, err) != 0)
		return -1;
	if (rows == 0)
		return err_set(err, ERR_DATA, "there are no rows to train on");
	plan->psi = options->sample < rows ? options->sample : (uint32_t)rows;
	uint64_t nodes = options->trees * (2 * (uint64_t)plan->psi - 1);
	if (nodes > FOREST_NODES_MAX)
		return err_set(err, ERR_USAGE, "%u trees of %u rows may have %llu nodes, %u is the limit",
			       options->trees, plan->psi, (unsigned long long)nodes, FOREST_NODES_MAX);
	if (make_plan(options, rows, plan) == 0)
		return 0;
	train_plan_free(plan);
	return err_memory(err);
}

void train_plan_free(struct train_plan *plan)
{
	free(plan->distinct);
	free(plan->places);
	free(plan->generators);
	*plan = (struct train_plan){0};
}

size_t train_reference_most(size_t columns)
{
	assert(columns > 0 && columns <= FOREST_COLUMNS_MAX);
	size_t by_values = TRAIN_REFERENCE_VALUES_MAX / columns;
	return by_values < TRAIN_REFERENCE_ROWS_MAX ? by_values : TRAIN_REFERENCE_ROWS_MAX;
}

int train_reference_rows(const struct train_options *options, uint64_t rows, size_t columns, uint64_t **drawn,
			 size_t *count, struct err *err)
{
	*drawn = NULL;
	*count = 0;
	if (rows == 0)
		return err_set(err, ERR_DATA, "there are no rows to train on");
	size_t most = train_reference_most(columns), wanted = rows < most ? (size_t)rows : most;
	uint64_t *numbers = malloc(wanted * sizeof *numbers);
	if (numbers == NULL)
		return err_memory(err);
	if (wanted == rows) {
		for (uint64_t row = 0; row < rows; row++)
			numbers[row] = row;
	} else {
		struct draw *draw = draw_new(wanted);
		if (draw == NULL) {
			free(numbers);
			return err_memory(err);
		}
		struct rng rng;
		draw_seed(&rng, options->seed, REFERENCE_TREE);
		draw_rows(draw, &rng, rows, wanted, numbers);
		draw_free(draw);
		qsort(numbers, wanted, sizeof *numbers, compare_numbers);
	}
	*drawn = numbers;
	*count = wanted;
	return 0;
}

struct forest *train_forest(const struct train_options *options, const struct train_plan *plan,
			    const struct matrix *sampled, struct err *err)
{
	assert(plan->places != NULL && sampled->rows == plan->distinct_count);
	if (sampled->columns < 1 || sampled->columns > FOREST_COLUMNS_MAX) {
		err_set(err, ERR_DATA, "%zu columns: a forest has 1 to %d", sampled->columns, FOREST_COLUMNS_MAX);
		return NULL;
	}
	struct forest_parts parts = {.columns = sampled->columns,
				     .psi = plan->psi,
				     .c_psi = options->density ? grower_log2(plan->psi) : forest_c(plan->psi),
				     .missing = MISSING_BOTH};
	struct grower *grower = grower_new(sampled, plan->psi, options->density, options->gain);
	parts.trees = calloc(options->trees, sizeof *parts.trees);
	if (grower == NULL || parts.trees == NULL)
		goto fail;
	parts.tree_count = options->trees;
	for (size_t t = 0; t < parts.tree_count; t++) {
		const uint32_t *places = plan->places + t * plan->psi;
		if (grower_tree(grower, &plan->generators[t], places, &parts.trees[t]) != 0)
			goto fail;
	}
	grower_free(grower);
	return forest_take(&parts, err);
fail:
	err_memory(err);
	grower_free(grower);
	forest_parts_free(&parts);
	return NULL;
}
