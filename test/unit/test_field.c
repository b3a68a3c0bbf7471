#include "features/field.h"
#include "test/unit/test.h"

static const struct field money = {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2};
static const struct field minor = {.name = "cents", .path = "cents", .type = FIELD_MONEY, .scale = 2, .minor = true};
static const struct field real = {.name = "real", .path = "real", .type = FIELD_NUMBER, .scale = FIELD_SCALE_NONE};
static const struct field degrees = {.name = "lat", .path = "lat", .type = FIELD_NUMBER, .scale = 5};
static const struct field string = {.name = "shop", .path = "shop", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE};
static const struct field boolean = {.name = "flag", .path = "flag", .type = FIELD_BOOLEAN, .scale = FIELD_SCALE_NONE};

/* What converting gave: the message, or "units N", "number N", "text T". */
static char shown[1200];

static const char *show(const struct field *field, int status, const struct value *value, const struct err *err)
{
	if (status != 0) {
		EXPECT_INT(err->code, ERR_DATA);
		(void)snprintf(shown, sizeof shown, "%s", err->message);
	} else if (!value->present) {
		(void)snprintf(shown, sizeof shown, "null");
	} else if (field_kind(field) == VALUE_UNITS) {
		(void)snprintf(shown, sizeof shown, "units %lld", (long long)value->units);
	} else if (field_kind(field) == VALUE_DOUBLE) {
		(void)snprintf(shown, sizeof shown, "number %.17g%s", value->number,
			       value->number == 0 && signbit(value->number) ? " below" : "");
	} else {
		(void)snprintf(shown, sizeof shown, "text %.*s", (int)value->text.length,
			       (const char *)value->text.data);
	}
	return shown;
}

static const char *integer(const struct field *field, int64_t source)
{
	struct value value = {0};
	struct err err = {.code = ERR_NONE};
	int status = field_from_integer(field, source, &value, &err);
	return show(field, status, &value, &err);
}

static const char *floating(const struct field *field, double source)
{
	struct value value = {0};
	struct err err = {.code = ERR_NONE};
	int status = field_from_double(field, source, &value, &err);
	return show(field, status, &value, &err);
}

static const char *text(const struct field *field, const char *source)
{
	struct value value = {0};
	struct err err = {.code = ERR_NONE};
	int status = field_from_text(field, slice_of(source), &value, &err);
	return show(field, status, &value, &err);
}

static const char *decimal(const struct field *field, const char *bytes, size_t length, int scale)
{
	struct value value = {0};
	struct err err = {.code = ERR_NONE};
	int status = field_from_decimal(field, (struct slice){bytes, length}, scale, &value, &err);
	return show(field, status, &value, &err);
}

TEST(integers_are_major_units_unless_the_field_says_minor)
{
	EXPECT_TEXT(integer(&money, 12), "units 1200");
	EXPECT_TEXT(integer(&minor, 12), "units 12");
	EXPECT_TEXT(integer(&minor, -12), "units -12");
	EXPECT_TEXT(integer(&real, -7), "number -7");
	EXPECT_TEXT(text(&minor, "1250"), "units 1250");
	EXPECT_TEXT(text(&minor, "12.5"), "units 1250");
	EXPECT_TEXT(text(&money, "1250"), "units 125000");
	EXPECT_TEXT(floating(&minor, 12.5), "units 1250");
}

TEST(a_value_of_more_than_2_to_the_53_units_is_refused)
{
	EXPECT_TEXT(integer(&minor, INT64_C(1) << 53), "units 9007199254740992");
	EXPECT_TEXT(integer(&minor, (INT64_C(1) << 53) + 1), "an integer of more than 2^53 units of 10^-2");
	EXPECT_TEXT(integer(&money, INT64_MAX), "an integer of more than 2^53 units of 10^-2");
	EXPECT_TEXT(floating(&money, 1e300), "a floating-point number of more than 2^53 units of 10^-2");
	EXPECT_TEXT(text(&money, "90071992547409.93"),
		    "expected a decimal number of at most 2^53 units of 10^-2, found other text");
}

TEST(rounding_is_half_to_even_of_the_exact_value)
{
	EXPECT_TEXT(floating(&money, 0.125), "units 12");
	EXPECT_TEXT(floating(&money, 0.375), "units 38");
	EXPECT_TEXT(floating(&money, 1.005), "units 100"); /* the double lies below 1.005 */
	EXPECT_TEXT(text(&money, "1.005"), "units 100");
	EXPECT_TEXT(text(&money, "1.015"), "units 102");
	EXPECT_TEXT(floating(&degrees, -48.137154321), "units -4813715");
}

TEST(nan_and_infinities_are_refused)
{
	EXPECT_TEXT(floating(&money, NAN), "expected a number, found NaN");
	EXPECT_TEXT(floating(&real, INFINITY), "expected a number, found an infinity");
	EXPECT_TEXT(text(&real, "NaN"), "expected a number, found other text");
	EXPECT_TEXT(text(&real, "1e999"), "expected a number, found other text");
}

TEST(minus_zero_becomes_zero)
{
	EXPECT_TEXT(floating(&real, -0.0), "number 0");
	EXPECT_TEXT(text(&real, "-0"), "number 0");
	EXPECT_TEXT(floating(&money, -0.0), "units 0");
	EXPECT_TEXT(decimal(&real, "\0", 1, 3), "number 0");
}

TEST(text_that_is_no_number_is_refused)
{
	EXPECT_TEXT(text(&money, "1e3"), "expected a decimal number of at most 2^53 units of 10^-2, found other text");
	EXPECT_TEXT(text(&money, ""), "expected a decimal number of at most 2^53 units of 10^-2, found other text");
	EXPECT_TEXT(text(&money, "1,5"), "expected a decimal number of at most 2^53 units of 10^-2, found other text");
	EXPECT_TEXT(text(&real, "+1"), "expected a number, found other text");
	EXPECT_TEXT(text(&real, "1e3"), "number 1000");
}

TEST(decimals_keep_their_exact_value)
{
	EXPECT_TEXT(decimal(&money, "\x04\xd2", 2, 2), "units 1234");
	EXPECT_TEXT(decimal(&money, "\xfb\x2e", 2, 2), "units -1234");
	EXPECT_TEXT(decimal(&money, "\x04\xd2", 2, 3), "units 123");
	EXPECT_TEXT(decimal(&real, "\x04\xd2", 2, 3), "number 1.234");
	EXPECT_TEXT(decimal(&real, "\xfb\x2e", 2, 3), "number -1.234");
	EXPECT_TEXT(decimal(&real, "\x80", 1, 0), "number -128");
	EXPECT_TEXT(decimal(&real, "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10, 0), "number 6.0446290980731459e+23");
	EXPECT_TEXT(decimal(&real, "", 0, 0), "a decimal of 0 bytes, not 1 to 32");
	EXPECT_TEXT(decimal(&money, "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10, 0),
		    "a decimal of more than 2^53 units of 10^-2");
}

TEST(each_type_takes_only_its_own)
{
	struct value value;
	struct err err = {.code = ERR_NONE};
	EXPECT_TEXT(integer(&string, 1), "expected a string, found an integer");
	EXPECT_TEXT(floating(&string, 1), "expected a string, found a floating-point number");
	EXPECT_TEXT(decimal(&string, "1", 1, 0), "expected a string, found a decimal");
	EXPECT_TEXT(integer(&boolean, 1), "expected a boolean, found an integer");
	EXPECT_TEXT(text(&boolean, "true"), "units 1");
	EXPECT_TEXT(text(&boolean, "false"), "units 0");
	EXPECT_TEXT(text(&boolean, "1"), "expected a boolean, found text other than true and false");
	EXPECT_TEXT(text(&string, ""), "text ");
	EXPECT(field_from_boolean(&boolean, true, &value, &err) == 0 && value.units == 1);
	EXPECT(field_from_boolean(&money, true, &value, &err) != 0);
	EXPECT_TEXT(err.message, "expected a number, found a boolean");
}

TEST(a_string_of_more_than_65536_bytes_is_refused)
{
	char *long_text = malloc(FIELD_TEXT_MAX + 2);
	memset(long_text, 'x', FIELD_TEXT_MAX + 1);
	long_text[FIELD_TEXT_MAX + 1] = '\0';
	EXPECT_TEXT(text(&string, long_text), "text of more than 65536 bytes");
	long_text[FIELD_TEXT_MAX] = '\0';
	EXPECT(strncmp(text(&string, long_text), "text xxx", 8) == 0);
	free(long_text);
}

TEST(major_units_are_the_nearest_double)
{
	struct value value = {.present = true, .units = 1234567};
	EXPECT(field_major(&money, &value) == 12345.67);
	EXPECT(field_major(&degrees, &value) == 12.34567);
	value.units = 1;
	EXPECT(field_major(&boolean, &value) == 1);
	EXPECT(isnan(field_major(&string, &value)));
	value.present = false;
	EXPECT(isnan(field_major(&money, &value)));
}

TEST(a_list_of_names_that_is_too_long_says_so)
{
	const struct field fields[] = {money, real, string};
	char names[32];
	field_list(fields, 3, names, sizeof names);
	EXPECT_TEXT(names, "amount, real, shop");
	field_list(fields, 3, names, 18);
	EXPECT_TEXT(names, "amount, …");
	field_list(fields, 0, names, sizeof names);
	EXPECT_TEXT(names, "none");
	EXPECT_INT(field_find(fields, 3, "shop"), 2);
	EXPECT_INT(field_find(fields, 3, "shops"), -1);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(integers_are_major_units_unless_the_field_says_minor),
					CASE(a_value_of_more_than_2_to_the_53_units_is_refused),
					CASE(rounding_is_half_to_even_of_the_exact_value),
					CASE(nan_and_infinities_are_refused),
					CASE(minus_zero_becomes_zero),
					CASE(text_that_is_no_number_is_refused),
					CASE(decimals_keep_their_exact_value),
					CASE(each_type_takes_only_its_own),
					CASE(a_string_of_more_than_65536_bytes_is_refused),
					CASE(major_units_are_the_nearest_double),
					CASE(a_list_of_names_that_is_too_long_says_so),
					{0}},
			argc, argv);
}
