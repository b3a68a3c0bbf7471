#include "test/unit/features_world.h"

#define S INT64_C(1000)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct feature_options count_over(int64_t window)
{
	return (struct feature_options){.name = "n", .operation = OPERATION_COUNT, .window_ms = window};
}

static struct feature_options on_amount(enum operation operation, int64_t window)
{
	return (struct feature_options){.name = "x", .operation = operation, .field = "amount", .window_ms = window};
}

TEST(a_window_is_exact_to_the_millisecond)
{
	const struct feature_options feature = count_over(100);
	struct world *w = world_new(&feature, 1, 0, 100);
	EXPECT(world_apply(w, (struct tx){.time = 1000}) == 0);
	EXPECT(world_apply(w, (struct tx){.time = 1000}) == 1); /* equal times: the earlier offset precedes */
	EXPECT(world_apply(w, (struct tx){.time = 1099}) == 2);
	EXPECT(world_apply(w, (struct tx){.time = 1100}) == 1); /* age 100 is outside, age 1 inside */
	EXPECT(world_apply(w, (struct tx){.time = 1199}) == 1);
	world_free(w);
}

TEST(late_event_lands_in_its_own_window)
{
	const struct feature_options feature = count_over(100);
	struct world *w = world_new(&feature, 1, 1000, 100);
	(void)world_apply(w, (struct tx){.time = 1000});
	(void)world_apply(w, (struct tx){.time = 1200});
	EXPECT(world_apply(w, (struct tx){.time = 1090}) == 1);
	EXPECT_INT(w->flags, FLAG_LATE | FLAG_WARMING);
	EXPECT(world_apply(w, (struct tx){.time = 1150}) == 1); /* sees 1090, not 1200 */
	EXPECT(world_apply(w, (struct tx){.time = 1249}) == 2); /* 1150 and 1200 */
	EXPECT_INT(w->flags & FLAG_LATE, 0);
	/* At an equal time the offset decides: this one precedes the event at 1200. */
	EXPECT(world_apply(w, (struct tx){.time = 1200, .offset = 1}) == 1);
	EXPECT_INT(w->flags & FLAG_LATE, FLAG_LATE);
	world_free(w);
}

TEST(horizon_is_watermark_less_lateness_to_the_millisecond)
{
	const struct feature_options feature = count_over(100);
	struct world *w = world_new(&feature, 1, 50, 100);
	(void)world_apply(w, (struct tx){.time = 1000});
	(void)world_apply(w, (struct tx){.entity = "B", .time = 2000});
	EXPECT_INT(watermark_ms(&w->watermark), 1000);
	(void)world_apply(w, (struct tx){.time = 949});
	EXPECT_INT(w->outcome, OUTCOME_TOO_LATE);
	EXPECT_INT(w->reason, REASON_TOO_LATE);
	(void)world_apply(w, (struct tx){.time = 950});
	EXPECT_INT(w->outcome, OUTCOME_SCORED);
	EXPECT_INT(w->reason, REASON_NONE);
	EXPECT_INT(entity_event_count(w->entities[0]), 2);
	/* The watermark is read before the event and moved after it: B's own jump does not make B late. */
	(void)world_apply(w, (struct tx){.time = 5000});
	EXPECT_INT(watermark_ms(&w->watermark), 2000);
	(void)world_apply(w, (struct tx){.entity = "B", .time = 1950});
	EXPECT_INT(w->outcome, OUTCOME_SCORED);
	world_free(w);
}

TEST(a_duplicate_counts_once_while_it_is_in_time)
{
	const struct feature_options feature = count_over(1000);
	struct world *w = world_new(&feature, 1, 50, 100);
	(void)world_apply(w, (struct tx){.time = 1000, .id = "a"});
	(void)world_apply(w, (struct tx){.time = 1000, .id = "a"});
	EXPECT_INT(w->outcome, OUTCOME_DUPLICATE);
	EXPECT_INT(w->reason, REASON_DUPLICATE);
	/* With another time it is caught too, while the first is not before the horizon. */
	(void)world_apply(w, (struct tx){.time = 1040, .id = "a"});
	EXPECT_INT(w->outcome, OUTCOME_DUPLICATE);
	/* The same id at another entity is another event. */
	(void)world_apply(w, (struct tx){.entity = "B", .time = 1050, .id = "a"});
	EXPECT_INT(w->outcome, OUTCOME_SCORED);
	(void)world_apply(w, (struct tx){.entity = "C", .time = 1050});
	EXPECT_INT(watermark_ms(&w->watermark), 1050);
	(void)world_apply(w, (struct tx){.time = 1000, .id = "a"});
	EXPECT_INT(w->outcome, OUTCOME_DUPLICATE);
	(void)world_apply(w, (struct tx){.entity = "B", .time = 1051});
	(void)world_apply(w, (struct tx){.entity = "C", .time = 1051});
	EXPECT_INT(watermark_ms(&w->watermark), 1051);
	/* Now the first is before the horizon: sent again unchanged it is too late, with a new time it is scored. */
	(void)world_apply(w, (struct tx){.time = 1000, .id = "a"});
	EXPECT_INT(w->outcome, OUTCOME_TOO_LATE);
	EXPECT(world_apply(w, (struct tx){.time = 1060, .id = "a"}) == 1);
	EXPECT_INT(w->outcome, OUTCOME_SCORED);
	world_free(w);
}

TEST(what_is_not_scored_changes_nothing)
{
	const struct feature_options feature = count_over(1000);
	struct world *w = world_new(&feature, 1, 0, 100);
	struct buffer before, after;
	buffer_init(&before);
	buffer_init(&after);
	(void)world_apply(w, (struct tx){.entity = "B", .time = 1000});
	(void)world_apply(w, (struct tx){.time = 1000, .id = "a"});
	struct watermark watermark = w->watermark;
	(void)world_record(w, &before);
	(void)world_apply(w, (struct tx){.time = 1000, .id = "a"});
	(void)world_apply(w, (struct tx){.time = 999});
	EXPECT(slice_equal(buffer_slice(&before), world_record(w, &after)));
	EXPECT(memcmp(&watermark, &w->watermark, sizeof watermark) == 0);
	buffer_free(&before);
	buffer_free(&after);
	world_free(w);
}

TEST(an_event_far_ahead_of_its_record_is_future)
{
	const struct event_schema schema = {.max_ahead_ms = 1000};
	struct event event = {.time_ms = 6000, .timestamp_ms = 5000};
	EXPECT(!apply_is_future(&schema, &event));
	event.time_ms = 6001;
	EXPECT(apply_is_future(&schema, &event));
	event.timestamp_ms = INT64_MAX;
	EXPECT(!apply_is_future(&schema, &event));
}

TEST(sums_are_exact_and_in_major_units)
{
	const struct feature_options features[] = {
	    on_amount(OPERATION_SUM, 1000),     on_amount(OPERATION_MEAN, 1000),   on_amount(OPERATION_MIN, 1000),
	    on_amount(OPERATION_MAX, 1000),     on_amount(OPERATION_STDDEV, 1000), on_amount(OPERATION_ZSCORE, 1000),
	    on_amount(OPERATION_RATIO, 1000),   on_amount(OPERATION_COUNT, 1000),  on_amount(OPERATION_DISTINCT, 1000),
	    on_amount(OPERATION_PREVIOUS, 1000)};
	struct feature_options named[COUNT(features)];
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
	for (size_t i = 0; i < COUNT(features); i++) {
		named[i] = features[i];
		named[i].name = names[i];
	}
	struct world *w = world_new(named, COUNT(named), 0, 100);
	/* With nothing in the window. */
	EXPECT(world_apply(w, (struct tx){.time = 1, AMOUNT(1000)}) == 0);
	for (size_t i = 1; i < 10; i++)
		EXPECT(i == 7 || i == 8 ? w->values[i] == 0 : isnan(w->values[i]));
	EXPECT_INT(w->usual[5].n, 0);
	EXPECT(isnan(w->usual[5].mean));
	/* One event: still no deviation. */
	(void)world_apply(w, (struct tx){.time = 2, AMOUNT(1030)});
	EXPECT(w->values[0] == 10 && w->values[1] == 10 && isnan(w->values[4]) && isnan(w->values[5]));
	EXPECT(w->values[6] == 1.03);
	(void)world_apply(w, (struct tx){.time = 3}); /* nulls are passed over */
	EXPECT(isnan(w->values[5]) && isnan(w->values[6]));
	(void)world_apply(w, (struct tx){.time = 4, AMOUNT(2000)});
	EXPECT(w->values[0] == 20.3 && w->values[1] == 10.15);
	EXPECT(w->values[2] == 10 && w->values[3] == 10.3);
	EXPECT(w->values[4] == sqrt(900.0 / 2) / 100); /* n * squares - sum^2 = 900, n * (n - 1) = 2 */
	EXPECT(w->values[5] == (1970.0 / 2) / sqrt(450));
	EXPECT(w->values[6] == 4000.0 / 2030);
	EXPECT(w->values[7] == 2 && w->values[8] == 2 && w->values[9] == 10.3);
	EXPECT_INT(w->usual[5].n, 2);
	EXPECT(w->usual[5].mean == 10.15 && w->usual[6].mean == 10.15);
	EXPECT_INT(w->usual[0].n, -1);
	world_free(w);
}

TEST(a_deviation_below_one_unit_counts_as_one)
{
	struct feature_options features[] = {on_amount(OPERATION_ZSCORE, 1000), on_amount(OPERATION_RATIO, 1000)};
	features[1].name = "ratio";
	struct world *w = world_new(features, 2, 0, 100);
	for (int64_t time = 1; time < 5; time++)
		(void)world_apply(w, (struct tx){.time = time, AMOUNT(0)});
	EXPECT(world_apply(w, (struct tx){.time = 5, AMOUNT(-7)}) == -7);
	EXPECT(w->values[1] == -7);
	world_free(w);
}

TEST(include_current_adds_the_event_where_it_matches)
{
	const struct condition_options large = {.field = "amount", .above = {.kind = LITERAL_NUMBER, .text = "5"}};
	struct feature_options features[] = {on_amount(OPERATION_SUM, 1000), count_over(1000),
					     on_amount(OPERATION_DISTINCT, 1000), on_amount(OPERATION_MAX, 1000)};
	static const char *const names[] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < 4; i++) {
		features[i].name = names[i];
		features[i].include_current = true;
		features[i].where = &large;
		features[i].where_count = 1;
	}
	struct world *w = world_new(features, 4, 0, 100);
	EXPECT(world_apply(w, (struct tx){.time = 1, AMOUNT(600)}) == 6);
	EXPECT(w->values[1] == 1 && w->values[2] == 1 && w->values[3] == 6);
	EXPECT(world_apply(w, (struct tx){.time = 2, AMOUNT(500)}) == 6);
	EXPECT(w->values[1] == 1 && w->values[2] == 1);
	EXPECT(world_apply(w, (struct tx){.time = 3, AMOUNT(600)}) == 12);
	EXPECT(w->values[1] == 2 && w->values[2] == 1);
	EXPECT(world_apply(w, (struct tx){.time = 4}) == 12);
	world_free(w);
}

TEST(same_compares_with_the_event_and_null_makes_it_missing)
{
	const struct condition_options same = {.field = "shop", .same = true};
	struct feature_options feature = count_over(1000);
	feature.where = &same;
	feature.where_count = 1;
	struct world *w = world_new(&feature, 1, 0, 100);
	EXPECT(world_apply(w, (struct tx){.time = 1, .shop = "x"}) == 0);
	EXPECT(world_apply(w, (struct tx){.time = 2, .shop = "y"}) == 0);
	EXPECT(world_apply(w, (struct tx){.time = 3, .shop = "x"}) == 1);
	EXPECT(isnan(world_apply(w, (struct tx){.time = 4})));
	EXPECT(world_apply(w, (struct tx){.time = 5, .shop = "x"}) == 2);
	world_free(w);
}

TEST(hours_of_a_where_are_those_of_the_past_events)
{
	const struct condition_options night = {.has_hours = true, .hours_from = 0, .hours_to = 6};
	struct feature_options features[] = {count_over(86400 * S), count_over(86400 * S)};
	features[1].name = "with";
	features[1].include_current = true;
	features[0].where = features[1].where = &night;
	features[0].where_count = features[1].where_count = 1;
	struct world *w = world_new(features, 2, 0, 100);
	(void)world_apply(w, (struct tx){.time = 3600 * S});
	EXPECT(w->values[0] == 0 && w->values[1] == 1);
	(void)world_apply(w, (struct tx){.time = 7 * 3600 * S});
	EXPECT(w->values[0] == 1 && w->values[1] == 1);
	(void)world_apply(w, (struct tx){.time = 8 * 3600 * S});
	EXPECT(w->values[0] == 1);
	world_free(w);
}

TEST(the_events_own_values)
{
	static const char *const channels[] = {"POS", "WEB"};
	const struct utc_offset plus_one = {INT64_MIN, 3600 * S};
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_VALUE, .field = "amount"},
	    {.name = "b", .operation = OPERATION_LOG1P, .field = "amount"},
	    {.name = "c", .operation = OPERATION_VALUE, .field = "channel", .values = channels, .value_count = 2},
	    {.name = "d", .operation = OPERATION_VALUE, .field = "flag"},
	    {.name = "e", .operation = OPERATION_HOUR, .utc_offsets = &plus_one, .utc_offset_count = 1},
	    {.name = "f", .operation = OPERATION_WEEKDAY, .utc_offsets = &plus_one, .utc_offset_count = 1},
	    {.name = "g", .operation = OPERATION_QUOTIENT, .of = {"a", "e"}},
	    {.name = "h", .operation = OPERATION_VALUE, .field = "real"}};
	struct world *w = world_new(features, COUNT(features), 0, 100);
	/* 1970-01-01 was a Thursday. */
	(void)world_apply(
	    w, (struct tx){.time = 23 * 3600 * S - 1, AMOUNT(-250), .channel = "WEB", .has_flag = true, .flag = true});
	EXPECT(w->values[0] == -2.5 && fabs(w->values[1] + log(3.5)) < 1e-15);
	EXPECT(w->values[2] == 1 && w->values[3] == 1 && w->values[4] == 23 && w->values[5] == 3);
	EXPECT(w->values[6] == -2.5 / 23 && isnan(w->values[7]));
	(void)world_apply(
	    w, (struct tx){.time = 23 * 3600 * S, AMOUNT(100), .channel = "ATM", .has_real = true, .real = -1.5});
	EXPECT(w->values[2] == 2 && isnan(w->values[3]) && w->values[4] == 0 && w->values[5] == 4);
	EXPECT(isnan(w->values[6])); /* by zero */
	EXPECT(w->values[7] == -1.5);
	(void)world_apply(w, (struct tx){.time = 24 * 3600 * S});
	EXPECT(isnan(w->values[0]) && isnan(w->values[1]) && isnan(w->values[2]) && isnan(w->values[6]));
	EXPECT_INT(w->flags, 0);
	world_free(w);
}

TEST(a_quotient_that_overflows_is_missing_and_flagged)
{
	const struct feature_options features[] = {
	    {.name = "q", .operation = OPERATION_QUOTIENT, .of = {"big", "small"}},
	    {.name = "big", .operation = OPERATION_MAX, .field = "real", .window_ms = 1000},
	    {.name = "small", .operation = OPERATION_MIN, .field = "real", .window_ms = 1000}};
	struct world *w = world_new(features, 3, 0, 100);
	(void)world_apply(w, (struct tx){.time = 1, .has_real = true, .real = 1e300});
	(void)world_apply(w, (struct tx){.time = 2, .has_real = true, .real = 1e-300});
	EXPECT(world_apply(w, (struct tx){.time = 2000}) != 0 && isnan(w->values[0]) &&
	       (w->flags & FLAG_OVERFLOW) == 0);
	(void)world_apply(w, (struct tx){.time = 2001, .has_real = true, .real = 1e300});
	(void)world_apply(w, (struct tx){.time = 2002, .has_real = true, .real = 1e-300});
	EXPECT(isnan(world_apply(w, (struct tx){.time = 2003})));
	EXPECT_INT(w->flags & FLAG_OVERFLOW, FLAG_OVERFLOW);
	EXPECT(w->values[1] == 1e300 && w->values[2] == 1e-300);
	world_free(w);
}

TEST(intervals_are_seconds_to_matching_events)
{
	const struct condition_options web = {.field = "channel", .equals = {.kind = LITERAL_TEXT, .text = "WEB"}};
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_SINCE_PREVIOUS, .window_ms = 100 * S},
	    {.name = "b", .operation = OPERATION_AGE, .window_ms = 100 * S},
	    {.name = "c", .operation = OPERATION_SINCE_PREVIOUS, .window_ms = 100 * S, .where = &web, .where_count = 1},
	    {.name = "d", .operation = OPERATION_SINCE_PREVIOUS, .field = "amount", .window_ms = 100 * S}};
	struct world *w = world_new(features, 4, 0, 100);
	EXPECT(isnan(world_apply(w, (struct tx){.time = 0, .channel = "WEB", AMOUNT(1)})));
	EXPECT(isnan(w->values[1]));
	(void)world_apply(w, (struct tx){.time = 1500, .channel = "POS"});
	EXPECT(w->values[0] == 1.5 && w->values[1] == 1.5 && w->values[2] == 1.5 && w->values[3] == 1.5);
	(void)world_apply(w, (struct tx){.time = 4000});
	EXPECT(w->values[0] == 2.5 && w->values[1] == 4 && w->values[2] == 4 && w->values[3] == 4);
	(void)world_apply(w, (struct tx){.time = 100 * S});
	EXPECT(w->values[0] == 96 && w->values[1] == 98.5 && isnan(w->values[2]) && isnan(w->values[3]));
	world_free(w);
}

TEST(speed_is_from_the_last_event_with_both_coordinates)
{
	const struct feature_options feature = {
	    .name = "v", .operation = OPERATION_GEO_SPEED, .lat = "lat", .lon = "lon", .window_ms = 86400 * S};
	struct world *w = world_new(&feature, 1, 0, 100);
	EXPECT(isnan(world_apply(w, (struct tx){.time = 0, PLACE(5236000, 490000)}))); /* Amsterdam */
	EXPECT(isnan(world_apply(w, (struct tx){.time = 1800 * S})));
	/* Munich, an hour after Amsterdam: 667 km. */
	double speed = world_apply(w, (struct tx){.time = 3600 * S, PLACE(4813700, 1157500)});
	EXPECT(fabs(speed - 666.6) < 2);
	/* In the same instant at least a second is counted. */
	EXPECT(world_apply(w, (struct tx){.time = 3600 * S, PLACE(4813700, 1157500)}) == 0);
	speed = world_apply(w, (struct tx){.time = 3600 * S, PLACE(-4813700, -16842500)});
	EXPECT(fabs(speed - 3.14159265358979 * 6371.0088 * 3600) < 1); /* half way round the world */
	world_free(w);
}

/* ---- warming */

TEST(a_window_is_warm_once_its_whole_length_was_seen)
{
	const struct feature_options feature = count_over(100);
	struct world *w = world_new(&feature, 1, 1000, 100);
	(void)world_apply(w, (struct tx){.time = 1000});
	EXPECT_INT(w->watermark.complete_since_ms, 1000);
	EXPECT_INT(w->flags, FLAG_WARMING);
	(void)world_apply(w, (struct tx){.entity = "B", .time = 1099});
	EXPECT_INT(w->flags, FLAG_WARMING);
	(void)world_apply(w, (struct tx){.entity = "C", .time = 1100});
	EXPECT_INT(w->flags, 0);
	(void)world_apply(w, (struct tx){.entity = "C", .time = 900});
	EXPECT_INT(w->flags, FLAG_WARMING | FLAG_LATE);
	EXPECT_INT(w->watermark.complete_since_ms, 1000);
	world_free(w);
}

/* ---- folding */

TEST(beyond_max_events_sums_go_on_over_panes)
{
	struct feature_options features[] = {count_over(6400), on_amount(OPERATION_SUM, 6400), count_over(300)};
	features[0].name = "long";
	features[2].name = "short";
	struct world *w = world_new(features, 3, 0, 3);
	EXPECT_INT(feature_set_pane_ms(w->set), 100);
	for (int64_t i = 0; i < 10; i++) {
		EXPECT(world_apply(w, (struct tx){.time = 1000 + 100 * i, AMOUNT(100)}) == (double)i);
		EXPECT(w->values[1] == (double)i);
		EXPECT(w->values[2] == (double)(i < 2 ? i : 2));
		EXPECT_INT(w->flags & FLAG_APPROXIMATE, i < 4 ? 0 : FLAG_APPROXIMATE);
		EXPECT_INT(w->flags & FLAG_TRUNCATED, 0);
		EXPECT_INT(entity_event_count(w->entities[0]), i < 3 ? i + 1 : 3);
	}
	/* Seven are folded: 1000 to 1600. A pane counts if any part of it is in the window. */
	/* From 1501 on: the pane of 1500 and that of 1600, and three rows. */
	EXPECT(world_apply(w, (struct tx){.time = 1500 + 6400}) == 5);
	world_free(w);
}

TEST(the_edge_of_a_window_is_rounded_to_its_pane)
{
	const struct feature_options feature = count_over(6400);
	struct world *w = world_new(&feature, 1, 0, 2);
	static const int64_t times[] = {1000, 1050, 1099, 1100, 1300, 1400};
	for (size_t i = 0; i < COUNT(times); i++)
		(void)world_apply(w, (struct tx){.time = times[i]});
	/* Folded: 1000 1050 1099 1100; fold edge 1101. From 1099 on: the pane [1000, 1100) still counts whole. */
	EXPECT(world_apply(w, (struct tx){.entity = "B", .time = 0}) == 0);
	struct value values[WORLD_FIELDS];
	char id[24];
	struct vector vector = {w->values, NULL, 0};
	static const struct {
		int64_t time;
		double count;
		unsigned flags;
	} peeks[] = {{1098 + 6400, 6, FLAG_APPROXIMATE}, {1099 + 6400, 3, FLAG_APPROXIMATE}, {1099 + 6401, 2, 0}};
	for (size_t i = 0; i < COUNT(peeks); i++) {
		struct event event = world_event(w, &(struct tx){.time = peeks[i].time}, values, id);
		EXPECT(apply_peek(w->set, w->entities[0], &w->watermark, &event, &vector) == 0);
		EXPECT(w->values[0] == peeks[i].count);
		EXPECT_INT(vector.flags & (FLAG_APPROXIMATE | FLAG_TRUNCATED), peeks[i].flags);
	}
	world_free(w);
}

TEST(other_operations_are_missing_before_the_fold_edge)
{
	const struct condition_options same = {.field = "shop", .same = true};
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 6400},
	    {.name = "b", .operation = OPERATION_COUNT, .window_ms = 6400, .where = &same, .where_count = 1},
	    {.name = "c", .operation = OPERATION_SINCE_PREVIOUS, .window_ms = 6400},
	    {.name = "d", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 150},
	    {.name = "e", .operation = OPERATION_ZSCORE, .field = "amount", .window_ms = 6400}};
	struct world *w = world_new(features, 5, 0, 2);
	for (int64_t i = 0; i < 4; i++)
		(void)world_apply(w, (struct tx){.time = 1000 + 100 * i, .shop = "x", AMOUNT(100 * i)});
	EXPECT(isnan(w->values[0]) && isnan(w->values[1]) && isnan(w->values[2]) && w->values[3] == 1);
	EXPECT(w->values[4] == 2 / 1.0 && w->usual[4].n == 3); /* 0, 1, 2 folded and not: deviation 1, distance 2 */
	EXPECT_INT(w->flags & (FLAG_TRUNCATED | FLAG_APPROXIMATE), FLAG_TRUNCATED | FLAG_APPROXIMATE);
	world_free(w);
}

TEST(an_event_before_the_fold_edge_is_too_late_and_says_folded)
{
	const struct feature_options feature = count_over(6400);
	struct world *w = world_new(&feature, 1, 100, 2);
	(void)world_apply(w, (struct tx){.time = 1000});
	(void)world_apply(w, (struct tx){.time = 1000});
	(void)world_apply(w, (struct tx){.time = 1000}); /* folds the first; two of the same time stay */
	EXPECT(world_apply(w, (struct tx){.time = 1010}) == 3);
	EXPECT_INT(entity_event_count(w->entities[0]), 2);
	(void)world_apply(w, (struct tx){.time = 1000});
	EXPECT_INT(w->outcome, OUTCOME_TOO_LATE);
	EXPECT_INT(w->reason, REASON_FOLDED);
	(void)world_apply(w, (struct tx){.time = 1001});
	EXPECT_INT(w->outcome, OUTCOME_SCORED);
	/* Where the watermark alone makes it late, that is the reason. */
	(void)world_apply(w, (struct tx){.time = 2000});
	(void)world_apply(w, (struct tx){.entity = "B", .time = 3000});
	EXPECT_INT(watermark_ms(&w->watermark), 2000);
	(void)world_apply(w, (struct tx){.time = 900});
	EXPECT_INT(w->reason, REASON_TOO_LATE);
	(void)world_apply(w, (struct tx){.time = 1899});
	EXPECT_INT(w->reason, REASON_TOO_LATE);
	world_free(w);
}

TEST(a_late_event_counts_for_max_events)
{
	const struct feature_options feature = count_over(6400);
	struct world *w = world_new(&feature, 1, 1000, 2);
	(void)world_apply(w, (struct tx){.time = 1000});
	(void)world_apply(w, (struct tx){.time = 2000});
	EXPECT(world_apply(w, (struct tx){.time = 500}) == 0); /* the oldest: folded at once */
	EXPECT_INT(w->flags & FLAG_LATE, FLAG_LATE);
	EXPECT_INT(entity_event_count(w->entities[0]), 2);
	(void)world_apply(w, (struct tx){.time = 500});
	EXPECT_INT(w->reason, REASON_FOLDED);
	EXPECT(world_apply(w, (struct tx){.time = 501}) == 1);
	world_free(w);
}

TEST(a_pane_stays_while_a_late_event_can_reach_it)
{
	/* Reach 6400 + 6400, panes of 200 ms. Folded: 150 and 199, in the pane that ends at 200. */
	const struct feature_options feature = count_over(6400);
	struct world *w = world_new(&feature, 1, 6400, 2);
	(void)world_apply(w, (struct tx){.entity = "B", .time = 100});
	(void)world_apply(w, (struct tx){.time = 150});
	(void)world_apply(w, (struct tx){.time = 199});
	(void)world_apply(w, (struct tx){.time = 12998});
	(void)world_apply(w, (struct tx){.time = 12999});
	(void)world_apply(w, (struct tx){.entity = "B", .time = 12998});
	EXPECT_INT(watermark_ms(&w->watermark), 12998); /* less reach: 198 */
	/* The earliest that is in time, 6598, reaches back to 199. */
	EXPECT(world_apply(w, (struct tx){.time = 6598}) == 2);
	EXPECT_INT(w->flags & (FLAG_LATE | FLAG_APPROXIMATE), FLAG_LATE | FLAG_APPROXIMATE);
	(void)world_apply(w, (struct tx){.entity = "B", .time = 13001});
	EXPECT_INT(watermark_ms(&w->watermark), 12999);
	EXPECT(world_apply(w, (struct tx){.time = 6599}) == 1); /* 6598 was folded, and 150 is out of reach */
	world_free(w);
}

TEST(a_lone_entity_keeps_its_memory_bounded)
{
	/* Without a second entity there is no watermark, and nothing ever leaves reach. */
	struct feature_options features[] = {count_over(6400), on_amount(OPERATION_STDDEV, 6400)};
	struct world *w = world_new(features, 2, 0, 8);
	size_t size = 0;
	for (int64_t i = 0; i < 20000; i++) {
		(void)world_apply(w, (struct tx){.time = 37 * i, AMOUNT(i)});
		if (i == 2000)
			size = entity_size(w->entities[0]);
	}
	EXPECT(watermark_ms(&w->watermark) == WATERMARK_NONE);
	EXPECT(entity_size(w->entities[0]) <= size);
	EXPECT(size < 16384);
	/* 6400 / 37 = 172.97 events; the pane that the window begins in adds at most two. */
	EXPECT(w->values[0] >= 172 && w->values[0] <= 175);
	world_free(w);
}

TEST(squares_that_overflow_are_missing_and_flagged_sums_are_not)
{
	struct feature_options features[] = {on_amount(OPERATION_STDDEV, INT64_C(1) << 38),
					     on_amount(OPERATION_SUM, INT64_C(1) << 38)};
	features[1].name = "sum";
	struct world *w = world_new(features, 2, 0, 2);
	const int64_t most = INT64_C(1) << 53;
	const long overflowing = 1L << 21; /* times 2^106 is 2^127 */
	for (long i = 0; i < overflowing; i++)
		(void)world_apply(w, (struct tx){.time = i, AMOUNT(i % 2 == 0 ? most : -most)});
	EXPECT_INT(w->flags & FLAG_OVERFLOW, 0);
	EXPECT(w->values[0] > 9e13 && w->values[1] == (double)most / 100);
	(void)world_apply(w, (struct tx){.time = overflowing, AMOUNT(0)});
	EXPECT_INT(w->flags & FLAG_OVERFLOW, FLAG_OVERFLOW);
	EXPECT(isnan(w->values[0]) && w->values[1] == 0);
	world_free(w);
}

TEST(a_field_beside_its_value_says_what_is_usual)
{
	struct feature_options features[] = {{.name = "v", .operation = OPERATION_VALUE, .field = "amount"},
					     on_amount(OPERATION_COUNT, 100),
					     on_amount(OPERATION_MAX, 1000),
					     {.name = "lat", .operation = OPERATION_VALUE, .field = "lat"}};
	features[1].name = "short";
	struct world *w = world_new(features, 4, 0, 100);
	(void)world_apply(w, (struct tx){.time = 0, AMOUNT(100), PLACE(1, 1)});
	EXPECT(w->usual[0].n == 0 && isnan(w->usual[0].mean) && w->usual[3].n == -1);
	(void)world_apply(w, (struct tx){.time = 500, AMOUNT(300)});
	(void)world_apply(w, (struct tx){.time = 900, AMOUNT(500)});
	EXPECT(w->usual[0].n == 2 && w->usual[0].mean == 2);
	(void)world_apply(w, (struct tx){.time = 1000});
	EXPECT(w->usual[0].n == 2 && w->usual[0].mean == 4); /* also beside a null */
	world_free(w);
}

TEST(thousands_of_different_values_are_counted)
{
	const struct feature_options features[] = {
	    {.name = "shops",
	     .operation = OPERATION_DISTINCT,
	     .field = "shop",
	     .window_ms = 1 << 20,
	     .include_current = true},
	    {.name = "reals", .operation = OPERATION_DISTINCT, .field = "real", .window_ms = 1 << 20},
	    {.name = "some", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 100}};
	struct world *w = world_new(features, 3, 0, 20000);
	enum { MANY = 5000, SHOPS = 4000 };
	for (int64_t i = 0; i < MANY; i++) {
		/* Long names, so that their numbers leave the space on the stack behind. */
		char shop[160];
		(void)snprintf(shop, sizeof shop, "%0*d", 140, (int)(i * 7 % SHOPS));
		EXPECT(world_apply(w, (struct tx){.time = i, .shop = shop, .has_real = true, .real = (double)i / 3}) ==
		       (double)(i < SHOPS ? i + 1 : SHOPS));
		EXPECT(w->values[1] == (double)i && w->values[2] == (double)(i < 99 ? i : 99));
	}
	world_free(w);
}

TEST(looking_changes_nothing)
{
	const struct feature_options feature = count_over(1000);
	struct world *w = world_new(&feature, 1, 0, 100);
	struct entity *nobody = entity_new(w->set);
	struct value values[WORLD_FIELDS];
	char id[24];
	double value;
	struct vector vector = {&value, NULL, 0};
	struct event event = world_event(w, &(struct tx){.time = 500}, values, id);
	EXPECT(apply_peek(w->set, nobody, &w->watermark, &event, &vector) == 0);
	EXPECT(value == 0 && vector.flags == FLAG_WARMING);
	EXPECT(w->watermark.complete_since_ms == WATERMARK_NONE);
	(void)world_apply(w, (struct tx){.time = 400});
	EXPECT(apply_peek(w->set, w->entities[0], &w->watermark, &event, &vector) == 0);
	EXPECT(value == 1);
	EXPECT_INT(entity_event_count(w->entities[0]), 1);
	entity_free(nobody);
	world_free(w);
}

TEST(names_are_the_published_ones)
{
	EXPECT_TEXT(outcome_name(OUTCOME_TOO_LATE), "too_late");
	EXPECT_TEXT(outcome_name(OUTCOME_SCORED), "scored");
	EXPECT_TEXT(flag_name(0), "late");
	EXPECT_TEXT(flag_name(FLAG_NUMBER - 1), "fallback");
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_window_is_exact_to_the_millisecond),
					CASE(late_event_lands_in_its_own_window),
					CASE(horizon_is_watermark_less_lateness_to_the_millisecond),
					CASE(a_duplicate_counts_once_while_it_is_in_time),
					CASE(what_is_not_scored_changes_nothing),
					CASE(an_event_far_ahead_of_its_record_is_future),
					CASE(sums_are_exact_and_in_major_units),
					CASE(a_deviation_below_one_unit_counts_as_one),
					CASE(include_current_adds_the_event_where_it_matches),
					CASE(same_compares_with_the_event_and_null_makes_it_missing),
					CASE(hours_of_a_where_are_those_of_the_past_events),
					CASE(the_events_own_values),
					CASE(a_quotient_that_overflows_is_missing_and_flagged),
					CASE(intervals_are_seconds_to_matching_events),
					CASE(speed_is_from_the_last_event_with_both_coordinates),
					CASE(a_window_is_warm_once_its_whole_length_was_seen),
					CASE(beyond_max_events_sums_go_on_over_panes),
					CASE(the_edge_of_a_window_is_rounded_to_its_pane),
					CASE(other_operations_are_missing_before_the_fold_edge),
					CASE(an_event_before_the_fold_edge_is_too_late_and_says_folded),
					CASE(a_late_event_counts_for_max_events),
					CASE(a_pane_stays_while_a_late_event_can_reach_it),
					CASE(a_lone_entity_keeps_its_memory_bounded),
					CASE(squares_that_overflow_are_missing_and_flagged_sums_are_not),
					CASE(a_field_beside_its_value_says_what_is_usual),
					CASE(thousands_of_different_values_are_counted),
					CASE(looking_changes_nothing),
					CASE(names_are_the_published_ones),
					{0}},
			argc, argv);
}
