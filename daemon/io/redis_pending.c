#include "daemon/io/redis_pending.h"

#include "sha256.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)16)

struct redis_pending_entry {
	int32_t partition;
	bool unresolved;
	uint8_t digest[SHA256_BYTES]; /* of the write, where unresolved */
};

static void add_marker(struct sha256 *hash, struct slice marker)
{
	/* The length keeps apart what the concatenation would not; no marker is not an empty one. */
	uint64_t length = marker.data == NULL ? UINT64_MAX : marker.length;
	sha256_add(hash, &length, sizeof length);
	if (marker.data != NULL)
		sha256_add(hash, marker.data, marker.length);
}

static void digest_of(struct slice expected, struct slice marker, uint8_t digest[SHA256_BYTES])
{
	struct sha256 hash;
	sha256_init(&hash);
	add_marker(&hash, expected);
	add_marker(&hash, marker);
	sha256_end(&hash, digest);
}

static struct redis_pending_entry *find(const struct redis_pending *pending, int32_t partition)
{
	for (size_t i = 0; i < pending->count; i++)
		if (pending->entries[i].partition == partition)
			return &pending->entries[i];
	return NULL;
}

static int add(struct redis_pending *pending, int32_t partition, struct err *err)
{
	if (pending->count == pending->capacity) {
		size_t capacity = pending->capacity == 0 ? FIRST_CAPACITY : 2 * pending->capacity;
		if (capacity > SIZE_MAX / sizeof *pending->entries)
			return err_memory(err);
		void *entries = realloc(pending->entries, capacity * sizeof *pending->entries);
		if (entries == NULL)
			return err_memory(err);
		pending->entries = entries;
		pending->capacity = capacity;
	}
	pending->entries[pending->count++] = (struct redis_pending_entry){.partition = partition};
	return 0;
}

int redis_pending_get(struct redis_pending *pending, int32_t partition, struct slice expected, struct slice marker,
		      bool *unresolved, struct err *err)
{
	const struct redis_pending_entry *entry = find(pending, partition);
	*unresolved = false;
	if (entry == NULL)
		return add(pending, partition, err);
	if (entry->unresolved) {
		uint8_t digest[SHA256_BYTES];
		digest_of(expected, marker, digest);
		*unresolved = memcmp(digest, entry->digest, sizeof digest) == 0;
	}
	return 0;
}

void redis_pending_put(struct redis_pending *pending, int32_t partition, struct slice expected, struct slice marker,
		       bool unresolved)
{
	struct redis_pending_entry *entry = find(pending, partition);
	assert(entry != NULL);
	entry->unresolved = unresolved;
	if (unresolved)
		digest_of(expected, marker, entry->digest);
}

void redis_pending_free(struct redis_pending *pending)
{
	free(pending->entries);
	*pending = (struct redis_pending){0};
}
