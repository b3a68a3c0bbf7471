#include "features/decimal.h"
#include "features/filter.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TESTS_PER_CONDITION 7 /* equals, in, not, above, below, same, hours */
#define UTC_OFFSET_MAX_MS INT64_C(86400000)
#define NAMES_SHOWN_MAX 200 /* bytes of a list of field names in a message */

/* What the compilation of one condition needs. */
struct compiler {
	struct filter *filter;
	const struct event_schema *schema;
	const struct field *field; /* NULL: none, or unknown */
	size_t field_index;
	struct dictionary *constants;
	const uint8_t *key;
	struct problems *problems;
	bool allow_same;
	bool out_of_memory;
};

static const char *literal_form(const struct literal *literal)
{
	switch (literal->kind) {
	case LITERAL_TEXT:
		return "a string";
	case LITERAL_NUMBER:
		return "a number";
	case LITERAL_BOOLEAN:
		return "a boolean";
	case LITERAL_NONE:
		break;
	}
	return "null";
}

static const char *field_form(const struct field *field)
{
	if (field->type == FIELD_STRING)
		return "a string";
	return field->type == FIELD_BOOLEAN ? "a boolean" : "a number";
}

static bool fits(const struct compiler *compiler, const struct literal *literal)
{
	switch (compiler->field->type) {
	case FIELD_STRING:
		return literal->kind == LITERAL_TEXT;
	case FIELD_BOOLEAN:
		return literal->kind == LITERAL_BOOLEAN;
	case FIELD_MONEY:
	case FIELD_NUMBER:
		break;
	}
	return literal->kind == LITERAL_NUMBER;
}

/* The number of a string of the configuration, which may be new. */
static int64_t constant(struct compiler *compiler, const char *text)
{
	uint64_t hash = dictionary_hash(compiler->key, slice_of(text));
	int64_t number = dictionary_find(compiler->constants, hash, slice_of(text));
	if (number == DICTIONARY_NONE && dictionary_add(compiler->constants, hash, slice_of(text), &number) != 0)
		compiler->out_of_memory = true;
	return number;
}

/* Reads a number's text; reports and gives false where it is none. */
static bool read_decimal(struct compiler *compiler, const char *path, const struct literal *literal,
			 struct decimal *decimal)
{
	if (decimal_parse(literal->text, decimal) == 0)
		return true;
	problem_at(compiler->problems, path, "\"%s\" is not a number of at most %d digits", literal->text,
		   DECIMAL_DIGITS_MAX);
	return false;
}

static bool read_double(struct compiler *compiler, const char *path, const struct literal *literal, double *number)
{
	if (number_parse(slice_of(literal->text), number) == 0 && isfinite(*number)) {
		*number = *number == 0 ? 0.0 : *number;
		return true;
	}
	problem_at(compiler->problems, path, "\"%s\" is not a number in the range of a double", literal->text);
	return false;
}

/* The cell that a constant is equal to. false: reported, or equal to none (*none). */
static bool literal_cell(struct compiler *compiler, const char *path, const struct literal *literal, int64_t *cell)
{
	struct decimal decimal;
	double number;
	bool exact = true;
	if (!fits(compiler, literal)) {
		problem_at(compiler->problems, path, "%s cannot equal field \"%s\", which is %s", literal_form(literal),
			   compiler->field->name, field_form(compiler->field));
		return false;
	}
	if (compiler->field->type == FIELD_BOOLEAN) {
		*cell = literal->boolean;
	} else if (compiler->field->type == FIELD_STRING) {
		*cell = constant(compiler, literal->text);
	} else if (field_kind(compiler->field) == VALUE_DOUBLE) {
		if (!read_double(compiler, path, literal, &number))
			return false;
		*cell = cell_of_double(number);
	} else {
		if (!read_decimal(compiler, path, literal, &decimal))
			return false;
		*cell = decimal_floor(&decimal, compiler->field->scale, &exact);
	}
	return exact;
}

static struct filter_test *add_test(struct compiler *compiler, enum test_kind kind)
{
	struct filter_test *test = &compiler->filter->tests[compiler->filter->count++];
	*test = (struct filter_test){.kind = kind, .field = compiler->field_index, .column = -1};
	return test;
}

static int compare_cells(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static void add_list(struct compiler *compiler, enum test_kind kind, const char *path, const struct literal *literals,
		     size_t count, bool listed)
{
	struct filter_test *test = add_test(compiler, kind);
	test->list = calloc(count, sizeof *test->list);
	if (test->list == NULL) {
		compiler->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char at[32];
		if (listed)
			(void)snprintf(at, sizeof at, "%s[%zu]", path, i);
		else
			(void)snprintf(at, sizeof at, "%s", path);
		if (literal_cell(compiler, at, &literals[i], &test->list[test->list_count]))
			test->list_count++;
	}
	qsort(test->list, test->list_count, sizeof *test->list, compare_cells);
}

static void add_bound(struct compiler *compiler, const char *path, const struct literal *literal, bool above)
{
	const struct field *field = compiler->field;
	struct decimal decimal;
	bool exact;
	if (literal->kind != LITERAL_NUMBER || field->type == FIELD_STRING || field->type == FIELD_BOOLEAN) {
		problem_at(compiler->problems, path, "compares numbers, but %s is given for field \"%s\", which is %s",
			   literal_form(literal), field->name, field_form(field));
		return;
	}
	if (field_kind(field) == VALUE_DOUBLE) {
		struct filter_test *between = add_test(compiler, TEST_BETWEEN);
		between->above = -INFINITY;
		between->under = INFINITY;
		(void)read_double(compiler, path, literal, above ? &between->above : &between->under);
		return;
	}
	struct filter_test *range = add_test(compiler, TEST_RANGE);
	range->low = CELL_NULL + 1;
	range->high = INT64_MAX;
	if (!read_decimal(compiler, path, literal, &decimal))
		return;
	int64_t floor = decimal_floor(&decimal, field->scale, &exact);
	if (above)
		range->low = floor + 1;
	else
		range->high = floor - exact;
}

static void add_hours(struct compiler *compiler, const struct condition_options *options)
{
	struct filter_test *test = add_test(compiler, TEST_HOURS);
	int from = options->hours_from, to = options->hours_to;
	if (from < 0 || from >= CIVIL_HOURS || to < 0 || to > CIVIL_HOURS || from == to)
		problem_at(compiler->problems, ".hours",
			   "[%d, %d) is no span of hours: from 0 to 23, to 0 to 24, and not both the same", from, to);
	test->hours.from = from;
	test->hours.to = to;
	civil_check(options->utc_offsets, options->utc_offset_count, compiler->problems);
	if (options->utc_offset_count == 0)
		return;
	test->hours.offsets = calloc(options->utc_offset_count, sizeof *test->hours.offsets);
	if (test->hours.offsets == NULL) {
		compiler->out_of_memory = true;
		return;
	}
	memcpy(test->hours.offsets, options->utc_offsets, options->utc_offset_count * sizeof *test->hours.offsets);
	test->hours.offset_count = options->utc_offset_count;
}

static bool has_field_test(const struct condition_options *options)
{
	return options->same || options->equals.kind != LITERAL_NONE || options->not_equals.kind != LITERAL_NONE ||
	       options->above.kind != LITERAL_NONE || options->below.kind != LITERAL_NONE || options->in != NULL;
}

static void compile_field_tests(struct compiler *compiler, const struct condition_options *options)
{
	if (options->equals.kind != LITERAL_NONE)
		add_list(compiler, TEST_IN, ".equals", &options->equals, 1, false);
	if (options->not_equals.kind != LITERAL_NONE)
		add_list(compiler, TEST_NOT_IN, ".not", &options->not_equals, 1, false);
	if (options->in != NULL && (options->in_count == 0 || options->in_count > CONDITION_IN_MAX))
		problem_at(compiler->problems, ".in", "%zu values; 1 to %d are possible", options->in_count,
			   CONDITION_IN_MAX);
	else if (options->in != NULL)
		add_list(compiler, TEST_IN, ".in", options->in, options->in_count, true);
	if (options->above.kind != LITERAL_NONE)
		add_bound(compiler, ".above", &options->above, true);
	if (options->below.kind != LITERAL_NONE)
		add_bound(compiler, ".below", &options->below, false);
	if (options->same && !compiler->allow_same)
		problem_at(compiler->problems, ".same", "has no meaning here: there is no other event to compare with");
	if (options->same)
		(void)add_test(compiler, TEST_SAME);
	compiler->filter->same |= options->same;
}

static void compile_condition(struct compiler *compiler, const struct condition_options *options)
{
	compiler->field = NULL;
	if (options->field != NULL) {
		int index = field_find(compiler->schema->fields, compiler->schema->field_count, options->field);
		if (index < 0) {
			char names[NAMES_SHOWN_MAX];
			field_list(compiler->schema->fields, compiler->schema->field_count, names, sizeof names);
			problem_at(compiler->problems, ".field", "\"%s\" is not a field; the fields are: %s",
				   options->field, names);
		} else {
			compiler->field = &compiler->schema->fields[index];
			compiler->field_index = (size_t)index;
		}
	}
	if (options->field == NULL && has_field_test(options))
		problem_at(compiler->problems, ".field", "is missing: a comparison needs the field that it compares");
	else if (options->field != NULL && !has_field_test(options))
		problem_at(compiler->problems, "",
			   "asks nothing of field \"%s\": give equals, in, not, above, below or same", options->field);
	else if (options->field == NULL && !options->has_hours)
		problem_at(compiler->problems, "", "is empty: give a field and a comparison, or hours");
	if (compiler->field != NULL)
		compile_field_tests(compiler, options);
	if (options->has_hours)
		add_hours(compiler, options);
	else if (options->utc_offset_count > 0)
		problem_at(compiler->problems, ".utc_offset", "stands without hours");
}

int filter_compile(struct filter *filter, const struct event_schema *schema, const struct condition_options *options,
		   size_t count, bool allow_same, struct dictionary *constants, const uint8_t key[SIPHASH_KEY_BYTES],
		   struct problems *problems)
{
	*filter = (struct filter){0};
	if (count > CONDITIONS_MAX) {
		problem_at(problems, "", "%zu conditions; at most %d are possible", count, CONDITIONS_MAX);
		return 0;
	}
	if (count == 0)
		return 0;
	filter->tests = calloc(count * TESTS_PER_CONDITION, sizeof *filter->tests);
	if (filter->tests == NULL)
		return -1;
	struct compiler compiler = {.filter = filter,
				    .schema = schema,
				    .constants = constants,
				    .key = key,
				    .problems = problems,
				    .allow_same = allow_same};
	for (size_t i = 0; i < count; i++) {
		size_t before = problem_enter(problems, "[%zu]", i);
		compile_condition(&compiler, &options[i]);
		problem_leave(problems, before);
	}
	assert(filter->count <= count * TESTS_PER_CONDITION);
	return compiler.out_of_memory ? -1 : 0;
}
