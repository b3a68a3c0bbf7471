#include "daemon/io/redis_read.h"

#include "daemon/io/redis_command.h"
#include "daemon/io/redis_server.h"

#include <assert.h>

#define ATTEMPTS_MAX 5

struct progress {
	const struct redis_read *read;
	size_t asked; /* records */
	size_t chunks;
	bool changed; /* two chunks saw different markers */
	struct err *err;
};

static size_t chunk_keys(const struct redis_read *read, size_t first)
{
	size_t left = read->count - first;
	return left < REDIS_READ_KEYS_MAX ? left : REDIS_READ_KEYS_MAX;
}

static size_t next_chunk(void *self, struct buffer *out)
{
	struct progress *progress = self;
	const struct redis_read *read = progress->read;
	if (progress->chunks > 0 && progress->asked == read->count)
		return 0;
	size_t keys = chunk_keys(read, progress->asked);
	redis_command_begin(out, 2 + keys);
	redis_command_add(out, slice_of("MGET"));
	redis_command_add(out, read->marker_key);
	for (size_t i = 0; i < keys; i++)
		redis_command_add_joined(out, read->record_prefix, read->records[progress->asked + i].entity);
	progress->asked += keys;
	progress->chunks++;
	return 1;
}

static bool copy(struct progress *progress, struct slice from, struct slice *to)
{
	*to = arena_copy(progress->read->arena, from);
	if (to->data == NULL)
		err_set(progress->err, ERR_MEMORY, "the records read do not fit into the memory of a batch");
	return to->data != NULL;
}

static bool take_marker(struct progress *progress, size_t chunk, struct slice marker)
{
	struct slice *first = progress->read->marker;
	if (chunk > 0) {
		progress->changed |= (first->data == NULL) != (marker.data == NULL) || !slice_equal(*first, marker);
		return true;
	}
	*first = marker;
	return marker.data == NULL || copy(progress, marker, first);
}

static bool take(void *self, const struct redis_piece *piece)
{
	struct progress *progress = self;
	const struct redis_read *read = progress->read;
	if (piece->kind == REDIS_ERROR && piece->depth == 0) {
		redis_server_refused("MGET", piece->text, true, progress->err);
		return false;
	}
	size_t first = piece->reply * REDIS_READ_KEYS_MAX;
	if (piece->reply >= progress->chunks)
		goto absurd;
	if (piece->kind == REDIS_ARRAY && piece->depth == 0 && piece->integer == (int64_t)chunk_keys(read, first) + 1)
		return true;
	if (piece->depth != 1 || (piece->kind != REDIS_STRING && piece->kind != REDIS_NIL))
		goto absurd;
	if (piece->index == 0)
		return take_marker(progress, piece->reply, piece->text);
	struct slice *value = &read->records[first + piece->index - 1].value;
	*value = piece->text;
	return piece->kind == REDIS_NIL || copy(progress, piece->text, value);
absurd:
	redis_server_absurd("MGET", progress->err);
	return false;
}

int redis_read_run(struct redis_connection *connection, const struct redis_read *read, struct err *err)
{
	assert(read->records != NULL || read->count == 0);
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		struct progress progress = {.read = read, .err = err};
		struct redis_exchange exchange = {&progress, next_chunk, take};
		if (redis_connection_exchange(connection, &exchange, err) < 0)
			return -1;
		if (!progress.changed)
			return 0;
	}
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "MGET: another process is writing this partition");
}
