/*
 * Reading untrusted bytes: a bounds-checked cursor with sticky failure. Every read of a failed cursor gives 0 or an
 * empty slice and moves nothing; the caller checks `failed` where it matters.
 */
#ifndef OUTLIERD_CURSOR_H
#define OUTLIERD_CURSOR_H

#include "slice.h"

#include <stdint.h>

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

/** A cursor over borrowed bytes. */
static inline struct cursor cursor_over(struct slice bytes)
{
	const uint8_t *start = bytes.data;
	return (struct cursor){start, start == NULL ? start : start + bytes.length, false};
}

/** Bytes not read yet. */
static inline size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/** Fails the cursor. */
static inline void cursor_fail(struct cursor *cursor)
{
	cursor->failed = true;
	cursor->at = cursor->end;
}

/** One byte. */
static inline uint8_t cursor_byte(struct cursor *cursor)
{
	if (cursor->at == cursor->end) {
		cursor_fail(cursor);
		return 0;
	}
	return *cursor->at++;
}

/** length bytes, borrowed from the input. */
static inline struct slice cursor_bytes(struct cursor *cursor, uint64_t length)
{
	if (length > cursor_left(cursor)) {
		cursor_fail(cursor);
		return (struct slice){NULL, 0};
	}
	struct slice bytes = {cursor->at, (size_t)length};
	cursor->at += length;
	return bytes;
}

/** An unsigned LEB128 number of at most 10 bytes that fits in 64 bits; else the cursor fails. */
static inline uint64_t cursor_varint(struct cursor *cursor)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (cursor->at == cursor->end)
			break;
		uint8_t byte = *cursor->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	cursor_fail(cursor);
	return 0;
}

/** A zigzag LEB128 number (Avro's long). */
static inline int64_t cursor_zigzag(struct cursor *cursor)
{
	uint64_t value = cursor_varint(cursor);
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/** A little-endian 32-bit number. */
static inline uint32_t cursor_le32(struct cursor *cursor)
{
	struct slice bytes = cursor_bytes(cursor, 4);
	const uint8_t *b = bytes.data;
	return b == NULL ? 0 : (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/** A little-endian 64-bit number. */
static inline uint64_t cursor_le64(struct cursor *cursor)
{
	uint64_t low = cursor_le32(cursor);
	return low | (uint64_t)cursor_le32(cursor) << 32;
}

#endif
