/*
 * A CSV file of vectors read as rows of numbers: the chosen columns as doubles (empty = missing, NaN), and what the
 * underscore columns say of the row. `train` and `score` read their input through this.
 */
#ifndef OUTLIERD_VECTORS_H
#define OUTLIERD_VECTORS_H

#include "daemon/io/csv.h"

struct vectors {
	struct csv *csv;
	const struct slice *texts; /* columns of the row at hand, as csv_next() gave them */
	size_t *columns;           /* of the file, one per number of a row; owned */
	char **names;              /* likewise; owned */
	size_t count;
	long flags, time; /* columns _flags and _time_ms; -1: none */
};

/** Opens a file, "-" = standard input; arguments as of csv_open(). Columns must be chosen before rows are read. */
int vectors_open(struct vectors *vectors, const char *path, bool rewindable, struct sha256 *hash,
		 struct err *err) MUST_USE;

/** Chooses columns by name, in this order. ERR_DATA names all that the file lacks. */
int vectors_choose(struct vectors *vectors, const char *const *names, size_t count, struct err *err) MUST_USE;

/** Chooses every column that does not begin with "_" and is none of `left_out`; a name there that the file lacks is ERR_DATA. */
int vectors_choose_rest(struct vectors *vectors, const char *const *left_out, size_t left_out_count,
			struct err *err) MUST_USE;

/** The next row into count doubles: 1, at the end 0; -1: ERR_DATA with the line, also for a column that is no number. */
int vectors_next(struct vectors *vectors, double *row, struct err *err) MUST_USE;

/** True where the row's _flags hold "warming". */
bool vectors_warming(const struct vectors *vectors);

/** The row's _time_ms: 1, and 0 where there is none; -1: ERR_DATA, no integer. */
int vectors_time(const struct vectors *vectors, int64_t *time_ms, struct err *err) MUST_USE;

/** Closes it; a zeroed struct is left alone. */
void vectors_close(struct vectors *vectors);

#endif
