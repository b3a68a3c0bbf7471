/* The operations that look at single events of their window, by hand. */
#include "elementary.h"
#include "test/unit/features_world.h"

#define S INT64_C(1000)
#define DAY (86400 * S)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct feature_options on(enum operation operation, const char *field, int64_t window)
{
	return (struct feature_options){.name = "x", .operation = operation, .field = field, .window_ms = window};
}

TEST(percentile_counts_equal_values_half)
{
	struct feature_options features[] = {on(OPERATION_PERCENTILE, "amount", 1000),
					     on(OPERATION_PERCENTILE, "real", 1000),
					     on(OPERATION_PERCENTILE, "flag", 1000)};
	features[1].name = "real";
	features[2].name = "flag";
	struct world *w = world_new(features, 3, 0, 100);
	EXPECT(isnan(world_apply(w, (struct tx){.time = 1, AMOUNT(500), .has_real = true, .real = -0.5})));
	EXPECT(isnan(w->values[1]) && isnan(w->values[2]));
	EXPECT(world_apply(w, (struct tx){.time = 2, AMOUNT(500), .has_real = true, .real = -1e300}) == 0.5);
	EXPECT(w->values[1] == 0);
	(void)world_apply(w, (struct tx){.time = 3}); /* nulls are passed over, and have no place */
	EXPECT(isnan(w->values[0]) && isnan(w->values[1]));
	EXPECT(world_apply(w, (struct tx){.time = 4, AMOUNT(-100), .has_flag = true}) == 0);
	EXPECT(world_apply(w, (struct tx){.time = 5, AMOUNT(600), .has_real = true, .real = -0.5, .has_flag = true}) ==
	       1);
	EXPECT(w->values[1] == 0.75 && w->values[2] == 0.5);
	/* -100 500 500 600 */
	EXPECT(world_apply(w, (struct tx){.time = 6, AMOUNT(500)}) == 0.5);
	EXPECT(world_apply(w, (struct tx){.time = 1001, AMOUNT(501)}) == 3.0 / 4); /* the first has left */
	world_free(w);
}

TEST(robust_z_is_the_distance_from_the_median_in_typical_ones)
{
	const struct feature_options feature = on(OPERATION_ROBUST_Z, "amount", 1000);
	struct world *w = world_new(&feature, 1, 0, 100);
	static const int64_t amounts[] = {1000, 1010, 900, 100000, 1020};
	for (size_t i = 0; i < COUNT(amounts); i++)
		EXPECT(isnan(world_apply(w, (struct tx){.time = (int64_t)i, AMOUNT(amounts[i])})));
	/* Median 1010; distances 10 0 110 98990 10, their median 10. */
	EXPECT(isnan(world_apply(w, (struct tx){.time = 10})));
	EXPECT(world_apply(w, (struct tx){.time = 11, AMOUNT(2010)}) == 1000 / (1.4826 * 10));
	/* Of six the third: 1010 again; distances 0 10 10 110 1000 98990, their third 10. */
	EXPECT(world_apply(w, (struct tx){.time = 12, AMOUNT(1009)}) == -1 / (1.4826 * 10));
	world_free(w);
}

TEST(robust_z_divides_by_at_least_one_unit)
{
	const struct feature_options feature = on(OPERATION_ROBUST_Z, "amount", 1000);
	struct world *w = world_new(&feature, 1, 0, 100);
	for (int64_t i = 0; i < 5; i++)
		(void)world_apply(w, (struct tx){.time = i, AMOUNT(700)});
	EXPECT(world_apply(w, (struct tx){.time = 6, AMOUNT(650)}) == -50);
	world_free(w);
}

TEST(values_at_both_ends_of_their_range_have_a_median)
{
	const int64_t most = INT64_C(1) << 53;
	const struct feature_options feature = on(OPERATION_ROBUST_Z, "amount", 1000);
	struct world *w = world_new(&feature, 1, 0, 100);
	for (int64_t i = 0; i < 5; i++)
		(void)world_apply(w, (struct tx){.time = i, AMOUNT(i % 2 == 0 ? -most : most)});
	/* Median -most; distances 0 0 0 2*most 2*most. */
	EXPECT(world_apply(w, (struct tx){.time = 5, AMOUNT(most)}) == 2 * (double)most);
	(void)world_apply(w, (struct tx){.time = 6, AMOUNT(most)});
	/* -most three times, most four times: the distances from most are 0 four times. */
	EXPECT(world_apply(w, (struct tx){.time = 7, AMOUNT(-most)}) == -2 * (double)most);
	world_free(w);
}

TEST(an_event_counts_half_after_each_half_life)
{
	struct feature_options features[] = {on(OPERATION_DECAYED_COUNT, NULL, 100 * S),
					     on(OPERATION_DECAYED_COUNT, "amount", 100 * S),
					     on(OPERATION_DECAYED_SUM, "amount", 100 * S)};
	for (size_t i = 0; i < COUNT(features); i++)
		features[i].half_life_ms = 10 * S;
	features[1].name = "with";
	features[2].name = "sum";
	struct world *w = world_new(features, 3, 0, 100);
	EXPECT(world_apply(w, (struct tx){.time = 0, AMOUNT(400)}) == 0);
	EXPECT(w->values[1] == 0 && w->values[2] == 0);
	EXPECT(world_apply(w, (struct tx){.time = 0}) == 1);
	EXPECT(w->values[1] == 1 && w->values[2] == 4);
	EXPECT(world_apply(w, (struct tx){.time = 10 * S, AMOUNT(-800)}) == 1);
	EXPECT(w->values[1] == 0.5 && w->values[2] == 2);
	EXPECT(world_apply(w, (struct tx){.time = 20 * S}) == 1);
	EXPECT(w->values[1] == 0.75 && w->values[2] == -3);
	EXPECT(world_apply(w, (struct tx){.time = 25 * S}) ==
	       2 * elementary_exp2(-2.5) + elementary_exp2(-1.5) + elementary_exp2(-0.5));
	EXPECT(world_apply(w, (struct tx){.time = 100 * S}) == /* the window cuts off what is 100 s old */
	       elementary_exp2(-9) + elementary_exp2(-8) + elementary_exp2(-7.5));
	world_free(w);
}

TEST(weights_far_beyond_the_half_life_vanish)
{
	struct feature_options feature = on(OPERATION_DECAYED_SUM, "amount", DAY);
	feature.half_life_ms = 1;
	struct world *w = world_new(&feature, 1, 0, 100);
	(void)world_apply(w, (struct tx){.time = 0, AMOUNT(-(INT64_C(1) << 53))});
	EXPECT(world_apply(w, (struct tx){.time = 53, AMOUNT(0)}) == -0.01);
	EXPECT(world_apply(w, (struct tx){.time = 2000, AMOUNT(0)}) == 0);
	world_free(w);
}

TEST(home_is_the_median_place)
{
	const struct feature_options feature = {
	    .name = "d", .operation = OPERATION_DISTANCE_HOME, .lat = "lat", .lon = "lon", .window_ms = DAY};
	struct world *w = world_new(&feature, 1, 0, 100);
	/* Four times around Amsterdam and once on the other side of the world. */
	static const int64_t places[][2] = {
	    {5236000, 490000}, {5236000, 490000}, {-4000000, 17000000}, {5236100, 490000}, {5235000, 490100}};
	for (size_t i = 0; i < COUNT(places); i++) {
		EXPECT(isnan(world_apply(w, (struct tx){.time = (int64_t)i, PLACE(places[i][0], places[i][1])})));
		EXPECT(isnan(world_apply(w, (struct tx){.time = (int64_t)i}))); /* without a place: does not count */
	}
	double km = world_apply(w, (struct tx){.time = 10, PLACE(4813700, 1157500)});
	EXPECT(fabs(km - 666.6) < 2); /* Munich */
	/* With Munich they are six: of the latitudes the third is 52.35, of the longitudes 4.9. */
	EXPECT(world_apply(w, (struct tx){.time = 11, PLACE(5235000, 490000)}) == 0);
	EXPECT(isnan(world_apply(w, (struct tx){.time = 12})));
	EXPECT(isnan(world_apply(w, (struct tx){.time = DAY + 9, PLACE(5236000, 490000)}))); /* only two are left */
	world_free(w);
}

TEST(a_streak_ends_at_the_first_event_that_does_not_match)
{
	const struct condition_options small = {.field = "amount", .below = {.kind = LITERAL_NUMBER, .text = "5"}};
	const struct condition_options same = {.field = "shop", .same = true};
	struct feature_options features[] = {on(OPERATION_STREAK, NULL, 100), on(OPERATION_STREAK, NULL, 100)};
	features[0].where = &small;
	features[1].name = "same";
	features[1].where = &same;
	features[0].where_count = features[1].where_count = 1;
	struct world *w = world_new(features, 2, 0, 100);
	EXPECT(world_apply(w, (struct tx){.time = 0, AMOUNT(100), .shop = "a"}) == 0);
	EXPECT(w->values[1] == 0);
	EXPECT(world_apply(w, (struct tx){.time = 1, AMOUNT(499), .shop = "a"}) == 1 && w->values[1] == 1);
	EXPECT(world_apply(w, (struct tx){.time = 2, AMOUNT(500), .shop = "b"}) == 2 && w->values[1] == 0);
	EXPECT(world_apply(w, (struct tx){.time = 3, AMOUNT(1), .shop = "b"}) == 0 && w->values[1] == 1);
	EXPECT(world_apply(w, (struct tx){.time = 4, AMOUNT(1)}) == 1 && isnan(w->values[1]));
	EXPECT(world_apply(w, (struct tx){.time = 5, .shop = "b"}) == 2 && w->values[1] == 0); /* a null ends it */
	EXPECT(world_apply(w, (struct tx){.time = 6, AMOUNT(1), .shop = "b"}) == 0 && w->values[1] == 1);
	EXPECT(world_apply(w, (struct tx){.time = 105, AMOUNT(1), .shop = "b"}) == 1); /* 6 alone is in the window */
	EXPECT(world_apply(w, (struct tx){.time = 106, AMOUNT(1), .shop = "b"}) == 1); /* 105 alone */
	world_free(w);
}

TEST(a_burst_is_the_fullest_interval_of_the_window)
{
	const struct condition_options web = {.field = "channel", .equals = {.kind = LITERAL_TEXT, .text = "WEB"}};
	struct feature_options features[] = {on(OPERATION_BURST, NULL, 1000), on(OPERATION_BURST, "amount", 1000),
					     on(OPERATION_BURST, NULL, 1000), on(OPERATION_BURST, NULL, 1000)};
	static const char *const names[] = {"all", "with", "web", "whole"};
	for (size_t i = 0; i < COUNT(features); i++) {
		features[i].name = names[i];
		features[i].interval_ms = 100;
	}
	features[2].where = &web;
	features[2].where_count = 1;
	features[3].interval_ms = 1000;
	struct world *w = world_new(features, 4, 0, 100);
	EXPECT(world_apply(w, (struct tx){.time = 0, AMOUNT(1), .channel = "WEB"}) == 0);
	EXPECT(world_apply(w, (struct tx){.time = 99, .channel = "WEB"}) == 1);
	EXPECT(world_apply(w, (struct tx){.time = 100, AMOUNT(1)}) == 2); /* 0 and 99 */
	EXPECT(w->values[1] == 1 && w->values[2] == 2);
	EXPECT(world_apply(w, (struct tx){.time = 100, AMOUNT(1)}) == 2); /* 99 and 100: 0 is a whole interval before */
	EXPECT(world_apply(w, (struct tx){.time = 500, AMOUNT(1)}) == 3); /* and 100 again */
	EXPECT(w->values[1] == 2 && w->values[2] == 2 && w->values[3] == 4);
	EXPECT(world_apply(w, (struct tx){.time = 1099}) == 2); /* 99 has left: 100, 100 */
	EXPECT(w->values[1] == 2 && w->values[2] == 0 && w->values[3] == 3);
	EXPECT(world_apply(w, (struct tx){.time = 3000}) == 0);
	world_free(w);
}

TEST(before_the_fold_edge_they_are_missing)
{
	const struct condition_options small = {.field = "amount", .below = {.kind = LITERAL_NUMBER, .text = "9"}};
	struct feature_options features[] = {
	    on(OPERATION_PERCENTILE, "amount", 6400),
	    on(OPERATION_ROBUST_Z, "amount", 6400),
	    on(OPERATION_DECAYED_COUNT, NULL, 6400),
	    on(OPERATION_DECAYED_SUM, "amount", 6400),
	    {.operation = OPERATION_DISTANCE_HOME, .lat = "lat", .lon = "lon", .window_ms = 6400},
	    on(OPERATION_STREAK, NULL, 6400),
	    on(OPERATION_BURST, NULL, 6400),
	    on(OPERATION_PERCENTILE, "amount", 300)};
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	for (size_t i = 0; i < COUNT(features); i++)
		features[i].name = names[i];
	features[2].half_life_ms = features[3].half_life_ms = features[6].interval_ms = 100;
	features[5].where = &small;
	features[5].where_count = 1;
	struct world *w = world_new(features, COUNT(features), 0, 5);
	for (int64_t i = 0; i < 6; i++)
		(void)world_apply(w, (struct tx){.time = 1000 + 100 * i, AMOUNT(100), PLACE(1, 1)});
	EXPECT_INT(w->flags & FLAG_TRUNCATED, 0); /* five are kept, and the sixth has seen them all */
	for (size_t i = 0; i < COUNT(features); i++)
		EXPECT(!isnan(w->values[i]));
	(void)world_apply(w, (struct tx){.time = 1600, AMOUNT(100), PLACE(1, 1)});
	EXPECT_INT(w->flags & (FLAG_TRUNCATED | FLAG_APPROXIMATE), FLAG_TRUNCATED);
	for (size_t i = 0; i + 1 < COUNT(features); i++)
		EXPECT(isnan(w->values[i]));
	EXPECT(w->values[COUNT(features) - 1] == 0.5);
	world_free(w);
}

TEST(windows_of_thousands_of_events_are_picked_from)
{
	struct feature_options features[] = {on(OPERATION_ROBUST_Z, "amount", 1 << 20),
					     on(OPERATION_PERCENTILE, "amount", 1 << 20),
					     on(OPERATION_BURST, NULL, 1 << 20)};
	static const char *const names[] = {"a", "b", "c"};
	for (size_t i = 0; i < 3; i++)
		features[i].name = names[i];
	features[2].interval_ms = 1 << 20;
	struct world *w = world_new(features, 3, 0, 20000);
	enum { MANY = 3000 };
	for (int64_t i = 0; i < MANY; i++) {
		/* The amounts 0 to i - 1: median (i - 1) / 2, and the distances from it 0 1 1 2 2 … */
		double z = world_apply(w, (struct tx){.time = i, AMOUNT(i)});
		int64_t median = (i - 1) / 2, distance = (median + 1) / 2;
		double spread = 1.4826 * (double)distance;
		EXPECT(i < 5 ? isnan(z) : z == (double)(i - median) / (spread > 1 ? spread : 1));
		EXPECT(i == 0 || w->values[1] == 1);
		EXPECT(w->values[2] == (double)i);
	}
	world_free(w);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(percentile_counts_equal_values_half),
					CASE(robust_z_is_the_distance_from_the_median_in_typical_ones),
					CASE(robust_z_divides_by_at_least_one_unit),
					CASE(values_at_both_ends_of_their_range_have_a_median),
					CASE(an_event_counts_half_after_each_half_life),
					CASE(weights_far_beyond_the_half_life_vanish),
					CASE(home_is_the_median_place),
					CASE(a_streak_ends_at_the_first_event_that_does_not_match),
					CASE(a_burst_is_the_fullest_interval_of_the_window),
					CASE(before_the_fold_edge_they_are_missing),
					CASE(windows_of_thousands_of_events_are_picked_from),
					{0}},
			argc, argv);
}
