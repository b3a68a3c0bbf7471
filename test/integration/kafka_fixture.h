/*
 * What the Kafka tests share: topics with names of their own, a source whose listener remembers, a sink, and an
 * independent reader and writer made straight from librdkafka.
 */
#ifndef OUTLIERD_KAFKA_FIXTURE_H
#define OUTLIERD_KAFKA_FIXTURE_H

#include "daemon/io/kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PARTITIONS_SEEN 16
#define RECORDS_SEEN 4096
#define NAME_MAX_BYTES 96

static const struct log fixture_log = {.level = LOG_LEVEL_WARNING, .format = LOG_FORMAT_TEXT};

static inline int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline const char *broker(void)
{
	return getenv("OUTLIERD_KAFKA");
}

/* Names that no earlier run has used. */
static inline void name_new(char name[NAME_MAX_BYTES], const char *what)
{
	static int number;
	snprintf(name, NAME_MAX_BYTES, "%s-%d-%lld-%d", what, (int)getpid(), (long long)time(NULL), ++number);
}

static inline void topic_create(const char *topic, int partitions, const char *key, const char *value)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker(), text, sizeof text);
	rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);
	if (key != NULL)
		rd_kafka_NewTopic_set_config(wanted, key, value);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_CreateTopics(handle, &wanted, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
	size_t count = 0;
	const rd_kafka_topic_result_t **results =
	    rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	if (count != 1 || rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		printf("topic %s cannot be made: %s\n", topic, rd_kafka_event_error_string(event));
		exit(1);
	}
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(wanted);
	rd_kafka_destroy(handle);
}

/* One input topic, one output topic, one group. */
struct fixture {
	char input[NAME_MAX_BYTES], output[NAME_MAX_BYTES], group[NAME_MAX_BYTES];
	const char *outputs[1];
	struct kafka_options options;
};

static inline void fixture_init(struct fixture *fixture, int partitions)
{
	name_new(fixture->input, "input");
	name_new(fixture->output, "output");
	name_new(fixture->group, "group");
	topic_create(fixture->input, partitions, NULL, NULL);
	topic_create(fixture->output, 1, NULL, NULL);
	fixture->outputs[0] = fixture->output;
	fixture->options = (struct kafka_options){
	    .bootstrap_servers = broker(),
	    .input_topic = fixture->input,
	    .group_id = fixture->group,
	    .instance_id = "one",
	    .transactional_id = fixture->group,
	    .session_timeout_ms = 3000,
	    .transaction_timeout_ms = 10000,
	    .output_topics = fixture->outputs,
	    .output_topic_count = 1,
	    .log = &fixture_log,
	};
}

/* Writes text records "0", "1", ... with timestamps 1000, 1001, ... to one partition, without a transaction. */
static inline void write_input(const char *topic, int32_t partition, int from, int count)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker(), text, sizeof text);
	rd_kafka_conf_set(conf, "linger.ms", "1", text, sizeof text);
	rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	for (int i = from; i < from + count; i++) {
		int length = snprintf(text, sizeof text, "%d", i);
		while (rd_kafka_producev(handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
					 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("key", 3),
					 RD_KAFKA_V_VALUE(text, (size_t)length), RD_KAFKA_V_TIMESTAMP(1000 + i),
					 RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(handle, 10);
	}
	rd_kafka_flush(handle, 30000);
	rd_kafka_destroy(handle);
}

/* Counts the records of partition 0 that a reader of the isolation level sees. */
static inline size_t count_records(const char *topic, const char *isolation)
{
	char text[512];
	size_t seen = 0;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker(), text, sizeof text);
	rd_kafka_conf_set(conf, "isolation.level", isolation, text, sizeof text);
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
	rd_kafka_conf_set(conf, "group.id", "reader", text, sizeof text);
	rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	rd_kafka_poll_set_consumer(handle);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(handle, list);
	rd_kafka_topic_partition_list_destroy(list);
	for (int64_t end = now_us() + 10000000; now_us() < end;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(handle, 1000);
		if (message == NULL)
			continue;
		rd_kafka_resp_err_t code = message->err;
		seen += code == RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_message_destroy(message);
		if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			break;
	}
	rd_kafka_destroy(handle);
	return seen;
}

/* A source with a memory of what it was told and of what it read. */
struct member {
	struct kafka_source *kafka;
	struct source port;
	int32_t partitions[PARTITIONS_SEEN];
	size_t partition_count;
	int assigns, revokes, losses;
	struct record records[RECORDS_SEEN]; /* of the last member_read() */
	size_t count;
	struct err err;
};

static inline void on_assigned(void *self, const int32_t *partitions, size_t count)
{
	struct member *member = self;
	member->assigns++;
	member->partition_count = count;
	for (size_t i = 0; i < count && i < PARTITIONS_SEEN; i++)
		member->partitions[i] = partitions[i];
}

static inline void on_revoked(void *self, bool lost)
{
	struct member *member = self;
	member->revokes++;
	member->losses += lost;
	member->partition_count = 0;
}

static inline void member_open(struct member *member, const struct kafka_options *options)
{
	memset(member, 0, sizeof *member);
	member->kafka = kafka_source_new(options, &member->err);
	member->port = kafka_source_port(member->kafka);
	const struct source_listener listener = {member, on_assigned, on_revoked};
	if (member->port.open(member->port.self, &listener, &member->err) != 0)
		printf("  open: %s\n", member->err.message);
}

static inline int member_poll(struct member *member, int timeout_ms)
{
	return member->port.poll(member->port.self, timeout_ms, member->records, RECORDS_SEEN - member->count,
				 &member->count, &member->err);
}

/* Polls until the member has had this many assignments. */
static inline bool member_wait_assigned(struct member *member, int assigns)
{
	for (int64_t end = now_us() + 20000000; member->assigns < assigns && now_us() < end;)
		if (member_poll(member, 100) != 0)
			return false;
	return member->assigns >= assigns;
}

static inline bool member_start(struct member *member, const struct position *positions, size_t count)
{
	return member->port.start(member->port.self, positions, count, &member->err) == 0;
}

/* Polls until this many records are lent, or the time is over. */
static inline size_t member_read(struct member *member, size_t count, int timeout_ms)
{
	member->port.release(member->port.self);
	member->count = 0;
	for (int64_t end = now_us() + (int64_t)timeout_ms * 1000; member->count < count && now_us() < end;)
		if (member_poll(member, 50) != 0)
			break;
	return member->count;
}

static inline void member_close(struct member *member)
{
	kafka_source_free(member->kafka);
}

static inline struct sink sink_open(struct kafka_sink **kafka, const struct kafka_options *options)
{
	struct err err = {.code = ERR_NONE};
	*kafka = kafka_sink_new(options, &err);
	struct sink sink = kafka_sink_port(*kafka);
	if (sink.open(sink.self, &err) != 0)
		printf("  sink open: %s\n", err.message);
	return sink;
}

static inline bool publish(const struct sink *sink, const char *topic, const char *value)
{
	struct err err = {.code = ERR_NONE};
	const struct message message = {
	    .topic = topic, .key = slice_of("card"), .value = slice_of(value), .timestamp_ms = -1};
	bool done = sink->produce(sink->self, &message, &err) == 0;
	if (!done)
		printf("  produce: %s\n", err.message);
	return done;
}

static inline bool begin(const struct sink *sink)
{
	struct err err = {.code = ERR_NONE};
	bool done = sink->begin(sink->self, &err) == 0;
	if (!done)
		printf("  begin: %s\n", err.message);
	return done;
}

static inline int64_t value_of(const struct record *record)
{
	char text[16] = "";
	memcpy(text, record->value.data, record->value.length < 15 ? record->value.length : 15);
	return atoll(text);
}

#endif
