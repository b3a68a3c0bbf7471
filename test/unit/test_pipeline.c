#include "test.h"
#include "world.h"

#include "daemon/pipeline/loop.h"

#define START 1700000000000
#define RUN(world, err) EXPECT(world_run((world), (err)) == 0)

/* A day of events of ten entities on two partitions, with duplicates, late ones, poison and gaps, the same each time. */
static void feed(struct test_world *world, int from, int to)
{
	for (int i = from; i < to; i++) {
		int entity = i % 10;
		int32_t partition = entity % 2;
		int64_t time_ms = START + i * 20000;
		world_event(world, partition, i, entity, time_ms);
		if (i % 7 == 3)
			world_event(world, partition, i, entity, time_ms); /* duplicate */
		if (i % 11 == 5)
			world_event(world, partition, 100000 + i, entity, time_ms - 300000); /* late, in time */
		if (i % 13 == 7)
			world_event(world, partition, 200000 + i, entity, time_ms - 5000000); /* too late */
		if (i % 17 == 2)
			memory_broker_append(world->broker, partition, time_ms, slice_of("c0"), slice_of("poison"));
		if (i % 5 == 1)
			memory_broker_gap(world->broker, partition);
	}
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct lines {
	char **items;
	size_t count;
};

/* Every committed message as one line, sorted: a multiset. */
static struct lines outputs(const struct test_world *world)
{
	struct lines lines = {NULL, memory_broker_output_count(world->broker)};
	lines.items = calloc(lines.count + 1, sizeof(char *));
	for (size_t i = 0; i < lines.count; i++) {
		const struct message *message = memory_broker_output(world->broker, i);
		size_t size = message->value.length + message->key.length + 512;
		lines.items[i] = malloc(size);
		int used = snprintf(lines.items[i], size, "%s %.*s %.*s", message->topic, (int)message->key.length,
				    (const char *)message->key.data, (int)message->value.length,
				    (const char *)message->value.data);
		for (size_t h = 0; h < message->header_count && (size_t)used < size; h++)
			used += snprintf(lines.items[i] + used, size - (size_t)used, " %s", message->headers[h].name);
	}
	qsort(lines.items, lines.count, sizeof(char *), compare_lines);
	return lines;
}

static void free_lines(struct lines lines)
{
	for (size_t i = 0; i < lines.count; i++)
		free(lines.items[i]);
	free(lines.items);
}

static void expect_same_outputs(const struct test_world *a, const struct test_world *b)
{
	struct lines left = outputs(a), right = outputs(b);
	EXPECT_INT(left.count, right.count);
	EXPECT(left.count > 0);
	for (size_t i = 0; i < left.count && i < right.count; i++) {
		EXPECT_TEXT(left.items[i], right.items[i]);
		if (test_failures > 5)
			break;
	}
	free_lines(left);
	free_lines(right);
}

struct states {
	struct lines lines;
	size_t capacity;
};

static void add_state(void *context, struct slice entity, struct slice value)
{
	struct states *states = context;
	struct lines *lines = &states->lines;
	lines->items = realloc(lines->items, (lines->count + 1) * sizeof(char *));
	char *text = malloc(entity.length + 2 * value.length + 16);
	int used = sprintf(text, "%.*s ", (int)entity.length, (const char *)entity.data);
	/* Version (1 byte) and generation (8 bytes) come first: states are compared behind them. */
	for (size_t i = 9; i < value.length; i++)
		used += sprintf(text + used, "%02x", ((const unsigned char *)value.data)[i]);
	lines->items[lines->count++] = text;
}

static void expect_same_states(const struct test_world *a, const struct test_world *b, int32_t partitions)
{
	for (int32_t partition = 0; partition < partitions; partition++) {
		struct states left = {0}, right = {0};
		memory_store_visit(a->store, partition, add_state, &left);
		memory_store_visit(b->store, partition, add_state, &right);
		EXPECT(left.lines.count > 0);
		EXPECT_INT(left.lines.count, right.lines.count);
		for (size_t i = 0; i < left.lines.count && i < right.lines.count && test_failures < 5; i++)
			EXPECT_TEXT(left.lines.items[i], right.lines.items[i]);
		free_lines(left.lines);
		free_lines(right.lines);
	}
}

/* The reference: everything at once, in one go, no trouble. */
static void reference(struct test_world *world, int events, uint32_t batch)
{
	struct err err = {0};
	world_open(world, 2, batch);
	feed(world, 0, events);
	EXPECT(world_start(world, &err) == 0);
	RUN(world, &err);
	world_stop(world);
}

static struct marker marker_of(const struct test_world *world, int32_t partition)
{
	struct marker marker = {0};
	struct err err = {0};
	EXPECT(marker_decode(memory_store_marker(world->store, partition), &marker, &err) == 0);
	return marker;
}

TEST(every_record_has_one_outcome_and_counters_add_up)
{
	struct test_world world;
	reference(&world, 1000, 100);
	uint64_t sum = 0;
	for (int32_t p = 0; p < 2; p++) {
		struct marker marker = marker_of(&world, p);
		for (size_t i = 0; i < OUTCOME_NUMBER; i++)
			sum += marker.outcomes[i];
		EXPECT(marker.next_offset == memory_broker_committed(world.broker, p).offset);
		EXPECT(marker.outcomes[OUTCOME_DUPLICATE] > 0);
		EXPECT(marker.outcomes[OUTCOME_TOO_LATE] > 0);
		EXPECT(marker.outcomes[OUTCOME_INVALID] > 0);
	}
	EXPECT_INT(sum, 1000 + 143 + 91 + 77 + 59); /* events, duplicates, late, too late, poison */
	world_close(&world);
}

static size_t count_outputs(const struct test_world *world, const char *topic)
{
	size_t count = 0;
	for (size_t i = 0; i < memory_broker_output_count(world->broker); i++)
		count += strcmp(memory_broker_output(world->broker, i)->topic, topic) == 0;
	return count;
}

/* Ten events of one entity, then one before all of them: each has seen it, if somebody looks. */
TEST(late_event_amends_at_most_as_many_decisions_as_are_looked_at)
{
	for (size_t most = 1; most <= 16; most += 5) {
		struct test_world world;
		struct err err = {0};
		world_open(&world, 1, 100);
		world.publish.amendments_most = most;
		for (int i = 1; i <= 10; i++)
			world_event(&world, 0, i, 0, START + i * 1000);
		world_event(&world, 0, 0, 0, START);
		EXPECT(world_start(&world, &err) == 0);
		RUN(&world, &err);
		size_t wanted = most < 10 ? most : 10;
		EXPECT_INT(count_outputs(&world, "amendments"), wanted);
		EXPECT_INT(pipeline_metrics(world.pipeline)->amendments, wanted);
		EXPECT_INT(pipeline_metrics(world.pipeline)->amendments_cut, 10 - wanted);
		world_close(&world);
	}
}

TEST(batch_size_changes_nothing)
{
	struct test_world one, many;
	reference(&one, 600, 1);
	reference(&many, 600, 1000);
	expect_same_outputs(&one, &many);
	expect_same_states(&one, &many, 2);
	world_close(&one);
	world_close(&many);
}

/* Runs the same events in pieces with something happening between, and compares with the reference. */
static void with_trouble(void (*trouble)(struct test_world *world, int piece))
{
	struct test_world wanted, world;
	struct err err = {0};
	reference(&wanted, 900, 200);
	world_open(&world, 2, 64);
	EXPECT(world_start(&world, &err) == 0);
	for (int piece = 0; piece < 9; piece++) {
		feed(&world, piece * 100, (piece + 1) * 100);
		trouble(&world, piece);
		RUN(&world, &err);
		world.now_us += 120 * 1000000LL;
	}
	EXPECT_TEXT(err.message, "");
	world_stop(&world);
	expect_same_outputs(&wanted, &world);
	expect_same_states(&wanted, &world, 2);
	world_close(&wanted);
	world_close(&world);
}

static void abort_commit(struct test_world *world, int piece)
{
	(void)piece;
	memory_broker_fail_commit(world->broker, COMMIT_ABORTED, false);
}

TEST(aborted_batch_is_applied_again)
{
	with_trouble(abort_commit);
}

static void unknown_done(struct test_world *world, int piece)
{
	(void)piece;
	memory_broker_fail_commit(world->broker, COMMIT_UNKNOWN, true);
}

static void unknown_not_done(struct test_world *world, int piece)
{
	(void)piece;
	memory_broker_fail_commit(world->broker, COMMIT_UNKNOWN, false);
}

TEST(unknown_commit_that_happened_is_not_repeated)
{
	with_trouble(unknown_done);
}

TEST(unknown_commit_that_did_not_happen_is_repeated)
{
	with_trouble(unknown_not_done);
}

static void rebalance(struct test_world *world, int piece)
{
	memory_broker_rebalance(world->broker, piece % 2 == 0);
}

TEST(rebalances_lose_and_double_nothing)
{
	with_trouble(rebalance);
}

static void kill_and_start(struct test_world *world, int piece)
{
	struct err err = {0};
	(void)piece;
	world_kill(world);
	EXPECT(world_start(world, &err) == 0);
}

TEST(killed_and_started_again_nothing_is_missing_or_doubled)
{
	with_trouble(kill_and_start);
}

static void store_away(struct test_world *world, int piece)
{
	(void)piece;
	memory_store_fail(world->store, 7);
}

TEST(store_away_is_back_pressure)
{
	with_trouble(store_away);
}

static void store_goes_back(struct test_world *world, int piece)
{
	if (piece % 3 == 1)
		EXPECT(memory_store_snapshot(world->store) == 0);
	if (piece % 3 == 0 && piece > 0)
		memory_store_rollback(world->store);
}

TEST(store_that_goes_back_is_brought_forward_again)
{
	with_trouble(store_goes_back);
}

static void registry_away(struct test_world *world, int piece)
{
	(void)piece;
	world->wait_codec = 3;
}

TEST(registry_away_is_back_pressure)
{
	with_trouble(registry_away);
}

static void memory_fills(struct test_world *world, int piece)
{
	(void)piece;
	world->full_after = 7;
}

TEST(batch_that_fills_its_memory_goes_on_in_the_next)
{
	with_trouble(memory_fills);
}

TEST(flushed_store_is_rebuilt_from_the_topic)
{
	struct test_world wanted, world;
	struct err err = {0};
	reference(&wanted, 900, 200);
	world_open(&world, 2, 64);
	feed(&world, 0, 500);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	world_stop(&world);
	uint64_t generation = marker_of(&world, 0).generation;
	memory_store_flush(world.store);
	feed(&world, 500, 900);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	EXPECT(pipeline_metrics(world.pipeline)->rebuilds == 2);
	world_stop(&world);
	EXPECT(marker_of(&world, 0).generation != generation);
	EXPECT(marker_of(&world, 0).replaces == generation);
	for (int32_t p = 0; p < 2; p++)
		EXPECT(memcmp(marker_of(&world, p).outcomes, marker_of(&wanted, p).outcomes,
			      sizeof wanted.now_us * OUTCOME_NUMBER) == 0);
	expect_same_outputs(&wanted, &world);
	world_close(&wanted);
	world_close(&world);
}

TEST(idle_daemon_notices_that_its_store_was_emptied)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 2, 64);
	feed(&world, 0, 300);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	struct marker before = marker_of(&world, 0);
	memory_store_flush(world.store);
	RUN(&world, &err);
	EXPECT(memory_store_marker(world.store, 0).data == NULL);
	world.now_us += LOOP_CHECK_MS * 1000;
	RUN(&world, &err);
	EXPECT(pipeline_metrics(world.pipeline)->rebuilds == 2);
	EXPECT(marker_of(&world, 0).replaces == before.generation);
	EXPECT_INT(marker_of(&world, 0).next_offset, before.next_offset);
	world_close(&world);
}

/* The record of an entity of partition 0, which the next events need. */
static void evict(struct test_world *world)
{
	memory_store_evict(world->store, 0, slice_of("c0"));
}

/* A day in two parts, something happening to the store between: in the end all is as without it, after so many rebuilds. */
static void with_a_store_that(void (*happens)(struct test_world *), bool running, uint64_t rebuilds)
{
	struct test_world wanted, world;
	struct err err = {0};
	reference(&wanted, 900, 200);
	world_open(&world, 2, 64);
	feed(&world, 0, 500);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	if (!running)
		world_stop(&world);
	happens(&world);
	if (running)
		world.now_us += LOOP_CHECK_MS * 1000;
	else
		EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	feed(&world, 500, 900);
	RUN(&world, &err);
	EXPECT_INT(pipeline_metrics(world.pipeline)->rebuilds, rebuilds);
	struct store store = memory_store_port(world.store);
	struct store_server now = store.facts(store.self).server;
	world_stop(&world);
	for (int32_t p = 0; p < 2; p++) {
		EXPECT_TEXT(marker_of(&world, p).server.id, now.id);
		EXPECT_INT(marker_of(&world, p).server.evicted, now.evicted);
	}
	expect_same_outputs(&wanted, &world);
	/* Nothing new: the next daemon goes on. */
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	EXPECT_INT(pipeline_metrics(world.pipeline)->rebuilds, 0);
	world_close(&wanted);
	world_close(&world);
}

TEST(records_evicted_while_it_was_down_are_rebuilt)
{
	with_a_store_that(evict, false, 2);
}

TEST(records_evicted_while_it_runs_are_rebuilt_within_a_minute)
{
	with_a_store_that(evict, true, 2);
}

static void restart_store(struct test_world *world)
{
	memory_store_restart(world->store);
}

TEST(another_server_that_has_evicted_nothing_is_taken_as_it_is)
{
	with_a_store_that(restart_store, false, 0);
	with_a_store_that(restart_store, true, 0);
}

static void restart_store_and_evict(struct test_world *world)
{
	memory_store_restart(world->store);
	evict(world);
}

TEST(another_server_that_has_evicted_is_not_trusted)
{
	with_a_store_that(restart_store_and_evict, false, 2);
	with_a_store_that(restart_store_and_evict, true, 2);
}

TEST(evictions_before_the_first_commit_need_no_rebuild)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 2, 64);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	evict(&world);
	world.now_us += LOOP_CHECK_MS * 1000;
	RUN(&world, &err);
	EXPECT_INT(pipeline_metrics(world.pipeline)->recoveries, 1);
	EXPECT_INT(pipeline_metrics(world.pipeline)->rebuilds, 0);
	EXPECT_INT(marker_of(&world, 1).server.evicted, 1);
	world_close(&world);
}

TEST(write_whose_reply_was_lost_is_settled_before_its_state_is_read)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 1, 64);
	world.options.limits.write_records = 1000;
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	for (int i = 0; i < 10; i++) {
		memory_store_lose_replies(world.store, 1);
		world_event(&world, 0, i, i, START + i); /* an entity that must be read */
		RUN(&world, &err);
	}
	EXPECT_INT(pipeline_metrics(world.pipeline)->recoveries, 1);
	world_close(&world);
}

TEST(partitions_are_written_one_after_the_other_within_the_interval)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 4, 64);
	world.options.limits.write_records = 1000000;
	world.options.limits.write_interval_ms = 1000;
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	for (int id = 0; id < 400; id++) {
		uint64_t before = pipeline_metrics(world.pipeline)->store_writes;
		for (int32_t partition = 0; partition < 4; partition++)
			world_event(&world, partition, 4 * id + partition, partition, START + id);
		EXPECT(pipeline_step(world.pipeline, &world.stop, &err) == 0);
		world.now_us += 10000;
		uint64_t wrote = pipeline_metrics(world.pipeline)->store_writes - before;
		EXPECT(id == 0 || wrote <= 1);
		for (size_t i = 0; i < 4; i++) {
			const struct partition_metrics *partition = &pipeline_metrics(world.pipeline)->partitions[i];
			EXPECT(partition->committed - partition->stored <= 101);
		}
	}
	world_close(&world);
}

TEST(offsets_lost_after_a_state_without_commits_had_caught_up_halt)
{
	struct test_world world;
	struct err err = {0};
	struct position committed = {.partition = 0, .offset = 3};
	world_open(&world, 1, 64);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	world_stop(&world);
	EXPECT(marker_of(&world, 0).nothing_committed);
	/* Somebody else's tool commits for the group; what lies below goes into the state alone. */
	memory_broker_set_committed(world.broker, &committed);
	for (int i = 0; i < 3; i++)
		world_event(&world, 0, i, 1, START + i);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	world_stop(&world);
	EXPECT_INT(marker_of(&world, 0).next_offset, 3);
	EXPECT(!marker_of(&world, 0).nothing_committed);
	committed.offset = OFFSET_NONE;
	memory_broker_set_committed(world.broker, &committed);
	EXPECT(world_start(&world, &err) == 0);
	EXPECT(world_run(&world, &err) == -1);
	EXPECT(strstr(err.message, "offsets_lost") != NULL);
	world_close(&world);
}

TEST(second_unknown_outcome_within_a_minute_ends_as_fenced)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 1, 10);
	EXPECT(world_start(&world, &err) == 0);
	for (int i = 0; i < 2; i++) {
		world_event(&world, 0, i, i, START + i);
		memory_broker_fail_commit(world.broker, COMMIT_UNKNOWN, false);
		int status = world_run(&world, &err);
		EXPECT_INT(status, i == 0 ? 0 : -1);
	}
	EXPECT_INT(err_exit_status(&err), 75);
	world_close(&world);
}

TEST(store_that_fails_over_again_and_again_ends_nothing)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 1, 10);
	world_event(&world, 0, 0, 0, START);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	EXPECT_INT(memory_store_snapshot(world.store), 0);
	for (int i = 1; i < 6; i++) {
		world_event(&world, 0, i, i, START + i);
		RUN(&world, &err);
		memory_store_rollback(world.store);
	}
	world_event(&world, 0, 6, 6, START + 6);
	RUN(&world, &err);
	EXPECT_INT(pipeline_metrics(world.pipeline)->outcomes[OUTCOME_SCORED], 7);
	EXPECT_INT(pipeline_metrics(world.pipeline)->recoveries, 6); /* the start, and each time */
	/* The producer's failures still count. */
	for (int i = 7; i < 9; i++) {
		world_event(&world, 0, i, i, START + i);
		memory_broker_fail_commit(world.broker, COMMIT_UNKNOWN, false);
		EXPECT_INT(world_run(&world, &err), i == 7 ? 0 : -1);
	}
	EXPECT_INT(err_exit_status(&err), 75);
	world_close(&world);
}

TEST(hole_in_the_log_halts_with_the_offsets)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 1, 10);
	for (int i = 0; i < 20; i++)
		world_event(&world, 0, i, i % 3, START + i * 1000);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	world_stop(&world);
	for (int i = 20; i < 40; i++)
		world_event(&world, 0, i, i % 3, START + i * 1000);
	memory_broker_truncate(world.broker, 0, 30);
	EXPECT(world_start(&world, &err) == 0);
	EXPECT(world_run(&world, &err) == -1);
	EXPECT_INT(err_exit_status(&err), 76);
	EXPECT_TEXT(err.message,
		    "no partition runs: all 1 are halted (hole first); see the messages above for each remedy");
	world_stop(&world);
	size_t before = memory_broker_output_count(world.broker);
	err_clear(&err);
	world.options.rebuild_holes = true;
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	EXPECT_INT(pipeline_metrics(world.pipeline)->rebuilds, 1);
	EXPECT(memory_broker_output_count(world.broker) > before);
	world_close(&world);
}

static void rebalance_while_waiting(struct test_world *world, int piece)
{
	memory_broker_rebalance(world->broker, piece % 2 == 0);
	world->wait_codec = 3;
	memory_store_fail(world->store, 3);
	memory_broker_fail_calls(world->broker, 2);
}

TEST(rebalance_in_the_middle_of_waiting_cancels_the_batch)
{
	with_trouble(rebalance_while_waiting);
}

TEST(one_halted_partition_leaves_the_others_running)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 2, 10);
	for (int i = 0; i < 40; i++)
		world_event(&world, i % 2, i, i % 2, START + i * 1000);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	world_stop(&world);
	struct slice marker = memory_store_marker(world.store, 0);
	char *kept = malloc(marker.length);
	memcpy(kept, marker.data, marker.length);
	size_t length = marker.length, before = memory_broker_output_count(world.broker);
	for (int i = 40; i < 80; i++)
		world_event(&world, i % 2, i, i % 2, START + i * 1000);
	memory_broker_truncate(world.broker, 0, 30);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	EXPECT(!pipeline_ready(world.pipeline));
	EXPECT_TEXT(pipeline_reason(world.pipeline), "hole");
	world_stop(&world);
	EXPECT(slice_equal(memory_store_marker(world.store, 0), (struct slice){kept, length}));
	EXPECT_INT(memory_broker_output_count(world.broker) > before + 20, 1);
	EXPECT_INT(marker_of(&world, 1).next_offset, 40);
	free(kept);
	world_close(&world);
}

TEST(recreated_topic_halts)
{
	struct test_world world, other;
	struct err err = {0};
	world_open(&world, 1, 10);
	world_event(&world, 0, 1, 1, START);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	world_stop(&world);
	/* Another broker with other records at the same offsets, the same group offset. */
	world_open(&other, 1, 10);
	struct position position = memory_broker_committed(world.broker, 0);
	world_event(&other, 0, 7, 7, START + 5);
	world_event(&other, 0, 8, 8, START + 6);
	memory_broker_set_committed(other.broker, &position);
	memory_broker_free(world.broker);
	world.broker = other.broker;
	other.broker = memory_broker_new("in", 1);
	EXPECT(world_start(&world, &err) == 0);
	EXPECT(world_run(&world, &err) == -1);
	EXPECT_INT(err_exit_status(&err), 76);
	EXPECT_TEXT(err.message,
		    "no partition runs: all 1 are halted (log_differs first); see the messages above for each remedy");
	EXPECT_INT(memory_broker_output_count(world.broker), 0);
	world_kill(&world);
	world_close(&world);
	world_close(&other);
}

TEST(too_many_dead_letters_halt_the_partition)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 2, 500);
	for (int i = 0; i < 2600; i++)
		memory_broker_append(world.broker, 0, START, slice_of("c0"), slice_of("poison"));
	world_event(&world, 1, 1, 1, START);
	EXPECT(world_start(&world, &err) == 0);
	RUN(&world, &err);
	EXPECT(!pipeline_ready(world.pipeline));
	EXPECT_TEXT(pipeline_reason(world.pipeline), "dead_letters");
	uint64_t dead = pipeline_metrics(world.pipeline)->outcomes[OUTCOME_INVALID];
	EXPECT(dead > 2000 && dead <= 2500);
	world_close(&world);
}

int main(int argc, char **argv)
{
	const struct test tests[] = {CASE(every_record_has_one_outcome_and_counters_add_up),
				     CASE(late_event_amends_at_most_as_many_decisions_as_are_looked_at),
				     CASE(batch_size_changes_nothing),
				     CASE(aborted_batch_is_applied_again),
				     CASE(unknown_commit_that_happened_is_not_repeated),
				     CASE(unknown_commit_that_did_not_happen_is_repeated),
				     CASE(rebalances_lose_and_double_nothing),
				     CASE(killed_and_started_again_nothing_is_missing_or_doubled),
				     CASE(store_away_is_back_pressure),
				     CASE(store_that_goes_back_is_brought_forward_again),
				     CASE(registry_away_is_back_pressure),
				     CASE(batch_that_fills_its_memory_goes_on_in_the_next),
				     CASE(flushed_store_is_rebuilt_from_the_topic),
				     CASE(idle_daemon_notices_that_its_store_was_emptied),
				     CASE(records_evicted_while_it_was_down_are_rebuilt),
				     CASE(records_evicted_while_it_runs_are_rebuilt_within_a_minute),
				     CASE(another_server_that_has_evicted_nothing_is_taken_as_it_is),
				     CASE(another_server_that_has_evicted_is_not_trusted),
				     CASE(evictions_before_the_first_commit_need_no_rebuild),
				     CASE(write_whose_reply_was_lost_is_settled_before_its_state_is_read),
				     CASE(partitions_are_written_one_after_the_other_within_the_interval),
				     CASE(offsets_lost_after_a_state_without_commits_had_caught_up_halt),
				     CASE(second_unknown_outcome_within_a_minute_ends_as_fenced),
				     CASE(store_that_fails_over_again_and_again_ends_nothing),
				     CASE(hole_in_the_log_halts_with_the_offsets),
				     CASE(rebalance_in_the_middle_of_waiting_cancels_the_batch),
				     CASE(one_halted_partition_leaves_the_others_running),
				     CASE(recreated_topic_halts),
				     CASE(too_many_dead_letters_halt_the_partition),
				     {0}};
	return test_run(tests, argc, argv);
}
