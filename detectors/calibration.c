#include "detectors/model.h"
#include "sort.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define PARTS 1000                /* quantiles are kept at steps of 1/PARTS */
#define UNITS INT64_C(1000000000) /* a quantile is read to nine decimals */

_Static_assert(MODEL_QUANTILES == PARTS + 1, "a quantile at each step, both ends included");

/* ceil(part * n / whole) in whole numbers; part at most whole, whole at most 2^30, n below 2^63: nothing overflows. */
static uint64_t rank_of_part(uint64_t part, uint64_t whole, uint64_t n)
{
	assert(part <= whole && whole <= UINT64_C(1) << 30);
	return part * (n / whole) + (part * (n % whole) + whole - 1) / whole;
}

int calibration_make(struct calibration *calibration, double *scores, uint64_t n, struct err *err)
{
	*calibration = (struct calibration){.n = n};
	if (n == 0)
		return err_set(err, ERR_DATA, "there are no scores to calibrate with");
	if (sort_doubles(scores, n) != 0)
		return err_memory(err);
	assert(!isnan(scores[0]) && !isnan(scores[n - 1]));
	calibration->quantiles[0] = scores[0];
	for (uint64_t i = 1; i <= PARTS; i++)
		calibration->quantiles[i] = scores[rank_of_part(i, PARTS, n) - 1];
	calibration->highest_count = n < MODEL_HIGHEST_MAX ? (size_t)n : MODEL_HIGHEST_MAX;
	for (size_t i = 0; i < calibration->highest_count; i++)
		calibration->highest[i] = scores[n - 1 - i];
	return 0;
}

int calibration_quantile(const struct calibration *calibration, double p, double *score, struct err *err)
{
	uint64_t n = calibration->n;
	if (!(p >= 0.0 && p <= 1.0))
		return err_set(err, ERR_CONFIG, "quantile %.9g must be from 0 to 1", p);
	if (n == 0)
		return err_set(err, ERR_CONFIG,
			       "the model has no calibration scores, so no quantile; use an absolute threshold");
	uint64_t units = (uint64_t)rint(p * (double)UNITS);
	uint64_t rank = rank_of_part(units, (uint64_t)UNITS, n);
	rank = rank == 0 ? 1 : rank;
	assert(rank <= n);
	if (n - rank < calibration->highest_count) {
		*score = calibration->highest[n - rank];
		return 0;
	}
	if (units % (uint64_t)(UNITS / PARTS) != 0)
		return err_set(err, ERR_CONFIG,
			       "quantile %.9g must be a multiple of 0.001: of %llu calibration scores only the highest "
			       "%zu are kept singly",
			       p, (unsigned long long)n, calibration->highest_count);
	*score = calibration->quantiles[units / (uint64_t)(UNITS / PARTS)];
	return 0;
}

double calibration_rank(const struct calibration *calibration, double score)
{
	size_t count = calibration->highest_count;
	if (calibration->n == 0)
		return NAN;
	assert(count > 0 && count <= MODEL_HIGHEST_MAX && !isnan(score));
	if (score > calibration->highest[count - 1]) {
		size_t from = 0, to = count; /* all before `from` are at least the score, all from `to` on are less */
		while (from < to) {
			size_t middle = from + (to - from) / 2;
			if (calibration->highest[middle] >= score)
				from = middle + 1;
			else
				to = middle;
		}
		return (double)(calibration->n - from) / (double)calibration->n;
	}
	size_t from = 1, to = MODEL_QUANTILES; /* all before `from` are less, all from `to` on are not */
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (calibration->quantiles[middle] < score)
			from = middle + 1;
		else
			to = middle;
	}
	return (double)(from - 1) / PARTS;
}
