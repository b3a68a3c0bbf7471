#include "daemon/cmd/explain_report.h"

#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL 40
#define FEATURES_SHOWN 12 /* of the contributions */

static const char *number(double value, char text[CELL])
{
	if (isnan(value))
		snprintf(text, CELL, "missing");
	else
		snprintf(text, CELL, "%.6g", value);
	return text;
}

static const char *moment(int64_t ms, char text[NUMBER_TEXT_MAX])
{
	time_format_rfc3339(ms, text);
	return text;
}

static void record_lines(const struct explanation *explanation, const struct world *world, struct buffer *out)
{
	char text[2][NUMBER_TEXT_MAX];
	buffer_add_format(out, "record          %s %" PRId32 ":%" PRId64 "\n", world->config->kafka.input_topic,
			  explanation->partition, explanation->offset);
	if (!explanation->in_topic) {
		buffer_add_text(out, "                the topic does not hold it any more\n");
		return;
	}
	if (explanation->timestamp_ms >= 0)
		buffer_add_format(out, "timestamp       %s\n", moment(explanation->timestamp_ms, text[0]));
	if (explanation->entity != NULL)
		buffer_add_format(out, "event           %s of %s at %s\n", explanation->event_id, explanation->entity,
				  moment(explanation->time_ms, text[1]));
}

static void history_lines(const struct explanation *explanation, struct buffer *out)
{
	char text[NUMBER_TEXT_MAX];
	if (!explanation->in_topic || explanation->entity == NULL)
		return;
	buffer_add_format(out, "\nbefore it       %" PRIu64 " events of the entity among %" PRIu64 " records read%s\n",
			  explanation->history_total, explanation->records,
			  explanation->whole ? "" : "; earlier ones that its windows saw are gone");
	for (size_t i = 0; i < explanation->history_count; i++) {
		const struct past_event *event = &explanation->history[i];
		buffer_add_format(out, "  %s  %" PRId64 "  %s%s\n", moment(event->time_ms, text), event->offset,
				  event->fields, event->time_ms > explanation->time_ms ? "  (later in time)" : "");
	}
}

static void decision_lines(const struct explanation *explanation, const struct champion *champion, struct buffer *out)
{
	char cell[CELL];
	buffer_add_format(out, "\noutcome         %s", outcome_name(explanation->outcome));
	if (explanation->why != NULL)
		buffer_add_format(out, ": %s (%s)", explanation->why, reason_name(explanation->reason));
	buffer_add_byte(out, '\n');
	if (explanation->values == NULL)
		return;
	if (champion->model != NULL)
		buffer_add_format(out, "score           %.6f, above %.3f %% of the calibration rows; threshold %s\n",
				  explanation->score, 100 * explanation->rank,
				  number(policy_resolved_threshold(champion->policy), cell));
	buffer_add_format(out, "decision        %s%s", explanation->verdict.flagged ? "flagged" : "not flagged",
			  explanation->verdict.by_model ? " by the model" : "");
	for (size_t i = 0; i < policy_rule_count(champion->policy); i++) {
		const struct rule_options *rule = policy_rule(champion->policy, i);
		if (((explanation->verdict.rules | explanation->verdict.mutes) >> i & 1) != 0)
			buffer_add_format(out, "\n                rule %s (%s): %s", rule->name,
					  rule->action == RULE_FLAG ? "flag" : "suppress", rule->reason);
	}
	buffer_add_text(out, "\nflags          ");
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		if ((explanation->flags >> i & 1) != 0)
			buffer_add_format(out, " %s", flag_name(i));
	buffer_add_text(out, explanation->flags == 0 ? " none\n" : "\n");
}

/* A column of the model, for sorting by what it contributes. */
struct part {
	double contribution;
	size_t column;
};

static int larger_first(const void *left, const void *right)
{
	const struct part *a = left, *b = right;
	double x = fabs(a->contribution), y = fabs(b->contribution);
	if (x != y)
		return x < y ? 1 : -1;
	return (a->column > b->column) - (a->column < b->column);
}

static void contribution_lines(const struct explanation *explanation, const struct champion *champion,
			       struct buffer *out)
{
	const struct model *model = champion->model;
	struct part parts[FOREST_COLUMNS_MAX];
	char cells[4][CELL];
	double others = 0;
	if (model == NULL || explanation->contributions == NULL)
		return;
	for (size_t i = 0; i < model->feature_count; i++)
		parts[i] = (struct part){explanation->contributions[i], i};
	qsort(parts, model->feature_count, sizeof *parts, larger_first);
	buffer_add_format(out, "\n%-28s %14s  %-30s %12s\n", "feature", "value", "usually (5 % to 95 %)",
			  "contribution");
	buffer_add_format(out, "%-28s %14s  %-30s %+12.4f\n", "a row of which nothing is known", "", "",
			  explanation->base);
	for (size_t i = 0; i < model->feature_count; i++) {
		const struct feature_reference *usual = &model->references[parts[i].column];
		size_t feature = champion->columns == NULL ? parts[i].column : champion->columns[parts[i].column];
		char range[3 * CELL];
		if (i >= FEATURES_SHOWN) {
			others += parts[i].contribution;
			continue;
		}
		snprintf(range, sizeof range, "%s to %s", number(usual->p5, cells[0]), number(usual->p95, cells[1]));
		buffer_add_format(out, "%-28s %14s  %-30s %+12.4f\n", model->features[parts[i].column],
				  number(explanation->values[feature], cells[2]), isnan(usual->p5) ? "" : range,
				  parts[i].contribution);
	}
	if (model->feature_count > FEATURES_SHOWN)
		buffer_add_format(out, "%-28s %14s  %-30s %+12.4f\n", "all others", "", "", others);
	buffer_add_format(out, "%-28s %14s  %-30s %+12.4f\n", "log2 of the score", "", "", log2(explanation->score));
}

static void version_lines(const struct explanation *explanation, const struct world *world,
			  const struct champion *champion, struct buffer *out)
{
	buffer_add_format(out, "\nmodel           %s\nfeature set     %s\npolicy          %s\n",
			  champion->model == NULL ? "none" : champion->model->id, feature_set_id(world->set),
			  policy_id(champion->policy));
	if (explanation->note[0] != '\0')
		buffer_add_format(out, "note            %s\n", explanation->note);
	buffer_add_format(out, "published       %s, %s\n", explanation->alert != NULL ? "an alert" : "no alert",
			  explanation->decision != NULL ? "a decision" : "no decision");
}

static void result_line(const struct explanation *explanation, struct buffer *out)
{
	switch (explanation->result) {
	case EXPLANATION_MATCH:
		buffer_add_text(out, "result          match: every byte published is what the topic gives\n");
		break;
	case EXPLANATION_DIFFERENCE:
		buffer_add_format(out, "result          DIFFERENCE: %s\n", explanation->difference);
		break;
	case EXPLANATION_VECTOR:
		buffer_add_text(out,
				"result          history is gone from the topic; from the recorded vector the model "
				"gives the recorded score, bit for bit\n");
		break;
	case EXPLANATION_ALONE:
		buffer_add_text(out, "result          nothing to compare with\n");
		break;
	}
}

void explain_text(const struct explanation *explanation, const struct world *world, struct buffer *out)
{
	const struct champion *champion = explanation_champion(explanation, world);
	record_lines(explanation, world, out);
	if (explanation->in_topic) {
		history_lines(explanation, out);
		decision_lines(explanation, champion, out);
		contribution_lines(explanation, champion, out);
	}
	version_lines(explanation, world, champion, out);
	result_line(explanation, out);
}
