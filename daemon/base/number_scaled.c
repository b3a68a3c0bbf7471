/*
 * Decimal text, doubles and Avro decimals as integers in units of 10^-scale, and back: exact, rounded once, half to
 * even.
 */
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>

#define UNITS_MAX ((uint64_t)1 << 53)
#define SCALE_MAX 18 /* digits after the point that an int64 can show */
#define DOUBLE_SCALE_MAX 15
#define DOUBLE_DIGITS 53

__extension__ typedef unsigned __int128 uint128;

static const uint64_t ten_to[20] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
    10000000000000000000u,
};

static uint64_t magnitude_of(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static int store_units(uint64_t magnitude, bool negative, int64_t *units)
{
	if (magnitude > UNITS_MAX)
		return -1;
	*units = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return 0;
}

/* The quotient rounded half to even; dust: more than nothing lies below the remainder's last digit. */
static uint64_t round_quotient(uint64_t quotient, uint64_t remainder, uint64_t divisor, bool dust)
{
	assert(remainder < divisor && divisor % 2 == 0);
	uint64_t half = divisor / 2;
	bool tie = remainder == half && !dust;
	return quotient + (tie ? quotient % 2 : remainder >= half);
}

size_t number_format_scaled(int64_t units, int scale, char text[NUMBER_TEXT_MAX])
{
	assert(scale >= 0 && scale <= SCALE_MAX);
	uint64_t magnitude = magnitude_of(units);
	int places = scale;
	for (; places > 0 && magnitude % 10 == 0; places--)
		magnitude /= 10;

	char reversed[NUMBER_TEXT_MAX];
	size_t length = 0;
	for (int digit = 0; magnitude > 0 || digit <= places; digit++) {
		if (digit == places && places > 0)
			reversed[length++] = '.';
		reversed[length++] = (char)('0' + magnitude % 10);
		magnitude /= 10;
	}
	if (units < 0)
		reversed[length++] = '-';
	for (size_t i = 0; i < length; i++)
		text[i] = reversed[length - 1 - i];
	text[length] = '\0';
	return length;
}

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Appends a decimal digit; once over the limit the magnitude stays over it. */
static uint64_t push_digit(uint64_t magnitude, char digit)
{
	return magnitude > UNITS_MAX ? magnitude : magnitude * 10 + (uint64_t)(digit - '0');
}

int number_parse_scaled(struct slice text, int scale, int64_t *units)
{
	assert(scale >= 0 && scale <= SCALE_MAX);
	if (text.length == 0)
		return -1;
	const char *at = text.data, *end = at + text.length;
	bool negative = *at == '-';
	at += negative;
	if (at == end || !is_digit(*at))
		return -1;
	uint64_t magnitude = 0, next = 0; /* next: the first digit cut off */
	bool dust = false;
	for (; at != end && is_digit(*at); at++)
		magnitude = push_digit(magnitude, *at);
	int places = 0;
	if (at != end) {
		if (*at++ != '.' || at == end)
			return -1;
		for (; at != end && is_digit(*at); at++) {
			if (places < scale)
				magnitude = push_digit(magnitude, *at);
			else if (places == scale)
				next = (uint64_t)(*at - '0');
			else
				dust |= *at != '0';
			places += places <= scale;
		}
		if (at != end)
			return -1;
	}
	for (; places < scale; places++)
		magnitude = push_digit(magnitude, '0');
	return store_units(round_quotient(magnitude, next, 10, dust), negative, units);
}

/*
 * Where the rounded product is plainly nearest it is the answer: below 2^40 its own error is at most 2^-13, so that a
 * distance below 0.499 to an integer cannot hide a tie or another side of it. True for nearly every amount.
 */
static bool scale_plainly(double value, int scale, int64_t *units)
{
	static const double power[DOUBLE_SCALE_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
							   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	double product = value * power[scale];
	if (!(fabs(product) < 0x1p40))
		return false;
	double nearest = product + 0x1.8p52 - 0x1.8p52; /* rounds to an integer without a call */
	if (fabs(product - nearest) > 0.499)
		return false;
	*units = (int64_t)nearest;
	return true;
}

int number_scale_double(double value, int scale, int64_t *units)
{
	assert(scale >= 0 && scale <= DOUBLE_SCALE_MAX);
	if (scale_plainly(value, scale, units))
		return 0;
	if (!isfinite(value) || fabs(value) > (double)UNITS_MAX)
		return -1;

	/* abs(value) = digits * 2^exponent, exactly; digits * 10^scale is below 2^103. */
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	int biased = (int)(bits >> 52 & 0x7ff);
	uint64_t digits = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)(biased > 0) << 52;
	int exponent = (biased > 0 ? biased : 1) - 1075;
	uint128 product = (uint128)digits * ten_to[scale];
	if (exponent >= 0)
		product <<= exponent; /* at most 1, by the check above */
	else if (exponent < -120)
		product = 0; /* below half a unit */
	else {
		uint128 half = (uint128)1 << (-exponent - 1), rest = product & (2 * half - 1);
		product >>= -exponent;
		product += rest == half ? product & 1 : rest > half;
	}
	return product > UNITS_MAX ? -1 : store_units((uint64_t)product, value < 0, units);
}

int number_rescale(int64_t value, int from, int to, int64_t *units)
{
	assert(from >= 0 && to >= 0);
	uint64_t magnitude = magnitude_of(value);
	int digits = to < from ? from - to : to - from;
	if (magnitude == 0 || digits == 0)
		return store_units(magnitude, value < 0, units);
	if (to < from) {
		if (digits > 19)
			return store_units(0, false, units); /* 2^63 is less than half of 10^20 */
		uint64_t divisor = ten_to[digits];
		magnitude = round_quotient(magnitude / divisor, magnitude % divisor, divisor, false);
	} else if (digits > 19 || __builtin_mul_overflow(magnitude, ten_to[digits], &magnitude))
		return -1;
	return store_units(magnitude, value < 0, units);
}

/*
 * Avro decimals of any length: the magnitude in 32-bit limbs, least first, divided by powers of ten. DECIMAL_LIMBS hold
 * every magnitude that DECIMAL_DIGITS digits less may bring to 2^53; what is longer is certainly beyond.
 */
#define DECIMAL_DIGITS 300
#define DECIMAL_LIMBS 34
_Static_assert(DECIMAL_LIMBS * 32 > DOUBLE_DIGITS + DECIMAL_DIGITS * 10 / 3 + 1, "a quotient below 2^53 must fit");

/* False where it does not fit. */
static bool load_magnitude(struct slice big_endian, uint32_t limbs[DECIMAL_LIMBS], bool *negative)
{
	const uint8_t *bytes = big_endian.data;
	size_t length = big_endian.length;
	*negative = length > 0 && bytes[0] >= 0x80;
	uint8_t flip = *negative ? 0xff : 0;
	memset(limbs, 0, DECIMAL_LIMBS * sizeof *limbs);
	while (length > 0 && *bytes == flip) {
		bytes++;
		length--;
	}
	if (length >= DECIMAL_LIMBS * sizeof *limbs)
		return false;
	for (size_t i = 0; i < length; i++)
		limbs[i / 4] |= (uint32_t)(bytes[length - 1 - i] ^ flip) << 8 * (i % 4);
	for (size_t i = 0; *negative && i < DECIMAL_LIMBS; i++)
		if (++limbs[i] != 0)
			break;
	return true;
}

static uint32_t divide(uint32_t limbs[DECIMAL_LIMBS], uint32_t divisor)
{
	uint64_t rest = 0;
	for (size_t i = DECIMAL_LIMBS; i-- > 0;) {
		rest = rest << 32 | limbs[i];
		limbs[i] = (uint32_t)(rest / divisor);
		rest %= divisor;
	}
	return (uint32_t)rest;
}

int number_scale_decimal(struct slice big_endian, int from, int to, int64_t *units)
{
	assert(from >= 0 && to >= 0);
	assert(big_endian.data != NULL || big_endian.length == 0);
	uint32_t limbs[DECIMAL_LIMBS];
	bool negative, dust = false;
	if (!load_magnitude(big_endian, limbs, &negative))
		return -1;
	uint32_t remainder = 0, divisor = 10;
	int digits = from - to;
	if (digits > DECIMAL_DIGITS)
		return -1;
	while (digits > 0) {
		int step = digits < 9 ? digits : 9;
		dust |= remainder != 0;
		divisor = (uint32_t)ten_to[step];
		remainder = divide(limbs, divisor);
		digits -= step;
	}
	for (size_t i = 2; i < DECIMAL_LIMBS; i++)
		if (limbs[i] != 0)
			return -1;
	uint64_t magnitude = (uint64_t)limbs[1] << 32 | limbs[0];
	if (magnitude > UNITS_MAX)
		return -1;
	magnitude = round_quotient(magnitude, remainder, divisor, dust);
	int64_t value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return number_rescale(value, from < to ? from : to, to, units);
}
