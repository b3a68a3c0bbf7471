#include "detectors/model.h"
#include "rng.h"
#include "test/twin/model_sample.h"
#include "test/unit/test.h"

#include <float.h>

#define GOLDEN_PATH "test/data/model-golden.json"
#define GOLDEN_ID "7380a53e5d9c3bb052ba1c7b0e9fce9d4e9f456b978ff047dd4126e31b15ca02"

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

/* n seeded scores in [0.3, 0.8), with ties where levels is not 0. */
static double *make_scores(uint64_t n, uint64_t levels, uint64_t seed)
{
	struct rng rng;
	rng_seed(&rng, seed);
	double *scores = malloc(n * sizeof *scores);
	for (uint64_t i = 0; i < n; i++) {
		double u = rng_uniform(&rng);
		scores[i] = 0.3 + (levels == 0 ? u : floor(u * (double)levels) / (double)levels) / 2;
	}
	return scores;
}

TEST(quantiles_are_scores_by_nearest_rank)
{
	static const uint64_t sizes[] = {1, 2, 3, 7, 10, 999, 1000, 1001, 2000, 4321};
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		uint64_t n = sizes[s];
		double *scores = make_scores(n, s % 2 * 50, s), score;
		struct calibration *calibration = malloc(sizeof *calibration);
		struct err err = {0};
		EXPECT(calibration_make(calibration, scores, n, &err) == 0);
		EXPECT_INT(calibration->n, n);
		EXPECT_INT(calibration->highest_count, n < 1000 ? n : 1000);
		EXPECT(calibration->quantiles[0] == scores[0] && calibration->quantiles[1000] == scores[n - 1]);
		for (uint64_t i = 1; i <= 1000; i++) {
			uint64_t rank = i * n / 1000 + (i * n % 1000 != 0);
			EXPECT(calibration->quantiles[i] == scores[rank - 1]);
			EXPECT(calibration_quantile(calibration, (double)i / 1000, &score, &err) == 0);
			EXPECT(score == scores[rank - 1]);
		}
		for (size_t i = 0; i < calibration->highest_count; i++)
			EXPECT(calibration->highest[i] == scores[n - 1 - i]);
		EXPECT(calibration_quantile(calibration, 0.0, &score, &err) == 0 && score == scores[0]);
		free(calibration);
		free(scores);
	}
}

TEST(fine_quantiles_come_from_the_highest_scores)
{
	const uint64_t n = 100000;
	double *scores = make_scores(n, 0, 1), score;
	struct calibration *calibration = malloc(sizeof *calibration);
	struct err err = {0};
	EXPECT(calibration_make(calibration, scores, n, &err) == 0);
	EXPECT(calibration_quantile(calibration, 0.99999, &score, &err) == 0 && score == scores[99999 - 1]);
	EXPECT(calibration_quantile(calibration, 0.999995, &score, &err) == 0 && score == scores[100000 - 1]);
	EXPECT(calibration_quantile(calibration, 0.99995, &score, &err) == 0 && score == scores[99995 - 1]);
	EXPECT(calibration_quantile(calibration, 0.99001, &score, &err) == 0 && score == scores[99001 - 1]);
	EXPECT(calibration_quantile(calibration, 0.07, &score, &err) == 0 && score == scores[7000 - 1]);
	EXPECT(calibration_quantile(calibration, 0.98995, &score, &err) == -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT_TEXT(err.message, "quantile 0.98995 must be a multiple of 0.001: of 100000 calibration scores only the "
				 "highest 1000 are kept singly");
	free(calibration);
	free(scores);
}

TEST(quantiles_outside_0_to_1_are_refused)
{
	static const double wrong[] = {-0.001, 1.001, NAN, INFINITY};
	struct calibration *calibration = calloc(1, sizeof *calibration);
	double score = 0.4;
	struct err first = {0};
	EXPECT(calibration_make(calibration, &score, 1, &first) == 0);
	for (size_t i = 0; i < 4; i++) {
		struct err err = {0};
		EXPECT(calibration_quantile(calibration, wrong[i], &score, &err) == -1);
		EXPECT_INT(err.code, ERR_CONFIG);
	}
	struct err err = {0};
	EXPECT(calibration_quantile(calibration, 1.5, &score, &err) == -1);
	EXPECT_TEXT(err.message, "quantile 1.5 must be from 0 to 1");
	free(calibration);
}

TEST(no_scores_make_no_calibration)
{
	struct calibration *calibration = malloc(sizeof *calibration);
	double score = 0;
	struct err err = {0}, second = {0};
	EXPECT(calibration_make(calibration, &score, 0, &err) == -1);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT_TEXT(err.message, "there are no scores to calibrate with");
	EXPECT(isnan(calibration_rank(calibration, 0.5)));
	EXPECT(calibration_quantile(calibration, 0.99, &score, &second) == -1);
	EXPECT_TEXT(second.message, "the model has no calibration scores, so no quantile; use an absolute threshold");
	free(calibration);
}

/* The definition, term by term. */
static double rank_by_counting(const struct calibration *calibration, double score)
{
	uint64_t count = 0;
	if (score > calibration->highest[calibration->highest_count - 1]) {
		for (size_t i = 0; i < calibration->highest_count; i++)
			count += calibration->highest[i] >= score;
		return (double)(calibration->n - count) / (double)calibration->n;
	}
	for (size_t i = 1; i <= 1000; i++)
		count += calibration->quantiles[i] < score;
	return (double)count / 1000;
}

TEST(ranks_are_shares_of_lower_calibration_scores)
{
	static const uint64_t sizes[] = {1, 5, 1000, 1001, 20000};
	for (size_t s = 0; s < 5; s++) {
		double *scores = make_scores(sizes[s], s % 2 * 30, s);
		struct calibration *calibration = malloc(sizeof *calibration);
		struct err err = {0};
		EXPECT(calibration_make(calibration, scores, sizes[s], &err) == 0);
		for (int i = 0; i <= 1000; i++) {
			double score = i % 3 == 0 ? scores[(uint64_t)i * (sizes[s] - 1) / 1000] : 0.25 + i * 0.0006;
			EXPECT(calibration_rank(calibration, score) == rank_by_counting(calibration, score));
		}
		EXPECT(calibration_rank(calibration, 0.1) == 0.0 && calibration_rank(calibration, 0.9) == 1.0);
		free(calibration);
		free(scores);
	}
}

TEST(references_are_what_is_usual_by_nearest_rank)
{
	struct rng rng;
	rng_seed(&rng, 4);
	for (size_t rows = 1; rows < 300; rows += 1 + rows / 3) {
		double *values = malloc(rows * 4 * sizeof *values), *column = malloc(rows * sizeof *column);
		for (size_t i = 0; i < rows; i++) {
			values[4 * i] = rng_uniform(&rng);
			values[4 * i + 1] = floor(rng_uniform(&rng) * 4);
			values[4 * i + 2] = i % 3 == 1 ? NAN : rng_uniform(&rng);
			values[4 * i + 3] = 99; /* beyond the columns */
		}
		struct matrix matrix = {values, rows, 3, 4};
		struct feature_reference references[3];
		struct err err = {0};
		EXPECT(reference_make(references, &matrix, &err) == 0);
		for (size_t c = 0; c < 3; c++) {
			size_t m = 0, edges = 0;
			for (size_t i = 0; i < rows; i++)
				if (!isnan(values[4 * i + c]))
					column[m++] = values[4 * i + c];
			qsort(column, m, sizeof *column, compare);
			EXPECT(references[c].missing_share == (double)(rows - m) / (double)rows);
			EXPECT(references[c].minimum == column[0] && references[c].maximum == column[m - 1]);
			EXPECT(references[c].median == column[(m + 1) / 2 - 1]);
			EXPECT(references[c].p5 == column[(m * 5 + 99) / 100 - 1]);
			EXPECT(references[c].p95 == column[(m * 95 + 99) / 100 - 1]);
			for (size_t decile = 1; decile <= 9; decile++) {
				double edge = column[(m * decile + 9) / 10 - 1];
				if (edges > 0 && references[c].edges[edges - 1] == edge)
					continue;
				EXPECT(edges < references[c].edge_count && references[c].edges[edges] == edge);
				edges++;
			}
			EXPECT_INT(references[c].edge_count, edges);
		}
		free(values);
		free(column);
	}
}

TEST(references_know_missing_and_infinite_values)
{
	double values[] = {NAN, INFINITY, NAN, -INFINITY, NAN, -0.0};
	struct matrix matrix = {values, 3, 2, 2}, none = {values, 0, 2, 2};
	struct feature_reference references[2];
	struct err err = {0};
	EXPECT(reference_make(references, &matrix, &err) == 0);
	EXPECT(isnan(references[0].p5) && isnan(references[0].maximum) && references[0].edge_count == 0);
	EXPECT(references[0].missing_share == 1.0 && references[1].missing_share == 0.0);
	EXPECT(references[1].minimum == -DBL_MAX && references[1].maximum == DBL_MAX && references[1].median == 0.0);
	EXPECT(reference_make(references, &none, &err) == -1);
	EXPECT_TEXT(err.message, "there are no rows to take references from");
}

TEST(a_document_names_its_parts_in_canonical_order)
{
	static const char *const heads[] = {
	    "{\"c_psi\":",
	    ",\"calibrated_on\":{\"order_assumed\":false,\"rows\":30,\"rows_left_out\":0,\"sha256\":null,\"time_from_"
	    "ms\":1532476800000,\"time_to_ms\":1532649600000}",
	    ",\"calibration\":{\"highest\":[",
	    ",\"n\":30,\"quantiles\":[",
	    ",\"feature_set_id\":null,\"features\":[{\"edges\":[",
	    "\"name\":\"x0\",\"p5\":",
	    ",\"kind\":\"isolation_forest\",\"missing\":\"both\",\"parameters\":{\"psi\":8,\"sample\":8,\"seed\":"
	    "9007199254740992,\"trees\":2},\"trained_on\":{\"order_assumed\":true,\"rows\":30,\"rows_left_out\":3,"
	    "\"sha256\":\"",
	    "\",\"time_from_ms\":null,\"time_to_ms\":null},\"trees\":[{\"feature\":[",
	    "],\"left\":[1,",
	    "],\"right\":[",
	    "],\"rows\":[8,",
	    "],\"threshold\":[",
	    "],\"value\":[0,",
	    "]}],\"version\":1}"};
	struct train_options options = {2, 8, TRAIN_SEED_MAX, false, false};
	struct model *model = model_sample(&options, 30, 3);
	struct buffer document;
	buffer_init(&document);
	model_write(model, &document);
	buffer_add_byte(&document, 0);
	const char *at = (const char *)document.data;
	for (size_t i = 0; i < sizeof heads / sizeof *heads && at != NULL; i++) {
		const char *found = strstr(at, heads[i]);
		EXPECT(found != NULL);
		if (found == NULL)
			printf("  not found: %s\n", heads[i]);
		at = found == NULL ? NULL : found + strlen(heads[i]);
	}
	EXPECT(at != NULL && *at == 0);
	buffer_free(&document);
	model_free(model);
}

/* P6: the same rows and seed give the same bytes, whatever machine and compiler flags. The file is made by this test. */
TEST(a_model_trained_again_has_the_same_bytes)
{
	struct train_options options = {8, 16, 20180725, false, false};
	struct model *model = model_sample(&options, 60, 7);
	struct buffer document;
	char id[SHA256_HEX];
	buffer_init(&document);
	model_write(model, &document);
	sha256_hex(buffer_slice(&document), id);
	EXPECT_TEXT(id, GOLDEN_ID);
	FILE *file = fopen(GOLDEN_PATH, "rb");
	char *golden = malloc(document.length + 1);
	size_t length = file == NULL ? 0 : fread(golden, 1, document.length + 1, file);
	EXPECT(length == document.length && memcmp(golden, document.data, length) == 0);
	if (length != document.length || memcmp(golden, document.data, length) != 0) {
		FILE *made = fopen("/tmp/model-golden.json", "wb");
		if (made != NULL) {
			fwrite(document.data, 1, document.length, made);
			fclose(made);
			printf("  what was made instead is in /tmp/model-golden.json\n");
		}
	}
	if (file != NULL)
		fclose(file);
	free(golden);
	buffer_free(&document);
	model_free(model);
}

TEST(freeing_nothing_does_nothing)
{
	model_free(NULL);
	forest_free(NULL);
	struct model *model = model_new(3);
	EXPECT(model->feature_count == 3 && isnan(model->references[2].median));
	EXPECT(model->trained_on.time_to_ms == MODEL_TIME_UNKNOWN);
	model_free(model);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(quantiles_are_scores_by_nearest_rank),
					CASE(fine_quantiles_come_from_the_highest_scores),
					CASE(quantiles_outside_0_to_1_are_refused),
					CASE(no_scores_make_no_calibration),
					CASE(ranks_are_shares_of_lower_calibration_scores),
					CASE(references_are_what_is_usual_by_nearest_rank),
					CASE(references_know_missing_and_infinite_values),
					CASE(a_document_names_its_parts_in_canonical_order),
					CASE(a_model_trained_again_has_the_same_bytes),
					CASE(freeing_nothing_does_nothing),
					{0}},
			argc, argv);
}
