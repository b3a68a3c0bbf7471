/*
 * Questions of a consumer to its brokers, each one bounded wait of at most KAFKA_CLIENT_REQUEST_MS. What cannot be
 * answered is ERR_RETRY, never a default: "no committed offset" is an answer of the group's coordinator.
 */
#ifndef OUTLIERD_KAFKA_QUERY_H
#define OUTLIERD_KAFKA_QUERY_H

#include "daemon/io/kafka_client.h"

/** Committed offsets and metadata of partitions of one topic. An offset whose transaction is still pending is ERR_RETRY. */
int kafka_query_committed(rd_kafka_t *consumer, const char *topic, struct position *positions, size_t count,
			  struct err *err) MUST_USE;

/** First offset and last stable offset: the brokers answer under the consumer's read_committed. */
int kafka_query_bounds(rd_kafka_t *consumer, const char *topic, int32_t partition, int64_t *low, int64_t *high,
		       struct err *err) MUST_USE;

/** The first offset with a record timestamp of at least timestamp_ms; the high bound where there is none. */
int kafka_query_offset_at(rd_kafka_t *consumer, const char *topic, int32_t partition, int64_t timestamp_ms,
			  int64_t *offset, struct err *err) MUST_USE;

/** Partitions of a topic; 0 where it does not exist. */
int kafka_query_partitions(rd_kafka_t *handle, const char *topic, int32_t *count, struct err *err) MUST_USE;

#endif
