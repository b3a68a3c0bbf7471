#include "daemon/cmd/assess.h"

#include "daemon/cmd/assess_bootstrap.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const struct interval no_interval = {NAN, NAN};

/* Wilson's interval of a share of weight: Kish's effective number of rows stands for n. */
static struct interval wilson(double share, double weight, double rows_per_weight)
{
	struct interval interval = no_interval;
	if (!isnan(share) && weight > 0)
		evaluation_wilson(share < 1 ? share : 1, weight * rows_per_weight, &interval.low, &interval.high);
	return interval;
}

static void fill(struct assess_alerts *at, double asked, const struct evaluation_alerts *alerts,
		 const struct evaluation_totals *totals)
{
	double per_weight = totals->weight > 0 ? totals->weight / totals->squares : 0;
	at->asked = asked;
	at->threshold = NAN;
	at->alerts = *alerts;
	at->precision = evaluation_precision(alerts);
	at->recall = evaluation_recall(alerts, totals);
	at->other_precision = at->precision_mean = NAN;
	at->precision_interval = wilson(at->precision, alerts->alerts, per_weight);
	at->recall_interval = wilson(at->recall, totals->positives, per_weight);
	at->gain_interval = no_interval;
}

double assess_rows_of(const struct assess_count *count, const struct evaluation_totals *totals)
{
	return count->percent ? fmax(1, floor(count->value / 100 * totals->weight + 0.5)) : count->value;
}

/* The score of the lowest of the k highest rows. */
static double score_at(const struct evaluation_row *rows, size_t count, double k)
{
	double weight = 0;
	for (size_t i = 0; i < count; i++)
		if ((weight += rows[i].weight) >= k)
			return rows[i].score;
	return count > 0 ? rows[count - 1].score : NAN;
}

static int fill_lists(struct assessment *assessment, const struct assess_options *options,
		      const struct evaluation_row *rows, size_t count, struct err *err)
{
	const struct evaluation_totals *totals = &assessment->totals;
	for (size_t i = 0; i < options->threshold_count; i++) {
		struct evaluation_alerts alerts = evaluation_at(rows, count, NULL, options->thresholds[i]);
		fill(&assessment->thresholds[i], options->thresholds[i], &alerts, totals);
		assessment->thresholds[i].threshold = options->thresholds[i];
	}
	for (size_t i = 0; i < options->top_count; i++) {
		double k = assess_rows_of(&options->tops[i], totals);
		struct evaluation_alerts alerts = evaluation_top(rows, count, NULL, k);
		fill(&assessment->tops[i], options->tops[i].value, &alerts, totals);
		assessment->tops[i].threshold = score_at(rows, count, k);
	}
	for (size_t i = 0; i < options->per_day_count; i++) {
		struct evaluation_days days;
		if (evaluation_per_day(rows, count, options->day_limit, options->per_day[i], &days, err) != 0)
			return -1;
		fill(&assessment->per_day[i], options->per_day[i], &days.alerts, totals);
		assessment->per_day[i].days = days.days;
		assessment->per_day[i].precision_mean = days.precision_mean;
	}
	return 0;
}

static void fill_choice(struct assess_choice *choice, const struct evaluation_choice *found,
			const struct assessment *assessment, double alert_cost)
{
	const struct evaluation_totals *totals = &assessment->totals;
	fill(&choice->at, found->threshold, &found->alerts, totals);
	choice->choice = *found;
	choice->at.threshold = found->threshold;
	choice->threshold = choice->loss = no_interval;
	choice->loss_without = totals->miss_cost;
	choice->loss_all = alert_cost * totals->weight;
}

static void choose(struct assessment *assessment, const struct assess_options *options,
		   const struct evaluation_row *rows, size_t count)
{
	if (!isnan(options->alert_cost)) {
		struct evaluation_choice found = evaluation_cheapest(rows, count, NULL, options->alert_cost);
		fill_choice(&assessment->cost, &found, assessment, options->alert_cost);
	}
	if (!isnan(options->capacity)) {
		struct evaluation_choice found =
		    evaluation_within(rows, count, NULL, options->capacity * options->span_days);
		fill_choice(&assessment->capacity, &found, assessment, 0);
	}
	assessment->cut = !isnan(options->alert_cost)    ? assessment->cost.choice.threshold
			  : !isnan(options->capacity)    ? assessment->capacity.choice.threshold
			  : options->threshold_count > 0 ? options->thresholds[0]
			  : options->top_count > 0       ? assessment->tops[0].threshold
							 : NAN;
}

static void fill_ranks(struct assessment *assessment, const struct evaluation_row *rows, size_t count)
{
	const struct evaluation_totals *totals = &assessment->totals;
	struct evaluation_alerts reached[EVALUATION_RANKS] = {{0}};
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < rows[i].ranks; r++) {
			reached[r].alerts += rows[i].weight;
			reached[r].caught += rows[i].positive ? rows[i].weight : 0;
		}
	for (size_t r = 0; r < EVALUATION_RANKS; r++) {
		struct assess_rank *rank = &assessment->ranks[r];
		rank->expected = 1 - evaluation_ranks[r];
		rank->found = totals->weight > 0 ? reached[r].alerts / totals->weight : NAN;
		rank->caught = evaluation_recall(&reached[r], totals);
		rank->interval =
		    wilson(rank->found, totals->weight, totals->weight > 0 ? totals->weight / totals->squares : 0);
	}
}

/* Rows of each group, in the same order, are taken out into one array after another. */
static int fill_groups(struct assessment *assessment, const struct assess_options *options,
		       const struct evaluation_row *rows, size_t count, struct err *err)
{
	if (options->group_count == 0)
		return 0;
	struct evaluation_row *sorted = calloc(count, sizeof *sorted);
	size_t *ends = calloc(options->group_count, sizeof *ends);
	int status = -1;
	assessment->groups = calloc(options->group_count, sizeof *assessment->groups);
	if (sorted == NULL || ends == NULL || assessment->groups == NULL) {
		(void)err_memory(err);
		goto free_arrays;
	}
	for (size_t i = 0; i < count; i++)
		assessment->groups[rows[i].group].rows++;
	for (size_t g = 1; g < options->group_count; g++)
		ends[g] = ends[g - 1] + assessment->groups[g - 1].rows;
	for (size_t i = 0; i < count; i++)
		sorted[ends[rows[i].group]++] = rows[i];
	for (size_t g = 0; g < options->group_count; g++) {
		struct assess_group *group = &assessment->groups[g];
		const struct evaluation_row *own = sorted + ends[g] - group->rows;
		group->totals = evaluation_totals(own, group->rows, NULL);
		group->areas = evaluation_areas(own, group->rows, NULL);
		struct evaluation_alerts alerts = {0};
		if (!isnan(assessment->cut))
			alerts = evaluation_at(own, group->rows, NULL, assessment->cut);
		fill(&group->at, assessment->cut, &alerts, &group->totals);
		group->at.threshold = assessment->cut;
	}
	status = 0;
free_arrays:
	free(sorted);
	free(ends);
	return status;
}

static void fill_other(struct assessment *assessment, const struct assess_options *options,
		       const struct evaluation_row *others, size_t count)
{
	assessment->other.value = evaluation_areas(others, count, NULL);
	assessment->difference.value.roc_auc = assessment->other.value.roc_auc - assessment->areas.value.roc_auc;
	assessment->difference.value.pr_auc = assessment->other.value.pr_auc - assessment->areas.value.pr_auc;
	for (size_t i = 0; i < options->top_count; i++) {
		double k = assess_rows_of(&options->tops[i], &assessment->totals);
		struct evaluation_alerts alerts = evaluation_top(others, count, NULL, k);
		assessment->tops[i].other_precision = evaluation_precision(&alerts);
	}
}

int assess(struct assessment *assessment, const struct assess_options *options, const struct evaluation_row *rows,
	   size_t count, struct err *err)
{
	struct evaluation_row *others = NULL;
	*assessment = (struct assessment){.rows = count};
	assessment->totals = evaluation_totals(rows, count, NULL);
	assessment->areas = (struct assess_areas){evaluation_areas(rows, count, NULL), no_interval, no_interval};
	assessment->other = assessment->difference = (struct assess_areas){{NAN, NAN}, no_interval, no_interval};
	if (fill_lists(assessment, options, rows, count, err) != 0)
		return -1;
	choose(assessment, options, rows, count);
	if (options->ranked)
		fill_ranks(assessment, rows, count);
	if (fill_groups(assessment, options, rows, count, err) != 0)
		return -1;
	if (options->compared) {
		others = evaluation_others(rows, count);
		if (others == NULL)
			return err_memory(err);
		fill_other(assessment, options, others, count);
	}
	int status = options->resamples == 0 ? 0 : assess_bootstrap(assessment, options, rows, others, count, err);
	free(others);
	return status;
}

void assess_free(struct assessment *assessment)
{
	free(assessment->groups);
	*assessment = (struct assessment){0};
}
