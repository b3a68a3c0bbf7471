/*
 * Once windows are full, an event costs no allocation: decoded, loaded, applied, scored, committed and written with the
 * memory that is there. The linker hands the program's malloc, calloc and realloc to this file, which counts.
 */
#include "test.h"
#include "world.h"

#define ENTITIES 20
#define SPACING_MS 4500 /* of all events; of one entity's 90 s, so that 47 lie in reach */
#define WARM_UP 6000
#define MEASURED 6000
#define START_MS INT64_C(1700000000000)

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

static long allocations;
static bool counting;

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

static void feed(struct test_world *world, int from, int count)
{
	for (int i = from; i < from + count; i++)
		world_event(world, 0, i, i % ENTITIES, START_MS + (int64_t)i * SPACING_MS);
}

static long run(struct test_world *world, int from, int count)
{
	struct err err = {0};
	feed(world, from, count);
	allocations = 0;
	counting = true;
	int status = world_run(world, &err);
	counting = false;
	EXPECT_INT(status, 0);
	return allocations;
}

TEST(events_in_full_windows_allocate_nothing)
{
	struct test_world world;
	struct err err = {0};
	world_open(&world, 1, 100);
	/* Messages are copied by the broker's twin, which keeps them. */
	world.publish.alerts.topic = world.publish.decisions.topic = NULL;
	EXPECT(world_start(&world, &err) == 0);
	(void)run(&world, 0, WARM_UP);
	long count = run(&world, WARM_UP, MEASURED);
	printf("  %ld allocations, %d events\n", count, MEASURED);
	EXPECT(count * 1000 < MEASURED);
	world_close(&world);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(events_in_full_windows_allocate_nothing), {0}}, argc, argv);
}
