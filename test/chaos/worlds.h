/* The small world of the pipeline tests, fed with the same troublesome events each time, and what became of them. */
#ifndef OUTLIERD_CHAOS_WORLDS_H
#define OUTLIERD_CHAOS_WORLDS_H

#include "test/chaos/sweep.h"
#include "test/unit/world.h"

#define WORLDS_PARTITIONS 2
#define WORLDS_START 1700000000000

/** Events from .. to - 1 of ten entities on two partitions, with duplicates, late and too late ones, poison and gaps. */
static inline void worlds_feed(struct test_world *world, int from, int to)
{
	for (int i = from; i < to; i++) {
		int entity = i % 10;
		int32_t partition = entity % WORLDS_PARTITIONS;
		int64_t time_ms = WORLDS_START + i * 20000;
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

/** Every committed message, whatever their order among each other. */
static inline void worlds_note_outputs(const struct test_world *world, struct sweep_result *result)
{
	uint64_t sum = 0;
	size_t count = memory_broker_output_count(world->broker);
	for (size_t i = 0; i < count; i++) {
		const struct message *message = memory_broker_output(world->broker, i);
		struct sweep_result one = {0};
		sweep_note_text(&one, message->topic);
		sweep_note(&one, message->key);
		sweep_note(&one, message->value);
		for (size_t h = 0; h < message->header_count; h++)
			sweep_note(&one, message->headers[h].value);
		sum += one.hash;
	}
	sweep_note_number(result, (int64_t)count);
	sweep_note_number(result, (int64_t)sum);
}

static inline void worlds_note_record(void *context, struct slice entity, struct slice value)
{
	/* Version (1 byte) and generation (8 bytes) come first: states are compared behind them. */
	sweep_note(context, entity);
	sweep_note(context, (struct slice){(const char *)value.data + 9, value.length - 9});
}

/** The records at rest, behind their generation. */
static inline void worlds_note_records(const struct test_world *world, struct sweep_result *result)
{
	for (int32_t partition = 0; partition < WORLDS_PARTITIONS; partition++)
		memory_store_visit(world->store, partition, worlds_note_record, result);
}

/** The markers, without their generations: how far the state is, what was counted, the watermark; and C. */
static inline void worlds_note_markers(const struct test_world *world, struct sweep_result *result)
{
	for (int32_t partition = 0; partition < WORLDS_PARTITIONS; partition++) {
		struct marker marker;
		struct err err = {0};
		if (marker_decode(memory_store_marker(world->store, partition), &marker, &err) != 0) {
			sweep_note_text(result, err.message);
			continue;
		}
		sweep_note_number(result, marker.next_offset);
		sweep_note_number(result, marker.last_offset);
		for (size_t i = 0; i < OUTCOME_NUMBER; i++)
			sweep_note_number(result, (int64_t)marker.outcomes[i]);
		sweep_note_number(result, watermark_ms(&marker.watermark));
		sweep_note_number(result, memory_broker_committed(world->broker, partition).offset);
	}
}

#endif
