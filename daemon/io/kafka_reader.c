#include "daemon/io/kafka_client.h"
#include "daemon/io/kafka_message.h"
#include "daemon/io/kafka_query.h"

#include <assert.h>
#include <stdlib.h>

#define WAIT_MS 1000
#define QUIET_MS 60000 /* without a record or an end: the brokers are away */
#define BATCH 1000
#define HEADER_BYTES ((size_t)8 << 20) /* of the headers' list of one record, not their values */

struct kafka_reader {
	const struct kafka_options *options;
	struct kafka_client client;
	struct arena *arena;
	rd_kafka_message_t *messages[BATCH];
	char *cluster_id; /* owned by librdkafka's allocator */
};

/* One call of kafka_reader_read(). */
struct reading {
	struct kafka_reader *reader;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	const struct kafka_range *ranges;
	bool *done;
	size_t count, open, begun;
	int (*visit)(void *context, const struct record *record, struct err *err);
	void *context;
};

/* The simple consumer of librdkafka: it needs no group, so it disturbs none; the group's offsets can be asked all the same. */
struct kafka_reader *kafka_reader_new(const struct kafka_options *options, struct err *err)
{
	/* A partition that has this many messages or bytes waiting is not fetched for a whole second (librdkafka before 2.2). */
	static const struct kafka_property defaults[] = {{"log.connection.close", "false"},
							 {"queued.min.messages", "10000000"},
							 {"queued.max.messages.kbytes", "131072"},
							 {"fetch.message.max.bytes", "16777216"},
							 {"fetch.wait.max.ms", "100"},
							 {"check.crcs", "true"}};
	const struct kafka_property required[] = {
	    {"group.id", options->group_id}, {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
	    {"auto.offset.reset", "error"},  {"enable.auto.commit", "false"},
	};
	const struct kafka_client_setup setup = {
	    .type = RD_KAFKA_CONSUMER,
	    .options = options,
	    .defaults = defaults,
	    .default_count = sizeof defaults / sizeof defaults[0],
	    .required = required,
	    .required_count = sizeof required / sizeof required[0],
	};
	struct kafka_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	reader->options = options;
	reader->arena = arena_new(HEADER_BYTES);
	if (reader->arena == NULL)
		(void)err_memory(err);
	else if (kafka_client_open(&reader->client, "reader", &setup, err) == 0)
		return reader;
	kafka_reader_free(reader);
	return NULL;
}

void kafka_reader_free(struct kafka_reader *reader)
{
	if (reader == NULL)
		return;
	if (reader->cluster_id != NULL)
		rd_kafka_mem_free(reader->client.handle, reader->cluster_id);
	kafka_client_close(&reader->client);
	arena_free(reader->arena);
	free(reader);
}

const char *kafka_reader_cluster_id(struct kafka_reader *reader)
{
	if (reader->cluster_id == NULL)
		reader->cluster_id = rd_kafka_clusterid(reader->client.handle, KAFKA_CLIENT_REQUEST_MS);
	return reader->cluster_id == NULL ? "" : reader->cluster_id;
}

int kafka_reader_partitions(struct kafka_reader *reader, const char *topic, int32_t *count, struct err *err)
{
	return kafka_query_partitions(reader->client.handle, topic, count, err);
}

int kafka_reader_committed(struct kafka_reader *reader, struct position *positions, size_t count, struct err *err)
{
	return kafka_query_committed(reader->client.handle, reader->options->input_topic, positions, count, err);
}

int kafka_reader_bounds(struct kafka_reader *reader, const char *topic, int32_t partition, int64_t *low, int64_t *high,
			struct err *err)
{
	return kafka_query_bounds(reader->client.handle, topic, partition, low, high, err);
}

int kafka_reader_offset_at(struct kafka_reader *reader, const char *topic, int32_t partition, int64_t timestamp_ms,
			   int64_t *offset, struct err *err)
{
	return kafka_query_offset_at(reader->client.handle, topic, partition, timestamp_ms, offset, err);
}

static int begin(struct reading *reading, const char *topic, struct err *err)
{
	rd_kafka_t *handle = reading->reader->client.handle;
	reading->done = calloc(reading->count + 1, sizeof *reading->done);
	if (reading->done == NULL)
		return err_memory(err);
	reading->topic = rd_kafka_topic_new(handle, topic, NULL);
	reading->queue = rd_kafka_queue_new(handle);
	for (size_t i = 0; i < reading->count; i++) {
		const struct kafka_range *range = &reading->ranges[i];
		reading->done[i] = range->from >= range->to;
		reading->begun = i + 1;
		if (reading->done[i])
			continue;
		if (rd_kafka_consume_start_queue(reading->topic, range->partition, range->from, reading->queue) != 0) {
			reading->done[i] = true; /* never begun: not to be stopped */
			return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, rd_kafka_last_error(), topic, NULL);
		}
		reading->open++;
	}
	return 0;
}

static void end_range(struct reading *reading, size_t i)
{
	reading->done[i] = true;
	reading->open--;
	rd_kafka_consume_stop(reading->topic, reading->ranges[i].partition);
}

static void end(struct reading *reading)
{
	for (size_t i = 0; i < reading->begun; i++)
		if (!reading->done[i])
			end_range(reading, i);
	if (reading->queue != NULL)
		rd_kafka_queue_destroy(reading->queue);
	if (reading->topic != NULL)
		rd_kafka_topic_destroy(reading->topic);
	free(reading->done);
}

static int show(struct reading *reading, const rd_kafka_message_t *message, struct err *err)
{
	struct kafka_reader *reader = reading->reader;
	rd_kafka_timestamp_type_t type;
	int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
	struct record record = {
	    .partition = message->partition,
	    .offset = message->offset,
	    .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp_ms < 0 ? -1 : timestamp_ms,
	    .key = {message->key, message->key == NULL ? 0 : message->key_len},
	    .value = {message->payload, message->payload == NULL ? 0 : message->len},
	};
	arena_reset(reader->arena);
	if (kafka_message_headers(message, &record, reader->arena, err) != 0)
		return -1;
	return reading->visit(reading->context, &record, err);
}

static int take(struct reading *reading, const rd_kafka_message_t *message, struct err *err)
{
	size_t i = 0;
	if (message->err == RD_KAFKA_RESP_ERR__TRANSPORT || message->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		return 0; /* librdkafka tries again; QUIET_MS bounds it */
	while (i < reading->count && reading->ranges[i].partition != message->partition)
		i++;
	if (i == reading->count || reading->done[i])
		return 0;
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		/* The end may lie behind control records, or the log may have lost what it had. */
		if (message->offset < reading->ranges[i].to)
			return err_set(err, ERR_UNAVAILABLE, "%s partition %d ends at %lld, not %lld",
				       rd_kafka_topic_name(reading->topic), (int)message->partition,
				       (long long)message->offset, (long long)reading->ranges[i].to);
		end_range(reading, i);
		return 0;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, message->err,
					 rd_kafka_topic_name(reading->topic), rd_kafka_message_errstr(message));
	if (message->offset >= reading->ranges[i].to) {
		end_range(reading, i);
		return 0;
	}
	if (show(reading, message, err) != 0)
		return -1;
	if (message->offset + 1 == reading->ranges[i].to)
		end_range(reading, i);
	return 0;
}

static int read_all(struct reading *reading, struct err *err)
{
	struct kafka_reader *reader = reading->reader;
	int64_t quiet_ms = kafka_client_now_ms() + QUIET_MS;
	int status = 0;
	while (status == 0 && reading->open > 0) {
		ssize_t count = rd_kafka_consume_batch_queue(reading->queue, WAIT_MS, reader->messages, 1);
		if (count == 1)
			count += rd_kafka_consume_batch_queue(reading->queue, 0, reader->messages + 1, BATCH - 1);
		rd_kafka_poll(reader->client.handle, 0);
		int64_t now_ms = kafka_client_now_ms();
		if (count > 0)
			quiet_ms = now_ms + QUIET_MS;
		else if (now_ms > quiet_ms)
			return err_set(err, ERR_UNAVAILABLE, "%s: the brokers have sent nothing for %d s",
				       rd_kafka_topic_name(reading->topic), QUIET_MS / 1000);
		for (ssize_t i = 0; i < count; i++) {
			if (status == 0)
				status = take(reading, reader->messages[i], err);
			rd_kafka_message_destroy(reader->messages[i]);
		}
	}
	return status;
}

int kafka_reader_read(struct kafka_reader *reader, const char *topic, const struct kafka_range *ranges, size_t count,
		      int (*visit)(void *context, const struct record *record, struct err *err), void *context,
		      struct err *err)
{
	struct reading reading = {
	    .reader = reader, .ranges = ranges, .count = count, .visit = visit, .context = context};
	int status = begin(&reading, topic, err);
	if (status == 0)
		status = read_all(&reading, err);
	end(&reading);
	return status;
}
