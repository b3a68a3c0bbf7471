#include "features/canonical.h"

#include "features/decimal.h"
#include "features/plan.h"
#include "json.h"

#include <assert.h>
#include <stdlib.h>

static const char *type_name(enum field_type type)
{
	static const char *const names[] = {
	    [FIELD_MONEY] = "money", [FIELD_NUMBER] = "number", [FIELD_STRING] = "string", [FIELD_BOOLEAN] = "boolean"};
	assert((size_t)type < sizeof names / sizeof *names);
	return names[type];
}

static void write_default(struct json *json, const struct field *field)
{
	json_name(json, "default");
	if (field->type == FIELD_BOOLEAN)
		json_add_boolean(json, field->fallback.units != 0);
	else if (field_kind(field) == VALUE_UNITS)
		json_add_integer(json, field->fallback.units);
	else if (field_kind(field) == VALUE_DOUBLE)
		json_add_number(json, field->fallback.number);
	else
		json_add_text(json, field->fallback.text);
}

static void write_field(struct json *json, const struct field *field)
{
	assert(field->path != NULL);
	json_open_object(json);
	if (field->fallback.present)
		write_default(json, field);
	if (field->minor) {
		json_name(json, "minor");
		json_add_boolean(json, true);
	}
	json_name(json, "path");
	json_add_string(json, field->path);
	if (field->scale != FIELD_SCALE_NONE && field->type != FIELD_STRING && field->type != FIELD_BOOLEAN) {
		json_name(json, "scale");
		json_add_integer(json, field->scale);
	}
	json_name(json, "type");
	json_add_string(json, type_name(field->type));
	json_close_object(json);
}

void canonical_field(struct buffer *out, const struct field *field)
{
	struct json json;
	json_begin(&json, out);
	write_field(&json, field);
}

static void write_literal(struct json *json, const struct literal *literal)
{
	struct decimal decimal;
	char text[DECIMAL_TEXT_MAX];
	if (literal->kind == LITERAL_BOOLEAN)
		json_add_boolean(json, literal->boolean);
	else if (literal->kind == LITERAL_TEXT || decimal_parse(literal->text, &decimal) != 0)
		json_add_string(json, literal->text);
	else
		json_add_text(json, (struct slice){text, decimal_text(&decimal, text)});
}

static void write_member(struct json *json, const char *name, const struct literal *literal)
{
	if (literal->kind == LITERAL_NONE)
		return;
	json_name(json, name);
	write_literal(json, literal);
}

static void write_offsets(struct json *json, const struct utc_offset *offsets, size_t count)
{
	if (count == 0)
		return;
	json_name(json, "utc_offset");
	json_open_array(json);
	for (size_t i = 0; i < count; i++) {
		json_open_array(json);
		if (offsets[i].from_utc_ms == INT64_MIN)
			json_add_null(json);
		else
			json_add_integer(json, offsets[i].from_utc_ms);
		json_add_integer(json, offsets[i].offset_ms);
		json_close_array(json);
	}
	json_close_array(json);
}

static void write_condition(struct json *json, const struct event_schema *schema,
			    const struct condition_options *condition, bool by_name)
{
	json_open_object(json);
	write_member(json, "above", &condition->above);
	write_member(json, "below", &condition->below);
	write_member(json, "equals", &condition->equals);
	if (condition->field != NULL) {
		int index = field_find(schema->fields, schema->field_count, condition->field);
		assert(index >= 0);
		json_name(json, "field");
		if (by_name)
			json_add_string(json, condition->field);
		else
			write_field(json, &schema->fields[index]);
	}
	if (condition->has_hours) {
		json_name(json, "hours");
		json_open_array(json);
		json_add_integer(json, condition->hours_from);
		json_add_integer(json, condition->hours_to);
		json_close_array(json);
	}
	if (condition->in != NULL) {
		json_name(json, "in");
		json_open_array(json);
		for (size_t i = 0; i < condition->in_count; i++)
			write_literal(json, &condition->in[i]);
		json_close_array(json);
	}
	write_member(json, "not", &condition->not_equals);
	if (condition->same) {
		json_name(json, "same");
		json_add_boolean(json, true);
	}
	write_offsets(json, condition->utc_offsets, condition->utc_offset_count);
	json_close_object(json);
}

static void write_where(struct json *json, const struct event_schema *schema, const struct condition_options *where,
			size_t count, bool by_name)
{
	json_open_array(json);
	for (size_t i = 0; i < count; i++)
		write_condition(json, schema, &where[i], by_name);
	json_close_array(json);
}

void canonical_where(struct buffer *out, const struct event_schema *schema, const struct condition_options *where,
		     size_t count, bool by_name)
{
	struct json json;
	json_begin(&json, out);
	write_where(&json, schema, where, count, by_name);
}

static void write_optional(struct json *json, const char *name, const char *text)
{
	if (text == NULL)
		return;
	json_name(json, name);
	json_add_string(json, text);
}

static void write_texts(struct json *json, const char *name, const char *const *texts, size_t count)
{
	if (count == 0)
		return;
	json_name(json, name);
	json_open_array(json);
	for (size_t i = 0; i < count; i++)
		json_add_string(json, texts[i]);
	json_close_array(json);
}

/* In ms, where there is one. */
static void write_duration(struct json *json, const char *name, int64_t duration_ms)
{
	if (duration_ms == 0)
		return;
	json_name(json, name);
	json_add_integer(json, duration_ms);
}

static void write_feature(struct json *json, const struct event_schema *schema, const struct feature_options *feature)
{
	json_open_object(json);
	write_optional(json, "field", feature->field);
	write_duration(json, "half_life", feature->half_life_ms);
	if (feature->include_current) {
		json_name(json, "include_current");
		json_add_boolean(json, true);
	}
	write_duration(json, "interval", feature->interval_ms);
	write_optional(json, "lat", feature->lat);
	write_optional(json, "lon", feature->lon);
	write_optional(json, "name", feature->name);
	write_texts(json, "of", feature->of, feature->of[0] == NULL ? 0 : 2);
	write_optional(json, "op", operation_name(feature->operation));
	write_offsets(json, feature->utc_offsets, feature->utc_offset_count);
	write_texts(json, "values", feature->values, feature->value_count);
	if (feature->where_count > 0) {
		json_name(json, "where");
		write_where(json, schema, feature->where, feature->where_count, true);
	}
	write_duration(json, "window", feature->window_ms);
	json_close_object(json);
}

static void mark(const struct event_schema *schema, const char *name, bool *read)
{
	int index = name == NULL ? NONE : field_find(schema->fields, schema->field_count, name);
	if (index >= 0)
		read[index] = true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct field *const *)a)->name, (*(const struct field *const *)b)->name);
}

/* The fields that any feature reads, in order of their names. */
static size_t read_fields(const struct feature_set_options *options, const struct field **fields)
{
	const struct event_schema *schema = options->schema;
	bool read[EVENT_FIELDS_MAX] = {false};
	for (size_t i = 0; i < options->feature_count; i++) {
		const struct feature_options *feature = &options->features[i];
		mark(schema, feature->field, read);
		mark(schema, feature->lat, read);
		mark(schema, feature->lon, read);
		for (size_t j = 0; j < feature->where_count; j++)
			mark(schema, feature->where[j].field, read);
	}
	size_t count = 0;
	for (size_t i = 0; i < schema->field_count; i++)
		if (read[i])
			fields[count++] = &schema->fields[i];
	qsort(fields, count, sizeof *fields, compare_names);
	return count;
}

/* Hashes what was written, and ends the buffer. */
static int hash_and_free(struct buffer *buffer, char id[SHA256_HEX])
{
	int status = buffer_failed(buffer) ? -1 : 0;
	if (status == 0)
		sha256_hex(buffer_slice(buffer), id);
	buffer_free(buffer);
	return status;
}

int canonical_set_id(const struct feature_set_options *options, char id[SHA256_HEX])
{
	const struct field *fields[EVENT_FIELDS_MAX];
	size_t field_count = read_fields(options, fields);
	struct buffer buffer;
	struct json json;
	buffer_init(&buffer);
	json_begin(&json, &buffer);
	json_open_object(&json);
	json_name(&json, "features");
	json_open_array(&json);
	for (size_t i = 0; i < options->feature_count; i++)
		write_feature(&json, options->schema, &options->features[i]);
	json_close_array(&json);
	json_name(&json, "fields");
	json_open_object(&json);
	for (size_t i = 0; i < field_count; i++) {
		json_name(&json, fields[i]->name);
		write_field(&json, fields[i]);
	}
	json_close_object(&json);
	json_close_object(&json);
	return hash_and_free(&buffer, id);
}

struct text_of_field {
	int field;
	struct buffer text; /* terminated */
};

static int compare_texts(const void *a, const void *b)
{
	const struct text_of_field *left = a, *right = b;
	int order = strcmp((const char *)left->text.data, (const char *)right->text.data);
	return order != 0 ? order : (left->field > right->field) - (left->field < right->field);
}

int canonical_sort(const struct event_schema *schema, const int *fields, size_t count, int *distinct, int *rank_of)
{
	struct text_of_field texts[EVENT_FIELDS_MAX];
	bool failed = false;
	int ranks = 0;
	assert(count <= EVENT_FIELDS_MAX);
	for (size_t i = 0; i < count; i++) {
		texts[i].field = fields[i];
		buffer_init(&texts[i].text);
		canonical_field(&texts[i].text, &schema->fields[fields[i]]);
		buffer_add_byte(&texts[i].text, '\0');
		failed |= buffer_failed(&texts[i].text);
	}
	if (!failed)
		qsort(texts, count, sizeof *texts, compare_texts);
	for (size_t i = 0; i < count && !failed; i++) {
		if (i == 0 || strcmp((char *)texts[i].text.data, (char *)texts[i - 1].text.data) != 0)
			distinct[ranks++] = texts[i].field;
		rank_of[texts[i].field] = ranks - 1;
	}
	for (size_t i = 0; i < count; i++)
		buffer_free(&texts[i].text);
	return failed ? -1 : ranks;
}

/* Some fields, each way of reading once, in order of their canonical texts. */
static int write_sorted_fields(struct json *json, const struct event_schema *schema, const int *fields, size_t count)
{
	int distinct[EVENT_FIELDS_MAX], rank_of[EVENT_FIELDS_MAX];
	int ranks = canonical_sort(schema, fields, count, distinct, rank_of);
	json_open_array(json);
	for (int i = 0; i < ranks; i++)
		write_field(json, &schema->fields[distinct[i]]);
	json_close_array(json);
	return ranks < 0 ? -1 : 0;
}

static void write_time(struct json *json, const struct event_schema *schema)
{
	static const char *const units[] = {
	    [TIME_LOGICAL] = NULL, [TIME_MS] = "ms", [TIME_US] = "us", [TIME_S] = "s", [TIME_RFC3339] = "rfc3339"};
	assert((size_t)schema->time_unit < sizeof units / sizeof *units);
	json_name(json, "time");
	json_open_object(json);
	json_name(json, "path");
	json_add_string(json, schema->time_path);
	write_optional(json, "unit", units[schema->time_unit]);
	json_close_object(json);
}

static void write_number(struct json *json, const char *name, int64_t value)
{
	json_name(json, name);
	json_add_integer(json, value);
}

static void write_upstream(struct json *json, const struct upstream_schema *upstream)
{
	json_name(json, "upstream");
	json_open_object(json);
	write_optional(json, "partition", upstream->partition_path);
	write_number(json, "partitions", upstream->partitions);
	write_optional(json, "watermark", upstream->watermark_path);
	json_close_object(json);
}

int canonical_state_id(const struct feature_set_options *options, int64_t reach_ms, const int *columns,
		       size_t column_count, const char *hash_key, char id[SHA256_HEX])
{
	static const char *const partitioners[] = {
	    [PARTITIONER_UNCHECKED] = NULL, [PARTITIONER_MURMUR2] = "murmur2", [PARTITIONER_CRC32] = "crc32"};
	const struct event_schema *schema = options->schema;
	struct buffer buffer;
	struct json json;
	int all[EVENT_FIELDS_MAX];
	for (size_t i = 0; i < schema->field_count; i++)
		all[i] = (int)i;
	buffer_init(&buffer);
	json_begin(&json, &buffer);
	json_open_object(&json);
	write_number(&json, "allowed_lateness_ms", schema->allowed_lateness_ms);
	write_optional(&json, "entity", schema->entity_path);
	json_name(&json, "fields");
	int status = write_sorted_fields(&json, schema, all, schema->field_count);
	write_optional(&json, "hash_key", hash_key);
	write_optional(&json, "id", schema->id_path);
	json_name(&json, "kept");
	status |= write_sorted_fields(&json, schema, columns, column_count);
	write_optional(&json, "key", schema->key_path);
	write_number(&json, "max_ahead_ms", schema->max_ahead_ms);
	write_number(&json, "max_events", options->max_events);
	write_optional(&json, "partitioner", partitioners[schema->partitioner]);
	write_number(&json, "reach_ms", reach_ms);
	write_time(&json, schema);
	if (schema->upstream.partitions > 0)
		write_upstream(&json, &schema->upstream);
	json_close_object(&json);
	return hash_and_free(&buffer, id) | status;
}

int canonical_tally_id(const struct field *field, const char *where_json, uint64_t *id)
{
	struct buffer buffer;
	struct json json;
	uint8_t digest[SHA256_BYTES];
	buffer_init(&buffer);
	json_begin(&json, &buffer);
	json_open_object(&json);
	json_name(&json, "field");
	if (field == NULL)
		json_add_null(&json);
	else
		write_field(&json, field);
	json_name(&json, "where");
	json_add_raw(&json, slice_of(where_json));
	json_close_object(&json);
	bool failed = buffer_failed(&buffer);
	if (!failed)
		sha256_of(buffer_slice(&buffer), digest);
	buffer_free(&buffer);
	*id = 0;
	for (size_t i = 0; i < sizeof *id && !failed; i++)
		*id |= (uint64_t)digest[i] << 8 * i;
	return failed ? -1 : 0;
}
