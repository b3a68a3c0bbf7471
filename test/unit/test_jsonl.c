#include "daemon/io/jsonl.h"
#include "rng.h"
#include "test/unit/files.h"

#define SHOWN_MAX 4096
#define MUTATIONS 4000

/* Every line as its number and its value without blanks, or why it does not parse. */
static void show(const char *path, char shown[SHOWN_MAX])
{
	struct jsonl jsonl;
	struct err err = {0}, bad = {0};
	size_t length = 0;
	int status = -1;
	*shown = '\0';
	if (jsonl_open(&jsonl, path, &err) == 0)
		while ((status = jsonl_next(&jsonl, &bad, &err)) == 1) {
			char *text =
			    jsonl.value == NULL ? NULL : json_dumps(jsonl.value, JSON_COMPACT | JSON_ENCODE_ANY);
			length += (size_t)snprintf(shown + length, SHOWN_MAX - length, "%llu:%s\n",
						   (unsigned long long)jsonl.line, text == NULL ? bad.message : text);
			free(text);
			err_clear(&bad);
		}
	if (status < 0)
		snprintf(shown + length, SHOWN_MAX - length, "%s\n", err.message);
	jsonl_close(&jsonl);
}

#define EXPECT_SHOWN(content, wanted)                                                                                  \
	do {                                                                                                           \
		char shown_[SHOWN_MAX];                                                                                \
		show(files_text("t.jsonl", content), shown_);                                                          \
		EXPECT_TEXT(shown_, wanted);                                                                           \
	} while (0)

TEST(lines_end_in_lf_crlf_or_the_end_and_empty_ones_are_passed_over)
{
	EXPECT_SHOWN("{\"a\":1}\n{\"a\":2}\n", "1:{\"a\":1}\n2:{\"a\":2}\n");
	EXPECT_SHOWN("{\"a\":1}\r\n\r\n\n  \n{\"a\":2}", "1:{\"a\":1}\n5:{\"a\":2}\n");
	EXPECT_SHOWN("", "");
	EXPECT_SHOWN("\n\n", "");
}

TEST(what_does_not_parse_says_why_and_where_but_not_what_stood_there)
{
	EXPECT_SHOWN("{\"card\":4111111111111111 secret}\n{\"a\":1}\n",
		     "1:not JSON: '}' expected, column 31\n2:{\"a\":1}\n");
	EXPECT_SHOWN("{\"a\":1,\"a\":2}\n", "1:not JSON: duplicate object key, column 10\n");
	EXPECT_SHOWN("{\"a\":99999999999999999999}\n", "1:not JSON: too big integer, column 25\n");
	EXPECT_SHOWN("{\"a\":1e999}\n", "1:not JSON: real number overflow, column 10\n");
	EXPECT_SHOWN("{\"a\":NaN}\n", "1:not JSON: invalid token, column 8\n");
	EXPECT_SHOWN("{\"a\":1}{}\n", "1:not JSON: end of file expected, column 8\n");
	EXPECT_SHOWN(
	    "[1,\n2]\n",
	    "1:not JSON: ']' expected near end of file, column 3\n2:not JSON: end of file expected, column 2\n");
	EXPECT_SHOWN("7\n\"x\"\nnull\n", "1:7\n2:\"x\"\n3:null\n");
}

static const json_t *find(const json_t *object, const char *path)
{
	bool blocked = false;
	const json_t *found = jsonl_find(object, path, &blocked);
	return blocked ? NULL : found;
}

TEST(paths_go_through_objects_and_fall_back_to_the_literal_name)
{
	json_t *object = json_loads(
	    "{\"a\":{\"b\":1,\"c.d\":2},\"a.b\":3,\"a.x\":4,\"e.f\":5,\"n\":null,\"s\":\"t\",\"s.u\":6}", 0, NULL);
	bool blocked = false;
	EXPECT_INT(json_integer_value(find(object, "a.b")), 1);
	EXPECT_INT(json_integer_value(find(object, "a.c.d")), 2);
	EXPECT_INT(json_integer_value(find(object, "a.x")), 4);
	EXPECT_INT(json_integer_value(find(object, "e.f")), 5);
	EXPECT_INT(json_integer_value(find(object, "s.u")), 6);
	EXPECT(json_is_null(find(object, "n")));
	EXPECT(jsonl_find(object, "n.x", &blocked) == NULL && !blocked);
	EXPECT(jsonl_find(object, "a.y", &blocked) == NULL && !blocked);
	EXPECT(jsonl_find(object, "s.x", &blocked) == NULL && blocked);
	json_decref(object);
}

static void expect_text(const char *json, const char *wanted)
{
	struct buffer text;
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	buffer_init(&text);
	EXPECT(value != NULL && jsonl_text(value, &text) == 0);
	buffer_add_byte(&text, 0);
	EXPECT_TEXT((const char *)text.data, wanted);
	buffer_free(&text);
	json_decref(value);
}

TEST(texts_are_contents_of_strings_and_json_of_the_rest)
{
	expect_text("\"a\\\"b\"", "a\"b");
	expect_text("12", "12");
	expect_text("12.50", "12.5");
	expect_text("1e-7", "1e-7");
	expect_text("true", "true");
	expect_text("null", "");
	expect_text("{\"a\": [1, \"x\"]}", "{\"a\":[1,\"x\"]}");
}

TEST(long_lines_cross_the_window)
{
	struct buffer file;
	struct jsonl jsonl;
	struct err err = {0}, bad = {0};
	size_t lines = 0, wrong = 0;
	buffer_init(&file);
	for (size_t i = 0; i < 40; i++) {
		buffer_add_byte(&file, '"');
		for (size_t j = 0; j < i * 7919; j++)
			buffer_add_byte(&file, (uint8_t)('a' + (i + j) % 26));
		buffer_add_text(&file, "\"\n");
	}
	EXPECT(jsonl_open(&jsonl, files_write("t.jsonl", file.data, file.length), &err) == 0);
	for (; jsonl_next(&jsonl, &bad, &err) == 1; lines++) {
		const char *text = json_string_value(jsonl.value);
		size_t length = json_string_length(jsonl.value);
		wrong += length != lines * 7919 ||
			 (length > 0 && text[length - 1] != (char)('a' + (lines + length - 1) % 26));
	}
	EXPECT_INT(lines, 40);
	EXPECT_INT(wrong, 0);
	jsonl_close(&jsonl);
	buffer_free(&file);
}

TEST(damaged_bytes_never_break_the_reader)
{
	static const char good[] = "{\"id\":\"a\\u00e9\",\"x\":{\"y\":[1,2.5e3,null]}}\n{\"id\":true,\"z\":-7}\n";
	static const char bytes[] = "\"{}[]\n:,\\\0\xff";
	struct rng rng;
	size_t refused = 0;
	rng_seed(&rng, 6);
	for (int i = 0; i < MUTATIONS; i++) {
		char text[sizeof good];
		struct err err = {0}, bad = {0};
		struct jsonl jsonl;
		memcpy(text, good, sizeof good);
		for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--)
			text[rng_below(&rng, sizeof good - 1)] = bytes[rng_below(&rng, sizeof bytes - 1)];
		EXPECT(jsonl_open(&jsonl, files_write("t.jsonl", text, (size_t)rng_below(&rng, sizeof good)), &err) ==
		       0);
		while (jsonl_next(&jsonl, &bad, &err) == 1) {
			EXPECT((jsonl.value == NULL) == err_is_set(&bad));
			refused += jsonl.value == NULL;
			err_clear(&bad);
		}
		jsonl_close(&jsonl);
	}
	EXPECT(refused > MUTATIONS / 2);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(lines_end_in_lf_crlf_or_the_end_and_empty_ones_are_passed_over),
					CASE(what_does_not_parse_says_why_and_where_but_not_what_stood_there),
					CASE(paths_go_through_objects_and_fall_back_to_the_literal_name),
					CASE(texts_are_contents_of_strings_and_json_of_the_rest),
					CASE(long_lines_cross_the_window),
					CASE(damaged_bytes_never_break_the_reader),
					{0}},
			argc, argv);
}
