/*
 * The rows of a window that a feature reads one by one: those that pass its filter and have its column(s). Features that
 * stand behind each other and read the same rows share them.
 */
#ifndef OUTLIERD_PICK_H
#define OUTLIERD_PICK_H

#include "features/window.h"

#define PICK_LOCAL_ROWS 1024 /* on the stack; more comes from the pool */

struct pick {
	const struct moment *moment;
	const struct feature *feature; /* whose rows these are; NULL: nobody's yet */
	size_t count;
	uint32_t *rows;  /* of the log, in its order */
	int64_t *values; /* room for one of each row, the reader's */
	size_t capacity;
	uint32_t local_rows[PICK_LOCAL_ROWS];
	int64_t local_values[PICK_LOCAL_ROWS];
};

/** Takes room for the longest window of a placed moment; nothing where no feature picks. -1: out of memory. */
int pick_begin(struct pick *pick, const struct moment *moment) MUST_USE;

/** Picks the rows of a feature. */
void pick_rows(struct pick *pick, const struct feature *feature);

/** Fills the values with the rows' cells of a column. */
void pick_values(struct pick *pick, int column);

/** Gives back what was taken. */
void pick_end(struct pick *pick);

#endif
