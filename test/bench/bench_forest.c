/*
 * The forest on one core: training, scoring (bulk, row by row, with missing values), explaining; 100 trees of 256 rows on
 * 100,000 Gaussian rows of 20 columns. Each number is the best of some rounds. The last line is the requirement.
 */
#include "detectors/explain.h"
#include "rng.h"
#include "test/bench/forest_bench.h"

#include <math.h>
#include <stdio.h>

#define ROWS 100000
#define COLUMNS 20
#define ROUNDS 7
#define REQUIRED 700000.0 /* rows a second */

static double gaussian(struct rng *rng)
{
	double sum = -6.0;
	for (int i = 0; i < 12; i++)
		sum += rng_uniform(rng);
	return sum;
}

/* Rows scored a second, `batch` rows at a call. */
static double scored(const struct forest *forest, const struct matrix *matrix, size_t batch, double *scores)
{
	struct err err = {0};
	double best = 0;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now();
		for (size_t from = 0; from < matrix->rows; from += batch) {
			struct matrix some = {matrix->values + from * matrix->stride,
					      matrix->rows - from < batch ? matrix->rows - from : batch, COLUMNS,
					      matrix->stride};
			if (forest_score(forest, &some, scores + from, &err) != 0)
				exit(err_exit_status(&err));
		}
		best = fmax(best, (double)matrix->rows / (now() - start));
	}
	return best;
}

static double explained(const struct forest *forest, const struct matrix *matrix)
{
	struct explainer *explainer = must(explainer_new(forest));
	double phi[COLUMNS], base, best = 0;
	const size_t rows = 1000;
	for (int round = 0; round < 3; round++) {
		double start = now();
		for (size_t row = 0; row < rows; row++)
			explainer_row(explainer, matrix->values + row * matrix->stride, phi, &base);
		best = fmax(best, (double)rows / (now() - start));
	}
	explainer_free(explainer);
	return best;
}

int main(void)
{
	struct rng rng;
	rng_seed(&rng, 1);
	double *values = must(malloc((size_t)ROWS * COLUMNS * sizeof *values)),
	       *scores = must(malloc(ROWS * sizeof *scores));
	for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
		values[i] = gaussian(&rng);
	struct matrix matrix = {values, ROWS, COLUMNS, COLUMNS}, few = {values, 10000, COLUMNS, COLUMNS};
	struct forest *forest = NULL;
	double best = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		forest_free(forest);
		double start = now();
		forest = train(&matrix);
		best = fmin(best, now() - start);
	}
	printf("forest: train 100 trees of 256 rows, %d columns       %10.2f ms\n", COLUMNS, best * 1e3);
	double bulk = scored(forest, &matrix, ROWS, scores);
	printf("forest: score, all rows at once                       %10.0f rows/s\n", bulk);
	printf("forest: score, batches of 1,000                       %10.0f rows/s\n",
	       scored(forest, &matrix, 1000, scores));
	printf("forest: score, single rows                            %10.0f rows/s\n",
	       scored(forest, &few, 1, scores));
	printf("forest: explain                                       %10.0f rows/s\n", explained(forest, &matrix));
	for (size_t row = 0; row < few.rows; row++)
		values[row * COLUMNS + row % COLUMNS] = values[row * COLUMNS + (row + 7) % COLUMNS] = NAN;
	printf("forest: score, 2 of 20 values missing in each row     %10.0f rows/s\n",
	       scored(forest, &few, 1000, scores));
	printf("forest: %s: %.0f rows/s per core, %.0f required\n", bulk >= REQUIRED ? "ok" : "TOO SLOW", bulk,
	       REQUIRED);
	forest_free(forest);
	free(values);
	free(scores);
	return bulk >= REQUIRED ? 0 : 1;
}
