#include "daemon/io/jsonl.h"

#include "number.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define BLANKS " \t\r"

int jsonl_open(struct jsonl *jsonl, const char *path, struct err *err)
{
	*jsonl = (struct jsonl){0};
	return input_open(&jsonl->input, path, err);
}

/* Takes the next line without its end: 1, at the end 0, or -1. */
static int next_line(struct jsonl *jsonl, struct slice *line, struct err *err)
{
	struct input *input = &jsonl->input;
	size_t searched = 0;
	for (;;) {
		size_t length = (size_t)(input->end - input->at);
		const uint8_t *end = length == searched ? NULL : memchr(input->at + searched, '\n', length - searched);
		if (end != NULL || (input->ended && length > 0)) {
			size_t taken = end == NULL ? length : (size_t)(end - input->at);
			*line = (struct slice){input->at, taken};
			input->at += taken + (end != NULL);
			jsonl->line++;
			return 1;
		}
		if (length > JSONL_LINE_MAX)
			return err_set(err, ERR_DATA, "%s: line %llu: a line of more than %zu MiB", input->name,
				       (unsigned long long)jsonl->line + 1, JSONL_LINE_MAX >> 20);
		searched = length;
		int more = input_fill(input, err);
		if (more < 0 || (more == 0 && length == 0))
			return more;
	}
}

static bool is_blank(struct slice line)
{
	const char *text = line.data;
	for (size_t i = 0; i < line.length; i++)
		if (strchr(BLANKS, text[i]) == NULL || text[i] == '\0')
			return false;
	return true;
}

int jsonl_next(struct jsonl *jsonl, struct err *bad, struct err *err)
{
	json_decref(jsonl->value);
	jsonl->value = NULL;
	struct slice line = {NULL, 0};
	int status;
	do
		status = next_line(jsonl, &line, err);
	while (status == 1 && is_blank(line));
	if (status <= 0)
		return status;

	json_error_t error;
	jsonl->value =
	    json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (jsonl->value != NULL)
		return 1;

	/* jansson quotes what stands near the error; a message must not carry identifiers. */
	char *near = strstr(error.text, " near '");
	if (near != NULL)
		*near = '\0';
	(void)err_set(bad, ERR_DATA, "not JSON: %s, column %d", error.text, error.column);
	return 1;
}

void jsonl_close(struct jsonl *jsonl)
{
	json_decref(jsonl->value);
	jsonl->value = NULL;
	input_close(&jsonl->input);
}

const json_t *jsonl_find(const json_t *object, const char *path, bool *blocked)
{
	assert(json_is_object(object));
	const char *dot = strchr(path, '.');
	if (dot != NULL) {
		const json_t *next = json_object_getn(object, path, (size_t)(dot - path));
		const json_t *found = json_is_object(next) ? jsonl_find(next, dot + 1, blocked) : NULL;
		if (found != NULL)
			return found;
		const json_t *literal = json_object_get(object, path);
		*blocked |= literal == NULL && next != NULL && !json_is_object(next) && !json_is_null(next);
		return literal;
	}
	return json_object_get(object, path);
}

static int add_dump(const char *data, size_t length, void *buffer)
{
	buffer_add(buffer, data, length);
	return 0;
}

int jsonl_text(const json_t *value, struct buffer *text)
{
	char number[NUMBER_TEXT_MAX];
	switch (json_typeof(value)) {
	case JSON_NULL:
		break;
	case JSON_STRING:
		buffer_add(text, json_string_value(value), json_string_length(value));
		break;
	case JSON_REAL:
		buffer_add(text, number, number_format(json_real_value(value), number));
		break;
	case JSON_INTEGER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_OBJECT:
	case JSON_ARRAY:
		if (json_dump_callback(value, add_dump, text, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
			return -1;
		break;
	}
	return buffer_failed(text) ? -1 : 0;
}
