/*
 * Which partitions a consumer holds, where each is read next, and under which membership. The partitions come from the
 * rebalance callback; what librdkafka fetches is told by kafka_assignment_start() alone.
 */
#ifndef OUTLIERD_KAFKA_ASSIGNMENT_H
#define OUTLIERD_KAFKA_ASSIGNMENT_H

#include "daemon/io/kafka_membership.h"

#define KAFKA_PARTITIONS_MAX 100000 /* of one topic: the table is indexed by partition number */

struct kafka_partition {
	bool assigned, started, paused;
	int64_t next; /* what lies below was delivered already, or is not wanted */
};

/** Zeroed by its owner, who sets handle and topic. */
struct kafka_assignment {
	rd_kafka_t *handle;
	const char *topic;
	struct kafka_membership membership;
	struct kafka_partition *partitions; /* by number */
	int32_t count;                      /* of the table */
};

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

/** True where a delivered record is wanted: its partition is started and its offset was not delivered before. Remembers it. */
bool kafka_assignment_accept(struct kafka_assignment *assignment, int32_t partition, int64_t offset);

/** Frees what it owns, and leaves it dropped. */
void kafka_assignment_free(struct kafka_assignment *assignment);

#endif
