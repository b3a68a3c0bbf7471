/*
 * Our side of `make bench-detector`: bench_detector.py asks, this measures, so that both sides take turns in one run. Each
 * line of standard input is a command, each answer a line with seconds of CPU time. A file of rows is raw doubles.
 *
 *   load FILE ROWS COLUMNS    rows to work on
 *   fit                       100 trees of 256 rows: draws, fetches and grows
 *   score ROWS                the first rows in one call
 *   singly ROWS               the first rows in as many calls
 *   explain ROWS              the first rows, one after the other
 */
#include "detectors/explain.h"
#include "test/bench/forest_bench.h"

#include <stdio.h>

#define LINE_BYTES 4096

struct bench {
	struct matrix matrix;
	double *values, *scores;
	struct forest *forest;
	struct explainer *explainer;
};

static void stop_at(const struct err *err)
{
	fprintf(stderr, "bench_detector: %s\n", err->message);
	exit(err_exit_status(err));
}

static void load(struct bench *bench, const char *path, size_t rows, size_t columns)
{
	FILE *file = fopen(path, "rb");
	free(bench->values);
	free(bench->scores);
	bench->values = must(malloc(rows * columns * sizeof *bench->values));
	bench->scores = must(malloc(rows * sizeof *bench->scores));
	bench->matrix = (struct matrix){bench->values, rows, columns, columns};
	if (file == NULL || fread(bench->values, columns * sizeof *bench->values, rows, file) != rows) {
		fprintf(stderr, "bench_detector: %s is too short\n", path);
		exit(66);
	}
	fclose(file);
}

static void fit(struct bench *bench)
{
	forest_free(bench->forest);
	bench->forest = train(&bench->matrix);
}

static void score(const struct bench *bench, size_t rows, size_t together)
{
	struct err err = {0};
	size_t columns = bench->matrix.columns;
	for (size_t from = 0; from < rows; from += together) {
		struct matrix some = {bench->values + from * columns, together, columns, columns};
		if (forest_score(bench->forest, &some, bench->scores + from, &err) != 0)
			stop_at(&err);
	}
}

static void explain(struct bench *bench, size_t rows)
{
	double phi[FOREST_COLUMNS_MAX], base;
	for (size_t row = 0; row < rows; row++)
		explainer_row(bench->explainer, bench->values + row * bench->matrix.columns, phi, &base);
}

/* False: it is no command. */
static bool obey(struct bench *bench, const char *line, double *seconds)
{
	char word[16], path[LINE_BYTES];
	size_t rows, columns;
	if (sscanf(line, "load %4095s %zu %zu", path, &rows, &columns) == 3 && columns <= FOREST_COLUMNS_MAX) {
		load(bench, path, rows, columns);
		return true;
	}
	int words = sscanf(line, "%15s %zu", word, &rows);
	if (words == 2 && (rows > bench->matrix.rows || bench->forest == NULL))
		return false;
	if (words == 2 && strcmp(word, "explain") == 0) {
		explainer_free(bench->explainer);
		bench->explainer = must(explainer_new(bench->forest));
	}
	double start = now();
	if (words == 1 && strcmp(word, "fit") == 0)
		fit(bench);
	else if (words == 2 && strcmp(word, "score") == 0)
		score(bench, rows, rows);
	else if (words == 2 && strcmp(word, "singly") == 0)
		score(bench, rows, 1);
	else if (words == 2 && strcmp(word, "explain") == 0)
		explain(bench, rows);
	else
		return false;
	*seconds = now() - start;
	return true;
}

int main(void)
{
	static char line[LINE_BYTES];
	struct bench bench = {.values = NULL};
	int status = 0;
	while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
		double seconds = 0.0;
		if (obey(&bench, line, &seconds)) {
			printf("%.9f\n", seconds);
			fflush(stdout);
		} else {
			fprintf(stderr, "bench_detector: what is %s", line);
			status = 64;
		}
	}
	forest_free(bench.forest);
	explainer_free(bench.explainer);
	free(bench.values);
	free(bench.scores);
	return status;
}
