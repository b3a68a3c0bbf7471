/* What the benchmarks on a real Kafka share: a client with its properties, the clock, the end of everything at an error. */
#ifndef OUTLIERD_BENCH_CLIENT_H
#define OUTLIERD_BENCH_CLIENT_H

#include "test/bench/job.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <time.h>

static inline void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

static inline int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *const properties[][2],
				 size_t count)
{
	char why[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why) != RD_KAFKA_CONF_OK)
		fail("bootstrap.servers", why);
	for (size_t i = 0; i < count; i++)
		if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
			fail(properties[i][0], why);
	rd_kafka_t *handle = rd_kafka_new(type, conf, why, sizeof why);
	if (handle == NULL)
		fail("librdkafka", why);
	return handle;
}

/** All partitions of a topic of the job, from an offset or RD_KAFKA_OFFSET_BEGINNING and so on. */
static inline rd_kafka_topic_partition_list_t *all_partitions(const char *topic, int64_t from)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(JOB_PARTITIONS);
	for (int32_t i = 0; i < JOB_PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = from;
	return list;
}

/** Hands over a transaction as a record: encoded anew, its event time its Kafka timestamp. A full queue is waited out. */
static inline void send_transaction(rd_kafka_t *handle, rd_kafka_topic_t *topic, const struct transaction *made)
{
	uint8_t value[JOB_VALUE_MAX];
	size_t length = job_encode(made, value);
	for (;;) {
		rd_kafka_resp_err_t code = rd_kafka_producev(
		    handle, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(made->partition),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(made->card, strlen(made->card)),
		    RD_KAFKA_V_VALUE(value, length), RD_KAFKA_V_TIMESTAMP(made->time_ms), RD_KAFKA_V_END);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return;
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			fail("produce", rd_kafka_err2str(code));
		rd_kafka_poll(handle, 10);
	}
}

#endif
