/*
 * Training, byte for byte as docs/model-file.md specifies, so that two implementations make the same model. In two
 * parts, because the rows may not fit in memory: the plan says which rows each tree draws, the caller fetches just
 * these, the builder grows the trees.
 */
#ifndef OUTLIERD_TRAIN_H
#define OUTLIERD_TRAIN_H

#include "detectors/forest.h"
#include "rng.h"

#define TRAIN_TREES_DEFAULT 100
#define TRAIN_SAMPLE_DEFAULT 256
#define TRAIN_SEED_MAX (UINT64_C(1) << 53) /* exact as a JSON number */
#define TRAIN_REFERENCE_ROWS_MAX 1000000
#define TRAIN_REFERENCE_VALUES_MAX 20000000 /* of all columns: 160 MB */

struct train_options {
	uint32_t trees;  /* 1 .. FOREST_TREES_MAX */
	uint32_t sample; /* rows per tree, at least 1 */
	uint64_t seed;   /* 0 .. TRAIN_SEED_MAX */
	bool density;    /* leaves by density, see docs/model-file.md; else by depth */
	bool gain;       /* every second cut by gain, likewise; else all at random */
};

struct train_plan {
	uint32_t psi;       /* min(sample, rows) */
	uint64_t *distinct; /* the drawn row numbers, ascending, each once, owned */
	size_t distinct_count;
	uint32_t *places;       /* trees * psi: where each tree's rows stand in distinct, ascending, owned */
	struct rng *generators; /* of each tree, as its draw left it: growing goes on with it; owned */
};

/** ERR_USAGE, naming the option, its value and its range, where one is out of range. */
int train_options_check(const struct train_options *options, struct err *err) MUST_USE;

/** Draws the rows of every tree among `rows`. ERR_DATA where rows is 0; ERR_USAGE as train_options_check(), and where so many rows may make more than FOREST_NODES_MAX nodes. */
int train_plan_make(const struct train_options *options, uint64_t rows, struct train_plan *plan,
		    struct err *err) MUST_USE;
/** Frees its arrays. */
void train_plan_free(struct train_plan *plan);

/** The most rows that references and calibration are made of: TRAIN_REFERENCE_ROWS_MAX, and with many columns as many as have TRAIN_REFERENCE_VALUES_MAX values. */
size_t train_reference_most(size_t columns);

/** Draws the rows that references and calibration are made of: all where there are at most train_reference_most(), else so many. Ascending row numbers, to be freed by the caller. ERR_DATA where rows is 0. */
int train_reference_rows(const struct train_options *options, uint64_t rows, size_t columns, uint64_t **drawn,
			 size_t *count, struct err *err) MUST_USE;

/** Grows the forest. sampled holds the rows plan->distinct names, in that order (columns as configured, NaN = missing). */
struct forest *train_forest(const struct train_options *options, const struct train_plan *plan,
			    const struct matrix *sampled, struct err *err) MUST_USE;

#endif
