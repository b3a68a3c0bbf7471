/* Inside an assessment: the intervals that come from drawing the rows anew. */
#ifndef OUTLIERD_ASSESS_BOOTSTRAP_H
#define OUTLIERD_ASSESS_BOOTSTRAP_H

#include "daemon/cmd/assess.h"

/** Fills the intervals of an assessment whose values stand. others: the rows by the other model's scores, or NULL. -1: out of memory. */
int assess_bootstrap(struct assessment *assessment, const struct assess_options *options,
		     const struct evaluation_row *rows, const struct evaluation_row *others, size_t count,
		     struct err *err) MUST_USE;

/** How many rows (of weight) are meant. */
double assess_rows_of(const struct assess_count *count, const struct evaluation_totals *totals);

#endif
