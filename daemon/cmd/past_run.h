/*
 * A stretch of a partition through the daemon's stages, state in memory: history without output, then what is wanted, a
 * batch at a time. `features` takes the vectors, `explain` and comparisons the messages.
 */
#ifndef OUTLIERD_PAST_RUN_H
#define OUTLIERD_PAST_RUN_H

#include "daemon/cmd/rerun.h"
#include "daemon/cmd/stretch.h"

struct past_run_options {
	const struct world *world; /* with its codec */
	const struct champion *champion;
	const struct publish_options *publish; /* what messages are made; topics NULL: none */
	size_t message_max;                    /* of them, as rerun_options */
	size_t memory_bytes;                   /* of the entities' states; more is ERR_MEMORY with the remedy */
	void *context;
	/** The items of a batch after it was applied, in offset order, history (item->silent) among them. May be NULL. */
	int (*visit)(void *context, const struct batch *batch, struct err *err);
	/** A message that an item gives; batch->publishing is that item. May be NULL where publish makes none. */
	int (*emit)(void *context, const struct batch *batch, const struct message *message, struct err *err);
	/** The partition's state after the last record, nothing of it written yet. May be NULL. */
	int (*finish)(void *context, struct partition *partition, struct err *err);
	/** How far it is, in records read. May be NULL. */
	void (*progress)(void *context, uint64_t records);
};

struct kafka_reader;

/** Runs one stretch. */
int past_run(const struct past_run_options *options, struct kafka_reader *reader, const struct stretch *stretch,
	     struct err *err) MUST_USE;

#endif
