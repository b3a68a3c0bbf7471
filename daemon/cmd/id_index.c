#include "daemon/cmd/id_index.h"

#include "siphash.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_SIZE 1024
#define USED UINT64_C(1)
#define FOUND UINT64_C(2)
#define MARKS (USED | FOUND)

/* The lowest two bits of `low` are marks, not hash. */
struct id_entry {
	uint64_t high, low;
	size_t number;
};

void id_index_init(struct id_index *index)
{
	*index = (struct id_index){0};
}

static struct id_entry hash_of(struct slice text)
{
	static const uint8_t keys[2][SIPHASH_KEY_BYTES] = {"outlierd id high", "outlierd id low."};
	return (struct id_entry){.high = siphash(keys[0], text), .low = siphash(keys[1], text) & ~MARKS};
}

/* Where the hash stands or would stand. */
static struct id_entry *place(const struct id_index *index, const struct id_entry *hash)
{
	assert(index->count < index->size);
	for (size_t i = (size_t)hash->high & (index->size - 1);; i = (i + 1) & (index->size - 1)) {
		struct id_entry *slot = &index->slots[i];
		if ((slot->low & USED) == 0 || (slot->high == hash->high && (slot->low & ~MARKS) == hash->low))
			return slot;
	}
}

static int grow(struct id_index *index, struct err *err)
{
	struct id_index larger = {.size = index->size == 0 ? FIRST_SIZE : 2 * index->size, .count = index->count};
	larger.slots = calloc(larger.size, sizeof *larger.slots);
	if (larger.slots == NULL)
		return err_memory(err);
	for (size_t i = 0; i < index->size; i++) {
		struct id_entry hash = index->slots[i];
		if ((hash.low & USED) == 0)
			continue;
		hash.low &= ~MARKS;
		*place(&larger, &hash) = index->slots[i];
	}
	free(index->slots);
	*index = larger;
	return 0;
}

int id_index_add(struct id_index *index, struct slice text, size_t *number, struct err *err)
{
	if (index->count >= index->size / 4 * 3 && grow(index, err) != 0)
		return -1;
	struct id_entry hash = hash_of(text), *slot = place(index, &hash);
	if ((slot->low & USED) != 0) {
		*number = slot->number;
		return 0;
	}
	*slot = (struct id_entry){hash.high, hash.low | USED, *number};
	index->count++;
	return 1;
}

bool id_index_find(struct id_index *index, struct slice text, size_t *number)
{
	if (index->count == 0)
		return false;
	struct id_entry hash = hash_of(text), *slot = place(index, &hash);
	if ((slot->low & USED) == 0)
		return false;
	slot->low |= FOUND;
	*number = slot->number;
	return true;
}

void id_index_unfound(const struct id_index *index, void (*visit)(void *context, size_t number), void *context)
{
	for (size_t i = 0; i < index->size; i++)
		if ((index->slots[i].low & MARKS) == USED)
			visit(context, index->slots[i].number);
}

void id_index_free(struct id_index *index)
{
	free(index->slots);
	id_index_init(index);
}
