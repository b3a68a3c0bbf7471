/* What the Avro decoder refuses, and how it says so: damaged bytes, and more work than a message may make. */
#include "test/unit/avro_trial.h"

/* The bytes do not parse. */
static void expect_damage(const char *writer, struct slice field, const char *message)
{
	struct trial trial;
	trial_init(&trial, FIELD_STRING, FIELD_SCALE_NONE);
	trial.field.path = "x";
	trial.field.fallback.present = true; /* so that x may be anything */
	struct err err = {0};
	struct avro_schema *schema = avro_schema_parse(slice_of(writer), &err);
	struct avro_program *program = avro_program_new(schema, &trial.reader, &err);
	if (program == NULL) { /* x cannot be read as text: it is skipped */
		trial.reader.field_count = 0;
		err_clear(&err);
		program = avro_program_new(schema, &trial.reader, &err);
	}
	EXPECT_TEXT(err.message, "");
	struct buffer body;
	buffer_init(&body);
	buffer_add(&body, HEAD, sizeof HEAD - 1);
	buffer_add(&body, field.data, field.length);
	trial_run(&trial, program, buffer_slice(&body));
	EXPECT_INT(trial.status, -1);
	EXPECT_INT(trial.err.code, ERR_DATA);
	EXPECT_TEXT(trial.err.message, message);
	buffer_free(&body);
	avro_program_free(program);
	avro_schema_free(schema);
	arena_free(trial.arena);
}

TEST(damage_is_named_with_position_and_path)
{
	static const struct {
		const char *writer;
		struct slice field;
		const char *message;
	} cases[] = {
	    {X("\"string\""), {"", 0}, "byte 5, x: the record ends here"},
	    {X("\"string\""), {"\x04z", 2}, "byte 6, x: 2 bytes are announced, 1 are left"},
	    {X("\"string\""), {"\x01", 1}, "byte 5, x: a negative length"},
	    {X("\"string\""),
	     {"\x82\x80\x80\x01", 4},
	     "byte 5, x: a string or bytes of 1048577 bytes, over the limit of 1048576"},
	    {X("\"string\""), {"\x80\x80\x80\x01", 4}, "byte 9, x: 1048576 bytes are announced, 0 are left"},
	    {X("\"string\""), {"\x02\xff", 2}, "byte 5, x: text that is not UTF-8"},
	    {X("\"string\""), {"\x02zz", 3}, "byte 7: 1 bytes are left over"},
	    {X("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"), {"\x02\xff", 2}, "byte 5, x: text that is not UTF-8"},
	    {X("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}"),
	     {"ab", 2},
	     "byte 5, x: 3 bytes are announced, 2 are left"},
	    {X("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"),
	     {"\x02", 1},
	     "byte 5, x: symbol 1 of an enum of 1"},
	    {X("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"),
	     {"\x01", 1},
	     "byte 5, x: symbol -1 of an enum of 1"},
	    {X("[\"null\",\"string\"]"), {"\x04", 1}, "byte 5, x: branch 2 of a union of 2"},
	    {X("[\"null\",\"string\"]"), {"\x05", 1}, "byte 5, x: branch -3 of a union of 2"},
	    {X("[\"string\"]"), {"\x02", 1}, "byte 5, x: branch 1 of a union of 1"},
	    {X("\"int\""), {"\x80\x80\x80\x80\x10", 5}, "byte 5, x: an int of more than 32 bits"},
	    {X("\"int\""), {"\x81\x80\x80\x80\x10", 5}, "byte 5, x: an int of more than 32 bits"},
	    {X("\"long\""),
	     {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 10},
	     "byte 5, x: an integer of more than 64 bits"},
	    {X("\"long\""),
	     {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11},
	     "byte 5, x: an integer of more than 64 bits"},
	    {X("\"long\""), {"\x80\x80", 2}, "byte 5, x: the record ends here"},
	    {X("\"boolean\""), {"\x02", 1}, "byte 5, x: a boolean of 2, neither 0 nor 1"},
	    {X("\"boolean\""), {"", 0}, "byte 5, x: the record ends here"},
	    {X("\"double\""), {"1234567", 7}, "byte 5, x: 8 bytes are announced, 7 are left"},
	    {X(DECIMAL("2")), {"\x02", 1}, "byte 6, x: 1 bytes are announced, 0 are left"},
	    {X("{\"type\":\"array\",\"items\":\"int\"}"), {"\x04\x02", 2}, "byte 7, x[]: the record ends here"},
	    {X("{\"type\":\"array\",\"items\":\"int\"}"), {"\x02\x02", 2}, "byte 7, x: the record ends here"},
	    {X("{\"type\":\"array\",\"items\":\"int\"}"), {"\x03\x01", 2}, "byte 6, x: a block of negative size"},
	    {X("{\"type\":\"array\",\"items\":\"int\"}"),
	     {"\x03\x04z", 3},
	     "byte 7, x: 2 bytes are announced, 1 are left"},
	    {X("{\"type\":\"array\",\"items\":\"int\"}"),
	     {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 11},
	     "byte 5, x: an array or map of more than 1048576 items"},
	    {X("{\"type\":\"array\",\"items\":\"null\"}"),
	     {"\x82\x80\x80\x01", 4},
	     "byte 5, x: an array or map of more than 1048576 items"},
	    {X("{\"type\":\"array\",\"items\":\"null\"}"),
	     {"\x80\x80\x80\x01\x02", 5},
	     "byte 9, x: an array or map of more than 1048576 items"},
	    {X("{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":" SHOP "}}"),
	     {"\x02\x02k\x02\x02s", 6},
	     "byte 11, x[][].id: the record ends here"},
	    {X("{\"type\":\"record\",\"name\":\"P\",\"fields\":[{\"name\":\"shop\",\"type\":" SHOP "}]}"),
	     {"\x04s", 2},
	     "byte 6, x.shop.name: 2 bytes are announced, 1 are left"},
	    {WRITER("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"c\",\"type\":"
		    "\"int\"}"),
	     {"\x02\x02", 2},
	     "byte 7, c: the record ends here"},
	    {WRITER("{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"long\"}"),
	     {"\x02\x80", 2},
	     "byte 6, b: the record ends here"},
	    {WRITER("{\"name\":\"a\",\"type\":[\"null\",\"string\"]},{\"name\":\"b\",\"type\":[\"null\",\"bytes\"]}"),
	     {"\x02\x00\x02\x03", 4},
	     "byte 8, b: a negative length"},
	    {WRITER("{\"name\":\"a\",\"type\":[\"null\",\"long\"]},{\"name\":\"b\",\"type\":[\"null\",\"long\"]}"),
	     {"\x00\x04", 2},
	     "byte 6, b: branch 2 of a union of 2"},
	    {WRITER("{\"name\":\"a\",\"type\":[\"double\",\"null\"]},{\"name\":\"b\",\"type\":[\"double\",\"null\"]}"),
	     {"\x02\x00zzz", 5},
	     "byte 7, b: 8 bytes are announced, 3 are left"},
	    {WRITER("{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"long\"},"
		    "{\"name\":\"c\",\"type\":\"float\"}"),
	     {"\x02\x02zzz", 5},
	     "byte 7, c: 4 bytes are announced, 3 are left"},
	    {WRITER("{\"name\":\"a\",\"type\":\"bytes\"},{\"name\":\"b\",\"type\":\"string\"}"),
	     {"\x02\xff\x03", 3},
	     "byte 7, b: a negative length"},
	    {WRITER("{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\",\"type\":\"boolean\"}"),
	     {"\x01\x07", 2},
	     "byte 6, b: a boolean of 7, neither 0 nor 1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_damage(cases[i].writer, cases[i].field, cases[i].message);
}

TEST(a_decimal_has_at_least_one_byte)
{
	struct trial trial;
	trial_init(&trial, FIELD_MONEY, 2);
	trial_decode(&trial, X(DECIMAL("2")), BYTES("\x00"));
	EXPECT_INT(trial.status, -1);
	EXPECT_TEXT(trial.err.message, "byte 5, x: a decimal without bytes");
	arena_free(trial.arena);
}

static int check(const char *writer, struct slice body, struct err *err)
{
	*err = (struct err){0};
	struct avro_schema *schema = avro_schema_parse(slice_of(writer), err);
	EXPECT_TEXT(err->message, "");
	int status = avro_check(schema, body, err);
	avro_schema_free(schema);
	return status;
}

TEST(any_schema_can_be_checked)
{
	struct err err;
	EXPECT_INT(check("\"long\"", BYTES("\x02"), &err), 0);
	EXPECT_INT(check("\"null\"", BYTES(""), &err), 0);
	EXPECT_INT(check("\"null\"", (struct slice){NULL, 0}, &err), 0);
	EXPECT_INT(check("\"long\"", BYTES("\x80"), &err), -1);
	EXPECT_TEXT(err.message, "byte 0: the record ends here");
	EXPECT_INT(check("{\"type\":\"array\",\"items\":\"null\"}", BYTES("\xff\xff\x7f\x00\x00"), &err), 0);
	EXPECT_INT(check("{\"type\":\"array\",\"items\":\"null\"}", BYTES("\x81\x80\x80\x01\x00\x00"), &err), -1);
	EXPECT_TEXT(err.message, "byte 0: an array or map of more than 1048576 items");
	EXPECT_INT(check("{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x02"), &err), -1);
	EXPECT_TEXT(err.message, "byte 1, []: the record ends here");
}

TEST(depth_is_limited)
{
	static const char list[] = "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"next\",\"type\":"
				   "[\"null\",\"L\"]}]}";
	static const char tree[] = "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"kids\",\"type\":"
				   "{\"type\":\"array\",\"items\":\"T\"}}]}";
	char nexts[AVRO_DEPTH_MAX + 1];
	struct err err;
	memset(nexts, 2, sizeof nexts);
	nexts[AVRO_DEPTH_MAX - 1] = 0;
	EXPECT_INT(check(list, (struct slice){nexts, AVRO_DEPTH_MAX}, &err), 0);
	nexts[AVRO_DEPTH_MAX - 1] = 2;
	nexts[AVRO_DEPTH_MAX] = 0;
	EXPECT_INT(check(list, (struct slice){nexts, AVRO_DEPTH_MAX + 1}, &err), -1);
	EXPECT(strncmp(err.message, "byte 64, next.next.next", 23) == 0);
	EXPECT(strstr(err.message, ": nested deeper than 64") != NULL);
	EXPECT_INT(check(tree, (struct slice){nexts, AVRO_DEPTH_MAX}, &err), -1);
	EXPECT(strstr(err.message, "kids[].kids[]") != NULL);
	EXPECT(strstr(err.message, ": nested deeper than 64") != NULL);
}

/* Few bytes may not mean much work: 1,000 arrays of 1,000,000 nulls, and records without fields. */
TEST(cost_is_limited)
{
	static const char *const writers[] = {
	    "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"null\"}}",
	    "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\","
	    "\"fields\":"
	    "[{\"name\":\"a\",\"type\":\"null\"}]}}}",
	};
	for (int i = 0; i < 2; i++) {
		struct buffer body;
		struct err err;
		buffer_init(&body);
		buffer_add_zigzag(&body, 1000);
		for (int j = 0; j < 1000; j++) {
			buffer_add_zigzag(&body, 1000000);
			buffer_add_zigzag(&body, 0);
		}
		buffer_add_zigzag(&body, 0);
		EXPECT_INT(check(writers[i], buffer_slice(&body), &err), -1);
		EXPECT(strstr(err.message, ": more than 4194304 items and records in one message") != NULL);
		buffer_free(&body);
	}
}

/* A chain of records, each with the next one twice and the last one empty: 2^60 of them, in no bytes. */
TEST(records_without_bytes_cost_too)
{
	struct buffer json;
	struct err err = {0};
	buffer_init(&json);
	buffer_add_text(&json, "[");
	buffer_add_text(&json, "{\"type\":\"record\",\"name\":\"R0\",\"fields\":[{\"name\":\"a\",\"type\":\"null\"}]}");
	for (int i = 1; i <= 60; i++)
		buffer_add_format(
		    &json,
		    ",{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":\"R%d\"},"
		    "{\"name\":\"b\",\"type\":\"R%d\"}]}",
		    i, i - 1, i - 1);
	buffer_add_text(&json, "]");
	struct avro_schema *schema = avro_schema_parse(buffer_slice(&json), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT_INT(avro_check(schema, BYTES("\x78"), &err), -1);
	EXPECT(strstr(err.message, ": more than 4194304 items and records in one message") != NULL);
	avro_schema_free(schema);
	buffer_free(&json);
}

/* Every branch leads on to every branch: each part of the path multiplies the steps. */
TEST(programs_are_limited)
{
	struct buffer json;
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "a.a.a.a.a.a.a.a";
	buffer_init(&json);
	buffer_add_text(&json,
			"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":[\"null\",\"R\"");
	for (int i = 0; i < 100; i++)
		buffer_add_format(
		    &json, ",{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":\"R\"}]}", i);
	buffer_add_text(&json, "]}]}");
	buffer_add_byte(&json, '\0');
	EXPECT(trial_compile(&trial, (const char *)json.data) == NULL);
	EXPECT_INT(trial.err.code, ERR_DATA);
	EXPECT_TEXT(trial.err.message, "reading this schema takes more than 262144 steps");
	buffer_free(&json);
	arena_free(trial.arena);
}

TEST(paths_are_limited)
{
	struct trial trial;
	char path[200] = "a";
	trial_init(&trial, FIELD_NUMBER, 0);
	for (int i = 0; i < 64; i++)
		memcpy(path + 1 + 2 * i, ".a", 3);
	trial.field.path = path;
	EXPECT(trial_compile(&trial, WRITER("{\"name\":\"a\",\"type\":[\"null\",\"Tx\"]}")) == NULL);
	EXPECT_TEXT(trial.err.message, "a path through more than 64 records");
	arena_free(trial.arena);
}

TEST(utf8_is_checked_in_wanted_text_of_any_length)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
	    {"a", true},
	    {"\xc3\xa4", true},
	    {"\xe2\x82\xac", true},
	    {"\xf0\x9f\x90\xa7", true},
	    {"\xf4\x8f\xbf\xbf", true},
	    {"\xee\x80\x80", true},
	    {"\x80", false},
	    {"\xc3", false},
	    {"\xc0\xaf", false},
	    {"\xc1\xbf", false},
	    {"\xe0\x9f\xbf", false},
	    {"\xed\xa0\x80", false},
	    {"\xe2\x82", false},
	    {"\xe2\x28\xa1", false},
	    {"\xf0\x8f\xbf\xbf", false},
	    {"\xf4\x90\x80\x80", false},
	    {"\xf5\x80\x80\x80", false},
	    {"\xff", false},
	    {"\xf0\x9f\x90", false},
	    {"\xf0\x9f\x28\xa7", false},
	};
	struct trial trial;
	trial_init(&trial, FIELD_STRING, FIELD_SCALE_NONE);
	struct avro_program *program = trial_compile(&trial, X("\"string\""));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t before = 0; before < 20; before++)
			for (size_t after = 0; after < 20; after++) {
				struct buffer body;
				size_t length = strlen(cases[i].text);
				buffer_init(&body);
				buffer_add(&body, HEAD, sizeof HEAD - 1);
				buffer_add_zigzag(&body, (int64_t)(before + length + after));
				buffer_add(&body, "aaaaaaaaaaaaaaaaaaaa", before);
				buffer_add(&body, cases[i].text, length);
				buffer_add(&body, "zzzzzzzzzzzzzzzzzzzz", after);
				trial_run(&trial, program, buffer_slice(&body));
				EXPECT_INT(trial.status, cases[i].valid ? 0 : -1);
				EXPECT_TEXT(trial.err.message,
					    cases[i].valid ? "" : "byte 5, x: text that is not UTF-8");
				buffer_free(&body);
				arena_reset(trial.arena);
			}
	avro_program_free(program);
	arena_free(trial.arena);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(damage_is_named_with_position_and_path),
					CASE(a_decimal_has_at_least_one_byte),
					CASE(any_schema_can_be_checked),
					CASE(depth_is_limited),
					CASE(cost_is_limited),
					CASE(records_without_bytes_cost_too),
					CASE(programs_are_limited),
					CASE(paths_are_limited),
					CASE(utf8_is_checked_in_wanted_text_of_any_length),
					{0}},
			argc, argv);
}
