#include "features/entity.h"

#include "features/entity_state.h"

#include <assert.h>
#include <stdlib.h>

#define CACHE_LINE 64
#define PREFETCHED_BYTES 1024 /* of a column: 128 rows */
#define TIDY_ROWS 8           /* free rows to be had before a batch; fewer, and dead ones make room */

struct entity *entity_new(const struct feature_set *set)
{
	assert(set != NULL);
	struct entity *entity = malloc(sizeof *entity);
	if (entity != NULL)
		*entity = (struct entity){.set = set, .fold_edge = FOLD_EDGE_NONE};
	return entity;
}

void entity_refork(struct entity *view, const struct entity *entity)
{
	assert(view->set == entity->set && view->rows == NULL && view->panes == NULL);
	*view = *entity;
	if (view->rows != NULL)
		(void)rows_share(view->rows);
	(void)panes_share(view->panes);
}

struct entity *entity_fork(const struct entity *entity)
{
	struct entity *fork = entity_new(entity->set);
	if (fork != NULL)
		entity_refork(fork, entity);
	return fork;
}

void entity_empty(struct entity *entity)
{
	assert(entity->set != NULL);
	rows_release(entity->set, entity->rows);
	panes_release(entity->set, entity->panes);
	*entity = (struct entity){.set = entity->set, .fold_edge = FOLD_EDGE_NONE};
}

void entity_free(struct entity *entity)
{
	if (entity == NULL)
		return;
	rows_release(entity->set, entity->rows);
	panes_release(entity->set, entity->panes);
	free(entity);
}

/* The newest lines of a column; the processor guesses the rest once it sees the direction. */
static void prefetch_column(const int64_t *column, uint32_t end, uint32_t count)
{
	const char *at = (const char *)(column + end);
	size_t bytes = count * sizeof *column < PREFETCHED_BYTES ? count * sizeof *column : PREFETCHED_BYTES;
	for (size_t back = 0; back < bytes + CACHE_LINE; back += CACHE_LINE)
		__builtin_prefetch(at - back);
}

void entity_prefetch(const struct entity *entity)
{
	if (entity == NULL || entity->rows == NULL)
		return;
	/* Not a byte of the rows is read here: their header may be as far away as the columns. */
	const struct rows *rows = entity->rows;
	uint32_t count = entity->end - entity->visible, capacity = entity->capacity;
	__builtin_prefetch(rows);
	prefetch_column(rows_fixed_column(rows, capacity, 0), entity->end, count);
	prefetch_column(rows_fixed_column(rows, capacity, 1), entity->end, 1);
	prefetch_column(rows_fixed_column(rows, capacity, 2), entity->end, 1);
	for (size_t i = 0; i < entity->set->column_count; i++)
		prefetch_column(rows_fixed_column(rows, capacity, ROWS_FIXED_COLUMNS + i), entity->end, count);
}

void entity_prefetch_head(const struct entity *entity)
{
	if (entity != NULL)
		__builtin_prefetch(entity->rows);
}

size_t entity_size(const struct entity *entity)
{
	return sizeof *entity + rows_size(entity->set, entity->rows) + panes_size(entity->set, entity->panes);
}

size_t entity_event_count(const struct entity *entity)
{
	assert(entity->visible <= entity->end);
	return entity->end - entity->visible;
}

uint32_t entity_lower_bound(const struct entity *entity, uint32_t low, uint32_t end, int64_t time_ms)
{
	assert(low <= end && end <= entity->end);
	if (low == end)
		return end;
	const int64_t *time = entity->rows->time;
	/* Windows are mostly short beside the log, or all of it: look from the newest row back in growing steps. */
	uint32_t step = 1;
	while (step < end - low && time[end - step] >= time_ms)
		step *= 2;
	uint32_t high = end - step / 2;
	if (step < end - low)
		low = end - step;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (time[middle] < time_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t entity_position(const struct entity *entity, int64_t time_ms, int64_t offset)
{
	uint32_t at = entity->end;
	if (at == entity->physical)
		return at;
	const int64_t *time = entity->rows->time, *offsets = entity->rows->offset;
	if (time[at - 1] < time_ms)
		return at;
	if (time[at - 1] > time_ms)
		at = entity_lower_bound(entity, entity->physical, at, time_ms + 1);
	while (at > entity->physical && time[at - 1] == time_ms && offsets[at - 1] > offset)
		at--;
	return at;
}

void entity_hashes(const struct entity *entity, const struct event *event, uint64_t *hashes)
{
	const struct feature_set *set = entity->set;
	for (size_t i = 0; i < set->string_count; i++) {
		int column = set->strings[i];
		const struct value *value = &event->values[set->columns[column]];
		hashes[column] = 0;
		if (!value->present)
			continue;
		hashes[column] = rows_hash(set, value->text);
		if (entity->rows != NULL)
			dictionary_prefetch(&entity->rows->strings, hashes[column]);
	}
}

void entity_cells(const struct entity *entity, const struct event *event, const uint64_t *hashes, int64_t *cells)
{
	const struct feature_set *set = entity->set;
	for (size_t i = 0; i < set->column_count; i++) {
		const struct value *value = &event->values[set->columns[i]];
		switch (field_kind(&set->schema->fields[set->columns[i]])) {
		case VALUE_UNITS:
			cells[i] = value->units;
			assert(!value->present || (cells[i] >= -CELL_UNITS_MAX && cells[i] <= CELL_UNITS_MAX));
			break;
		case VALUE_DOUBLE:
			cells[i] = cell_of_double(value->number);
			assert(!value->present || cells[i] != CELL_NULL);
			break;
		case VALUE_TEXT:
			if (value->present)
				cells[i] = rows_string(set, entity->rows, hashes[i], value->text);
			break;
		}
		if (!value->present)
			cells[i] = CELL_NULL;
	}
}

/* Whether the rows have a free place that this view may take for an event at position. */
static bool has_room(const struct entity *entity, uint32_t position)
{
	const struct rows *rows = entity->rows;
	if (rows == NULL || rows->used == rows->capacity || rows->used != entity->end)
		return false;
	return position == entity->end || rows->references == 1;
}

static int make_room(struct entity *entity)
{
	struct rows *rows = rows_copy(entity->set, entity->rows, entity->physical, entity->end - entity->physical);
	if (rows == NULL)
		return -1;
	rows_release(entity->set, entity->rows);
	entity_set_rows(entity, rows);
	entity->visible -= entity->physical;
	entity->end -= entity->physical;
	entity->physical = 0;
	return 0;
}

/*
 * Rows that are full are copied to a larger block, and views that share them leave no other way. Done beforehand, while
 * nobody shares them, the live ones need only move to the front: a stream whose windows are full allocates nothing.
 */
void entity_tidy(struct entity *entity)
{
	struct rows *rows = entity->rows;
	if (rows == NULL || rows->references != 1 || rows->used != entity->end ||
	    rows->capacity - rows->used > TIDY_ROWS || entity->physical < TIDY_ROWS || rows_want_look(rows))
		return; /* the copy to come leaves strings behind that are out of use */
	rows_close(entity->set, rows, entity->physical);
	entity->visible -= entity->physical;
	entity->end -= entity->physical;
	entity->physical = 0;
}

int entity_prepare(struct entity *entity, uint32_t *position, const struct event *event, const uint64_t *hashes,
		   int64_t *cells)
{
	const struct feature_set *set = entity->set;
	assert(*position >= entity->visible && *position <= entity->end);
	if (!has_room(entity, *position)) {
		uint32_t moved = entity->physical;
		if (make_room(entity) != 0)
			return -1;
		*position -= moved;
		entity_cells(entity, event, hashes, cells); /* the copy has numbered its strings anew */
	}
	for (size_t i = 0; i < set->column_count; i++)
		if (cells[i] == CELL_UNKNOWN &&
		    rows_add_string(set, entity->rows, hashes[i], event->values[set->columns[i]].text, &cells[i]) != 0)
			return -1;
	uint32_t visible = entity->end - entity->visible + 1;
	if (set->tally_count == 0 || visible <= set->max_events)
		return 0;
	return panes_prepare(set, &entity->panes, &entity->first_pane, visible - set->max_events);
}

void entity_insert(struct entity *entity, uint32_t position, const struct event *event, uint64_t id,
		   const int64_t *cells)
{
	const struct feature_set *set = entity->set;
	struct rows *rows = entity->rows;
	assert(entity->end == rows->used);
	rows_open(set, rows, position);
	rows->time[position] = event->time_ms;
	rows->offset[position] = event->offset;
	rows->id[position] = id;
	for (size_t i = 0; i < set->column_count; i++)
		rows->cells[i * rows->capacity + position] = cells[i];
	entity->end++;
}

static void fold_oldest(struct entity *entity)
{
	const struct feature_set *set = entity->set;
	assert(entity->visible < entity->end);
	int64_t edge = entity->rows->time[entity->visible] + 1;
	if (edge > entity->fold_edge)
		entity->fold_edge = edge;
	if (set->tally_count > 0) {
		struct columns columns = rows_columns(entity->rows);
		panes_fold(set, entity->panes, &columns, entity->visible);
	}
	entity->visible++;
}

/* Panes that no window of an event still to come can reach are forgotten. */
static void forget_panes(struct entity *entity, int64_t watermark)
{
	const struct feature_set *set = entity->set;
	if (entity->panes == NULL || entity->fold_edge == FOLD_EDGE_NONE)
		return;
	int64_t until = entity->fold_edge - set->longest_ms;
	if (watermark != WATERMARK_NONE && watermark - set->reach_ms > until)
		until = watermark - set->reach_ms;
	size_t first = panes_from(set, entity->panes, until);
	if (first > entity->first_pane)
		entity->first_pane = first;
}

void entity_settle(struct entity *entity, int64_t watermark, bool late)
{
	const struct feature_set *set = entity->set;
	if (watermark != WATERMARK_NONE)
		while (entity->visible < entity->end && entity->rows->time[entity->visible] < watermark - set->reach_ms)
			entity->visible++;
	bool rewritten = late;
	for (; entity->end - entity->visible > set->max_events; rewritten = true)
		fold_oldest(entity);
	forget_panes(entity, watermark);
	uint32_t dead = entity->visible - entity->physical, live = entity->end - entity->visible;
	if (rewritten || dead > live)
		entity->physical = entity->visible;
	assert(entity->end - entity->visible <= set->max_events);
}

int entity_canonical(struct entity *entity, int64_t watermark)
{
	assert(entity->visible >= entity->physical);
	entity_settle(entity, watermark, true);
	/* Below every horizon and every window: a state made again behind it never had it. */
	if (watermark != WATERMARK_NONE && entity->fold_edge <= watermark - entity->set->reach_ms) {
		panes_release(entity->set, entity->panes);
		entity->panes = NULL;
		entity->first_pane = 0;
		entity->fold_edge = FOLD_EDGE_NONE;
	}
	return 0;
}
