/* One test's server and store: the server runs, the store is made but not opened, what it logs is kept. */
#ifndef OUTLIERD_TEST_REDIS_FIXTURE_H
#define OUTLIERD_TEST_REDIS_FIXTURE_H

#include "daemon/io/redis_store.h"
#include "test/integration/redis_process.h"
#include "test/unit/store_helpers.h"

#define FIXTURE_TIMEOUT_MS 2000
#define FIXTURE_PATIENCE_MS 10000 /* for an outage to end */

struct client {
	struct contract contract; /* store, arena, err */
	struct redis_store *redis;
	struct log log;
	char *log_text;
	size_t log_length;
};

static inline struct redis_options fixture_options(const char *address)
{
	return (struct redis_options){.address = address,
				      .name_space = "ns",
				      .pipeline = "pipe",
				      .topic = "topic",
				      .timeout_ms = FIXTURE_TIMEOUT_MS,
				      .clock = &real_clock};
}

/* The client must stay where it is: its store writes to its log. */
static inline void client_make(struct client *client, const struct redis_options *options)
{
	*client = (struct client){.contract = {.arena = arena_new(CONTRACT_ARENA_BYTES)}};
	client->log.stream = open_memstream(&client->log_text, &client->log_length);
	client->log.level = LOG_LEVEL_INFO;
	struct redis_options own = *options;
	own.log = &client->log;
	client->redis = redis_store_new(&own, &client->contract.err);
	if (client->redis == NULL)
		give_up(client->contract.err.message);
	client->contract.store = redis_store_port(client->redis);
}

static inline void client_open(struct client *client, const struct redis_options *options)
{
	client_make(client, options);
	struct store *store = &client->contract.store;
	EXPECT_INT(store->open(store->self, &client->contract.err), 0);
}

static inline void client_end(struct client *client)
{
	EXPECT_TEXT(client->contract.err.message, "");
	client->contract.store.close(client->contract.store.self);
	redis_store_free(client->redis);
	arena_free(client->contract.arena);
	fclose(client->log.stream);
	free(client->log_text);
}

/* Lines of the client's log that contain the text. */
static inline size_t client_logged(struct client *client, const char *text)
{
	size_t count = 0;
	fflush(client->log.stream);
	for (const char *at = client->log_text; at != NULL && (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

/* One write as it comes: 0 or -1 with *err. */
static inline int try_write(struct client *client, struct slice expected, struct slice marker,
			    const struct state_record *records, size_t count, enum store_write *result, struct err *err)
{
	struct store *store = &client->contract.store;
	err_clear(err);
	return store->write(store->self, 0, expected, marker, records, count, result, err);
}

/* The same write until it is settled. *failures counts the tries that were not. */
static inline enum store_write write_until_settled(struct client *client, struct slice expected, struct slice marker,
						   const struct state_record *records, size_t count, size_t *failures)
{
	enum store_write result = STORE_CONFLICT;
	struct err err = {0};
	int64_t end_us = real_monotonic_us(NULL) + FIXTURE_PATIENCE_MS * INT64_C(1000);
	while (try_write(client, expected, marker, records, count, &result, &err) < 0) {
		++*failures;
		if (err.action != ERR_RETRY || real_monotonic_us(NULL) > end_us) {
			EXPECT_TEXT(err.message, "");
			return STORE_CONFLICT;
		}
	}
	return result;
}

/* Expects a failed call's error; at: how its message begins after "redis ADDRESS: ". */
static inline void expect_problem(const struct err *err, const char *address, enum err_code code,
				  enum err_action action, const char *wanted)
{
	char text[sizeof err->message + 128];
	snprintf(text, sizeof text, "redis %s: %s", address, wanted);
	EXPECT_TEXT(err->message, text);
	EXPECT_INT(err->code, code);
	EXPECT_INT(err->action, action);
}

#endif
