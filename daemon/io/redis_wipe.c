#include "daemon/io/redis_wipe.h"

#include "daemon/io/redis_command.h"
#include "daemon/io/redis_server.h"
#include "number.h"

#include <string.h>

#define SCAN_COUNT "1000"
#define CURSOR_BYTES 32

/* One SCAN: its answer is an array of the next cursor and an array of keys. */
struct scan {
	struct slice pattern;
	char cursor[CURSOR_BYTES];
	bool asked;
	struct buffer unlink; /* the command's arguments: keys */
	size_t keys;
	struct err *err;
};

static size_t next_scan(void *self, struct buffer *out)
{
	struct scan *scan = self;
	if (scan->asked)
		return 0;
	scan->asked = true;
	redis_command_begin(out, 6);
	redis_command_add(out, slice_of("SCAN"));
	redis_command_add(out, slice_of(scan->cursor));
	redis_command_add(out, slice_of("MATCH"));
	redis_command_add(out, scan->pattern);
	redis_command_add(out, slice_of("COUNT"));
	redis_command_add(out, slice_of(SCAN_COUNT));
	return 1;
}

static bool take_scan(void *self, const struct redis_piece *piece)
{
	struct scan *scan = self;
	if (piece->kind == REDIS_ERROR) {
		redis_server_refused("SCAN", piece->text, true, scan->err);
		return false;
	}
	if (piece->kind == REDIS_STRING && piece->depth == 1 && piece->text.length < CURSOR_BYTES) {
		memcpy(scan->cursor, piece->text.data, piece->text.length);
		scan->cursor[piece->text.length] = '\0';
	} else if (piece->kind == REDIS_STRING && piece->depth == 2) {
		redis_command_add(&scan->unlink, piece->text);
		scan->keys++;
	} else if (piece->kind != REDIS_ARRAY) {
		redis_server_absurd("SCAN", scan->err);
		return false;
	}
	return true;
}

struct removal {
	const struct scan *scan;
	bool asked;
	uint64_t *deleted;
	struct err *err;
};

static size_t next_removal(void *self, struct buffer *out)
{
	struct removal *removal = self;
	if (removal->asked)
		return 0;
	removal->asked = true;
	redis_command_begin(out, removal->scan->keys + 1);
	redis_command_add(out, slice_of("UNLINK"));
	buffer_add(out, removal->scan->unlink.data, removal->scan->unlink.length);
	return 1;
}

static bool take_removal(void *self, const struct redis_piece *piece)
{
	struct removal *removal = self;
	if (piece->kind == REDIS_ERROR)
		redis_server_refused("UNLINK", piece->text, true, removal->err);
	else if (piece->kind != REDIS_INTEGER)
		redis_server_absurd("UNLINK", removal->err);
	else
		*removal->deleted += (uint64_t)piece->integer;
	return !err_is_set(removal->err);
}

static int remove_found(struct redis_connection *connection, struct scan *scan, uint64_t *deleted, struct err *err)
{
	struct removal removal = {.scan = scan, .deleted = deleted, .err = err};
	struct redis_exchange exchange = {&removal, next_removal, take_removal};
	if (buffer_failed(&scan->unlink))
		return err_memory(err);
	return scan->keys == 0 ? 0 : redis_connection_exchange(connection, &exchange, err);
}

/* Glob's special characters mean themselves. */
static void add_escaped(struct buffer *pattern, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("*?[]\\^-", *text) != NULL)
			buffer_add_byte(pattern, '\\');
		buffer_add_byte(pattern, (uint8_t)*text);
	}
}

int redis_wipe_run(struct redis_connection *connection, const struct redis_options *options, uint64_t *deleted,
		   struct err *err)
{
	struct buffer pattern;
	struct scan scan = {.cursor = "0", .err = err};
	int status;
	buffer_init(&pattern);
	buffer_init(&scan.unlink);
	add_escaped(&pattern, options->name_space);
	buffer_add_text(&pattern, ":{");
	add_escaped(&pattern, options->pipeline);
	buffer_add_byte(&pattern, '/');
	add_escaped(&pattern, options->topic);
	buffer_add_text(&pattern, "/*}:*");
	scan.pattern = buffer_slice(&pattern);
	do {
		struct redis_exchange exchange = {&scan, next_scan, take_scan};
		scan.asked = false;
		scan.keys = 0;
		buffer_reset(&scan.unlink);
		status =
		    buffer_failed(&pattern) ? err_memory(err) : redis_connection_exchange(connection, &exchange, err);
		if (status == 0)
			status = remove_found(connection, &scan, deleted, err);
	} while (status == 0 && strcmp(scan.cursor, "0") != 0);
	buffer_free(&pattern);
	buffer_free(&scan.unlink);
	return status;
}
