/*
 * What can be wrong with a record's bytes, and how it is said: byte position, path in the writer's schema, reason. No
 * message shows a value. Belongs to avro_decode.c, whose hot path only notes kind, place and number.
 */
#ifndef OUTLIERD_AVRO_FAULT_H
#define OUTLIERD_AVRO_FAULT_H

#include "daemon/io/avro_program.h"

enum avro_fault_kind {
	AVRO_FAULT_ENDS,        /* in the middle of a value */
	AVRO_FAULT_ENDS_WITHIN, /* number: bytes that the value should have */
	AVRO_FAULT_VARINT,      /* more than ten bytes or 64 bits */
	AVRO_FAULT_INT,         /* beyond 32 bits */
	AVRO_FAULT_BOOLEAN,     /* number: the byte */
	AVRO_FAULT_LENGTH,      /* negative */
	AVRO_FAULT_TEXT,        /* number: bytes, too many */
	AVRO_FAULT_UTF8,
	AVRO_FAULT_EMPTY_DECIMAL,
	AVRO_FAULT_SYMBOL, /* number: of the enum's symbol */
	AVRO_FAULT_BRANCH, /* number: of the union's branch */
	AVRO_FAULT_ITEMS,  /* too many */
	AVRO_FAULT_BLOCK,  /* a negative size */
	AVRO_FAULT_DEPTH,
	AVRO_FAULT_COST,
	AVRO_FAULT_LEFT_OVER /* number: bytes */
};

struct avro_fault {
	enum avro_fault_kind kind;
	uint32_t value;    /* of the step's run of values, from 0 */
	const uint8_t *at; /* the first byte of what is wrong */
	int64_t number;
};

/** An array, map or skipped record that has been entered. */
struct avro_frame {
	const struct avro_step *from; /* BLOCKS or CALL */
	uint64_t left;                /* items of the block, the present one included */
	uint64_t items;               /* of all blocks so far */
};

/** Notes what is wrong, for the readers. NULL, so that they can return it instead of a position. */
const uint8_t *avro_fault_note(struct avro_fault *fault, enum avro_fault_kind kind, const uint8_t *at, int64_t number)
    __attribute__((cold));

/** Fills *err (ERR_DATA). step: the one that failed; frames: those it stands in, outermost first. Returns -1. */
int avro_fault_explain(const struct avro_fault *fault, const struct avro_program *program, const struct avro_step *step,
		       const struct avro_frame *frames, unsigned depth, struct slice body, struct err *err);

#endif
