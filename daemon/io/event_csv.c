/* Events from CSV: columns are paths, an empty column is null. */
#include "daemon/io/csv.h"
#include "daemon/io/event_format.h"

#include <assert.h>
#include <stdlib.h>

struct event_csv {
	struct csv *csv;
	long *slots; /* column of each slot; -1: none, the default stands */
	size_t slot_count;
	long *kept;
	size_t kept_count;
	long members[MEMBER_NUMBER];
};

/* The column of a slot, by its path or an alias; -1: none. */
static int find_slot(struct event_csv *self, const struct event_schema *schema, size_t slot, struct err *err)
{
	size_t count;
	char **paths = event_format_paths(schema, slot, &count);
	if (paths == NULL)
		return err_memory(err);
	self->slots[slot] = -1;
	for (size_t i = 0; i < count && self->slots[slot] < 0; i++)
		self->slots[slot] = csv_find(self->csv, slice_of(paths[i]));
	free(paths);
	return 0;
}

static void add_missing(struct buffer *missing, const char *name)
{
	buffer_add_format(missing, "%s%s", missing->length == 0 ? "" : ", ", name);
}

/* Finds the columns of all slots and of what is kept; the names of those that must be there and are not come into missing. */
static int find_columns(struct event_csv *self, const struct event_format_options *options, struct buffer *missing,
			struct err *err)
{
	struct event_schema *schema = options->schema;
	for (enum event_member member = 0; member < MEMBER_NUMBER; member++)
		self->members[member] = csv_find(self->csv, slice_of(event_format_member(member)));
	if (self->members[MEMBER_KEY] < 0)
		schema->key_path = NULL;
	for (size_t slot = 0; slot < self->slot_count; slot++) {
		self->slots[slot] = -1;
		if (event_slot_path(schema, slot) == NULL)
			continue;
		if (find_slot(self, schema, slot, err) != 0)
			return -1;
		if (self->slots[slot] < 0 && !event_slot_optional(schema, slot))
			add_missing(missing, event_slot_path(schema, slot));
	}
	for (size_t i = 0; i < options->keep_count; i++) {
		self->kept[i] = csv_find(self->csv, slice_of(options->keep[i]));
		if (self->kept[i] < 0)
			add_missing(missing, options->keep[i]);
	}
	return buffer_failed(missing) ? err_memory(err) : 0;
}

static void give(struct event_builder *builder, size_t slot, struct slice text)
{
	if (text.length == 0)
		event_builder_null(builder, slot);
	else
		event_builder_text(builder, slot, text);
}

/* A column's text in the arena's copy of the row; an empty one is null. */
static struct slice column(const struct slice *columns, long i, const uint8_t *copy)
{
	if (columns[i].length == 0)
		return (struct slice){NULL, 0};
	return (struct slice){copy + ((const uint8_t *)columns[i].data - (const uint8_t *)columns[0].data),
			      columns[i].length};
}

static int next(void *context, struct arena *arena, struct event_builder *builder, struct event_parts *parts,
		struct slice *kept, struct err *err)
{
	struct event_csv *self = context;
	const struct slice *columns;
	int status = csv_next(self->csv, &columns, err);
	if (status <= 0)
		return status;
	parts->number = csv_line(self->csv);
	parts->parsed = true;
	size_t count;
	(void)csv_header(self->csv, &count);
	const uint8_t *first = columns[0].data,
		      *end = (const uint8_t *)columns[count - 1].data + columns[count - 1].length;
	const uint8_t *copy = arena_copy(arena, (struct slice){first, (size_t)(end - first)}).data;
	if (copy == NULL)
		return err_memory(err);
	for (size_t slot = 0; slot < self->slot_count; slot++)
		if (self->slots[slot] >= 0)
			give(builder, slot, column(columns, self->slots[slot], copy));
	for (size_t i = 0; kept != NULL && i < self->kept_count; i++)
		kept[i] = column(columns, self->kept[i], copy);
	for (enum event_member member = 0; member < MEMBER_NUMBER; member++) {
		long at = self->members[member];
		if (at >= 0 && event_format_take(parts, member, column(columns, at, copy), err) != 0)
			return err_prepend(err, "%s: line %llu", csv_input(self->csv)->name,
					   (unsigned long long)parts->number);
	}
	return 1;
}

static const struct input *input(void *context)
{
	struct event_csv *self = context;
	return csv_input(self->csv);
}

static void close_csv(void *context)
{
	struct event_csv *self = context;
	csv_close(self->csv);
	free(self->slots);
	free(self->kept);
	free(self);
}

struct event_format event_csv_open(const struct event_format_options *options, struct err *err)
{
	struct event_format format = {NULL, next, input, close_csv};
	struct buffer missing;
	buffer_init(&missing);
	struct event_csv *self = calloc(1, sizeof *self);
	if (self == NULL) {
		(void)err_memory(err);
		return format;
	}
	self->slot_count = event_slot_count(options->schema);
	self->kept_count = options->keep_count;
	self->slots = calloc(self->slot_count, sizeof *self->slots);
	self->kept = calloc(self->kept_count + 1, sizeof *self->kept);
	if (self->slots == NULL || self->kept == NULL) {
		(void)err_memory(err);
		goto close;
	}
	self->csv = csv_open(options->path, false, NULL, err);
	if (self->csv == NULL || find_columns(self, options, &missing, err) != 0)
		goto close;
	if (missing.length == 0) {
		format.self = self;
		return format;
	}
	(void)err_set(err, ERR_DATA, "%s: line 1: no column %.*s", csv_input(self->csv)->name, (int)missing.length,
		      (const char *)missing.data);
close:
	buffer_free(&missing);
	close_csv(self);
	return format;
}
