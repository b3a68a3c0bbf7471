/* A borrowed run of bytes: pointer and length, not terminated, never owned. Says nothing about encoding. */
#ifndef OUTLIERD_SLICE_H
#define OUTLIERD_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const void *data; /* may be NULL only where length is 0; key: NULL = Kafka's null */
	size_t length;    /* bytes */
};

/** The bytes of a C string, without its terminator. */
static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

/** True when both have the same length and bytes. */
static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/** Tells the processor that these bytes will be read soon. Changes nothing, reads nothing. */
static inline void slice_prefetch(struct slice bytes)
{
	enum { CACHE_LINE = 64 };
	for (size_t at = 0; at < bytes.length; at += CACHE_LINE)
		__builtin_prefetch((const char *)bytes.data + at);
}

#endif
