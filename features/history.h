/* The values of features that look at single events of their window, not at what these sum up to. */
#ifndef OUTLIERD_HISTORY_H
#define OUTLIERD_HISTORY_H

#include "features/pick.h"

/** The value of such a feature, NaN: missing; docs/features.md has the definitions. Its window must not reach before the fold edge, and its `same` have something to compare with. */
double history_value(const struct moment *moment, const struct feature *feature, struct pick *pick);

#endif
