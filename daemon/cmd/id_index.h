/*
 * Texts and the numbers they were given, to join files by event id: 24 bytes a text however long it is, for only 126 bits
 * of a keyed hash are kept. Two texts among 100 million agree in them with a probability below 10^-22.
 */
#ifndef OUTLIERD_ID_INDEX_H
#define OUTLIERD_ID_INDEX_H

#include "err.h"
#include "slice.h"

#include <stddef.h>
#include <stdint.h>

struct id_index {
	struct id_entry *slots; /* owned */
	size_t size;            /* power of two, or 0 */
	size_t count;
};

/** Makes an empty index that owns nothing yet. */
void id_index_init(struct id_index *index);

/** Gives a text the number, or tells which one it has. 1: it is new; 0: *number is what it had; -1: out of memory. */
int id_index_add(struct id_index *index, struct slice text, size_t *number, struct err *err) MUST_USE;

/** True, and the number, where the text was added. Marks it as found. */
bool id_index_find(struct id_index *index, struct slice text, size_t *number);

/** Calls visit with the number of each text that was never found. */
void id_index_unfound(const struct id_index *index, void (*visit)(void *context, size_t number), void *context);

/** Frees it and leaves an empty index. */
void id_index_free(struct id_index *index);

#endif
