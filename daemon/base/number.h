/*
 * Numbers as text: the shortest decimal that reads back to the same double, as ECMAScript prints it (also RFC 8785's
 * form), exact decimal parsing into scaled integers, durations and RFC 3339 times. The code is in number.c (format),
 * number_parse.c, number_scaled.c and number_time.c. "Units" are integers in units of 10^-scale, as money is kept.
 */
#ifndef OUTLIERD_NUMBER_H
#define OUTLIERD_NUMBER_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

#define NUMBER_TEXT_MAX 32 /* bytes with the terminating zero */

/**
 * ECMAScript's Number::toString of a finite double; -0 prints as 0. Returns the length. Must not be given NaN or
 * infinities.
 */
size_t number_format(double value, char text[NUMBER_TEXT_MAX]);

/**
 * Units as decimal text, without zeros at the end of the fraction: (1250, 2) -> "12.5". Scale 0 to 18. Returns the
 * length.
 */
size_t number_format_scaled(int64_t units, int scale, char text[NUMBER_TEXT_MAX]);

/** Reads the whole of the text as the nearest double, by JSON's number grammar. -1: not of that form, or not finite. */
int number_parse(struct slice text, double *value) MUST_USE;

/** Reads the whole of the text as a decimal 64-bit integer, `-?digits`. -1: not of that form, or beyond 64 bits. */
int number_parse_integer(struct slice text, int64_t *value) MUST_USE;

/**
 * Reads `-?digits[.digits]` into units of 10^-scale, half to even of all digits; scale 0 to 18. -1: not of that form,
 * or beyond 2^53 units.
 */
int number_parse_scaled(struct slice text, int scale, int64_t *units) MUST_USE;

/**
 * The exact value of a double in units of 10^-scale, half to even; scale 0 to 15. -1: NaN, infinite or beyond 2^53
 * units.
 */
int number_scale_double(double value, int scale, int64_t *units) MUST_USE;

/**
 * An unscaled big-endian two's complement integer of any length (Avro decimal; empty: 0) of scale `from` in units of
 * 10^-to, half to even. -1: beyond 2^53 units, or more than 300 digits to cut off.
 */
int number_scale_decimal(struct slice big_endian, int from, int to, int64_t *units) MUST_USE;

/** value * 10^(to - from), half to even when to < from. -1: beyond 2^53 units. */
int number_rescale(int64_t value, int from, int to, int64_t *units) MUST_USE;

/**
 * "30d", "1h", "90s", "10m", "250ms" in ms: an integer, not negative, and one of ms s m h d. -1: not of that form or
 * over 100 years.
 */
int duration_parse(struct slice text, int64_t *ms) MUST_USE;

/** A number of ms in the largest unit that keeps it whole: 3600000 -> "1h", 0 -> "0s". Returns the length. */
size_t duration_format(int64_t ms, char text[NUMBER_TEXT_MAX]);

/**
 * RFC 3339 date-time with any offset ("2026-03-29T01:00:00.123Z") in ms since 1970, digits past ms cut off; a leap
 * second is the next. -1: not of that form, or no such day or time.
 */
int time_parse_rfc3339(struct slice text, int64_t *ms) MUST_USE;

/**
 * RFC 3339 in UTC with milliseconds, "2026-03-29T01:00:00.123Z"; years beyond 9999 or below 0 as they are. Returns the
 * length.
 */
size_t time_format_rfc3339(int64_t ms, char text[NUMBER_TEXT_MAX]);

#endif
