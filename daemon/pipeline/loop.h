/* What the files of the loop share (pipeline.c, assignment.c, stages.c): the pipeline's insides. Nobody else includes it. */
#ifndef OUTLIERD_LOOP_H
#define OUTLIERD_LOOP_H

#include "daemon/pipeline/load.h"
#include "daemon/pipeline/pipeline.h"

#define LOOP_RETRY_FIRST_MS 50 /* first pause of back-pressure, doubled up to LOOP_RETRY_MOST_MS */
#define LOOP_RETRY_MOST_MS 1000
#define LOOP_CHECK_MS 60000   /* partition count, store policy and evictions are looked at again */
#define LOOP_ENDS_MS 1000     /* the ends of the log are looked at again, for the lag */
#define LOOP_ASK_MS 10000     /* the end of a halted partition's log is asked for again */
#define LOOP_FAILURE_MS 60000 /* a second unknown outcome within this ends the process as fenced */
#define LOOP_IDLE_POLL_MS 100
#define LOOP_LEAD_FACTOR 4 /* C may lead R by at most this many times write_records while the store is away */

struct pipeline {
	struct pipeline_options options;
	struct ports ports;
	const struct champion *champion;
	struct publisher *publisher;
	struct batch *batch;
	struct record *records; /* limits.records */
	struct buffer encoded;  /* scratch of state writes */
	struct arena *scratch;  /* of reads and writes outside a batch */
	struct partition **partitions;
	size_t partition_count, partition_capacity;
	uint8_t state_id[SHA256_BYTES];
	bool opened, assigned, recovered, cancelled, paused;
	bool evicted; /* why recovery comes next: no sign of another process under this instance's name */
	bool foreign; /* the failure that start_over() is for is a marker of the store's */
	bool sink_open;
	bool no_memory; /* for an assignment that was given to us */
	struct load load;
	int64_t last_check_us, last_ends_us, last_ask_us, last_failure_us; /* monotonic; 0: never */
	int64_t write_pause_until_us;
	struct metrics metrics;
	struct partition_metrics *gauges; /* of gauge_capacity */
	size_t gauge_capacity;
	const volatile int *stop;
	char waiting[256]; /* what is waited for; empty: nothing */
};

/** Monotonic microseconds. */
int64_t loop_now_us(const struct pipeline *pipeline);
/** The owned partition of a number; NULL: none. */
struct partition *loop_partition(struct pipeline *pipeline, int32_t number);
/** Waits ms without leaving the group (fetching paused, rebalances served). -1: a fatal error of the source. */
int loop_wait(struct pipeline *pipeline, int64_t ms, struct err *err) MUST_USE;
/** After an error of a port: waits and returns 0 where it is to be tried again; -1 where not (then *err stands, or the batch was cancelled and *err is clear). pause_ms doubles. */
int loop_retry(struct pipeline *pipeline, int64_t *pause_ms, struct err *err) MUST_USE;
/** Goes on fetching after loop_wait(). */
int loop_resume(struct pipeline *pipeline, struct err *err) MUST_USE;
/** Halts one partition: paused, logged, out of the running. */
void loop_halt(struct pipeline *pipeline, struct partition *partition, const char *reason, const char *message);
/** Writes every partition's committed state. all: now; else where due. ERR_RETRY: the store is away; ERR_RECOVER: a marker was not the expected one. */
int loop_write(struct pipeline *pipeline, bool all, struct err *err) MUST_USE;
/** Writes one partition's committed state, once. Errors as of loop_write(). */
int loop_write_partition(struct pipeline *pipeline, struct partition *partition, struct err *err) MUST_USE;
/** ERR_RECOVER: the partition's marker in the store is not the one that this process wrote or read last. */
int loop_foreign(struct pipeline *pipeline, const struct partition *partition, struct err *err);
/** Frees all partitions (revoke, recovery). */
void loop_drop(struct pipeline *pipeline);

/** Rebalance callbacks of the source; self is the pipeline. */
void assignment_assigned(void *self, const int32_t *partitions, size_t count);
/** See assignment_assigned(). */
void assignment_revoked(void *self, bool lost);
/** Decides and does recovery for the whole assignment, then starts fetching. 0 with pipeline->recovered false: cancelled by a rebalance. */
int assignment_recover(struct pipeline *pipeline, struct err *err) MUST_USE;

/** One batch from the first record to the merge. */
int stages_run(struct pipeline *pipeline, struct err *err) MUST_USE;

#endif
