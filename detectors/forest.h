/*
 * An isolation forest (Liu, Ting, Zhou: ICDM 2008) in memory: trees as arrays, and the scoring layouts made from them.
 * Score s = 2^(-E[h]/c(psi)) in (0, 1], higher is more anomalous; c(psi) = 0 gives 0.5. Same forest and row, same bits,
 * whatever the batch size or kernel.
 */
#ifndef OUTLIERD_FOREST_H
#define OUTLIERD_FOREST_H

#include "detectors/matrix.h"
#include "err.h"

#include <stdint.h>

#define FOREST_TREES_MAX 10000
#define FOREST_COLUMNS_MAX 1024
#define FOREST_DEPTH_MAX 64
#define FOREST_NODES_MAX (1u << 26) /* of all trees */
#define FOREST_VALUE_MAX 1000       /* of c(psi) and of a leaf's value; so the lowest score is above 0 */

/** What to do with a missing value at a split. */
enum missing_mode {
	MISSING_BOTH,   /* both ways, weighted by the training rows of each side (ours) */
	MISSING_LISTED, /* as `missing_left` of the node says (scikit-learn import) */
	MISSING_REFUSED /* an error (scikit-learn import without that array) */
};

struct tree {
	uint32_t node_count;
	int32_t *left;    /* -1: leaf */
	int32_t *right;   /* -1: leaf */
	int32_t *feature; /* column; -1: leaf */
	float *threshold; /* x <= threshold goes left */
	uint32_t *rows;   /* training rows in the node */
	double *
	    value; /* of a leaf: c(rows), or by density, at least -depth; the path adds the nodes on the way. Inner nodes: 0 */
	uint8_t *missing_left; /* MISSING_LISTED only, else NULL */
};

struct forest; /* immutable once made */

struct forest_parts {
	size_t columns;
	uint32_t psi; /* rows per tree */
	double c_psi; /* stored, so that an import keeps its own */
	enum missing_mode missing;
	size_t tree_count;
	struct tree *trees; /* owned with their arrays, allocated by malloc */
};

/** Checks the parts (children in range, each node reached once, depth, finite thresholds, columns) and takes them over, also on error. NULL and *err (ERR_DATA names tree and node) where they are damaged. */
struct forest *forest_take(struct forest_parts *parts, struct err *err) MUST_USE;
/** Frees trees that were not handed to forest_take(), and empties the parts. */
void forest_parts_free(struct forest_parts *parts);
/** The parts, borrowed. */
const struct forest_parts *forest_borrow(const struct forest *forest);
/** Frees it; NULL does nothing. */
void forest_free(struct forest *forest);

/** c(n), the average path length of an unsuccessful search, in scikit-learn's form: 0, 0, 1, then 2(ln(n-1) + gamma) - 2(n-1)/n. */
double forest_c(uint64_t n);

/** Scores rows; scores holds matrix->rows elements. -1 and ERR_DATA only where values are missing and the forest refuses them. Values beyond float's range are clamped. */
int forest_score(const struct forest *forest, const struct matrix *matrix, double *scores, struct err *err) MUST_USE;

/** The mean path length E[h] of one row, missing values included, by a plain recursive walk. For its score use forest_score(), also for one row: it divides once, by trees * c(psi), so the last bit of forest_score_of_path() may differ. */
double forest_path(const struct forest *forest, const double *row);

/** The score of a mean path length, 2^(-path/c_psi), to rounding (see forest_path()). */
double forest_score_of_path(const struct forest *forest, double path);

/** True where some tree splits on the column. */
bool forest_uses(const struct forest *forest, size_t column);

#endif
