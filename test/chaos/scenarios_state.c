/* Stores: the one in memory, and the one on Redis against a server of its own. */
#include "daemon/io/memory_store.h"
#include "daemon/io/redis_store.h"
#include "test/chaos/scenarios.h"
#include "test/integration/redis_process.h"

#define RECORDS 40
#define ARENA_BYTES ((size_t)4 << 20)
#define TRIES 50 /* a connection that was lost is made again after a pause */

/* One write or read; what fails for want of memory, or because the connection was given up, is tried again. */
static int again(int status, int *tries, struct err *err)
{
	if (status == 0)
		return 0;
	if (allocations_onwards() || !allocations_struck() || (*tries)++ == TRIES)
		return -1;
	if (err->code != ERR_MEMORY && err->action != ERR_RETRY)
		return -1;
	err_clear(err);
	return 1;
}

static int write_all(const struct store *store, int32_t partition, struct slice expected, struct slice marker,
		     const struct state_record *records, size_t count, struct sweep_result *result, struct err *err)
{
	enum store_write written = STORE_CONFLICT;
	int tries = 0, outcome;
	do
		outcome = again(store->write(store->self, partition, expected, marker, records, count, &written, err),
				&tries, err);
	while (outcome > 0);
	sweep_note_number(result, (int64_t)written);
	return outcome;
}

static int read_all(const struct store *store, int32_t partition, struct state_record *records, size_t count,
		    struct sweep_result *result, struct err *err)
{
	struct slice marker = {NULL, 0};
	int tries = 0, outcome;
	struct arena *arena = arena_new(ARENA_BYTES);
	if (arena == NULL)
		return err_memory(err);
	do
		outcome = again(store->read(store->self, partition, &marker, records, count, arena, err), &tries, err);
	while (outcome > 0);
	if (outcome == 0) {
		sweep_note(result, marker);
		for (size_t i = 0; i < count; i++)
			sweep_note(result, records[i].value);
	}
	arena_free(arena);
	return outcome;
}

/* What a partition goes through: made, replaced, refused, removed from, read. */
static int use_store(const struct store *store, struct sweep_result *result, struct err *err)
{
	char names[RECORDS][16], values[RECORDS][400];
	struct state_record records[RECORDS];
	int tries = 0, outcome;
	for (size_t i = 0; i < RECORDS; i++) {
		snprintf(names[i], sizeof names[i], "card%zu", i);
		memset(values[i], 'a' + (int)(i % 26), sizeof values[i]);
		records[i] = (struct state_record){slice_of(names[i]), {values[i], 10 * i}};
	}
	do
		outcome = again(store->open(store->self, err), &tries, err);
	while (outcome > 0);
	struct slice none = {NULL, 0}, one = slice_of("one"), two = slice_of("two");
	if (outcome != 0 || read_all(store, 3, records, 0, result, err) != 0 ||
	    write_all(store, 3, none, one, records, RECORDS / 2, result, err) != 0 ||
	    write_all(store, 3, one, two, records + 10, RECORDS - 10, result, err) != 0)
		return -1;
	for (size_t i = 0; i < 5; i++)
		records[i].value = none;
	if (write_all(store, 3, one, one, records, 5, result, err) != 0 || /* refused: the marker is two */
	    write_all(store, 3, two, one, records, 5, result, err) != 0)
		return -1;
	return read_all(store, 3, records, RECORDS, result, err);
}

static int snapshot(struct memory_store *memory, struct err *err)
{
	if (memory_store_snapshot(memory) == 0)
		return 0;
	(void)err_memory(err);
	return sweep_again(err) ? memory_store_snapshot(memory) : -1;
}

static int memory(struct sweep_result *result, struct err *err)
{
	struct memory_store *memory = memory_store_new();
	if (memory == NULL) {
		(void)err_memory(err);
		if (!sweep_again(err) || (memory = memory_store_new()) == NULL)
			return -1;
	}
	struct store store = memory_store_port(memory);
	int status = use_store(&store, result, err);
	if (status == 0 && snapshot(memory, err) != 0)
		status = -1;
	if (status == 0) {
		memory_store_flush(memory);
		memory_store_rollback(memory);
		struct state_record record = {slice_of("card11"), {NULL, 0}};
		status = read_all(&store, 3, &record, 1, result, err);
	}
	memory_store_free(memory);
	return status;
}

/* A clock on which waiting takes no time. */
struct quick_clock {
	int64_t ahead_us;
};

static int64_t quick_wall_ms(void *self)
{
	return real_wall_ms(NULL) + ((struct quick_clock *)self)->ahead_us / 1000;
}

static int64_t quick_monotonic_us(void *self)
{
	return real_monotonic_us(NULL) + ((struct quick_clock *)self)->ahead_us;
}

static void quick_sleep_ms(void *self, int64_t ms)
{
	((struct quick_clock *)self)->ahead_us += ms * 1000;
}

static struct redis_process server;

static void end_server(void)
{
	redis_process_remove(&server);
}

static void begin_server(void)
{
	static const char *const arguments[] = {"--appendonly", "no", NULL};
	if (server.pid == 0) {
		redis_process_prepare(&server, arguments);
		redis_process_start(&server, true);
		atexit(end_server);
	}
	redis_process_ask(&server, "FLUSHALL");
}

static int redis(struct sweep_result *result, struct err *err)
{
	struct quick_clock now = {0};
	const struct clock clock = {&now, quick_wall_ms, quick_monotonic_us, quick_sleep_ms, real_random};
	const struct log silent = {.stream = NULL};
	allocations_pause();
	begin_server();
	allocations_resume();
	struct redis_options options = {.address = server.address,
					.name_space = "ns",
					.pipeline = "pipe",
					.topic = "topic",
					.timeout_ms = 2000,
					.log = &silent,
					.clock = &clock};
	struct redis_store *redis_store = redis_store_new(&options, err);
	if (redis_store == NULL && sweep_again(err))
		redis_store = redis_store_new(&options, err);
	if (redis_store == NULL)
		return -1;
	struct store store = redis_store_port(redis_store);
	int status = use_store(&store, result, err);
	int tries = 0, outcome = status;
	while (status == 0 && (outcome = again(store.check(store.self, err), &tries, err)) > 0)
		;
	if (outcome != 0)
		status = -1;
	store.close(store.self);
	redis_store_free(redis_store);
	return status;
}

const struct sweep_scenario scenarios_state[] = {
    {"state: memory store", memory, 0}, {"state: Redis", redis, ERR_UNAVAILABLE}, {0}};
