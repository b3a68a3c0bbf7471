#include "daemon/cmd/explain_report.h"

#include "daemon/cmd/waterfall.h"
#include "json.h"

#include <math.h>
#include <stdio.h>

const char *explain_result_name(enum explanation_result result)
{
	static const char *const names[] = {"match", "difference", "vector", "alone"};
	return names[result];
}

static void text(struct json *json, const char *name, const char *value)
{
	json_name(json, name);
	json_add_string(json, value);
}

static void number(struct json *json, const char *name, double value)
{
	json_name(json, name);
	json_add_number(json, value);
}

static void integer(struct json *json, const char *name, int64_t value)
{
	json_name(json, name);
	json_add_integer(json, value);
}

static void add_history(struct json *json, const struct explanation *explanation)
{
	json_name(json, "history");
	json_open_array(json);
	for (size_t i = 0; i < explanation->history_count; i++) {
		json_open_object(json);
		integer(json, "event_time", explanation->history[i].time_ms);
		integer(json, "offset", explanation->history[i].offset);
		text(json, "fields", explanation->history[i].fields);
		json_close_object(json);
	}
	json_close_array(json);
	integer(json, "history_events", (int64_t)explanation->history_total);
	integer(json, "records_read", (int64_t)explanation->records);
}

static void add_features(struct json *json, const struct explanation *explanation, const struct world *world,
			 const struct champion *champion)
{
	json_name(json, "features");
	json_open_object(json);
	for (size_t i = 0; i < feature_set_count(world->set); i++)
		number(json, feature_set_name(world->set, i), explanation->values[i]);
	json_close_object(json);
	if (explanation->contributions == NULL)
		return;
	number(json, "base", explanation->base);
	json_name(json, "contributions");
	json_open_object(json);
	for (size_t i = 0; i < champion->model->feature_count; i++)
		number(json, champion->model->features[i], explanation->contributions[i]);
	json_close_object(json);
}

static void add_rules(struct json *json, const struct explanation *explanation, const struct champion *champion)
{
	json_name(json, "rules");
	json_open_array(json);
	for (size_t i = 0; i < policy_rule_count(champion->policy); i++) {
		const struct rule_options *rule = policy_rule(champion->policy, i);
		if (((explanation->verdict.rules | explanation->verdict.mutes) >> i & 1) == 0)
			continue;
		json_open_object(json);
		text(json, "name", rule->name);
		text(json, "action", rule->action == RULE_FLAG ? "flag" : "suppress");
		text(json, "reason", rule->reason);
		json_close_object(json);
	}
	json_close_array(json);
}

static void add_decision(struct json *json, const struct explanation *explanation, const struct world *world,
			 const struct champion *champion)
{
	text(json, "outcome", outcome_name(explanation->outcome));
	if (explanation->values == NULL) {
		text(json, "reason", reason_name(explanation->reason));
		text(json, "why", explanation->why);
		return;
	}
	number(json, "score", explanation->score);
	number(json, "rank", explanation->rank);
	number(json, "threshold", policy_resolved_threshold(champion->policy));
	json_name(json, "flagged");
	json_add_boolean(json, explanation->verdict.flagged);
	json_name(json, "flags");
	json_open_array(json);
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		if ((explanation->flags >> i & 1) != 0)
			json_add_string(json, flag_name(i));
	json_close_array(json);
	add_rules(json, explanation, champion);
	add_features(json, explanation, world, champion);
}

void explain_json(const struct explanation *explanation, const struct world *world, struct buffer *out)
{
	const struct champion *champion = explanation_champion(explanation, world);
	struct json json;
	json_begin(&json, out);
	json_open_object(&json);
	text(&json, "topic", world->config->kafka.input_topic);
	integer(&json, "partition", explanation->partition);
	integer(&json, "offset", explanation->offset);
	json_name(&json, "in_topic");
	json_add_boolean(&json, explanation->in_topic);
	json_name(&json, "history_whole");
	json_add_boolean(&json, explanation->in_topic && explanation->whole);
	text(&json, "entity", explanation->entity);
	text(&json, "event_id", explanation->event_id);
	if (explanation->in_topic) {
		integer(&json, "event_time", explanation->time_ms);
		add_history(&json, explanation);
		add_decision(&json, explanation, world, champion);
	}
	text(&json, "model_id", champion->model == NULL ? NULL : champion->model->id);
	text(&json, "feature_set_id", feature_set_id(world->set));
	text(&json, "policy_id", policy_id(champion->policy));
	text(&json, "note", explanation->note[0] == '\0' ? NULL : explanation->note);
	json_name(&json, "alert_published");
	json_add_boolean(&json, explanation->alert != NULL);
	json_name(&json, "decision_published");
	json_add_boolean(&json, explanation->decision != NULL);
	text(&json, "result", explain_result_name(explanation->result));
	text(&json, "difference", explanation->difference[0] == '\0' ? NULL : explanation->difference);
	json_close_object(&json);
	buffer_add_byte(out, '\n');
}

int explain_plot(const struct explanation *explanation, const struct world *world, struct buffer *out, struct err *err)
{
	const struct champion *champion = explanation_champion(explanation, world);
	const struct model *model = champion->model;
	double values[FOREST_COLUMNS_MAX];
	char title[300];
	if (model == NULL || explanation->contributions == NULL)
		return err_set(err, ERR_DATA, "nothing to plot: the record has no score");
	for (size_t i = 0; i < model->feature_count; i++)
		values[i] = explanation->values[champion->columns == NULL ? i : champion->columns[i]];
	snprintf(title, sizeof title, "%.120s of %.120s", explanation->event_id, explanation->entity);
	const struct waterfall waterfall = {.title = slice_of(title),
					    .model_id = model->id,
					    .count = model->feature_count,
					    .names = (const char *const *)model->features,
					    .values = values,
					    .contributions = explanation->contributions,
					    .references = model->references,
					    .base = explanation->base,
					    .score = explanation->score,
					    .rank = explanation->rank,
					    .threshold = policy_resolved_threshold(champion->policy),
					    .threshold_name = "the policy's threshold"};
	waterfall_draw(&waterfall, out);
	return buffer_failed(out) ? err_memory(err) : 0;
}
