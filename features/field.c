#include "features/field.h"

#include "number.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#define DECIMAL_BYTES_MAX 32 /* of an Avro decimal read without scale: 256 bits are 78 digits */
#define DECIMAL_TEXT_MAX 96  /* its digits, sign, exponent and terminator */

static const double power_of_ten[FIELD_SCALE_MAX + 1] = {1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
							 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

enum value_kind field_kind(const struct field *field)
{
	switch (field->type) {
	case FIELD_STRING:
		return VALUE_TEXT;
	case FIELD_BOOLEAN:
		return VALUE_UNITS;
	case FIELD_MONEY:
		assert(field->scale != FIELD_SCALE_NONE);
		return VALUE_UNITS;
	case FIELD_NUMBER:
		break;
	}
	assert(field->scale >= FIELD_SCALE_NONE && field->scale <= FIELD_SCALE_MAX);
	return field->scale == FIELD_SCALE_NONE ? VALUE_DOUBLE : VALUE_UNITS;
}

int field_find(const struct field *fields, size_t count, const char *name)
{
	assert(count <= INT_MAX);
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

void field_list(const struct field *fields, size_t count, char *text, size_t size)
{
	static const char rest[] = ", …";
	size_t length = 0;
	assert(size > sizeof rest);
	(void)snprintf(text, size, "none");
	for (size_t i = 0; i < count; i++) {
		size_t room = size - length - sizeof rest;
		int wanted = snprintf(text + length, room, "%s%s", i == 0 ? "" : ", ", fields[i].name);
		if (wanted < 0 || (size_t)wanted >= room) {
			memcpy(text + length, i == 0 ? "…" : rest, sizeof rest - (i == 0 ? 2 : 0));
			return;
		}
		length += (size_t)wanted;
	}
}

/* What the field takes, for messages. */
static const char *wanted(const struct field *field)
{
	switch (field->type) {
	case FIELD_STRING:
		return "a string";
	case FIELD_BOOLEAN:
		return "a boolean";
	case FIELD_MONEY:
	case FIELD_NUMBER:
		break;
	}
	return "a number";
}

static int refuse(const struct field *field, const char *found, struct err *err)
{
	return err_set(err, ERR_DATA, "expected %s, found %s", wanted(field), found);
}

static int too_large(const struct field *field, const char *found, struct err *err)
{
	return err_set(err, ERR_DATA, "%s of more than 2^53 units of 10^-%d", found, field->scale);
}

static bool takes_numbers(const struct field *field)
{
	return field->type == FIELD_MONEY || field->type == FIELD_NUMBER;
}

static void set_units(struct value *value, int64_t units)
{
	value->present = true;
	value->units = units;
}

/* -0 becomes 0: both are one number, and the state's null needs its bits. */
static void set_number(struct value *value, double number)
{
	assert(isfinite(number));
	value->present = true;
	value->number = number == 0 ? 0.0 : number;
}

int field_from_integer(const struct field *field, int64_t source, struct value *value, struct err *err)
{
	if (!takes_numbers(field))
		return refuse(field, "an integer", err);
	if (field_kind(field) == VALUE_DOUBLE) {
		set_number(value, (double)source);
		return 0;
	}
	int64_t units;
	if (number_rescale(source, field->minor ? field->scale : 0, field->scale, &units) != 0)
		return too_large(field, "an integer", err);
	set_units(value, units);
	return 0;
}

int field_from_double(const struct field *field, double source, struct value *value, struct err *err)
{
	if (!takes_numbers(field))
		return refuse(field, "a floating-point number", err);
	if (!isfinite(source))
		return refuse(field, isnan(source) ? "NaN" : "an infinity", err);
	if (field_kind(field) == VALUE_DOUBLE) {
		set_number(value, source);
		return 0;
	}
	int64_t units;
	if (number_scale_double(source, field->scale, &units) != 0)
		return too_large(field, "a floating-point number", err);
	set_units(value, units);
	return 0;
}

static int boolean_from_text(const struct field *field, struct slice source, struct value *value, struct err *err)
{
	bool is_true = slice_equal(source, slice_of("true"));
	if (!is_true && !slice_equal(source, slice_of("false")))
		return refuse(field, "text other than true and false", err);
	set_units(value, is_true);
	return 0;
}

static int units_from_text(const struct field *field, struct slice source, struct value *value, struct err *err)
{
	int64_t units;
	bool integer = memchr(source.length == 0 ? "" : source.data, '.', source.length) == NULL;
	if (number_parse_scaled(source, integer && field->minor ? 0 : field->scale, &units) != 0)
		return err_set(err, ERR_DATA,
			       "expected a decimal number of at most 2^53 units of 10^-%d, found other text",
			       field->scale);
	set_units(value, units);
	return 0;
}

int field_from_text(const struct field *field, struct slice source, struct value *value, struct err *err)
{
	if (source.length > FIELD_TEXT_MAX)
		return err_set(err, ERR_DATA, "text of more than %d bytes", FIELD_TEXT_MAX);
	if (field->type == FIELD_BOOLEAN)
		return boolean_from_text(field, source, value, err);
	double number;
	switch (field_kind(field)) {
	case VALUE_TEXT:
		value->present = true;
		value->text = source;
		return 0;
	case VALUE_UNITS:
		return units_from_text(field, source, value, err);
	case VALUE_DOUBLE:
		break;
	}
	if (number_parse(source, &number) != 0 || !isfinite(number))
		return refuse(field, "other text", err);
	set_number(value, number);
	return 0;
}

/* Writes the magnitude's decimal digits by repeated division by ten; the bytes are used up. */
static size_t decimal_digits(uint8_t *magnitude, size_t length, char *text)
{
	char reversed[DECIMAL_TEXT_MAX];
	size_t count = 0;
	bool more = true;
	while (more) {
		unsigned remainder = 0;
		more = false;
		for (size_t i = 0; i < length; i++) {
			unsigned part = remainder << 8 | magnitude[i];
			magnitude[i] = (uint8_t)(part / 10);
			remainder = part % 10;
			more |= magnitude[i] != 0;
		}
		assert(count < sizeof reversed);
		reversed[count++] = (char)('0' + remainder);
	}
	for (size_t i = 0; i < count; i++)
		text[i] = reversed[count - 1 - i];
	return count;
}

/* The nearest double, by way of the exact decimal text: one rounding. */
static int double_from_decimal(const struct field *field, struct slice unscaled, int scale, struct value *value,
			       struct err *err)
{
	const uint8_t *bytes = unscaled.data;
	uint8_t magnitude[DECIMAL_BYTES_MAX];
	if (unscaled.length == 0 || unscaled.length > sizeof magnitude)
		return err_set(err, ERR_DATA, "a decimal of %zu bytes, not 1 to %d", unscaled.length,
			       DECIMAL_BYTES_MAX);
	bool negative = (bytes[0] & 0x80) != 0;
	unsigned carry = negative;
	for (size_t i = unscaled.length; i-- > 0;) {
		unsigned byte = (negative ? (uint8_t)~bytes[i] : bytes[i]) + carry;
		magnitude[i] = (uint8_t)byte;
		carry = byte >> 8;
	}
	char text[DECIMAL_TEXT_MAX + 16];
	size_t length = 0;
	if (negative)
		text[length++] = '-';
	length += decimal_digits(magnitude, unscaled.length, text + length);
	length += (size_t)snprintf(text + length, sizeof text - length, "e%lld", -(long long)scale);
	double number;
	if (number_parse((struct slice){text, length}, &number) != 0 || !isfinite(number))
		return refuse(field, "a decimal beyond the range of a double", err);
	set_number(value, number);
	return 0;
}

int field_from_decimal(const struct field *field, struct slice unscaled, int scale, struct value *value,
		       struct err *err)
{
	if (!takes_numbers(field))
		return refuse(field, "a decimal", err);
	if (field_kind(field) == VALUE_DOUBLE)
		return double_from_decimal(field, unscaled, scale, value, err);
	int64_t units;
	if (number_scale_decimal(unscaled, scale, field->scale, &units) != 0)
		return too_large(field, "a decimal", err);
	set_units(value, units);
	return 0;
}

int field_from_boolean(const struct field *field, bool source, struct value *value, struct err *err)
{
	if (field->type != FIELD_BOOLEAN)
		return refuse(field, "a boolean", err);
	set_units(value, source);
	return 0;
}

double field_major(const struct field *field, const struct value *value)
{
	if (!value->present)
		return NAN;
	switch (field_kind(field)) {
	case VALUE_TEXT:
		return NAN;
	case VALUE_DOUBLE:
		return value->number;
	case VALUE_UNITS:
		break;
	}
	return field->type == FIELD_BOOLEAN ? (double)value->units : (double)value->units / power_of_ten[field->scale];
}
