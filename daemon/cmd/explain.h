/*
 * One decision made again from the topic: the stretch before its record through the daemon's stages, with the model and
 * the policy that decided then, and what comes out compared with what was published. Gathering is here, showing in
 * daemon/cmd/explain_report.
 */
#ifndef OUTLIERD_EXPLAIN_COMMAND_H
#define OUTLIERD_EXPLAIN_COMMAND_H

#include "daemon/cmd/past_run.h"

#include <jansson.h>

#define EXPLANATION_HISTORY_MAX 12 /* events of the entity that are shown */
#define EXPLANATION_TEXT 512

/** An earlier event of the entity. Owned texts. */
struct past_event {
	int64_t time_ms, offset;
	char *fields; /* "amount 12.5, merchant m-1" */
};

/** How far the decision could be verified. */
enum explanation_result {
	EXPLANATION_MATCH,      /* what is published is, byte for byte, what the topic gives */
	EXPLANATION_DIFFERENCE, /* it is not */
	EXPLANATION_VECTOR,     /* history is gone: from the recorded vector on everything is as published */
	EXPLANATION_ALONE       /* nothing is published of this record, or nothing to compare was left */
};

struct explanation {
	/* What is asked for. */
	int32_t partition;
	int64_t offset;
	json_t *given; /* the alert or decision of --alert; NULL: none. Owned, as all that follows */

	/* What was published. */
	json_t *alert, *decision; /* NULL: not found */
	struct buffer alert_bytes, decision_bytes;

	/* With which model and policy. */
	struct held_champion *champion; /* NULL: world->champion */
	struct config *config;          /* with the policy of then; NULL: the world's */
	char note[EXPLANATION_TEXT];    /* what of them could not be had; empty: all is as it was then */

	/* What the topic gives. */
	bool in_topic; /* its record is still there */
	bool whole;    /* and all that its windows see */
	int64_t timestamp_ms, time_ms;
	char *entity, *event_id; /* as they were published; NULL: unknown */
	enum outcome outcome;
	enum reason reason;
	char *why;      /* where it was not scored */
	double *values; /* of the features; NULL: not scored */
	struct usual *usual;
	unsigned flags;
	double score, rank;
	struct verdict verdict;
	double base, *contributions; /* to log2 of the score, by column of the model; NULL without model */
	struct past_event history[EXPLANATION_HISTORY_MAX];
	size_t history_count;
	uint64_t history_total;
	uint64_t records;                                /* that were read for it */
	struct buffer new_alert, new_decision;           /* as the configuration's format has them */
	struct buffer new_alert_json, new_decision_json; /* likewise in JSON */

	enum explanation_result result;
	char difference[EXPLANATION_TEXT]; /* the first one */
};

struct explain_options {
	const char *alert; /* a file with an alert or decision, "-": standard input; NULL: by coordinates */
	int32_t partition;
	int64_t offset;
	size_t memory_bytes;
};

/** Makes the decision again. ERR_DATA: the file is no message of this pipeline, or there is no such record and nothing published. */
int explain_decision(struct explanation *explanation, struct world *world, const struct explain_options *options,
		     struct err *err) MUST_USE;

/** The champion that the explanation is of. */
const struct champion *explanation_champion(const struct explanation *explanation, const struct world *world);

/** Frees what it owns. */
void explanation_free(struct explanation *explanation);

#endif
