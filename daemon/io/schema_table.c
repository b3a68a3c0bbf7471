#include "daemon/io/schema_table.h"

#include <assert.h>
#include <stdlib.h>

#define CAPACITY_FIRST 16
#define FACTOR 0x9e3779b1u /* 2^32 / golden ratio, odd (Knuth) */

/* Ids are small and dense, or far apart: multiplying spreads both. */
static struct schema_entry *entry_of(const struct schema_table *table, int32_t id)
{
	assert(table->count < table->capacity);
	uint32_t hash = (uint32_t)id * FACTOR;
	size_t i = (hash ^ hash >> 16) & (table->capacity - 1);
	while (table->entries[i].thing != NULL && table->entries[i].id != id)
		i = (i + 1) & (table->capacity - 1);
	return &table->entries[i];
}

void *schema_table_get(const struct schema_table *table, int32_t id)
{
	return table->capacity == 0 ? NULL : entry_of(table, id)->thing;
}

static int grow(struct schema_table *table, struct err *err)
{
	struct schema_table grown = {.capacity = table->capacity == 0 ? CAPACITY_FIRST : 2 * table->capacity};
	grown.entries = calloc(grown.capacity, sizeof *grown.entries);
	if (grown.entries == NULL)
		return err_memory(err);
	for (size_t i = 0; i < table->capacity; i++)
		if (table->entries[i].thing != NULL) {
			*entry_of(&grown, table->entries[i].id) = table->entries[i];
			grown.count++;
		}
	free(table->entries);
	*table = grown;
	return 0;
}

int schema_table_put(struct schema_table *table, int32_t id, void *thing, struct err *err)
{
	assert(thing != NULL);
	if (2 * (table->count + 1) > table->capacity && grow(table, err) != 0)
		return -1;
	struct schema_entry *entry = entry_of(table, id);
	assert(entry->thing == NULL);
	*entry = (struct schema_entry){id, thing};
	table->count++;
	return 0;
}

void schema_table_clear(struct schema_table *table, void (*release)(void *thing))
{
	for (size_t i = 0; i < table->capacity; i++)
		if (table->entries[i].thing != NULL)
			release(table->entries[i].thing);
	free(table->entries);
	*table = (struct schema_table){0};
}
