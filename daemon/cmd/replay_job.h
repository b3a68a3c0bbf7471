/*
 * Inside a replay: one of its pipelines, in a thread of its own with a connection to everything. Kafka's consumer group
 * spreads the partitions over them, as it does over daemons.
 */
#ifndef OUTLIERD_REPLAY_JOB_H
#define OUTLIERD_REPLAY_JOB_H

#include "daemon/cmd/bounded_source.h"
#include "daemon/cmd/replay_plan.h"
#include "daemon/io/memory_store.h"

#include <pthread.h>
#include <stdatomic.h>

/** What the jobs of a replay tell each other and the thread that waits for them. */
struct replay_shared {
	const struct replay_plan *plan;
	const volatile int *stop;   /* of the signals */
	volatile int held;          /* until every job has its partitions: what was begun before would move with them */
	volatile int end;           /* all partitions are done, or a job has failed */
	volatile int forget;        /* set before the end: the state in memory need not be written any more */
	_Atomic int64_t *committed; /* by partition */
	_Atomic uint64_t history, halted; /* records applied without output; partitions halted now */
	_Atomic uint64_t owned, unready;  /* partitions of the assignments; jobs without a ready assignment */
};

struct replay_job {
	struct replay_shared *shared;
	struct world world; /* its own: codec, champion and registry are used by one thread at a time */
	struct bounded_source bounded;
	struct kafka_source *source;
	struct kafka_sink *sink;
	struct redis_store *redis;
	struct memory_store *memory;
	struct pipeline *pipeline;
	pthread_t thread;
	bool started;
	volatile int stop;      /* what its pipeline looks at */
	_Atomic uint64_t owned; /* its part of the shared sums, as those below */
	uint64_t history, halted;
	bool unready;
	struct err err;
	struct metrics metrics; /* after its end */
};

/** Makes the job's world and ports. number: of the job, part of its transactional id. */
int replay_job_open(struct replay_job *job, const char *config, const struct replay_options *options, unsigned number,
		    struct err *err) MUST_USE;

/** Starts its thread, which runs until the shared end or stop. */
int replay_job_start(struct replay_job *job, struct err *err) MUST_USE;

/** Waits for the thread; job->err says how it ended. */
void replay_job_join(struct replay_job *job);

/** Frees it; a zeroed struct is left alone. */
void replay_job_close(struct replay_job *job);

#endif
