#include "features/apply.h"

#include "features/entity_state.h"
#include "features/operation.h"

#include <assert.h>

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[OUTCOME_NUMBER] = {[OUTCOME_INVALID] = "invalid",
							  [OUTCOME_FUTURE] = "future",
							  [OUTCOME_TOO_LATE] = "too_late",
							  [OUTCOME_DUPLICATE] = "duplicate",
							  [OUTCOME_SCORED] = "scored"};
	assert((size_t)outcome < OUTCOME_NUMBER);
	return names[outcome];
}

const char *flag_name(unsigned i)
{
	static const char *const names[FLAG_NUMBER] = {"late",    "approximate", "truncated",
						       "warming", "overflow",    "fallback"};
	assert(i < FLAG_NUMBER);
	return names[i];
}

bool apply_is_future(const struct event_schema *schema, const struct event *event)
{
	int64_t limit;
	assert(schema->max_ahead_ms >= 0);
	if (__builtin_add_overflow(event->timestamp_ms, schema->max_ahead_ms, &limit))
		return false;
	return event->time_ms > limit;
}

/* Before this time an event is too late by the watermark; WATERMARK_NONE: none is. */
static int64_t lateness_limit(const struct feature_set *set, int64_t watermark)
{
	assert(set->schema->allowed_lateness_ms >= 0);
	return watermark == WATERMARK_NONE ? WATERMARK_NONE : watermark - set->schema->allowed_lateness_ms;
}

static bool is_known(const struct entity *entity, uint64_t id, int64_t horizon)
{
	if (entity->end == entity->physical)
		return false;
	uint32_t first = entity->physical;
	if (horizon != WATERMARK_NONE)
		first = entity_lower_bound(entity, first, entity->end, horizon);
	const uint64_t *ids = entity->rows->id;
	bool known = false;
	for (uint32_t i = first; i < entity->end; i++)
		known |= ids[i] == id;
	return known;
}

/* The vector of a prepared moment. */
static int fill(const struct moment *moment, const struct watermark *watermark, struct vector *vector)
{
	int64_t time_ms = moment->event->time_ms;
	bool late = moment->end < moment->entity->end;
	int64_t since = watermark->complete_since_ms == WATERMARK_NONE ? time_ms : watermark->complete_since_ms;
	int64_t longest_ms = moment->set->longest_ms; /* warm where the feature that needs most is */
	bool warming = longest_ms > 0 && time_ms - longest_ms < since;
	vector->flags = (late ? FLAG_LATE : 0u) | (warming ? FLAG_WARMING : 0u);
	return operation_fill(moment, vector);
}

enum outcome apply_event(const struct feature_set *set, struct entity *entity, struct watermark *watermark,
			 const struct event *event, struct vector *vector, enum reason *reason, int *status)
{
	assert(entity->set == set && watermark != NULL);
	struct moment moment;
	moment_begin(&moment, entity, event);
	int64_t limit = lateness_limit(set, watermark_ms(watermark));
	int64_t horizon = entity->fold_edge > limit ? entity->fold_edge : limit;
	*status = 0;
	*reason = event->time_ms < limit ? REASON_TOO_LATE : REASON_FOLDED;
	if (event->time_ms < horizon)
		return OUTCOME_TOO_LATE;
	uint64_t id = siphash(set->key, event->id);
	*reason = REASON_DUPLICATE;
	if (is_known(entity, id, horizon))
		return OUTCOME_DUPLICATE;

	*reason = REASON_NONE;
	uint32_t position = entity_position(entity, event->time_ms, event->offset);
	bool late = position < entity->end;
	int filled = 0;
	if (vector != NULL) {
		moment_place(&moment, position);
		filled = fill(&moment, watermark, vector);
	} else {
		entity_cells(entity, event, moment.hashes, moment.cells);
	}
	if (filled != 0 || entity_prepare(entity, &position, event, moment.hashes, moment.cells) != 0) {
		*status = -1;
		return OUTCOME_SCORED;
	}
	entity_insert(entity, position, event, id, moment.cells);
	if (watermark->complete_since_ms == WATERMARK_NONE)
		watermark->complete_since_ms = event->time_ms;
	watermark_take(watermark, set->schema, event);
	entity_settle(entity, watermark_ms(watermark), late);
	return OUTCOME_SCORED;
}

bool apply_is_behind(const struct entity *entity, const struct event *event)
{
	return entity_position(entity, event->time_ms, event->offset) < entity->end;
}

int apply_row(const struct entity *entity, const struct watermark *watermark, const struct event *event, uint32_t row,
	      struct vector *vector)
{
	assert(row >= entity->visible && row < entity->end);
	struct moment moment;
	moment_begin(&moment, entity, event);
	moment_place(&moment, row);
	return fill(&moment, watermark, vector);
}

int apply_peek(const struct feature_set *set, const struct entity *entity, const struct watermark *watermark,
	       const struct event *event, struct vector *vector)
{
	assert(entity->set == set);
	struct moment moment;
	moment_begin(&moment, entity, event);
	moment_place(&moment, entity_position(entity, event->time_ms, event->offset));
	return fill(&moment, watermark, vector);
}
