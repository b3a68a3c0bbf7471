/*
 * Kafka through librdkafka: what source and sink share. Properties that the protocol relies on are ours alone; a
 * configuration that sets one is refused with the reason. librdkafka's log lines go through the daemon's log.
 */
#ifndef OUTLIERD_KAFKA_H
#define OUTLIERD_KAFKA_H

#include "daemon/ports.h"
#include "log.h"

struct kafka_property {
	const char *name, *value;
};

/** What source, sink, producer and the questions below are made from. Borrowed for as long as any of them lives. */
struct kafka_options {
	const char *bootstrap_servers;
	const char *input_topic;
	const char *group_id;
	const char *instance_id;                 /* group.instance.id; NULL: a dynamic member */
	const char *transactional_id;            /* PIPELINE.INSTANCE */
	const struct kafka_property *properties; /* kafka.properties and kafka.properties_files, values read */
	size_t property_count;
	int64_t session_timeout_ms;       /* 10 s */
	int64_t heartbeat_ms;             /* as often a member asks whether the group changes; 0: a quarter of that */
	int64_t transaction_timeout_ms;   /* 10 s */
	const char *const *output_topics; /* of the sink: their limits on a message's size are asked; may be none */
	size_t output_topic_count;
	const struct log *log; /* borrowed */
};

/** Why a property may not be set in kafka.properties; NULL: it may. */
const char *kafka_property_refused(const char *name);

struct kafka_source;
/** Makes the consumer's adapter; connects in open(). */
struct kafka_source *kafka_source_new(const struct kafka_options *options, struct err *err) MUST_USE;
/** The port. Borrowed. */
struct source kafka_source_port(struct kafka_source *source);
/** Frees it, closing first; NULL does nothing. */
void kafka_source_free(struct kafka_source *source);

struct kafka_sink;
/** Makes the producer's adapter; connects in open(). */
struct kafka_sink *kafka_sink_new(const struct kafka_options *options, struct err *err) MUST_USE;
/** The port. Borrowed. */
struct sink kafka_sink_port(struct kafka_sink *sink);
/** Frees it, closing first; NULL does nothing. */
void kafka_sink_free(struct kafka_sink *sink);

/** What a broker says of a topic, for start-up warnings and `check --online`. Unknown numbers are INT64_MIN; configs_refused: DescribeConfigs was not allowed. */
struct kafka_topic_facts {
	bool exists;
	bool configs_refused;
	int32_t partitions;
	int64_t retention_ms, retention_bytes;
	char cleanup_policy[64];
	char timestamp_type[32]; /* CreateTime, LogAppendTime */
	int64_t timestamp_after_max_ms;
	int64_t message_max_bytes;
};
/** Asks the cluster about a topic. ERR_UNAVAILABLE: no broker answers. */
int kafka_topic_facts(const struct kafka_options *options, const char *topic, struct kafka_topic_facts *facts,
		      struct err *err) MUST_USE;

/** Makes a topic where there is none, with the brokers' own replication. ERR_RETRY: nobody answers; ERR_CONFIG: it may not. */
int kafka_topic_create(const struct kafka_options *options, const char *topic, int32_t partitions,
		       struct err *err) MUST_USE;

/** The largest message (key, value and headers) that the output topics take, as the sink will say. ERR_RETRY: no broker answers. */
int kafka_message_max(const struct kafka_options *options, size_t *bytes, struct err *err) MUST_USE;

/**
 * Reads topics read_committed without a group, which it disturbs in no way: questions, and records from one offset to
 * another. Any failure to answer is ERR_RETRY.
 */
struct kafka_reader;
/** Makes the reader; the options' group is the one whose committed offsets it can tell. */
struct kafka_reader *kafka_reader_new(const struct kafka_options *options, struct err *err) MUST_USE;
/** The cluster's id as the brokers tell it, asked once; empty: it has none, or nobody answers. Lent. */
const char *kafka_reader_cluster_id(struct kafka_reader *reader);
/** Partitions of a topic; 0: it does not exist. */
int kafka_reader_partitions(struct kafka_reader *reader, const char *topic, int32_t *count, struct err *err) MUST_USE;
/** The group's committed offsets and metadata of the input topic. */
int kafka_reader_committed(struct kafka_reader *reader, struct position *positions, size_t count,
			   struct err *err) MUST_USE;
/** First offset in the log, and last stable offset. */
int kafka_reader_bounds(struct kafka_reader *reader, const char *topic, int32_t partition, int64_t *low, int64_t *high,
			struct err *err) MUST_USE;
/** The first offset whose record timestamp is at least timestamp_ms; the high bound where there is none. */
int kafka_reader_offset_at(struct kafka_reader *reader, const char *topic, int32_t partition, int64_t timestamp_ms,
			   int64_t *offset, struct err *err) MUST_USE;
/** What to read of one partition: [from, to). */
struct kafka_range {
	int32_t partition;
	int64_t from, to;
};
/** Reads the ranges, each partition in offset order, and hands every record, headers read, to visit, which it is lent to. A log that ends before `to`, or nothing for a minute, is an error. */
int kafka_reader_read(struct kafka_reader *reader, const char *topic, const struct kafka_range *ranges, size_t count,
		      int (*visit)(void *context, const struct record *record, struct err *err), void *context,
		      struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void kafka_reader_free(struct kafka_reader *reader);

/** Reads up to limit records from the topic's ends, spread over its partitions, without a group; visit's record is lent for the call. For samples. */
int kafka_sample(const struct kafka_options *options, size_t limit,
		 void (*visit)(void *context, const struct record *record), void *context, struct err *err) MUST_USE;

/** Plain, idempotent production of many messages (simulate --to-topic): no transaction. */
struct kafka_producer;
/** Connects a plain producer. */
struct kafka_producer *kafka_producer_new(const struct kafka_options *options, struct err *err) MUST_USE;
/** Sends one message; waits while the queue is full. */
int kafka_producer_send(struct kafka_producer *producer, const struct message *message, struct err *err) MUST_USE;
/** Waits until all are delivered; ERR_UNAVAILABLE says how many are not. */
int kafka_producer_flush(struct kafka_producer *producer, int64_t timeout_ms, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void kafka_producer_free(struct kafka_producer *producer);

/** librdkafka's embedded broker for the demo and protocol-error tests; it ignores transactional offsets and shows aborted messages. */
struct kafka_mock;
/** Starts one broker on a free port of loopback. */
struct kafka_mock *kafka_mock_new(struct err *err) MUST_USE;
/** Its bootstrap address, borrowed. */
const char *kafka_mock_address(const struct kafka_mock *mock);
/** Makes a topic. */
int kafka_mock_topic(struct kafka_mock *mock, const char *topic, int32_t partitions, struct err *err) MUST_USE;
/** Ends it; NULL does nothing. */
void kafka_mock_free(struct kafka_mock *mock);

#endif
