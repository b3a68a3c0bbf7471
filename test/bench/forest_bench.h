/* What the benchmarks of the forest share: a clock, and training with everything in memory. */
#ifndef OUTLIERD_FOREST_BENCH_H
#define OUTLIERD_FOREST_BENCH_H

#include "detectors/train.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CPU seconds of this process. */
static inline double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static inline void *must(void *memory)
{
	if (memory == NULL)
		exit(71);
	return memory;
}

/* 100 trees of 256 rows: draws, fetches and grows. */
static inline struct forest *train(const struct matrix *matrix)
{
	struct train_options options = {TRAIN_TREES_DEFAULT, TRAIN_SAMPLE_DEFAULT, 1, false, false};
	struct train_plan plan;
	struct err err = {0};
	size_t columns = matrix->columns;
	if (train_plan_make(&options, matrix->rows, &plan, &err) != 0)
		exit(err_exit_status(&err));
	double *rows = must(malloc(plan.distinct_count * columns * sizeof *rows));
	for (size_t i = 0; i < plan.distinct_count; i++)
		memcpy(rows + i * columns, matrix->values + plan.distinct[i] * matrix->stride, columns * sizeof *rows);
	struct matrix sampled = {rows, plan.distinct_count, columns, columns};
	struct forest *forest = must(train_forest(&options, &plan, &sampled, &err));
	free(rows);
	train_plan_free(&plan);
	return forest;
}

#endif
