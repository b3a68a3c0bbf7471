#include "features/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/* Under AddressSanitizer a block that lies here is poisoned, as a freed one is. */
#define CONCEAL(start, size) ASAN_POISON_MEMORY_REGION(start, size)
#define REVEAL(start, size) ASAN_UNPOISON_MEMORY_REGION(start, size)
#else
#define CONCEAL(start, size) ((void)(start), (void)(size))
#define REVEAL(start, size) ((void)(start), (void)(size))
#endif

#define LEAST_BYTES ((size_t)64)
#define LEAST_SHIFT 1 /* 32 << 1 are LEAST_BYTES */
#define STEPS 16      /* sizes for each doubling: 17 << n to 32 << n */
#define DOUBLINGS 20  /* the largest block kept is 32 << 20: 32 MiB */
#define CLASSES (STEPS * DOUBLINGS)

/* A block that lies here. */
struct idle {
	struct idle *next;
};

struct pool {
	size_t limit, held; /* bytes */
	size_t hand;        /* the class to look at next when the limit is reached */
	struct idle *idle[CLASSES];
	bool wanted[CLASSES]; /* since the hand came by */
};

/* A size is m << shift with STEPS < m <= 2 * STEPS. */
static size_t class_of(size_t bytes, size_t *size)
{
	if (bytes < LEAST_BYTES)
		bytes = LEAST_BYTES;
	unsigned shift = 59 - (unsigned)__builtin_clzll(bytes - 1);
	size_t m = ((bytes - 1) >> shift) + 1;
	assert(m > STEPS && m <= 2 * STEPS && shift >= LEAST_SHIFT);
	*size = m << shift;
	return (shift - LEAST_SHIFT) * STEPS + m - STEPS - 1;
}

struct pool *pool_new(size_t limit_bytes)
{
	struct pool *pool = calloc(1, sizeof *pool);
	if (pool != NULL)
		pool->limit = limit_bytes;
	return pool;
}

/* The newest idle block of a class, which must have one. */
static void *pop(struct pool *pool, size_t class, size_t size)
{
	struct idle *block = pool->idle[class];
	assert(block != NULL && pool->held >= size);
	REVEAL(block, size);
	pool->idle[class] = block->next;
	pool->held -= size;
	return block;
}

static size_t size_of_class(size_t class)
{
	return (class % STEPS + STEPS + 1) << (class / STEPS + LEAST_SHIFT);
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	for (size_t class = 0; class < CLASSES; class ++)
		while (pool->idle[class] != NULL)
			free(pop(pool, class, size_of_class(class)));
	assert(pool->held == 0);
	free(pool);
}

size_t pool_size(size_t bytes)
{
	size_t size;
	assert(bytes <= SIZE_MAX / 4);
	(void)class_of(bytes, &size);
	return size;
}

void *pool_take(struct pool *pool, size_t bytes)
{
	size_t size, class = class_of(bytes, &size);
	assert(bytes <= SIZE_MAX / 4);
	if (pool == NULL || class >= CLASSES)
		return malloc(size);
	pool->wanted[class] = true;
	return pool->idle[class] == NULL ? malloc(size) : pop(pool, class, size);
}

/*
 * The clock algorithm: a hand goes round the classes, and one that nobody took from since it last came by gives way. So
 * sizes that are no longer asked for (small ones, after all have grown) make room for those in use.
 */
static void make_room(struct pool *pool, size_t size)
{
	while (pool->held > pool->limit - size) {
		if (pool->idle[pool->hand] != NULL && !pool->wanted[pool->hand]) {
			free(pop(pool, pool->hand, size_of_class(pool->hand)));
			continue;
		}
		pool->wanted[pool->hand] = false;
		pool->hand = (pool->hand + 1) % CLASSES;
	}
}

void pool_give(struct pool *pool, void *block, size_t bytes)
{
	size_t size, class = class_of(bytes, &size);
	if (block == NULL)
		return;
	if (pool == NULL || class >= CLASSES || size > pool->limit) {
		free(block);
		return;
	}
	make_room(pool, size);
	struct idle *idle = block;
	idle->next = pool->idle[class];
	pool->idle[class] = idle;
	pool->held += size;
	CONCEAL(idle, size);
}
