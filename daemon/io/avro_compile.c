#include "daemon/io/avro_emit.h"
#include "daemon/io/avro_match.h"

#include <assert.h>
#include <stdlib.h>

#define WANTS_MAX (EVENT_SLOT_FIELDS + EVENT_FIELDS_MAX)
#define PATH_DEPTH_MAX 64       /* records on the way to a wanted value */
#define NONE UINT32_MAX         /* no step, no text yet */
#define CALLED (UINT32_MAX - 1) /* a subroutine whose step is not known yet */

/* What became of a wanted value; of a union's branches the greatest counts. */
enum outcome { ABSENT, UNREADABLE, READABLE };

/* A slot that waits for a value at or below the type being compiled. */
struct want {
	size_t slot;
	const char *rest; /* of its path, below that type; "": the value itself */
	enum outcome outcome;
};

/* All slots that wait for something below one value. */
struct wants {
	size_t count;
	struct want list[WANTS_MAX];
};

struct compiler {
	struct avro_emitter emitter;
	const struct event_schema *reader; /* NULL: everything is skipped */
	uint32_t *subroutines;             /* by node: its first step, NONE or CALLED */
	const struct avro_node **queue;    /* record types called, in that order */
	uint32_t queued;
	uint32_t *symbols;               /* by enum node: its first text, or NONE */
	unsigned depth;                  /* of records on the way to a wanted value */
	const char *refusals[WANTS_MAX]; /* by slot: the first reason found why it cannot be read */
};

static void compile_skip(struct compiler *compiler, const struct avro_node *node, const struct avro_place *place);
static void compile_value(struct compiler *compiler, const struct avro_node *node, struct wants *wants,
			  const struct avro_place *place);

/* A value that cannot be read stands in the way of a want: the builder hears of it whenever it comes by. */
static void refuse(struct compiler *compiler, const struct want *want, const char *why, const struct avro_place *place)
{
	const char *kept;
	uint32_t message = avro_emit_message(&compiler->emitter, why, &kept);
	avro_emit(&compiler->emitter, AVRO_REFUSE, place)->message = message;
	if (compiler->refusals[want->slot] == NULL)
		compiler->refusals[want->slot] = kept;
}

static void compile_read(struct compiler *compiler, const struct avro_node *node, size_t slot,
			 const struct avro_place *place)
{
	static const uint8_t kinds[] = {
	    [AVRO_TYPE_NULL] = AVRO_NULL,        [AVRO_TYPE_BOOLEAN] = AVRO_READ_BOOLEAN,
	    [AVRO_TYPE_INT] = AVRO_READ_INT,     [AVRO_TYPE_LONG] = AVRO_READ_LONG,
	    [AVRO_TYPE_FLOAT] = AVRO_READ_FLOAT, [AVRO_TYPE_DOUBLE] = AVRO_READ_DOUBLE,
	    [AVRO_TYPE_BYTES] = AVRO_READ_TEXT,  [AVRO_TYPE_STRING] = AVRO_READ_TEXT,
	    [AVRO_TYPE_ENUM] = AVRO_READ_ENUM,   [AVRO_TYPE_FIXED] = AVRO_READ_FIXED,
	};
	assert((size_t)node->type < sizeof kinds);
	struct avro_step *step = avro_emit(&compiler->emitter, (enum avro_step_kind)kinds[node->type], place);
	step->slot = (uint16_t)slot;
	if (node->type == AVRO_TYPE_FIXED)
		step->size = (uint32_t)node->size;
	switch (node->logical) {
	case AVRO_LOGICAL_DECIMAL:
		step->kind = node->type == AVRO_TYPE_FIXED ? AVRO_READ_FIXED_DECIMAL : AVRO_READ_DECIMAL;
		step->scale = node->scale;
		break;
	case AVRO_LOGICAL_TIMESTAMP_MILLIS:
	case AVRO_LOGICAL_TIMESTAMP_MICROS:
		step->kind = AVRO_READ_TIMESTAMP;
		step->unit = node->logical == AVRO_LOGICAL_TIMESTAMP_MILLIS ? TIME_MS : TIME_US;
		break;
	case AVRO_LOGICAL_NONE:
	case AVRO_LOGICAL_OTHER:
		break;
	}
	if (node->type == AVRO_TYPE_ENUM) {
		uint32_t *symbols = &compiler->symbols[node->number];
		if (*symbols == NONE)
			*symbols = avro_emit_texts(&compiler->emitter, node->symbols, node->symbol_count);
		step->size = (uint32_t)node->symbol_count;
		step->first = *symbols;
	}
}

/* A type with no wanted values inside. Null is null at any depth. */
static void compile_leaf(struct compiler *compiler, const struct avro_node *node, struct wants *wants,
			 const struct avro_place *place)
{
	size_t readable = 0;
	char why[AVRO_MATCH_WHY_MAX];
	for (size_t i = 0; i < wants->count; i++) {
		struct want *want = &wants->list[i];
		bool itself = want->rest[0] == '\0' && avro_match_type(compiler->reader, want->slot, node);
		want->outcome = itself || node->type == AVRO_TYPE_NULL ? READABLE : UNREADABLE;
		readable += want->outcome == READABLE;
		if (want->outcome == UNREADABLE) {
			avro_match_refuse_type(compiler->reader, want->slot, want->rest, node, why);
			refuse(compiler, want, why, place);
		}
	}
	if (readable == 0)
		compile_skip(compiler, node, place);
	else if (readable > 1)
		avro_emit(&compiler->emitter, AVRO_MARK, place);
	for (size_t i = 0; readable > 0 && i < wants->count; i++)
		if (wants->list[i].outcome == READABLE) {
			compile_read(compiler, node, wants->list[i].slot, place);
			if (--readable > 0)
				avro_emit(&compiler->emitter, AVRO_BACK, place);
		}
}

/* The wants of one record's field; the others wait. */
static void compile_field(struct compiler *compiler, const struct avro_field *field, struct wants *wants,
			  const struct avro_field *const *found, const struct avro_place *place)
{
	struct wants below;
	below.count = 0;
	for (size_t i = 0; i < wants->count; i++)
		if (found[i] == field) {
			const char *rest = wants->list[i].rest, *dot = strchr(rest, '.');
			below.list[below.count++] =
			    (struct want){wants->list[i].slot, dot == NULL ? "" : dot + 1, ABSENT};
		}
	compile_value(compiler, field->node, &below, avro_emit_place(&compiler->emitter, field->name, place));
	for (size_t i = 0, next = 0; i < wants->count; i++)
		if (found[i] == field)
			wants->list[i].outcome = below.list[next++].outcome;
}

/* A record with wanted values inside: its fields one after the other, flattened. */
static void compile_record(struct compiler *compiler, const struct avro_node *node, struct wants *wants,
			   const struct avro_place *place)
{
	const struct avro_field *found[WANTS_MAX];
	char why[AVRO_MATCH_WHY_MAX];
	if (++compiler->depth > PATH_DEPTH_MAX)
		(void)err_set(compiler->emitter.err, ERR_DATA, "a path through more than %d records", PATH_DEPTH_MAX);
	for (size_t i = 0; i < wants->count; i++) {
		struct want *want = &wants->list[i];
		found[i] = NULL;
		if (want->rest[0] == '\0') {
			want->outcome = UNREADABLE;
			avro_match_refuse_type(compiler->reader, want->slot, "", node, why);
			refuse(compiler, want, why, place);
			continue;
		}
		found[i] = avro_match_field(compiler->reader, want->slot, want->rest, node);
		want->outcome = ABSENT;
		if (found[i] == NULL && !event_slot_optional(compiler->reader, want->slot)) {
			avro_match_refuse_absent(compiler->reader, want->slot, want->rest, node, why);
			refuse(compiler, want, why, place);
		}
	}
	for (size_t i = 0; i < node->field_count && !err_is_set(compiler->emitter.err); i++)
		compile_field(compiler, &node->fields[i], wants, found, place);
	compiler->depth--;
}

static bool is_nullable(const struct avro_node *node)
{
	return node->branch_count == 2 &&
	       (node->branches[0]->type == AVRO_TYPE_NULL || node->branches[1]->type == AVRO_TYPE_NULL);
}

/* A skipped union of null and a type without parts comes in runs; false: of any other type. */
static bool skip_nullable(struct compiler *compiler, const struct avro_node *node, uint8_t null,
			  const struct avro_place *place)
{
	struct avro_emitter *emitter = &compiler->emitter;
	const struct avro_node *other = node->branches[1 - null];
	switch (other->type) {
	case AVRO_TYPE_LONG:
		avro_emit_skip_nullable(emitter, AVRO_SKIP_NULLABLE_LONGS, null, 0, place);
		return true;
	case AVRO_TYPE_BYTES:
	case AVRO_TYPE_STRING:
		avro_emit_skip_nullable(emitter, AVRO_SKIP_NULLABLE_TEXTS, null, 0, place);
		return true;
	case AVRO_TYPE_FLOAT:
		avro_emit_skip_nullable(emitter, AVRO_SKIP_NULLABLE_FIXED, null, sizeof(float), place);
		return true;
	case AVRO_TYPE_DOUBLE:
		avro_emit_skip_nullable(emitter, AVRO_SKIP_NULLABLE_FIXED, null, sizeof(double), place);
		return true;
	case AVRO_TYPE_FIXED:
		avro_emit_skip_nullable(emitter, AVRO_SKIP_NULLABLE_FIXED, null, (uint32_t)other->size, place);
		return true;
	default:
		return false;
	}
}

/* The commonest union, of null and one other type. Where nothing is wanted, null jumps behind; else the other jumps over the nulls. */
static void compile_nullable(struct compiler *compiler, const struct avro_node *node, struct wants *wants,
			     const struct avro_place *place)
{
	struct avro_emitter *emitter = &compiler->emitter;
	uint8_t null = node->branches[0]->type == AVRO_TYPE_NULL ? 0 : 1;
	if (wants->count == 0 && skip_nullable(compiler, node, null, place))
		return;
	uint32_t choice = avro_emit_label(emitter), jump = choice;
	avro_emit(emitter, AVRO_NULLABLE, place)->branch = wants->count > 0 ? 1 - null : null;
	for (size_t i = 0; i < wants->count; i++)
		avro_emit(emitter, AVRO_NULL, place)->slot = (uint16_t)wants->list[i].slot;
	if (wants->count > 0) {
		jump = avro_emit_label(emitter);
		avro_emit(emitter, AVRO_JUMP, place);
		uint32_t value = avro_emit_label(emitter);
		avro_emit_at(emitter, choice)->target = value;
	}
	compile_value(compiler, node->branches[1 - null], wants, place);
	uint32_t behind = avro_emit_label(emitter);
	avro_emit_at(emitter, jump)->target = behind;
}

/* Any other union: each branch as if it were the only one. One readable branch is enough for a want. */
static void compile_union(struct compiler *compiler, const struct avro_node *node, struct wants *wants,
			  const struct avro_place *place)
{
	struct avro_emitter *emitter = &compiler->emitter;
	uint32_t first = avro_emit_targets(emitter, node->branch_count), jump = NONE;
	struct avro_step *step = avro_emit(emitter, AVRO_UNION, place);
	step->first = first;
	step->size = (uint32_t)node->branch_count;
	for (size_t i = 0; i < wants->count; i++)
		wants->list[i].outcome = ABSENT;
	for (size_t i = 0; i < node->branch_count && !err_is_set(emitter->err); i++) {
		const struct avro_node *branch = node->branches[i];
		struct wants taken = *wants;
		avro_emit_set_target(emitter, first + (uint32_t)i, avro_emit_label(emitter));
		compile_value(compiler, branch, &taken, place);
		for (size_t j = 0; j < wants->count; j++)
			if (taken.list[j].outcome > wants->list[j].outcome &&
			    (branch->type != AVRO_TYPE_NULL || node->branch_count == 1))
				wants->list[j].outcome = taken.list[j].outcome;

		/* The jumps to behind the union are chained through their targets until that is known. */
		uint32_t number = avro_emit_label(emitter);
		avro_emit(emitter, AVRO_JUMP, place)->target = jump;
		jump = number;
	}
	uint32_t behind = avro_emit_label(emitter);
	while (jump != NONE && !err_is_set(emitter->err)) {
		struct avro_step *at = avro_emit_at(emitter, jump);
		jump = at->target;
		at->target = behind;
	}
}

static void compile_value(struct compiler *compiler, const struct avro_node *node, struct wants *wants,
			  const struct avro_place *place)
{
	if (wants->count == 0)
		compile_skip(compiler, node, place);
	else if (node->type == AVRO_TYPE_RECORD)
		compile_record(compiler, node, wants, place);
	else if (node->type != AVRO_TYPE_UNION)
		compile_leaf(compiler, node, wants, place);
	else if (is_nullable(node))
		compile_nullable(compiler, node, wants, place);
	else
		compile_union(compiler, node, wants, place);
}

static void skip_record(struct compiler *compiler, const struct avro_node *node, const struct avro_place *place)
{
	if (node->field_count == 0)
		return;
	if (compiler->subroutines[node->number] == NONE) {
		compiler->subroutines[node->number] = CALLED;
		compiler->queue[compiler->queued++] = node;
	}
	avro_emit(&compiler->emitter, AVRO_CALL, place)->target = node->number; /* until link_calls() */
}

static void skip_blocks(struct compiler *compiler, const struct avro_node *node, const struct avro_place *place)
{
	struct avro_emitter *emitter = &compiler->emitter;
	const struct avro_place *item = avro_emit_place(emitter, "[]", place);
	uint32_t blocks = avro_emit_label(emitter);
	avro_emit(emitter, AVRO_BLOCKS, place);
	uint32_t begin = avro_emit_label(emitter);
	if (node->type == AVRO_TYPE_MAP)
		avro_emit_skip(emitter, AVRO_SKIP_TEXTS, item);
	compile_skip(compiler, node->branches[0], item);
	avro_emit(emitter, AVRO_ITEM, place)->target = begin;
	uint32_t behind = avro_emit_label(emitter);
	avro_emit_at(emitter, blocks)->target = behind;
}

static void compile_skip(struct compiler *compiler, const struct avro_node *node, const struct avro_place *place)
{
	struct avro_emitter *emitter = &compiler->emitter;
	struct wants none;
	none.count = 0;
	switch (node->type) {
	case AVRO_TYPE_NULL:
		return;
	case AVRO_TYPE_BOOLEAN:
		avro_emit_skip(emitter, AVRO_SKIP_BOOLEANS, place);
		return;
	case AVRO_TYPE_INT:
		avro_emit_skip(emitter, AVRO_SKIP_INTS, place);
		return;
	case AVRO_TYPE_LONG:
		avro_emit_skip(emitter, AVRO_SKIP_LONGS, place);
		return;
	case AVRO_TYPE_BYTES:
	case AVRO_TYPE_STRING:
		avro_emit_skip(emitter, AVRO_SKIP_TEXTS, place);
		return;
	case AVRO_TYPE_FLOAT:
		avro_emit_skip_fixed(emitter, sizeof(float), place);
		return;
	case AVRO_TYPE_DOUBLE:
		avro_emit_skip_fixed(emitter, sizeof(double), place);
		return;
	case AVRO_TYPE_FIXED:
		avro_emit_skip_fixed(emitter, node->size, place);
		return;
	case AVRO_TYPE_ENUM:
		avro_emit(emitter, AVRO_SKIP_ENUM, place)->size = (uint32_t)node->symbol_count;
		return;
	case AVRO_TYPE_RECORD:
		skip_record(compiler, node, place);
		return;
	case AVRO_TYPE_ARRAY:
	case AVRO_TYPE_MAP:
		skip_blocks(compiler, node, place);
		return;
	case AVRO_TYPE_UNION:
		break;
	}
	if (is_nullable(node))
		compile_nullable(compiler, node, &none, place);
	else
		compile_union(compiler, node, &none, place);
}

/* The skipped record types, each once; they may call further ones. */
static void compile_subroutines(struct compiler *compiler)
{
	struct avro_emitter *emitter = &compiler->emitter;
	for (uint32_t i = 0; i < compiler->queued && !err_is_set(emitter->err); i++) {
		const struct avro_node *node = compiler->queue[i];
		compiler->subroutines[node->number] = avro_emit_label(emitter);
		for (size_t j = 0; j < node->field_count && !err_is_set(emitter->err); j++)
			compile_skip(compiler, node->fields[j].node,
				     avro_emit_place(emitter, node->fields[j].name, NULL));
		avro_emit(emitter, AVRO_RETURN, NULL);
	}
}

/* Calls name the node so far; now its subroutine's step is known. */
static void link_calls(struct compiler *compiler)
{
	uint32_t count = avro_emit_label(&compiler->emitter);
	for (uint32_t i = 0; i < count && !err_is_set(compiler->emitter.err); i++) {
		struct avro_step *step = avro_emit_at(&compiler->emitter, i);
		if (step->kind == AVRO_CALL)
			step->target = compiler->subroutines[step->target];
	}
}

/* The whole program for a schema whose root holds the event. */
static int compile(struct compiler *compiler, const struct avro_node *root, struct avro_program *program)
{
	struct err *err = compiler->emitter.err;
	const struct event_schema *reader = compiler->reader;
	struct wants wants;
	wants.count = 0;
	for (size_t slot = 0; reader != NULL && slot < event_slot_count(reader); slot++)
		if (event_slot_path(reader, slot) != NULL)
			wants.list[wants.count++] = (struct want){slot, event_slot_path(reader, slot), ABSENT};
	compile_value(compiler, root, &wants, NULL);
	avro_emit(&compiler->emitter, AVRO_END, NULL);
	for (size_t i = 0; i < wants.count; i++) {
		const struct want *want = &wants.list[i];
		bool missing = want->outcome == ABSENT && !event_slot_optional(reader, want->slot);
		if ((missing || want->outcome == UNREADABLE) && !err_is_set(err))
			return err_set(err, ERR_DATA, "%s", compiler->refusals[want->slot]);
	}
	compile_subroutines(compiler);
	link_calls(compiler);
	return avro_emit_finish(&compiler->emitter, program);
}

struct avro_program *avro_program_new(const struct avro_schema *writer, const struct event_schema *reader,
				      struct err *err)
{
	uint32_t nodes = avro_schema_node_count(writer);
	int status = -1;
	struct compiler compiler = {.reader = reader};
	struct avro_program *program = calloc(1, sizeof *program);
	if (program == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	program->arena = arena_new(AVRO_PROGRAM_MEMORY_MAX);
	compiler.subroutines = malloc(nodes * sizeof *compiler.subroutines);
	compiler.symbols = malloc(nodes * sizeof *compiler.symbols);
	compiler.queue = malloc(nodes * sizeof *compiler.queue);
	if (program->arena == NULL || compiler.subroutines == NULL || compiler.symbols == NULL ||
	    compiler.queue == NULL) {
		(void)err_memory(err);
		goto free_compiler;
	}
	for (uint32_t i = 0; i < nodes; i++)
		compiler.subroutines[i] = compiler.symbols[i] = NONE;
	avro_emit_begin(&compiler.emitter, program->arena, err);
	status = compile(&compiler, avro_schema_root(writer), program);
	avro_emit_free(&compiler.emitter);
free_compiler:
	free(compiler.subroutines);
	free(compiler.symbols);
	free(compiler.queue);
	if (status == 0)
		return program;
	avro_program_free(program);
	return NULL;
}

void avro_program_free(struct avro_program *program)
{
	if (program == NULL)
		return;
	arena_free(program->arena);
	free(program);
}
