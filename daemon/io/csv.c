#include "daemon/io/csv.h"

#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct csv {
	struct input input;
	struct slice *columns; /* of the row at hand; column_capacity elements */
	size_t column_count, column_capacity;
	size_t escaped; /* columns of the row that hold doubled quotes */
	struct slice *header;
	size_t header_count;
	char *header_text; /* what the header's slices lie in */
	uint64_t line;     /* first line of the row at hand */
	uint64_t next_line;
};

/* How the scan of one row ended. */
enum scan { SCAN_ROW, SCAN_MORE, SCAN_FAILED };

static enum scan fail(struct csv *csv, uint64_t line, const char *message, struct err *err)
{
	(void)err_set(err, ERR_DATA, "%s: line %llu: %s", csv->input.name, (unsigned long long)line, message);
	return SCAN_FAILED;
}

static bool add_column(struct csv *csv, const uint8_t *start, const uint8_t *end)
{
	if (csv->column_count == csv->column_capacity) {
		size_t capacity = csv->column_capacity == 0 ? 64 : 2 * csv->column_capacity;
		struct slice *columns = realloc(csv->columns, capacity * sizeof *columns);
		if (columns == NULL)
			return false;
		csv->columns = columns;
		csv->column_capacity = capacity;
	}
	csv->columns[csv->column_count++] = (struct slice){start, (size_t)(end - start)};
	return true;
}

/* Finds the closing quote of a column that opens before at; *at then stands behind it. */
static enum scan scan_quoted(struct csv *csv, const uint8_t **at, uint64_t *lines, struct err *err)
{
	const uint8_t *from = *at, *end = csv->input.end;
	for (;;) {
		const uint8_t *quote = memchr(from, '"', (size_t)(end - from));
		const uint8_t *stop = quote == NULL ? end : quote;
		for (const uint8_t *line = from; (line = memchr(line, '\n', (size_t)(stop - line))) != NULL; line++)
			++*lines;
		if (quote == NULL && csv->input.ended)
			return fail(csv, csv->line, "a quoted column is not closed", err);
		if (quote == NULL || (quote + 1 == end && !csv->input.ended))
			return SCAN_MORE;
		from = quote + 1;
		if (from == end || *from != '"') {
			*at = from;
			return SCAN_ROW;
		}
		csv->escaped++;
		from++;
	}
}

/* Takes one column from *at, which then stands on what ends it: a comma, a line's end, or the end of the input. */
static enum scan scan_column(struct csv *csv, const uint8_t **at, uint64_t *lines, struct err *err)
{
	const uint8_t *start = *at, *end = csv->input.end, *stop = start;
	if (start != end && *start == '"') {
		*at = ++start;
		enum scan scan = scan_quoted(csv, at, lines, err);
		if (scan != SCAN_ROW)
			return scan;
		return add_column(csv, start, *at - 1) ? SCAN_ROW : (err_memory(err), SCAN_FAILED);
	}
	while (stop != end && *stop != ',' && *stop != '\n' && *stop != '"')
		stop++;
	if (stop == end && !csv->input.ended)
		return SCAN_MORE;
	if (stop != end && *stop == '"')
		return fail(csv, csv->line + *lines, "a quote inside a column that does not begin with one", err);
	*at = stop;
	if (stop != end && *stop == '\n' && stop != start && stop[-1] == '\r')
		stop--;
	return add_column(csv, start, stop) ? SCAN_ROW : (err_memory(err), SCAN_FAILED);
}

/* Takes one row from the window into columns; SCAN_MORE: it does not end in the window. */
static enum scan scan_row(struct csv *csv, struct err *err)
{
	const uint8_t *at = csv->input.at, *end = csv->input.end;
	uint64_t lines = 0;
	csv->column_count = csv->escaped = 0;
	for (;;) {
		enum scan scan = scan_column(csv, &at, &lines, err);
		if (scan != SCAN_ROW)
			return scan;
		if (csv->column_count > CSV_COLUMNS_MAX)
			return fail(csv, csv->line, "more than 16384 columns", err);
		if (at != end && *at == ',') {
			at++;
			continue;
		}
		if (at != end && *at == '\r') { /* only behind a closing quote */
			if (at + 1 == end && !csv->input.ended)
				return SCAN_MORE;
			at += at + 1 != end && at[1] == '\n';
		}
		if (at != end && *at != '\n')
			return fail(csv, csv->line + lines, "text after a closing quote", err);
		lines += at != end;
		csv->input.at += (at - csv->input.at) + (at != end);
		csv->next_line = csv->line + lines;
		return SCAN_ROW;
	}
}

/* Doubled quotes inside quoted columns become single ones, in place. */
static void unescape(struct csv *csv)
{
	for (size_t i = 0; i < csv->column_count; i++) {
		union {
			const void *lent;
			uint8_t *ours; /* the window may be changed by its reader */
		} column = {csv->columns[i].data};
		uint8_t *to = column.ours, *end = column.ours + csv->columns[i].length;
		for (const uint8_t *from = to; from != end; from++) {
			*to++ = *from;
			from += *from == '"';
		}
		csv->columns[i].length = (size_t)(to - column.ours);
	}
}

/* The next row that is not an empty line: 1, 0 or -1. */
static int next_row(struct csv *csv, struct err *err)
{
	for (;;) {
		csv->line = csv->next_line;
		if (csv->input.at == csv->input.end) {
			int more = input_fill(&csv->input, err);
			if (more <= 0)
				return more;
		}
		uint8_t first = *csv->input.at;
		enum scan scan;
		while ((scan = scan_row(csv, err)) == SCAN_MORE) {
			if ((size_t)(csv->input.end - csv->input.at) > CSV_RECORD_MAX) {
				(void)fail(csv, csv->line, "a row of more than 16 MiB", err);
				return -1;
			}
			if (input_fill(&csv->input, err) < 0)
				return -1;
		}
		if (scan == SCAN_FAILED)
			return -1;
		bool empty_line = csv->column_count == 1 && csv->columns[0].length == 0 && first != '"';
		if (empty_line && csv->header_count > 1)
			continue;
		if (csv->escaped > 0)
			unescape(csv);
		return 1;
	}
}

static int skip_byte_order_mark(struct csv *csv, struct err *err)
{
	int status = input_need(&csv->input, 3, err);
	if (status == 1 && memcmp(csv->input.at, "\xef\xbb\xbf", 3) == 0)
		csv->input.at += 3;
	return status < 0 ? -1 : 0;
}

static int by_text(const void *a, const void *b)
{
	const struct slice *left = a, *right = b;
	size_t shorter = left->length < right->length ? left->length : right->length;
	int order = memcmp(left->data, right->data, shorter);
	return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

static int check_unique(struct csv *csv, struct err *err)
{
	struct slice *sorted = malloc(csv->header_count * sizeof *sorted);
	if (sorted == NULL)
		return err_memory(err);
	memcpy(sorted, csv->header, csv->header_count * sizeof *sorted);
	qsort(sorted, csv->header_count, sizeof *sorted, by_text);
	int status = 0;
	for (size_t i = 1; i < csv->header_count && status == 0; i++)
		if (slice_equal(sorted[i - 1], sorted[i]))
			status = err_set(err, ERR_DATA, "%s: line 1: two columns are named \"%.*s\"", csv->input.name,
					 (int)sorted[i].length, (const char *)sorted[i].data);
	free(sorted);
	return status;
}

/* Keeps a copy of the row at hand as the header. */
static int keep_header(struct csv *csv, struct err *err)
{
	size_t bytes = 1;
	for (size_t i = 0; i < csv->column_count; i++)
		bytes += csv->columns[i].length;
	csv->header = calloc(csv->column_count, sizeof *csv->header);
	csv->header_text = malloc(bytes);
	if (csv->header == NULL || csv->header_text == NULL)
		return err_memory(err);
	char *to = csv->header_text;
	for (size_t i = 0; i < csv->column_count; i++) {
		struct slice name = csv->columns[i];
		if (name.length > 0)
			memcpy(to, name.data, name.length);
		csv->header[i] = (struct slice){to, name.length};
		to += name.length;
	}
	csv->header_count = csv->column_count;
	return check_unique(csv, err);
}

static int read_header(struct csv *csv, struct err *err)
{
	csv->next_line = 1;
	if (skip_byte_order_mark(csv, err) != 0)
		return -1;
	int status = next_row(csv, err);
	if (status == 0)
		return err_set(err, ERR_DATA, "%s: line 1: a header row is expected, the file is empty",
			       csv->input.name);
	if (status < 0)
		return -1;
	return csv->header == NULL ? keep_header(csv, err) : 0;
}

struct csv *csv_open(const char *path, bool rewindable, struct sha256 *hash, struct err *err)
{
	struct csv *csv = calloc(1, sizeof *csv);
	if (csv == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	if (input_open(&csv->input, path, err) != 0)
		goto close;
	if (rewindable && input_make_seekable(&csv->input, err) != 0)
		goto close;
	csv->input.hash = hash;
	if (read_header(csv, err) == 0)
		return csv;
close:
	csv_close(csv);
	return NULL;
}

const struct slice *csv_header(const struct csv *csv, size_t *count)
{
	*count = csv->header_count;
	return csv->header;
}

long csv_find(const struct csv *csv, struct slice name)
{
	for (size_t i = 0; i < csv->header_count; i++)
		if (slice_equal(csv->header[i], name))
			return (long)i;
	return -1;
}

int csv_next(struct csv *csv, const struct slice **columns, struct err *err)
{
	int status = next_row(csv, err);
	if (status <= 0)
		return status;
	if (csv->column_count != csv->header_count)
		return err_set(err, ERR_DATA, "%s: line %llu: %zu columns, but the header has %zu", csv->input.name,
			       (unsigned long long)csv->line, csv->column_count, csv->header_count);
	*columns = csv->columns;
	return 1;
}

uint64_t csv_line(const struct csv *csv)
{
	return csv->line;
}

int csv_rewind(struct csv *csv, struct err *err)
{
	csv->input.hash = NULL;
	return input_rewind(&csv->input, err) != 0 || read_header(csv, err) != 0 ? -1 : 0;
}

const struct input *csv_input(const struct csv *csv)
{
	return &csv->input;
}

void csv_close(struct csv *csv)
{
	if (csv == NULL)
		return;
	input_close(&csv->input);
	free(csv->columns);
	free(csv->header);
	free(csv->header_text);
	free(csv);
}

void csv_add(struct buffer *row, struct slice text)
{
	const char *data = text.data;
	bool quote = false;
	for (size_t i = 0; i < text.length && !quote; i++)
		quote = data[i] == '"' || data[i] == ',' || data[i] == '\n' || data[i] == '\r';
	if (!quote) {
		buffer_add(row, data, text.length);
		return;
	}
	buffer_add_byte(row, '"');
	for (size_t i = 0; i < text.length; i++) {
		if (data[i] == '"')
			buffer_add_byte(row, '"');
		buffer_add_byte(row, (uint8_t)data[i]);
	}
	buffer_add_byte(row, '"');
}

void csv_add_number(struct buffer *row, double value)
{
	char text[NUMBER_TEXT_MAX];
	if (isfinite(value))
		buffer_add(row, text, number_format(value, text));
}
