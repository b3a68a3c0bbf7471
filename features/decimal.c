#include "features/decimal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define EXPONENT_MAX 9999
#define FLOOR_DIGITS_MAX 18 /* decimal digits that fit in 62 bits */
#define FLOOR_LIMIT (INT64_C(1) << 62)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes a run of digits; leading zeros only move the point. false: too many, or none. */
static bool take_digits(const char **at, struct decimal *decimal, int point)
{
	if (!is_digit(**at))
		return false;
	for (; is_digit(**at); (*at)++) {
		if (decimal->count == 0 && **at == '0') {
			decimal->exponent -= !point;
			continue;
		}
		if (decimal->count == DECIMAL_DIGITS_MAX)
			return false;
		decimal->digits[decimal->count++] = **at;
		decimal->exponent += point;
	}
	return true;
}

static bool take_exponent(const char **at, struct decimal *decimal)
{
	if (**at != 'e' && **at != 'E')
		return true;
	(*at)++;
	bool negative = **at == '-';
	if (**at == '-' || **at == '+')
		(*at)++;
	if (!is_digit(**at))
		return false;
	int exponent = 0;
	for (; is_digit(**at); (*at)++) {
		exponent = exponent * 10 + (**at - '0');
		if (exponent > EXPONENT_MAX)
			return false;
	}
	decimal->exponent += negative ? -exponent : exponent;
	return true;
}

int decimal_parse(const char *text, struct decimal *decimal)
{
	assert(text != NULL);
	const char *at = text;
	*decimal = (struct decimal){.negative = *at == '-'};
	at += decimal->negative;
	if (at[0] == '0' && is_digit(at[1]))
		return -1;
	if (!take_digits(&at, decimal, 1))
		return -1;
	if (*at == '.') {
		at++;
		if (!take_digits(&at, decimal, 0))
			return -1;
	}
	if (!take_exponent(&at, decimal) || *at != '\0')
		return -1;
	while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
	if (decimal->count == 0)
		*decimal = (struct decimal){0};
	return 0;
}

int64_t decimal_floor(const struct decimal *decimal, int scale, bool *exact)
{
	int whole = decimal->exponent + scale; /* digits before the point of value * 10^scale */
	if (decimal->count > 0 && whole > FLOOR_DIGITS_MAX) {
		*exact = false;
		return decimal->negative ? -FLOOR_LIMIT : FLOOR_LIMIT;
	}
	int64_t magnitude = 0;
	for (int i = 0; i < whole; i++)
		magnitude = magnitude * 10 + (i < decimal->count ? decimal->digits[i] - '0' : 0);
	*exact = decimal->count <= (whole > 0 ? whole : 0);
	assert(magnitude >= 0 && magnitude <= FLOOR_LIMIT);
	return decimal->negative ? -magnitude - !*exact : magnitude;
}

size_t decimal_text(const struct decimal *decimal, char text[DECIMAL_TEXT_MAX])
{
	int length = decimal->count == 0
			 ? snprintf(text, DECIMAL_TEXT_MAX, "0")
			 : snprintf(text, DECIMAL_TEXT_MAX, "%s%.*se%d", decimal->negative ? "-" : "", decimal->count,
				    decimal->digits, decimal->exponent - decimal->count);
	assert(length > 0 && length < DECIMAL_TEXT_MAX);
	return (size_t)length;
}
