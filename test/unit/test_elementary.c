/*
 * The elementary functions against MPFR, against golden bits in test/data/elementary.txt, and against themselves
 * compiled for a CPU with FMA and AVX2. `test_elementary --write-golden` prints the data file. TEST_SAMPLES sets how
 * many random inputs each class of inputs gets (default 3,000; the time is proportional).
 */
#include "elementary.h"

#include "rng.h"
#include "test.h"

#include <float.h>
#include <inttypes.h>
#include <mpfr.h>
#include <stdbool.h>

/* The same source once more, as -march=x86-64-v3 would compile it. Its tables can be looked at, too. */
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define elementary_exp2 v3_exp2
#define elementary_log v3_log
#define elementary_log1p v3_log1p
#define elementary_sin v3_sin
#define elementary_cos v3_cos
#define elementary_asin v3_asin
#include "../../daemon/base/elementary.c"      /* NOLINT(bugprone-suspicious-include) */
#include "../../daemon/base/elementary_trig.c" /* NOLINT(bugprone-suspicious-include) */
#undef elementary_exp2
#undef elementary_log
#undef elementary_log1p
#undef elementary_sin
#undef elementary_cos
#undef elementary_asin
#pragma GCC pop_options

#define GOLDEN_FILE "test/data/elementary.txt"
#define GOLDEN_LINES 300 /* of each function */
#define PRECISION 250    /* bits; enough for 2^-120 beside a multiple of pi/2 */

/* One ulp is promised; the functions are built for less, and a larger error is a defect of one of their steps. */
#define ULPS_MAX 0.70

static double any_double(struct rng *rng)
{
	double value = double_of(rng_next(rng));
	return isnan(value) ? 1 : value;
}

static double between(struct rng *rng, double low, double high)
{
	return low + (high - low) * rng_uniform(rng);
}

/* Of either sign and any magnitude from 2^low to 2^high alike. */
static double of_magnitude(struct rng *rng, int low, int high)
{
	double value = ldexp(1 + rng_uniform(rng), low + (int)rng_below(rng, (uint64_t)(high - low)));
	return rng_next(rng) % 2 == 0 ? value : -value;
}

static double unit_interval(struct rng *rng)
{
	return between(rng, -1, 1);
}

static double exp2_range(struct rng *rng)
{
	return between(rng, -1022, 1024);
}

static double exp2_subnormal_range(struct rng *rng)
{
	return between(rng, -1076, -1021);
}

static double exp2_beside_table(struct rng *rng)
{
	return between(rng, -40, 1) + ldexp((double)rng_below(rng, 3) - 1, -30);
}

static double small_and_large(struct rng *rng)
{
	return of_magnitude(rng, -60, 11);
}

static double around_1(struct rng *rng)
{
	return between(rng, 0.4, 2.5);
}

static double close_to_1(struct rng *rng)
{
	return 1 + of_magnitude(rng, -52, -4);
}

static double positive(struct rng *rng)
{
	return fabs(any_double(rng));
}

static double subnormal(struct rng *rng)
{
	return double_of(rng_below(rng, (uint64_t)1 << 52));
}

static double money(struct rng *rng)
{
	return (double)rng_below(rng, 100000000) / 100;
}

static double log1p_small(struct rng *rng)
{
	return of_magnitude(rng, -1074, -1);
}

static double log1p_close(struct rng *rng)
{
	return between(rng, -0.04, 0.04);
}

static double log1p_beside_minus_1(struct rng *rng)
{
	return -1 + fabs(of_magnitude(rng, -53, -1));
}

static double log1p_large(struct rng *rng)
{
	return fabs(of_magnitude(rng, 0, 1023));
}

static double few_radians(struct rng *rng)
{
	return between(rng, -10, 10);
}

static double many_radians(struct rng *rng)
{
	return between(rng, -1e5, 1e5);
}

static double first_quadrant(struct rng *rng)
{
	return between(rng, 0.2, 0.8);
}

/* The doubles beside multiples of pi/2, where almost all digits cancel. */
static double beside_quadrants(struct rng *rng)
{
	double value = (double)rng_below(rng, 80000) * HALF_PI_HIGH;
	for (uint64_t steps = rng_below(rng, 4); steps > 0; steps--)
		value = nextafter(value, rng_next(rng) % 2 == 0 ? 1e300 : -1e300);
	return value;
}

static double beside_boundaries(struct rng *rng)
{
	return ldexp((double)rng_below(rng, 200) + 0.5, -6) + of_magnitude(rng, -50, -20);
}

static double beyond_few_turns(struct rng *rng)
{
	return of_magnitude(rng, 16, 1023);
}

static double asin_beside_1(struct rng *rng)
{
	return 1 - fabs(of_magnitude(rng, -53, -1));
}

static double asin_beside_half(struct rng *rng)
{
	return between(rng, 0.45, 0.55);
}

static double asin_small(struct rng *rng)
{
	return of_magnitude(rng, -1074, -1);
}

static const struct function {
	const char *name;
	double (*ours)(double x);
	double (*with_fma)(double x);
	int (*exact)(mpfr_t result, const mpfr_t x, mpfr_rnd_t rounding);
	double (*inputs[9])(struct rng *rng);
} functions[] = {
    {"exp2",
     elementary_exp2,
     v3_exp2,
     mpfr_exp2,
     {unit_interval, exp2_range, exp2_subnormal_range, exp2_beside_table, small_and_large}},
    {"log", elementary_log, v3_log, mpfr_log, {around_1, close_to_1, positive, subnormal, money}},
    {"log1p",
     elementary_log1p,
     v3_log1p,
     mpfr_log1p,
     {unit_interval, log1p_close, log1p_small, log1p_beside_minus_1, log1p_large, money, any_double}},
    {"sin",
     elementary_sin,
     v3_sin,
     mpfr_sin,
     {unit_interval, few_radians, many_radians, first_quadrant, beside_quadrants, beside_boundaries, beyond_few_turns,
      any_double}},
    {"cos",
     elementary_cos,
     v3_cos,
     mpfr_cos,
     {unit_interval, few_radians, many_radians, first_quadrant, beside_quadrants, beside_boundaries, beyond_few_turns,
      any_double}},
    {"asin", elementary_asin, v3_asin, mpfr_asin, {unit_interval, asin_beside_1, asin_beside_half, asin_small}},
};

#define FUNCTIONS (sizeof functions / sizeof *functions)

static long sample_count(void)
{
	const char *text = getenv("TEST_SAMPLES");
	return text == NULL ? 3000 : atol(text);
}

/* The error in units of the last digit that a double of the true result's size has. */
static double ulps_off(const struct function *function, double x)
{
	double got = function->ours(x);
	mpfr_t exact;
	mpfr_init2(exact, PRECISION);
	mpfr_set_d(exact, x, MPFR_RNDN);
	(void)function->exact(exact, exact, MPFR_RNDN);
	double nearest = mpfr_get_d(exact, MPFR_RNDN), ulps = INFINITY;
	if (isnan(nearest) || isinf(nearest) || !isfinite(got)) {
		if (got == nearest || (isnan(got) && isnan(nearest)))
			ulps = 0;
	} else {
		int exponent = nearest == 0 ? -1074 : ilogb(nearest) - 52;
		mpfr_sub_d(exact, exact, got, MPFR_RNDN);
		mpfr_mul_2si(exact, exact, exponent < -1074 ? 1074 : -exponent, MPFR_RNDN);
		ulps = fabs(mpfr_get_d(exact, MPFR_RNDN));
	}
	mpfr_clear(exact);
	return ulps;
}

static void expect_close(const struct function *function, double x)
{
	double ulps = ulps_off(function, x);
	EXPECT(ulps <= ULPS_MAX);
	if (!(ulps <= ULPS_MAX))
		printf("    %s(%a) is %a, %.3f ulp off\n", function->name, x, function->ours(x), ulps);
}

TEST(errors_stay_below_one_ulp)
{
	struct rng rng;
	rng_seed(&rng, 20260329);
	for (size_t i = 0; i < FUNCTIONS; i++) {
		double worst = 0, at = 0;
		for (int kind = 0; functions[i].inputs[kind] != NULL; kind++) {
			for (long n = 0; n < sample_count(); n++) {
				double x = functions[i].inputs[kind](&rng), ulps = ulps_off(&functions[i], x);
				if (ulps > worst) {
					worst = ulps;
					at = x;
				}
			}
		}
		expect_close(&functions[i], at);
		printf("    %s: at most %.3f ulp, at %a\n", functions[i].name, worst, at);
	}
}

TEST(edges_of_all_steps_are_close)
{
	static const double edges[] = {0x1p-6,      0x1p-27,     0.25,        0.5,       0x1p17,    0x1p53,    0x1.6p-1,
				       1.015625,    0.984375,    1.375,       2,         1024,      -1022,     -1075,
				       -1074,       -1074.5,     -1023,       0x1p-1022, DBL_MAX,   0x1p-1074, 10,
				       0x1.8p-6,    0x1p-5,      0.734375,    1e5,       0x1p20,    0x1p60,    0.78125,
				       0.015625001, 1023.999999, -1021.99999, 0x1p-28,   0x1p-1023, 1.5,       0.8125};
	for (size_t i = 0; i < FUNCTIONS; i++) {
		for (size_t n = 0; n < sizeof edges / sizeof *edges; n++) {
			for (int sign = -1; sign <= 1; sign += 2) {
				double x = sign * edges[n];
				expect_close(&functions[i], x);
				expect_close(&functions[i], nextafter(x, INFINITY));
				expect_close(&functions[i], nextafter(x, -INFINITY));
			}
		}
	}
}

TEST(sines_are_close_where_nearly_all_digits_cancel)
{
	/* The double up to 1e5 nearest to a multiple of pi/2, its doubles, and the nearest of all doubles. */
	double nearest[] = {0x1.6c6cbc45dc8dep+5, 0x1.6c6cbc45dc8dep+6, 0x1.6c6cbc45dc8dep+10, 0x1.6ac5b262ca1ffp+849};
	const struct function *sine = &functions[3], *cosine = &functions[4];
	for (size_t i = 0; i < sizeof nearest / sizeof *nearest; i++) {
		expect_close(sine, nearest[i]);
		expect_close(cosine, nearest[i]);
		expect_close(sine, -nearest[i]);
		expect_close(cosine, -nearest[i]);
	}
	for (int n = 1; n < 3000; n++) {
		expect_close(sine, n * HALF_PI_HIGH);
		expect_close(cosine, n * HALF_PI_HIGH);
	}
}

static bool same_bits(double a, double b)
{
	return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

TEST(special_values_are_those_of_the_c_standard)
{
	const double inf = INFINITY;
	for (size_t i = 0; i < FUNCTIONS; i++)
		EXPECT(isnan(functions[i].ours(NAN)) && isnan(functions[i].ours(-(double)NAN)));
	EXPECT(same_bits(elementary_exp2(inf), inf));
	EXPECT(same_bits(elementary_exp2(-inf), 0.0));
	EXPECT(same_bits(elementary_exp2(-0.0), 1));
	EXPECT(same_bits(elementary_exp2(1024), inf));
	EXPECT(same_bits(elementary_exp2(-1075), 0.0));
	EXPECT(same_bits(elementary_exp2(nextafter(-1075, 0)), 0x1p-1074));
	EXPECT(same_bits(elementary_exp2(-1074.5), 0x1p-1074));
	for (int k = -1074; k < 1024; k++)
		EXPECT(same_bits(elementary_exp2(k), ldexp(1, k)));
	EXPECT(same_bits(elementary_log(1), 0.0));
	EXPECT(same_bits(elementary_log(0.0), -inf) && same_bits(elementary_log(-0.0), -inf));
	EXPECT(isnan(elementary_log(-1)) && isnan(elementary_log(-inf)) && isnan(elementary_log(-0x1p-1074)));
	EXPECT(same_bits(elementary_log(inf), inf));
	EXPECT(same_bits(elementary_log1p(0.0), 0.0) && same_bits(elementary_log1p(-0.0), -0.0));
	EXPECT(same_bits(elementary_log1p(-1), -inf));
	EXPECT(isnan(elementary_log1p(nextafter(-1, -2))) && isnan(elementary_log1p(-inf)));
	EXPECT(same_bits(elementary_log1p(inf), inf));
	EXPECT(same_bits(elementary_log1p(0x1p-1074), 0x1p-1074));
	EXPECT(same_bits(elementary_sin(0.0), 0.0) && same_bits(elementary_sin(-0.0), -0.0));
	EXPECT(isnan(elementary_sin(inf)) && isnan(elementary_sin(-inf)));
	EXPECT(isnan(elementary_cos(inf)) && isnan(elementary_cos(-inf)));
	EXPECT(same_bits(elementary_cos(0.0), 1) && same_bits(elementary_cos(-0.0), 1));
	EXPECT(same_bits(elementary_asin(0.0), 0.0) && same_bits(elementary_asin(-0.0), -0.0));
	EXPECT(same_bits(elementary_asin(1), HALF_PI_HIGH) && same_bits(elementary_asin(-1), -HALF_PI_HIGH));
	EXPECT(isnan(elementary_asin(nextafter(1, 2))) && isnan(elementary_asin(-inf)));
}

/* True where the sum of two doubles is the exact value to 2^-84 of it. */
static bool is_sum(mpfr_t exact, double high, double low)
{
	mpfr_t rest;
	mpfr_init2(rest, PRECISION);
	mpfr_sub_d(rest, exact, high, MPFR_RNDN);
	mpfr_sub_d(rest, rest, low, MPFR_RNDN);
	mpfr_div(rest, rest, exact, MPFR_RNDN);
	bool close = fabs(mpfr_get_d(rest, MPFR_RNDN)) < 0x1p-84;
	mpfr_clear(rest);
	return close;
}

TEST(tables_hold_what_they_say)
{
	mpfr_t exact;
	mpfr_init2(exact, PRECISION);
	for (int i = 0; i < 32; i++) {
		mpfr_set_d(exact, i / 32.0, MPFR_RNDN);
		mpfr_exp2(exact, exact, MPFR_RNDN);
		EXPECT(is_sum(exact, exp2_table[i].high, exp2_table[i].low));
	}
	for (int i = 0; i < 64; i++) {
		double begin = i < 40 ? 0.5 * (1 + (24 + i) / 64.0) : 1 + (i - 40) / 64.0;
		double end = i < 40 ? begin + 0.5 / 64 : begin + 1 / 64.0;
		double c = log_table[i].c, high = log_table[i].high;
		EXPECT(c == rint(c * 1024) / 1024 && fabs(c - 2 / (begin + end)) <= 0x1p-11);
		EXPECT(high == rint(high * 0x1p42) * 0x1p-42);
		mpfr_set_d(exact, c, MPFR_RNDN);
		mpfr_log(exact, exact, MPFR_RNDN);
		EXPECT(is_sum(exact, -high, -log_table[i].low));
	}
	mpfr_set_d(exact, 2, MPFR_RNDN);
	mpfr_log(exact, exact, MPFR_RNDN);
	EXPECT(is_sum(exact, LN2_HIGH, LN2_LOW));
	for (int i = TABLE_FIRST; i <= 26; i++) {
		mpfr_set_d(exact, i / 32.0, MPFR_RNDN);
		mpfr_sin(exact, exact, MPFR_RNDN);
		EXPECT(is_sum(exact, sine_table[i - TABLE_FIRST].sin_high, sine_table[i - TABLE_FIRST].sin_low));
		mpfr_set_d(exact, i / 32.0, MPFR_RNDN);
		mpfr_cos(exact, exact, MPFR_RNDN);
		EXPECT(is_sum(exact, sine_table[i - TABLE_FIRST].cos_high, sine_table[i - TABLE_FIRST].cos_low));
	}
	mpfr_clear(exact);
}

TEST(digits_of_2_over_pi_are_right)
{
	mpfr_t rest;
	mpfr_init2(rest, 1500);
	mpfr_const_pi(rest, MPFR_RNDN);
	mpfr_ui_div(rest, 2, rest, MPFR_RNDN);
	EXPECT(two_over_pi[0] == 0);
	for (size_t i = 1; i < sizeof two_over_pi / sizeof *two_over_pi; i++) {
		mpfr_mul_2ui(rest, rest, 64, MPFR_RNDN);
		uint64_t word = mpfr_get_uj(rest, MPFR_RNDZ);
		mpfr_sub_ui(rest, rest, word, MPFR_RNDN);
		EXPECT(word == two_over_pi[i]);
	}
	mpfr_clear(rest);
}

TEST(both_reductions_agree_where_both_work)
{
	struct rng rng;
	rng_seed(&rng, 5);
	for (int i = 0; i < 20000; i++) {
		double x = between(&rng, 8, 0x1p17);
		unsigned few_quadrant, many_quadrant;
		struct pair few = reduce_few_turns(x, &few_quadrant), many = reduce_many_turns(x, &many_quadrant);
		EXPECT(few_quadrant == many_quadrant);
		EXPECT(fabs((few.high - many.high) + (few.low - many.low)) < 0x1p-90);
	}
}

TEST(compiled_for_fma_the_bits_are_the_same)
{
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
		printf("    SKIPPED: this CPU has no FMA\n");
		return;
	}
	struct rng rng;
	rng_seed(&rng, 77);
	for (size_t i = 0; i < FUNCTIONS; i++) {
		for (int kind = 0; functions[i].inputs[kind] != NULL; kind++) {
			for (int n = 0; n < 20000; n++) {
				double x = functions[i].inputs[kind](&rng);
				EXPECT(same_bits(functions[i].ours(x), functions[i].with_fma(x)));
			}
		}
	}
}

static const struct function *function_of(const char *name)
{
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}

TEST(bits_are_those_of_the_golden_file)
{
	FILE *file = fopen(GOLDEN_FILE, "r");
	EXPECT(file != NULL);
	if (file == NULL)
		return;
	char line[100], name[16];
	size_t lines = 0;
	while (fgets(line, sizeof line, file) != NULL) {
		uint64_t input, output;
		if (line[0] == '#')
			continue;
		bool parsed = sscanf(line, "%15s %" SCNx64 " %" SCNx64, name, &input, &output) == 3;
		const struct function *function = parsed ? function_of(name) : NULL;
		EXPECT(function != NULL);
		if (function == NULL)
			break;
		EXPECT(bits_of(function->ours(double_of(input))) == output);
		lines++;
	}
	EXPECT_INT(lines, GOLDEN_LINES * FUNCTIONS);
	fclose(file);
}

static void write_golden(void)
{
	printf("# Function, bits of its argument, bits of its result. Made by test_elementary --write-golden.\n");
	struct rng rng;
	rng_seed(&rng, 1);
	for (size_t i = 0; i < FUNCTIONS; i++) {
		int kind = 0;
		for (int n = 0; n < GOLDEN_LINES; n++) {
			double x = functions[i].inputs[kind](&rng);
			kind = functions[i].inputs[kind + 1] == NULL ? 0 : kind + 1;
			double y = functions[i].ours(x);
			if (isnan(y)) { /* its sign and payload are not promised */
				n--;
				continue;
			}
			printf("%s %016" PRIx64 " %016" PRIx64 "\n", functions[i].name, bits_of(x), bits_of(y));
		}
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(errors_stay_below_one_ulp),
					    CASE(edges_of_all_steps_are_close),
					    CASE(sines_are_close_where_nearly_all_digits_cancel),
					    CASE(special_values_are_those_of_the_c_standard),
					    CASE(tables_hold_what_they_say),
					    CASE(digits_of_2_over_pi_are_right),
					    CASE(both_reductions_agree_where_both_work),
					    CASE(compiled_for_fma_the_bits_are_the_same),
					    CASE(bits_are_those_of_the_golden_file),
					    {0}};
	if (argc == 2 && strcmp(argv[1], "--write-golden") == 0) {
		write_golden();
		return 0;
	}
	int status = test_run(tests, argc, argv);
	mpfr_free_cache();
	return status;
}
