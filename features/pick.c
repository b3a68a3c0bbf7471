#include "features/pick.h"

#include <assert.h>

#define BLOCK_ROWS 256

static size_t bytes_of(size_t capacity)
{
	return capacity * (sizeof(int64_t) + sizeof(uint32_t));
}

int pick_begin(struct pick *pick, const struct moment *moment)
{
	const struct feature_set *set = moment->set;
	pick->moment = moment;
	pick->feature = NULL;
	pick->rows = pick->local_rows;
	pick->values = pick->local_values;
	pick->capacity = PICK_LOCAL_ROWS;
	if (!set->picks)
		return 0;
	assert(set->window_count > 0);
	size_t rows = moment->end - moment->low[set->window_count - 1];
	if (rows <= PICK_LOCAL_ROWS)
		return 0;
	pick->capacity = rows;
	pick->values = pool_take(set->pool, bytes_of(rows));
	if (pick->values == NULL)
		return -1;
	pick->rows = (uint32_t *)(pick->values + rows);
	return 0;
}

void pick_end(struct pick *pick)
{
	if (pick->values != pick->local_values)
		pool_give(pick->moment->set->pool, pick->values, bytes_of(pick->capacity));
}

static void mask_nulls(const struct columns *columns, int column, uint32_t first, size_t count, uint8_t *mask)
{
	if (column == NONE)
		return;
	const int64_t *cells = columns_at(columns, column) + first;
	for (size_t i = 0; i < count; i++)
		mask[i] &= cells[i] != CELL_NULL;
}

static bool reads_the_same(const struct feature *a, const struct feature *b)
{
	return a->window == b->window && a->filter == b->filter && a->column == b->column &&
	       a->second_column == b->second_column;
}

void pick_rows(struct pick *pick, const struct feature *feature)
{
	const struct moment *moment = pick->moment;
	uint8_t mask[BLOCK_ROWS];
	size_t picked = 0, count;
	assert(feature->window_ms > 0);
	if (pick->feature != NULL && reads_the_same(pick->feature, feature))
		return;
	for (uint32_t first = moment->low[feature->window]; first < moment->end; first += (uint32_t)count) {
		count = moment->end - first < BLOCK_ROWS ? moment->end - first : BLOCK_ROWS;
		if (feature->filter == NONE)
			memset(mask, 1, count);
		else
			filter_block(&moment->set->filters[feature->filter], &moment->columns, first, count,
				     moment->cells, mask);
		mask_nulls(&moment->columns, feature->column, first, count, mask);
		mask_nulls(&moment->columns, feature->second_column, first, count, mask);
		assert(picked + count <= pick->capacity);
		for (size_t i = 0; i < count; i++) {
			pick->rows[picked] = first + (uint32_t)i;
			picked += mask[i];
		}
	}
	pick->feature = feature;
	pick->count = picked;
}

void pick_values(struct pick *pick, int column)
{
	const int64_t *cells = columns_at(&pick->moment->columns, column);
	assert(pick->feature != NULL);
	for (size_t i = 0; i < pick->count; i++)
		pick->values[i] = cells[pick->rows[i]];
}
