#include "features/amend.h"

#include "features/entity_event.h"
#include "features/entity_state.h"

#include <assert.h>

void amend_begin(struct amend *amend, const struct entity *before, const struct entity *after,
		 const struct watermark *watermark, const struct event *late)
{
	const struct feature_set *set = before->set;
	uint32_t first = entity_position(before, late->time_ms, late->offset), end = first;
	assert(after->set == set && first < before->end && first >= before->visible);
	/* A window holds what is less than its length before: the longest one decides how far the late event is seen. */
	if (set->longest_ms > 0)
		end = entity_lower_bound(before, first, before->end, late->time_ms + set->longest_ms);
	*amend = (struct amend){.set = set,
				.before = before,
				.after = after,
				.watermark = watermark,
				.left = end - first,
				.behind = before->end - first};
}

/* Whether the entity with the late event still has all that this event's windows had. */
static bool is_whole(const struct amend *amend, const struct event *event)
{
	int64_t now_ms = watermark_ms(amend->watermark);
	return now_ms == WATERMARK_NONE || now_ms - amend->set->schema->allowed_lateness_ms <= event->time_ms;
}

static bool is_same(const struct feature_set *set, const struct vector *before, const struct vector *after)
{
	for (size_t i = 0; i < set->feature_count; i++)
		if (!cell_same_double(before->values[i], after->values[i]))
			return false;
	return true;
}

enum amend_finding amend_next(struct amend *amend, struct event *event, struct value *values, struct vector *before,
			      struct vector *after)
{
	/* Counted from the end, where both have the same rows; in front rows may have gone. */
	uint32_t from_end = (uint32_t)amend->behind;
	assert(amend->left > 0 && amend->behind >= amend->left);
	amend->left--;
	amend->behind--;
	entity_event(amend->before, amend->before->end - from_end, event, values);
	if (amend->after->end - amend->after->visible < from_end || !is_whole(amend, event))
		return AMEND_UNKNOWN;
	if (apply_row(amend->before, amend->watermark, event, amend->before->end - from_end, before) != 0 ||
	    apply_row(amend->after, amend->watermark, event, amend->after->end - from_end, after) != 0)
		return AMEND_FAILED;
	bool moved = amend->before->fold_edge != amend->after->fold_edge;
	if (moved && (after->flags & (FLAG_APPROXIMATE | FLAG_TRUNCATED)) != 0)
		return AMEND_UNKNOWN;
	before->flags &= ~(unsigned)FLAG_LATE;
	after->flags &= ~(unsigned)FLAG_LATE;
	return is_same(amend->set, before, after) ? AMEND_SAME : AMEND_CHANGED;
}
