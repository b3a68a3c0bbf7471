#include "daemon/io/memory_broker_state.h"

#include <assert.h>
#include <stdlib.h>

static int open_source(void *self, const struct source_listener *listener, struct err *err)
{
	struct memory_broker_source *source = self;
	(void)err;
	assert(!source->open);
	source->listener = *listener;
	source->open = true;
	source->broker->holder = source;
	return 0;
}

static void drop(struct memory_broker_source *source)
{
	source->counter++;
	source->assignment = 0;
	source->partitions = 0;
}

static int take(struct memory_broker_source *source, struct err *err)
{
	struct memory_broker *broker = source->broker;
	struct memory_broker_cursor *cursors = calloc((size_t)broker->partitions, sizeof *cursors);
	int32_t *numbers = calloc((size_t)broker->partitions, sizeof *numbers);
	int result = -1;
	if (cursors == NULL || numbers == NULL) {
		err_memory(err);
		free(cursors);
		goto free_numbers;
	}
	for (int32_t i = 0; i < broker->partitions; i++)
		numbers[i] = i;
	free(source->cursors);
	source->cursors = cursors;
	source->partitions = broker->partitions;
	source->turn = 0;
	source->assignment = ++source->counter;
	source->generation = ++broker->generation;
	broker->holder = source;
	source->listener.assigned(source->listener.self, numbers, (size_t)source->partitions);
	result = 0;
free_numbers:
	free(numbers);
	return result;
}

/* Delivers what changed in the group since the last poll; *changed where anything did. */
static int serve_group(struct memory_broker_source *source, bool *changed, struct err *err)
{
	struct memory_broker *broker = source->broker;
	*changed = true;
	if (source->assignment != 0 && broker->holder != source) {
		drop(source);
		source->listener.revoked(source->listener.self, true);
		return 0;
	}
	if (source->assignment != 0 && broker->rebalance) {
		broker->rebalance = false;
		drop(source);
		source->listener.revoked(source->listener.self, broker->rebalance_lost);
		return take(source, err);
	}
	if (source->assignment == 0 && (broker->holder == source || broker->holder == NULL))
		return take(source, err);
	*changed = false;
	return 0;
}

static bool give_one(struct memory_broker_source *source, int32_t partition, struct record *record)
{
	const struct memory_broker_input *input = &source->broker->inputs[partition];
	struct memory_broker_cursor *cursor = &source->cursors[partition];
	if (!cursor->started || cursor->paused || cursor->index >= input->records.count)
		return false;
	struct memory_broker_item *item = input->records.items[cursor->index++];
	cursor->next = item->offset + 1;
	*record = (struct record){
	    .partition = partition,
	    .offset = item->offset,
	    .timestamp_ms = item->message.timestamp_ms,
	    .key = item->message.key,
	    .value = item->message.value,
	    .handle = item,
	};
	return true;
}

static int check_range(struct memory_broker_source *source, struct err *err)
{
	for (int32_t i = 0; i < source->partitions; i++) {
		const struct memory_broker_input *input = &source->broker->inputs[i];
		struct memory_broker_cursor *cursor = &source->cursors[i];
		if (!cursor->started || cursor->paused || (cursor->next >= input->low && cursor->next <= input->high))
			continue;
		cursor->started = false; /* reported once, as by the real one */
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER,
				      "%s partition %d offset %lld: out of range, the log is %lld to %lld",
				      source->broker->topic, (int)i, (long long)cursor->next, (long long)input->low,
				      (long long)input->high);
	}
	return 0;
}

static int poll_source(void *self, int timeout_ms, struct record *records, size_t limit, size_t *count, struct err *err)
{
	struct memory_broker_source *source = self;
	bool changed;
	(void)timeout_ms;
	assert(source->open);
	if (serve_group(source, &changed, err) != 0)
		return -1;
	if (changed || source->assignment == 0)
		return 0;
	if (check_range(source, err) != 0)
		return -1;
	size_t given = 0;
	for (int32_t idle = 0; given < limit && idle < source->partitions;) {
		idle = give_one(source, source->turn, &records[*count + given]) ? 0 : idle + 1;
		given += idle == 0;
		source->turn = (source->turn + 1) % source->partitions;
	}
	*count += given;
	return 0;
}

static int get_headers(void *self, struct record *record, struct arena *arena, struct err *err)
{
	const struct memory_broker_item *item = record->handle;
	size_t count = item->message.header_count;
	(void)self;
	struct header *headers = arena_take_zeroed(arena, count, sizeof *headers);
	if (headers == NULL)
		return err_memory(err);
	for (size_t i = 0; i < count; i++)
		headers[i] = item->message.headers[i];
	record->headers = headers;
	record->header_count = count;
	return 0;
}

static void release(void *self)
{
	(void)self;
}

static int start(void *self, const struct position *positions, size_t count, struct err *err)
{
	struct memory_broker_source *source = self;
	if (source->assignment == 0)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "memory broker: no partitions are assigned");
	for (size_t i = 0; i < count; i++)
		if (positions[i].partition < 0 || positions[i].partition >= source->partitions ||
		    positions[i].offset < 0)
			return err_set(err, ERR_INTERNAL, "memory broker: cannot start partition %d at offset %lld",
				       (int)positions[i].partition, (long long)positions[i].offset);
	for (int32_t i = 0; i < source->partitions; i++)
		source->cursors[i] = (struct memory_broker_cursor){.started = false};
	for (size_t i = 0; i < count; i++) {
		int32_t number = positions[i].partition;
		source->cursors[number] = (struct memory_broker_cursor){
		    .started = true,
		    .next = positions[i].offset,
		    .index = memory_broker_find(&source->broker->inputs[number], positions[i].offset),
		};
	}
	return 0;
}

static int pause_partition(void *self, int32_t partition, bool paused, struct err *err)
{
	struct memory_broker_source *source = self;
	(void)err;
	if (partition >= 0 && partition < source->partitions)
		source->cursors[partition].paused = paused;
	return 0;
}

static int ask_committed(void *self, struct position *positions, size_t count, struct err *err)
{
	struct memory_broker_source *source = self;
	if (memory_broker_maybe_fail(source->broker, "committed", ERR_RETRY, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		positions[i] = memory_broker_committed(source->broker, positions[i].partition);
	return 0;
}

static int ask_bounds(void *self, int32_t partition, int64_t *low, int64_t *high, struct err *err)
{
	struct memory_broker_source *source = self;
	if (memory_broker_maybe_fail(source->broker, "bounds", ERR_RETRY, err) != 0)
		return -1;
	assert(partition >= 0 && partition < source->broker->partitions);
	*low = source->broker->inputs[partition].low;
	*high = source->broker->inputs[partition].high;
	return 0;
}

static int64_t get_end(void *self, int32_t partition)
{
	const struct memory_broker_source *source = self;
	return source->broker->inputs[partition].high;
}

static int ask_offset_at(void *self, int32_t partition, int64_t timestamp_ms, int64_t *offset, struct err *err)
{
	struct memory_broker_source *source = self;
	if (memory_broker_maybe_fail(source->broker, "offset_at", ERR_RETRY, err) != 0)
		return -1;
	assert(partition >= 0 && partition < source->broker->partitions);
	const struct memory_broker_input *input = &source->broker->inputs[partition];
	*offset = input->high;
	for (size_t i = memory_broker_find(input, input->low); i < input->records.count; i++) {
		if (input->records.items[i]->message.timestamp_ms < timestamp_ms)
			continue;
		*offset = input->records.items[i]->offset;
		break;
	}
	return 0;
}

static int ask_partition_count(void *self, int32_t *count, struct err *err)
{
	struct memory_broker_source *source = self;
	if (memory_broker_maybe_fail(source->broker, "partition_count", ERR_RETRY, err) != 0)
		return -1;
	*count = source->broker->partitions;
	return 0;
}

static const char *get_cluster_id(void *self)
{
	(void)self;
	return "memory";
}

static struct membership get_membership(void *self)
{
	struct memory_broker_source *source = self;
	if (source->assignment == 0)
		return (struct membership){0, NULL};
	return (struct membership){source->assignment, source};
}

static void close_source(void *self)
{
	struct memory_broker_source *source = self;
	if (source->assignment != 0)
		drop(source);
	if (source->broker->holder == source)
		source->broker->holder = NULL;
	source->open = false;
}

struct source memory_broker_source(struct memory_broker *broker)
{
	struct memory_broker_source *source = calloc(1, sizeof *source);
	if (source == NULL)
		return (struct source){.self = NULL};
	source->broker = broker;
	source->older = broker->sources;
	broker->sources = source;
	return (struct source){
	    .self = source,
	    .open = open_source,
	    .poll = poll_source,
	    .headers = get_headers,
	    .release = release,
	    .start = start,
	    .pause = pause_partition,
	    .committed = ask_committed,
	    .bounds = ask_bounds,
	    .end = get_end,
	    .offset_at = ask_offset_at,
	    .partition_count = ask_partition_count,
	    .cluster_id = get_cluster_id,
	    .membership = get_membership,
	    .close = close_source,
	};
}
