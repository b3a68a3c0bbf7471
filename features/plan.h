/*
 * Inside a feature set: what feature_set_new() compiles the definitions to, for entity.c, window.c, operation.c and
 * apply.c. Nobody outside features/ includes this.
 *
 * Features that read the same (column, filter) share a group, groups of the same filter share a scan: the rows are gone
 * over once, from the newest back, and at the low end of each window the sums so far are its slots.
 */
#ifndef OUTLIERD_PLAN_H
#define OUTLIERD_PLAN_H

#include "features/definition.h"
#include "features/filter.h"

#define PANES_PER_REACH 64
#define WINDOW_MAX_MS (INT64_C(3650) * 86400000)
#define NONE (-1) /* in place of an index */
#define GROUPS_MAX (2 * FEATURES_MAX)
#define SLOTS_MAX (2 * FEATURES_MAX) /* a feature's own, and what is usual beside it */

/* What a group sums up (bits). */
enum { NEED_SUM = 1, NEED_SQUARES = 2, NEED_EXTREMES = 4, NEED_DISTINCT = 8 };

struct feature {
	char *name;
	enum operation operation;
	int field;                       /* of the schema; of a place: the latitude; NONE */
	int column;                      /* of field, where it is kept; NONE */
	int second_field, second_column; /* of a place: the longitude */
	int filter;                      /* NONE: every row */
	size_t window;                   /* index in windows; meaningless where window_ms is 0 */
	int64_t window_ms;
	int64_t warm_ms; /* history that it needs: its window; quotient: the longer of its parts' */
	int64_t half_life_ms, interval_ms;
	bool include_current;
	int of[2];
	int slot;       /* NONE where no rows are summed up */
	int usual_slot; /* NONE: what is usual is not known */
	int64_t unit;   /* U = 10^scale of its field; 1 without scale */
	char **values;  /* owned, value_count of them */
	size_t value_count;
	struct utc_offset *utc_offsets; /* owned */
	size_t utc_offset_count;
};

struct group {
	int column; /* NONE: counts rows */
	int filter;
	enum value_kind kind; /* of the column */
	unsigned needs;
	int tally;          /* the panes' sums for it; NONE: not kept */
	int64_t longest_ms; /* of its windows */
};

/* What is asked of one group at the low end of one window. */
struct slot {
	size_t group;
	size_t window;
};

/* The rows between two windows' low ends: the first `active` groups of the scan take them in, then the slots are taken. */
struct segment {
	size_t window;
	size_t active;
	size_t first_slot, slot_count;
};

struct scan {
	int filter;
	bool distinct;                       /* one group, NEED_DISTINCT */
	size_t first_group, group_count;     /* longest window first */
	size_t first_segment, segment_count; /* shortest window first */
};

/* A (column, filter) that is summed up in panes. */
struct tally {
	uint64_t id;
	int column;
	int filter;
	enum value_kind kind; /* VALUE_TEXT: counts only, as without column */
};

struct feature_set {
	const struct event_schema *schema;
	uint32_t max_events;
	bool keeps_all;
	uint8_t key[SIPHASH_KEY_BYTES];
	int64_t longest_ms, reach_ms, pane_ms;
	char id[SHA256_HEX], state_id[SHA256_HEX];

	struct feature *features;
	size_t feature_count;
	int *quotients; /* features with that operation, parts before the whole */
	size_t quotient_count;

	struct filter *filters;
	char **filter_texts; /* canonical JSON of each, by which equal ones are shared */
	size_t filter_count;
	struct dictionary constants; /* strings that filters compare with: numbers 0 … in every entity */

	int columns[EVENT_FIELDS_MAX]; /* a field of each column */
	size_t column_count;
	int strings[EVENT_FIELDS_MAX],
	    others[EVENT_FIELDS_MAX]; /* the columns that hold strings, and the rest, ascending */
	size_t string_count, other_count;
	int column_of[EVENT_FIELDS_MAX]; /* by field; NONE */

	int64_t *windows; /* ascending, each once */
	size_t window_count;
	struct group *groups;
	size_t group_count;
	struct slot *slots;
	size_t slot_count;
	struct segment *segments;
	size_t segment_count;
	struct scan *scans;
	size_t scan_count;
	bool picks;            /* some operation does */
	struct tally *tallies; /* ascending by id */
	size_t tally_count;

	struct pool *pool; /* of the memory of its entities; NULL: malloc() */
};

/* What else is to know of an operation (bits). */
enum {
	TRAIT_PLACE = 1,     /* has lat and lon */
	TRAIT_HALF_LIFE = 2, /* needs it, as those below need theirs */
	TRAIT_INTERVAL = 4,
	TRAIT_WHERE = 8,
	TRAIT_PICKS = 16 /* reads the rows of its window one by one */
};

/** What an operation takes, for checks and compilation. */
struct operation_rule {
	const char *name;
	enum { FIELD_UNUSED, FIELD_OPTIONAL, FIELD_REQUIRED } field;
	enum { TAKES_ANY, TAKES_NUMBER, TAKES_SCALED, TAKES_LISTED /* a number, or a string with `values` */ } takes;
	bool windowed;
	bool current;  /* include_current is possible */
	bool foldable; /* goes on over panes */
	bool sums;     /* has a slot */
	unsigned needs;
	unsigned traits;
};

/** The rule of an operation. */
const struct operation_rule *operation_rule(enum operation operation);

/** Checks all options and compiles the filters of the features into the set. -1: out of memory. */
int plan_check(struct feature_set *set, const struct feature_set_options *options, struct problems *problems) MUST_USE;

/** Lays out columns, groups, scans and tallies of checked features. -1: out of memory. */
int plan_compile(struct feature_set *set) MUST_USE;

#endif
