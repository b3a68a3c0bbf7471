#include "detectors/draw.h"
#include "detectors/grow.h"
#include "detectors/train.h"
#include "sha256.h"
#include "test/twin/forest_sample.h"
#include "test/twin/forest_twin.h"
#include "test/unit/test.h"

static void expect_as_twin(uint64_t seed, size_t rows, size_t columns, uint32_t sample, double missing)
{
	struct rng rng;
	rng_seed(&rng, seed ^ rows);
	double *values = forest_sample_values(&rng, rows, columns, missing);
	struct matrix matrix = {values, rows, columns, columns};
	struct train_options options = {3, sample, seed, seed % 2 == 1, seed % 3 != 0};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct forest_parts twin;
	forest_twin_train(&options, &matrix, &twin);
	EXPECT(forest_twin_equal(forest_borrow(forest), &twin));
	if (!forest_twin_equal(forest_borrow(forest), &twin))
		printf("  seed %llu, %zu rows, %zu columns, sample %u, missing %g\n", (unsigned long long)seed, rows,
		       columns, sample, missing);
	forest_parts_free(&twin);
	forest_free(forest);
	free(values);
}

TEST(forests_equal_the_twins_byte_for_byte)
{
	static const size_t rows[] = {1, 2, 3, 5, 16, 17, 100, 700};
	static const uint32_t samples[] = {1, 2, 3, 8, 64, 256, 1000};
	for (uint64_t seed = 0; seed < 6; seed++)
		for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
			for (size_t s = 0; s < sizeof samples / sizeof *samples; s++)
				expect_as_twin(seed, rows[r], 1 + (seed * 3 + s) % 11, samples[s],
					       (double)(seed % 3) * 0.2);
}

TEST(largest_seed_and_many_columns_equal_the_twins)
{
	expect_as_twin(TRAIN_SEED_MAX, 300, FOREST_COLUMNS_MAX, 64, 0.1);
	expect_as_twin(0x123456789abc, 5000, 25, 300, 0.0);
}

TEST(rows_of_nothing_but_missing_values_make_one_leaf)
{
	double values[12];
	for (int i = 0; i < 12; i++)
		values[i] = NAN;
	struct matrix matrix = {values, 6, 2, 2};
	struct train_options options = {2, 4, 1, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	EXPECT_INT(forest_borrow(forest)->trees[1].node_count, 1);
	EXPECT_INT(forest_borrow(forest)->trees[1].rows[0], 4);
	EXPECT(forest_path(forest, values) == forest_c(4));
	forest_free(forest);
}

TEST(evenly_spread_rows_score_one_half_by_density)
{
	double values[256];
	for (int i = 0; i < 256; i++)
		values[i] = i;
	struct matrix matrix = {values, 256, 1, 1};
	struct train_options options = {200, 256, 1, true, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct err err = {0};
	double scores[256], sum = 0;
	EXPECT(forest_borrow(forest)->c_psi == 8.0);
	EXPECT(forest_score(forest, &matrix, scores, &err) == 0);
	for (int i = 0; i < 256; i++)
		sum += scores[i] / 256;
	EXPECT(fabs(sum - 0.5) < 0.02);
	forest_free(forest);
}

TEST(one_row_scores_one_half)
{
	double values[] = {1, 2, 3}, score = 0;
	struct matrix matrix = {values, 1, 3, 3};
	struct train_options options = {7, 256, 1, false, false};
	struct err err = {0};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	EXPECT_INT(forest_borrow(forest)->psi, 1);
	EXPECT(forest_score(forest, &matrix, &score, &err) == 0 && score == 0.5);
	forest_free(forest);
}

TEST(a_plan_draws_different_rows_for_each_tree)
{
	struct train_options options = {50, 64, 12, false, false};
	struct train_plan plan;
	struct err err = {0};
	EXPECT(train_plan_make(&options, 100, &plan, &err) == 0);
	EXPECT_INT(plan.psi, 64);
	for (size_t t = 0; t < 50; t++) {
		bool seen[100] = {false};
		for (size_t i = 0; i < 64; i++) {
			const uint32_t *places = plan.places + t * 64;
			uint64_t row = plan.distinct[places[i]];
			EXPECT(row < 100 && !seen[row]);
			EXPECT(i == 0 || places[i - 1] < places[i]);
			seen[row % 100] = true;
		}
	}
	EXPECT_INT(plan.distinct_count, 100);
	for (size_t i = 0; i < plan.distinct_count; i++)
		EXPECT_INT(plan.distinct[i], i);
	train_plan_free(&plan);
}

TEST(every_row_is_drawn_as_often_as_any_other)
{
	struct train_options options = {4000, 10, 7, false, false};
	struct train_plan plan;
	struct err err = {0};
	double count[40] = {0}, chi_square = 0;
	EXPECT(train_plan_make(&options, 40, &plan, &err) == 0);
	for (size_t i = 0; i < 40000; i++)
		count[plan.distinct[plan.places[i]]]++;
	for (int row = 0; row < 40; row++)
		chi_square += (count[row] - 1000) * (count[row] - 1000) / 750; /* binomial: 4000 * 1/4 * 3/4 */
	EXPECT(chi_square > 12 && chi_square < 75);
	train_plan_free(&plan);
}

TEST(rows_far_apart_are_drawn_without_holding_them)
{
	struct train_options options = {100, 256, 3, false, false};
	struct train_plan plan;
	struct err err = {0};
	EXPECT(train_plan_make(&options, UINT64_C(1) << 62, &plan, &err) == 0);
	EXPECT_INT(plan.distinct_count, 25600);
	EXPECT(plan.distinct[25599] > UINT64_C(1) << 61);
	train_plan_free(&plan);
}

TEST(other_seeds_and_other_trees_draw_other_rows)
{
	struct rng rng, other;
	draw_seed(&rng, 1, 2);
	draw_seed(&other, 2, 1);
	EXPECT(memcmp(&rng, &other, sizeof rng) != 0);
	struct train_options options = {2, 5, 1, false, false}, next = {2, 5, 2, false, false};
	struct train_plan one, two;
	struct err err = {0};
	EXPECT(train_plan_make(&options, 1000000, &one, &err) == 0 && train_plan_make(&next, 1000000, &two, &err) == 0);
	EXPECT(memcmp(one.places, one.places + 5, 20) != 0);
	EXPECT_INT(one.distinct_count, 10);
	EXPECT(memcmp(one.distinct, two.distinct, 80) != 0);
	train_plan_free(&one);
	train_plan_free(&two);
}

TEST(options_out_of_range_are_refused)
{
	static const struct {
		struct train_options options;
		uint64_t rows;
		enum err_code code;
		const char *message;
	} cases[] = {
	    {{0, 256, 1, false, false}, 9, ERR_USAGE, "trees is 0, it must be from 1 to 10000"},
	    {{10001, 256, 1, false, false}, 9, ERR_USAGE, "trees is 10001, it must be from 1 to 10000"},
	    {{100, 0, 1, false, false}, 9, ERR_USAGE, "sample is 0, at least 1 row per tree is needed"},
	    {{100, 256, TRAIN_SEED_MAX + 1, false, false},
	     9,
	     ERR_USAGE,
	     "seed is 9007199254740993, it must be from 0 to 2^53 (9007199254740992)"},
	    {{100, 256, 1, false, false}, 0, ERR_DATA, "there are no rows to train on"},
	    {{10000, 4000000000, 1, false, false},
	     UINT64_C(5000000000),
	     ERR_USAGE,
	     "10000 trees of 4000000000 rows may have 79999999990000 nodes, 67108864 is the limit"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct train_plan plan;
		struct err err = {0};
		EXPECT(train_plan_make(&cases[i].options, cases[i].rows, &plan, &err) == -1);
		EXPECT_INT(err.code, cases[i].code);
		EXPECT_TEXT(err.message, cases[i].message);
		EXPECT(plan.places == NULL && plan.distinct == NULL && plan.generators == NULL);
	}
}

TEST(rows_without_columns_are_refused)
{
	struct train_options options = {1, 2, 1, false, false};
	struct train_plan plan;
	struct err err = {0};
	double none = 0;
	EXPECT(train_plan_make(&options, 3, &plan, &err) == 0);
	struct matrix matrix = {&none, plan.distinct_count, 0, 0};
	EXPECT(train_forest(&options, &plan, &matrix, &err) == NULL);
	EXPECT_TEXT(err.message, "0 columns: a forest has 1 to 1024");
	train_plan_free(&plan);
}

TEST(reference_rows_are_all_rows_or_a_million_of_them)
{
	struct train_options options = {1, 2, 5, false, false};
	struct err err = {0};
	uint64_t *rows, *again;
	size_t count;
	EXPECT(train_reference_rows(&options, 3, 1, &rows, &count, &err) == 0);
	EXPECT(count == 3 && rows[0] == 0 && rows[2] == 2);
	free(rows);
	EXPECT(train_reference_rows(&options, 3000000, 20, &rows, &count, &err) == 0);
	EXPECT_INT(count, TRAIN_REFERENCE_ROWS_MAX);
	double sum = 0;
	for (size_t i = 0; i < count; i++) {
		EXPECT(rows[i] < 3000000 && (i == 0 || rows[i] > rows[i - 1]));
		sum += (double)rows[i];
	}
	EXPECT(fabs(sum / (double)count - 1500000) < 5000);
	/* Found by a program of its own, in another language: the rows as little-endian numbers. */
	char hash[SHA256_HEX];
	sha256_hex((struct slice){rows, count * sizeof *rows}, hash);
	EXPECT_TEXT(hash, "3dc228826e0de2699420642eeef7704d8eea3327e8919b9cab3a93c94cabf11c");
	EXPECT(train_reference_rows(&options, 3000000, 20, &again, &count, &err) == 0);
	EXPECT(memcmp(rows, again, count * sizeof *rows) == 0);
	free(rows);
	free(again);
	EXPECT(train_reference_rows(&options, 0, 1, &rows, &count, &err) == -1);
	EXPECT_TEXT(err.message, "there are no rows to train on");
}

TEST(a_cut_that_rounds_up_to_the_greatest_value_becomes_the_least)
{
	const double most = 1.0 - 0x1p-53;
	float next = nextafterf(1.0f, 2.0f);
	EXPECT(1.0 + most * ((double)next - 1.0) == (double)next); /* the sum rounds up to it */
	EXPECT(grower_threshold(1.0f, next, most) == 1.0f);
	EXPECT(grower_threshold(-3.0f, 5.0f, 0.0) == -3.0f);
	EXPECT(grower_threshold(-3.0f, 5.0f, 0.5) == 1.0f);
	EXPECT(grower_threshold(-3.4e38f, 3.4e38f, most) < 3.4e38f);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(forests_equal_the_twins_byte_for_byte),
					CASE(largest_seed_and_many_columns_equal_the_twins),
					CASE(rows_of_nothing_but_missing_values_make_one_leaf),
					CASE(evenly_spread_rows_score_one_half_by_density),
					CASE(one_row_scores_one_half),
					CASE(a_plan_draws_different_rows_for_each_tree),
					CASE(every_row_is_drawn_as_often_as_any_other),
					CASE(rows_far_apart_are_drawn_without_holding_them),
					CASE(other_seeds_and_other_trees_draw_other_rows),
					CASE(options_out_of_range_are_refused),
					CASE(rows_without_columns_are_refused),
					CASE(reference_rows_are_all_rows_or_a_million_of_them),
					CASE(a_cut_that_rounds_up_to_the_greatest_value_becomes_the_least),
					{0}},
			argc, argv);
}
