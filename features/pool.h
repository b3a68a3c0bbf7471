/*
 * Blocks that histories have grown out of, kept for the next history that grows: in the steady state entities take one
 * another's, and nothing is allocated. Blocks of a few sizes (sixteen for each doubling), so that they fit each other; at
 * most a limit of bytes lies unused. Contents are not kept.
 */
#ifndef OUTLIERD_POOL_H
#define OUTLIERD_POOL_H

#include "err.h"

#include <stddef.h>

struct pool;

/** A pool that keeps up to so many bytes. NULL: out of memory. */
struct pool *pool_new(size_t limit_bytes);
/** Frees it and what lies in it; blocks that were taken stay with their owners. NULL does nothing. */
void pool_free(struct pool *pool);

/** The bytes that a block for so many has: all of them may be used. */
size_t pool_size(size_t bytes);
/** A block of pool_size(bytes), aligned as malloc() does. pool NULL: from malloc(). NULL: out of memory. */
void *pool_take(struct pool *pool, size_t bytes);
/** Gives back a block taken for so many bytes (or any number with the same pool_size()). pool NULL: frees it; block NULL does nothing. */
void pool_give(struct pool *pool, void *block, size_t bytes);

#endif
