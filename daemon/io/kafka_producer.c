#include "daemon/io/kafka_client.h"
#include "daemon/io/kafka_message.h"

#include <stdlib.h>

#define WAIT_MS 100

struct kafka_producer {
	struct kafka_client client;
	size_t sent, failed;
	struct err failure; /* why the first that failed */
};

static void on_delivered(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_producer *producer = ((struct kafka_client *)opaque)->self;
	(void)handle;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	producer->failed++;
	kafka_client_fail(&producer->failure, ERR_UNAVAILABLE, ERR_EXIT, message->err, "delivery", NULL);
	err_prepend(&producer->failure, "%s", rd_kafka_topic_name(message->rkt));
}

struct kafka_producer *kafka_producer_new(const struct kafka_options *options, struct err *err)
{
	static const struct kafka_property defaults[] = {
	    {"linger.ms", "20"}, /* throughput, not latency */
	    {"socket.nagle.disable", "true"},
	    {"log.connection.close", "false"},
	};
	static const struct kafka_property required[] = {
	    {"enable.idempotence", "true"},
	    {"acks", "all"},
	    {"partitioner", "murmur2_random"},
	};
	const struct kafka_client_setup setup = {
	    .type = RD_KAFKA_PRODUCER,
	    .options = options,
	    .defaults = defaults,
	    .default_count = sizeof defaults / sizeof defaults[0],
	    .required = required,
	    .required_count = sizeof required / sizeof required[0],
	    .delivered = on_delivered,
	};
	struct kafka_producer *producer = calloc(1, sizeof *producer);
	if (producer == NULL) {
		err_memory(err);
		return NULL;
	}
	producer->client.self = producer;
	if (kafka_client_open(&producer->client, "producer", &setup, err) == 0)
		return producer;
	free(producer);
	return NULL;
}

static int report(const struct kafka_producer *producer, size_t missing, struct err *err)
{
	if (producer->failed > 0)
		*err = producer->failure;
	else
		err_set(err, ERR_UNAVAILABLE, "kafka producer: no broker took them in time");
	return err_prepend(err, "%zu of %zu messages were not delivered", missing, producer->sent);
}

int kafka_producer_send(struct kafka_producer *producer, const struct message *message, struct err *err)
{
	for (;;) {
		/* A message that failed frees its place in the queue: without this the rest would fail one by one. */
		if (producer->failed > 0)
			return report(producer, producer->failed, err);
		rd_kafka_resp_err_t code = kafka_message_send(producer->client.handle, message, err);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return -1;
		err_clear(err);
		rd_kafka_poll(producer->client.handle, WAIT_MS);
	}
	producer->sent++;
	rd_kafka_poll(producer->client.handle, 0);
	return 0;
}

int kafka_producer_flush(struct kafka_producer *producer, int64_t timeout_ms, struct err *err)
{
	int64_t deadline_ms = kafka_client_now_ms() + timeout_ms;
	/* librdkafka sends without lingering while a flush waits. */
	while (rd_kafka_outq_len(producer->client.handle) > 0 && kafka_client_now_ms() < deadline_ms)
		(void)rd_kafka_flush(producer->client.handle, WAIT_MS);
	size_t waiting = (size_t)rd_kafka_outq_len(producer->client.handle);
	if (producer->failed + waiting > 0)
		return report(producer, producer->failed + waiting, err);
	return 0;
}

void kafka_producer_free(struct kafka_producer *producer)
{
	if (producer == NULL)
		return;
	rd_kafka_purge(producer->client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	kafka_client_close(&producer->client);
	free(producer);
}
