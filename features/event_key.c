#include "cursor.h"
#include "features/event.h"

#include <assert.h>

#define FRAME_MAGIC 0
#define FRAME_SCHEMA_BYTES 4
#define MURMUR2_SEED 0x9747b28cu /* Kafka's, org.apache.kafka.common.utils.Utils.murmur2 */
#define MURMUR2_FACTOR 0x5bd1e995u
#define MURMUR2_SHIFT 24

static uint32_t murmur2(struct slice key)
{
	const uint8_t *at = key.data;
	size_t left = key.length;
	uint32_t hash = MURMUR2_SEED ^ (uint32_t)key.length;
	for (; left >= 4; at += 4, left -= 4) {
		uint32_t word = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
		word *= MURMUR2_FACTOR;
		word ^= word >> MURMUR2_SHIFT;
		hash = hash * MURMUR2_FACTOR ^ word * MURMUR2_FACTOR;
	}
	if (left >= 3)
		hash ^= (uint32_t)at[2] << 16;
	if (left >= 2)
		hash ^= (uint32_t)at[1] << 8;
	if (left >= 1) {
		hash ^= at[0];
		hash *= MURMUR2_FACTOR;
	}
	hash ^= hash >> 13;
	hash *= MURMUR2_FACTOR;
	return hash ^ hash >> 15;
}

int32_t partition_murmur2(struct slice key, int32_t count)
{
	assert(count > 0);
	return (int32_t)((murmur2(key) & 0x7fffffff) % (uint32_t)count);
}

/* CRC-32 of IEEE 802.3, four bits a step: keys are short and checked once a record. */
static uint32_t crc32_of(struct slice bytes)
{
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
					   0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	const uint8_t *at = bytes.data;
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < bytes.length; i++) {
		crc ^= at[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

int32_t partition_crc32(struct slice key, int32_t count)
{
	assert(count > 0);
	return (int32_t)(crc32_of(key) % (uint32_t)count);
}

/* Confluent's framing before Avro's string of the text, or before the long of the integer. */
static bool is_framed_key(const struct event_builder *builder, struct slice key)
{
	struct cursor cursor = cursor_over(key);
	if (cursor_byte(&cursor) != FRAME_MAGIC)
		return false;
	(void)cursor_bytes(&cursor, FRAME_SCHEMA_BYTES);
	struct cursor text = cursor;
	int64_t length = cursor_zigzag(&text);
	if (length >= 0 && slice_equal(cursor_bytes(&text, (uint64_t)length), builder->key_text) && !text.failed &&
	    cursor_left(&text) == 0)
		return true;
	int64_t integer = cursor_zigzag(&cursor);
	return builder->key_is_integer && !cursor.failed && cursor_left(&cursor) == 0 &&
	       integer == builder->key_integer;
}

static enum reason refuse(struct err *err, const char *message)
{
	(void)err_set(err, ERR_DATA, "%s", message);
	return REASON_KEY;
}

enum reason event_check_key(const struct event_builder *builder, struct slice key, int32_t partition,
			    int32_t partition_count, struct err *err)
{
	const struct event_schema *schema = builder->schema;
	bool check_partition = schema->partitioner != PARTITIONER_UNCHECKED;
	if (schema->key_path == NULL && !check_partition)
		return REASON_NONE;
	if (key.data == NULL)
		return refuse(err, "the record has no key");
	if (schema->key_path != NULL) {
		if (!builder->has_key) {
			(void)err_set(err, ERR_DATA, "%s: null or absent, but the record has a key", schema->key_path);
			return REASON_KEY;
		}
		if (!slice_equal(key, builder->key_text) && !is_framed_key(builder, key)) {
			(void)err_set(err, ERR_DATA, "the record's key is not %s", schema->key_path);
			return REASON_KEY;
		}
	}
	if (!check_partition)
		return REASON_NONE;
	int32_t right = schema->partitioner == PARTITIONER_MURMUR2 ? partition_murmur2(key, partition_count)
								   : partition_crc32(key, partition_count);
	if (partition == right)
		return REASON_NONE;
	(void)err_set(err, ERR_DATA, "the record is in partition %d, but %s gives %d of %d for its key", (int)partition,
		      schema->partitioner == PARTITIONER_MURMUR2 ? "murmur2" : "crc32", (int)right,
		      (int)partition_count);
	return REASON_KEY;
}
