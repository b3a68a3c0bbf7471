/*
 * The rows of an entity's log as columns, shared by reference count between views. Rows are appended behind `used`, which
 * disturbs no view; a view whose end is not `used` must not append here but copy (somebody else has appended).
 */
#ifndef OUTLIERD_ROWS_H
#define OUTLIERD_ROWS_H

#include "features/plan.h"

#define ROWS_FIXED_COLUMNS 3 /* time, offset, id: then the cells */

struct rows {
	size_t references;
	uint32_t capacity, used;
	int64_t *time, *offset;    /* ascending in (time, offset) within every view */
	uint64_t *id;              /* keyed hash of the event id */
	int64_t *cells;            /* column c begins at c * capacity */
	struct dictionary strings; /* numbers continue those of the set's constants */
	uint32_t strings_kept;     /* of them in use when they were last looked through */
};

/** Rows without content. NULL: out of memory. */
struct rows *rows_new(const struct feature_set *set, uint32_t capacity) MUST_USE;

/** True where strings have become so many that the next copy looks which of them are in use. */
bool rows_want_look(const struct rows *rows);

/** A copy of count rows with room for some more; strings that no row has are left behind, once they are many. NULL: out of memory. */
struct rows *rows_copy(const struct feature_set *set, const struct rows *rows, uint32_t first, uint32_t count) MUST_USE;

/** Moves the rows to a block with room for more than double; frees the old one. They must have one reference. NULL: out of memory, the old one is as it was. */
struct rows *rows_grow(const struct feature_set *set, struct rows *rows) MUST_USE;

/** Where a column of rows with that capacity begins: time, offset, id, then those of cells; reads nothing of the rows. */
static inline const int64_t *rows_fixed_column(const struct rows *rows, uint32_t capacity, size_t column)
{
	return (const int64_t *)(rows + 1) + column * capacity;
}

/** One more reference. */
struct rows *rows_share(struct rows *rows);

/** One reference less; the last gives the memory back. NULL does nothing. */
void rows_release(const struct feature_set *set, struct rows *rows);

/** Memory held, bytes. */
size_t rows_size(const struct feature_set *set, const struct rows *rows);

/** Moves rows from `at` on by one place, which must be free, and counts one more. */
void rows_open(const struct feature_set *set, struct rows *rows, uint32_t at);

/** Forgets the first rows, moving the others to their place; only where nobody else has a view of them. */
void rows_close(const struct feature_set *set, struct rows *rows, uint32_t first);

/** The columns for filters and sums; rows NULL: none. */
struct columns rows_columns(const struct rows *rows);

/** The hash by which a string is looked up. */
uint64_t rows_hash(const struct feature_set *set, struct slice text);

/** The number of a string, with its hash, in these rows: of the configuration, of the rows, or CELL_UNKNOWN. rows may be NULL. */
int64_t rows_string(const struct feature_set *set, const struct rows *rows, uint64_t hash, struct slice text);

/** As rows_string(), and gives an unknown string a number. -1: out of memory. */
int rows_add_string(const struct feature_set *set, struct rows *rows, uint64_t hash, struct slice text,
		    int64_t *number) MUST_USE;

/** All numbers of strings are below this; rows may be NULL. */
size_t rows_string_bound(const struct feature_set *set, const struct rows *rows);

/** The text of a string's number, borrowed. */
struct slice rows_text(const struct feature_set *set, const struct rows *rows, int64_t number);

#endif
