/*
 * Whether parts make a forest: nothing that walks trees checks anything, so whatever came from a file must pass here once.
 */
#ifndef OUTLIERD_FOREST_CHECK_H
#define OUTLIERD_FOREST_CHECK_H

#include "detectors/forest.h"

/** Checks everything that forest_take() promises to check. ERR_DATA names tree and node. */
int forest_check(const struct forest_parts *parts, struct err *err) MUST_USE;

#endif
