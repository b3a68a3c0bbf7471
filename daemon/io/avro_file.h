/*
 * Reading Avro object container files (Apache Avro 1.11 specification, "Object Container Files"): the header with the
 * writer's schema, then blocks of records, plain or deflated, each ended by the file's sync marker. Every length is
 * checked; a damaged file is an error with the number of the record, never a crash.
 */
#ifndef OUTLIERD_AVRO_FILE_H
#define OUTLIERD_AVRO_FILE_H

#include "daemon/io/avro_pick.h"
#include "daemon/io/input.h"

#define AVRO_FILE_SYNC_BYTES 16
#define AVRO_FILE_METADATA_MAX 1000                /* entries */
#define AVRO_FILE_BLOCK_MAX ((size_t)32 << 20)     /* bytes as stored */
#define AVRO_FILE_INFLATED_MAX ((size_t)256 << 20) /* bytes of a deflated block */

struct avro_file;

/** Opens a file, "-" = standard input, and reads its header. ERR_UNAVAILABLE; ERR_DATA: no container file, or a codec other than null and deflate, or a schema that cannot be used. */
struct avro_file *avro_file_open(const char *path, struct err *err) MUST_USE;

/** The writer's schema, borrowed. */
const struct avro_schema *avro_file_schema(const struct avro_file *file);

/** The next record: 1, *body is lent until the next call, and pick has given its texts into the arena; 0: the end; -1: ERR_DATA ("PATH: record N: ..."), ERR_IO. */
int avro_file_next(struct avro_file *file, struct avro_pick *pick, struct arena *arena, struct slice *texts,
		   struct slice *body, struct err *err) MUST_USE;

/** The number of the last record, from 1. */
uint64_t avro_file_number(const struct avro_file *file);

/** The bytes below, for progress and messages. */
const struct input *avro_file_input(const struct avro_file *file);

/** Closes it; NULL does nothing. */
void avro_file_close(struct avro_file *file);

#endif
