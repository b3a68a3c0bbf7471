/*
 * Which partitions a consumer holds, where each is read next, and under which membership. The partitions come from the
 * rebalance callback; what librdkafka fetches is told by kafka_assignment_start() alone.
 */
#ifndef OUTLIERD_KAFKA_ASSIGNMENT_H
#define OUTLIERD_KAFKA_ASSIGNMENT_H

#include "daemon/io/kafka_membership.h"

#define KAFKA_PARTITIONS_MAX 100000 /* of one topic: the table is indexed by partition number */

struct kafka_partition {
	bool assigned, started;
	bool paused;    /* the loop asked for it */
	bool held_back; /* a record of it came while none was wanted */
	bool stopped;   /* what librdkafka was told last */
	int64_t next;   /* what lies below was delivered already, or is not wanted */
};

/** Zeroed by its owner, who sets handle and topic. */
struct kafka_assignment {
	rd_kafka_t *handle;
	const char *topic;
	struct kafka_membership membership;
	struct kafka_partition *partitions; /* by number */
	int32_t count;                      /* of the table */
	bool held_back;                     /* some partition is */
};

/** Answers the assign callback, or a change of what is fetched, with no partitions at all. */
int kafka_assignment_nothing(struct kafka_assignment *assignment, struct err *err) MUST_USE;
/** Takes the partitions that the assign callback gives, and the membership; nothing is fetched yet. numbers receives list->cnt partition numbers. */
int kafka_assignment_take(struct kafka_assignment *assignment, const rd_kafka_topic_partition_list_t *list,
			  int32_t *numbers, struct err *err) MUST_USE;

/** Forgets partitions and membership: revoked, lost or closed. Tells librdkafka nothing. */
void kafka_assignment_drop(struct kafka_assignment *assignment);

/** True for a partition that is held. */
bool kafka_assignment_holds(const struct kafka_assignment *assignment, int32_t partition);

/** Fetches these partitions from these offsets, and no other; held pauses are lifted. ERR_RECOVER without an assignment. */
int kafka_assignment_start(struct kafka_assignment *assignment, const struct position *positions, size_t count,
			   struct err *err) MUST_USE;

/** Pauses or resumes a started partition; for any other it does nothing. */
int kafka_assignment_pause(struct kafka_assignment *assignment, int32_t partition, bool paused,
			   struct err *err) MUST_USE;

/** True where a record of this offset is wanted: its partition is started, and it was not accepted before. */
bool kafka_assignment_wants(const struct kafka_assignment *assignment, int32_t partition, int64_t offset);

/** As kafka_assignment_wants(), and remembers that the record is delivered now. */
bool kafka_assignment_accept(struct kafka_assignment *assignment, int32_t partition, int64_t offset);

/** Stops fetching a partition behind the record that came last, until kafka_assignment_go_on(). */
int kafka_assignment_hold_back(struct kafka_assignment *assignment, int32_t partition, struct err *err) MUST_USE;

/** Fetches again all that was held back and is not paused. */
int kafka_assignment_go_on(struct kafka_assignment *assignment, struct err *err) MUST_USE;

/** True while the loop has paused the partition. */
bool kafka_assignment_paused(const struct kafka_assignment *assignment, int32_t partition);

/** Frees what it owns, and leaves it dropped. */
void kafka_assignment_free(struct kafka_assignment *assignment);

#endif
