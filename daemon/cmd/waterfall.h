/*
 * One row's explanation as a plot, for paper: from the base value down to the score, a bar for each feature's
 * contribution, the largest first. Nothing is told by colour alone: dark bars accuse and lead to the right, white ones
 * excuse and lead to the left, and each has its number. The unit is that of alerts, log2 of the score (detectors/explain.h).
 */
#ifndef OUTLIERD_WATERFALL_H
#define OUTLIERD_WATERFALL_H

#include "detectors/explain.h"
#include "detectors/model.h"

#define WATERFALL_BARS_MAX 20 /* where there are more contributions, the last bar is the sum of the smaller ones */

/** What is drawn; all of it is borrowed. Texts may be of any bytes and length: they are cut to the room that there is. */
struct waterfall {
	struct slice title;   /* which row */
	const char *model_id; /* of which 12 characters are shown */
	size_t count;         /* of features, at least 1 */
	const char *const *names;
	const double *values;                       /* NaN: missing */
	const double *contributions;                /* to log2 of the score */
	const struct feature_reference *references; /* what is usual; p5 and p95 NaN: unknown */
	double base;                                /* base + all contributions = log2 of the score */
	double score;                               /* above 0 */
	double rank;                                /* of the score; NaN: unknown */
	double threshold;                           /* a score; NaN or not above 0: none */
	const char *threshold_name;                 /* as "0.99 quantile" */
};

/** Appends the plot. */
void waterfall_draw(const struct waterfall *waterfall, struct buffer *out);

/**
 * Appends the plot of a row of the model's columns, with the model's own threshold: an imported forest's; else the 0.99
 * quantile of the calibration, which a configuration without policy.threshold takes. The explainer is that of the
 * model's forest. ERR_DATA: a missing value that the forest refuses; ERR_MEMORY, which a failed buffer is, too.
 */
int waterfall_row(const struct model *model, struct explainer *explainer, const double *row, struct slice title,
		  struct buffer *out, struct err *err) MUST_USE;

#endif
