#include "daemon/cmd/training.h"
#include "rng.h"
#include "test/twin/forest_sample.h"
#include "test/unit/files.h"
#include "test/unit/test.h"

/* One row more than may be held: a wide file, so that it is short. */
#define COLUMNS FOREST_COLUMNS_MAX
#define MOST (TRAIN_REFERENCE_VALUES_MAX / COLUMNS)
#define ROWS (MOST + 1)

static double *write_wide(const char *name)
{
	FILE *file = fopen(files_path(name), "w");
	double *values = malloc(sizeof *values * ROWS * COLUMNS), *at = values;
	struct rng rng;
	rng_seed(&rng, 4);
	EXPECT(file != NULL && values != NULL);
	for (int column = 0; column < COLUMNS; column++)
		fprintf(file, "c%d%c", column, column + 1 < COLUMNS ? ',' : '\n');
	for (int row = 0; row < ROWS; row++)
		for (int column = 0; column < COLUMNS; column++, at++) {
			*at = (double)rng_below(&rng, 10);
			fputc('0' + (int)*at, file);
			fputc(column + 1 < COLUMNS ? ',' : '\n', file);
		}
	EXPECT(fclose(file) == 0);
	return values;
}

static struct model *train_file(const char *name, const char *calibrate)
{
	struct vectors rows, others;
	struct sha256 hash, others_hash;
	struct err err = {0};
	struct training_options options = {.train = {5, 32, 11, false}};
	sha256_init(&hash);
	sha256_init(&others_hash);
	EXPECT(vectors_open(&rows, files_path(name), true, &hash, &err) == 0);
	EXPECT(vectors_choose_rest(&rows, NULL, 0, &err) == 0);
	if (calibrate != NULL) {
		EXPECT(vectors_open(&others, files_path(calibrate), true, &others_hash, &err) == 0);
		EXPECT(vectors_choose_rest(&others, NULL, 0, &err) == 0);
	}
	struct model *model =
	    training_run(&options, &rows, &hash, calibrate == NULL ? NULL : &others, &others_hash, &err);
	EXPECT_TEXT(err.message, "");
	EXPECT(model != NULL);
	vectors_close(&rows);
	if (calibrate != NULL)
		vectors_close(&others);
	return model;
}

/* What a model says of itself, with the names and sources of another. */
static void take_names(struct model *model, const struct model *from)
{
	for (size_t i = 0; i < COLUMNS; i++)
		model->features[i] = strdup(from->features[i]);
	model->trained_on = from->trained_on;
	model->calibrated_on = from->calibrated_on;
}

TEST(a_file_too_long_to_be_held_trains_as_one_in_memory)
{
	double *values = write_wide("wide.csv");
	struct matrix matrix = {values, ROWS, COLUMNS, COLUMNS};
	struct train_options options = {5, 32, 11, false, false};
	struct err err = {0};
	uint64_t *numbers;
	size_t count;
	EXPECT(train_reference_rows(&options, ROWS, COLUMNS, &numbers, &count, &err) == 0);
	EXPECT_INT(count, MOST);
	double *reference = malloc(sizeof *reference * count * COLUMNS), *scores = malloc(count * sizeof *scores);
	for (size_t i = 0; i < count; i++)
		memcpy(reference + i * COLUMNS, values + numbers[i] * COLUMNS, sizeof *reference * COLUMNS);
	struct matrix usual = {reference, count, COLUMNS, COLUMNS};
	struct model *twin = model_new(COLUMNS), *model = train_file("wide.csv", NULL);
	twin->options = options;
	twin->forest = forest_sample_fit(&options, &matrix);
	EXPECT(reference_make(twin->references, &usual, &err) == 0);
	EXPECT(forest_score(twin->forest, &usual, scores, &err) == 0);
	EXPECT(calibration_make(&twin->calibration, scores, count, &err) == 0);
	take_names(twin, model);
	struct buffer wanted, found;
	buffer_init(&wanted);
	buffer_init(&found);
	model_write(twin, &wanted);
	model_write(model, &found);
	EXPECT(wanted.length == found.length && memcmp(wanted.data, found.data, wanted.length) == 0);
	EXPECT_INT(model->trained_on.rows, ROWS);
	EXPECT_INT(model->calibrated_on.rows, ROWS);
	EXPECT_INT(model->calibration.n, MOST);
	buffer_free(&wanted);
	buffer_free(&found);
	model_free(twin);
	free(numbers);
	free(reference);
	free(scores);
	free(values);
	model_free(model);
}

TEST(a_calibration_file_too_long_to_be_held_is_drawn_from)
{
	double *values = write_wide("wide.csv");
	FILE *file = fopen(files_path("short.csv"), "w"), *wide = fopen(files_path("wide.csv"), "r");
	static char line[8 * COLUMNS];
	for (int i = 0; i < 100 && fgets(line, sizeof line, wide) != NULL; i++)
		fputs(line, file);
	EXPECT(fclose(file) == 0 && fclose(wide) == 0);
	struct model *model = train_file("short.csv", "wide.csv");
	EXPECT_INT(model->trained_on.rows, 99);
	EXPECT_INT(model->calibrated_on.rows, ROWS);
	uint64_t *numbers;
	size_t count;
	struct err err = {0};
	EXPECT(train_reference_rows(&model->options, ROWS, COLUMNS, &numbers, &count, &err) == 0);
	double *scores = malloc(count * sizeof *scores);
	for (size_t i = 0; i < count; i++) {
		struct matrix row = {values + numbers[i] * COLUMNS, 1, COLUMNS, COLUMNS};
		EXPECT(forest_score(model->forest, &row, &scores[i], &err) == 0);
	}
	struct calibration twin;
	EXPECT(calibration_make(&twin, scores, count, &err) == 0);
	EXPECT(memcmp(&twin, &model->calibration, sizeof twin) == 0);
	model_free(model);
	free(numbers);
	free(scores);
	free(values);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_file_too_long_to_be_held_trains_as_one_in_memory),
					CASE(a_calibration_file_too_long_to_be_held_is_drawn_from),
					{0}},
			argc, argv);
}
