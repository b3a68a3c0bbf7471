#include "daemon/pipeline/marker.h"

#include "cursor.h"
#include "siphash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define VERSION_PLAIN 1
#define FLAG_NOTHING_COMMITTED 1u

static void add_leader(struct buffer *bytes, const struct leader *leader)
{
	buffer_add_le64(bytes, (uint64_t)leader->time_ms);
	buffer_add_varint(bytes, leader->length);
	buffer_add(bytes, leader->entity, leader->length);
}

void marker_encode(const struct marker *marker, struct buffer *bytes)
{
	size_t cluster = strlen(marker->cluster_id), server = strlen(marker->server.id);
	assert(marker->generation != 0 && cluster < MARKER_CLUSTER_MAX && server < STORE_SERVER_ID_MAX);
	bool upstream = marker->watermark.upstream_count > 0;
	buffer_add_byte(bytes, upstream ? MARKER_VERSION : VERSION_PLAIN);
	buffer_add_byte(bytes, marker->nothing_committed ? FLAG_NOTHING_COMMITTED : 0);
	buffer_add_le64(bytes, (uint64_t)marker->next_offset);
	buffer_add(bytes, marker->state_id, SHA256_BYTES);
	buffer_add_le64(bytes, marker->generation);
	buffer_add_le64(bytes, marker->replaces);
	buffer_add_le32(bytes, (uint32_t)marker->partition_count);
	buffer_add_varint(bytes, cluster);
	buffer_add(bytes, marker->cluster_id, cluster);
	buffer_add_le64(bytes, (uint64_t)marker->last_offset);
	buffer_add_le64(bytes, marker->last_hash);
	buffer_add_le64(bytes, (uint64_t)marker->counted_from);
	buffer_add_le64(bytes, (uint64_t)marker->watermark.complete_since_ms);
	add_leader(bytes, &marker->watermark.leaders[0]);
	add_leader(bytes, &marker->watermark.leaders[1]);
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		buffer_add_varint(bytes, marker->outcomes[i]);
	buffer_add_varint(bytes, server);
	buffer_add(bytes, marker->server.id, server);
	buffer_add_varint(bytes, marker->server.evicted);
	if (!upstream)
		return;
	buffer_add_varint(bytes, (uint64_t)marker->watermark.upstream_count);
	for (int32_t i = 0; i < marker->watermark.upstream_count; i++)
		buffer_add_le64(bytes, (uint64_t)marker->watermark.upstream[i]);
}

/* A text of less than size bytes; the place for it is zeroed. */
static void read_text(struct cursor *cursor, char *text, size_t size)
{
	uint64_t length = cursor_varint(cursor);
	if (length >= size) {
		cursor_fail(cursor);
		return;
	}
	struct slice bytes = cursor_bytes(cursor, length);
	if (bytes.length > 0)
		memcpy(text, bytes.data, bytes.length);
}

static void read_leader(struct cursor *cursor, struct leader *leader)
{
	leader->time_ms = (int64_t)cursor_le64(cursor);
	uint64_t length = cursor_varint(cursor);
	if (length > EVENT_ENTITY_MAX) {
		cursor_fail(cursor);
		return;
	}
	struct slice text = cursor_bytes(cursor, length);
	leader->length = (uint16_t)text.length;
	if (text.length > 0)
		memcpy(leader->entity, text.data, text.length);
}

static void read_upstream(struct cursor *cursor, struct watermark *watermark)
{
	uint64_t count = cursor_varint(cursor);
	if (count < 1 || count > WATERMARK_UPSTREAM_MAX) {
		cursor_fail(cursor);
		return;
	}
	for (int32_t i = 0; i < (int32_t)count; i++)
		watermark_upstream(watermark, (int32_t)count, i, (int64_t)cursor_le64(cursor));
}

int marker_decode(struct slice bytes, struct marker *marker, struct err *err)
{
	struct cursor cursor = cursor_over(bytes);
	memset(marker, 0, sizeof *marker);
	unsigned version = cursor_byte(&cursor);
	if (version > MARKER_VERSION)
		return err_set(err, ERR_HALT,
			       "marker version %u is newer than %d: run the newer outlierd that wrote it", version,
			       MARKER_VERSION);
	uint8_t flags = cursor_byte(&cursor);
	marker->nothing_committed = (flags & FLAG_NOTHING_COMMITTED) != 0;
	marker->next_offset = (int64_t)cursor_le64(&cursor);
	struct slice state_id = cursor_bytes(&cursor, SHA256_BYTES);
	if (state_id.length == SHA256_BYTES)
		memcpy(marker->state_id, state_id.data, SHA256_BYTES);
	marker->generation = cursor_le64(&cursor);
	marker->replaces = cursor_le64(&cursor);
	marker->partition_count = (int32_t)cursor_le32(&cursor);
	read_text(&cursor, marker->cluster_id, sizeof marker->cluster_id);
	marker->last_offset = (int64_t)cursor_le64(&cursor);
	marker->last_hash = cursor_le64(&cursor);
	marker->counted_from = (int64_t)cursor_le64(&cursor);
	marker->watermark.complete_since_ms = (int64_t)cursor_le64(&cursor);
	read_leader(&cursor, &marker->watermark.leaders[0]);
	read_leader(&cursor, &marker->watermark.leaders[1]);
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		marker->outcomes[i] = cursor_varint(&cursor);
	read_text(&cursor, marker->server.id, sizeof marker->server.id);
	marker->server.evicted = cursor_varint(&cursor);
	if (version > VERSION_PLAIN)
		read_upstream(&cursor, &marker->watermark);
	if (version < 1 || cursor.failed || cursor_left(&cursor) != 0 || marker->generation == 0 ||
	    marker->next_offset < 0)
		return err_set(err, ERR_HALT,
			       "the marker of %zu bytes cannot be read: it is damaged, or not outlierd's",
			       bytes.length);
	return 0;
}

uint64_t marker_record_hash(const struct record *record)
{
	/* No secret is needed: this tells an old log from a new one, nobody gains by a collision. */
	static const uint8_t key[SIPHASH_KEY_BYTES] = "outlierd record";
	uint64_t parts[3] = {siphash(key, record->key), siphash(key, record->value), (uint64_t)record->timestamp_ms};
	return siphash(key, (struct slice){parts, sizeof parts});
}

static int write_time(char *text, size_t size, char name, int64_t time_ms)
{
	if (time_ms == WATERMARK_NONE)
		return snprintf(text, size, ";%c=none", name);
	return snprintf(text, size, ";%c=%" PRId64, name, time_ms);
}

void marker_metadata_write(const struct marker *marker, char text[POSITION_METADATA_MAX])
{
	size_t at = 0, size = POSITION_METADATA_MAX;
	at += (size_t)snprintf(text, size, "v1;g=%016" PRIx64, marker->generation);
	at += (size_t)write_time(text + at, size - at, 'w', watermark_ms(&marker->watermark));
	at += (size_t)write_time(text + at, size - at, 'c', marker->watermark.complete_since_ms);
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%" PRIu64, i == 0 ? ";n=" : ",", marker->outcomes[i]);
	assert(at < size);
}

static bool read_time(const char **at, char name, int64_t *time_ms)
{
	int used = 0;
	if ((*at)[0] != ';' || (*at)[1] != name || (*at)[2] != '=')
		return false;
	*at += 3;
	if (strncmp(*at, "none", 4) == 0) {
		*time_ms = WATERMARK_NONE;
		*at += 4;
		return true;
	}
	if (sscanf(*at, "%" SCNd64 "%n", time_ms, &used) != 1)
		return false;
	*at += used;
	return true;
}

bool marker_metadata_read(const char *text, struct commit_metadata *metadata)
{
	int used = 0;
	if (sscanf(text, "v1;g=%16" SCNx64 "%n", &metadata->generation, &used) != 1 || used != 21)
		return false;
	text += used;
	if (!read_time(&text, 'w', &metadata->watermark_ms) || !read_time(&text, 'c', &metadata->complete_since_ms))
		return false;
	for (size_t i = 0; i < OUTCOME_NUMBER; i++) {
		char mark[4] = "";
		if (sscanf(text, i == 0 ? ";n%1[=]%" SCNu64 "%n" : "%1[,]%" SCNu64 "%n", mark, &metadata->outcomes[i],
			   &used) != 2)
			return false;
		text += used;
	}
	return *text == '\0';
}
