/* The state of the in-memory broker, shared by its three files and by nobody else. */
#ifndef OUTLIERD_MEMORY_BROKER_STATE_H
#define OUTLIERD_MEMORY_BROKER_STATE_H

#include "daemon/io/memory_broker.h"

/** A record or message in one block of memory: its contents lie behind it. */
struct memory_broker_item {
	int64_t offset;         /* input only */
	struct message message; /* topic NULL: input */
};

struct memory_broker_list {
	struct memory_broker_item **items; /* owned */
	size_t count, capacity;
};

struct memory_broker_input {
	struct memory_broker_list records; /* by offset; gaps have none */
	int64_t low, high;
	struct position committed;
};

/** Where a source reads one partition. */
struct memory_broker_cursor {
	bool started, paused;
	int64_t next;
	size_t index; /* of the first record at or after next */
};

struct memory_broker_source {
	struct memory_broker *broker;
	struct memory_broker_source *older; /* the broker owns the chain */
	struct source_listener listener;
	bool open;
	uint64_t counter;    /* of assigns, revokes and losses */
	uint64_t assignment; /* the counter of the present assignment; 0: none */
	uint64_t generation; /* of the broker when it was assigned */
	struct memory_broker_cursor *cursors;
	int32_t partitions; /* held */
	int32_t turn;       /* the partition that the next poll begins with */
};

struct memory_broker_sink {
	struct memory_broker *broker;
	struct memory_broker_sink *older;
	uint64_t epoch; /* 0: closed */
	bool in_transaction;
	bool broken; /* a commit ended unknown: only closing and opening helps */
	struct memory_broker_list staged;
};

struct memory_broker {
	char *topic;
	struct memory_broker_input *inputs;
	int32_t partitions;
	struct memory_broker_list output;
	struct memory_broker_source *sources, *holder;
	struct memory_broker_sink *sinks;
	uint64_t generation; /* grows with every assignment */
	uint64_t epoch;      /* of the sink that opened last */
	bool rebalance, rebalance_lost;
	bool fail_next_commit, fail_applied;
	enum commit_result fail_result;
	size_t failing_calls;
	size_t message_max;
};

/** Copies a message into one block; NULL: out of memory. */
struct memory_broker_item *memory_broker_item_new(const struct message *message);
/** Makes room for more items. */
bool memory_broker_list_reserve(struct memory_broker_list *list, size_t more) MUST_USE;
/** Frees the items and empties the list; keeps its memory. */
void memory_broker_list_clear(struct memory_broker_list *list);
/** Index of the first record at or after an offset. */
size_t memory_broker_find(const struct memory_broker_input *input, int64_t offset);
/** One of the failures that memory_broker_fail_calls() asked for: -1 with *err while there are some. */
int memory_broker_maybe_fail(struct memory_broker *broker, const char *call, enum err_action action,
			     struct err *err) MUST_USE;

#endif
