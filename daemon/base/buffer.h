/*
 * A growing byte string for building messages and records. Failure is sticky: after a failed growth every append does
 * nothing and buffer_failed() is true, so callers check once at the end.
 */
#ifndef OUTLIERD_BUFFER_H
#define OUTLIERD_BUFFER_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

struct buffer {
	uint8_t *data; /* owned */
	size_t length;
	size_t capacity;
	bool failed;
};

/** Makes an empty buffer that owns nothing yet. */
void buffer_init(struct buffer *buffer);

/** Appends bytes. */
void buffer_add(struct buffer *buffer, const void *data, size_t length);

/** Room for size bytes behind the contents, to be filled and then counted into buffer->length by the caller; valid until the next append. NULL: no memory. */
uint8_t *buffer_room(struct buffer *buffer, size_t size);
/** Appends a C string without its terminator. */
void buffer_add_text(struct buffer *buffer, const char *text);

/** Appends formatted text. */
void buffer_add_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/** Appends one byte. */
void buffer_add_byte(struct buffer *buffer, uint8_t byte);

/** Appends an unsigned LEB128 number, 1 to 10 bytes. */
void buffer_add_varint(struct buffer *buffer, uint64_t value);

/** Appends a zigzag LEB128 number (Avro's int and long). */
void buffer_add_zigzag(struct buffer *buffer, int64_t value);

/** Appends a little-endian fixed-width number. */
void buffer_add_le32(struct buffer *buffer, uint32_t value);
/** Appends a little-endian fixed-width number. */
void buffer_add_le64(struct buffer *buffer, uint64_t value);

/** The contents, borrowed until the next append. */
struct slice buffer_slice(const struct buffer *buffer);

/** True after any failed growth. */
bool buffer_failed(const struct buffer *buffer);

/** Empties it; keeps the memory; clears the failure. */
void buffer_reset(struct buffer *buffer);

/** Frees the memory and leaves an empty buffer. */
void buffer_free(struct buffer *buffer);

#endif
