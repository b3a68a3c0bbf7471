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

/* Copies no more bytes than there are: it happens at about every event. */
static void copy_leader(struct leader *to, const struct leader *from)
{
	size_t length = to->length > from->length ? to->length : from->length;
	assert(length <= sizeof to->entity);
	memcpy(to->entity, from->entity, length);
	to->length = from->length;
	to->time_ms = from->time_ms;
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
	if (first->time_ms == WATERMARK_NONE || time_ms > first->time_ms) {
		copy_leader(second, first); /* the entity leads from now on, also where it was the second */
		set_leader(first, entity);
		first->time_ms = time_ms;
		return;
	}
	if (!is_leader(second, entity))
		set_leader(second, entity);
	second->time_ms = time_ms;
}
