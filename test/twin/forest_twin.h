/*
 * The isolation forest once more, written from docs/model-file.md and for plainness alone: training with whole arrays of
 * row numbers and copied lists, scoring by walking down, Shapley values by going through all coalitions.
 */
#ifndef OUTLIERD_FOREST_TWIN_H
#define OUTLIERD_FOREST_TWIN_H

#include "detectors/forest.h"
#include "detectors/train.h"

#define FOREST_TWIN_COALITION_COLUMNS_MAX 12

/** Trains on the whole matrix; parts to be freed with forest_parts_free() or given to forest_take(). Aborts when out of memory. */
void forest_twin_train(const struct train_options *options, const struct matrix *matrix, struct forest_parts *parts);

/** Sum over the trees, in order, of the row's path lengths. */
double forest_twin_sum(const struct forest_parts *parts, const double *row);

/** The score of a row. */
double forest_twin_score(const struct forest_parts *parts, const double *row);

/** Shapley values of the mean path length over all coalitions of at most FOREST_TWIN_COALITION_COLUMNS_MAX columns. */
void forest_twin_shapley(const struct forest_parts *parts, const double *row, double *phi, double *base);

/** True where both have the same trees, bit for bit, and the same numbers beside them. */
bool forest_twin_equal(const struct forest_parts *a, const struct forest_parts *b);

#endif
