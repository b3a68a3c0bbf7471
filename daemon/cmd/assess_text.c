#include "daemon/cmd/assess_report.h"

#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define CELL 32
#define DAY_MS 86400000.0

/* A share as "0.1234", "-" where there is none. */
static const char *share(double value, char text[CELL])
{
	if (isnan(value))
		snprintf(text, CELL, "-");
	else
		snprintf(text, CELL, "%.4f", value);
	return text;
}

/* Amounts and counts: no more digits than they need. */
static const char *amount(double value, char text[CELL])
{
	if (!isfinite(value))
		snprintf(text, CELL, "-");
	else if (value == floor(value) && fabs(value) < 1e15)
		snprintf(text, CELL, "%.0f", value);
	else
		snprintf(text, CELL, "%.2f", value);
	return text;
}

static const char *score(double value, char text[CELL])
{
	snprintf(text, CELL, isfinite(value) ? "%.6g" : isnan(value) ? "-" : "none", value);
	return text;
}

static const char *range(const struct interval *interval, char text[CELL])
{
	char low[CELL], high[CELL];
	if (isnan(interval->low))
		*text = '\0';
	else
		snprintf(text, CELL, "%.10s to %.10s", share(interval->low, low), share(interval->high, high));
	return text;
}

static const char *score_range(const struct interval *interval, char text[2 * CELL])
{
	char low[CELL], high[CELL];
	if (isnan(interval->low))
		*text = '\0';
	else
		snprintf(text, 2 * CELL, "  (%.14s to %.14s)", score(interval->low, low), score(interval->high, high));
	return text;
}

static void input_lines(const struct assess_report *report, struct buffer *out)
{
	const struct labelled *labelled = report->labelled;
	const struct evaluation_totals *totals = &report->assessment->totals;
	char from[NUMBER_TEXT_MAX], to[NUMBER_TEXT_MAX], positives[CELL], weight[CELL];
	buffer_add_format(out, "%s: %zu rows, ", report->sources->scores, labelled->count);
	if (report->sources->weight != NULL)
		buffer_add_format(out, "of weight %s, ", amount(totals->weight, weight));
	buffer_add_format(out, "%s positive (%.3f %%)\n", amount(totals->positives, positives),
			  totals->weight > 0 ? 100 * totals->positives / totals->weight : 0);
	if (labelled->timed) {
		time_format_rfc3339(labelled->time_from_ms, from);
		time_format_rfc3339(labelled->time_to_ms, to);
		buffer_add_format(out, "from %s to %s, %.2f days\n", from, to, report->total_days);
	}
	if (report->model_id != NULL)
		buffer_add_format(out, "scored by model %.12s\n", report->model_id);
	if (labelled->unlabelled > 0)
		buffer_add_format(out, "%" PRIu64 " rows without a label %s\n", labelled->unlabelled,
				  report->sources->unlabelled_negative ? "count as negative" : "are left out");
	if (labelled->unmatched > 0)
		buffer_add_format(
		    out, "%" PRIu64 " labels without a row, %" PRIu64 " of them positive: as if they did not exist\n",
		    labelled->unmatched, labelled->unmatched_positives);
	if (labelled->uncompared > 0)
		buffer_add_format(out, "%" PRIu64 " rows that %s lacks are left out\n", labelled->uncompared,
				  report->sources->compare);
	if (labelled->warming > 0)
		buffer_add_format(out, "%" PRIu64 " rows have a feature that was still warming\n", labelled->warming);
}

static void area_line(struct buffer *out, const char *name, double value, const struct interval *interval)
{
	char number[CELL], text[CELL];
	buffer_add_format(out, "%-34s %9s  %s\n", name, share(value, number), range(interval, text));
}

static void area_lines(const struct assess_report *report, struct buffer *out)
{
	const struct assessment *of = report->assessment;
	char chance[64];
	snprintf(chance, sizeof chance, "PR-AUC (%.4f by chance)",
		 of->totals.weight > 0 ? of->totals.positives / of->totals.weight : 0);
	buffer_add_format(out, "\n%-34s %9s  %s\n", "", "value", of->resamples > 0 ? "95 % interval" : "");
	area_line(out, "ROC-AUC", of->areas.value.roc_auc, &of->areas.roc_auc);
	area_line(out, chance, of->areas.value.pr_auc, &of->areas.pr_auc);
	if (!report->options->compared)
		return;
	buffer_add_format(out, "%s\n", report->sources->compare);
	area_line(out, "  its ROC-AUC", of->other.value.roc_auc, &of->other.roc_auc);
	area_line(out, "  its PR-AUC", of->other.value.pr_auc, &of->other.pr_auc);
	area_line(out, "  difference in ROC-AUC", of->difference.value.roc_auc, &of->difference.roc_auc);
	area_line(out, "  difference in PR-AUC", of->difference.value.pr_auc, &of->difference.pr_auc);
}

static void alert_line(struct buffer *out, const char *name, const struct assess_alerts *at)
{
	char threshold[CELL], alerts[CELL], caught[CELL], precision[CELL], recall[CELL], intervals[2][CELL];
	buffer_add_format(out, "%-22s %10s %9s %8s  %9s  %-16s  %9s  %-16s\n", name, score(at->threshold, threshold),
			  amount(at->alerts.alerts, alerts), amount(at->alerts.caught, caught),
			  share(at->precision, precision), range(&at->precision_interval, intervals[0]),
			  share(at->recall, recall), range(&at->recall_interval, intervals[1]));
}

static void alert_lines(const struct assess_report *report, struct buffer *out)
{
	const struct assess_options *options = report->options;
	const struct assessment *of = report->assessment;
	char name[64], number[CELL];
	buffer_add_format(out, "\n%-22s %10s %9s %8s  %9s  %-16s  %9s  %-16s\n", "alerts", "threshold", "alerts",
			  "caught", "precision", "95 % interval", "recall", "95 % interval");
	for (size_t i = 0; i < options->threshold_count; i++) {
		snprintf(name, sizeof name, "score >= %s", score(options->thresholds[i], number));
		alert_line(out, name, &of->thresholds[i]);
	}
	for (size_t i = 0; i < options->top_count; i++) {
		snprintf(name, sizeof name, "highest %s%s", amount(options->tops[i].value, number),
			 options->tops[i].percent ? " %" : "");
		alert_line(out, name, &of->tops[i]);
	}
	for (size_t i = 0; i < options->per_day_count; i++) {
		snprintf(name, sizeof name, "%s a day, %zu days", amount(of->per_day[i].asked, number),
			 of->per_day[i].days);
		alert_line(out, name, &of->per_day[i]);
		buffer_add_format(out, "  mean of the days' precision (caught / k): %s\n",
				  share(of->per_day[i].precision_mean, number));
	}
	for (size_t i = 0; options->compared && i < options->top_count; i++) {
		char other[CELL], gain[CELL];
		buffer_add_format(out, "  of %s, highest %s%s: precision %s, difference %s\n", report->sources->compare,
				  amount(options->tops[i].value, number), options->tops[i].percent ? " %" : "",
				  share(of->tops[i].other_precision, other), range(&of->tops[i].gain_interval, gain));
	}
}

static void a_day(const struct assess_report *report, double alerts, struct buffer *out)
{
	if (report->total_days > 0)
		buffer_add_format(out, "  (%.1f a day)", alerts / report->total_days);
}

static void choice_lines(const struct assess_report *report, struct buffer *out, const struct assess_choice *choice)
{
	char text[CELL], more[2 * CELL], number[CELL];
	buffer_add_format(out, "  threshold to choose   %s%s\n", score(choice->choice.threshold, number),
			  score_range(&choice->threshold, more));
	buffer_add_format(out, "  alerts                %s", amount(choice->at.alerts.alerts, number));
	a_day(report, choice->at.alerts.alerts, out);
	buffer_add_format(out, "\n  precision             %s  %s\n", share(choice->at.precision, number),
			  range(&choice->at.precision_interval, text));
	buffer_add_format(out, "  recall                %s  %s\n", share(choice->at.recall, number),
			  range(&choice->at.recall_interval, text));
}

static void cost_lines(const struct assess_report *report, struct buffer *out)
{
	const struct assess_choice *cost = &report->assessment->cost;
	char number[CELL], low[CELL], high[CELL];
	if (isnan(report->options->alert_cost))
		return;
	buffer_add_format(out, "\ncost: a missed positive %s, an alert %s\n", report->miss_cost,
			  amount(report->options->alert_cost, number));
	choice_lines(report, out, cost);
	buffer_add_format(out, "  expected loss         %s", amount(cost->choice.loss, number));
	if (!isnan(cost->loss.low))
		buffer_add_format(out, "  (%s to %s)", amount(cost->loss.low, low), amount(cost->loss.high, high));
	if (cost->loss_without > 0)
		buffer_add_format(out, ", %.1f %% less than without alerts",
				  100 * (1 - cost->choice.loss / cost->loss_without));
	buffer_add_format(out, "\n  without alerts        %s", amount(cost->loss_without, number));
	buffer_add_format(out, "\n  everything an alert   %s\n", amount(cost->loss_all, number));
}

static void capacity_lines(const struct assess_report *report, struct buffer *out)
{
	char number[CELL];
	if (isnan(report->options->capacity))
		return;
	buffer_add_format(out, "\ncapacity: %s alerts a day\n", amount(report->options->capacity, number));
	choice_lines(report, out, &report->assessment->capacity);
}

static void rank_lines(const struct assess_report *report, struct buffer *out)
{
	char text[CELL], recall[CELL];
	if (!report->options->ranked)
		return;
	buffer_add_format(out, "\n%-22s %10s %10s  %-16s  %9s\n", "rank", "expected", "found", "95 % interval",
			  "recall");
	for (size_t i = 0; i < EVALUATION_RANKS; i++) {
		const struct assess_rank *rank = &report->assessment->ranks[i];
		buffer_add_format(out, ">= %-19g %10.4f %10.4f  %-16s  %9s\n", evaluation_ranks[i], rank->expected,
				  rank->found, range(&rank->interval, text), share(rank->caught, recall));
	}
}

static void group_lines(const struct assess_report *report, struct buffer *out)
{
	char cells[6][CELL], interval[CELL];
	if (report->options->group_count == 0)
		return;
	buffer_add_format(out, "\nby %s, alerts at score >= %s\n", report->sources->group,
			  score(report->assessment->cut, cells[0]));
	buffer_add_format(out, "%-22s %9s %9s %8s %8s %8s %9s %9s  %s\n", "", "rows", "positive", "ROC-AUC", "PR-AUC",
			  "alerts", "precision", "recall", "95 % interval");
	for (size_t i = 0; i < report->options->group_count; i++) {
		const struct assess_group *group = &report->assessment->groups[i];
		const char *name = report->labelled->groups[i];
		buffer_add_format(out, "%-22.60s %9zu %9s %8s %8s %8s %9s %9s  %s\n", *name == '\0' ? "(none)" : name,
				  group->rows, amount(group->totals.positives, cells[0]),
				  share(group->areas.roc_auc, cells[1]), share(group->areas.pr_auc, cells[2]),
				  amount(group->at.alerts.alerts, cells[3]), share(group->at.precision, cells[4]),
				  share(group->at.recall, cells[5]), range(&group->at.recall_interval, interval));
	}
}

void assess_text(const struct assess_report *report, struct buffer *out)
{
	input_lines(report, out);
	area_lines(report, out);
	alert_lines(report, out);
	cost_lines(report, out);
	capacity_lines(report, out);
	rank_lines(report, out);
	group_lines(report, out);
}
