/*
 * A file as a whole: read into memory with a limit, written so that a reader, or a crash at any instant, sees the old
 * contents or the new ones and nothing between.
 */
#ifndef OUTLIERD_WHOLE_FILE_H
#define OUTLIERD_WHOLE_FILE_H

#include "buffer.h"

/** Appends the file's bytes to contents. ERR_UNAVAILABLE: not there; ERR_DATA: no regular file, or over limit_bytes; ERR_IO: reading failed. The message begins with the path. */
int whole_file_read(const char *path, size_t limit_bytes, struct buffer *contents, struct err *err) MUST_USE;

/** Writes a temporary file beside path, syncs it, renames it to path and syncs the folder. ERR_IO, beginning with the path; what was at path stays then. */
int whole_file_write(const char *path, struct slice contents, struct err *err) MUST_USE;

/** Appends to the file, making it where it is not there, and syncs it. ERR_IO, beginning with the path. */
int whole_file_append(const char *path, struct slice contents, struct err *err) MUST_USE;

#endif
