/*
 * In the steady state (windows full, every entity known) nothing is allocated: the pipeline between a broker and a store
 * in memory, every call of malloc, calloc and realloc in its turns counted, the broker's and the store's among them. The
 * linker hands the program's calls to this file.
 */
#include "rng.h"
#include "test.h"
#include "world.h"

#define PARTITIONS 2
#define ENTITIES 100
#define EVENTS_A_WINDOW 100 /* of an entity, about */
#define SHOPS 5000
#define HOUR_MS 3600000
#define SPACING_MS (HOUR_MS / ENTITIES / EVENTS_A_WINDOW)
#define BATCH 5000
#define WARM_UP 400000 /* events: forty windows */
#define COUNTED 200000
#define START_MS INT64_C(1700000000000)

static bool counting;
static long allocations;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations += counting;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations += counting;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	allocations += counting;
	return __real_realloc(old, size);
}

/* A record is one of these, as it lies in memory. */
struct purchase {
	int64_t number, time_ms, cents;
	uint32_t entity, shop;
};

static const struct field fields[] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "shop", .path = "shop", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
};

static const struct feature_options features[] = {
    {.name = "count", .operation = OPERATION_COUNT, .window_ms = HOUR_MS},
    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = HOUR_MS},
    {.name = "deviation", .operation = OPERATION_STDDEV, .field = "amount", .window_ms = HOUR_MS / 4},
    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = HOUR_MS},
    {.name = "robust", .operation = OPERATION_ROBUST_Z, .field = "amount", .window_ms = HOUR_MS},
    {.name = "burst", .operation = OPERATION_BURST, .window_ms = HOUR_MS, .interval_ms = HOUR_MS / 60},
    {.name = "amounts", .operation = OPERATION_DISTINCT, .field = "amount", .window_ms = HOUR_MS},
};

/* The small world with fields and features of its own. */
struct steady {
	struct test_world world;
	struct event_schema schema;
	struct rng rng;
	int64_t number;
};

static struct slice text_of(struct arena *arena, char letter, uint32_t number)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%c%u", letter, number);
	return arena_copy(arena, (struct slice){text, (size_t)length});
}

static enum decoded decode(void *self, const struct record *record, struct arena *arena, struct event *event,
			   enum reason *reason, struct err *err)
{
	struct steady *steady = self;
	struct purchase purchase;
	struct event_builder builder;
	struct value *values = arena_take_zeroed(arena, 2, sizeof *values);
	memcpy(&purchase, record->value.data, sizeof purchase);
	event_builder_begin(&builder, &steady->schema, arena, values);
	event_builder_text(&builder, EVENT_SLOT_ID, text_of(arena, 'p', (uint32_t)purchase.number));
	event_builder_text(&builder, EVENT_SLOT_ENTITY, text_of(arena, 'c', purchase.entity));
	event_builder_integer(&builder, EVENT_SLOT_TIME, purchase.time_ms);
	event_builder_double(&builder, EVENT_SLOT_FIELDS, (double)purchase.cents / 100);
	event_builder_text(&builder, EVENT_SLOT_FIELDS + 1, text_of(arena, 's', purchase.shop));
	*reason = event_builder_end(&builder, event);
	event->offset = record->offset;
	event->timestamp_ms = record->timestamp_ms;
	*err = builder.err;
	return *reason == REASON_NONE ? DECODED : DECODE_REFUSED;
}

static void partitions(void *self, int32_t count)
{
	(void)self;
	EXPECT_INT(count, PARTITIONS);
}

static void put_decoder(void *self, struct ports *ports)
{
	ports->codec = (struct codec){self, decode, partitions};
}

static void open_steady(struct steady *steady, uint32_t max_events, size_t idle_bytes)
{
	struct test_world *world = &steady->world;
	struct err err = {0};
	world_open(world, PARTITIONS, BATCH);
	policy_free(world->policy);
	feature_set_free(world->set);
	steady->schema = world->schema;
	steady->schema.fields = fields;
	steady->schema.field_count = 2;
	struct feature_set_options set = {.pipeline = "steady",
					  .schema = &steady->schema,
					  .features = features,
					  .feature_count = sizeof features / sizeof *features,
					  .max_events = max_events,
					  .idle_bytes = idle_bytes};
	EXPECT(feature_set_new(&world->set, &set, NULL, NULL, &err) == 0);
	world->policy_options.rule_count = 0;
	world->policy = policy_new(&world->policy_options, world->set, NULL, NULL, NULL, &err);
	EXPECT(world->policy != NULL);
	world->champion.policy = world->policy;
	world->publish.decisions.topic = NULL;
	world->publish.amendments.topic = NULL;
	world->options.set = world->set;
	world->options.limits.bytes = 16 << 20;
	world->options.limits.cache_bytes = 64 << 20;
	world->wrap = put_decoder;
	world->wrap_self = steady;
	rng_seed(&steady->rng, 5);
	EXPECT(world_start(world, &err) == 0);
	EXPECT_TEXT(err.message, "");
}

/* So many events, evenly over the entities but in no order of theirs, one in twenty late. */
static void feed(struct steady *steady, int64_t events)
{
	for (int64_t i = 0; i < events; i++, steady->number++) {
		struct purchase purchase = {.number = steady->number,
					    .time_ms = START_MS + steady->number * SPACING_MS,
					    .cents = (int64_t)rng_below(&steady->rng, 100000),
					    .entity = (uint32_t)rng_below(&steady->rng, ENTITIES),
					    .shop = (uint32_t)rng_below(&steady->rng, SHOPS)};
		int64_t timestamp_ms = purchase.time_ms;
		if (rng_below(&steady->rng, 20) == 0)
			purchase.time_ms -= (int64_t)rng_below(&steady->rng, 60000);
		char key[16];
		int length = snprintf(key, sizeof key, "c%u", purchase.entity);
		EXPECT(memory_broker_append(steady->world.broker, (int32_t)(purchase.entity % PARTITIONS), timestamp_ms,
					    (struct slice){key, (size_t)length},
					    (struct slice){&purchase, sizeof purchase}) >= 0);
	}
}

/* Turns until all that was fed has been scored, counted. */
static void run(struct steady *steady)
{
	struct err err = {0};
	uint64_t wanted = (uint64_t)steady->number;
	while (pipeline_metrics(steady->world.pipeline)->outcomes[OUTCOME_SCORED] < wanted && test_failures == 0) {
		counting = true;
		EXPECT(pipeline_step(steady->world.pipeline, &steady->world.stop, &err) == 0);
		counting = false;
		steady->world.now_us += 1000;
	}
	EXPECT_TEXT(err.message, "");
}

/* The allocations of one event, where the windows have long been full. */
static double allocations_an_event(uint32_t max_events, size_t idle_bytes)
{
	struct steady steady = {.number = 0};
	open_steady(&steady, max_events, idle_bytes);
	long before = 0;
	while (steady.number < WARM_UP + COUNTED && test_failures == 0) {
		if (steady.number == WARM_UP)
			before = allocations;
		feed(&steady, BATCH);
		run(&steady);
	}
	EXPECT(pipeline_metrics(steady.world.pipeline)->store_written_records > 1000);
	world_close(&steady.world);
	return (double)(allocations - before) / COUNTED;
}

#define EXPECT_BELOW(actual, limit)                                                                                    \
	do {                                                                                                           \
		double actual_ = (actual);                                                                             \
		if (!(actual_ < (limit))) {                                                                            \
			test_failures++;                                                                               \
			printf("  %s:%d: %s is %g, not below %g\n", __FILE__, __LINE__, #actual, actual_,              \
			       (double)(limit));                                                                       \
		}                                                                                                      \
	} while (0)

TEST(full_windows_allocate_nothing)
{
	EXPECT_BELOW(allocations_an_event(1000, 16 << 20), 0.001);
}

TEST(entities_that_fold_allocate_nothing)
{
	EXPECT_BELOW(allocations_an_event(40, 16 << 20), 0.001);
}

TEST(without_idle_memory_histories_allocate)
{
	EXPECT(allocations_an_event(1000, 0) > 0.02);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(full_windows_allocate_nothing),
					CASE(entities_that_fold_allocate_nothing),
					CASE(without_idle_memory_histories_allocate),
					{0}},
			argc, argv);
}
