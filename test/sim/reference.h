/*
 * The sequential reference run: every record of a partition in order, one at a time, by the same pure stages, with
 * everything in memory and nothing that can fail. What the daemons commit and store is compared with it.
 */
#ifndef OUTLIERD_SIM_REFERENCE_H
#define OUTLIERD_SIM_REFERENCE_H

#include "daemon/pipeline/batch.h"
#include "test/sim/sim.h"

/* What a partition's state is before an offset. */
struct reference_point {
	int64_t offset; /* holds from the record at this offset on (after it) */
	int64_t watermark_ms, complete_since_ms;
	uint64_t outcomes[OUTCOME_NUMBER];
};

/* A record of state after an offset. */
struct reference_version {
	int64_t offset;
	struct slice bytes; /* with generation 1 */
};

struct reference_entity {
	struct slice text;
	struct reference_version *versions;
	size_t count, capacity;
};

struct reference_partition {
	struct partition *partition;
	struct features_twin *twin; /* the naive rescan: what the stages share with the daemons is checked by it */
	int64_t next;               /* offset to be looked at next */
	struct reference_point *points;
	size_t point_count, point_capacity;
	struct reference_entity *entities;
	size_t entity_count, entity_capacity;
};

/* An output that must be committed once. */
struct reference_output {
	uint64_t hash; /* 0: free */
	int32_t partition;
	int64_t offset;
	uint32_t wanted, seen;
	const char *topic;
};

struct reference {
	struct sim *sim;
	struct batch *batch;
	struct publisher *publisher;
	struct reference_partition partitions[PARTITIONS_MAX];
	struct reference_output *outputs; /* open addressing */
	size_t output_count, output_capacity;
};

/** Nothing seen yet. */
struct reference *reference_new(struct sim *sim);
/** Frees it; NULL does nothing. */
void reference_free(struct reference *reference);
/** The hash of a message with all that goes out with it. */
uint64_t reference_hash(const struct message *message);
/** Goes on to an offset, which must be below the last stable one or at it. */
void reference_advance(struct reference *reference, int32_t partition, int64_t until);
/** What must hold before an offset. */
struct reference_point reference_at(const struct reference *reference, int32_t partition, int64_t offset);
/** An entity's record before an offset; data NULL: none. */
struct slice reference_record(const struct reference_entity *entity, int64_t offset);
/** The output of this hash; NULL: there is none. */
struct reference_output *reference_output(struct reference *reference, uint64_t hash);

#endif
