/* The features: feature_set_new() knows what is right; here its problems get the paths of the configuration. */
#include "config/draft.h"

#include <stdio.h>

/* True where something that the feature reads is itself wrong: what is said of the feature then only follows. */
static bool rests_on_broken(const struct draft *draft, size_t i)
{
	const struct feature_options *feature = &draft->config.features.features[i];
	char above[CONFIG_PATH_MAX], operation[CONFIG_PATH_MAX];
	config_path_element(above, "features", i);
	config_path_member(operation, above, "op");
	bool broken = config_problem_at(draft->problems, operation) || config_check_is_broken(draft, feature->field) ||
		      config_check_is_broken(draft, feature->lat) || config_check_is_broken(draft, feature->lon);
	for (size_t j = 0; j < feature->where_count; j++)
		broken |= config_check_is_broken(draft, feature->where[j].field);
	return broken;
}

/* "features[3].where[0].field" becomes "features[3].where.field" where the condition stands without a list. */
static void take_out_index(const struct draft *draft, size_t i, char *path)
{
	static const char listed[] = ".where[0]";
	char *found = strstr(path, listed);
	if (found == NULL || !config_tree_single(draft, "features", i, "where"))
		return;
	char *after = found + strlen(listed);
	memmove(found + strlen(".where"), after, strlen(after) + 1);
}

static void report(void *context, const char *path, const char *message)
{
	struct draft *draft = context;
	size_t i;
	char inner[CONFIG_PATH_MAX];
	if (sscanf(path, "features[%zu]", &i) != 1) {
		const char *at = strcmp(path, "max_events") == 0 ? "state.max_events" : path;
		config_problem_follow(draft->problems, at, "%s", message);
		return;
	}
	config_path_member(inner, path, "");
	take_out_index(draft, i, inner);
	if (!rests_on_broken(draft, i))
		config_problem_follow(draft->problems, inner, "%s", message);
}

void config_check_features(struct draft *draft)
{
	struct feature_set *set = NULL;
	struct err err = {0};
	const struct config_problems *problems = draft->problems;
	if (config_problem_at(problems, "event") || config_problem_at(problems, "event.fields") ||
	    config_problem_at(problems, "features"))
		return;
	if (draft->feature_count == 0)
		return; /* reported: at least one is required */
	if (feature_set_new(&set, &draft->config.features, report, draft, &err) != 0 && err.code != ERR_CONFIG)
		draft->problems->out_of_memory = true;
	feature_set_free(set);
}
