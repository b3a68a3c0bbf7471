/*
 * A simulated process: the pipeline on a fiber, with its own clock and its own connections. It can be killed, paused or
 * told to stop whenever its fiber waits, that is inside of any port call.
 */
#ifndef OUTLIERD_SIM_NODE_H
#define OUTLIERD_SIM_NODE_H

#include "daemon/pipeline/pipeline.h"
#include "test/sim/sim.h"

struct client;
struct fiber;
struct redis_store;

struct node {
	struct sim *sim;
	int index;
	unsigned life;         /* which start of it; 0: never started */
	bool up, paused, held; /* held: not started again by itself */
	int64_t paused_until_us, restart_us, registry_until_us, clock_ms;
	size_t batch_bytes; /* the codec's: memory that a batch takes before its first record */
	uint64_t turn;      /* whoever would wake it for an earlier turn comes too late */
	bool waiting;       /* may be woken before its time */
	struct fiber *fiber;
	struct pipeline *pipeline;
	struct pipeline_options options;
	struct redis_store *store;
	struct client *client;
	struct log log;
	struct clock clock;
	volatile int stop;
	bool accept_state, rebuild_holes, other_rules;
	struct err err; /* of the last end */
	int exit_status;
	unsigned exits;
	uint64_t beats;
	uint64_t allocations_left; /* until one fails; 0: none will */
	bool memory_failed;        /* one did, in this life */
	char halted[512];          /* why a partition of it is halted; empty: none */
};

/** A process that does not run yet. */
struct node *node_new(struct sim *sim, int index);
/** Ends it without a word; NULL does nothing. */
void node_free(struct node *node);
/** Starts it after a while, where it does not run then. */
void node_start_after(struct node *node, int64_t delay_us);
/** kill -9. It starts again after a while, unless it is held. */
void node_kill(struct node *node, int64_t restart_us);
/** SIGTERM; likewise. */
void node_terminate(struct node *node, int64_t restart_us);
/** SIGSTOP for a while. */
void node_pause(struct node *node, int64_t length_us);

/** From its own fiber: lets time pass; others run meanwhile. */
void node_sleep(struct node *node, int64_t us);
/** From its own fiber: as node_sleep() until then, or until node_notify(). */
void node_wait_until(struct node *node, int64_t deadline_us);
/** Something happened that it may wait for. */
void node_notify(struct node *node);
/** From its own fiber: a port call takes a moment. */
void node_call(struct node *node);

#endif
