#include "features/watermark.h"
#include "test/unit/test.h"

static void seen(struct watermark *watermark, const char *entity, int64_t time)
{
	watermark_advance(watermark, slice_of(entity), time);
}

static const char *leader(const struct watermark *watermark, int which)
{
	static char text[EVENT_ENTITY_MAX + 1];
	(void)snprintf(text, sizeof text, "%.*s", watermark->leaders[which].length, watermark->leaders[which].entity);
	return text;
}

TEST(there_is_none_before_a_second_entity)
{
	struct watermark watermark;
	watermark_init(&watermark);
	EXPECT(watermark_ms(&watermark) == WATERMARK_NONE);
	EXPECT(watermark.complete_since_ms == WATERMARK_NONE);
	seen(&watermark, "a", 10);
	seen(&watermark, "a", 20);
	EXPECT(watermark_ms(&watermark) == WATERMARK_NONE);
	seen(&watermark, "b", 5);
	EXPECT_INT(watermark_ms(&watermark), 5);
}

TEST(one_broken_clock_moves_nothing)
{
	struct watermark watermark;
	watermark_init(&watermark);
	seen(&watermark, "a", 10);
	seen(&watermark, "b", 12);
	seen(&watermark, "rogue", 1000000);
	EXPECT_INT(watermark_ms(&watermark), 12);
	seen(&watermark, "rogue", 2000000);
	EXPECT_INT(watermark_ms(&watermark), 12);
	seen(&watermark, "a", 30);
	EXPECT_INT(watermark_ms(&watermark), 30);
	EXPECT_TEXT(leader(&watermark, 0), "rogue");
	EXPECT_TEXT(leader(&watermark, 1), "a");
}

TEST(it_never_goes_back)
{
	struct watermark watermark;
	watermark_init(&watermark);
	seen(&watermark, "a", 10);
	seen(&watermark, "b", 12);
	seen(&watermark, "c", 3);
	seen(&watermark, "b", 1);
	seen(&watermark, "a", 9);
	EXPECT_INT(watermark_ms(&watermark), 10);
}

TEST(on_equal_times_the_earlier_leader_stays)
{
	struct watermark watermark;
	watermark_init(&watermark);
	seen(&watermark, "a", 10);
	seen(&watermark, "b", 10);
	EXPECT_TEXT(leader(&watermark, 0), "a");
	EXPECT_INT(watermark_ms(&watermark), 10);
	seen(&watermark, "c", 10);
	EXPECT_TEXT(leader(&watermark, 1), "b");
	seen(&watermark, "c", 11);
	EXPECT_TEXT(leader(&watermark, 0), "c");
	EXPECT_TEXT(leader(&watermark, 1), "a");
	EXPECT_INT(watermark_ms(&watermark), 10);
}

TEST(the_second_leader_passes_the_first)
{
	struct watermark watermark;
	watermark_init(&watermark);
	seen(&watermark, "a", 10);
	seen(&watermark, "b", 8);
	seen(&watermark, "b", 15);
	EXPECT_TEXT(leader(&watermark, 0), "b");
	EXPECT_TEXT(leader(&watermark, 1), "a");
	EXPECT_INT(watermark_ms(&watermark), 10);
}

TEST(entities_are_compared_whole)
{
	struct watermark watermark;
	char names[2][EVENT_ENTITY_MAX];
	memset(names, 'x', sizeof names);
	names[1][EVENT_ENTITY_MAX - 1] = 'y';
	watermark_init(&watermark);
	watermark_advance(&watermark, (struct slice){names[0], EVENT_ENTITY_MAX}, 10);
	watermark_advance(&watermark, (struct slice){names[0], EVENT_ENTITY_MAX - 1}, 8);
	EXPECT_INT(watermark_ms(&watermark), 8);
	watermark_advance(&watermark, (struct slice){names[1], EVENT_ENTITY_MAX}, 9);
	EXPECT_INT(watermark_ms(&watermark), 9);
}

TEST(equal_histories_give_equal_bytes)
{
	struct watermark one, other;
	watermark_init(&one);
	watermark_init(&other);
	seen(&one, "a longer name", 10);
	seen(&one, "b", 20);
	seen(&one, "c", 30);
	seen(&other, "b", 20);
	seen(&other, "c", 30);
	EXPECT(memcmp(&one, &other, sizeof one) == 0);
}

TEST(with_an_upstream_it_is_the_least_of_its_partitions)
{
	struct watermark watermark;
	watermark_init(&watermark);
	watermark_upstream(&watermark, 3, 0, 100);
	watermark_upstream(&watermark, 3, 1, 50);
	EXPECT(watermark_ms(&watermark) == WATERMARK_NONE); /* the third has not been seen */
	watermark_upstream(&watermark, 3, 2, WATERMARK_NONE);
	EXPECT(watermark_ms(&watermark) == WATERMARK_NONE); /* nor does it have one yet */
	watermark_upstream(&watermark, 3, 2, 70);
	EXPECT_INT(watermark_ms(&watermark), 50);
	watermark_upstream(&watermark, 3, 1, 40); /* it never goes back */
	EXPECT_INT(watermark_ms(&watermark), 50);
	watermark_upstream(&watermark, 3, 1, 90);
	EXPECT_INT(watermark_ms(&watermark), 70);
	watermark_upstream(&watermark, 3, 0, 500); /* one that runs ahead does not move it */
	EXPECT_INT(watermark_ms(&watermark), 70);
	watermark_upstream(&watermark, 3, 2, 80);
	EXPECT_INT(watermark_ms(&watermark), 80);
	seen(&watermark, "a", 1000); /* nor do the entities' own times */
	seen(&watermark, "b", 1000);
	EXPECT_INT(watermark_ms(&watermark), 80);
}

TEST(what_an_event_brings_along_counts_no_further_than_its_timestamp)
{
	const struct event_schema schema = {.upstream = {1, "p", "w"}}, first = {.id_path = "id"};
	struct event event = {.entity = slice_of("a"), .time_ms = 5, .timestamp_ms = 60, .upstream_watermark_ms = 100};
	struct watermark watermark;
	watermark_init(&watermark);
	watermark_take(&watermark, &schema, &event);
	EXPECT_INT(watermark_ms(&watermark), 60);
	event.timestamp_ms = 100;
	watermark_take(&watermark, &schema, &event);
	EXPECT_INT(watermark_ms(&watermark), 100);
	watermark_init(&watermark);
	watermark_take(&watermark, &first, &event);
	EXPECT(watermark_ms(&watermark) == WATERMARK_NONE && watermark.leaders[0].time_ms == 5);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(there_is_none_before_a_second_entity),
					CASE(one_broken_clock_moves_nothing),
					CASE(it_never_goes_back),
					CASE(on_equal_times_the_earlier_leader_stays),
					CASE(the_second_leader_passes_the_first),
					CASE(entities_are_compared_whole),
					CASE(equal_histories_give_equal_bytes),
					CASE(with_an_upstream_it_is_the_least_of_its_partitions),
					CASE(what_an_event_brings_along_counts_no_further_than_its_timestamp),
					{0}},
			argc, argv);
}
