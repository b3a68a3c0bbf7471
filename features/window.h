/*
 * Windows: what the rows before an event, no older than the window, sum up to. One pass over the rows for all features
 * that share a filter; see plan.h.
 */
#ifndef OUTLIERD_WINDOW_H
#define OUTLIERD_WINDOW_H

#include "features/entity_state.h"

/* An event, as the windows that end at it see the entity. */
struct moment {
	const struct feature_set *set;
	const struct entity *entity;
	const struct event *event;
	struct columns columns;
	uint32_t end;                      /* rows before this one precede the event */
	uint64_t hashes[EVENT_FIELDS_MAX]; /* of the event's strings, by column */
	int64_t cells[EVENT_FIELDS_MAX];   /* of the event */
	uint32_t low[FEATURES_MAX];        /* first row of each of the set's windows */
	bool folded[FEATURES_MAX];         /* the window reaches before the fold edge */
};

/** Begins to look at an event of an entity: fetches what will be read from memory, and hashes what will be looked up. All is borrowed. */
void moment_begin(struct moment *moment, const struct entity *entity, const struct event *event);

/** Places it: it would become row `end`. */
void moment_place(struct moment *moment, uint32_t end);

/** Sums up all slots of the set over rows; where a window reaches before the fold edge, also over panes where they are kept. -1: out of memory. */
int window_scan(const struct moment *moment, struct aggregate *slots) MUST_USE;

/** The newest (or oldest) row in the feature's window that passes its filter and has its column(s); -1: none. */
int64_t window_newest(const struct moment *moment, const struct feature *feature);
/** As window_newest(), the oldest. */
int64_t window_oldest(const struct moment *moment, const struct feature *feature);

/** How the feature's window stands to the fold edge. */
enum fold_reach {
	FOLD_NOT_REACHED,
	FOLD_SUMMED, /* panes stand for what was folded */
	FOLD_LOST    /* what was folded is not known for it */
};

/** For a feature with a window. */
enum fold_reach window_fold_reach(const struct moment *moment, const struct feature *feature);

/** For a slot. */
enum fold_reach window_slot_reach(const struct moment *moment, const struct slot *slot);

#endif
