#include "daemon/io/kafka_query.h"

#include <assert.h>
#include <limits.h>

static int retry(struct err *err, rd_kafka_resp_err_t code, const char *what)
{
	return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RETRY, code, what, NULL);
}

static void copy_metadata(const rd_kafka_topic_partition_t *from, struct position *position)
{
	/* Longer metadata is not ours: a prefix of it is as foreign as the whole. */
	size_t length = from->metadata == NULL ? 0 : from->metadata_size;
	if (length >= POSITION_METADATA_MAX)
		length = POSITION_METADATA_MAX - 1;
	if (length > 0)
		memcpy(position->metadata, from->metadata, length);
	position->metadata[length] = '\0';
}

int kafka_query_committed(rd_kafka_t *consumer, const char *topic, struct position *positions, size_t count,
			  struct err *err)
{
	assert(count <= INT_MAX);
	int result = -1;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, topic, positions[i].partition);
	rd_kafka_resp_err_t code = rd_kafka_committed(consumer, list, KAFKA_CLIENT_REQUEST_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		retry(err, code, "committed offsets");
		goto free_list;
	}
	for (size_t i = 0; i < count; i++) {
		/* The answer may come in another order. */
		const rd_kafka_topic_partition_t *found =
		    rd_kafka_topic_partition_list_find(list, topic, positions[i].partition);
		if (found == NULL || found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			retry(err, found == NULL ? RD_KAFKA_RESP_ERR__PARTIAL : found->err, "committed offsets");
			err_prepend(err, "%s partition %d", topic, (int)positions[i].partition);
			goto free_list;
		}
		positions[i].offset = found->offset >= 0 ? found->offset : OFFSET_NONE;
		copy_metadata(found, &positions[i]);
	}
	result = 0;
free_list:
	rd_kafka_topic_partition_list_destroy(list);
	return result;
}

int kafka_query_bounds(rd_kafka_t *consumer, const char *topic, int32_t partition, int64_t *low, int64_t *high,
		       struct err *err)
{
	rd_kafka_resp_err_t code =
	    rd_kafka_query_watermark_offsets(consumer, topic, partition, low, high, KAFKA_CLIENT_REQUEST_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && (*low < 0 || *high < *low))
		code = RD_KAFKA_RESP_ERR__PARTIAL;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	retry(err, code, "offset bounds");
	return err_prepend(err, "%s partition %d", topic, (int)partition);
}

int kafka_query_offset_at(rd_kafka_t *consumer, const char *topic, int32_t partition, int64_t timestamp_ms,
			  int64_t *offset, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *entry = rd_kafka_topic_partition_list_add(list, topic, partition);
	/* Negative numbers mean other things to ListOffsets; no record timestamp is below 0. */
	entry->offset = timestamp_ms < 0 ? 0 : timestamp_ms;
	rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer, list, KAFKA_CLIENT_REQUEST_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = list->elems[0].err;
	int64_t found = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		retry(err, code, "offset by time");
		return err_prepend(err, "%s partition %d", topic, (int)partition);
	}
	if (found >= 0) {
		*offset = found;
		return 0;
	}
	int64_t low;
	return kafka_query_bounds(consumer, topic, partition, &low, offset, err);
}

int kafka_query_partitions(rd_kafka_t *handle, const char *topic, int32_t *count, struct err *err)
{
	int result = -1;
	const rd_kafka_metadata_t *metadata = NULL;
	rd_kafka_topic_t *handle_topic = rd_kafka_topic_new(handle, topic, NULL);
	if (handle_topic == NULL)
		return retry(err, rd_kafka_last_error(), "topic metadata");
	rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 0, handle_topic, &metadata, KAFKA_CLIENT_REQUEST_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__PARTIAL;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		retry(err, code, "topic metadata");
		err_prepend(err, "%s", topic);
		goto free_metadata;
	}
	*count = metadata->topics[0].partition_cnt;
	result = 0;
free_metadata:
	if (metadata != NULL)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle_topic);
	return result;
}
