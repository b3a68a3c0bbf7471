/*
 * CSV after RFC 4180: a header row, LF or CRLF, quoted columns with doubled quotes and line breaks inside. Reading is
 * strict, because a damaged file can still look like data: a ragged row, a quote that is not closed and one in the middle
 * of a column are errors with their line. An empty column means null. A UTF-8 byte order mark is skipped, and so is an
 * empty line where the header has more than one column.
 */
#ifndef OUTLIERD_CSV_H
#define OUTLIERD_CSV_H

#include "buffer.h"
#include "daemon/io/input.h"

#define CSV_COLUMNS_MAX 16384
#define CSV_RECORD_MAX ((size_t)16 << 20) /* bytes */

struct csv;

/** Opens a file, "-" = standard input, and reads the header. rewindable: standard input is first copied to a temporary file. hash (NULL: none) gets all bytes of the file. ERR_UNAVAILABLE, ERR_DATA ("PATH: line 1: ..."). */
struct csv *csv_open(const char *path, bool rewindable, struct sha256 *hash, struct err *err) MUST_USE;

/** The header's names and their number; borrowed. */
const struct slice *csv_header(const struct csv *csv, size_t *count);

/** The column of a name; -1: none. */
long csv_find(const struct csv *csv, struct slice name);

/** The next row: 1 and as many columns as the header has, lent until the next call; 0: the end; -1: ERR_DATA ("PATH: line N: ..."), ERR_IO. */
int csv_next(struct csv *csv, const struct slice **columns, struct err *err) MUST_USE;

/** The first line of the last row; the header is line 1. */
uint64_t csv_line(const struct csv *csv);

/** Begins again at the first row (opened as rewindable). The hash gets no more bytes. */
int csv_rewind(struct csv *csv, struct err *err) MUST_USE;

/** The bytes below, for progress and messages. */
const struct input *csv_input(const struct csv *csv);

/** Closes it; NULL does nothing. */
void csv_close(struct csv *csv);

/** Appends one column, quoted where it must be. Commas and line ends are the caller's. */
void csv_add(struct buffer *row, struct slice text);

/** Appends a number as ECMAScript prints it; NaN is empty. */
void csv_add_number(struct buffer *row, double value);

#endif
