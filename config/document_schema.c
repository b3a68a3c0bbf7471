/* schemas/config.schema.json from the table. */
#include "config/config.h"
#include "config/table.h"
#include "json.h"
#include "number.h"

#include <assert.h>
#include <string.h>

#define CONTAINER_MAX 128

static void add_members(struct json *json, const char *container);

static void add_text(struct json *json, const char *name, const char *text)
{
	json_name(json, name);
	json_add_string(json, text);
}

static void add_number(struct json *json, const char *name, double value)
{
	json_name(json, name);
	json_add_number(json, value);
}

static void add_pattern(struct json *json, enum text_form form)
{
	add_text(json, "type", "string");
	add_text(json, "pattern", config_form(form)->pattern);
}

/* {"type": "string", "pattern": ...} as a value of its own. */
static void add_text_schema(struct json *json, enum text_form form)
{
	json_open_object(json);
	add_pattern(json, form);
	json_close_object(json);
}

static void add_types(struct json *json, const char *const *types, size_t count)
{
	json_name(json, "type");
	json_open_array(json);
	for (size_t i = 0; i < count; i++)
		json_add_string(json, types[i]);
	json_close_array(json);
}

static void add_literal(struct json *json, bool numeric)
{
	static const char *const types[] = {"string", "number", "boolean"};
	if (numeric)
		add_text(json, "type", "number");
	else
		add_types(json, types, sizeof types / sizeof *types);
}

static void add_list_size(struct json *json, double least, double most)
{
	add_text(json, "type", "array");
	add_number(json, "minItems", least);
	add_number(json, "maxItems", most);
}

/* What each element of a list, or each value of a map, is. */
static void add_element(struct json *json, const struct config_row *row)
{
	char container[CONTAINER_MAX];
	config_table_container(row, container, sizeof container);
	json_open_object(json);
	add_text(json, "type", "object");
	add_members(json, container);
	json_close_object(json);
}

static void add_objects(struct json *json, const struct config_row *row)
{
	if (!row->single) {
		add_list_size(json, row->least, row->most);
		json_name(json, "items");
		add_element(json, row);
		return;
	}
	json_name(json, "anyOf");
	json_open_array(json);
	add_element(json, row);
	json_open_object(json);
	add_list_size(json, row->least, row->most);
	json_name(json, "items");
	add_element(json, row);
	json_close_object(json);
	json_close_array(json);
}

static void add_map(struct json *json, const struct config_row *row)
{
	static const char *const types[] = {"string", "number", "boolean"};
	add_text(json, "type", "object");
	add_number(json, "maxProperties", row->most);
	if (row->kind == ROW_MAP) {
		json_name(json, "propertyNames");
		add_text_schema(json, row->form);
	}
	json_name(json, "additionalProperties");
	if (row->kind == ROW_MAP) {
		add_element(json, row);
	} else if (row->form == FORM_PROPERTY) {
		json_open_object(json);
		add_types(json, types, sizeof types / sizeof *types);
		json_close_object(json);
	} else {
		add_text_schema(json, row->form);
	}
}

/* With a shorthand a text stands for the object; with null nothing does. */
static void add_object(struct json *json, const struct config_row *row)
{
	char container[CONTAINER_MAX];
	config_table_container(row, container, sizeof container);
	if (row->shorthand == NULL && !row->nullable) {
		add_text(json, "type", "object");
		add_members(json, container);
		return;
	}
	json_name(json, "anyOf");
	json_open_array(json);
	json_open_object(json);
	if (row->nullable)
		add_text(json, "type", "null");
	else
		add_pattern(json, config_table_member(container, row->shorthand, strlen(row->shorthand))->form);
	json_close_object(json);
	add_element(json, row);
	json_close_array(json);
}

static void add_hours(struct json *json)
{
	static const double most[] = {23, 24};
	add_list_size(json, 2, 2);
	json_name(json, "prefixItems");
	json_open_array(json);
	for (size_t i = 0; i < 2; i++) {
		json_open_object(json);
		add_text(json, "type", "integer");
		add_number(json, "minimum", 0);
		add_number(json, "maximum", most[i]);
		json_close_object(json);
	}
	json_close_array(json);
}

static void add_offsets(struct json *json)
{
	static const char *const from_types[] = {"string", "null"};
	json_name(json, "anyOf");
	json_open_array(json);
	add_text_schema(json, FORM_UTC_OFFSET);
	json_open_object(json);
	add_text(json, "type", "array");
	add_number(json, "minItems", 1);
	json_name(json, "items");
	json_open_object(json);
	add_list_size(json, 2, 2);
	json_name(json, "prefixItems");
	json_open_array(json);
	json_open_object(json);
	add_types(json, from_types, sizeof from_types / sizeof *from_types);
	add_text(json, "pattern", config_form(FORM_TIME)->pattern);
	json_close_object(json);
	add_text_schema(json, FORM_UTC_OFFSET);
	json_close_array(json);
	json_close_object(json);
	json_close_object(json);
	json_close_array(json);
}

static void add_choices(struct json *json, const struct config_row *row)
{
	json_name(json, "enum");
	json_open_array(json);
	for (size_t i = 0; row->choices[i] != NULL; i++)
		json_add_string(json, row->choices[i]);
	json_close_array(json);
}

static void add_type(struct json *json, const struct config_row *row)
{
	switch (row->kind) {
	case ROW_OBJECT:
		add_object(json, row);
		break;
	case ROW_OBJECTS:
		add_objects(json, row);
		break;
	case ROW_MAP:
	case ROW_TEXT_MAP:
		add_map(json, row);
		break;
	case ROW_TEXT:
	case ROW_DURATION:
	case ROW_TIME:
		add_pattern(json, row->form);
		break;
	case ROW_TEXTS:
	case ROW_TEXT_PAIR:
		add_list_size(json, row->kind == ROW_TEXTS ? row->least : 2, row->kind == ROW_TEXTS ? row->most : 2);
		json_name(json, "items");
		add_text_schema(json, row->form);
		break;
	case ROW_CHOICE:
		add_choices(json, row);
		break;
	case ROW_BOOLEAN:
		add_text(json, "type", "boolean");
		break;
	case ROW_INTEGER:
	case ROW_NUMBER:
		add_text(json, "type", row->kind == ROW_INTEGER ? "integer" : "number");
		add_number(json, "minimum", row->least);
		add_number(json, "maximum", row->most);
		break;
	case ROW_LITERAL:
		add_literal(json, row->numeric);
		break;
	case ROW_LITERALS:
		add_list_size(json, row->least, row->most);
		json_name(json, "items");
		json_open_object(json);
		add_literal(json, false);
		json_close_object(json);
		break;
	case ROW_HOURS:
		add_hours(json);
		break;
	case ROW_UTC_OFFSETS:
		add_offsets(json);
		break;
	}
}

static void add_row(struct json *json, const struct config_row *row)
{
	json_open_object(json);
	add_text(json, "description", row->help);
	add_type(json, row);
	if (row->fallback != NULL) {
		json_name(json, "default");
		json_add_raw(json, slice_of(row->fallback));
	}
	if (row->example != NULL) {
		json_name(json, "examples");
		json_open_array(json);
		json_add_raw(json, slice_of(row->example));
		json_close_array(json);
	}
	json_close_object(json);
}

static void add_members(struct json *json, const char *container)
{
	bool any_required = false;
	json_name(json, "properties");
	json_open_object(json);
	for (const struct config_row *row = NULL; (row = config_table_next(container, row)) != NULL;) {
		json_name(json, config_table_key(row));
		add_row(json, row);
		any_required |= row->required;
	}
	json_close_object(json);
	if (any_required) {
		json_name(json, "required");
		json_open_array(json);
		for (const struct config_row *row = NULL; (row = config_table_next(container, row)) != NULL;)
			if (row->required)
				json_add_string(json, config_table_key(row));
		json_close_array(json);
	}
	json_name(json, "additionalProperties");
	json_add_boolean(json, false);
}

static void add_line(struct buffer *out, int depth)
{
	buffer_add_byte(out, '\n');
	for (int i = 0; i < depth; i++)
		buffer_add_text(out, "  ");
}

/* Puts compact JSON on lines. */
static void add_lines(struct buffer *out, const char *compact, size_t length)
{
	int depth = 0;
	bool in_text = false;
	for (size_t i = 0; i < length; i++) {
		char c = compact[i];
		buffer_add_byte(out, (uint8_t)c);
		if (c == '\\' && in_text)
			buffer_add_byte(out, (uint8_t)compact[++i]);
		else if (c == '"')
			in_text = !in_text;
		if (in_text)
			continue;
		bool opens = c == '{' || c == '[';
		bool next_closes = i + 1 < length && (compact[i + 1] == '}' || compact[i + 1] == ']');
		if (opens)
			depth++;
		if (next_closes)
			depth--;
		if (c == ':')
			buffer_add_byte(out, ' ');
		else if (c == ',' || (opens && !next_closes) || (next_closes && !opens))
			add_line(out, depth);
	}
}

void config_schema(struct buffer *out)
{
	struct buffer compact;
	struct json json;
	buffer_init(&compact);
	json_begin(&json, &compact);
	json_open_object(&json);
	add_text(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
	add_text(&json, "title", "Configuration of outlierd");
	add_text(&json, "description", "Generated from config/table.c; do not edit.");
	add_text(&json, "type", "object");
	add_members(&json, "");
	json_close_object(&json);
	out->failed |= buffer_failed(&compact);
	if (!out->failed)
		add_lines(out, (const char *)compact.data, compact.length);
	buffer_add_byte(out, '\n');
	buffer_free(&compact);
}
