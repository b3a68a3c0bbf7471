/*
 * Bytes of a file or of standard input through one large window: the reader looks at what has arrived, takes what it has
 * understood, and asks for more. Under CSV, JSON lines and Avro files. No formats here.
 */
#ifndef OUTLIERD_INPUT_H
#define OUTLIERD_INPUT_H

#include "err.h"
#include "sha256.h"

#define INPUT_WINDOW_MAX ((size_t)64 << 20) /* bytes not yet taken, so also the longest record of any format */

struct input {
	uint8_t *at, *end; /* arrived and not yet taken; the reader may change these bytes */
	uint8_t *data;     /* owned */
	size_t capacity;
	int descriptor;
	bool ended;
	char *name;          /* the path, or "standard input", for messages */
	uint64_t read;       /* bytes */
	uint64_t size;       /* of the file in bytes; 0: not known */
	struct sha256 *hash; /* where not NULL it gets every byte read; borrowed */
};

/** Opens a file, "-" = standard input. ERR_UNAVAILABLE: it cannot be opened. */
int input_open(struct input *input, const char *path, struct err *err) MUST_USE;

/** Waits for more bytes behind the window. 1: there are more; 0: the input has ended; -1: ERR_IO, or ERR_DATA where the window is full. Moves the window: pointers into it are void. */
int input_fill(struct input *input, struct err *err) MUST_USE;

/** Fills until at least length bytes are there. 1: they are; 0: the input ends before; -1: as input_fill(). */
int input_need(struct input *input, size_t length, struct err *err) MUST_USE;

/** Makes input_rewind() possible: what cannot be sought in (a pipe) is copied into a file without a name, in $TMPDIR or /tmp. Call before reading. */
int input_make_seekable(struct input *input, struct err *err) MUST_USE;

/** Begins again at the first byte. */
int input_rewind(struct input *input, struct err *err) MUST_USE;

/** Closes it; a zeroed struct, or one closed already, is left alone. */
void input_close(struct input *input);

#endif
