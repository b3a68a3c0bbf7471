/* How an explanation is shown: for people, as JSON, as a plot. Each appends to a buffer, whose owner looks for its failure. */
#ifndef OUTLIERD_EXPLAIN_REPORT_H
#define OUTLIERD_EXPLAIN_REPORT_H

#include "daemon/cmd/explain.h"

/** Appends the report for people. */
void explain_text(const struct explanation *explanation, const struct world *world, struct buffer *out);

/** Appends one JSON object and a line end. */
void explain_json(const struct explanation *explanation, const struct world *world, struct buffer *out);

/** Appends the waterfall of the contributions. ERR_DATA where there are none: not scored, or without a model. */
int explain_plot(const struct explanation *explanation, const struct world *world, struct buffer *out,
		 struct err *err) MUST_USE;

/** "match", "difference", "vector", "alone". */
const char *explain_result_name(enum explanation_result result);

#endif
