#include "rng.h"
#include "sort.h"
#include "test/unit/test.h"

#include <float.h>

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static void expect_as_qsort(double *values, size_t count)
{
	double *twin = malloc((count + 1) * sizeof *twin);
	memcpy(twin, values, count * sizeof *twin);
	qsort(twin, count, sizeof *twin, compare);
	EXPECT(sort_doubles(values, count) == 0);
	EXPECT(count == 0 || memcmp(values, twin, count * sizeof *twin) == 0);
	free(twin);
}

TEST(any_doubles_come_out_as_from_qsort)
{
	struct rng rng;
	rng_seed(&rng, 9);
	double values[1000];
	for (size_t count = 0; count < 1000; count += 1 + count / 3) {
		for (size_t i = 0; i < count; i++) /* of any size and sign */
			do {
				uint64_t bits = rng_next(&rng);
				memcpy(&values[i], &bits, sizeof bits);
			} while (isnan(values[i]));
		expect_as_qsort(values, count);
		for (size_t i = 0; i < count; i++)
			values[i] = (double)rng_below(&rng, 5) - 2; /* ties */
		expect_as_qsort(values, count);
	}
}

TEST(the_ends_of_the_range_stand_at_the_ends)
{
	double values[] = {1, -INFINITY, DBL_MIN / 4, DBL_MAX, -DBL_MAX, INFINITY, 0.0, -1, -DBL_MIN / 4};
	expect_as_qsort(values, sizeof values / sizeof *values);
	double zeros[] = {0.0, -0.0, 0.0};
	EXPECT(sort_doubles(zeros, 3) == 0);
	EXPECT(signbit(zeros[0]) && !signbit(zeros[1]) && !signbit(zeros[2]));
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(any_doubles_come_out_as_from_qsort),
					CASE(the_ends_of_the_range_stand_at_the_ends),
					{0}},
			argc, argv);
}
