/*
 * Doubles as text and back, against Python's results in test/data/number_format.txt (made by make_numbers.py there),
 * the C library and MPFR. TEST_SAMPLES sets how many random numbers a test takes (default 100,000; the time is
 * proportional).
 */
#include "number.h"

#include "number_power.h"
#include "rng.h"
#include "test.h"

#include <float.h>
#include <inttypes.h>
#include <mpfr.h>

static long sample_count(void)
{
	const char *text = getenv("TEST_SAMPLES");
	return text == NULL ? 100000 : atol(text);
}

static double double_of(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* Any finite double; every fourth a number that people write: few digits and a small exponent. */
static double any_finite(struct rng *rng)
{
	if (rng_below(rng, 4) == 0)
		return (double)rng_below(rng, 1000000) / pow(10, (double)rng_below(rng, 6));
	for (;;) {
		double value = double_of(rng_next(rng));
		if (isfinite(value))
			return value;
	}
}

static void expect_format(double value, const char *wanted)
{
	char text[NUMBER_TEXT_MAX];
	size_t length = number_format(value, text);
	EXPECT_TEXT(text, wanted);
	EXPECT_INT(length, strlen(wanted));
}

TEST(powers_of_ten_are_rounded_up_exactly)
{
	mpfr_t power;
	mpfr_init2(power, 1200);
	for (int exponent = NUMBER_POWER_MIN; exponent <= NUMBER_POWER_MAX; exponent++) {
		mpfr_set_ui(power, 10, MPFR_RNDN);
		mpfr_pow_si(power, power, exponent, MPFR_RNDN);
		long log2 = (long)mpfr_get_exp(power) - 1;
		EXPECT_INT(number_power_log2(exponent), log2);
		mpfr_mul_2si(power, power, 63 - log2, MPFR_RNDN);
		uint64_t high = mpfr_get_uj(power, MPFR_RNDZ);
		mpfr_sub_d(power, power, (double)(high & ~(uint64_t)0xfff), MPFR_RNDN);
		mpfr_sub_ui(power, power, high & 0xfff, MPFR_RNDN);
		mpfr_mul_2ui(power, power, 64, MPFR_RNDN);
		uint64_t low = mpfr_get_uj(power, MPFR_RNDU);
		struct number_power ours = number_power(exponent);
		EXPECT(ours.high == high && ours.low == low);
	}
	mpfr_clear(power);
}

TEST(text_is_that_of_ecmascript)
{
	FILE *file = fopen("test/data/number_format.txt", "r");
	EXPECT(file != NULL);
	char line[200], wanted[40];
	uint64_t bits;
	int lines = 0;
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (line[0] == '#')
			continue;
		EXPECT_INT(sscanf(line, "%" SCNx64 " %39s", &bits, wanted), 2);
		expect_format(double_of(bits), wanted);
		lines++;
	}
	EXPECT(lines > 500);
	if (file != NULL)
		fclose(file);
}

TEST(exponents_begin_where_ecmascript_begins_them)
{
	expect_format(1e20, "100000000000000000000");
	expect_format(999999999999999868928.0, "999999999999999900000");
	expect_format(1e21, "1e+21");
	expect_format(1.5e21, "1.5e+21");
	expect_format(0.000001, "0.000001");
	expect_format(0.0000012345, "0.0000012345");
	expect_format(9.5e-7, "9.5e-7");
	expect_format(1e-10, "1e-10");
	expect_format(-1e-100, "-1e-100");
	expect_format(-DBL_MAX, "-1.7976931348623157e+308");
	expect_format(-0.0000012345678901234567, "-0.0000012345678901234567");
	expect_format(-0.0, "0");
}

/* The value of p digits and an exponent, as "%.*e" writes them, with `step` added to the last digit. */
static double neighbour(const char *scientific, int step)
{
	char text[48];
	strcpy(text, scientific);
	for (char *digit = strchr(text, 'e') - 1; step != 0 && digit >= text; digit--) {
		if (*digit == '.' || *digit == '-')
			continue;
		step = *digit == '9' ? step : 0;
		*digit = *digit == '9' ? '0' : (char)(*digit + 1);
	}
	return step != 0 ? INFINITY : strtod(text, NULL);
}

/*
 * The fewest digits that some number of so many digits needs to round to the value: the nearest one, or where that
 * fails (below a power of two the doubles are denser) the next one away from zero.
 */
static int fewest_digits(double value, double *nearest)
{
	for (int digits = 1;; digits++) {
		char text[48];
		(void)snprintf(text, sizeof text, "%.*e", digits - 1, value);
		if ((*nearest = strtod(text, NULL)) == value || neighbour(text, 1) == value)
			return digits;
	}
}

static int digits_in(const char *text)
{
	int digits = 0, zeros = 0;
	for (; *text != '\0' && *text != 'e'; text++) {
		if (*text == '.' || *text == '-' || (*text == '0' && digits == 0))
			continue;
		zeros = *text == '0' ? zeros + 1 : 0;
		digits++;
	}
	return digits - zeros;
}

static void expect_shortest(double value)
{
	char text[NUMBER_TEXT_MAX], plain[48];
	double nearest, read;
	(void)number_format(value, text);
	int digits = fewest_digits(value, &nearest);
	EXPECT_INT(digits_in(text), digits);
	EXPECT(bits_of(strtod(text, NULL)) == bits_of(value));
	EXPECT(number_parse(slice_of(text), &read) == 0 && bits_of(read) == bits_of(value));
	if (nearest == value) { /* then it must be that one and no other */
		char again[48];
		(void)snprintf(plain, sizeof plain, "%.*e", digits - 1, value);
		(void)snprintf(again, sizeof again, "%.*e", digits - 1, strtod(text, NULL));
		EXPECT_TEXT(again, plain);
		double cut = strtod(plain, NULL);
		EXPECT(cut == value);
	}
}

TEST(random_doubles_are_as_short_as_they_can_be)
{
	struct rng rng;
	rng_seed(&rng, 4);
	for (long i = 0; i < sample_count() / 4; i++) {
		double value = any_finite(&rng);
		expect_shortest(value == 0 ? 1 : value);
	}
}

TEST(powers_of_two_and_their_neighbours_are_as_short_as_they_can_be)
{
	for (int exponent = -1074; exponent < 1024; exponent++) {
		expect_shortest(ldexp(1, exponent));
		expect_shortest(nextafter(ldexp(1, exponent), INFINITY));
		if (exponent > -1074)
			expect_shortest(nextafter(ldexp(1, exponent), 0));
	}
	for (uint64_t bits = 1; bits < 3000; bits++)
		expect_shortest(double_of(bits));
}

TEST(random_doubles_read_back_the_same)
{
	struct rng rng;
	rng_seed(&rng, 5);
	for (long i = 0; i < sample_count(); i++) {
		char text[NUMBER_TEXT_MAX];
		double value = any_finite(&rng), back;
		(void)number_format(value, text);
		EXPECT(number_parse(slice_of(text), &back) == 0);
		EXPECT(back == value);
	}
}

TEST(random_decimals_read_as_the_library_reads_them)
{
	struct rng rng;
	rng_seed(&rng, 6);
	for (long i = 0; i < sample_count(); i++) {
		char text[80];
		int at = 0, digits = 1 + (int)rng_below(&rng, 22);
		for (int n = 0; n < digits; n++) {
			text[at++] = (char)('0' + rng_below(&rng, 10));
			if (n == 0) {
				text[0] = (char)(text[0] == '0' ? '1' : text[0]);
				text[at++] = '.';
			}
		}
		int exponent = (int)rng_below(&rng, i % 2 == 0 ? 700 : 60) - (i % 2 == 0 ? 360 : 30);
		(void)snprintf(text + at, sizeof text - (size_t)at, "%se%d", digits == 1 ? "0" : "", exponent);
		double wanted = strtod(text, NULL), value = -1;
		int status = number_parse(slice_of(text), &value);
		EXPECT(isinf(wanted) ? status == -1 : status == 0 && bits_of(value) == bits_of(wanted));
	}
}

/* Exactly halfway between two doubles: the decimal has up to 767 digits. */
static size_t halfway(double value, char *text, size_t size)
{
	mpfr_t middle;
	mpfr_init2(middle, 60);
	mpfr_set_d(middle, value, MPFR_RNDN);
	mpfr_t next;
	mpfr_init2(next, 60);
	mpfr_set_d(next, nextafter(value, INFINITY), MPFR_RNDN);
	mpfr_add(middle, middle, next, MPFR_RNDN);
	mpfr_div_2ui(middle, middle, 1, MPFR_RNDN);
	int length = mpfr_snprintf(text, size, "%.1100Re", middle);
	mpfr_clear(middle);
	mpfr_clear(next);
	return (size_t)length;
}

TEST(halves_go_to_even_and_dust_decides_them)
{
	struct rng rng;
	rng_seed(&rng, 8);
	for (int i = 0; i < 300; i++) {
		double low = i == 0 ? 0 : i == 1 ? 0x1p-1074 : i == 2 ? nextafter(DBL_MAX, 0) : fabs(any_finite(&rng));
		double high = nextafter(low, INFINITY), even = bits_of(low) % 2 == 0 ? low : high, value;
		if (isinf(high))
			continue;
		static char text[2000];
		size_t length = halfway(low, text, sizeof text);
		EXPECT(number_parse((struct slice){text, length}, &value) == 0 && value == even);
		char *last = strchr(text, 'e') - 1; /* a zero far behind all that matter */
		*last = '1';
		EXPECT(number_parse((struct slice){text, length}, &value) == 0 && value == high);
	}
}

TEST(numbers_that_are_hard_to_read)
{
	static const struct {
		const char *text;
		double value;
	} rows[] = {
	    {"0", 0},
	    {"-0", -0.0},
	    {"0.0", 0},
	    {"-0.000e999999999999999999999999", -0.0},
	    {"1e-400", 0},
	    {"1e-99999999999999999999999", 0},
	    {"2.4703282292062327e-324", 0},
	    {"2.4703282292062328e-324", 0x1p-1074},
	    {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
	    {"2.2250738585072012e-308", 0x1p-1022},
	    {"9007199254740993", 9007199254740992},
	    {"9007199254740993.0000000000000000000000000000000000000000001", 9007199254740994},
	    {"9007199254740995", 9007199254740996},
	    {"18446744073709551615", 0x1p64},
	    {"18446744073709551616", 0x1p64},
	    {"10000000000000000000000000000000000000000e-40", 1},
	    {"0.000000000000000000000000000000000000000001E+42", 1},
	    {"1E5", 100000},
	    {"1e+5", 100000},
	    {"1.7976931348623157e308", DBL_MAX},
	    {"1.7976931348623158079e308", DBL_MAX},
	    {"8.988465674311580e307", 8.988465674311580e307},
	    {"123456789012345678901234567890", 123456789012345678901234567890.0},
	    {"6.02214076e23", 6.02214076e23},
	    {"1448997445238699", 1448997445238699},
	    {"7.2057594037927933e16", 0x1p56},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double value = NAN;
		EXPECT_INT(number_parse(slice_of(rows[i].text), &value), 0);
		EXPECT(bits_of(value) == bits_of(rows[i].value));
	}
}

TEST(ten_million_zeros_are_no_trouble)
{
	size_t zeros = 10000000;
	char *text = malloc(zeros + 40);
	double value = 0;
	EXPECT(text != NULL);
	if (text == NULL)
		return;
	memcpy(text, "0.", 2);
	memset(text + 2, '0', zeros);
	strcpy(text + 2 + zeros, "15e10000001");
	EXPECT(number_parse(slice_of(text), &value) == 0 && value == 1.5);
	text[0] = '1';
	strcpy(text + 2 + zeros, "e3");
	EXPECT(number_parse(slice_of(text), &value) == 0 && value == 1000);
	memset(text, '0', zeros);
	text[0] = '7';
	strcpy(text + zeros, "e-9999998");
	EXPECT(number_parse(slice_of(text), &value) == 0 && value == 70);
	free(text);
}

TEST(what_json_does_not_call_a_number_is_refused)
{
	static const char *const texts[] = {"",
					    "-",
					    "+1",
					    "01",
					    "-01",
					    "00",
					    ".5",
					    "1.",
					    "1.e5",
					    "1e",
					    "1e+",
					    "e5",
					    "NaN",
					    "nan",
					    "inf",
					    "Infinity",
					    "-Infinity",
					    "0x10",
					    "1 ",
					    " 1",
					    "1,5",
					    "1_000",
					    "--1",
					    "1e5.5",
					    "1.2.3",
					    "1f",
					    "1e308e",
					    "2e308",
					    "1e309",
					    "-1e999999999999999999999",
					    "1.7976931348623159e308"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		double value = 42;
		EXPECT_INT(number_parse(slice_of(texts[i]), &value), -1);
		EXPECT(value == 42);
	}
	double value;
	EXPECT_INT(number_parse((struct slice){"1\0002", 3}, &value), -1);
	EXPECT_INT(number_parse((struct slice){NULL, 0}, &value), -1);
	EXPECT(number_parse((struct slice){"123", 2}, &value) == 0 && value == 12);
}

TEST(integers_are_read_to_the_last_one)
{
	static const struct {
		const char *text;
		int status;
		int64_t value;
	} rows[] = {{"0", 0, 0},
		    {"-0", 0, 0},
		    {"007", 0, 7},
		    {"-42", 0, -42},
		    {"9223372036854775807", 0, INT64_MAX},
		    {"-9223372036854775808", 0, INT64_MIN},
		    {"9223372036854775808", -1, 0},
		    {"-9223372036854775809", -1, 0},
		    {"18446744073709551616", -1, 0},
		    {"", -1, 0},
		    {"-", -1, 0},
		    {"+1", -1, 0},
		    {"1.0", -1, 0},
		    {"1e3", -1, 0},
		    {" 1", -1, 0},
		    {"1 ", -1, 0},
		    {"--1", -1, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t value = 0;
		EXPECT_INT(number_parse_integer(slice_of(rows[i].text), &value), rows[i].status);
		EXPECT_INT(value, rows[i].value);
	}
	int64_t value;
	EXPECT_INT(number_parse_integer((struct slice){NULL, 0}, &value), -1);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(powers_of_ten_are_rounded_up_exactly),
					    CASE(text_is_that_of_ecmascript),
					    CASE(exponents_begin_where_ecmascript_begins_them),
					    CASE(random_doubles_are_as_short_as_they_can_be),
					    CASE(powers_of_two_and_their_neighbours_are_as_short_as_they_can_be),
					    CASE(random_doubles_read_back_the_same),
					    CASE(random_decimals_read_as_the_library_reads_them),
					    CASE(halves_go_to_even_and_dust_decides_them),
					    CASE(numbers_that_are_hard_to_read),
					    CASE(ten_million_zeros_are_no_trouble),
					    CASE(what_json_does_not_call_a_number_is_refused),
					    CASE(integers_are_read_to_the_last_one),
					    {0}};
	return test_run(tests, argc, argv);
}
