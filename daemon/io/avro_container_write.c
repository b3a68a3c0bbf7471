#include "daemon/io/avro_container_write.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#define DEFLATE_RAW (-15) /* zlib's window bits for deflate without its own header */
#define DEFLATE_MEMORY 8  /* zlib's default */

static void add_bytes(struct buffer *out, const char *text)
{
	buffer_add_zigzag(out, (int64_t)strlen(text));
	buffer_add_text(out, text);
}

void avro_container_write_begin(struct avro_container_writer *writer, struct output *output, const char *schema,
				bool deflate_blocks, const uint8_t sync[AVRO_FILE_SYNC_BYTES])
{
	*writer = (struct avro_container_writer){.output = output, .deflate = deflate_blocks};
	memcpy(writer->sync, sync, sizeof writer->sync);
	buffer_init(&writer->block);
	struct buffer *out = &output->buffer;
	buffer_add(out, "Obj\001", 4);
	buffer_add_zigzag(out, 2);
	add_bytes(out, "avro.codec");
	add_bytes(out, deflate_blocks ? "deflate" : "null");
	add_bytes(out, "avro.schema");
	add_bytes(out, schema);
	buffer_add_zigzag(out, 0);
	buffer_add(out, writer->sync, sizeof writer->sync);
}

/* The block deflated, to be freed by the caller; NULL: out of memory. */
static uint8_t *deflated(const struct buffer *block, size_t *length)
{
	z_stream stream = {.next_in = block->data, .avail_in = (uInt)block->length};
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_RAW, DEFLATE_MEMORY, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return NULL;
	size_t bound = deflateBound(&stream, block->length);
	uint8_t *data = malloc(bound);
	if (data != NULL) {
		stream.next_out = data;
		stream.avail_out = (uInt)bound;
		int result = deflate(&stream, Z_FINISH);
		assert(result == Z_STREAM_END);
		(void)result;
	}
	*length = stream.total_out;
	(void)deflateEnd(&stream);
	return data;
}

static void write_block(struct avro_container_writer *writer)
{
	struct buffer *out = &writer->output->buffer;
	struct slice data = buffer_slice(&writer->block);
	uint8_t *shrunk = NULL;
	if (writer->deflate) {
		shrunk = deflated(&writer->block, &data.length);
		data.data = shrunk;
		writer->failed |= shrunk == NULL;
	}
	if (!writer->failed) {
		buffer_add_zigzag(out, (int64_t)writer->records);
		buffer_add_zigzag(out, (int64_t)data.length);
		buffer_add(out, data.data, data.length);
		buffer_add(out, writer->sync, sizeof writer->sync);
		output_flow(writer->output);
	}
	free(shrunk);
	writer->failed |= buffer_failed(&writer->block);
	buffer_reset(&writer->block);
	writer->records = 0;
}

void avro_container_write_record(struct avro_container_writer *writer)
{
	writer->records++;
	if (writer->block.length >= AVRO_CONTAINER_BLOCK_BYTES)
		write_block(writer);
}

int avro_container_write_end(struct avro_container_writer *writer, struct err *err)
{
	if (writer->records > 0)
		write_block(writer);
	buffer_free(&writer->block);
	return writer->failed ? err_memory(err) : 0;
}
