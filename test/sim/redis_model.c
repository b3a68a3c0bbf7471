#include "test/sim/redis_model.h"

#include "buffer.h"
#include "test/sim/check.h"

#include <stdlib.h>

#define ARGUMENTS_MAX 512
#define WATCHED_MAX 8
#define QUEUED_MAX 512

struct change {
	size_t key;
	struct slice before;
	bool step; /* the first of an EXEC, or a command by itself */
};

struct redis *redis_new(struct sim *sim)
{
	struct redis *redis = sim_take(sizeof *redis);
	redis->sim = sim;
	redis->database = database_new(redis);
	return redis;
}

struct database *database_new(struct redis *redis)
{
	struct database *database = sim_take(sizeof *database);
	snprintf(database->run_id, sizeof database->run_id, "%040" PRIx64, ++redis->servers);
	return database;
}

static struct redis_key *find(const struct database *database, struct slice name)
{
	for (size_t i = 0; i < database->count; i++)
		if (slice_equal(database->keys[i].name, name))
			return &database->keys[i];
	return NULL;
}

struct slice database_get(const struct database *database, struct slice name)
{
	const struct redis_key *key = find(database, name);
	return key == NULL ? (struct slice){NULL, 0} : key->value;
}

void database_set(struct database *database, struct slice name, struct slice value, bool step)
{
	struct redis_key *key = find(database, name);
	if (key == NULL) {
		if (database->count == database->capacity) {
			size_t capacity = database->capacity == 0 ? 64 : 2 * database->capacity;
			database->keys = sim_grow(database->keys, database->count, capacity, sizeof *database->keys);
			database->capacity = capacity;
		}
		key = &database->keys[database->count++];
		key->name = sim_copy(name);
	}
	if (database->change_count == database->change_capacity) {
		size_t capacity = database->change_capacity == 0 ? 256 : 2 * database->change_capacity;
		database->changes =
		    sim_grow(database->changes, database->change_count, capacity, sizeof *database->changes);
		database->change_capacity = capacity;
	}
	database->changes[database->change_count++] = (struct change){(size_t)(key - database->keys), key->value, step};
	key->value = sim_copy(value);
}

struct database *database_back(struct redis *redis, const struct database *database, uint64_t steps)
{
	struct database *copy = sim_take(sizeof *copy);
	*copy = *database;
	snprintf(copy->run_id, sizeof copy->run_id, "%040" PRIx64, ++redis->servers);
	copy->keys = sim_grow(database->keys, database->count, database->capacity + 1, sizeof *copy->keys);
	copy->changes =
	    sim_grow(database->changes, database->change_count, database->change_capacity + 1, sizeof *copy->changes);
	copy->evicted = 0;
	memset(copy->seen, 0, sizeof copy->seen);
	while (steps > 0 && copy->change_count > 0) {
		const struct change *change = &copy->changes[--copy->change_count];
		copy->keys[change->key].value = change->before;
		steps -= change->step;
	}
	return copy;
}

/* Sessions. */

struct watched {
	struct slice name;
	size_t change_count; /* of the database then */
};

struct session {
	struct redis *redis;
	struct database *database;
	struct buffer in;
	size_t read; /* of in */
	bool in_multi, dirty, broken;
	struct watched watched[WATCHED_MAX];
	size_t watched_count;
	struct slice queued[QUEUED_MAX][5];
	size_t queued_lengths[QUEUED_MAX], queued_count;
};

struct session *session_new(struct redis *redis, struct database *database)
{
	struct session *session = sim_take(sizeof *session);
	session->redis = redis;
	session->database = database;
	buffer_init(&session->in);
	return session;
}

void session_free(struct session *session)
{
	buffer_free(&session->in);
}

struct database *session_database(const struct session *session)
{
	return session->database;
}

static bool is(struct slice word, const char *text)
{
	return slice_equal(word, slice_of(text));
}

static void add_bulk(struct buffer *out, struct slice value)
{
	if (value.data == NULL) {
		buffer_add_text(out, "$-1\r\n");
		return;
	}
	buffer_add_format(out, "$%zu\r\n", value.length);
	buffer_add(out, value.data, value.length);
	buffer_add_text(out, "\r\n");
}

static const char *refusal(const struct session *session)
{
	const struct redis *redis = session->redis;
	return redis->sim->now_us < redis->refuse_until_us ? redis->refusal : NULL;
}

static bool loading(const struct session *session)
{
	const char *text = refusal(session);
	return text != NULL && strncmp(text, "LOADING", 7) == 0;
}

static void info(struct session *session, struct buffer *out)
{
	struct buffer text;
	buffer_init(&text);
	buffer_add_format(
	    &text,
	    "# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\n# Memory\r\nused_memory:1000000\r\nmaxmemory:0\r\n"
	    "maxmemory_policy:noeviction\r\nloading:%d\r\nevicted_keys:%" PRIu64 "\r\nrole:master\r\naof_enabled:1\r\n",
	    session->database->run_id, loading(session), session->database->evicted);
	add_bulk(out, buffer_slice(&text));
	buffer_free(&text);
}

static bool watched_changed(const struct session *session)
{
	const struct database *database = session->database;
	for (size_t i = 0; i < session->watched_count; i++)
		for (size_t c = session->watched[i].change_count; c < database->change_count; c++)
			if (slice_equal(database->keys[database->changes[c].key].name, session->watched[i].name))
				return true;
	return false;
}

/* A key that is watched already stays watched since then. */
static void watch(struct session *session, struct slice name)
{
	for (size_t i = 0; i < session->watched_count; i++)
		if (slice_equal(session->watched[i].name, name))
			return;
	assert(session->watched_count < WATCHED_MAX);
	session->watched[session->watched_count++] = (struct watched){sim_copy(name), session->database->change_count};
}

static void leave_multi(struct session *session)
{
	session->in_multi = session->dirty = false;
	session->queued_count = session->watched_count = 0;
}

static bool writes(struct slice word)
{
	return is(word, "SET") || is(word, "DEL");
}

static bool full(const char *refused)
{
	return refused != NULL && strncmp(refused, "OOM", 3) == 0;
}

/* What frees memory is welcome on a full server. */
static bool is_refused(const char *refused, struct slice word)
{
	return refused != NULL && writes(word) && !(full(refused) && is(word, "DEL"));
}

/* The commands that are executed, alone or by EXEC. step: it begins what a failover keeps or loses as a whole. */
static void act(struct session *session, const struct slice *words, size_t count, bool step, struct buffer *out)
{
	struct database *database = session->database;
	if (is(words[0], "GET")) {
		add_bulk(out, database_get(database, words[1]));
	} else if (is(words[0], "MGET")) {
		buffer_add_format(out, "*%zu\r\n", count - 1);
		for (size_t i = 1; i < count; i++)
			add_bulk(out, database_get(database, words[i]));
	} else if (is(words[0], "SET")) {
		database_set(database, words[1], words[2], step);
		buffer_add_text(out, "+OK\r\n");
	} else if (is(words[0], "DEL")) {
		bool there = database_get(database, words[1]).data != NULL;
		if (there)
			database_set(database, words[1], (struct slice){NULL, 0}, step);
		buffer_add_format(out, ":%d\r\n", there);
	} else {
		buffer_add_text(out, "-ERR unknown command\r\n");
	}
}

static void exec(struct session *session, struct buffer *out)
{
	const char *refused = refusal(session);
	bool any = false, some_refused = false, step = true;
	for (size_t i = 0; i < session->queued_count; i++) {
		any |= writes(session->queued[i][0]);
		some_refused |= is_refused(refused, session->queued[i][0]);
	}
	if (session->dirty) {
		buffer_add_text(out, "-EXECABORT Transaction discarded because of previous errors.\r\n");
	} else if (some_refused) {
		/* The refusal came behind the queueing. */
		buffer_add_format(out, "-EXECABORT Transaction discarded because of: %s\r\n", refused);
	} else if (watched_changed(session)) {
		buffer_add_text(out, "*-1\r\n");
	} else {
		buffer_add_format(out, "*%zu\r\n", session->queued_count);
		for (size_t i = 0; i < session->queued_count; i++) {
			size_t changes = session->database->change_count;
			act(session, session->queued[i], session->queued_lengths[i], step, out);
			step &= session->database->change_count == changes;
		}
		session->redis->sim->stats->writes += any;
		if (any)
			check_store(session->redis->sim, session->database);
	}
	leave_multi(session);
}

static void queue(struct session *session, const struct slice *words, size_t count, struct buffer *out)
{
	const char *refused = refusal(session);
	/* A full server queues nothing, since queues take memory too. */
	if (is_refused(refused, words[0]) || (full(refused) && !session->redis->full_queues)) {
		session->dirty = true;
		buffer_add_format(out, "-%s\r\n", refused);
		return;
	}
	if (is(words[0], "MULTI") || is(words[0], "WATCH")) {
		buffer_add_text(out, is(words[0], "MULTI") ? "-ERR MULTI calls can not be nested\r\n"
							   : "-ERR WATCH inside MULTI is not allowed\r\n");
		return;
	}
	assert(session->queued_count < QUEUED_MAX && count <= 5);
	for (size_t i = 0; i < count; i++)
		session->queued[session->queued_count][i] = sim_copy(words[i]);
	session->queued_lengths[session->queued_count++] = count;
	buffer_add_text(out, "+QUEUED\r\n");
}

static void execute(struct session *session, const struct slice *words, size_t count, struct buffer *out)
{
	if (is(words[0], "INFO")) {
		info(session, out);
	} else if (is(words[0], "CLIENT")) {
		buffer_add_text(out, "+OK\r\n");
	} else if (loading(session)) {
		buffer_add_format(out, "-%s\r\n", refusal(session));
	} else if (is(words[0], "EXEC")) {
		if (session->in_multi)
			exec(session, out);
		else
			buffer_add_text(out, "-ERR EXEC without MULTI\r\n");
	} else if (session->in_multi) {
		queue(session, words, count, out);
	} else if (is(words[0], "WATCH")) {
		watch(session, words[1]);
		buffer_add_text(out, "+OK\r\n");
	} else if (is(words[0], "MULTI")) {
		session->in_multi = true;
		buffer_add_text(out, "+OK\r\n");
	} else if (is_refused(refusal(session), words[0])) {
		buffer_add_format(out, "-%s\r\n", refusal(session));
	} else {
		act(session, words, count, true, out);
		if (writes(words[0]))
			check_store(session->redis->sim, session->database);
	}
}

/* A line "*N" or "$N" at the reading place; false: not there yet, or broken. */
static bool read_number(struct session *session, size_t *at, char type, size_t *number)
{
	const uint8_t *end = memchr(session->in.data + *at, '\n', session->in.length - *at);
	if (end == NULL)
		return false;
	session->broken |= session->in.data[*at] != type;
	*number = strtoul((const char *)session->in.data + *at + 1, NULL, 10);
	*at = (size_t)(end - session->in.data) + 1;
	return !session->broken;
}

static bool next_command(struct session *session, struct slice *words, size_t *count)
{
	size_t at = session->read;
	if (!read_number(session, &at, '*', count))
		return false;
	assert(*count > 0 && *count <= ARGUMENTS_MAX);
	for (size_t i = 0; i < *count; i++) {
		size_t length;
		if (at >= session->in.length || !read_number(session, &at, '$', &length) ||
		    session->in.length - at < length + 2)
			return false;
		words[i] = (struct slice){session->in.data + at, length};
		at += length + 2;
	}
	session->read = at;
	return true;
}

bool session_feed(struct session *session, struct slice bytes, struct buffer *replies)
{
	struct slice words[ARGUMENTS_MAX];
	size_t count;
	buffer_add(&session->in, bytes.data, bytes.length);
	while (session->read < session->in.length && next_command(session, words, &count))
		execute(session, words, count, replies);
	if (session->read == session->in.length) {
		buffer_reset(&session->in);
		session->read = 0;
	}
	return !session->broken;
}
