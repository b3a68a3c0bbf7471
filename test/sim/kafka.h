/*
 * The model of Kafka: one input topic with control records, aborted and undecided records and a moving start; output
 * topics; transactions with epochs, a coordinator, time-outs and late requests; group offsets, pending and committed; a
 * group with generations, static or dynamic members and eager rebalances; and a client of all that behind the ports of
 * source and sink, as daemon/io/kafka_* offers them.
 */
#ifndef OUTLIERD_SIM_KAFKA_H
#define OUTLIERD_SIM_KAFKA_H

#include "test/sim/node.h"

enum visibility { VISIBLE, HIDDEN /* control or aborted */, UNDECIDED };

struct log_record {
	int64_t timestamp_ms;
	struct slice key, value;
	enum visibility visibility;
};

struct log_partition {
	struct log_record *records; /* by offset */
	int64_t count, capacity, low;
};

struct group_offset {
	int64_t offset;
	char metadata[POSITION_METADATA_MAX];
};

struct output {
	const char *topic;
	uint64_t hash; /* of topic, key, value, headers and timestamp */
};

enum transaction_state { TXN_NONE, TXN_ONGOING, TXN_PREPARED_COMMIT, TXN_PREPARED_ABORT };

/* What the coordinator knows of a transactional id. */
struct producer {
	int epoch;
	enum transaction_state state;
	uint64_t number; /* of the transaction */
	struct output *outputs;
	size_t output_count;
	struct position *offsets;
	size_t offset_count;
};

struct group_member {
	bool used, joined;
	int node;
	unsigned life;
	uint64_t id;
	int64_t seen_us;
	bool owns[PARTITIONS_MAX + 1];
};

#define MEMBERS_MAX 32

struct group {
	struct group_member members[MEMBERS_MAX];
	int32_t generation;
	bool preparing;
	int64_t deadline_us;
	uint64_t ids;
};

struct kafka {
	struct sim *sim;
	struct log_partition partitions[PARTITIONS_MAX + 1];
	int32_t partition_count;
	struct group_offset committed[PARTITIONS_MAX + 1];
	struct producer producers[NODES_MAX];
	struct group group;
	int64_t away_until_us, behind_until_us;
	int64_t network_until_us[NODES_MAX]; /* requests of this node are in trouble */
	bool end_late[NODES_MAX], offsets_late[NODES_MAX];
};

/* kafka_log.c */

/** An empty cluster. */
struct kafka *kafka_new(struct sim *sim);
/** Appends to the input; wakes who waits. */
int64_t kafka_append(struct kafka *kafka, int32_t partition, const struct log_record *record);
/** Decides a record of a producer's transaction. */
void kafka_settle(struct kafka *kafka, int32_t partition, int64_t offset, enum visibility visibility);
/** The last stable offset. */
int64_t kafka_stable(const struct kafka *kafka, int32_t partition);
/** Moves the log's start. */
void kafka_delete_below(struct kafka *kafka, int32_t partition, int64_t low);
/** True while nothing answers. */
bool kafka_away(const struct kafka *kafka);

/* kafka_transactions.c */

/** C, also where its transaction's markers are still being written: what can not be undone any more. */
int64_t kafka_decided(const struct kafka *kafka, int32_t partition);
/** True where C cannot be told: a transaction that has touched it is not decided, or not written out. */
bool kafka_unstable(const struct kafka *kafka, int32_t partition);
/** InitProducerId: fences; 0: done, *epoch is the new one; 1: an earlier transaction is still being ended, try again. */
int kafka_init_producer(struct kafka *kafka, int node, int *epoch);

enum answer { ANSWER_OK, ANSWER_BUSY /* try again */, ANSWER_ABORT, ANSWER_FENCED };

/** AddPartitionsToTxn and Produce. */
enum answer kafka_produce(struct kafka *kafka, int node, int epoch, uint64_t number, const struct output *outputs,
			  size_t count);
/** What a member says of itself. */
struct identity {
	int32_t generation;
	uint64_t member_id;
};
/** AddOffsetsToTxn and TxnOffsetCommit. */
enum answer kafka_add_offsets(struct kafka *kafka, int node, int epoch, uint64_t number, struct identity identity,
			      const struct position *offsets, size_t count);
/** EndTxn. */
enum answer kafka_end(struct kafka *kafka, int node, int epoch, uint64_t number, bool commit);

/* kafka_group.c */

enum heartbeat { HEARTBEAT_OK, HEARTBEAT_REBALANCE, HEARTBEAT_UNKNOWN, HEARTBEAT_FENCED };
/** Begins the watch over sessions. */
void group_begin(struct kafka *kafka);
/** A heartbeat. */
enum heartbeat group_heartbeat(struct kafka *kafka, int node, struct identity identity);
/** JoinGroup and SyncGroup; the answer comes by client_assigned(). member_id 0: a new one. */
void group_join(struct kafka *kafka, struct node *node, uint64_t member_id);
/** LeaveGroup. */
void group_leave(struct kafka *kafka, uint64_t member_id);
/** All must join again. */
void group_rebalance(struct kafka *kafka);
/** Whether a commit under this identity is taken. */
enum answer group_check(const struct kafka *kafka, int node, struct identity identity);
/** All members are seen now: the coordinator was away. */
void group_excuse(struct kafka *kafka);

/* kafka_member.c, kafka_consumer.c, kafka_producer.c */

/** The consumer and producer of a process. */
struct client *client_new(struct node *node);
/** Its process is gone; NULL does nothing. */
void client_gone(struct client *client);
/** The source port. */
struct source client_source(struct client *client);
/** The sink port. */
struct sink client_sink(struct client *client);
/** The group's answer: these partitions. */
void client_assigned(struct node *node, unsigned life, struct identity identity, const bool *owns);
/** The group's answer: another process has joined under this instance id. */
void client_fenced(struct node *node, unsigned life);

#endif
