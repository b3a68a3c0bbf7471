#include "features/median.h"
#include "rng.h"
#include "test.h"

#include <stdlib.h>

#define MOST 300
#define ROUNDS 20000

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

/* Values of one kind: few different ones, small, near either end of the range, powers of two. */
static int64_t draw(struct rng *rng, uint64_t kind)
{
	const int64_t most = INT64_C(1) << 54;
	switch (kind) {
	case 0:
		return (int64_t)rng_below(rng, 3) - 1;
	case 1:
		return (int64_t)rng_below(rng, 100000) - 50000;
	case 2:
		return rng_below(rng, 2) == 0 ? most - (int64_t)rng_below(rng, 3) : (int64_t)rng_below(rng, 3) - most;
	default:
		return (INT64_C(1) << rng_below(rng, 55)) * (rng_below(rng, 2) == 0 ? 1 : -1);
	}
}

TEST(the_lower_median_is_that_of_the_sorted_values)
{
	struct rng rng;
	rng_seed(&rng, 3);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t values[MOST], sorted[MOST];
		uint64_t kind = rng_below(&rng, 4);
		size_t count = 1 + rng_below(&rng, rng_below(&rng, 2) == 0 ? 6 : MOST);
		for (size_t i = 0; i < count; i++)
			values[i] = sorted[i] = draw(&rng, kind);
		int64_t got = median_lower(values, count);
		qsort(sorted, count, sizeof *sorted, compare);
		EXPECT_INT(got, sorted[(count - 1) / 2]);
	}
}

TEST(the_whole_range_of_values_fits)
{
	const int64_t most = INT64_MAX / 2;
	EXPECT_INT(median_lower((int64_t[]){-most, most}, 2), -most);
	EXPECT_INT(median_lower((int64_t[]){-most, most, most}, 3), most);
	EXPECT_INT(median_lower((int64_t[]){most}, 1), most);
	EXPECT_INT(median_lower((int64_t[]){-1, -2, -4, -3}, 4), -3);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(the_lower_median_is_that_of_the_sorted_values),
					CASE(the_whole_range_of_values_fits),
					{0}},
			argc, argv);
}
