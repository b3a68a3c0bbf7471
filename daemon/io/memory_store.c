#include "daemon/io/memory_store.h"

#include "daemon/io/memory_table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct partition {
	int32_t number;
	bool marked;
	struct buffer marker;
	struct memory_table records;
	bool reply_lost; /* of the write that made the present marker */
	struct buffer lost_expected;
	bool lost_marked; /* lost_expected was a marker, not none */
};

struct state {
	struct partition *partitions;
	size_t count, capacity;
};

struct memory_store {
	uint8_t key[SIPHASH_KEY_BYTES];
	struct state now, snapshot;
	size_t failures, lost_replies; /* still to come */
	uint64_t restarts, evicted;    /* evicted: since the last restart */
};

struct memory_store *memory_store_new(void)
{
	struct memory_store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return NULL;
	/* The key orders nothing that can be seen, so it may be random; without entropy the zeros still work. */
	(void)!getrandom(store->key, sizeof store->key, GRND_NONBLOCK);
	return store;
}

static void empty_state(struct state *state)
{
	for (size_t i = 0; i < state->count; i++) {
		buffer_free(&state->partitions[i].marker);
		buffer_free(&state->partitions[i].lost_expected);
		memory_table_free(&state->partitions[i].records);
	}
	free(state->partitions);
	*state = (struct state){0};
}

void memory_store_free(struct memory_store *store)
{
	if (store == NULL)
		return;
	empty_state(&store->now);
	empty_state(&store->snapshot);
	free(store);
}

static struct partition *find(const struct state *state, int32_t number)
{
	for (size_t i = 0; i < state->count; i++)
		if (state->partitions[i].number == number)
			return &state->partitions[i];
	return NULL;
}

static struct partition *find_or_add(struct memory_store *store, struct state *state, int32_t number)
{
	struct partition *partition = find(state, number);
	if (partition != NULL)
		return partition;
	if (state->count == state->capacity) {
		size_t capacity = state->capacity == 0 ? 8 : 2 * state->capacity;
		if (capacity > SIZE_MAX / sizeof *state->partitions)
			return NULL;
		void *partitions = realloc(state->partitions, capacity * sizeof *state->partitions);
		if (partitions == NULL)
			return NULL;
		state->partitions = partitions;
		state->capacity = capacity;
	}
	partition = &state->partitions[state->count++];
	*partition = (struct partition){.number = number};
	buffer_init(&partition->marker);
	buffer_init(&partition->lost_expected);
	memory_table_init(&partition->records, store->key);
	return partition;
}

static struct slice marker_of(const struct partition *partition)
{
	if (partition == NULL || !partition->marked)
		return (struct slice){NULL, 0};
	return buffer_slice(&partition->marker);
}

static bool same_marker(struct slice a, struct slice b)
{
	if (a.data == NULL || b.data == NULL)
		return a.data == b.data;
	return slice_equal(a, b);
}

static int fail_on_request(struct memory_store *store, struct err *err)
{
	if (store->failures == 0)
		return 0;
	store->failures--;
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "memory store: a failure was asked for");
}

static int look(void *self, struct err *err)
{
	return fail_on_request(self, err);
}

static int copy_out(struct arena *arena, struct slice from, struct slice *to, struct err *err)
{
	*to = from;
	if (from.data == NULL)
		return 0;
	*to = arena_copy(arena, from);
	return to->data != NULL ? 0
				: err_set(err, ERR_MEMORY, "the records read do not fit into the memory of a batch");
}

static int read_store(void *self, int32_t number, struct slice *marker, struct state_record *records, size_t count,
		      struct arena *arena, struct err *err)
{
	struct memory_store *store = self;
	assert(records != NULL || count == 0);
	if (fail_on_request(store, err) < 0)
		return -1;
	const struct partition *partition = find(&store->now, number);
	if (copy_out(arena, marker_of(partition), marker, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct slice value = {NULL, 0};
		if (partition != NULL)
			value = memory_table_get(&partition->records, records[i].entity);
		if (copy_out(arena, value, &records[i].value, err) < 0)
			return -1;
	}
	return 0;
}

static void replace(struct buffer *buffer, struct slice bytes)
{
	buffer_reset(buffer);
	buffer_add(buffer, bytes.data, bytes.length);
}

/* Everything that can fail comes first, and changes nothing that a reader sees. */
static int prepare(struct partition *partition, struct slice marker, const struct state_record *records, size_t count)
{
	if (memory_table_make_room(&partition->records, count) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (records[i].value.data != NULL &&
		    memory_table_reserve(&partition->records, records[i].entity, records[i].value.length) < 0)
			return -1;
	struct slice present = buffer_slice(&partition->marker);
	replace(&partition->lost_expected, present);
	buffer_add(&partition->marker, marker.data, marker.length);
	bool failed = buffer_failed(&partition->marker) || buffer_failed(&partition->lost_expected);
	partition->marker.length = present.length;
	partition->marker.failed = false;
	return failed ? -1 : 0;
}

static int write_store(void *self, int32_t number, struct slice expected, struct slice marker,
		       const struct state_record *records, size_t count, enum store_write *result, struct err *err)
{
	struct memory_store *store = self;
	assert(marker.data != NULL && (records != NULL || count == 0));
	if (fail_on_request(store, err) < 0)
		return -1;
	struct partition *partition = find_or_add(store, &store->now, number);
	if (partition == NULL)
		return err_memory(err);
	struct slice present = marker_of(partition);
	if (!same_marker(present, expected)) {
		struct slice lost = {NULL, 0};
		if (partition->lost_marked)
			lost = buffer_slice(&partition->lost_expected);
		bool resolved = partition->reply_lost && same_marker(lost, expected) && same_marker(present, marker);
		*result = resolved ? STORE_WRITTEN : STORE_CONFLICT;
		partition->reply_lost = false;
		return 0;
	}
	if (prepare(partition, marker, records, count) < 0)
		return err_memory(err);
	for (size_t i = 0; i < count; i++)
		memory_table_put(&partition->records, records[i].entity, records[i].value);
	partition->lost_marked = partition->marked;
	replace(&partition->marker, marker);
	partition->marked = true;
	partition->reply_lost = store->lost_replies > 0;
	*result = STORE_WRITTEN;
	if (!partition->reply_lost)
		return 0;
	store->lost_replies--;
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "memory store: the loss of a reply was asked for");
}

static struct store_facts facts_of(void *self)
{
	const struct memory_store *store = self;
	struct store_facts facts = {.server = {.evicted = store->evicted}, .used_bytes = -1, .connected = true};
	snprintf(facts.server.id, sizeof facts.server.id, "memory-%" PRIu64, store->restarts);
	return facts;
}

static void close_store(void *self)
{
	(void)self;
}

struct store memory_store_port(struct memory_store *store)
{
	return (struct store){.self = store,
			      .open = look,
			      .read = read_store,
			      .write = write_store,
			      .check = look,
			      .facts = facts_of,
			      .close = close_store};
}

static int copy_state(struct memory_store *store, const struct state *from, struct state *to)
{
	assert(to->count == 0);
	for (size_t i = 0; i < from->count; i++) {
		const struct partition *partition = &from->partitions[i];
		struct partition *copy = find_or_add(store, to, partition->number);
		if (copy == NULL)
			return -1;
		copy->marked = partition->marked;
		replace(&copy->marker, buffer_slice(&partition->marker));
		if (buffer_failed(&copy->marker) || memory_table_copy(&partition->records, &copy->records) < 0)
			return -1;
	}
	return 0;
}

int memory_store_snapshot(struct memory_store *store)
{
	struct state copy = {0};
	if (copy_state(store, &store->now, &copy) < 0) {
		empty_state(&copy);
		return -1;
	}
	empty_state(&store->snapshot);
	store->snapshot = copy;
	return 0;
}

void memory_store_rollback(struct memory_store *store)
{
	struct state copy = {0};
	bool kept = copy_state(store, &store->snapshot, &copy) == 0;
	empty_state(&store->now);
	if (kept) {
		store->now = copy;
		return;
	}
	/* Without memory for a copy the snapshot itself is used up. */
	empty_state(&copy);
	store->now = store->snapshot;
	store->snapshot = (struct state){0};
}

void memory_store_flush(struct memory_store *store)
{
	empty_state(&store->now);
}

void memory_store_fail(struct memory_store *store, size_t count)
{
	store->failures = count;
}

void memory_store_lose_replies(struct memory_store *store, size_t count)
{
	store->lost_replies = count;
}

void memory_store_evict(struct memory_store *store, int32_t partition, struct slice entity)
{
	struct partition *found = find(&store->now, partition);
	if (found != NULL && memory_table_get(&found->records, entity).data != NULL)
		memory_table_put(&found->records, entity, (struct slice){NULL, 0});
	store->evicted++;
}

void memory_store_restart(struct memory_store *store)
{
	store->restarts++;
	store->evicted = 0;
}

void memory_store_visit(const struct memory_store *store, int32_t partition,
			void (*visit)(void *context, struct slice entity, struct slice value), void *context)
{
	const struct partition *found = find(&store->now, partition);
	if (found != NULL)
		memory_table_visit(&found->records, visit, context);
}

struct slice memory_store_marker(const struct memory_store *store, int32_t partition)
{
	return marker_of(find(&store->now, partition));
}
