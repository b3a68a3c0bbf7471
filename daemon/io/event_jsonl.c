/* Events from JSON lines: paths go through nested objects. */
#include "daemon/io/event_format.h"
#include "daemon/io/jsonl.h"

#include <assert.h>
#include <stdlib.h>

/* The paths that one slot may be read from. */
struct choice {
	char **paths; /* owned; NULL: the slot is not read */
	size_t count;
};

struct event_jsonl {
	struct jsonl jsonl;
	struct choice *slots;
	size_t slot_count;
	const char *const *keep;
	size_t keep_count;
	struct buffer text;
};

static int refuse(struct event_parts *parts, enum reason reason, const char *path, const char *message)
{
	if (parts->reason != REASON_NONE)
		return 0;
	parts->reason = reason;
	(void)err_set(&parts->bad, ERR_DATA, "%s%s%s", path, *path == '\0' ? "" : ": ", message);
	return 0;
}

/* Gives one value to a slot. */
static int give(struct event_builder *builder, size_t slot, const char *path, const json_t *value,
		struct event_parts *parts)
{
	struct slice text;
	switch (json_typeof(value)) {
	case JSON_NULL:
		event_builder_null(builder, slot);
		return 0;
	case JSON_STRING:
		text = arena_copy(builder->arena, (struct slice){json_string_value(value), json_string_length(value)});
		if (text.data == NULL)
			return -1;
		event_builder_text(builder, slot, text);
		return 0;
	case JSON_INTEGER:
		event_builder_integer(builder, slot, json_integer_value(value));
		return 0;
	case JSON_REAL:
		event_builder_double(builder, slot, json_real_value(value));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		event_builder_boolean(builder, slot, json_is_true(value));
		return 0;
	case JSON_OBJECT:
		return refuse(parts, REASON_VALIDATE, path, "expected a single value, found an object");
	case JSON_ARRAY:
		break;
	}
	return refuse(parts, REASON_VALIDATE, path, "expected a single value, found an array");
}

static int give_slot(struct event_jsonl *self, size_t slot, struct event_builder *builder, struct event_parts *parts)
{
	const struct choice *choice = &self->slots[slot];
	bool blocked = false;
	for (size_t i = 0; i < choice->count; i++) {
		const json_t *value = jsonl_find(self->jsonl.value, choice->paths[i], &blocked);
		if (value != NULL)
			return give(builder, slot, choice->paths[i], value, parts);
	}
	if (blocked)
		return refuse(parts, REASON_VALIDATE, choice->paths[0], "expected nested objects, found another value");
	return 0;
}

/* A value's text in the arena; data NULL: null. */
static int text_of(struct event_jsonl *self, const json_t *value, struct arena *arena, struct slice *text)
{
	*text = (struct slice){NULL, 0};
	if (value == NULL || json_is_null(value))
		return 0;
	buffer_reset(&self->text);
	if (jsonl_text(value, &self->text) != 0)
		return -1;
	struct slice shown = buffer_slice(&self->text);
	*text = arena_copy(arena, shown.length == 0 ? slice_of("") : shown);
	return text->data == NULL ? -1 : 0;
}

static int take_members(struct event_jsonl *self, struct arena *arena, struct event_parts *parts, struct err *err)
{
	for (enum event_member member = 0; member < MEMBER_NUMBER; member++) {
		const json_t *value = json_object_get(self->jsonl.value, event_format_member(member));
		struct slice text;
		if (value == NULL)
			continue;
		if (text_of(self, value, arena, &text) != 0)
			return err_memory(err);
		if (event_format_take(parts, member, text, err) != 0)
			return err_prepend(err, "%s: line %llu", self->jsonl.input.name,
					   (unsigned long long)parts->number);
	}
	return 0;
}

static int take_values(struct event_jsonl *self, struct arena *arena, struct event_builder *builder,
		       struct event_parts *parts, struct slice *kept, struct err *err)
{
	if (take_members(self, arena, parts, err) != 0)
		return -1;
	for (size_t slot = 0; slot < self->slot_count; slot++)
		if ((slot != EVENT_SLOT_KEY || parts->has[MEMBER_KEY]) && give_slot(self, slot, builder, parts) != 0)
			return err_memory(err);
	for (size_t i = 0; kept != NULL && i < self->keep_count; i++) {
		bool blocked;
		if (text_of(self, jsonl_find(self->jsonl.value, self->keep[i], &blocked), arena, &kept[i]) != 0)
			return err_memory(err);
	}
	return 1;
}

static int next(void *context, struct arena *arena, struct event_builder *builder, struct event_parts *parts,
		struct slice *kept, struct err *err)
{
	struct event_jsonl *self = context;
	int status = jsonl_next(&self->jsonl, &parts->bad, err);
	if (status <= 0)
		return status;
	parts->number = self->jsonl.line;
	parts->parsed = json_is_object(self->jsonl.value);
	if (parts->parsed)
		return take_values(self, arena, builder, parts, kept, err);
	for (size_t i = 0; kept != NULL && i < self->keep_count; i++)
		kept[i] = (struct slice){NULL, 0};
	parts->reason = REASON_DECODE;
	if (self->jsonl.value != NULL)
		(void)err_set(&parts->bad, ERR_DATA, "expected a JSON object, found another value");
	return 1;
}

static const struct input *input(void *context)
{
	struct event_jsonl *self = context;
	return &self->jsonl.input;
}

static void close_jsonl(void *context)
{
	struct event_jsonl *self = context;
	jsonl_close(&self->jsonl);
	for (size_t slot = 0; slot < self->slot_count; slot++)
		free(self->slots[slot].paths);
	free(self->slots);
	buffer_free(&self->text);
	free(self);
}

struct event_format event_jsonl_open(const struct event_format_options *options, struct err *err)
{
	struct event_format format = {NULL, next, input, close_jsonl};
	struct event_jsonl *self = calloc(1, sizeof *self);
	if (self == NULL) {
		(void)err_memory(err);
		return format;
	}
	buffer_init(&self->text);
	self->keep = options->keep;
	self->keep_count = options->keep_count;
	self->slots = calloc(event_slot_count(options->schema), sizeof *self->slots);
	if (self->slots == NULL) {
		(void)err_memory(err);
		goto close;
	}
	self->slot_count = event_slot_count(options->schema);
	for (size_t slot = 0; slot < self->slot_count; slot++) {
		struct choice *choice = &self->slots[slot];
		if (event_slot_path(options->schema, slot) == NULL)
			continue;
		choice->paths = event_format_paths(options->schema, slot, &choice->count);
		if (choice->paths == NULL) {
			(void)err_memory(err);
			goto close;
		}
	}
	if (jsonl_open(&self->jsonl, options->path, err) == 0) {
		format.self = self;
		return format;
	}
close:
	close_jsonl(self);
	return format;
}
