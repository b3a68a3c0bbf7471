/* The proposed configuration as JSON, laid out for people: a field, a feature, a rule a line. */
#include "daemon/cmd/proposal_text.h"

#include "json.h"
#include "number.h"

#include <stdio.h>

static void quote(struct buffer *out, const char *text)
{
	struct json json;
	json_begin(&json, out);
	json_add_string(&json, text);
}

/* ", \"name\": \"value\"", or nothing where there is none. */
static void member(struct buffer *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buffer_add_format(out, ", \"%s\": ", name);
	quote(out, value);
}

/* "NAME=VALUE" as members of an object. */
static void pairs(struct buffer *out, const char *name, const char *const *items, size_t count)
{
	if (count == 0)
		return;
	buffer_add_format(out, ",\n    \"%s\": { ", name);
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(items[i], '=');
		size_t length = equals == NULL ? strlen(items[i]) : (size_t)(equals - items[i]);
		struct json json;
		buffer_add_text(out, i == 0 ? "" : ", ");
		json_begin(&json, out);
		json_add_text(&json, (struct slice){items[i], length});
		buffer_add_text(out, ": ");
		quote(out, equals == NULL ? "" : equals + 1);
	}
	buffer_add_text(out, " }");
}

static void add_kafka(const struct proposal_place *place, struct buffer *out)
{
	buffer_add_text(out, "{\n  \"pipeline\": ");
	quote(out, place->pipeline);
	buffer_add_text(out, ",\n  \"kafka\": {\n    \"bootstrap_servers\": ");
	quote(out, place->servers);
	member(out, "input_topic", place->topic);
	pairs(out, "properties", place->properties, place->property_count);
	pairs(out, "properties_files", place->property_files, place->property_file_count);
	buffer_add_text(out, "\n  },\n");
}

static void add_registry(const struct proposal_place *place, struct buffer *out)
{
	if (place->registry != NULL) {
		buffer_add_text(out, "\"registry_urls\": [");
		quote(out, place->registry);
		buffer_add_text(out, "]");
	}
	member(out, "user", place->registry_user);
	member(out, "password_file", place->registry_password_file);
	member(out, "token_file", place->registry_token_file);
	member(out, "ca_file", place->registry_ca_file);
}

static void add_schema(const struct proposal_place *place, struct buffer *out)
{
	buffer_add_text(out, "  \"schema\": { ");
	if (place->schema_file != NULL) {
		buffer_add_text(out, "\"file\": ");
		quote(out, place->schema_file);
		member(out, "framing", place->framing);
	} else {
		add_registry(place, out);
	}
	buffer_add_text(out, " },\n");
}

void proposal_connection(const struct proposal_place *place, struct buffer *out)
{
	add_kafka(place, out);
	if (place->schema_file == NULL) {
		buffer_add_text(out, "  \"schema\": { ");
		add_registry(place, out);
		buffer_add_text(out, " },\n");
	}
	buffer_add_text(out, "  \"event\": { \"id\": \"id\", \"time\": \"time\", \"entity\": \"entity\" },\n"
			     "  \"features\": [{ \"name\": \"count\", \"op\": \"count\", \"window\": \"1h\" }],\n"
			     "  \"state\": { \"redis\": { \"address\": ");
	quote(out, place->redis);
	buffer_add_text(out, " } }\n}\n");
}

static void add_time(const struct survey *survey, const struct proposal *proposal, struct buffer *out)
{
	static const char *const units[] = {NULL, "ms", "us", "s", "rfc3339"};
	const struct survey_field *field = &survey->fields[proposal->time.field];
	/* A logical type names its unit; said all the same, so that files of events can be read by this configuration. */
	const char *unit = proposal->unit != TIME_LOGICAL ? units[proposal->unit]
			   : field->kind == SURVEY_MICROS ? "us"
							  : "ms";
	buffer_add_text(out, "    \"time\": { \"path\": ");
	quote(out, field->path);
	member(out, "unit", unit);
	buffer_add_text(out, " },\n");
}

static void add_fields(const struct survey *survey, const struct proposal *proposal, struct buffer *out)
{
	buffer_add_text(out, "    \"fields\": {");
	for (size_t i = 0; i < proposal->field_count; i++) {
		const struct proposal_field *field = &proposal->fields[i];
		const char *path = survey->fields[field->field].path;
		buffer_add_format(out, "%s\n      \"%s\": { ", i == 0 ? "" : ",", field->name);
		if (strcmp(path, field->name) != 0) {
			buffer_add_text(out, "\"path\": ");
			quote(out, path);
			buffer_add_text(out, ", ");
		}
		buffer_add_format(out, "\"type\": \"%s\"", field->type);
		if (field->scale >= 0)
			buffer_add_format(out, ", \"scale\": %d", field->scale);
		buffer_add_text(out, field->minor ? ", \"minor\": true }" : " }");
	}
	buffer_add_text(out, "\n    },\n");
}

static void add_event(const struct survey *survey, const struct proposal *proposal, struct buffer *out)
{
	char lateness[NUMBER_TEXT_MAX], ahead[NUMBER_TEXT_MAX];
	duration_format(proposal->allowed_lateness_ms, lateness);
	duration_format(proposal->max_ahead_ms, ahead);
	buffer_add_text(out, "  \"event\": {\n    \"id\": ");
	quote(out, survey->fields[proposal->id.field].path);
	buffer_add_text(out, ",\n");
	add_time(survey, proposal, out);
	buffer_add_text(out, "    \"entity\": ");
	quote(out, survey->fields[proposal->entity.field].path);
	buffer_add_text(out, ",\n    \"key\": ");
	quote(out, proposal->key.field < 0 ? "unchecked" : survey->fields[proposal->key.field].path);
	buffer_add_text(out, ",\n");
	add_fields(survey, proposal, out);
	buffer_add_format(out, "    \"allowed_lateness\": \"%s\",\n    \"max_ahead\": \"%s\"\n  },\n", lateness, ahead);
}

static void add_condition(struct buffer *out, const char *feature, double above)
{
	char limit[NUMBER_TEXT_MAX];
	number_format(above, limit);
	buffer_add_format(out, "{ \"feature\": \"%s\", \"above\": %s }", feature, limit);
}

static void add_policy(const struct proposal *proposal, struct buffer *out)
{
	buffer_add_text(out, "  \"policy\": {\n    \"threshold\": { \"quantile\": 0.99 },\n    \"rules\": [");
	for (size_t i = 0; i < proposal->rule_count; i++) {
		const struct proposal_rule *rule = &proposal->rules[i];
		buffer_add_format(out, "%s\n      { \"name\": \"%s\", \"when\": [", i == 0 ? "" : ",", rule->name);
		add_condition(out, rule->feature, rule->above);
		if (rule->also[0] != '\0') {
			buffer_add_text(out, ", ");
			add_condition(out, rule->also, rule->also_above);
		}
		buffer_add_text(out, "],\n        \"reason\": ");
		quote(out, rule->reason);
		buffer_add_text(out, " }");
	}
	buffer_add_text(out, "\n    ]\n  },\n");
}

static void add_topic(struct buffer *out, const char *output, const char *topic, const char *suffix, const char *end)
{
	char name[512];
	(void)snprintf(name, sizeof name, "%s.%s", topic, suffix);
	buffer_add_format(out, "    \"%s\": { \"topic\": ", output);
	quote(out, name);
	buffer_add_format(out, " }%s\n", end);
}

void proposal_config(const struct survey *survey, const struct proposal *proposal, const struct proposal_place *place,
		     struct buffer *out)
{
	add_kafka(place, out);
	add_schema(place, out);
	add_event(survey, proposal, out);
	buffer_add_text(out, "  \"features\": [");
	for (size_t i = 0; i < proposal->feature_count; i++)
		buffer_add_format(out, "%s\n    { \"name\": \"%s\", %s }", i == 0 ? "" : ",",
				  proposal->features[i].name, proposal->features[i].rest);
	buffer_add_text(out, "\n  ],\n  \"state\": { \"redis\": { \"address\": ");
	quote(out, place->redis);
	buffer_add_text(out, " } },\n  \"model\": { \"directory\": \"models\" },\n");
	add_policy(proposal, out);
	buffer_add_text(out, "  \"output\": {\n");
	add_topic(out, "alerts", place->topic, "alerts", ",");
	add_topic(out, "decisions", place->topic, "decisions", ",");
	add_topic(out, "late", place->topic, "late", ",");
	add_topic(out, "dead_letters", place->topic, "dlq", "");
	buffer_add_text(out, "  },\n  \"http\": { \"listen\": \"127.0.0.1:9464\" }\n}\n");
}
