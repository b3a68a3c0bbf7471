/*
 * Writing Avro object container files: header with the schema, then blocks of records that the caller has encoded. The
 * bytes are a function of the records and the marker alone, so that a seeded file is the same every time.
 */
#ifndef OUTLIERD_AVRO_CONTAINER_WRITE_H
#define OUTLIERD_AVRO_CONTAINER_WRITE_H

#include "daemon/io/avro_file.h"
#include "daemon/io/output.h"

#define AVRO_CONTAINER_BLOCK_BYTES ((size_t)64 << 10) /* a block is written once it is so long */

struct avro_container_writer {
	struct output *output; /* borrowed */
	uint8_t sync[AVRO_FILE_SYNC_BYTES];
	bool deflate;
	struct buffer block; /* append a record here, then avro_container_write_record() */
	uint64_t records;    /* in the block */
	bool failed;         /* deflate ran out of memory */
};

/** Begins a file on an open output. The marker must not occur in the data by chance: take 16 bytes of a hash. */
void avro_container_write_begin(struct avro_container_writer *writer, struct output *output, const char *schema,
				bool deflate, const uint8_t sync[AVRO_FILE_SYNC_BYTES]);

/** Counts the record that was appended to writer->block, and writes the block out once it is long enough. */
void avro_container_write_record(struct avro_container_writer *writer);

/** Writes the last block and frees what the writer holds; the output stays open. -1: ERR_MEMORY. */
int avro_container_write_end(struct avro_container_writer *writer, struct err *err) MUST_USE;

#endif
