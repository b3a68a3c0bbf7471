#include "features/canonical.h"
#include "features/plan.h"
#include "number.h"

#include <assert.h>
#include <stdlib.h>

#define NAMES_SHOWN_MAX 200
#define VALUES_MAX 1024 /* of one string feature */

/* The feature under check. */
struct check {
	struct feature_set *set;
	const struct feature_set_options *options;
	const struct feature_options *given;
	const struct operation_rule *rule;
	struct feature *feature;
	struct problems *problems;
};

static bool is_name(const char *name)
{
	bool good = name[0] != '\0' && !(name[0] >= '0' && name[0] <= '9');
	for (const char *at = name; *at != '\0'; at++)
		good &= (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
			*at == '_';
	return good;
}

static void check_name(struct check *check, size_t index)
{
	const char *name = check->given->name;
	if (name == NULL) {
		problem_at(check->problems, ".name", "is missing");
		return;
	}
	if (!is_name(name))
		problem_at(check->problems, ".name", "\"%s\" is not a name: letters, digits and _, no digit first",
			   name);
	for (size_t i = 0; i < index; i++) {
		const char *other = check->options->features[i].name;
		if (other != NULL && strcmp(other, name) == 0) {
			problem_at(check->problems, ".name", "\"%s\" is the name of features[%zu] too", name, i);
			break;
		}
	}
}

/* The index of a field that must exist; NONE: reported. */
static int find_field(struct check *check, const char *path, const char *name)
{
	const struct event_schema *schema = check->set->schema;
	char names[NAMES_SHOWN_MAX];
	if (name == NULL) {
		problem_at(check->problems, path, "is missing: %s needs it", check->rule->name);
		return NONE;
	}
	int index = field_find(schema->fields, schema->field_count, name);
	if (index < 0) {
		field_list(schema->fields, schema->field_count, names, sizeof names);
		problem_at(check->problems, path, "\"%s\" is not a field; the fields are: %s", name, names);
	}
	return index;
}

/* Whether a field's values can be summed as integers. */
static bool is_scaled(const struct field *field)
{
	return field_kind(field) == VALUE_UNITS;
}

static void check_kind(struct check *check, const char *path, int index)
{
	const struct field *field = &check->set->schema->fields[index];
	bool string = field->type == FIELD_STRING;
	switch (check->rule->takes) {
	case TAKES_ANY:
		return;
	case TAKES_LISTED:
		if (string && check->given->value_count == 0)
			problem_at(check->problems, ".values",
				   "is missing: \"%s\" is a string, list its possible values", field->name);
		return;
	case TAKES_NUMBER:
		if (string)
			problem_at(check->problems, path, "\"%s\" is a string; %s needs a number", field->name,
				   check->rule->name);
		return;
	case TAKES_SCALED:
		break;
	}
	if (string)
		problem_at(check->problems, path, "\"%s\" is a string; %s needs a number with a scale", field->name,
			   check->rule->name);
	else if (!is_scaled(field))
		problem_at(check->problems, path, "\"%s\" has no scale; %s needs one (\"scale\": 2 keeps two decimals)",
			   field->name, check->rule->name);
}

static void check_field(struct check *check)
{
	const char *name = check->given->field;
	if (check->rule->field == FIELD_UNUSED && name != NULL) {
		problem_at(check->problems, ".field", "\"%s\" has no meaning for %s", name, check->rule->name);
	} else if (check->rule->field == FIELD_REQUIRED || name != NULL) {
		check->feature->field = find_field(check, ".field", name);
		if (check->feature->field != NONE)
			check_kind(check, ".field", check->feature->field);
	}
}

static int check_coordinate(struct check *check, const char *path, const char *name)
{
	int index = find_field(check, path, name);
	const struct field *field = index == NONE ? NULL : &check->set->schema->fields[index];
	if (field != NULL && (field->type == FIELD_BOOLEAN || !is_scaled(field)))
		problem_at(check->problems, path, "\"%s\" is no number with a scale; %s needs degrees (\"scale\": 5)",
			   name, check->rule->name);
	return index;
}

static void check_coordinates(struct check *check)
{
	if ((check->rule->traits & TRAIT_PLACE) != 0) {
		check->feature->field = check_coordinate(check, ".lat", check->given->lat);
		check->feature->second_field = check_coordinate(check, ".lon", check->given->lon);
		return;
	}
	if (check->given->lat != NULL)
		problem_at(check->problems, ".lat", "has no meaning for %s", check->rule->name);
	if (check->given->lon != NULL)
		problem_at(check->problems, ".lon", "has no meaning for %s", check->rule->name);
}

static void check_window(struct check *check)
{
	int64_t window_ms = check->given->window_ms;
	char text[NUMBER_TEXT_MAX], longest[NUMBER_TEXT_MAX];
	check->feature->window_ms = window_ms;
	if (check->rule->windowed && window_ms == 0)
		problem_at(check->problems, ".window", "is missing: %s reads history", check->rule->name);
	else if (!check->rule->windowed && window_ms != 0)
		problem_at(check->problems, ".window", "has no meaning for %s, which reads no history",
			   check->rule->name);
	else if (window_ms < 0 || window_ms > WINDOW_MAX_MS) {
		(void)duration_format(window_ms, text);
		(void)duration_format(WINDOW_MAX_MS, longest);
		problem_at(check->problems, ".window", "%s is not a window of 1ms to %s", text, longest);
	}
	check->feature->include_current = check->given->include_current;
	if (check->given->include_current && !check->rule->current)
		problem_at(check->problems, ".include_current",
			   "is not possible with %s, only with count sum distinct mean min max stddev",
			   check->rule->name);
}

/* A duration that some operations need. True where it is there and a good one. */
static bool check_duration(struct check *check, unsigned trait, const char *path, int64_t duration_ms)
{
	char text[NUMBER_TEXT_MAX], longest[NUMBER_TEXT_MAX];
	bool needed = (check->rule->traits & trait) != 0, good = false;
	(void)duration_format(duration_ms, text);
	(void)duration_format(WINDOW_MAX_MS, longest);
	if (needed && duration_ms == 0)
		problem_at(check->problems, path, "is missing: %s needs it", check->rule->name);
	else if (!needed && duration_ms != 0)
		problem_at(check->problems, path, "has no meaning for %s", check->rule->name);
	else if (duration_ms < 0 || duration_ms > WINDOW_MAX_MS)
		problem_at(check->problems, path, "%s is not 1ms to %s", text, longest);
	else
		good = needed;
	return good;
}

static void check_durations(struct check *check)
{
	const struct feature_options *given = check->given;
	char interval[NUMBER_TEXT_MAX], window[NUMBER_TEXT_MAX];
	check->feature->half_life_ms = given->half_life_ms;
	check->feature->interval_ms = given->interval_ms;
	(void)check_duration(check, TRAIT_HALF_LIFE, ".half_life", given->half_life_ms);
	if (check_duration(check, TRAIT_INTERVAL, ".interval", given->interval_ms) && given->window_ms > 0 &&
	    given->interval_ms > given->window_ms) {
		(void)duration_format(given->interval_ms, interval);
		(void)duration_format(given->window_ms, window);
		problem_at(check->problems, ".interval", "%s is longer than the window, %s", interval, window);
	}
}

/* Compiles `where`, or finds the filter of a feature with the same conditions. */
static int check_where(struct check *check)
{
	struct feature_set *set = check->set;
	const struct feature_options *given = check->given;
	if (given->where_count == 0 && (check->rule->traits & TRAIT_WHERE) != 0)
		problem_at(check->problems, ".where", "is missing: %s needs it", check->rule->name);
	if (given->where_count == 0)
		return 0;
	if (!check->rule->windowed) {
		problem_at(check->problems, ".where", "has no meaning for %s, which reads no history",
			   check->rule->name);
		return 0;
	}
	size_t problems_before = check->problems->count, before = problem_enter(check->problems, ".where");
	struct filter *filter = &set->filters[set->filter_count];
	int status = filter_compile(filter, set->schema, given->where, given->where_count, true, &set->constants,
				    set->key, check->problems);
	problem_leave(check->problems, before);
	if (status != 0 || check->problems->count > problems_before) {
		filter_free(filter);
		return status;
	}
	struct buffer text;
	buffer_init(&text);
	canonical_where(&text, set->schema, given->where, given->where_count, false);
	buffer_add_byte(&text, '\0');
	if (buffer_failed(&text)) {
		filter_free(filter);
		buffer_free(&text);
		return -1;
	}
	for (size_t i = 0; i < set->filter_count; i++) {
		if (strcmp(set->filter_texts[i], (char *)text.data) == 0) {
			check->feature->filter = (int)i;
			filter_free(filter);
			buffer_free(&text);
			return 0;
		}
	}
	check->feature->filter = (int)set->filter_count;
	set->filter_texts[set->filter_count++] = (char *)text.data; /* taken over from the buffer */
	return 0;
}

static int copy_values(struct check *check)
{
	const struct feature_options *given = check->given;
	struct feature *feature = check->feature;
	const struct field *field = feature->field == NONE ? NULL : &check->set->schema->fields[feature->field];
	if (given->value_count == 0)
		return 0;
	if (check->rule->takes != TAKES_LISTED || (field != NULL && field->type != FIELD_STRING)) {
		problem_at(check->problems, ".values", "has no meaning here: only for value and log1p of a string");
		return 0;
	}
	if (given->value_count > VALUES_MAX) {
		problem_at(check->problems, ".values", "%zu values; at most %d are possible", given->value_count,
			   VALUES_MAX);
		return 0;
	}
	feature->values = calloc(given->value_count, sizeof *feature->values);
	if (feature->values == NULL)
		return -1;
	for (size_t i = 0; i < given->value_count; i++) {
		feature->values[i] = strdup(given->values[i]);
		if (feature->values[i] == NULL)
			return -1;
		feature->value_count = i + 1;
		for (size_t j = 0; j < i; j++)
			if (strcmp(feature->values[i], feature->values[j]) == 0)
				problem_at(check->problems, ".values", "\"%s\" is listed twice", given->values[i]);
	}
	return 0;
}

static int copy_offsets(struct check *check)
{
	const struct feature_options *given = check->given;
	size_t count = given->utc_offset_count;
	if (count == 0)
		return 0;
	if (given->operation != OPERATION_HOUR && given->operation != OPERATION_WEEKDAY) {
		problem_at(check->problems, ".utc_offset",
			   "has no meaning for %s; it goes with hour, weekday and hours", check->rule->name);
		return 0;
	}
	civil_check(given->utc_offsets, count, check->problems);
	check->feature->utc_offsets = calloc(count, sizeof *check->feature->utc_offsets);
	if (check->feature->utc_offsets == NULL)
		return -1;
	memcpy(check->feature->utc_offsets, given->utc_offsets, count * sizeof *given->utc_offsets);
	check->feature->utc_offset_count = count;
	return 0;
}

static int check_feature(struct check *check, size_t index)
{
	struct feature *feature = check->feature;
	*feature = (struct feature){.operation = check->given->operation,
				    .field = NONE,
				    .column = NONE,
				    .second_field = NONE,
				    .second_column = NONE,
				    .filter = NONE,
				    .of = {NONE, NONE},
				    .slot = NONE,
				    .usual_slot = NONE,
				    .unit = 1};
	check_name(check, index);
	feature->name = strdup(check->given->name == NULL ? "" : check->given->name);
	if (feature->name == NULL)
		return -1;
	check_field(check);
	check_coordinates(check);
	check_window(check);
	check_durations(check);
	if (check_where(check) != 0 || copy_values(check) != 0)
		return -1;
	return copy_offsets(check);
}

static void check_parts(struct check *check)
{
	bool quotient = check->given->operation == OPERATION_QUOTIENT;
	for (size_t part = 0; part < 2; part++) {
		const char *name = check->given->of[part];
		if (!quotient && name != NULL)
			problem_at(check->problems, ".of", "has no meaning for %s", check->rule->name);
		else if (quotient && name == NULL)
			problem_at(check->problems, ".of", "names two features, and one is missing");
		else if (quotient) {
			check->feature->of[part] = feature_set_find(check->set, name);
			if (check->feature->of[part] == NONE)
				problem_at(check->problems, ".of", "\"%s\" is not a feature", name);
		}
		if (!quotient && name != NULL)
			return;
	}
}

/* Puts a quotient behind its parts. state: 0 not seen, 1 on the way down, 2 done. */
static void order_quotient(struct feature_set *set, int index, uint8_t *state, struct problems *problems)
{
	struct feature *feature = &set->features[index];
	if (feature->operation != OPERATION_QUOTIENT || state[index] == 2)
		return;
	if (state[index] == 1) {
		size_t before = problem_enter(problems, "features[%d]", index);
		problem_at(problems, ".of", "leads back to \"%s\" itself: a quotient cannot be made of itself",
			   feature->name);
		problem_leave(problems, before);
		return;
	}
	state[index] = 1;
	for (size_t part = 0; part < 2; part++)
		if (feature->of[part] != NONE)
			order_quotient(set, feature->of[part], state, problems);
	state[index] = 2;
	set->quotients[set->quotient_count++] = index;
}

static int allocate(struct feature_set *set, size_t count)
{
	set->features = calloc(count + 1, sizeof *set->features);
	set->filters = calloc(count + 1, sizeof *set->filters);
	set->filter_texts = calloc(count + 1, sizeof *set->filter_texts);
	set->quotients = calloc(count + 1, sizeof *set->quotients);
	return set->features == NULL || set->filters == NULL || set->filter_texts == NULL || set->quotients == NULL ? -1
														    : 0;
}

static void check_limits(const struct feature_set_options *options, struct problems *problems)
{
	const struct event_schema *schema = options->schema;
	if (options->max_events < 2 || options->max_events > STATE_MAX_EVENTS_LIMIT)
		problem_at(problems, "max_events", "%u is not 2 to %d", (unsigned)options->max_events,
			   STATE_MAX_EVENTS_LIMIT);
	if (schema->allowed_lateness_ms < 0 || schema->allowed_lateness_ms > WINDOW_MAX_MS)
		problem_at(problems, "event.allowed_lateness", "is not 0s to 3650d");
	if (schema->max_ahead_ms < 0 || schema->max_ahead_ms > WINDOW_MAX_MS)
		problem_at(problems, "event.max_ahead", "is not 0s to 3650d");
	if (schema->field_count > EVENT_FIELDS_MAX)
		problem_at(problems, "event.fields", "%zu fields; at most %d are possible", schema->field_count,
			   EVENT_FIELDS_MAX);
	if (options->feature_count > FEATURES_MAX)
		problem_at(problems, "features", "%zu features; at most %d are possible", options->feature_count,
			   FEATURES_MAX);
}

int plan_check(struct feature_set *set, const struct feature_set_options *options, struct problems *problems)
{
	check_limits(options, problems);
	if (options->feature_count > FEATURES_MAX || options->schema->field_count > EVENT_FIELDS_MAX)
		return 0;
	if (allocate(set, options->feature_count) != 0)
		return -1;
	struct check check = {.set = set, .options = options, .problems = problems};
	for (size_t i = 0; i < options->feature_count; i++) {
		check.given = &options->features[i];
		check.rule = operation_rule(check.given->operation);
		check.feature = &set->features[i];
		set->feature_count = i + 1;
		size_t before = problem_enter(problems, "features[%zu]", i);
		int status = check_feature(&check, i);
		problem_leave(problems, before);
		if (status != 0)
			return -1;
	}
	for (size_t i = 0; i < options->feature_count; i++) {
		check.given = &options->features[i];
		check.rule = operation_rule(check.given->operation);
		check.feature = &set->features[i];
		size_t before = problem_enter(problems, "features[%zu]", i);
		check_parts(&check);
		problem_leave(problems, before);
	}
	uint8_t state[FEATURES_MAX] = {0};
	for (size_t i = 0; i < set->feature_count; i++)
		order_quotient(set, (int)i, state, problems);
	return 0;
}
