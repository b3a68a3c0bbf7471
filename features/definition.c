#include "features/definition.h"

#include "features/canonical.h"
#include "features/plan.h"

#include <assert.h>
#include <stdlib.h>

static const struct operation_rule rules[] = {
    [OPERATION_COUNT] = {"count", FIELD_OPTIONAL, TAKES_ANY, true, true, true, true, 0, 0},
    [OPERATION_SUM] = {"sum", FIELD_REQUIRED, TAKES_SCALED, true, true, true, true, NEED_SUM, 0},
    [OPERATION_DISTINCT] = {"distinct", FIELD_REQUIRED, TAKES_ANY, true, true, false, true, NEED_DISTINCT, 0},
    [OPERATION_MEAN] = {"mean", FIELD_REQUIRED, TAKES_SCALED, true, true, true, true, NEED_SUM, 0},
    [OPERATION_MIN] = {"min", FIELD_REQUIRED, TAKES_NUMBER, true, true, true, true, NEED_EXTREMES, 0},
    [OPERATION_MAX] = {"max", FIELD_REQUIRED, TAKES_NUMBER, true, true, true, true, NEED_EXTREMES, 0},
    [OPERATION_STDDEV] = {"stddev", FIELD_REQUIRED, TAKES_SCALED, true, true, true, true, NEED_SUM | NEED_SQUARES, 0},
    [OPERATION_ZSCORE] = {"zscore", FIELD_REQUIRED, TAKES_SCALED, true, false, true, true, NEED_SUM | NEED_SQUARES, 0},
    [OPERATION_RATIO] = {"ratio", FIELD_REQUIRED, TAKES_SCALED, true, false, true, true, NEED_SUM, 0},
    [OPERATION_QUOTIENT] = {"quotient", FIELD_UNUSED, TAKES_ANY, false, false, false, false, 0, 0},
    [OPERATION_PREVIOUS] = {"previous", FIELD_REQUIRED, TAKES_NUMBER, true, false, false, false, 0, 0},
    [OPERATION_SINCE_PREVIOUS] = {"since_previous", FIELD_OPTIONAL, TAKES_ANY, true, false, false, false, 0, 0},
    [OPERATION_AGE] = {"age", FIELD_OPTIONAL, TAKES_ANY, true, false, false, false, 0, 0},
    [OPERATION_GEO_SPEED] = {"geo_speed", FIELD_UNUSED, TAKES_ANY, true, false, false, false, 0, TRAIT_PLACE},
    [OPERATION_PERCENTILE] = {"percentile", FIELD_REQUIRED, TAKES_NUMBER, true, false, false, false, 0, TRAIT_PICKS},
    [OPERATION_ROBUST_Z] = {"robust_z", FIELD_REQUIRED, TAKES_SCALED, true, false, false, false, 0, TRAIT_PICKS},
    [OPERATION_DECAYED_COUNT] = {"decayed_count", FIELD_OPTIONAL, TAKES_ANY, true, false, false, false, 0,
				 TRAIT_HALF_LIFE | TRAIT_PICKS},
    [OPERATION_DECAYED_SUM] = {"decayed_sum", FIELD_REQUIRED, TAKES_SCALED, true, false, false, false, 0,
			       TRAIT_HALF_LIFE | TRAIT_PICKS},
    [OPERATION_DISTANCE_HOME] = {"distance_home", FIELD_UNUSED, TAKES_ANY, true, false, false, false, 0,
				 TRAIT_PLACE | TRAIT_PICKS},
    [OPERATION_STREAK] = {"streak", FIELD_UNUSED, TAKES_ANY, true, false, false, false, 0, TRAIT_WHERE},
    [OPERATION_BURST] = {"burst", FIELD_OPTIONAL, TAKES_ANY, true, false, false, false, 0,
			 TRAIT_INTERVAL | TRAIT_PICKS},
    [OPERATION_VALUE] = {"value", FIELD_REQUIRED, TAKES_LISTED, false, false, false, false, 0, 0},
    [OPERATION_LOG1P] = {"log1p", FIELD_REQUIRED, TAKES_LISTED, false, false, false, false, 0, 0},
    [OPERATION_HOUR] = {"hour", FIELD_UNUSED, TAKES_ANY, false, false, false, false, 0, 0},
    [OPERATION_WEEKDAY] = {"weekday", FIELD_UNUSED, TAKES_ANY, false, false, false, false, 0, 0},
};

const struct operation_rule *operation_rule(enum operation operation)
{
	assert((size_t)operation < sizeof rules / sizeof *rules);
	return &rules[operation];
}

const char *operation_name(enum operation operation)
{
	return operation_rule(operation)->name;
}

int operation_parse(const char *name, enum operation *operation)
{
	assert(name != NULL);
	for (int i = 0; i < OPERATION_NUMBER; i++) {
		if (strcmp(rules[i].name, name) == 0) {
			*operation = (enum operation)i;
			return 0;
		}
	}
	return -1;
}

static int identify(struct feature_set *set, const struct feature_set_options *options)
{
	char key[2 * SIPHASH_KEY_BYTES + 1];
	hex_of(set->key, sizeof set->key, key);
	if (canonical_set_id(options, set->id) != 0)
		return -1;
	return canonical_state_id(options, set->reach_ms, set->columns, set->column_count, key, set->state_id);
}

int feature_set_new(struct feature_set **set, const struct feature_set_options *options, feature_problem *problem,
		    void *context, struct err *err)
{
	assert(options->schema != NULL && options->pipeline != NULL);
	*set = NULL;
	struct feature_set *made = calloc(1, sizeof *made);
	if (made == NULL)
		return err_memory(err);
	uint8_t digest[SHA256_BYTES];
	sha256_of(slice_of(options->pipeline), digest);
	memcpy(made->key, digest, sizeof made->key);
	made->schema = options->schema;
	made->max_events = options->max_events;
	made->keeps_all = options->keeps_all;
	dictionary_init(&made->constants, NULL);

	struct problems problems;
	problems_begin(&problems, problem, context, err);
	int status = plan_check(made, options, &problems);
	if (status == 0 && problems.count == 0)
		status = plan_compile(made) != 0 || identify(made, options) != 0 ? -1 : 0;
	if (status == 0 && problems.count == 0 && options->idle_bytes > 0) {
		made->pool = pool_new(options->idle_bytes);
		status = made->pool == NULL ? -1 : 0;
	}
	if (status != 0)
		(void)err_memory(err);
	if (status != 0 || problems.count > 0) {
		feature_set_free(made);
		return -1;
	}
	*set = made;
	return 0;
}

static void free_feature(struct feature *feature)
{
	free(feature->name);
	for (size_t i = 0; i < feature->value_count; i++)
		free(feature->values[i]);
	free(feature->values);
	free(feature->utc_offsets);
}

void feature_set_free(struct feature_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->feature_count; i++)
		free_feature(&set->features[i]);
	free(set->features);
	free(set->quotients);
	for (size_t i = 0; i < set->filter_count; i++) {
		filter_free(&set->filters[i]);
		free(set->filter_texts[i]);
	}
	free(set->filters);
	free(set->filter_texts);
	dictionary_free(&set->constants);
	pool_free(set->pool);
	free(set->windows);
	free(set->groups);
	free(set->slots);
	free(set->segments);
	free(set->scans);
	free(set->tallies);
	free(set);
}

size_t feature_set_count(const struct feature_set *set)
{
	return set->feature_count;
}

const char *feature_set_name(const struct feature_set *set, size_t i)
{
	assert(i < set->feature_count);
	return set->features[i].name;
}

enum operation feature_set_operation(const struct feature_set *set, size_t i)
{
	assert(i < set->feature_count);
	return set->features[i].operation;
}

int feature_set_find(const struct feature_set *set, const char *name)
{
	assert(name != NULL);
	for (size_t i = 0; i < set->feature_count; i++)
		if (strcmp(set->features[i].name, name) == 0)
			return (int)i;
	return NONE;
}

const struct event_schema *feature_set_schema(const struct feature_set *set)
{
	return set->schema;
}

const char *feature_set_id(const struct feature_set *set)
{
	return set->id;
}

const char *feature_set_state_id(const struct feature_set *set)
{
	return set->state_id;
}

int64_t feature_set_reach_ms(const struct feature_set *set)
{
	return set->reach_ms;
}

int64_t feature_set_window_ms(const struct feature_set *set)
{
	return set->longest_ms;
}

int64_t feature_set_pane_ms(const struct feature_set *set)
{
	return set->pane_ms;
}

bool feature_set_is_warm(const struct feature_set *set, size_t i, int64_t t_ms, int64_t complete_since_ms)
{
	assert(i < set->feature_count && t_ms >= -EVENT_TIME_MAX_MS);
	int64_t warm_ms = set->features[i].warm_ms;
	return warm_ms == 0 || t_ms - warm_ms >= complete_since_ms;
}
