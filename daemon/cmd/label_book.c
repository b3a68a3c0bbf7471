#include "daemon/cmd/label_book.h"

#include "daemon/cmd/id_index.h"
#include "daemon/io/csv.h"
#include "number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define KNOWN_BY_DELAY INT64_MIN
#define ID_BYTES_MAX ((size_t)1 << 16) /* of a pseudonym's making */

struct label {
	int64_t known_ms;
	size_t text; /* its place in `texts` */
	size_t length;
};

struct label_book {
	struct label_book_options options;
	struct id_index ids;
	struct label *labels; /* owned, by number */
	size_t capacity;
	struct buffer texts;
	uint64_t joined, unknown;
};

struct columns {
	long id, label, known;
};

static int complain(const struct csv *csv, const char *column, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, "%s: line %llu: column %s: %s", csv_input(csv)->name,
		       (unsigned long long)csv_line(csv), column, what);
}

static int keep_text(struct label_book *book, struct slice text, struct label *label, struct err *err)
{
	struct label *last = book->ids.count > 0 ? &book->labels[book->ids.count - 1] : NULL;
	label->length = text.length;
	if (last != NULL && slice_equal(text, (struct slice){book->texts.data + last->text, last->length})) {
		label->text = last->text;
		return 0;
	}
	label->text = book->texts.length;
	buffer_add(&book->texts, text.data, text.length);
	return buffer_failed(&book->texts) ? err_memory(err) : 0;
}

static int make_room(struct label_book *book, struct err *err)
{
	if (book->ids.count < book->capacity)
		return 0;
	size_t capacity = book->capacity == 0 ? 1024 : 2 * book->capacity;
	struct label *more = realloc(book->labels, capacity * sizeof *more);
	if (more == NULL)
		return err_memory(err);
	book->labels = more;
	book->capacity = capacity;
	return 0;
}

static bool same(const struct label_book *book, const struct label *label, struct slice text)
{
	return slice_equal(text, (struct slice){book->texts.data + label->text, label->length});
}

static int take_row(struct label_book *book, const struct csv *csv, const struct columns *columns,
		    const struct slice *texts, struct arena *arena, struct err *err)
{
	struct slice id = texts[columns->id], text = texts[columns->label];
	const struct pseudonym_options *pseudonym = book->options.pseudonym;
	struct label label = {.known_ms = KNOWN_BY_DELAY};
	size_t number = book->ids.count;
	if (id.length == 0)
		return complain(csv, "_event_id", "it is empty", err);
	if (text.length == 0)
		return 0;
	if (columns->known >= 0 && texts[columns->known].length > 0 &&
	    (number_parse_integer(texts[columns->known], &label.known_ms) != 0 || label.known_ms == KNOWN_BY_DELAY))
		return complain(csv, "_known_ms", "it is no integer", err);
	if (pseudonym != NULL && pseudonym->id && pseudonym->key.length > 0) {
		arena_reset(arena);
		id = pseudonym_of(pseudonym, id, arena);
		if (id.data == NULL)
			return err_memory(err);
	}
	if (make_room(book, err) != 0 || keep_text(book, text, &label, err) != 0)
		return -1;
	int status = id_index_add(&book->ids, id, &number, err);
	if (status < 0)
		return -1;
	if (status == 0 && !same(book, &book->labels[number], text))
		return complain(csv, "_event_id", "the event was there before, with another label", err);
	if (status == 1)
		book->labels[number] = label;
	else if (label.known_ms < book->labels[number].known_ms)
		book->labels[number].known_ms = label.known_ms;
	return 0;
}

static int find_columns(const struct csv *csv, struct columns *columns, struct err *err)
{
	*columns = (struct columns){csv_find(csv, slice_of("_event_id")), csv_find(csv, slice_of("label")),
				    csv_find(csv, slice_of("_known_ms"))};
	if (columns->id >= 0 && columns->label >= 0)
		return 0;
	return err_set(err, ERR_DATA, "%s: line 1: no column %s", csv_input(csv)->name,
		       columns->id < 0 ? "_event_id" : "label");
}

static int read_all(struct label_book *book, struct csv *csv, struct arena *arena, struct err *err)
{
	struct columns columns;
	const struct slice *texts;
	int status;
	if (find_columns(csv, &columns, err) != 0)
		return -1;
	while ((status = csv_next(csv, &texts, err)) == 1)
		if (take_row(book, csv, &columns, texts, arena, err) != 0)
			return -1;
	return status;
}

struct label_book *label_book_read(const struct label_book_options *options, struct err *err)
{
	struct label_book *book = calloc(1, sizeof *book);
	struct arena *arena = arena_new(ID_BYTES_MAX);
	if (book == NULL || arena == NULL) {
		(void)err_memory(err);
		goto fail;
	}
	book->options = *options;
	id_index_init(&book->ids);
	buffer_init(&book->texts);
	struct csv *csv = csv_open(options->path, false, NULL, err);
	if (csv == NULL)
		goto fail;
	int status = read_all(book, csv, arena, err);
	csv_close(csv);
	if (status != 0)
		goto fail;
	arena_free(arena);
	return book;
fail:
	arena_free(arena);
	label_book_free(book);
	return NULL;
}

struct slice label_book_find(struct label_book *book, struct slice event_id, int64_t event_time_ms)
{
	size_t number;
	if (!id_index_find(&book->ids, event_id, &number))
		return (struct slice){NULL, 0};
	const struct label *label = &book->labels[number];
	int64_t known_ms = label->known_ms == KNOWN_BY_DELAY ? event_time_ms + book->options.delay_ms : label->known_ms;
	if (known_ms > book->options.as_of_ms) {
		book->unknown++;
		return (struct slice){NULL, 0};
	}
	book->joined++;
	return (struct slice){book->texts.data + label->text, label->length};
}

static void count_one(void *context, size_t number)
{
	uint64_t *count = context;
	(void)number;
	++*count;
}

void label_book_summary(const struct label_book *book, FILE *stream)
{
	uint64_t unfound = 0;
	id_index_unfound(&book->ids, count_one, &unfound);
	fprintf(stream, "labels: %" PRIu64 " joined, %" PRIu64 " not known yet, %" PRIu64 " without a vector\n",
		book->joined, book->unknown, unfound);
}

void label_book_free(struct label_book *book)
{
	if (book == NULL)
		return;
	id_index_free(&book->ids);
	buffer_free(&book->texts);
	free(book->labels);
	free(book);
}
