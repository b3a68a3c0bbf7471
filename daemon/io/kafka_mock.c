#include "daemon/io/kafka.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#define BROKERS 1
#define TEXT_BYTES 512

struct kafka_mock {
	rd_kafka_t *handle; /* its threads are the broker's */
	rd_kafka_mock_cluster_t *cluster;
};

static void silent(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)handle;
	(void)level;
	(void)facility;
	(void)text;
}

struct kafka_mock *kafka_mock_new(struct err *err)
{
	char text[TEXT_BYTES];
	struct kafka_mock *mock = calloc(1, sizeof *mock);
	if (mock == NULL) {
		err_memory(err);
		return NULL;
	}
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, silent);
	mock->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (mock->handle == NULL) {
		err_set(err, ERR_UNAVAILABLE, "embedded broker: %s", text);
		rd_kafka_conf_destroy(conf);
		goto free_mock;
	}
	mock->cluster = rd_kafka_mock_cluster_new(mock->handle, BROKERS);
	if (mock->cluster != NULL)
		return mock;
	err_set(err, ERR_UNAVAILABLE, "embedded broker: it cannot listen on the loopback address");
	rd_kafka_destroy(mock->handle);
free_mock:
	free(mock);
	return NULL;
}

const char *kafka_mock_address(const struct kafka_mock *mock)
{
	return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

int kafka_mock_topic(struct kafka_mock *mock, const char *topic, int32_t partitions, struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, topic, partitions, BROKERS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "embedded broker: topic %s: %s", topic, rd_kafka_err2str(code));
}

void kafka_mock_free(struct kafka_mock *mock)
{
	if (mock == NULL)
		return;
	rd_kafka_mock_cluster_destroy(mock->cluster);
	rd_kafka_destroy(mock->handle);
	free(mock);
}
