/*
 * The account of a policy's decisions: how many, by which day, by score or rules, and what each rule decided. Rows are
 * added one by one, then it is printed for people.
 */
#ifndef OUTLIERD_POLICY_ACCOUNT_H
#define OUTLIERD_POLICY_ACCOUNT_H

#include "daemon/pipeline/decide.h"

/** Of one day, counted since 1970 in UTC. */
struct policy_day {
	int64_t number;
	uint64_t rows, flagged;
};

/** Of one rule. */
struct policy_tally {
	uint64_t held;       /* rows for which it held */
	uint64_t with_score; /* ... and the score reached the threshold */
	uint64_t decided;    /* rows whose decision would be another without this rule */
	uint64_t expired;    /* rows after its expiry */
};

/** Begins with zeros. */
struct policy_account {
	uint64_t rows, flagged;
	uint64_t by_both, by_score, by_rules; /* of the flagged */
	uint64_t muted_score, muted_rules;    /* suppressed that the score, that rules alone would have flagged */
	uint64_t warming;                     /* reached the threshold, not flagged by it: a feature was warming */
	struct policy_day *days;              /* owned */
	size_t day_count, day_capacity;
	struct policy_tally tallies[RULES_MAX];
};

/** Adds the verdict on a row. time_ms: INT64_MIN where it is not known; score NaN: no model. */
int policy_account_add(struct policy_account *account, const struct policy *policy, const struct verdict *verdict,
		       int64_t time_ms, double score, struct err *err) MUST_USE;

/** Prints it to standard output. model NULL: none. Sorts the days. */
void policy_account_print(struct policy_account *account, const struct policy *policy, const struct model *model);

/** Frees the days. */
void policy_account_free(struct policy_account *account);

#endif
