#include "daemon/pipeline/partition.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define DIRTY_FIRST 1024

/* How many records ahead of the one written an entity's entry, entity, head of rows and rows are fetched. */
enum { AHEAD_ENTRY = 16, AHEAD_ENTITY = 12, AHEAD_HEAD = 8, AHEAD_ROWS = 2 };

enum { RECENT_NEITHER, RECENT_DEAD, RECENT_LATE };

struct partition *partition_new(int32_t number)
{
	struct partition *partition = calloc(1, sizeof *partition);
	if (partition == NULL)
		return NULL;
	partition->number = number;
	partition->committed = OFFSET_NONE;
	buffer_init(&partition->stored);
	buffer_init(&partition->next);
	watermark_init(&partition->marker.watermark);
	partition->cache = entities_new();
	partition->recent = calloc(PARTITION_RECENT, 1);
	if (partition->cache == NULL || partition->recent == NULL) {
		partition_free(partition);
		return NULL;
	}
	return partition;
}

void partition_free(struct partition *partition)
{
	if (partition == NULL)
		return;
	entities_free(partition->cache);
	buffer_free(&partition->stored);
	buffer_free(&partition->next);
	free(partition->dirty);
	free(partition->recent);
	free(partition);
}

int partition_expect_dirty(struct partition *partition, size_t more, struct err *err)
{
	size_t capacity = partition->dirty_capacity == 0 ? DIRTY_FIRST : partition->dirty_capacity;
	while (capacity - partition->dirty_count < more)
		capacity *= 2;
	if (capacity == partition->dirty_capacity)
		return 0;
	struct entry **dirty = realloc(partition->dirty, capacity * sizeof *dirty);
	if (dirty == NULL)
		return err_memory(err);
	partition->dirty = dirty;
	partition->dirty_capacity = capacity;
	return 0;
}

void partition_mark_dirty(struct partition *partition, struct entry *entry)
{
	if (entry->dirty)
		return;
	assert(partition->dirty_count < partition->dirty_capacity);
	entry->dirty = true;
	partition->dirty[partition->dirty_count++] = entry;
}

static const struct entry *ahead(const struct partition *partition, size_t i)
{
	return i < partition->dirty_count ? partition->dirty[i] : NULL;
}

/* States lie in cold memory, each behind three pointers: fetched one step at a time while the records before are written. */
static void look_ahead(const struct partition *partition, size_t i)
{
	const struct entry *entity = ahead(partition, i + AHEAD_ENTITY), *head = ahead(partition, i + AHEAD_HEAD),
			   *rows = ahead(partition, i + AHEAD_ROWS);
	__builtin_prefetch(ahead(partition, i + AHEAD_ENTRY));
	if (entity != NULL)
		__builtin_prefetch(entity->entity);
	if (head != NULL)
		entity_prefetch_head(head->entity);
	if (rows != NULL)
		entity_prefetch_record(rows->entity);
}

/* Encodes all dirty records behind each other; slices are set once the buffer does not move any more. */
static struct state_record *encode_dirty(struct partition *partition, struct buffer *bytes, struct arena *arena)
{
	size_t count = partition->dirty_count;
	struct state_record *records = arena_take(arena, (count + 1) * sizeof *records);
	size_t *ends = arena_take(arena, (count + 1) * sizeof *ends);
	if (records == NULL || ends == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		look_ahead(partition, i);
		entity_encode(partition->dirty[i]->entity, partition->marker.generation, bytes);
		ends[i] = bytes->length;
	}
	if (buffer_failed(bytes))
		return NULL;
	for (size_t i = 0, from = 0; i < count; from = ends[i++]) {
		const struct entry *entry = partition->dirty[i];
		records[i].entity = (struct slice){entry->text, entry->length};
		records[i].value = (struct slice){bytes->data + from, ends[i] - from};
	}
	return records;
}

int partition_write(struct partition *partition, const struct store *store, struct buffer *record, struct arena *arena,
		    enum store_write *result, struct err *err)
{
	struct buffer *marker = &partition->next;
	struct slice expected = buffer_slice(&partition->stored);
	*result = STORE_WRITTEN;
	if (partition->marker.generation == 0)
		return 0; /* halted before it had a state of its own: what the store holds stays */
	buffer_reset(marker);
	marker_encode(&partition->marker, marker);
	if (partition->stored.length != 0 && slice_equal(buffer_slice(marker), expected))
		return 0;
	if (partition->stored.length == 0)
		expected = (struct slice){NULL, 0};
	buffer_reset(record);
	struct state_record *records = encode_dirty(partition, record, arena);
	if (records == NULL || buffer_failed(marker))
		return err_memory(err);
	int status = store->write(store->self, partition->number, expected, buffer_slice(marker), records,
				  partition->dirty_count, result, err);
	if (status != 0 || *result != STORE_WRITTEN)
		return status;
	for (size_t i = 0; i < partition->dirty_count; i++)
		partition->dirty[i]->dirty = false;
	partition->dirty_count = 0;
	partition->stored_next = partition->marker.next_offset;
	struct buffer before = partition->stored;
	partition->stored = *marker;
	*marker = before;
	return 0;
}

int partition_load(struct partition *partition, const struct feature_set *set, const struct store *store,
		   struct entry **entries, size_t count, struct arena *arena, bool *stale, struct err *err)
{
	struct slice marker = {NULL, 0};
	struct state_record *records = arena_take_zeroed(arena, count + 1, sizeof *records);
	if (records == NULL)
		return err_memory(err);
	for (size_t i = 0; i < count; i++)
		records[i].entity = (struct slice){entries[i]->text, entries[i]->length};
	if (store->read(store->self, partition->number, &marker, records, count, arena, err) != 0)
		return -1;
	*stale = !slice_equal(marker, buffer_slice(&partition->stored));
	if (*stale)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct entity *entity = NULL;
		enum entity_read read = ENTITY_ABSENT;
		if (records[i].value.data != NULL)
			read = entity_decode(set, records[i].value, partition->marker.generation, &entity, err);
		if (read == ENTITY_CORRUPT && err->code == ERR_MEMORY)
			return -1;
		if (read == ENTITY_CORRUPT) {
			(void)err_prepend(err,
					  "partition %" PRId32 ": the state record of the entity with hash %016" PRIx64,
					  partition->number, entries[i]->hash);
			err->action = ERR_HALT_PARTITION;
			return -1;
		}
		if (read == ENTITY_ABSENT)
			entity = entity_new(set);
		if (entity == NULL)
			return err_memory(err);
		entities_set(partition->cache, entries[i], entity);
		entries[i]->loaded = true;
	}
	return 0;
}

void partition_count_recent(struct partition *partition, bool dead_letter, bool late)
{
	uint8_t *class = &partition->recent[partition->recent_at];
	partition->recent_dead -= *class == RECENT_DEAD;
	partition->recent_late -= *class == RECENT_LATE;
	*class = dead_letter ? RECENT_DEAD : late ? RECENT_LATE : RECENT_NEITHER;
	partition->recent_dead += *class == RECENT_DEAD;
	partition->recent_late += *class == RECENT_LATE;
	partition->recent_at = (partition->recent_at + 1) % PARTITION_RECENT;
}

const char *partition_over_cap(const struct partition *partition, const struct batch_limits *limits)
{
	if ((double)partition->recent_dead > limits->dead_letters * PARTITION_RECENT)
		return "dead_letters";
	if ((double)partition->recent_late > limits->late * PARTITION_RECENT)
		return "late";
	return NULL;
}
