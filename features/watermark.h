/*
 * A partition's clock in event time: the two leading entities and their times, and since when its state is complete.
 * The watermark is the second leader's time, so that one event with a broken clock cannot make everything after it late.
 * Read before an event, updated after it, never per batch.
 *
 * In a second stage (docs/stages.md) the events bring watermarks along, those of the upstream partitions that they come
 * from: there the watermark is the least of the greatest that came from each, and none while one has not been seen.
 */
#ifndef OUTLIERD_WATERMARK_H
#define OUTLIERD_WATERMARK_H

#include "features/event.h"

#define WATERMARK_UPSTREAM_MAX 256 /* partitions of an upstream topic */

struct leader {
	int64_t time_ms; /* greatest event time of this entity's scored events; WATERMARK_NONE: no leader */
	uint16_t length; /* of entity */
	char entity[EVENT_ENTITY_MAX];
};

struct watermark {
	struct leader leaders[2]; /* [0] leads; on equal times the earlier leader stays first */
	int64_t
	    complete_since_ms; /* event time of the first scored event of this state generation; WATERMARK_NONE: none yet */
	int32_t upstream_count; /* partitions of the upstream topic; 0: no upstream, or no event yet */
	int64_t upstream_ms;    /* the least of these; WATERMARK_NONE: one is not known */
	int64_t upstream[WATERMARK_UPSTREAM_MAX]; /* greatest watermark that came from each */
};

/** Nothing seen yet. */
void watermark_init(struct watermark *watermark);
/** Greatest event time of scored events of entities other than the leading one, or with an upstream the least of its partitions' watermarks; WATERMARK_NONE before a second entity, or while a partition has not been seen. */
int64_t watermark_ms(const struct watermark *watermark);
/** Takes a scored event into account: its entity's time, and with an upstream what it brings along. */
void watermark_take(struct watermark *watermark, const struct event_schema *schema, const struct event *event);
/** Takes the time of an entity's event into account. */
void watermark_advance(struct watermark *watermark, struct slice entity, int64_t time_ms);
/** Takes a watermark into account that came from one of so many upstream partitions; WATERMARK_NONE: there they are, but it is not known. */
void watermark_upstream(struct watermark *watermark, int32_t count, int32_t partition, int64_t time_ms);

#endif
