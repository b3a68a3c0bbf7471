/*
 * One owned partition: where it stands (C, R, position), its cache of entities, what of it the store does not hold yet.
 * Everything here dies at a revoke; the store and Kafka are the truth.
 */
#ifndef OUTLIERD_PARTITION_H
#define OUTLIERD_PARTITION_H

#include "daemon/pipeline/entities.h"
#include "daemon/pipeline/limits.h"
#include "daemon/pipeline/marker.h"

#define PARTITION_RECENT 10000 /* records over which the caps on dead letters and late events count */

struct partition {
	int32_t number;
	bool halted;
	char halt_reason[32];  /* a word, for metrics */
	int64_t committed;     /* C; OFFSET_NONE: none */
	struct marker marker;  /* state as of the last commit, in memory; next_offset >= what the store holds */
	struct marker pending; /* as of the running batch */
	struct buffer stored;  /* the marker's bytes as the store holds them; length 0: none */
	struct buffer next;    /* the marker's bytes under way; their memory changes places with `stored` */
	int64_t stored_next;   /* R as the store holds it */
	int64_t written_us;    /* monotonic: when the store last got what it lacked; 0: never */
	int64_t high;          /* the log's end as last seen, for the lag */
	int64_t next_position; /* records below it are dropped: already in the batch or before it */
	bool verify;           /* the first record must be marker.last_offset with marker.last_hash */
	struct entities *cache;
	struct entry **dirty; /* committed, not stored */
	size_t dirty_count, dirty_capacity;
	uint8_t *recent; /* ring of PARTITION_RECENT classes, see partition_count_recent() */
	size_t recent_at, recent_dead, recent_late;
	uint64_t application; /* the last of a batch that touched it; see batch_touched() */
};

/** A partition without state. NULL: out of memory. */
struct partition *partition_new(int32_t number);
/** Frees it; NULL does nothing. */
void partition_free(struct partition *partition);

/** Remembers that an entry's committed state is not in the store yet. */
void partition_mark_dirty(struct partition *partition, struct entry *entry);
/** Room for so many more of them. Before the commit: what is committed must be merged whole, and so must not fail. */
int partition_expect_dirty(struct partition *partition, size_t more, struct err *err) MUST_USE;

/** Writes dirty records and the marker in one atomic step; `record` is scratch. Nothing to do: STORE_WRITTEN at once. */
int partition_write(struct partition *partition, const struct store *store, struct buffer *record, struct arena *arena,
		    enum store_write *result, struct err *err) MUST_USE;

/** Reads the states of entries that are not loaded, and checks the marker. *stale: the marker is not the expected one. A corrupt record is ERR_HALT_PARTITION. */
int partition_load(struct partition *partition, const struct feature_set *set, const struct store *store,
		   struct entry **entries, size_t count, struct arena *arena, bool *stale, struct err *err) MUST_USE;

/** Counts one record into the last PARTITION_RECENT: dead letter, late, or neither. */
void partition_count_recent(struct partition *partition, bool dead_letter, bool late);

/** Why the caps are passed ("dead_letters" or "late"); NULL: they are not. */
const char *partition_over_cap(const struct partition *partition, const struct batch_limits *limits);

#endif
