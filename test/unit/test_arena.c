/* The arena's source is compiled in, with an allocator that counts and can fail. */
#include "test.h"

#include <stdbool.h>
#include <stdint.h>

static int allocations;              /* since last set to 0 */
static int fail_at;                  /* that allocation fails; 0: none does */
static size_t allocated, most_bytes; /* the sum asked for; the greatest single request */

static bool allocation_fails(size_t bytes)
{
	allocations++;
	allocated += bytes;
	most_bytes = bytes > most_bytes ? bytes : most_bytes;
	return allocations == fail_at;
}

static void *counting_malloc(size_t bytes)
{
	return allocation_fails(bytes) ? NULL : malloc(bytes);
}

static void *counting_calloc(size_t count, size_t size)
{
	return allocation_fails(count * size) ? NULL : calloc(count, size);
}

#define malloc counting_malloc
#define calloc counting_calloc
#include "../../daemon/base/arena.c" /* NOLINT(bugprone-suspicious-include) */
#undef malloc
#undef calloc

#include "rng.h"

static void count_from_here(void)
{
	allocations = fail_at = 0;
	allocated = most_bytes = 0;
}

TEST(pieces_are_aligned_and_apart)
{
	struct arena *arena = arena_new((size_t)1 << 20);
	struct rng rng;
	rng_seed(&rng, 1);
	uint8_t *pieces[300];
	size_t sizes[300];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 300; i++) {
			sizes[i] = (size_t)rng_below(&rng, i % 30 == 0 ? 20000 : 300);
			pieces[i] = arena_take(arena, sizes[i]);
			EXPECT(pieces[i] != NULL && (uintptr_t)pieces[i] % 16 == 0);
			memset(pieces[i], i, sizes[i]);
		}
		bool intact = true;
		for (int i = 0; i < 300; i++)
			for (size_t at = 0; at < sizes[i]; at++)
				intact &= pieces[i][at] == (uint8_t)i;
		EXPECT(intact);
		arena_reset(arena);
	}
	arena_free(arena);
}

TEST(size_0_gives_a_valid_pointer)
{
	struct arena *arena = arena_new(1024);
	void *first = arena_take(arena, 0), *second = arena_take(arena, 0);
	EXPECT(first != NULL && second != NULL && first != second);
	arena_free(arena);
}

TEST(zeroed_is_zero_also_after_a_reset)
{
	struct arena *arena = arena_new(4096);
	memset(arena_take(arena, 1000), 0xff, 1000);
	arena_reset(arena);
	const uint8_t *piece = arena_take_zeroed(arena, 100, 10);
	unsigned sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += piece[i];
	EXPECT_INT(sum, 0);
	arena_free(arena);
}

TEST(overflowing_sizes_are_refused)
{
	count_from_here();
	struct arena *arena = arena_new(SIZE_MAX);
	EXPECT(arena_take_zeroed(arena, SIZE_MAX / 2, 3) == NULL);
	EXPECT(arena_take(arena, SIZE_MAX) == NULL);
	EXPECT(arena_take(arena, SIZE_MAX - 8) == NULL);
	EXPECT(arena_copy(arena, (struct slice){"", SIZE_MAX}).data == NULL);
	EXPECT_INT(arena_used(arena), 0);
	EXPECT_INT(allocations, 1);
	arena_free(arena);
}

TEST(copy_is_terminated)
{
	struct arena *arena = arena_new(4096);
	struct slice copy = arena_copy(arena, (struct slice){"abcdef", 3});
	EXPECT_INT(copy.length, 3);
	EXPECT(copy.data != NULL && strcmp(copy.data, "abc") == 0);
	struct slice empty = arena_copy(arena, (struct slice){NULL, 0});
	EXPECT_INT(empty.length, 0);
	EXPECT(empty.data != NULL && *(const char *)empty.data == '\0');
	arena_free(arena);
}

TEST(cap_holds_to_the_byte)
{
	struct arena *arena = arena_new(1000); /* 62 times 16 and a rest */
	EXPECT(arena_take(arena, 992) != NULL);
	EXPECT_INT(arena_used(arena), 992);
	EXPECT(arena_take(arena, 1) == NULL);
	EXPECT(arena_take(arena, 0) == NULL);
	EXPECT_INT(arena_used(arena), 992);
	arena_reset(arena);
	EXPECT_INT(arena_used(arena), 0);
	EXPECT(arena_take(arena, 993) == NULL);
	EXPECT(arena_take(arena, 992) != NULL);
	EXPECT(arena_copy(arena, slice_of("x")).data == NULL);
	arena_free(arena);
}

TEST(never_holds_more_than_the_cap)
{
	struct rng rng;
	rng_seed(&rng, 7);
	for (int round = 0; round < 50; round++) {
		size_t limit = (size_t)rng_below(&rng, 1 << 20);
		count_from_here();
		struct arena *arena = arena_new(limit);
		size_t own = allocated;
		while (arena_take(arena, (size_t)rng_below(&rng, 30000)) != NULL)
			continue;
		EXPECT(arena_used(arena) <= limit);
		EXPECT(allocated - own <= GAP_FACTOR * limit + (size_t)allocations * sizeof(struct block));
		arena_free(arena);
	}
}

TEST(steady_state_allocates_nothing)
{
	struct arena *arena = arena_new((size_t)16 << 20);
	for (int batch = 0; batch < 10; batch++) {
		if (batch == 1)
			arena_reset(arena); /* the first reset joins the blocks */
		if (batch <= 1)
			count_from_here();
		for (int i = 0; i < 2000; i++)
			EXPECT(arena_take(arena, 1000) != NULL);
		EXPECT(batch > 0 || allocations > 1);
		arena_reset(arena);
	}
	EXPECT_INT(allocations, 0);
	arena_free(arena);
}

TEST(every_allocation_fails_once)
{
	int failed = 0;
	for (int at = 1; at < 20; at++) {
		count_from_here();
		fail_at = at;
		struct arena *arena = arena_new((size_t)4 << 20);
		if (arena == NULL) {
			failed++;
			continue;
		}
		int refused = 0;
		for (int round = 0; round < 2; round++) {
			for (int i = 0; i < 20; i++) {
				uint8_t *piece = arena_take(arena, 50000);
				refused += piece == NULL;
				if (piece != NULL)
					memset(piece, 1, 50000);
			}
			arena_reset(arena);
		}
		failed += allocations >= at;
		EXPECT(refused <= 1);
		arena_free(arena);
	}
	EXPECT(failed >= 4);
}

TEST(freeing_nothing_does_nothing)
{
	arena_free(NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(pieces_are_aligned_and_apart),
					    CASE(size_0_gives_a_valid_pointer),
					    CASE(zeroed_is_zero_also_after_a_reset),
					    CASE(overflowing_sizes_are_refused),
					    CASE(copy_is_terminated),
					    CASE(cap_holds_to_the_byte),
					    CASE(never_holds_more_than_the_cap),
					    CASE(steady_state_allocates_nothing),
					    CASE(every_allocation_fails_once),
					    CASE(freeing_nothing_does_nothing),
					    {0}};
	return test_run(tests, argc, argv);
}
