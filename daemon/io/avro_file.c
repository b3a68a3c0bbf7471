/*
 * The file: "Obj" 1, a map of metadata (string to bytes), 16 bytes of sync marker; then blocks: long number of records,
 * long bytes, that many bytes, the sync marker.
 */
#include "daemon/io/avro_file.h"

#include "cursor.h"

#include <stdlib.h>
#include <zlib.h>

#define MAGIC "Obj\001"
#define MAGIC_BYTES 4
#define LONG_BYTES_MAX 10
#define INFLATE_RAW (-15) /* zlib's window bits for deflate without its own header */
#define CHECKSUM_BYTES 4  /* of zlib; writers in Python leave most of it behind the block's end */
#define INFLATE_ROOM ((size_t)1 << 20)

struct avro_file {
	struct input input;
	struct avro_schema *schema;
	uint8_t sync[AVRO_FILE_SYNC_BYTES];
	bool deflated;
	uint64_t number;      /* records given so far */
	uint64_t left;        /* records of the block not given yet */
	struct slice records; /* bytes of the block not given yet */
	size_t block_bytes;   /* of the block in the input's window, taken before the next one */
	uint8_t *inflated;    /* owned */
	size_t inflated_capacity;
};

static int damaged(const struct avro_file *file, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, "%s: after record %llu: %s", file->input.name, (unsigned long long)file->number,
		       what);
}

static int header_wrong(const struct avro_file *file, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, "%s: no Avro container file: %s", file->input.name, what);
}

/* A long from the input; ends: what is missing where the input ends. */
static int take_long(struct avro_file *file, int64_t *number, const char *ends, struct err *err)
{
	struct input *input = &file->input;
	if (input_need(input, LONG_BYTES_MAX, err) < 0)
		return -1;
	struct cursor cursor = cursor_over((struct slice){input->at, (size_t)(input->end - input->at)});
	*number = cursor_zigzag(&cursor);
	if (cursor.failed)
		return damaged(file, ends, err);
	input->at += cursor.at - input->at;
	return 0;
}

/* Bytes from the input with their length before them, lent until the next fill. */
static int take_bytes(struct avro_file *file, struct slice *bytes, struct err *err)
{
	int64_t length;
	if (take_long(file, &length, "the header ends too early", err) != 0)
		return -1;
	if (length < 0 || (uint64_t)length > AVRO_SCHEMA_BYTES_MAX)
		return header_wrong(file, "a metadata value of more than 1 MiB", err);
	int status = input_need(&file->input, (size_t)length, err);
	if (status <= 0)
		return status < 0 ? -1 : header_wrong(file, "the header ends too early", err);
	*bytes = (struct slice){file->input.at, (size_t)length};
	file->input.at += length;
	return 0;
}

static int use_codec(struct avro_file *file, struct slice codec, struct err *err)
{
	file->deflated = slice_equal(codec, slice_of("deflate"));
	if (file->deflated || slice_equal(codec, slice_of("null")))
		return 0;
	int shown = codec.length < 64 ? (int)codec.length : 64;
	return err_set(err, ERR_DATA, "%s: codec \"%.*s\" cannot be read: null and deflate can", file->input.name,
		       shown, (const char *)codec.data);
}

/* One entry of the metadata. */
static int take_entry(struct avro_file *file, struct err *err)
{
	enum { OTHER, SCHEMA, CODEC } kind = OTHER;
	struct slice bytes;
	if (take_bytes(file, &bytes, err) != 0)
		return -1;
	if (slice_equal(bytes, slice_of("avro.schema")))
		kind = SCHEMA;
	else if (slice_equal(bytes, slice_of("avro.codec")))
		kind = CODEC;
	if (take_bytes(file, &bytes, err) != 0)
		return -1;
	if (kind == CODEC)
		return use_codec(file, bytes, err);
	if (kind == OTHER)
		return 0;
	if (file->schema != NULL)
		return header_wrong(file, "two schemas", err);
	file->schema = avro_schema_parse(bytes, err);
	return file->schema != NULL ? 0 : err_prepend(err, "%s: schema", file->input.name);
}

static int take_metadata(struct avro_file *file, struct err *err)
{
	uint64_t entries = 0;
	for (;;) {
		int64_t count, size;
		if (take_long(file, &count, "the header ends too early", err) != 0)
			return -1;
		if (count == 0)
			return 0;
		if (count < 0 && take_long(file, &size, "the header ends too early", err) != 0)
			return -1;
		uint64_t block = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
		if (block > AVRO_FILE_METADATA_MAX || (entries += block) > AVRO_FILE_METADATA_MAX)
			return header_wrong(file, "more than 1000 entries of metadata", err);
		for (uint64_t i = 0; i < block; i++)
			if (take_entry(file, err) != 0)
				return -1;
	}
}

static int take_header(struct avro_file *file, struct err *err)
{
	struct input *input = &file->input;
	int status = input_need(input, MAGIC_BYTES, err);
	if (status < 0)
		return -1;
	if (status == 0 || memcmp(input->at, MAGIC, MAGIC_BYTES) != 0)
		return header_wrong(file, "it does not begin with \"Obj\" and 1", err);
	input->at += MAGIC_BYTES;
	if (take_metadata(file, err) != 0)
		return -1;
	if (file->schema == NULL)
		return header_wrong(file, "it has no schema", err);
	status = input_need(input, AVRO_FILE_SYNC_BYTES, err);
	if (status <= 0)
		return status < 0 ? -1 : header_wrong(file, "the header ends too early", err);
	memcpy(file->sync, input->at, AVRO_FILE_SYNC_BYTES);
	input->at += AVRO_FILE_SYNC_BYTES;
	return 0;
}

struct avro_file *avro_file_open(const char *path, struct err *err)
{
	struct avro_file *file = calloc(1, sizeof *file);
	if (file == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	if (input_open(&file->input, path, err) == 0 && take_header(file, err) == 0)
		return file;
	avro_file_close(file);
	return NULL;
}

const struct avro_schema *avro_file_schema(const struct avro_file *file)
{
	return file->schema;
}

static int grow(struct avro_file *file, struct err *err)
{
	size_t capacity = file->inflated_capacity == 0 ? INFLATE_ROOM : 2 * file->inflated_capacity;
	if (capacity > AVRO_FILE_INFLATED_MAX)
		return damaged(file, "a block that inflates to more than 256 MiB", err);
	uint8_t *inflated = realloc(file->inflated, capacity);
	if (inflated == NULL)
		return err_memory(err);
	file->inflated = inflated;
	file->inflated_capacity = capacity;
	return 0;
}

/* Inflates the block into file->records. */
static int inflate_block(struct avro_file *file, uint8_t *data, size_t length, struct err *err)
{
	z_stream stream = {.next_in = data, .avail_in = (uInt)length};
	if (inflateInit2(&stream, INFLATE_RAW) != Z_OK)
		return err_memory(err);
	int status = 0, result = Z_OK;
	while (result == Z_OK && status == 0) {
		if (stream.total_out == file->inflated_capacity && (status = grow(file, err)) != 0)
			break;
		stream.next_out = file->inflated + stream.total_out;
		stream.avail_out = (uInt)(file->inflated_capacity - stream.total_out);
		result = inflate(&stream, Z_NO_FLUSH);
	}
	size_t total = stream.total_out;
	bool whole = result == Z_STREAM_END && stream.avail_in <= CHECKSUM_BYTES;
	(void)inflateEnd(&stream);
	if (status == 0 && !whole)
		status = damaged(file, "a block that does not inflate", err);
	file->records = (struct slice){file->inflated, total};
	return status;
}

/* Opens the next block: 1, 0 at the end, -1. */
static int next_block(struct avro_file *file, struct err *err)
{
	struct input *input = &file->input;
	input->at += file->block_bytes;
	file->block_bytes = 0;
	int status = input_need(input, 1, err);
	if (status <= 0)
		return status;
	int64_t count, size;
	if (take_long(file, &count, "a block ends too early", err) != 0 ||
	    take_long(file, &size, "a block ends too early", err) != 0)
		return -1;
	if (count < 0 || size < 0 || (uint64_t)size > AVRO_FILE_BLOCK_MAX)
		return damaged(file, "a block of negative size or more than 32 MiB", err);
	size_t length = (size_t)size;
	status = input_need(input, length + AVRO_FILE_SYNC_BYTES, err);
	if (status <= 0)
		return status < 0 ? -1 : damaged(file, "a block ends too early", err);
	if (memcmp(input->at + length, file->sync, AVRO_FILE_SYNC_BYTES) != 0)
		return damaged(file, "a block that does not end with the file's sync marker", err);
	file->records = (struct slice){input->at, length};
	if (file->deflated && inflate_block(file, input->at, length, err) != 0)
		return -1;
	if ((uint64_t)count > file->records.length)
		return damaged(file, "a block of more records than bytes", err);
	file->left = (uint64_t)count;
	file->block_bytes = length + AVRO_FILE_SYNC_BYTES;
	return 1;
}

int avro_file_next(struct avro_file *file, struct avro_pick *pick, struct arena *arena, struct slice *texts,
		   struct slice *body, struct err *err)
{
	while (file->left == 0) {
		if (file->records.length > 0)
			return damaged(file, "bytes behind the last record of a block", err);
		int status = next_block(file, err);
		if (status <= 0)
			return status;
	}
	size_t length;
	file->number++;
	if (avro_pick_run(pick, file->records, &length, arena, texts, err) != 0)
		return err_prepend(err, "%s: record %llu", file->input.name, (unsigned long long)file->number);
	*body = (struct slice){file->records.data, length};
	file->records.data = (const uint8_t *)file->records.data + length;
	file->records.length -= length;
	file->left--;
	return 1;
}

uint64_t avro_file_number(const struct avro_file *file)
{
	return file->number;
}

const struct input *avro_file_input(const struct avro_file *file)
{
	return &file->input;
}

void avro_file_close(struct avro_file *file)
{
	if (file == NULL)
		return;
	input_close(&file->input);
	avro_schema_free(file->schema);
	free(file->inflated);
	free(file);
}
