/*
 * The policy's threshold: absolute, a quantile of the calibration scores, or a number of alerts a day. Resolved once
 * against a model, then frozen. (Rules look at features and fields too and live in daemon/pipeline/decide.)
 */
#ifndef OUTLIERD_POLICY_H
#define OUTLIERD_POLICY_H

#include "detectors/model.h"

enum threshold_kind { THRESHOLD_ABSOLUTE, THRESHOLD_QUANTILE, THRESHOLD_ALERTS_PER_DAY };

struct threshold_options {
	enum threshold_kind kind;
	double value;
};

/** The score from which on an event is flagged (s >= threshold). alerts_per_day needs the time range of the calibration rows. ERR_CONFIG says what is wrong. */
int policy_threshold(const struct threshold_options *options, const struct model *model, double *threshold,
		     struct err *err) MUST_USE;

#endif
