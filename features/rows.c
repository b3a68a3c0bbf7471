#include "features/rows.h"

#include <assert.h>

#define SPARE_ROWS 8        /* beside half as many again */
#define STRINGS_UNLOOKED 32 /* so many may be out of use unnoticed, and as many again as are in use */

static size_t row_bytes(const struct feature_set *set)
{
	return (ROWS_FIXED_COLUMNS + set->column_count) * sizeof(int64_t);
}

static size_t block_bytes(const struct feature_set *set, uint32_t capacity)
{
	return sizeof(struct rows) + row_bytes(set) * capacity;
}

struct rows *rows_new(const struct feature_set *set, uint32_t capacity)
{
	_Static_assert(sizeof(struct rows) % sizeof(int64_t) == 0, "columns follow the header in one block");
	assert(capacity > 0);
	size_t bytes = pool_size(block_bytes(set, capacity));
	struct rows *rows = pool_take(set->pool, bytes);
	if (rows == NULL)
		return NULL;
	capacity = (uint32_t)((bytes - sizeof *rows) / row_bytes(set)); /* all that the block holds */
	*rows = (struct rows){.references = 1, .capacity = capacity};
	rows->time = (int64_t *)(rows + 1);
	rows->offset = rows->time + capacity;
	rows->id = (uint64_t *)(rows->offset + capacity);
	rows->cells = (int64_t *)(rows->id + capacity);
	dictionary_init(&rows->strings, set->pool);
	return rows;
}

struct rows *rows_share(struct rows *rows)
{
	assert(rows->references > 0);
	rows->references++;
	return rows;
}

void rows_release(const struct feature_set *set, struct rows *rows)
{
	if (rows == NULL)
		return;
	assert(rows->references > 0);
	if (--rows->references > 0)
		return;
	dictionary_free(&rows->strings);
	pool_give(set->pool, rows, block_bytes(set, rows->capacity));
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

uint64_t rows_hash(const struct feature_set *set, struct slice text)
{
	return dictionary_hash(set->key, text);
}

int64_t rows_string(const struct feature_set *set, const struct rows *rows, uint64_t hash, struct slice text)
{
	int64_t number = dictionary_find(&set->constants, hash, text);
	if (number != DICTIONARY_NONE)
		return number;
	number = rows == NULL ? DICTIONARY_NONE : dictionary_find(&rows->strings, hash, text);
	return number == DICTIONARY_NONE ? CELL_UNKNOWN : number + dictionary_bound(&set->constants);
}

int rows_add_string(const struct feature_set *set, struct rows *rows, uint64_t hash, struct slice text, int64_t *number)
{
	*number = rows_string(set, rows, hash, text);
	if (*number != CELL_UNKNOWN)
		return 0;
	if (dictionary_add(&rows->strings, hash, text, number) != 0)
		return -1;
	*number += dictionary_bound(&set->constants);
	return 0;
}

size_t rows_string_bound(const struct feature_set *set, const struct rows *rows)
{
	return (size_t)dictionary_bound(&set->constants) +
	       (rows == NULL ? 0 : (size_t)dictionary_bound(&rows->strings));
}

struct slice rows_text(const struct feature_set *set, const struct rows *rows, int64_t number)
{
	assert(number >= 0);
	int64_t constants = dictionary_bound(&set->constants);
	return number < constants ? dictionary_text(&set->constants, number)
				  : dictionary_text(&rows->strings, number - constants);
}

/* Numbers the strings of a copied column anew, in the copy. new_of: the number by old one, 0: none yet. */
static int renumber(const struct feature_set *set, const struct rows *from, struct rows *to, int64_t *cells,
		    uint32_t count, int64_t *new_of)
{
	int64_t constants = dictionary_bound(&set->constants);
	for (uint32_t i = 0; i < count; i++) {
		if (cells[i] == CELL_NULL || cells[i] < constants)
			continue;
		int64_t *number = &new_of[cells[i] - constants];
		if (*number == 0) {
			struct slice text = rows_text(set, from, cells[i]);
			if (rows_add_string(set, to, rows_hash(set, text), text, number) != 0)
				return -1;
			(*number)++;
		}
		cells[i] = *number - 1;
	}
	return 0;
}

static int renumber_all(const struct feature_set *set, const struct rows *from, struct rows *to, uint32_t count)
{
	size_t bytes = ((size_t)dictionary_bound(&from->strings) + 1) * sizeof(int64_t);
	int64_t *new_of = pool_take(set->pool, bytes);
	if (new_of == NULL)
		return -1;
	memset(new_of, 0, bytes);
	int status = 0;
	for (size_t i = 0; i < set->string_count && status == 0; i++)
		status = renumber(set, from, to, to->cells + (size_t)set->strings[i] * to->capacity, count, new_of);
	to->strings_kept = to->strings.count;
	pool_give(set->pool, new_of, bytes);
	return status;
}

static void copy_columns(const struct feature_set *set, const struct rows *from, uint32_t first, uint32_t count,
			 struct rows *to)
{
	size_t bytes = count * sizeof(int64_t);
	memcpy(to->time, from->time + first, bytes);
	memcpy(to->offset, from->offset + first, bytes);
	memcpy(to->id, from->id + first, bytes);
	for (size_t column = 0; column < set->column_count; column++)
		memcpy(to->cells + column * to->capacity, from->cells + column * from->capacity + first, bytes);
	to->used = count;
}

bool rows_want_look(const struct rows *rows)
{
	return rows->strings.count > 2 * rows->strings_kept + STRINGS_UNLOOKED;
}

struct rows *rows_copy(const struct feature_set *set, const struct rows *rows, uint32_t first, uint32_t count)
{
	assert(rows == NULL ? count == 0 : first <= rows->used && count <= rows->used - first);
	struct rows *copy = rows_new(set, count + count / 2 + SPARE_ROWS);
	if (copy == NULL || count == 0)
		return copy;
	copy_columns(set, rows, first, count, copy);
	bool keep = !rows_want_look(rows);
	copy->strings_kept = rows->strings_kept;
	int status = keep ? dictionary_copy(&copy->strings, &rows->strings) : renumber_all(set, rows, copy, count);
	if (status != 0) {
		rows_release(set, copy);
		return NULL;
	}
	return copy;
}

struct rows *rows_grow(const struct feature_set *set, struct rows *rows)
{
	assert(rows->references == 1 && rows->capacity <= UINT32_MAX / 4);
	struct rows *grown = rows_new(set, 2 * rows->capacity + SPARE_ROWS);
	if (grown == NULL)
		return NULL;
	copy_columns(set, rows, 0, rows->used, grown);
	grown->strings = rows->strings;
	dictionary_init(&rows->strings, set->pool);
	rows_release(set, rows);
	return grown;
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

static void close_column(int64_t *column, uint32_t first, uint32_t used)
{
	memmove(column, column + first, (used - first) * sizeof *column);
}

void rows_close(const struct feature_set *set, struct rows *rows, uint32_t first)
{
	assert(rows->references == 1 && first <= rows->used);
	close_column(rows->time, first, rows->used);
	close_column(rows->offset, first, rows->used);
	close_column((int64_t *)rows->id, first, rows->used);
	for (size_t column = 0; column < set->column_count; column++)
		close_column(rows->cells + column * rows->capacity, first, rows->used);
	rows->used -= first;
}
