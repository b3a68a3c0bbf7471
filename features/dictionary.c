#include "features/dictionary.h"

#include <assert.h>
#include <stdlib.h>

#define UNIT 8 /* bytes */
#define FIRST_SLOTS ((uint32_t)16)
#define FIRST_UNITS ((uint32_t)16)
#define UNITS_MAX (UINT32_MAX / 2)

/* A place of the table. */
struct slot {
	uint32_t tag;    /* half of the hash; the place to begin at is its lower bits */
	uint32_t number; /* + 1; 0: free */
};

void dictionary_init(struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	*dictionary = (struct dictionary){0};
}

void dictionary_free(struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	free(dictionary->block);
	dictionary_init(dictionary);
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

/* Makes room for one more text of so many units. */
static int grow(struct dictionary *dictionary, size_t units)
{
	bool slots_left = (uint64_t)dictionary->count * 2 + 2 < dictionary->slot_count;
	if (slots_left && units <= dictionary->capacity - dictionary->used)
		return 0;
	if (units > UNITS_MAX - dictionary->used || dictionary->slot_count > UNITS_MAX)
		return -1;
	struct dictionary grown = *dictionary;
	if (!slots_left)
		grown.slot_count = grown.slot_count == 0 ? FIRST_SLOTS : 2 * grown.slot_count;
	if (units > grown.capacity - grown.used)
		grown.capacity = grown.used + grown.used / 2 + (uint32_t)units + FIRST_UNITS;
	grown.block = malloc(grown.slot_count * sizeof(struct slot) + (size_t)grown.capacity * UNIT);
	if (grown.block == NULL)
		return -1;
	memset(grown.block, 0, grown.slot_count * sizeof(struct slot));
	for (uint32_t i = 0; i < dictionary->slot_count; i++)
		if (slots_of(dictionary)[i].number != 0)
			put_slot(slots_of(&grown), grown.slot_count, slots_of(dictionary)[i]);
	if (grown.used > 0)
		memcpy(text_at(&grown, 0), text_at(dictionary, 0), (size_t)grown.used * UNIT);
	free(dictionary->block);
	*dictionary = grown;
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

int dictionary_copy(struct dictionary *dictionary, const struct dictionary *other)
{
	assert(dictionary->block == NULL);
	if (other->block == NULL)
		return 0;
	void *block = malloc(dictionary_size(other));
	if (block == NULL)
		return -1;
	size_t unused = (size_t)(other->capacity - other->used) * UNIT;
	memcpy(block, other->block, dictionary_size(other) - unused);
	*dictionary = *other;
	dictionary->block = block;
	return 0;
}

size_t dictionary_size(const struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	return dictionary->slot_count * sizeof(struct slot) + (size_t)dictionary->capacity * UNIT;
}
