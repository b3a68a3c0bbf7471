/*
 * A configuration proposed from a survey of a topic: which fields are id, time, entity, key, money, place and
 * categories, which windows the topic's history fills, which features and rules follow, each with its reason in words.
 * Pure: the same survey gives the same proposal. Reasons are numbers and names of fields, never values of the sample.
 */
#ifndef OUTLIERD_PROPOSAL_H
#define OUTLIERD_PROPOSAL_H

#include "daemon/cmd/survey.h"
#include "number.h"

#define PROPOSAL_FEATURES 12
#define PROPOSAL_FIELDS_MAX 8
#define PROPOSAL_RULES_MAX 3
#define PROPOSAL_NAME_MAX 64
#define PROPOSAL_TEXT_MAX 400

/** What the user has decided already; NULL: propose. */
struct proposal_options {
	const char *id, *time, *entity;
	int64_t retention_ms;        /* of the topic; negative: no limit, or not known */
	const struct survey *firsts; /* the first record of each partition, with the same fields; NULL: not known */
};

/** A field that was chosen. */
struct proposal_choice {
	int field; /* in the survey; -1: none */
	char why[PROPOSAL_TEXT_MAX];
	char others[PROPOSAL_TEXT_MAX]; /* what else was considered: "a, b"; empty: nothing */
};

/** A field of event.fields. */
struct proposal_field {
	char name[PROPOSAL_NAME_MAX];
	int field;
	const char *type; /* "money", "number", "string", "boolean" */
	int scale;        /* -1: none */
	bool minor;
	char why[PROPOSAL_TEXT_MAX];
};

struct proposal_feature {
	char name[PROPOSAL_NAME_MAX];
	char rest[320]; /* its other keys as JSON: "\"op\": \"count\", \"window\": \"1h\"" */
	char why[PROPOSAL_TEXT_MAX];
};

/** A rule: a feature above a limit, and another above one, where there is one. */
struct proposal_rule {
	char name[PROPOSAL_NAME_MAX];
	char feature[PROPOSAL_NAME_MAX], also[PROPOSAL_NAME_MAX]; /* also: empty where there is none */
	double above, also_above;
	double
	    share; /* of the sample that may not be above: the limit is a guess until proposal_set_limit(); 0: it stands */
	char reason[PROPOSAL_TEXT_MAX];
	size_t held; /* records of the sample for which it held: the caller's to count */
};

struct proposal {
	struct proposal_choice id, time, entity, key; /* key.field -1: unchecked */
	enum time_unit unit;
	struct proposal_field fields[PROPOSAL_FIELDS_MAX];
	size_t field_count;
	struct proposal_choice money; /* why and others, also where there is none */
	int party;                    /* field of the survey that names whom the entity deals with; -1: none */
	int64_t behind_ms, behind_most_ms,
	    ahead_ms; /* seen: 99.9 % quantile and maximum; 99.9 % of event time after record timestamp */
	int64_t allowed_lateness_ms, max_ahead_ms;
	int64_t history_ms; /* event time that the topic, or else the sample, spans */
	int64_t short_ms, middle_ms, long_ms, ratio_ms;
	char windows_why[PROPOSAL_TEXT_MAX];
	struct proposal_feature features[PROPOSAL_FEATURES];
	size_t feature_count;
	struct proposal_rule rules[PROPOSAL_RULES_MAX];
	size_t rule_count;
	size_t sampled, distinct_entities;
	bool one_partition_each;   /* without a key to check: every entity was seen in one partition only */
	bool card_like, iban_like; /* what the entity's texts look like */
};

/** Proposes. ERR_DATA: something is lacking without which no configuration makes sense; names it, and the option that gives it. ERR_USAGE: an option names a field that does not exist or cannot be that. */
int propose(const struct survey *survey, const struct proposal_options *options, struct proposal *proposal,
	    struct err *err) MUST_USE;

/** A span of time for people, rounded to one unit: "3 hours", "60 days". */
void proposal_span(int64_t ms, char text[NUMBER_TEXT_MAX]);

/** Raises a rule's limit to the quantile at its share that its feature had in the sample (NaN: it had none). */
void proposal_set_limit(struct proposal_rule *rule, double quantile);

#endif
