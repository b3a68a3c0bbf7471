#include "daemon/io/kafka_client.h"
#include "daemon/io/kafka_query.h"

#include <stdlib.h>

#define SAMPLE_MS 30000 /* of the whole */
#define QUIET_MS 5000   /* without a record: what was read is the sample */
#define BATCH 1000

struct sampler {
	struct kafka_client client;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	rd_kafka_message_t *messages[BATCH];
	int32_t partitions; /* of the topic */
	int32_t begun;      /* fetching was started for 0 .. begun - 1 */
	int32_t open;       /* partitions whose end was not reached */
	size_t left;        /* records wanted */
};

/* The simple consumer of librdkafka: it needs no group, so it disturbs none and needs no right to one. */
static int begin(struct sampler *sampler, const struct kafka_options *options, size_t limit, struct err *err)
{
	static const struct kafka_property required[] = {
	    {"isolation.level", "read_committed"},
	    {"enable.partition.eof", "true"},
	    {"auto.offset.reset", "earliest"},
	    {"enable.auto.commit", "false"},
	};
	const struct kafka_client_setup setup = {
	    .type = RD_KAFKA_CONSUMER,
	    .options = options,
	    .required = required,
	    .required_count = sizeof required / sizeof required[0],
	};
	if (kafka_client_open(&sampler->client, "sample", &setup, err) != 0)
		return -1;
	if (kafka_query_partitions(sampler->client.handle, options->input_topic, &sampler->partitions, err) != 0)
		return -1;
	if (sampler->partitions == 0)
		return err_set(err, ERR_UNAVAILABLE, "kafka: the topic %s does not exist", options->input_topic);
	sampler->topic = rd_kafka_topic_new(sampler->client.handle, options->input_topic, NULL);
	sampler->queue = rd_kafka_queue_new(sampler->client.handle);
	int64_t share = ((int64_t)limit + sampler->partitions - 1) / sampler->partitions;
	for (int32_t i = 0; i < sampler->partitions; i++) {
		int64_t low, high;
		if (kafka_query_bounds(sampler->client.handle, options->input_topic, i, &low, &high, err) != 0)
			return -1;
		int64_t from = high - share < low ? low : high - share;
		if (rd_kafka_consume_start_queue(sampler->topic, i, from, sampler->queue) != 0)
			return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, rd_kafka_last_error(), "sample", NULL);
		sampler->begun++;
		sampler->open++;
	}
	sampler->left = limit;
	return 0;
}

static int take(struct sampler *sampler, const rd_kafka_message_t *message,
		void (*visit)(void *context, const struct record *record), void *context, struct err *err)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		sampler->open--;
		return 0;
	}
	if (message->err == RD_KAFKA_RESP_ERR__TRANSPORT)
		return 0;
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, message->err, "sample",
					 rd_kafka_message_errstr(message));
	if (sampler->left == 0)
		return 0;
	sampler->left--;
	rd_kafka_timestamp_type_t type;
	int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
	const struct record record = {
	    .partition = message->partition,
	    .offset = message->offset,
	    .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp_ms < 0 ? -1 : timestamp_ms,
	    .key = {message->key, message->key == NULL ? 0 : message->key_len},
	    .value = {message->payload, message->payload == NULL ? 0 : message->len},
	};
	visit(context, &record);
	return 0;
}

static int read_all(struct sampler *sampler, void (*visit)(void *context, const struct record *record), void *context,
		    struct err *err)
{
	int result = 0;
	int64_t end_ms = kafka_client_now_ms() + SAMPLE_MS;
	while (result == 0 && sampler->left > 0 && sampler->open > 0 && kafka_client_now_ms() < end_ms) {
		ssize_t count = rd_kafka_consume_batch_queue(sampler->queue, QUIET_MS, sampler->messages, 1);
		if (count == 1)
			count += rd_kafka_consume_batch_queue(sampler->queue, 0, sampler->messages + 1, BATCH - 1);
		if (count <= 0)
			break;
		for (ssize_t i = 0; i < count; i++) {
			if (result == 0)
				result = take(sampler, sampler->messages[i], visit, context, err);
			rd_kafka_message_destroy(sampler->messages[i]);
		}
	}
	return result;
}

int kafka_sample(const struct kafka_options *options, size_t limit,
		 void (*visit)(void *context, const struct record *record), void *context, struct err *err)
{
	struct sampler *sampler = calloc(1, sizeof *sampler);
	if (sampler == NULL)
		return err_memory(err);
	int result = begin(sampler, options, limit, err);
	if (result == 0)
		result = read_all(sampler, visit, context, err);
	for (int32_t i = 0; i < sampler->begun; i++)
		rd_kafka_consume_stop(sampler->topic, i);
	if (sampler->queue != NULL)
		rd_kafka_queue_destroy(sampler->queue);
	if (sampler->topic != NULL)
		rd_kafka_topic_destroy(sampler->topic);
	kafka_client_close(&sampler->client);
	free(sampler);
	return result;
}
