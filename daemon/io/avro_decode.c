#include "daemon/io/avro_decode.h"

#include "daemon/io/avro_read.h"

/* A value for each of a step's slots, of which there is at least one, but for nulls. */

static void give_integer(const struct avro_program *program, const struct avro_step *step,
			 struct event_builder *builder, int64_t value)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	do
		event_builder_integer(builder, *slot, value);
	while (++slot != last);
}

static void give_timestamp(const struct avro_program *program, const struct avro_step *step,
			   struct event_builder *builder, int64_t value)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	do
		event_builder_timestamp(builder, *slot, value, (enum time_unit)step->unit);
	while (++slot != last);
}

static void give_double(const struct avro_program *program, const struct avro_step *step, struct event_builder *builder,
			double value)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	do
		event_builder_double(builder, *slot, value);
	while (++slot != last);
}

static void give_boolean(const struct avro_program *program, const struct avro_step *step,
			 struct event_builder *builder, bool value)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	do
		event_builder_boolean(builder, *slot, value);
	while (++slot != last);
}

static void give_text(const struct avro_program *program, const struct avro_step *step, struct event_builder *builder,
		      struct slice value)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	do
		event_builder_text(builder, *slot, value);
	while (++slot != last);
}

static void give_decimal(const struct avro_program *program, const struct avro_step *step,
			 struct event_builder *builder, struct slice value)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	do
		event_builder_decimal(builder, *slot, value, step->scale);
	while (++slot != last);
}

static void give_null(const struct avro_program *program, const struct avro_step *step, struct event_builder *builder)
{
	const uint16_t *slot = program->slots + step->slots, *last = slot + step->slot_count;
	for (; slot != last; slot++)
		event_builder_null(builder, *slot);
}

/* Avro's numbers are little-endian, as are the machines that this runs on. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats and doubles are copied as they are");

static void give_float_at(const struct avro_program *program, const struct avro_step *step,
			  struct event_builder *builder, const uint8_t *at)
{
	float value;
	memcpy(&value, at, sizeof value);
	give_double(program, step, builder, (double)value);
}

static void give_double_at(const struct avro_program *program, const struct avro_step *step,
			   struct event_builder *builder, const uint8_t *at)
{
	double value;
	memcpy(&value, at, sizeof value);
	give_double(program, step, builder, value);
}

/*
 * The interpreter: one loop over one switch, longer than a function should be because every step's way through the
 * bytes is its own. `at` is NULL after a fault and is looked at once, behind the switch.
 *
 * Time and memory are bounded: every step passes over at least a byte, but for calls and items, which are counted,
 * what stands once for each of these, and the steps of the flattened part, which nothing repeats.
 */
int avro_program_run(const struct avro_program *program, struct slice body, struct event_builder *builder,
		     struct err *err)
{
	static const uint8_t nothing[1];
	const uint8_t *const begin = body.data == NULL ? nothing : body.data, *const end = begin + body.length;
	const uint8_t *at = begin;
	const struct avro_step *step = program->steps;
	struct avro_frame frames[AVRO_DEPTH_MAX], *frame;
	unsigned depth = 0;
	uint32_t budget = AVRO_COST_MAX, index = 0;
	struct avro_fault fault;
	int64_t integer = 0;
	bool boolean = false;
	struct slice text;
	const uint8_t *start;
	fault.value = 0;
	for (;;) {
		const struct avro_step *next = step + 1;
		start = at;
		switch ((enum avro_step_kind)step->kind) {
		case AVRO_SKIP_BOOLEANS:
			at = avro_read_booleans(at, end, step->count, &fault);
			break;
		case AVRO_SKIP_INTS:
			at = avro_read_ints(at, end, step->count, &fault);
			break;
		case AVRO_SKIP_LONGS:
			at = avro_read_longs(at, end, step->count, &fault);
			break;
		case AVRO_SKIP_TEXTS:
			at = avro_read_texts(at, end, step->count, &fault);
			break;
		case AVRO_SKIP_FIXED:
			at = avro_read_fixed(at, end, step->size, &fault);
			break;
		case AVRO_SKIP_ENUM:
			at = avro_read_index(at, end, step->size, AVRO_FAULT_SYMBOL, &index, &fault);
			break;
		case AVRO_READ_BOOLEAN:
			at = avro_read_boolean(at, end, &boolean, &fault);
			if (at != NULL)
				give_boolean(program, step, builder, boolean);
			break;
		case AVRO_READ_INT:
			at = avro_read_int(at, end, &integer, &fault);
			if (at != NULL)
				give_integer(program, step, builder, integer);
			break;
		case AVRO_READ_LONG:
			at = avro_read_long(at, end, &integer, &fault);
			if (at != NULL)
				give_integer(program, step, builder, integer);
			break;
		case AVRO_READ_TIMESTAMP:
			at = avro_read_long(at, end, &integer, &fault);
			if (at != NULL)
				give_timestamp(program, step, builder, integer);
			break;
		case AVRO_READ_FLOAT:
			at = avro_read_fixed(at, end, sizeof(float), &fault);
			if (at != NULL)
				give_float_at(program, step, builder, start);
			break;
		case AVRO_READ_DOUBLE:
			at = avro_read_fixed(at, end, sizeof(double), &fault);
			if (at != NULL)
				give_double_at(program, step, builder, start);
			break;
		case AVRO_READ_TEXT:
			at = avro_read_text(at, end, &text, &fault);
			if (at != NULL && !avro_read_is_utf8(text))
				at = avro_fault_note(&fault, AVRO_FAULT_UTF8, start, 0);
			if (at != NULL)
				give_text(program, step, builder, text);
			break;
		case AVRO_READ_FIXED:
			text = (struct slice){at, step->size};
			at = avro_read_fixed(at, end, step->size, &fault);
			if (at != NULL && !avro_read_is_utf8(text))
				at = avro_fault_note(&fault, AVRO_FAULT_UTF8, start, 0);
			if (at != NULL)
				give_text(program, step, builder, text);
			break;
		case AVRO_READ_DECIMAL:
			at = avro_read_text(at, end, &text, &fault);
			if (at != NULL && text.length == 0)
				at = avro_fault_note(&fault, AVRO_FAULT_EMPTY_DECIMAL, start, 0);
			if (at != NULL)
				give_decimal(program, step, builder, text);
			break;
		case AVRO_READ_FIXED_DECIMAL:
			at = avro_read_fixed(at, end, step->size, &fault);
			if (at != NULL)
				give_decimal(program, step, builder, (struct slice){start, step->size});
			break;
		case AVRO_READ_ENUM:
			at = avro_read_index(at, end, step->size, AVRO_FAULT_SYMBOL, &index, &fault);
			if (at != NULL)
				give_text(program, step, builder, program->texts[step->first + index]);
			break;
		case AVRO_NULL:
			give_null(program, step, builder);
			break;
		case AVRO_REFUSE:
			(void)err_set(&builder->err, ERR_DATA, "%s", program->messages[step->message]);
			break;
		case AVRO_NULLABLE:
			at = avro_read_index(at, end, 2, AVRO_FAULT_BRANCH, &index, &fault);
			if (at != NULL && index == step->branch) {
				give_null(program, step, builder);
				next = program->steps + step->target;
			}
			break;
		case AVRO_UNION:
			at = avro_read_index(at, end, step->size, AVRO_FAULT_BRANCH, &index, &fault);
			if (at != NULL)
				next = program->steps + program->targets[step->first + index];
			break;
		case AVRO_JUMP:
			next = program->steps + step->target;
			break;
		case AVRO_CALL:
			if (depth == AVRO_DEPTH_MAX || budget-- == 0) {
				at = avro_fault_note(
				    &fault, depth == AVRO_DEPTH_MAX ? AVRO_FAULT_DEPTH : AVRO_FAULT_COST, at, 0);
				break;
			}
			frames[depth++].from = step;
			next = program->steps + step->target;
			break;
		case AVRO_RETURN:
			next = frames[--depth].from + 1;
			break;
		case AVRO_BLOCKS:
			if (depth == AVRO_DEPTH_MAX) {
				at = avro_fault_note(&fault, AVRO_FAULT_DEPTH, at, 0);
				break;
			}
			frame = &frames[depth++];
			*frame = (struct avro_frame){step, 0, 0};
			at = avro_read_block(at, end, frame, &fault);
			if (at != NULL && frame->left == 0) {
				depth--;
				next = program->steps + step->target;
			}
			break;
		case AVRO_ITEM:
			frame = &frames[depth - 1];
			if (budget-- == 0)
				at = avro_fault_note(&fault, AVRO_FAULT_COST, at, 0);
			else if (--frame->left == 0)
				at = avro_read_block(at, end, frame, &fault);
			if (at != NULL && frame->left > 0)
				next = program->steps + step->target;
			else if (at != NULL)
				depth--;
			break;
		case AVRO_END:
			if (at == end)
				return 0;
			at = avro_fault_note(&fault, AVRO_FAULT_LEFT_OVER, at, end - at);
			break;
		default:
			__builtin_unreachable(); /* saves a comparison per step */
		}
		if (at == NULL)
			return avro_fault_explain(&fault, program, step, frames, depth,
						  (struct slice){begin, body.length}, err);
		step = next;
	}
}

int avro_check(const struct avro_schema *writer, struct slice body, struct err *err)
{
	struct avro_program *program = avro_program_new(writer, NULL, err);
	if (program == NULL)
		return -1;
	int status = avro_program_run(program, body, NULL, err);
	avro_program_free(program);
	return status;
}
