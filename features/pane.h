/*
 * Panes: spans of absolute time in which the folded events of a hot entity are summed up, so that its memory stays
 * bounded while windows go on, their edge rounded to a pane. Shared by reference count, copied on write.
 */
#ifndef OUTLIERD_PANE_H
#define OUTLIERD_PANE_H

#include "features/aggregate.h"
#include "features/plan.h"

/* Panes that end after edge - longest window and begin before the edge: a window spans 64 widths at most. */
#define PANES_MAX (PANES_PER_REACH + 2)

struct panes {
	size_t references;
	size_t count, capacity;
	int64_t *since;         /* by tally: folded events with an earlier edge are not in it; INT64_MIN: all are */
	int64_t *index;         /* ascending; a pane spans [index * width, (index + 1) * width) */
	struct aggregate *sums; /* pane p, tally t: sums[p * tally_count + t] */
};

/** Panes without content; since of every tally as given. NULL: out of memory. */
struct panes *panes_new(const struct feature_set *set, size_t capacity, int64_t since) MUST_USE;

/** The index of the pane in which a time lies. */
int64_t panes_index(const struct feature_set *set, int64_t time_ms);

/** One more reference; NULL gives NULL. */
struct panes *panes_share(struct panes *panes);

/** One reference less; the last gives the memory back. NULL does nothing. */
void panes_release(const struct feature_set *set, struct panes *panes);

/** Makes *panes, of which the first *first are forgotten, this view's own with room for more (creating them where NULL); changes no content. -1: out of memory. */
int panes_prepare(const struct feature_set *set, struct panes **panes, size_t *first, size_t more) MUST_USE;

/** Adds a row's event to its pane; the panes must be prepared, and no earlier event may follow. */
void panes_fold(const struct feature_set *set, struct panes *panes, const struct columns *columns, size_t row);

/** Appends a pane without content. */
struct aggregate *panes_append(const struct feature_set *set, struct panes *panes, int64_t index);

/** The first pane of which a part lies at or after a time; the count where there is none. */
size_t panes_from(const struct feature_set *set, const struct panes *panes, int64_t time_ms);

/** Joins a tally's sums of all panes of which a part lies at or after from_ms. */
void panes_join(const struct feature_set *set, const struct panes *panes, size_t tally, int64_t from_ms,
		struct aggregate *aggregate);

/** Memory held, bytes; NULL: 0. */
size_t panes_size(const struct feature_set *set, const struct panes *panes);

#endif
