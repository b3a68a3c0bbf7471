#include "features/entity.h"
#include "features/record.h"

#include <assert.h>
#include <endian.h>

#define NOT_NUMBERED UINT32_MAX
#define VARINT_SHORT (UINT64_C(1) << 28)
#define SLACK_BYTES 4 /* that a varint may write too many */

/* What the record remembers of a string. */
struct string_state {
	uint32_t number;   /* in the record */
	uint32_t last_row; /* in which it last occurred */
};

/* Rows being written, into memory that is large enough for all of them. */
struct writer {
	const struct feature_set *set;
	const struct rows *rows;
	uint8_t *at;
	uint32_t first; /* row of the record */
	uint32_t numbered;
	struct string_state *strings;           /* by string number */
	const int64_t *cells[EVENT_FIELDS_MAX]; /* by column */
	bool doubles[EVENT_FIELDS_MAX];
	int64_t last_literal[EVENT_FIELDS_MAX]; /* string number, by column; NONE */
};

/*
 * Lengths follow no pattern that a processor could guess, so up to four bytes are made without a branch (and four are
 * always written).
 */
static inline void put_varint(struct writer *writer, uint64_t value)
{
	if (value < VARINT_SHORT) {
		uint32_t v = (uint32_t)value;
		uint32_t bytes = (v & 0x7f) | (v & 0x3f80) << 1 | (v & 0x1fc000) << 2 | (v & 0xfe00000) << 3;
		unsigned length = (38 - (unsigned)__builtin_clz(v | 1)) / 7;
		bytes |= 0x808080u & ((1u << 8 * (length - 1)) - 1);
		bytes = htole32(bytes);
		memcpy(writer->at, &bytes, sizeof bytes);
		writer->at += length;
		return;
	}
	for (; value >= 0x80; value >>= 7)
		*writer->at++ = (uint8_t)(value | 0x80);
	*writer->at++ = (uint8_t)value;
}

static inline void put_bytes(struct writer *writer, const void *bytes, size_t length)
{
	memcpy(writer->at, bytes, length);
	writer->at += length;
}

static inline void put_le64(struct writer *writer, uint64_t value)
{
	uint64_t little = htole64(value);
	put_bytes(writer, &little, sizeof little);
}

static inline uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline void set_control(uint8_t *control, size_t bit, bool value)
{
	control[bit / 8] |= (uint8_t)(value << bit % 8);
}

static void add_varint128(struct buffer *out, uint128 value)
{
	for (; value >= 0x80; value >>= 7)
		buffer_add_byte(out, (uint8_t)(value | 0x80));
	buffer_add_byte(out, (uint8_t)value);
}

/* Time and offset as differences to the row before; the sign of the offset's is a control bit. */
static void write_place(struct writer *writer, uint32_t row, uint8_t *control)
{
	const struct rows *rows = writer->rows;
	bool is_first = row == writer->first;
	int64_t offset = rows->offset[row], last = is_first ? 0 : rows->offset[row - 1];
	set_control(control, writer->set->column_count, offset < last);
	if (is_first)
		put_varint(writer, zigzag(rows->time[row]));
	else
		put_varint(writer, (uint64_t)(rows->time[row] - rows->time[row - 1]));
	put_varint(writer, offset < last ? (uint64_t)last - (uint64_t)offset : (uint64_t)offset - (uint64_t)last);
	put_le64(writer, rows->id[row]);
}

static void write_literal(struct writer *writer, int column, int64_t number)
{
	struct slice text = rows_text(writer->set, writer->rows, number);
	size_t shared = 0;
	assert(writer->strings[number].number == NOT_NUMBERED);
	if (writer->last_literal[column] != NONE)
		shared = record_shared_prefix(text, rows_text(writer->set, writer->rows, writer->last_literal[column]));
	put_varint(writer, RECORD_STRING_LITERAL + 2 * shared);
	put_varint(writer, text.length - shared);
	put_bytes(writer, (const char *)text.data + shared, text.length - shared);
	writer->strings[number].number = writer->numbered++;
	writer->last_literal[column] = number;
}

static void write_strings(struct writer *writer, uint32_t row, uint8_t *control)
{
	const struct feature_set *set = writer->set;
	for (size_t i = 0; i < set->string_count; i++) {
		int column = set->strings[i];
		int64_t number = writer->cells[column][row];
		if (number == (row == writer->first ? CELL_NULL : writer->cells[column][row - 1]))
			set_control(control, (size_t)column, true);
		else if (number == CELL_NULL)
			put_varint(writer, RECORD_STRING_NULL);
		else if (writer->strings[number].number != NOT_NUMBERED)
			put_varint(writer, RECORD_STRING_KNOWN + 2 * (uint64_t)writer->strings[number].number);
		else
			write_literal(writer, column, number);
	}
}

/* The row's reference row; its strings are then noted to have occurred in it. */
static uint32_t take_reference(struct writer *writer, uint32_t row)
{
	const struct feature_set *set = writer->set;
	struct record_reference reference = record_reference_begin();
	for (size_t i = 0; i < set->string_count; i++) {
		int64_t number = writer->cells[set->strings[i]][row];
		if (number != CELL_NULL)
			record_reference_add(&reference, writer->strings[number].last_row);
	}
	for (size_t i = 0; i < set->string_count; i++) {
		int64_t number = writer->cells[set->strings[i]][row];
		if (number != CELL_NULL)
			writer->strings[number].last_row = row;
	}
	return record_reference_end(&reference, row == writer->first ? RECORD_NO_ROW : row - 1);
}

static void write_others(struct writer *writer, uint32_t row, uint32_t reference, uint8_t *control)
{
	const struct feature_set *set = writer->set;
	for (size_t i = 0; i < set->other_count; i++) {
		int column = set->others[i];
		int64_t value = writer->cells[column][row];
		int64_t base = reference == RECORD_NO_ROW ? CELL_NULL : writer->cells[column][reference];
		if (value == base) {
			set_control(control, (size_t)column, true);
		} else if (value == CELL_NULL) {
			put_varint(writer, RECORD_CELL_NULL);
		} else if (writer->doubles[column]) {
			put_varint(writer, RECORD_CELL_PRESENT);
			put_le64(writer, (uint64_t)value);
		} else {
			put_varint(writer, RECORD_CELL_PRESENT + zigzag(value - (base == CELL_NULL ? 0 : base)));
		}
	}
}

static void write_row(struct writer *writer, uint32_t row)
{
	size_t control_bytes = record_control_bytes(writer->set->column_count);
	uint8_t *control = writer->at;
	memset(control, 0, control_bytes);
	writer->at += control_bytes;
	write_place(writer, row, control);
	write_strings(writer, row, control);
	write_others(writer, row, take_reference(writer, row), control);
	assert(writer->at <=
	       control + RECORD_ROW_MAX(writer->set->column_count) + FIELD_TEXT_MAX * writer->set->string_count);
}

static void *align_up(uint8_t *at)
{
	return at + (-(uintptr_t)at & (_Alignof(struct string_state) - 1));
}

static void write_rows(const struct entity *entity, struct buffer *out)
{
	const struct feature_set *set = entity->set;
	const struct rows *rows = entity->rows;
	uint32_t count = entity->end - entity->physical;
	if (count == 0)
		return;
	size_t strings = rows_string_bound(set, rows) + 1, state_bytes = strings * sizeof(struct string_state);
	/* A string's text takes no more here than in the dictionaries, whose bound counts units of 8 bytes. */
	size_t most = count * RECORD_ROW_MAX(set->column_count) + strings * 8 + SLACK_BYTES;
	/* The states stand behind the rows to be written, in memory that the buffer keeps for the next record. */
	uint8_t *start = buffer_room(out, most + state_bytes + sizeof(struct string_state));
	if (start == NULL)
		return;
	struct string_state *states = (struct string_state *)align_up(start + most);
	memset(states, 0xff, state_bytes); /* NOT_NUMBERED and RECORD_NO_ROW */
	struct writer writer = {.set = set, .rows = rows, .first = entity->physical, .strings = states};
	writer.at = start;
	for (size_t i = 0; i < set->column_count; i++) {
		writer.cells[i] = rows->cells + i * rows->capacity;
		writer.doubles[i] = field_kind(&set->schema->fields[set->columns[i]]) == VALUE_DOUBLE;
		writer.last_literal[i] = NONE;
	}
	for (uint32_t row = entity->physical; row < entity->end; row++)
		write_row(&writer, row);
	assert((size_t)(writer.at - start) <= most);
	out->length += (size_t)(writer.at - start);
}

static void write_sums(struct buffer *out, enum value_kind kind, const struct aggregate *sums)
{
	buffer_add_varint(out, (uint64_t)sums->n);
	if (sums->n == 0)
		return;
	if (kind == VALUE_UNITS) {
		add_varint128(out, (uint128)sums->sum << 1 ^ (uint128)(sums->sum >> 127));
		add_varint128(out, sums->squares);
		buffer_add_zigzag(out, sums->low);
		buffer_add_varint(out, (uint64_t)(sums->high - sums->low));
	} else if (kind == VALUE_DOUBLE) {
		buffer_add_le64(out, (uint64_t)sums->low);
		buffer_add_le64(out, (uint64_t)sums->high);
	}
}

static bool is_empty(const struct feature_set *set, const struct aggregate *sums)
{
	bool empty = true;
	for (size_t i = 0; i < set->tally_count; i++)
		empty &= sums[i].n == 0;
	return empty;
}

static void write_panes(const struct entity *entity, struct buffer *out)
{
	const struct feature_set *set = entity->set;
	const struct panes *panes = entity->panes;
	uint64_t count = 0;
	for (size_t i = entity->first_pane; panes != NULL && i < panes->count; i++)
		count += !is_empty(set, &panes->sums[i * set->tally_count]);
	buffer_add_varint(out, count);
	int64_t last = 0;
	bool first = true;
	for (size_t i = entity->first_pane; panes != NULL && i < panes->count; i++) {
		const struct aggregate *sums = &panes->sums[i * set->tally_count];
		if (is_empty(set, sums))
			continue;
		if (first)
			buffer_add_zigzag(out, panes->index[i]);
		else
			buffer_add_varint(out, (uint64_t)(panes->index[i] - last - 1));
		first = false;
		last = panes->index[i];
		for (size_t tally = 0; tally < set->tally_count; tally++)
			write_sums(out, set->tallies[tally].kind, &sums[tally]);
	}
}

static void write_fold(const struct entity *entity, struct buffer *out)
{
	const struct feature_set *set = entity->set;
	assert(entity->fold_edge != FOLD_EDGE_NONE);
	buffer_add_zigzag(out, entity->fold_edge);
	buffer_add_varint(out, set->tally_count);
	for (size_t i = 0; i < set->tally_count; i++) {
		int64_t since = entity->panes == NULL ? entity->fold_edge : entity->panes->since[i];
		buffer_add_le64(out, set->tallies[i].id);
		buffer_add_byte(out, record_tally_kind(set->tallies[i].kind));
		buffer_add_varint(out, since == INT64_MIN ? 0 : 1 + (uint64_t)(entity->fold_edge - since));
	}
	write_panes(entity, out);
}

void entity_prefetch_record(const struct entity *entity)
{
	if (entity == NULL || entity->rows == NULL)
		return;
	const struct rows *rows = entity->rows;
	for (size_t i = 0; i < ROWS_FIXED_COLUMNS + entity->set->column_count; i++)
		slice_prefetch((struct slice){rows_fixed_column(rows, entity->capacity, i) + entity->physical,
					      (entity->end - entity->physical) * sizeof(int64_t)});
	dictionary_prefetch_texts(&rows->strings);
}

void entity_encode(const struct entity *entity, uint64_t generation, struct buffer *record)
{
	const struct feature_set *set = entity->set;
	buffer_add_byte(record, ENTITY_RECORD_VERSION);
	buffer_add_le64(record, generation);
	buffer_add_varint(record, set->column_count);
	buffer_add_varint(record, entity->fold_edge != FOLD_EDGE_NONE);
	if (entity->fold_edge != FOLD_EDGE_NONE)
		write_fold(entity, record);
	write_rows(entity, record);
}
