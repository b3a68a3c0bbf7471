#include "detectors/model.h"
#include "sort.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The p-th percentile of ascending values by nearest rank. */
static double percentile(const double *values, size_t count, size_t p)
{
	assert(count > 0 && p >= 1 && p <= 100 && count <= SIZE_MAX / 100);
	return values[(p * count + 99) / 100 - 1];
}

static struct feature_reference describe(const double *values, size_t present, size_t rows)
{
	struct feature_reference reference = {.p5 = NAN, .median = NAN, .p95 = NAN, .minimum = NAN, .maximum = NAN};
	reference.missing_share = (double)(rows - present) / (double)rows;
	if (present == 0)
		return reference;
	reference.p5 = percentile(values, present, 5);
	reference.median = percentile(values, present, 50);
	reference.p95 = percentile(values, present, 95);
	reference.minimum = values[0];
	reference.maximum = values[present - 1];
	for (size_t decile = 1; decile <= MODEL_DRIFT_EDGES_MAX; decile++) {
		double edge = percentile(values, present, 10 * decile);
		if (reference.edge_count == 0 || edge > reference.edges[reference.edge_count - 1])
			reference.edges[reference.edge_count++] = edge;
	}
	return reference;
}

int reference_make(struct feature_reference *references, const struct matrix *sample, struct err *err)
{
	assert(sample->stride >= sample->columns);
	if (sample->rows == 0)
		return err_set(err, ERR_DATA, "there are no rows to take references from");
	if (sample->rows > SIZE_MAX / sizeof(double))
		return err_memory(err);
	double *values = malloc(sample->rows * sizeof *values);
	int status = values == NULL ? -1 : 0;
	for (size_t column = 0; status == 0 && column < sample->columns; column++) {
		size_t present = 0;
		for (size_t row = 0; row < sample->rows; row++) {
			double value = sample->values[row * sample->stride + column];
			if (isnan(value))
				continue;
			value = value > DBL_MAX ? DBL_MAX : value < -DBL_MAX ? -DBL_MAX : value;
			values[present++] = value + 0.0; /* no -0: zeros are alike */
		}
		status = sort_doubles(values, present);
		references[column] = describe(values, present, sample->rows);
	}
	free(values);
	return status == 0 ? 0 : err_memory(err);
}
