/* Text as doubles and integers. The program never sets a locale, so strtod() reads a point. */
#include "number.h"

#include "number_power.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WORD_DIGITS 19         /* any so many digits fit in 64 bits */
#define DIGITS_THAT_MATTER 800 /* the digits of a middle between two doubles end before, at 767 */
#define EXPONENT_LIMIT 100000  /* beyond it everything is zero or infinite */
#define EXACT_INTEGER ((uint64_t)1 << 53)
#define EXPONENT_BIAS 1075 /* of the exponent of the last of 53 bits */
#define EXACT_POWER 22     /* 10^22 is the last power of ten that is a double */

__extension__ typedef unsigned __int128 uint128;

/* A number's text, taken apart: abs(value) = digits * 10^exponent, plus less than a unit of digits where cut. */
struct parts {
	uint64_t digits; /* the first significant ones, at most WORD_DIGITS */
	int count;       /* how many */
	int64_t exponent;
	bool cut;
	bool negative;
};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Takes a run of digits; false: there is none. */
static bool scan_digits(const char **at, const char *end, bool fraction, struct parts *parts)
{
	const char *start = *at;
	for (; *at != end && is_digit(**at); (*at)++) {
		if (parts->count < WORD_DIGITS) {
			parts->digits = parts->digits * 10 + (uint64_t)(**at - '0');
			parts->count += parts->digits != 0;
			parts->exponent -= fraction;
		} else {
			parts->cut |= **at != '0';
			parts->exponent += !fraction;
		}
	}
	return *at != start;
}

/* Takes "e", a sign and digits, where they stand; false: an "e" without digits. */
static bool scan_exponent(const char **at, const char *end, struct parts *parts)
{
	if (*at == end || (**at != 'e' && **at != 'E'))
		return true;
	(*at)++;
	bool negative = *at != end && **at == '-';
	*at += *at != end && (**at == '-' || **at == '+');
	const char *start = *at;
	int64_t exponent = 0;
	for (; *at != end && is_digit(**at); (*at)++)
		if (exponent < INT64_MAX / 100)
			exponent = exponent * 10 + (**at - '0');
	parts->exponent += negative ? -exponent : exponent;
	return *at != start;
}

/* JSON's grammar (RFC 8259, section 6). */
static int scan(struct slice text, struct parts *parts)
{
	*parts = (struct parts){0};
	if (text.length == 0)
		return -1;
	const char *at = text.data, *end = at + text.length;
	parts->negative = *at == '-';
	at += parts->negative;
	const char *integer = at;
	if (!scan_digits(&at, end, false, parts) || (*integer == '0' && at - integer > 1))
		return -1;
	if (at != end && *at == '.') {
		at++;
		if (!scan_digits(&at, end, true, parts))
			return -1;
	}
	return scan_exponent(&at, end, parts) && at == end ? 0 : -1;
}

/* One correctly rounded operation on two exact doubles (Clinger, 1990). */
static bool exact_operands(const struct parts *parts, double *value)
{
	static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
						       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
						       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	if (parts->digits > EXACT_INTEGER || parts->exponent < -EXACT_POWER || parts->exponent > EXACT_POWER)
		return false;
	double digits = (double)parts->digits;
	*value = parts->exponent < 0 ? digits / powers[-parts->exponent] : digits * powers[parts->exponent];
	return true;
}

/*
 * The product of the digits and a power of ten in 128 bits, after Lemire (2021). The power is rounded up, so the true
 * product lies at most two units below the 128 bits that are looked at. Where that could decide the rounding, and near
 * the ends of the range, this gives up.
 */
static bool wide_product(const struct parts *parts, double *value)
{
	if (parts->exponent < NUMBER_POWER_MIN || parts->exponent > NUMBER_POWER_MAX)
		return false;
	struct number_power power = number_power((int)parts->exponent);
	int shift = __builtin_clzll(parts->digits);
	uint64_t digits = parts->digits << shift;
	uint128 product = (uint128)power.high * digits + (uint64_t)((uint128)power.low * digits >> 64);

	/* product * 2^scale; its highest bit is the last or the last but one. */
	int scale = number_power_log2((int)parts->exponent) - 63 - shift;
	int extra = 128 - 53 - (product >> 127 == 0);
	uint128 half = (uint128)1 << (extra - 1), rest = product & (2 * half - 1);
	if (rest - half <= 2)
		return false;
	uint64_t kept = (uint64_t)(product >> extra) + (rest > half);
	int biased = scale + extra + EXPONENT_BIAS;
	if (biased < 1 || biased > EXPONENT_BIAS + 970)
		return false;

	/* Added, not put together: 2^53 after rounding goes up to the next exponent by itself. */
	uint64_t bits = ((uint64_t)biased << 52) + (kept - ((uint64_t)1 << 52));
	memcpy(value, &bits, sizeof bits);
	return true;
}

/* Any number: its significant digits, as far as they matter, for strtod(). */
static double by_library(struct slice text, const struct parts *parts)
{
	char copy[DIGITS_THAT_MATTER + 32];
	size_t length = 0;
	bool dust = false;
	const char *at = text.data, *end = at + text.length;
	for (; at != end && *at != 'e' && *at != 'E'; at++) {
		if (!is_digit(*at) || (length == 0 && *at == '0'))
			continue;
		if (length < DIGITS_THAT_MATTER)
			copy[length++] = *at;
		else
			dust |= *at != '0';
	}
	if (length == 0)
		return 0;
	int64_t exponent = parts->exponent + parts->count - (int64_t)length;
	if (dust) {
		copy[length++] = '1';
		exponent--;
	}
	if (exponent > EXPONENT_LIMIT)
		exponent = EXPONENT_LIMIT;
	if (exponent < -EXPONENT_LIMIT)
		exponent = -EXPONENT_LIMIT;
	(void)snprintf(copy + length, sizeof copy - length, "e%d", (int)exponent);
	return strtod(copy, NULL);
}

int number_parse(struct slice text, double *value)
{
	struct parts parts;
	if (scan(text, &parts) != 0)
		return -1;
	double size;
	bool quick =
	    !parts.cut && (exact_operands(&parts, &size) || (parts.digits != 0 && wide_product(&parts, &size)));
	if (!quick)
		size = by_library(text, &parts);
	if (!isfinite(size))
		return -1;
	*value = parts.negative ? -size : size;
	return 0;
}

int number_parse_integer(struct slice text, int64_t *value)
{
	if (text.length == 0)
		return -1;
	const char *at = text.data, *end = at + text.length;
	bool negative = *at == '-';
	at += negative;
	if (at == end)
		return -1;
	uint64_t limit = (uint64_t)INT64_MAX + negative, size = 0;
	for (; at != end; at++) {
		if (!is_digit(*at))
			return -1;
		uint64_t digit = (uint64_t)(*at - '0');
		if (size > (limit - digit) / 10)
			return -1;
		size = size * 10 + digit;
	}
	*value = negative ? (int64_t)(0 - size) : (int64_t)size;
	return 0;
}
