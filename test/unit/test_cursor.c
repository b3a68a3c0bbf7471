#include "cursor.h"

#include "buffer.h"
#include "rng.h"
#include "test.h"

static struct cursor over(const char *bytes, size_t length)
{
	return cursor_over((struct slice){bytes, length});
}

TEST(numbers_read_back_as_written)
{
	struct rng rng;
	rng_seed(&rng, 11);
	struct buffer buffer;
	buffer_init(&buffer);
	for (int i = 0; i < 2000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
		buffer_add_varint(&buffer, value);
		buffer_add_zigzag(&buffer, (int64_t)value);
		buffer_add_zigzag(&buffer, -(int64_t)(value >> 1));
		buffer_add_le32(&buffer, (uint32_t)value);
		buffer_add_le64(&buffer, value);
	}
	rng_seed(&rng, 11);
	struct cursor cursor = cursor_over(buffer_slice(&buffer));
	for (int i = 0; i < 2000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
		EXPECT(cursor_varint(&cursor) == value);
		EXPECT(cursor_zigzag(&cursor) == (int64_t)value);
		EXPECT(cursor_zigzag(&cursor) == -(int64_t)(value >> 1));
		EXPECT(cursor_le32(&cursor) == (uint32_t)value);
		EXPECT(cursor_le64(&cursor) == value);
	}
	EXPECT(!cursor.failed);
	EXPECT_INT(cursor_left(&cursor), 0);
	buffer_free(&buffer);
}

TEST(longest_varint_is_read)
{
	struct cursor cursor = over("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01!", 11);
	EXPECT(cursor_varint(&cursor) == UINT64_MAX);
	EXPECT_INT(cursor_byte(&cursor), '!');
	EXPECT(!cursor.failed);
}

TEST(varint_beyond_64_bits_fails)
{
	struct cursor large = over("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	EXPECT(cursor_varint(&large) == 0);
	EXPECT(large.failed);
	struct cursor endless = over("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12);
	EXPECT(cursor_varint(&endless) == 0);
	EXPECT(endless.failed);
}

TEST(cut_varint_fails)
{
	struct cursor cursor = over("\x80\x80", 2);
	EXPECT(cursor_varint(&cursor) == 0);
	EXPECT(cursor.failed);
	EXPECT_INT(cursor_left(&cursor), 0);
}

TEST(nothing_is_read_past_the_end)
{
	struct cursor cursor = over("abc", 3);
	EXPECT(cursor_bytes(&cursor, 4).data == NULL);
	EXPECT(cursor.failed);
	struct cursor huge = over("abc", 3);
	EXPECT(cursor_bytes(&huge, UINT64_MAX).data == NULL);
	EXPECT(huge.failed);
	struct cursor exact = over("abc", 3);
	EXPECT(slice_equal(cursor_bytes(&exact, 3), slice_of("abc")));
	EXPECT(!exact.failed);
	EXPECT_INT(cursor_byte(&exact), 0);
	EXPECT(exact.failed);
	struct cursor half = over("abcdef", 6);
	EXPECT(cursor_le64(&half) == 0x64636261); /* the upper half is not there */
	EXPECT(half.failed);
}

TEST(failed_cursor_gives_zeros)
{
	struct cursor cursor = over("abcdefgh", 8);
	cursor_fail(&cursor);
	EXPECT_INT(cursor_byte(&cursor), 0);
	EXPECT_INT(cursor_varint(&cursor), 0);
	EXPECT_INT(cursor_zigzag(&cursor), 0);
	EXPECT_INT(cursor_le32(&cursor), 0);
	EXPECT_INT(cursor_le64(&cursor), 0);
	EXPECT_INT(cursor_bytes(&cursor, 1).length, 0);
	EXPECT_INT(cursor_left(&cursor), 0);
	EXPECT(cursor.failed);
}

TEST(null_slice_is_empty)
{
	struct cursor cursor = cursor_over((struct slice){NULL, 0});
	EXPECT_INT(cursor_left(&cursor), 0);
	EXPECT_INT(cursor_bytes(&cursor, 0).length, 0);
	EXPECT(!cursor.failed);
	EXPECT_INT(cursor_byte(&cursor), 0);
	EXPECT(cursor.failed);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(numbers_read_back_as_written), CASE(longest_varint_is_read),
					    CASE(varint_beyond_64_bits_fails),  CASE(cut_varint_fails),
					    CASE(nothing_is_read_past_the_end), CASE(failed_cursor_gives_zeros),
					    CASE(null_slice_is_empty),          {0}};
	return test_run(tests, argc, argv);
}
