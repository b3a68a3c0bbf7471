/* Making topics. */
#include "daemon/io/kafka_client.h"

#include <stdlib.h>

#define CREATE_MS 15000
#define ERROR_TEXT 256
#define BROKERS_DEFAULT (-1) /* replication factor: as the brokers are configured */

static int judge(rd_kafka_event_t *event, struct err *err)
{
	size_t count = 0;
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, code, "creating topics",
					 rd_kafka_event_error_string(event));
	const rd_kafka_topic_result_t **results =
	    rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	for (size_t i = 0; i < count; i++) {
		code = rd_kafka_topic_result_error(results[i]);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, code,
						 rd_kafka_topic_result_name(results[i]),
						 rd_kafka_topic_result_error_string(results[i]));
	}
	return 0;
}

static int ask(rd_kafka_t *handle, rd_kafka_NewTopic_t **topics, size_t count, struct err *err)
{
	char text[ERROR_TEXT];
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	(void)rd_kafka_AdminOptions_set_request_timeout(options, CREATE_MS, text, sizeof text);
	(void)rd_kafka_AdminOptions_set_operation_timeout(options, CREATE_MS, text, sizeof text);
	rd_kafka_CreateTopics(handle, topics, count, options, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * CREATE_MS);
	int status = event != NULL ? judge(event, err)
				   : kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, RD_KAFKA_RESP_ERR__TIMED_OUT,
						       "creating topics", NULL);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	return status;
}

int kafka_create_topics(const struct kafka_options *options, const char *const *names, size_t count, int32_t partitions,
			struct err *err)
{
	const struct kafka_client_setup setup = {.type = RD_KAFKA_PRODUCER, .options = options};
	struct kafka_client client = {0};
	char text[ERROR_TEXT];
	rd_kafka_NewTopic_t **topics = calloc(count + 1, sizeof *topics);
	int status = topics == NULL ? err_memory(err) : kafka_client_open(&client, "admin", &setup, err);
	for (size_t i = 0; i < count && status == 0; i++) {
		topics[i] = rd_kafka_NewTopic_new(names[i], partitions, BROKERS_DEFAULT, text, sizeof text);
		if (topics[i] == NULL)
			status = err_set(err, ERR_USAGE, "topic %s: %s", names[i], text);
	}
	if (status == 0 && count > 0)
		status = ask(client.handle, topics, count, err);
	if (topics != NULL)
		rd_kafka_NewTopic_destroy_array(topics, count);
	free(topics);
	kafka_client_close(&client);
	return status;
}
