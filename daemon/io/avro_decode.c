#include "daemon/io/avro_decode.h"

#include "daemon/io/avro_read.h"

#include <assert.h>

/* Avro's numbers are little-endian, as are the machines that this runs on. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats and doubles are copied as they are");

static float float_at(const uint8_t *at)
{
	float value;
	memcpy(&value, at, sizeof value);
	return value;
}

static double double_at(const uint8_t *at)
{
	double value;
	memcpy(&value, at, sizeof value);
	return value;
}

/* What has been entered and not left, apart from the interpreter's loop, whose variables shall stay in registers. */
struct nest {
	const struct avro_program *program;
	unsigned depth;
	uint32_t budget; /* items and skipped records left */
	struct avro_frame frames[AVRO_DEPTH_MAX];
};

/* Into a subroutine, or to the first item of an array or map; or past one that is empty. */
static const uint8_t *enter(struct nest *nest, const struct avro_step **step, const uint8_t *at, const uint8_t *end,
			    struct avro_fault *fault)
{
	if (nest->depth == AVRO_DEPTH_MAX)
		return avro_fault_note(fault, AVRO_FAULT_DEPTH, at, 0);
	const struct avro_step *target = nest->program->steps + (*step)->target;
	struct avro_frame *frame = &nest->frames[nest->depth];
	*frame = (struct avro_frame){*step, 0, 0};
	if ((*step)->kind == AVRO_BLOCKS) {
		at = avro_read_block(at, end, frame, fault);
		if (at != NULL && frame->left == 0) {
			*step = target;
			return at;
		}
		++*step;
	} else {
		if (nest->budget-- == 0)
			return avro_fault_note(fault, AVRO_FAULT_COST, at, 0);
		*step = target;
	}
	nest->depth++;
	return at;
}

/* Behind a subroutine, or to the next item; or out of the array or map where there is none. */
static const uint8_t *leave(struct nest *nest, const struct avro_step **step, const uint8_t *at, const uint8_t *end,
			    struct avro_fault *fault)
{
	assert(nest->depth > 0);
	struct avro_frame *frame = &nest->frames[nest->depth - 1];
	if ((*step)->kind == AVRO_RETURN) {
		*step = frame->from + 1;
		nest->depth--;
		return at;
	}
	if (nest->budget-- == 0)
		return avro_fault_note(fault, AVRO_FAULT_COST, at, 0);
	if (--frame->left == 0)
		at = avro_read_block(at, end, frame, fault);
	if (at != NULL && frame->left == 0) {
		nest->depth--;
		++*step;
	} else if (at != NULL) {
		*step = nest->program->steps + (*step)->target;
	}
	return at;
}

/*
 * The interpreter. Each kind of step ends by jumping to the code of the next one, by labels as values (GCC, Clang), so
 * that the processor predicts each of these jumps by itself: measured 15 % faster than one switch in a loop. Every kind
 * is one paragraph, which is why the function is longer than a function should be.
 *
 * Time and memory are bounded: every step passes over at least a byte, but for calls and items, which are counted,
 * what stands once for each of these, and the steps of the flattened part, which nothing repeats.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

/* Reads a run of values, one after the other; the fault says which one of them. */
#define READ_RUN(read)                                                                                                 \
	for (uint32_t i = 0; behind != NULL && i < step->count; i++) {                                                 \
		behind = read;                                                                                         \
		if (behind == NULL)                                                                                    \
			fault.value = i;                                                                               \
	}

#define NEXT_STEP                                                                                                      \
	if (behind == NULL)                                                                                            \
		goto damaged;                                                                                          \
	at = behind;                                                                                                   \
	step = next++;                                                                                                 \
	goto *code[step->kind]

int avro_program_run(const struct avro_program *program, struct slice body, struct event_builder *builder,
		     struct err *err)
{
	static const void *const code[] = {
	    [AVRO_SKIP_BOOLEANS] = &&skip_booleans,
	    [AVRO_SKIP_INTS] = &&skip_ints,
	    [AVRO_SKIP_LONGS] = &&skip_longs,
	    [AVRO_SKIP_TEXTS] = &&skip_texts,
	    [AVRO_SKIP_FIXED] = &&skip_fixed,
	    [AVRO_SKIP_ENUM] = &&skip_enum,
	    [AVRO_SKIP_NULLABLE_LONGS] = &&skip_nullable_longs,
	    [AVRO_SKIP_NULLABLE_TEXTS] = &&skip_nullable_texts,
	    [AVRO_SKIP_NULLABLE_FIXED] = &&skip_nullable_fixed,
	    [AVRO_READ_BOOLEAN] = &&read_boolean,
	    [AVRO_READ_INT] = &&read_int,
	    [AVRO_READ_LONG] = &&read_long,
	    [AVRO_READ_TIMESTAMP] = &&read_timestamp,
	    [AVRO_READ_FLOAT] = &&read_float,
	    [AVRO_READ_DOUBLE] = &&read_double,
	    [AVRO_READ_TEXT] = &&read_text,
	    [AVRO_READ_FIXED] = &&read_fixed,
	    [AVRO_READ_DECIMAL] = &&read_decimal,
	    [AVRO_READ_FIXED_DECIMAL] = &&read_fixed_decimal,
	    [AVRO_READ_ENUM] = &&read_enum,
	    [AVRO_MARK] = &&mark,
	    [AVRO_BACK] = &&back,
	    [AVRO_NULL] = &&give_null,
	    [AVRO_REFUSE] = &&tell_refusal,
	    [AVRO_NULLABLE] = &&pick_null,
	    [AVRO_UNION] = &&pick_branch,
	    [AVRO_JUMP] = &&go_on,
	    [AVRO_CALL] = &&enter_record,
	    [AVRO_BLOCKS] = &&enter_blocks,
	    [AVRO_RETURN] = &&leave_record,
	    [AVRO_ITEM] = &&next_item,
	    [AVRO_END] = &&finish,
	};
	static const uint8_t nothing[1];
	const uint8_t *at = body.data == NULL ? nothing : body.data, *const end = at + body.length;
	const uint8_t *behind = at; /* the value of this step */
	const uint8_t *marked = at;
	const struct avro_step *next = program->steps, *step = next;
	struct nest nest;
	struct avro_fault fault;
	struct slice text;
	int64_t integer;
	uint32_t index;
	bool boolean;
	nest.program = program;
	nest.depth = 0;
	nest.budget = AVRO_COST_MAX;
	fault.value = 0;
	NEXT_STEP;

skip_booleans:
	READ_RUN(avro_read_boolean(behind, end, &boolean, &fault));
	NEXT_STEP;
skip_ints:
	READ_RUN(avro_read_int(behind, end, &integer, &fault));
	NEXT_STEP;
skip_longs:
	READ_RUN(avro_read_long(behind, end, &integer, &fault));
	NEXT_STEP;
skip_texts:
	READ_RUN(avro_read_text(behind, end, &text, &fault));
	NEXT_STEP;
skip_fixed:
	behind = avro_read_fixed(at, end, step->size, &fault);
	NEXT_STEP;
skip_enum:
	behind = avro_read_index(at, end, step->size, AVRO_FAULT_SYMBOL, &index, &fault);
	NEXT_STEP;
skip_nullable_longs:
	READ_RUN(avro_read_nullable_long(behind, end, step->branch, &fault));
	NEXT_STEP;
skip_nullable_texts:
	READ_RUN(avro_read_nullable_text(behind, end, step->branch, &fault));
	NEXT_STEP;
skip_nullable_fixed:
	READ_RUN(avro_read_nullable_fixed(behind, end, step->branch, step->width, &fault));
	NEXT_STEP;
read_boolean:
	behind = avro_read_boolean(at, end, &boolean, &fault);
	if (behind != NULL)
		event_builder_boolean(builder, step->slot, boolean);
	NEXT_STEP;
read_int:
	behind = avro_read_int(at, end, &integer, &fault);
	if (behind != NULL)
		event_builder_integer(builder, step->slot, integer);
	NEXT_STEP;
read_long:
	behind = avro_read_long(at, end, &integer, &fault);
	if (behind != NULL)
		event_builder_integer(builder, step->slot, integer);
	NEXT_STEP;
read_timestamp:
	behind = avro_read_long(at, end, &integer, &fault);
	if (behind != NULL)
		event_builder_timestamp(builder, step->slot, integer, (enum time_unit)step->unit);
	NEXT_STEP;
read_float:
	behind = avro_read_fixed(at, end, sizeof(float), &fault);
	if (behind != NULL)
		event_builder_double(builder, step->slot, (double)float_at(at));
	NEXT_STEP;
read_double:
	behind = avro_read_fixed(at, end, sizeof(double), &fault);
	if (behind != NULL)
		event_builder_double(builder, step->slot, double_at(at));
	NEXT_STEP;
read_text:
	behind = avro_read_text(at, end, &text, &fault);
	if (behind != NULL && !avro_read_is_utf8(text))
		behind = avro_fault_note(&fault, AVRO_FAULT_UTF8, at, 0);
	if (behind != NULL)
		event_builder_text(builder, step->slot, text);
	NEXT_STEP;
read_fixed:
	text = (struct slice){at, step->size};
	behind = avro_read_fixed(at, end, step->size, &fault);
	if (behind != NULL && !avro_read_is_utf8(text))
		behind = avro_fault_note(&fault, AVRO_FAULT_UTF8, at, 0);
	if (behind != NULL)
		event_builder_text(builder, step->slot, text);
	NEXT_STEP;
read_decimal:
	behind = avro_read_text(at, end, &text, &fault);
	if (behind != NULL && text.length == 0)
		behind = avro_fault_note(&fault, AVRO_FAULT_EMPTY_DECIMAL, at, 0);
	if (behind != NULL)
		event_builder_decimal(builder, step->slot, text, step->scale);
	NEXT_STEP;
read_fixed_decimal:
	behind = avro_read_fixed(at, end, step->size, &fault);
	if (behind != NULL)
		event_builder_decimal(builder, step->slot, (struct slice){at, step->size}, step->scale);
	NEXT_STEP;
read_enum:
	behind = avro_read_index(at, end, step->size, AVRO_FAULT_SYMBOL, &index, &fault);
	if (behind != NULL)
		event_builder_text(builder, step->slot, program->texts[step->first + index]);
	NEXT_STEP;
mark:
	marked = at;
	NEXT_STEP;
back:
	behind = marked;
	NEXT_STEP;
give_null:
	event_builder_null(builder, step->slot);
	NEXT_STEP;
tell_refusal:
	(void)err_set(&builder->err, ERR_DATA, "%s", program->messages[step->message]);
	NEXT_STEP;
pick_null:
	behind = avro_read_index(at, end, 2, AVRO_FAULT_BRANCH, &index, &fault);
	if (behind != NULL && index == step->branch)
		next = program->steps + step->target;
	NEXT_STEP;
pick_branch:
	behind = avro_read_index(at, end, step->size, AVRO_FAULT_BRANCH, &index, &fault);
	if (behind != NULL)
		next = program->steps + program->targets[step->first + index];
	NEXT_STEP;
go_on:
	next = program->steps + step->target;
	NEXT_STEP;
enter_record:
enter_blocks:
	next = step;
	behind = enter(&nest, &next, at, end, &fault);
	NEXT_STEP;
leave_record:
next_item:
	next = step;
	behind = leave(&nest, &next, at, end, &fault);
	NEXT_STEP;
finish:
	if (at == end)
		return 0;
	behind = avro_fault_note(&fault, AVRO_FAULT_LEFT_OVER, at, end - at);
	NEXT_STEP;
damaged:
	return avro_fault_explain(&fault, program, step, nest.frames, nest.depth,
				  (struct slice){end - body.length, body.length}, err);
}

#undef READ_RUN
#undef NEXT_STEP
#pragma GCC diagnostic pop

int avro_check(const struct avro_schema *writer, struct slice body, struct err *err)
{
	struct avro_program *program = avro_program_new(writer, NULL, err);
	if (program == NULL)
		return -1;
	int status = avro_program_run(program, body, NULL, err);
	avro_program_free(program);
	return status;
}
