/* What is still to happen, in order of time; on equal times in the order of being put in. */
#ifndef OUTLIERD_SIMULATION_HEAP_H
#define OUTLIERD_SIMULATION_HEAP_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct due {
	int64_t time_ms;
	uint64_t order; /* set by simulation_heap_put() */
	uint32_t index; /* of a customer or a pending transaction */
	uint8_t what;   /* the owner's */
};

struct simulation_heap {
	struct due *items; /* owned */
	size_t count, capacity;
	uint64_t order;
};

/** Puts something in. ERR_MEMORY. */
int simulation_heap_put(struct simulation_heap *heap, struct due due, struct err *err) MUST_USE;
/** The earliest; there must be one. */
struct due simulation_heap_first(const struct simulation_heap *heap);
/** Takes the earliest out. */
void simulation_heap_drop(struct simulation_heap *heap);
/** Takes the earliest out and puts something in, in one go. */
void simulation_heap_replace(struct simulation_heap *heap, struct due due);

#endif
