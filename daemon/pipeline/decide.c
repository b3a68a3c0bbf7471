#include "daemon/pipeline/decide.h"

#include "json.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct feature_condition {
	size_t feature;
	bool has_equals, has_not, has_above, has_below;
	double equals, not_equals, above, below;
};

struct rule {
	const struct rule_options *options;
	struct feature_condition *conditions;
	size_t condition_count;
	struct condition *on_event; /* NULL: none */
};

struct policy {
	const struct policy_options *options;
	double threshold; /* NaN: no model */
	char id[SHA256_HEX];
	struct rule *rules;
	size_t rule_count;
};

struct report {
	feature_problem *problem;
	void *context;
	struct err *err;
	size_t rule;
};

static void report(struct report *to, const char *where, const char *message)
{
	char path[256];
	snprintf(path, sizeof path, "rules[%zu]%s%s", to->rule, *where == '\0' ? "" : ".when", where);
	if (to->problem != NULL)
		to->problem(to->context, path, message);
	if (!err_is_set(to->err))
		(void)err_set(to->err, ERR_CONFIG, "policy.%s: %s", path, message);
}

static void report_condition(void *context, const char *path, const char *message)
{
	report(context, path, message);
}

static void read_number(struct report *to, size_t i, const char *name, const struct literal *literal, bool *has,
			double *value)
{
	*has = literal->kind != LITERAL_NONE;
	if (!*has)
		return;
	if (literal->kind == LITERAL_NUMBER && number_parse(slice_of(literal->text), value) == 0)
		return;
	char path[64];
	snprintf(path, sizeof path, "[%zu].%s", i, name);
	report(to, path, "a feature compares with a number");
}

static int compile_rule(struct rule *rule, const struct rule_options *options, const struct feature_set *set,
			struct report *to)
{
	rule->options = options;
	rule->conditions = calloc(options->feature_count + 1, sizeof *rule->conditions);
	if (rule->conditions == NULL)
		return err_memory(to->err);
	rule->condition_count = options->feature_count;
	if (options->feature_count + options->field_count == 0)
		report(to, "", "a rule needs at least one condition in `when`");
	for (size_t i = 0; i < options->feature_count; i++) {
		const struct feature_condition_options *from = &options->features[i];
		struct feature_condition *into = &rule->conditions[i];
		int feature = feature_set_find(set, from->feature);
		if (feature < 0) {
			char path[64], message[256];
			snprintf(path, sizeof path, "[%zu].feature", i);
			snprintf(message, sizeof message, "\"%s\" is not a feature of this configuration",
				 from->feature);
			report(to, path, message);
			continue;
		}
		into->feature = (size_t)feature;
		read_number(to, i, "equals", &from->equals, &into->has_equals, &into->equals);
		read_number(to, i, "not", &from->not_equals, &into->has_not, &into->not_equals);
		read_number(to, i, "above", &from->above, &into->has_above, &into->above);
		read_number(to, i, "below", &from->below, &into->has_below, &into->below);
	}
	if (options->field_count == 0)
		return 0;
	struct err inner = {0};
	if (condition_new(&rule->on_event, feature_set_schema(set), options->fields, options->field_count,
			  report_condition, to, &inner) != 0 &&
	    !err_is_set(to->err))
		*to->err = inner;
	return 0;
}

static void write_literal(struct json *json, const char *name, const struct literal *literal)
{
	if (literal->kind == LITERAL_NONE)
		return;
	json_name(json, name);
	if (literal->kind == LITERAL_BOOLEAN)
		json_add_boolean(json, literal->boolean);
	else if (literal->kind == LITERAL_NUMBER)
		json_add_raw(json, slice_of(literal->text));
	else
		json_add_string(json, literal->text);
}

static void write_field_condition(struct json *json, const struct condition_options *condition)
{
	json_open_object(json);
	write_literal(json, "above", &condition->above);
	write_literal(json, "below", &condition->below);
	write_literal(json, "equals", &condition->equals);
	if (condition->field != NULL) {
		json_name(json, "field");
		json_add_string(json, condition->field);
	}
	if (condition->has_hours) {
		json_name(json, "hours");
		json_open_array(json);
		json_add_integer(json, condition->hours_from);
		json_add_integer(json, condition->hours_to);
		json_close_array(json);
	}
	if (condition->in_count > 0) {
		json_name(json, "in");
		json_open_array(json);
		for (size_t i = 0; i < condition->in_count; i++) {
			json_open_object(json);
			write_literal(json, "is", &condition->in[i]);
			json_close_object(json);
		}
		json_close_array(json);
	}
	write_literal(json, "not", &condition->not_equals);
	if (condition->utc_offset_count > 0) {
		json_name(json, "utc_offset_ms");
		json_open_array(json);
		for (size_t i = 0; i < condition->utc_offset_count; i++) {
			json_add_integer(json, condition->utc_offsets[i].from_utc_ms);
			json_add_integer(json, condition->utc_offsets[i].offset_ms);
		}
		json_close_array(json);
	}
	json_close_object(json);
}

static void write_rule(struct json *json, const struct rule_options *rule)
{
	json_open_object(json);
	json_name(json, "action");
	json_add_string(json, rule->action == RULE_FLAG ? "flag" : "suppress");
	json_name(json, "expires_ms");
	if (rule->expires_ms == INT64_MAX)
		json_add_null(json);
	else
		json_add_integer(json, rule->expires_ms);
	json_name(json, "name");
	json_add_string(json, rule->name);
	json_name(json, "reason");
	json_add_string(json, rule->reason);
	json_name(json, "when");
	json_open_array(json);
	for (size_t i = 0; i < rule->feature_count; i++) {
		const struct feature_condition_options *condition = &rule->features[i];
		json_open_object(json);
		write_literal(json, "above", &condition->above);
		write_literal(json, "below", &condition->below);
		write_literal(json, "equals", &condition->equals);
		json_name(json, "feature");
		json_add_string(json, condition->feature);
		write_literal(json, "not", &condition->not_equals);
		json_close_object(json);
	}
	for (size_t i = 0; i < rule->field_count; i++)
		write_field_condition(json, &rule->fields[i]);
	json_close_array(json);
	json_close_object(json);
}

/* The canonical policy: what could change a decision or an alert's group, nothing else. */
static int make_id(struct policy *policy, struct err *err)
{
	struct buffer text;
	struct json json;
	buffer_init(&text);
	json_begin(&json, &text);
	json_open_object(&json);
	json_name(&json, "cooldown_ms");
	json_add_integer(&json, policy->options->cooldown_ms);
	json_name(&json, "rules");
	json_open_array(&json);
	for (size_t i = 0; i < policy->rule_count; i++)
		write_rule(&json, policy->rules[i].options);
	json_close_array(&json);
	json_name(&json, "threshold");
	json_add_number(&json, policy->threshold);
	json_name(&json, "warming");
	json_add_string(&json, policy->options->warming == WARMING_ALERT ? "alert" : "suppress");
	json_close_object(&json);
	bool failed = buffer_failed(&text);
	if (!failed)
		sha256_hex(buffer_slice(&text), policy->id);
	buffer_free(&text);
	return failed ? err_memory(err) : 0;
}

struct policy *policy_new(const struct policy_options *options, const struct feature_set *set,
			  const struct model *model, feature_problem *problem, void *context, struct err *err)
{
	struct policy *policy = calloc(1, sizeof *policy);
	struct report to = {problem, context, err, 0};
	if (policy == NULL || options->rule_count > RULES_MAX)
		goto fail;
	policy->options = options;
	policy->threshold = NAN;
	policy->rules = calloc(options->rule_count + 1, sizeof *policy->rules);
	if (policy->rules == NULL)
		goto fail;
	policy->rule_count = options->rule_count;
	for (to.rule = 0; to.rule < options->rule_count; to.rule++)
		if (compile_rule(&policy->rules[to.rule], &options->rules[to.rule], set, &to) != 0)
			goto fail;
	if (model != NULL && policy_threshold(&options->threshold, model, &policy->threshold, err) != 0)
		goto fail;
	if (!err_is_set(err) && make_id(policy, err) == 0)
		return policy;
fail:
	if (policy != NULL && options->rule_count > RULES_MAX)
		(void)err_set(err, ERR_CONFIG, "policy.rules: %zu rules are more than %d", options->rule_count,
			      RULES_MAX);
	if (!err_is_set(err))
		(void)err_memory(err);
	policy_free(policy);
	return NULL;
}

void policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	for (size_t i = 0; i < policy->rule_count; i++) {
		free(policy->rules[i].conditions);
		condition_free(policy->rules[i].on_event);
	}
	free(policy->rules);
	free(policy);
}

const char *policy_id(const struct policy *policy)
{
	return policy->id;
}

double policy_resolved_threshold(const struct policy *policy)
{
	return policy->threshold;
}

size_t policy_rule_count(const struct policy *policy)
{
	return policy->rule_count;
}

const struct rule_options *policy_rule(const struct policy *policy, size_t i)
{
	assert(i < policy->rule_count);
	return policy->rules[i].options;
}

static bool rule_holds(const struct rule *rule, const struct event *event, const struct vector *vector)
{
	if (event->time_ms >= rule->options->expires_ms)
		return false;
	for (size_t i = 0; i < rule->condition_count; i++) {
		const struct feature_condition *condition = &rule->conditions[i];
		double value = vector->values[condition->feature];
		if (isnan(value) || (condition->has_equals && value != condition->equals) ||
		    (condition->has_not && value == condition->not_equals) ||
		    (condition->has_above && !(value > condition->above)) ||
		    (condition->has_below && !(value < condition->below)))
			return false;
	}
	return rule->on_event == NULL || condition_holds(rule->on_event, event);
}

struct verdict policy_decide(const struct policy *policy, const struct event *event, const struct vector *vector,
			     double score)
{
	struct verdict verdict = {0};
	bool muted = (vector->flags & FLAG_WARMING) != 0 && policy->options->warming == WARMING_SUPPRESS;
	verdict.by_model = !isnan(score) && score >= policy->threshold && !muted;
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (!rule_holds(&policy->rules[i], event, vector))
			continue;
		if (policy->rules[i].options->action == RULE_FLAG)
			verdict.rules |= (uint64_t)1 << i;
		else
			verdict.mutes |= (uint64_t)1 << i;
	}
	verdict.flagged = (verdict.by_model || verdict.rules != 0) && verdict.mutes == 0;
	return verdict;
}
