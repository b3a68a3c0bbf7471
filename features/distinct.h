/* A set of cells for counting different values: bits for string numbers, an open-addressing table for others. */
#ifndef OUTLIERD_DISTINCT_H
#define OUTLIERD_DISTINCT_H

#include "features/pool.h"

#include <stddef.h>
#include <stdint.h>

#define DISTINCT_LOCAL_WORDS 1024 /* on the stack; more comes from the pool */

struct distinct {
	uint64_t local[DISTINCT_LOCAL_WORDS];
	uint64_t *words;
	struct pool *pool;
	size_t count;  /* of words; for a table a power of two */
	int64_t found; /* different cells so far */
};

/** An empty set for string numbers below bound; the pool (NULL: malloc()) lends what it needs. -1: out of memory. */
int distinct_begin_numbers(struct distinct *distinct, struct pool *pool, size_t bound) MUST_USE;
/** An empty set for up to `cells` cells of any kind. -1: out of memory. */
int distinct_begin_cells(struct distinct *distinct, struct pool *pool, size_t cells) MUST_USE;
/** Adds string numbers; nulls are passed over. */
void distinct_add_numbers(struct distinct *distinct, const int64_t *cells, size_t count);
/** Adds cells; nulls are passed over. */
void distinct_add_cells(struct distinct *distinct, const int64_t *cells, size_t count);
/** True where the cell is in the set, numbers: as strings. */
bool distinct_has(const struct distinct *distinct, bool numbers, int64_t cell);
/** Gives back what it was lent. */
void distinct_end(struct distinct *distinct);

#endif
