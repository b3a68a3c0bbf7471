/*
 * A hash table from an entity's text to its state: the overlay of a batch, the cache of owned partitions, and the whole
 * state of offline runs. Owns keys and entities.
 */
#ifndef OUTLIERD_ENTITIES_H
#define OUTLIERD_ENTITIES_H

#include "features/entity.h"

/** One entry. Pointers stay valid until the entry is removed. */
struct entry {
	struct entity *entity;  /* owned by the table; NULL: known to have no state yet */
	struct entity *pending; /* owned: the running batch's fork (the overlay); NULL: untouched */
	struct entity *spare;   /* owned: an empty view whose memory the next fork uses; NULL: none */
	bool changed;           /* pending differs from entity: an event was scored into it */
	bool loaded;            /* entity is what the store holds (or newer); false: to be read first */
	bool listed;            /* already on the list of entities to be read */
	bool dirty;             /* committed, but not in the store yet: pinned */
	uint64_t hash;
	uint32_t length;
	bool used;   /* since the search for what may go came by */
	size_t size; /* as counted into the table's bytes */
	char text[]; /* the entity's text */
};

struct entities;

/** An empty table. NULL: out of memory. */
struct entities *entities_new(void);
/** Frees it with all entries; NULL does nothing. */
void entities_free(struct entities *entities);
/** The hash of a text, for entities_prefetch() and entities_make(). */
uint64_t entities_hash(struct slice text);
/** Tells the processor that the text of this hash will be looked for: first its place in the table, and when that is near (`place_is_near`) its entry. Changes nothing. */
void entities_prefetch(const struct entities *entities, uint64_t hash, bool place_is_near);
/** The entry of a text with its hash, which counts as used; made where there is none (entity NULL). NULL: out of memory. */
struct entry *entities_make(struct entities *entities, struct slice text, uint64_t hash);
/** Replaces the entry's entity (frees the old one) and counts its size anew. */
void entities_set(struct entities *entities, struct entry *entry, struct entity *entity);
/** Forks the entity into `pending`, where that is not done yet. -1: out of memory. */
int entities_fork(struct entry *entry) MUST_USE;
/** Makes the pending fork the entity (commit). */
void entities_accept(struct entities *entities, struct entry *entry);
/** Frees the pending fork (abort). */
void entities_discard(struct entry *entry);
/** Removes one entry. */
void entities_remove(struct entities *entities, struct entry *entry);
/** Removes all entries; keeps the table's memory. */
void entities_clear(struct entities *entities);
/** Removes entries that were not used for long and are neither dirty nor pending, until at most limit_bytes are held. */
void entities_trim(struct entities *entities, size_t limit_bytes);
/** Number of entries. */
size_t entities_count(const struct entities *entities);
/** Bytes held by entries and their entities. */
size_t entities_bytes(const struct entities *entities);
#endif
