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
	if (watermark->upstream_count > 0)
		return watermark->upstream_ms;
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

static int64_t least(const int64_t *times, int32_t count)
{
	int64_t time_ms = times[0];
	for (int32_t i = 1; i < count; i++)
		time_ms = times[i] < time_ms ? times[i] : time_ms;
	return time_ms;
}

void watermark_upstream(struct watermark *watermark, int32_t count, int32_t partition, int64_t time_ms)
{
	assert(count >= 1 && count <= WATERMARK_UPSTREAM_MAX && partition >= 0 && partition < count);
	assert(watermark->upstream_count == 0 || watermark->upstream_count == count);
	if (watermark->upstream_count == 0) {
		watermark->upstream_count = count;
		watermark->upstream_ms = WATERMARK_NONE;
		for (int32_t i = 0; i < count; i++)
			watermark->upstream[i] = WATERMARK_NONE;
	}
	int64_t before = watermark->upstream[partition];
	if (time_ms <= before)
		return;
	watermark->upstream[partition] = time_ms;
	if (before == watermark->upstream_ms)
		watermark->upstream_ms = least(watermark->upstream, count);
}

/*
 * What an event brings along counts no further than its record's own timestamp. So all that a record can add to the
 * watermark lies at or before that, and a rebuild, which begins by timestamp, misses nothing that matters.
 */
void watermark_take(struct watermark *watermark, const struct event_schema *schema, const struct event *event)
{
	watermark_advance(watermark, event->entity, event->time_ms);
	if (schema->upstream.partitions == 0)
		return;
	int64_t time_ms = event->upstream_watermark_ms;
	if (time_ms > event->timestamp_ms)
		time_ms = event->timestamp_ms;
	watermark_upstream(watermark, schema->upstream.partitions, event->upstream_partition, time_ms);
}
