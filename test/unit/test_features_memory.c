/*
 * Every allocation of features/ fails once: an error comes back, nothing can be seen to have changed, and the same call
 * then succeeds. The program's own malloc stands before the C library's; a sanitizer needs that place for itself, so under
 * one the tests only say so.
 */
#include "features/entity.h"
#include "rng.h"
#include "test/unit/features_world.h"

#if defined(__SANITIZE_ADDRESS__)
#define INTERPOSED 0
#else
#define INTERPOSED 1
#endif

static long allocations_left = -1; /* until one fails; negative: none does */
static long live;                  /* blocks not freed */

#if INTERPOSED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static bool fails(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

static void *counted(void *memory)
{
	live += memory != NULL;
	return memory;
}

void *malloc(size_t size)
{
	return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
	if (fails())
		return NULL;
	return memory == NULL ? counted(__libc_malloc(size)) : __libc_realloc(memory, size);
}

void free(void *memory)
{
	live -= memory != NULL;
	__libc_free(memory);
}
#endif

static bool skipped(void)
{
	if (!INTERPOSED)
		printf("  skip: allocations cannot be made to fail under a sanitizer\n");
	return !INTERPOSED;
}

static const char *const values[] = {"POS", "WEB"};
static const struct utc_offset offset = {INT64_MIN, 3600000};
static const struct literal shops[] = {{.kind = LITERAL_TEXT, .text = "a"}, {.kind = LITERAL_TEXT, .text = "b"}};
static const struct condition_options in_shops = {.field = "shop", .in = shops, .in_count = 2};
static const struct condition_options night = {
    .has_hours = true, .hours_from = 0, .hours_to = 6, .utc_offsets = &offset, .utc_offset_count = 1};
static const struct feature_options features[] = {
    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = 2000},
    {.name = "in", .operation = OPERATION_COUNT, .window_ms = 500, .where = &in_shops, .where_count = 1},
    {.name = "night", .operation = OPERATION_COUNT, .window_ms = 500, .where = &night, .where_count = 1},
    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 500},
    {.name = "hour", .operation = OPERATION_HOUR, .utc_offsets = &offset, .utc_offset_count = 1},
    {.name = "channel", .operation = OPERATION_VALUE, .field = "channel", .values = values, .value_count = 2},
    {.name = "robust", .operation = OPERATION_ROBUST_Z, .field = "amount", .window_ms = 2000},
    {.name = "share", .operation = OPERATION_QUOTIENT, .of = {"in", "sum"}},
};
#define FEATURES (sizeof features / sizeof *features)

TEST(a_feature_set_is_made_whole_or_not_at_all)
{
	const struct event_schema schema = {.id_path = "id",
					    .time_path = "time",
					    .entity_path = "card",
					    .fields = world_fields,
					    .field_count = WORLD_FIELDS};
	const struct feature_set_options options = {
	    .pipeline = "p", .schema = &schema, .features = features, .feature_count = FEATURES, .max_events = 5};
	struct feature_set *set = NULL;
	long failures = 0, before = live;
	if (skipped())
		return;
	for (;; failures++) {
		struct err err = {.code = ERR_NONE};
		allocations_left = failures;
		int status = feature_set_new(&set, &options, NULL, NULL, &err);
		bool reached = allocations_left < 0;
		allocations_left = -1;
		if (!reached)
			break;
		EXPECT(status == -1 && set == NULL);
		EXPECT_INT(err.code, ERR_MEMORY);
	}
	EXPECT(set != NULL);
	EXPECT(failures > 30);
	feature_set_free(set);
	EXPECT_INT(live, before);
}

/* Applies one event to a fork, letting each allocation fail once before it succeeds. Gives how many failed. */
static long apply_with_failures(struct world *w, const struct event *event, struct buffer *before, struct buffer *after)
{
	struct vector vector = {w->values, w->usual, 0};
	struct entity *fork = entity_fork(w->entities[0]);
	struct watermark watermark = w->watermark;
	long failures = 0;
	buffer_reset(before);
	entity_encode(fork, WORLD_GENERATION, before);
	for (;; failures++) {
		int status;
		allocations_left = failures;
		enum outcome outcome = apply_event(w->set, fork, &w->watermark, event, &vector, &w->reason, &status);
		allocations_left = -1;
		if (status == 0) {
			w->outcome = outcome;
			break;
		}
		buffer_reset(after);
		entity_encode(fork, WORLD_GENERATION, after);
		EXPECT(slice_equal(buffer_slice(before), buffer_slice(after)));
		EXPECT(memcmp(&watermark, &w->watermark, sizeof watermark) == 0);
	}
	/* The base has not moved either; then the fork takes its place. */
	buffer_reset(after);
	entity_encode(w->entities[0], WORLD_GENERATION, after);
	EXPECT(slice_equal(buffer_slice(before), buffer_slice(after)));
	entity_free(w->entities[0]);
	w->entities[0] = fork;
	return failures;
}

TEST(an_event_is_applied_whole_or_not_at_all)
{
	long live_before = live;
	struct world *w = world_new(features, FEATURES, 200, 5), *plain = world_new(features, FEATURES, 200, 5);
	struct buffer before, after;
	struct rng rng;
	long failures = 0;
	int64_t clock = 1000;
	if (skipped()) {
		world_free(w);
		world_free(plain);
		return;
	}
	rng_seed(&rng, 4);
	buffer_init(&before);
	buffer_init(&after);
	w->entities[0] = entity_new(w->set);
	for (int i = 0; i < 400; i++) {
		struct value event_values[WORLD_FIELDS];
		char id[24], shop[8];
		clock += (int64_t)rng_below(&rng, 60);
		(void)snprintf(shop, sizeof shop, "%u", (unsigned)rng_below(&rng, 50));
		struct tx tx = {.time = clock - (rng_below(&rng, 5) == 0 ? 90 : 0), .shop = shop, AMOUNT(i)};
		(void)world_apply(plain, tx);
		struct event event = world_event(w, &tx, event_values, id);
		failures += apply_with_failures(w, &event, &before, &after);
		EXPECT_INT(w->outcome, plain->outcome);
		EXPECT(memcmp(w->values, plain->values, sizeof(double)) == 0);
	}
	EXPECT(slice_equal(world_record(w, &before), world_record(plain, &after)));
	EXPECT(failures > 100);
	buffer_free(&before);
	buffer_free(&after);
	world_free(w);
	world_free(plain);
	EXPECT_INT(live, live_before);
}

TEST(a_window_longer_than_the_stack_takes_is_picked_or_not)
{
	enum { EVENTS = 1100 };
	const struct feature_options burst = {
	    .name = "n", .operation = OPERATION_BURST, .window_ms = 1 << 20, .interval_ms = 1 << 20};
	long live_before = live;
	struct world *w = world_new(&burst, 1, 0, 2 * EVENTS);
	struct buffer before, after;
	buffer_init(&before);
	buffer_init(&after);
	if (!skipped()) {
		for (int64_t i = 0; i < EVENTS; i++)
			(void)world_apply(w, (struct tx){.time = i});
		struct value event_values[WORLD_FIELDS];
		char id[24];
		struct event event = world_event(w, &(struct tx){.time = EVENTS}, event_values, id);
		EXPECT(apply_with_failures(w, &event, &before, &after) > 0);
		EXPECT(w->values[0] == EVENTS);
	}
	buffer_free(&before);
	buffer_free(&after);
	world_free(w);
	EXPECT_INT(live, live_before);
}

TEST(a_record_is_written_and_read_whole_or_not_at_all)
{
	long live_before = live;
	struct world *w = world_new(features, FEATURES, 200, 5);
	struct buffer record;
	struct entity *entity = NULL;
	long failures = 0;
	buffer_init(&record);
	if (!skipped()) {
		for (int i = 0; i < 40; i++)
			(void)world_apply(
			    w, (struct tx){.time = 30 * i, .shop = i % 2 == 0 ? "shop" : "shopping", AMOUNT(i)});
		for (;; failures++) {
			struct err err = {.code = ERR_NONE};
			(void)world_record(w, &record);
			allocations_left = failures;
			enum entity_read read =
			    entity_decode(w->set, buffer_slice(&record), WORLD_GENERATION, &entity, &err);
			allocations_left = -1;
			if (read == ENTITY_READ)
				break;
			EXPECT(entity == NULL);
			EXPECT_INT(err.code, ERR_MEMORY);
		}
		EXPECT(failures > 5);
		for (failures = 0;; failures++) {
			struct buffer out;
			buffer_init(&out);
			allocations_left = failures;
			entity_encode(entity, WORLD_GENERATION, &out);
			allocations_left = -1;
			bool failed = buffer_failed(&out);
			EXPECT(failed || slice_equal(buffer_slice(&out), buffer_slice(&record)));
			buffer_free(&out);
			if (!failed)
				break;
		}
		EXPECT(failures > 1);
		allocations_left = 0;
		EXPECT(entity_fork(entity) == NULL);
		allocations_left = 0;
		EXPECT(entity_new(w->set) == NULL);
		allocations_left = -1;
	}
	entity_free(entity);
	buffer_free(&record);
	world_free(w);
	EXPECT_INT(live, live_before);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_feature_set_is_made_whole_or_not_at_all),
					CASE(an_event_is_applied_whole_or_not_at_all),
					CASE(a_window_longer_than_the_stack_takes_is_picked_or_not),
					CASE(a_record_is_written_and_read_whole_or_not_at_all),
					{0}},
			argc, argv);
}
