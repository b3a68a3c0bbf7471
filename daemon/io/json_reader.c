#include "daemon/io/json_reader.h"

#include "buffer.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define FOUND_BYTES_MAX 40 /* of a string that is shown in a message */
#define WANTED_BYTES_MAX 256

json_t *json_reader_load(struct slice text, struct err *err)
{
	json_error_t where;
	json_t *root = json_loadb(text.data == NULL ? "" : text.data, text.length,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &where);
	if (root == NULL)
		err_set(err, json_error_code(&where) == json_error_out_of_memory ? ERR_MEMORY : ERR_DATA,
			"not a JSON document: %s (byte %d)", where.text, where.position);
	return root;
}

struct json_place json_reader_root(const json_t *document)
{
	return (struct json_place){NULL, NULL, 0, document};
}

struct json_place json_reader_member(const struct json_place *above, const char *name)
{
	return (struct json_place){above, name, 0, json_object_get(above->value, name)};
}

struct json_place json_reader_element(const struct json_place *above, size_t index)
{
	assert(json_is_array(above->value));
	return (struct json_place){above, NULL, index, json_array_get(above->value, index)};
}

static void add_path(struct buffer *path, const struct json_place *place)
{
	if (place->above == NULL)
		return;
	add_path(path, place->above);
	if (place->name == NULL)
		buffer_add_format(path, "[%zu]", place->index);
	else
		buffer_add_format(path, "%s%s", path->length == 0 ? "" : ".", place->name);
}

static void add_found(struct buffer *text, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		buffer_add_text(text, "an object");
		break;
	case JSON_ARRAY:
		buffer_add_format(text, "an array of %zu", json_array_size(value));
		break;
	case JSON_STRING:
		buffer_add_format(text, "\"%.*s\"%s", FOUND_BYTES_MAX, json_string_value(value),
				  json_string_length(value) > FOUND_BYTES_MAX ? "..." : "");
		break;
	case JSON_INTEGER:
	case JSON_REAL: {
		char number[NUMBER_TEXT_MAX];
		size_t length = number_format(json_number_value(value), number);
		buffer_add(text, number, length);
		break;
	}
	case JSON_TRUE:
	case JSON_FALSE:
		buffer_add_text(text, json_is_true(value) ? "true" : "false");
		break;
	case JSON_NULL:
		buffer_add_text(text, "null");
		break;
	}
}

int json_reader_refuse(const struct json_place *place, struct err *err, const char *wanted, ...)
{
	char must_be[WANTED_BYTES_MAX];
	va_list arguments;
	va_start(arguments, wanted);
	vsnprintf(must_be, sizeof must_be, wanted, arguments);
	va_end(arguments);
	struct buffer text;
	buffer_init(&text);
	add_path(&text, place);
	if (text.length == 0)
		buffer_add_text(&text, "the document");
	if (place->value == NULL) {
		buffer_add_format(&text, ": is absent, it must be %s", must_be);
	} else {
		buffer_add_format(&text, ": must be %s, not ", must_be);
		add_found(&text, place->value);
	}
	if (buffer_failed(&text))
		err_memory(err);
	else
		err_set(err, ERR_DATA, "%.*s", (int)text.length, (const char *)text.data);
	buffer_free(&text);
	return -1;
}

bool json_reader_is_null(const struct json_place *place)
{
	return json_is_null(place->value);
}

int json_reader_object(const struct json_place *place, struct err *err)
{
	return json_is_object(place->value) ? 0 : json_reader_refuse(place, err, "an object");
}

int json_reader_array(const struct json_place *place, size_t least, size_t most, size_t *count, struct err *err)
{
	*count = json_array_size(place->value);
	if (json_is_array(place->value) && *count >= least && *count <= most)
		return 0;
	if (least == most)
		return json_reader_refuse(place, err, "an array of %zu", least);
	return json_reader_refuse(place, err, "an array of %zu to %zu", least, most);
}

int json_reader_number(const struct json_place *place, double least, double most, double *number, struct err *err)
{
	*number = json_number_value(place->value);
	if (json_is_number(place->value) && *number >= least && *number <= most)
		return 0;
	return json_reader_refuse(place, err, "a number from %.17g to %.17g", least, most);
}

int json_reader_integer(const struct json_place *place, int64_t least, int64_t most, int64_t *integer, struct err *err)
{
	double number = json_number_value(place->value);
	assert(least >= -(INT64_C(1) << 53) && most <= INT64_C(1) << 53);
	*integer = 0;
	if (json_is_number(place->value) && number >= (double)least && number <= (double)most &&
	    rint(number) == number) {
		*integer = (int64_t)number;
		return 0;
	}
	return json_reader_refuse(place, err, "an integer from %lld to %lld", (long long)least, (long long)most);
}

int json_reader_text(const struct json_place *place, size_t least, size_t most, const char **text, struct err *err)
{
	*text = json_string_value(place->value);
	if (*text != NULL && json_string_length(place->value) >= least && json_string_length(place->value) <= most)
		return 0;
	return json_reader_refuse(place, err, "a string of %zu to %zu bytes", least, most);
}

int json_reader_boolean(const struct json_place *place, bool *boolean, struct err *err)
{
	*boolean = json_is_true(place->value);
	return json_is_boolean(place->value) ? 0 : json_reader_refuse(place, err, "true or false");
}
