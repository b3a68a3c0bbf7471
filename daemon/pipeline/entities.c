#include "daemon/pipeline/entities.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_FIRST 1024

struct entities {
	struct entry **slots; /* open addressing, power of two, at most three quarters full */
	size_t slot_count, count, bytes;
	struct entry *newest, *oldest;
};

/* Not adversarial: keys were checked against the partitioner or are pseudonyms, and probing is bounded by the table's load. */
static uint64_t hash_of(struct slice text)
{
	uint64_t hash = 0x9e3779b97f4a7c15u ^ text.length;
	const uint8_t *bytes = text.data;
	size_t left = text.length;
	while (left > 0) {
		uint64_t word = 0;
		size_t take = left < 8 ? left : 8;
		memcpy(&word, bytes, take);
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
		bytes += take;
		left -= take;
	}
	return hash ^ hash >> 29;
}

struct entities *entities_new(void)
{
	struct entities *entities = calloc(1, sizeof *entities);
	if (entities == NULL)
		return NULL;
	entities->slot_count = SLOTS_FIRST;
	entities->slots = calloc(SLOTS_FIRST, sizeof(struct entry *));
	if (entities->slots == NULL) {
		free(entities);
		return NULL;
	}
	return entities;
}

static void free_entry(struct entry *entry)
{
	entity_free(entry->entity);
	entity_free(entry->pending);
	free(entry);
}

void entities_clear(struct entities *entities)
{
	for (struct entry *entry = entities->newest, *next; entry != NULL; entry = next) {
		next = entry->older;
		free_entry(entry);
	}
	memset(entities->slots, 0, entities->slot_count * sizeof(struct entry *));
	entities->newest = entities->oldest = NULL;
	entities->count = entities->bytes = 0;
}

void entities_free(struct entities *entities)
{
	if (entities == NULL)
		return;
	entities_clear(entities);
	free(entities->slots);
	free(entities);
}

static size_t slot_of(const struct entities *entities, uint64_t hash, struct slice text)
{
	size_t mask = entities->slot_count - 1, slot = (size_t)hash & mask;
	for (;;) {
		const struct entry *entry = entities->slots[slot];
		if (entry == NULL ||
		    (entry->hash == hash && slice_equal((struct slice){entry->text, entry->length}, text)))
			return slot;
		slot = (slot + 1) & mask;
	}
}

static void unlink_entry(struct entities *entities, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &entities->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &entities->oldest) = entry->newer;
}

static void link_newest(struct entities *entities, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = entities->newest;
	*(entities->newest != NULL ? &entities->newest->newer : &entities->oldest) = entry;
	entities->newest = entry;
}

struct entry *entities_find(struct entities *entities, struct slice text)
{
	struct entry *entry = entities->slots[slot_of(entities, hash_of(text), text)];
	if (entry != NULL && entry != entities->newest) {
		unlink_entry(entities, entry);
		link_newest(entities, entry);
	}
	return entry;
}

static int grow(struct entities *entities)
{
	size_t count = entities->slot_count * 2;
	struct entry **slots = calloc(count, sizeof(struct entry *));
	if (slots == NULL)
		return -1;
	for (struct entry *entry = entities->newest; entry != NULL; entry = entry->older) {
		size_t slot = (size_t)entry->hash & (count - 1);
		while (slots[slot] != NULL)
			slot = (slot + 1) & (count - 1);
		slots[slot] = entry;
	}
	free(entities->slots);
	entities->slots = slots;
	entities->slot_count = count;
	return 0;
}

struct entry *entities_make(struct entities *entities, struct slice text)
{
	assert(text.length <= UINT32_MAX);
	struct entry *found = entities_find(entities, text);
	if (found != NULL)
		return found;
	if (4 * (entities->count + 1) > 3 * entities->slot_count && grow(entities) != 0)
		return NULL;
	struct entry *entry = calloc(1, sizeof *entry + text.length);
	if (entry == NULL)
		return NULL;
	entry->hash = hash_of(text);
	entry->length = (uint32_t)text.length;
	memcpy(entry->text, text.data, text.length);
	entry->size = sizeof *entry + text.length;
	entities->slots[slot_of(entities, entry->hash, text)] = entry;
	link_newest(entities, entry);
	entities->count++;
	entities->bytes += entry->size;
	return entry;
}

void entities_set(struct entities *entities, struct entry *entry, struct entity *entity)
{
	size_t size = sizeof *entry + entry->length + (entity == NULL ? 0 : entity_size(entity));
	entities->bytes = entities->bytes - entry->size + size;
	entry->size = size;
	if (entry->entity != entity)
		entity_free(entry->entity);
	entry->entity = entity;
}

void entities_accept(struct entities *entities, struct entry *entry)
{
	assert(entry->pending != NULL);
	struct entity *pending = entry->pending;
	entry->pending = NULL;
	entry->changed = false;
	entities_set(entities, entry, pending);
}

void entities_discard(struct entry *entry)
{
	entity_free(entry->pending);
	entry->pending = NULL;
	entry->changed = false;
}

void entities_remove(struct entities *entities, struct entry *entry)
{
	size_t mask = entities->slot_count - 1;
	size_t hole = slot_of(entities, entry->hash, (struct slice){entry->text, entry->length});
	assert(entities->slots[hole] == entry);
	/* Close the gap: whatever probed over the hole moves back into it. */
	for (size_t slot = (hole + 1) & mask; entities->slots[slot] != NULL; slot = (slot + 1) & mask) {
		size_t home = (size_t)entities->slots[slot]->hash & mask;
		if (((slot - home) & mask) >= ((slot - hole) & mask)) {
			entities->slots[hole] = entities->slots[slot];
			hole = slot;
		}
	}
	entities->slots[hole] = NULL;
	unlink_entry(entities, entry);
	entities->count--;
	entities->bytes -= entry->size;
	free_entry(entry);
}

void entities_trim(struct entities *entities, size_t limit_bytes)
{
	for (struct entry *entry = entities->oldest, *next; entry != NULL && entities->bytes > limit_bytes;
	     entry = next) {
		next = entry->newer;
		if (!entry->dirty && entry->pending == NULL)
			entities_remove(entities, entry);
	}
}

size_t entities_count(const struct entities *entities)
{
	return entities->count;
}

size_t entities_bytes(const struct entities *entities)
{
	return entities->bytes;
}

struct entry *entities_newest(const struct entities *entities)
{
	return entities->newest;
}
