#include "features/condition.h"
#include "test/unit/test.h"

#define FIELDS 5

enum { AMOUNT, SHOP, FLAG, REAL, SMALL };

static const struct field fields[FIELDS] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "shop", .path = "shop", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
    {.name = "flag", .path = "flag", .type = FIELD_BOOLEAN, .scale = FIELD_SCALE_NONE},
    {.name = "real", .path = "real", .type = FIELD_NUMBER, .scale = FIELD_SCALE_NONE},
    {.name = "small", .path = "small", .type = FIELD_NUMBER, .scale = 0},
};
static const struct event_schema schema = {.fields = fields, .field_count = FIELDS};

static struct literal number(const char *text)
{
	return (struct literal){.kind = LITERAL_NUMBER, .text = text};
}

static struct literal string(const char *text)
{
	return (struct literal){.kind = LITERAL_TEXT, .text = text};
}

static struct literal boolean(bool value)
{
	return (struct literal){.kind = LITERAL_BOOLEAN, .boolean = value};
}

/* Whether the conditions hold for these values at this time; -1: they do not compile. */
static int holds_at(const struct condition_options *options, size_t count, const struct value *values, int64_t time)
{
	struct condition *condition;
	struct err err = {.code = ERR_NONE};
	const struct event event = {.time_ms = time, .values = values};
	if (condition_new(&condition, &schema, options, count, NULL, NULL, &err) != 0) {
		printf("  %s\n", err.message);
		return -1;
	}
	bool holds = condition_holds(condition, &event);
	condition_free(condition);
	return holds;
}

static int holds_for_units(const struct condition_options *options, size_t field, int64_t units)
{
	struct value values[FIELDS] = {{0}};
	values[field] = (struct value){true, {.units = units}};
	return holds_at(options, 1, values, 0);
}

static int holds_for_text(const struct condition_options *options, const char *text)
{
	struct value values[FIELDS] = {{0}};
	values[SHOP] = (struct value){true, {.text = slice_of(text)}};
	return holds_at(options, 1, values, 0);
}

TEST(above_and_below_are_strict_and_decimal)
{
	const struct condition_options above = {.field = "amount", .above = number("12.34")};
	EXPECT_INT(holds_for_units(&above, AMOUNT, 1234), 0);
	EXPECT_INT(holds_for_units(&above, AMOUNT, 1235), 1);
	const struct condition_options below = {.field = "amount", .below = number("12.34")};
	EXPECT_INT(holds_for_units(&below, AMOUNT, 1234), 0);
	EXPECT_INT(holds_for_units(&below, AMOUNT, 1233), 1);
	/* Between two units. */
	const struct condition_options finer = {
	    .field = "amount", .above = number("-12.345"), .below = number("0.001")};
	EXPECT_INT(holds_for_units(&finer, AMOUNT, -1235), 0);
	EXPECT_INT(holds_for_units(&finer, AMOUNT, -1234), 1);
	EXPECT_INT(holds_for_units(&finer, AMOUNT, 0), 1);
	EXPECT_INT(holds_for_units(&finer, AMOUNT, 1), 0);
}

TEST(numbers_beyond_any_value_bound_nothing_or_all)
{
	const struct condition_options all = {.field = "amount", .above = number("-1e300"), .below = number("1e300")};
	EXPECT_INT(holds_for_units(&all, AMOUNT, -(INT64_C(1) << 53)), 1);
	EXPECT_INT(holds_for_units(&all, AMOUNT, INT64_C(1) << 53), 1);
	const struct condition_options none = {.field = "amount", .above = number("1e300")};
	EXPECT_INT(holds_for_units(&none, AMOUNT, INT64_C(1) << 53), 0);
	const struct condition_options tiny = {.field = "small", .above = number("1e-300")};
	EXPECT_INT(holds_for_units(&tiny, SMALL, 0), 0);
	EXPECT_INT(holds_for_units(&tiny, SMALL, 1), 1);
	const struct condition_options written = {.field = "small", .equals = number("0.00012e5")};
	EXPECT_INT(holds_for_units(&written, SMALL, 12), 1);
}

TEST(equals_and_not_compare_the_exact_value)
{
	const struct condition_options equals = {.field = "amount", .equals = number("12.30")};
	EXPECT_INT(holds_for_units(&equals, AMOUNT, 1230), 1);
	EXPECT_INT(holds_for_units(&equals, AMOUNT, 1231), 0);
	const struct condition_options never = {.field = "amount", .equals = number("12.345")};
	EXPECT_INT(holds_for_units(&never, AMOUNT, 1234), 0);
	EXPECT_INT(holds_for_units(&never, AMOUNT, 1235), 0);
	const struct condition_options always = {.field = "amount", .not_equals = number("12.345")};
	EXPECT_INT(holds_for_units(&always, AMOUNT, 1234), 1);
	const struct condition_options other = {.field = "flag", .not_equals = boolean(true)};
	EXPECT_INT(holds_for_units(&other, FLAG, 0), 1);
	EXPECT_INT(holds_for_units(&other, FLAG, 1), 0);
}

TEST(strings_compare_as_bytes)
{
	const struct literal list[] = {string("a"), string(""), string("ab")};
	const struct condition_options in = {.field = "shop", .in = list, .in_count = 3};
	EXPECT_INT(holds_for_text(&in, "a"), 1);
	EXPECT_INT(holds_for_text(&in, ""), 1);
	EXPECT_INT(holds_for_text(&in, "abc"), 0);
	const struct condition_options not_a = {.field = "shop", .not_equals = string("a")};
	EXPECT_INT(holds_for_text(&not_a, "a"), 0);
	EXPECT_INT(holds_for_text(&not_a, "A"), 1);
	EXPECT_INT(holds_for_text(&not_a, "never seen"), 1);
}

TEST(a_long_list_is_searched)
{
	struct literal list[100];
	char texts[100][8];
	for (size_t i = 0; i < 100; i++) {
		(void)snprintf(texts[i], sizeof texts[i], "%zu", (i * 37) % 100 * 2);
		list[i] = number(texts[i]);
	}
	const struct condition_options in = {.field = "small", .in = list, .in_count = 100};
	for (int64_t i = -1; i < 201; i++)
		EXPECT_INT(holds_for_units(&in, SMALL, i), i >= 0 && i < 200 && i % 2 == 0);
}

TEST(numbers_without_scale_compare_as_doubles)
{
	struct value values[FIELDS] = {{0}};
	const struct condition_options equals = {.field = "real", .equals = number("0.1")};
	values[REAL] = (struct value){true, {.number = 0.1}};
	EXPECT_INT(holds_at(&equals, 1, values, 0), 1);
	values[REAL].number = 0.1 + 1e-18;
	EXPECT_INT(holds_at(&equals, 1, values, 0), 1);
	values[REAL].number = nextafter(0.1, 1);
	EXPECT_INT(holds_at(&equals, 1, values, 0), 0);
	const struct condition_options between = {.field = "real", .above = number("-1"), .below = number("0.1")};
	EXPECT_INT(holds_at(&between, 1, values, 0), 0);
	values[REAL].number = -0.5;
	EXPECT_INT(holds_at(&between, 1, values, 0), 1);
	const struct condition_options zero = {.field = "real", .equals = number("-0")};
	values[REAL].number = 0;
	EXPECT_INT(holds_at(&zero, 1, values, 0), 1);
}

TEST(null_matches_nothing_not_even_not)
{
	const struct value nulls[FIELDS] = {{0}};
	const struct literal one = number("1");
	const struct condition_options cases[] = {
	    {.field = "amount", .not_equals = number("1")}, {.field = "amount", .above = number("-1e30")},
	    {.field = "small", .below = number("1e30")},    {.field = "small", .in = &one, .in_count = 1},
	    {.field = "real", .above = number("-1e300")},   {.field = "shop", .not_equals = string("x")},
	    {.field = "flag", .not_equals = boolean(false)}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		EXPECT_INT(holds_at(&cases[i], 1, nulls, 0), 0);
}

TEST(all_keys_and_all_conditions_must_hold)
{
	const struct condition_options both[] = {{.field = "amount", .above = number("1"), .below = number("3")},
						 {.field = "flag", .equals = boolean(true)}};
	struct value values[FIELDS] = {{0}};
	values[AMOUNT] = (struct value){true, {.units = 200}};
	values[FLAG] = (struct value){true, {.units = 1}};
	EXPECT_INT(holds_at(both, 2, values, 0), 1);
	values[FLAG].units = 0;
	EXPECT_INT(holds_at(both, 2, values, 0), 0);
	values[FLAG].units = 1;
	values[AMOUNT].units = 300;
	EXPECT_INT(holds_at(both, 2, values, 0), 0);
	EXPECT_INT(holds_at(NULL, 0, values, 0), 1);
}

#define HOUR INT64_C(3600000)

TEST(hours_are_half_open_and_wrap)
{
	const struct value nulls[FIELDS] = {{0}};
	const struct condition_options night = {.has_hours = true, .hours_from = 22, .hours_to = 6};
	const struct condition_options day = {.has_hours = true, .hours_from = 6, .hours_to = 22};
	const struct condition_options late = {.has_hours = true, .hours_from = 20, .hours_to = 24};
	for (int hour = 0; hour < 24; hour++) {
		EXPECT_INT(holds_at(&night, 1, nulls, hour * HOUR), hour >= 22 || hour < 6);
		EXPECT_INT(holds_at(&day, 1, nulls, hour * HOUR + HOUR - 1), hour >= 6 && hour < 22);
		EXPECT_INT(holds_at(&late, 1, nulls, hour * HOUR), hour >= 20);
		EXPECT_INT(holds_at(&night, 1, nulls, hour * HOUR - 240 * HOUR), hour >= 22 || hour < 6);
	}
}

TEST(hours_follow_the_offset_that_holds_at_the_time)
{
	const struct value nulls[FIELDS] = {{0}};
	const struct utc_offset steps[] = {{INT64_MIN, HOUR}, {1000 * HOUR, 2 * HOUR}};
	const struct condition_options noon = {
	    .has_hours = true, .hours_from = 12, .hours_to = 13, .utc_offsets = steps, .utc_offset_count = 2};
	EXPECT_INT(holds_at(&noon, 1, nulls, 11 * HOUR), 1);
	EXPECT_INT(holds_at(&noon, 1, nulls, 10 * HOUR), 0);
	EXPECT_INT(holds_at(&noon, 1, nulls, (41 * 24 + 11) * HOUR), 1);
	EXPECT_INT(holds_at(&noon, 1, nulls, (42 * 24 + 10) * HOUR), 1);
	EXPECT_INT(holds_at(&noon, 1, nulls, (42 * 24 + 11) * HOUR), 0);
	/* In the very instant of a step the new offset holds. */
	const struct condition_options evening = {
	    .has_hours = true, .hours_from = 18, .hours_to = 19, .utc_offsets = steps, .utc_offset_count = 2};
	EXPECT_INT(holds_at(&evening, 1, nulls, 1000 * HOUR), 1);
	EXPECT_INT(holds_at(&evening, 1, nulls, 1000 * HOUR - 1), 0);
}

/* ---- what is refused */

static char problems[4096];

static void note(void *context, const char *path, const char *message)
{
	(void)context;
	size_t length = strlen(problems);
	(void)snprintf(problems + length, sizeof problems - length, "%s: %s\n", path, message);
}

static const char *refused(const struct condition_options *options, size_t count)
{
	struct condition *condition;
	struct err err = {.code = ERR_NONE};
	problems[0] = '\0';
	EXPECT(condition_new(&condition, &schema, options, count, note, NULL, &err) != 0);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT(condition == NULL);
	/* The first problem stands in err too. */
	EXPECT(strstr(problems, err.message) == problems + (problems[0] == ':' ? 2 : 0));
	return problems;
}

TEST(every_problem_is_reported_with_its_path)
{
	const struct literal mixed[] = {string("a"), number("1")};
	const struct condition_options options[] = {
	    {.field = "shopp", .equals = string("x")},
	    {.field = "shop", .above = number("1")},
	    {.field = "shop", .in = mixed, .in_count = 2},
	    {.field = "amount", .equals = string("1")},
	    {.field = "amount", .same = true},
	    {.field = "amount"},
	    {.equals = number("1")},
	    {.has_hours = false},
	    {.has_hours = true, .hours_from = 5, .hours_to = 5},
	    {.field = "flag", .below = number("1"), .equals = number("1")},
	    {.field = "real", .equals = number("1e999")},
	};
	EXPECT_TEXT(refused(options, sizeof options / sizeof *options),
		    "[0].field: \"shopp\" is not a field; the fields are: amount, shop, flag, real, small\n"
		    "[1].above: compares numbers, but a number is given for field \"shop\", which is a string\n"
		    "[2].in[1]: a number cannot equal field \"shop\", which is a string\n"
		    "[3].equals: a string cannot equal field \"amount\", which is a number\n"
		    "[4].same: has no meaning here: there is no other event to compare with\n"
		    "[5]: asks nothing of field \"amount\": give equals, in, not, above, below or same\n"
		    "[6].field: is missing: a comparison needs the field that it compares\n"
		    "[7]: is empty: give a field and a comparison, or hours\n"
		    "[8].hours: [5, 5) is no span of hours: from 0 to 23, to 0 to 24, and not both the same\n"
		    "[9].equals: a number cannot equal field \"flag\", which is a boolean\n"
		    "[9].below: compares numbers, but a number is given for field \"flag\", which is a boolean\n"
		    "[10].equals: \"1e999\" is not a number in the range of a double\n");
}

TEST(offsets_begin_at_the_beginning_and_rise)
{
	const struct utc_offset steps[] = {{5, 0}, {5, 90000000}};
	const struct condition_options options[] = {
	    {.has_hours = true, .hours_to = 3, .utc_offsets = steps, .utc_offset_count = 2},
	    {.field = "flag", .equals = boolean(true), .utc_offsets = steps, .utc_offset_count = 1},
	    {.field = "small", .in = (struct literal[]){number("1")}, .in_count = 0}};
	EXPECT_TEXT(refused(options, 3),
		    "[0].utc_offset: must begin with an offset that holds from the beginning: [null, \"+01:00\"]\n"
		    "[0].utc_offset[1]: begins at or before the one before it: order them by time\n"
		    "[0].utc_offset[1]: is an offset of a day or more\n"
		    "[1].utc_offset: stands without hours\n"
		    "[2].in: 0 values; 1 to 1024 are possible\n");
}

TEST(numbers_must_be_json_numbers)
{
	static const char *const bad[] = {"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1 ", "1e99999", "nan"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct condition_options options = {.field = "small", .equals = number(bad[i])};
		char wanted[128];
		(void)snprintf(wanted, sizeof wanted, "[0].equals: \"%s\" is not a number of at most 320 digits\n",
			       bad[i]);
		EXPECT_TEXT(refused(&options, 1), wanted);
	}
}

TEST(too_many_conditions_are_refused)
{
	static const struct condition_options options[CONDITIONS_MAX + 1];
	EXPECT_TEXT(refused(options, CONDITIONS_MAX + 1), ": 17 conditions; at most 16 are possible\n");
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(above_and_below_are_strict_and_decimal),
					CASE(numbers_beyond_any_value_bound_nothing_or_all),
					CASE(equals_and_not_compare_the_exact_value),
					CASE(strings_compare_as_bytes),
					CASE(a_long_list_is_searched),
					CASE(numbers_without_scale_compare_as_doubles),
					CASE(null_matches_nothing_not_even_not),
					CASE(all_keys_and_all_conditions_must_hold),
					CASE(hours_are_half_open_and_wrap),
					CASE(hours_follow_the_offset_that_holds_at_the_time),
					CASE(every_problem_is_reported_with_its_path),
					CASE(offsets_begin_at_the_beginning_and_rise),
					CASE(numbers_must_be_json_numbers),
					CASE(too_many_conditions_are_refused),
					{0}},
			argc, argv);
}
