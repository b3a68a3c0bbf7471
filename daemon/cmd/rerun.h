/*
 * The daemon's stages over records of the past: decoded events in, the messages that the daemon would publish out, the
 * state in memory and never written. `score --config` gives it the records of a file, `audit` those of the topic.
 */
#ifndef OUTLIERD_RERUN_H
#define OUTLIERD_RERUN_H

#include "daemon/pipeline/batch.h"

#define RERUN_RECORDS 4096 /* of a batch */

struct rerun_options {
	const struct feature_set *set;             /* these four are borrowed */
	const struct pseudonym_options *pseudonym; /* NULL: none */
	const struct champion *champion;
	const struct publish_options *publish;
	size_t message_max; /* 0: the publish options' */
	bool keep_dirty;    /* entities stay marked as not written: the state is to be written by the caller */
	struct batch_outlet outlet;
};

struct rerun;

/** Makes the stages, with no state. NULL: out of memory. */
struct rerun *rerun_new(const struct rerun_options *options);
/** Frees it; NULL does nothing. */
void rerun_free(struct rerun *rerun);

/** Of this partition records below `from` are history: applied, but neither scored nor published. Its state is whole since complete_since_ms (WATERMARK_NONE: since its first event). Before its first record. */
int rerun_history(struct rerun *rerun, int32_t partition, int64_t from, int64_t complete_since_ms,
		  struct err *err) MUST_USE;

/** Begins a batch. */
int rerun_begin(struct rerun *rerun, struct err *err) MUST_USE;
/** The running batch's memory: whatever a record consists of must lie there, or live as long. */
struct arena *rerun_arena(struct rerun *rerun);
/** Whether the batch has room for one more record. */
bool rerun_has_room(const struct rerun *rerun);
/** Adds a record: a good event, or with a reason why it is none and, for its letter, in which words. */
int rerun_add(struct rerun *rerun, const struct record *record, const struct event *event, enum reason reason,
	      const char *why, struct err *err) MUST_USE;
/** Applies, scores and publishes what was added. */
int rerun_end(struct rerun *rerun, struct err *err) MUST_USE;

/** The items of the batch that was ended last, in the order in which they were added. */
const struct batch *rerun_batch(const struct rerun *rerun);
/** Records by outcome, all batches together. */
uint64_t rerun_outcomes(const struct rerun *rerun, enum outcome outcome);
/** Flagged events, all batches together. */
uint64_t rerun_flagged(const struct rerun *rerun);
/** The state of a partition; NULL: nothing of it was added. Borrowed. */
struct partition *rerun_partition(const struct rerun *rerun, int32_t partition);
/** Bytes of the entities' states. */
size_t rerun_bytes(const struct rerun *rerun);
/** Where a partition stands; NULL: nothing of it was added yet. */
const struct marker *rerun_marker(const struct rerun *rerun, int32_t partition);

#endif
