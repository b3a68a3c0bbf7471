#include "features/civil.h"

#include <assert.h>
#include <stdio.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (CIVIL_HOURS * HOUR_MS)
#define WEEK_DAYS 7
#define EPOCH_WEEKDAY 3 /* 1970-01-01 was a Thursday */

static int64_t floor_div(int64_t value, int64_t divisor)
{
	return value / divisor - (value % divisor < 0);
}

static int64_t local_ms(int64_t time_ms, const struct utc_offset *offsets, size_t count)
{
	if (count == 0)
		return time_ms;
	assert(offsets[0].from_utc_ms == INT64_MIN);
	size_t step = count - 1;
	while (offsets[step].from_utc_ms > time_ms)
		step--;
	return time_ms + offsets[step].offset_ms;
}

int civil_hour(int64_t time_ms, const struct utc_offset *offsets, size_t count)
{
	int64_t local = local_ms(time_ms, offsets, count);
	int64_t hour = (local - floor_div(local, DAY_MS) * DAY_MS) / HOUR_MS;
	assert(hour >= 0 && hour < CIVIL_HOURS);
	return (int)hour;
}

int civil_weekday(int64_t time_ms, const struct utc_offset *offsets, size_t count)
{
	int64_t day = floor_div(local_ms(time_ms, offsets, count), DAY_MS) + EPOCH_WEEKDAY;
	int64_t weekday = day - floor_div(day, WEEK_DAYS) * WEEK_DAYS;
	assert(weekday >= 0 && weekday < WEEK_DAYS);
	return (int)weekday;
}

void civil_check(const struct utc_offset *offsets, size_t count, struct problems *problems)
{
	assert(count == 0 || offsets != NULL);
	if (count > 0 && offsets[0].from_utc_ms != INT64_MIN)
		problem_at(problems, ".utc_offset",
			   "must begin with an offset that holds from the beginning: [null, \"+01:00\"]");
	for (size_t i = 0; i < count; i++) {
		char below[64];
		(void)snprintf(below, sizeof below, ".utc_offset[%zu]", i);
		if (i > 0 && offsets[i].from_utc_ms <= offsets[i - 1].from_utc_ms)
			problem_at(problems, below, "begins at or before the one before it: order them by time");
		if (offsets[i].offset_ms <= -DAY_MS || offsets[i].offset_ms >= DAY_MS)
			problem_at(problems, below, "is an offset of a day or more");
	}
}
