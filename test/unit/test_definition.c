#include "features/definition.h"
#include "test/unit/features_world.h"

#include <stdlib.h>

#define DAY INT64_C(86400000)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static char problems[8192];

static void note(void *context, const char *path, const char *message)
{
	(void)context;
	size_t length = strlen(problems);
	(void)snprintf(problems + length, sizeof problems - length, "%s: %s\n", path, message);
}

static const struct event_schema schema = {.id_path = "id",
					   .time_path = "time",
					   .entity_path = "card",
					   .time_unit = TIME_MS,
					   .fields = world_fields,
					   .field_count = WORLD_FIELDS,
					   .allowed_lateness_ms = 3600000,
					   .max_ahead_ms = 300000};

static struct feature_set_options options_of(const struct feature_options *features, size_t count)
{
	return (struct feature_set_options){
	    .pipeline = "test", .schema = &schema, .features = features, .feature_count = count, .max_events = 1024};
}

static const char *refused(struct feature_set_options options)
{
	struct feature_set *set;
	struct err err = {.code = ERR_NONE};
	problems[0] = '\0';
	EXPECT(feature_set_new(&set, &options, note, NULL, &err) != 0);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT(set == NULL);
	EXPECT(strncmp(err.message, problems, strlen(err.message)) == 0);
	return problems;
}

static const char *refused_features(const struct feature_options *features, size_t count)
{
	return refused(options_of(features, count));
}

static struct feature_set *made(struct feature_set_options options)
{
	struct feature_set *set = NULL;
	struct err err = {.code = ERR_NONE};
	EXPECT(feature_set_new(&set, &options, NULL, NULL, &err) == 0);
	return set;
}

TEST(operations_have_their_configured_names)
{
	for (int i = 0; i < OPERATION_NUMBER; i++) {
		enum operation operation;
		EXPECT(operation_parse(operation_name((enum operation)i), &operation) == 0 && (int)operation == i);
	}
	enum operation operation;
	EXPECT(operation_parse("median", &operation) != 0);
	EXPECT_TEXT(operation_name(OPERATION_SINCE_PREVIOUS), "since_previous");
	EXPECT_TEXT(operation_name(OPERATION_ROBUST_Z), "robust_z");
}

TEST(names_are_identifiers_and_unique)
{
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_HOUR},   {.name = "a", .operation = OPERATION_HOUR},
	    {.name = "1st", .operation = OPERATION_HOUR}, {.name = "", .operation = OPERATION_HOUR},
	    {.name = "a-b", .operation = OPERATION_HOUR}, {.operation = OPERATION_HOUR}};
	EXPECT_TEXT(refused_features(features, COUNT(features)),
		    "features[1].name: \"a\" is the name of features[0] too\n"
		    "features[2].name: \"1st\" is not a name: letters, digits and _, no digit first\n"
		    "features[3].name: \"\" is not a name: letters, digits and _, no digit first\n"
		    "features[4].name: \"a-b\" is not a name: letters, digits and _, no digit first\n"
		    "features[5].name: is missing\n");
}

TEST(fields_must_exist_and_suit_the_operation)
{
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_SUM, .window_ms = DAY},
	    {.name = "b", .operation = OPERATION_SUM, .field = "amounts", .window_ms = DAY},
	    {.name = "c", .operation = OPERATION_MEAN, .field = "shop", .window_ms = DAY},
	    {.name = "d", .operation = OPERATION_STDDEV, .field = "real", .window_ms = DAY},
	    {.name = "e", .operation = OPERATION_PREVIOUS, .field = "shop", .window_ms = DAY},
	    {.name = "f", .operation = OPERATION_VALUE, .field = "shop"},
	    {.name = "g", .operation = OPERATION_HOUR, .field = "amount"},
	    {.name = "h", .operation = OPERATION_GEO_SPEED, .lat = "lat", .window_ms = DAY},
	    {.name = "i", .operation = OPERATION_GEO_SPEED, .lat = "real", .lon = "flag", .window_ms = DAY},
	    {.name = "j", .operation = OPERATION_COUNT, .lat = "lat", .lon = "lon", .window_ms = DAY},
	    {.name = "k", .operation = OPERATION_MIN, .field = "channel", .window_ms = DAY},
	};
	EXPECT_TEXT(
	    refused_features(features, COUNT(features)),
	    "features[0].field: is missing: sum needs it\n"
	    "features[1].field: \"amounts\" is not a field; the fields are: amount, shop, channel, lat, lon, flag, "
	    "real\n"
	    "features[2].field: \"shop\" is a string; mean needs a number with a scale\n"
	    "features[3].field: \"real\" has no scale; stddev needs one (\"scale\": 2 keeps two decimals)\n"
	    "features[4].field: \"shop\" is a string; previous needs a number\n"
	    "features[5].values: is missing: \"shop\" is a string, list its possible values\n"
	    "features[6].field: \"amount\" has no meaning for hour\n"
	    "features[7].lon: is missing: geo_speed needs it\n"
	    "features[8].lat: \"real\" is no number with a scale; geo_speed needs degrees (\"scale\": 5)\n"
	    "features[8].lon: \"flag\" is no number with a scale; geo_speed needs degrees (\"scale\": 5)\n"
	    "features[9].lat: has no meaning for count\n"
	    "features[9].lon: has no meaning for count\n"
	    "features[10].field: \"channel\" is a string; min needs a number\n");
}

TEST(windows_are_required_wherever_history_is_read)
{
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_COUNT},
	    {.name = "b", .operation = OPERATION_HOUR, .window_ms = DAY},
	    {.name = "c", .operation = OPERATION_COUNT, .window_ms = -1},
	    {.name = "d", .operation = OPERATION_COUNT, .window_ms = 3651 * DAY},
	    {.name = "e", .operation = OPERATION_ZSCORE, .field = "amount", .window_ms = DAY, .include_current = true},
	    {.name = "f", .operation = OPERATION_VALUE, .field = "amount", .include_current = true},
	};
	EXPECT_TEXT(
	    refused_features(features, COUNT(features)),
	    "features[0].window: is missing: count reads history\n"
	    "features[1].window: has no meaning for hour, which reads no history\n"
	    "features[2].window: -1ms is not a window of 1ms to 3650d\n"
	    "features[3].window: 3651d is not a window of 1ms to 3650d\n"
	    "features[4].include_current: is not possible with zscore, only with count sum distinct mean min max "
	    "stddev\n"
	    "features[5].include_current: is not possible with value, only with count sum distinct mean min max "
	    "stddev\n");
}

TEST(what_an_operation_needs_must_be_there_and_nothing_else)
{
	const struct condition_options same = {.field = "shop", .same = true};
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_DECAYED_COUNT, .window_ms = DAY},
	    {.name = "b", .operation = OPERATION_DECAYED_SUM, .field = "real", .window_ms = DAY, .half_life_ms = -1},
	    {.name = "c", .operation = OPERATION_DECAYED_COUNT, .window_ms = DAY, .half_life_ms = 3651 * DAY},
	    {.name = "d", .operation = OPERATION_COUNT, .window_ms = DAY, .half_life_ms = 1, .interval_ms = 1},
	    {.name = "e", .operation = OPERATION_BURST, .window_ms = DAY},
	    {.name = "f", .operation = OPERATION_BURST, .window_ms = DAY, .interval_ms = DAY + 1000},
	    {.name = "g", .operation = OPERATION_STREAK, .window_ms = DAY},
	    {.name = "h",
	     .operation = OPERATION_STREAK,
	     .field = "shop",
	     .window_ms = DAY,
	     .where = &same,
	     .where_count = 1},
	    {.name = "i", .operation = OPERATION_DISTANCE_HOME, .lat = "real", .window_ms = DAY},
	    {.name = "j", .operation = OPERATION_PERCENTILE, .field = "shop", .window_ms = DAY},
	    {.name = "k", .operation = OPERATION_ROBUST_Z, .field = "real"},
	    {.name = "l", .operation = OPERATION_BURST, .window_ms = DAY, .interval_ms = 1, .include_current = true},
	};
	EXPECT_TEXT(
	    refused_features(features, COUNT(features)),
	    "features[0].half_life: is missing: decayed_count needs it\n"
	    "features[1].field: \"real\" has no scale; decayed_sum needs one (\"scale\": 2 keeps two decimals)\n"
	    "features[1].half_life: -1ms is not 1ms to 3650d\n"
	    "features[2].half_life: 3651d is not 1ms to 3650d\n"
	    "features[3].half_life: has no meaning for count\n"
	    "features[3].interval: has no meaning for count\n"
	    "features[4].interval: is missing: burst needs it\n"
	    "features[5].interval: 86401s is longer than the window, 1d\n"
	    "features[6].where: is missing: streak needs it\n"
	    "features[7].field: \"shop\" has no meaning for streak\n"
	    "features[8].lat: \"real\" is no number with a scale; distance_home needs degrees (\"scale\": 5)\n"
	    "features[8].lon: is missing: distance_home needs it\n"
	    "features[9].field: \"shop\" is a string; percentile needs a number\n"
	    "features[10].field: \"real\" has no scale; robust_z needs one (\"scale\": 2 keeps two decimals)\n"
	    "features[10].window: is missing: robust_z reads history\n"
	    "features[11].include_current: is not possible with burst, only with count sum distinct mean min "
	    "max stddev\n");
}

TEST(conditions_are_reported_where_they_stand)
{
	const struct condition_options unknown = {.field = "shops", .same = true};
	const struct condition_options same = {.field = "shop", .same = true};
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_COUNT, .window_ms = DAY, .where = &unknown, .where_count = 1},
	    {.name = "b", .operation = OPERATION_VALUE, .field = "amount", .where = &same, .where_count = 1}};
	EXPECT_TEXT(
	    refused_features(features, COUNT(features)),
	    "features[0].where[0].field: \"shops\" is not a field; the fields are: amount, shop, channel, lat, lon, "
	    "flag, real\n"
	    "features[1].where: has no meaning for value, which reads no history\n");
}

TEST(quotients_name_two_features_and_no_circle)
{
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_QUOTIENT, .of = {"b", "hour"}},
	    {.name = "b", .operation = OPERATION_QUOTIENT, .of = {"hour", "a"}},
	    {.name = "c", .operation = OPERATION_QUOTIENT, .of = {"c", "hour"}},
	    {.name = "d", .operation = OPERATION_QUOTIENT, .of = {"hour", NULL}},
	    {.name = "e", .operation = OPERATION_QUOTIENT, .of = {"hours", "hour"}},
	    {.name = "hour", .operation = OPERATION_HOUR},
	    {.name = "f", .operation = OPERATION_HOUR, .of = {"a", "b"}},
	};
	EXPECT_TEXT(refused_features(features, COUNT(features)),
		    "features[3].of: names two features, and one is missing\n"
		    "features[4].of: \"hours\" is not a feature\n"
		    "features[6].of: has no meaning for hour\n"
		    "features[0].of: leads back to \"a\" itself: a quotient cannot be made of itself\n"
		    "features[2].of: leads back to \"c\" itself: a quotient cannot be made of itself\n");
}

TEST(values_and_offsets_stand_only_where_they_mean_something)
{
	static const char *const twice[] = {"x", "y", "x"};
	const struct utc_offset bad[] = {{0, 0}};
	const struct feature_options features[] = {
	    {.name = "a", .operation = OPERATION_VALUE, .field = "shop", .values = twice, .value_count = 3},
	    {.name = "b", .operation = OPERATION_VALUE, .field = "amount", .values = twice, .value_count = 1},
	    {.name = "c", .operation = OPERATION_COUNT, .window_ms = 5, .values = twice, .value_count = 1},
	    {.name = "d", .operation = OPERATION_HOUR, .utc_offsets = bad, .utc_offset_count = 1},
	    {.name = "e", .operation = OPERATION_VALUE, .field = "amount", .utc_offsets = bad, .utc_offset_count = 1},
	};
	EXPECT_TEXT(
	    refused_features(features, COUNT(features)),
	    "features[0].values: \"x\" is listed twice\n"
	    "features[1].values: has no meaning here: only for value and log1p of a string\n"
	    "features[2].values: has no meaning here: only for value and log1p of a string\n"
	    "features[3].utc_offset: must begin with an offset that holds from the beginning: [null, \"+01:00\"]\n"
	    "features[4].utc_offset: has no meaning for value; it goes with hour, weekday and hours\n");
}

TEST(limits_are_checked)
{
	const struct feature_options hour = {.name = "h", .operation = OPERATION_HOUR};
	struct feature_set_options options = options_of(&hour, 1);
	options.max_events = 1;
	EXPECT_TEXT(refused(options), "max_events: 1 is not 2 to 65536\n");
	options.max_events = STATE_MAX_EVENTS_LIMIT + 1;
	EXPECT_TEXT(refused(options), "max_events: 65537 is not 2 to 65536\n");
	struct event_schema late = schema;
	late.allowed_lateness_ms = -1;
	options = options_of(&hour, 1);
	options.schema = &late;
	EXPECT_TEXT(refused(options), "event.allowed_lateness: is not 0s to 3650d\n");
	options = options_of(&hour, FEATURES_MAX + 1);
	EXPECT_TEXT(refused(options), "features: 257 features; at most 256 are possible\n");
}

static const struct condition_options same_shop = {.field = "shop", .same = true};
static const struct feature_options usual[] = {
    {.name = "n", .operation = OPERATION_COUNT, .window_ms = DAY},
    {.name = "mean", .operation = OPERATION_MEAN, .field = "amount", .window_ms = 30 * DAY},
    {.name = "shop", .operation = OPERATION_COUNT, .window_ms = 7 * DAY, .where = &same_shop, .where_count = 1},
    {.name = "log", .operation = OPERATION_LOG1P, .field = "amount"},
    {.name = "share", .operation = OPERATION_QUOTIENT, .of = {"shop", "half"}},
    {.name = "half", .operation = OPERATION_QUOTIENT, .of = {"n", "log"}},
};

TEST(reach_panes_and_warmth_follow_from_the_windows)
{
	struct feature_set *set = made(options_of(usual, COUNT(usual)));
	EXPECT_INT(feature_set_count(set), 6);
	EXPECT_TEXT(feature_set_name(set, 1), "mean");
	EXPECT_INT(feature_set_operation(set, 3), OPERATION_LOG1P);
	EXPECT_INT(feature_set_find(set, "half"), 5);
	EXPECT_INT(feature_set_find(set, "halves"), -1);
	EXPECT_INT(feature_set_window_ms(set), 30 * DAY);
	EXPECT_INT(feature_set_reach_ms(set), 30 * DAY + 3600000);
	EXPECT_INT(feature_set_pane_ms(set), (30 * DAY + 3600000) / 64);
	EXPECT(feature_set_is_warm(set, 0, DAY, 0) && !feature_set_is_warm(set, 0, DAY - 1, 0));
	EXPECT(feature_set_is_warm(set, 3, 0, 1000));
	/* A quotient is as warm as its parts. */
	EXPECT(feature_set_is_warm(set, 5, DAY, 0) && !feature_set_is_warm(set, 5, DAY - 1, 0));
	EXPECT(feature_set_is_warm(set, 4, 7 * DAY, 0) && !feature_set_is_warm(set, 4, 7 * DAY - 1, 0));
	feature_set_free(set);
	const struct feature_options hour = {.name = "h", .operation = OPERATION_HOUR};
	set = made(options_of(&hour, 1));
	EXPECT_INT(feature_set_window_ms(set), 0);
	EXPECT_INT(feature_set_reach_ms(set), 3600000);
	feature_set_free(set);
}

/* Both ids of a set, as "set-id state-id". */
static const char *ids_of(struct feature_set_options options)
{
	static char texts[32][2 * SHA256_HEX];
	static int next;
	char *text = texts[next++ % 32];
	struct feature_set *set = made(options);
	(void)snprintf(text, 2 * SHA256_HEX, "%s %s", feature_set_id(set), feature_set_state_id(set));
	feature_set_free(set);
	return text;
}

static bool same_set_id(const char *a, const char *b)
{
	return memcmp(a, b, SHA256_HEX - 1) == 0;
}

static bool same_state_id(const char *a, const char *b)
{
	return strcmp(a + SHA256_HEX, b + SHA256_HEX) == 0;
}

TEST(a_new_feature_over_kept_fields_within_reach_keeps_the_state_id)
{
	const struct feature_options more[] = {
	    usual[0],
	    usual[1],
	    usual[2],
	    usual[3],
	    usual[4],
	    usual[5],
	    {.name = "spread", .operation = OPERATION_STDDEV, .field = "amount", .window_ms = DAY}};
	const char *before = ids_of(options_of(usual, COUNT(usual))), *after = ids_of(options_of(more, COUNT(more)));
	EXPECT(!same_set_id(before, after));
	EXPECT(same_state_id(before, after));
}

TEST(another_kept_field_or_a_longer_reach_changes_the_state_id)
{
	const struct feature_options kept[] = {
	    usual[0], usual[1], usual[2], {.name = "x", .operation = OPERATION_MAX, .field = "real", .window_ms = DAY}};
	const struct feature_options longer[] = {
	    usual[0], usual[1], usual[2], {.name = "x", .operation = OPERATION_COUNT, .window_ms = 31 * DAY}};
	const char *before = ids_of(options_of(usual, 3));
	EXPECT(!same_state_id(before, ids_of(options_of(kept, 4))));
	EXPECT(!same_state_id(before, ids_of(options_of(longer, 4))));
}

TEST(everything_that_the_transition_reads_is_in_the_state_id)
{
	struct feature_set_options options = options_of(usual, COUNT(usual));
	struct event_schema changed[9];
	const char *before = ids_of(options);
	struct field fields[WORLD_FIELDS];
	memcpy(fields, world_fields, sizeof fields);
	fields[WORLD_REAL].scale = 3;
	for (size_t i = 0; i < COUNT(changed); i++)
		changed[i] = schema;
	changed[0].id_path = "ID";
	changed[1].time_path = "t";
	changed[2].entity_path = "e";
	changed[3].key_path = "card";
	changed[4].partitioner = PARTITIONER_CRC32;
	changed[5].time_unit = TIME_S;
	changed[6].max_ahead_ms++;
	changed[7].allowed_lateness_ms++;
	changed[8].fields = fields;
	for (size_t i = 0; i < COUNT(changed); i++) {
		options.schema = &changed[i];
		const char *after = ids_of(options);
		EXPECT(!same_state_id(before, after));
		EXPECT(same_set_id(before, after)); /* none of it, nor an unread field, is in the definitions */
	}
	options = options_of(usual, COUNT(usual));
	options.max_events = 1023;
	EXPECT(!same_state_id(before, ids_of(options)));
	options = options_of(usual, COUNT(usual));
	options.pipeline = "other";
	EXPECT(!same_state_id(before, ids_of(options)));
	EXPECT(same_set_id(before, ids_of(options)));
}

TEST(the_order_and_the_names_of_fields_do_not_matter_to_the_state)
{
	struct field fields[WORLD_FIELDS];
	struct event_schema turned = schema;
	for (size_t i = 0; i < WORLD_FIELDS; i++)
		fields[WORLD_FIELDS - 1 - i] = world_fields[i];
	turned.fields = fields;
	struct feature_set_options options = options_of(usual, COUNT(usual));
	const char *before = ids_of(options);
	options.schema = &turned;
	EXPECT(same_state_id(before, ids_of(options)));
	EXPECT(same_set_id(before, ids_of(options)));
}

TEST(what_a_read_field_is_belongs_to_the_feature_set_id)
{
	struct field fields[WORLD_FIELDS];
	struct event_schema changed = schema;
	struct feature_set_options options = options_of(usual, COUNT(usual));
	const char *before = ids_of(options);
	changed.fields = fields;
	options.schema = &changed;
	memcpy(fields, world_fields, sizeof fields);
	fields[WORLD_AMOUNT].fallback = (struct value){true, {.units = 0}};
	const char *with_default = ids_of(options);
	EXPECT(!same_set_id(before, with_default) && !same_state_id(before, with_default));
	memcpy(fields, world_fields, sizeof fields);
	fields[WORLD_AMOUNT].minor = true;
	EXPECT(!same_set_id(before, ids_of(options)));
	memcpy(fields, world_fields, sizeof fields);
	fields[WORLD_AMOUNT].path = "total";
	EXPECT(!same_set_id(before, ids_of(options)));
}

TEST(conditions_that_mean_the_same_number_have_one_id)
{
	const struct condition_options conditions[] = {
	    {.field = "amount", .above = {.kind = LITERAL_NUMBER, .text = "12.50"}},
	    {.field = "amount", .above = {.kind = LITERAL_NUMBER, .text = "1.25e1"}},
	    {.field = "amount", .above = {.kind = LITERAL_NUMBER, .text = "12.51"}}};
	const char *ids[3];
	for (size_t i = 0; i < 3; i++) {
		const struct feature_options feature = {.name = "n",
							.operation = OPERATION_COUNT,
							.window_ms = DAY,
							.where = &conditions[i],
							.where_count = 1};
		ids[i] = ids_of(options_of(&feature, 1));
	}
	EXPECT(same_set_id(ids[0], ids[1]));
	EXPECT(!same_set_id(ids[0], ids[2]));
	EXPECT(same_state_id(ids[0], ids[2]));
}

TEST(the_feature_set_id_is_the_hash_of_canonical_json)
{
	static const char *const kinds[] = {"visa", "giro"};
	const struct literal shops[] = {{.kind = LITERAL_TEXT, .text = "a\"b"}, {.kind = LITERAL_TEXT, .text = "é"}};
	const struct utc_offset steps[] = {{INT64_MIN, 3600000}, {1774746000000, 7200000}};
	const struct condition_options where[] = {
	    {.field = "amount", .above = {.kind = LITERAL_NUMBER, .text = "-0.50"}},
	    {.field = "shop", .in = shops, .in_count = 2},
	    {.field = "flag", .not_equals = {.kind = LITERAL_BOOLEAN, .boolean = true}},
	    {.has_hours = true, .hours_from = 22, .hours_to = 6, .utc_offsets = steps, .utc_offset_count = 2}};
	const struct feature_options features[] = {
	    {.name = "n",
	     .operation = OPERATION_COUNT,
	     .window_ms = DAY,
	     .where = where,
	     .where_count = 4,
	     .include_current = true},
	    {.name = "speed", .operation = OPERATION_GEO_SPEED, .lat = "lat", .lon = "lon", .window_ms = 1},
	    {.name = "kind", .operation = OPERATION_VALUE, .field = "channel", .values = kinds, .value_count = 2},
	    {.name = "q", .operation = OPERATION_QUOTIENT, .of = {"n", "kind"}},
	    {.name = "h", .operation = OPERATION_HOUR, .utc_offsets = steps, .utc_offset_count = 1},
	    {.name = "s", .operation = OPERATION_DECAYED_SUM, .field = "amount", .half_life_ms = 500, .window_ms = DAY},
	    {.name = "b", .operation = OPERATION_BURST, .field = "amount", .interval_ms = 60000, .window_ms = DAY}};
	static const char json[] =
	    "{\"features\":["
	    "{\"include_current\":true,\"name\":\"n\",\"op\":\"count\",\"where\":["
	    "{\"above\":\"-5e-1\",\"field\":\"amount\"},"
	    "{\"field\":\"shop\",\"in\":[\"a\\\"b\",\"é\"]},"
	    "{\"field\":\"flag\",\"not\":true},"
	    "{\"hours\":[22,6],\"utc_offset\":[[null,3600000],[1774746000000,7200000]]}"
	    "],\"window\":86400000},"
	    "{\"lat\":\"lat\",\"lon\":\"lon\",\"name\":\"speed\",\"op\":\"geo_speed\",\"window\":1},"
	    "{\"field\":\"channel\",\"name\":\"kind\",\"op\":\"value\",\"values\":[\"visa\",\"giro\"]},"
	    "{\"name\":\"q\",\"of\":[\"n\",\"kind\"],\"op\":\"quotient\"},"
	    "{\"name\":\"h\",\"op\":\"hour\",\"utc_offset\":[[null,3600000]]},"
	    "{\"field\":\"amount\",\"half_life\":500,\"name\":\"s\",\"op\":\"decayed_sum\",\"window\":86400000},"
	    "{\"field\":\"amount\",\"interval\":60000,\"name\":\"b\",\"op\":\"burst\",\"window\":86400000}"
	    "],\"fields\":{"
	    "\"amount\":{\"path\":\"amount\",\"scale\":2,\"type\":\"money\"},"
	    "\"channel\":{\"path\":\"channel\",\"type\":\"string\"},"
	    "\"flag\":{\"path\":\"flag\",\"type\":\"boolean\"},"
	    "\"lat\":{\"path\":\"lat\",\"scale\":5,\"type\":\"number\"},"
	    "\"lon\":{\"path\":\"lon\",\"scale\":5,\"type\":\"number\"},"
	    "\"shop\":{\"path\":\"shop\",\"type\":\"string\"}}}";
	char wanted[SHA256_HEX];
	struct feature_set *set = made(options_of(features, COUNT(features)));
	sha256_hex(slice_of(json), wanted);
	EXPECT_TEXT(feature_set_id(set), wanted);
	feature_set_free(set);
}

TEST(the_state_id_is_the_hash_of_canonical_json)
{
	struct field fields[3] = {world_fields[WORLD_SHOP], world_fields[WORLD_AMOUNT], world_fields[WORLD_REAL]};
	fields[1].minor = true;
	fields[1].fallback = (struct value){true, {.units = 150}};
	fields[2].fallback = (struct value){true, {.number = 0.5}};
	struct event_schema small = schema;
	small.fields = fields;
	small.field_count = 3;
	small.key_path = "card";
	small.partitioner = PARTITIONER_MURMUR2;
	struct feature_set_options options = options_of(&usual[1], 2);
	options.schema = &small;
	/* The key: the first half of SHA-256("test"). */
	static const char json[] =
	    "{\"allowed_lateness_ms\":3600000,\"entity\":\"card\",\"fields\":["
	    "{\"default\":0.5,\"path\":\"real\",\"type\":\"number\"},"
	    "{\"default\":150,\"minor\":true,\"path\":\"amount\",\"scale\":2,\"type\":\"money\"},"
	    "{\"path\":\"shop\",\"type\":\"string\"}],"
	    "\"hash_key\":\"9f86d081884c7d659a2feaa0c55ad015\",\"id\":\"id\",\"kept\":["
	    "{\"default\":150,\"minor\":true,\"path\":\"amount\",\"scale\":2,\"type\":\"money\"},"
	    "{\"path\":\"shop\",\"type\":\"string\"}],"
	    "\"key\":\"card\",\"max_ahead_ms\":300000,\"max_events\":1024,\"partitioner\":\"murmur2\","
	    "\"reach_ms\":2595600000,\"time\":{\"path\":\"time\",\"unit\":\"ms\"}}";
	char wanted[SHA256_HEX];
	struct feature_set *set = made(options);
	sha256_hex(slice_of(json), wanted);
	EXPECT_TEXT(feature_set_state_id(set), wanted);
	feature_set_free(set);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(operations_have_their_configured_names),
					CASE(names_are_identifiers_and_unique),
					CASE(fields_must_exist_and_suit_the_operation),
					CASE(windows_are_required_wherever_history_is_read),
					CASE(what_an_operation_needs_must_be_there_and_nothing_else),
					CASE(conditions_are_reported_where_they_stand),
					CASE(quotients_name_two_features_and_no_circle),
					CASE(values_and_offsets_stand_only_where_they_mean_something),
					CASE(limits_are_checked),
					CASE(reach_panes_and_warmth_follow_from_the_windows),
					CASE(a_new_feature_over_kept_fields_within_reach_keeps_the_state_id),
					CASE(another_kept_field_or_a_longer_reach_changes_the_state_id),
					CASE(everything_that_the_transition_reads_is_in_the_state_id),
					CASE(the_order_and_the_names_of_fields_do_not_matter_to_the_state),
					CASE(what_a_read_field_is_belongs_to_the_feature_set_id),
					CASE(conditions_that_mean_the_same_number_have_one_id),
					CASE(the_feature_set_id_is_the_hash_of_canonical_json),
					CASE(the_state_id_is_the_hash_of_canonical_json),
					{0}},
			argc, argv);
}
