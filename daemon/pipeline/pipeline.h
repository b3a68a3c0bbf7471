/*
 * The loop of the daemon: consume, decode, load, apply, score, publish, commit, merge, write, over
 * ports alone. One pipeline has one owner and one thread; all its memory goes with pipeline_free(), so that a simulator
 * can kill it between any two port calls.
 */
#ifndef OUTLIERD_PIPELINE_H
#define OUTLIERD_PIPELINE_H

#include "daemon/metrics.h"
#include "daemon/pipeline/batch.h"
#include "daemon/pipeline/pseudonym.h"
#include "log.h"

struct pipeline_options {
	const struct feature_set *set;
	const struct feature_set_options
	    *definitions; /* that it was compiled from, for limits.parity_share; NULL: no judge */
	const struct publish_options *publish;
	const struct pseudonym_options *pseudonym; /* NULL: none */
	struct batch_limits limits;
	bool from_earliest, rebuild_holes, accept_state;
};

struct ports {
	struct source source;
	struct sink sink;
	struct store store;
	struct codec codec;
	struct clock clock;
	const struct log *log;
	void (*beat)(void *self); /* called at every turn and inside every wait: the loop is alive. NULL: nobody asks */
	void *beat_self;
};

struct pipeline;

/** Makes a pipeline; options and ports' targets are borrowed. NULL: out of memory. */
struct pipeline *pipeline_new(const struct pipeline_options *options, const struct ports *ports);
/** Frees it and all its state in memory; calls no port. NULL does nothing. */
void pipeline_free(struct pipeline *pipeline);

/** Takes another champion from the next batch on; borrowed until replaced. Must be called before the first step. */
void pipeline_champion(struct pipeline *pipeline, const struct champion *champion);

/** Opens store, sink and source. Waits (in steps of a second) while a service is away; *stop is looked at between. */
int pipeline_open(struct pipeline *pipeline, const volatile int *stop, struct err *err) MUST_USE;

/** One turn: at most one batch. 0: go on; -1: *err ends the daemon (its exit status after err_exit_status()). Returns soon after *stop is set. */
int pipeline_step(struct pipeline *pipeline, const volatile int *stop, struct err *err) MUST_USE;

/** The orderly end: committed state goes to the store, then all ports are closed. */
void pipeline_close(struct pipeline *pipeline);

/** True when the assignment's recovery is done, no partition is halted and no service is waited for. */
bool pipeline_ready(const struct pipeline *pipeline);
/** Why it is not ready, for people; "ok" when it is. Borrowed until the next step. */
const char *pipeline_reason(const struct pipeline *pipeline);
/** What it has counted; gauges filled for now. Borrowed. */
const struct metrics *pipeline_metrics(struct pipeline *pipeline);

#endif
