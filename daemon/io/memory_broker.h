/*
 * The in-memory twin of Kafka: one topic in, any topics out, transactions that show messages and offsets together, group
 * offsets with metadata, log start, gaps, rebalances and failures on request. For tests and offline runs; the
 * simulator's richer model starts from here.
 */
#ifndef OUTLIERD_MEMORY_BROKER_H
#define OUTLIERD_MEMORY_BROKER_H

#include "daemon/ports.h"

struct memory_broker;
/** A broker with one input topic. NULL: out of memory. */
struct memory_broker *memory_broker_new(const char *topic, int32_t partitions);
/** Frees it; NULL does nothing. */
void memory_broker_free(struct memory_broker *broker);

/** Appends a record to the input (copied); returns its offset, -1 where memory is out. */
int64_t memory_broker_append(struct memory_broker *broker, int32_t partition, int64_t timestamp_ms, struct slice key,
			     struct slice value);
/** As memory_broker_append(), with headers (copied). */
int64_t memory_broker_append_with_headers(struct memory_broker *broker, int32_t partition, int64_t timestamp_ms,
					  struct slice key, struct slice value, const struct header *headers,
					  size_t header_count);
/** Leaves a gap of one offset, as a control record does. */
void memory_broker_gap(struct memory_broker *broker, int32_t partition);
/** Moves the log start. */
void memory_broker_truncate(struct memory_broker *broker, int32_t partition, int64_t low);
/** At the next poll: revoke (lost or not) and assign anew. */
void memory_broker_rebalance(struct memory_broker *broker, bool lost);
/** The next commit ends like this (and really does what it says; unknown: done or not by `applied`). */
void memory_broker_fail_commit(struct memory_broker *broker, enum commit_result result, bool applied);
/** Sets or (offset OFFSET_NONE) removes the group's offset. */
void memory_broker_set_committed(struct memory_broker *broker, const struct position *position);
/** The group's offset. */
struct position memory_broker_committed(const struct memory_broker *broker, int32_t partition);

/** The next `count` calls of committed, bounds, offset_at, partition_count, sink open and begin fail with ERR_RETRY, or of abort with ERR_RECOVER. */
void memory_broker_fail_calls(struct memory_broker *broker, size_t count);
/** Adds partitions to the input topic; clients hold them from the next rebalance on. False: out of memory. */
bool memory_broker_grow(struct memory_broker *broker, int32_t partitions) MUST_USE;
/** What sink->message_max() answers; 1,000,000 unless set. */
void memory_broker_set_message_max(struct memory_broker *broker, size_t bytes);

/** Committed output messages in commit order; all lent. */
size_t memory_broker_output_count(const struct memory_broker *broker);
/** One committed output message. */
const struct message *memory_broker_output(const struct memory_broker *broker, size_t i);

/**
 * A new client of the broker, owned by it; self is NULL where memory is out. One client holds all partitions: the one
 * that opened last; the one before loses them at its next poll, and gets them back after the holder closed. A poll never
 * waits. Records stay lent, in fact, as long as the broker lives.
 */
struct source memory_broker_source(struct memory_broker *broker);
/** A new transactional sink, owned by the broker; opening a second one fences the first. self is NULL where memory is out. */
struct sink memory_broker_sink(struct memory_broker *broker);

#endif
