#include "daemon/cmd/simulation_heap.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool before(const struct due *a, const struct due *b)
{
	return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->order < b->order;
}

/* Puts a due item into the hole at `at` or below it. */
static void sink(struct simulation_heap *heap, size_t at, struct due due)
{
	for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
		if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]))
			child++;
		if (!before(&heap->items[child], &due))
			break;
		heap->items[at] = heap->items[child];
	}
	heap->items[at] = due;
}

int simulation_heap_put(struct simulation_heap *heap, struct due due, struct err *err)
{
	if (heap->count == heap->capacity) {
		size_t capacity = heap->capacity == 0 ? 1024 : 2 * heap->capacity;
		struct due *items = realloc(heap->items, capacity * sizeof *items);
		if (items == NULL)
			return err_memory(err);
		heap->items = items;
		heap->capacity = capacity;
	}
	due.order = heap->order++;
	size_t at = heap->count++;
	for (size_t parent; at > 0 && before(&due, &heap->items[parent = (at - 1) / 2]); at = parent)
		heap->items[at] = heap->items[parent];
	heap->items[at] = due;
	return 0;
}

struct due simulation_heap_first(const struct simulation_heap *heap)
{
	assert(heap->count > 0);
	return heap->items[0];
}

void simulation_heap_drop(struct simulation_heap *heap)
{
	assert(heap->count > 0);
	struct due last = heap->items[--heap->count];
	if (heap->count > 0)
		sink(heap, 0, last);
}

void simulation_heap_replace(struct simulation_heap *heap, struct due due)
{
	assert(heap->count > 0);
	due.order = heap->order++;
	sink(heap, 0, due);
}
