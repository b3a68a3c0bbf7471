#include "daemon/cmd/row.h"

#include "number.h"

#include <assert.h>

#define NAMESPACE "outlierd.example"
#define DECIMAL_PRECISION 18
#define DECIMAL_BYTES 8
#define NAME_DIGITS 8

static void add_schema_type(struct buffer *out, const struct row_field *field)
{
	switch (field->type) {
	case ROW_ID:
	case ROW_NAME:
		buffer_add_text(out, "\"string\"");
		break;
	case ROW_TIME:
		buffer_add_text(out, "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}");
		break;
	case ROW_COUNT:
		buffer_add_text(out, "\"long\"");
		break;
	case ROW_AMOUNT:
		buffer_add_format(out, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d}",
				  DECIMAL_PRECISION, field->scale);
		break;
	case ROW_SYMBOL:
		buffer_add_format(out, "{\"type\":\"enum\",\"name\":\"%s\",\"symbols\":[", field->word);
		for (size_t i = 0; field->symbols[i] != NULL; i++)
			buffer_add_format(out, "%s\"%s\"", i == 0 ? "" : ",", field->symbols[i]);
		buffer_add_text(out, "]}");
		break;
	}
}

void row_schema(struct buffer *out, const struct row_shape *shape, bool coordinates)
{
	buffer_add_format(out, "{\"type\":\"record\",\"name\":\"%s\",\"namespace\":\"" NAMESPACE "\",\"doc\":\"%s\",",
			  shape->name, shape->doc);
	for (size_t i = 0; i < shape->count; i++) {
		const struct row_field *field = &shape->fields[i];
		buffer_add_format(out, "%s{\"name\":\"%s\",\"type\":%s", i == 0 ? "\"fields\":[" : ",", field->name,
				  field->nullable ? "[\"null\"," : "");
		add_schema_type(out, field);
		buffer_add_text(out, field->nullable ? "],\"default\":null}" : "}");
	}
	if (coordinates)
		buffer_add_text(out,
				",{\"name\":\"_partition\",\"type\":\"int\"},{\"name\":\"_offset\",\"type\":\"long\"},"
				"{\"name\":\"_timestamp\",\"type\":\"long\"},{\"name\":\"_key\",\"type\":\"string\"}");
	buffer_add_text(out, "]}");
}

const char *row_text(const struct row_field *field, int64_t value, char text[ROW_TEXT_MAX])
{
	uint64_t rest = (uint64_t)value;
	if (field->type == ROW_SYMBOL)
		return field->symbols[value];
	assert(field->type == ROW_ID || field->type == ROW_NAME);
	bool id = field->type == ROW_ID;
	unsigned digits = id ? 16 : NAME_DIGITS, base = id ? 16 : 10;
	size_t length = id ? 0 : strlen(field->word);
	assert(length + digits < ROW_TEXT_MAX);
	if (!id)
		memcpy(text, field->word, length);
	text[length + digits] = '\0';
	for (size_t i = length + digits; i-- > length; rest /= base)
		text[i] = "0123456789abcdef"[rest % base];
	return text;
}

static bool is_text(const struct row_field *field)
{
	return field->type == ROW_ID || field->type == ROW_NAME || field->type == ROW_SYMBOL;
}

static void add_number(struct buffer *out, int64_t units, int scale)
{
	char text[NUMBER_TEXT_MAX];
	buffer_add(out, text, number_format_scaled(units, scale, text));
}

static const char *key_of(const struct row_shape *shape, const struct row *row, char text[ROW_TEXT_MAX])
{
	return row_text(&shape->fields[shape->key], row->values[shape->key], text);
}

void row_csv_header(struct buffer *out, const struct row_shape *shape, bool coordinates)
{
	for (size_t i = 0; i < shape->count; i++)
		buffer_add_format(out, "%s,", shape->fields[i].name);
	if (coordinates)
		buffer_add_text(out, "_partition,_offset,_timestamp,_key,");
	buffer_add_text(out, "is_anomaly,anomaly_kind\n");
}

void row_csv(struct buffer *out, const struct row_shape *shape, const struct row *row,
	     const struct transaction_position *position)
{
	char text[ROW_TEXT_MAX];
	for (size_t i = 0; i < shape->count; i++) {
		const struct row_field *field = &shape->fields[i];
		if (row->values[i] != ROW_NULL && is_text(field))
			buffer_add_text(out, row_text(field, row->values[i], text));
		else if (row->values[i] != ROW_NULL)
			add_number(out, row->values[i], field->scale);
		buffer_add_byte(out, ',');
	}
	if (position != NULL)
		buffer_add_format(out, "%d,%lld,%lld,%s,", (int)position->partition, (long long)position->offset,
				  (long long)row->arrival_ms, key_of(shape, row, text));
	buffer_add_format(out, "%d,%s\n", row->label != 0, shape->labels[row->label]);
}

void row_json(struct buffer *out, const struct row_shape *shape, const struct row *row,
	      const struct transaction_position *position)
{
	char text[ROW_TEXT_MAX];
	for (size_t i = 0; i < shape->count; i++) {
		const struct row_field *field = &shape->fields[i];
		buffer_add_format(out, "%c\"%s\":", i == 0 ? '{' : ',', field->name);
		if (row->values[i] == ROW_NULL)
			buffer_add_text(out, "null");
		else if (is_text(field))
			buffer_add_format(out, "\"%s\"", row_text(field, row->values[i], text));
		else
			add_number(out, row->values[i], field->scale);
	}
	if (position != NULL)
		buffer_add_format(out, ",\"_partition\":%d,\"_offset\":%lld,\"_timestamp\":%lld,\"_key\":\"%s\"",
				  (int)position->partition, (long long)position->offset, (long long)row->arrival_ms,
				  key_of(shape, row, text));
	if (row->label == 0)
		buffer_add_text(out, ",\"is_anomaly\":0,\"anomaly_kind\":null}\n");
	else
		buffer_add_format(out, ",\"is_anomaly\":1,\"anomaly_kind\":\"%s\"}\n", shape->labels[row->label]);
}

static void add_avro_text(struct buffer *out, const char *text)
{
	size_t length = strlen(text);
	buffer_add_zigzag(out, (int64_t)length);
	buffer_add(out, text, length);
}

/* Two's complement, big-endian, as short as it can be. */
static void add_avro_decimal(struct buffer *out, int64_t units)
{
	uint8_t bytes[DECIMAL_BYTES];
	for (size_t i = DECIMAL_BYTES; i-- > 0; units >>= 8)
		bytes[i] = (uint8_t)units;
	size_t start = 0;
	while (start < DECIMAL_BYTES - 1 && bytes[start] == (bytes[start + 1] >= 0x80 ? 0xff : 0))
		start++;
	buffer_add_zigzag(out, (int64_t)(DECIMAL_BYTES - start));
	buffer_add(out, bytes + start, DECIMAL_BYTES - start);
}

void row_avro(struct buffer *out, const struct row_shape *shape, const struct row *row,
	      const struct transaction_position *position)
{
	char text[ROW_TEXT_MAX];
	for (size_t i = 0; i < shape->count; i++) {
		const struct row_field *field = &shape->fields[i];
		int64_t value = row->values[i];
		if (field->nullable)
			buffer_add_zigzag(out, value != ROW_NULL);
		if (value == ROW_NULL)
			continue;
		if (field->type == ROW_AMOUNT)
			add_avro_decimal(out, value);
		else if (field->type == ROW_ID || field->type == ROW_NAME)
			add_avro_text(out, row_text(field, value, text));
		else
			buffer_add_zigzag(out, value);
	}
	if (position == NULL)
		return;
	buffer_add_zigzag(out, position->partition);
	buffer_add_zigzag(out, position->offset);
	buffer_add_zigzag(out, row->arrival_ms);
	add_avro_text(out, key_of(shape, row, text));
}

void row_label_header(struct buffer *out, const struct row_shape *shape)
{
	buffer_add_format(out, "%s,is_anomaly,anomaly_kind,incident\n", shape->fields[0].name);
}

void row_label(struct buffer *out, const struct row_shape *shape, const struct row *row)
{
	char text[ROW_TEXT_MAX];
	buffer_add_format(out, "%s,%d,%s,", row_text(&shape->fields[0], row->values[0], text), row->label != 0,
			  shape->labels[row->label]);
	if (row->incident != 0)
		add_number(out, row->incident, 0);
	buffer_add_byte(out, '\n');
}
