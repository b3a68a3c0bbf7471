#include "daemon/io/kafka_group.h"

#include "daemon/io/kafka_client.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

static int open_client(struct kafka_client *client, const struct kafka_options *options, struct err *err)
{
	static const struct kafka_property defaults[] = {{"log.connection.close", "false"}};
	const struct kafka_property required[] = {{"group.id", options->group_id}, {"enable.auto.commit", "false"}};
	const struct kafka_client_setup setup = {
	    .type = RD_KAFKA_CONSUMER,
	    .options = options,
	    .defaults = defaults,
	    .default_count = sizeof defaults / sizeof *defaults,
	    .required = required,
	    .required_count = sizeof required / sizeof *required,
	};
	return kafka_client_open(client, "group", &setup, err);
}

static int fail(struct err *err, rd_kafka_resp_err_t code, const char *group)
{
	(void)kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RETRY, code, "consumer group", NULL);
	return err_prepend(err, "%s", group);
}

int kafka_group_members(const struct kafka_options *options, size_t *members, struct err *err)
{
	struct kafka_client client = {0};
	const struct rd_kafka_group_list *list = NULL;
	*members = 0;
	if (open_client(&client, options, err) != 0)
		return -1;
	rd_kafka_resp_err_t code =
	    rd_kafka_list_groups(client.handle, options->group_id, &list, 2 * KAFKA_CLIENT_REQUEST_MS);
	for (int i = 0; list != NULL && i < list->group_cnt; i++)
		if (strcmp(list->groups[i].group, options->group_id) == 0)
			*members += (size_t)list->groups[i].member_cnt;
	if (list != NULL)
		rd_kafka_group_list_destroy(list);
	kafka_client_close(&client);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : fail(err, code, options->group_id);
}

int kafka_group_commit(const struct kafka_options *options, const struct position *positions, size_t count,
		       struct err *err)
{
	struct kafka_client client = {0};
	assert(count > 0 && count <= INT_MAX);
	if (open_client(&client, options, err) != 0)
		return -1;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *entry =
		    rd_kafka_topic_partition_list_add(list, options->input_topic, positions[i].partition);
		entry->offset = positions[i].offset;
		entry->metadata_size = strlen(positions[i].metadata);
		entry->metadata = strdup(positions[i].metadata); /* librdkafka frees it with the list */
		if (entry->metadata == NULL)
			(void)err_memory(err);
	}
	rd_kafka_resp_err_t code =
	    err_is_set(err) ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_commit(client.handle, list, 0);
	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
		code = list->elems[i].err;
	rd_kafka_topic_partition_list_destroy(list);
	kafka_client_close(&client);
	if (err_is_set(err))
		return -1;
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : fail(err, code, options->group_id);
}

int kafka_group_delete(const struct kafka_options *options, struct err *err)
{
	struct kafka_client client = {0};
	if (open_client(&client, options, err) != 0)
		return -1;
	rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(options->group_id);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client.handle);
	rd_kafka_DeleteGroups(client.handle, &group, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_REQUEST_MS);
	rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		size_t count = 0;
		const rd_kafka_group_result_t **results =
		    rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
		const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(results[0]) : NULL;
		code = error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_DeleteGroup_destroy(group);
	kafka_client_close(&client);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
		return 0;
	return fail(err, code, options->group_id);
}
