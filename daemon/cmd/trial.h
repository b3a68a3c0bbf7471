/*
 * A configuration tried on records of the past: decoded by the daemon's codec, applied by its transition, the state in
 * memory. What comes out are the vectors, for quantiles and for how often rules would have held. No message is made.
 */
#ifndef OUTLIERD_TRIAL_H
#define OUTLIERD_TRIAL_H

#include "daemon/cmd/world.h"
#include "features/apply.h"

struct trial {
	double *values; /* rows of count numbers, NaN: missing; owned */
	size_t rows, count;
	uint64_t outcomes[OUTCOME_NUMBER];
	struct err invalid; /* of the first invalid record */
};

/** What became of one feature. */
struct trial_column {
	double missing; /* share of rows */
	double median, quantile_999;
};

/** Applies the records in their order. The world has configuration and clock; its codec and feature set are made here where they are missing. ERR_UNAVAILABLE: the registry. */
int trial_run(struct trial *trial, struct world *world, const struct record *records, size_t count, int32_t partitions,
	      struct err *err) MUST_USE;
/** The value of one column that a share of its values does not exceed; NaN: no row has one. */
int trial_quantile(const struct trial *trial, size_t feature, double share, double *quantile, struct err *err) MUST_USE;
/** Sums up one column; NaN where no row has a value. */
int trial_column(const struct trial *trial, size_t feature, struct trial_column *column, struct err *err) MUST_USE;
/** Frees what it owns. */
void trial_free(struct trial *trial);

#endif
