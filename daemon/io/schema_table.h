/* What is known of schemas, by their registry's number: a hash table from 32-bit ids to things of the caller's. */
#ifndef OUTLIERD_SCHEMA_TABLE_H
#define OUTLIERD_SCHEMA_TABLE_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct schema_table {
	struct schema_entry {
		int32_t id;
		void *thing; /* NULL: this place is free */
	} * entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/** The thing under an id; NULL: none. An empty table is all zeros. */
void *schema_table_get(const struct schema_table *table, int32_t id);

/** Puts a thing (not NULL) under an id that has none. The table does not own it. */
int schema_table_put(struct schema_table *table, int32_t id, void *thing, struct err *err) MUST_USE;

/** Calls release for every thing and empties the table. */
void schema_table_clear(struct schema_table *table, void (*release)(void *thing));

#endif
