#include "number.h"

#include "test.h"

TEST(durations_have_one_unit)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {{"30d", 2592000000},
		    {"1h", 3600000},
		    {"90s", 90000},
		    {"10m", 600000},
		    {"250ms", 250},
		    {"0s", 0},
		    {"36525d", 3155760000000},
		    {"3155760000000ms", 3155760000000},
		    {"36526d", -1},
		    {"3155760000001ms", -1},
		    {"99999999999999999999d", -1},
		    {"", -1},
		    {"d", -1},
		    {"10", -1},
		    {"1.5h", -1},
		    {"-1h", -1},
		    {"+1h", -1},
		    {"01h", -1},
		    {"1 h", -1},
		    {"1H", -1},
		    {"1w", -1},
		    {"1mss", -1},
		    {"1h30m", -1}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ms = -1;
		EXPECT_INT(duration_parse(slice_of(rows[i].text), &ms), rows[i].ms < 0 ? -1 : 0);
		EXPECT_INT(ms, rows[i].ms);
	}
	int64_t ms;
	EXPECT_INT(duration_parse((struct slice){NULL, 0}, &ms), -1);
}

TEST(durations_print_in_the_largest_unit_that_fits)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {{0, "0s"},        {1, "1ms"},       {1500, "1500ms"},  {90000, "90s"},     {3600000, "1h"},
		    {5400000, "90m"}, {86400000, "1d"}, {90000000, "25h"}, {2592000000, "30d"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[NUMBER_TEXT_MAX];
		int64_t back;
		EXPECT_INT(duration_format(rows[i].ms, text), strlen(rows[i].text));
		EXPECT_TEXT(text, rows[i].text);
		EXPECT(duration_parse(slice_of(text), &back) == 0 && back == rows[i].ms);
	}
}

TEST(times_are_read_with_any_offset)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {{"1970-01-01T00:00:00Z", 0},
		    {"2026-03-29T01:00:00.123Z", 1774746000123},
		    {"2026-03-29t03:00:00.123+02:00", 1774746000123},
		    {"2026-03-28T17:30:00.123-07:30", 1774746000123},
		    {"2026-03-29T01:00:00.1239999999999z", 1774746000123},
		    {"2026-03-29T01:00:00.1-00:00", 1774746000100},
		    {"1969-12-31T23:59:59.999Z", -1},
		    {"2000-02-29T12:00:00Z", 951825600000},
		    {"2024-12-31T23:59:59Z", 1735689599000},
		    {"2016-12-31T23:59:60Z", 1483228800000},
		    {"2016-12-31T18:59:60.5-05:00", 1483228800500},
		    {"0000-01-01T00:00:00Z", -62167219200000},
		    {"9999-12-31T23:59:59.999Z", 253402300799999}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ms = -7;
		EXPECT_INT(time_parse_rfc3339(slice_of(rows[i].text), &ms), 0);
		EXPECT_INT(ms, rows[i].ms);
	}
}

TEST(times_that_do_not_exist_are_refused)
{
	static const char *const texts[] = {"",
					    "2026-03-29",
					    "2026-03-29T01:00:00",
					    "2026-03-29 01:00:00Z",
					    "2026-03-29T01:00Z",
					    "2026-03-29T01:00:00.Z",
					    "2026-03-29T01:00:00,5Z",
					    "2026-03-29T24:00:00Z",
					    "2026-03-29T23:60:00Z",
					    "2026-03-29T12:00:60Z",
					    "2026-03-29T23:59:61Z",
					    "2026-02-29T00:00:00Z",
					    "1900-02-29T00:00:00Z",
					    "2026-04-31T00:00:00Z",
					    "2026-00-01T00:00:00Z",
					    "2026-13-01T00:00:00Z",
					    "2026-01-00T00:00:00Z",
					    "26-01-01T00:00:00Z",
					    "2026-1-1T00:00:00Z",
					    "2026-03-29T01:00:00+2:00",
					    "2026-03-29T01:00:00+0200",
					    "2026-03-29T01:00:00+24:00",
					    "2026-03-29T01:00:00+00:60",
					    "2026-03-29T01:00:00ZZ",
					    "2026-03-29T01:00:00Z ",
					    "+026-03-29T01:00:00Z",
					    "20260329T010000Z"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t ms = 42;
		EXPECT_INT(time_parse_rfc3339(slice_of(texts[i]), &ms), -1);
		EXPECT_INT(ms, 42);
	}
	int64_t ms;
	EXPECT_INT(time_parse_rfc3339((struct slice){NULL, 0}, &ms), -1);
}

TEST(every_day_of_a_thousand_years_has_its_date)
{
	/* Counted up day by day, from 1600 to 2600. */
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t ms = -11676096000000;
	int year = 1600, month = 1, day = 1;
	for (; year < 2600; ms += 86400000) {
		char text[NUMBER_TEXT_MAX], wanted[64];
		int64_t back;
		(void)snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
		EXPECT_INT(time_format_rfc3339(ms, text), 24);
		EXPECT_TEXT(text, wanted);
		EXPECT(time_parse_rfc3339(slice_of(text), &back) == 0 && back == ms);
		(void)time_format_rfc3339(ms - 1, text);
		EXPECT(strcmp(text + 10, "T23:59:59.999Z") == 0);
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		if (++day > lengths[month - 1] + (leap && month == 2)) {
			day = 1;
			year += month == 12;
			month = month % 12 + 1;
		}
	}
}

TEST(any_time_prints)
{
	char text[NUMBER_TEXT_MAX];
	EXPECT_INT(time_format_rfc3339(INT64_MIN, text), 30);
	EXPECT_TEXT(text, "-292275055-05-16T16:47:04.192Z");
	EXPECT_INT(time_format_rfc3339(INT64_MAX, text), 29);
	EXPECT_TEXT(text, "292278994-08-17T07:12:55.807Z");
	(void)time_format_rfc3339(1774746000123, text);
	EXPECT_TEXT(text, "2026-03-29T01:00:00.123Z");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(durations_have_one_unit),
					    CASE(durations_print_in_the_largest_unit_that_fits),
					    CASE(times_are_read_with_any_offset),
					    CASE(times_that_do_not_exist_are_refused),
					    CASE(every_day_of_a_thousand_years_has_its_date),
					    CASE(any_time_prints),
					    {0}};
	return test_run(tests, argc, argv);
}
