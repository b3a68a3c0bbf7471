#include "features/dictionary.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_ENTRIES ((uint32_t)8)
#define FIRST_TEXT ((uint32_t)64)
#define SCANNED_MAX ((uint32_t)16) /* up to so many a scan of the hashes beats a table */
#define COUNT_MAX (UINT32_MAX / 4)

void dictionary_init(struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	*dictionary = (struct dictionary){0};
}

void dictionary_free(struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	free(dictionary->entries);
	free(dictionary->texts);
	free(dictionary->slots);
	dictionary_init(dictionary);
}

uint64_t dictionary_hash(const uint8_t key[SIPHASH_KEY_BYTES], struct slice text)
{
	assert(key != NULL);
	return siphash(key, text);
}

struct slice dictionary_text(const struct dictionary *dictionary, uint32_t number)
{
	assert(number < dictionary->count);
	const struct dictionary_entry *entry = &dictionary->entries[number];
	return (struct slice){dictionary->texts + entry->offset, entry->length};
}

static bool is_entry(const struct dictionary *dictionary, uint32_t number, uint64_t hash, struct slice text)
{
	return dictionary->entries[number].hash == hash && slice_equal(dictionary_text(dictionary, number), text);
}

int64_t dictionary_find(const struct dictionary *dictionary, uint64_t hash, struct slice text)
{
	assert(text.data != NULL || text.length == 0);
	if (dictionary->slots == NULL) {
		for (uint32_t i = 0; i < dictionary->count; i++)
			if (is_entry(dictionary, i, hash, text))
				return i;
		return DICTIONARY_NONE;
	}
	uint32_t mask = dictionary->slot_count - 1;
	for (uint32_t at = (uint32_t)hash & mask; dictionary->slots[at] != 0; at = (at + 1) & mask)
		if (is_entry(dictionary, dictionary->slots[at] - 1, hash, text))
			return dictionary->slots[at] - 1;
	return DICTIONARY_NONE;
}

static void put_slot(uint32_t *slots, uint32_t slot_count, uint64_t hash, uint32_t number)
{
	uint32_t mask = slot_count - 1, at = (uint32_t)hash & mask;
	while (slots[at] != 0)
		at = (at + 1) & mask;
	slots[at] = number + 1;
}

/* A table with at most half of its slots taken once one more entry is in. */
static int grow_slots(struct dictionary *dictionary)
{
	if (dictionary->count < SCANNED_MAX || (uint64_t)dictionary->count * 2 < dictionary->slot_count)
		return 0;
	uint32_t slot_count = dictionary->slots == NULL ? 4 * SCANNED_MAX : 2 * dictionary->slot_count;
	uint32_t *slots = calloc(slot_count, sizeof *slots);
	if (slots == NULL)
		return -1;
	for (uint32_t i = 0; i < dictionary->count; i++)
		put_slot(slots, slot_count, dictionary->entries[i].hash, i);
	free(dictionary->slots);
	dictionary->slots = slots;
	dictionary->slot_count = slot_count;
	return 0;
}

static int grow_entries(struct dictionary *dictionary)
{
	if (dictionary->count < dictionary->capacity)
		return 0;
	uint32_t capacity = dictionary->capacity == 0 ? FIRST_ENTRIES : 2 * dictionary->capacity;
	struct dictionary_entry *entries = realloc(dictionary->entries, capacity * sizeof *entries);
	if (entries == NULL)
		return -1;
	dictionary->entries = entries;
	dictionary->capacity = capacity;
	return 0;
}

static int grow_texts(struct dictionary *dictionary, size_t more)
{
	if (more <= dictionary->text_capacity - dictionary->text_length)
		return 0;
	if (more > UINT32_MAX / 2 || dictionary->text_length > UINT32_MAX / 2 - more)
		return -1;
	uint32_t capacity = dictionary->text_capacity == 0 ? FIRST_TEXT : dictionary->text_capacity;
	while (capacity - dictionary->text_length < more)
		capacity *= 2;
	char *texts = realloc(dictionary->texts, capacity);
	if (texts == NULL)
		return -1;
	dictionary->texts = texts;
	dictionary->text_capacity = capacity;
	return 0;
}

int dictionary_add(struct dictionary *dictionary, uint64_t hash, struct slice text)
{
	assert(dictionary_find(dictionary, hash, text) == DICTIONARY_NONE);
	if (dictionary->count >= COUNT_MAX || grow_entries(dictionary) != 0 ||
	    grow_texts(dictionary, text.length) != 0 || grow_slots(dictionary) != 0)
		return -1;
	uint32_t number = dictionary->count++;
	dictionary->entries[number] = (struct dictionary_entry){hash, dictionary->text_length, (uint32_t)text.length};
	if (text.length > 0)
		memcpy(dictionary->texts + dictionary->text_length, text.data, text.length);
	dictionary->text_length += (uint32_t)text.length;
	if (dictionary->slots != NULL)
		put_slot(dictionary->slots, dictionary->slot_count, hash, number);
	return 0;
}

size_t dictionary_size(const struct dictionary *dictionary)
{
	assert(dictionary != NULL);
	return dictionary->capacity * sizeof *dictionary->entries + dictionary->text_capacity +
	       dictionary->slot_count * sizeof *dictionary->slots;
}
