/*
 * Integers in units of 10^-scale, against Python's fractions in test/data/number_scale.txt (made by make_numbers.py
 * there), exact decimal text and 128-bit division.
 */
#include "number.h"

#include "rng.h"
#include "test.h"

#include <inttypes.h>
#include <mpfr.h>

__extension__ typedef __int128 int128;

static double double_of(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

TEST(scaled_doubles_are_those_of_exact_fractions)
{
	FILE *file = fopen("test/data/number_scale.txt", "r");
	EXPECT(file != NULL);
	char line[200], wanted[40];
	uint64_t bits;
	int scale, lines = 0;
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (line[0] == '#')
			continue;
		EXPECT_INT(sscanf(line, "%" SCNx64 " %d %39s", &bits, &scale, wanted), 3);
		int64_t units = 0;
		int status = number_scale_double(double_of(bits), scale, &units);
		EXPECT_INT(status, wanted[0] == '-' && wanted[1] == '\0' ? -1 : 0);
		if (status == 0)
			EXPECT_INT(units, atoll(wanted));
		lines++;
	}
	EXPECT(lines > 400);
	if (file != NULL)
		fclose(file);
}

TEST(scaled_double_equals_its_exact_decimal_text)
{
	struct rng rng;
	rng_seed(&rng, 12);
	for (long i = 0; i < 10000; i++) {
		char text[1200];
		int scale = (int)rng_below(&rng, 16);
		double value =
		    ldexp((double)rng_next(&rng), -(int)rng_below(&rng, 130)) * (rng_next(&rng) % 2 ? 1 : -1);
		(void)snprintf(text, sizeof text, "%.250f", value);
		int64_t by_text = 0, by_value = 0;
		int text_status = number_parse_scaled(slice_of(text), scale, &by_text);
		EXPECT_INT(number_scale_double(value, scale, &by_value), text_status);
		EXPECT_INT(by_value, by_text);
	}
}

TEST(scaled_text_is_rounded_half_to_even_once)
{
	static const struct {
		const char *text;
		int scale, status;
		int64_t units;
	} rows[] = {{"0", 2, 0, 0},
		    {"-0.00", 2, 0, 0},
		    {"-0.001", 2, 0, 0},
		    {"12.5", 2, 0, 1250},
		    {"-12.34", 2, 0, -1234},
		    {"000012.34", 2, 0, 1234},
		    {"12.345", 2, 0, 1234},
		    {"12.355", 2, 0, 1236},
		    {"12.3450000000000000000000000000000000000000000000000001", 2, 0, 1235},
		    {"12.3449999999999999999999999999999999999999999999999999", 2, 0, 1234},
		    {"-12.355", 2, 0, -1236},
		    {"0.5", 0, 0, 0},
		    {"1.5", 0, 0, 2},
		    {"0.99", 0, 0, 1},
		    {"9.995", 2, 0, 1000},
		    {"0.999999999999999999", 15, 0, 1000000000000000},
		    {"9007199254740992", 0, 0, 9007199254740992},
		    {"-9007199254740992", 0, 0, -9007199254740992},
		    {"9007199254740992.5", 0, 0, 9007199254740992},
		    {"9007199254740992.50001", 0, -1, 0},
		    {"9007199254740993", 0, -1, 0},
		    {"90071992547409.92", 2, 0, 9007199254740992},
		    {"90071992547409.93", 2, -1, 0},
		    {"900719925474099200000000000000000000000000000000", 2, -1, 0},
		    {"000000000000000000000000000000000000000000000000001", 2, 0, 100},
		    {"0.000000000000000000000000000000000000000000000000001", 2, 0, 0},
		    {"", 2, -1, 0},
		    {"-", 2, -1, 0},
		    {"1.", 2, -1, 0},
		    {".5", 2, -1, 0},
		    {"-.5", 2, -1, 0},
		    {"+1", 2, -1, 0},
		    {"1e2", 2, -1, 0},
		    {"1.2.3", 2, -1, 0},
		    {"1,5", 2, -1, 0},
		    {" 1", 2, -1, 0},
		    {"1 ", 2, -1, 0},
		    {"--1", 2, -1, 0},
		    {"NaN", 2, -1, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t units = 0;
		EXPECT_INT(number_parse_scaled(slice_of(rows[i].text), rows[i].scale, &units), rows[i].status);
		EXPECT_INT(units, rows[i].units);
	}
	int64_t units;
	EXPECT_INT(number_parse_scaled((struct slice){NULL, 0}, 2, &units), -1);
}

TEST(scaled_units_print_without_needless_zeros)
{
	static const struct {
		int64_t units;
		int scale;
		const char *text;
	} rows[] = {{0, 2, "0"},
		    {1250, 2, "12.5"},
		    {1200, 2, "12"},
		    {1234, 2, "12.34"},
		    {5, 2, "0.05"},
		    {-5, 2, "-0.05"},
		    {-100, 2, "-1"},
		    {7, 0, "7"},
		    {700, 0, "700"},
		    {1, 15, "0.000000000000001"},
		    {INT64_MAX, 0, "9223372036854775807"},
		    {INT64_MIN, 0, "-9223372036854775808"},
		    {INT64_MIN, 18, "-9.223372036854775808"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[NUMBER_TEXT_MAX];
		size_t length = number_format_scaled(rows[i].units, rows[i].scale, text);
		EXPECT_TEXT(text, rows[i].text);
		EXPECT_INT(length, strlen(text));
	}
}

TEST(scaled_units_read_back_the_same)
{
	struct rng rng;
	rng_seed(&rng, 13);
	for (int i = 0; i < 20000; i++) {
		char text[NUMBER_TEXT_MAX];
		int scale = (int)rng_below(&rng, 16);
		int64_t units = (int64_t)(rng_next(&rng) >> (11 + rng_below(&rng, 50))), back = -1;
		units = rng_next(&rng) % 2 == 0 ? units : -units;
		(void)number_format_scaled(units, scale, text);
		EXPECT(number_parse_scaled(slice_of(text), scale, &back) == 0 && back == units);
	}
}

/* value / 10^digits by 128-bit division; digits up to 36. */
static int128 divide_half_even(int128 value, int digits)
{
	int128 divisor = 1;
	for (; digits > 0; digits--)
		divisor *= 10;
	int128 size = value < 0 ? -value : value, quotient = size / divisor, rest = size % divisor;
	if (rest > divisor - rest || (rest == divisor - rest && quotient % 2 != 0))
		quotient++;
	return value < 0 ? -quotient : quotient;
}

static size_t big_endian(int128 value, size_t length, uint8_t *bytes)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(i + 16 < length ? (value < 0 ? 0xff : 0) : value >> 8 * (length - 1 - i));
	return length;
}

TEST(avro_decimals_equal_128_bit_division)
{
	struct rng rng;
	rng_seed(&rng, 14);
	for (int i = 0; i < 50000; i++) {
		int128 value = (int128)((int64_t)rng_next(&rng)) * ((int128)1 << 60) + (int64_t)(rng_next(&rng) >> 4);
		value >>= rng_below(&rng, 124);
		int from = (int)rng_below(&rng, 34), to = (int)rng_below(&rng, 16);
		if (i % 5 == 0 && from > to) { /* an exact half */
			value = (int64_t)rng_below(&rng, 2000) - 1000;
			for (int n = 0; n < from - to; n++)
				value = n == 0 ? value * 10 + 5 : value * 10;
			from = value > (int128)1 << 120 ? to : from;
		}
		uint8_t bytes[20];
		size_t length = big_endian(value, 16 + (size_t)rng_below(&rng, 5), bytes);
		int64_t units = 0;
		int status = number_scale_decimal((struct slice){bytes, length}, from, to, &units);
		int128 wanted = 0;
		int wanted_status = 0;
		if (from >= to) {
			wanted = divide_half_even(value, from - to);
		} else {
			wanted = value;
			for (int n = from; n < to && wanted_status == 0; n++) {
				wanted *= 10;
				wanted_status = wanted > (int128)1 << 60 || wanted < -((int128)1 << 60) ? -1 : 0;
			}
		}
		int128 limit = (int128)1 << 53;
		if (wanted > limit || wanted < -limit)
			wanted_status = -1;
		EXPECT_INT(status, wanted_status);
		if (status == 0)
			EXPECT_INT(units, (int64_t)wanted);
	}
}

TEST(avro_decimals_of_any_length_are_exact)
{
	int64_t units = 7;
	EXPECT(number_scale_decimal((struct slice){NULL, 0}, 2, 2, &units) == 0 && units == 0);
	EXPECT(number_scale_decimal((struct slice){"\x85", 1}, 2, 2, &units) == 0 && units == -123);
	EXPECT(number_scale_decimal((struct slice){"\xff\xff\xff\x85", 4}, 2, 2, &units) == 0 && units == -123);
	EXPECT(number_scale_decimal((struct slice){"\x80", 1}, 0, 0, &units) == 0 && units == -128);
	EXPECT(number_scale_decimal((struct slice){"\x00\x80", 2}, 0, 0, &units) == 0 && units == 128);
	EXPECT(number_scale_decimal((struct slice){"\x80\0\0\0\0\0\0\0", 8}, 4, 0, &units) == 0);
	EXPECT(units == -922337203685478);

	/* 25 * 10^299: rounding must see the last digit. */
	mpfr_t value;
	mpfr_init2(value, 1200);
	mpfr_set_ui(value, 10, MPFR_RNDN);
	mpfr_pow_ui(value, value, 299, MPFR_RNDN);
	mpfr_mul_ui(value, value, 25, MPFR_RNDN);
	uint8_t bytes[200] = {0};
	for (size_t i = sizeof bytes; i-- > 0;) {
		mpfr_t byte;
		mpfr_init2(byte, 1200);
		mpfr_set_ui(byte, 256, MPFR_RNDN);
		mpfr_fmod(byte, value, byte, MPFR_RNDN);
		bytes[i] = (uint8_t)mpfr_get_ui(byte, MPFR_RNDN);
		mpfr_sub(value, value, byte, MPFR_RNDN);
		mpfr_div_ui(value, value, 256, MPFR_RNDN);
		mpfr_clear(byte);
	}
	mpfr_clear(value);
	struct slice number = {bytes, sizeof bytes};
	EXPECT(number_scale_decimal(number, 300, 0, &units) == 0 && units == 2);
	EXPECT(number_scale_decimal(number, 300, 1, &units) == 0 && units == 25);
	EXPECT(number_scale_decimal(number, 299, 0, &units) == 0 && units == 25);
	EXPECT(number_scale_decimal(number, 280, 0, &units) == -1);
	bytes[sizeof bytes - 1]++;
	EXPECT(number_scale_decimal(number, 300, 0, &units) == 0 && units == 3);
	bytes[0] = 1;
	EXPECT(number_scale_decimal(number, 300, 0, &units) == -1);
	EXPECT(number_scale_decimal((struct slice){"\x01", 1}, 301, 0, &units) == -1);
}

TEST(rescaling_is_exact_or_refused)
{
	static const struct {
		int64_t value;
		int from, to, status;
		int64_t units;
	} rows[] = {{1234, 2, 2, 0, 1234},
		    {1234, 2, 4, 0, 123400},
		    {-1250, 2, 1, 0, -125},
		    {125, 2, 1, 0, 12},
		    {135, 2, 1, 0, 14},
		    {-125, 2, 1, 0, -12},
		    {126, 2, 1, 0, 13},
		    {INT64_MAX, 19, 0, 0, 1},
		    {INT64_MAX, 20, 0, 0, 0},
		    {INT64_MIN, 19, 0, 0, -1},
		    {INT64_MAX, 400, 0, 0, 0},
		    {4999999999999999999, 19, 0, 0, 0},
		    {5000000000000000000, 19, 0, 0, 0},
		    {5000000000000000001, 19, 0, 0, 1},
		    {INT64_MAX, 0, 0, -1, 0},
		    {INT64_MIN, 0, 0, -1, 0},
		    {9007199254740992, 0, 0, 0, 9007199254740992},
		    {9007199254740993, 0, 0, -1, 0},
		    {1, 0, 15, 0, 1000000000000000},
		    {10, 0, 15, -1, 0},
		    {0, 0, 400, 0, 0},
		    {1, 0, 400, -1, 0},
		    {INT64_MIN, 0, 18, -1, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t units = 0;
		EXPECT_INT(number_rescale(rows[i].value, rows[i].from, rows[i].to, &units), rows[i].status);
		EXPECT_INT(units, rows[i].units);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(scaled_doubles_are_those_of_exact_fractions),
					    CASE(scaled_double_equals_its_exact_decimal_text),
					    CASE(scaled_text_is_rounded_half_to_even_once),
					    CASE(scaled_units_print_without_needless_zeros),
					    CASE(scaled_units_read_back_the_same),
					    CASE(avro_decimals_equal_128_bit_division),
					    CASE(avro_decimals_of_any_length_are_exact),
					    CASE(rescaling_is_exact_or_refused),
					    {0}};
	return test_run(tests, argc, argv);
}
