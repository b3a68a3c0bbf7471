#include "daemon/io/memory_broker_state.h"

#include <assert.h>
#include <stdlib.h>

#define MESSAGE_MAX_DEFAULT 1000000
#define CAPACITY_FIRST 64

static struct slice put(char **at, struct slice bytes)
{
	if (bytes.data == NULL)
		return (struct slice){NULL, 0};
	if (bytes.length > 0)
		memcpy(*at, bytes.data, bytes.length);
	struct slice copy = {*at, bytes.length};
	*at += bytes.length;
	return copy;
}

static const char *put_text(char **at, const char *text)
{
	if (text == NULL)
		return NULL;
	return put(at, (struct slice){text, strlen(text) + 1}).data;
}

struct memory_broker_item *memory_broker_item_new(const struct message *message)
{
	/* One byte more: an empty value that is not null must point somewhere. */
	size_t bytes = message->key.length + message->value.length + 1;
	if (message->topic != NULL)
		bytes += strlen(message->topic) + 1;
	for (size_t i = 0; i < message->header_count; i++)
		bytes += strlen(message->headers[i].name) + 1 + message->headers[i].value.length;
	size_t headers_bytes = message->header_count * sizeof(struct header);
	struct memory_broker_item *item = malloc(sizeof *item + headers_bytes + bytes);
	if (item == NULL)
		return NULL;
	struct header *headers = (struct header *)(item + 1);
	char *at = (char *)(headers + message->header_count);
	item->message = (struct message){
	    .topic = put_text(&at, message->topic),
	    .key = put(&at, message->key),
	    .value = put(&at, message->value),
	    .headers = headers,
	    .header_count = message->header_count,
	    .timestamp_ms = message->timestamp_ms,
	};
	for (size_t i = 0; i < message->header_count; i++) {
		headers[i].name = put_text(&at, message->headers[i].name);
		headers[i].value = put(&at, message->headers[i].value);
	}
	return item;
}

bool memory_broker_list_reserve(struct memory_broker_list *list, size_t more)
{
	size_t capacity = list->capacity == 0 ? CAPACITY_FIRST : list->capacity;
	while (capacity < list->count + more)
		capacity *= 2;
	if (capacity == list->capacity)
		return true;
	struct memory_broker_item **items = realloc(list->items, capacity * sizeof(struct memory_broker_item *));
	if (items == NULL)
		return false;
	list->items = items;
	list->capacity = capacity;
	return true;
}

void memory_broker_list_clear(struct memory_broker_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	list->count = 0;
}

static void list_free(struct memory_broker_list *list)
{
	memory_broker_list_clear(list);
	free(list->items);
}

size_t memory_broker_find(const struct memory_broker_input *input, int64_t offset)
{
	size_t low = 0, high = input->records.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (input->records.items[middle]->offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int memory_broker_maybe_fail(struct memory_broker *broker, const char *call, enum err_action action, struct err *err)
{
	if (broker->failing_calls == 0)
		return 0;
	broker->failing_calls--;
	return err_set_action(err, ERR_UNAVAILABLE, action, "memory broker: %s fails on request", call);
}

struct memory_broker *memory_broker_new(const char *topic, int32_t partitions)
{
	assert(partitions > 0);
	struct memory_broker *broker = calloc(1, sizeof *broker);
	if (broker == NULL)
		return NULL;
	broker->message_max = MESSAGE_MAX_DEFAULT;
	broker->topic = strdup(topic);
	if (broker->topic == NULL || !memory_broker_grow(broker, partitions)) {
		memory_broker_free(broker);
		return NULL;
	}
	return broker;
}

void memory_broker_free(struct memory_broker *broker)
{
	if (broker == NULL)
		return;
	for (int32_t i = 0; i < broker->partitions; i++)
		list_free(&broker->inputs[i].records);
	while (broker->sources != NULL) {
		struct memory_broker_source *source = broker->sources;
		broker->sources = source->older;
		free(source->cursors);
		free(source);
	}
	while (broker->sinks != NULL) {
		struct memory_broker_sink *sink = broker->sinks;
		broker->sinks = sink->older;
		list_free(&sink->staged);
		free(sink);
	}
	list_free(&broker->output);
	free(broker->inputs);
	free(broker->topic);
	free(broker);
}

bool memory_broker_grow(struct memory_broker *broker, int32_t partitions)
{
	assert(partitions > 0 && partitions <= INT32_MAX - broker->partitions);
	int32_t count = broker->partitions + partitions;
	struct memory_broker_input *inputs = realloc(broker->inputs, (size_t)count * sizeof *inputs);
	if (inputs == NULL)
		return false;
	for (int32_t i = broker->partitions; i < count; i++) {
		inputs[i] = (struct memory_broker_input){.low = 0};
		inputs[i].committed = (struct position){.partition = i, .offset = OFFSET_NONE};
	}
	broker->inputs = inputs;
	broker->partitions = count;
	return true;
}

static struct memory_broker_input *input_of(const struct memory_broker *broker, int32_t partition)
{
	assert(partition >= 0 && partition < broker->partitions);
	return &broker->inputs[partition];
}

int64_t memory_broker_append_with_headers(struct memory_broker *broker, int32_t partition, int64_t timestamp_ms,
					  struct slice key, struct slice value, const struct header *headers,
					  size_t header_count)
{
	struct memory_broker_input *input = input_of(broker, partition);
	const struct message message = {
	    .key = key, .value = value, .headers = headers, .header_count = header_count, .timestamp_ms = timestamp_ms};
	if (!memory_broker_list_reserve(&input->records, 1))
		return -1;
	struct memory_broker_item *item = memory_broker_item_new(&message);
	if (item == NULL)
		return -1;
	item->offset = input->high++;
	input->records.items[input->records.count++] = item;
	return item->offset;
}

int64_t memory_broker_append(struct memory_broker *broker, int32_t partition, int64_t timestamp_ms, struct slice key,
			     struct slice value)
{
	return memory_broker_append_with_headers(broker, partition, timestamp_ms, key, value, NULL, 0);
}

void memory_broker_gap(struct memory_broker *broker, int32_t partition)
{
	input_of(broker, partition)->high++;
}

void memory_broker_truncate(struct memory_broker *broker, int32_t partition, int64_t low)
{
	struct memory_broker_input *input = input_of(broker, partition);
	assert(low >= input->low && low <= input->high);
	input->low = low;
}

void memory_broker_rebalance(struct memory_broker *broker, bool lost)
{
	broker->rebalance = true;
	broker->rebalance_lost = lost;
}

void memory_broker_fail_commit(struct memory_broker *broker, enum commit_result result, bool applied)
{
	assert(result == COMMIT_UNKNOWN || applied == (result == COMMIT_DONE));
	broker->fail_next_commit = result != COMMIT_DONE;
	broker->fail_result = result;
	broker->fail_applied = applied;
}

void memory_broker_fail_calls(struct memory_broker *broker, size_t count)
{
	broker->failing_calls = count;
}

void memory_broker_set_message_max(struct memory_broker *broker, size_t bytes)
{
	broker->message_max = bytes;
}

void memory_broker_set_committed(struct memory_broker *broker, const struct position *position)
{
	input_of(broker, position->partition)->committed = *position;
}

struct position memory_broker_committed(const struct memory_broker *broker, int32_t partition)
{
	return input_of(broker, partition)->committed;
}

size_t memory_broker_output_count(const struct memory_broker *broker)
{
	return broker->output.count;
}

const struct message *memory_broker_output(const struct memory_broker *broker, size_t i)
{
	assert(i < broker->output.count);
	return &broker->output.items[i]->message;
}
