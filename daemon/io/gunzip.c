#include "daemon/io/gunzip.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

#define CHUNK_BYTES 65536
#define GZIP_ONLY (16 + MAX_WBITS)

bool gunzip_is(struct slice contents)
{
	const uint8_t *bytes = contents.data;
	return contents.length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* Inflates one member from stream->next_in on. */
static int inflate_member(z_stream *stream, size_t limit_bytes, struct buffer *inflated, struct err *err)
{
	uint8_t chunk[CHUNK_BYTES];
	int result = Z_OK;
	while (result == Z_OK) {
		stream->next_out = chunk;
		stream->avail_out = sizeof chunk;
		result = inflate(stream, Z_NO_FLUSH);
		size_t got = sizeof chunk - stream->avail_out;
		if (result == Z_MEM_ERROR)
			return err_memory(err);
		if (got > limit_bytes - inflated->length)
			return err_set(err, ERR_DATA, "it inflates to more than %zu bytes, the limit", limit_bytes);
		buffer_add(inflated, chunk, got);
		if (buffer_failed(inflated))
			return err_memory(err);
	}
	if (result == Z_STREAM_END)
		return 0;
	return err_set(err, ERR_DATA,
		       result == Z_BUF_ERROR ? "gzip: the file is cut off" : "gzip: the file is damaged");
}

int gunzip(struct slice contents, size_t limit_bytes, struct buffer *inflated, struct err *err)
{
	assert(gunzip_is(contents) && inflated->length == 0);
	if (contents.length > UINT_MAX)
		return err_set(err, ERR_DATA, "gzip: more than %u bytes", UINT_MAX);
	/* zlib only reads what next_in points to. */
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)contents.data, .avail_in = (uInt)contents.length};
	if (inflateInit2(&stream, GZIP_ONLY) != Z_OK)
		return err_memory(err);
	int status = inflate_member(&stream, limit_bytes, inflated, err);
	while (status == 0 && stream.avail_in > 0) {
		if (!gunzip_is((struct slice){stream.next_in, stream.avail_in}))
			status = err_set(err, ERR_DATA, "gzip: %u bytes stand behind the end", stream.avail_in);
		else if (inflateReset(&stream) != Z_OK)
			status = err_memory(err);
		else
			status = inflate_member(&stream, limit_bytes, inflated, err);
	}
	(void)inflateEnd(&stream);
	return status;
}
