#include "daemon/pipeline/entities.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_FIRST 1024

/* The hash stands here too, so that probing reads no entry but the one that is meant. */
struct slot {
	struct entry *entry; /* NULL: free */
	uint64_t hash;
};

struct entities {
	struct slot *slots; /* open addressing, power of two, at most three quarters full */
	size_t slot_count, count, bytes;
	size_t hand; /* the slot where entities_trim() goes on */
};

/* Not adversarial: keys were checked against the partitioner or are pseudonyms, and probing is bounded by the table's load. */
uint64_t entities_hash(struct slice text)
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
	entities->slots = calloc(SLOTS_FIRST, sizeof *entities->slots);
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
	entity_free(entry->spare);
	free(entry);
}

void entities_clear(struct entities *entities)
{
	for (size_t i = 0; i < entities->slot_count; i++)
		if (entities->slots[i].entry != NULL)
			free_entry(entities->slots[i].entry);
	memset(entities->slots, 0, entities->slot_count * sizeof *entities->slots);
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
	size_t mask = entities->slot_count - 1, at = (size_t)hash & mask;
	for (;;) {
		const struct slot *slot = &entities->slots[at];
		if (slot->entry == NULL ||
		    (slot->hash == hash && slice_equal((struct slice){slot->entry->text, slot->entry->length}, text)))
			return at;
		at = (at + 1) & mask;
	}
}

void entities_prefetch(const struct entities *entities, uint64_t hash, bool place_is_near)
{
	const struct slot *slot = &entities->slots[(size_t)hash & (entities->slot_count - 1)];
	if (!place_is_near) {
		__builtin_prefetch(slot);
		return;
	}
	/* An entry ends in its text, which is compared. */
	__builtin_prefetch(slot->entry);
	__builtin_prefetch((const char *)slot->entry + sizeof(struct entry));
}

static int grow(struct entities *entities)
{
	size_t count = entities->slot_count * 2;
	struct slot *slots = calloc(count, sizeof *slots);
	if (slots == NULL)
		return -1;
	for (size_t i = 0; i < entities->slot_count; i++) {
		size_t at = (size_t)entities->slots[i].hash & (count - 1);
		if (entities->slots[i].entry == NULL)
			continue;
		while (slots[at].entry != NULL)
			at = (at + 1) & (count - 1);
		slots[at] = entities->slots[i];
	}
	free(entities->slots);
	entities->slots = slots;
	entities->slot_count = count;
	entities->hand = 0;
	return 0;
}

struct entry *entities_make(struct entities *entities, struct slice text, uint64_t hash)
{
	assert(text.length <= UINT32_MAX && hash == entities_hash(text));
	struct slot *slot = &entities->slots[slot_of(entities, hash, text)];
	if (slot->entry != NULL) {
		slot->entry->used = true;
		return slot->entry;
	}
	if (4 * (entities->count + 1) > 3 * entities->slot_count) {
		if (grow(entities) != 0)
			return NULL;
		slot = &entities->slots[slot_of(entities, hash, text)];
	}
	struct entry *entry = calloc(1, sizeof *entry + text.length);
	if (entry == NULL)
		return NULL;
	entry->hash = hash;
	entry->used = true;
	entry->length = (uint32_t)text.length;
	memcpy(entry->text, text.data, text.length);
	entry->size = sizeof *entry + text.length;
	*slot = (struct slot){entry, hash};
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

int entities_fork(struct entry *entry)
{
	assert(entry->entity != NULL);
	if (entry->pending != NULL)
		return 0;
	if (entry->spare == NULL) {
		entry->pending = entity_fork(entry->entity);
		return entry->pending == NULL ? -1 : 0;
	}
	entry->pending = entry->spare;
	entry->spare = NULL;
	entity_refork(entry->pending, entry->entity);
	return 0;
}

/* An unused view is emptied and kept: a fork of every entity in every batch would be allocated otherwise. */
static void put_aside(struct entry *entry, struct entity *view)
{
	assert(entry->spare == NULL);
	entity_empty(view);
	entry->spare = view;
}

void entities_accept(struct entities *entities, struct entry *entry)
{
	assert(entry->pending != NULL && entry->entity != NULL);
	struct entity *before = entry->entity;
	entry->entity = entry->pending;
	entry->pending = NULL;
	entry->changed = false;
	put_aside(entry, before);
	entity_tidy(entry->entity);
	entities_set(entities, entry, entry->entity);
}

void entities_discard(struct entry *entry)
{
	if (entry->pending != NULL)
		put_aside(entry, entry->pending);
	entry->pending = NULL;
	entry->changed = false;
}

/* Empties a slot; whatever probed over it moves back, so that it is found again. */
static void remove_slot(struct entities *entities, size_t hole)
{
	size_t mask = entities->slot_count - 1;
	struct slot *slots = entities->slots;
	for (size_t at = (hole + 1) & mask; slots[at].entry != NULL; at = (at + 1) & mask) {
		size_t home = (size_t)slots[at].hash & mask;
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			slots[hole] = slots[at];
			hole = at;
		}
	}
	slots[hole] = (struct slot){0};
}

void entities_remove(struct entities *entities, struct entry *entry)
{
	size_t at = slot_of(entities, entry->hash, (struct slice){entry->text, entry->length});
	assert(entities->slots[at].entry == entry);
	remove_slot(entities, at);
	entities->count--;
	entities->bytes -= entry->size;
	free_entry(entry);
}

/* The clock algorithm: a hand goes round; what was not used since it last came by goes. Two rounds see everything. */
void entities_trim(struct entities *entities, size_t limit_bytes)
{
	for (size_t steps = 2 * entities->slot_count; steps > 0 && entities->bytes > limit_bytes;) {
		struct entry *entry = entities->slots[entities->hand].entry;
		bool may_go = entry != NULL && !entry->dirty && entry->pending == NULL;
		if (may_go && !entry->used) {
			entities_remove(entities, entry); /* another may have moved here */
			continue;
		}
		if (may_go)
			entry->used = false;
		entities->hand = (entities->hand + 1) & (entities->slot_count - 1);
		steps--;
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
