/*
 * The ports of source and sink over the model, in the way of daemon/io/kafka_source.c and kafka_sink.c: the same errors
 * and actions for the same events, callbacks from poll alone, no message of an assignment that is gone.
 */
#include "test/sim/check.h"
#include "test/sim/kafka.h"
#include "test/sim/reference.h"

#define HEARTBEAT_US (SESSION_US / 4)
#define REQUEST_US (5 * (int64_t)SECOND) /* a question's time-out */
#define COMMIT_US (12 * (int64_t)SECOND) /* of EndTxn: the transaction's, and a little */
#define RETRY_US (5 * MS)
#define DUE_MAX 8
#define LENT_MAX 4096

struct due {
	bool assigned, lost;
	struct identity identity;
	bool owns[PARTITIONS_MAX + 1];
};

struct own_membership {
	uint64_t assignment;
	struct identity identity;
	bool valid;
};

struct client {
	struct node *node;
	struct sim *sim;
	struct kafka *kafka;
	unsigned life;
	/* consumer: what librdkafka's own thread does */
	bool open, joining, holding, fenced;
	struct identity identity;
	struct due due[DUE_MAX];
	int due_count;
	/* consumer: what the loop sees */
	struct source_listener listener;
	struct own_membership own;
	bool owns[PARTITIONS_MAX + 1], started[PARTITIONS_MAX + 1], paused[PARTITIONS_MAX + 1];
	int64_t next[PARTITIONS_MAX + 1];
	uint64_t *delivered[PARTITIONS_MAX + 1]; /* by offset: the assignment under which it was */
	int64_t delivered_capacity[PARTITIONS_MAX + 1];
	/* producer */
	bool producer_open, in_transaction, fatal;
	int epoch;
	uint64_t number;
	struct output *outputs;
	size_t output_count, output_capacity;
};

/* Requests: applied by an event of their own, so that they may arrive when nobody waits any more. */

enum fate { FATE_FINE, FATE_LATE, FATE_LOST, FATE_UNANSWERED };
enum question { ASK_INIT, ASK_PRODUCE, ASK_OFFSETS, ASK_END, ASK_COMMITTED };

struct request {
	struct client *client;
	enum question question;
	int node, epoch;
	uint64_t number;
	struct identity identity;
	const struct output *outputs;
	struct position *offsets;
	size_t count;
	bool commit, retried_by_client;
	enum fate fate;
	enum answer answer;
	bool answered, given_up;
	int64_t deadline_us;
};

static bool alive(const struct client *client)
{
	return client->node->up && client->node->life == client->life;
}

static enum answer ask_committed(struct kafka *kafka, struct request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		struct position *position = &request->offsets[i];
		if (kafka_unstable(kafka, position->partition))
			return ANSWER_ABORT;
		position->offset = kafka->committed[position->partition].offset;
		memcpy(position->metadata, kafka->committed[position->partition].metadata, sizeof position->metadata);
	}
	return ANSWER_OK;
}

static enum answer apply(struct kafka *kafka, struct request *request)
{
	switch (request->question) {
	case ASK_INIT:
		return kafka_init_producer(kafka, request->node, &request->epoch) == 0 ? ANSWER_OK : ANSWER_BUSY;
	case ASK_PRODUCE:
		return kafka_produce(kafka, request->node, request->epoch, request->number, request->outputs,
				     request->count);
	case ASK_OFFSETS:
		return kafka_add_offsets(kafka, request->node, request->epoch, request->number, request->identity,
					 request->offsets, request->count);
	case ASK_END:
		return kafka_end(kafka, request->node, request->epoch, request->number, request->commit);
	case ASK_COMMITTED:
		return ask_committed(kafka, request);
	}
	return ANSWER_ABORT;
}

static void answer(struct sim *sim, void *self, uint64_t argument)
{
	struct request *request = self;
	(void)sim, (void)argument;
	request->answered = true;
	if (alive(request->client))
		node_notify(request->client->node);
}

static void arrive(struct sim *sim, void *self, uint64_t argument)
{
	static const char *const names[] = {"InitProducerId", "Produce", "TxnOffsetCommit", "EndTxn", "OffsetFetch"};
	struct request *request = self;
	bool waits = !request->given_up && alive(request->client);
	(void)argument;
	if (kafka_away(sim->kafka)) {
		/* A client that waits tries again; of the others some requests stand in a queue somewhere. */
		if (waits || request->fate == FATE_LATE)
			sim_after(sim, sim->kafka->away_until_us - sim->now_us + sim_between(sim, 0, SECOND), arrive,
				  request, 0);
		return;
	}
	request->answer = apply(sim->kafka, request);
	if (request->answer == ANSWER_BUSY) {
		if (waits)
			sim_after(sim, RETRY_US, arrive, request, 0);
		return;
	}
	if (!waits && request->question != ASK_COMMITTED)
		sim_trace(sim, "%s of node %d arrives late, answer %d", names[request->question], request->node,
			  (int)request->answer);
	if (request->fate != FATE_UNANSWERED)
		sim_after(sim, sim_between(sim, 50, 1000), answer, request, 0);
}

static enum fate draw_fate(struct client *client, enum question question)
{
	struct sim *sim = client->sim;
	int node = client->node->index;
	bool *armed = question == ASK_END       ? &client->kafka->end_late[node]
		      : question == ASK_OFFSETS ? &client->kafka->offsets_late[node]
						: NULL;
	if (armed != NULL && *armed) {
		*armed = false;
		return (enum fate)sim_between(sim, FATE_LATE, FATE_UNANSWERED);
	}
	if (sim->now_us < client->kafka->network_until_us[node] && sim_once_in(sim, 3))
		return (enum fate)sim_between(sim, FATE_LATE, FATE_UNANSWERED);
	return FATE_FINE;
}

/* Sends a request and waits for its answer; false: there was none in time. */
static bool ask(struct client *client, struct request *request, int64_t timeout_us)
{
	struct sim *sim = client->sim;
	request->client = client;
	request->node = client->node->index;
	request->deadline_us = sim->now_us + timeout_us;
	request->fate = draw_fate(client, request->question);
	int64_t delay = sim_between(sim, 50, 1000);
	if (request->fate == FATE_LATE)
		delay = sim_between(sim, 0, timeout_us * 3 / 2);
	if (request->fate != FATE_LOST)
		sim_after(sim, delay, arrive, request, 0);
	while (!request->answered && sim->now_us < request->deadline_us)
		node_wait_until(client->node, request->deadline_us);
	request->given_up = !request->answered;
	return request->answered;
}

static struct request *new_request(struct client *client, enum question question)
{
	struct request *request = sim_take(sizeof *request);
	request->question = question;
	request->epoch = client->epoch;
	request->number = client->number;
	return request;
}

/* The consumer's background. */

static struct due *new_due(struct client *client)
{
	assert(client->due_count < DUE_MAX);
	struct due *due = &client->due[client->due_count++];
	*due = (struct due){0};
	node_notify(client->node);
	return due;
}

static void join(struct sim *sim, void *self, uint64_t argument)
{
	struct client *client = self;
	(void)argument;
	if (!alive(client) || client->fenced)
		return;
	if (client->node->paused || kafka_away(sim->kafka)) {
		sim_after(sim, SECOND, join, client, 0);
		return;
	}
	group_join(sim->kafka, client->node, client->identity.member_id);
}

static void send_join(struct client *client)
{
	client->joining = true;
	sim_after(client->sim, sim_between(client->sim, 100, 5 * MS), join, client, 0);
}

void client_assigned(struct node *node, unsigned life, struct identity identity, const bool *owns)
{
	struct client *client = node->client;
	if (!node->up || node->life != life || !client->open || client->fenced || !client->joining)
		return;
	struct due *due = new_due(client);
	due->assigned = true;
	due->identity = client->identity = identity;
	memcpy(due->owns, owns, sizeof due->owns);
	client->joining = false;
	client->holding = true;
}

void client_fenced(struct node *node, unsigned life)
{
	if (!node->up || node->life != life)
		return;
	node->client->fenced = true;
	node_notify(node);
}

static void lose(struct client *client, bool lost)
{
	if (!client->holding)
		return;
	client->holding = false;
	if (lost)
		client->identity = (struct identity){-1, 0};
	new_due(client)->lost = lost;
}

static void heartbeat(struct sim *sim, void *self, uint64_t argument)
{
	struct client *client = self;
	struct node *node = client->node;
	(void)argument;
	if (!alive(client) || !client->open || client->fenced)
		return;
	int64_t next_us = HEARTBEAT_US;
	if (node->paused)
		next_us = node->paused_until_us > sim->now_us ? node->paused_until_us - sim->now_us : MS;
	else if (!kafka_away(sim->kafka) && client->holding)
		switch (group_heartbeat(sim->kafka, node->index, client->identity)) {
		case HEARTBEAT_OK:
			break;
		case HEARTBEAT_REBALANCE:
			lose(client, false);
			break;
		case HEARTBEAT_UNKNOWN:
			lose(client, true);
			break;
		case HEARTBEAT_FENCED:
			client_fenced(node, node->life);
			break;
		}
	else if (!kafka_away(sim->kafka) && client->joining)
		(void)group_heartbeat(sim->kafka, node->index, client->identity); /* JoinGroup keeps the session */
	sim_after(sim, next_us + sim_between(sim, 0, 100 * MS), heartbeat, client, 0);
}

/* The source. */

static int timed_out(struct err *err, const char *what)
{
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s: timed out", what);
}

static void deliver_due(struct client *client)
{
	struct due due = client->due[0];
	memmove(client->due, client->due + 1, (size_t)--client->due_count * sizeof due);
	client->own.assignment++;
	memset(client->started, 0, sizeof client->started);
	memset(client->paused, 0, sizeof client->paused);
	if (!due.assigned) {
		bool had = client->own.valid;
		client->own.valid = false;
		memset(client->owns, 0, sizeof client->owns);
		sim_trace(client->sim, "node %d: %s", client->node->index, due.lost ? "lost" : "revoked");
		if (had)
			client->listener.revoked(client->listener.self, due.lost);
		send_join(client);
		return;
	}
	int32_t numbers[PARTITIONS_MAX + 1];
	size_t count = 0;
	char text[40] = "";
	memcpy(client->owns, due.owns, sizeof client->owns);
	for (int32_t p = 0; p <= PARTITIONS_MAX; p++)
		if (client->owns[p]) {
			snprintf(text + strlen(text), sizeof text - strlen(text), " %d", (int)p);
			numbers[count++] = p;
		}
	client->own.valid = true;
	client->own.identity = due.identity;
	sim_trace(client->sim, "node %d: assigned%s, generation %d", client->node->index, text,
		  (int)due.identity.generation);
	client->listener.assigned(client->listener.self, numbers, count);
}

static int source_open(void *self, const struct source_listener *listener, struct err *err)
{
	struct client *client = self;
	node_call(client->node);
	if (client->sim->now_us < client->kafka->network_until_us[client->node->index] && sim_once_in(client->sim, 2))
		return timed_out(err, "subscription");
	client->listener = *listener;
	client->open = true;
	client->identity = (struct identity){-1, 0};
	send_join(client);
	sim_after(client->sim, HEARTBEAT_US, heartbeat, client, 0);
	return 0;
}

static int fenced(struct err *err)
{
	return err_set(err, ERR_FENCED, "consumer: fenced, another process has this instance id");
}

static void remember(struct client *client, int32_t p, int64_t offset)
{
	if (offset >= client->delivered_capacity[p]) {
		int64_t capacity = 2 * offset + 64;
		client->delivered[p] = sim_grow(client->delivered[p], (size_t)client->delivered_capacity[p],
						(size_t)capacity, sizeof *client->delivered[p]);
		client->delivered_capacity[p] = capacity;
	}
	client->delivered[p][offset] = client->own.assignment;
}

static int fetch(struct client *client, struct record *records, size_t limit, size_t *count, struct err *err)
{
	struct kafka *kafka = client->kafka;
	size_t most = 1 + (size_t)sim_below(client->sim, sim_once_in(client->sim, 3) ? 3 : limit), taken = 0;
	int32_t first = (int32_t)sim_below(client->sim, PARTITIONS_MAX + 1);
	if (kafka_away(kafka))
		return 0;
	for (int32_t i = 0; i <= PARTITIONS_MAX; i++) {
		int32_t p = (first + i) % (PARTITIONS_MAX + 1);
		const struct log_partition *partition = &kafka->partitions[p];
		if (!client->started[p] || client->paused[p])
			continue;
		if (client->next[p] < partition->low || client->next[p] > partition->count)
			return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER,
					      "partition %d offset %" PRId64 ": fetch: offset out of range", (int)p,
					      client->next[p]);
		for (int64_t stable = kafka_stable(kafka, p); client->next[p] < stable && taken < most && taken < limit;
		     client->next[p]++) {
			const struct log_record *from = &partition->records[client->next[p]];
			if (from->visibility != VISIBLE)
				continue;
			remember(client, p, client->next[p]);
			records[*count + taken++] = (struct record){.partition = p,
								    .offset = client->next[p],
								    .timestamp_ms = from->timestamp_ms,
								    .key = from->key,
								    .value = from->value};
		}
	}
	*count += taken;
	return 0;
}

static bool has_records(const struct client *client)
{
	for (int32_t p = 0; p <= PARTITIONS_MAX && !kafka_away(client->kafka); p++) {
		if (!client->started[p] || client->paused[p])
			continue;
		int64_t stable = kafka_stable(client->kafka, p);
		if (client->next[p] < client->kafka->partitions[p].low ||
		    client->next[p] > client->kafka->partitions[p].count)
			return true;
		for (int64_t offset = client->next[p]; offset < stable; offset++)
			if (client->kafka->partitions[p].records[offset].visibility == VISIBLE)
				return true;
	}
	return false;
}

static int source_poll(void *self, int timeout_ms, struct record *records, size_t limit, size_t *count, struct err *err)
{
	struct client *client = self;
	struct sim *sim = client->sim;
	int64_t deadline_us = sim->now_us + (int64_t)timeout_ms * MS;
	node_call(client->node);
	for (;;) {
		if (client->fenced)
			return fenced(err);
		if (client->due_count > 0) {
			deliver_due(client);
			return 0;
		}
		if (limit > 0 && has_records(client))
			return fetch(client, records, limit, count, err);
		if (sim->now_us >= deadline_us)
			return 0;
		node_wait_until(client->node, deadline_us);
	}
}

static int source_headers(void *self, struct record *record, struct arena *arena, struct err *err)
{
	(void)self;
	return subject_headers(record, arena, err);
}

static void source_release(void *self)
{
	(void)self;
}

static int source_start(void *self, const struct position *positions, size_t count, struct err *err)
{
	struct client *client = self;
	node_call(client->node);
	if (!client->own.valid)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "kafka consumer: no partitions are assigned");
	memset(client->started, 0, sizeof client->started);
	memset(client->paused, 0, sizeof client->paused);
	for (size_t i = 0; i < count; i++) {
		assert(client->owns[positions[i].partition] && positions[i].offset >= 0);
		client->started[positions[i].partition] = true;
		client->next[positions[i].partition] = positions[i].offset;
	}
	return 0;
}

static int source_pause(void *self, int32_t partition, bool paused, struct err *err)
{
	struct client *client = self;
	(void)err;
	client->paused[partition] = paused;
	return 0;
}

static int source_committed(void *self, struct position *positions, size_t count, struct err *err)
{
	struct client *client = self;
	struct request *request = new_request(client, ASK_COMMITTED);
	request->offsets = sim_grow(positions, count, count, sizeof *positions);
	request->count = count;
	if (!ask(client, request, REQUEST_US))
		return timed_out(err, "committed offsets");
	if (request->answer != ANSWER_OK)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "committed offsets: a commit is pending");
	memcpy(positions, request->offsets, count * sizeof *positions);
	return 0;
}

/* A question to a broker that needs no request of its own here. */
static int ask_broker(struct client *client, const char *what, struct err *err)
{
	struct sim *sim = client->sim;
	bool trouble = sim->now_us < client->kafka->network_until_us[client->node->index] && sim_once_in(sim, 4);
	if (trouble || kafka_away(client->kafka)) {
		node_sleep(client->node, REQUEST_US);
		return timed_out(err, what);
	}
	node_call(client->node);
	return 0;
}

static int source_bounds(void *self, int32_t partition, int64_t *low, int64_t *high, struct err *err)
{
	struct client *client = self;
	struct kafka *kafka = client->kafka;
	if (ask_broker(client, "offsets of the log", err) != 0)
		return -1;
	*low = kafka->partitions[partition].low;
	*high = kafka_stable(kafka, partition);
	if (client->sim->now_us < kafka->behind_until_us)
		*high -= sim_between(client->sim, 0, *high - *low);
	return 0;
}

static int64_t source_end(void *self, int32_t partition)
{
	const struct client *client = self;
	return kafka_stable(client->kafka, partition);
}

static int source_offset_at(void *self, int32_t number, int64_t timestamp_ms, int64_t *offset, struct err *err)
{
	struct client *client = self;
	const struct log_partition *partition = &client->kafka->partitions[number];
	if (ask_broker(client, "offset at a time", err) != 0)
		return -1;
	int64_t stable = kafka_stable(client->kafka, number);
	for (*offset = partition->low; *offset < stable; ++*offset)
		if (partition->records[*offset].timestamp_ms >= timestamp_ms)
			break;
	return 0;
}

static int source_partition_count(void *self, int32_t *count, struct err *err)
{
	struct client *client = self;
	if (ask_broker(client, "partitions", err) != 0)
		return -1;
	*count = client->kafka->partition_count;
	return 0;
}

static const char *source_cluster_id(void *self)
{
	const struct client *client = self;
	return client->sim->finale && client->sim->plan.finale == FINALE_CLUSTER ? "another" : "simulated";
}

static struct membership source_membership(void *self)
{
	struct client *client = self;
	return (struct membership){client->own.valid ? client->own.assignment : 0, &client->own};
}

static void source_close(void *self)
{
	struct client *client = self;
	client->open = false;
	client->own.valid = false;
	if (client->sim->plan.dynamic && client->identity.member_id != 0 && !kafka_away(client->kafka))
		group_leave(client->kafka, client->identity.member_id);
}

struct source client_source(struct client *client)
{
	return (struct source){
	    .self = client,
	    .open = source_open,
	    .poll = source_poll,
	    .headers = source_headers,
	    .release = source_release,
	    .start = source_start,
	    .pause = source_pause,
	    .committed = source_committed,
	    .bounds = source_bounds,
	    .end = source_end,
	    .offset_at = source_offset_at,
	    .partition_count = source_partition_count,
	    .cluster_id = source_cluster_id,
	    .membership = source_membership,
	    .close = source_close,
	};
}

/* The sink. */

static int sink_open(void *self, struct err *err)
{
	struct client *client = self;
	client->producer_open = client->in_transaction = client->fatal = false;
	struct request *request = new_request(client, ASK_INIT);
	if (!ask(client, request, COMMIT_US))
		return timed_out(err, "init of transactions");
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
		return timed_out(err, "begin");
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
	struct request *request = new_request(client, ASK_END);
	request->commit = false;
	if (!ask(client, request, REQUEST_US))
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
		struct request *produce = new_request(client, ASK_PRODUCE);
		produce->outputs =
		    sim_grow(client->outputs, client->output_count, client->output_count, sizeof *client->outputs);
		produce->count = client->output_count;
		if (!ask(client, produce, TRANSACTION_US)) {
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
	struct request *send = new_request(client, ASK_OFFSETS);
	send->identity = identity;
	send->offsets = sim_grow(offsets, count, count, sizeof *offsets);
	send->count = count;
	bool sent = ask(client, send, TRANSACTION_US);
	if (sent && send->answer == ANSWER_FENCED) {
		(void)fatal(client, "offsets", err);
		client->in_transaction = false;
		return COMMIT_UNKNOWN;
	}
	if (!sent || send->answer != ANSWER_OK) {
		(void)err_set(err, ERR_UNAVAILABLE, "offsets: %s", sent ? "the group refuses them" : "timed out");
		return give_up(client, err);
	}
	struct request *end = new_request(client, ASK_END);
	end->commit = true;
	bool ended = ask(client, end, COMMIT_US);
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

struct client *client_new(struct node *node)
{
	struct client *client = sim_take(sizeof *client);
	client->node = node;
	client->sim = node->sim;
	client->kafka = node->sim->kafka;
	client->life = node->life;
	return client;
}

void client_gone(struct client *client)
{
	(void)client;
}
