#include "daemon/io/avro_emit.h"

#include <assert.h>

static uint32_t count_of(const struct buffer *table, size_t size)
{
	return (uint32_t)(table->length / size);
}

/* Appends an element and returns its number. */
static uint32_t append(struct avro_emitter *emitter, struct buffer *table, const void *element, size_t size)
{
	uint32_t number = count_of(table, size);
	if (err_is_set(emitter->err))
		return number;
	if (table->length > UINT32_MAX - size)
		(void)err_set(emitter->err, ERR_DATA, "reading this schema takes too much memory");
	else
		buffer_add(table, element, size);
	if (buffer_failed(table))
		(void)err_memory(emitter->err);
	return number;
}

/* A schema may be made to need much: that is its fault, and no reason to wait for memory. */
static void no_memory(struct avro_emitter *emitter)
{
	if (arena_used(emitter->arena) > AVRO_PROGRAM_MEMORY_MAX / 2)
		(void)err_set(emitter->err, ERR_DATA, "reading this schema takes too much memory");
	else
		(void)err_memory(emitter->err);
}

void avro_emit_begin(struct avro_emitter *emitter, struct arena *arena, struct err *err)
{
	*emitter = (struct avro_emitter){.arena = arena, .err = err};
}

struct avro_step *avro_emit_at(struct avro_emitter *emitter, uint32_t number)
{
	if (err_is_set(emitter->err))
		return &emitter->spare;
	assert(number < count_of(&emitter->steps, sizeof(struct avro_step)));
	return (struct avro_step *)(void *)emitter->steps.data + number;
}

struct avro_step *avro_emit(struct avro_emitter *emitter, enum avro_step_kind kind, const struct avro_place *place)
{
	if (count_of(&emitter->steps, sizeof(struct avro_step)) == AVRO_PROGRAM_STEPS_MAX)
		(void)err_set(emitter->err, ERR_DATA, "reading this schema takes more than %u steps",
			      AVRO_PROGRAM_STEPS_MAX);
	uint32_t first_place = append(emitter, &emitter->places, &place, sizeof(struct avro_place *));
	(void)append(emitter, &emitter->first_place, &first_place, sizeof first_place);
	struct avro_step step = {.kind = (uint8_t)kind};
	emitter->mergeable = true;
	return avro_emit_at(emitter, append(emitter, &emitter->steps, &step, sizeof step));
}

uint32_t avro_emit_label(struct avro_emitter *emitter)
{
	emitter->mergeable = false;
	return count_of(&emitter->steps, sizeof(struct avro_step));
}

/* The last step, where it is of this kind and may take in one more value. */
static struct avro_step *last_step(struct avro_emitter *emitter, enum avro_step_kind kind)
{
	uint32_t count = count_of(&emitter->steps, sizeof(struct avro_step));
	if (!emitter->mergeable || count == 0)
		return NULL;
	struct avro_step *last = avro_emit_at(emitter, count - 1);
	return last->kind == kind ? last : NULL;
}

void avro_emit_skip(struct avro_emitter *emitter, enum avro_step_kind kind, const struct avro_place *place)
{
	struct avro_step *last = last_step(emitter, kind);
	if (last == NULL) {
		avro_emit(emitter, kind, place)->count = 1;
		return;
	}
	last->count++;
	(void)append(emitter, &emitter->places, &place, sizeof(struct avro_place *));
}

void avro_emit_skip_nullable(struct avro_emitter *emitter, enum avro_step_kind kind, uint8_t branch, uint32_t width,
			     const struct avro_place *place)
{
	struct avro_step *last = last_step(emitter, kind);
	if (last != NULL && last->branch == branch && last->width == width) {
		last->count++;
		(void)append(emitter, &emitter->places, &place, sizeof(struct avro_place *));
		return;
	}
	struct avro_step *step = avro_emit(emitter, kind, place);
	step->count = 1;
	step->branch = branch;
	step->width = width;
}

void avro_emit_skip_fixed(struct avro_emitter *emitter, uint64_t size, const struct avro_place *place)
{
	struct avro_step *last = last_step(emitter, AVRO_SKIP_FIXED);
	assert(size <= AVRO_SCHEMA_FIXED_MAX);
	if (last != NULL && size <= UINT32_MAX - last->size)
		last->size += (uint32_t)size;
	else if (size > 0)
		avro_emit(emitter, AVRO_SKIP_FIXED, place)->size = (uint32_t)size;
}

static struct slice keep(struct avro_emitter *emitter, const char *text)
{
	struct slice copy = arena_copy(emitter->arena, slice_of(text));
	if (copy.data == NULL)
		no_memory(emitter);
	return copy.data == NULL ? slice_of("") : copy;
}

uint32_t avro_emit_texts(struct avro_emitter *emitter, char *const *texts, size_t count)
{
	uint32_t first = count_of(&emitter->texts, sizeof(struct slice));
	for (size_t i = 0; i < count && !err_is_set(emitter->err); i++) {
		struct slice text = keep(emitter, texts[i]);
		(void)append(emitter, &emitter->texts, &text, sizeof text);
	}
	return first;
}

uint32_t avro_emit_targets(struct avro_emitter *emitter, size_t count)
{
	uint32_t first = count_of(&emitter->targets, sizeof(uint32_t)), nowhere = 0;
	for (size_t i = 0; i < count; i++)
		(void)append(emitter, &emitter->targets, &nowhere, sizeof nowhere);
	return first;
}

void avro_emit_set_target(struct avro_emitter *emitter, uint32_t number, uint32_t step)
{
	if (err_is_set(emitter->err))
		return;
	assert(number < count_of(&emitter->targets, sizeof step));
	memcpy(emitter->targets.data + (size_t)number * sizeof step, &step, sizeof step);
}

uint32_t avro_emit_message(struct avro_emitter *emitter, const char *message, const char **kept)
{
	*kept = keep(emitter, message).data;
	return append(emitter, &emitter->messages, kept, sizeof *kept);
}

const struct avro_place *avro_emit_place(struct avro_emitter *emitter, const char *name,
					 const struct avro_place *parent)
{
	struct avro_place *place = arena_take(emitter->arena, sizeof *place);
	if (place == NULL) {
		no_memory(emitter);
		return NULL;
	}
	*place = (struct avro_place){keep(emitter, name).data, parent};
	return place;
}

/* A table as it stays: exactly as long as it is, in the arena. */
static const void *settle(struct avro_emitter *emitter, const struct buffer *table)
{
	void *copy = arena_take(emitter->arena, table->length);
	if (copy == NULL)
		no_memory(emitter);
	else if (table->length > 0)
		memcpy(copy, table->data, table->length);
	return copy;
}

int avro_emit_finish(struct avro_emitter *emitter, struct avro_program *program)
{
	if (err_is_set(emitter->err))
		return -1;
	program->steps = settle(emitter, &emitter->steps);
	program->targets = settle(emitter, &emitter->targets);
	program->texts = settle(emitter, &emitter->texts);
	program->messages = settle(emitter, &emitter->messages);
	program->places = settle(emitter, &emitter->places);
	program->first_place = settle(emitter, &emitter->first_place);
	return err_is_set(emitter->err) ? -1 : 0;
}

void avro_emit_free(struct avro_emitter *emitter)
{
	buffer_free(&emitter->steps);
	buffer_free(&emitter->targets);
	buffer_free(&emitter->texts);
	buffer_free(&emitter->messages);
	buffer_free(&emitter->places);
	buffer_free(&emitter->first_place);
}
