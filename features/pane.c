#include "features/pane.h"

#include <assert.h>

#define SPARE_PANES 4

int64_t panes_index(const struct feature_set *set, int64_t time_ms)
{
	assert(set->pane_ms > 0);
	return time_ms / set->pane_ms - (time_ms % set->pane_ms < 0);
}

static size_t pane_bytes(const struct feature_set *set)
{
	return set->tally_count * sizeof(struct aggregate) + sizeof(int64_t);
}

static size_t block_bytes(const struct feature_set *set, size_t capacity)
{
	return sizeof(struct panes) + set->tally_count * sizeof(int64_t) + capacity * pane_bytes(set);
}

struct panes *panes_new(const struct feature_set *set, size_t capacity, int64_t since)
{
	_Static_assert(sizeof(struct panes) % 16 == 0, "sums of 128 bits follow the header in one block");
	assert(capacity >= 1 && set->tally_count > 0);
	size_t bytes = pool_size(block_bytes(set, capacity));
	struct panes *panes = pool_take(set->pool, bytes);
	if (panes == NULL)
		return NULL;
	capacity += (bytes - block_bytes(set, capacity)) / pane_bytes(set); /* all that the block holds */
	panes->references = 1;
	panes->count = 0;
	panes->capacity = capacity;
	panes->sums = (struct aggregate *)(panes + 1);
	panes->index = (int64_t *)(panes->sums + capacity * set->tally_count);
	panes->since = panes->index + capacity;
	for (size_t i = 0; i < set->tally_count; i++)
		panes->since[i] = since;
	return panes;
}

struct panes *panes_share(struct panes *panes)
{
	if (panes == NULL)
		return NULL;
	assert(panes->references > 0);
	panes->references++;
	return panes;
}

void panes_release(const struct feature_set *set, struct panes *panes)
{
	if (panes == NULL)
		return;
	assert(panes->references > 0);
	if (--panes->references == 0)
		pool_give(set->pool, panes, block_bytes(set, panes->capacity));
}

size_t panes_size(const struct feature_set *set, const struct panes *panes)
{
	return panes == NULL ? 0 : block_bytes(set, panes->capacity);
}

int panes_prepare(const struct feature_set *set, struct panes **panes, size_t *first, size_t more)
{
	struct panes *old = *panes;
	if (old != NULL && old->references == 1 && more <= old->capacity - old->count)
		return 0;
	size_t count = old == NULL ? 0 : old->count - *first;
	struct panes *own = panes_new(set, count + count / 2 + more + SPARE_PANES, INT64_MIN);
	if (own == NULL)
		return -1;
	if (old != NULL) {
		own->count = count;
		memcpy(own->since, old->since, set->tally_count * sizeof *own->since);
		memcpy(own->index, old->index + *first, count * sizeof *own->index);
		memcpy(own->sums, old->sums + *first * set->tally_count, count * set->tally_count * sizeof *own->sums);
		panes_release(set, old);
	}
	*panes = own;
	*first = 0;
	return 0;
}

struct aggregate *panes_append(const struct feature_set *set, struct panes *panes, int64_t index)
{
	assert(panes->references == 1 && panes->count < panes->capacity);
	assert(panes->count == 0 || panes->index[panes->count - 1] < index);
	struct aggregate *sums = &panes->sums[panes->count * set->tally_count];
	for (size_t i = 0; i < set->tally_count; i++)
		sums[i] = aggregate_empty();
	panes->index[panes->count++] = index;
	return sums;
}

void panes_fold(const struct feature_set *set, struct panes *panes, const struct columns *columns, size_t row)
{
	assert(panes->references == 1);
	int64_t index = panes_index(set, columns->time[row]);
	struct aggregate *sums;
	if (panes->count > 0 && panes->index[panes->count - 1] == index)
		sums = &panes->sums[(panes->count - 1) * set->tally_count];
	else
		sums = panes_append(set, panes, index);
	for (size_t i = 0; i < set->tally_count; i++) {
		const struct tally *tally = &set->tallies[i];
		if (tally->filter != NONE && !filter_row(&set->filters[tally->filter], columns, row, NULL))
			continue;
		if (tally->column == NONE) {
			sums[i].n++;
			continue;
		}
		unsigned needs = tally->kind == VALUE_UNITS    ? NEED_SUM | NEED_SQUARES | NEED_EXTREMES
				 : tally->kind == VALUE_DOUBLE ? NEED_EXTREMES
							       : 0;
		aggregate_take(&sums[i], tally->kind, needs, columns_at(columns, tally->column) + row, 1);
	}
}

size_t panes_from(const struct feature_set *set, const struct panes *panes, int64_t time_ms)
{
	size_t first = panes->count;
	assert(set->pane_ms > 0);
	while (first > 0 && (panes->index[first - 1] + 1) * set->pane_ms > time_ms)
		first--;
	return first;
}

void panes_join(const struct feature_set *set, const struct panes *panes, size_t tally, int64_t from_ms,
		struct aggregate *aggregate)
{
	assert(tally < set->tally_count);
	for (size_t i = panes_from(set, panes, from_ms); i < panes->count; i++)
		aggregate_join(aggregate, set->tallies[tally].kind, &panes->sums[i * set->tally_count + tally]);
}
