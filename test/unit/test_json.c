#include <jansson.h>

#include "json.h"

#include "rng.h"
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The document is complete: its text, ended by a zero in the buffer's own memory. */
static const char *text_of(struct buffer *out)
{
	buffer_add_byte(out, 0);
	return (const char *)out->data;
}

TEST(members_and_elements_are_separated_by_commas)
{
	struct buffer out;
	struct json json;
	buffer_init(&out);
	json_begin(&json, &out);
	json_open_object(&json);
	json_name(&json, "a");
	json_open_array(&json);
	json_add_integer(&json, 1);
	json_open_array(&json);
	json_close_array(&json);
	json_open_object(&json);
	json_close_object(&json);
	json_add_null(&json);
	json_close_array(&json);
	json_name(&json, "b");
	json_open_object(&json);
	json_name(&json, "c");
	json_add_boolean(&json, true);
	json_name(&json, "d");
	json_add_boolean(&json, false);
	json_close_object(&json);
	json_name(&json, "e");
	json_add_raw(&json, slice_of("[1.0]"));
	json_name(&json, "f");
	json_add_string(&json, NULL);
	json_close_object(&json);
	EXPECT_TEXT(text_of(&out), "{\"a\":[1,[],{},null],\"b\":{\"c\":true,\"d\":false},\"e\":[1.0],\"f\":null}");
	buffer_free(&out);
}

TEST(document_is_appended)
{
	struct buffer out;
	struct json json;
	buffer_init(&out);
	for (int i = 0; i < 2; i++) {
		json_begin(&json, &out);
		json_add_integer(&json, i);
		buffer_add_byte(&out, '\n');
	}
	EXPECT_TEXT(text_of(&out), "0\n1\n");
	buffer_free(&out);
}

static void expect_string(struct slice text, const char *wanted)
{
	struct buffer out;
	struct json json;
	buffer_init(&out);
	json_begin(&json, &out);
	json_add_text(&json, text);
	EXPECT_TEXT(text_of(&out), wanted);
	buffer_free(&out);
}

TEST(only_what_must_be_is_escaped)
{
	expect_string((struct slice){NULL, 0}, "\"\"");
	expect_string(slice_of("plain /text/ <&> 'x' ~\x7f"), "\"plain /text/ <&> 'x' ~\x7f\"");
	expect_string(slice_of("\"\\"), "\"\\\"\\\\\"");
	expect_string(slice_of("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
	expect_string((struct slice){"a\0b", 3}, "\"a\\u0000b\"");
	expect_string(slice_of("\x01\x0b\x0e\x1f"), "\"\\u0001\\u000b\\u000e\\u001f\"");
	expect_string(slice_of("\xc2\x80 \xe2\x82\xac \xe2\x80\xa8 \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf"),
		      "\"\xc2\x80 \xe2\x82\xac \xe2\x80\xa8 \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"");
}

#define BAD "\xef\xbf\xbd" /* U+FFFD */

TEST(bytes_that_are_not_utf8_are_replaced_one_by_one)
{
	expect_string(slice_of("a\x80z"), "\"a" BAD "z\"");
	expect_string(slice_of("\xff\xfe"), "\"" BAD BAD "\"");
	expect_string(slice_of("\xc0\xaf"), "\"" BAD BAD "\"");
	expect_string(slice_of("\xc1\xbf"), "\"" BAD BAD "\"");
	expect_string(slice_of("\xe0\x9f\xbf"), "\"" BAD BAD BAD "\"");
	expect_string(slice_of("\xed\xa0\x80"), "\"" BAD BAD BAD "\"");
	expect_string(slice_of("\xed\x9f\xbf"), "\"\xed\x9f\xbf\"");
	expect_string(slice_of("\xee\x80\x80"), "\"\xee\x80\x80\"");
	expect_string(slice_of("\xf0\x8f\xbf\xbf"), "\"" BAD BAD BAD BAD "\"");
	expect_string(slice_of("\xf4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\"");
	expect_string(slice_of("\xf5\x80\x80\x80"), "\"" BAD BAD BAD BAD "\"");
	expect_string(slice_of("\xe2\x82"), "\"" BAD BAD "\"");
	expect_string(slice_of("\xe2\x82\""), "\"" BAD BAD "\\\"\"");
	expect_string(slice_of("\xf0\x9f\x98"), "\"" BAD BAD BAD "\"");
	expect_string(slice_of("\xe2\xe2\x82\xac"), "\"" BAD "\xe2\x82\xac\"");
}

TEST(any_bytes_become_what_jansson_reads)
{
	struct rng rng;
	rng_seed(&rng, 21);
	struct buffer out;
	buffer_init(&out);
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[24];
		size_t length = (size_t)rng_below(&rng, sizeof bytes);
		for (size_t n = 0; n < length; n++)
			bytes[n] =
			    (uint8_t)(rng_below(&rng, 2) == 0 ? rng_below(&rng, 256) : 0x80 + rng_below(&rng, 0x40));
		for (size_t n = 0; n + 3 < length; n += 5) /* sequences that are well-formed, or almost */
			bytes[n] = (uint8_t)(0xc0 + rng_below(&rng, 0x38));
		struct json json;
		buffer_reset(&out);
		json_begin(&json, &out);
		json_open_array(&json);
		json_add_text(&json, (struct slice){bytes, length});
		json_close_array(&json);
		json_error_t error;
		json_t *read = json_loadb((const char *)out.data, out.length, JSON_ALLOW_NUL, &error);
		EXPECT(read != NULL);
		json_t *string = json_array_get(read, 0);
		struct slice value = {json_string_value(string), json_string_length(string)};
		if (memmem(value.data, value.length, BAD, 3) == NULL) /* nothing replaced: the same bytes */
			EXPECT(slice_equal(value, (struct slice){bytes, length}));
		char *again = json_dumps(read, JSON_COMPACT);
		EXPECT(again != NULL);
		free(again);
		json_decref(read);
	}
	buffer_free(&out);
}

TEST(numbers_are_those_of_ecmascript)
{
	struct buffer out;
	struct json json;
	buffer_init(&out);
	json_begin(&json, &out);
	json_open_array(&json);
	double values[] = {0, -0.0, 0.1, 1e21, 1e-7, 333333333.33333329, 5e-324, NAN, INFINITY, -INFINITY};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		json_add_number(&json, values[i]);
	json_add_integer(&json, INT64_MAX);
	json_add_integer(&json, INT64_MIN);
	json_add_integer(&json, 0);
	json_close_array(&json);
	EXPECT_TEXT(text_of(&out), "[0,0,0.1,1e+21,1e-7,333333333.3333333,5e-324,null,null,null,"
				   "9223372036854775807,-9223372036854775808,0]");
	buffer_free(&out);
}

TEST(names_are_escaped_too)
{
	struct buffer out;
	struct json json;
	buffer_init(&out);
	json_begin(&json, &out);
	json_open_object(&json);
	json_name(&json, "a\"\n\xff");
	json_add_integer(&json, 1);
	json_close_object(&json);
	EXPECT_TEXT(text_of(&out), "{\"a\\\"\\n" BAD "\":1}");
	buffer_free(&out);
}

TEST(names_are_compared_by_utf16_units)
{
	/* RFC 8785, section 3.2.3: the order of its example. */
	static const char *const names[] = {
	    "\r", "1", "\xc2\x80", "\xc3\xb6", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xac\xb3"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
			int order = json_compare_names(names[i], names[n]);
			EXPECT_INT((order > 0) - (order < 0), (i > n) - (i < n));
		}
	EXPECT(json_compare_names("a", "ab") < 0);
	EXPECT(json_compare_names("ab", "a") > 0);
	EXPECT(json_compare_names("", "a") < 0);
	EXPECT(json_compare_names("B", "a") < 0);
}

/* An object with a nested one between its two names, in a child process: true where it ended by an assertion. */
static bool asserts(const char *first, const char *second)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct buffer out;
		struct json json;
		fclose(stderr); /* where the assertion would report */
		buffer_init(&out);
		json_begin_canonical(&json, &out);
		json_open_object(&json);
		json_name(&json, first);
		json_open_object(&json);
		json_name(&json, "inner");
		json_add_null(&json);
		json_close_object(&json);
		json_name(&json, second);
		json_add_null(&json);
		json_close_object(&json);
		buffer_free(&out);
		_exit(0);
	}
	int status = -1;
	(void)waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST(canonical_writer_asserts_the_order_of_names)
{
	EXPECT(!asserts("a", "b"));
	EXPECT(!asserts("a", "ab"));
	EXPECT(!asserts("B", "a"));
	EXPECT(asserts("b", "a"));
	EXPECT(asserts("ab", "a"));
	EXPECT(asserts("a", "a"));
	EXPECT(!asserts("a\n", "a")); /* escaped or not ASCII: not judged */
	EXPECT(!asserts("\xc3\xb6", "a"));
}

TEST(failed_buffer_is_no_trouble)
{
	struct buffer out = {.failed = true};
	struct json json;
	json_begin_canonical(&json, &out);
	json_open_object(&json);
	for (int i = 0; i < 3; i++) {
		json_name(&json, "name");
		json_add_string(&json, "text");
	}
	json_close_object(&json);
	EXPECT(buffer_failed(&out));
	EXPECT_INT(out.length, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(members_and_elements_are_separated_by_commas),
					    CASE(document_is_appended),
					    CASE(only_what_must_be_is_escaped),
					    CASE(bytes_that_are_not_utf8_are_replaced_one_by_one),
					    CASE(any_bytes_become_what_jansson_reads),
					    CASE(numbers_are_those_of_ecmascript),
					    CASE(names_are_escaped_too),
					    CASE(names_are_compared_by_utf16_units),
					    CASE(canonical_writer_asserts_the_order_of_names),
					    CASE(failed_buffer_is_no_trouble),
					    {0}};
	return test_run(tests, argc, argv);
}
