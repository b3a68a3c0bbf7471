/*
 * How an assessment is shown: as tables for people, as one JSON object, as a plot (precision against recall, and loss
 * against alerts where costs are known). Only formats; what is shown comes from daemon/cmd/assess and the rows.
 */
#ifndef OUTLIERD_ASSESS_REPORT_H
#define OUTLIERD_ASSESS_REPORT_H

#include "buffer.h"
#include "daemon/cmd/assess.h"
#include "daemon/cmd/labelled.h"

struct assess_report {
	const struct assess_options *options;
	const struct assessment *assessment;
	const struct labelled *labelled;
	const struct labelled_options *sources;
	const char *miss_cost; /* as given: a number or a column */
	const char *model_id;  /* of the scores; NULL: unknown */
	double total_days;     /* from the first row to the last; NaN: rows have no time */
};

/** Appends the tables. */
void assess_text(const struct assess_report *report, struct buffer *out);

/** Appends the object and a line end. NaN and infinities are null. */
void assess_json(const struct assess_report *report, struct buffer *out);

/** Appends the plot, an SVG document. -1: out of memory. */
int assess_plot(const struct assess_report *report, struct buffer *out, struct err *err) MUST_USE;

#endif
