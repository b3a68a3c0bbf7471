#include "detectors/float32.h"
#include "detectors/forest.h"
#include "detectors/kernel.h"
#include "test/twin/forest_sample.h"
#include "test/twin/forest_twin.h"
#include "test/unit/test.h"

#include <float.h>

/* A matrix's scores all at once, compared bit for bit with the twin's plain walk. */
static void expect_scores_as_twin(const struct forest *forest, const struct matrix *matrix)
{
	struct err err = {0};
	double *scores = malloc((matrix->rows + 1) * sizeof *scores);
	size_t different = 0;
	EXPECT(forest_score(forest, matrix, scores, &err) == 0);
	for (size_t row = 0; row < matrix->rows; row++) {
		double wanted = forest_twin_score(forest_borrow(forest), matrix->values + row * matrix->stride);
		different += memcmp(&scores[row], &wanted, sizeof wanted) != 0;
		EXPECT(scores[row] > 0.0 && scores[row] <= 1.0);
	}
	EXPECT_INT(different, 0);
	free(scores);
}

static void expect_fit_scores_as_twin(uint64_t seed, size_t rows, size_t columns, uint32_t sample, double missing)
{
	struct rng rng;
	rng_seed(&rng, seed);
	double *values = forest_sample_values(&rng, rows, columns, missing);
	struct matrix matrix = {values, rows, columns, columns};
	struct train_options options = {20, sample, seed, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	expect_scores_as_twin(forest, &matrix);
	forest_free(forest);
	free(values);
}

TEST(fast_scores_equal_the_plain_walk_bit_for_bit)
{
	static const size_t rows[] = {1, 2, 7, 8, 9, 255, 256, 257, 600};
	static const size_t columns[] = {1, 3, 20, 64, 65, 300, 1024};
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
		for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
			expect_fit_scores_as_twin(r * 100 + c, rows[r], columns[c], 64, 0.0);
}

TEST(rows_with_missing_values_score_as_the_plain_walk)
{
	for (uint64_t seed = 0; seed < 40; seed++)
		expect_fit_scores_as_twin(seed, 50 + seed * 7, 1 + seed % 12, 32, (double)(seed % 4) * 0.2);
}

TEST(samples_that_make_deep_trees_score_as_the_plain_walk)
{
	expect_fit_scores_as_twin(5, 3000, 4, 1024, 0.0); /* ten levels: the last that is laid out perfect */
	expect_fit_scores_as_twin(6, 3000, 4, 2048, 0.1);
}

TEST(any_depth_up_to_the_limit_scores_as_the_plain_walk)
{
	struct rng rng;
	rng_seed(&rng, 11);
	for (int round = 0; round < 60; round++) {
		bool listed = round % 3 == 1;
		struct forest_parts parts = {.columns = 6,
					     .psi = 256,
					     .c_psi = forest_c(256),
					     .missing = listed ? MISSING_LISTED : MISSING_BOTH,
					     .tree_count = 9,
					     .trees = calloc(9, sizeof *parts.trees)};
		static const unsigned depths[] = {0, 1, 2, 9, 10, 11, 12, 40, FOREST_DEPTH_MAX};
		for (size_t t = 0; t < 9; t++)
			forest_sample_tree(&rng, &parts.trees[t], depths[t], 6, listed);
		struct err err = {0};
		struct forest *forest = forest_take(&parts, &err);
		EXPECT(forest != NULL);
		EXPECT_TEXT(err.message, "");
		if (forest == NULL)
			continue;
		double *values = forest_sample_values(&rng, 30, 6, round % 2 * 0.1);
		struct matrix matrix = {values, 30, 6, 6};
		expect_scores_as_twin(forest, &matrix);
		forest_free(forest);
		free(values);
	}
}

TEST(a_score_does_not_depend_on_the_batch)
{
	struct rng rng;
	rng_seed(&rng, 3);
	const size_t rows = 700, columns = 5, stride = 9;
	double *values = forest_sample_values(&rng, rows, stride, 0.05);
	struct matrix matrix = {values, rows, columns, stride};
	struct train_options options = {50, 128, 3, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct err err = {0};
	double together[700], apart;
	EXPECT(forest_score(forest, &matrix, together, &err) == 0);
	for (size_t row = 0; row < rows; row++) {
		struct matrix one = {values + row * stride, 1, columns, stride};
		EXPECT(forest_score(forest, &one, &apart, &err) == 0);
		EXPECT(memcmp(&apart, &together[row], sizeof apart) == 0);
		EXPECT(fabs(forest_score_of_path(forest, forest_path(forest, values + row * stride)) - apart) < 1e-15);
	}
	forest_free(forest);
	free(values);
}

static void *copy(const void *data, size_t size)
{
	return memcpy(malloc(size), data, size);
}

/* x0 <= 0 ? (x1 <= 5 ? 4 rows : 2 rows) : 2 rows */
static struct forest_parts small_parts(enum missing_mode missing)
{
	struct tree tree = {.node_count = 5};
	tree.left = copy((int32_t[]){1, 2, -1, -1, -1}, 5 * sizeof(int32_t));
	tree.right = copy((int32_t[]){4, 3, -1, -1, -1}, 5 * sizeof(int32_t));
	tree.feature = copy((int32_t[]){0, 1, -1, -1, -1}, 5 * sizeof(int32_t));
	tree.threshold = copy((float[]){0, 5, 0, 0, 0}, 5 * sizeof(float));
	tree.rows = copy((uint32_t[]){8, 6, 4, 2, 2}, 5 * sizeof(uint32_t));
	tree.value = copy((double[]){0, 0, 1.75, 1, 1}, 5 * sizeof(double));
	if (missing == MISSING_LISTED)
		tree.missing_left = copy((uint8_t[]){0, 1, 0, 0, 0}, 5);
	return (struct forest_parts){.columns = 3,
				     .psi = 8,
				     .c_psi = 2.0,
				     .missing = missing,
				     .tree_count = 1,
				     .trees = copy(&tree, sizeof tree)};
}

static struct forest *small_forest(enum missing_mode missing)
{
	struct forest_parts parts = small_parts(missing);
	struct err err = {0};
	struct forest *forest = forest_take(&parts, &err);
	EXPECT_TEXT(err.message, "");
	EXPECT(parts.trees == NULL);
	return forest;
}

static double score(const struct forest *forest, double x0, double x1, double x2)
{
	double row[] = {x0, x1, x2}, result = -1.0;
	struct matrix matrix = {row, 1, 3, 3};
	struct err err = {0};
	EXPECT(forest_score(forest, &matrix, &result, &err) == 0);
	return result;
}

TEST(scores_are_two_to_the_minus_mean_path_over_c)
{
	struct forest *forest = small_forest(MISSING_BOTH);
	EXPECT(score(forest, 1, 9, 0) == 0.5);        /* (2 + 1 - 1) / 2 */
	EXPECT(score(forest, 0, 6, 0) == exp2(-1.5)); /* a value on the threshold goes left */
	EXPECT(score(forest, -1, 5, 0) == exp2(-1.875));
	EXPECT(forest_path(forest, (double[]){-1, 5, 0}) == 3.75);
	EXPECT(forest_score_of_path(forest, 3.75) == exp2(-1.875));
	forest_free(forest);
}

TEST(missing_values_go_both_ways_by_the_rows_of_each_side)
{
	struct forest *forest = small_forest(MISSING_BOTH);
	EXPECT(forest_path(forest, (double[]){0, NAN, 0}) == (4 * 3.75 + 2 * 3.0) / 6);
	EXPECT(forest_path(forest, (double[]){NAN, 9, 0}) == (6 * 3.0 + 2 * 2.0) / 8);
	EXPECT(score(forest, NAN, 9, NAN) == exp2(-(22.0 / 8) / 2));
	forest_free(forest);
}

TEST(missing_values_go_as_listed_in_a_forest_that_lists_them)
{
	struct forest *forest = small_forest(MISSING_LISTED);
	EXPECT(score(forest, NAN, 9, 0) == 0.5);
	EXPECT(score(forest, -1, NAN, 0) == exp2(-1.875));
	forest_free(forest);
}

TEST(a_forest_may_refuse_missing_values_in_columns_that_it_reads)
{
	struct forest *forest = small_forest(MISSING_REFUSED);
	double rows[] = {0, 0, NAN, 0, NAN, 0}, scores[2];
	struct matrix matrix = {rows, 2, 3, 3};
	struct err err = {0};
	EXPECT(forest_score(forest, &matrix, scores, &err) == -1);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT_TEXT(err.message,
		    "row 1, column 1: a value is missing, and this forest says nothing about missing values");
	EXPECT(!forest_uses(forest, 2) && forest_uses(forest, 0));
	EXPECT(score(forest, 0, 0, NAN) == exp2(-1.875));
	forest_free(forest);
}

TEST(without_c_psi_every_score_is_one_half)
{
	struct forest_parts parts = small_parts(MISSING_BOTH);
	struct err err = {0};
	parts.c_psi = 0;
	struct forest *forest = forest_take(&parts, &err);
	EXPECT(score(forest, 1, 2, 3) == 0.5);
	EXPECT(forest_score_of_path(forest, 7.0) == 0.5);
	forest_free(forest);
}

TEST(the_lowest_score_that_a_forest_can_give_is_above_zero)
{
	struct tree tree;
	struct rng rng;
	rng_seed(&rng, 1);
	forest_sample_tree(&rng, &tree, FOREST_DEPTH_MAX, 1, false);
	for (uint32_t node = 0; node < tree.node_count; node++)
		tree.value[node] = tree.left[node] < 0 ? FOREST_VALUE_MAX : 0;
	struct forest_parts parts = {
	    .columns = 1, .psi = 2, .c_psi = 1, .tree_count = 1, .trees = copy(&tree, sizeof tree)};
	struct err err = {0};
	struct forest *forest = forest_take(&parts, &err);
	double values[64], scores[64];
	for (int i = 0; i < 64; i++)
		values[i] = i / 16.0 - 2.0;
	struct matrix matrix = {values, 64, 1, 1};
	EXPECT(forest_score(forest, &matrix, scores, &err) == 0);
	for (int i = 0; i < 64; i++)
		EXPECT(scores[i] > 0.0);
	forest_free(forest);
}

TEST(c_is_the_mean_length_of_an_unsuccessful_search)
{
	EXPECT(forest_c(0) == 0 && forest_c(1) == 0 && forest_c(2) == 1);
	EXPECT(fabs(forest_c(3) - 1.2073923575896231) < 1e-15);
	EXPECT(fabs(forest_c(256) - 10.244770920119918) < 1e-14);
	for (uint64_t n = 3; n < 100000; n += 1 + n / 7) {
		long double exact = 2.0L * (logl((long double)n - 1) + 0.5772156649015329L) -
				    2.0L * ((long double)n - 1) / (long double)n;
		EXPECT(fabsl(exact - forest_c(n)) <= 4e-16L * exact + 1e-15L);
	}
}

TEST(float32_rounding_down_never_moves_a_value_to_the_other_side)
{
	struct rng rng;
	rng_seed(&rng, 9);
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = rng_next(&rng);
		double value;
		memcpy(&value, &bits, sizeof value);
		if (i % 4 == 0)
			value = ldexp(rng_uniform(&rng) - 0.5, (int)rng_below(&rng, 300) - 170);
		if (!(fabs(value) < FLT_MAX))
			continue;
		float down = float32_down(value), up = nextafterf(down, INFINITY);
		EXPECT((double)down <= value && (double)up > value);
		EXPECT(float32_key(down) < float32_key(up) || (down == 0 && up != 0));
	}
	EXPECT(float32_down(-1e-60) == -0x1p-149f);
	EXPECT(float32_down(1e-60) == 0.0f && !signbit(float32_down(-0.0)));
	EXPECT(float32_of(INFINITY) == FLT_MAX && float32_of(-1e39) == -FLT_MAX && !signbit(float32_of(-0.0)));
	EXPECT(isnan(float32_of(NAN)));
	EXPECT(float32_key(-1.0f) < float32_key(-0.5f) && float32_key(-0.5f) < float32_key(0.0f) &&
	       float32_key(0.0f) < float32_key(FLT_MAX));
}

/* Each damages the small forest in one way. */
static void left_out_of_range(struct forest_parts *parts)
{
	parts->trees[0].left[1] = 5;
}
static void left_is_root(struct forest_parts *parts)
{
	parts->trees[0].left[1] = 0;
}
static void right_is_negative(struct forest_parts *parts)
{
	parts->trees[0].right[1] = -7;
}
static void twice_reached(struct forest_parts *parts)
{
	parts->trees[0].right[1] = 2;
	parts->trees[0].rows[1] = 8;
	parts->trees[0].rows[0] = 10;
}
static void cycle(struct forest_parts *parts)
{
	parts->trees[0].right[1] = 1;
	parts->trees[0].rows[2] = 0;
}
static void unreached(struct forest_parts *parts)
{
	parts->trees[0].left[1] = parts->trees[0].right[1] = parts->trees[0].feature[1] = -1;
}
static void half_leaf(struct forest_parts *parts)
{
	parts->trees[0].right[2] = 3;
}
static void feature_too_large(struct forest_parts *parts)
{
	parts->trees[0].feature[0] = 3;
}
static void threshold_nan(struct forest_parts *parts)
{
	parts->trees[0].threshold[1] = NAN;
}
static void threshold_infinite(struct forest_parts *parts)
{
	parts->trees[0].threshold[0] = -INFINITY;
}
static void rows_differ(struct forest_parts *parts)
{
	parts->trees[0].rows[0] = 9;
}
static void rows_zero(struct forest_parts *parts)
{
	parts->trees[0].rows[4] = 0;
	parts->trees[0].rows[0] = 6;
}
static void value_nan(struct forest_parts *parts)
{
	parts->trees[0].value[3] = NAN;
}
static void value_negative(struct forest_parts *parts)
{
	parts->trees[0].value[3] = -2.5;
}
static void no_nodes(struct forest_parts *parts)
{
	parts->trees[0].node_count = 0;
}
static void no_columns(struct forest_parts *parts)
{
	parts->columns = 0;
}
static void many_columns(struct forest_parts *parts)
{
	parts->columns = 1025;
}
static void no_psi(struct forest_parts *parts)
{
	parts->psi = 0;
}
static void c_psi_small(struct forest_parts *parts)
{
	parts->c_psi = 0.5;
}
static void c_psi_nan(struct forest_parts *parts)
{
	parts->c_psi = NAN;
}
static void mode_unknown(struct forest_parts *parts)
{
	parts->missing = (enum missing_mode)7;
}
static void list_absent(struct forest_parts *parts)
{
	parts->missing = MISSING_LISTED;
}
static void list_wrong(struct forest_parts *parts)
{
	parts->missing = MISSING_LISTED;
	parts->trees[0].missing_left = copy((uint8_t[]){1, 2, 0, 0, 0}, 5);
}
static void array_absent(struct forest_parts *parts)
{
	free(parts->trees[0].rows);
	parts->trees[0].rows = NULL;
}

TEST(damaged_forests_are_refused_by_tree_and_node)
{
	static const struct {
		void (*damage)(struct forest_parts *parts);
		const char *message;
	} cases[] = {
	    {left_out_of_range, "tree 0, node 1: children 5 and 3 must be from 1 to 4"},
	    {left_is_root, "tree 0, node 1: children 0 and 3 must be from 1 to 4"},
	    {right_is_negative, "tree 0, node 1: children 2 and -7 must be from 1 to 4"},
	    {twice_reached, "tree 0, node 2: it is reached twice"},
	    {cycle, "tree 0, node 2: it must have at least 1 training row"},
	    {unreached, "tree 0: only 3 of its 5 nodes are reached from the root"},
	    {half_leaf, "tree 0, node 2: a leaf (left -1) has right 3 and feature -1, both must be -1"},
	    {feature_too_large, "tree 0, node 0: feature 3 must be from 0 to 2"},
	    {threshold_nan, "tree 0, node 1: the threshold is not finite"},
	    {threshold_infinite, "tree 0, node 0: the threshold is not finite"},
	    {rows_differ, "tree 0, node 0: 9 training rows, but its children have 6 and 2"},
	    {rows_zero, "tree 0, node 4: it must have at least 1 training row"},
	    {value_nan, "tree 0, node 3: the leaf's value must be from -2 (its depth, negative) to 1000"},
	    {value_negative, "tree 0, node 3: the leaf's value must be from -2 (its depth, negative) to 1000"},
	    {no_nodes, "tree 0: 0 nodes; each tree has at least 1, all together at most 67108864"},
	    {no_columns, "0 columns: a forest has 1 to 1024"},
	    {many_columns, "1025 columns: a forest has 1 to 1024"},
	    {no_psi, "psi is 0, at least 1 row per tree is needed"},
	    {c_psi_small, "c_psi must be 0 or from 1 to 1000"},
	    {c_psi_nan, "c_psi must be 0 or from 1 to 1000"},
	    {mode_unknown, "missing mode 7 is not known"},
	    {list_absent, "tree 0: missing_left must be there where missing values go as listed, and only there"},
	    {list_wrong, "tree 0, node 1: missing_left must be 0 or 1"},
	    {array_absent, "tree 0: an array is absent"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct forest_parts parts = small_parts(MISSING_BOTH);
		struct err err = {0};
		cases[i].damage(&parts);
		EXPECT(forest_take(&parts, &err) == NULL);
		EXPECT_INT(err.code, ERR_DATA);
		EXPECT_TEXT(err.message, cases[i].message);
		EXPECT(parts.trees == NULL);
	}
}

TEST(trees_deeper_than_the_limit_are_refused)
{
	struct rng rng;
	struct tree tree;
	rng_seed(&rng, 4);
	forest_sample_tree(&rng, &tree, FOREST_DEPTH_MAX + 1, 2, false);
	struct forest_parts parts = {
	    .columns = 2, .psi = 9, .c_psi = 3, .tree_count = 1, .trees = copy(&tree, sizeof tree)};
	struct err err = {0};
	EXPECT(forest_take(&parts, &err) == NULL);
	EXPECT(strstr(err.message, "it splits at depth 64, 63 is the limit") != NULL);
}

TEST(no_trees_are_refused)
{
	struct forest_parts parts = {.columns = 2, .psi = 9, .c_psi = 3};
	struct err err = {0};
	EXPECT(forest_take(&parts, &err) == NULL);
	EXPECT_TEXT(err.message, "0 trees: a forest has 1 to 10000");
}

TEST(randomly_damaged_forests_are_refused_or_score_safely)
{
	struct rng rng;
	rng_seed(&rng, 21);
	size_t refused = 0;
	for (int round = 0; round < 5000; round++) {
		struct tree tree;
		forest_sample_tree(&rng, &tree, (unsigned)rng_below(&rng, 14), 4, false);
		for (uint64_t hits = 1 + rng_below(&rng, 3); hits > 0; hits--) {
			size_t node = (size_t)rng_below(&rng, tree.node_count);
			int32_t *arrays[] = {tree.left, tree.right, tree.feature, (int32_t *)(void *)tree.rows};
			int32_t *array = arrays[rng_below(&rng, 4)];
			array[node] = rng_below(&rng, 2) ? (int32_t)rng_next(&rng)
							 : (int32_t)rng_below(&rng, tree.node_count + 1) - 1;
		}
		struct forest_parts parts = {
		    .columns = 4, .psi = 9, .c_psi = 3, .tree_count = 1, .trees = copy(&tree, sizeof tree)};
		struct err err = {0};
		struct forest *forest = forest_take(&parts, &err);
		if (forest == NULL) {
			refused++;
			EXPECT_INT(err.code, ERR_DATA);
			continue;
		}
		double *values = forest_sample_values(&rng, 9, 4, 0.1);
		struct matrix matrix = {values, 9, 4, 4};
		expect_scores_as_twin(forest, &matrix);
		free(values);
		forest_free(forest);
	}
	EXPECT(refused > 2500 && refused < 5000);
}

TEST(imported_forests_score_as_where_they_were_trained)
{
	static const char *const names[] = {"tiny", "cardio", "ionosphere", "breastw_subfeat"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct forest_parts parts;
		struct err err = {0};
		char path[256];
		double *values;
		size_t rows, columns;
		snprintf(path, sizeof path, "../shared/data/golden/%s.rows.csv.gz", names[i]);
		if (!forest_sample_golden(names[i], &parts) || !forest_sample_csv(path, &values, &rows, &columns)) {
			printf("skip %s: no ../shared/data\n", names[i]);
			continue;
		}
		size_t width = parts.columns;
		struct forest *forest = forest_take(&parts, &err);
		EXPECT_TEXT(err.message, "");
		struct matrix matrix = {values + 1, rows, width, columns};
		double *scores = malloc(rows * sizeof *scores), worst = 0, worst_path = 0;
		EXPECT(forest_score(forest, &matrix, scores, &err) == 0);
		for (size_t row = 0; row < rows; row++) {
			const double *wanted = values + row * columns + 1 + width;
			worst = fmax(worst, fabs(scores[row] - wanted[0]));
			worst_path = fmax(worst_path, fabs(forest_path(forest, wanted - width) - wanted[1]));
		}
		EXPECT(rows > 0 && columns == 3 + 2 * width);
		EXPECT(worst <= 2.3e-16);
		EXPECT(worst_path <= 4e-14);
		printf("  %s: largest difference of a score %.2g, of a path %.2g\n", names[i], worst, worst_path);
		free(scores);
		free(values);
		forest_free(forest);
	}
}

int main(int argc, char **argv)
{
	return test_run(
	    (struct test[]){
		CASE(fast_scores_equal_the_plain_walk_bit_for_bit),
		CASE(rows_with_missing_values_score_as_the_plain_walk),
		CASE(samples_that_make_deep_trees_score_as_the_plain_walk),
		CASE(any_depth_up_to_the_limit_scores_as_the_plain_walk),
		CASE(a_score_does_not_depend_on_the_batch),
		CASE(scores_are_two_to_the_minus_mean_path_over_c),
		CASE(missing_values_go_both_ways_by_the_rows_of_each_side),
		CASE(missing_values_go_as_listed_in_a_forest_that_lists_them),
		CASE(a_forest_may_refuse_missing_values_in_columns_that_it_reads),
		CASE(without_c_psi_every_score_is_one_half),
		CASE(the_lowest_score_that_a_forest_can_give_is_above_zero),
		CASE(c_is_the_mean_length_of_an_unsuccessful_search),
		CASE(float32_rounding_down_never_moves_a_value_to_the_other_side),
		CASE(damaged_forests_are_refused_by_tree_and_node),
		CASE(trees_deeper_than_the_limit_are_refused),
		CASE(no_trees_are_refused),
		CASE(randomly_damaged_forests_are_refused_or_score_safely),
		CASE(imported_forests_score_as_where_they_were_trained),
		{0},
	    },
	    argc, argv);
}
