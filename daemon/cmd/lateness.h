/*
 * How late events come: their distance in event time behind the partition's watermark, as a distribution, over all and by
 * group. What of them is lost under a given allowed_lateness, and which one would lose a given share. Exact: the lateness
 * of every event that is behind the watermark is kept, 8 bytes each.
 */
#ifndef OUTLIERD_LATENESS_H
#define OUTLIERD_LATENESS_H

#include "err.h"
#include "slice.h"

#include <stddef.h>
#include <stdint.h>

#define LATENESS_GROUPS_MAX 100000

/** Events of a group, or of all. */
struct lateness_group {
	char *name; /* owned; NULL: all */
	uint64_t events, late, too_late;
	int64_t *behind_ms; /* owned: of those behind the watermark, above 0; sorted by lateness_settle() */
	size_t count, capacity;
};

struct lateness {
	struct lateness_group all;
	struct lateness_group **groups; /* owned; NULL entries do not occur */
	size_t group_count;
	struct id_index *names; /* owned; NULL: no groups are kept */
	uint64_t unnamed;       /* events beyond LATENESS_GROUPS_MAX groups: counted in `all` only */
};

/** grouped: events have a group's name. -1: out of memory. */
int lateness_init(struct lateness *lateness, bool grouped, struct err *err) MUST_USE;

/** One event. behind_ms: watermark less event time, 0 or less where it is not late; accepted: it was not too late. */
int lateness_add(struct lateness *lateness, struct slice group, int64_t behind_ms, bool accepted,
		 struct err *err) MUST_USE;

/** Sorts all and puts the groups with the most late events first. */
void lateness_settle(struct lateness *lateness);

/** The lateness that a share p in [0, 1] of the group's events do not exceed, by nearest rank; 0: so many are on time. */
int64_t lateness_quantile(const struct lateness_group *group, double p);

/** Frees what it owns. */
void lateness_free(struct lateness *lateness);

#endif
