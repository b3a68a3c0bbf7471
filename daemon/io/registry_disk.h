/*
 * Schemas on disk, so that a restart needs no registry: one file per registry and id, the SHA-256 of the text in hex,
 * a newline, the text. Written to a temporary name, synced, renamed; what is damaged is as if it were absent.
 */
#ifndef OUTLIERD_REGISTRY_DISK_H
#define OUTLIERD_REGISTRY_DISK_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

struct registry_disk;

/** Opens the directory, makes it where it is missing. The urls tell one registry's ids from another's. ERR_CONFIG: not a directory that can be written. */
struct registry_disk *registry_disk_new(const char *directory, const char *const *urls, size_t url_count,
					struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void registry_disk_free(struct registry_disk *disk);

/** The text of an id, to be freed by the caller; NULL: absent, unreadable or damaged. */
char *registry_disk_read(const struct registry_disk *disk, int32_t id, size_t *length);

/** Keeps a text. Failure only costs a request after the next start, so that none is told. */
void registry_disk_write(const struct registry_disk *disk, int32_t id, struct slice text);

#endif
