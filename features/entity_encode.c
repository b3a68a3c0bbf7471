#include "features/entity.h"
#include "features/record.h"

#include <assert.h>
#include <stdlib.h>

#define NOT_NUMBERED UINT32_MAX

/* A record being written. */
struct writer {
	const struct feature_set *set;
	const struct rows *rows;
	struct buffer *out;
	uint32_t first;      /* row of the record */
	uint32_t *number_of; /* in the record, by string number */
	uint32_t *last_row;  /* likewise */
	uint32_t numbered;
};

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

static uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static uint8_t *put_le64(uint8_t *at, uint64_t value)
{
	for (unsigned shift = 0; shift < 64; shift += 8)
		*at++ = (uint8_t)(value >> shift);
	return at;
}

static void add_varint128(struct buffer *out, uint128 value)
{
	for (; value >= 0x80; value >>= 7)
		buffer_add_byte(out, (uint8_t)(value | 0x80));
	buffer_add_byte(out, (uint8_t)value);
}

static int64_t cell(const struct writer *writer, int column, uint32_t row)
{
	assert(row != RECORD_NO_ROW);
	return writer->rows->cells[(size_t)column * writer->rows->capacity + row];
}

/* The cell that a cell of the row is compared with; null where there is none. */
static int64_t base_cell(const struct writer *writer, int column, uint32_t base)
{
	return base == RECORD_NO_ROW ? CELL_NULL : cell(writer, column, base);
}

static uint32_t before(const struct writer *writer, uint32_t row)
{
	return row == writer->first ? RECORD_NO_ROW : row - 1;
}

static void write_control(const struct writer *writer, uint32_t row, uint32_t reference, uint8_t *control)
{
	const struct feature_set *set = writer->set;
	memset(control, 0, record_control_bytes(set->column_count));
	for (size_t i = 0; i < set->string_count; i++) {
		int column = set->strings[i];
		bool repeated = cell(writer, column, row) == base_cell(writer, column, before(writer, row));
		control[column / 8] |= (uint8_t)(repeated << column % 8);
	}
	for (size_t i = 0; i < set->other_count; i++) {
		int column = set->others[i];
		bool repeated = cell(writer, column, row) == base_cell(writer, column, reference);
		control[column / 8] |= (uint8_t)(repeated << column % 8);
	}
}

/* Writes the string cells; literals go to the buffer behind what was put so far. Returns where to go on putting. */
static uint8_t *write_strings(struct writer *writer, uint32_t row, const uint8_t *control, uint8_t *start, uint8_t *at)
{
	const struct feature_set *set = writer->set;
	for (size_t i = 0; i < set->string_count; i++) {
		int column = set->strings[i];
		if (control[column / 8] >> column % 8 & 1)
			continue;
		int64_t number = cell(writer, column, row);
		if (number == CELL_NULL) {
			at = put_varint(at, RECORD_STRING_NULL);
		} else if (writer->number_of[number] != NOT_NUMBERED) {
			at = put_varint(at, RECORD_STRING_KNOWN + writer->number_of[number]);
		} else {
			struct slice text = rows_text(set, writer->rows, number);
			writer->number_of[number] = writer->numbered++;
			at = put_varint(put_varint(at, RECORD_STRING_LITERAL), text.length);
			buffer_add(writer->out, start, (size_t)(at - start));
			buffer_add(writer->out, text.data, text.length);
			at = start;
		}
	}
	return at;
}

static uint8_t *write_others(const struct writer *writer, uint32_t row, uint32_t reference, const uint8_t *control,
			     uint8_t *at)
{
	const struct feature_set *set = writer->set;
	for (size_t i = 0; i < set->other_count; i++) {
		int column = set->others[i];
		if (control[column / 8] >> column % 8 & 1)
			continue;
		int64_t value = cell(writer, column, row), base = base_cell(writer, column, reference);
		if (value == CELL_NULL)
			at = put_varint(at, RECORD_CELL_NULL);
		else if (field_kind(&set->schema->fields[set->columns[column]]) == VALUE_DOUBLE)
			at = put_le64(put_varint(at, RECORD_CELL_PRESENT), (uint64_t)value);
		else
			at = put_varint(at, RECORD_CELL_PRESENT + zigzag(value - (base == CELL_NULL ? 0 : base)));
	}
	return at;
}

static void write_row(struct writer *writer, uint32_t row)
{
	const struct feature_set *set = writer->set;
	const struct rows *rows = writer->rows;
	uint8_t bytes[RECORD_ROW_MAX(EVENT_FIELDS_MAX)], control[RECORD_CONTROL_MAX];
	uint32_t reference = record_reference(set, rows, writer->first, row, writer->last_row);
	write_control(writer, row, reference, control);
	memcpy(bytes, control, record_control_bytes(set->column_count));
	uint8_t *at = bytes + record_control_bytes(set->column_count);
	if (row == writer->first) {
		at = put_varint(at, zigzag(rows->time[row]));
		at = put_varint(at, zigzag(rows->offset[row]));
	} else {
		at = put_varint(at, (uint64_t)(rows->time[row] - rows->time[row - 1]));
		at = put_varint(at, zigzag((int64_t)((uint64_t)rows->offset[row] - (uint64_t)rows->offset[row - 1])));
	}
	at = put_le64(at, rows->id[row]);
	at = write_strings(writer, row, control, bytes, at);
	at = write_others(writer, row, reference, control, at);
	assert(at <= bytes + sizeof bytes);
	buffer_add(writer->out, bytes, (size_t)(at - bytes));
	record_note_strings(set, rows, row, writer->last_row);
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

void entity_encode(const struct entity *entity, uint64_t generation, struct buffer *record)
{
	const struct feature_set *set = entity->set;
	buffer_add_byte(record, ENTITY_RECORD_VERSION);
	buffer_add_le64(record, generation);
	buffer_add_varint(record, set->column_count);
	buffer_add_varint(record, entity->fold_edge != FOLD_EDGE_NONE);
	if (entity->fold_edge != FOLD_EDGE_NONE)
		write_fold(entity, record);
	if (entity->physical == entity->end)
		return;
	size_t strings = rows_string_bound(set, entity->rows) + 1;
	uint32_t *tables = malloc(2 * strings * sizeof *tables);
	if (tables == NULL) {
		record->failed = true;
		return;
	}
	memset(tables, 0xff, 2 * strings * sizeof *tables); /* NOT_NUMBERED and RECORD_NO_ROW */
	struct writer writer = {.set = set,
				.rows = entity->rows,
				.out = record,
				.first = entity->physical,
				.number_of = tables,
				.last_row = tables + strings};
	for (uint32_t row = entity->physical; row < entity->end; row++)
		write_row(&writer, row);
	free(tables);
}
