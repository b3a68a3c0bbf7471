/*
 * Seeded matrices and forests for the detectors' tests: with missing values, constants, ties, and numbers that no
 * float32 holds.
 */
#ifndef OUTLIERD_FOREST_SAMPLE_H
#define OUTLIERD_FOREST_SAMPLE_H

#include "detectors/forest.h"
#include "detectors/train.h"
#include "rng.h"

/** What the columns of forest_sample_matrix() are like, cycling: 0 plain, 1 ties, 2 constant, 3 extreme, 4 many missing. */
#define FOREST_SAMPLE_KINDS 5

/** rows * columns numbers, to be freed; with missing share of NaN everywhere (and half in columns of kind 4 where the share is not 0). */
double *forest_sample_values(struct rng *rng, size_t rows, size_t columns, double missing);

/** Trains on the whole matrix by plan and builder. Aborts where that fails. */
struct forest *forest_sample_fit(const struct train_options *options, const struct matrix *matrix);

/** A random tree of the given depth, so deep on at least one path, over so many columns; listed: with missing_left. */
void forest_sample_tree(struct rng *rng, struct tree *tree, unsigned depth, size_t columns, bool listed);

/** A forest dumped by scikit-learn (../shared/data/golden/NAME.model.json.gz) as parts; false where the file is not there. Aborts where it is damaged. */
bool forest_sample_golden(const char *name, struct forest_parts *parts);

/** Reads a CSV file of numbers, gzipped or not, after its header row: *values to be freed. False where it is not there. Aborts where it is damaged. */
bool forest_sample_csv(const char *path, double **values, size_t *rows, size_t *columns);

#endif
