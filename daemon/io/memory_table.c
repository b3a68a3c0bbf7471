#include "daemon/io/memory_table.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_SIZE ((size_t)64)

/* Room for an entry grows by a quarter more than it needs, for records grow row by row. */
#define SPARE(length) ((length) / 4 + 16)

void memory_table_init(struct memory_table *table, const uint8_t key[SIPHASH_KEY_BYTES])
{
	*table = (struct memory_table){0};
	memcpy(table->key, key, sizeof table->key);
}

static bool is_of(const struct memory_entry *entry, uint64_t hash, struct slice entity)
{
	return entry->hash == hash && slice_equal((struct slice){entry->entity, entry->entity_length}, entity);
}

/* The slot where the entity is or would be. The table is never full. */
static size_t find(const struct memory_table *table, uint64_t hash, struct slice entity)
{
	assert(table->size > 0);
	size_t mask = table->size - 1, at = (size_t)hash & mask;
	while (table->slots[at] != NULL && !is_of(table->slots[at], hash, entity))
		at = (at + 1) & mask;
	return at;
}

struct slice memory_table_get(const struct memory_table *table, struct slice entity)
{
	if (table->size == 0)
		return (struct slice){NULL, 0};
	const struct memory_entry *entry = table->slots[find(table, siphash(table->key, entity), entity)];
	if (entry == NULL || !entry->present)
		return (struct slice){NULL, 0};
	return (struct slice){entry->value, entry->length};
}

static void free_entry(struct memory_entry *entry)
{
	if (entry == NULL)
		return;
	free(entry->value);
	free(entry);
}

/* Puts what is present into new slots, of which so many more entities leave half free; places without a record go. */
static int rehash(struct memory_table *table, size_t entities)
{
	size_t wanted = entities;
	for (size_t i = 0; i < table->size; i++)
		wanted += table->slots[i] != NULL && table->slots[i]->present;
	size_t size = FIRST_SIZE;
	while (size / 2 <= wanted)
		size *= 2;
	struct memory_entry **slots = calloc(size, 2 * sizeof(struct memory_entry *));
	if (slots == NULL)
		return -1;
	size_t used = 0;
	for (size_t i = 0; i < table->size; i++) {
		struct memory_entry *entry = table->slots[i];
		if (entry == NULL || !entry->present) {
			free_entry(entry);
			continue;
		}
		size_t at = (size_t)entry->hash & (size - 1);
		while (slots[at] != NULL)
			at = (at + 1) & (size - 1);
		slots[at] = entry;
		used++;
	}
	free(table->slots);
	table->slots = slots;
	table->size = size;
	table->used = used;
	return 0;
}

int memory_table_make_room(struct memory_table *table, size_t entities)
{
	if (entities > SIZE_MAX / 64)
		return -1;
	return table->used + entities <= table->size / 4 * 3 ? 0 : rehash(table, entities);
}

static struct memory_entry *make_entry(uint64_t hash, struct slice entity)
{
	struct memory_entry *entry = calloc(1, sizeof *entry + entity.length);
	if (entry == NULL)
		return NULL;
	entry->hash = hash;
	entry->entity_length = entity.length;
	memcpy(entry->entity, entity.data, entity.length);
	return entry;
}

int memory_table_reserve(struct memory_table *table, struct slice entity, size_t length)
{
	assert(entity.length > 0 && entity.data != NULL);
	uint64_t hash = siphash(table->key, entity);
	struct memory_entry *entry = table->slots[find(table, hash, entity)];
	if (entry == NULL) {
		assert(table->used < table->size);
		entry = make_entry(hash, entity);
		if (entry == NULL)
			return -1;
		table->slots[find(table, hash, entity)] = entry;
		table->used++;
	}
	if (length <= entry->capacity && entry->value != NULL)
		return 0;
	if (length > SIZE_MAX / 2)
		return -1;
	size_t capacity = length + SPARE(length);
	uint8_t *value = realloc(entry->value, capacity);
	if (value == NULL)
		return -1;
	entry->value = value;
	entry->capacity = capacity;
	return 0;
}

void memory_table_put(struct memory_table *table, struct slice entity, struct slice value)
{
	struct memory_entry *entry =
	    table->size == 0 ? NULL : table->slots[find(table, siphash(table->key, entity), entity)];
	if (value.data == NULL) {
		if (entry != NULL)
			entry->present = false;
		return;
	}
	assert(entry != NULL && entry->value != NULL && value.length <= entry->capacity);
	if (value.length > 0)
		memcpy(entry->value, value.data, value.length);
	entry->length = value.length;
	entry->present = true;
}

int memory_table_copy(const struct memory_table *table, struct memory_table *copy)
{
	assert(copy->size == 0);
	if (memory_table_make_room(copy, table->used) < 0)
		return -1;
	for (size_t i = 0; i < table->size; i++) {
		const struct memory_entry *entry = table->slots[i];
		if (entry == NULL || !entry->present)
			continue;
		struct slice entity = {entry->entity, entry->entity_length};
		if (memory_table_reserve(copy, entity, entry->length) < 0) {
			memory_table_free(copy);
			return -1;
		}
		memory_table_put(copy, entity, (struct slice){entry->value, entry->length});
	}
	return 0;
}

static int compare_entities(const void *left, const void *right)
{
	const struct memory_entry *a = *(struct memory_entry *const *)left, *b = *(struct memory_entry *const *)right;
	size_t common = a->entity_length < b->entity_length ? a->entity_length : b->entity_length;
	int order = memcmp(a->entity, b->entity, common);
	return order != 0 ? order : (a->entity_length > b->entity_length) - (a->entity_length < b->entity_length);
}

void memory_table_visit(const struct memory_table *table,
			void (*visit)(void *context, struct slice entity, struct slice value), void *context)
{
	struct memory_entry **sorted = table->slots + table->size;
	size_t count = 0;
	for (size_t i = 0; i < table->size; i++)
		if (table->slots[i] != NULL && table->slots[i]->present)
			sorted[count++] = table->slots[i];
	if (count == 0)
		return;
	qsort(sorted, count, sizeof(struct memory_entry *), compare_entities);
	for (size_t i = 0; i < count; i++)
		visit(context, (struct slice){sorted[i]->entity, sorted[i]->entity_length},
		      (struct slice){sorted[i]->value, sorted[i]->length});
}

void memory_table_free(struct memory_table *table)
{
	for (size_t i = 0; i < table->size; i++)
		free_entry(table->slots[i]);
	free(table->slots);
	table->slots = NULL;
	table->size = table->used = 0;
}
