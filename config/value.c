/* One value of the file into its place: conversion, range, and what to say where it does not fit. */
#include "config/draft.h"
#include "number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

const char *config_value_show(const json_t *value, char text[VALUE_SHOWN_MAX])
{
	char number[NUMBER_TEXT_MAX];
	char *dumped = NULL;
	const char *whole = number;
	if (json_is_real(value)) {
		number_format(json_real_value(value), number);
	} else {
		dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		whole = dumped == NULL ? "the value" : dumped;
	}
	size_t length = strlen(whole);
	if (length < VALUE_SHOWN_MAX) {
		memcpy(text, whole, length + 1);
	} else {
		length = VALUE_SHOWN_MAX - sizeof "...";
		while (length > 0 && ((unsigned char)whole[length] & 0xc0) == 0x80)
			length--;
		memcpy(text, whole, length);
		memcpy(text + length, "...", sizeof "...");
	}
	free(dumped);
	return text;
}

const char *config_value_kind(const struct config_row *row)
{
	switch (row->kind) {
	case ROW_OBJECT:
	case ROW_MAP:
	case ROW_TEXT_MAP:
		return "an object";
	case ROW_OBJECTS:
		return "a list of objects";
	case ROW_TEXT:
	case ROW_DURATION:
	case ROW_TIME:
		return config_form(row->form)->what;
	case ROW_TEXTS:
		return "a list of texts";
	case ROW_TEXT_PAIR:
		return "a list of two texts";
	case ROW_CHOICE:
		return "one of the texts";
	case ROW_BOOLEAN:
		return "true or false";
	case ROW_INTEGER:
		return "a whole number";
	case ROW_NUMBER:
		return "a number";
	case ROW_LITERAL:
		return row->numeric ? "a number" : "a text, a number, true or false";
	case ROW_LITERALS:
		return "a list of texts, numbers, true or false";
	case ROW_HOURS:
		return "a pair of hours";
	case ROW_UTC_OFFSETS:
		return config_form(row->form)->what;
	}
	return "a value";
}

void config_value_put_list(const struct config_row *row, void *base, const void *elements, size_t count)
{
	memcpy((char *)base + row->offset, &elements, sizeof elements);
	memcpy((char *)base + row->count_offset, &count, sizeof count);
}

/* "VALUE is not a duration; write a number and ..." */
bool config_value_refuse(struct draft *draft, const json_t *value, const char *path, const char *what,
			 const char *right)
{
	char shown[VALUE_SHOWN_MAX];
	config_problem_add(draft->problems, path, "%s is not %s%s%s", config_value_show(value, shown), what,
			   *right == '\0' ? "" : "; write ", right);
	return false;
}

bool config_value_refuse_form(struct draft *draft, const json_t *value, const char *path, enum text_form form)
{
	return config_value_refuse(draft, value, path, config_form(form)->what, config_form(form)->right);
}

bool config_value_matches(enum text_form form, const char *text, bool *no_memory)
{
	regex_t pattern;
	if (form == FORM_ANY || form == FORM_FILE || form == FORM_SECRET)
		return *text != '\0';
	/* The patterns are constants: nothing but memory can be missing. */
	int failed = regcomp(&pattern, config_form(form)->pattern, REG_EXTENDED | REG_NOSUB);
	assert(failed == 0 || failed == REG_ESPACE);
	*no_memory |= failed != 0;
	if (failed != 0)
		return false;
	int unmatched = regexec(&pattern, text, 0, NULL, 0);
	*no_memory |= unmatched == REG_ESPACE;
	regfree(&pattern);
	return unmatched == 0;
}

/* A text of the form, copied; NULL: reported. */
static const char *take_text(struct draft *draft, const json_t *value, enum text_form form, const char *path)
{
	bool *no_memory = &draft->problems->out_of_memory;
	if (!json_is_string(value) || !config_value_matches(form, json_string_value(value), no_memory)) {
		config_value_refuse_form(draft, value, path, form);
		return NULL;
	}
	struct slice copy = arena_copy(draft->arena, slice_of(json_string_value(value)));
	*no_memory |= copy.data == NULL;
	return copy.data;
}

static bool read_text(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
		      const char *path)
{
	const char *text = take_text(draft, value, row->form, path);
	if (text != NULL)
		memcpy((char *)base + row->offset, &text, sizeof text);
	return text != NULL;
}

static bool refuse_length(struct draft *draft, const struct config_row *row, const json_t *value, const char *path)
{
	if (row->least == row->most)
		config_problem_add(draft->problems, path, "holds %zu elements; write %.0f", json_array_size(value),
				   row->most);
	else
		config_problem_add(draft->problems, path, "holds %zu elements; write %.0f to %.0f",
				   json_array_size(value), row->least, row->most);
	return false;
}

/* Lists of texts and literals: each element in turn by `take`, into an array of elements of this size. */
static bool read_list(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
		      const char *path, size_t element_size,
		      bool (*take)(struct draft *, const struct config_row *, const json_t *, void *, const char *))
{
	if (!json_is_array(value))
		return config_value_refuse(draft, value, path, config_value_kind(row), "");
	size_t count = json_array_size(value);
	if ((double)count < row->least || (double)count > row->most)
		return refuse_length(draft, row, value, path);
	char *elements = arena_take_zeroed(draft->arena, count, element_size);
	if (elements == NULL) {
		draft->problems->out_of_memory = true;
		return false;
	}
	bool good = true;
	for (size_t i = 0; i < count; i++) {
		char inner[CONFIG_PATH_MAX];
		config_path_element(inner, path, i);
		good &= take(draft, row, json_array_get(value, i), elements + i * element_size, inner);
	}
	config_value_put_list(row, base, elements, count);
	return good;
}

static bool take_list_text(struct draft *draft, const struct config_row *row, const json_t *value, void *element,
			   const char *path)
{
	const char *text = take_text(draft, value, row->form, path), *wrong = "";
	memcpy(element, text == NULL ? &wrong : &text, sizeof text);
	return text != NULL;
}

static bool read_pair(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
		      const char *path)
{
	const char *pair[2];
	if (!json_is_array(value) || json_array_size(value) != 2)
		return config_value_refuse(draft, value, path, config_value_kind(row), row->example);
	for (size_t i = 0; i < 2; i++) {
		char inner[CONFIG_PATH_MAX];
		config_path_element(inner, path, i);
		if (!take_list_text(draft, row, json_array_get(value, i), &pair[i], inner))
			return false;
	}
	memcpy((char *)base + row->offset, pair, sizeof pair);
	return true;
}

size_t config_value_choices(const struct config_row *row, char *text, size_t size)
{
	size_t count = 0;
	text[0] = '\0';
	for (; row->choices[count] != NULL; count++) {
		size_t used = strlen(text);
		snprintf(text + used, size - used, "%s%s", count == 0 ? "" : ", ", row->choices[count]);
	}
	return count;
}

static bool read_choice(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			const char *path)
{
	char all[CHOICES_SHOWN_MAX], shown[VALUE_SHOWN_MAX];
	size_t count = config_value_choices(row, all, sizeof all);
	for (size_t i = 0; i < count && json_is_string(value); i++) {
		if (strcmp(json_string_value(value), row->choices[i]) != 0)
			continue;
		if (row->size == sizeof(bool))
			*CONFIG_PLACE(bool, base, row) = i != 0;
		else
			*CONFIG_PLACE(int, base, row) = (int)i;
		return true;
	}
	const char *like = json_is_string(value) ? config_like(json_string_value(value), row->choices, count) : NULL;
	config_problem_add(draft->problems, path, "%s is none of %s%s%s%s", config_value_show(value, shown), all,
			   like == NULL ? "" : "; did you mean \"", like == NULL ? "" : like,
			   like == NULL ? "" : "\"?");
	return false;
}

static bool refuse_number(struct draft *draft, const struct config_row *row, const json_t *value, const char *path,
			  bool is_number)
{
	char shown[VALUE_SHOWN_MAX], least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];
	const char *kind = config_value_kind(row);
	number_format(row->least, least);
	number_format(row->most, most);
	config_problem_add(draft->problems, path, "%s is %s%s; write %s from %s to %s", config_value_show(value, shown),
			   is_number ? "out of range" : "not ", is_number ? "" : kind, is_number ? kind : "one", least,
			   most);
	return false;
}

static bool read_integer(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			 const char *path)
{
	assert(row->size == sizeof(int32_t) || row->size == sizeof(int64_t));
	if (!json_is_integer(value))
		return refuse_number(draft, row, value, path, false);
	int64_t number = json_integer_value(value);
	if ((double)number < row->least || (double)number > row->most)
		return refuse_number(draft, row, value, path, true);
	if (row->size == sizeof(int32_t))
		*CONFIG_PLACE(int32_t, base, row) = (int32_t)number;
	else
		*CONFIG_PLACE(int64_t, base, row) = number;
	return true;
}

static bool read_number(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			const char *path)
{
	if (!json_is_number(value))
		return refuse_number(draft, row, value, path, false);
	double number = json_number_value(value);
	if (!(number >= row->least && number <= row->most))
		return refuse_number(draft, row, value, path, true);
	*CONFIG_PLACE(double, base, row) = number;
	return true;
}

static bool read_duration(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			  const char *path)
{
	int64_t ms;
	if (!json_is_string(value) || duration_parse(slice_of(json_string_value(value)), &ms) != 0)
		return config_value_refuse_form(draft, value, path, FORM_DURATION);
	if ((double)ms < row->least || (double)ms > row->most) {
		char shown[VALUE_SHOWN_MAX], least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];
		duration_format((int64_t)row->least, least);
		duration_format((int64_t)row->most, most);
		config_problem_add(draft->problems, path, "%s is out of range; write a duration from %s to %s",
				   config_value_show(value, shown), least, most);
		return false;
	}
	*CONFIG_PLACE(int64_t, base, row) = ms;
	return true;
}

static bool read_time(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
		      const char *path)
{
	int64_t ms;
	if (!json_is_string(value) || time_parse_rfc3339(slice_of(json_string_value(value)), &ms) != 0)
		return config_value_refuse_form(draft, value, path, FORM_TIME);
	*CONFIG_PLACE(int64_t, base, row) = ms;
	return true;
}

/* Numbers keep their decimal text: an integer all its digits, another the shortest text of its double. */
static bool take_literal(struct draft *draft, const struct config_row *row, const json_t *value, void *element,
			 const char *path)
{
	struct literal literal = {.kind = LITERAL_NONE};
	char number[NUMBER_TEXT_MAX];
	const char *text = number;
	if (json_is_integer(value)) {
		literal.kind = LITERAL_NUMBER;
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_real(value)) {
		literal.kind = LITERAL_NUMBER;
		number_format(json_real_value(value), number);
	} else if (json_is_string(value) && !row->numeric) {
		literal.kind = LITERAL_TEXT;
		text = json_string_value(value);
	} else if (json_is_boolean(value) && !row->numeric) {
		literal.kind = LITERAL_BOOLEAN;
		literal.boolean = json_is_true(value);
	} else {
		return config_value_refuse(draft, value, path,
					   row->numeric ? "a number" : "a text, a number, true or false", "");
	}
	if (literal.kind != LITERAL_BOOLEAN) {
		literal.text = arena_copy(draft->arena, slice_of(text)).data;
		draft->problems->out_of_memory |= literal.text == NULL;
	}
	memcpy(element, &literal, sizeof literal);
	return true;
}

bool config_value_read(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
		       const char *path)
{
	switch (row->kind) {
	case ROW_TEXT:
		return read_text(draft, row, value, base, path);
	case ROW_TEXTS:
		return read_list(draft, row, value, base, path, sizeof(char *), take_list_text);
	case ROW_TEXT_PAIR:
		return read_pair(draft, row, value, base, path);
	case ROW_CHOICE:
		return read_choice(draft, row, value, base, path);
	case ROW_BOOLEAN:
		if (!json_is_boolean(value))
			return config_value_refuse(draft, value, path, "true or false", "");
		*CONFIG_PLACE(bool, base, row) = json_is_true(value);
		return true;
	case ROW_INTEGER:
		return read_integer(draft, row, value, base, path);
	case ROW_NUMBER:
		return read_number(draft, row, value, base, path);
	case ROW_DURATION:
		return read_duration(draft, row, value, base, path);
	case ROW_TIME:
		return read_time(draft, row, value, base, path);
	case ROW_LITERAL:
		return take_literal(draft, row, value, CONFIG_PLACE(struct literal, base, row), path);
	case ROW_LITERALS:
		return read_list(draft, row, value, base, path, sizeof(struct literal), take_literal);
	case ROW_HOURS:
		return config_value_hours(draft, row, value, base, path);
	case ROW_UTC_OFFSETS:
		return config_value_offsets(draft, row, value, base, path);
	case ROW_OBJECT:
	case ROW_OBJECTS:
	case ROW_MAP:
	case ROW_TEXT_MAP:
		break;
	}
	assert(!"containers are read by config/tree.c");
	return false;
}
