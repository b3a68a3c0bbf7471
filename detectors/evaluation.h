/*
 * How well scores find what is labelled positive: the area under the ROC curve, average precision (the area under the
 * precision-recall curve), precision and recall of the rows at or above a threshold or of the k highest, the threshold
 * that costs least, the one that a capacity allows. Rows of equal score are never told apart: they are alerts together,
 * or share what is left of k.
 *
 * Every sum is one of weights. `counts` says how often each row occurs, by its number (a resample; NULL: once each), and
 * is multiplied with its weight. Rows must be in the order of evaluation_sort(). Areas and precisions are scikit-learn's
 * (roc_auc_score, average_precision_score, precision_score, recall_score) to rounding.
 */
#ifndef OUTLIERD_EVALUATION_H
#define OUTLIERD_EVALUATION_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define EVALUATION_ROWS_MAX UINT32_MAX
#define EVALUATION_RANKS 5

/** The ranks whose alert rates are looked at: 0.5, 0.9, 0.95, 0.99, 0.999. */
extern const double evaluation_ranks[EVALUATION_RANKS];

/** One row. 10,000,000 of them are 480 MB. */
struct evaluation_row {
	double score;
	double other;     /* the same row's score by another model; NaN: none */
	double weight;    /* finite, not negative */
	double miss_cost; /* of a positive row that is no alert; finite, not negative */
	uint32_t number;  /* its place in counts */
	uint32_t day;     /* any number that days share */
	uint32_t group;   /* the caller's */
	uint8_t ranks;    /* how many of evaluation_ranks its rank reaches */
	bool positive;
};

/** Sorts by score, highest first, equal scores by number. */
void evaluation_sort(struct evaluation_row *rows, size_t count);

/** Gives rows the numbers of their places, so that counts may have as many elements as there are rows. */
void evaluation_number(struct evaluation_row *rows, size_t count);

/** The same rows, numbers kept, with the other model's scores for their own, sorted by these; the caller frees it. NULL: out of memory. */
struct evaluation_row *evaluation_others(const struct evaluation_row *rows, size_t count) MUST_USE;

/** What a set of rows holds. */
struct evaluation_totals {
	double weight, positives; /* sums of weights */
	double squares;           /* of weights */
	double miss_cost;         /* of all positives */
};

/** Sums up all rows. */
struct evaluation_totals evaluation_totals(const struct evaluation_row *rows, size_t count, const uint8_t *counts);

/** Both areas; NaN where there are no positives or no negatives. */
struct evaluation_areas {
	double roc_auc, pr_auc;
};

/** The areas under both curves. */
struct evaluation_areas evaluation_areas(const struct evaluation_row *rows, size_t count, const uint8_t *counts);

/** What the alerts of a threshold are: sums of weights. */
struct evaluation_alerts {
	double alerts, caught; /* all, and the positives among them */
	double caught_cost;    /* miss_cost of the caught */
};

/** Alerts where score >= threshold, as a policy decides. */
struct evaluation_alerts evaluation_at(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
				       double threshold);

/** The k highest rows, all where there are fewer. Of rows of equal score at the edge each counts with the share that has room: the mean over all their orders. */
struct evaluation_alerts evaluation_top(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
					double k);

/** caught / alerts; NaN without alerts. */
double evaluation_precision(const struct evaluation_alerts *alerts);

/** caught / positives; NaN without positives. */
double evaluation_recall(const struct evaluation_alerts *alerts, const struct evaluation_totals *totals);

/** The k highest rows of every day. */
struct evaluation_days {
	size_t days;                     /* that have rows */
	double precision_mean;           /* mean over days of caught / k, also where a day has fewer than k rows */
	struct evaluation_alerts alerts; /* of all days */
};

/** Precision at k a day, as "precision top-k" of Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection. Days are numbered below day_limit. -1: out of memory. */
int evaluation_per_day(const struct evaluation_row *rows, size_t count, size_t day_limit, double k,
		       struct evaluation_days *days, struct err *err) MUST_USE;

/** A threshold to choose. INFINITY: no alerts at all. */
struct evaluation_choice {
	double threshold;
	struct evaluation_alerts alerts;
	double loss; /* missed cost + alerts * alert_cost; 0 where costs play no part */
};

/** The threshold of least loss, the highest of equal ones. */
struct evaluation_choice evaluation_cheapest(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
					     double alert_cost);

/** The lowest threshold, of the scores that occur, with at most `most` alerts. */
struct evaluation_choice evaluation_within(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
					   double most);

/** Loss of these alerts. */
double evaluation_loss(const struct evaluation_alerts *alerts, const struct evaluation_totals *totals,
		       double alert_cost);

/** A step of the curves: rows up to *at are alerts; moves to the next threshold. False at the end. Begin with *at 0 and alerts zeroed. */
bool evaluation_step(const struct evaluation_row *rows, size_t count, const uint8_t *counts, size_t *at,
		     struct evaluation_alerts *alerts);

/** Wilson's score interval (1927) of a share of n trials at 95 %: *low, *high; n may be Kish's effective number. */
void evaluation_wilson(double share, double n, double *low, double *high);

#endif
