#include "daemon/io/redis_write.h"

#include "daemon/io/redis_command.h"
#include "daemon/io/redis_server.h"

#include <assert.h>

/* EXEC answers nil only where another process writes the same partition at this moment. */
#define ATTEMPTS_MAX 5

static bool is_status(const struct redis_piece *piece, const char *text)
{
	return piece->kind == REDIS_STATUS && slice_equal(piece->text, slice_of(text));
}

/* The first round trip. */

enum { REPLY_WATCH, REPLY_GET, REPLY_MULTI, LOOK_COMMANDS };

struct look {
	const struct redis_write *write;
	bool asked;
	bool is_expected, is_new;
	struct err *err;
};

static size_t next_look(void *self, struct buffer *out)
{
	struct look *look = self;
	if (look->asked)
		return 0;
	look->asked = true;
	redis_command_begin(out, 2);
	redis_command_add(out, slice_of("WATCH"));
	redis_command_add(out, look->write->marker_key);
	redis_command_begin(out, 2);
	redis_command_add(out, slice_of("GET"));
	redis_command_add(out, look->write->marker_key);
	redis_command_begin(out, 1);
	redis_command_add(out, slice_of("MULTI"));
	return LOOK_COMMANDS;
}

static bool take_look(void *self, const struct redis_piece *piece)
{
	static const char *const names[LOOK_COMMANDS] = {"WATCH", "GET", "MULTI"};
	struct look *look = self;
	const char *name = piece->reply < LOOK_COMMANDS ? names[piece->reply] : "MULTI";
	if (piece->kind == REDIS_ERROR) {
		redis_server_refused(name, piece->text, true, look->err);
		return false;
	}
	if (piece->reply == REPLY_GET && (piece->kind == REDIS_STRING || piece->kind == REDIS_NIL)) {
		struct slice expected = look->write->expected;
		look->is_expected =
		    (piece->kind == REDIS_NIL) == (expected.data == NULL) && slice_equal(piece->text, expected);
		look->is_new = piece->kind == REDIS_STRING && slice_equal(piece->text, look->write->marker);
		return true;
	}
	if (piece->reply != REPLY_GET && is_status(piece, "OK"))
		return true;
	redis_server_absurd(name, look->err);
	return false;
}

/* The second. */

struct transaction {
	const struct redis_write *write;
	size_t queued; /* commands made, without EXEC */
	bool ended;
	bool executed, in_part, nothing_done, absurd;
	struct err refused; /* the first error reply */
};

static size_t queued_commands(const struct redis_write *write)
{
	return write->count + 1;
}

static void set(const struct redis_write *write, struct slice prefix, struct slice key, struct slice value,
		struct buffer *out)
{
	bool expires = write->ttl_ms.length > 0;
	redis_command_begin(out, expires ? 5 : 3);
	redis_command_add(out, slice_of("SET"));
	redis_command_add_joined(out, prefix, key);
	redis_command_add(out, value);
	if (expires) {
		redis_command_add(out, slice_of("PX"));
		redis_command_add(out, write->ttl_ms);
	}
}

static size_t next_queued(void *self, struct buffer *out)
{
	struct transaction *transaction = self;
	const struct redis_write *write = transaction->write;
	if (transaction->ended)
		return 0;
	if (transaction->queued == write->count) {
		set(write, write->marker_key, (struct slice){"", 0}, write->marker, out);
		redis_command_begin(out, 1);
		redis_command_add(out, slice_of("EXEC"));
		transaction->queued++;
		transaction->ended = true;
		return 2;
	}
	const struct state_record *record = &write->records[transaction->queued++];
	if (record->value.data != NULL) {
		set(write, write->record_prefix, record->entity, record->value, out);
	} else {
		redis_command_begin(out, 2);
		redis_command_add(out, slice_of("DEL"));
		redis_command_add_joined(out, write->record_prefix, record->entity);
	}
	return 1;
}

static void take_executed(struct transaction *transaction, const struct redis_piece *piece)
{
	if (piece->kind == REDIS_ARRAY && piece->depth == 0) {
		transaction->executed = true;
		transaction->in_part = piece->integer != (int64_t)queued_commands(transaction->write);
	} else if (piece->kind == REDIS_NIL && piece->depth == 0) {
		transaction->nothing_done = true;
	} else if (!is_status(piece, "OK") && piece->kind != REDIS_INTEGER) {
		transaction->in_part = true;
	}
}

/* All replies are taken, also after an error: only EXEC's own says what became of the whole. */
static bool take_queued(void *self, const struct redis_piece *piece)
{
	struct transaction *transaction = self;
	size_t exec = queued_commands(transaction->write);
	if (piece->kind == REDIS_ERROR && piece->reply <= exec)
		redis_server_refused(piece->reply == exec ? "EXEC" : "SET", piece->text, true, &transaction->refused);
	if (piece->reply < exec)
		transaction->absurd |= piece->kind != REDIS_ERROR && !is_status(piece, "QUEUED");
	else if (piece->reply == exec && (piece->kind != REDIS_ERROR || piece->depth > 0))
		take_executed(transaction, piece);
	return true;
}

static int settle(struct redis_connection *connection, const struct transaction *transaction, struct err *err)
{
	bool whole = transaction->executed && !transaction->in_part && !transaction->absurd &&
		     !err_is_set(&transaction->refused);
	if (whole || (transaction->nothing_done && !transaction->absurd))
		return 0;
	/* Which state the connection is in now differs between versions. */
	redis_connection_close(connection);
	if (transaction->executed)
		return err_set(
		    err, ERR_HALT,
		    "a transaction was carried out in part only: delete the keys %.*s*, so that the partition's "
		    "state is rebuilt from the topic (%s)",
		    (int)(transaction->write->marker_key.length - 1), (const char *)transaction->write->marker_key.data,
		    transaction->refused.message);
	if (err_is_set(&transaction->refused)) {
		*err = transaction->refused;
		return -1;
	}
	return redis_server_absurd("EXEC", err);
}

int redis_write_run(struct redis_connection *connection, const struct redis_write *write, bool *unresolved,
		    enum store_write *result, struct err *err)
{
	assert(write->marker.data != NULL && (write->records != NULL || write->count == 0));
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		struct look look = {.write = write, .err = err};
		struct redis_exchange looking = {&look, next_look, take_look};
		if (redis_connection_exchange(connection, &looking, err) < 0)
			return -1;
		if (!look.is_expected) {
			*result = look.is_new && *unresolved ? STORE_WRITTEN : STORE_CONFLICT;
			*unresolved = false;
			redis_connection_close(connection); /* rare, and the surest way out of MULTI */
			return 0;
		}
		struct transaction transaction = {.write = write};
		struct redis_exchange writing = {&transaction, next_queued, take_queued};
		int status = redis_connection_exchange(connection, &writing, err);
		*unresolved |= redis_connection_sent(connection);
		if (status < 0 || settle(connection, &transaction, err) < 0)
			return -1;
		if (transaction.executed) {
			*result = STORE_WRITTEN;
			*unresolved = false;
			return 0;
		}
		/* The marker changed since the GET: an older EXEC of this write, delayed on the way, may have done it. */
	}
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "EXEC: another process is writing this partition");
}
