/*
 * The naive vector: every feature by going over all events of the entity, as docs/features.md defines it and as slowly as
 * that is. Shares no code with the rest of features/ but the types, so that it can be the judge of it: in tests over
 * random streams (the twin keeps the events), and in the running daemon over a sample of its decisions (features/parity).
 */
#ifndef OUTLIERD_RESCAN_H
#define OUTLIERD_RESCAN_H

#include "features/apply.h"

#define RESCAN_EVENTS_MAX 2000 /* of one entity, so that n times the sum of squares fits into 128 bits */

/** An earlier event; only the values that windows read must be there. */
struct rescan_event {
	struct event event;
	bool folded; /* it is in a pane */
};

/** What was before. */
struct rescan {
	const struct feature_set_options *options;
	const struct rescan_event *const *events; /* of the entity, in any order */
	size_t count;
	int64_t fold_edge;         /* INT64_MIN: nothing was folded */
	int64_t pane_ms;           /* width of a pane */
	int64_t complete_since_ms; /* INT64_MIN: ever */
};

/** Fills the vector (values, usual, flags) of an event; events of the list that do not precede it count for nothing but its being late. -1: out of memory. */
int rescan_vector(const struct rescan *rescan, const struct event *now, struct vector *vector) MUST_USE;

#endif
