/*
 * What `evaluate` computes of labelled scores: everything at once, with intervals. Pure: no files, no printing;
 * daemon/cmd/assess_text, assess_json and assess_plot show it.
 *
 * Intervals cover 95 %. Those of shares at a given threshold are Wilson's. The others are percentiles of a bootstrap
 * (Efron and Tibshirani, 1993): all rows drawn anew with replacement, `resamples` times, the same draw for both models
 * where two are compared. Rows of one entity are not independent: where few entities have many rows, the true intervals
 * are wider.
 */
#ifndef OUTLIERD_ASSESS_H
#define OUTLIERD_ASSESS_H

#include "detectors/evaluation.h"

#include <stdint.h>

#define ASSESS_LIST_MAX 64 /* thresholds, or k, or k a day, to look at */

struct interval {
	double low, high; /* NaN: none */
};

/** How many rows to look at: a number, or a share of all rows' weight, rounded to whole rows and at least one. */
struct assess_count {
	double value; /* rows, or percent */
	bool percent;
};

struct assess_options {
	double thresholds[ASSESS_LIST_MAX];
	size_t threshold_count;
	struct assess_count tops[ASSESS_LIST_MAX];
	size_t top_count;
	double per_day[ASSESS_LIST_MAX];
	size_t per_day_count;
	double alert_cost;  /* NaN: costs play no part */
	double capacity;    /* alerts a day; NaN: not asked */
	double span_days;   /* from the first to the last row; for capacity */
	size_t day_limit;   /* as of struct labelled; for per_day */
	size_t group_count; /* 0: no groups */
	bool ranked, compared;
	uint32_t resamples; /* 0: no bootstrap */
	uint64_t seed;
	/** Called after each resample; may be NULL. */
	void (*progress)(void *context, const char *what, uint64_t rows, uint64_t done, uint64_t total);
	void *context;
};

/** What alerts there are under one condition. */
struct assess_alerts {
	double asked;     /* threshold, rows, percent or rows a day */
	double threshold; /* lowest score among them; NaN without alerts */
	struct evaluation_alerts alerts;
	double precision, recall;
	double other_precision; /* of the compared model under the same condition; NaN: none */
	struct interval precision_interval, recall_interval, gain_interval; /* gain: other_precision - precision */
	size_t days;                                                        /* of k a day: days that have rows */
	double precision_mean; /* of k a day: mean over days of caught / k */
};

/** Both areas of a model. */
struct assess_areas {
	struct evaluation_areas value;
	struct interval roc_auc, pr_auc;
};

/** A threshold to choose. */
struct assess_choice {
	struct evaluation_choice choice;
	struct assess_alerts at;
	struct interval threshold, loss;
	double loss_without; /* no alert at all */
	double loss_all;     /* everything an alert */
};

/** How many rows reach a rank: expected by its meaning, and found. */
struct assess_rank {
	double expected, found, caught; /* shares of all rows, and of the positives */
	struct interval interval;       /* of found */
};

struct assess_group {
	struct evaluation_totals totals;
	struct evaluation_areas areas;
	struct assess_alerts at;
	size_t rows;
};

struct assessment {
	size_t rows;
	struct evaluation_totals totals;
	struct assess_areas areas, other, difference; /* difference: other - areas */
	struct assess_alerts thresholds[ASSESS_LIST_MAX], tops[ASSESS_LIST_MAX], per_day[ASSESS_LIST_MAX];
	struct assess_choice cost, capacity;
	struct assess_rank ranks[EVALUATION_RANKS];
	double cut;                  /* the threshold that groups are looked at with; NaN: none */
	struct assess_group *groups; /* owned; group_count of them */
	uint32_t resamples;          /* that had positives and negatives */
};

/** Computes all that is asked of rows in evaluation_sort()'s order, numbered by place. -1: out of memory. */
int assess(struct assessment *assessment, const struct assess_options *options, const struct evaluation_row *rows,
	   size_t count, struct err *err) MUST_USE;

/** Frees what it owns. */
void assess_free(struct assessment *assessment);

#endif
