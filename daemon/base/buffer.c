#include "buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)256)
#define VARINT_BYTES_MAX 10

void buffer_init(struct buffer *buffer)
{
	assert(buffer != NULL);
	*buffer = (struct buffer){0};
}

/* Makes room for more bytes behind the contents; false, and failed for good, where there is none. */
static bool reserve(struct buffer *buffer, size_t more)
{
	if (buffer->failed)
		return false;
	if (more <= buffer->capacity - buffer->length)
		return true;
	if (more > SIZE_MAX / 2 - buffer->length) {
		buffer->failed = true;
		return false;
	}
	size_t capacity = buffer->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : buffer->capacity;
	while (capacity < buffer->length + more)
		capacity *= 2;
	uint8_t *data = realloc(buffer->data, capacity);
	if (data == NULL) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

uint8_t *buffer_room(struct buffer *buffer, size_t size)
{
	return reserve(buffer, size) ? buffer->data + buffer->length : NULL;
}

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
	assert(data != NULL || length == 0);
	if (length == 0 || !reserve(buffer, length))
		return;
	memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
	assert(text != NULL);
	buffer_add(buffer, text, strlen(text));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
	/* The first try measures, and succeeds where there is room already. */
	for (int attempt = 0; attempt < 2; attempt++) {
		if (buffer->failed)
			return;
		size_t room = buffer->capacity - buffer->length;
		va_list arguments;
		va_start(arguments, format);
		int wanted =
		    vsnprintf(room == 0 ? NULL : (char *)buffer->data + buffer->length, room, format, arguments);
		va_end(arguments);
		if (wanted < 0) {
			buffer->failed = true;
			return;
		}
		if ((size_t)wanted < room) {
			buffer->length += (size_t)wanted;
			return;
		}
		if (!reserve(buffer, (size_t)wanted + 1))
			return;
	}
	assert(false); /* an argument changed between the two tries */
}

void buffer_add_byte(struct buffer *buffer, uint8_t byte)
{
	if (!reserve(buffer, 1))
		return;
	buffer->data[buffer->length++] = byte;
}

void buffer_add_varint(struct buffer *buffer, uint64_t value)
{
	uint8_t bytes[VARINT_BYTES_MAX];
	size_t length = 0;
	for (; value >= 0x80; value >>= 7)
		bytes[length++] = (uint8_t)(value | 0x80);
	bytes[length++] = (uint8_t)value;
	buffer_add(buffer, bytes, length);
}

void buffer_add_zigzag(struct buffer *buffer, int64_t value)
{
	uint64_t sign = value < 0 ? UINT64_MAX : 0;
	buffer_add_varint(buffer, (uint64_t)value << 1 ^ sign);
}

void buffer_add_le32(struct buffer *buffer, uint32_t value)
{
	uint8_t bytes[4];
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	buffer_add(buffer, bytes, sizeof bytes);
}

void buffer_add_le64(struct buffer *buffer, uint64_t value)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	buffer_add(buffer, bytes, sizeof bytes);
}

struct slice buffer_slice(const struct buffer *buffer)
{
	/* An empty value is not Kafka's null, so never NULL. */
	return (struct slice){buffer->data == NULL ? (const uint8_t *)"" : buffer->data, buffer->length};
}

bool buffer_failed(const struct buffer *buffer)
{
	return buffer->failed;
}

void buffer_reset(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
}

void buffer_free(struct buffer *buffer)
{
	assert(buffer != NULL);
	free(buffer->data);
	buffer_init(buffer);
}
