#include "daemon/io/redis_server.h"

#include "daemon/io/redis_command.h"
#include "number.h"

#include <assert.h>
#include <stdio.h>

#define CLIENT_NAME "outlierd"
#define GREETING_COMMANDS_MAX 4
#define DATABASE_TEXT_MAX 12
#define REPLY_TEXT_MAX 200 /* bytes of an error reply that are told on */

enum remedy {
	WAIT,    /* passes by itself, or by an operator's doing on the server */
	PERMIT,  /* a bad configuration at start; later an operator is changing users */
	STOP_NOW /* never passes */
};

struct refusal {
	const char *start; /* of the error reply */
	enum remedy remedy;
	const char *meaning;
};

static const struct refusal refusals[] = {
    {"LOADING", WAIT, "the server is still loading its data"},
    {"OOM", WAIT, "the server is full: raise its maxmemory"},
    {"READONLY", WAIT, "the server is a read-only replica"},
    {"MASTERDOWN", WAIT, "the server is a replica that lost its primary"},
    {"BUSY", WAIT, "a script keeps the server busy"},
    {"MISCONF", WAIT, "the server cannot save to its disk and takes no writes"},
    {"NOREPLICAS", WAIT, "the server has fewer replicas than min-replicas-to-write"},
    {"TRYAGAIN", WAIT, "the server asks to try again"},
    {"CLUSTERDOWN", WAIT, "the cluster is down"},
    {"ERR max number of clients", WAIT, "the server has no room for another client: raise its maxclients"},
    {"NOAUTH", PERMIT, "the server wants a password"},
    {"WRONGPASS", PERMIT, "the user or the password is wrong"},
    {"NOPERM", PERMIT, "the user may not do this: docs/redis.md has the ACL line that suffices"},
    {"DENIED", PERMIT, "the server is in protected mode and takes local connections only"},
    {"MOVED ", STOP_NOW, "the server belongs to a Redis Cluster, which is not supported"},
    {"ASK ", STOP_NOW, "the server belongs to a Redis Cluster, which is not supported"},
    {"WRONGTYPE", STOP_NOW, "a marker's key holds something else: another program writes into the namespace"},
};

static const struct refusal other_refusal = {"", PERMIT, "the server refuses it"};

static bool starts_with(struct slice text, const char *start)
{
	size_t length = strlen(start);
	return text.length >= length && memcmp(text.data, start, length) == 0;
}

/* An unknown command is answered with its arguments, and among those are keys. */
static size_t shown_length(struct slice text)
{
	static const char arguments[] = ", with args beginning with";
	const char *found = memmem(text.data, text.length, arguments, sizeof arguments - 1);
	size_t length = found == NULL ? text.length : (size_t)(found - (const char *)text.data);
	return length < REPLY_TEXT_MAX ? length : REPLY_TEXT_MAX;
}

int redis_server_refused(const char *command, struct slice text, bool started, struct err *err)
{
	/* EXEC tells the reason of a refusal behind its own. */
	static const char discarded[] = "EXECABORT Transaction discarded because of: ";
	if (starts_with(text, discarded))
		text =
		    (struct slice){(const char *)text.data + sizeof discarded - 1, text.length - sizeof discarded + 1};

	const struct refusal *refusal = &other_refusal;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0] && refusal == &other_refusal; i++)
		if (starts_with(text, refusals[i].start))
			refusal = &refusals[i];
	enum err_code code = ERR_UNAVAILABLE;
	enum err_action action = ERR_RETRY;
	if (refusal->remedy == STOP_NOW || (refusal->remedy == PERMIT && !started)) {
		code = started ? ERR_HALT : ERR_CONFIG;
		action = ERR_EXIT;
	}
	return err_set_action(err, code, action, "%s: %s (%.*s)", command, refusal->meaning, (int)shown_length(text),
			      (const char *)text.data);
}

int redis_server_absurd(const char *command, struct err *err)
{
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s: an answer that Redis does not give", command);
}

/* The value of "name:value" on a line of its own; empty where there is none. */
static struct slice find(struct slice info, const char *name)
{
	const char *at = info.data, *end = at + info.length;
	size_t length = strlen(name);
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		if (line_end == NULL)
			line_end = end;
		const char *stop = line_end > at && line_end[-1] == '\r' ? line_end - 1 : line_end;
		if ((size_t)(stop - at) > length && memcmp(at, name, length) == 0 && at[length] == ':')
			return (struct slice){at + length + 1, (size_t)(stop - at) - length - 1};
		at = line_end == end ? end : line_end + 1;
	}
	return (struct slice){"", 0};
}

static void find_text(struct slice info, const char *name, char *text, size_t size)
{
	struct slice value = find(info, name);
	snprintf(text, size, "%.*s", (int)(value.length < size ? value.length : size - 1), (const char *)value.data);
}

static int64_t find_integer(struct slice info, const char *name)
{
	int64_t value = 0;
	return number_parse_integer(find(info, name), &value) < 0 || value < 0 ? 0 : value;
}

void redis_server_read_info(struct slice info, struct redis_facts *facts)
{
	char role[8];
	memset(facts, 0, sizeof *facts);
	find_text(info, "redis_version", facts->version, sizeof facts->version);
	find_text(info, "run_id", facts->run_id, sizeof facts->run_id);
	find_text(info, "maxmemory_policy", facts->maxmemory_policy, sizeof facts->maxmemory_policy);
	find_text(info, "role", role, sizeof role);
	facts->maxmemory_bytes = find_integer(info, "maxmemory");
	facts->used_memory_bytes = find_integer(info, "used_memory");
	facts->evicted_keys = find_integer(info, "evicted_keys");
	facts->aof_enabled = find_integer(info, "aof_enabled") != 0;
	facts->loading = find_integer(info, "loading") != 0;
	facts->replica = strcmp(role, "slave") == 0;
}

struct greeting {
	const struct redis_options *options; /* NULL: INFO alone */
	const char *names[GREETING_COMMANDS_MAX];
	size_t commands;
	bool started;
	struct redis_facts *facts;
	struct err *err;
};

static size_t next_greeting(void *self, struct buffer *out)
{
	struct greeting *greeting = self;
	const struct redis_options *options = greeting->options;
	if (greeting->commands > 0)
		return 0;
	size_t count = 0;
	if (options != NULL && (options->user != NULL || options->password != NULL)) {
		const char *password = options->password == NULL ? "" : options->password;
		greeting->names[count++] = "AUTH";
		if (options->user != NULL)
			redis_command_texts(out, 3, (const char *const[]){"AUTH", options->user, password});
		else
			redis_command_texts(out, 2, (const char *const[]){"AUTH", password});
	}
	if (options != NULL && options->database != 0) {
		char database[DATABASE_TEXT_MAX];
		snprintf(database, sizeof database, "%d", options->database);
		greeting->names[count++] = "SELECT";
		redis_command_texts(out, 2, (const char *const[]){"SELECT", database});
	}
	greeting->names[count++] = "INFO";
	redis_command_texts(out, 1, (const char *const[]){"INFO"});
	if (options != NULL) {
		greeting->names[count++] = NULL;
		redis_command_texts(out, 3, (const char *const[]){"CLIENT", "SETNAME", CLIENT_NAME});
	}
	assert(count <= GREETING_COMMANDS_MAX);
	greeting->commands = count;
	return count;
}

static bool take_greeting(void *self, const struct redis_piece *piece)
{
	struct greeting *greeting = self;
	const char *name = piece->reply < greeting->commands ? greeting->names[piece->reply] : NULL;
	if (name == NULL) /* the client's name is a courtesy to operators: a server may refuse it */
		return true;
	if (piece->kind == REDIS_ERROR) {
		redis_server_refused(name, piece->text, greeting->started, greeting->err);
		return false;
	}
	if (strcmp(name, "INFO") != 0)
		return true;
	if (piece->kind != REDIS_STRING) {
		redis_server_absurd(name, greeting->err);
		return false;
	}
	redis_server_read_info(piece->text, greeting->facts);
	return true;
}

int redis_server_greet(struct redis_connection *connection, const struct redis_options *options, bool started,
		       struct redis_facts *facts, struct err *err)
{
	struct greeting greeting = {.options = options, .started = started, .facts = facts, .err = err};
	struct redis_exchange exchange = {&greeting, next_greeting, take_greeting};
	return redis_connection_exchange(connection, &exchange, err);
}

int redis_server_ask(struct redis_connection *connection, struct redis_facts *facts, struct err *err)
{
	struct greeting greeting = {.started = true, .facts = facts, .err = err};
	struct redis_exchange exchange = {&greeting, next_greeting, take_greeting};
	return redis_connection_exchange(connection, &exchange, err);
}

int redis_server_judge(const struct redis_facts *facts, bool started, struct err *err)
{
	enum err_code stop = started ? ERR_HALT : ERR_CONFIG;
	if (facts->maxmemory_policy[0] == '\0')
		return err_set(err, stop,
			       "INFO does not tell maxmemory_policy, so nobody knows whether the server evicts");
	if (strcmp(facts->maxmemory_policy, "noeviction") != 0)
		return err_set(err, stop,
			       "its maxmemory-policy is %s, so it may drop records in silence: set maxmemory-policy "
			       "noeviction on the server%s",
			       facts->maxmemory_policy,
			       started ? ", then start again: what it may have dropped is rebuilt" : "");
	if (facts->loading)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "the server is still loading its data");
	if (facts->replica)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "the server is a replica");
	return 0;
}
