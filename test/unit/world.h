/*
 * A small world for pipeline tests: a memory broker, a memory store, a clock that only moves when told or slept on, a
 * codec for lines "ID ENTITY TIME AMOUNT" (with an upstream: "… PARTITION WATERMARK"), and a daemon that can be killed (freed without close) and started again.
 */
#ifndef OUTLIERD_TEST_WORLD_H
#define OUTLIERD_TEST_WORLD_H

#include "daemon/io/memory_broker.h"
#include "daemon/io/memory_store.h"
#include "daemon/pipeline/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct test_world {
	struct memory_broker *broker;
	struct memory_store *store;
	struct event_schema schema;
	struct field field;
	struct feature_set *set;
	struct publish_options publish;
	struct policy_options policy_options;
	struct rule_options rule;
	struct feature_condition_options condition;
	struct policy *policy;
	struct champion champion;
	struct pipeline_options options;
	struct log log;
	int64_t now_us;
	uint64_t random;
	int32_t partition_count;
	struct pipeline *pipeline; /* NULL: not running */
	struct source source;
	struct sink sink;
	int stop;
	size_t wait_codec;    /* the next decodes answer DECODE_WAIT */
	size_t full_after;    /* a batch's memory holds so many records; 0: any number */
	size_t decoded_count; /* in the running batch */
	size_t used_before;
	void (*wrap)(void *self,
		     struct ports *ports); /* puts something between a new daemon and its ports; NULL: nothing */
	void *wrap_self;
};

static int64_t world_wall_ms(void *self)
{
	return ((struct test_world *)self)->now_us / 1000;
}

static int64_t world_monotonic_us(void *self)
{
	return ((struct test_world *)self)->now_us++;
}

static void world_sleep_ms(void *self, int64_t ms)
{
	((struct test_world *)self)->now_us += ms * 1000;
}

static uint64_t world_random(void *self)
{
	return ++((struct test_world *)self)->random;
}

static enum decoded world_decode(void *self, const struct record *record, struct arena *arena, struct event *event,
				 enum reason *reason, struct err *err)
{
	struct test_world *world = self;
	char id[64], entity[64], amount[64], upstream[64] = "", watermark[64] = "";
	struct event_builder builder;
	int64_t time_ms;
	if (world->wait_codec > 0) {
		world->wait_codec--;
		(void)err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "registry away");
		return DECODE_WAIT;
	}
	if (arena_used(arena) < world->used_before)
		world->decoded_count = 0; /* a new batch */
	world->used_before = arena_used(arena);
	if (world->full_after > 0 && world->decoded_count == world->full_after) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	world->decoded_count++;
	const char *line = arena_copy(arena, record->value).data;
	struct value *values = arena_take_zeroed(arena, 1, sizeof *values);
	if (line == NULL || values == NULL) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	if (sscanf(line, "%63s %63s %" SCNd64 " %63s %63s %63s", id, entity, &time_ms, amount, upstream, watermark) <
	    4) {
		(void)err_set(err, ERR_DATA, "not four words");
		*reason = REASON_DECODE;
		return DECODE_REFUSED;
	}
	struct slice texts[] = {arena_copy(arena, slice_of(id)), arena_copy(arena, slice_of(entity)),
				arena_copy(arena, slice_of(amount))};
	if (texts[0].data == NULL || texts[1].data == NULL || texts[2].data == NULL) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	event_builder_begin(&builder, &world->schema, arena, values);
	event_builder_text(&builder, EVENT_SLOT_ID, texts[0]);
	event_builder_text(&builder, EVENT_SLOT_ENTITY, texts[1]);
	event_builder_integer(&builder, EVENT_SLOT_TIME, time_ms);
	event_builder_text(&builder, EVENT_SLOT_FIELDS, texts[2]);
	if (upstream[0] != '\0')
		event_builder_text(&builder, EVENT_SLOT_UPSTREAM_PARTITION, slice_of(upstream));
	if (watermark[0] != '\0')
		event_builder_text(&builder, EVENT_SLOT_UPSTREAM_WATERMARK, slice_of(watermark));
	*reason = event_builder_end(&builder, event);
	event->offset = record->offset;
	event->timestamp_ms = record->timestamp_ms;
	if (*reason == REASON_NONE)
		return DECODED;
	*err = builder.err;
	return err->code == ERR_MEMORY ? DECODE_WAIT : DECODE_REFUSED;
}

static void world_partitions(void *self, int32_t count)
{
	((struct test_world *)self)->partition_count = count;
}

static void world_open(struct test_world *world, int32_t partitions, uint32_t batch_records)
{
	static const struct feature_options features[] = {
	    {.name = "count_1h", .operation = OPERATION_COUNT, .window_ms = 3600000},
	    {.name = "sum_1h", .operation = OPERATION_SUM, .field = "amount", .window_ms = 3600000},
	    {.name = "amount", .operation = OPERATION_VALUE, .field = "amount"}};
	struct err err = {0};
	*world = (struct test_world){.now_us = 1000000};
	world->log = (struct log){.stream = getenv("TEST_LOG") != NULL ? stderr : NULL, .level = LOG_LEVEL_DEBUG};
	world->field = (struct field){.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2};
	world->schema = (struct event_schema){.id_path = "id",
					      .time_path = "time",
					      .entity_path = "entity",
					      .time_unit = TIME_MS,
					      .fields = &world->field,
					      .field_count = 1,
					      .allowed_lateness_ms = 600000,
					      .max_ahead_ms = 300000};
	struct feature_set_options set = {.pipeline = "test",
					  .schema = &world->schema,
					  .features = features,
					  .feature_count = 3,
					  .max_events = 64,
					  .keeps_all = true};
	if (feature_set_new(&world->set, &set, NULL, NULL, &err) != 0) {
		printf("world: %s\n", err.message);
		abort();
	}
	world->condition =
	    (struct feature_condition_options){.feature = "count_1h", .above = {LITERAL_NUMBER, "2", false}};
	world->rule = (struct rule_options){.name = "busy",
					    .reason = "many events",
					    .action = RULE_FLAG,
					    .features = &world->condition,
					    .feature_count = 1,
					    .expires_ms = INT64_MAX};
	world->policy_options = (struct policy_options){.cooldown_ms = 600000, .rules = &world->rule, .rule_count = 1};
	world->policy = policy_new(&world->policy_options, world->set, NULL, NULL, NULL, &err);
	if (world->policy == NULL) {
		printf("world: %s\n", err.message);
		abort();
	}
	world->champion = (struct champion){.policy = world->policy};
	world->publish = (struct publish_options){.pipeline = "test",
						  .input_topic = "in",
						  .alerts = {.topic = "alerts"},
						  .decisions = {.topic = "decisions"},
						  .amendments = {.topic = "amendments"},
						  .amendments_most = 16,
						  .contributions = 5,
						  .late_topic = "late",
						  .dead_letter_topic = "dlq",
						  .cooldown_ms = 600000,
						  .message_max = 1000000};
	world->options = (struct pipeline_options){.set = world->set,
						   .publish = &world->publish,
						   .from_earliest = true,
						   .limits = {.records = batch_records,
							      .bytes = 1 << 20,
							      .wait_ms = 0,
							      .memory_bytes = 64 << 20,
							      .cache_bytes = 1 << 20,
							      .write_interval_ms = 0,
							      .write_records = 1,
							      .dead_letters = 0.2,
							      .late = 0.2}};
	world->broker = memory_broker_new("in", partitions);
	world->store = memory_store_new();
}

static int world_start(struct test_world *world, struct err *err)
{
	world->source = memory_broker_source(world->broker);
	world->sink = memory_broker_sink(world->broker);
	if (world->source.self == NULL || world->sink.self == NULL)
		return err_memory(err);
	struct ports ports = {.source = world->source,
			      .sink = world->sink,
			      .store = memory_store_port(world->store),
			      .codec = {world, world_decode, world_partitions},
			      .clock = {world, world_wall_ms, world_monotonic_us, world_sleep_ms, world_random},
			      .log = &world->log};
	if (world->wrap != NULL)
		world->wrap(world->wrap_self, &ports);
	world->pipeline = pipeline_new(&world->options, &ports);
	if (world->pipeline == NULL)
		return err_memory(err);
	pipeline_champion(world->pipeline, &world->champion);
	return pipeline_open(world->pipeline, &world->stop, err);
}

/* Turns the loop until nothing has happened for some turns. */
static inline int world_run(struct test_world *world, struct err *err)
{
	uint64_t last = UINT64_MAX;
	for (int quiet = 0; quiet < 5;) {
		if (pipeline_step(world->pipeline, &world->stop, err) != 0)
			return -1;
		world->now_us += 1000;
		const struct metrics *metrics = pipeline_metrics(world->pipeline);
		uint64_t now = metrics->batches + metrics->recoveries + metrics->cancelled;
		quiet = now == last ? quiet + 1 : 0;
		last = now;
	}
	return 0;
}

/* kill -9: memory goes, nothing is closed in order. */
static void world_kill(struct test_world *world)
{
	pipeline_free(world->pipeline);
	world->pipeline = NULL;
}

static void world_stop(struct test_world *world)
{
	pipeline_close(world->pipeline);
	world_kill(world);
}

static void world_close(struct test_world *world)
{
	if (world->pipeline != NULL)
		world_stop(world);
	policy_free(world->policy);
	feature_set_free(world->set);
	memory_broker_free(world->broker);
	memory_store_free(world->store);
}

/* One event in: id and entity by number. */
static inline int64_t world_event(struct test_world *world, int32_t partition, int id, int entity, int64_t time_ms)
{
	char line[128], key[32];
	int length = snprintf(line, sizeof line, "e%d c%d %" PRId64 " %d.50", id, entity, time_ms, id % 90);
	int key_length = snprintf(key, sizeof key, "c%d", entity);
	return memory_broker_append(world->broker, partition, time_ms, (struct slice){key, (size_t)key_length},
				    (struct slice){line, (size_t)length});
}

#endif
