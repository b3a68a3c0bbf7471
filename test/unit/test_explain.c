#include "detectors/explain.h"
#include "detectors/quadrature.h"
#include "test/twin/forest_sample.h"
#include "test/twin/forest_twin.h"
#include "test/unit/test.h"

#define TOLERANCE 1e-12

static double largest_difference(const double *a, const double *b, size_t count)
{
	double largest = 0;
	for (size_t i = 0; i < count; i++)
		largest = fmax(largest, fabs(a[i] - b[i]));
	return largest;
}

/* Contributions of some rows against all coalitions, and the sum against the path length. */
static void expect_as_coalitions(const struct forest *forest, const struct matrix *matrix)
{
	struct explainer *explainer = explainer_new(forest);
	double phi[FOREST_TWIN_COALITION_COLUMNS_MAX], wanted[FOREST_TWIN_COALITION_COLUMNS_MAX], base, wanted_base;
	for (size_t r = 0; r < matrix->rows; r++) {
		const double *row = matrix->values + r * matrix->stride;
		explainer_row(explainer, row, phi, &base);
		forest_twin_shapley(forest_borrow(forest), row, wanted, &wanted_base);
		EXPECT(fabs(base - wanted_base) < TOLERANCE);
		EXPECT(largest_difference(phi, wanted, matrix->columns) < TOLERANCE);
		double sum = base;
		for (size_t i = 0; i < matrix->columns; i++)
			sum += phi[i];
		EXPECT(fabs(sum - forest_path(forest, row)) < TOLERANCE);
	}
	explainer_free(explainer);
}

TEST(contributions_equal_all_coalitions)
{
	struct rng rng;
	rng_seed(&rng, 1);
	for (uint32_t round = 0; round < 60; round++) {
		size_t rows = 6 + 5 * (size_t)rng_below(&rng, 20), columns = 1 + (size_t)rng_below(&rng, 9);
		double *values = forest_sample_values(&rng, rows, columns, round % 3 * 0.15);
		struct matrix matrix = {values, rows, columns, columns}, few = {values, 4, columns, columns};
		struct train_options options = {3, 4u << round % 5, round, round % 2 == 1, false};
		struct forest *forest = forest_sample_fit(&options, &matrix);
		expect_as_coalitions(forest, &few);
		forest_free(forest);
		free(values);
	}
}

TEST(a_column_that_splits_again_and_again_on_a_path_is_one_player)
{
	struct rng rng;
	rng_seed(&rng, 2);
	for (unsigned depth = 0; depth <= FOREST_DEPTH_MAX; depth += 4) {
		struct forest_parts parts = {.columns = 4,
					     .psi = 64,
					     .c_psi = forest_c(64),
					     .missing = depth % 8 == 0 ? MISSING_BOTH : MISSING_LISTED,
					     .tree_count = 2,
					     .trees = calloc(2, sizeof *parts.trees)};
		for (size_t t = 0; t < 2; t++)
			forest_sample_tree(&rng, &parts.trees[t], depth, 4, depth % 8 != 0);
		struct err err = {0};
		struct forest *forest = forest_take(&parts, &err);
		double *values = forest_sample_values(&rng, 5, 4, 0.2);
		struct matrix matrix = {values, 5, 4, 4};
		EXPECT_TEXT(err.message, "");
		expect_as_coalitions(forest, &matrix);
		forest_free(forest);
		free(values);
	}
}

/* A comb: level i splits on column i, to the deepest tree there may be, so that the most quadrature points are needed. */
TEST(paths_of_sixty_four_different_columns_stay_exact)
{
	const int depth = FOREST_DEPTH_MAX;
	const uint32_t nodes = 2 * FOREST_DEPTH_MAX + 1;
	struct tree *tree = calloc(1, sizeof *tree);
	*tree = (struct tree){.node_count = nodes,
			      .left = calloc(nodes, sizeof *tree->left),
			      .right = calloc(nodes, sizeof *tree->right),
			      .feature = calloc(nodes, sizeof *tree->feature),
			      .threshold = calloc(nodes, sizeof *tree->threshold),
			      .rows = calloc(nodes, sizeof *tree->rows),
			      .value = calloc(nodes, sizeof *tree->value)};
	for (int i = 0; i < depth; i++) {
		tree->left[2 * i] = 2 * i + 1;
		tree->right[2 * i] = 2 * i + 2;
		tree->feature[2 * i] = i;
		tree->left[2 * i + 1] = tree->right[2 * i + 1] = tree->feature[2 * i + 1] = -1;
		tree->rows[2 * i + 1] = 1 + (uint32_t)i % 3;
	}
	tree->left[2 * depth] = tree->right[2 * depth] = tree->feature[2 * depth] = -1;
	tree->rows[2 * depth] = 40;
	tree->value[2 * depth] = forest_c(40);
	for (int i = depth - 1; i >= 0; i--)
		tree->rows[2 * i] = tree->rows[2 * i + 1] + tree->rows[2 * i + 2];
	struct forest_parts parts = {
	    .columns = FOREST_DEPTH_MAX, .psi = 256, .c_psi = 10, .tree_count = 1, .trees = tree};
	struct err err = {0};
	struct forest *forest = forest_take(&parts, &err);
	struct explainer *explainer = explainer_new(forest);
	double row[FOREST_DEPTH_MAX], phi[FOREST_DEPTH_MAX], base;
	for (int last = 0; last <= depth; last += 16) {
		for (int i = 0; i < depth; i++)
			row[i] = i < last ? 1.0 : -1.0;
		explainer_row(explainer, row, phi, &base);
		double sum = base;
		for (int i = 0; i < depth; i++)
			sum += phi[i];
		EXPECT(fabs(sum - forest_path(forest, row)) < 1e-11);
	}
	explainer_free(explainer);
	forest_free(forest);
}

TEST(columns_never_split_on_and_missing_ones_get_exactly_nothing)
{
	struct rng rng;
	rng_seed(&rng, 7);
	double *values = forest_sample_values(&rng, 300, 8, 0.1); /* columns 2 and 7 are constant */
	struct matrix matrix = {values, 300, 8, 8};
	struct train_options options = {25, 64, 1, true, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct explainer *explainer = explainer_new(forest);
	EXPECT(!forest_uses(forest, 2) && !forest_uses(forest, 7) && forest_uses(forest, 0));
	for (size_t r = 0; r < 40; r++) {
		double row[8], phi[8], base;
		memcpy(row, values + 8 * r, sizeof row);
		row[r % 2] = NAN;
		explainer_row(explainer, row, phi, &base);
		for (int i = 0; i < 8; i++)
			if (isnan(row[i]) || i == 2 || i == 7)
				EXPECT(phi[i] == 0.0);
		EXPECT(phi[1 - r % 2] != 0.0 || isnan(row[1 - r % 2]));
	}
	explainer_free(explainer);
	forest_free(forest);
	free(values);
}

TEST(a_row_of_nothing_but_missing_values_has_the_base_as_its_path)
{
	struct rng rng;
	rng_seed(&rng, 8);
	double *values = forest_sample_values(&rng, 100, 3, 0.1), row[3] = {NAN, NAN, NAN}, phi[3], base;
	struct matrix matrix = {values, 100, 3, 3};
	struct train_options options = {10, 64, 1, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct explainer *explainer = explainer_new(forest);
	explainer_row(explainer, row, phi, &base);
	EXPECT(phi[0] == 0 && phi[1] == 0 && phi[2] == 0);
	EXPECT(fabs(base - forest_path(forest, row)) < TOLERANCE);
	explainer_free(explainer);
	forest_free(forest);
	free(values);
}

TEST(contributions_in_log2_add_up_to_the_score)
{
	struct rng rng;
	rng_seed(&rng, 9);
	double *values = forest_sample_values(&rng, 500, 6, 0.05), phi[6], base, score;
	struct matrix matrix = {values, 500, 6, 6};
	struct train_options options = {100, 256, 1, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct explainer *explainer = explainer_new(forest);
	struct err err = {0};
	for (size_t r = 0; r < 50; r++) {
		struct matrix one = {values + 6 * r, 1, 6, 6};
		EXPECT(forest_score(forest, &one, &score, &err) == 0);
		explainer_row(explainer, one.values, phi, &base);
		double sum = explainer_log2(forest, base);
		for (int i = 0; i < 6; i++)
			sum += explainer_log2(forest, phi[i]);
		EXPECT(fabs(sum - log2(score)) < 1e-13);
	}
	EXPECT(explainer_log2(forest, forest_borrow(forest)->c_psi) == -1.0);
	EXPECT(!signbit(explainer_log2(forest, 0.0)));
	explainer_free(explainer);
	forest_free(forest);
	free(values);
}

TEST(an_explanation_does_not_depend_on_the_row_before)
{
	struct rng rng;
	rng_seed(&rng, 10);
	double *values = forest_sample_values(&rng, 64, 5, 0.1), first[5], again[5], base;
	struct matrix matrix = {values, 64, 5, 5};
	struct train_options options = {10, 32, 1, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	struct explainer *explainer = explainer_new(forest);
	explainer_row(explainer, values, first, &base);
	for (size_t r = 0; r < 64; r++)
		explainer_row(explainer, values + 5 * r, again, &base);
	explainer_row(explainer, values, again, &base);
	EXPECT(memcmp(first, again, sizeof first) == 0);
	explainer_free(explainer);
	forest_free(forest);
	free(values);
}

TEST(without_c_psi_there_are_no_contributions)
{
	double values[] = {1, 2};
	struct matrix matrix = {values, 1, 2, 2};
	struct train_options options = {1, 9, 1, false, false};
	struct forest *forest = forest_sample_fit(&options, &matrix);
	EXPECT(explainer_log2(forest, 3.0) == 0.0);
	forest_free(forest);
}

TEST(n_points_integrate_polynomials_of_degree_2n_minus_1)
{
	for (size_t n = 1; n <= QUADRATURE_POINTS_MAX; n++) {
		double points[QUADRATURE_POINTS_MAX], weights[QUADRATURE_POINTS_MAX];
		quadrature_make(n, points, weights);
		for (size_t degree = 0; degree < 2 * n; degree++) {
			double sum = 0;
			for (size_t q = 0; q < n; q++)
				sum += weights[q] * pow(points[q], (double)degree);
			EXPECT(fabs(sum - 1.0 / (double)(degree + 1)) < 1e-15 * (double)(n + 1));
		}
		for (size_t q = 0; q < n; q++)
			EXPECT(points[q] > 0 && points[q] < 1 && weights[q] > 0 &&
			       (q == 0 || points[q] > points[q - 1]));
	}
}

TEST(imported_forests_are_explained_as_shap_does)
{
	static const char *const names[] = {"tiny", "cardio", "ionosphere", "breastw_subfeat"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct forest_parts parts;
		struct err err = {0};
		char path[256];
		double *values, worst = 0, *phi, base;
		size_t rows, columns;
		snprintf(path, sizeof path, "../shared/data/golden/%s.rows.csv.gz", names[i]);
		if (!forest_sample_golden(names[i], &parts) || !forest_sample_csv(path, &values, &rows, &columns)) {
			printf("skip %s: no ../shared/data\n", names[i]);
			continue;
		}
		size_t width = parts.columns;
		struct forest *forest = forest_take(&parts, &err);
		struct explainer *explainer = explainer_new(forest);
		phi = calloc(width, sizeof *phi);
		for (size_t r = 0; r < rows; r++) {
			const double *row = values + r * columns + 1;
			explainer_row(explainer, row, phi, &base);
			worst = fmax(worst, largest_difference(phi, row + width + 2, width));
		}
		EXPECT(rows > 0 && columns == 3 + 2 * width);
		EXPECT(worst <= TOLERANCE);
		printf("  %s: largest difference of a contribution %.2g\n", names[i], worst);
		free(phi);
		free(values);
		explainer_free(explainer);
		forest_free(forest);
	}
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(contributions_equal_all_coalitions),
					CASE(a_column_that_splits_again_and_again_on_a_path_is_one_player),
					CASE(paths_of_sixty_four_different_columns_stay_exact),
					CASE(columns_never_split_on_and_missing_ones_get_exactly_nothing),
					CASE(a_row_of_nothing_but_missing_values_has_the_base_as_its_path),
					CASE(contributions_in_log2_add_up_to_the_score),
					CASE(an_explanation_does_not_depend_on_the_row_before),
					CASE(without_c_psi_there_are_no_contributions),
					CASE(n_points_integrate_polynomials_of_degree_2n_minus_1),
					CASE(imported_forests_are_explained_as_shap_does),
					{0}},
			argc, argv);
}
