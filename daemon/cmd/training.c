#include "daemon/cmd/training.h"

#include <assert.h>
#include <stdlib.h>

#define BLOCK_ROWS 4096 /* scored together */

struct training {
	const struct training_options *options;
	const char *what; /* the pass at hand */
	uint64_t seen;    /* rows of this pass, warming ones too */
};

/* Rows in the file's order: all of them, or those of some numbers. */
struct picked {
	const uint64_t *numbers; /* ascending, borrowed; NULL: all */
	size_t count;            /* rows that there is place for, or are wanted */
	size_t next;             /* rows there are */
	double *values;          /* owned */
};

static void begin_pass(struct training *training, const char *what)
{
	training->what = what;
	training->seen = 0;
}

/* The next row that is not warming: 1, at the end 0, -1. */
static int next_row(struct training *training, struct vectors *vectors, double *row, uint64_t *left_out,
		    struct err *err)
{
	for (;;) {
		int status = vectors_next(vectors, row, err);
		if (status <= 0)
			return status;
		const struct input *input = csv_input(vectors->csv);
		if (++training->seen % BLOCK_ROWS == 0 && training->options->progress != NULL)
			training->options->progress(training->options->context, training->what, training->seen,
						    input->read, input->size);
		if (!vectors_warming(vectors))
			return 1;
		++*left_out;
	}
}

static int take_time(const struct vectors *vectors, struct model_source *source, struct err *err)
{
	int64_t time;
	int status = vectors_time(vectors, &time, err);
	if (status <= 0)
		return status;
	if (source->time_from_ms == MODEL_TIME_UNKNOWN || time < source->time_from_ms)
		source->time_from_ms = time;
	if (source->time_to_ms == MODEL_TIME_UNKNOWN || time > source->time_to_ms)
		source->time_to_ms = time;
	return 0;
}

static int no_rows(const struct vectors *vectors, const struct model_source *source, struct err *err)
{
	return err_set(err, ERR_DATA, "%s: no rows to use (%llu left out because a feature was warming)",
		       csv_input(vectors->csv)->name, (unsigned long long)source->rows_left_out);
}

static void end_hash(struct sha256 *hash, struct model_source *source)
{
	uint8_t digest[SHA256_BYTES];
	sha256_end(hash, digest);
	hex_of(digest, sizeof digest, source->sha256);
}

/* Keeps a row as long as all of them may be the reference; with one too many none is kept. */
static int keep(struct picked *kept, const double *row, size_t columns, struct err *err)
{
	size_t most = train_reference_most(columns);
	if (kept->next == most) {
		free(kept->values);
		*kept = (struct picked){.next = SIZE_MAX};
	}
	if (kept->next == SIZE_MAX)
		return 0;
	if (kept->next == kept->count) {
		size_t count = kept->count == 0 ? BLOCK_ROWS : 2 * kept->count;
		count = count < most ? count : most;
		double *values = realloc(kept->values, count * columns * sizeof *values);
		if (values == NULL)
			return err_memory(err);
		kept->values = values;
		kept->count = count;
	}
	memcpy(kept->values + kept->next++ * columns, row, columns * sizeof *row);
	return 0;
}

/* First pass: how many rows, and of what; kept->values is NULL where they are too many. */
static int survey(struct training *training, struct vectors *rows, struct sha256 *hash, struct model_source *source,
		  double *row, struct picked *kept, struct err *err)
{
	int status;
	begin_pass(training, "reading");
	while ((status = next_row(training, rows, row, &source->rows_left_out, err)) == 1) {
		source->rows++;
		if (take_time(rows, source, err) < 0 || keep(kept, row, rows->count, err) != 0)
			return -1;
	}
	if (status < 0)
		return -1;
	end_hash(hash, source);
	return source->rows > 0 ? 0 : no_rows(rows, source, err);
}

static int begin_picked(struct picked *picked, const uint64_t *numbers, size_t count, size_t columns, struct err *err)
{
	*picked = (struct picked){.numbers = numbers, .count = count};
	picked->values = columns == 0 || count > SIZE_MAX / columns ? NULL : calloc(count * columns, sizeof(double));
	return picked->values == NULL ? err_memory(err) : 0;
}

static void pick(struct picked *picked, uint64_t number, const double *row, size_t columns)
{
	if (picked->next == picked->count || picked->numbers[picked->next] != number)
		return;
	memcpy(picked->values + picked->next++ * columns, row, columns * sizeof *row);
}

static struct matrix matrix_of(const struct picked *picked, size_t columns)
{
	return (struct matrix){picked->values, picked->next, columns, columns};
}

/* Second pass over a long file: fetches the rows that were drawn. */
static int fetch(struct training *training, struct vectors *rows, struct picked *drawn, struct picked *reference,
		 double *row, struct err *err)
{
	int status;
	uint64_t left_out = 0;
	if (csv_rewind(rows->csv, err) != 0)
		return -1;
	begin_pass(training, "sampling");
	for (uint64_t number = 0; (status = next_row(training, rows, row, &left_out, err)) == 1; number++) {
		pick(drawn, number, row, rows->count);
		pick(reference, number, row, rows->count);
	}
	if (status < 0)
		return -1;
	if (drawn->next < drawn->count || reference->next < reference->count)
		return err_set(err, ERR_DATA, "%s: has changed while it was read", csv_input(rows->csv)->name);
	return 0;
}

/* Fills `drawn` with the rows of these numbers, and `reference`, which has all rows or none yet. */
static int sample(struct training *training, struct vectors *rows, uint64_t row_count, const uint64_t *numbers,
		  size_t count, struct picked *drawn, struct picked *reference, double *row, struct err *err)
{
	uint64_t *wanted;
	size_t wanted_count;
	if (count > 0 && begin_picked(drawn, numbers, count, rows->count, err) != 0)
		return -1;
	if (reference->values != NULL) {
		for (size_t i = 0; i < count; i++)
			pick(drawn, numbers[i], reference->values + numbers[i] * rows->count, rows->count);
		return 0;
	}
	if (train_reference_rows(&training->options->train, row_count, rows->count, &wanted, &wanted_count, err) != 0)
		return -1;
	int status = begin_picked(reference, wanted, wanted_count, rows->count, err);
	if (status == 0)
		status = fetch(training, rows, drawn, reference, row, err);
	free(wanted);
	reference->numbers = NULL;
	return status;
}

/* Draws, fetches, grows; fills forest and references. */
static int grow(struct training *training, struct vectors *rows, struct model *model, double *row,
		struct picked *reference, struct err *err)
{
	const struct train_options *options = &training->options->train;
	struct train_plan plan = {0};
	struct picked drawn = {0};
	int status = -1;
	if (train_plan_make(options, model->trained_on.rows, &plan, err) == 0 &&
	    sample(training, rows, model->trained_on.rows, plan.distinct, plan.distinct_count, &drawn, reference, row,
		   err) == 0) {
		struct matrix sampled = matrix_of(&drawn, rows->count), usual = matrix_of(reference, rows->count);
		model->forest = train_forest(options, &plan, &sampled, err);
		if (model->forest != NULL)
			status = reference_make(model->references, &usual, err);
	}
	free(drawn.values);
	train_plan_free(&plan);
	return status;
}

/* The scores of the reference rows make the calibration. */
static int score_all(struct training *training, const struct picked *reference, struct model *model, struct err *err)
{
	struct matrix rows = matrix_of(reference, model->feature_count);
	double *scores = malloc(rows.rows * sizeof *scores);
	if (scores == NULL)
		return err_memory(err);
	int status = 0;
	begin_pass(training, "calibrating");
	for (size_t from = 0; status == 0 && from < rows.rows; from += BLOCK_ROWS) {
		struct matrix block = rows;
		block.values += from * rows.stride;
		block.rows = rows.rows - from < BLOCK_ROWS ? rows.rows - from : BLOCK_ROWS;
		status = forest_score(model->forest, &block, scores + from, err);
		if (training->options->progress != NULL)
			training->options->progress(training->options->context, training->what, from, from, rows.rows);
	}
	if (status == 0)
		status = calibration_make(&model->calibration, scores, rows.rows, err);
	free(scores);
	return status;
}

static int calibrate(struct training *training, struct vectors *others, struct sha256 *hash, struct model *model,
		     double *row, struct err *err)
{
	struct picked reference = {0}, none = {0};
	struct model_source *source = &model->calibrated_on;
	int status = -1;
	if (survey(training, others, hash, source, row, &reference, err) == 0 &&
	    sample(training, others, source->rows, NULL, 0, &none, &reference, row, err) == 0)
		status = score_all(training, &reference, model, err);
	free(reference.values);
	return status;
}

/* From the rows to all that the model says of them. */
static int train(struct training *training, struct vectors *rows, struct sha256 *hash, struct vectors *others,
		 struct sha256 *others_hash, struct model *model, double *row, struct err *err)
{
	struct picked reference = {0};
	int status = survey(training, rows, hash, &model->trained_on, row, &reference, err);
	if (status == 0)
		status = grow(training, rows, model, row, &reference, err);
	if (status == 0 && others == NULL) {
		model->calibrated_on = model->trained_on;
		status = score_all(training, &reference, model, err);
	}
	free(reference.values);
	if (status == 0 && others != NULL)
		status = calibrate(training, others, others_hash, model, row, err);
	return status;
}

struct model *training_run(const struct training_options *options, struct vectors *rows, struct sha256 *hash,
			   struct vectors *calibrate_rows, struct sha256 *calibrate_hash, struct err *err)
{
	assert(rows->count > 0 && (calibrate_rows == NULL || calibrate_rows->count == rows->count));
	struct training training = {.options = options};
	struct model *model = model_new(rows->count);
	double *row = calloc(rows->count, sizeof *row);
	if (model == NULL || row == NULL) {
		(void)err_memory(err);
		goto free_model;
	}
	model->options = options->train;
	for (size_t i = 0; i < rows->count; i++) {
		model->features[i] = strdup(rows->names[i]);
		if (model->features[i] == NULL) {
			(void)err_memory(err);
			goto free_model;
		}
	}
	model->trained_on.order_assumed = options->order_assumed;
	model->calibrated_on.order_assumed = options->calibrate_order_assumed;
	if (train(&training, rows, hash, calibrate_rows, calibrate_hash, model, row, err) == 0) {
		free(row);
		return model;
	}
free_model:
	free(row);
	model_free(model);
	return NULL;
}

int training_calibrate(const struct training_options *options, struct vectors *rows, struct sha256 *hash,
		       struct model *model, struct err *err)
{
	assert(rows->count == model->feature_count);
	struct training training = {.options = options};
	struct picked reference = {0}, none = {0};
	struct model_source *source = &model->calibrated_on;
	double *row = calloc(rows->count, sizeof *row);
	int status = row == NULL ? err_memory(err) : survey(&training, rows, hash, source, row, &reference, err);
	if (status == 0)
		status = sample(&training, rows, source->rows, NULL, 0, &none, &reference, row, err);
	if (status == 0) {
		struct matrix usual = matrix_of(&reference, rows->count);
		status = reference_make(model->references, &usual, err);
	}
	if (status == 0)
		status = score_all(&training, &reference, model, err);
	model->calibrated_on.order_assumed = options->calibrate_order_assumed;
	free(reference.values);
	free(row);
	return status;
}
