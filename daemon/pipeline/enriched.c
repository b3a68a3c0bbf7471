#include "daemon/pipeline/enriched.h"

#include "number.h"

#include <assert.h>
#include <stdlib.h>

struct enricher {
	const struct publish_options *options;
	const struct feature_set *set;
	struct buffer value;
	size_t key; /* field of the schema */
	size_t fields[EVENT_FIELDS_MAX];
	size_t field_count;
};

/* Which fields of the schema are passed on, in its order. */
static size_t choose_fields(const struct publish_options *options, const struct event_schema *schema,
			    size_t fields[EVENT_FIELDS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < schema->field_count; i++) {
		bool wanted = options->enriched_fields == NULL;
		for (size_t j = 0; j < options->enriched_field_count && !wanted; j++)
			wanted = strcmp(options->enriched_fields[j], schema->fields[i].name) == 0;
		if (wanted)
			fields[count++] = i;
	}
	return count;
}

struct enricher *enricher_new(const struct publish_options *options, const struct feature_set *set)
{
	const struct event_schema *schema = feature_set_schema(set);
	struct enricher *enricher = calloc(1, sizeof *enricher);
	if (enricher == NULL)
		return NULL;
	enricher->options = options;
	enricher->set = set;
	buffer_init(&enricher->value);
	int key = field_find(schema->fields, schema->field_count, options->enriched_key);
	assert(key >= 0 && schema->fields[key].type == FIELD_STRING);
	enricher->key = (size_t)key;
	enricher->field_count = choose_fields(options, schema, enricher->fields);
	return enricher;
}

void enricher_free(struct enricher *enricher)
{
	if (enricher == NULL)
		return;
	buffer_free(&enricher->value);
	free(enricher);
}

bool enricher_takes(const struct enricher *enricher, const struct event *event)
{
	return event->values[enricher->key].present;
}

/* Money goes on as the decimal text that reads back to the same units; a long text is cut as in alerts. */
static void write_field(struct writer *writer, const struct field *field, const struct value *value)
{
	char digits[NUMBER_TEXT_MAX];
	if (!value->present) {
		writer_null(writer, field->name);
		return;
	}
	switch (field_kind(field)) {
	case VALUE_TEXT:
		writer_nullable_slice(writer, field->name, publish_cut(value->text));
		return;
	case VALUE_DOUBLE:
		writer_nullable_double(writer, field->name, value->number);
		return;
	case VALUE_UNITS:
		break;
	}
	if (field->type == FIELD_BOOLEAN) {
		writer_nullable_boolean(writer, field->name, value->units != 0);
		return;
	}
	size_t length = number_format_scaled(value->units, field->scale, digits);
	writer_nullable_slice(writer, field->name, (struct slice){digits, length});
}

static void write_origin(const struct enricher *enricher, struct writer *writer, const struct scored *scored)
{
	writer_record(writer, "upstream");
	writer_text(writer, "topic", slice_of(enricher->options->input_topic));
	writer_long(writer, "partition", scored->partition);
	writer_long(writer, "offset", scored->event->offset);
	if (scored->watermark_ms == WATERMARK_NONE)
		writer_null(writer, "watermark");
	else
		writer_nullable_long(writer, "watermark", scored->watermark_ms);
	writer_record_end(writer);
}

static void write_all(struct enricher *enricher, struct writer *writer, const struct champion *champion,
		      const struct scored *scored)
{
	const struct event *event = scored->event;
	const struct event_schema *schema = feature_set_schema(enricher->set);
	writer_record(writer, NULL);
	writer_long(writer, "schema_version", 1);
	writer_text(writer, "event_id", event->id);
	writer_long(writer, "event_time", event->time_ms);
	writer_text(writer, "entity", event->entity);
	writer_nullable_double(writer, "score", scored->score);
	writer_nullable_double(writer, "rank", scored->rank);
	writer_boolean(writer, "flagged", scored->verdict.flagged);
	writer_nullable_text(writer, "model_id", champion->model == NULL ? NULL : champion->model->id);
	writer_text(writer, "feature_set_id", slice_of(feature_set_id(enricher->set)));
	writer_text(writer, "policy_id", slice_of(policy_id(champion->policy)));
	write_origin(enricher, writer, scored);
	writer_record(writer, "fields");
	for (size_t i = 0; i < enricher->field_count; i++) {
		size_t field = enricher->fields[i];
		write_field(writer, &schema->fields[field], &event->values[field]);
	}
	writer_record_end(writer);
	writer_record(writer, "features");
	for (size_t i = 0; i < feature_set_count(enricher->set); i++)
		writer_nullable_double(writer, feature_set_name(enricher->set, i), scored->vector.values[i]);
	writer_record_end(writer);
	writer_record_end(writer);
}

int enricher_message(struct enricher *enricher, const struct champion *champion, const struct scored *scored,
		     struct arena *arena, struct message *message, struct err *err)
{
	const struct output_options *output = &enricher->options->enriched;
	struct writer writer;
	assert(enricher_takes(enricher, scored->event));
	buffer_reset(&enricher->value);
	writer_begin(&writer, output->format, output->schema_id, &enricher->value);
	write_all(enricher, &writer, champion, scored);
	*message = (struct message){.topic = output->topic, .timestamp_ms = scored->event->timestamp_ms};
	message->value = arena_copy(arena, buffer_slice(&enricher->value));
	message->key = arena_copy(arena, publish_cut(scored->event->values[enricher->key].text));
	bool failed = buffer_failed(&enricher->value) || message->value.data == NULL || message->key.data == NULL;
	return failed ? err_memory(err) : 0;
}

/* The Avro shape of what write_all() writes, member for member in the same order. */
static const char schema_head[] =
    "{\"type\":\"record\",\"name\":\"Enriched\",\"namespace\":\"outlierd\",\"doc\":\"One scored event with its vector, "
    "for the next stage. Times in ms since 1970; numbers with a scale are decimal text; missing is null.\",\"fields\":["
    "{\"name\":\"schema_version\",\"type\":\"int\"},"
    "{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"event_time\",\"type\":\"long\"},"
    "{\"name\":\"entity\",\"type\":\"string\"},"
    "{\"name\":\"score\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"rank\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"flagged\",\"type\":\"boolean\"},"
    "{\"name\":\"model_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"feature_set_id\",\"type\":\"string\"},"
    "{\"name\":\"policy_id\",\"type\":\"string\"},"
    "{\"name\":\"upstream\",\"type\":{\"type\":\"record\",\"name\":\"Upstream\",\"fields\":["
    "{\"name\":\"topic\",\"type\":\"string\"},"
    "{\"name\":\"partition\",\"type\":\"int\"},"
    "{\"name\":\"offset\",\"type\":\"long\"},"
    "{\"name\":\"watermark\",\"type\":[\"null\",\"long\"],\"doc\":\"Of that partition, after this event\"}]}},"
    "{\"name\":\"fields\",\"type\":{\"type\":\"record\",\"name\":\"EnrichedFields\",\"fields\":[";

static const char *avro_type(const struct field *field)
{
	if (field->type == FIELD_BOOLEAN)
		return "boolean";
	return field_kind(field) == VALUE_DOUBLE ? "double" : "string";
}

void enricher_schema(const struct publish_options *options, const struct feature_set *set, struct buffer *schema)
{
	const struct event_schema *event = feature_set_schema(set);
	size_t fields[EVENT_FIELDS_MAX], count = choose_fields(options, event, fields);
	buffer_add_text(schema, schema_head);
	for (size_t i = 0; i < count; i++)
		buffer_add_format(schema, "%s{\"name\":\"%s\",\"type\":[\"null\",\"%s\"],\"default\":null}",
				  i == 0 ? "" : ",", event->fields[fields[i]].name,
				  avro_type(&event->fields[fields[i]]));
	buffer_add_text(schema,
			"]}},{\"name\":\"features\",\"type\":{\"type\":\"record\",\"name\":\"EnrichedFeatures\","
			"\"fields\":[");
	for (size_t i = 0; i < feature_set_count(set); i++)
		buffer_add_format(schema, "%s{\"name\":\"%s\",\"type\":[\"null\",\"double\"],\"default\":null}",
				  i == 0 ? "" : ",", feature_set_name(set, i));
	buffer_add_text(schema, "]}}]}");
}
