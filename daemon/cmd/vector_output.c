#include "daemon/cmd/vector_output.h"

#include "daemon/io/csv.h"
#include "json.h"
#include "number.h"

void vector_output_header(struct buffer *out, const struct feature_set *set, const char *const *kept, size_t kept_count,
			  bool label)
{
	buffer_add_text(out, "_event_id,_entity,_time_ms,_partition,_offset,_flags");
	for (size_t i = 0; i < kept_count; i++) {
		buffer_add_byte(out, ',');
		csv_add(out, slice_of(kept[i]));
	}
	if (label)
		buffer_add_text(out, ",label");
	for (size_t i = 0; i < feature_set_count(set); i++) {
		buffer_add_byte(out, ',');
		csv_add(out, slice_of(feature_set_name(set, i)));
	}
	buffer_add_byte(out, '\n');
}

static void add_integer(struct buffer *row, int64_t number)
{
	char text[NUMBER_TEXT_MAX];
	buffer_add_byte(row, ',');
	buffer_add(row, text, number_format_scaled(number, 0, text));
}

static void add_flags(struct buffer *row, unsigned flags)
{
	const char *separator = ",";
	if (flags == 0)
		buffer_add_byte(row, ',');
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		if ((flags >> i & 1) != 0) {
			buffer_add_text(row, separator);
			buffer_add_text(row, flag_name(i));
			separator = " ";
		}
}

void vector_output_row(struct buffer *out, const struct feature_set *set, const struct vector_row *row,
		       size_t kept_count, bool label)
{
	csv_add(out, row->event->id);
	buffer_add_byte(out, ',');
	csv_add(out, row->event->entity);
	add_integer(out, row->event->time_ms);
	add_integer(out, row->partition);
	add_integer(out, row->event->offset);
	add_flags(out, row->vector->flags);
	for (size_t i = 0; i < kept_count; i++) {
		buffer_add_byte(out, ',');
		csv_add(out, row->kept[i]);
	}
	if (label) {
		buffer_add_byte(out, ',');
		csv_add(out, row->label);
	}
	for (size_t i = 0; i < feature_set_count(set); i++) {
		buffer_add_byte(out, ',');
		csv_add_number(out, row->vector->values[i]);
	}
	buffer_add_byte(out, '\n');
}

void vector_output_reject(struct buffer *out, bool coordinates, int32_t partition, int64_t offset, enum outcome outcome,
			  enum reason reason, const char *message)
{
	struct json json;
	json_begin(&json, out);
	json_open_object(&json);
	json_name(&json, "_partition");
	coordinates ? json_add_integer(&json, partition) : json_add_null(&json);
	json_name(&json, "_offset");
	coordinates ? json_add_integer(&json, offset) : json_add_null(&json);
	json_name(&json, "outcome");
	json_add_string(&json, outcome_name(outcome));
	json_name(&json, "reason");
	json_add_string(&json, reason_name(reason));
	json_name(&json, "message");
	json_add_string(&json, message);
	json_close_object(&json);
	buffer_add_byte(out, '\n');
}
