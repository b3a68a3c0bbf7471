/*
 * Rows drawn without replacement, by row number: the first steps of a Fisher-Yates shuffle of all row numbers, of which
 * only the displaced ones are kept. So the rows themselves need not be in memory, or even be read yet, while they are
 * drawn. Exact order of draws: docs/model-file.md.
 */
#ifndef OUTLIERD_DRAW_H
#define OUTLIERD_DRAW_H

#include "rng.h"

#include <stddef.h>
#include <stdint.h>

struct draw; /* scratch, used again for each tree */

/** Seeds a tree's own generator: first 8 bytes, little-endian, of SHA-256(le64 seed, le64 tree). */
void draw_seed(struct rng *rng, uint64_t seed, uint64_t tree);

/** Scratch for draws of up to `most` rows. NULL: out of memory. */
struct draw *draw_new(size_t most);
/** Frees it; NULL does nothing. */
void draw_free(struct draw *draw);

/** Draws count different numbers below rows, in drawn order. count is at most `most` and rows. */
void draw_rows(struct draw *draw, struct rng *rng, uint64_t rows, size_t count, uint64_t *drawn);

#endif
