#include "test/twin/model_sample.h"

#include "test/twin/forest_sample.h"

#include <stdio.h>
#include <stdlib.h>

struct model *model_sample(const struct train_options *options, size_t rows, size_t columns)
{
	struct rng rng;
	struct err err = {0};
	rng_seed(&rng, options->seed + 1);
	double *values = forest_sample_values(&rng, rows, columns, 0.05);
	double *scores = malloc(rows * sizeof *scores);
	struct matrix matrix = {values, rows, columns, columns};
	struct model *model = model_new(columns);
	if (scores == NULL || model == NULL)
		abort();
	model->options = *options;
	model->forest = forest_sample_fit(options, &matrix);
	if (forest_score(model->forest, &matrix, scores, &err) != 0 ||
	    calibration_make(&model->calibration, scores, rows, &err) != 0 ||
	    reference_make(model->references, &matrix, &err) != 0)
		abort();
	for (size_t i = 0; i < columns; i++) {
		char name[32];
		snprintf(name, sizeof name, "x%zu", i);
		if ((model->features[i] = strdup(name)) == NULL)
			abort();
	}
	sha256_hex(slice_of("rows"), model->trained_on.sha256);
	model->trained_on.rows = model->calibrated_on.rows = rows;
	model->trained_on.rows_left_out = 3;
	model->trained_on.order_assumed = true;
	model->calibrated_on.time_from_ms = INT64_C(1532476800000);
	model->calibrated_on.time_to_ms = INT64_C(1532476800000) + 2 * 86400000;
	free(scores);
	free(values);
	return model;
}
