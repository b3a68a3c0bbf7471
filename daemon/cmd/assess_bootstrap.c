#include "daemon/cmd/assess_bootstrap.h"

#include "rng.h"
#include "sort.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is computed of each resample; gains at tops follow. */
enum statistic { ROC, PR, OTHER_ROC, OTHER_PR, GAIN_ROC, GAIN_PR, CHEAPEST, LOSS, CAPACITY, STATISTICS };

#define STATISTICS_MAX (STATISTICS + ASSESS_LIST_MAX)

/* How often each row is drawn. A row drawn 255 times does not occur: its probability is below 10^-500. */
static void draw(struct rng *rng, uint8_t *counts, size_t count)
{
	memset(counts, 0, count);
	for (size_t i = 0; i < count; i++) {
		uint8_t *drawn = &counts[rng_below(rng, count)];
		*drawn = (uint8_t)(*drawn + (*drawn < UINT8_MAX));
	}
}

static void compute(double values[STATISTICS_MAX], const struct assessment *assessment,
		    const struct assess_options *options, const struct evaluation_row *rows,
		    const struct evaluation_row *others, size_t count, const uint8_t *counts)
{
	struct evaluation_areas areas = evaluation_areas(rows, count, counts);
	values[ROC] = areas.roc_auc;
	values[PR] = areas.pr_auc;
	if (!isnan(options->alert_cost)) {
		struct evaluation_totals totals = evaluation_totals(rows, count, counts);
		double threshold = assessment->cost.choice.threshold;
		struct evaluation_alerts at = evaluation_at(rows, count, counts, threshold);
		values[CHEAPEST] = evaluation_cheapest(rows, count, counts, options->alert_cost).threshold;
		values[LOSS] = evaluation_loss(&at, &totals, options->alert_cost);
	}
	if (!isnan(options->capacity))
		values[CAPACITY] =
		    evaluation_within(rows, count, counts, options->capacity * options->span_days).threshold;
	if (others == NULL)
		return;
	struct evaluation_areas other = evaluation_areas(others, count, counts);
	values[OTHER_ROC] = other.roc_auc;
	values[OTHER_PR] = other.pr_auc;
	values[GAIN_ROC] = other.roc_auc - areas.roc_auc;
	values[GAIN_PR] = other.pr_auc - areas.pr_auc;
	struct evaluation_totals totals = evaluation_totals(rows, count, counts);
	for (size_t i = 0; i < options->top_count; i++) {
		double k = assess_rows_of(&options->tops[i], &totals);
		struct evaluation_alerts ours = evaluation_top(rows, count, counts, k);
		struct evaluation_alerts theirs = evaluation_top(others, count, counts, k);
		values[STATISTICS + i] = evaluation_precision(&theirs) - evaluation_precision(&ours);
	}
}

/* Percentiles 2.5 and 97.5 by nearest rank; sorts. */
static int percentiles(double *values, size_t count, struct interval *interval, struct err *err)
{
	if (count == 0)
		return 0;
	if (sort_doubles(values, count) != 0)
		return err_memory(err);
	size_t low = (size_t)ceil(0.025 * (double)count), high = (size_t)ceil(0.975 * (double)count);
	interval->low = values[low > 0 ? low - 1 : 0];
	interval->high = values[high - 1];
	return 0;
}

static int fill(struct assessment *assessment, const struct assess_options *options, bool compared, double *values,
		size_t stride, struct err *err)
{
	struct interval *targets[STATISTICS] = {
	    [ROC] = &assessment->areas.roc_auc,           [PR] = &assessment->areas.pr_auc,
	    [OTHER_ROC] = &assessment->other.roc_auc,     [OTHER_PR] = &assessment->other.pr_auc,
	    [GAIN_ROC] = &assessment->difference.roc_auc, [GAIN_PR] = &assessment->difference.pr_auc,
	    [CHEAPEST] = &assessment->cost.threshold,     [LOSS] = &assessment->cost.loss,
	    [CAPACITY] = &assessment->capacity.threshold};
	for (int i = 0; i < STATISTICS; i++) {
		bool asked = i == ROC || i == PR || (i == CAPACITY && !isnan(options->capacity)) ||
			     ((i == CHEAPEST || i == LOSS) && !isnan(options->alert_cost)) ||
			     (i >= OTHER_ROC && i <= GAIN_PR && compared);
		if (asked && percentiles(values + (size_t)i * stride, assessment->resamples, targets[i], err) != 0)
			return -1;
	}
	for (size_t i = 0; compared && i < options->top_count; i++)
		if (percentiles(values + (STATISTICS + i) * stride, assessment->resamples,
				&assessment->tops[i].gain_interval, err) != 0)
			return -1;
	return 0;
}

int assess_bootstrap(struct assessment *assessment, const struct assess_options *options,
		     const struct evaluation_row *rows, const struct evaluation_row *others, size_t count,
		     struct err *err)
{
	size_t stride = options->resamples;
	struct rng rng;
	assert(count > 0 && stride > 0);
	uint8_t *counts = malloc(count);
	double *values = calloc(STATISTICS_MAX * stride, sizeof *values);
	int status = -1;
	if (counts == NULL || values == NULL) {
		(void)err_memory(err);
		goto free_arrays;
	}
	rng_seed(&rng, options->seed);
	for (size_t i = 0; i < stride; i++) {
		double found[STATISTICS_MAX] = {0};
		draw(&rng, counts, count);
		compute(found, assessment, options, rows, others, count, counts);
		if (!isnan(found[ROC])) { /* positives and negatives were drawn */
			for (size_t s = 0; s < STATISTICS_MAX; s++)
				values[s * stride + assessment->resamples] = found[s];
			assessment->resamples++;
		}
		if (options->progress != NULL)
			options->progress(options->context, "resampling", (i + 1) * count, i + 1, stride);
	}
	status = fill(assessment, options, others != NULL, values, stride, err);
free_arrays:
	free(counts);
	free(values);
	return status;
}
