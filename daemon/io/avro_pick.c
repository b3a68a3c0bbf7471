#include "daemon/io/avro_pick.h"

#include "cursor.h"
#include "daemon/io/avro_decode.h"
#include "json.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define DECIMAL_BYTES_MAX 8 /* of a decimal that is shown as a number; longer ones are shown as text of their bytes */
#define DECIMAL_SCALE_MAX 18
#define RENDER_DEPTH_MAX (JSON_DEPTH_MAX - 2)

/* What is wanted below a node of the schema. */
struct want {
	size_t *paths; /* whose value this is */
	size_t path_count;
	struct want **fields; /* of a record, one per field, NULL: nothing; NULL: no fields wanted */
	size_t field_count;
	struct want *next; /* all of a pick, for freeing */
};

struct avro_pick {
	const struct avro_node *root;
	struct want *top, *all;
	size_t count;
	struct buffer text;
};

/* One walk. */
struct walk {
	struct cursor cursor;
	const uint8_t *start;
	uint64_t cost;
	const char *wrong; /* what does not parse; NULL so far */
	bool no_memory;    /* it stopped for want of memory, not for the record */
	struct arena *arena;
	struct slice *texts;
	struct avro_pick *pick;
};

static struct want *new_want(struct avro_pick *pick)
{
	struct want *want = calloc(1, sizeof *want);
	if (want == NULL)
		return NULL;
	want->next = pick->all;
	pick->all = want;
	return want;
}

/* The record behind a node: itself, or a union's branch. */
static const struct avro_node *record_of(const struct avro_node *node)
{
	for (size_t i = 0; node->type == AVRO_TYPE_UNION && i < node->branch_count; i++)
		if (node->branches[i]->type == AVRO_TYPE_RECORD)
			return node->branches[i];
	return node->type == AVRO_TYPE_RECORD ? node : NULL;
}

static int add_path(struct want *want, size_t path)
{
	size_t *paths = realloc(want->paths, (want->path_count + 1) * sizeof *paths);
	if (paths == NULL)
		return -1;
	want->paths = paths;
	want->paths[want->path_count++] = path;
	return 0;
}

/* Steps from a want to the one of a field, made where there is none. NULL: no such field, or out of memory (*err). */
static struct want *step(struct avro_pick *pick, struct want *want, const struct avro_node *record, struct slice name,
			 const struct avro_node **field, struct err *err)
{
	for (size_t i = 0; record != NULL && i < record->field_count; i++) {
		if (!slice_equal(slice_of(record->fields[i].name), name))
			continue;
		if (want->fields == NULL) {
			want->fields = calloc(record->field_count, sizeof *want->fields);
			want->field_count = record->field_count;
		}
		if (want->fields != NULL && want->fields[i] == NULL)
			want->fields[i] = new_want(pick);
		if (want->fields == NULL || want->fields[i] == NULL) {
			(void)err_memory(err);
			return NULL;
		}
		*field = record->fields[i].node;
		return want->fields[i];
	}
	return NULL;
}

static int add(struct avro_pick *pick, size_t path, const char *text, bool *found, struct err *err)
{
	struct want *want = pick->top;
	const struct avro_node *node = pick->root;
	for (const char *at = text; at != NULL && want != NULL;) {
		const char *dot = strchr(at, '.');
		struct slice name = {at, dot == NULL ? strlen(at) : (size_t)(dot - at)};
		want = step(pick, want, record_of(node), name, &node, err);
		at = dot == NULL ? NULL : dot + 1;
	}
	*found = want != NULL;
	if (err_is_set(err))
		return -1;
	return want == NULL || add_path(want, path) == 0 ? 0 : err_memory(err);
}

struct avro_pick *avro_pick_new(const struct avro_schema *schema, const char *const *paths, size_t count, bool *found,
				struct err *err)
{
	struct avro_pick *pick = calloc(1, sizeof *pick);
	if (pick == NULL || (pick->top = new_want(pick)) == NULL) {
		(void)err_memory(err);
		goto free_pick;
	}
	buffer_init(&pick->text);
	pick->root = avro_schema_root(schema);
	pick->count = count;
	if (pick->root->type != AVRO_TYPE_RECORD) {
		(void)err_set(err, ERR_DATA, "the schema's outermost type is no record");
		goto free_pick;
	}
	for (size_t i = 0; i < count; i++)
		if (add(pick, i, paths[i], &found[i], err) != 0)
			goto free_pick;
	return pick;
free_pick:
	avro_pick_free(pick);
	return NULL;
}

void avro_pick_free(struct avro_pick *pick)
{
	if (pick == NULL)
		return;
	while (pick->all != NULL) {
		struct want *want = pick->all;
		pick->all = want->next;
		free(want->paths);
		free(want->fields);
		free(want);
	}
	buffer_free(&pick->text);
	free(pick);
}

static void fail(struct walk *walk, const char *wrong)
{
	if (walk->wrong == NULL)
		walk->wrong = wrong;
	walk->cursor.failed = true;
}

static bool over(const struct walk *walk)
{
	return walk->cursor.failed;
}

static void value(struct walk *walk, const struct avro_node *node, const struct want *want, struct json *json,
		  int depth);

/* A length or an index below a limit. */
static uint64_t below(struct walk *walk, uint64_t limit, const char *wrong)
{
	int64_t number = cursor_zigzag(&walk->cursor);
	if (number < 0 || (uint64_t)number >= limit) {
		fail(walk, wrong);
		return 0;
	}
	return (uint64_t)number;
}

/* Items of an array or map, in blocks that may give their size in bytes. */
static void blocks(struct walk *walk, const struct avro_node *node, struct json *json, int depth)
{
	uint64_t items = 0;
	while (!over(walk)) {
		int64_t count = cursor_zigzag(&walk->cursor);
		if (count == 0 || over(walk))
			return;
		uint64_t number = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
		int64_t size = count < 0 ? cursor_zigzag(&walk->cursor) : 0;
		size_t left = cursor_left(&walk->cursor);
		if (size < 0)
			fail(walk, "a block of negative size");
		if (number > AVRO_ITEMS_MAX - items)
			fail(walk, "an array or map of more than 1048576 items");
		items += number;
		for (uint64_t i = 0; i < number && !over(walk); i++) {
			if (node->type == AVRO_TYPE_MAP) {
				struct slice name = cursor_bytes(
				    &walk->cursor, below(walk, AVRO_TEXT_BYTES_MAX, "a map's key is too long"));
				char copy[256];
				size_t kept = name.length < sizeof copy ? name.length : sizeof copy - 1;
				if (kept > 0)
					memcpy(copy, name.data, kept);
				copy[kept] = '\0';
				if (json != NULL)
					json_name(json, copy);
			}
			value(walk, node->branches[0], NULL, json, depth + 1);
		}
		/* Who passes over the block by its size must come to the same place. */
		if (count < 0 && !over(walk) && left - cursor_left(&walk->cursor) != (uint64_t)size)
			fail(walk, "a block of another size than it says");
	}
}

static double read_double(struct cursor *cursor)
{
	uint64_t bits = cursor_le64(cursor);
	double number;
	memcpy(&number, &bits, sizeof number);
	return number;
}

static double read_float(struct cursor *cursor)
{
	uint32_t bits = cursor_le32(cursor);
	float number;
	memcpy(&number, &bits, sizeof number);
	return (double)number;
}

static void show_text(struct json *json, struct slice text)
{
	if (json != NULL)
		json_add_text(json, text);
}

/* A decimal as the number that it is, where its digits fit. */
static void show_decimal(struct json *json, struct slice unscaled, int scale)
{
	if (json == NULL)
		return;
	const uint8_t *bytes = unscaled.data;
	if (unscaled.length == 0 || unscaled.length > DECIMAL_BYTES_MAX || scale > DECIMAL_SCALE_MAX) {
		json_add_text(json, unscaled);
		return;
	}
	uint64_t units = bytes[0] >= 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; i < unscaled.length; i++)
		units = units << 8 | bytes[i];
	char text[NUMBER_TEXT_MAX];
	json_add_raw(json, (struct slice){text, number_format_scaled((int64_t)units, scale, text)});
}

static void scalar(struct walk *walk, const struct avro_node *node, struct json *json)
{
	struct cursor *cursor = &walk->cursor;
	struct slice text;
	switch (node->type) {
	case AVRO_TYPE_BOOLEAN: {
		uint8_t byte = cursor_byte(cursor);
		if (byte > 1)
			fail(walk, "a boolean other than 0 and 1");
		if (json != NULL)
			json_add_boolean(json, byte == 1);
		return;
	}
	case AVRO_TYPE_INT:
	case AVRO_TYPE_LONG: {
		int64_t number = cursor_zigzag(cursor);
		if (node->type == AVRO_TYPE_INT && (number < INT32_MIN || number > INT32_MAX))
			fail(walk, "an int of more than 32 bits");
		if (json != NULL)
			json_add_integer(json, number);
		return;
	}
	case AVRO_TYPE_FLOAT:
	case AVRO_TYPE_DOUBLE: {
		double number = node->type == AVRO_TYPE_FLOAT ? read_float(cursor) : read_double(cursor);
		if (json != NULL)
			json_add_number(json, number);
		return;
	}
	case AVRO_TYPE_BYTES:
	case AVRO_TYPE_STRING:
	case AVRO_TYPE_FIXED:
		text = cursor_bytes(cursor, node->type == AVRO_TYPE_FIXED
						? node->size
						: below(walk, AVRO_TEXT_BYTES_MAX + 1,
							"a text of negative length or more than 1048576 bytes"));
		if (over(walk))
			return;
		if (node->logical == AVRO_LOGICAL_DECIMAL)
			show_decimal(json, text, node->scale);
		else
			show_text(json, text);
		return;
	case AVRO_TYPE_ENUM: {
		uint64_t symbol = below(walk, node->symbol_count, "an enum's symbol that the schema lacks");
		if (!over(walk))
			show_text(json, slice_of(node->symbols[symbol]));
		return;
	}
	default:
		assert(node->type == AVRO_TYPE_NULL);
		if (json != NULL)
			json_add_null(json);
	}
}

static void record(struct walk *walk, const struct avro_node *node, const struct want *want, struct json *json,
		   int depth)
{
	assert(want == NULL || want->fields == NULL || want->field_count == node->field_count);
	if (json != NULL)
		json_open_object(json);
	for (size_t i = 0; i < node->field_count && !over(walk); i++) {
		if (json != NULL)
			json_name(json, node->fields[i].name);
		value(walk, node->fields[i].node, want == NULL || want->fields == NULL ? NULL : want->fields[i], json,
		      depth + 1);
	}
	if (json != NULL && !over(walk))
		json_close_object(json);
}

/* True for values whose text is their content, not JSON. */
static bool is_text(const struct avro_node *node)
{
	bool bytes = node->type == AVRO_TYPE_STRING || node->type == AVRO_TYPE_BYTES || node->type == AVRO_TYPE_FIXED;
	return node->type == AVRO_TYPE_ENUM || (bytes && node->logical != AVRO_LOGICAL_DECIMAL);
}

/* Content of a text value at the cursor, which stays where it is. */
static struct slice content(struct walk *walk, const struct avro_node *node)
{
	struct cursor at = walk->cursor;
	if (node->type == AVRO_TYPE_ENUM)
		return slice_of(node->symbols[cursor_zigzag(&at)]);
	return cursor_bytes(&at, node->type == AVRO_TYPE_FIXED ? node->size : (uint64_t)cursor_zigzag(&at));
}

/* The value at the cursor is wanted: its text goes to the paths. */
static void wanted(struct walk *walk, const struct avro_node *node, const struct want *want, int depth)
{
	struct cursor before = walk->cursor;
	struct buffer *text = &walk->pick->text;
	struct json json;
	buffer_reset(text);
	json_begin(&json, text);
	value(walk, node, NULL, is_text(node) || node->type == AVRO_TYPE_NULL ? NULL : &json, depth);
	if (over(walk))
		return;
	struct slice shown = buffer_slice(text);
	bool null = node->type == AVRO_TYPE_NULL || (!is_text(node) && slice_equal(shown, slice_of("null"))); /* NaN */
	if (is_text(node)) {
		struct walk again = *walk;
		again.cursor = before;
		shown = content(&again, node);
	}
	if (null)
		shown = (struct slice){NULL, 0};
	else if (buffer_failed(text) ||
		 (shown = arena_copy(walk->arena, shown.length == 0 ? slice_of("") : shown)).data == NULL) {
		walk->no_memory = true;
		walk->cursor.failed = true;
	}
	for (size_t i = 0; i < want->path_count; i++)
		walk->texts[want->paths[i]] = shown;
}

static void value(struct walk *walk, const struct avro_node *node, const struct want *want, struct json *json,
		  int depth)
{
	if (depth > AVRO_DEPTH_MAX || (json != NULL && depth > RENDER_DEPTH_MAX))
		fail(walk, "values inside each other too deeply");
	if (++walk->cost > AVRO_COST_MAX)
		fail(walk, "more than 4194304 values");
	if (over(walk))
		return;
	if (node->type == AVRO_TYPE_UNION) {
		uint64_t branch = below(walk, node->branch_count, "a union's branch that the schema lacks");
		if (!over(walk))
			value(walk, node->branches[branch], want, json, depth + 1);
		return;
	}
	if (want != NULL && want->path_count > 0) {
		struct cursor before = walk->cursor;
		wanted(walk, node, want, depth);
		if (want->fields == NULL || node->type != AVRO_TYPE_RECORD || over(walk))
			return;
		walk->cursor = before; /* something inside it is wanted as well */
	}
	switch (node->type) {
	case AVRO_TYPE_RECORD:
		record(walk, node, want, json, depth);
		return;
	case AVRO_TYPE_ARRAY:
		if (json != NULL)
			json_open_array(json);
		blocks(walk, node, json, depth);
		if (json != NULL && !over(walk))
			json_close_array(json);
		return;
	case AVRO_TYPE_MAP:
		if (json != NULL)
			json_open_object(json);
		blocks(walk, node, json, depth);
		if (json != NULL && !over(walk))
			json_close_object(json);
		return;
	default:
		scalar(walk, node, json);
	}
}

int avro_pick_run(struct avro_pick *pick, struct slice bytes, size_t *length, struct arena *arena, struct slice *texts,
		  struct err *err)
{
	struct walk walk = {
	    .cursor = cursor_over(bytes), .start = bytes.data, .arena = arena, .texts = texts, .pick = pick};
	for (size_t i = 0; i < pick->count; i++)
		texts[i] = (struct slice){NULL, 0};
	value(&walk, pick->root, pick->top, NULL, 0);
	*length = (size_t)(walk.cursor.at - walk.start);
	if (!over(&walk))
		return 0;
	if (walk.no_memory)
		return err_memory(err);
	return err_set(err, ERR_DATA, "byte %zu: %s", *length,
		       walk.wrong == NULL ? "the record ends too early" : walk.wrong);
}
