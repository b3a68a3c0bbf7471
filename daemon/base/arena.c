#include "arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/*
 * Under AddressSanitizer what is not lent is poisoned, with a gap behind each piece that does not count against the
 * cap.
 */
#define GAP_BYTES 16
#define CONCEAL(start, size) ASAN_POISON_MEMORY_REGION(start, size)
#define REVEAL(start, size) ASAN_UNPOISON_MEMORY_REGION(start, size)
#else
#define GAP_BYTES 0
#define CONCEAL(start, size) ((void)(start), (void)(size))
#define REVEAL(start, size) ((void)(start), (void)(size))
#endif

#define ALIGNMENT 16
#define FIRST_BLOCK_BYTES ((size_t)64 << 10)

/* A piece is at least ALIGNMENT bytes, so gaps at most double what the blocks hold. */
#define GAP_FACTOR (1 + GAP_BYTES / ALIGNMENT)

struct block {
	struct block *previous;
	size_t size; /* bytes of data */
	size_t used;
	_Alignas(ALIGNMENT) uint8_t data[];
};

struct arena {
	struct block *newest;
	size_t limit;
	size_t held; /* data bytes of all blocks, at most GAP_FACTOR * limit */
	size_t used;
};

struct arena *arena_new(size_t limit_bytes)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (arena == NULL)
		return NULL;
	size_t most = (SIZE_MAX - sizeof(struct block)) / (2 * GAP_FACTOR);
	arena->limit = limit_bytes < most ? limit_bytes : most;
	return arena;
}

static struct block *add_block(struct arena *arena, size_t size)
{
	assert(size <= GAP_FACTOR * arena->limit - arena->held);
	struct block *block = malloc(sizeof *block + size);
	if (block == NULL)
		return NULL;
	block->previous = arena->newest;
	block->size = size;
	block->used = 0;
	arena->newest = block;
	arena->held += size;
	CONCEAL(block->data, size);
	return block;
}

/* Makes room for need bytes: as much again as is held already, so that the number of blocks stays logarithmic. */
static struct block *grow(struct arena *arena, size_t need)
{
	size_t left = GAP_FACTOR * arena->limit - arena->held;
	if (need > left)
		return NULL;
	size_t size = arena->held < FIRST_BLOCK_BYTES ? FIRST_BLOCK_BYTES : arena->held;
	if (size > left)
		size = left;
	if (size < need)
		size = need;
	struct block *block = add_block(arena, size);
	return block == NULL && size > need ? add_block(arena, need) : block;
}

void *arena_take(struct arena *arena, size_t size)
{
	assert(arena != NULL);
	if (size > arena->limit)
		return NULL;
	size_t rounded = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (rounded > arena->limit || arena->used > arena->limit - rounded)
		return NULL;
	struct block *block = arena->newest;
	if (block == NULL || rounded + GAP_BYTES > block->size - block->used)
		block = grow(arena, rounded + GAP_BYTES);
	if (block == NULL)
		return NULL;
	uint8_t *piece = block->data + block->used;
	block->used += rounded + GAP_BYTES;
	arena->used += rounded;
	REVEAL(piece, size);
	return piece;
}

void *arena_take_zeroed(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	void *piece = arena_take(arena, bytes);
	return piece == NULL ? NULL : memset(piece, 0, bytes);
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
	assert(bytes.data != NULL || bytes.length == 0);
	uint8_t *copy = bytes.length == SIZE_MAX ? NULL : arena_take(arena, bytes.length + 1);
	if (copy == NULL)
		return (struct slice){NULL, 0};
	if (bytes.length > 0)
		memcpy(copy, bytes.data, bytes.length);
	copy[bytes.length] = '\0';
	return (struct slice){copy, bytes.length};
}

static void free_blocks(struct arena *arena)
{
	while (arena->newest != NULL) {
		struct block *block = arena->newest;
		arena->newest = block->previous;
		REVEAL(block->data, block->size);
		free(block);
	}
	arena->held = 0;
}

void arena_reset(struct arena *arena)
{
	assert(arena != NULL);
	arena->used = 0;
	struct block *newest = arena->newest;
	if (newest == NULL)
		return;
	if (newest->previous == NULL) {
		newest->used = 0;
		CONCEAL(newest->data, newest->size);
		return;
	}

	/* One block of the same total: no tails are wasted any more, and from here on resets cost nothing. */
	size_t held = arena->held;
	free_blocks(arena);
	(void)add_block(arena, held);
}

size_t arena_used(const struct arena *arena)
{
	assert(arena != NULL);
	return arena->used;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	free_blocks(arena);
	free(arena);
}
