/*
 * Bytes to a file or to standard output, collected into large writes. Failure is sticky and told once, at output_close().
 */
#ifndef OUTLIERD_OUTPUT_H
#define OUTLIERD_OUTPUT_H

#include "buffer.h"

struct output {
	struct buffer buffer; /* append here, then output_flow() */
	int descriptor;
	char *name;
	int error;        /* errno of the first write that failed */
	uint64_t written; /* bytes, those in the buffer not counted */
};

/** Creates or empties a file, "-" = standard output. ERR_UNAVAILABLE: it cannot be made. */
int output_open(struct output *output, const char *path, struct err *err) MUST_USE;

/** Writes the buffer out once it is large. Call after every record. */
void output_flow(struct output *output);

/** Writes the rest and closes. -1: ERR_IO for any write that failed since the opening, or ERR_MEMORY. A zeroed struct, or one closed already, is left alone. */
int output_close(struct output *output, struct err *err) MUST_USE;

/** True when a path names the file that another path names: reading one while writing the other would destroy it. "-" is never the same. */
bool output_is_input(const char *output_path, const char *input_path);

#endif
