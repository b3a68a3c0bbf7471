#include "test.h"
#include "world.h"

#include "features/entity.h"
#include "rng.h"

#define START INT64_C(1700000000000)
#define UPSTREAM 3
#define ENTITIES 12
#define EVENTS 1200
#define SEEDS 60
#define MINUTE 60000
#define GENERATION_AT 1

/* An upstream partition: how far it has come, and how far it is behind. */
struct upstream {
	int64_t clock_ms, greatest_ms, behind_ms;
};

struct feeder {
	struct rng rng;
	struct upstream upstream[UPSTREAM];
	int64_t now_ms;
	bool once; /* the third upstream partition is heard of once, with a watermark far ahead of its record */
	int sent;
};

static int64_t below(struct feeder *feeder, uint64_t bound)
{
	return (int64_t)rng_below(&feeder->rng, bound);
}

static void feeder_begin(struct feeder *feeder, uint64_t seed)
{
	*feeder = (struct feeder){.now_ms = START, .once = seed % 4 == 0};
	rng_seed(&feeder->rng, seed);
	for (int i = 0; i < UPSTREAM; i++)
		feeder->upstream[i] = (struct upstream){START, INT64_MIN, below(feeder, 4) * 20 * MINUTE};
}

/*
 * One enriched event. Upstream partitions lag behind each other by up to an hour; their events carry their own records'
 * timestamps, which are out of order, and a watermark that may lie beyond such a timestamp. Some come too late.
 */
static void send_next(struct test_world *world, struct feeder *feeder)
{
	int p = (int)below(feeder, 100) < 4 ? 2 : (int)below(feeder, 2); /* the third is rarely heard of */
	if (feeder->once)
		p = feeder->sent == 5 ? 2 : p % 2;
	struct upstream *upstream = &feeder->upstream[p];
	char line[160], key[32], watermark[32] = "";
	feeder->now_ms += below(feeder, 40000);
	int64_t timestamp_ms = feeder->now_ms - upstream->behind_ms - below(feeder, 10 * MINUTE);
	int64_t time_ms = timestamp_ms - (below(feeder, 10) == 0 ? below(feeder, 50 * MINUTE) : below(feeder, 1000));
	upstream->greatest_ms = time_ms > upstream->greatest_ms ? time_ms : upstream->greatest_ms;
	if (feeder->once && p == 2)
		upstream->greatest_ms += 100 * 60 * MINUTE;
	if (below(feeder, 20) != 0)
		snprintf(watermark, sizeof watermark, " %" PRId64, upstream->greatest_ms - below(feeder, 500));
	int length = snprintf(line, sizeof line, "e%d c%d %" PRId64 " %d.50 %d%s", feeder->sent,
			      (int)below(feeder, ENTITIES), time_ms, feeder->sent % 90, p, watermark);
	int key_length = snprintf(key, sizeof key, "k");
	feeder->sent++;
	memory_broker_append(world->broker, 0, timestamp_ms, (struct slice){key, (size_t)key_length},
			     (struct slice){line, (size_t)length});
}

static void open_stage(struct test_world *world)
{
	world_open(world, 1, 32);
	world->schema.upstream = (struct upstream_schema){UPSTREAM, "partition", "watermark"};
	world->options.limits.late = 1;
}

static void run_all(struct test_world *world, struct feeder *feeder, int upto)
{
	struct err err = {0};
	while (feeder->sent < upto)
		send_next(world, feeder);
	EXPECT(world_start(world, &err) == 0);
	EXPECT(world_run(world, &err) == 0);
	EXPECT_TEXT(err.message, "");
}

static struct marker marker_of(const struct test_world *world)
{
	struct marker marker;
	struct err err = {0};
	EXPECT(marker_decode(memory_store_marker(world->store, 0), &marker, &err) == 0);
	return marker;
}

/* Canonical states by entity; an entity without visible events has an empty one. */
struct states {
	const struct test_world *world;
	struct marker marker;
	struct buffer of[ENTITIES];
};

static void add_state(void *context, struct slice name, struct slice value)
{
	struct states *states = context;
	struct entity *entity = NULL;
	struct err err = {0};
	struct buffer none;
	char number[8] = "";
	uint64_t generation;
	memcpy(number, (const char *)name.data + 1, name.length - 1 < 7 ? name.length - 1 : 7);
	memcpy(&generation, (const char *)value.data + GENERATION_AT, sizeof generation);
	if (generation != states->marker.generation)
		return; /* of before the rebuild: absent */
	struct buffer *bytes = &states->of[atoi(number)];
	EXPECT(entity_decode(states->world->set, value, generation, &entity, &err) == ENTITY_READ);
	EXPECT(entity != NULL && entity_canonical(entity, watermark_ms(&states->marker.watermark)) == 0);
	buffer_init(&none);
	struct entity *empty = entity_new(states->world->set);
	entity_encode(empty, 1, &none);
	entity_encode(entity, 1, bytes);
	if (slice_equal(buffer_slice(bytes), buffer_slice(&none)))
		buffer_reset(bytes);
	buffer_free(&none);
	entity_free(empty);
	entity_free(entity);
}

static void read_states(const struct test_world *world, struct states *states)
{
	*states = (struct states){.world = world, .marker = marker_of(world)};
	for (int i = 0; i < ENTITIES; i++)
		buffer_init(&states->of[i]);
	memory_store_visit(world->store, 0, add_state, states);
}

static bool same_states(const struct test_world *a, const struct test_world *b)
{
	struct states left, right;
	bool same = true;
	read_states(a, &left);
	read_states(b, &right);
	for (int i = 0; i < ENTITIES; i++) {
		same = same && slice_equal(buffer_slice(&left.of[i]), buffer_slice(&right.of[i]));
		buffer_free(&left.of[i]);
		buffer_free(&right.of[i]);
	}
	return same && watermark_ms(&left.marker.watermark) == watermark_ms(&right.marker.watermark) &&
	       left.marker.next_offset == right.marker.next_offset;
}

static bool same_outputs(const struct test_world *a, const struct test_world *b)
{
	size_t count = memory_broker_output_count(a->broker);
	bool same = count > 0 && count == memory_broker_output_count(b->broker);
	for (size_t i = 0; same && i < count; i++) {
		const struct message *left = memory_broker_output(a->broker, i);
		const struct message *right = memory_broker_output(b->broker, i);
		same = strcmp(left->topic, right->topic) == 0 && slice_equal(left->value, right->value) &&
		       slice_equal(left->key, right->key);
	}
	return same;
}

/* Outcomes, vectors and letters after it, and the state, are those of a daemon that never lost anything. */
TEST(rebuilt_second_stage_goes_on_like_an_unbroken_one)
{
	uint64_t late = 0, partial = 0;
	for (uint64_t seed = 1; seed <= SEEDS && test_failures < 5; seed++) {
		struct test_world unbroken, broken;
		struct feeder feeder;
		int cut = EVENTS / 2 + (int)(seed * 7 % (EVENTS / 2));
		open_stage(&unbroken);
		feeder_begin(&feeder, seed);
		run_all(&unbroken, &feeder, EVENTS);
		late += pipeline_metrics(unbroken.pipeline)->outcomes[OUTCOME_TOO_LATE];
		world_stop(&unbroken);

		open_stage(&broken);
		feeder_begin(&feeder, seed);
		run_all(&broken, &feeder, cut);
		world_stop(&broken);
		memory_store_flush(broken.store);
		run_all(&broken, &feeder, EVENTS);
		EXPECT(pipeline_metrics(broken.pipeline)->rebuilds == 1);
		partial += pipeline_metrics(broken.pipeline)->reapplied < (uint64_t)cut;
		world_stop(&broken);

		bool same = same_states(&unbroken, &broken) && same_outputs(&unbroken, &broken);
		EXPECT(same);
		if (!same)
			printf("  seed %" PRIu64 ", rebuilt after %d events\n", seed, cut);
		world_close(&unbroken);
		world_close(&broken);
	}
	printf("  %d rebuilds, %" PRIu64 " of them from later than the beginning; %" PRIu64 " events too late\n", SEEDS,
	       partial, late);
	EXPECT(partial > SEEDS / 2 && late > SEEDS);
}

TEST(killed_second_stage_goes_on_with_the_upstream_that_its_marker_names)
{
	struct test_world unbroken, killed;
	struct feeder feeder;
	open_stage(&unbroken);
	feeder_begin(&feeder, 99);
	run_all(&unbroken, &feeder, EVENTS);
	world_stop(&unbroken);
	open_stage(&killed);
	feeder_begin(&feeder, 99);
	for (int upto = 100; upto <= EVENTS; upto += 100) {
		run_all(&killed, &feeder, upto);
		EXPECT(upto < 200 || marker_of(&killed).watermark.upstream_count == UPSTREAM);
		world_kill(&killed);
		killed.now_us += 60 * 1000000; /* the session ends */
	}
	EXPECT(same_states(&unbroken, &killed) && same_outputs(&unbroken, &killed));
	struct marker marker = marker_of(&killed), wanted = marker_of(&unbroken);
	EXPECT(memcmp(&marker.watermark, &wanted.watermark, sizeof marker.watermark) == 0);
	world_close(&unbroken);
	world_close(&killed);
}

TEST(nothing_is_late_while_an_upstream_partition_has_not_been_seen)
{
	struct test_world world;
	struct err err = {0};
	open_stage(&world);
	static const char *const lines[] = {
	    "e1 a 1700000000000 1.00 0 1700000000000", "e2 b 1700000000000 1.00 1 1700000000000",
	    "e3 a 1600000000000 1.00 0 1700000000000", /* years back, but the third partition may be there */
	    "e4 b 1700000000000 1.00 2 1700000000000", "e5 a 1600000000000 1.00 0 1700000000000",
	    "e6 a 1700000000000 1.00 3 1700000000000", "e7 a 1700000000000 1.00"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		memory_broker_append(world.broker, 0, START, slice_of("k"), slice_of(lines[i]));
	EXPECT(world_start(&world, &err) == 0 && world_run(&world, &err) == 0);
	const uint64_t *outcomes = pipeline_metrics(world.pipeline)->outcomes;
	EXPECT_INT(outcomes[OUTCOME_SCORED], 4);
	EXPECT_INT(outcomes[OUTCOME_TOO_LATE], 1);
	EXPECT_INT(outcomes[OUTCOME_INVALID], 2); /* of no known partition */
	world_close(&world);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(rebuilt_second_stage_goes_on_like_an_unbroken_one),
					CASE(killed_second_stage_goes_on_with_the_upstream_that_its_marker_names),
					CASE(nothing_is_late_while_an_upstream_partition_has_not_been_seen),
					{0}},
			argc, argv);
}
