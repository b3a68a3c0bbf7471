#include "features/window.h"

#include "features/distinct.h"

#include <assert.h>

#define BLOCK_ROWS 256

/* One scan under way. */
struct scanner {
	const struct moment *moment;
	const struct scan *scan;
	const struct filter *filter; /* NULL: every row */
	struct distinct *distinct;   /* of a distinct scan */
	struct aggregate running[GROUPS_MAX];
};

void moment_begin(struct moment *moment, const struct entity *entity, const struct event *event)
{
	assert(event->time_ms >= -EVENT_TIME_MAX_MS && event->time_ms <= EVENT_TIME_MAX_MS);
	entity_prefetch(entity);
	moment->set = entity->set;
	moment->entity = entity;
	moment->event = event;
	entity_hashes(entity, event, moment->hashes);
}

void moment_place(struct moment *moment, uint32_t end)
{
	const struct feature_set *set = moment->set;
	const struct entity *entity = moment->entity;
	assert(end >= entity->physical && end <= entity->end);
	moment->columns = rows_columns(entity->rows);
	moment->end = end;
	entity_cells(entity, moment->event, moment->hashes, moment->cells);
	uint32_t low = end;
	for (size_t i = 0; i < set->window_count; i++) {
		int64_t from = moment->event->time_ms - set->windows[i] + 1;
		bool all = low == entity->physical || moment->columns.time[entity->physical] >= from;
		low = all ? entity->physical : entity_lower_bound(entity, entity->physical, low, from);
		moment->low[i] = low;
		moment->folded[i] = from < entity->fold_edge;
	}
}

/* Hands the cells of one group in a block on; `picked` are the matching rows' places, NULL: all. */
static void take_cells(struct scanner *scanner, size_t group_index, uint32_t first, const uint8_t *picked, size_t count)
{
	const struct group *group = &scanner->moment->set->groups[scanner->scan->first_group + group_index];
	struct aggregate *running = &scanner->running[group_index];
	if (group->column == NONE) {
		running->n += (int64_t)count;
		return;
	}
	const int64_t *cells = columns_at(&scanner->moment->columns, group->column) + first;
	int64_t gathered[BLOCK_ROWS];
	if (picked != NULL) {
		for (size_t i = 0; i < count; i++)
			gathered[i] = cells[picked[i]];
		cells = gathered;
	}
	if (!scanner->scan->distinct)
		aggregate_take(running, group->kind, group->needs, cells, count);
	else if (group->kind == VALUE_TEXT)
		distinct_add_numbers(scanner->distinct, cells, count);
	else
		distinct_add_cells(scanner->distinct, cells, count);
}

static void take_block(struct scanner *scanner, size_t active, uint32_t first, size_t count)
{
	uint8_t mask[BLOCK_ROWS], picked[BLOCK_ROWS];
	const uint8_t *places = NULL;
	assert(count <= BLOCK_ROWS);
	if (scanner->filter != NULL) {
		filter_block(scanner->filter, &scanner->moment->columns, first, count, scanner->moment->cells, mask);
		size_t matching = 0;
		for (size_t i = 0; i < count; i++) {
			picked[matching] = (uint8_t)i;
			matching += mask[i];
		}
		count = matching;
		places = picked;
	}
	for (size_t i = 0; i < active && count > 0; i++)
		take_cells(scanner, i, first, places, count);
}

/* What different values there are so far, without and with the event's own. */
static struct aggregate count_distinct(const struct scanner *scanner)
{
	const struct group *group = &scanner->moment->set->groups[scanner->scan->first_group];
	int64_t own = scanner->moment->cells[group->column];
	struct aggregate result = aggregate_empty();
	result.distinct = scanner->distinct->found;
	bool is_new = own != CELL_NULL && !distinct_has(scanner->distinct, group->kind == VALUE_TEXT, own);
	result.distinct_with_own = result.distinct + is_new;
	return result;
}

static void run_scan(struct scanner *scanner, struct aggregate *slots)
{
	const struct feature_set *set = scanner->moment->set;
	const struct scan *scan = scanner->scan;
	uint32_t high = scanner->moment->end;
	for (size_t i = 0; i < scan->group_count; i++)
		scanner->running[i] = aggregate_empty();
	for (size_t i = 0; i < scan->segment_count; i++) {
		const struct segment *segment = &set->segments[scan->first_segment + i];
		uint32_t low = scanner->moment->low[segment->window];
		while (high > low) {
			uint32_t count = high - low < BLOCK_ROWS ? high - low : BLOCK_ROWS;
			high -= count;
			take_block(scanner, segment->active, high, count);
		}
		for (size_t j = 0; j < segment->slot_count; j++) {
			size_t slot = segment->first_slot + j;
			slots[slot] = scan->distinct ? count_distinct(scanner)
						     : scanner->running[set->slots[slot].group - scan->first_group];
		}
	}
}

static int begin_distinct(const struct scanner *scanner)
{
	const struct moment *moment = scanner->moment;
	const struct feature_set *set = moment->set;
	const struct segment *last = &set->segments[scanner->scan->first_segment + scanner->scan->segment_count - 1];
	size_t rows = moment->end - moment->low[last->window];
	if (set->groups[scanner->scan->first_group].kind != VALUE_TEXT)
		return distinct_begin_cells(scanner->distinct, set->pool, rows);
	return distinct_begin_numbers(scanner->distinct, set->pool, rows_string_bound(set, moment->entity->rows));
}

int window_scan(const struct moment *moment, struct aggregate *slots)
{
	const struct feature_set *set = moment->set;
	struct scanner scanner;
	struct distinct distinct;
	scanner.moment = moment;
	scanner.distinct = &distinct;
	for (size_t i = 0; i < set->scan_count; i++) {
		scanner.scan = &set->scans[i];
		scanner.filter = scanner.scan->filter == NONE ? NULL : &set->filters[scanner.scan->filter];
		if (!scanner.scan->distinct) {
			run_scan(&scanner, slots);
			continue;
		}
		if (begin_distinct(&scanner) != 0)
			return -1;
		run_scan(&scanner, slots);
		distinct_end(&distinct);
	}
	for (size_t i = 0; i < set->slot_count && moment->entity->fold_edge != FOLD_EDGE_NONE; i++) {
		const struct slot *slot = &set->slots[i];
		int64_t from = moment->event->time_ms - set->windows[slot->window] + 1;
		if (window_slot_reach(moment, slot) == FOLD_SUMMED)
			panes_join(set, moment->entity->panes, (size_t)set->groups[slot->group].tally, from, &slots[i]);
	}
	return 0;
}

static enum fold_reach reach_of(const struct moment *moment, size_t window, int tally)
{
	const struct entity *entity = moment->entity;
	if (!moment->folded[window])
		return FOLD_NOT_REACHED;
	if (tally == NONE || entity->panes == NULL)
		return FOLD_LOST;
	int64_t from = moment->event->time_ms - moment->set->windows[window] + 1;
	return from < entity->panes->since[tally] ? FOLD_LOST : FOLD_SUMMED;
}

enum fold_reach window_slot_reach(const struct moment *moment, const struct slot *slot)
{
	assert(slot->group < moment->set->group_count);
	return reach_of(moment, slot->window, moment->set->groups[slot->group].tally);
}

enum fold_reach window_fold_reach(const struct moment *moment, const struct feature *feature)
{
	assert(feature->window_ms > 0);
	if (feature->slot == NONE)
		return reach_of(moment, feature->window, NONE);
	return window_slot_reach(moment, &moment->set->slots[feature->slot]);
}

static bool is_wanted(const struct moment *moment, const struct feature *feature, uint32_t row)
{
	if (feature->column != NONE && columns_at(&moment->columns, feature->column)[row] == CELL_NULL)
		return false;
	if (feature->second_column != NONE && columns_at(&moment->columns, feature->second_column)[row] == CELL_NULL)
		return false;
	return feature->filter == NONE ||
	       filter_row(&moment->set->filters[feature->filter], &moment->columns, row, moment->cells);
}

int64_t window_newest(const struct moment *moment, const struct feature *feature)
{
	assert(feature->window_ms > 0);
	for (uint32_t row = moment->end; row > moment->low[feature->window];)
		if (is_wanted(moment, feature, --row))
			return row;
	return NONE;
}

int64_t window_oldest(const struct moment *moment, const struct feature *feature)
{
	assert(feature->window_ms > 0);
	for (uint32_t row = moment->low[feature->window]; row < moment->end; row++)
		if (is_wanted(moment, feature, row))
			return row;
	return NONE;
}
