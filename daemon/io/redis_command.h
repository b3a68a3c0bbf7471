/*
 * Redis commands as bytes (RESP2, "Redis serialization protocol specification"): an array of bulk strings, so that any
 * byte may stand in a key or a value. Failure is the buffer's sticky one.
 */
#ifndef OUTLIERD_REDIS_COMMAND_H
#define OUTLIERD_REDIS_COMMAND_H

#include "buffer.h"

/** Begins a command of so many arguments, its name included; they must follow. */
void redis_command_begin(struct buffer *out, size_t arguments);

/** Appends the next argument of the command begun. */
void redis_command_add(struct buffer *out, struct slice argument);

/** Appends one argument that consists of two runs of bytes: a key's common start and its own end. */
void redis_command_add_joined(struct buffer *out, struct slice start, struct slice end);

/** Appends a whole command of so many C strings. */
void redis_command_texts(struct buffer *out, size_t arguments, const char *const *texts);

#endif
