#include "test/sim/kafka_client.h"

#define RETRY_US (5 * MS)

bool client_alive(const struct client *client)
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
	if (client_alive(request->client))
		node_notify(request->client->node);
}

static void arrive(struct sim *sim, void *self, uint64_t argument)
{
	static const char *const names[] = {"InitProducerId", "Produce", "TxnOffsetCommit", "EndTxn", "OffsetFetch"};
	struct request *request = self;
	bool waits = !request->given_up && client_alive(request->client);
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
bool request_ask(struct client *client, struct request *request, int64_t timeout_us)
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

struct request *request_new(struct client *client, enum question question)
{
	struct request *request = sim_take(sizeof *request);
	request->question = question;
	request->epoch = client->epoch;
	request->number = client->number;
	return request;
}
int request_timed_out(struct err *err, const char *what)
{
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s: timed out", what);
}
