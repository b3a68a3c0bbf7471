/*
 * Why a score: exact path-dependent TreeSHAP (Lundberg et al. 2018) of the mean path length, base + sum phi = E[h(x)].
 * In log2 of the score: a0 = -base/c(psi), a_i = -phi_i/c(psi), a0 + sum a_i = log2 s, positive = more anomalous. A
 * column that no tree splits on, or that is missing in a forest that sends missing values both ways, gets exactly 0.
 */
#ifndef OUTLIERD_EXPLAIN_H
#define OUTLIERD_EXPLAIN_H

#include "detectors/forest.h"

struct explainer;

/** Prepares a forest (borrowed) for explaining. NULL: out of memory. */
struct explainer *explainer_new(const struct forest *forest);
/** Frees it; NULL does nothing. */
void explainer_free(struct explainer *explainer);

/** phi (columns elements) and base of one row, in mean path length. Uses the explainer's own scratch: one caller at a time. */
void explainer_row(struct explainer *explainer, const double *row, double *phi, double *base);

/** The contribution to log2 of the score from phi: -phi/c_psi, and 0 for all where c_psi is 0. */
double explainer_log2(const struct forest *forest, double phi);

#endif
