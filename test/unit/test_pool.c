#include "features/pool.h"

#include "test.h"

#include <stdint.h>
#include <stdlib.h>

TEST(sizes_are_at_most_a_sixteenth_more)
{
	for (size_t bytes = 0; bytes < 100000; bytes++) {
		size_t size = pool_size(bytes);
		EXPECT(size >= bytes && size >= 64 && pool_size(size) == size);
		EXPECT(bytes <= 64 || size <= bytes + bytes / 16 + 1);
		EXPECT(size % 2 == 0);
		if (test_failures > 0)
			break;
	}
	EXPECT_INT(pool_size((size_t)1 << 40), (size_t)1 << 40);
	EXPECT_INT(pool_size(((size_t)1 << 40) + 1), (size_t)17 << 36);
}

TEST(a_block_given_back_is_the_next_taken)
{
	struct pool *pool = pool_new(10000);
	void *large = pool_take(pool, 1000), *small = pool_take(pool, 100);
	memset(large, 1, pool_size(1000));
	pool_give(pool, large, 1000);
	pool_give(pool, small, 100);
	EXPECT(pool_take(pool, 1020) == large);
	EXPECT(pool_take(pool, 97) == small);
	memset(large, 2, pool_size(1000));
	pool_give(pool, large, pool_size(1000));
	EXPECT(pool_take(pool, 1000) == large);
	pool_give(pool, NULL, 1000);
	free(large);
	free(small);
	pool_free(pool);
}

TEST(the_newest_of_a_size_comes_first)
{
	struct pool *pool = pool_new(10000);
	void *blocks[3];
	for (int i = 0; i < 3; i++)
		blocks[i] = pool_take(pool, 500);
	for (int i = 0; i < 3; i++)
		pool_give(pool, blocks[i], 500);
	for (int i = 2; i >= 0; i--)
		EXPECT(pool_take(pool, 500) == blocks[i]);
	for (int i = 0; i < 3; i++)
		pool_give(pool, blocks[i], 500);
	pool_free(pool);
}

/* Sizes that nobody takes any more give way to those in use, in the limit. */
TEST(what_is_not_asked_for_drains_away)
{
	struct pool *pool = pool_new(16 * 1024);
	void *small[100], *large[8];
	for (int i = 0; i < 100; i++)
		small[i] = pool_take(pool, 128);
	for (int i = 0; i < 100; i++)
		pool_give(pool, small[i], 128);
	for (int i = 0; i < 8; i++)
		large[i] = pool_take(pool, 2048);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 8; i++)
			pool_give(pool, large[i], 2048);
		for (int i = 0; i < 8; i++)
			large[i] = pool_take(pool, 2048);
	}
	/* All eight fill the limit now, so each take gets what was given. */
	for (int i = 0; i < 8; i++)
		pool_give(pool, large[i], 2048);
	for (int i = 7; i >= 0; i--)
		EXPECT(pool_take(pool, 2048) == large[i]);
	for (int i = 0; i < 8; i++)
		free(large[i]);
	pool_free(pool);
}

TEST(a_block_beyond_the_limit_is_freed)
{
	struct pool *pool = pool_new(1000);
	void *block = pool_take(pool, 5000);
	EXPECT(block != NULL);
	pool_give(pool, block, 5000);
	block = pool_take(pool, 1000);
	pool_give(pool, block, 1000); /* 1024 bytes */
	size_t huge = (size_t)40 << 20;
	pool_free(pool);
	pool = pool_new(SIZE_MAX);
	block = pool_take(pool, huge);
	EXPECT(block != NULL);
	pool_give(pool, block, huge);
	pool_free(pool);
}

TEST(without_a_pool_it_is_malloc)
{
	uint8_t *block = pool_take(NULL, 100);
	memset(block, 1, pool_size(100));
	pool_give(NULL, block, 100);
	pool_give(NULL, NULL, 100);
	pool_free(NULL);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(sizes_are_at_most_a_sixteenth_more),
					CASE(a_block_given_back_is_the_next_taken),
					CASE(the_newest_of_a_size_comes_first),
					CASE(what_is_not_asked_for_drains_away),
					CASE(a_block_beyond_the_limit_is_freed),
					CASE(without_a_pool_it_is_malloc),
					{0}},
			argc, argv);
}
