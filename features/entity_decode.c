#include "cursor.h"
#include "features/entity.h"
#include "features/record.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define ROW_BYTES_GUESSED 20
#define SPARE_STRINGS 32
#define TALLIES_MAX FEATURES_MAX
#define PANE_EVENTS_MAX (UINT64_C(1) << 48) /* so that no sum of panes overflows where it must not */

/* A record being read. */
struct reader {
	const struct feature_set *set;
	struct entity *entity; /* under construction */
	struct cursor cursor;
	struct err *err;
	uint32_t *last_row;   /* by string number */
	uint8_t *written_out; /* by string number: its literal has been read */
	size_t string_capacity;
	int64_t *number_of; /* string number, by number in the record */
	uint32_t numbered;
	int64_t last_literal[EVENT_FIELDS_MAX]; /* string number, by column; NONE */
	struct buffer text;                     /* a literal put together */
};

static int corrupt(struct reader *reader, const char *what)
{
	return err_set(reader->err, ERR_DATA, "record: %s", what);
}

static int corrupt_row(struct reader *reader, const char *what)
{
	return err_set(reader->err, ERR_DATA, "record, row %u: %s", (unsigned)reader->entity->end + 1, what);
}

static uint128 read_varint128(struct cursor *cursor)
{
	uint128 value = 0;
	for (unsigned shift = 0; shift < 128; shift += 7) {
		uint8_t byte = cursor_byte(cursor);
		if (cursor->failed || (shift == 126 && byte > 3))
			break;
		value |= (uint128)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	cursor_fail(cursor);
	return 0;
}

static bool is_double(int64_t cell)
{
	return isfinite(cell_double(cell)) && cell != CELL_NULL;
}

static bool is_units(int64_t cell)
{
	return cell >= -CELL_UNITS_MAX && cell <= CELL_UNITS_MAX;
}

static bool are_units_sums(const struct aggregate *sums)
{
	int128 n = sums->n, largest = (int128)CELL_UNITS_MAX * CELL_UNITS_MAX;
	return is_units(sums->low) && is_units(sums->high) && sums->low <= sums->high && sums->sum >= n * sums->low &&
	       sums->sum <= n * sums->high &&
	       (sums->squares == AGGREGATE_OVERFLOWED ||
		(sums->squares < AGGREGATE_OVERFLOWED && sums->squares / (uint128)largest <= (uint128)n &&
		 wide_is_spread((uint64_t)sums->n, sums->squares, sums->sum)));
}

static int read_sums(struct reader *reader, uint8_t kind, struct aggregate *sums)
{
	struct cursor *cursor = &reader->cursor;
	*sums = aggregate_empty();
	uint64_t n = cursor_varint(cursor);
	if (n > PANE_EVENTS_MAX)
		return corrupt(reader, "a pane of more than 2^48 events");
	sums->n = (int64_t)n;
	if (n == 0)
		return 0;
	bool good = true;
	if (kind == RECORD_TALLY_UNITS) {
		uint128 sum = read_varint128(cursor);
		sums->sum = (int128)(sum >> 1) ^ -(int128)(sum & 1);
		sums->squares = read_varint128(cursor);
		sums->low = cursor_zigzag(cursor);
		uint64_t range = cursor_varint(cursor);
		good = is_units(sums->low) && range <= 2 * (uint64_t)CELL_UNITS_MAX;
		sums->high = good ? sums->low + (int64_t)range : sums->low;
		good = good && are_units_sums(sums);
	} else if (kind == RECORD_TALLY_DOUBLES) {
		sums->low = (int64_t)cursor_le64(cursor);
		sums->high = (int64_t)cursor_le64(cursor);
		good =
		    is_double(sums->low) && is_double(sums->high) && cell_double(sums->low) <= cell_double(sums->high);
	}
	return good || cursor->failed ? 0 : corrupt(reader, "a pane whose sums contradict each other");
}

/* A tally of the record. */
struct read_tally {
	uint8_t kind;
	int index; /* in the set; NONE: not needed */
	int64_t since;
};

static int read_tallies(struct reader *reader, struct read_tally *tallies, uint64_t count)
{
	const struct feature_set *set = reader->set;
	uint64_t last = 0;
	for (uint64_t i = 0; i < count && !reader->cursor.failed; i++) {
		uint64_t id = cursor_le64(&reader->cursor);
		tallies[i] = (struct read_tally){cursor_byte(&reader->cursor), NONE, INT64_MIN};
		uint64_t gap = cursor_varint(&reader->cursor);
		if (reader->cursor.failed)
			return 0;
		if ((i > 0 && id <= last) || tallies[i].kind > RECORD_TALLY_DOUBLES)
			return corrupt(reader, "tallies out of order or of an unknown kind");
		if (gap > 4 * (uint64_t)EVENT_TIME_MAX_MS)
			return corrupt(reader, "a tally that begins out of all time");
		last = id;
		if (gap > 0)
			tallies[i].since = reader->entity->fold_edge - (int64_t)(gap - 1);
		for (size_t j = 0; j < set->tally_count; j++)
			if (set->tallies[j].id == id)
				tallies[i].index = (int)j;
		if (tallies[i].index != NONE &&
		    record_tally_kind(set->tallies[tallies[i].index].kind) != tallies[i].kind)
			return corrupt(reader, "a tally of another kind than its field");
	}
	return 0;
}

/* The index of the next pane; false: it is out of order or not before the fold edge. */
static bool next_pane(struct reader *reader, uint64_t place, int64_t *index)
{
	const int64_t newest = panes_index(reader->set, reader->entity->fold_edge - 1);
	if (place == 0) {
		*index = cursor_zigzag(&reader->cursor);
		return *index <= newest && *index >= -2 * EVENT_TIME_MAX_MS / reader->set->pane_ms;
	}
	uint64_t more = cursor_varint(&reader->cursor);
	if (*index >= newest || more > (uint64_t)(newest - *index) - 1)
		return false;
	*index += (int64_t)more + 1;
	return true;
}

/* Panes as the set needs them: a tally that the record lacks begins at the fold edge. */
static int make_panes(struct reader *reader, const struct read_tally *tallies, uint64_t tally_count,
		      uint64_t pane_count)
{
	const struct feature_set *set = reader->set;
	struct entity *entity = reader->entity;
	if (set->tally_count == 0)
		return 0;
	entity->panes = panes_new(set, (size_t)pane_count + 1, entity->fold_edge);
	if (entity->panes == NULL)
		return err_memory(reader->err);
	for (uint64_t i = 0; i < tally_count; i++)
		if (tallies[i].index != NONE)
			entity->panes->since[tallies[i].index] = tallies[i].since;
	return 0;
}

static int read_panes(struct reader *reader, const struct read_tally *tallies, uint64_t tally_count)
{
	struct aggregate unneeded, *sums = NULL;
	uint64_t count = cursor_varint(&reader->cursor);
	int64_t index = 0;
	if (reader->cursor.failed)
		return 0;
	if (count > PANES_MAX || (tally_count == 0 && count > 0))
		return corrupt(reader, "more panes than there can be");
	if (make_panes(reader, tallies, tally_count, count) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		bool follows = next_pane(reader, i, &index);
		if (reader->cursor.failed)
			return 0;
		if (!follows)
			return corrupt(reader, "panes out of order or behind the fold edge");
		if (reader->entity->panes != NULL)
			sums = panes_append(reader->set, reader->entity->panes, index);
		for (uint64_t j = 0; j < tally_count; j++) {
			bool needed = tallies[j].index != NONE;
			if (read_sums(reader, tallies[j].kind, needed ? &sums[tallies[j].index] : &unneeded) != 0)
				return -1;
		}
	}
	return 0;
}

static int read_fold(struct reader *reader)
{
	struct read_tally tallies[TALLIES_MAX];
	int64_t edge = cursor_zigzag(&reader->cursor);
	uint64_t count = cursor_varint(&reader->cursor);
	if (reader->cursor.failed)
		return 0;
	if (edge < -EVENT_TIME_MAX_MS || edge > EVENT_TIME_MAX_MS + 1)
		return corrupt(reader, "a fold edge out of all time");
	if (count > TALLIES_MAX)
		return corrupt(reader, "more tallies than there can be");
	reader->entity->fold_edge = edge;
	if (read_tallies(reader, tallies, count) != 0)
		return -1;
	if (reader->cursor.failed)
		return 0;
	return read_panes(reader, tallies, count);
}

/* Room in the tables for all strings of the rows and one more. */
static int grow_tables(struct reader *reader)
{
	size_t strings = rows_string_bound(reader->set, reader->entity->rows) + 1;
	if (strings <= reader->string_capacity)
		return 0;
	size_t capacity = 2 * strings + SPARE_STRINGS, had = reader->string_capacity;
	uint32_t *last_row = realloc(reader->last_row, capacity * sizeof *last_row);
	if (last_row == NULL)
		return err_memory(reader->err);
	reader->last_row = last_row;
	uint8_t *written_out = realloc(reader->written_out, capacity);
	if (written_out == NULL)
		return err_memory(reader->err);
	reader->written_out = written_out;
	int64_t *number_of = realloc(reader->number_of, capacity * sizeof *number_of);
	if (number_of == NULL)
		return err_memory(reader->err);
	reader->number_of = number_of;
	memset(last_row + had, 0xff, (capacity - had) * sizeof *last_row); /* RECORD_NO_ROW */
	memset(written_out + had, 0, capacity - had);
	reader->string_capacity = capacity;
	return 0;
}

/* Reads a string for the first time: its beginning is that of the last literal of its column. */
static int read_literal(struct reader *reader, int column, uint64_t shared, int64_t *number)
{
	struct rows *rows = reader->entity->rows;
	struct slice last = {NULL, 0};
	if (reader->last_literal[column] != NONE)
		last = rows_text(reader->set, rows, reader->last_literal[column]);
	uint64_t length = cursor_varint(&reader->cursor);
	if (shared > last.length)
		return corrupt_row(reader, "a string begins with more than there is");
	if (length > FIELD_TEXT_MAX - shared)
		return corrupt_row(reader, "a string of more than 65536 bytes");
	struct slice rest = cursor_bytes(&reader->cursor, length);
	if (reader->cursor.failed)
		return 0;
	buffer_reset(&reader->text);
	buffer_add(&reader->text, last.data, shared);
	buffer_add(&reader->text, rest.data, rest.length);
	struct slice text = buffer_slice(&reader->text);
	if (record_shared_prefix(text, last) != shared)
		return corrupt_row(reader, "a string that could be shorter");
	if (buffer_failed(&reader->text) ||
	    rows_add_string(reader->set, rows, rows_hash(reader->set, text), text, number) != 0 ||
	    grow_tables(reader) != 0)
		return err_memory(reader->err);
	if (reader->written_out[*number] != 0)
		return corrupt_row(reader, "a string is written out twice");
	reader->written_out[*number] = 1;
	reader->number_of[reader->numbered++] = *number;
	reader->last_literal[column] = *number;
	return 0;
}

static int read_string(struct reader *reader, int column, int64_t *cell)
{
	uint64_t tag = cursor_varint(&reader->cursor);
	*cell = CELL_NULL;
	if (tag % 2 == RECORD_STRING_LITERAL)
		return read_literal(reader, column, tag / 2, cell);
	if (tag == RECORD_STRING_NULL)
		return 0;
	uint64_t number = (tag - RECORD_STRING_KNOWN) / 2;
	if (number >= reader->numbered)
		return corrupt_row(reader, "a string's number that was not given out");
	*cell = reader->number_of[number];
	return 0;
}

static int read_other(struct reader *reader, int column, int64_t base, int64_t *cell)
{
	const struct field *field = &reader->set->schema->fields[reader->set->columns[column]];
	uint64_t tag = cursor_varint(&reader->cursor);
	*cell = CELL_NULL;
	if (tag == RECORD_CELL_NULL || reader->cursor.failed)
		return 0;
	if (field_kind(field) == VALUE_DOUBLE) {
		*cell = (int64_t)cursor_le64(&reader->cursor);
		if (tag != RECORD_CELL_PRESENT || (!reader->cursor.failed && !is_double(*cell)))
			return corrupt_row(reader, "a number that is none");
		return 0;
	}
	tag -= RECORD_CELL_PRESENT;
	int64_t difference = (int64_t)(tag >> 1) ^ -(int64_t)(tag & 1);
	if (__builtin_add_overflow(difference, base == CELL_NULL ? 0 : base, cell) || !is_units(*cell) ||
	    (field->type == FIELD_BOOLEAN && *cell != 0 && *cell != 1))
		return corrupt_row(reader, "a value out of its range");
	return 0;
}

static int read_place(struct reader *reader, uint32_t row, const uint8_t *control)
{
	struct rows *rows = reader->entity->rows;
	int64_t last_time = row == 0 ? 0 : rows->time[row - 1], last_offset = row == 0 ? 0 : rows->offset[row - 1];
	int64_t fold_edge = reader->entity->fold_edge;
	bool back = record_control(control, reader->set->column_count);
	int64_t elapsed = row == 0 ? cursor_zigzag(&reader->cursor) : (int64_t)cursor_varint(&reader->cursor);
	uint64_t distance = cursor_varint(&reader->cursor);
	if (reader->cursor.failed)
		return 0;
	if ((row > 0 && elapsed < 0) || elapsed < -EVENT_TIME_MAX_MS || elapsed > 2 * EVENT_TIME_MAX_MS ||
	    last_time + elapsed > EVENT_TIME_MAX_MS)
		return corrupt_row(reader, "a time out of all time");
	int64_t time = last_time + elapsed;
	int64_t offset = (int64_t)((uint64_t)last_offset + (back ? -distance : distance));
	if ((offset < last_offset) != back || (row > 0 && elapsed == 0 && offset <= last_offset))
		return corrupt_row(reader, "an offset out of order");
	if (fold_edge != FOLD_EDGE_NONE && time < fold_edge - 1)
		return corrupt_row(reader, "older than what was folded");
	rows->time[row] = time;
	rows->offset[row] = offset;
	rows->id[row] = cursor_le64(&reader->cursor);
	return 0;
}

/* The row's reference row; its strings are then noted to have occurred in it. */
static uint32_t take_reference(struct reader *reader, uint32_t row)
{
	const struct feature_set *set = reader->set;
	const struct rows *rows = reader->entity->rows;
	struct record_reference reference = record_reference_begin();
	for (size_t i = 0; i < set->string_count; i++) {
		int64_t number = rows->cells[(size_t)set->strings[i] * rows->capacity + row];
		if (number != CELL_NULL)
			record_reference_add(&reference, reader->last_row[number]);
	}
	for (size_t i = 0; i < set->string_count; i++) {
		int64_t number = rows->cells[(size_t)set->strings[i] * rows->capacity + row];
		if (number != CELL_NULL)
			reader->last_row[number] = row;
	}
	return record_reference_end(&reference, row == 0 ? RECORD_NO_ROW : row - 1);
}

static int read_cells(struct reader *reader, uint32_t row, const uint8_t *control)
{
	const struct feature_set *set = reader->set;
	struct rows *rows = reader->entity->rows;
	for (size_t i = 0; i < set->string_count; i++) {
		int column = set->strings[i];
		int64_t *cells = rows->cells + (size_t)column * rows->capacity;
		if (record_control(control, (size_t)column))
			cells[row] = row == 0 ? CELL_NULL : cells[row - 1];
		else if (read_string(reader, column, &cells[row]) != 0)
			return -1;
		if (reader->cursor.failed)
			return 0;
	}
	uint32_t reference = take_reference(reader, row);
	for (size_t i = 0; i < set->other_count; i++) {
		int column = set->others[i];
		int64_t *cells = rows->cells + (size_t)column * rows->capacity;
		int64_t base = reference == RECORD_NO_ROW ? CELL_NULL : cells[reference];
		if (record_control(control, (size_t)column))
			cells[row] = base;
		else if (read_other(reader, column, base, &cells[row]) != 0)
			return -1;
	}
	return 0;
}

/* Bits behind the one for the offset mean nothing yet. */
static bool has_unknown_bits(const uint8_t *control, size_t columns)
{
	assert(columns / 8 + 1 == record_control_bytes(columns));
	return control[columns / 8] >> (columns % 8) >> 1 != 0;
}

static int read_row(struct reader *reader)
{
	const struct feature_set *set = reader->set;
	struct entity *entity = reader->entity;
	uint32_t row = entity->end;
	if (row >= 2 * set->max_events)
		return corrupt_row(reader, "more rows than there can be");
	if (row == entity->rows->capacity) {
		struct rows *grown = rows_grow(set, entity->rows);
		if (grown == NULL)
			return err_memory(reader->err);
		entity_set_rows(entity, grown);
	}
	struct slice control = cursor_bytes(&reader->cursor, record_control_bytes(set->column_count));
	if (!reader->cursor.failed && has_unknown_bits(control.data, set->column_count))
		return corrupt_row(reader, "unknown control bits");
	if (!reader->cursor.failed && read_place(reader, row, control.data) != 0)
		return -1;
	if (!reader->cursor.failed && read_cells(reader, row, control.data) != 0)
		return -1;
	if (reader->cursor.failed)
		return corrupt_row(reader, "truncated");
	entity->rows->used = ++entity->end;
	return 0;
}

static int read_all(struct reader *reader)
{
	const struct feature_set *set = reader->set;
	uint64_t columns = cursor_varint(&reader->cursor), folded = cursor_varint(&reader->cursor);
	if (!reader->cursor.failed && columns != set->column_count)
		return err_set(reader->err, ERR_DATA, "record: has %llu kept fields, not %zu",
			       (unsigned long long)columns, set->column_count);
	if (folded > 1)
		return corrupt(reader, "neither folded nor not");
	if (folded == 1 && read_fold(reader) != 0)
		return -1;
	if (reader->cursor.failed)
		return corrupt(reader, "truncated in its header");
	size_t left = cursor_left(&reader->cursor);
	if (left == 0)
		return 0;
	size_t guess = left / ROW_BYTES_GUESSED + 1, most = 2 * (size_t)set->max_events;
	entity_set_rows(reader->entity, rows_new(set, (uint32_t)(guess < most ? guess : most)));
	if (reader->entity->rows == NULL || grow_tables(reader) != 0)
		return err_memory(reader->err);
	while (cursor_left(&reader->cursor) > 0)
		if (read_row(reader) != 0)
			return -1;
	return 0;
}

enum entity_read entity_decode(const struct feature_set *set, struct slice record, uint64_t generation,
			       struct entity **entity, struct err *err)
{
	*entity = NULL;
	struct reader reader = {.set = set, .cursor = cursor_over(record), .err = err};
	uint8_t version = cursor_byte(&reader.cursor);
	uint64_t written = cursor_le64(&reader.cursor);
	if (reader.cursor.failed) {
		(void)corrupt(&reader, "truncated in its header");
		return ENTITY_CORRUPT;
	}
	if (written != generation)
		return ENTITY_ABSENT;
	if (version > ENTITY_RECORD_VERSION)
		(void)err_set(err, ERR_DATA, "record version %u is newer than %d", (unsigned)version,
			      ENTITY_RECORD_VERSION);
	else if (version < ENTITY_RECORD_VERSION)
		(void)err_set(err, ERR_DATA, "record version %u does not exist", (unsigned)version);
	if (version != ENTITY_RECORD_VERSION)
		return ENTITY_CORRUPT;
	for (size_t i = 0; i < set->column_count; i++)
		reader.last_literal[i] = NONE;
	buffer_init(&reader.text);
	reader.entity = entity_new(set);
	int status = reader.entity == NULL ? err_memory(err) : read_all(&reader);
	free(reader.last_row);
	free(reader.written_out);
	buffer_free(&reader.text);
	free(reader.number_of);
	if (status != 0) {
		entity_free(reader.entity);
		return ENTITY_CORRUPT;
	}
	*entity = reader.entity;
	return ENTITY_READ;
}
