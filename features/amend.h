/*
 * What a late event changes: the events of its entity that follow it were decided without it, and those whose windows
 * hold it would have been decided with another vector. Both vectors are computed by the one core: from the entity as it was before
 * the late event, and as it is with it.
 *
 * The state must keep every field (feature_set_options.keeps_all), or the event's own values are not known. Ids are not.
 */
#ifndef OUTLIERD_AMEND_H
#define OUTLIERD_AMEND_H

#include "features/apply.h"

/** One late event on its way through those that follow it. Everything is borrowed. */
struct amend {
	const struct feature_set *set;
	const struct entity *before, *after;
	const struct watermark *watermark;
	size_t left; /* events that may hold it, the earliest next */
	size_t behind;
};

enum amend_finding {
	AMEND_SAME,
	AMEND_CHANGED,
	AMEND_UNKNOWN, /* folding has moved, or reach has ended: the two vectors are of different histories */
	AMEND_FAILED   /* out of memory */
};

/**
 * Begins with a late event that has just been scored; before: the entity without it, after: with it, as it was left;
 * watermark: after it. amend->left events are to be looked at, by as many calls of amend_next().
 */
void amend_begin(struct amend *amend, const struct entity *before, const struct entity *after,
		 const struct watermark *watermark, const struct event *late);

/**
 * The next event that follows, rebuilt (values: one per field of the schema; texts borrowed from `before`), with its vectors before and after.
 * Their flags do not say whether that event came late itself. AMEND_UNKNOWN, AMEND_FAILED: the vectors say nothing.
 */
enum amend_finding amend_next(struct amend *amend, struct event *event, struct value *values, struct vector *before,
			      struct vector *after);

#endif
