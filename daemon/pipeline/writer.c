#include "daemon/pipeline/writer.h"

#include <assert.h>
#include <math.h>

static bool is_json(const struct writer *writer)
{
	return writer->format == FORMAT_JSON;
}

static void name_it(struct writer *writer, const char *name)
{
	if (is_json(writer) && name != NULL)
		json_name(&writer->json, name);
}

static void branch(struct writer *writer, int64_t index)
{
	buffer_add_zigzag(writer->out, index);
}

static void add_double(struct writer *writer, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	buffer_add_le64(writer->out, bits);
}

static void add_text(struct writer *writer, struct slice value)
{
	buffer_add_zigzag(writer->out, (int64_t)value.length);
	buffer_add(writer->out, value.data, value.length);
}

void writer_begin(struct writer *writer, enum message_format format, int32_t schema_id, struct buffer *out)
{
	writer->format = format;
	writer->out = out;
	if (format == FORMAT_JSON) {
		json_begin(&writer->json, out);
		return;
	}
	uint32_t id = (uint32_t)schema_id;
	uint8_t framing[5] = {0, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	buffer_add(out, framing, sizeof framing);
}

void writer_record(struct writer *writer, const char *name)
{
	name_it(writer, name);
	if (is_json(writer))
		json_open_object(&writer->json);
}

void writer_record_end(struct writer *writer)
{
	if (is_json(writer))
		json_close_object(&writer->json);
}

void writer_array(struct writer *writer, const char *name, size_t count)
{
	name_it(writer, name);
	if (is_json(writer))
		json_open_array(&writer->json);
	else if (count > 0)
		buffer_add_zigzag(writer->out, (int64_t)count);
}

void writer_nullable_array(struct writer *writer, const char *name, size_t count)
{
	if (!is_json(writer))
		branch(writer, 1);
	writer_array(writer, name, count);
}

/* Avro: one block holds all items; an empty block ends. */
void writer_array_end(struct writer *writer, size_t count)
{
	(void)count;
	if (is_json(writer))
		json_close_array(&writer->json);
	else
		buffer_add_byte(writer->out, 0);
}

void writer_map(struct writer *writer, const char *name, size_t count)
{
	name_it(writer, name);
	if (is_json(writer))
		json_open_object(&writer->json);
	else if (count > 0)
		buffer_add_zigzag(writer->out, (int64_t)count);
}

void writer_key(struct writer *writer, const char *key)
{
	if (is_json(writer))
		json_name(&writer->json, key);
	else
		add_text(writer, slice_of(key));
}

void writer_map_end(struct writer *writer, size_t count)
{
	(void)count;
	if (is_json(writer))
		json_close_object(&writer->json);
	else
		buffer_add_byte(writer->out, 0);
}

void writer_null(struct writer *writer, const char *name)
{
	name_it(writer, name);
	if (is_json(writer))
		json_add_null(&writer->json);
	else
		branch(writer, 0);
}

void writer_text(struct writer *writer, const char *name, struct slice value)
{
	name_it(writer, name);
	if (is_json(writer))
		json_add_text(&writer->json, value);
	else
		add_text(writer, value);
}

void writer_nullable_text(struct writer *writer, const char *name, const char *value)
{
	if (value == NULL) {
		writer_null(writer, name);
		return;
	}
	writer_nullable_slice(writer, name, slice_of(value));
}

void writer_nullable_slice(struct writer *writer, const char *name, struct slice value)
{
	if (!is_json(writer))
		branch(writer, 1);
	writer_text(writer, name, value);
}

void writer_long(struct writer *writer, const char *name, int64_t value)
{
	name_it(writer, name);
	if (is_json(writer))
		json_add_integer(&writer->json, value);
	else
		buffer_add_zigzag(writer->out, value);
}

void writer_boolean(struct writer *writer, const char *name, bool value)
{
	name_it(writer, name);
	if (is_json(writer))
		json_add_boolean(&writer->json, value);
	else
		buffer_add_byte(writer->out, value);
}

void writer_nullable_boolean(struct writer *writer, const char *name, bool value)
{
	if (!is_json(writer))
		branch(writer, 1);
	writer_boolean(writer, name, value);
}

void writer_nullable_double(struct writer *writer, const char *name, double value)
{
	if (isnan(value)) {
		writer_null(writer, name);
		return;
	}
	name_it(writer, name);
	if (is_json(writer)) {
		json_add_number(&writer->json, value);
		return;
	}
	branch(writer, 1);
	add_double(writer, value);
}

void writer_nullable_count(struct writer *writer, const char *name, int64_t value)
{
	if (value < 0) {
		writer_null(writer, name);
		return;
	}
	writer_nullable_long(writer, name, value);
}

void writer_nullable_long(struct writer *writer, const char *name, int64_t value)
{
	if (!is_json(writer))
		branch(writer, 1);
	writer_long(writer, name, value);
}

void writer_union_null(struct writer *writer)
{
	if (is_json(writer))
		json_add_null(&writer->json);
	else
		branch(writer, WRITER_NULL);
}

void writer_union_boolean(struct writer *writer, bool value)
{
	if (!is_json(writer))
		branch(writer, WRITER_BOOLEAN);
	writer_boolean(writer, NULL, value);
}

void writer_union_double(struct writer *writer, double value)
{
	assert(!isnan(value));
	if (is_json(writer)) {
		json_add_number(&writer->json, value);
		return;
	}
	branch(writer, WRITER_DOUBLE);
	add_double(writer, value);
}

void writer_union_text(struct writer *writer, struct slice value)
{
	if (!is_json(writer))
		branch(writer, WRITER_STRING);
	writer_text(writer, NULL, value);
}
