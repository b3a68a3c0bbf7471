/*
 * JSON lines: one JSON value a line, LF or CRLF, the last line with or without. Empty lines are passed over. Numbers in
 * JSON are doubles or 64-bit integers here, so an integer beyond 64 bits does not parse; a member named twice does not
 * either, since nobody can know which one counts.
 */
#ifndef OUTLIERD_JSONL_H
#define OUTLIERD_JSONL_H

#include "buffer.h"
#include "daemon/io/input.h"

#include <jansson.h>

#define JSONL_LINE_MAX ((size_t)16 << 20) /* bytes */

struct jsonl {
	struct input input;
	uint64_t line; /* of the value at hand, from 1 */
	json_t *value; /* of the last line that parsed; owned */
};

/** Opens a file, "-" = standard input. */
int jsonl_open(struct jsonl *jsonl, const char *path, struct err *err) MUST_USE;

/** The next line. 1: jsonl->value is its value, or NULL where it does not parse, and *bad says why, without quoting it; 0: the end; -1: ERR_IO, ERR_DATA (a line too long). */
int jsonl_next(struct jsonl *jsonl, struct err *bad, struct err *err) MUST_USE;

/** Closes it. */
void jsonl_close(struct jsonl *jsonl);

/**
 * The member of a path through nested objects; where there is none, a member whose name is the path literally, dots
 * included. NULL: absent, also behind a null. *blocked is set where something on the way is neither object nor null.
 */
const json_t *jsonl_find(const json_t *object, const char *path, bool *blocked);

/** Appends a value's text: a string's characters, else JSON as it would stand in a file, without blanks; null appends nothing. -1: out of memory. */
int jsonl_text(const json_t *value, struct buffer *text) MUST_USE;

#endif
