#include "features/watermark.h"

#include <assert.h>

void watermark_init(struct watermark *watermark)
{
	assert(watermark != NULL);
	memset(watermark, 0, sizeof *watermark); /* whole, so that equal watermarks have equal bytes */
	watermark->leaders[0].time_ms = watermark->leaders[1].time_ms = WATERMARK_NONE;
	watermark->complete_since_ms = WATERMARK_NONE;
}

int64_t watermark_ms(const struct watermark *watermark)
{
	assert(watermark->leaders[1].time_ms <= watermark->leaders[0].time_ms);
	return watermark->leaders[1].time_ms;
}

static bool is_leader(const struct leader *leader, struct slice entity)
{
	return leader->time_ms != WATERMARK_NONE && slice_equal((struct slice){leader->entity, leader->length}, entity);
}

/* Behind its length an entity's bytes are 0, so that equal leaders have equal bytes. */
static void set_leader(struct leader *leader, struct slice entity)
{
	memcpy(leader->entity, entity.data, entity.length);
	if (leader->length > entity.length)
		memset(leader->entity + entity.length, 0, leader->length - entity.length);
	leader->length = (uint16_t)entity.length;
}

/* Swaps no more bytes than there are: it happens at about every event. */
static void swap_leaders(struct leader *a, struct leader *b)
{
	char entity[EVENT_ENTITY_MAX];
	size_t length = a->length > b->length ? a->length : b->length;
	assert(length <= sizeof entity);
	memcpy(entity, a->entity, length);
	memcpy(a->entity, b->entity, length);
	memcpy(b->entity, entity, length);
	uint16_t a_length = a->length;
	int64_t a_time = a->time_ms;
	a->length = b->length;
	a->time_ms = b->time_ms;
	b->length = a_length;
	b->time_ms = a_time;
}

void watermark_advance(struct watermark *watermark, struct slice entity, int64_t time_ms)
{
	assert(entity.length >= 1 && entity.length <= EVENT_ENTITY_MAX && time_ms != WATERMARK_NONE);
	struct leader *first = &watermark->leaders[0], *second = &watermark->leaders[1];
	if (is_leader(first, entity)) {
		if (time_ms > first->time_ms)
			first->time_ms = time_ms;
		return;
	}
	if (first->time_ms != WATERMARK_NONE && time_ms <= second->time_ms)
		return;
	if (!is_leader(second, entity))
		set_leader(second, entity);
	second->time_ms = time_ms;
	if (first->time_ms == WATERMARK_NONE || second->time_ms > first->time_ms)
		swap_leaders(first, second);
}
