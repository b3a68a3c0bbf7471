#include "daemon/cmd/training.h"

#include <assert.h>
#include <stdlib.h>

#define BLOCK_ROWS 4096 /* scored together */

struct training {
	const struct training_options *options;
	const char *what; /* the pass at hand */
	uint64_t seen;    /* rows of this pass, warming ones too */
};

/* Some rows in the file's order, picked by their numbers. */
struct picked {
	const uint64_t *numbers; /* ascending, borrowed */
	size_t count;
	size_t next;    /* the first one not there yet */
	double *values; /* owned */
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

/* First pass: how many rows, and of what. */
static int survey(struct training *training, struct vectors *rows, struct sha256 *hash, struct model_source *source,
		  double *row, struct err *err)
{
	int status;
	begin_pass(training, "reading");
	while ((status = next_row(training, rows, row, &source->rows_left_out, err)) == 1) {
		source->rows++;
		if (take_time(rows, source, err) < 0)
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
	return (struct matrix){picked->values, picked->count, columns, columns};
}

/* Second pass: fetches the rows that were drawn. */
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

/* Draws, fetches, grows; fills forest and references. */
static int grow(struct training *training, struct vectors *rows, struct model *model, double *row, struct err *err)
{
	const struct train_options *options = &training->options->train;
	struct train_plan plan = {0};
	struct picked drawn = {0}, reference = {0};
	uint64_t *numbers = NULL;
	size_t count, columns = rows->count;
	int status = -1;
	if (train_plan_make(options, model->trained_on.rows, &plan, err) != 0 ||
	    train_reference_rows(options, model->trained_on.rows, &numbers, &count, err) != 0)
		goto free_numbers;
	if (begin_picked(&drawn, plan.distinct, plan.distinct_count, columns, err) != 0 ||
	    begin_picked(&reference, numbers, count, columns, err) != 0 ||
	    fetch(training, rows, &drawn, &reference, row, err) != 0)
		goto free_picked;
	struct matrix sampled = matrix_of(&drawn, columns), usual = matrix_of(&reference, columns);
	model->forest = train_forest(options, &plan, &sampled, err);
	if (model->forest != NULL)
		status = reference_make(model->references, &usual, err);
free_picked:
	free(drawn.values);
	free(reference.values);
free_numbers:
	free(numbers);
	train_plan_free(&plan);
	return status;
}

/* The scores of calibration rows, as many as come. */
struct scores {
	double *values; /* owned */
	size_t count, capacity;
};

static int score_block(const struct model *model, const double *block, size_t rows, struct scores *scores,
		       struct err *err)
{
	if (scores->count + rows > scores->capacity) {
		size_t capacity = scores->capacity == 0 ? 16 * BLOCK_ROWS : 2 * scores->capacity;
		double *values = realloc(scores->values, capacity * sizeof *values);
		if (values == NULL)
			return err_memory(err);
		scores->values = values;
		scores->capacity = capacity;
	}
	struct matrix matrix = {block, rows, model->feature_count, model->feature_count};
	if (forest_score(model->forest, &matrix, scores->values + scores->count, err) != 0)
		return -1;
	scores->count += rows;
	return 0;
}

static int score_all(struct training *training, struct vectors *rows, const struct model *model, bool times,
		     struct model_source *source, struct scores *scores, struct err *err)
{
	size_t columns = model->feature_count, filled = 0;
	double *block = calloc(BLOCK_ROWS * columns, sizeof *block);
	int status = block == NULL ? err_memory(err) : 1;
	begin_pass(training, "calibrating");
	while (status == 1 &&
	       (status = next_row(training, rows, block + filled * columns, &source->rows_left_out, err)) == 1) {
		source->rows++;
		if (times && take_time(rows, source, err) < 0)
			status = -1;
		else if (++filled == BLOCK_ROWS) {
			status = score_block(model, block, filled, scores, err) == 0 ? 1 : -1;
			filled = 0;
		}
	}
	if (status == 0)
		status = score_block(model, block, filled, scores, err);
	free(block);
	return status;
}

/* Third pass: the calibration. */
static int calibrate(struct training *training, struct vectors *rows, struct vectors *others, struct sha256 *hash,
		     struct model *model, struct err *err)
{
	struct scores scores = {0};
	struct model_source repeated = {.rows = 0}, *source = others == NULL ? &repeated : &model->calibrated_on;
	struct vectors *from = others == NULL ? rows : others;
	int status = -1;
	if ((others == NULL && csv_rewind(rows->csv, err) != 0) ||
	    score_all(training, from, model, others != NULL, source, &scores, err) != 0)
		goto free_scores;
	if (source->rows == 0)
		status = no_rows(from, source, err);
	else
		status = calibration_make(&model->calibration, scores.values, scores.count, err);
	if (others != NULL)
		end_hash(hash, &model->calibrated_on);
free_scores:
	free(scores.values);
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
	if (survey(&training, rows, hash, &model->trained_on, row, err) == 0 &&
	    grow(&training, rows, model, row, err) == 0 &&
	    calibrate(&training, rows, calibrate_rows, calibrate_hash, model, err) == 0) {
		if (calibrate_rows == NULL)
			model->calibrated_on = model->trained_on;
		free(row);
		return model;
	}
free_model:
	free(row);
	model_free(model);
	return NULL;
}

/* Second pass over rows that no tree draws: what is usual. */
static int take_references(struct training *training, struct vectors *rows, struct model *model, double *row,
			   struct err *err)
{
	struct picked none = {.count = 0}, reference = {.count = 0};
	uint64_t *numbers = NULL;
	size_t count;
	int status = -1;
	if (train_reference_rows(&model->options, model->calibrated_on.rows, &numbers, &count, err) == 0 &&
	    begin_picked(&reference, numbers, count, rows->count, err) == 0 &&
	    fetch(training, rows, &none, &reference, row, err) == 0) {
		struct matrix usual = matrix_of(&reference, rows->count);
		status = reference_make(model->references, &usual, err);
	}
	free(reference.values);
	free(numbers);
	return status;
}

int training_calibrate(const struct training_options *options, struct vectors *rows, struct sha256 *hash,
		       struct model *model, struct err *err)
{
	assert(rows->count == model->feature_count);
	struct training training = {.options = options};
	double *row = calloc(rows->count, sizeof *row);
	int status = -1;
	if (row == NULL)
		(void)err_memory(err);
	else if (survey(&training, rows, hash, &model->calibrated_on, row, err) == 0 &&
		 take_references(&training, rows, model, row, err) == 0)
		status = calibrate(&training, rows, NULL, NULL, model, err);
	model->calibrated_on.order_assumed = options->calibrate_order_assumed;
	free(row);
	return status;
}
