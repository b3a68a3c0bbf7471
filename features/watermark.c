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
	if (!is_leader(second, entity)) {
		memset(second->entity, 0, sizeof second->entity);
		memcpy(second->entity, entity.data, entity.length);
		second->length = (uint16_t)entity.length;
	}
	second->time_ms = time_ms;
	if (first->time_ms == WATERMARK_NONE || second->time_ms > first->time_ms) {
		struct leader was_first = *first;
		*first = *second;
		*second = was_first;
	}
}
