/*
 * Reading Avro's values from untrusted bytes. Every function takes the position and the end of the bytes and gives the
 * position behind the value, or NULL with *fault filled. fault->value is touched by runs only. Belongs to avro_decode.c;
 * inline where it is read once per value.
 */
#ifndef OUTLIERD_AVRO_READ_H
#define OUTLIERD_AVRO_READ_H

#include "daemon/io/avro_fault.h"

/** A zigzag varint of any length up to ten bytes. */
const uint8_t *avro_read_varint(const uint8_t *at, const uint8_t *end, int64_t *value, struct avro_fault *fault);

/** A string or bytes, whatever the form of their length. */
const uint8_t *avro_read_long_text(const uint8_t *at, const uint8_t *end, struct slice *text, struct avro_fault *fault);

/** True for well-formed UTF-8 (Unicode 15, table 3-7), byte for byte. */
bool avro_read_utf8(const uint8_t *at, size_t left);

/**
 * The heads of an array's or map's blocks, up to one with items to pass over one by one (frame->left > 0), or to the end
 * (0). A negative count comes with the block's size in bytes, by which it is passed over at once.
 */
const uint8_t *avro_read_block(const uint8_t *at, const uint8_t *end, struct avro_frame *frame,
			       struct avro_fault *fault);

#define AVRO_READ_HIGH_BITS UINT64_C(0x8080808080808080)

/* The low seven bits of each of eight bytes, least first, moved together. */
static inline uint64_t avro_read_join_sevens(uint64_t word)
{
	word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
	word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
	return (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

/** A long: one byte, two, up to eight at once where as many are left, or the slow way. */
static inline const uint8_t *avro_read_long(const uint8_t *at, const uint8_t *end, int64_t *value,
					    struct avro_fault *fault)
{
	uint64_t word;
	if (at != end && *at < 0x80) {
		*value = (*at >> 1) ^ -(*at & 1);
		return at + 1;
	}
	if (end - at >= 2 && at[1] < 0x80) {
		uint32_t bits = (*at & 0x7fu) | (uint32_t)at[1] << 7;
		*value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
		return at + 2;
	}
	if ((size_t)(end - at) >= sizeof word) {
		memcpy(&word, at, sizeof word);
		uint64_t last = ~word & AVRO_READ_HIGH_BITS; /* its lowest bit is in the last byte */
		if (last != 0) {
			uint64_t bits = avro_read_join_sevens(word & (last ^ (last - 1)));
			*value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
			return at + __builtin_ctzll(last) / 8 + 1;
		}
	}
	int64_t slow_value = 0; /* apart, so that *value need not lie in memory */
	at = avro_read_varint(at, end, &slow_value, fault);
	*value = slow_value;
	return at;
}

/** An int, which is a long that fits 32 bits. */
static inline const uint8_t *avro_read_int(const uint8_t *at, const uint8_t *end, int64_t *value,
					   struct avro_fault *fault)
{
	const uint8_t *next = avro_read_long(at, end, value, fault);
	return next != NULL && *value != (int32_t)*value ? avro_fault_note(fault, AVRO_FAULT_INT, at, 0) : next;
}

/** A boolean: a byte of 0 or 1. */
static inline const uint8_t *avro_read_boolean(const uint8_t *at, const uint8_t *end, bool *value,
					       struct avro_fault *fault)
{
	*value = false;
	if (at == end)
		return avro_fault_note(fault, AVRO_FAULT_ENDS, at, 0);
	if (*at > 1)
		return avro_fault_note(fault, AVRO_FAULT_BOOLEAN, at, *at);
	*value = *at == 1;
	return at + 1;
}

/** size bytes, whatever they are. */
static inline const uint8_t *avro_read_fixed(const uint8_t *at, const uint8_t *end, uint64_t size,
					     struct avro_fault *fault)
{
	return size > (uint64_t)(end - at) ? avro_fault_note(fault, AVRO_FAULT_ENDS_WITHIN, at, (int64_t)size)
					   : at + size;
}

/** A string or bytes of at most AVRO_TEXT_BYTES_MAX; *text borrows them. Says nothing about UTF-8. */
static inline const uint8_t *avro_read_text(const uint8_t *at, const uint8_t *end, struct slice *text,
					    struct avro_fault *fault)
{
	/* One byte and not negative: the position of all that follows hangs on this length, so its way is short. */
	if (at != end && (*at & 0x81) == 0) {
		*text = (struct slice){at + 1, *at >> 1};
		return text->length < (size_t)(end - at)
			   ? at + 1 + text->length
			   : avro_fault_note(fault, AVRO_FAULT_ENDS_WITHIN, at + 1, (int64_t)text->length);
	}
	struct slice slow_text = {at, 0}; /* apart, as above */
	at = avro_read_long_text(at, end, &slow_text, fault);
	*text = slow_text;
	return at;
}

/** The index of one of count branches or symbols; kind: the fault where there are fewer. */
static inline const uint8_t *avro_read_index(const uint8_t *at, const uint8_t *end, uint32_t count,
					     enum avro_fault_kind kind, uint32_t *index, struct avro_fault *fault)
{
	if (at != end && (*at & 0x81) == 0 && (uint32_t)*at >> 1 < count) {
		*index = *at >> 1;
		return at + 1;
	}
	int64_t value = 0;
	const uint8_t *next = avro_read_varint(at, end, &value, fault);
	*index = (uint32_t)value;
	return next != NULL && (uint64_t)value >= count ? avro_fault_note(fault, kind, at, value) : next;
}

/** True for well-formed UTF-8. Most text is ASCII, and short. */
static inline bool avro_read_is_utf8(struct slice text)
{
	const uint8_t *at = text.data;
	uint64_t word, high = 0;
	uint32_t half;
	if (text.length >= sizeof word) {
		for (size_t i = 0; i < text.length - sizeof word; i += sizeof word) {
			memcpy(&word, at + i, sizeof word);
			high |= word;
		}
		memcpy(&word, at + text.length - sizeof word, sizeof word);
		high |= word;
	} else if (text.length >= sizeof half) {
		memcpy(&half, at, sizeof half);
		high |= half;
		memcpy(&half, at + text.length - sizeof half, sizeof half);
		high |= half;
	} else {
		for (size_t i = 0; i < text.length; i++)
			high |= at[i];
	}
	return (high & AVRO_READ_HIGH_BITS) == 0 || avro_read_utf8(text.data, text.length);
}

/** A union of null, at this branch, and long. */
static inline const uint8_t *avro_read_nullable_long(const uint8_t *at, const uint8_t *end, uint32_t null,
						     struct avro_fault *fault)
{
	uint32_t branch;
	int64_t value;
	at = avro_read_index(at, end, 2, AVRO_FAULT_BRANCH, &branch, fault);
	return at == NULL || branch == null ? at : avro_read_long(at, end, &value, fault);
}

/** A union of null, at this branch, and string or bytes. */
static inline const uint8_t *avro_read_nullable_text(const uint8_t *at, const uint8_t *end, uint32_t null,
						     struct avro_fault *fault)
{
	uint32_t branch;
	struct slice text;
	at = avro_read_index(at, end, 2, AVRO_FAULT_BRANCH, &branch, fault);
	return at == NULL || branch == null ? at : avro_read_text(at, end, &text, fault);
}

/** A union of null, at this branch, and a type of width bytes. */
static inline const uint8_t *avro_read_nullable_fixed(const uint8_t *at, const uint8_t *end, uint32_t null,
						      uint32_t width, struct avro_fault *fault)
{
	uint32_t branch;
	at = avro_read_index(at, end, 2, AVRO_FAULT_BRANCH, &branch, fault);
	return at == NULL || branch == null ? at : avro_read_fixed(at, end, width, fault);
}

#endif
