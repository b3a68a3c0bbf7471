/* The sink port over the model, in the way of daemon/io/kafka_sink.c: the same results for the same answers. */
#include "test/sim/check.h"
#include "test/sim/kafka_client.h"
#include "test/sim/reference.h"

static int sink_open(void *self, struct err *err)
{
	struct client *client = self;
	client->producer_open = client->in_transaction = client->fatal = false;
	struct request *request = request_new(client, ASK_INIT);
	if (!request_ask(client, request, COMMIT_US))
		return request_timed_out(err, "init of transactions");
	client->epoch = request->epoch;
	client->producer_open = true;
	sim_trace(client->sim, "node %d: producer epoch %d", client->node->index, client->epoch);
	return 0;
}

static int fatal(struct client *client, const char *what, struct err *err)
{
	client->fatal = true;
	return err_set_action(err, ERR_FENCED, ERR_RECOVER, "%s: the producer is fenced", what);
}

static int sink_begin(void *self, struct err *err)
{
	struct client *client = self;
	node_call(client->node);
	assert(!client->in_transaction);
	if (client->sim->now_us < client->kafka->network_until_us[client->node->index] && sim_once_in(client->sim, 20))
		return request_timed_out(err, "begin");
	if (!client->producer_open || client->fatal)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "kafka producer: not open");
	client->in_transaction = true;
	client->number = ++client->sim->order; /* grows over all lives of the name */
	client->output_count = 0;
	return 0;
}

static int sink_produce(void *self, const struct message *message, struct err *err)
{
	struct client *client = self;
	assert(client->in_transaction);
	size_t size = message->key.length + message->value.length;
	for (size_t i = 0; i < message->header_count; i++)
		size += strlen(message->headers[i].name) + message->headers[i].value.length;
	if (size > client->sim->plan.message_max)
		sim_fail(client->sim, "a message of %zu bytes, where %zu are allowed", size,
			 client->sim->plan.message_max);
	if (client->output_count == client->output_capacity) {
		client->output_capacity = 2 * client->output_capacity + 16;
		client->outputs =
		    sim_grow(client->outputs, client->output_count, client->output_capacity, sizeof *client->outputs);
	}
	client->outputs[client->output_count++] = (struct output){message->topic, reference_hash(message)};
	if (client->output_count % 8 == 0)
		node_call(client->node);
	if (sim_once_in(client->sim, 400) && !client->sim->quiet)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_ABORT_BATCH, "delivery: a message was not taken");
	return 0;
}

static int sink_abort(void *self, struct err *err)
{
	struct client *client = self;
	if (!client->in_transaction)
		return 0;
	client->in_transaction = false;
	struct request *request = request_new(client, ASK_END);
	request->commit = false;
	if (!request_ask(client, request, REQUEST_US))
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "abort: timed out");
	if (request->answer == ANSWER_OK)
		return 0;
	return fatal(client, "abort", err);
}

static enum commit_result give_up(struct client *client, struct err *err)
{
	struct err failed = {0};
	if (sink_abort(client, &failed) == 0) {
		err->action = ERR_ABORT_BATCH;
		return COMMIT_ABORTED;
	}
	err->action = ERR_RECOVER;
	return COMMIT_UNKNOWN;
}

static bool refused(const struct client *client, const struct membership *membership, struct err *err)
{
	const struct own_membership *own = membership->handle;
	const char *why = NULL;
	if (own == NULL || membership->assignment == 0)
		why = "the process had no partitions when it read the records";
	else if (!own->valid || own->assignment != membership->assignment)
		why = "the partitions were reassigned after the records were read";
	(void)client;
	if (why != NULL)
		(void)err_set_action(err, ERR_UNAVAILABLE, ERR_ABORT_BATCH, "kafka group: no commit, since %s", why);
	return why != NULL;
}

/* I5: the records that lead to an offset were delivered under the assignment that it is committed under. */
static void check_assignment(const struct client *consumer, const struct own_membership *own,
			     const struct position *offsets, size_t count)
{
	for (size_t i = 0; i < count && !consumer->sim->unstable; i++) {
		int32_t p = offsets[i].partition;
		int64_t last = offsets[i].offset - 1;
		uint64_t under = last < consumer->delivered_capacity[p] ? consumer->delivered[p][last] : 0;
		if (under != own->assignment)
			sim_fail(consumer->sim,
				 "I5: node %d commits offset %" PRId64 " of partition %d under assignment %" PRIu64
				 ", its last record came under %" PRIu64,
				 consumer->node->index, offsets[i].offset, (int)p, own->assignment, under);
	}
}

static enum commit_result sink_commit(void *self, const struct position *offsets, size_t count,
				      const struct membership *membership, struct err *err)
{
	struct client *client = self;
	assert(client->in_transaction && count > 0);
	node_call(client->node);
	if (refused(client, membership, err))
		return give_up(client, err);
	const struct own_membership *own = membership->handle;
	check_assignment(client->node->client, own, offsets, count);
	struct identity identity = own->identity;
	if (client->output_count > 0) {
		struct request *produce = request_new(client, ASK_PRODUCE);
		produce->outputs =
		    sim_grow(client->outputs, client->output_count, client->output_count, sizeof *client->outputs);
		produce->count = client->output_count;
		if (!request_ask(client, produce, TRANSACTION_US)) {
			(void)err_set(err, ERR_UNAVAILABLE, "kafka producer: messages were not delivered in time");
			return give_up(client, err);
		}
		if (produce->answer == ANSWER_FENCED) {
			(void)fatal(client, "produce", err);
			client->in_transaction = false;
			return COMMIT_UNKNOWN;
		}
		if (produce->answer != ANSWER_OK) {
			(void)err_set(err, ERR_UNAVAILABLE, "produce: refused");
			return give_up(client, err);
		}
	}
	struct request *send = request_new(client, ASK_OFFSETS);
	send->identity = identity;
	send->offsets = sim_grow(offsets, count, count, sizeof *offsets);
	send->count = count;
	bool sent = request_ask(client, send, TRANSACTION_US);
	if (sent && send->answer == ANSWER_FENCED) {
		(void)fatal(client, "offsets", err);
		client->in_transaction = false;
		return COMMIT_UNKNOWN;
	}
	if (!sent || send->answer != ANSWER_OK) {
		(void)err_set(err, ERR_UNAVAILABLE, "offsets: %s", sent ? "the group refuses them" : "timed out");
		return give_up(client, err);
	}
	struct request *end = request_new(client, ASK_END);
	end->commit = true;
	bool ended = request_ask(client, end, COMMIT_US);
	client->in_transaction = false;
	if (ended && end->answer == ANSWER_OK)
		return COMMIT_DONE;
	if (ended)
		(void)fatal(client, "commit", err);
	else
		(void)err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "commit: timed out");
	return COMMIT_UNKNOWN;
}

static size_t sink_message_max(void *self)
{
	return ((struct client *)self)->sim->plan.message_max;
}

static void sink_close(void *self)
{
	struct client *client = self;
	client->producer_open = client->in_transaction = false;
}

struct sink client_sink(struct client *client)
{
	return (struct sink){
	    .self = client,
	    .open = sink_open,
	    .begin = sink_begin,
	    .produce = sink_produce,
	    .commit = sink_commit,
	    .abort = sink_abort,
	    .message_max = sink_message_max,
	    .close = sink_close,
	};
}
