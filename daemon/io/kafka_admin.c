#include "daemon/io/kafka_admin.h"

#include "daemon/io/kafka_client.h"
#include "daemon/io/kafka_query.h"

#include <assert.h>
#include <stdlib.h>

#define NAME_BYTES 16
#define MESSAGE_MAX_LEAST 1000 /* librdkafka's range of message.max.bytes */
#define MESSAGE_MAX_MOST 1000000000

static int open_admin(struct kafka_client *client, const struct kafka_options *options, struct err *err)
{
	const struct kafka_client_setup setup = {.type = RD_KAFKA_PRODUCER, .options = options};
	return kafka_client_open(client, "admin", &setup, err);
}

/** Sees one configuration entry. */
typedef void visit_entry(void *context, const char *name, const char *value);

static bool refused(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static rd_kafka_resp_err_t visit_result(rd_kafka_event_t *event, visit_entry *visit, void *context)
{
	const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	size_t count = 0;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
	if (count != 1)
		return RD_KAFKA_RESP_ERR__PARTIAL;
	code = rd_kafka_ConfigResource_error(resources[0]);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
	for (size_t i = 0; i < count; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);
		if (value != NULL)
			visit(context, rd_kafka_ConfigEntry_name(entries[i]), value);
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * librdkafka sends questions about topics to the controller and waits for one that is not there (the embedded broker has
 * none). Any broker of a real cluster names one.
 */
static bool has_controller(rd_kafka_t *handle)
{
	const rd_kafka_metadata_t *metadata = NULL;
	bool found = false;
	if (rd_kafka_metadata(handle, 0, NULL, &metadata, KAFKA_CLIENT_REQUEST_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return true; /* let the question itself fail */
	int32_t id = rd_kafka_controllerid(handle, 0);
	for (int i = 0; i < metadata->broker_cnt; i++)
		found = found || metadata->brokers[i].id == id;
	rd_kafka_metadata_destroy(metadata);
	return found;
}

/* *told is false where the broker does not tell (no right to DescribeConfigs, no such thing). */
static int describe(rd_kafka_t *handle, rd_kafka_ResourceType_t type, const char *name, visit_entry *visit,
		    void *context, bool *told, struct err *err)
{
	char text[256];
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(type, name);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_resp_err_t code =
	    rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_CLIENT_REQUEST_MS, text, sizeof text);
	assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_DescribeConfigs(handle, &resource, 1, options, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_REQUEST_MS);
	code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : visit_result(event, visit, context);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	rd_kafka_ConfigResource_destroy(resource);
	*told = code == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (*told || refused(code))
		return 0;
	return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RETRY, code, "configuration of a topic or broker", NULL);
}

static void read_number(const char *value, int64_t *number)
{
	char *end;
	long long read = strtoll(value, &end, 10);
	if (end != value && *end == '\0')
		*number = read;
}

static void visit_topic(void *context, const char *name, const char *value)
{
	struct kafka_topic_facts *facts = context;
	if (strcmp(name, "retention.ms") == 0)
		read_number(value, &facts->retention_ms);
	else if (strcmp(name, "retention.bytes") == 0)
		read_number(value, &facts->retention_bytes);
	else if (strcmp(name, "max.message.bytes") == 0)
		read_number(value, &facts->message_max_bytes);
	else if (strcmp(name, "message.timestamp.after.max.ms") == 0)
		read_number(value, &facts->timestamp_after_max_ms);
	/* Brokers before 3.6 have one bound for both sides; where both stand, the newer one counts. */
	else if (strcmp(name, "message.timestamp.difference.max.ms") == 0 && facts->timestamp_after_max_ms == INT64_MIN)
		read_number(value, &facts->timestamp_after_max_ms);
	else if (strcmp(name, "cleanup.policy") == 0)
		snprintf(facts->cleanup_policy, sizeof facts->cleanup_policy, "%s", value);
	else if (strcmp(name, "message.timestamp.type") == 0)
		snprintf(facts->timestamp_type, sizeof facts->timestamp_type, "%s", value);
}

static int ask_topic(rd_kafka_t *handle, const char *topic, struct kafka_topic_facts *facts, struct err *err)
{
	bool told = false;
	*facts = (struct kafka_topic_facts){
	    .retention_ms = INT64_MIN,
	    .retention_bytes = INT64_MIN,
	    .timestamp_after_max_ms = INT64_MIN,
	    .message_max_bytes = INT64_MIN,
	};
	if (kafka_query_partitions(handle, topic, &facts->partitions, err) != 0)
		return -1;
	facts->exists = facts->partitions > 0;
	if (!facts->exists)
		return 0;
	if (has_controller(handle) &&
	    describe(handle, RD_KAFKA_RESOURCE_TOPIC, topic, visit_topic, facts, &told, err) != 0)
		return -1;
	facts->configs_refused = !told;
	return 0;
}

int kafka_topic_facts(const struct kafka_options *options, const char *topic, struct kafka_topic_facts *facts,
		      struct err *err)
{
	struct kafka_client client = {0};
	if (open_admin(&client, options, err) != 0)
		return -1;
	int result = ask_topic(client.handle, topic, facts, err);
	kafka_client_close(&client);
	return result;
}

static rd_kafka_resp_err_t create(rd_kafka_t *handle, const char *topic, int32_t partitions)
{
	char text[256];
	rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, -1, text, sizeof text);
	if (wanted == NULL)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_CreateTopics(handle, &wanted, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_REQUEST_MS);
	rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		size_t count = 0;
		const rd_kafka_topic_result_t **results =
		    rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
		code = count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__PARTIAL;
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(wanted);
	return code;
}

int kafka_topic_create(const struct kafka_options *options, const char *topic, int32_t partitions, struct err *err)
{
	struct kafka_client client = {0};
	int32_t found = 0;
	if (open_admin(&client, options, err) != 0)
		return -1;
	int status = kafka_query_partitions(client.handle, topic, &found, err);
	if (status == 0 && found == 0) {
		rd_kafka_resp_err_t code = create(client.handle, topic, partitions);
		bool forbidden = kafka_client_forbidden(code);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			status =
			    kafka_client_fail(err, forbidden ? ERR_CONFIG : ERR_UNAVAILABLE,
					      forbidden ? ERR_EXIT : ERR_RETRY, code, "creation of a topic", topic);
	}
	kafka_client_close(&client);
	return status;
}

static void visit_broker(void *context, const char *name, const char *value)
{
	if (strcmp(name, "message.max.bytes") == 0)
		read_number(value, context);
}

static int ask_broker(rd_kafka_t *handle, int64_t *bytes, struct err *err)
{
	const rd_kafka_metadata_t *metadata = NULL;
	char name[NAME_BYTES] = "";
	bool told;
	rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 0, NULL, &metadata, KAFKA_CLIENT_REQUEST_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RETRY, code, "cluster metadata", NULL);
	if (metadata->broker_cnt > 0)
		snprintf(name, sizeof name, "%d", (int)metadata->brokers[0].id);
	rd_kafka_metadata_destroy(metadata);
	return name[0] == '\0' ? 0 : describe(handle, RD_KAFKA_RESOURCE_BROKER, name, visit_broker, bytes, &told, err);
}

static int ask_message_max(rd_kafka_t *handle, const struct kafka_options *options, int64_t *least, struct err *err)
{
	bool all_known = options->output_topic_count > 0;
	for (size_t i = 0; i < options->output_topic_count; i++) {
		struct kafka_topic_facts facts;
		if (ask_topic(handle, options->output_topics[i], &facts, err) != 0)
			return -1;
		if (facts.message_max_bytes == INT64_MIN)
			all_known = false;
		else if (*least == INT64_MIN || facts.message_max_bytes < *least)
			*least = facts.message_max_bytes;
	}
	int64_t broker = INT64_MIN;
	if (!all_known && ask_broker(handle, &broker, err) != 0)
		return -1;
	if (broker != INT64_MIN && (*least == INT64_MIN || broker < *least))
		*least = broker;
	return 0;
}

int kafka_admin_message_max(const struct kafka_options *options, size_t *bytes, struct err *err)
{
	int64_t least = INT64_MIN;
	for (size_t i = 0; i < options->property_count; i++)
		if (strcmp(options->properties[i].name, "message.max.bytes") == 0)
			read_number(options->properties[i].value, &least);
	if (least == INT64_MIN) {
		struct kafka_client client = {0};
		if (open_admin(&client, options, err) != 0)
			return -1;
		int result = ask_message_max(client.handle, options, &least, err);
		kafka_client_close(&client);
		if (result != 0)
			return -1;
	}
	if (least == INT64_MIN)
		least = KAFKA_ADMIN_MESSAGE_MAX_DEFAULT;
	if (least < MESSAGE_MAX_LEAST)
		least = MESSAGE_MAX_LEAST;
	*bytes = (size_t)(least > MESSAGE_MAX_MOST ? MESSAGE_MAX_MOST : least);
	return 0;
}

int kafka_message_max(const struct kafka_options *options, size_t *bytes, struct err *err)
{
	size_t batch = 0;
	if (kafka_admin_message_max(options, &batch, err) != 0)
		return -1;
	*bytes = batch - KAFKA_ADMIN_FRAMING_BYTES;
	return 0;
}
