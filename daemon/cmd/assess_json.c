#include "daemon/cmd/assess_report.h"

#include "json.h"

#include <math.h>

static void number(struct json *json, const char *name, double value)
{
	json_name(json, name);
	json_add_number(json, value);
}

static void integer(struct json *json, const char *name, uint64_t value)
{
	json_name(json, name);
	json_add_integer(json, (int64_t)value);
}

static void interval(struct json *json, const char *name, const struct interval *value)
{
	json_name(json, name);
	json_open_array(json);
	json_add_number(json, value->low);
	json_add_number(json, value->high);
	json_close_array(json);
}

static void alerts(struct json *json, const struct assess_alerts *at)
{
	number(json, "threshold", at->threshold);
	number(json, "alerts", at->alerts.alerts);
	number(json, "caught", at->alerts.caught);
	number(json, "precision", at->precision);
	interval(json, "precision_interval", &at->precision_interval);
	number(json, "recall", at->recall);
	interval(json, "recall_interval", &at->recall_interval);
}

static void areas(struct json *json, const struct assess_areas *of)
{
	number(json, "roc_auc", of->value.roc_auc);
	interval(json, "roc_auc_interval", &of->roc_auc);
	number(json, "pr_auc", of->value.pr_auc);
	interval(json, "pr_auc_interval", &of->pr_auc);
}

static void lists(struct json *json, const struct assess_report *report)
{
	const struct assess_options *options = report->options;
	const struct assessment *of = report->assessment;
	json_name(json, "thresholds");
	json_open_array(json);
	for (size_t i = 0; i < options->threshold_count; i++) {
		json_open_object(json);
		alerts(json, &of->thresholds[i]);
		json_close_object(json);
	}
	json_close_array(json);
	json_name(json, "at");
	json_open_array(json);
	for (size_t i = 0; i < options->top_count; i++) {
		json_open_object(json);
		number(json, options->tops[i].percent ? "percent" : "k", options->tops[i].value);
		alerts(json, &of->tops[i]);
		if (options->compared) {
			number(json, "other_precision", of->tops[i].other_precision);
			interval(json, "gain_interval", &of->tops[i].gain_interval);
		}
		json_close_object(json);
	}
	json_close_array(json);
	json_name(json, "per_day");
	json_open_array(json);
	for (size_t i = 0; i < options->per_day_count; i++) {
		json_open_object(json);
		number(json, "k", of->per_day[i].asked);
		integer(json, "days", of->per_day[i].days);
		number(json, "precision_mean", of->per_day[i].precision_mean);
		alerts(json, &of->per_day[i]);
		json_close_object(json);
	}
	json_close_array(json);
}

static void choices(struct json *json, const struct assess_report *report)
{
	const struct assess_options *options = report->options;
	const struct assessment *of = report->assessment;
	if (!isnan(options->alert_cost)) {
		json_name(json, "cost");
		json_open_object(json);
		json_name(json, "miss_cost");
		json_add_string(json, report->miss_cost);
		number(json, "alert_cost", options->alert_cost);
		alerts(json, &of->cost.at);
		interval(json, "threshold_interval", &of->cost.threshold);
		number(json, "loss", of->cost.choice.loss);
		interval(json, "loss_interval", &of->cost.loss);
		number(json, "loss_without_alerts", of->cost.loss_without);
		number(json, "loss_all_alerts", of->cost.loss_all);
		json_close_object(json);
	}
	if (!isnan(options->capacity)) {
		json_name(json, "capacity");
		json_open_object(json);
		number(json, "alerts_per_day", options->capacity);
		number(json, "days", options->span_days);
		alerts(json, &of->capacity.at);
		interval(json, "threshold_interval", &of->capacity.threshold);
		json_close_object(json);
	}
}

static void ranks(struct json *json, const struct assess_report *report)
{
	if (!report->options->ranked)
		return;
	json_name(json, "rank_calibration");
	json_open_array(json);
	for (size_t i = 0; i < EVALUATION_RANKS; i++) {
		const struct assess_rank *rank = &report->assessment->ranks[i];
		json_open_object(json);
		number(json, "rank", evaluation_ranks[i]);
		number(json, "expected", rank->expected);
		number(json, "found", rank->found);
		interval(json, "found_interval", &rank->interval);
		number(json, "recall", rank->caught);
		json_close_object(json);
	}
	json_close_array(json);
}

static void groups(struct json *json, const struct assess_report *report)
{
	if (report->options->group_count == 0)
		return;
	json_name(json, "groups");
	json_open_array(json);
	for (size_t i = 0; i < report->options->group_count; i++) {
		const struct assess_group *group = &report->assessment->groups[i];
		json_open_object(json);
		json_name(json, "value");
		json_add_string(json, report->labelled->groups[i]);
		integer(json, "rows", group->rows);
		number(json, "weight", group->totals.weight);
		number(json, "positives", group->totals.positives);
		number(json, "roc_auc", group->areas.roc_auc);
		number(json, "pr_auc", group->areas.pr_auc);
		alerts(json, &group->at);
		json_close_object(json);
	}
	json_close_array(json);
}

static void inputs(struct json *json, const struct assess_report *report)
{
	const struct labelled *labelled = report->labelled;
	json_name(json, "scores");
	json_add_string(json, report->sources->scores);
	json_name(json, "model_id");
	json_add_string(json, report->model_id);
	integer(json, "rows", labelled->count);
	number(json, "weight", report->assessment->totals.weight);
	number(json, "positives", report->assessment->totals.positives);
	integer(json, "unlabelled", labelled->unlabelled);
	integer(json, "unmatched_labels", labelled->unmatched);
	integer(json, "unmatched_positives", labelled->unmatched_positives);
	integer(json, "warming", labelled->warming);
	if (labelled->timed) {
		json_name(json, "time_from_ms");
		json_add_integer(json, labelled->time_from_ms);
		json_name(json, "time_to_ms");
		json_add_integer(json, labelled->time_to_ms);
	}
}

void assess_json(const struct assess_report *report, struct buffer *out)
{
	struct json json;
	json_begin(&json, out);
	json_open_object(&json);
	inputs(&json, report);
	areas(&json, &report->assessment->areas);
	integer(&json, "resamples", report->assessment->resamples);
	lists(&json, report);
	choices(&json, report);
	ranks(&json, report);
	groups(&json, report);
	if (report->options->compared) {
		json_name(&json, "compare");
		json_open_object(&json);
		json_name(&json, "scores");
		json_add_string(&json, report->sources->compare);
		integer(&json, "uncompared", report->labelled->uncompared);
		areas(&json, &report->assessment->other);
		json_name(&json, "difference");
		json_open_object(&json);
		areas(&json, &report->assessment->difference);
		json_close_object(&json);
		json_close_object(&json);
	}
	json_close_object(&json);
	buffer_add_byte(out, '\n');
}
