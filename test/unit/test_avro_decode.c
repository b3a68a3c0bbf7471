#include "test/unit/avro_trial.h"

static void expect_units(const char *writer, enum field_type type, int scale, struct slice field, int64_t units)
{
	struct trial trial;
	trial_init(&trial, type, scale);
	trial_decode(&trial, writer, field);
	EXPECT_TEXT(trial.err.message, "");
	EXPECT_TEXT(trial.builder.err.message, "");
	EXPECT(trial.values[0].present);
	EXPECT_INT(trial.values[0].units, units);
	arena_free(trial.arena);
}

static void expect_number(const char *writer, struct slice field, double number)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, FIELD_SCALE_NONE);
	trial_decode(&trial, writer, field);
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT(trial.values[0].present && memcmp(&trial.values[0].number, &number, sizeof number) == 0);
	arena_free(trial.arena);
}

static void expect_text(const char *writer, struct slice field, const char *text)
{
	struct trial trial;
	trial_init(&trial, FIELD_STRING, FIELD_SCALE_NONE);
	trial_decode(&trial, writer, field);
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT(trial.values[0].present && slice_equal(trial.values[0].text, slice_of(text)));
	arena_free(trial.arena);
}

static void expect_unreadable(const char *writer, enum field_type type, const char *message)
{
	struct trial trial;
	trial_init(&trial, type, type == FIELD_MONEY ? 2 : FIELD_SCALE_NONE);
	struct avro_program *program = trial_compile(&trial, writer);
	EXPECT(program == NULL);
	EXPECT_INT(trial.err.code, ERR_DATA);
	EXPECT_TEXT(trial.err.message, message);
	avro_program_free(program);
	arena_free(trial.arena);
}

TEST(id_time_and_entity_are_read)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial_decode(&trial, X("\"int\""), BYTES("\x0a"));
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT_INT(trial.event.time_ms, 7);
	EXPECT_INT(trial.event.id.length, 1);
	EXPECT_INT(trial.event.entity.length, 1);
	EXPECT_INT(trial.values[0].units, 5);
	arena_free(trial.arena);
}

TEST(integers_and_floats_are_promoted)
{
	expect_number(X("\"int\""), BYTES("\x0a"), 5);
	expect_number(X("\"int\""), BYTES("\xff\xff\xff\xff\x0f"), -2147483648.0);
	expect_number(X("\"long\""), BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 9223372036854775807.0);
	expect_number(X("\"float\""), BYTES("\0\0\xc0\x3f"), 1.5);
	expect_number(X("\"double\""), BYTES("\0\0\0\0\0\0\xf8\xbf"), -1.5);
	expect_number(X("\"string\""), BYTES("\x0a-1e-3"), -0.001);
	expect_units(X("\"int\""), FIELD_MONEY, 2, BYTES("\x0a"), 500);
	expect_units(X("\"double\""), FIELD_MONEY, 2, BYTES("\0\0\0\0\0\0\xf8\x3f"), 150);
	expect_units(X("\"string\""), FIELD_MONEY, 2,
		     BYTES("\x0a"
			   "12.34"),
		     1234);
}

TEST(text_is_a_string_bytes_fixed_or_an_enum)
{
	expect_text(X("\"string\""),
		    BYTES("\x04"
			  "ab"),
		    "ab");
	expect_text(X("\"string\""), BYTES("\0"), "");
	expect_text(X("\"bytes\""), BYTES("\x04\xc3\xa4"), "\xc3\xa4");
	expect_text(X("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}"), BYTES("abc"), "abc");
	expect_text(X("{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}"), BYTES(""), "");
	expect_text(X("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"POS\",\"ATM\"]}"), BYTES("\x02"), "ATM");
}

TEST(decimals_take_the_writers_scale)
{
	expect_units(X(DECIMAL("3")), FIELD_MONEY, 2, BYTES("\x04\x30\x39"), 1234); /* 12.345, half to even */
	expect_units(X(DECIMAL("0")), FIELD_MONEY, 2, BYTES("\x02\xff"), -100);
	expect_units(X("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2,\"logicalType\":\"decimal\",\"precision\":4,"
		       "\"scale\":1}"),
		     FIELD_MONEY, 2, BYTES("\x00\x0f"), 150);
	expect_number(X(DECIMAL("2")), BYTES("\x02\x7d"), 1.25);
}

TEST(booleans_are_booleans_or_their_words)
{
	expect_units(X("\"boolean\""), FIELD_BOOLEAN, FIELD_SCALE_NONE, BYTES("\x01"), 1);
	expect_units(X("\"boolean\""), FIELD_BOOLEAN, FIELD_SCALE_NONE, BYTES("\x00"), 0);
	expect_units(X("\"string\""), FIELD_BOOLEAN, FIELD_SCALE_NONE, BYTES("\x08true"), 1);
	expect_units(X("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"true\",\"false\"]}"), FIELD_BOOLEAN,
		     FIELD_SCALE_NONE, BYTES("\x02"), 0);
}

static void expect_time(const char *type, enum time_unit unit, struct slice value, int64_t ms)
{
	struct trial trial;
	char writer[512];
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.reader.field_count = 0;
	trial.reader.time_path = "x";
	trial.reader.time_unit = unit;
	(void)snprintf(writer, sizeof writer, X("%s"), type);
	trial_decode(&trial, writer, value);
	EXPECT_TEXT(trial.builder.err.message, "");
	EXPECT_INT(trial.event.time_ms, ms);
	arena_free(trial.arena);
}

TEST(time_is_a_timestamp_or_a_number_or_text_with_a_unit)
{
	expect_time("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", TIME_LOGICAL, BYTES("\xa0\x1f"), 2000);
	expect_time("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", TIME_LOGICAL, BYTES("\xa0\x1f"), 2);
	expect_time("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", TIME_S, BYTES("\xa0\x1f"), 2);
	expect_time("\"long\"", TIME_MS, BYTES("\xa0\x1f"), 2000);
	expect_time("\"long\"", TIME_US, BYTES("\xa0\x1f"), 2);
	expect_time("\"int\"", TIME_S, BYTES("\xa0\x1f"), 2000000);
	expect_time("\"double\"", TIME_S, BYTES("\0\0\0\0\0\0\x08\x40"), 3000);
	expect_time("\"string\"", TIME_RFC3339,
		    BYTES("\x28"
			  "1970-01-01T00:00:01Z"),
		    1000);
}

TEST(null_is_null_in_either_order_and_takes_the_default)
{
	static const char *const writers[] = {X("[\"null\",\"long\"]"), X("[\"long\",\"null\"]")};
	for (int null_first = 0; null_first < 2; null_first++) {
		const char *writer = writers[1 - null_first];
		struct trial trial;
		expect_units(writer, FIELD_NUMBER, 0, null_first ? BYTES("\x02\x0a") : BYTES("\x00\x0a"), 5);
		trial_init(&trial, FIELD_NUMBER, 0);
		trial_decode(&trial, writer, null_first ? BYTES("\x00") : BYTES("\x02"));
		EXPECT_INT(trial.reason, REASON_NONE);
		EXPECT(!trial.values[0].present);
		trial.field.fallback = (struct value){.present = true, .units = 9};
		trial_decode(&trial, writer, null_first ? BYTES("\x00") : BYTES("\x02"));
		EXPECT_INT(trial.values[0].units, 9);
		arena_free(trial.arena);
	}
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial_decode(&trial, X("\"null\""), BYTES(""));
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT(!trial.values[0].present);
	arena_free(trial.arena);
}

TEST(paths_go_through_nested_and_nullable_records)
{
	static const char *const writers[] = {X(SHOP), X("[\"null\"," SHOP "]"),
					      X("{\"type\":\"record\",\"name\":\"O\",\"fields\":["
						"{\"name\":\"shop\",\"type\":[\"null\"," SHOP "]}]}")};
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "x.id";
	trial_decode(&trial, writers[0], BYTES("\x02s\x0a"));
	EXPECT_INT(trial.values[0].units, 5);
	trial_decode(&trial, writers[1], BYTES("\x02\x02s\x0a"));
	EXPECT_INT(trial.values[0].units, 5);
	trial_decode(&trial, writers[1], BYTES("\x00"));
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT(!trial.values[0].present);
	trial.field.path = "x.shop.id";
	trial_decode(&trial, writers[2], BYTES("\x02\x02s\x0a"));
	EXPECT_INT(trial.values[0].units, 5);
	arena_free(trial.arena);
}

TEST(recursive_records_are_followed_as_far_as_the_path_goes)
{
	static const char writer[] = WRITER("{\"name\":\"n\",\"type\":\"int\"},"
					    "{\"name\":\"next\",\"type\":[\"null\",\"Tx\"]}");
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "next.next.n";
	trial_decode(&trial, writer, BYTES("\x02\x02" HEAD "\x04\x02" HEAD "\x06\x02" HEAD "\x08\x00"));
	EXPECT_TEXT(trial.err.message, "");
	EXPECT_INT(trial.values[0].units, 3);
	trial_decode(&trial, writer, BYTES("\x02\x02" HEAD "\x04\x00"));
	EXPECT(!trial.values[0].present);
	arena_free(trial.arena);
}

TEST(aliases_stand_for_the_last_part_of_a_path)
{
	static const char *const aliases[] = {"none", "id", "name"};
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "x.number";
	trial.field.aliases = aliases;
	trial.field.alias_count = 3;
	trial_decode(&trial, X(SHOP), BYTES("\x02s\x0a"));
	EXPECT_INT(trial.values[0].units, 5);
	trial.field.path = "x.id"; /* the name itself comes first */
	trial.field.aliases = aliases + 2;
	trial.field.alias_count = 1;
	trial_decode(&trial, X(SHOP), BYTES("\x02s\x0a"));
	EXPECT_INT(trial.values[0].units, 5);
	trial.field.path = "y.id"; /* only the last part has aliases */
	static const char *const first[] = {"x"};
	trial.field.aliases = first;
	struct avro_program *program = trial_compile(&trial, X(SHOP));
	EXPECT(program == NULL);
	EXPECT_TEXT(trial.err.message, "y.id: the record \"Tx\" of the writer's schema has no field \"y\"");
	arena_free(trial.arena);
}

TEST(several_slots_read_one_value)
{
	struct trial trial;
	trial_init(&trial, FIELD_STRING, FIELD_SCALE_NONE);
	struct field fields[] = {trial.field, trial.field, trial.field};
	fields[0].path = fields[1].path = fields[2].path = "card";
	trial.reader.fields = fields;
	trial.reader.field_count = 3;
	trial.reader.key_path = "card";
	trial_decode(&trial, X("[\"null\",\"string\"]"), BYTES("\x00"));
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT(trial.builder.has_key);
	for (int i = 0; i < 3; i++)
		EXPECT(trial.values[i].present && trial.values[i].text.length == 1);
	fields[0].path = fields[1].path = "x";
	trial_decode(&trial, X("[\"null\",\"string\"]"), BYTES("\x00"));
	EXPECT(!trial.values[0].present && !trial.values[1].present && trial.values[2].present);
	arena_free(trial.arena);
}

TEST(an_absent_path_needs_a_default)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "shop.id";
	struct avro_program *program = trial_compile(&trial, X("\"int\""));
	EXPECT(program == NULL);
	EXPECT_TEXT(trial.err.message, "shop.id: the record \"Tx\" of the writer's schema has no field \"shop\"");
	trial.field.fallback = (struct value){.present = true, .units = 9};
	trial_decode(&trial, X("\"int\""), BYTES("\x0a"));
	EXPECT_INT(trial.values[0].units, 9);
	trial.field.path = "x";
	trial.reader.id_path = "name";
	program = trial_compile(&trial, X("\"int\""));
	EXPECT(program == NULL);
	EXPECT_TEXT(trial.err.message, "name: the record \"Tx\" of the writer's schema has no field \"name\"");
	arena_free(trial.arena);
}

TEST(types_that_cannot_be_read_are_named)
{
	expect_unreadable(X(SHOP), FIELD_MONEY, "x: the record \"Shop\" cannot be read as money");
	expect_unreadable(X("{\"type\":\"array\",\"items\":\"int\"}"), FIELD_NUMBER,
			  "x: an array cannot be read as a number");
	expect_unreadable(X("{\"type\":\"map\",\"values\":\"int\"}"), FIELD_STRING,
			  "x: a map cannot be read as a string");
	expect_unreadable(X("\"boolean\""), FIELD_NUMBER, "x: a boolean cannot be read as a number");
	expect_unreadable(X("\"bytes\""), FIELD_NUMBER, "x: bytes cannot be read as a number");
	expect_unreadable(X("\"int\""), FIELD_STRING, "x: an int cannot be read as a string");
	expect_unreadable(X(DECIMAL("2")), FIELD_STRING, "x: a decimal cannot be read as a string");
	expect_unreadable(X("\"double\""), FIELD_BOOLEAN, "x: a double cannot be read as a boolean");
	expect_unreadable(X("[\"null\"," SHOP "]"), FIELD_MONEY, "x: the record \"Shop\" cannot be read as money");
	expect_unreadable(X("[\"boolean\"," SHOP "]"), FIELD_MONEY, "x: a boolean cannot be read as money");
	expect_unreadable(X("[\"null\",\"boolean\"," SHOP "]"), FIELD_MONEY, "x: a boolean cannot be read as money");
	expect_unreadable("\"string\"", FIELD_MONEY, "id: expected a record with \"id\", the writer has a string");
}

TEST(slots_that_cannot_be_read_are_named)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.reader.field_count = 0;
	struct event_schema before = trial.reader;
	trial.reader.entity_path = "x";
	EXPECT(trial_compile(&trial, X("\"double\"")) == NULL);
	EXPECT_TEXT(trial.err.message, "x: a double cannot be read as the entity");
	trial.reader = before;
	trial.reader.id_path = "x";
	EXPECT(trial_compile(&trial, X("\"boolean\"")) == NULL);
	EXPECT_TEXT(trial.err.message, "x: a boolean cannot be read as the event's id");
	trial.reader = before;
	trial.reader.key_path = "x.id";
	EXPECT(trial_compile(&trial, X("\"int\"")) == NULL);
	EXPECT_TEXT(trial.err.message, "x.id: expected a record with \"id\", the writer has an int");
	trial.reader = before;
	trial.reader.time_path = "x";
	EXPECT(trial_compile(&trial, X("\"long\"")) == NULL);
	EXPECT_TEXT(trial.err.message, "x: a long is no Avro timestamp: configure its \"unit\"");
	EXPECT(trial_compile(&trial, X("\"boolean\"")) == NULL);
	EXPECT_TEXT(trial.err.message, "x: a boolean cannot be read as the event's time");
	trial.reader.time_unit = TIME_RFC3339;
	EXPECT(trial_compile(&trial, X("\"long\"")) == NULL);
	EXPECT_TEXT(trial.err.message, "x: a long cannot be read as the event's time");
	arena_free(trial.arena);
}

TEST(one_readable_branch_is_enough_and_the_others_are_the_events_fault)
{
	struct trial trial;
	trial_init(&trial, FIELD_MONEY, 2);
	static const char writer[] = X("[\"null\",\"boolean\",\"int\"," SHOP ",\"string\"]");
	trial_decode(&trial, writer, BYTES("\x04\x0a"));
	EXPECT_INT(trial.values[0].units, 500);
	trial_decode(&trial, writer,
		     BYTES("\x08\x04"
			   "12"));
	EXPECT_INT(trial.values[0].units, 1200);
	trial_decode(&trial, writer, BYTES("\x00"));
	EXPECT(!trial.values[0].present);
	trial_decode(&trial, writer, BYTES("\x02\x01"));
	EXPECT_INT(trial.reason, REASON_VALIDATE);
	EXPECT_TEXT(trial.builder.err.message, "x: a boolean cannot be read as money");
	trial_decode(&trial, writer, BYTES("\x06\x02s\x0a"));
	EXPECT_INT(trial.reason, REASON_VALIDATE);
	EXPECT_TEXT(trial.builder.err.message, "x: the record \"Shop\" cannot be read as money");
	arena_free(trial.arena);
}

TEST(records_of_a_union_may_lack_the_field)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "x.id";
	static const char writer[] =
	    X("[" SHOP ",{\"type\":\"record\",\"name\":\"Web\",\"fields\":[{\"name\":\"url\",\"type\":\"string\"}]}]");
	trial_decode(&trial, writer, BYTES("\x00\x02s\x0a"));
	EXPECT_INT(trial.values[0].units, 5);
	trial_decode(&trial, writer, BYTES("\x02\x02u"));
	EXPECT_INT(trial.reason, REASON_VALIDATE);
	EXPECT_TEXT(trial.builder.err.message, "x.id: the record \"Web\" of the writer's schema has no field \"id\"");
	trial.field.fallback = (struct value){.present = true, .units = 9};
	trial_decode(&trial, writer, BYTES("\x02\x02u"));
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT_INT(trial.values[0].units, 9);
	arena_free(trial.arena);
}

TEST(the_root_may_be_a_union_of_events)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	struct avro_program *program =
	    trial_compile(&trial, "[\"null\",{\"type\":\"record\",\"name\":\"Other\",\"fields\":[]}," X("\"int\"") "]");
	EXPECT_TEXT(trial.err.message, "");
	trial_run(&trial, program, BYTES("\x04" HEAD "\x0a"));
	EXPECT_INT(trial.reason, REASON_NONE);
	EXPECT_INT(trial.values[0].units, 5);
	trial_run(&trial, program, BYTES("\x02"));
	EXPECT_INT(trial.reason, REASON_VALIDATE);
	EXPECT_TEXT(trial.builder.err.message, "id: the record \"Other\" of the writer's schema has no field \"id\"");
	trial_run(&trial, program, BYTES("\x00"));
	EXPECT_INT(trial.reason, REASON_VALIDATE);
	EXPECT_TEXT(trial.builder.err.message, "id: null or absent");
	avro_program_free(program);
	arena_free(trial.arena);
}

/* Fields of every kind stand before the wanted one. */
TEST(everything_unwanted_is_skipped)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, 0);
	trial.field.path = "wanted";
	trial_decode(&trial,
		     WRITER("{\"name\":\"a\",\"type\":\"null\"},{\"name\":\"b\",\"type\":\"boolean\"},"
			    "{\"name\":\"c\",\"type\":\"float\"},{\"name\":\"d\",\"type\":\"double\"},"
			    "{\"name\":\"e\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
			    "{\"name\":\"f\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}},"
			    "{\"name\":\"g\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
			    "{\"name\":\"h\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"F\",\"int\"]}},"
			    "{\"name\":\"i\",\"type\":" SHOP "},{\"name\":\"j\",\"type\":[\"Shop\"]},"
			    "{\"name\":\"k\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
			    "{\"name\":\"l\",\"type\":\"bytes\"},{\"name\":\"m\",\"type\":\"long\"},"
			    "{\"name\":\"wanted\",\"type\":\"int\"}"),
		     BYTES("\x01"
			   "1234"
			   "12345678"
			   "123"
			   "\x00"
			   "\x02\x02k\x02v\x01\x08\x02k\x02v\x00" /* one entry; a block of one in 4 bytes; the end */
			   "\x06\x00\x02"
			   "123\x04\x01\x00"
			   "\x02s\x02"
			   "\x00\x02s\x02"
			   "\x0a\x07\x00\x00" /* five nulls; four more in 0 bytes */
			   "\x02\xff"
			   "\x02"
			   "\x0a"));
	EXPECT_TEXT(trial.err.message, "");
	EXPECT_INT(trial.values[0].units, 5);
	arena_free(trial.arena);
}

/* Every length of varint, at the very end of the bytes and with bytes behind it. */
TEST(varints_of_every_length_are_read)
{
	struct trial trial;
	trial_init(&trial, FIELD_NUMBER, FIELD_SCALE_NONE);
	for (int pad = 0; pad < 12; pad++) {
		char writer[512];
		(void)snprintf(writer, sizeof writer,
			       WRITER("{\"name\":\"x\",\"type\":\"long\"},{\"name\":\"pad\",\"type\":"
				      "{\"type\":\"fixed\",\"name\":\"P\",\"size\":%d}}"),
			       pad);
		struct avro_program *program = trial_compile(&trial, writer);
		for (int bit = 0; bit < 64; bit++)
			for (int delta = -1; delta <= 1; delta++) {
				int64_t value = (int64_t)((UINT64_C(1) << bit) + (uint64_t)(int64_t)delta);
				struct buffer body;
				buffer_init(&body);
				buffer_add(&body, HEAD, sizeof HEAD - 1);
				buffer_add_zigzag(&body, value);
				buffer_add(&body, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", (size_t)pad);
				trial_run(&trial, program, buffer_slice(&body));
				EXPECT_TEXT(trial.err.message, "");
				EXPECT(trial.values[0].number >= (double)value &&
				       trial.values[0].number <= (double)value);
				buffer_free(&body);
			}
		avro_program_free(program);
	}
	arena_free(trial.arena);
}

/* Neighbours of one kind are passed over in one step, others not; the wanted value behind shows where they end. */
TEST(skipped_nullables_may_stand_in_any_order)
{
	const struct {
		const char *type;
		struct slice value;
	} kinds[] = {
	    {"[\"null\",\"string\"]", BYTES("\x02\x04zz")},
	    {"[\"string\",\"null\"]", BYTES("\x00\x04zz")},
	    {"[\"null\",\"bytes\"]", BYTES("\x00")},
	    {"[\"null\",\"long\"]", BYTES("\x02\x80\x80\x01")},
	    {"[\"long\",\"null\"]", BYTES("\x02")},
	    {"[\"null\",\"int\"]", BYTES("\x02\x02")},
	    {"[\"null\",\"double\"]", BYTES("\x02"
					    "12345678")},
	    {"[\"null\",\"float\"]", BYTES("\x02"
					   "1234")},
	    {"[\"float\",\"null\"]", BYTES("\x00"
					   "1234")},
	    {"[\"null\",{\"type\":\"fixed\",\"name\":\"F%zu\",\"size\":8}]", BYTES("\x02"
										   "12345678")},
	    {"[\"null\",{\"type\":\"fixed\",\"name\":\"F%zu\",\"size\":0}]", BYTES("\x02")},
	    {"[\"null\",\"boolean\"]", BYTES("\x02\x01")},
	};
	const size_t count = sizeof kinds / sizeof *kinds;
	for (size_t pair = 0; pair < count * count; pair++) {
		struct trial trial;
		char types[2][64], writer[700];
		struct buffer body;
		trial_init(&trial, FIELD_NUMBER, 0);
		buffer_init(&body);
		for (size_t i = 0; i < 2; i++) {
			size_t kind = i == 0 ? pair / count : pair % count;
			const char *name = strstr(kinds[kind].type, "%zu");
			(void)snprintf(
			    types[i], sizeof types[i], "%.*s%s%s",
			    (int)(name == NULL ? strlen(kinds[kind].type) : (size_t)(name - kinds[kind].type)),
			    kinds[kind].type,
			    name == NULL ? ""
			    : i == 0     ? "0"
					 : "1",
			    name == NULL ? "" : name + 3);
			buffer_add(&body, kinds[kind].value.data, kinds[kind].value.length);
		}
		buffer_add_byte(&body, 10);
		(void)snprintf(writer, sizeof writer,
			       WRITER("{\"name\":\"a\",\"type\":%s},{\"name\":\"b\",\"type\":%s},"
				      "{\"name\":\"x\",\"type\":\"int\"}"),
			       types[0], types[1]);
		trial_decode(&trial, writer, buffer_slice(&body));
		EXPECT_TEXT(trial.err.message, "");
		EXPECT_INT(trial.values[0].units, 5);
		buffer_free(&body);
		arena_free(trial.arena);
	}
}

TEST(varints_longer_than_needed_are_read)
{
	expect_number(X("\"long\""), BYTES("\x8a\x00"), 5);
	expect_number(X("\"long\""), BYTES("\x8a\x80\x80\x80\x80\x80\x80\x80\x80\x00"), 5);
	expect_text(X("\"string\""), BYTES("\x82\x80\x00z"), "z");
	expect_text(X("[\"null\",\"string\"]"), BYTES("\x82\x00\x02z"), "z");
}

/* What parses but cannot be converted is the event's fault, and says no value. */
TEST(values_that_cannot_be_converted_are_told_to_the_builder)
{
	struct trial trial;
	trial_init(&trial, FIELD_MONEY, 2);
	trial_decode(&trial, X("\"double\""), BYTES("\0\0\0\0\0\0\xf8\x7f"));
	EXPECT_INT(trial.status, 0);
	EXPECT_INT(trial.reason, REASON_VALIDATE);
	EXPECT_TEXT(trial.builder.err.message, "x: expected a number, found NaN");
	arena_free(trial.arena);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(id_time_and_entity_are_read),
					CASE(integers_and_floats_are_promoted),
					CASE(text_is_a_string_bytes_fixed_or_an_enum),
					CASE(decimals_take_the_writers_scale),
					CASE(booleans_are_booleans_or_their_words),
					CASE(time_is_a_timestamp_or_a_number_or_text_with_a_unit),
					CASE(null_is_null_in_either_order_and_takes_the_default),
					CASE(paths_go_through_nested_and_nullable_records),
					CASE(recursive_records_are_followed_as_far_as_the_path_goes),
					CASE(aliases_stand_for_the_last_part_of_a_path),
					CASE(several_slots_read_one_value),
					CASE(an_absent_path_needs_a_default),
					CASE(types_that_cannot_be_read_are_named),
					CASE(slots_that_cannot_be_read_are_named),
					CASE(one_readable_branch_is_enough_and_the_others_are_the_events_fault),
					CASE(records_of_a_union_may_lack_the_field),
					CASE(the_root_may_be_a_union_of_events),
					CASE(everything_unwanted_is_skipped),
					CASE(varints_of_every_length_are_read),
					CASE(skipped_nullables_may_stand_in_any_order),
					CASE(varints_longer_than_needed_are_read),
					CASE(values_that_cannot_be_converted_are_told_to_the_builder),
					{0}},
			argc, argv);
}
