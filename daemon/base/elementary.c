/* exp2, log and log1p; elementary_trig.c has the rest. */
#include "elementary.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0 && DBL_MANT_DIG == 53, "every operation must round to double");

static inline uint64_t bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static inline double double_of(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* 2 to the i/32 as the sum of two doubles. */
static const struct {
	double high, low;
} exp2_table[32] = {
    {1.0, 0.0},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80dp-59},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.9c49182a3f09p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.f50765b6e454p+0, 0x1.9d3e12dd8a18bp-54},
};

/*
 * x = k + i/32 + r with abs(r) <= 1/64, and 2^x = 2^k * (T + T * (2^r - 1)), T from the table. The second term is below
 * T/90, so all rounding but that of the last addition is below 0.02 ulp.
 */
double elementary_exp2(double x)
{
	if (!(x < 1024))
		return isnan(x) ? NAN : INFINITY;
	if (x <= -1075)
		return 0;

	/* Adding this rounds to a multiple of 1/32, and leaves the multiple in the low bits. */
	static const double rounder = 0x1.8p47;
	double rounded = x + rounder;
	int64_t steps = (int64_t)(bits_of(rounded) - bits_of(rounder));
	double r = x - (rounded - rounder);
	int64_t i = steps & 31, k = (steps - i) / 32;
	assert(fabs(r) <= 1.0 / 64);

	/* Taylor's series: (ln 2)^n / n!. */
	double r2 = r * r;
	double p = r * 0x1.62e42fefa39efp-1 +
		   r2 * ((0x1.ebfbdff82c58fp-3 + r * 0x1.c6b08d704a0cp-5) +
			 r2 * ((0x1.3b2ab6fba4e77p-7 + r * 0x1.5d87fe78a6731p-10) + r2 * 0x1.430912f86c787p-13));
	double high = exp2_table[i].high, low = exp2_table[i].low + high * p;
	if (k > -1022 && k < 1024)
		return (high + low) * double_of((uint64_t)(k + 1023) << 52);
	if (k == 1024 || (k == -1022 && high + low >= 1))
		return ldexp(high + low, (int)k);

	/* A subnormal result is rounded once: added to `one`, it has the digits that will be left, and no more. */
	double one = double_of((uint64_t)(1 - k) << 52);
	double sum = one + high, lost = high - (sum - one);
	return ldexp((sum + (lost + low)) - one, (int)k);
}

#define NEAR 0x1p-6
#define LOG_ORIGIN 0x1.6p-1 /* the table begins here and ends at twice as much */
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW 0x1.ef35793c7673p-45

/*
 * For the middle m of each of 64 intervals of one binade from LOG_ORIGIN: c = 1/m rounded to a multiple of 1/1024, and
 * -log(c) in two parts. The first parts, LN2_HIGH too, are multiples of 2^-42, so that they add up without error.
 */
static const struct {
	double c, high, low;
} log_table[64] = {
    {0x1.724p+0, -0x1.79db6681bp-2, 0x1.4d319161a11f8p-44},   {0x1.6ep+0, -0x1.6e08eaa2bap-2, -0x1.e38c139318d71p-46},
    {0x1.6ap+0, -0x1.62c82f2b9cp-2, -0x1.e54bdbd7c8a98p-44},  {0x1.66p+0, -0x1.5767717456p-2, 0x1.64ead9524d7cap-44},
    {0x1.624p+0, -0x1.4c9f09e153p-2, 0x1.e1dde70e02dep-45},   {0x1.5e8p+0, -0x1.41b941cce1p-2, 0x1.0469013e43fc9p-44},
    {0x1.5acp+0, -0x1.36b5776bc1p-2, -0x1.169785a9c223fp-46}, {0x1.57p+0, -0x1.2b9303ab8ap-2, 0x1.6db12d6bfb0a5p-45},
    {0x1.538p+0, -0x1.2112559861p-2, -0x1.82e78ba2950c4p-44}, {0x1.5p+0, -0x1.1675cababap-2, -0x1.8380e731f55c4p-44},
    {0x1.4ccp+0, -0x1.0c81d4860bp-2, 0x1.e5bcf401d1731p-44},  {0x1.494p+0, -0x1.01ade3913ap-2, 0x1.08930ccdc1521p-46},
    {0x1.46p+0, -0x1.ef0adcbdc6p-3, 0x1.b26b79c86af24p-45},   {0x1.42cp+0, -0x1.da85d620cep-3, -0x1.40194c16cc7ecp-45},
    {0x1.3fcp+0, -0x1.c765b9e4d6p-3, -0x1.1ab6b36976f6cp-44}, {0x1.3c8p+0, -0x1.b2797ee464p-3, 0x1.be88a906d00a9p-44},
    {0x1.398p+0, -0x1.9ef83d276ap-3, 0x1.730b7b3f9cep-45},    {0x1.368p+0, -0x1.8b46f82236p-3, -0x1.2d9f2102dd7c9p-46},
    {0x1.33cp+0, -0x1.790ed4ee26p-3, -0x1.99bbd4e7746f6p-46}, {0x1.30cp+0, -0x1.64fee8826p-3, 0x1.da40d759dded6p-46},
    {0x1.2ep+0, -0x1.526e5e3a1cp-3, 0x1.790ba37fc5238p-44},   {0x1.2b4p+0, -0x1.3fb25a5952p-3, -0x1.195be6b358ff7p-44},
    {0x1.288p+0, -0x1.2cca0f5f6p-3, 0x1.b5ef191aff12p-44},    {0x1.26p+0, -0x1.1b72ad52f6p-3, -0x1.e80a41811a396p-45},
    {0x1.234p+0, -0x1.08338affa2p-3, -0x1.0533cac823e27p-44}, {0x1.20cp+0, -0x1.ed1794e838p-4, 0x1.fd143749d0484p-46},
    {0x1.1e4p+0, -0x1.c97978d79p-4, 0x1.6e010977d1884p-44},   {0x1.1bcp+0, -0x1.a58b60c2b4p-4, 0x1.cdc735c5c9f2ap-44},
    {0x1.194p+0, -0x1.814be23f8cp-4, -0x1.b2381da82fdfdp-51}, {0x1.17p+0, -0x1.60658a9374p-4, -0x1.0c3b1dee9c4f8p-44},
    {0x1.148p+0, -0x1.3b87598b1cp-4, 0x1.2241594aca313p-45},  {0x1.124p+0, -0x1.1a0fba1bf8p-4, -0x1.4a3fcc319d6dcp-45},
    {0x1.1p+0, -0x1.f0a30c0118p-5, 0x1.d599e83368e91p-45},    {0x1.0dcp+0, -0x1.ac9722171p-5, -0x1.f8d3ef013222cp-45},
    {0x1.0b8p+0, -0x1.67f94f0948p-5, -0x1.ecc1f3e7e4ed7p-44}, {0x1.094p+0, -0x1.22c71bcea8p-5, -0x1.d2818f87f888fp-48},
    {0x1.074p+0, -0x1.c98d18d01p-6, 0x1.bf6150589df0fp-45},   {0x1.05p+0, -0x1.3cea44347p-6, 0x1.6a2c432d6a40bp-44},
    {0x1.03p+0, -0x1.7dc475f82p-7, 0x1.eb1245b5da1f5p-44},    {0x1.01p+0, -0x1.ff00aa2bp-9, -0x1.0bc04a086b56ap-45},
    {0x1.fcp-1, 0x1.010157588p-7, 0x1.bce251998b506p-44},     {0x1.f48p-1, 0x1.74321d3dp-6, 0x1.b4a690fe94778p-48},
    {0x1.edp-1, 0x1.35c8bfaa1p-5, 0x1.8357d5ef9eb35p-44},     {0x1.e58p-1, 0x1.b35dd9b588p-5, 0x1.d5674d6cf558ep-44},
    {0x1.de8p-1, 0x1.152b799bb4p-4, -0x1.9bb2907030829p-47},  {0x1.d78p-1, 0x1.518874226p-4, 0x1.30a1d96258b3ep-44},
    {0x1.d1p-1, 0x1.8a6477a91cp-4, 0x1.c28c0af9bd6dfp-44},    {0x1.ca8p-1, 0x1.c40d6425a4p-4, 0x1.cb1121d1930ddp-44},
    {0x1.c4p-1, 0x1.fe89139dbcp-4, 0x1.56594d82f7a82p-44},    {0x1.bep-1, 0x1.1aa2b7e24p-3, -0x1.1ac38dde3b366p-44},
    {0x1.b8p-1, 0x1.365fcb015ap-3, -0x1.fd3a0afb9691bp-44},   {0x1.b2p-1, 0x1.527e5e4a1cp-3, -0x1.4e60b8d4b411dp-44},
    {0x1.ac8p-1, 0x1.6c9d07d204p-3, -0x1.c73fafd9b2dcap-50},  {0x1.a7p-1, 0x1.871213750ep-3, 0x1.328eb42f9af75p-44},
    {0x1.a18p-1, 0x1.a1dfc40f1cp-3, -0x1.01e0f004f3781p-44},  {0x1.9cp-1, 0x1.bd087383bep-3, -0x1.d4bc4595412b6p-45},
    {0x1.97p-1, 0x1.d60a17f904p-3, -0x1.5d6e06fc20d39p-44},   {0x1.92p-1, 0x1.ef5ade4ddp-3, -0x1.a211565bb8e11p-51},
    {0x1.8dp-1, 0x1.047e60cde8p-2, 0x1.dbdf10d397f3cp-45},    {0x1.888p-1, 0x1.102ac0a35dp-2, -0x1.f1fbddfdfd686p-45},
    {0x1.84p-1, 0x1.1bf99635a7p-2, -0x1.1ac89575c2125p-44},   {0x1.7f8p-1, 0x1.27ebaf58d9p-2, -0x1.b198800b4bda7p-45},
    {0x1.7bp-1, 0x1.3401e12aedp-2, -0x1.17c73556e291dp-44},   {0x1.768p-1, 0x1.403d086ceap-2, 0x1.e6ef574487308p-44},
};

/* log(1 + r) - r for abs(r) below 2^-6, by its series. */
static inline double log_tail(double r)
{
	double r2 = r * r;
	double p =
	    (1.0 / 3 - r * (1.0 / 4)) +
	    r2 * ((1.0 / 5 - r * (1.0 / 6)) + r2 * ((1.0 / 7 - r * (1.0 / 8)) + r2 * (1.0 / 9 - r * (1.0 / 10))));
	return -0.5 * r2 + r * r2 * p;
}

/*
 * log(x + rest) for x outside 1 +- NEAR, finite, and rest below its last digit. With x = 2^k * m, the table's c for m,
 * and r = c * m - 1: k * ln 2 - log(c) + log(1 + r). To have r without error m is split in two.
 */
static double log_of_sum(double x, double rest)
{
	uint64_t origin = bits_of(LOG_ORIGIN);
	int64_t k = 0;
	if (x < DBL_MIN) {
		x *= 0x1p54;
		k = -54;
	}
	uint64_t bits = bits_of(x), from_origin = bits - origin;
	uint64_t i = from_origin >> 46 & 63;
	int64_t power = (int64_t)(from_origin - (from_origin & (((uint64_t)1 << 52) - 1))) / ((int64_t)1 << 52);
	double m = double_of(bits - ((uint64_t)power << 52));
	double m_high = double_of(bits_of(m) & ~(((uint64_t)1 << 21) - 1));
	k += power;

	double c = log_table[i].c;
	double a = m_high * c - 1, b = (m - m_high) * c;
	double r = a + b, r_low = (a - r) + b;
	assert(fabs(r) < NEAR);
	if (rest != 0)
		r_low += rest * double_of((uint64_t)(1023 - power) << 52) * c;

	double known = (double)k * LN2_HIGH + log_table[i].high;
	double sum = known + r, lost = (known - sum) + r;
	double low = ((double)k * LN2_LOW + log_table[i].low) + (lost + (r_low - r * r_low));
	return sum + (low + log_tail(r));
}

double elementary_log(double x)
{
	if (fabs(x - 1) < NEAR)
		return (x - 1) + log_tail(x - 1);
	if (!(x > 0))
		return x == 0 ? -INFINITY : NAN;
	return x == INFINITY ? x : log_of_sum(x, 0);
}

double elementary_log1p(double x)
{
	if (fabs(x) < NEAR)
		return x + log_tail(x);
	if (!(x > -1))
		return x == -1 ? -INFINITY : NAN;
	if (x > 0x1p53)
		return x == INFINITY ? x : log_of_sum(x, 0);
	double sum = 1 + x;
	double rest = x < 1 ? x - (sum - 1) : 1 - (sum - x);
	return log_of_sum(sum, rest);
}
