/*
 * Group membership between source and sink: the group metadata as librdkafka gave them in the assign callback, under our
 * own assignment counter. The source owns it at one address for its whole life, so that a handle kept too long is found
 * out by its counter and never points at freed memory.
 */
#ifndef OUTLIERD_KAFKA_MEMBERSHIP_H
#define OUTLIERD_KAFKA_MEMBERSHIP_H

#include "daemon/ports.h"

#include <librdkafka/rdkafka.h>

struct kafka_membership {
	uint64_t assignment;                          /* grows with every assign, revoke and loss */
	rd_kafka_consumer_group_metadata_t *metadata; /* NULL: no assignment */
};

/** Takes the present metadata of a consumer; only inside its assign callback, before any other assignment call. */
void kafka_membership_take(struct kafka_membership *membership, rd_kafka_t *consumer);

/** Forgets it: revoked, lost or closed. */
void kafka_membership_drop(struct kafka_membership *membership);

/**
 * True where the group has dropped this member. librdkafka's own rd_kafka_assignment_lost() does not say so of a member
 * that was thrown out while a rebalance waited for it.
 */
bool kafka_membership_gone(rd_kafka_t *consumer);

/** The port's view; assignment 0 without an assignment. */
struct membership kafka_membership_port(struct kafka_membership *membership);

/**
 * The metadata to commit under, borrowed. NULL with *err (ERR_ABORT_BATCH) where a broker might accept the commit
 * unchecked or for another assignment: no membership, an assignment that is gone, a negative generation, no member id.
 */
const rd_kafka_consumer_group_metadata_t *kafka_membership_metadata(const struct membership *membership,
								    struct err *err) MUST_USE;

#endif
