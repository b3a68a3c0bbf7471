/*
 * Scores with their labels, read for `evaluate`: a CSV file of scores, whose labels stand in a column or in a file of their
 * own, joined by _event_id, as may weights, costs and groups; and the scores of a second model for the same rows.
 */
#ifndef OUTLIERD_LABELLED_H
#define OUTLIERD_LABELLED_H

#include "detectors/evaluation.h"

#include <stdint.h>

#define LABELLED_GROUPS_MAX 1000
#define LABELLED_DAYS_MAX 36525

/** What to read. Paths and names of columns are borrowed; NULL: not wanted. */
struct labelled_options {
	const char *scores;   /* path, "-": standard input */
	const char *labels;   /* path; the label stands there, and what the scores lack */
	const char *compare;  /* path of other scores for the same rows: joined by _event_id, or row by row */
	const char *label;    /* NULL with a file of labels: its only column beside _event_id, or "label" */
	const char *positive; /* the label that means positive, any other is negative; NULL: 1 or true, 0 or false */
	const char *score, *weight, *group, *miss_cost;
	double miss_cost_number;  /* of all rows, where no column says it */
	int64_t utc_offset_ms;    /* where days begin */
	bool unlabelled_negative; /* rows without a label are negative, not left out */
	/** Called now and then; may be NULL. */
	void (*progress)(void *context, const char *what, uint64_t rows, uint64_t done, uint64_t total);
	void *context;
};

/** What was read. Owned; rows are sorted and numbered. */
struct labelled {
	struct evaluation_row *rows;
	size_t count, capacity;
	char **groups; /* in order of appearance, by evaluation_row.group */
	size_t group_count;
	bool timed, ranked, compared; /* rows have a _time_ms, a _rank, other scores */
	int64_t time_from_ms, time_to_ms;
	int64_t first_day;   /* day 0 of the rows, in days since 1970 at the offset */
	size_t day_limit;    /* days of rows are below it; 0 where rows have no time */
	uint64_t warming;    /* rows with a warming feature, of those evaluated */
	uint64_t unlabelled; /* rows left out, or taken for negative: no label */
	uint64_t unmatched;  /* labels without a score */
	uint64_t unmatched_positives;
	uint64_t uncompared; /* rows left out: the other file does not have them */
};

/** Reads the files. ERR_DATA with file, line and column; ERR_UNAVAILABLE. */
int labelled_read(struct labelled *labelled, const struct labelled_options *options, struct err *err) MUST_USE;

/** Frees what it owns; a zeroed struct is left alone. */
void labelled_free(struct labelled *labelled);

#endif
