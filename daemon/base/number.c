/* Doubles as text: the shortest digits by Schubfach (Giulietti, 2020), laid out as ECMAScript does. */
#include "number.h"

#include "number_power.h"

#include <assert.h>
#include <math.h>

#define DIGITS_MAX 17
#define FRACTION_BITS 52
#define EXPONENT_BIAS 1075 /* of the exponent of the fraction's last bit */

__extension__ typedef unsigned __int128 uint128;

/* digits * 10^exponent */
struct decimal {
	uint64_t digits;
	int exponent;
};

/*
 * power * factor / 2^128 with the last bit set where anything is cut off ("rounded to odd"), which keeps all
 * comparisons with even numbers right. The power is less than a unit too large, and that much goes unseen in the
 * lowest 64 bits; no product of a double comes so near to an integer without being one (proved in that paper).
 */
static uint64_t scaled(struct number_power power, uint64_t factor)
{
	uint64_t carry = (uint64_t)((uint128)power.low * factor >> 64);
	uint128 product = (uint128)power.high * factor + carry;
	return (uint64_t)(product >> 64) | ((uint64_t)product != 0);
}

/*
 * The shortest decimal in the interval that rounds to value = c * 2^q, and of those the nearest to it. With 10^k the
 * greatest power of ten not above the interval's width, the interval holds a multiple of 10^k, and at most one of
 * 10^(k+1). All is done in units of 10^k / 4, so that the middle between two multiples is an integer too.
 */
static struct decimal shortest(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);
	int biased = (int)(bits >> FRACTION_BITS);
	uint64_t c = biased == 0 ? fraction : fraction | (uint64_t)1 << FRACTION_BITS;
	int q = (biased == 0 ? 1 : biased) - EXPONENT_BIAS;

	/* Below a power of two the doubles are twice as dense: the interval has 3/4 of the width. */
	bool narrow = fraction == 0 && biased > 1;
	/* log10(2) and log10(3/4) in units of 2^-22, rounded down. */
	int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
	int shift = q + number_power_log2(-k) + 1;
	assert(shift >= 1 && shift <= 4);
	struct number_power power = number_power(-k);
	uint64_t middle = scaled(power, 4 * c << shift);
	uint64_t lower = scaled(power, (4 * c - (narrow ? 1 : 2)) << shift) + c % 2;
	uint64_t upper = scaled(power, (4 * c + 2) << shift) - c % 2;

	uint64_t below = middle / 4;
	uint64_t tens = below / 10;
	bool tens_below = lower <= 40 * tens, tens_above = 40 * tens + 40 <= upper;
	if (tens_below != tens_above)
		return (struct decimal){tens + tens_above, k + 1};
	bool fits_below = lower <= 4 * below, fits_above = 4 * below + 4 <= upper;
	if (fits_below != fits_above)
		return (struct decimal){below + fits_above, k};
	uint64_t half = 4 * below + 2;
	bool up = middle > half || (middle == half && below % 2 != 0);
	return (struct decimal){below + up, k};
}

static void strip_zeros(struct decimal *decimal)
{
	assert(decimal->digits != 0);
	static const struct {
		uint64_t power;
		int zeros;
	} steps[] = {{100000000, 8}, {10000, 4}, {100, 2}, {10, 1}, {10, 1}};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (decimal->digits % steps[i].power != 0)
			continue;
		decimal->digits /= steps[i].power;
		decimal->exponent += steps[i].zeros;
	}
}

/* Writes the decimal digits of a number below 10^20 to the end of the array; returns where they begin. */
static const char *write_digits(uint64_t number, char array[20])
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char *at = array + 20;
	for (; number >= 10; number /= 100)
		memcpy(at -= 2, pairs + 2 * (number % 100), 2);
	if (number > 0 || at == array + 20)
		*--at = (char)('0' + number);
	return at;
}

static char *put(char *out, const char *text, int length)
{
	memcpy(out, text, (size_t)length);
	return out + length;
}

static char *put_exponent(char *out, int exponent)
{
	*out++ = 'e';
	*out++ = exponent < 0 ? '-' : '+';
	int size = exponent < 0 ? -exponent : exponent;
	if (size >= 100)
		*out++ = (char)('0' + size / 100);
	if (size >= 10)
		*out++ = (char)('0' + size / 10 % 10);
	*out++ = (char)('0' + size % 10);
	return out;
}

/* Number::toString's cases; `before` digits stand before the point, where negative that many zeros behind it. */
static char *lay_out(char *out, const char *digits, int count, int before)
{
	static const char zeros[] = "000000000000000000000";
	if (before > 21 || before <= -6) {
		*out++ = digits[0];
		if (count > 1) {
			*out++ = '.';
			out = put(out, digits + 1, count - 1);
		}
		return put_exponent(out, before - 1);
	}
	if (before <= 0) {
		out = put(out, "0.", 2);
		out = put(out, zeros, -before);
		return put(out, digits, count);
	}
	if (count <= before) {
		out = put(out, digits, count);
		return put(out, zeros, before - count);
	}
	out = put(out, digits, before);
	*out++ = '.';
	return put(out, digits + before, count - before);
}

size_t number_format(double value, char text[NUMBER_TEXT_MAX])
{
	assert(isfinite(value));
	char *out = text;
	if (value < 0) {
		*out++ = '-';
		value = -value;
	}
	char array[20];
	if (value < 0x1p53 && value == (double)(uint64_t)value) {
		const char *digits = write_digits((uint64_t)value, array);
		out = put(out, digits, (int)(array + sizeof array - digits));
	} else {
		struct decimal decimal = shortest(value);
		strip_zeros(&decimal);
		const char *digits = write_digits(decimal.digits, array);
		int count = (int)(array + sizeof array - digits);
		assert(count <= DIGITS_MAX);
		out = lay_out(out, digits, count, count + decimal.exponent);
	}
	*out = '\0';
	return (size_t)(out - text);
}
