/* The source port over the model, in the way of daemon/io/kafka_source.c: callbacks from poll alone, no record of an assignment that is gone. */
#include "test/sim/kafka_client.h"

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
		client_join(client);
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
		return request_timed_out(err, "subscription");
	client->listener = *listener;
	client->open = true;
	client->identity = (struct identity){-1, 0};
	client_join(client);
	client_beat(client);
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
	struct request *request = request_new(client, ASK_COMMITTED);
	request->offsets = sim_grow(positions, count, count, sizeof *positions);
	request->count = count;
	if (!request_ask(client, request, REQUEST_US))
		return request_timed_out(err, "committed offsets");
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
		return request_timed_out(err, what);
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
