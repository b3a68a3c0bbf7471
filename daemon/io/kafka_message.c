#include "daemon/io/kafka_message.h"

#include "daemon/io/kafka_client.h"

#define NO_PARTITION ((int32_t)RD_KAFKA_PARTITION_UA)

static rd_kafka_headers_t *headers_of(const struct message *message)
{
	if (message->header_count == 0)
		return NULL;
	rd_kafka_headers_t *list = rd_kafka_headers_new(message->header_count);
	for (size_t i = 0; i < message->header_count; i++) {
		const struct header *header = &message->headers[i];
		/* Length 0 with a value that is not null needs any pointer but NULL. */
		const void *value = header->value.length == 0 && header->value.data != NULL ? "" : header->value.data;
		rd_kafka_header_add(list, header->name, -1, value, (ssize_t)header->value.length);
	}
	return list;
}

rd_kafka_resp_err_t kafka_message_send(rd_kafka_t *producer, const struct message *message, struct err *err)
{
	rd_kafka_headers_t *headers = headers_of(message);
	rd_kafka_vu_t arguments[] = {
	    {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = message->topic},
	    {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = NO_PARTITION},
	    {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
	    {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)message->key.data, message->key.length}},
	    {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)message->value.data, message->value.length}},
	    {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->timestamp_ms < 0 ? 0 : message->timestamp_ms},
	    {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};
	size_t count = sizeof arguments / sizeof arguments[0];
	rd_kafka_error_t *error = rd_kafka_produceva(producer, arguments, headers == NULL ? count - 1 : count);
	if (error == NULL)
		return RD_KAFKA_RESP_ERR_NO_ERROR; /* the headers are librdkafka's now */
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	kafka_client_fail(err, ERR_UNAVAILABLE, ERR_EXIT, code, "produce", NULL);
	err_prepend(err, "%s: a message of %zu bytes", message->topic, message->key.length + message->value.length);
	rd_kafka_error_destroy(error);
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	return code;
}

int kafka_message_headers(const rd_kafka_message_t *message, struct record *record, struct arena *arena,
			  struct err *err)
{
	rd_kafka_headers_t *list = NULL;
	size_t count = 0;
	rd_kafka_resp_err_t code = rd_kafka_message_headers(message, &list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__NOENT)
		return kafka_client_fail(err, ERR_DATA, ERR_EXIT, code, "record headers", NULL);
	if (list != NULL)
		count = rd_kafka_header_cnt(list);
	struct header *headers = arena_take_zeroed(arena, count, sizeof *headers);
	if (headers == NULL)
		return err_memory(err);
	for (size_t i = 0; i < count; i++) {
		const void *value = NULL;
		size_t length = 0;
		code = rd_kafka_header_get_all(list, i, &headers[i].name, &value, &length);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			return kafka_client_fail(err, ERR_DATA, ERR_EXIT, code, "record headers", NULL);
		headers[i].value = (struct slice){value, value == NULL ? 0 : length};
	}
	record->headers = headers;
	record->header_count = count;
	return 0;
}
