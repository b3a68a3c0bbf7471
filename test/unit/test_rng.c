#include "rng.h"

#include "test.h"

__extension__ typedef unsigned __int128 uint128;

TEST(outputs_are_those_of_the_reference)
{
	static const uint64_t wanted[] = {11520,
					  0,
					  1509978240,
					  1215971899390074240,
					  1216172134540287360,
					  607988272756665600,
					  16172922978634559625u,
					  8476171486693032832,
					  10595114339597558777u,
					  2904607092377533576};
	struct rng rng = {{1, 2, 3, 4}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		EXPECT(rng_next(&rng) == wanted[i]);
}

TEST(seed_is_spread_by_splitmix64)
{
	static const uint64_t wanted[] = {6457827717110365317, 3203168211198807973, 9817491932198370423u,
					  4593380528125082431};
	struct rng rng;
	rng_seed(&rng, 1234567);
	for (int i = 0; i < 4; i++)
		EXPECT(rng.state[i] == wanted[i]);
	rng_seed(&rng, 0);
	EXPECT(rng.state[0] == 0xe220a8397b1dcdaf);
	EXPECT(rng_next(&rng) == 0x99ec5f36cb75f2b4);
	EXPECT(rng_next(&rng) == 0xbf6e1f784956452a);
}

/* Lemire's method in its plainest form: always divide. */
static uint64_t naive_below(struct rng *rng, uint64_t bound)
{
	for (;;) {
		uint128 product = (uint128)rng_next(rng) * bound;
		if ((uint64_t)product >= (uint64_t)(((uint128)1 << 64) % bound))
			return (uint64_t)(product >> 64);
	}
}

TEST(bounded_numbers_equal_the_naive_twin)
{
	struct rng fast, naive;
	rng_seed(&fast, 3);
	rng_seed(&naive, 3);
	for (int i = 0; i < 200000; i++) {
		uint64_t bound = (rng_next(&fast) >> i % 64) | 1;
		EXPECT(((rng_next(&naive) >> i % 64) | 1) == bound);
		uint64_t value = rng_below(&fast, bound);
		EXPECT(value < bound);
		EXPECT(naive_below(&naive, bound) == value);
	}
	EXPECT(memcmp(&fast, &naive, sizeof fast) == 0);
}

TEST(too_frequent_numbers_are_drawn_again)
{
	/* For this bound almost half of all draws must be rejected. */
	uint64_t bound = ((uint64_t)1 << 63) + 1, rejected = 0;
	struct rng rng, counter;
	rng_seed(&rng, 5);
	counter = rng;
	for (int i = 0; i < 1000; i++) {
		(void)rng_below(&rng, bound);
		for (rejected--; memcmp(&counter, &rng, sizeof rng) != 0; rejected++)
			(void)rng_next(&counter);
	}
	EXPECT(rejected > 900 && rejected < 1100);
}

TEST(bound_1_gives_0_and_takes_one_draw)
{
	struct rng rng, other;
	rng_seed(&rng, 9);
	other = rng;
	EXPECT_INT(rng_below(&rng, 1), 0);
	(void)rng_next(&other);
	EXPECT(memcmp(&rng, &other, sizeof rng) == 0);
}

TEST(small_bounds_are_uniform)
{
	struct rng rng;
	rng_seed(&rng, 42);
	double counts[7] = {0}, chi = 0;
	for (int i = 0; i < 70000; i++)
		counts[rng_below(&rng, 7)]++;
	for (int i = 0; i < 7; i++)
		chi += (counts[i] - 10000) * (counts[i] - 10000) / 10000;
	EXPECT(chi < 22.5); /* 6 degrees of freedom: 0.1 % */
}

TEST(uniform_is_the_upper_53_bits)
{
	struct rng rng, other;
	rng_seed(&rng, 1);
	other = rng;
	double least = 1, most = 0;
	for (int i = 0; i < 100000; i++) {
		double value = rng_uniform(&rng);
		EXPECT(value == ldexp((double)(rng_next(&other) >> 11), -53));
		least = fmin(least, value);
		most = fmax(most, value);
	}
	EXPECT(least >= 0 && least < 1e-3);
	EXPECT(most < 1 && most > 0.999);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
	    CASE(outputs_are_those_of_the_reference),   CASE(seed_is_spread_by_splitmix64),
	    CASE(bounded_numbers_equal_the_naive_twin), CASE(too_frequent_numbers_are_drawn_again),
	    CASE(bound_1_gives_0_and_takes_one_draw),   CASE(small_bounds_are_uniform),
	    CASE(uniform_is_the_upper_53_bits),         {0}};
	return test_run(tests, argc, argv);
}
