/*
 * Records by entity, in memory: open addressing with a keyed hash, for entities come from outside. A failure to
 * allocate changes nothing that can be seen.
 */
#ifndef OUTLIERD_MEMORY_TABLE_H
#define OUTLIERD_MEMORY_TABLE_H

#include "siphash.h"

#include <stdint.h>

struct memory_entry {
	uint64_t hash;
	bool present;   /* false: no record, the entry only holds its place */
	uint8_t *value; /* owned */
	size_t length, capacity;
	size_t entity_length;
	uint8_t entity[]; /* owned */
};

struct memory_table {
	uint8_t key[SIPHASH_KEY_BYTES];
	struct memory_entry **slots; /* owned; NULL: free. As many again behind them serve to sort */
	size_t size;                 /* power of two, or 0 */
	size_t used;                 /* entries, present or not */
};

/** Makes an empty table that owns nothing yet; the key should be one that a sender of entities cannot know. */
void memory_table_init(struct memory_table *table, const uint8_t key[SIPHASH_KEY_BYTES]);

/** The record of an entity: data NULL where there is none. Borrowed until the next change. */
struct slice memory_table_get(const struct memory_table *table, struct slice entity);

/** Makes room for so many entities more; their memory_table_reserve() must follow before the next of these. -1: out of memory. */
int memory_table_make_room(struct memory_table *table, size_t entities);

/** Makes sure that memory_table_put() of so many bytes for this entity cannot fail. -1: out of memory. */
int memory_table_reserve(struct memory_table *table, struct slice entity, size_t length);

/** Replaces the record of an entity by a copy; data NULL removes it. Needs the reservation, unless it removes. */
void memory_table_put(struct memory_table *table, struct slice entity, struct slice value);

/** Makes *copy, which is initialised and empty, equal to the table. -1: out of memory, *copy is empty. */
int memory_table_copy(const struct memory_table *table, struct memory_table *copy);

/** Calls visit for each record in byte order of the entity. */
void memory_table_visit(const struct memory_table *table,
			void (*visit)(void *context, struct slice entity, struct slice value), void *context);

/** Frees everything and leaves an empty table. */
void memory_table_free(struct memory_table *table);

#endif
