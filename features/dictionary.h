/*
 * Strings and their numbers, in order of addition. Keyed hashing, so that an adversary cannot make lookups slow. Only
 * grows; the text of a number stays valid until the next addition.
 */
#ifndef OUTLIERD_DICTIONARY_H
#define OUTLIERD_DICTIONARY_H

#include "err.h"
#include "siphash.h"
#include "slice.h"

#include <stdint.h>

#define DICTIONARY_NONE (-1)

struct dictionary_entry {
	uint64_t hash;
	uint32_t offset; /* of its text */
	uint32_t length;
};

struct dictionary {
	struct dictionary_entry *entries; /* owned */
	uint32_t count, capacity;
	char *texts; /* owned, one after the other */
	uint32_t text_length, text_capacity;
	uint32_t *slots; /* owned open-addressing table of number + 1; NULL while few */
	uint32_t slot_count;
};

/** An empty dictionary, which owns nothing yet. */
void dictionary_init(struct dictionary *dictionary);
/** Frees what it owns. */
void dictionary_free(struct dictionary *dictionary);
/** The hash under which a text is kept; the same key must be used for the life of a dictionary. */
uint64_t dictionary_hash(const uint8_t key[SIPHASH_KEY_BYTES], struct slice text);
/** The number of a text with its hash; DICTIONARY_NONE. */
int64_t dictionary_find(const struct dictionary *dictionary, uint64_t hash, struct slice text);
/** Adds a text that is not in it; its number is the count before. -1: out of memory (or over 4 GiB), nothing has changed. */
int dictionary_add(struct dictionary *dictionary, uint64_t hash, struct slice text) MUST_USE;
/** The text of a number, borrowed until the next addition. */
struct slice dictionary_text(const struct dictionary *dictionary, uint32_t number);
/** Memory held, bytes. */
size_t dictionary_size(const struct dictionary *dictionary);

#endif
