#include "features/distinct.h"

#include "features/cell.h"

#include <assert.h>

#define WORD_BITS 64
#define EMPTY ((uint64_t)CELL_NULL) /* of a table's place: no cell that is added is null */

static int begin(struct distinct *distinct, struct pool *pool, size_t count)
{
	assert(count > 0);
	distinct->words = distinct->local;
	distinct->pool = pool;
	distinct->count = count;
	distinct->found = 0;
	if (count > DISTINCT_LOCAL_WORDS)
		distinct->words = pool_take(pool, count * sizeof *distinct->words);
	return distinct->words == NULL ? -1 : 0;
}

int distinct_begin_numbers(struct distinct *distinct, struct pool *pool, size_t bound)
{
	if (begin(distinct, pool, bound / WORD_BITS + 1) != 0)
		return -1;
	memset(distinct->words, 0, distinct->count * sizeof *distinct->words);
	return 0;
}

int distinct_begin_cells(struct distinct *distinct, struct pool *pool, size_t cells)
{
	size_t count = 8;
	while (count < 2 * cells)
		count *= 2;
	if (begin(distinct, pool, count) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		distinct->words[i] = EMPTY;
	return 0;
}

void distinct_add_numbers(struct distinct *distinct, const int64_t *cells, size_t count)
{
	int64_t found = 0;
	for (size_t i = 0; i < count; i++) {
		if (cells[i] == CELL_NULL)
			continue;
		size_t word = (size_t)cells[i] / WORD_BITS;
		uint64_t bit = UINT64_C(1) << (uint64_t)cells[i] % WORD_BITS;
		assert(word < distinct->count);
		found += (distinct->words[word] & bit) == 0;
		distinct->words[word] |= bit;
	}
	distinct->found += found;
}

/* The place where a cell stands or would stand. Not keyed: max_events bounds what chosen collisions cost. */
static size_t place_of(const struct distinct *distinct, uint64_t cell)
{
	size_t mask = distinct->count - 1, at = (size_t)(cell * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
	while (distinct->words[at] != EMPTY && distinct->words[at] != cell)
		at = (at + 1) & mask;
	return at;
}

void distinct_add_cells(struct distinct *distinct, const int64_t *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (cells[i] == CELL_NULL)
			continue;
		size_t at = place_of(distinct, (uint64_t)cells[i]);
		distinct->found += distinct->words[at] == EMPTY;
		distinct->words[at] = (uint64_t)cells[i];
	}
	assert((size_t)distinct->found < distinct->count);
}

bool distinct_has(const struct distinct *distinct, bool numbers, int64_t cell)
{
	assert(cell != CELL_NULL);
	if (!numbers)
		return distinct->words[place_of(distinct, (uint64_t)cell)] != EMPTY;
	size_t word = (size_t)cell / WORD_BITS;
	return word < distinct->count && (distinct->words[word] >> (uint64_t)cell % WORD_BITS & 1) != 0;
}

void distinct_end(struct distinct *distinct)
{
	if (distinct->words != distinct->local)
		pool_give(distinct->pool, distinct->words, distinct->count * sizeof *distinct->words);
	distinct->words = NULL;
}
