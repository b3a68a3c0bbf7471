/*
 * A bump allocator with a hard cap. One per batch: decoded events, vectors and alerts die together at arena_reset(), so
 * the loop has no free. Memory stays with the arena over resets; the steady state allocates nothing from the system.
 */
#ifndef OUTLIERD_ARENA_H
#define OUTLIERD_ARENA_H

#include "slice.h"

#include <stddef.h>

struct arena;

/** Makes an arena that never holds more than limit_bytes. NULL: out of memory. */
struct arena *arena_new(size_t limit_bytes);

/**
 * Lends size bytes, aligned to 16, not zeroed, until the next reset. NULL: over the cap or out of memory. size 0 gives
 * a valid pointer. Pieces count as multiples of 16 bytes, at least 16; until the first reset, which joins the blocks
 * that the memory came in, their unused ends count too.
 */
void *arena_take(struct arena *arena, size_t size);

/** As arena_take() for count * size bytes, zeroed; NULL also where the product overflows. */
void *arena_take_zeroed(struct arena *arena, size_t count, size_t size);

/** Copies the bytes and puts a terminating zero behind them (not counted). data NULL: no memory. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

/** Forgets all that was lent; keeps the memory. */
void arena_reset(struct arena *arena);

/** Bytes lent since the last reset. */
size_t arena_used(const struct arena *arena);

/** Frees everything; NULL does nothing. */
void arena_free(struct arena *arena);

#endif
