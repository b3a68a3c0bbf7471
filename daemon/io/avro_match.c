#include "daemon/io/avro_match.h"

#include <assert.h>
#include <stdio.h>

#define TYPE_TEXT_MAX 128

static bool is_integer(const struct avro_node *node)
{
	return node->type == AVRO_TYPE_INT || node->type == AVRO_TYPE_LONG;
}

static bool is_timestamp(const struct avro_node *node)
{
	return node->logical == AVRO_LOGICAL_TIMESTAMP_MILLIS || node->logical == AVRO_LOGICAL_TIMESTAMP_MICROS;
}

/* Bytes and fixed are text where they are no decimals. */
static bool is_text(const struct avro_node *node)
{
	bool bytes = node->type == AVRO_TYPE_BYTES || node->type == AVRO_TYPE_FIXED;
	return node->type == AVRO_TYPE_STRING || node->type == AVRO_TYPE_ENUM ||
	       (bytes && node->logical != AVRO_LOGICAL_DECIMAL);
}

/* Strings may hold numbers; symbols never do. */
static bool is_plain_number(const struct avro_node *node)
{
	return is_integer(node) || node->type == AVRO_TYPE_FLOAT || node->type == AVRO_TYPE_DOUBLE ||
	       node->type == AVRO_TYPE_STRING;
}

static bool is_time(const struct avro_node *node, enum time_unit unit)
{
	if (unit == TIME_LOGICAL || is_timestamp(node))
		return is_timestamp(node);
	return unit == TIME_RFC3339 ? node->type == AVRO_TYPE_STRING : is_plain_number(node);
}

bool avro_match_type(const struct event_schema *reader, size_t slot, const struct avro_node *node)
{
	assert(slot < event_slot_count(reader));
	if (slot == EVENT_SLOT_TIME)
		return is_time(node, reader->time_unit);
	if (slot == EVENT_SLOT_UPSTREAM_PARTITION || slot == EVENT_SLOT_UPSTREAM_WATERMARK)
		return is_integer(node);
	if (slot < EVENT_SLOT_FIELDS)
		return is_text(node) || is_integer(node);
	switch (reader->fields[slot - EVENT_SLOT_FIELDS].type) {
	case FIELD_STRING:
		return is_text(node);
	case FIELD_BOOLEAN:
		return node->type == AVRO_TYPE_BOOLEAN || node->type == AVRO_TYPE_STRING ||
		       node->type == AVRO_TYPE_ENUM;
	case FIELD_MONEY:
	case FIELD_NUMBER:
		break;
	}
	return is_plain_number(node) || node->logical == AVRO_LOGICAL_DECIMAL;
}

static const struct avro_field *field_named(const struct avro_node *record, const char *name, size_t length)
{
	for (size_t i = 0; i < record->field_count; i++)
		if (strncmp(record->fields[i].name, name, length) == 0 && record->fields[i].name[length] == '\0')
			return &record->fields[i];
	return NULL;
}

const struct avro_field *avro_match_field(const struct event_schema *reader, size_t slot, const char *rest,
					  const struct avro_node *record)
{
	assert(record->type == AVRO_TYPE_RECORD);
	size_t length = strcspn(rest, ".");
	const struct avro_field *field = field_named(record, rest, length);
	if (field != NULL || rest[length] != '\0')
		return field;
	const char *const *aliases;
	size_t count = event_slot_aliases(reader, slot, &aliases);
	for (size_t i = 0; field == NULL && i < count; i++)
		field = field_named(record, aliases[i], strlen(aliases[i]));
	return field;
}

/* What a slot is read as. */
static const char *meaning(const struct event_schema *reader, size_t slot)
{
	switch (slot) {
	case EVENT_SLOT_ID:
		return "the event's id";
	case EVENT_SLOT_TIME:
		return "the event's time";
	case EVENT_SLOT_ENTITY:
		return "the entity";
	case EVENT_SLOT_KEY:
		return "the key";
	case EVENT_SLOT_UPSTREAM_PARTITION:
		return "the upstream partition";
	case EVENT_SLOT_UPSTREAM_WATERMARK:
		return "the upstream watermark";
	default:
		break;
	}
	switch (reader->fields[slot - EVENT_SLOT_FIELDS].type) {
	case FIELD_MONEY:
		return "money";
	case FIELD_STRING:
		return "a string";
	case FIELD_BOOLEAN:
		return "a boolean";
	case FIELD_NUMBER:
		break;
	}
	return "a number";
}

void avro_match_refuse_type(const struct event_schema *reader, size_t slot, const char *rest,
			    const struct avro_node *node, char why[AVRO_MATCH_WHY_MAX])
{
	char name[TYPE_TEXT_MAX];
	const char *path = event_slot_path(reader, slot), *type = avro_schema_describe(node, name, sizeof name);
	if (rest[0] != '\0')
		(void)snprintf(why, AVRO_MATCH_WHY_MAX, "%s: expected a record with \"%s\", the writer has %s", path,
			       rest, type);
	else if (slot == EVENT_SLOT_TIME && reader->time_unit == TIME_LOGICAL && is_plain_number(node))
		(void)snprintf(why, AVRO_MATCH_WHY_MAX, "%s: %s is no Avro timestamp: configure its \"unit\"", path,
			       type);
	else
		(void)snprintf(why, AVRO_MATCH_WHY_MAX, "%s: %s cannot be read as %s", path, type,
			       meaning(reader, slot));
}

void avro_match_refuse_absent(const struct event_schema *reader, size_t slot, const char *rest,
			      const struct avro_node *record, char why[AVRO_MATCH_WHY_MAX])
{
	char name[TYPE_TEXT_MAX];
	(void)snprintf(why, AVRO_MATCH_WHY_MAX, "%s: %s of the writer's schema has no field \"%.*s\"",
		       event_slot_path(reader, slot), avro_schema_describe(record, name, sizeof name),
		       (int)strcspn(rest, "."), rest);
}
