/*
 * One batch, stage by stage: items are applied in offset order into the overlay, scored together, decided, explained and
 * turned into messages. No waiting and no ports in here but what the caller hands in, so that the daemon and the offline
 * commands run the very same stages.
 */
#ifndef OUTLIERD_BATCH_H
#define OUTLIERD_BATCH_H

#include "daemon/pipeline/amended.h"
#include "daemon/pipeline/partition.h"
#include "daemon/pipeline/pseudonym.h"
#include "daemon/pipeline/publish.h"

/** One record on its way. */
struct item {
	struct record *record; /* offline: only coordinates, key and value where there are any */
	struct partition *partition;
	struct entry *entry; /* NULL: refused or future */
	uint64_t hash;       /* of the entity */
	bool admitted;       /* it will have an entry */
	struct event event;
	enum outcome outcome;
	enum reason reason;
	const char *why;      /* for letters, without identifiers; NULL: by reason */
	struct vector vector; /* of scored items; values is a row of batch->rows */
	double score;
	struct verdict verdict;
	struct amended *amended; /* what a late event changes; NULL: nothing */
	int64_t watermark_ms;    /* of the partition after it */
	bool silent;             /* below C: state only */
	bool not_enriched;       /* scored, but without the key that enriched events need */
};

/** A sample of the scored events is judged by features/parity. Counters grow for ever. */
struct batch_parity {
	const struct feature_set_options *definitions; /* that the set was compiled from; NULL: no judge */
	uint64_t below;                                /* of 2^64: whose hash of the place is below is in the sample */
	uint64_t checked, unchecked, different;
	int32_t partition; /* the last that was different: its place, and the first feature (their number: flags) */
	int64_t offset;
	size_t feature;
};

struct batch {
	const struct feature_set *set; /* borrowed */
	struct batch_parity parity;    /* the caller's to set after batch_new(); zeroed: no sample */
	size_t amendments_most;        /* decisions looked at for one late event; the caller's, as parity. 0: none */
	struct arena *arena;           /* owned; all memory of the batch */
	struct item *items;            /* of the arena */
	size_t count, capacity;
	double *rows; /* vectors of scored items, back to back */
	struct usual *usual;
	size_t scored;
	struct entry **touched; /* entries with a pending fork, with their partitions */
	struct partition **owners;
	size_t touched_count;
	uint64_t applications; /* begun so far, of all batches; see batch_touched() */
	size_t partitions;     /* touched by the last one */
	uint64_t outcomes[OUTCOME_NUMBER];
	uint64_t flagged, reapplied, not_enriched, amendments, amendments_cut;
	const struct item *publishing; /* whose messages batch_publish() is handing out */
};

/** How many of `wanted` items fit into half of memory_bytes with their vectors and messages (each with as many amendments), so that there is room for values; at least 1. */
size_t batch_capacity(const struct feature_set *set, size_t wanted, size_t amendments, size_t memory_bytes);
/** An empty batch that may hold `capacity` items and `memory_bytes`. NULL: out of memory. */
struct batch *batch_new(const struct feature_set *set, size_t capacity, size_t memory_bytes);
/** Frees it; NULL does nothing. */
void batch_free(struct batch *batch);
/** Forgets all items and resets the arena. -1: no memory. */
int batch_reset(struct batch *batch, struct err *err) MUST_USE;

/** Adds a record; the caller then fills event, reason and entry. NULL: full. */
struct item *batch_add(struct batch *batch, struct partition *partition, struct record *record);

/** Lets a decoded event in: REASON_FUTURE where it is, else its identifiers are replaced (pseudonym NULL: none). Its cache entry comes with batch_enter(). */
int batch_admit(struct batch *batch, struct item *item, const struct pseudonym_options *pseudonym,
		struct err *err) MUST_USE;
/** Finds or makes the cache entries of the admitted items from this one on. */
int batch_enter(struct batch *batch, size_t first, struct err *err) MUST_USE;
/** Applies all items in order into the overlay (pending forks, partition->pending). Entries must be loaded. On an error nothing has happened but pending forks: batch_discard(). */
int batch_apply(struct batch *batch, struct err *err) MUST_USE;
/** Whether the application that was last begun has touched the partition: then partition->pending is what it came to. */
bool batch_touched(const struct batch *batch, const struct partition *partition);
/** Frees all pending forks; the items stay and can be applied again. */
void batch_discard(struct batch *batch);
/** Scores the vectors and decides. */
int batch_score(struct batch *batch, const struct champion *champion, struct err *err) MUST_USE;
/** Hands every message of the batch to emit, in item order (of one item: alert, decision, enriched event, amendments; or a letter). headers: reads a record's headers, may be NULL. */
struct batch_outlet {
	void *self;
	int (*emit)(void *self, const struct message *message, struct err *err);
	int (*headers)(void *self, struct record *record, struct arena *arena, struct err *err);
};
/** See struct batch_outlet. */
int batch_publish(struct batch *batch, struct publisher *publisher, const struct publish_options *options,
		  const struct champion *champion, const struct batch_outlet *outlet, struct err *err) MUST_USE;
/** Merges the overlay into the caches and the markers (after the commit). */
void batch_accept(struct batch *batch);

#endif
