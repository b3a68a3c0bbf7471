#include "daemon/io/avro_read.h"

#define VARINT_BYTES_MAX 10

const uint8_t *avro_read_varint(const uint8_t *at, const uint8_t *end, int64_t *value, struct avro_fault *fault)
{
	const uint8_t *start = at;
	uint64_t bits = 0;
	for (unsigned shift = 0; shift < 7 * VARINT_BYTES_MAX; shift += 7) {
		if (at == end)
			return avro_fault_note(fault, AVRO_FAULT_ENDS, start, 0);
		uint8_t byte = *at++;
		bits |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80 && (shift < 63 || byte <= 1)) {
			*value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
			return at;
		}
		if (byte < 0x80)
			break;
	}
	return avro_fault_note(fault, AVRO_FAULT_VARINT, start, 0);
}

const uint8_t *avro_read_long_text(const uint8_t *at, const uint8_t *end, struct slice *text, struct avro_fault *fault)
{
	int64_t length;
	const uint8_t *start = avro_read_long(at, end, &length, fault);
	if (start == NULL)
		return NULL;
	if ((uint64_t)length > AVRO_TEXT_BYTES_MAX)
		return avro_fault_note(fault, length < 0 ? AVRO_FAULT_LENGTH : AVRO_FAULT_TEXT, at, length);
	*text = (struct slice){start, (size_t)length};
	return avro_read_fixed(start, end, (uint64_t)length, fault);
}

/* Length of the well-formed UTF-8 sequence at this position (Unicode 15, table 3-7); 0: none. */
static size_t sequence_length(const uint8_t *at, size_t left)
{
	uint8_t lead = at[0];
	if (lead < 0x80)
		return 1;
	size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
			: lead >= 0xe0 && lead < 0xf0 ? 3
			: lead >= 0xf0 && lead < 0xf5 ? 4
						      : 0;
	if (length == 0 || length > left)
		return 0;
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool avro_read_utf8(const uint8_t *at, size_t left)
{
	while (left > 0) {
		size_t length = sequence_length(at, left);
		if (length == 0)
			return false;
		at += length;
		left -= length;
	}
	return true;
}

const uint8_t *avro_read_block(const uint8_t *at, const uint8_t *end, struct avro_frame *frame,
			       struct avro_fault *fault)
{
	for (;;) {
		const uint8_t *start = at;
		int64_t count, size;
		at = avro_read_long(at, end, &count, fault);
		if (at == NULL)
			return NULL;
		uint64_t items = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
		if (items > AVRO_ITEMS_MAX - frame->items)
			return avro_fault_note(fault, AVRO_FAULT_ITEMS, start, 0);
		frame->items += items;
		frame->left = items;
		if (count >= 0)
			return at;
		start = at;
		at = avro_read_long(at, end, &size, fault);
		if (at == NULL)
			return NULL;
		if (size < 0)
			return avro_fault_note(fault, AVRO_FAULT_BLOCK, start, 0);
		at = avro_read_fixed(at, end, (uint64_t)size, fault);
		if (at == NULL)
			return NULL;
	}
}
