#include "arena.h"
#include "buffer.h"
#include "daemon/io/avro_decode.h"
#include "rng.h"
#include "test/twin/avro_twin.h"
#include "test/unit/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 20)
#define PAIRS 200000 /* of schema and value, encoded by avro-c */
#define VALUES_A_SCHEMA 10
#define DAMAGED 1000000 /* inputs */
#define DAMAGED_A_BODY 100

/* A writer's record with what every event needs, and one field more. */
#define WRITER(field)                                                                                                  \
	"{\"type\":\"record\",\"name\":\"Tx\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"                      \
	"{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"                         \
	"{\"name\":\"card\",\"type\":\"string\"}," field "]}"
#define X(type) WRITER("{\"name\":\"x\",\"type\":" type "}")
#define DECIMAL(scale) "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18,\"scale\":" scale "}"
#define HEAD                                                                                                           \
	"\x02"                                                                                                         \
	"i\x0e\x02"                                                                                                    \
	"c" /* id "i", at 7, card "c" */
#define BYTES(text) ((struct slice){text, sizeof(text) - 1})

/* One event schema, one field, one decoding. */
struct trial {
	struct field field;
	struct event_schema reader;
	struct arena *arena;
	struct value values[4];
	struct event_builder builder;
	struct event event;
	struct err err;
	enum reason reason;
	int status;
};

static void trial_init(struct trial *trial, enum field_type type, int scale)
{
	*trial = (struct trial){.field = {.name = "x", .path = "x", .type = type, .scale = scale}};
	trial->reader = (struct event_schema){.id_path = "id", .time_path = "at", .entity_path = "card"};
	trial->reader.fields = &trial->field;
	trial->reader.field_count = 1;
	trial->arena = arena_new(ARENA_BYTES);
}

static struct avro_program *trial_compile(struct trial *trial, const char *writer)
{
	err_clear(&trial->err);
	struct avro_schema *schema = avro_schema_parse(slice_of(writer), &trial->err);
	EXPECT_TEXT(trial->err.message, "");
	struct avro_program *program = schema == NULL ? NULL : avro_program_new(schema, &trial->reader, &trial->err);
	avro_schema_free(schema); /* the program needs it no more */
	return program;
}

static void trial_run(struct trial *trial, const struct avro_program *program, struct slice body)
{
	uint8_t *exact = malloc(body.length + (body.length == 0));
	if (body.length > 0)
		memcpy(exact, body.data, body.length);
	err_clear(&trial->err);
	event_builder_begin(&trial->builder, &trial->reader, trial->arena, trial->values);
	trial->status = avro_program_run(program, (struct slice){exact, body.length}, &trial->builder, &trial->err);
	trial->reason = trial->status == 0 ? event_builder_end(&trial->builder, &trial->event) : REASON_DECODE;
	/* The field's text outlives the body. */
	struct value *value = &trial->values[0];
	if (trial->reason == REASON_NONE && value->present && field_kind(&trial->field) == VALUE_TEXT)
		value->text = arena_copy(trial->arena, value->text);
	free(exact);
}

/* Decodes a body of HEAD and the field. The program may go: texts are copied. */
static void trial_decode(struct trial *trial, const char *writer, struct slice field)
{
	struct avro_program *program = trial_compile(trial, writer);
	EXPECT_TEXT(trial->err.message, "");
	if (program == NULL)
		return;
	struct buffer body;
	buffer_init(&body);
	buffer_add(&body, HEAD, sizeof HEAD - 1);
	buffer_add(&body, field.data, field.length);
	trial_run(trial, program, buffer_slice(&body));
	buffer_free(&body);
	avro_program_free(program);
}

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

#define SHOP                                                                                                           \
	"{\"type\":\"record\",\"name\":\"Shop\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},"                  \
	"{\"name\":\"id\",\"type\":\"long\"}]}"

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

/* A schema from the twin, compiled, with avro-c's classes where they are wanted. */
struct pair {
	struct avro_twin twin;
	struct avro_program *program;
	void *oracle;
};

static void pair_init(struct pair *pair, uint64_t seed, bool oracle)
{
	struct err err = {0};
	avro_twin_init(&pair->twin, seed);
	struct avro_schema *schema = avro_schema_parse(buffer_slice(&pair->twin.json), &err);
	pair->program = schema == NULL ? NULL : avro_program_new(schema, &pair->twin.reader, &err);
	avro_schema_free(schema);
	pair->oracle = oracle ? avro_twin_oracle(&pair->twin) : NULL;
	if (pair->program == NULL || (oracle && pair->oracle == NULL)) {
		printf("  seed %" PRIu64 ": %s\n%.*s\n", seed, err.message, (int)pair->twin.json.length,
		       (const char *)pair->twin.json.data);
		exit(1);
	}
}

static void pair_free(struct pair *pair)
{
	avro_program_free(pair->program);
	avro_twin_oracle_free(pair->oracle);
	avro_twin_free(&pair->twin);
}

static enum reason decode(const struct pair *pair, struct slice body, struct arena *arena, struct value *values,
			  struct event *event, struct err *err)
{
	struct event_builder builder;
	arena_reset(arena);
	event_builder_begin(&builder, &pair->twin.reader, arena, values);
	if (avro_program_run(pair->program, body, &builder, err) != 0)
		return REASON_DECODE;
	return event_builder_end(&builder, event);
}

static bool decodes_alike(const struct pair *pair, struct slice body, struct arena *arena, uint64_t seed, int *valid)
{
	struct value values[AVRO_TWIN_FIELDS];
	struct event event;
	struct err err = {0};
	enum reason reason = decode(pair, body, arena, values, &event, &err);
	const char *difference = reason == REASON_DECODE ? err.message : avro_twin_compare(&pair->twin, reason, &event);
	*valid += reason == REASON_NONE;
	if (difference != NULL)
		printf("  seed %" PRIu64 ": %s\n%.*s\n", seed, difference, (int)pair->twin.json.length,
		       (const char *)pair->twin.json.data);
	return difference == NULL;
}

/* avro-c cannot hold arrays of empty records: these values are encoded by the twin alone, and not counted. */
TEST(random_values_encoded_by_avro_c_and_in_odd_blocks_are_read_alike)
{
	static struct pair pair;
	struct arena *arena = arena_new(ARENA_BYTES);
	struct buffer body;
	int pairs = 0, valid = 0, more = 0;
	buffer_init(&body);
	for (uint64_t seed = 1; pairs < PAIRS && test_failures == 0; seed++) {
		pair_init(&pair, seed, true);
		for (int i = 0; i < VALUES_A_SCHEMA && test_failures == 0; i++) {
			avro_twin_draw(&pair.twin);
			if (avro_twin_encode(&pair.twin, pair.oracle, &body)) {
				pairs++;
				EXPECT(decodes_alike(&pair, buffer_slice(&body), arena, seed, &valid));
			}
			if (i % 3 > 0)
				continue;
			avro_twin_encode_blocks(&pair.twin, &body);
			EXPECT(decodes_alike(&pair, buffer_slice(&body), arena, seed, &valid));
			more++;
		}
		pair_free(&pair);
	}
	printf("  %d pairs by avro-c, %d more in odd blocks, %d valid events\n", pairs, more, valid);
	EXPECT(valid > pairs / 2);
	buffer_free(&body);
	arena_free(arena);
}

/* Bits flipped, bytes set, cut off, pieces moved, numbers made long, or all random. */
static void damage(struct rng *rng, struct slice source, struct buffer *out)
{
	const uint8_t *bytes = source.data;
	size_t length = source.length, from = rng_below(rng, length + 1), to = rng_below(rng, length + 1);
	buffer_reset(out);
	switch (rng_below(rng, 8)) {
	case 0: /* all random */
		for (size_t i = rng_below(rng, 64); i > 0; i--)
			buffer_add_byte(out, (uint8_t)rng_next(rng));
		return;
	case 1: /* cut off */
		buffer_add(out, bytes, from);
		return;
	case 2: /* a piece left out, or doubled */
		buffer_add(out, bytes, from);
		buffer_add(out, bytes + to, length - to);
		return;
	case 3: { /* a huge or negative number put in */
		uint64_t number = rng_next(rng);
		number >>= rng_below(rng, 64);
		buffer_add(out, bytes, from);
		buffer_add_zigzag(out, (int64_t)(rng_below(rng, 2) == 0 ? number : 0 - number));
		to = from < length ? from + 1 : from;
		buffer_add(out, bytes + to, length - to);
		return;
	}
	default:
		break;
	}
	buffer_add(out, bytes, length);
	for (uint64_t i = 1 + rng_below(rng, 3); i > 0 && length > 0; i--)
		out->data[rng_below(rng, length)] ^= (uint8_t)(1 << rng_below(rng, 8));
}

/* In a block of exactly its size each, so that AddressSanitizer sees every read outside. */
TEST(damaged_bytes_are_refused_or_read_and_never_crash)
{
	static struct pair pair;
	struct arena *arena = arena_new(ARENA_BYTES);
	struct buffer body, damaged;
	struct rng rng;
	struct value values[AVRO_TWIN_FIELDS];
	int refused = 0, count = 0;
	rng_seed(&rng, 7);
	buffer_init(&body);
	buffer_init(&damaged);
	for (uint64_t seed = 1; count < DAMAGED; seed++) {
		pair_init(&pair, seed, false);
		for (int i = 0; i < VALUES_A_SCHEMA; i++) {
			avro_twin_draw(&pair.twin);
			avro_twin_encode_blocks(&pair.twin, &body);
			for (int j = 0; j < DAMAGED_A_BODY; j++, count++) {
				struct event event;
				struct err err = {0};
				damage(&rng, buffer_slice(&body), &damaged);
				uint8_t *exact = malloc(damaged.length + (damaged.length == 0));
				if (damaged.length > 0)
					memcpy(exact, damaged.data, damaged.length);
				struct slice input = {exact, damaged.length};
				enum reason reason = decode(&pair, input, arena, values, &event, &err);
				EXPECT((reason == REASON_DECODE) == err_is_set(&err));
				EXPECT(reason != REASON_DECODE || strncmp(err.message, "byte ", 5) == 0);
				refused += reason == REASON_DECODE;
				free(exact);
			}
		}
		pair_free(&pair);
	}
	printf("  %d damaged inputs, %d refused as damaged\n", count, refused);
	EXPECT(refused > count / 4 && refused < count);
	buffer_free(&body);
	buffer_free(&damaged);
	arena_free(arena);
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
					CASE(utf8_is_checked_in_wanted_text_of_any_length),
					CASE(damage_is_named_with_position_and_path),
					CASE(a_decimal_has_at_least_one_byte),
					CASE(values_that_cannot_be_converted_are_told_to_the_builder),
					CASE(any_schema_can_be_checked),
					CASE(depth_is_limited),
					CASE(cost_is_limited),
					CASE(records_without_bytes_cost_too),
					CASE(programs_are_limited),
					CASE(paths_are_limited),
					CASE(random_values_encoded_by_avro_c_and_in_odd_blocks_are_read_alike),
					CASE(damaged_bytes_are_refused_or_read_and_never_crash),
					{0}},
			argc, argv);
}
