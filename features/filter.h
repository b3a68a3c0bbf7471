/*
 * Conditions compiled to tests of cells, evaluated over rows of a log by blocks without branches. The strings of the
 * configuration are numbered first, so that a test compares numbers; see dictionary.h.
 */
#ifndef OUTLIERD_FILTER_H
#define OUTLIERD_FILTER_H

#include "features/cell.h"
#include "features/condition.h"
#include "features/dictionary.h"

enum test_kind {
	TEST_RANGE,   /* units in [low, high] */
	TEST_BETWEEN, /* double above low and below high */
	TEST_IN,      /* cell among the list */
	TEST_NOT_IN,  /* not null and not among the list */
	TEST_SAME,    /* equal to the current event's cell */
	TEST_HOURS    /* the local hour of the event time */
};

struct test_hours {
	int from, to;
	struct utc_offset *offsets; /* owned */
	size_t offset_count;
};

struct filter_test {
	enum test_kind kind;
	size_t field; /* of the schema; not for hours */
	int column;   /* where the field is kept, else -1; set by the feature set */
	int64_t low, high;
	double above, under;
	int64_t *list; /* owned, ascending */
	size_t list_count;
	struct test_hours hours;
};

struct filter {
	struct filter_test *tests; /* owned */
	size_t count;
	bool same; /* has a TEST_SAME */
};

/** Compiles, adding new strings to constants (hashed with key). Problems are reported at the present path. -1: out of memory. On any problem the filter is good for nothing but filter_free(). */
int filter_compile(struct filter *filter, const struct event_schema *schema, const struct condition_options *options,
		   size_t count, bool allow_same, struct dictionary *constants, const uint8_t key[SIPHASH_KEY_BYTES],
		   struct problems *problems) MUST_USE;

/** Frees what it owns. */
void filter_free(struct filter *filter);

/** True where one cell passes one test (not TEST_HOURS); current: the current event's cell of that field. */
bool filter_test_cell(const struct filter_test *test, int64_t cell, int64_t current);

/** True where an event time passes a TEST_HOURS. */
bool filter_test_time(const struct filter_test *test, int64_t time_ms);

/** True where row `row` passes; current: cells of the current event by column; may be NULL without `same`. */
bool filter_row(const struct filter *filter, const struct columns *columns, size_t row, const int64_t *current);

/** True where the current event itself passes (`same`: where its cell is not null). */
bool filter_current(const struct filter *filter, const int64_t *current, int64_t time_ms);

/** True where a `same` of the filter meets a null of the current event: the feature is missing. */
bool filter_same_is_null(const struct filter *filter, const int64_t *current);

/** Sets mask[i] to 1 or 0 for rows first + i, i < count. */
void filter_block(const struct filter *filter, const struct columns *columns, size_t first, size_t count,
		  const int64_t *current, uint8_t *mask);

#endif
