/*
 * What avro_compile.c hands to avro_decode.c: a program of steps over one record's bytes. Records inside records are
 * flattened where something in them is wanted; elsewhere each record type is a subroutine, so that recursive types and
 * types used many times stay small. A run of steps of the same kind is one step.
 *
 *   step            operands                        does
 *   SKIP_BOOLEANS … count                           passes over count values of the type, checked
 *   SKIP_FIXED      size                            passes over size bytes (float, double, fixed; neighbours added up)
 *   SKIP_ENUM       size = symbols                  passes over an enum, checked
 *   SKIP_NULLABLE_… count, branch                   passes over count unions of null (at branch) and one other type
 *   …_FIXED         also width                      that one of width bytes
 *   READ_…          slot                            reads the value into the slot
 *   READ_ENUM       slot, first, size = symbols     the symbol is texts[first + index]
 *   READ_FIXED      slot, size                      as text
 *   READ_DECIMAL    slot, scale                     bytes; READ_FIXED_DECIMAL: size bytes
 *   READ_TIMESTAMP  slot, unit
 *   MARK, BACK                                      remembers this position; goes back to it, for one more slot
 *   NULL            slot                            gives null
 *   REFUSE          message                         tells the builder that this value cannot be read; reads nothing
 *   NULLABLE        branch, target                  a union of null and one other: on at target where it is this branch
 *   UNION           first, size = branches          on at targets[first + index]
 *   JUMP            target
 *   CALL            target                          a subroutine, until RETURN
 *   BLOCKS          target                          array or map: the next step for every item, on at target after them
 *   ITEM            target                          the item ends: the next one begins at target
 *   END                                             nothing may be left
 */
#ifndef OUTLIERD_AVRO_PROGRAM_H
#define OUTLIERD_AVRO_PROGRAM_H

#include "arena.h"
#include "daemon/io/avro_decode.h"

enum avro_step_kind {
	AVRO_SKIP_BOOLEANS,
	AVRO_SKIP_INTS,
	AVRO_SKIP_LONGS,
	AVRO_SKIP_TEXTS, /* strings and bytes */
	AVRO_SKIP_FIXED,
	AVRO_SKIP_ENUM,
	AVRO_SKIP_NULLABLE_LONGS,
	AVRO_SKIP_NULLABLE_TEXTS,
	AVRO_SKIP_NULLABLE_FIXED,
	AVRO_READ_BOOLEAN,
	AVRO_READ_INT,
	AVRO_READ_LONG,
	AVRO_READ_TIMESTAMP,
	AVRO_READ_FLOAT,
	AVRO_READ_DOUBLE,
	AVRO_READ_TEXT,
	AVRO_READ_FIXED,
	AVRO_READ_DECIMAL,
	AVRO_READ_FIXED_DECIMAL,
	AVRO_READ_ENUM,
	AVRO_MARK,
	AVRO_BACK,
	AVRO_NULL,
	AVRO_REFUSE,
	AVRO_NULLABLE,
	AVRO_UNION,
	AVRO_JUMP,
	AVRO_CALL,
	AVRO_RETURN,
	AVRO_BLOCKS,
	AVRO_ITEM,
	AVRO_END
};

struct avro_step {
	uint8_t kind;
	uint8_t branch;
	uint16_t slot;
	union {
		uint32_t count;
		uint32_t size;
		uint32_t target;  /* a step */
		uint32_t message; /* in program->messages */
	};
	union {
		uint32_t first; /* in program->texts or program->targets */
		uint32_t width;
		int32_t scale;
		uint32_t unit; /* enum time_unit */
	};
};

/** Where in the writer's schema a step reads, for messages: names joined by dots. */
struct avro_place {
	const char *name;
	const struct avro_place *parent; /* NULL: the outermost, or in a subroutine */
};

struct avro_program {
	struct arena *arena; /* holds everything below */
	const struct avro_step *steps;
	const uint32_t *targets;
	const struct slice *texts;
	const char *const *messages;
	const struct avro_place *const *places; /* of every value of every step, in order */
	const uint32_t *first_place;            /* by step, in places */
};

#endif
