/*
 * The hot path's decoder: a writer's schema and the event schema compiled once into a short program that reads the wanted
 * values into slots and skips the rest, every step bounds-checked. Resolution as the Avro specification says: promotion,
 * unions, enums, defaults and aliases of the configuration, which is the reader's schema.
 */
#ifndef OUTLIERD_AVRO_DECODE_H
#define OUTLIERD_AVRO_DECODE_H

#include "daemon/io/avro_schema.h"
#include "features/event.h"

#define AVRO_TEXT_BYTES_MAX (1u << 20) /* of one string or bytes value */
#define AVRO_ITEMS_MAX (1u << 20)      /* of one array or map, blocks added up */
#define AVRO_DEPTH_MAX 64              /* arrays, maps and skipped records inside each other */
#define AVRO_COST_MAX (1u << 22)       /* items and skipped records of one message */
#define AVRO_PROGRAM_STEPS_MAX (1u << 18)
#define AVRO_PROGRAM_MEMORY_MAX (256u << 20) /* bytes of one program */

struct avro_program;

/**
 * Compiles. The program owns all it needs: the schemas may go. ERR_DATA: a configured path that the writer lacks and
 * that has no default, or has a type that cannot be read; names the path and the writer's type. Where a union leads to
 * the value, one branch that can be read is enough; a record that takes another branch fails in the builder (validate).
 */
struct avro_program *avro_program_new(const struct avro_schema *writer, const struct event_schema *reader,
				      struct err *err) MUST_USE;
/** Frees it; NULL does nothing. Texts of enums, which events borrow from the program, go with it. */
void avro_program_free(struct avro_program *program);

/**
 * Reads one record's body into the builder (begun by the caller with the reader's schema; NULL where the program was
 * made without one). All bytes must be used. -1 and ERR_DATA: the bytes do not parse; says the byte position and the
 * path. What parses but cannot be converted is told to the builder alone.
 */
int avro_program_run(const struct avro_program *program, struct slice body, struct event_builder *builder,
		     struct err *err) MUST_USE;

/** Checks one value of any schema: the whole body is skipped, nothing kept. For checks and tests. */
int avro_check(const struct avro_schema *writer, struct slice body, struct err *err) MUST_USE;

#endif
