#include "test/twin/features_twin.h"

#include "features/rescan.h"

#include <assert.h>
#include <stdlib.h>

#define PANES 64
#define NEVER INT64_MIN

struct twin_event {
	struct rescan_event past;
	struct value values[EVENT_FIELDS_MAX];
};

struct twin_entity {
	struct slice name;
	struct rescan_event **events; /* in order of arrival; each the head of a twin_event */
	size_t count, capacity;
	int64_t greatest, fold_edge;
};

struct features_twin {
	const struct feature_set_options *options;
	const struct event_schema *schema;
	struct twin_entity *entities;
	size_t entity_count;
	int64_t reach, pane, complete_since;
};

struct features_twin *features_twin_new(const struct feature_set_options *options)
{
	struct features_twin *twin = calloc(1, sizeof *twin);
	int64_t longest = 0;
	assert(twin != NULL);
	for (size_t i = 0; i < options->feature_count; i++)
		if (options->features[i].window_ms > longest)
			longest = options->features[i].window_ms;
	twin->options = options;
	twin->schema = options->schema;
	twin->reach = longest + options->schema->allowed_lateness_ms;
	twin->pane = twin->reach / PANES + (twin->reach % PANES != 0);
	twin->complete_since = NEVER;
	return twin;
}

void features_twin_free(struct features_twin *twin)
{
	for (size_t i = 0; i < twin->entity_count; i++) {
		for (size_t j = 0; j < twin->entities[i].count; j++)
			free(twin->entities[i].events[j]);
		free(twin->entities[i].events);
	}
	free(twin->entities);
	free(twin);
}

static struct twin_entity *entity_named(const struct features_twin *twin, struct slice name)
{
	for (size_t i = 0; i < twin->entity_count; i++)
		if (slice_equal(twin->entities[i].name, name))
			return &twin->entities[i];
	return NULL;
}

/* The least, over the upstream partitions, of the greatest that all events so far brought from each. */
static int64_t upstream_watermark(const struct features_twin *twin)
{
	int64_t least = INT64_MAX;
	for (int32_t partition = 0; partition < twin->schema->upstream.partitions; partition++) {
		int64_t greatest = NEVER;
		for (size_t i = 0; i < twin->entity_count; i++)
			for (size_t j = 0; j < twin->entities[i].count; j++) {
				const struct event *event = &twin->entities[i].events[j]->event;
				int64_t brought = event->upstream_watermark_ms < event->timestamp_ms
						      ? event->upstream_watermark_ms
						      : event->timestamp_ms;
				if (event->upstream_partition == partition && brought > greatest)
					greatest = brought;
			}
		least = greatest < least ? greatest : least;
	}
	return least;
}

int64_t features_twin_watermark(const struct features_twin *twin)
{
	if (twin->schema->upstream.partitions > 0)
		return upstream_watermark(twin);
	int64_t first = NEVER, second = NEVER;
	for (size_t i = 0; i < twin->entity_count; i++) {
		int64_t time = twin->entities[i].greatest;
		if (time > first) {
			second = first;
			first = time;
		} else if (time > second) {
			second = time;
		}
	}
	return second;
}

static bool precedes(const struct event *a, const struct event *b)
{
	return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->offset < b->offset;
}

static struct rescan_event *oldest_in_reach(const struct features_twin *twin, const struct twin_entity *entity,
					    size_t *visible)
{
	struct rescan_event *oldest = NULL;
	int64_t watermark = features_twin_watermark(twin);
	*visible = 0;
	for (size_t i = 0; i < entity->count; i++) {
		struct rescan_event *event = entity->events[i];
		if (event->folded || (watermark != NEVER && event->event.time_ms < watermark - twin->reach))
			continue;
		(*visible)++;
		if (oldest == NULL || precedes(&event->event, &oldest->event))
			oldest = event;
	}
	return oldest;
}

size_t features_twin_visible(const struct features_twin *twin, struct slice name)
{
	size_t visible = 0;
	const struct twin_entity *entity = entity_named(twin, name);
	if (entity != NULL)
		(void)oldest_in_reach(twin, entity, &visible);
	return visible;
}

static struct twin_entity *add_entity(struct features_twin *twin, struct slice name)
{
	twin->entities = realloc(twin->entities, (twin->entity_count + 1) * sizeof *twin->entities);
	assert(twin->entities != NULL);
	struct twin_entity *entity = &twin->entities[twin->entity_count++];
	*entity = (struct twin_entity){.name = name, .greatest = NEVER, .fold_edge = NEVER};
	return entity;
}

static void remember(struct features_twin *twin, struct twin_entity *entity, const struct event *event)
{
	if (entity->count == entity->capacity) {
		entity->capacity = 2 * entity->capacity + 8;
		entity->events = realloc(entity->events, entity->capacity * sizeof *entity->events);
		assert(entity->events != NULL);
	}
	struct twin_event *kept = calloc(1, sizeof *kept);
	assert(kept != NULL);
	kept->past.event = *event;
	memcpy(kept->values, event->values, twin->schema->field_count * sizeof *event->values);
	kept->past.event.values = kept->values;
	entity->events[entity->count++] = &kept->past;
	if (event->time_ms > entity->greatest)
		entity->greatest = event->time_ms;
	for (;;) {
		size_t visible;
		struct rescan_event *oldest = oldest_in_reach(twin, entity, &visible);
		if (visible <= twin->options->max_events)
			return;
		oldest->folded = true;
		if (oldest->event.time_ms + 1 > entity->fold_edge)
			entity->fold_edge = oldest->event.time_ms + 1;
	}
}

static void rescan(const struct features_twin *twin, const struct twin_entity *entity,
		   const struct rescan_event *const *events, size_t count, const struct event *event,
		   struct vector *vector)
{
	const struct rescan rescan = {.options = twin->options,
				      .events = events,
				      .count = count,
				      .fold_edge = entity->fold_edge,
				      .pane_ms = twin->pane,
				      .complete_since_ms = twin->complete_since};
	int status = rescan_vector(&rescan, event, vector);
	assert(status == 0);
	(void)status;
}

enum outcome features_twin_apply(struct features_twin *twin, const struct event *event, struct vector *vector,
				 enum reason *reason)
{
	struct twin_entity *entity = entity_named(twin, event->entity);
	if (entity == NULL)
		entity = add_entity(twin, event->entity);
	int64_t watermark = features_twin_watermark(twin), lateness = twin->schema->allowed_lateness_ms;
	bool late = watermark != NEVER && event->time_ms < watermark - lateness;
	*reason = late ? REASON_TOO_LATE : REASON_FOLDED;
	if (late || event->time_ms < entity->fold_edge)
		return OUTCOME_TOO_LATE;
	*reason = REASON_DUPLICATE;
	for (size_t i = 0; i < entity->count; i++) {
		const struct event *past = &entity->events[i]->event;
		bool in_time =
		    past->time_ms >= entity->fold_edge && (watermark == NEVER || past->time_ms >= watermark - lateness);
		if (in_time && slice_equal(past->id, event->id))
			return OUTCOME_DUPLICATE;
	}
	*reason = REASON_NONE;
	if (twin->complete_since == NEVER)
		twin->complete_since = event->time_ms;
	rescan(twin, entity, (const struct rescan_event *const *)entity->events, entity->count, event, vector);
	remember(twin, entity, event);
	return OUTCOME_SCORED;
}

const struct event *features_twin_event(const struct features_twin *twin, struct slice name, int64_t offset)
{
	const struct twin_entity *entity = entity_named(twin, name);
	for (size_t i = 0; entity != NULL && i < entity->count; i++)
		if (entity->events[i]->event.offset == offset)
			return &entity->events[i]->event;
	return NULL;
}

void features_twin_again(const struct features_twin *twin, const struct event *event, int64_t without,
			 struct vector *vector)
{
	const struct twin_entity *entity = entity_named(twin, event->entity);
	const struct rescan_event **others = calloc(entity->count + 1, sizeof *others);
	size_t count = 0;
	assert(others != NULL);
	for (size_t i = 0; i < entity->count; i++)
		if (entity->events[i]->event.offset != event->offset && entity->events[i]->event.offset != without)
			others[count++] = entity->events[i];
	rescan(twin, entity, others, count, event, vector);
	free(others);
}
