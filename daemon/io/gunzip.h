/*
 * Files that may be gzipped, whole in memory: told by their first two bytes, not by their name.
 */
#ifndef OUTLIERD_GUNZIP_H
#define OUTLIERD_GUNZIP_H

#include "buffer.h"

/** True for the first bytes of a gzip file. */
bool gunzip_is(struct slice contents);

/** Appends what a gzip file holds (one member, or several in a row). ERR_DATA: damaged, cut off, with bytes behind its end, or of more than limit_bytes. */
int gunzip(struct slice contents, size_t limit_bytes, struct buffer *inflated, struct err *err) MUST_USE;

#endif
