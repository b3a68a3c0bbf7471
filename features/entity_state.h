/*
 * Inside an entity: its view of shared rows and panes, and the transition by one event in two steps, of which only the
 * first can fail. For entity.c, record.c, window.c and apply.c.
 */
#ifndef OUTLIERD_ENTITY_STATE_H
#define OUTLIERD_ENTITY_STATE_H

#include "features/entity.h"
#include "features/pane.h"
#include "features/rows.h"
#include "features/watermark.h"

#define FOLD_EDGE_NONE INT64_MIN

struct entity {
	const struct feature_set *set; /* borrowed */
	struct rows *rows;             /* NULL: none yet */
	uint32_t capacity;   /* of rows: where its columns lie, known before its header has come from memory */
	uint32_t physical;   /* first row of the record */
	uint32_t visible;    /* first row that was in reach after the last event */
	uint32_t end;        /* behind the last row */
	int64_t fold_edge;   /* FOLD_EDGE_NONE: nothing was folded */
	struct panes *panes; /* NULL: nothing was folded, or nothing that a pane is kept for */
	size_t first_pane;   /* those before are forgotten */
};

/** The first of rows [low, end) whose time is at or after time_ms; end: none. */
uint32_t entity_lower_bound(const struct entity *entity, uint32_t low, uint32_t end, int64_t time_ms);

/** Where an event stands in the order of (time, offset): the number of the row that it would become. */
uint32_t entity_position(const struct entity *entity, int64_t time_ms, int64_t offset);

/** Gives the entity other rows; the old ones are the caller's to release. NULL: none. */
static inline void entity_set_rows(struct entity *entity, struct rows *rows)
{
	entity->rows = rows;
	entity->capacity = rows == NULL ? 0 : rows->capacity;
}

/** The hashes of an event's strings, by column. */
void entity_hashes(const struct entity *entity, const struct event *event, uint64_t *hashes);

/** The cells of an event by column; strings without a number are CELL_UNKNOWN. */
void entity_cells(const struct entity *entity, const struct event *event, const uint64_t *hashes, int64_t *cells);

/** Makes room for an event at *position (which moves with the rows) and for what it may fold, and numbers its strings in cells. Changes nothing that can be seen. -1: out of memory. */
int entity_prepare(struct entity *entity, uint32_t *position, const struct event *event, const uint64_t *hashes,
		   int64_t *cells) MUST_USE;

/** Inserts a prepared event. */
void entity_insert(struct entity *entity, uint32_t position, const struct event *event, uint64_t id,
		   const int64_t *cells);

/** Folds what exceeds max_events and forgets what is out of reach, after an event that left the partition at this watermark. late: it was not the last row. */
void entity_settle(struct entity *entity, int64_t watermark, bool late);

#endif
