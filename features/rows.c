#include "features/rows.h"

#include <assert.h>
#include <stdlib.h>

#define FIXED_COLUMNS 3 /* time, offset, id */
#define SPARE_ROWS 8    /* beside half as many again */

static const struct field *column_field(const struct feature_set *set, size_t column)
{
	assert(column < set->column_count);
	return &set->schema->fields[set->columns[column]];
}

static bool is_string(const struct feature_set *set, size_t column)
{
	return column_field(set, column)->type == FIELD_STRING;
}

static size_t block_bytes(const struct feature_set *set, uint32_t capacity)
{
	return sizeof(struct rows) + (FIXED_COLUMNS + set->column_count) * (size_t)capacity * sizeof(int64_t);
}

struct rows *rows_new(const struct feature_set *set, uint32_t capacity)
{
	_Static_assert(sizeof(struct rows) % sizeof(int64_t) == 0, "columns follow the header in one block");
	assert(capacity > 0);
	struct rows *rows = malloc(block_bytes(set, capacity));
	if (rows == NULL)
		return NULL;
	*rows = (struct rows){.references = 1, .capacity = capacity};
	rows->time = (int64_t *)(rows + 1);
	rows->offset = rows->time + capacity;
	rows->id = (uint64_t *)(rows->offset + capacity);
	rows->cells = (int64_t *)(rows->id + capacity);
	dictionary_init(&rows->strings);
	return rows;
}

struct rows *rows_grow(const struct feature_set *set, struct rows *rows)
{
	assert(rows->references == 1 && rows->capacity <= UINT32_MAX / 4);
	struct rows *grown = rows_new(set, 2 * rows->capacity + SPARE_ROWS);
	if (grown == NULL)
		return NULL;
	size_t bytes = rows->used * sizeof(int64_t);
	memcpy(grown->time, rows->time, bytes);
	memcpy(grown->offset, rows->offset, bytes);
	memcpy(grown->id, rows->id, bytes);
	for (size_t column = 0; column < set->column_count; column++)
		memcpy(grown->cells + column * grown->capacity, rows->cells + column * rows->capacity, bytes);
	grown->used = rows->used;
	grown->strings = rows->strings;
	dictionary_init(&rows->strings);
	rows_release(rows);
	return grown;
}

struct rows *rows_share(struct rows *rows)
{
	assert(rows->references > 0);
	rows->references++;
	return rows;
}

void rows_release(struct rows *rows)
{
	if (rows == NULL)
		return;
	assert(rows->references > 0);
	if (--rows->references > 0)
		return;
	dictionary_free(&rows->strings);
	free(rows);
}

size_t rows_size(const struct feature_set *set, const struct rows *rows)
{
	return rows == NULL ? 0 : block_bytes(set, rows->capacity) + dictionary_size(&rows->strings);
}

struct columns rows_columns(const struct rows *rows)
{
	if (rows == NULL)
		return (struct columns){0};
	return (struct columns){rows->time, rows->cells, rows->capacity};
}

int64_t rows_string(const struct feature_set *set, const struct rows *rows, struct slice text)
{
	uint64_t hash = dictionary_hash(set->key, text);
	int64_t number = dictionary_find(&set->constants, hash, text);
	if (number != DICTIONARY_NONE)
		return number;
	number = rows == NULL ? DICTIONARY_NONE : dictionary_find(&rows->strings, hash, text);
	return number == DICTIONARY_NONE ? CELL_UNKNOWN : number + set->constants.count;
}

int rows_add_string(const struct feature_set *set, struct rows *rows, struct slice text, int64_t *number)
{
	*number = rows_string(set, rows, text);
	if (*number != CELL_UNKNOWN)
		return 0;
	*number = (int64_t)set->constants.count + rows->strings.count;
	return dictionary_add(&rows->strings, dictionary_hash(set->key, text), text);
}

struct slice rows_text(const struct feature_set *set, const struct rows *rows, int64_t number)
{
	assert(number >= 0);
	uint32_t constants = set->constants.count;
	if (number < constants)
		return dictionary_text(&set->constants, (uint32_t)number);
	return dictionary_text(&rows->strings, (uint32_t)(number - constants));
}

/* Renumbers the strings of a copied column by first occurrence. new_of holds the number by old number - constants, 0: none yet. */
static int copy_strings(const struct feature_set *set, const struct rows *from, struct rows *to, int64_t *cells,
			uint32_t count, int64_t *new_of)
{
	int64_t constants = set->constants.count;
	for (uint32_t i = 0; i < count; i++) {
		if (cells[i] == CELL_NULL || cells[i] < constants)
			continue;
		uint32_t old = (uint32_t)(cells[i] - constants);
		if (new_of[old] == 0) {
			new_of[old] = constants + to->strings.count + 1;
			if (dictionary_add(&to->strings, from->strings.entries[old].hash,
					   dictionary_text(&from->strings, old)) != 0)
				return -1;
		}
		cells[i] = new_of[old] - 1;
	}
	return 0;
}

static int copy_columns(const struct feature_set *set, const struct rows *from, uint32_t first, uint32_t count,
			struct rows *to)
{
	size_t bytes = count * sizeof(int64_t);
	memcpy(to->time, from->time + first, bytes);
	memcpy(to->offset, from->offset + first, bytes);
	memcpy(to->id, from->id + first, bytes);
	int64_t *new_of = NULL;
	int status = 0;
	if (from->strings.count > 0) {
		new_of = calloc(from->strings.count, sizeof *new_of);
		if (new_of == NULL)
			return -1;
	}
	for (size_t column = 0; column < set->column_count && status == 0; column++) {
		int64_t *cells = to->cells + column * to->capacity;
		memcpy(cells, from->cells + column * from->capacity + first, bytes);
		if (new_of != NULL && is_string(set, column))
			status = copy_strings(set, from, to, cells, count, new_of);
	}
	free(new_of);
	return status;
}

struct rows *rows_copy(const struct feature_set *set, const struct rows *rows, uint32_t first, uint32_t count)
{
	assert(rows == NULL ? count == 0 : first <= rows->used && count <= rows->used - first);
	struct rows *copy = rows_new(set, count + count / 2 + SPARE_ROWS);
	if (copy == NULL || count == 0)
		return copy;
	if (copy_columns(set, rows, first, count, copy) != 0) {
		rows_release(copy);
		return NULL;
	}
	copy->used = count;
	return copy;
}

static void open_column(int64_t *column, uint32_t at, uint32_t used)
{
	memmove(column + at + 1, column + at, (used - at) * sizeof *column);
}

void rows_open(const struct feature_set *set, struct rows *rows, uint32_t at)
{
	assert(at <= rows->used && rows->used < rows->capacity);
	if (at < rows->used) {
		open_column(rows->time, at, rows->used);
		open_column(rows->offset, at, rows->used);
		open_column((int64_t *)rows->id, at, rows->used);
		for (size_t column = 0; column < set->column_count; column++)
			open_column(rows->cells + column * rows->capacity, at, rows->used);
	}
	rows->used++;
}
