/* The rules of the policy: each condition looks at a feature that exists, or at the event. */
#include "config/draft.h"

#include <stdio.h>

struct place {
	struct draft *draft;
	const char *path; /* of the condition */
};

static bool has_comparison(const struct condition_options *condition)
{
	return condition->equals.kind != LITERAL_NONE || condition->not_equals.kind != LITERAL_NONE ||
	       condition->above.kind != LITERAL_NONE || condition->below.kind != LITERAL_NONE;
}

static void complain(struct draft *draft, const char *above, const char *key, const char *message)
{
	char path[CONFIG_PATH_MAX];
	config_path_member(path, above, key);
	config_problem_follow(draft->problems, path, "%s", message);
}

static void check_number(struct draft *draft, const char *above, const char *key, const struct literal *literal)
{
	char path[CONFIG_PATH_MAX];
	if (literal->kind == LITERAL_NONE || literal->kind == LITERAL_NUMBER)
		return;
	config_path_member(path, above, key);
	if (literal->kind == LITERAL_TEXT)
		config_problem_add(draft->problems, path, "\"%.60s\" is not a number, and features are", literal->text);
	else
		config_problem_add(draft->problems, path, "%s is not a number, and features are",
				   literal->boolean ? "true" : "false");
}

static void check_feature_name(struct draft *draft, const char *above, const char *name)
{
	const struct feature_set_options *set = &draft->config.features;
	const char *names[FEATURES_MAX];
	size_t count = 0;
	for (size_t i = 0; i < set->feature_count && i < FEATURES_MAX; i++) {
		names[count++] = set->features[i].name;
		if (strcmp(set->features[i].name, name) == 0)
			return;
	}
	char path[CONFIG_PATH_MAX];
	config_path_member(path, above, "feature");
	const char *like = config_like(name, names, count);
	if (!config_problem_at(draft->problems, "features"))
		config_problem_follow(draft->problems, path, "\"%.60s\" is not a feature%s%s%s", name,
				      like == NULL ? "" : "; did you mean \"", like == NULL ? "" : like,
				      like == NULL ? "" : "\"?");
}

static void check_on_feature(struct draft *draft, const struct rule_condition *when, const char *path)
{
	const struct condition_options *condition = &when->condition;
	check_feature_name(draft, path, when->feature);
	if (condition->field != NULL)
		complain(draft, path, "field", "stands beside feature; a condition looks at one of the two");
	if (condition->in_count > 0)
		complain(draft, path, "in", "is for fields; a feature compares with equals, not, above and below");
	if (condition->has_hours)
		complain(draft, path, "hours", "stands beside feature; make it a condition of its own");
	else if (condition->utc_offset_count > 0)
		complain(draft, path, "utc_offset", "stands without hours");
	check_number(draft, path, "equals", &condition->equals);
	check_number(draft, path, "not", &condition->not_equals);
	if (!has_comparison(condition))
		config_problem_follow(draft->problems, path,
				      "asks nothing of feature \"%.60s\": give equals, not, above or below",
				      when->feature);
}

static void report(void *context, const char *path, const char *message)
{
	const struct place *place = context;
	char inner[2 * CONFIG_PATH_MAX];
	const char *below = strchr(path, ']');
	int length = snprintf(inner, sizeof inner, "%s%s", place->path, below == NULL ? "" : below + 1);
	if (length > 0)
		config_problem_follow(place->draft->problems, inner, "%s", message);
}

static void check_on_event(struct draft *draft, const struct rule_condition *when, const char *path)
{
	const struct condition_options *options = &when->condition;
	struct place place = {draft, path};
	struct condition *condition = NULL;
	struct err err = {0};
	if (options->field == NULL && !options->has_hours && !has_comparison(options) && options->in_count == 0) {
		config_problem_follow(draft->problems, path,
				      "is empty: give a feature or a field and a comparison, or hours");
		return;
	}
	if (config_problem_at(draft->problems, "event") || config_problem_at(draft->problems, "event.fields") ||
	    config_check_is_broken(draft, options->field))
		return;
	if (condition_new(&condition, &draft->config.schema, options, 1, report, &place, &err) != 0 &&
	    err.code != ERR_CONFIG)
		draft->problems->out_of_memory = true;
	condition_free(condition);
}

void config_check_rules(struct draft *draft)
{
	for (size_t i = 0; i < draft->rule_count; i++) {
		const struct rule_draft *rule = &draft->rules[i];
		char above[CONFIG_PATH_MAX], list[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX];
		config_path_element(above, "policy.rules", i);
		for (size_t j = 0; j < i && rule->options.name != NULL; j++)
			if (draft->rules[j].options.name != NULL &&
			    strcmp(draft->rules[j].options.name, rule->options.name) == 0) {
				config_path_member(path, above, "name");
				config_problem_add(draft->problems, path, "\"%s\" is the name of policy.rules[%zu] too",
						   rule->options.name, j);
			}
		config_path_member(list, above, "when");
		bool single = config_tree_single(draft, "policy.rules", i, "when");
		for (size_t j = 0; j < rule->when_count; j++) {
			config_path_element(path, list, j);
			const char *at = single ? list : path;
			if (rule->when[j].feature != NULL)
				check_on_feature(draft, &rule->when[j], at);
			else
				check_on_event(draft, &rule->when[j], at);
		}
	}
}
