/* sin, cos and asin; elementary.c has the rest. */
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

#define TWO_OVER_PI 0x1.45f306dc9c883p-1
#define HALF_PI_HIGH 0x1.921fb54442d18p+0
#define HALF_PI_LOW 0x1.1a62633145c07p-54

/* Below this, x is the double nearest to sin x and asin x. */
#define TINY 0x1p-27

/* A number as the sum of two doubles, the second below half a last digit of the first. */
struct pair {
	double high, low;
};

/* a + b without error. */
static inline struct pair sum_of(double a, double b)
{
	double high = a + b, b_part = high - a;
	return (struct pair){high, (a - (high - b_part)) + (b - b_part)};
}

/* a * b without error, short of underflow: both are cut into halves of at most 26 digits. */
static inline struct pair product_of(double a, double b)
{
	const double cutter = 0x1p27 + 1;
	double a_cut = cutter * a, a_high = a_cut - (a_cut - a), a_low = a - a_high;
	double b_cut = cutter * b, b_high = b_cut - (b_cut - b), b_low = b - b_high;
	double high = a * b;
	return (struct pair){high, ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

/*
 * x - n * pi/2 for the nearest n, of which *quadrant gets the last two bits. pi/2 in three parts of 33 bits and a
 * rest: n < 2^17 times each of the three is exact. No double up to FEW_TURNS is nearer to a multiple than 2^-61, and
 * all parts together reach to 2^-156.
 */
#define FEW_TURNS 0x1p17

static struct pair reduce_few_turns(double x, unsigned *quadrant)
{
	const double rounder = 0x1.8p52;
	double rounded = x * TWO_OVER_PI + rounder, n = rounded - rounder;
	uint64_t bits;
	memcpy(&bits, &rounded, sizeof bits);
	*quadrant = bits & 3;
	double first = x - n * 0x1.921fb544p+0;
	struct pair second = sum_of(first, -n * 0x1.0b4611a6p-34);
	struct pair third = sum_of(second.high, -n * 0x1.3198a2ep-69);
	double rest = (second.low + third.low) - n * 0x1.b839a252049c1p-104;
	return sum_of(third.high, rest);
}

/* The digits of 2/pi behind the point, after a word of zeros. */
static const uint64_t two_over_pi[20] = {
    0,
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
};

/* 64 of those digits from digit number `from` on; the first is number 1, and the zeros before it count down from 0. */
static uint64_t digits_from(int from)
{
	int skip = from + 63;
	const uint64_t *word = two_over_pi + skip / 64;
	int shift = skip % 64;
	return shift == 0 ? word[0] : word[0] << shift | word[1] >> (64 - shift);
}

/*
 * The same for any larger x, positive (Payne and Hanek, 1983). x = m * 2^e with an integer m. Digits of 2/pi before
 * number e - 1 only add multiples of 4 to x * 2/pi, so they are left out; m times the next 192, modulo 2^192, is x *
 * 2/pi modulo 4 in units of 2^-190.
 */
static struct pair reduce_many_turns(double x, unsigned *quadrant)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	int e = (int)(bits >> 52) - 1075;
	assert(e > -50 && e <= 971);
	uint64_t m = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
	uint128 low = (uint128)m * digits_from(e - 1 + 128);
	uint128 middle = (uint128)m * digits_from(e - 1 + 64) + (uint64_t)(low >> 64);
	uint64_t high = m * digits_from(e - 1) + (uint64_t)(middle >> 64);

	/*
	 * The quadrant's two bits go out at the top; what is left, in units of 2^-192, is rounded to the nearest
	 * quadrant.
	 */
	*quadrant = (unsigned)(high >> 62);
	uint128 fraction = (uint128)high << 66 | (uint128)(uint64_t)middle << 2 | (uint64_t)low >> 62;
	uint64_t below = (uint64_t)low << 2;
	bool negative = fraction >> 127 != 0;
	if (negative) {
		*quadrant = (*quadrant + 1) & 3;
		fraction = ~fraction;
		below = ~below; /* one unit of 2^-192 off, which is nothing */
	}
	assert(fraction != 0);
	int zeros = 0;
	for (; fraction >> 127 == 0; zeros++) {
		fraction = fraction << 1 | below >> 63;
		below <<= 1;
	}
	double turn_high = ldexp((double)(uint64_t)(fraction >> 75), -53 - zeros);
	double turn_low = ldexp((double)(uint64_t)(fraction >> 22 & (((uint64_t)1 << 53) - 1)), -106 - zeros);
	struct pair product = product_of(turn_high, HALF_PI_HIGH);
	struct pair angle = sum_of(product.high, product.low + (turn_high * HALF_PI_LOW + turn_low * HALF_PI_HIGH));
	return negative ? (struct pair){-angle.high, -angle.low} : angle;
}

/* x in quadrants: the angle from the middle of the nearest one, at most pi/4. */
static struct pair reduce(double x, unsigned *quadrant)
{
	if (fabs(x) <= FEW_TURNS)
		return reduce_few_turns(x, quadrant);
	struct pair angle = reduce_many_turns(fabs(x), quadrant);
	if (x > 0)
		return angle;
	*quadrant = -*quadrant & 3;
	return (struct pair){-angle.high, -angle.low};
}

#define SERIES_MAX 0.25
#define TABLE_FIRST 8 /* = SERIES_MAX * 32 */

/* Sine and cosine of i/32, i from TABLE_FIRST to 26, each in two parts. */
static const struct {
	double sin_high, sin_low, cos_high, cos_low;
} sine_table[] = {
    {0x1.faaeed4f31577p-3, -0x1.15d88508e32b8p-57, 0x1.f01549f7deea1p-1, 0x1.d3c1e99e5cafdp-55},
    {0x1.1c37d64c6b876p-2, 0x1.46076fe0dcff4p-56, 0x1.ebe214f76efa8p-1, -0x1.02f9f12ba543ep-55},
    {0x1.3ad129769d3d8p-2, 0x1.03d550487839ap-63, 0x1.e733ea0193d4p-1, -0x1.6428b3546ce13p-55},
    {0x1.591bc9fa2f597p-2, 0x1.7c74bac3fe0cbp-57, 0x1.e20bf49acd6c1p-1, -0x1.660aec7ef636bp-58},
    {0x1.7710255764214p-2, -0x1.6ead7314bb6cep-57, 0x1.dc6b7eb995912p-1, 0x1.4b364776dcd35p-58},
    {0x1.94a6be9f546c5p-2, -0x1.69ce13e683f58p-56, 0x1.d653f073e404p-1, -0x1.76236434bec37p-55},
    {0x1.b1d8305321617p-2, -0x1.ae242cb99f519p-56, 0x1.cfc6cfa52ad9fp-1, 0x1.8b5b5508f2a0dp-55},
    {0x1.ce9d2e3d4a51fp-2, -0x1.2fc8a12dae298p-57, 0x1.c8c5bf8ce1a84p-1, 0x1.ab3d1a1590123p-56},
    {0x1.eaee8744b05fp-2, -0x1.789b43c9b027dp-58, 0x1.c1528065b7d5p-1, -0x1.892111312e828p-55},
    {0x1.0362939c69955p-1, -0x1.2d8cd78397b01p-55, 0x1.b96eeef58840ep-1, 0x1.45a3cc78fadep-58},
    {0x1.110d0c4b69c3bp-1, 0x1.d918998809981p-55, 0x1.b11d04162a4c6p-1, 0x1.1dd561efbc0c2p-56},
    {0x1.1e7343236574cp-1, 0x1.22a3fa4f41d5ap-56, 0x1.a85ed4373e02dp-1, 0x1.9be06385ec792p-57},
    {0x1.2b91dea88421ep-1, -0x1.fa371db216abp-55, 0x1.9f368ed912f85p-1, -0x1.1d200c5791606p-55},
    {0x1.386597456282bp-1, -0x1.10fada93b07a8p-56, 0x1.95a67e00cb1fdp-1, -0x1.0befda21f862dp-55},
    {0x1.44eb381cf386bp-1, -0x1.3ed6c1e6a5505p-55, 0x1.8bb105a5dc9p-1, 0x1.863e03e9474c1p-55},
    {0x1.511f9fd7b351cp-1, -0x1.5c0e861c48831p-55, 0x1.8158a31916d5dp-1, -0x1.de8b90b8228dep-57},
    {0x1.5cffc16bf8f0dp-1, 0x1.96cb370eb578ap-55, 0x1.769fec655211fp-1, -0x1.827d5cf8c68c5p-57},
    {0x1.6888a4e134b2fp-1, -0x1.6b7d37644d5e6p-55, 0x1.6b898fa9efb5dp-1, 0x1.15ac786ccf4b2p-56},
    {0x1.73b7680dea578p-1, -0x1.2248306dc12a2p-56, 0x1.6018526f563dfp-1, 0x1.46ca5e0e432dp-55},
};

/* sin y - y by its series, for y up to SERIES_MAX. */
static inline double sine_tail(struct pair y)
{
	double z = y.high * y.high;
	double p = (-1.0 / 6 + z * (1.0 / 120)) +
		   z * z * ((-1.0 / 5040 + z * (1.0 / 362880)) + z * z * (-1.0 / 39916800 + z * (1.0 / 6227020800)));
	return y.high * z * p + (y.low - 0.5 * z * y.low);
}

/* cos y - 1 by its series, for y up to SERIES_MAX. */
static inline double cosine_tail(struct pair y)
{
	double z = y.high * y.high;
	double p =
	    (1.0 / 24 - z * (1.0 / 720)) + z * z * ((1.0 / 40320 - z * (1.0 / 3628800)) + z * z * (1.0 / 479001600));
	return -0.5 * z + (z * z * p - y.high * y.low);
}

/* For larger y: y = i/32 + d, and the addition theorems; sin d and cos d - 1 are small against the table's values. */
static struct pair from_table(struct pair y, int *row)
{
	int i = (int)(y.high * 32 + 0.5);
	*row = i - TABLE_FIRST;
	assert(*row >= 0 && *row < (int)(sizeof sine_table / sizeof *sine_table));
	double d = (y.high - i / 32.0) + y.low, z = d * d;
	double sine = d + d * z * (-1.0 / 6 + z * (1.0 / 120 - z * (1.0 / 5040)));
	double cosine_less_1 = z * (-0.5 + z * (1.0 / 24 - z * (1.0 / 720)));
	return (struct pair){sine, cosine_less_1};
}

static double sine_of(struct pair y)
{
	if (fabs(y.high) < SERIES_MAX)
		return y.high + sine_tail(y);
	struct pair positive = y.high < 0 ? (struct pair){-y.high, -y.low} : y;
	int row;
	struct pair d = from_table(positive, &row);
	double s = sine_table[row].sin_high;
	double value = s + (sine_table[row].sin_low + (sine_table[row].cos_high * d.high + s * d.low));
	return y.high < 0 ? -value : value;
}

static double cosine_of(struct pair y)
{
	if (fabs(y.high) < SERIES_MAX)
		return 1 + cosine_tail(y);
	struct pair positive = y.high < 0 ? (struct pair){-y.high, -y.low} : y;
	int row;
	struct pair d = from_table(positive, &row);
	double c = sine_table[row].cos_high;
	return c + (sine_table[row].cos_low + (c * d.low - sine_table[row].sin_high * d.high));
}

double elementary_sin(double x)
{
	if (fabs(x) < TINY)
		return x;
	if (!isfinite(x))
		return NAN;
	unsigned quadrant;
	struct pair y = reduce(x, &quadrant);
	double value = quadrant % 2 == 0 ? sine_of(y) : cosine_of(y);
	return quadrant < 2 ? value : -value;
}

double elementary_cos(double x)
{
	if (!isfinite(x))
		return NAN;
	unsigned quadrant;
	struct pair y = reduce(x, &quadrant);
	double value = quadrant % 2 == 0 ? cosine_of(y) : sine_of(y);
	return quadrant == 0 || quadrant == 3 ? value : -value;
}

/*
 * (asin(s) / s - 1) / z with z = s * s up to 1/4; found by Remez' exchange, so that z times its error is below 2^-59.
 */
static double asin_tail(double z)
{
	double z2 = z * z, z4 = z2 * z2, z8 = z4 * z4;
	double p0 =
	    (0x1.5555555555578p-3 + z * 0x1.333333332dfp-4) + z2 * (0x1.6db6db722c245p-5 + z * 0x1.f1c71a8b66665p-6);
	double p4 =
	    (0x1.6e8bdfeb2d27fp-6 + z * 0x1.1c49ddc25791p-6) + z2 * (0x1.ca2148c7f9fa4p-7 + z * 0x1.75777218ef78dp-7);
	double p8 =
	    (0x1.618b244ca07fap-7 + z * 0x1.e157586a08f09p-9) + z2 * (0x1.65029446b5ec8p-6 + z * -0x1.59f68edc87953p-6);
	return (p0 + z4 * p4) + z8 * (p8 + z4 * 0x1.0be4335d24053p-5);
}

double elementary_asin(double x)
{
	double size = fabs(x);
	if (size < TINY)
		return x;
	if (!(size <= 1))
		return NAN;
	if (size < 0.5)
		return x + x * (x * x * asin_tail(x * x));

	/* asin x = pi/2 - 2 asin s with s = sqrt((1 - x) / 2), whose own rounding error is z - s * s over 2 s. */
	double z = (1 - size) * 0.5, s = sqrt(z);
	struct pair square = product_of(s, s);
	double s_low = s == 0 ? 0 : ((z - square.high) - square.low) / (2 * s);
	struct pair difference = sum_of(HALF_PI_HIGH, -2 * s);
	double value = difference.high + (difference.low + (HALF_PI_LOW - 2 * (s_low + s * (z * asin_tail(z)))));
	return x < 0 ? -value : value;
}
