#include "daemon/pipeline/pseudonym.h"
#include "sha256.h"
#include "test/unit/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static const bool second[] = {false, true};

static struct event event_of(struct value *values)
{
	values[0] = (struct value){.present = true, .text = slice_of("DE")};
	values[1] = (struct value){.present = true, .text = slice_of("shop")};
	return (struct event){.id = slice_of("id"), .entity = slice_of("card"), .time_ms = 5, .values = values};
}

static void expect_hmac(struct slice actual, const char *text)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	hmac_sha256(slice_of("secret"), slice_of(text), digest);
	hex_of(digest, sizeof digest, hex);
	EXPECT(slice_equal(actual, slice_of(hex)));
}

TEST(what_is_named_is_replaced_and_nothing_else)
{
	struct arena *arena = arena_new(ARENA_BYTES);
	struct value values[2];
	struct event event = event_of(values);
	struct err err = {0};
	struct pseudonym_options options = {
	    .key = slice_of("secret"), .entity = true, .fields = second, .field_count = 2};
	EXPECT(pseudonym_apply(&options, &event, arena, &err) == 0);
	expect_hmac(event.entity, "card");
	expect_hmac(event.values[1].text, "shop");
	EXPECT(slice_equal(event.id, slice_of("id")) && slice_equal(event.values[0].text, slice_of("DE")));
	EXPECT(slice_equal(values[1].text, slice_of("shop")));
	options = (struct pseudonym_options){.key = slice_of("secret"), .id = true};
	event = event_of(values);
	EXPECT(pseudonym_apply(&options, &event, arena, &err) == 0);
	expect_hmac(event.id, "id");
	EXPECT(slice_equal(event.entity, slice_of("card")) && event.values == values);
	arena_free(arena);
}

TEST(nulls_stay_null)
{
	struct arena *arena = arena_new(ARENA_BYTES);
	struct value values[2];
	struct event event = event_of(values);
	struct err err = {0};
	struct pseudonym_options options = {.key = slice_of("secret"), .fields = second, .field_count = 2};
	values[1].present = false;
	EXPECT(pseudonym_apply(&options, &event, arena, &err) == 0);
	EXPECT(!event.values[1].present);
	arena_free(arena);
}

TEST(without_a_key_nothing_happens)
{
	struct arena *arena = arena_new(ARENA_BYTES);
	struct value values[2];
	struct event event = event_of(values);
	struct err err = {0};
	struct pseudonym_options options = {.entity = true, .id = true, .fields = second, .field_count = 2};
	EXPECT(pseudonym_apply(&options, &event, arena, &err) == 0);
	EXPECT(slice_equal(event.entity, slice_of("card")) && event.values == values);
	arena_free(arena);
}

TEST(an_event_is_left_as_it_was_where_memory_ends)
{
	struct value values[2];
	struct event event = event_of(values);
	struct err err = {0};
	struct pseudonym_options options = {
	    .key = slice_of("secret"), .entity = true, .id = true, .fields = second, .field_count = 2};
	struct arena *arena = arena_new(100); /* one pseudonym, not two */
	EXPECT(pseudonym_apply(&options, &event, arena, &err) == -1);
	EXPECT_INT(err.code, ERR_MEMORY);
	EXPECT(slice_equal(event.entity, slice_of("card")) && slice_equal(event.id, slice_of("id")) &&
	       event.values == values);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(what_is_named_is_replaced_and_nothing_else),
					CASE(nulls_stay_null),
					CASE(without_a_key_nothing_happens),
					CASE(an_event_is_left_as_it_was_where_memory_ends),
					{0}},
			argc, argv);
}
