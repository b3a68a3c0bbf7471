/*
 * What was published of a stretch of records, read from the alerts and decisions topics: sorted by record, 80 bytes each.
 * For comparing with what the records give now.
 */
#ifndef OUTLIERD_RECORDED_H
#define OUTLIERD_RECORDED_H

#include "daemon/cmd/audit_book.h"
#include "daemon/cmd/stretch.h"

#define RECORDED_RULES_MAX 256 /* different models, policies and feature sets together */

/** By what a decision was made. */
struct recorded_rules {
	char model_id[SHA256_HEX], feature_set_id[SHA256_HEX], policy_id[SHA256_HEX]; /* model: empty without one */
};

/** What is published of one record. */
struct recorded {
	int32_t partition;
	uint16_t rules; /* its place in recorded_all.rules */
	bool has_alert, has_decision, flagged;
	int64_t offset;
	double score; /* NaN: none */
	uint8_t alert[AUDIT_DIGEST_BYTES], decision[AUDIT_DIGEST_BYTES];
};

struct recorded_all {
	struct recorded *records; /* owned, by partition and offset */
	size_t count, capacity;
	struct recorded_rules rules[RECORDED_RULES_MAX];
	size_t rules_count;
	uint64_t unreadable, twice; /* messages */
};

struct kafka_reader;

/** Reads what is published of the stretches' records (their [from, to)); earliest_ms: no record of them has an earlier timestamp. */
int recorded_read(struct recorded_all *all, const struct world *world, struct kafka_reader *reader,
		  const struct stretch *stretches, size_t count, int64_t earliest_ms, struct err *err) MUST_USE;

/** Frees what it owns. */
void recorded_free(struct recorded_all *all);

#endif
