#include "daemon/io/avro_fault.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define PATH_MAX_BYTES 256 /* of a path in messages; the rest is cut off */
#define REASON_MAX 128

struct path {
	size_t length;
	char text[PATH_MAX_BYTES];
};

const uint8_t *avro_fault_note(struct avro_fault *fault, enum avro_fault_kind kind, const uint8_t *at, int64_t number)
{
	fault->kind = kind;
	fault->at = at;
	fault->number = number;
	return NULL;
}

static void add_name(struct path *path, const char *name)
{
	size_t room = sizeof path->text - path->length;
	int length =
	    snprintf(path->text + path->length, room, "%s%s", path->length > 0 && name[0] != '[' ? "." : "", name);
	if (length > 0)
		path->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* Recursion as deep as records stand in each other where something is wanted, or arrays directly in arrays. */
static void add_place(struct path *path, const struct avro_place *place)
{
	if (place == NULL)
		return;
	add_place(path, place->parent);
	add_name(path, place->name);
}

static const struct avro_place *place_of(const struct avro_program *program, const struct avro_step *step,
					 uint32_t value)
{
	return program->places[program->first_place[step - program->steps] + value];
}

static void describe(const struct avro_fault *fault, const struct avro_step *step, size_t left, char text[REASON_MAX])
{
	switch (fault->kind) {
	case AVRO_FAULT_ENDS:
		(void)snprintf(text, REASON_MAX, "the record ends here");
		return;
	case AVRO_FAULT_ENDS_WITHIN:
		(void)snprintf(text, REASON_MAX, "%" PRId64 " bytes are announced, %zu are left", fault->number, left);
		return;
	case AVRO_FAULT_VARINT:
		(void)snprintf(text, REASON_MAX, "an integer of more than 64 bits");
		return;
	case AVRO_FAULT_INT:
		(void)snprintf(text, REASON_MAX, "an int of more than 32 bits");
		return;
	case AVRO_FAULT_BOOLEAN:
		(void)snprintf(text, REASON_MAX, "a boolean of %" PRId64 ", neither 0 nor 1", fault->number);
		return;
	case AVRO_FAULT_LENGTH:
		(void)snprintf(text, REASON_MAX, "a negative length");
		return;
	case AVRO_FAULT_TEXT:
		(void)snprintf(text, REASON_MAX, "a string or bytes of %" PRId64 " bytes, over the limit of %u",
			       fault->number, AVRO_TEXT_BYTES_MAX);
		return;
	case AVRO_FAULT_UTF8:
		(void)snprintf(text, REASON_MAX, "text that is not UTF-8");
		return;
	case AVRO_FAULT_EMPTY_DECIMAL:
		(void)snprintf(text, REASON_MAX, "a decimal without bytes");
		return;
	case AVRO_FAULT_SYMBOL:
		(void)snprintf(text, REASON_MAX, "symbol %" PRId64 " of an enum of %" PRIu32, fault->number,
			       step->size);
		return;
	case AVRO_FAULT_BRANCH:
		(void)snprintf(text, REASON_MAX, "branch %" PRId64 " of a union of %" PRIu32, fault->number,
			       step->kind == AVRO_UNION ? step->size : 2);
		return;
	case AVRO_FAULT_ITEMS:
		(void)snprintf(text, REASON_MAX, "an array or map of more than %u items", AVRO_ITEMS_MAX);
		return;
	case AVRO_FAULT_BLOCK:
		(void)snprintf(text, REASON_MAX, "a block of negative size");
		return;
	case AVRO_FAULT_DEPTH:
		(void)snprintf(text, REASON_MAX, "nested deeper than %d", AVRO_DEPTH_MAX);
		return;
	case AVRO_FAULT_COST:
		(void)snprintf(text, REASON_MAX, "more than %u items and records in one message", AVRO_COST_MAX);
		return;
	case AVRO_FAULT_LEFT_OVER:
		break;
	}
	(void)snprintf(text, REASON_MAX, "%" PRId64 " bytes are left over", fault->number);
}

int avro_fault_explain(const struct avro_fault *fault, const struct avro_program *program, const struct avro_step *step,
		       const struct avro_frame *frames, unsigned depth, struct slice body, struct err *err)
{
	const uint8_t *begin = body.data;
	size_t position = (size_t)(fault->at - begin);
	char reason[REASON_MAX];
	struct path path = {0};
	assert(position <= body.length && depth <= AVRO_DEPTH_MAX);
	for (unsigned i = 0; i < depth; i++)
		if (frames[i].from->kind == AVRO_CALL)
			add_place(&path, place_of(program, frames[i].from, 0));
	add_place(&path, place_of(program, step, fault->value));
	describe(fault, step, body.length - position, reason);
	return err_set(err, ERR_DATA, "byte %zu%s%s: %s", position, path.length > 0 ? ", " : "", path.text, reason);
}
