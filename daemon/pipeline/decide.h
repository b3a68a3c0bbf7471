/*
 * The decision on a scored event: threshold and rules, frozen before scoring, identified by policy_id. Rules look at
 * features and at the event's own fields; their expiry is in event time. Order: an event is flagged by the model
 * (s >= threshold, unless it is warming and the policy suppresses that) or by a `flag` rule, unless a `suppress` rule holds.
 */
#ifndef OUTLIERD_DECIDE_H
#define OUTLIERD_DECIDE_H

#include "detectors/policy.h"
#include "features/apply.h"

#define RULES_MAX 64

enum rule_action { RULE_FLAG, RULE_SUPPRESS };

/** One condition of a rule on a feature; NaN satisfies nothing. */
struct feature_condition_options {
	const char *feature;
	struct literal equals, not_equals, above, below; /* numbers */
};

struct rule_options {
	const char *name, *reason;
	enum rule_action action;
	const struct feature_condition_options *features;
	size_t feature_count;
	const struct condition_options *fields; /* conditions on the event itself (fields, hours) */
	size_t field_count;
	int64_t expires_ms; /* INT64_MAX: never */
};

enum warming_policy { WARMING_SUPPRESS, WARMING_ALERT };

struct policy_options {
	struct threshold_options threshold;
	enum warming_policy warming;
	int64_t cooldown_ms; /* of group_id */
	const struct rule_options *rules;
	size_t rule_count;
};

struct policy;

/** Checks and freezes. model NULL: rules alone (fallback). set and options are borrowed for the life of the policy. */
struct policy *policy_new(const struct policy_options *options, const struct feature_set *set,
			  const struct model *model, feature_problem *problem, void *context, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void policy_free(struct policy *policy);
/** Lower-case hex SHA-256 of the canonical policy with its resolved threshold. */
const char *policy_id(const struct policy *policy);
/** The resolved threshold; NaN without a model. */
double policy_resolved_threshold(const struct policy *policy);

/** The decision on one event. */
struct verdict {
	bool flagged;
	bool by_model;  /* score reached the threshold (and warming did not suppress it) */
	uint64_t rules; /* bit i: flag rule i held */
	uint64_t mutes; /* bit i: suppress rule i held */
};

/** Decides. score NaN: no model. */
struct verdict policy_decide(const struct policy *policy, const struct event *event, const struct vector *vector,
			     double score);
/** Number of rules. */
size_t policy_rule_count(const struct policy *policy);
/** A rule's options by bit number. */
const struct rule_options *policy_rule(const struct policy *policy, size_t i);

#endif
