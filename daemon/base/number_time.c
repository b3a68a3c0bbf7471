/* Durations and times of day as text. The Gregorian calendar is used for all years, as RFC 3339 does. */
#include "number.h"

#include <assert.h>
#include <stdio.h>

#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define DURATION_MAX_MS (36525 * DAY_MS) /* 100 years */

static const struct unit {
	char name[3];
	int64_t ms;
} units[] = {{"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1}};

#define UNITS (sizeof units / sizeof *units)

/* Days before the first of each month in a year without a leap day, and the length of that year. */
static const int16_t days_before[13] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

int duration_parse(struct slice text, int64_t *ms)
{
	const char *start = text.data;
	size_t digits = 0;
	int64_t count = 0;
	for (; digits < text.length && is_digit(start[digits]); digits++) {
		count = count * 10 + (start[digits] - '0');
		if (count > DURATION_MAX_MS)
			return -1;
	}
	if (digits == 0 || (digits > 1 && start[0] == '0'))
		return -1;
	struct slice name = {start + digits, text.length - digits};
	for (size_t i = 0; i < UNITS; i++) {
		if (!slice_equal(name, slice_of(units[i].name)))
			continue;
		if (count > DURATION_MAX_MS / units[i].ms)
			return -1;
		*ms = count * units[i].ms;
		return 0;
	}
	return -1;
}

size_t duration_format(int64_t ms, char text[NUMBER_TEXT_MAX])
{
	if (ms == 0)
		return (size_t)snprintf(text, NUMBER_TEXT_MAX, "0s");
	size_t largest = 0;
	while (ms % units[largest].ms != 0)
		largest++;
	assert(largest < UNITS);
	return (size_t)snprintf(text, NUMBER_TEXT_MAX, "%lld%s", (long long)(ms / units[largest].ms),
				units[largest].name);
}

static int64_t floor_divide(int64_t dividend, int64_t divisor)
{
	return dividend / divisor - (dividend % divisor < 0);
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of January. */
static int64_t days_to_year(int64_t year)
{
	int64_t before = year - 1;
	int64_t leap_days = floor_divide(before, 4) - floor_divide(before, 100) + floor_divide(before, 400);
	return year * 365 + leap_days - (1970 * 365 + 477);
}

/* Days from the first of January to the first of a month 1..13. */
static int64_t days_to_month(int64_t year, int64_t month)
{
	assert(month >= 1 && month <= 13);
	return days_before[month - 1] + (month > 2 && is_leap(year));
}

/* Reads exactly `width` digits; -1: others stand there. */
static int64_t take_digits(const char **at, const char *end, int width)
{
	if (end - *at < width)
		return -1;
	int64_t value = 0;
	for (int i = 0; i < width; i++) {
		char character = *(*at)++;
		if (!is_digit(character))
			return -1;
		value = value * 10 + (character - '0');
	}
	return value;
}

static bool take(const char **at, const char *end, char wanted)
{
	if (*at == end || **at != wanted)
		return false;
	(*at)++;
	return true;
}

/* A capital letter, or the same one written small. */
static bool take_letter(const char **at, const char *end, char wanted)
{
	return take(at, end, wanted) || take(at, end, (char)(wanted | 0x20));
}

/* "YYYY-MM-DD" in ms since 1970. */
static int take_date(const char **at, const char *end, int64_t *ms)
{
	int64_t year = take_digits(at, end, 4);
	if (year < 0 || !take(at, end, '-'))
		return -1;
	int64_t month = take_digits(at, end, 2);
	if (month < 1 || month > 12 || !take(at, end, '-'))
		return -1;
	int64_t day = take_digits(at, end, 2);
	int64_t length = days_to_month(year, month + 1) - days_to_month(year, month);
	if (day < 1 || day > length)
		return -1;
	*ms = (days_to_year(year) + days_to_month(year, month) + day - 1) * DAY_MS;
	return 0;
}

/* "hh:mm" in ms. */
static int take_minutes(const char **at, const char *end, int64_t *ms)
{
	int64_t hour = take_digits(at, end, 2);
	if (hour < 0 || hour > 23 || !take(at, end, ':'))
		return -1;
	int64_t minute = take_digits(at, end, 2);
	if (minute < 0 || minute > 59)
		return -1;
	*ms = hour * HOUR_MS + minute * MINUTE_MS;
	return 0;
}

/* ":ss[.digits]" in ms, up to a leap second. */
static int take_seconds(const char **at, const char *end, int64_t *ms)
{
	if (!take(at, end, ':'))
		return -1;
	int64_t second = take_digits(at, end, 2);
	if (second < 0 || second > 60)
		return -1;
	*ms = second * SECOND_MS;
	if (!take(at, end, '.'))
		return 0;
	if (*at == end || !is_digit(**at))
		return -1;
	for (int64_t weight = 100; *at != end && is_digit(**at); (*at)++, weight /= 10)
		*ms += weight * (**at - '0');
	return 0;
}

/* "Z" or "+hh:mm". */
static int take_offset(const char **at, const char *end, int64_t *ms)
{
	*ms = 0;
	if (take_letter(at, end, 'Z'))
		return 0;
	bool west = take(at, end, '-');
	if (!west && !take(at, end, '+'))
		return -1;
	int status = take_minutes(at, end, ms);
	if (west)
		*ms = -*ms;
	return status;
}

int time_parse_rfc3339(struct slice text, int64_t *ms)
{
	if (text.length == 0)
		return -1;
	const char *at = text.data, *end = at + text.length;
	int64_t date, minutes, seconds, offset;
	if (take_date(&at, end, &date) != 0 || !take_letter(&at, end, 'T') || take_minutes(&at, end, &minutes) != 0)
		return -1;
	if (take_seconds(&at, end, &seconds) != 0 || take_offset(&at, end, &offset) != 0 || at != end)
		return -1;
	int64_t minute = date + minutes - offset;

	/* A leap second ends a day in UTC; it is taken for the first second of the next. */
	if (seconds >= MINUTE_MS && (minute + MINUTE_MS) % DAY_MS != 0)
		return -1;
	*ms = minute + seconds;
	return 0;
}

size_t time_format_rfc3339(int64_t ms, char text[NUMBER_TEXT_MAX])
{
	int64_t day = floor_divide(ms, DAY_MS);
	int64_t in_day = ms % DAY_MS + (ms % DAY_MS < 0 ? DAY_MS : 0);

	/* 400 years have 146,097 days; the estimate is at most one year off. */
	int64_t year = 1970 + floor_divide(day * 400, 146097);
	if (days_to_year(year) > day)
		year--;
	else if (days_to_year(year + 1) <= day)
		year++;
	int64_t day_of_year = day - days_to_year(year), month = 1;
	while (days_to_month(year, month + 1) <= day_of_year)
		month++;
	int64_t day_of_month = 1 + day_of_year - days_to_month(year, month);
	return (size_t)snprintf(text, NUMBER_TEXT_MAX, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%03lldZ",
				(long long)year, (long long)month, (long long)day_of_month,
				(long long)(in_day / HOUR_MS), (long long)(in_day / MINUTE_MS % 60),
				(long long)(in_day / SECOND_MS % 60), (long long)(in_day % SECOND_MS));
}
