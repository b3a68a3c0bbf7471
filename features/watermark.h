/*
 * A partition's clock in event time: the two leading entities and their times, and since when its state is complete.
 * The watermark is the second leader's time, so that one event with a broken clock cannot make everything after it late.
 * Read before an event, updated after it, never per batch.
 */
#ifndef OUTLIERD_WATERMARK_H
#define OUTLIERD_WATERMARK_H

#include "features/event.h"

#define WATERMARK_NONE INT64_MIN

struct leader {
	int64_t time_ms; /* greatest event time of this entity's scored events; WATERMARK_NONE: no leader */
	uint16_t length; /* of entity */
	char entity[EVENT_ENTITY_MAX];
};

struct watermark {
	struct leader leaders[2]; /* [0] leads; on equal times the earlier leader stays first */
	int64_t
	    complete_since_ms; /* event time of the first scored event of this state generation; WATERMARK_NONE: none yet */
};

/** Nothing seen yet. */
void watermark_init(struct watermark *watermark);
/** Greatest event time of scored events of entities other than the leading one; WATERMARK_NONE before a second entity. */
int64_t watermark_ms(const struct watermark *watermark);
/** Takes a scored event into account. */
void watermark_advance(struct watermark *watermark, struct slice entity, int64_t time_ms);

#endif
