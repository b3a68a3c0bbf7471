#include "features/dictionary.h"

#include <assert.h>

#define UNIT 8 /* bytes */
#define FIRST_SLOTS ((uint32_t)16)
#define FIRST_UNITS ((uint32_t)16)
#define UNITS_MAX (UINT32_MAX / 2)

/* A place of the table. */
struct slot {
	uint32_t tag;    /* half of the hash; the place to begin at is its lower bits */
	uint32_t number; /* + 1; 0: free */
};

void dictionary_init(struct dictionary *dictionary, struct pool *pool)
{
	assert(dictionary != NULL);
	*dictionary = (struct dictionary){.pool = pool};
}

void dictionary_free(struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	pool_give(dictionary->pool, dictionary->block, dictionary_size(dictionary));
	dictionary_init(dictionary, dictionary->pool);
}

uint64_t dictionary_hash(const uint8_t key[SIPHASH_KEY_BYTES], struct slice text)
{
	assert(key != NULL);
	return siphash(key, text);
}

static struct slot *slots_of(const struct dictionary *dictionary)
{
	return dictionary->block;
}

/* Where the text of a number begins: its length, then its bytes, up to the next unit. */
static uint8_t *text_at(const struct dictionary *dictionary, int64_t number)
{
	uint8_t *texts = (uint8_t *)(slots_of(dictionary) + dictionary->slot_count);
	return texts + (size_t)number * UNIT;
}

struct slice dictionary_text(const struct dictionary *dictionary, int64_t number)
{
	uint32_t length;
	assert(number >= 0 && number < dictionary->used);
	const uint8_t *at = text_at(dictionary, number);
	memcpy(&length, at, sizeof length);
	return (struct slice){at + sizeof length, length};
}

int64_t dictionary_find(const struct dictionary *dictionary, uint64_t hash, struct slice text)
{
	assert(text.data != NULL || text.length == 0);
	if (dictionary->count == 0)
		return DICTIONARY_NONE;
	const struct slot *slots = slots_of(dictionary);
	uint32_t mask = dictionary->slot_count - 1, tag = (uint32_t)hash;
	for (uint32_t at = tag & mask; slots[at].number != 0; at = (at + 1) & mask) {
		int64_t number = (int64_t)slots[at].number - 1;
		if (slots[at].tag == tag && slice_equal(dictionary_text(dictionary, number), text))
			return number;
	}
	return DICTIONARY_NONE;
}

static void put_slot(struct slot *slots, uint32_t slot_count, struct slot slot)
{
	uint32_t mask = slot_count - 1, at = slot.tag & mask;
	while (slots[at].number != 0)
		at = (at + 1) & mask;
	slots[at] = slot;
}

/* Copies a dictionary into another block, of so many slots and at least that capacity. -1: `to` is as it was. */
static int transfer(const struct dictionary *from, uint32_t slot_count, uint32_t capacity, struct dictionary *to)
{
	struct dictionary made = *from;
	made.pool = to->pool;
	made.slot_count = slot_count;
	made.capacity = capacity;
	size_t table_bytes = slot_count * sizeof(struct slot), bytes = pool_size(dictionary_size(&made));
	size_t most = (bytes - table_bytes) / UNIT; /* all that the block holds */
	made.capacity = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
	made.block = pool_take(made.pool, bytes);
	if (made.block == NULL)
		return -1;
	if (slot_count == from->slot_count) {
		memcpy(made.block, from->block, table_bytes);
	} else {
		memset(made.block, 0, table_bytes);
		for (uint32_t i = 0; i < from->slot_count; i++)
			if (slots_of(from)[i].number != 0)
				put_slot(slots_of(&made), slot_count, slots_of(from)[i]);
	}
	if (made.used > 0)
		memcpy(text_at(&made, 0), text_at(from, 0), (size_t)made.used * UNIT);
	*to = made;
	return 0;
}

static bool slots_last(const struct dictionary *dictionary, uint64_t count)
{
	return count * 2 < dictionary->slot_count;
}

/* Makes room for one more text of so many units. */
static int grow(struct dictionary *dictionary, size_t units)
{
	bool slots_left = slots_last(dictionary, (uint64_t)dictionary->count + 1);
	if (slots_left && units <= dictionary->capacity - dictionary->used)
		return 0;
	if (units > UNITS_MAX - dictionary->used || dictionary->slot_count > UNITS_MAX)
		return -1;
	struct dictionary before = *dictionary;
	uint32_t slot_count = dictionary->slot_count, capacity = dictionary->capacity;
	if (!slots_left)
		slot_count = slot_count == 0 ? FIRST_SLOTS : 2 * slot_count;
	if (units > capacity - dictionary->used)
		capacity = dictionary->used + dictionary->used / 2 + (uint32_t)units + FIRST_UNITS;
	if (transfer(&before, slot_count, capacity, dictionary) != 0)
		return -1;
	pool_give(before.pool, before.block, dictionary_size(&before));
	return 0;
}

int dictionary_add(struct dictionary *dictionary, uint64_t hash, struct slice text, int64_t *number)
{
	assert(text.data != NULL || text.length == 0);
	uint32_t length = (uint32_t)text.length;
	size_t units = (sizeof length + text.length + UNIT - 1) / UNIT;
	if (text.length > UINT32_MAX / 2 || grow(dictionary, units) != 0)
		return -1;
	uint8_t *at = text_at(dictionary, dictionary->used);
	memcpy(at, &length, sizeof length);
	if (length > 0)
		memcpy(at + sizeof length, text.data, length);
	*number = dictionary->used;
	put_slot(slots_of(dictionary), dictionary->slot_count, (struct slot){(uint32_t)hash, dictionary->used + 1});
	dictionary->used += (uint32_t)units;
	dictionary->count++;
	return 0;
}

int64_t dictionary_bound(const struct dictionary *dictionary)
{
	assert(dictionary->used <= dictionary->capacity);
	return dictionary->used;
}

void dictionary_prefetch(const struct dictionary *dictionary, uint64_t hash)
{
	if (dictionary->slot_count > 0)
		__builtin_prefetch(&slots_of(dictionary)[(uint32_t)hash & (dictionary->slot_count - 1)]);
}

void dictionary_prefetch_texts(const struct dictionary *dictionary)
{
	if (dictionary->used > 0)
		slice_prefetch((struct slice){text_at(dictionary, 0), (size_t)dictionary->used * UNIT});
}

int dictionary_copy(struct dictionary *dictionary, const struct dictionary *other)
{
	assert(dictionary->block == NULL);
	if (other->block == NULL)
		return 0;
	uint32_t slot_count = other->slot_count, capacity = other->used;
	if (!slots_last(other, (uint64_t)other->count + other->count / 2) && slot_count <= UNITS_MAX)
		slot_count *= 2;
	if (capacity <= UNITS_MAX)
		capacity += capacity / 2;
	return transfer(other, slot_count, capacity, dictionary);
}

size_t dictionary_size(const struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	return dictionary->slot_count * sizeof(struct slot) + (size_t)dictionary->capacity * UNIT;
}
