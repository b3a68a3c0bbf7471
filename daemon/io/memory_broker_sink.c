#include "daemon/io/memory_broker_state.h"

#include <assert.h>
#include <stdlib.h>

static void forget(struct memory_broker_sink *sink)
{
	memory_broker_list_clear(&sink->staged);
	sink->in_transaction = false;
}

static int recover(struct err *err, enum err_code code, const char *why)
{
	return err_set_action(err, code, ERR_RECOVER, "memory broker: %s", why);
}

static int fenced(struct err *err)
{
	return recover(err, ERR_FENCED, "a newer sink has fenced this one");
}

static void close_sink(void *self)
{
	struct memory_broker_sink *sink = self;
	forget(sink);
	sink->epoch = 0;
}

static int open_sink(void *self, struct err *err)
{
	struct memory_broker_sink *sink = self;
	close_sink(sink);
	if (memory_broker_maybe_fail(sink->broker, "open", ERR_RETRY, err) != 0)
		return -1;
	sink->epoch = ++sink->broker->epoch;
	sink->broken = false;
	return 0;
}

static int begin(void *self, struct err *err)
{
	struct memory_broker_sink *sink = self;
	assert(!sink->in_transaction);
	if (memory_broker_maybe_fail(sink->broker, "begin", ERR_RETRY, err) != 0)
		return -1;
	if (sink->epoch == 0 || sink->broken)
		return recover(err, ERR_UNAVAILABLE, "the sink is not open");
	if (sink->epoch != sink->broker->epoch)
		return fenced(err);
	sink->in_transaction = true;
	return 0;
}

static int produce(void *self, const struct message *message, struct err *err)
{
	struct memory_broker_sink *sink = self;
	assert(sink->in_transaction && message->topic != NULL);
	if (message->key.length + message->value.length > sink->broker->message_max)
		return err_set(err, ERR_INTERNAL, "%s: a message of %zu bytes is larger than the broker takes",
			       message->topic, message->key.length + message->value.length);
	if (!memory_broker_list_reserve(&sink->staged, 1))
		return err_memory(err);
	struct memory_broker_item *item = memory_broker_item_new(message);
	if (item == NULL)
		return err_memory(err);
	sink->staged.items[sink->staged.count++] = item;
	return 0;
}

static enum commit_result aborted(struct memory_broker_sink *sink, struct err *err, const char *why)
{
	forget(sink);
	(void)err_set_action(err, ERR_UNAVAILABLE, ERR_ABORT_BATCH, "memory broker: no commit, since %s", why);
	return COMMIT_ABORTED;
}

static void apply(struct memory_broker_sink *sink, const struct position *offsets, size_t count)
{
	struct memory_broker *broker = sink->broker;
	for (size_t i = 0; i < sink->staged.count; i++)
		broker->output.items[broker->output.count++] = sink->staged.items[i];
	sink->staged.count = 0; /* they are the output's now */
	for (size_t i = 0; i < count; i++) {
		assert(offsets[i].offset >= 0);
		memory_broker_set_committed(broker, &offsets[i]);
	}
	sink->in_transaction = false;
}

static enum commit_result fail_on_request(struct memory_broker_sink *sink, const struct position *offsets, size_t count,
					  struct err *err)
{
	sink->broker->fail_next_commit = false;
	if (sink->broker->fail_result == COMMIT_ABORTED)
		return aborted(sink, err, "it fails on request");
	if (sink->broker->fail_applied)
		apply(sink, offsets, count);
	forget(sink);
	sink->broken = true;
	(void)recover(err, ERR_UNAVAILABLE, "the commit's outcome is unknown on request");
	return COMMIT_UNKNOWN;
}

static enum commit_result commit(void *self, const struct position *offsets, size_t count,
				 const struct membership *membership, struct err *err)
{
	struct memory_broker_sink *sink = self;
	const struct memory_broker_source *member = membership->handle;
	assert(sink->in_transaction);
	if (sink->epoch != sink->broker->epoch) {
		forget(sink);
		sink->broken = true;
		(void)fenced(err);
		return COMMIT_UNKNOWN;
	}
	if (member == NULL || membership->assignment == 0)
		return aborted(sink, err, "the process had no partitions when it read the records");
	if (member->assignment != membership->assignment)
		return aborted(sink, err, "the partitions were reassigned after the records were read");
	if (member->generation != sink->broker->generation || sink->broker->holder != member)
		return aborted(sink, err, "the group has moved on to another generation");
	if (!memory_broker_list_reserve(&sink->broker->output, sink->staged.count))
		return aborted(sink, err, "memory is out");
	if (sink->broker->fail_next_commit)
		return fail_on_request(sink, offsets, count, err);
	apply(sink, offsets, count);
	return COMMIT_DONE;
}

static int abort_transaction(void *self, struct err *err)
{
	struct memory_broker_sink *sink = self;
	if (!sink->in_transaction)
		return 0;
	forget(sink);
	if (memory_broker_maybe_fail(sink->broker, "abort", ERR_RECOVER, err) != 0) {
		sink->broken = true;
		return -1;
	}
	if (sink->epoch != sink->broker->epoch)
		return fenced(err);
	return 0;
}

static size_t message_max(void *self)
{
	const struct memory_broker_sink *sink = self;
	return sink->broker->message_max;
}

struct sink memory_broker_sink(struct memory_broker *broker)
{
	struct memory_broker_sink *sink = calloc(1, sizeof *sink);
	if (sink == NULL)
		return (struct sink){.self = NULL};
	sink->broker = broker;
	sink->older = broker->sinks;
	broker->sinks = sink;
	return (struct sink){
	    .self = sink,
	    .open = open_sink,
	    .begin = begin,
	    .produce = produce,
	    .commit = commit,
	    .abort = abort_transaction,
	    .message_max = message_max,
	    .close = close_sink,
	};
}
