#include "daemon/io/redis_store.h"

#include "daemon/io/redis_outage.h"
#include "daemon/io/redis_pending.h"
#include "daemon/io/redis_primary.h"
#include "daemon/io/redis_read.h"
#include "daemon/io/redis_server.h"
#include "daemon/io/redis_wipe.h"
#include "daemon/io/redis_write.h"
#include "number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STRINGS_BYTES_MAX ((size_t)64 << 10) /* of the options' copies */

struct redis_store {
	struct redis_options options; /* its strings lie in `strings` */
	struct arena *strings;
	struct redis_primary *primary;
	struct redis_connection *connection;
	char server[REDIS_SERVER_TEXT_MAX];    /* that the connection is to, or was last */
	char announced[REDIS_SERVER_TEXT_MAX]; /* the primary that was last logged */
	struct redis_outage outage;
	struct redis_pending pending;
	bool started;             /* a server was found fit since open() */
	struct redis_facts known; /* as last looked at: by check(), and with each connection */
	uint64_t greetings;       /* connections to a server that was found fit */
	struct buffer marker_key, record_prefix;
	char ttl_ms[NUMBER_TEXT_MAX];
};

static int check_name(const char *what, const char *name, struct err *err)
{
	/* Redis Cluster hashes what stands between the first braces of a key: a partition must stay in one slot. */
	if (name[0] == '\0' || strpbrk(name, "{}") != NULL)
		return err_set(err, ERR_CONFIG, "%s \"%s\" is empty or has a brace", what, name);
	return 0;
}

static const char *copy_string(struct redis_store *store, const char *text, bool *failed)
{
	if (text == NULL)
		return NULL;
	const char *copy = arena_copy(store->strings, slice_of(text)).data;
	*failed |= copy == NULL;
	return copy;
}

static int copy_options(struct redis_store *store, const struct redis_options *from, struct err *err)
{
	bool failed = false;
	store->strings = arena_new(STRINGS_BYTES_MAX);
	if (store->strings == NULL)
		return err_memory(err);
	struct redis_options *to = &store->options;
	*to = *from;
	to->address = copy_string(store, from->address, &failed);
	to->name_space = copy_string(store, from->name_space, &failed);
	to->pipeline = copy_string(store, from->pipeline, &failed);
	to->topic = copy_string(store, from->topic, &failed);
	to->user = copy_string(store, from->user, &failed);
	to->password = copy_string(store, from->password, &failed);
	to->sentinel_user = copy_string(store, from->sentinel_user, &failed);
	to->sentinel_password = copy_string(store, from->sentinel_password, &failed);
	return failed ? err_memory(err) : 0;
}

struct redis_store *redis_store_new(const struct redis_options *options, struct err *err)
{
	assert(options->ttl_ms >= 0 && options->clock != NULL && options->log != NULL);
	struct redis_store *store = calloc(1, sizeof *store);
	if (store == NULL) {
		err_memory(err);
		return NULL;
	}
	if (copy_options(store, options, err) < 0 || check_name("namespace", options->name_space, err) < 0 ||
	    check_name("pipeline", options->pipeline, err) < 0 || check_name("topic", options->topic, err) < 0)
		goto free_store;
	store->primary = redis_primary_new(&store->options, err);
	if (store->primary == NULL)
		goto free_store;
	store->connection = redis_connection_new(options->timeout_ms, options->clock, err);
	if (store->connection == NULL)
		goto free_store;
	redis_outage_init(&store->outage, store->options.address, options->log, options->clock);
	if (options->ttl_ms > 0)
		snprintf(store->ttl_ms, sizeof store->ttl_ms, "%" PRId64, options->ttl_ms);
	return store;
free_store:
	redis_store_free(store);
	return NULL;
}

void redis_store_free(struct redis_store *store)
{
	if (store == NULL)
		return;
	redis_connection_free(store->connection);
	redis_primary_free(store->primary);
	redis_pending_free(&store->pending);
	buffer_free(&store->marker_key);
	buffer_free(&store->record_prefix);
	arena_free(store->strings);
	free(store);
}

/* The address in front of every error names the sentinels; here which server they led to. */
static int say_which(const struct redis_store *store, struct err *err)
{
	return redis_primary_sentinels(store->primary) == 0 ? -1 : err_prepend(err, "primary %s", store->server);
}

static int connect_and_greet(struct redis_store *store, bool started, struct redis_facts *facts, struct err *err)
{
	struct redis_address address;
	if (redis_primary_locate(store->primary, &address, err) < 0)
		return -1;
	(void)redis_primary_name(&address, store->server);
	if (redis_connection_open(store->connection, &address, err) == 0 &&
	    redis_server_greet(store->connection, &store->options, started, facts, err) == 0)
		return 0;
	return say_which(store, err);
}

/* Which server is the primary is news: at the start, and after each failover. */
static void announce(struct redis_store *store)
{
	if (redis_primary_sentinels(store->primary) == 0 || strcmp(store->announced, store->server) == 0)
		return;
	memcpy(store->announced, store->server, sizeof store->announced);
	log_notice(store->options.log, "Redis' primary is %s address=%s", store->server, store->options.address);
}

/* The counter of evictions begins at 0 with each server process, and again with CONFIG RESETSTAT: who compares knows. */
static void learn(struct redis_store *store, const struct redis_facts *facts)
{
	if (store->started && strcmp(facts->run_id, store->known.run_id) != 0)
		log_notice(store->options.log,
			   "Redis was restarted or is another server; the markers will tell what it holds address=%s",
			   store->options.address);
	store->known = *facts;
}

static int ensure_connected(struct redis_store *store, struct err *err)
{
	struct redis_facts facts;
	if (redis_connection_is_open(store->connection))
		return 0;
	if (connect_and_greet(store, store->started, &facts, err) < 0)
		return -1;
	if (redis_server_judge(&facts, store->started, err) < 0) {
		redis_connection_close(store->connection);
		return say_which(store, err);
	}
	announce(store);
	learn(store, &facts);
	store->started = true;
	store->greetings++;
	return 0;
}

/* What a call does with an open connection. */
struct task {
	int (*run)(struct redis_store *store, void *context, struct err *err);
	void *context;
};

static int try_task(struct redis_store *store, const struct task *task, struct err *err)
{
	if (ensure_connected(store, err) < 0)
		return -1;
	return task->run == NULL ? 0 : task->run(store, task->context, err);
}

static int perform(struct redis_store *store, const struct task *task, struct err *err)
{
	struct err problem = {0};
	if (redis_outage_pass(&store->outage, &problem) < 0)
		goto report;
	int status = try_task(store, task, &problem);
	if (status < 0 && problem.action == ERR_RETRY && redis_connection_hung_up(store->connection)) {
		/* An idle connection that the server has closed, or a server that was restarted, is no outage yet. */
		err_clear(&problem);
		status = try_task(store, task, &problem);
	}
	if (status == 0) {
		redis_outage_over(&store->outage);
		return 0;
	}
	if (problem.action == ERR_RETRY)
		redis_outage_failed(&store->outage, problem.message);
report:
	return err_set_action(err, problem.code, problem.action, "redis %s: %s", store->options.address,
			      problem.message);
}

static int name_keys(struct redis_store *store, int32_t partition, struct err *err)
{
	const struct redis_options *options = &store->options;
	struct buffer *const keys[] = {&store->marker_key, &store->record_prefix};
	static const char *const ends[] = {"m", "e:"};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		buffer_reset(keys[i]);
		buffer_add_format(keys[i], "%s:{%s/%s/%" PRId32 "}:%s", options->name_space, options->pipeline,
				  options->topic, partition, ends[i]);
		if (buffer_failed(keys[i]))
			return err_memory(err);
	}
	return 0;
}

static int open_store(void *self, struct err *err)
{
	return perform(self, &(struct task){NULL, NULL}, err);
}

static int run_read(struct redis_store *store, void *context, struct err *err)
{
	return redis_read_run(store->connection, context, err);
}

static int read_store(void *self, int32_t partition, struct slice *marker, struct state_record *records, size_t count,
		      struct arena *arena, struct err *err)
{
	struct redis_store *store = self;
	if (name_keys(store, partition, err) < 0)
		return -1;
	struct redis_read read = {.marker_key = buffer_slice(&store->marker_key),
				  .record_prefix = buffer_slice(&store->record_prefix),
				  .marker = marker,
				  .records = records,
				  .count = count,
				  .arena = arena};
	return perform(store, &(struct task){run_read, &read}, err);
}

struct write_context {
	struct redis_write write;
	bool unresolved;
	enum store_write *result;
};

static int run_write(struct redis_store *store, void *context, struct err *err)
{
	struct write_context *writing = context;
	return redis_write_run(store->connection, &writing->write, &writing->unresolved, writing->result, err);
}

static int write_store(void *self, int32_t partition, struct slice expected, struct slice marker,
		       const struct state_record *records, size_t count, enum store_write *result, struct err *err)
{
	struct redis_store *store = self;
	for (size_t i = 0; i < count; i++)
		if (records[i].value.length > REDIS_VALUE_MAX)
			return err_set(err, ERR_INTERNAL, "redis %s: a record is larger than Redis takes",
				       store->options.address);
	struct write_context writing = {.result = result};
	if (name_keys(store, partition, err) < 0 ||
	    redis_pending_get(&store->pending, partition, expected, marker, &writing.unresolved, err) < 0)
		return -1;
	writing.write = (struct redis_write){.marker_key = buffer_slice(&store->marker_key),
					     .record_prefix = buffer_slice(&store->record_prefix),
					     .expected = expected,
					     .marker = marker,
					     .records = records,
					     .count = count,
					     .ttl_ms = slice_of(store->ttl_ms)};
	int status = perform(store, &(struct task){run_write, &writing}, err);
	redis_pending_put(&store->pending, partition, expected, marker, writing.unresolved);
	return status;
}

/* A primary that was cut off from its sentinels does not know that there is another one now. */
static void follow(struct redis_store *store)
{
	struct redis_address address;
	struct err problem = {0};
	char name[REDIS_SERVER_TEXT_MAX];
	if (redis_primary_sentinels(store->primary) == 0)
		return;
	if (redis_primary_locate(store->primary, &address, &problem) < 0)
		log_warning(store->options.log, "a failover of Redis would not be noticed address=%s reason=\"%s\"",
			    store->options.address, problem.message);
	else if (strcmp(redis_primary_name(&address, name), store->server) != 0)
		redis_connection_close(store->connection);
}

static int run_check(struct redis_store *store, void *context, struct err *err)
{
	struct redis_facts facts;
	(void)context;
	if (redis_server_ask(store->connection, &facts, err) < 0 || redis_server_judge(&facts, true, err) < 0)
		return -1;
	learn(store, &facts);
	follow(store);
	return 0;
}

static int check_store(void *self, struct err *err)
{
	return perform(self, &(struct task){run_check, NULL}, err);
}

static struct store_facts facts_of(void *self)
{
	const struct redis_store *store = self;
	const struct redis_facts *known = &store->known;
	struct store_facts facts = {.server = {.evicted = (uint64_t)known->evicted_keys},
				    .used_bytes = store->greetings == 0 ? -1 : known->used_memory_bytes,
				    .limit_bytes = known->maxmemory_bytes,
				    .connected = redis_connection_is_open(store->connection),
				    .reconnects = store->greetings == 0 ? 0 : store->greetings - 1};
	snprintf(facts.server.id, sizeof facts.server.id, "%s", known->run_id);
	return facts;
}

static void close_store(void *self)
{
	struct redis_store *store = self;
	redis_connection_close(store->connection);
	store->started = false;
}

struct store redis_store_port(struct redis_store *store)
{
	return (struct store){.self = store,
			      .open = open_store,
			      .read = read_store,
			      .write = write_store,
			      .check = check_store,
			      .facts = facts_of,
			      .close = close_store};
}

const char *redis_store_server(const struct redis_store *store)
{
	return store->server;
}

int redis_store_facts(struct redis_store *store, struct redis_facts *facts, struct err *err)
{
	/* A connection of its own: whoever asks may be asking about a server that no state should be written to. */
	redis_connection_close(store->connection);
	int status = connect_and_greet(store, false, facts, err);
	redis_connection_close(store->connection);
	return status < 0 ? err_prepend(err, "redis %s", store->options.address) : 0;
}

static int run_wipe(struct redis_store *store, void *context, struct err *err)
{
	return redis_wipe_run(store->connection, &store->options, context, err);
}

int redis_store_wipe(struct redis_store *store, uint64_t *deleted, struct err *err)
{
	*deleted = 0;
	return perform(store, &(struct task){run_wipe, deleted}, err);
}
