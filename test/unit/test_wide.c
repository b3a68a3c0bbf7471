#include "features/wide.h"
#include "rng.h"
#include "test/unit/test.h"

TEST(doubles_of_128_bits_are_the_nearest_to_even)
{
	EXPECT(wide_double(0) == 0);
	EXPECT(wide_double(-5) == -5);
	EXPECT(wide_double(((int128)1 << 53) + 1) == 0x1p53);
	EXPECT(wide_double(((int128)1 << 53) + 3) == 0x1p53 + 4);
	EXPECT(wide_double(((int128)1 << 100) + ((int128)1 << 47)) == 0x1p100);
	EXPECT(wide_double(((int128)1 << 100) + ((int128)1 << 47) + 1) == 0x1.0000000000001p100);
	EXPECT(wide_double(((int128)3 << 99) + ((int128)1 << 46)) == 0x1.8p100);
	EXPECT(wide_double(-(((int128)1 << 126) - 1)) == -0x1p126);
	EXPECT(wide_double((int128)((uint128)1 << 127)) == -0x1p127);
}

TEST(doubles_agree_with_the_compiler_for_random_integers)
{
	struct rng rng;
	rng_seed(&rng, 5);
	for (int i = 0; i < 200000; i++) {
		uint128 bits = (uint128)rng_next(&rng) << 64 | rng_next(&rng);
		int128 value = (int128)bits >> rng_below(&rng, 128);
		if (rng_below(&rng, 4) == 0) /* near the middle between two doubles */
			value = value / ((int128)1 << 40) * ((int128)1 << 40) + ((int128)1 << 39) +
				(int128)rng_below(&rng, 3) - 1;
		EXPECT(wide_double(value) == (double)value);
	}
}

TEST(the_spread_is_exact_where_doubles_would_cancel)
{
	/* Two values, 2^53 and 2^53 - 1: n * squares - sum^2 = 1, far below the last bit of either term. */
	uint128 big = (uint128)1 << 53;
	EXPECT(wide_spread(2, big * big + (big - 1) * (big - 1), (int128)(2 * big - 1)) == 1);
	EXPECT(wide_spread(2, big * big * 2, -(int128)(2 * big)) == 0);
	EXPECT(wide_spread(3, 14, 6) == 6);
	EXPECT(wide_spread(1, 25, -5) == 0);
}

TEST(the_spread_goes_up_to_256_bits)
{
	/* n values, half of them x and half -x: n * (n * x^2). */
	uint64_t n = UINT64_C(1) << 48;
	uint128 squares = (uint128)1 << 126;
	EXPECT(wide_spread(n, squares, 0) == 0x1p174);
	EXPECT(wide_spread(n, squares + 1, 0) == 0x1p174);
	EXPECT(wide_spread(n, squares, (int128)1 << 86) == 0x1p174 - 0x1p172);
	EXPECT(wide_spread(n, squares, -((int128)1 << 87)) == 0);
	EXPECT(wide_is_spread(n, squares, (int128)1 << 87));
	EXPECT(!wide_is_spread(n, squares, ((int128)1 << 87) + 1));
	EXPECT(wide_is_spread(2, 2, 2) && !wide_is_spread(2, 1, 2));
}

TEST(both_ways_to_the_spread_agree)
{
	struct rng rng;
	rng_seed(&rng, 6);
	for (int i = 0; i < 100000; i++) {
		/* Scaled by 2^64 the long way is taken; the result is then exactly 2^64 times the short one. */
		uint64_t n = 2 + rng_below(&rng, 1000);
		int64_t sum = (int64_t)(rng_next(&rng) >> (34 + rng_below(&rng, 20)));
		uint128 least = ((uint128)sum * (uint128)sum + n - 1) / n;
		uint64_t squares = (uint64_t)least + rng_below(&rng, 1 + rng_below(&rng, UINT64_C(1) << 40));
		double shortly = wide_spread(n, squares, sum);
		EXPECT(wide_spread(n, (uint128)squares << 64, (int128)sum << 32) == shortly * 0x1p64);
	}
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(doubles_of_128_bits_are_the_nearest_to_even),
					CASE(doubles_agree_with_the_compiler_for_random_integers),
					CASE(the_spread_is_exact_where_doubles_would_cancel),
					CASE(the_spread_goes_up_to_256_bits),
					CASE(both_ways_to_the_spread_agree),
					{0}},
			argc, argv);
}
