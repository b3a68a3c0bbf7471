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

static size_t keep_distinct(uint64_t *numbers, size_t count)
{
	size_t kept = 0;
	qsort(numbers, count, sizeof *numbers, compare_numbers);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || numbers[kept - 1] != numbers[i])
			numbers[kept++] = numbers[i];
	return kept;
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
	size_t count = (size_t)options->trees * plan->psi;
	plan->drawn = malloc(count * sizeof *plan->drawn);
	plan->distinct = malloc(count * sizeof *plan->distinct);
	plan->generators = malloc(options->trees * sizeof *plan->generators);
	struct draw *draw = draw_new(plan->psi);
	if (plan->drawn == NULL || plan->distinct == NULL || plan->generators == NULL || draw == NULL) {
		draw_free(draw);
		train_plan_free(plan);
		return err_memory(err);
	}
	for (uint32_t t = 0; t < options->trees; t++) {
		draw_seed(&plan->generators[t], options->seed, t);
		draw_rows(draw, &plan->generators[t], rows, plan->psi, plan->drawn + (size_t)t * plan->psi);
	}
	draw_free(draw);
	memcpy(plan->distinct, plan->drawn, count * sizeof *plan->distinct);
	plan->distinct_count = keep_distinct(plan->distinct, count);
	return 0;
}

void train_plan_free(struct train_plan *plan)
{
	free(plan->drawn);
	free(plan->distinct);
	free(plan->generators);
	*plan = (struct train_plan){0};
}

int train_reference_rows(const struct train_options *options, uint64_t rows, uint64_t **drawn, size_t *count,
			 struct err *err)
{
	*drawn = NULL;
	*count = 0;
	if (rows == 0)
		return err_set(err, ERR_DATA, "there are no rows to train on");
	uint32_t wanted = rows < TRAIN_REFERENCE_ROWS_MAX ? (uint32_t)rows : TRAIN_REFERENCE_ROWS_MAX;
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

/* Turns a tree's row numbers into the places of these rows in `distinct`, ascending. */
static void find_places(const struct train_plan *plan, size_t tree, uint64_t *places)
{
	memcpy(places, plan->drawn + tree * plan->psi, plan->psi * sizeof *places);
	qsort(places, plan->psi, sizeof *places, compare_numbers);
	for (uint32_t i = 0; i < plan->psi; i++) {
		const uint64_t *found =
		    bsearch(&places[i], plan->distinct, plan->distinct_count, sizeof *places, compare_numbers);
		assert(found != NULL);
		places[i] = (uint64_t)(found - plan->distinct);
	}
}

struct forest *train_forest(const struct train_options *options, const struct train_plan *plan,
			    const struct matrix *sampled, struct err *err)
{
	assert(plan->drawn != NULL && sampled->rows == plan->distinct_count);
	if (sampled->columns < 1 || sampled->columns > FOREST_COLUMNS_MAX) {
		err_set(err, ERR_DATA, "%zu columns: a forest has 1 to %d", sampled->columns, FOREST_COLUMNS_MAX);
		return NULL;
	}
	struct forest_parts parts = {
	    .columns = sampled->columns, .psi = plan->psi, .c_psi = forest_c(plan->psi), .missing = MISSING_BOTH};
	struct grower *grower = grower_new(sampled, plan->psi);
	uint64_t *places = malloc(plan->psi * sizeof *places);
	parts.trees = calloc(options->trees, sizeof *parts.trees);
	if (grower == NULL || places == NULL || parts.trees == NULL)
		goto fail;
	parts.tree_count = options->trees;
	for (size_t t = 0; t < parts.tree_count; t++) {
		find_places(plan, t, places);
		if (grower_tree(grower, &plan->generators[t], places, &parts.trees[t]) != 0)
			goto fail;
	}
	grower_free(grower);
	free(places);
	return forest_take(&parts, err);
fail:
	err_memory(err);
	grower_free(grower);
	free(places);
	forest_parts_free(&parts);
	return NULL;
}
