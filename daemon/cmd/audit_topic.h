/*
 * The input's half of an audit: reads the topic from where the state began up to the committed offsets, and enters what
 * its records give into the book.
 */
#ifndef OUTLIERD_AUDIT_TOPIC_H
#define OUTLIERD_AUDIT_TOPIC_H

#include "daemon/cmd/audit_book.h"
#include "daemon/cmd/world.h"

/** One input partition: what Kafka says of it, and how far the audit has come. */
struct audit_partition {
	struct audit_span span; /* span.to = span.from: nothing is committed */
	int64_t low;            /* the log's start */
	bool has_metadata;
	struct commit_metadata metadata; /* of the committed offset */
	enum { AUDIT_LOOKING, AUDIT_SKIPPING, AUDIT_BEGUN } phase;
	bool cut;              /* history before the first record is missing */
	int64_t first_time_ms; /* event time of the first event, where it is */
	uint64_t skipped;      /* records before the state began */
	uint64_t outcomes[OUTCOME_NUMBER];
};

/** Asks for the partitions, their bounds and committed offsets. *partitions (owned by the caller, free()) by number. */
int audit_topic_look(struct world *world, struct kafka_reader *reader, int64_t from_ms,
		     struct audit_partition **partitions, size_t *count, struct err *err) MUST_USE;

/** Reads the topic, with progress on a terminal. */
int audit_topic_read(struct world *world, struct kafka_reader *reader, struct audit_partition *partitions, size_t count,
		     int64_t from_ms, struct audit_book *book, struct err *err) MUST_USE;

#endif
