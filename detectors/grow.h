/*
 * One isolation tree from its drawn rows: random splits, depth first, left first. The order of all random draws is part
 * of the contract (docs/model-file.md): a second implementation makes the same bytes.
 */
#ifndef OUTLIERD_GROW_H
#define OUTLIERD_GROW_H

#include "detectors/forest.h"
#include "rng.h"

struct grower;

/** Scratch to grow trees of psi rows out of the sampled rows (borrowed). density: leaves by density; gain: half of the cuts by gain. NULL: out of memory. */
struct grower *grower_new(const struct matrix *sampled, uint32_t psi, bool density, bool gain);
/** Frees it; NULL does nothing. */
void grower_free(struct grower *grower);

/** Grows a tree from psi rows of the matrix, ascending. The arrays of *tree are allocated, by malloc; -1: out of memory. */
int grower_tree(struct grower *grower, struct rng *rng, const uint32_t *rows, struct tree *tree) MUST_USE;

/** log2(n), n at least 1: what a leaf of so many rows counts that has the whole volume. */
double grower_log2(uint64_t n);

/** Where u in [0, 1) cuts between least and greatest: at least `least`, below `greatest`. */
float grower_threshold(float least, float greatest, double u);

#endif
