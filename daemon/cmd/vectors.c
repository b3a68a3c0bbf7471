#include "daemon/cmd/vectors.h"

#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SHOWN_MAX 40 /* bytes of a wrong value in a message */

int vectors_open(struct vectors *vectors, const char *path, bool rewindable, struct sha256 *hash, struct err *err)
{
	*vectors = (struct vectors){0};
	vectors->csv = csv_open(path, rewindable, hash, err);
	if (vectors->csv == NULL)
		return -1;
	vectors->flags = csv_find(vectors->csv, slice_of("_flags"));
	vectors->time = csv_find(vectors->csv, slice_of("_time_ms"));
	return 0;
}

static int take_memory(struct vectors *vectors, size_t count, struct err *err)
{
	assert(vectors->columns == NULL);
	vectors->columns = calloc(count + 1, sizeof *vectors->columns);
	vectors->names = calloc(count + 1, sizeof *vectors->names);
	return vectors->columns == NULL || vectors->names == NULL ? err_memory(err) : 0;
}

static int add(struct vectors *vectors, long column, struct slice name, struct err *err)
{
	vectors->columns[vectors->count] = (size_t)column;
	vectors->names[vectors->count] = strndup(name.data, name.length);
	return vectors->names[vectors->count++] == NULL ? err_memory(err) : 0;
}

static int lacks(const struct vectors *vectors, struct buffer *missing, struct err *err)
{
	int status = 0;
	if (buffer_failed(missing))
		status = err_memory(err);
	else if (missing->length > 0)
		status = err_set(err, ERR_DATA, "%s: line 1: no column %.*s", csv_input(vectors->csv)->name,
				 (int)missing->length, (const char *)missing->data);
	buffer_free(missing);
	return status;
}

static void add_missing(struct buffer *missing, const char *name)
{
	buffer_add_format(missing, "%s%s", missing->length == 0 ? "" : ", ", name);
}

int vectors_choose(struct vectors *vectors, const char *const *names, size_t count, struct err *err)
{
	struct buffer missing;
	buffer_init(&missing);
	if (take_memory(vectors, count, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		long column = csv_find(vectors->csv, slice_of(names[i]));
		if (column < 0)
			add_missing(&missing, names[i]);
		else if (add(vectors, column, slice_of(names[i]), err) != 0)
			return -1;
	}
	return lacks(vectors, &missing, err);
}

static bool is_among(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(name, slice_of(names[i])))
			return true;
	return false;
}

int vectors_choose_rest(struct vectors *vectors, const char *const *left_out, size_t left_out_count, struct err *err)
{
	size_t count;
	const struct slice *header = csv_header(vectors->csv, &count);
	struct buffer missing;
	buffer_init(&missing);
	if (take_memory(vectors, count, err) != 0)
		return -1;
	for (size_t i = 0; i < left_out_count; i++)
		if (csv_find(vectors->csv, slice_of(left_out[i])) < 0)
			add_missing(&missing, left_out[i]);
	for (size_t i = 0; i < count; i++) {
		bool own = header[i].length > 0 && *(const char *)header[i].data == '_';
		if (!own && !is_among(header[i], left_out, left_out_count) &&
		    add(vectors, (long)i, header[i], err) != 0)
			return -1;
	}
	return lacks(vectors, &missing, err);
}

static int no_number(const struct vectors *vectors, const char *name, struct slice text, const char *wanted,
		     struct err *err)
{
	int shown = text.length < SHOWN_MAX ? (int)text.length : SHOWN_MAX;
	return err_set(err, ERR_DATA, "%s: line %llu: column %s: \"%.*s\" is no %s", csv_input(vectors->csv)->name,
		       (unsigned long long)csv_line(vectors->csv), name, shown, (const char *)text.data, wanted);
}

int vectors_next(struct vectors *vectors, double *row, struct err *err)
{
	int status = csv_next(vectors->csv, &vectors->texts, err);
	if (status <= 0)
		return status;
	for (size_t i = 0; i < vectors->count; i++) {
		struct slice text = vectors->texts[vectors->columns[i]];
		if (text.length == 0)
			row[i] = NAN;
		else if (number_parse(text, &row[i]) != 0)
			return no_number(vectors, vectors->names[i], text, "number", err);
	}
	return 1;
}

bool vectors_warming(const struct vectors *vectors)
{
	if (vectors->flags < 0)
		return false;
	static const char word[] = "warming";
	struct slice flags = vectors->texts[vectors->flags];
	const char *at = flags.data, *end = at + flags.length;
	while (at < end) {
		const char *blank = memchr(at, ' ', (size_t)(end - at));
		const char *stop = blank == NULL ? end : blank;
		if (slice_equal((struct slice){at, (size_t)(stop - at)}, slice_of(word)))
			return true;
		at = stop + 1;
	}
	return false;
}

int vectors_time(const struct vectors *vectors, int64_t *time_ms, struct err *err)
{
	if (vectors->time < 0 || vectors->texts[vectors->time].length == 0)
		return 0;
	struct slice text = vectors->texts[vectors->time];
	if (number_parse_integer(text, time_ms) != 0)
		return no_number(vectors, "_time_ms", text, "integer", err);
	return 1;
}

void vectors_close(struct vectors *vectors)
{
	csv_close(vectors->csv);
	for (size_t i = 0; i < vectors->count; i++)
		free(vectors->names[i]);
	free(vectors->names);
	free(vectors->columns);
	*vectors = (struct vectors){0};
}
