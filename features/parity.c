#include "features/parity.h"

#include "features/entity_event.h"
#include "features/entity_state.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one check works on; owned. */
struct checking {
	struct rescan_event *events;
	const struct rescan_event **list;
	struct value *values; /* of all events */
	struct vector again;
};

/* All rows but the event's own. */
static size_t fill_events(const struct entity *entity, const struct event *event, struct checking *checking)
{
	size_t fields = entity->set->schema->field_count, count = 0;
	for (uint32_t row = entity->visible; row < entity->end; row++) {
		if (entity->rows->offset[row] == event->offset)
			continue;
		entity_event(entity, row, &checking->events[count].event, checking->values + count * fields);
		checking->list[count] = &checking->events[count];
		count++;
	}
	return count;
}

static bool take_memory(const struct feature_set *set, size_t rows, struct checking *checking)
{
	checking->events = calloc(rows + 1, sizeof *checking->events);
	checking->list = calloc(rows + 1, sizeof *checking->list);
	checking->values = calloc((rows + 1) * (set->schema->field_count + 1), sizeof *checking->values);
	checking->again.values = calloc(set->feature_count + 1, sizeof *checking->again.values);
	checking->again.usual = calloc(set->feature_count + 1, sizeof *checking->again.usual);
	return checking->events != NULL && checking->list != NULL && checking->values != NULL &&
	       checking->again.values != NULL && checking->again.usual != NULL;
}

static enum parity compare(const struct feature_set *set, const struct vector *vector, const struct vector *again,
			   size_t *feature)
{
	for (*feature = 0; *feature < set->feature_count; ++*feature) {
		const struct usual *then = &vector->usual[*feature], *now = &again->usual[*feature];
		if (!cell_same_double(vector->values[*feature], again->values[*feature]) || then->n != now->n ||
		    (then->n > 0 && !cell_same_double(then->mean, now->mean)))
			return PARITY_DIFFERENT;
	}
	return (vector->flags & ~(unsigned)FLAG_FALLBACK) == again->flags ? PARITY_SAME : PARITY_DIFFERENT;
}

enum parity parity_check(const struct feature_set_options *options, const struct feature_set *set,
			 const struct entity *entity, const struct watermark *watermark, const struct event *event,
			 const struct vector *vector, size_t *feature)
{
	struct checking checking = {NULL, NULL, NULL, {NULL, NULL, 0}};
	enum parity parity = PARITY_UNCHECKED;
	size_t rows = entity->end - entity->visible;
	int64_t now_ms = watermark_ms(watermark);
	assert(vector->usual != NULL && watermark->complete_since_ms != WATERMARK_NONE);
	/* An event that brings an upstream watermark far beyond its own time has put its own window out of reach. */
	bool forgotten = now_ms != WATERMARK_NONE && now_ms - set->schema->allowed_lateness_ms > event->time_ms;
	if (entity->fold_edge != FOLD_EDGE_NONE || rows > RESCAN_EVENTS_MAX || forgotten)
		return PARITY_UNCHECKED;
	if (take_memory(set, rows, &checking)) {
		const struct rescan rescan = {.options = options,
					      .events = checking.list,
					      .count = fill_events(entity, event, &checking),
					      .fold_edge = INT64_MIN,
					      .pane_ms = 1,
					      .complete_since_ms = watermark->complete_since_ms};
		if (rescan_vector(&rescan, event, &checking.again) == 0)
			parity = compare(set, vector, &checking.again, feature);
	}
	free(checking.events);
	free(checking.list);
	free(checking.values);
	free(checking.again.values);
	free(checking.again.usual);
	return parity;
}
