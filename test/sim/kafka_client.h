/*
 * Inside the client of the model: what its consumer (kafka_consumer.c) and its producer (kafka_producer.c) share, and how
 * requests travel (kafka_request.c). Nobody else includes it.
 */
#ifndef OUTLIERD_SIM_KAFKA_CLIENT_H
#define OUTLIERD_SIM_KAFKA_CLIENT_H

#include "test/sim/kafka.h"

#define REQUEST_US (5 * (int64_t)SECOND) /* a question's time-out */
#define COMMIT_US (12 * (int64_t)SECOND) /* of EndTxn: the transaction's, and a little */
#define DUE_MAX 8

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
/** True while the client's process lives. */
bool client_alive(const struct client *client);
/** A request with the client's epoch and transaction. */
struct request *request_new(struct client *client, enum question question);
/** Sends it and waits for its answer; false: there was none in time. */
bool request_ask(struct client *client, struct request *request, int64_t timeout_us);
/** ERR_RETRY. */
int request_timed_out(struct err *err, const char *what);
/** What is due makes room for one more: a callback that the next poll gives. */
struct due *client_due(struct client *client);
/** JoinGroup, after a moment. */
void client_join(struct client *client);
/** Heartbeats from now on. */
void client_beat(struct client *client);

#endif
