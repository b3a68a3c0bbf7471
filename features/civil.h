/*
 * Civil time at fixed offsets from UTC: the local hour and weekday of an instant. No time-zone database: it changes under
 * a running system, and a vector must not.
 */
#ifndef OUTLIERD_CIVIL_H
#define OUTLIERD_CIVIL_H

#include "features/problem.h"

#include <stddef.h>
#include <stdint.h>

#define CIVIL_HOURS 24

/** One step of a civil-time offset: holds from from_utc_ms (INT64_MIN: from the beginning) to the next step. */
struct utc_offset {
	int64_t from_utc_ms;
	int64_t offset_ms;
};

/** The hour, 0 to 23, at an instant; offsets rise in from_utc_ms and begin at INT64_MIN; count 0: UTC. */
int civil_hour(int64_t time_ms, const struct utc_offset *offsets, size_t count);

/** The day of the week, Monday 0 to Sunday 6; offsets as for civil_hour(). */
int civil_weekday(int64_t time_ms, const struct utc_offset *offsets, size_t count);

/** Reports what is wrong with configured offsets at ".utc_offset" of the present path: they must begin at INT64_MIN, rise, and lie within a day. */
void civil_check(const struct utc_offset *offsets, size_t count, struct problems *problems);

#endif
