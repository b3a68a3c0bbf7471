/* Twelve features of what is there, in the order of their worth, and the rules that need no model. */
#include "daemon/cmd/proposal_parts.h"

#include "number.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define ZSCORE_LIMIT 8
#define ZSCORE_COUNT 9 /* a spread of fewer events is hardly one */
#define SPEED_LIMIT 900
#define SHARE_AMOUNT 0.99 /* of the sample below the limits, at least: a rule that holds more often tells nothing */
#define SHARE_COUNT 0.999
#define COUNT_LIMIT 5 /* in the short window, at least */

struct windows {
	char brief[NUMBER_TEXT_MAX], middle[NUMBER_TEXT_MAX], whole[NUMBER_TEXT_MAX], ratio[NUMBER_TEXT_MAX];
};

static void add(struct proposal *proposal, const char *name, const char *why, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Adds a feature while there is room: what matters most comes first. */
static void add(struct proposal *proposal, const char *name, const char *why, const char *format, ...)
{
	va_list arguments;
	if (proposal->feature_count == PROPOSAL_FEATURES)
		return;
	struct proposal_feature *feature = &proposal->features[proposal->feature_count++];
	*feature = (struct proposal_feature){{0}, {0}, {0}};
	(void)snprintf(feature->name, sizeof feature->name, "%s", name);
	(void)snprintf(feature->why, sizeof feature->why, "%s", why);
	va_start(arguments, format);
	int length = vsnprintf(feature->rest, sizeof feature->rest, format, arguments);
	va_end(arguments);
	assert(length > 0 && (size_t)length < sizeof feature->rest);
}

static const char *named(char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX], const char *what, const char *window)
{
	(void)snprintf(name, PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX, "%.52s_%s", what, window);
	return name;
}

static void add_amount(struct proposal *proposal, const struct windows *windows)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX];
	add(proposal, "amount_log", "large and small amounts, on a scale where twice as much is one step",
	    "\"op\": \"log1p\", \"field\": \"amount\"");
	add(proposal, named(name, "amount_zscore", windows->whole),
	    "how far the amount is from the entity's usual ones",
	    "\"op\": \"zscore\", \"field\": \"amount\", \"window\": \"%s\"", windows->whole);
	add(proposal, named(name, "amount_percentile", windows->whole),
	    "its place among the entity's own amounts, which a few large ones do not disturb",
	    "\"op\": \"percentile\", \"field\": \"amount\", \"window\": \"%s\"", windows->whole);
	add(proposal, named(name, "sum", windows->middle), "what was spent lately, this event included",
	    "\"op\": \"sum\", \"field\": \"amount\", \"window\": \"%s\", \"include_current\": true", windows->middle);
}

static void add_counts(struct proposal *proposal, const struct windows *windows)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX];
	add(proposal, named(name, "count", windows->brief), "how busy the entity is right now",
	    "\"op\": \"count\", \"window\": \"%s\"", windows->brief);
	add(proposal, named(name, "count", windows->middle), "and lately", "\"op\": \"count\", \"window\": \"%s\"",
	    windows->middle);
	add(proposal, named(name, "count", windows->whole), "and usually: what the others are to be compared with",
	    "\"op\": \"count\", \"window\": \"%s\"", windows->whole);
	add(proposal, "since_previous", "seconds since the entity's last event",
	    "\"op\": \"since_previous\", \"window\": \"%s\"", windows->whole);
}

static void add_seen(struct proposal *proposal, const struct windows *windows, const struct proposal_field *field)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX], what[PROPOSAL_NAME_MAX + 8], why[PROPOSAL_TEXT_MAX];
	(void)snprintf(what, sizeof what, "%.44s_seen", field->name);
	(void)snprintf(why, sizeof why, "how often the entity had this %s before: 0 is new", field->name);
	add(proposal, named(name, what, windows->whole), why,
	    "\"op\": \"count\", \"window\": \"%s\", \"where\": { \"field\": \"%s\", \"same\": true }", windows->whole,
	    field->name);
}

static void add_distinct(struct proposal *proposal, const struct windows *windows, const struct proposal_field *field)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX], what[PROPOSAL_NAME_MAX + 16], why[PROPOSAL_TEXT_MAX];
	(void)snprintf(what, sizeof what, "%.40s_distinct", field->name);
	(void)snprintf(why, sizeof why, "how many different ones lately, this event's included");
	add(proposal, named(name, what, windows->middle), why,
	    "\"op\": \"distinct\", \"field\": \"%s\", \"window\": \"%s\", \"include_current\": true", field->name,
	    windows->middle);
}

static bool has_place(const struct proposal *proposal)
{
	return proposal_field(proposal, "lat") != NULL && proposal_field(proposal, "lon") != NULL;
}

static void add_speed(struct proposal *proposal, const struct windows *windows)
{
	if (has_place(proposal))
		add(proposal, "speed_kmh", "how fast one would have had to travel from the last event's place",
		    "\"op\": \"geo_speed\", \"lat\": \"lat\", \"lon\": \"lon\", \"window\": \"%s\"", windows->middle);
}

static void add_home(struct proposal *proposal, const struct windows *windows)
{
	if (has_place(proposal))
		add(proposal, "home_km", "how far from where the entity usually is",
		    "\"op\": \"distance_home\", \"lat\": \"lat\", \"lon\": \"lon\", \"window\": \"%s\"",
		    windows->whole);
}

static void add_rest(struct proposal *proposal, const struct windows *windows)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX], interval[NUMBER_TEXT_MAX];
	if (proposal->money.field >= 0)
		add(proposal, named(name, "amount_ratio", windows->ratio), "how many times the entity's usual amount",
		    "\"op\": \"ratio\", \"field\": \"amount\", \"window\": \"%s\"", windows->ratio);
	int64_t interval_ms = proposal->short_ms / 6 < 60000 ? proposal->short_ms : proposal->short_ms / 6;
	duration_format(interval_ms, interval);
	add(proposal, named(name, "burst", interval), "the densest run of events lately",
	    "\"op\": \"burst\", \"window\": \"%s\", \"interval\": \"%s\"", windows->middle, interval);
}

static void add_more(struct proposal *proposal, const struct windows *windows)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX];
	add(proposal, "hour", "the hour of the day, in UTC: set utc_offset where the customers live",
	    "\"op\": \"hour\"");
	if (proposal->long_ms >= 24 * 3600000)
		add(proposal, named(name, "night", windows->whole),
		    "how many of the entity's events were at night (UTC: set utc_offset)",
		    "\"op\": \"count\", \"window\": \"%s\", \"where\": { \"hours\": [0, 6] }", windows->whole);
}

static bool has(const struct proposal *proposal, const char *feature)
{
	for (size_t i = 0; i < proposal->feature_count; i++)
		if (strcmp(proposal->features[i].name, feature) == 0)
			return true;
	return false;
}

static struct proposal_rule *add_rule(struct proposal *proposal, const char *name, const char *feature, double above,
				      const char *reason)
{
	if (!has(proposal, feature) || proposal->rule_count == PROPOSAL_RULES_MAX)
		return NULL;
	struct proposal_rule *rule = &proposal->rules[proposal->rule_count++];
	*rule = (struct proposal_rule){.above = above};
	(void)snprintf(rule->name, sizeof rule->name, "%s", name);
	(void)snprintf(rule->feature, sizeof rule->feature, "%s", feature);
	(void)snprintf(rule->reason, sizeof rule->reason, "%s", reason);
	return rule;
}

static void add_rules(struct proposal *proposal, const struct windows *windows)
{
	char name[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX], also[PROPOSAL_NAME_MAX + NUMBER_TEXT_MAX];
	struct proposal_rule *rule = add_rule(proposal, "unusual_amount", named(name, "amount_zscore", windows->whole),
					      ZSCORE_LIMIT, "far from the amounts that are usual here");
	if (rule != NULL)
		rule->share = SHARE_AMOUNT;
	if (rule != NULL && has(proposal, named(also, "count", windows->whole))) {
		(void)snprintf(rule->also, sizeof rule->also, "%.60s", also);
		rule->also_above = ZSCORE_COUNT;
	}
	(void)add_rule(proposal, "impossible_travel", "speed_kmh", SPEED_LIMIT, "faster than an airliner");
	rule = add_rule(proposal, "many_at_once", named(name, "count", windows->brief), COUNT_LIMIT,
			"more events than usual in a short time");
	if (rule != NULL)
		rule->share = SHARE_COUNT;
}

/* Categories among the proposed fields: neither money nor place nor whom the entity deals with. */
static size_t list_categories(const struct proposal *proposal, const struct proposal_field *listed[PROPOSAL_FIELDS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < proposal->field_count; i++) {
		const struct proposal_field *field = &proposal->fields[i];
		bool category = strcmp(field->type, "string") == 0 || field->scale == 0;
		if (category && field->field != proposal->money.field && field->field != proposal->party)
			listed[count++] = field;
	}
	return count;
}

void proposal_choose_features(struct proposal *proposal)
{
	struct windows windows;
	const struct proposal_field *party = NULL, *categories[PROPOSAL_FIELDS_MAX];
	duration_format(proposal->short_ms, windows.brief);
	duration_format(proposal->middle_ms, windows.middle);
	duration_format(proposal->long_ms, windows.whole);
	duration_format(proposal->ratio_ms, windows.ratio);
	for (size_t i = 0; i < proposal->field_count; i++)
		if (proposal->fields[i].field == proposal->party)
			party = &proposal->fields[i];
	size_t count = list_categories(proposal, categories);
	if (proposal->money.field >= 0)
		add_amount(proposal, &windows);
	add_counts(proposal, &windows);
	if (party != NULL)
		add_seen(proposal, &windows, party);
	add_speed(proposal, &windows);
	for (size_t i = 0; i < count; i++)
		add_seen(proposal, &windows, categories[i]);
	add_home(proposal, &windows);
	add_rest(proposal, &windows);
	for (size_t i = 0; i < count; i++)
		add_distinct(proposal, &windows, categories[i]);
	if (party != NULL)
		add_distinct(proposal, &windows, party);
	add_more(proposal, &windows);
	add_rules(proposal, &windows);
}
