/* The buffer's source is compiled in, with an allocator that can fail. */
#include "test.h"

#include <stdbool.h>

static int allocations, fail_at;

static void *counting_realloc(void *data, size_t bytes)
{
	return ++allocations == fail_at ? NULL : realloc(data, bytes);
}

#define realloc counting_realloc
#include "../../daemon/base/buffer.c" /* NOLINT(bugprone-suspicious-include) */
#undef realloc

static const struct {
	uint64_t value;
	const char *bytes;
	size_t length;
} varints[] = {
    {0, "\0", 1},
    {1, "\1", 1},
    {127, "\x7f", 1},
    {128, "\x80\x01", 2},
    {300, "\xac\x02", 2},
    {UINT64_MAX >> 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9},
    {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
};

static const struct {
	int64_t value;
	uint64_t coded;
} zigzags[] = {{0, 0}, {-1, 1}, {1, 2}, {-2, 3}, {INT64_MAX, UINT64_MAX - 1}, {INT64_MIN, UINT64_MAX}};

TEST(varints_have_the_bytes_of_leb128)
{
	struct buffer buffer;
	buffer_init(&buffer);
	for (size_t i = 0; i < sizeof varints / sizeof *varints; i++) {
		buffer_reset(&buffer);
		buffer_add_varint(&buffer, varints[i].value);
		EXPECT(slice_equal(buffer_slice(&buffer), (struct slice){varints[i].bytes, varints[i].length}));
	}
	buffer_free(&buffer);
}

TEST(zigzag_puts_the_sign_last)
{
	struct buffer signed_bytes, plain_bytes;
	buffer_init(&signed_bytes);
	buffer_init(&plain_bytes);
	for (size_t i = 0; i < sizeof zigzags / sizeof *zigzags; i++) {
		buffer_add_zigzag(&signed_bytes, zigzags[i].value);
		buffer_add_varint(&plain_bytes, zigzags[i].coded);
	}
	EXPECT(slice_equal(buffer_slice(&signed_bytes), buffer_slice(&plain_bytes)));
	buffer_free(&signed_bytes);
	buffer_free(&plain_bytes);
}

TEST(fixed_width_numbers_are_little_endian)
{
	struct buffer buffer;
	buffer_init(&buffer);
	buffer_add_le32(&buffer, 0x89abcdef);
	buffer_add_le64(&buffer, 0x8123456789abcdef);
	static const char wanted[] = "\xef\xcd\xab\x89\xef\xcd\xab\x89\x67\x45\x23\x81";
	EXPECT(slice_equal(buffer_slice(&buffer), (struct slice){wanted, sizeof wanted - 1}));
	buffer_free(&buffer);
}

TEST(formatted_text_of_any_length_arrives_whole)
{
	struct buffer buffer;
	buffer_init(&buffer);
	size_t expected = 0;
	for (int width = 1; width < 3000; width += 37) {
		buffer_add_format(&buffer, "%*d", width, 7);
		expected += (size_t)width;
		EXPECT_INT(buffer.length, expected);
		EXPECT_INT(buffer.data[buffer.length - 1], '7');
	}
	buffer_add_format(&buffer, "%s", "");
	EXPECT_INT(buffer.length, expected);
	buffer_free(&buffer);
}

TEST(empty_buffer_gives_no_null_pointer)
{
	struct buffer buffer;
	buffer_init(&buffer);
	buffer_add(&buffer, NULL, 0);
	buffer_add_text(&buffer, "");
	EXPECT_INT(buffer_slice(&buffer).length, 0);
	EXPECT(buffer_slice(&buffer).data != NULL);
	buffer_free(&buffer);
}

TEST(reset_keeps_the_memory)
{
	struct buffer buffer;
	buffer_init(&buffer);
	buffer_add_text(&buffer, "some text");
	const uint8_t *data = buffer.data;
	buffer_reset(&buffer);
	buffer_add_byte(&buffer, 'x');
	EXPECT(buffer.data == data);
	EXPECT_INT(buffer.length, 1);
	buffer_free(&buffer);
	EXPECT(buffer.data == NULL);
}

static void add_everything(struct buffer *buffer)
{
	for (int i = 0; i < 300; i++) {
		buffer_add_text(buffer, "text");
		buffer_add_format(buffer, "%d", 12345);
		buffer_add_byte(buffer, 'b');
		buffer_add_varint(buffer, UINT64_MAX);
		buffer_add_le64(buffer, 1);
	}
}

TEST(every_allocation_fails_once_and_for_good)
{
	struct buffer whole;
	buffer_init(&whole);
	allocations = fail_at = 0;
	add_everything(&whole);
	int needed = allocations;
	EXPECT(needed > 3);
	for (int at = 1; at <= needed; at++) {
		struct buffer buffer;
		buffer_init(&buffer);
		allocations = 0;
		fail_at = at;
		add_everything(&buffer);
		EXPECT(buffer_failed(&buffer));
		EXPECT_INT(allocations, at);
		EXPECT(buffer.length < whole.length);
		EXPECT(buffer.length == 0 || memcmp(buffer.data, whole.data, buffer.length) == 0);
		buffer_reset(&buffer);
		EXPECT(!buffer_failed(&buffer));
		fail_at = 0;
		add_everything(&buffer);
		EXPECT(slice_equal(buffer_slice(&buffer), buffer_slice(&whole)));
		buffer_free(&buffer);
	}
	buffer_free(&whole);
}

TEST(impossible_length_fails_before_reading)
{
	struct buffer buffer;
	buffer_init(&buffer);
	buffer_add_byte(&buffer, 'x');
	volatile size_t impossible = SIZE_MAX;
	buffer_add(&buffer, "y", impossible);
	EXPECT(buffer_failed(&buffer));
	buffer_free(&buffer);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(varints_have_the_bytes_of_leb128),
					    CASE(zigzag_puts_the_sign_last),
					    CASE(fixed_width_numbers_are_little_endian),
					    CASE(formatted_text_of_any_length_arrives_whole),
					    CASE(empty_buffer_gives_no_null_pointer),
					    CASE(reset_keeps_the_memory),
					    CASE(every_allocation_fails_once_and_for_good),
					    CASE(impossible_length_fails_before_reading),
					    {0}};
	return test_run(tests, argc, argv);
}
