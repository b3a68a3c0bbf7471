#include "detectors/policy.h"

#include <assert.h>
#include <math.h>

#define DAY_MS (24 * 60 * 60 * 1000)

/* The score of which so many calibration scores are not below: the wanted-th highest, or the next higher one that is kept. */
static double highest_of(const struct calibration *calibration, uint64_t wanted)
{
	assert(wanted >= 1 && wanted <= calibration->n);
	if (wanted <= calibration->highest_count)
		return calibration->highest[wanted - 1];
	/* q_i is the score of rank ceil(i n / 1000): the least i whose rank is not below that of the score looked for. */
	uint64_t n = calibration->n, rank = n - wanted + 1;
	for (size_t i = 1; i < MODEL_QUANTILES; i++)
		if (i * (n / 1000) + (i * (n % 1000) + 999) / 1000 >= rank)
			return calibration->quantiles[i];
	return calibration->quantiles[MODEL_QUANTILES - 1];
}

static int alerts_per_day(double alerts, const struct model *model, double *threshold, struct err *err)
{
	const struct calibration *calibration = &model->calibration;
	const struct model_source *source = &model->calibrated_on;
	if (!(alerts > 0.0 && alerts <= 1e15))
		return err_set(err, ERR_CONFIG, "alerts_per_day %.9g must be greater than 0", alerts);
	if (calibration->n == 0)
		return err_set(
		    err, ERR_CONFIG,
		    "alerts_per_day needs calibration scores, and the model has none; use an absolute threshold");
	if (source->time_from_ms == MODEL_TIME_UNKNOWN || source->time_to_ms == MODEL_TIME_UNKNOWN ||
	    source->time_to_ms <= source->time_from_ms)
		return err_set(err, ERR_CONFIG,
			       "alerts_per_day needs the time range of the calibration rows, and the model does not "
			       "have it; use a quantile");
	double days = (double)(source->time_to_ms - source->time_from_ms) / DAY_MS;
	double rows = (double)source->rows, n = (double)calibration->n; /* of a long file n of the rows were scored */
	double wanted = floor(alerts * days * (n / rows) + 0.5);
	if (wanted > n)
		return err_set(err, ERR_CONFIG,
			       "alerts_per_day %.9g is more than there are events: %.9g a day in the calibration rows",
			       alerts, rows / days);
	*threshold = highest_of(calibration, wanted < 1.0 ? 1 : (uint64_t)wanted);
	return 0;
}

int policy_threshold(const struct threshold_options *options, const struct model *model, double *threshold,
		     struct err *err)
{
	assert(options != NULL && model != NULL);
	switch (options->kind) {
	case THRESHOLD_ABSOLUTE:
		if (!isfinite(options->value) || options->value < 0.0 || options->value > 1.0)
			return err_set(err, ERR_CONFIG, "absolute threshold %.9g must be from 0 to 1", options->value);
		*threshold = options->value;
		return 0;
	case THRESHOLD_QUANTILE:
		return calibration_quantile(&model->calibration, options->value, threshold, err);
	case THRESHOLD_ALERTS_PER_DAY:
		return alerts_per_day(options->value, model, threshold, err);
	}
	return err_set(err, ERR_INTERNAL, "threshold kind %d is not known", (int)options->kind);
}
