#include "features/event.h"
#include "test/unit/test.h"

#define FIELDS 3
#define ARENA_BYTES 65536

enum { AMOUNT = EVENT_SLOT_FIELDS, SHOP, CHANNEL };

static const char *const shop_aliases[] = {"store"};
static const struct field fields[FIELDS] = {
    {.name = "amount", .path = "tx.amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "shop", .path = "shop", .type = FIELD_STRING, .scale = -1, .aliases = shop_aliases, .alias_count = 1},
    {.name = "channel",
     .path = "channel",
     .type = FIELD_STRING,
     .scale = -1,
     .fallback = {.present = true, .text = {"POS", 3}}},
};
static const struct event_schema plain = {.id_path = "id",
					  .time_path = "time",
					  .entity_path = "card",
					  .key_path = "card",
					  .time_unit = TIME_MS,
					  .fields = fields,
					  .field_count = FIELDS};

struct fixture {
	struct event_schema schema;
	struct arena *arena;
	struct event_builder builder;
	struct value values[FIELDS];
	struct event event;
};

/* A builder that has begun, with id, time and entity set. */
static struct fixture *begin(struct event_schema schema)
{
	static struct fixture fixture;
	if (fixture.arena == NULL)
		fixture.arena = arena_new(ARENA_BYTES);
	arena_reset(fixture.arena);
	fixture.schema = schema;
	event_builder_begin(&fixture.builder, &fixture.schema, fixture.arena, fixture.values);
	event_builder_text(&fixture.builder, EVENT_SLOT_ID, slice_of("tx-1"));
	event_builder_text(&fixture.builder, EVENT_SLOT_ENTITY, slice_of("card-7"));
	if (schema.time_unit == TIME_MS)
		event_builder_integer(&fixture.builder, EVENT_SLOT_TIME, 1000);
	return &fixture;
}

/* The message of an event that must be invalid. */
static const char *invalid(struct fixture *fixture)
{
	EXPECT_INT(event_builder_end(&fixture->builder, &fixture->event), REASON_VALIDATE);
	EXPECT_INT(fixture->builder.err.code, ERR_DATA);
	return fixture->builder.err.message;
}

TEST(a_whole_event_has_its_values_and_defaults)
{
	struct fixture *f = begin(plain);
	event_builder_double(&f->builder, AMOUNT, 12.34);
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	EXPECT(slice_equal(f->event.id, slice_of("tx-1")) && slice_equal(f->event.entity, slice_of("card-7")));
	EXPECT_INT(f->event.time_ms, 1000);
	EXPECT_INT(f->event.values[0].units, 1234);
	EXPECT(!f->event.values[1].present);
	EXPECT(f->event.values[2].present && slice_equal(f->event.values[2].text, slice_of("POS")));
}

TEST(null_takes_the_default_and_so_does_absence)
{
	struct fixture *f = begin(plain);
	event_builder_text(&f->builder, CHANNEL, slice_of("WEB"));
	event_builder_null(&f->builder, CHANNEL);
	event_builder_text(&f->builder, SHOP, slice_of("x"));
	event_builder_null(&f->builder, SHOP);
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	EXPECT(slice_equal(f->event.values[2].text, slice_of("POS")));
	EXPECT(!f->event.values[1].present);
}

TEST(integers_as_id_and_entity_become_decimal_text)
{
	struct fixture *f = begin(plain);
	event_builder_integer(&f->builder, EVENT_SLOT_ID, INT64_MIN);
	event_builder_integer(&f->builder, EVENT_SLOT_ENTITY, 42);
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	EXPECT(slice_equal(f->event.id, slice_of("-9223372036854775808")));
	EXPECT(slice_equal(f->event.entity, slice_of("42")));
}

TEST(null_id_entity_or_time_is_invalid)
{
	static const struct {
		size_t slot;
		const char *message;
	} cases[] = {{EVENT_SLOT_ID, "id: null or absent"},
		     {EVENT_SLOT_TIME, "time: null or absent"},
		     {EVENT_SLOT_ENTITY, "card: null or absent"}};
	for (size_t i = 0; i < 3; i++) {
		struct fixture *f = begin(plain);
		event_builder_null(&f->builder, cases[i].slot);
		EXPECT_TEXT(invalid(f), cases[i].message);
	}
}

TEST(texts_of_0_or_257_bytes_are_invalid_256_is_not)
{
	char text[258];
	memset(text, 'a', sizeof text);
	struct fixture *f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_ENTITY, slice_of(""));
	EXPECT_TEXT(invalid(f), "card: empty text");
	f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_ID, (struct slice){text, 257});
	EXPECT_TEXT(invalid(f), "id: text of more than 256 bytes");
	f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_ID, (struct slice){text, 256});
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
}

TEST(the_first_failed_conversion_is_reported_with_its_path)
{
	struct fixture *f = begin(plain);
	event_builder_double(&f->builder, AMOUNT, NAN);
	event_builder_integer(&f->builder, SHOP, 3);
	EXPECT_TEXT(invalid(f), "tx.amount: expected a number, found NaN");
	f = begin(plain);
	event_builder_integer(&f->builder, SHOP, 3);
	EXPECT_TEXT(invalid(f), "shop: expected a string, found an integer");
	f = begin(plain);
	event_builder_boolean(&f->builder, AMOUNT, true);
	EXPECT_TEXT(invalid(f), "tx.amount: expected a number, found a boolean");
	f = begin(plain);
	event_builder_decimal(&f->builder, SHOP, (struct slice){"1", 1}, 0);
	EXPECT_TEXT(invalid(f), "shop: expected a string, found a decimal");
	f = begin(plain);
	event_builder_double(&f->builder, EVENT_SLOT_ID, 1.5);
	EXPECT_TEXT(invalid(f), "id: expected text or an integer, found a floating-point number");
	f = begin(plain);
	event_builder_boolean(&f->builder, EVENT_SLOT_ENTITY, true);
	EXPECT_TEXT(invalid(f), "card: expected text or an integer, found a boolean");
	f = begin(plain);
	event_builder_decimal(&f->builder, EVENT_SLOT_TIME, (struct slice){"1", 1}, 0);
	EXPECT_TEXT(invalid(f), "time: expected text or an integer, found a decimal");
}

static int64_t time_of(enum time_unit unit, int64_t source)
{
	struct event_schema schema = plain;
	schema.time_unit = unit;
	struct fixture *f = begin(schema);
	event_builder_integer(&f->builder, EVENT_SLOT_TIME, source);
	return event_builder_end(&f->builder, &f->event) == REASON_NONE ? f->event.time_ms : INT64_MIN;
}

TEST(times_are_read_by_their_unit_rounding_down)
{
	EXPECT_INT(time_of(TIME_MS, 1500), 1500);
	EXPECT_INT(time_of(TIME_S, 15), 15000);
	EXPECT_INT(time_of(TIME_US, 1999), 1);
	EXPECT_INT(time_of(TIME_US, -1), -1);
	EXPECT_INT(time_of(TIME_US, -1000), -1);
	EXPECT_INT(time_of(TIME_US, -1001), -2);
	EXPECT_INT(time_of(TIME_S, INT64_MAX), INT64_MIN);
	EXPECT_INT(time_of(TIME_MS, EVENT_TIME_MAX_MS), EVENT_TIME_MAX_MS);
	EXPECT_INT(time_of(TIME_MS, EVENT_TIME_MAX_MS + 1), INT64_MIN);
	EXPECT_INT(time_of(TIME_LOGICAL, 5), INT64_MIN);
	EXPECT_INT(time_of(TIME_RFC3339, 5), INT64_MIN);
}

TEST(a_time_without_unit_or_of_another_form_is_invalid)
{
	struct event_schema schema = plain;
	schema.time_unit = TIME_LOGICAL;
	struct fixture *f = begin(schema);
	event_builder_integer(&f->builder, EVENT_SLOT_TIME, 5);
	EXPECT_TEXT(invalid(f), "time: a plain number has no unit: configure \"unit\"");
	f = begin(schema);
	event_builder_timestamp(&f->builder, EVENT_SLOT_TIME, 1999, TIME_US);
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	EXPECT_INT(f->event.time_ms, 1);
	schema.time_unit = TIME_RFC3339;
	f = begin(schema);
	event_builder_text(&f->builder, EVENT_SLOT_TIME, slice_of("1970-01-01T01:00:01.5+01:00"));
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	EXPECT_INT(f->event.time_ms, 1500);
	f = begin(schema);
	event_builder_text(&f->builder, EVENT_SLOT_TIME, slice_of("yesterday"));
	EXPECT_TEXT(invalid(f), "time: expected an RFC 3339 date and time, found other text");
	f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_TIME, slice_of("2500"));
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	EXPECT_INT(f->event.time_ms, 2500);
	f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_TIME, slice_of("2.5"));
	EXPECT_TEXT(invalid(f), "time: expected an integer, found other text");
	f = begin(plain);
	event_builder_double(&f->builder, EVENT_SLOT_TIME, 2500.0);
	EXPECT_INT(event_builder_end(&f->builder, &f->event), REASON_NONE);
	f = begin(plain);
	event_builder_double(&f->builder, EVENT_SLOT_TIME, 2500.5);
	EXPECT_TEXT(invalid(f), "time: expected an integer, found a floating-point number");
	f = begin(plain);
	event_builder_integer(&f->builder, EVENT_SLOT_TIME, INT64_MAX);
	EXPECT_TEXT(invalid(f), "time: a time more than 2^53 ms from 1970");
}

TEST(slots_name_their_paths_and_what_may_be_absent)
{
	const char *const *aliases;
	EXPECT_INT(event_slot_count(&plain), EVENT_SLOT_FIELDS + FIELDS);
	EXPECT_TEXT(event_slot_path(&plain, EVENT_SLOT_ENTITY), "card");
	EXPECT_TEXT(event_slot_path(&plain, AMOUNT), "tx.amount");
	EXPECT_INT(event_slot_aliases(&plain, SHOP, &aliases), 1);
	EXPECT_TEXT(aliases[0], "store");
	EXPECT_INT(event_slot_aliases(&plain, EVENT_SLOT_ID, &aliases), 0);
	EXPECT(event_slot_optional(&plain, CHANNEL) && !event_slot_optional(&plain, SHOP));
	struct event_schema unchecked = plain;
	unchecked.key_path = NULL;
	EXPECT(event_slot_path(&unchecked, EVENT_SLOT_KEY) == NULL);
}

/* ---- keys */

static const char *check_key(struct fixture *fixture, const void *key, size_t length, int32_t partition)
{
	static struct err err;
	err_clear(&err);
	enum reason reason = event_check_key(&fixture->builder, (struct slice){key, length}, partition, 8, &err);
	EXPECT((reason == REASON_KEY) == err_is_set(&err) && (reason == REASON_KEY || reason == REASON_NONE));
	return err.message;
}

TEST(a_key_equals_the_text_or_its_framed_avro_form)
{
	struct fixture *f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_KEY, slice_of("card-7"));
	EXPECT_TEXT(check_key(f, "card-7", 6, 0), "");
	EXPECT_TEXT(check_key(f,
			      "\0\0\0\0\x09\x0c"
			      "card-7",
			      12, 0),
		    "");
	EXPECT_TEXT(check_key(f, "card-8", 6, 0), "the record's key is not card");
	EXPECT_TEXT(check_key(f,
			      "\0\0\0\0\x09\x0c"
			      "card-7!",
			      13, 0),
		    "the record's key is not card");
	EXPECT_TEXT(check_key(f,
			      "\0\0\0\0\x09\x0e"
			      "card-7",
			      12, 0),
		    "the record's key is not card");
	EXPECT_TEXT(check_key(f, "\0\0\0", 3, 0), "the record's key is not card");
	EXPECT_TEXT(check_key(f, NULL, 0, 0), "the record has no key");
	EXPECT_TEXT(check_key(f, "", 0, 0), "the record's key is not card");
}

TEST(an_integer_key_is_its_decimal_text_or_framed_long)
{
	struct fixture *f = begin(plain);
	event_builder_integer(&f->builder, EVENT_SLOT_KEY, 300);
	EXPECT_TEXT(check_key(f, "300", 3, 0), "");
	EXPECT_TEXT(check_key(f, "\0\0\0\0\x01\xd8\x04", 7, 0), "");
	EXPECT_TEXT(check_key(f, "\0\0\0\0\x01\xda\x04", 7, 0), "the record's key is not card");
	f = begin(plain);
	event_builder_text(&f->builder, EVENT_SLOT_KEY, slice_of("300"));
	EXPECT_TEXT(check_key(f, "\0\0\0\0\x01\xd8\x04", 7, 0), "the record's key is not card");
}

TEST(a_null_key_field_contradicts_any_key)
{
	struct fixture *f = begin(plain);
	event_builder_null(&f->builder, EVENT_SLOT_KEY);
	EXPECT_TEXT(check_key(f, "x", 1, 0), "card: null or absent, but the record has a key");
}

TEST(an_unchecked_key_may_be_anything)
{
	struct event_schema schema = plain;
	schema.key_path = NULL;
	struct fixture *f = begin(schema);
	event_builder_integer(&f->builder, EVENT_SLOT_KEY, 1);
	EXPECT(!f->builder.has_key);
	EXPECT_TEXT(check_key(f, NULL, 0, 0), "");
	EXPECT_TEXT(check_key(f, "x", 1, 3), "");
}

TEST(the_partition_must_be_the_one_of_the_partitioner)
{
	struct event_schema schema = plain;
	schema.key_path = NULL;
	schema.partitioner = PARTITIONER_MURMUR2;
	struct fixture *f = begin(schema);
	int32_t right = partition_murmur2(slice_of("foobar"), 8);
	EXPECT_TEXT(check_key(f, "foobar", 6, right), "");
	EXPECT_TEXT(check_key(f, "foobar", 6, (right + 1) % 8),
		    "the record is in partition 7, but murmur2 gives 6 of 8 for its key");
	EXPECT_TEXT(check_key(f, NULL, 0, 0), "the record has no key");
	schema.partitioner = PARTITIONER_CRC32;
	f = begin(schema);
	EXPECT_TEXT(check_key(f, "123456789", 9, 0xcbf43926 % 8), "");
	EXPECT_TEXT(check_key(f, "123456789", 9, 0),
		    "the record is in partition 0, but crc32 gives 6 of 8 for its key");
}

TEST(partitioners_give_the_published_hashes)
{
	/* Kafka's own test values for murmur2, as signed integers; the partition takes the lower 31 bits. */
	static const struct {
		const char *key;
		int32_t hash;
	} cases[] = {{"21", -973932308},
		     {"foobar", -790332482},
		     {"a-little-bit-long-string", -985981536},
		     {"a-little-bit-longer-string", -1486304829},
		     {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		     {"abc", 479470107}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		EXPECT_INT(partition_murmur2(slice_of(cases[i].key), INT32_MAX),
			   (cases[i].hash & 0x7fffffff) % INT32_MAX);
	EXPECT_INT(partition_crc32(slice_of("123456789"), 1000), 0xcbf43926u % 1000);
	EXPECT_INT(partition_crc32(slice_of(""), 7), 0);
}

TEST(reasons_have_their_published_names)
{
	EXPECT_TEXT(reason_name(REASON_TOO_LATE), "too_late");
	EXPECT_TEXT(reason_name(REASON_VALIDATE), "validate");
	EXPECT_TEXT(reason_name(REASON_FOLDED), "folded");
	EXPECT_TEXT(reason_name(REASON_NONE), "none");
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_whole_event_has_its_values_and_defaults),
					CASE(null_takes_the_default_and_so_does_absence),
					CASE(integers_as_id_and_entity_become_decimal_text),
					CASE(null_id_entity_or_time_is_invalid),
					CASE(texts_of_0_or_257_bytes_are_invalid_256_is_not),
					CASE(the_first_failed_conversion_is_reported_with_its_path),
					CASE(times_are_read_by_their_unit_rounding_down),
					CASE(a_time_without_unit_or_of_another_form_is_invalid),
					CASE(slots_name_their_paths_and_what_may_be_absent),
					CASE(a_key_equals_the_text_or_its_framed_avro_form),
					CASE(an_integer_key_is_its_decimal_text_or_framed_long),
					CASE(a_null_key_field_contradicts_any_key),
					CASE(an_unchecked_key_may_be_anything),
					CASE(the_partition_must_be_the_one_of_the_partitioner),
					CASE(partitioners_give_the_published_hashes),
					CASE(reasons_have_their_published_names),
					{0}},
			argc, argv);
}
