/* Events from Avro container files: the file's schema is the writer's, read by the same compiled program as Kafka's. */
#include "daemon/io/avro_decode.h"
#include "daemon/io/avro_file.h"
#include "daemon/io/event_format.h"

#include <stdlib.h>

struct event_avro {
	struct avro_file *file;
	struct avro_program *program;
	struct avro_pick *pick; /* the members, then what is kept */
	struct slice *texts;    /* likewise */
	size_t keep_count;
	bool has[MEMBER_NUMBER]; /* in the schema */
};

/* Prepares the walk that picks members and kept values. */
static int make_pick(struct event_avro *self, const struct event_format_options *options, struct err *err)
{
	size_t count = MEMBER_NUMBER + options->keep_count;
	const char **paths = calloc(count, sizeof *paths);
	bool *found = calloc(count, sizeof *found);
	self->texts = calloc(count, sizeof *self->texts);
	self->keep_count = options->keep_count;
	int status = -1;
	if (paths == NULL || found == NULL || self->texts == NULL) {
		status = err_memory(err);
		goto free_found;
	}
	for (enum event_member member = 0; member < MEMBER_NUMBER; member++)
		paths[member] = event_format_member(member);
	for (size_t i = 0; i < options->keep_count; i++)
		paths[MEMBER_NUMBER + i] = options->keep[i];
	self->pick = avro_pick_new(avro_file_schema(self->file), paths, count, found, err);
	if (self->pick == NULL)
		goto free_found;
	status = 0;
	for (size_t i = 0; i < count && status == 0; i++)
		if (i < MEMBER_NUMBER)
			self->has[i] = found[i];
		else if (!found[i])
			status = err_set(err, ERR_DATA, "no field %s in the file's schema", paths[i]);
free_found:
	free(found);
	free(paths);
	return status;
}

static int next(void *context, struct arena *arena, struct event_builder *builder, struct event_parts *parts,
		struct slice *kept, struct err *err)
{
	struct event_avro *self = context;
	struct slice body;
	int status = avro_file_next(self->file, self->pick, arena, self->texts, &body, err);
	if (status <= 0)
		return status;
	parts->number = avro_file_number(self->file);
	parts->parsed = true;
	for (enum event_member member = 0; member < MEMBER_NUMBER; member++)
		if (self->has[member] && event_format_take(parts, member, self->texts[member], err) != 0)
			return err_prepend(err, "%s: record %llu", avro_file_input(self->file)->name,
					   (unsigned long long)parts->number);
	for (size_t i = 0; kept != NULL && i < self->keep_count; i++)
		kept[i] = self->texts[MEMBER_NUMBER + i];
	body = arena_copy(arena, body.length == 0 ? slice_of("") : body);
	if (body.data == NULL)
		return err_memory(err);
	if (avro_program_run(self->program, body, builder, &parts->bad) != 0)
		parts->reason = REASON_DECODE;
	return 1;
}

static const struct input *input(void *context)
{
	struct event_avro *self = context;
	return avro_file_input(self->file);
}

static void close_avro(void *context)
{
	struct event_avro *self = context;
	avro_program_free(self->program);
	avro_pick_free(self->pick);
	avro_file_close(self->file);
	free(self->texts);
	free(self);
}

struct event_format event_avro_open(const struct event_format_options *options, struct err *err)
{
	struct event_format format = {NULL, next, input, close_avro};
	struct event_avro *self = calloc(1, sizeof *self);
	if (self == NULL) {
		(void)err_memory(err);
		return format;
	}
	self->file = avro_file_open(options->path, err);
	if (self->file == NULL)
		goto close;
	if (make_pick(self, options, err) != 0)
		goto name_file;
	if (!self->has[MEMBER_KEY])
		options->schema->key_path = NULL;
	self->program = avro_program_new(avro_file_schema(self->file), options->schema, err);
	if (self->program != NULL) {
		format.self = self;
		return format;
	}
name_file:
	(void)err_prepend(err, "%s", avro_file_input(self->file)->name);
close:
	close_avro(self);
	return format;
}
