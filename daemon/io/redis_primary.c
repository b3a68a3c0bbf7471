#include "daemon/io/redis_primary.h"

#include "daemon/io/redis_command.h"
#include "daemon/io/redis_connection.h"
#include "daemon/io/redis_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUESTION "SENTINEL"
#define COMMANDS_MAX 2
#define ANSWER_PARTS 2 /* host, port */

struct redis_primary {
	struct redis_place place;
	const char *user, *password; /* of the sentinels; NULL: none */
	const struct clock *clock;
	int64_t timeout_us;
	struct redis_connection *connection; /* to a sentinel, while it is asked; NULL: the address is fixed */
	size_t first;                        /* sentinel to begin with */
};

struct redis_primary *redis_primary_new(const struct redis_options *options, struct err *err)
{
	struct redis_primary *primary = calloc(1, sizeof *primary);
	if (primary == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	primary->user = options->sentinel_user;
	primary->password = options->sentinel_password;
	primary->clock = options->clock;
	primary->timeout_us = options->timeout_ms * 1000;
	if (redis_socket_parse(options->address, &primary->place, err) < 0)
		goto free_primary;
	if (primary->place.sentinel_count == 0)
		return primary;
	int64_t wait_ms = options->timeout_ms < REDIS_SENTINEL_WAIT_MS ? options->timeout_ms : REDIS_SENTINEL_WAIT_MS;
	primary->connection = redis_connection_new(wait_ms, options->clock, err);
	if (primary->connection != NULL)
		return primary;
free_primary:
	redis_primary_free(primary);
	return NULL;
}

void redis_primary_free(struct redis_primary *primary)
{
	if (primary == NULL)
		return;
	redis_connection_free(primary->connection);
	free(primary);
}

size_t redis_primary_sentinels(const struct redis_primary *primary)
{
	return primary->place.sentinel_count;
}

const char *redis_primary_name(const struct redis_address *address, char text[REDIS_SERVER_TEXT_MAX])
{
	bool bare = address->local || strchr(address->host, ':') == NULL;
	snprintf(text, REDIS_SERVER_TEXT_MAX, bare ? "%s%s%s" : "[%s]%s%s", address->host, address->local ? "" : ":",
		 address->port);
	return text;
}

/* The question to one sentinel. */
struct question {
	const struct redis_primary *primary;
	const char *commands[COMMANDS_MAX]; /* as errors name them */
	size_t count;
	bool unknown;
	size_t parts;
	struct redis_address *answer;
	struct err *err;
};

static size_t next_command(void *self, struct buffer *out)
{
	struct question *question = self;
	const struct redis_primary *primary = question->primary;
	if (question->count > 0)
		return 0;
	if (primary->password != NULL) {
		bool named = primary->user != NULL;
		const char *const auth[] = {"AUTH", named ? primary->user : primary->password, primary->password};
		question->commands[question->count++] = "AUTH";
		redis_command_texts(out, named ? 3 : 2, auth);
	}
	question->commands[question->count++] = QUESTION;
	redis_command_texts(out, 3,
			    (const char *const[]){QUESTION, "GET-MASTER-ADDR-BY-NAME", primary->place.primary_name});
	return question->count;
}

static bool take_part(struct question *question, const struct redis_piece *piece)
{
	char *to = piece->index == 0 ? question->answer->host : question->answer->port;
	size_t size = piece->index == 0 ? sizeof question->answer->host : sizeof question->answer->port;
	if (piece->kind != REDIS_STRING || piece->index >= ANSWER_PARTS || piece->text.length == 0 ||
	    piece->text.length >= size || memchr(piece->text.data, '\0', piece->text.length) != NULL)
		return false;
	memcpy(to, piece->text.data, piece->text.length);
	to[piece->text.length] = '\0';
	question->parts++;
	return true;
}

static bool take_answer(void *self, const struct redis_piece *piece)
{
	struct question *question = self;
	assert(question->count > 0);
	const char *command = question->commands[piece->reply < question->count ? piece->reply : question->count - 1];
	if (piece->kind == REDIS_ERROR) {
		/* As of a server that was in use before: a sentinel that refuses us is passed over, not a reason to end. */
		(void)redis_server_refused(command, piece->text, true, question->err);
		return false;
	}
	if (strcmp(command, QUESTION) != 0)
		return true;
	if (piece->depth == 0 && piece->kind == REDIS_NIL) {
		question->unknown = true;
		return true;
	}
	if (piece->depth == 0 && piece->kind == REDIS_ARRAY && piece->integer == ANSWER_PARTS)
		return true;
	if (piece->depth == 1 && take_part(question, piece))
		return true;
	(void)redis_server_absurd(command, question->err);
	return false;
}

int redis_primary_ask(struct redis_primary *primary, size_t index, struct redis_address *sentinel,
		      struct redis_address *address, struct err *err)
{
	assert(index < primary->place.sentinel_count);
	*sentinel = primary->place.addresses[index];
	memset(address, 0, sizeof *address);
	struct question question = {.primary = primary, .answer = address, .err = err};
	struct redis_exchange exchange = {&question, next_command, take_answer};
	if (redis_connection_open(primary->connection, sentinel, err) < 0)
		return -1;
	int status = redis_connection_exchange(primary->connection, &exchange, err);
	redis_connection_close(primary->connection);
	if (status < 0)
		return -1;
	if (question.unknown)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "it knows no primary named %s",
				      primary->place.primary_name);
	assert(question.parts == ANSWER_PARTS);
	return 0;
}

int redis_primary_locate(struct redis_primary *primary, struct redis_address *address, struct err *err)
{
	size_t count = primary->place.sentinel_count;
	if (count == 0) {
		*address = primary->place.addresses[0];
		return 0;
	}
	char reasons[sizeof err->message] = "", name[REDIS_SERVER_TEXT_MAX];
	size_t used = 0;
	int64_t end_us = primary->clock->monotonic_us(primary->clock->self) + primary->timeout_us;
	for (size_t i = 0; i < count; i++) {
		struct redis_address sentinel;
		struct err problem = {0};
		size_t index = primary->first;
		if (i > 0 && primary->clock->monotonic_us(primary->clock->self) >= end_us)
			break; /* the next call begins with the one that was not asked */
		if (redis_primary_ask(primary, index, &sentinel, address, &problem) == 0)
			return 0;
		if (problem.action != ERR_RETRY)
			return err_set_action(err, problem.code, problem.action, "%s", problem.message);
		primary->first = (index + 1) % count;
		int length = snprintf(reasons + used, sizeof reasons - used, "%s%s: %s", used == 0 ? "" : "; ",
				      redis_primary_name(&sentinel, name), problem.message);
		/* Of many long reasons the last ones lose their end. */
		used = (size_t)length < sizeof reasons - used ? used + (size_t)length : sizeof reasons - 1;
	}
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "no sentinel names the primary: %s", reasons);
}
