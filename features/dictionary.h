/*
 * Strings and their numbers. A number is the place of the text, in units of 8 bytes from the first: so numbers rise, are
 * nearly dense, and no table stands between a number and its text. Keyed hashing, so that an adversary cannot make lookups
 * slow. Only grows; everything is in one block, since an entity's dictionary is mostly read from cold memory.
 */
#ifndef OUTLIERD_DICTIONARY_H
#define OUTLIERD_DICTIONARY_H

#include "err.h"
#include "features/pool.h"
#include "siphash.h"
#include "slice.h"

#include <stdint.h>

#define DICTIONARY_NONE (-1)

struct dictionary {
	struct pool *pool;   /* borrowed: where block comes from; NULL: malloc() */
	void *block;         /* owned: the open-addressing table, then the texts; NULL: empty */
	uint32_t slot_count; /* a power of two, more than twice count */
	uint32_t count;
	uint32_t used, capacity; /* of the texts, in units */
};

/** An empty dictionary, which owns nothing yet; its memory comes from the pool (NULL: malloc()). */
void dictionary_init(struct dictionary *dictionary, struct pool *pool);
/** Gives back what it owns. */
void dictionary_free(struct dictionary *dictionary);
/** Makes an empty dictionary equal to another, with room for half as many texts again. -1: out of memory. */
int dictionary_copy(struct dictionary *dictionary, const struct dictionary *other) MUST_USE;
/** The hash under which a text is kept; the same key must be used for the life of a dictionary. */
uint64_t dictionary_hash(const uint8_t key[SIPHASH_KEY_BYTES], struct slice text);
/** The number of a text with its hash; DICTIONARY_NONE. */
int64_t dictionary_find(const struct dictionary *dictionary, uint64_t hash, struct slice text);
/** Adds a text that is not in it and gives its number. -1: out of memory (or over 16 GiB), nothing has changed. */
int dictionary_add(struct dictionary *dictionary, uint64_t hash, struct slice text, int64_t *number) MUST_USE;
/** The text of a number that was given out, borrowed until the next addition. */
struct slice dictionary_text(const struct dictionary *dictionary, int64_t number);
/** All numbers are below this. */
int64_t dictionary_bound(const struct dictionary *dictionary);
/** Tells the processor that a lookup of this hash is near. */
void dictionary_prefetch(const struct dictionary *dictionary, uint64_t hash);
/** Tells the processor that all texts will be read. */
void dictionary_prefetch_texts(const struct dictionary *dictionary);
/** Memory held, bytes. */
size_t dictionary_size(const struct dictionary *dictionary);

#endif
