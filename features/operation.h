/* The values of features from what their windows sum up to: the formulas, each with one rounding where it has one. */
#ifndef OUTLIERD_OPERATION_H
#define OUTLIERD_OPERATION_H

#include "features/apply.h"
#include "features/window.h"

/** Fills vector->values (NaN: missing), ->usual where wanted, and adds FLAG_APPROXIMATE, FLAG_TRUNCATED and FLAG_OVERFLOW to ->flags. -1: out of memory. */
int operation_fill(const struct moment *moment, struct vector *vector) MUST_USE;

#endif
