/* Decimal constants of the configuration, exact: compared with scaled fields by their digits, never through a double. */
#ifndef OUTLIERD_DECIMAL_H
#define OUTLIERD_DECIMAL_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_DIGITS_MAX 320
#define DECIMAL_TEXT_MAX (DECIMAL_DIGITS_MAX + 32)

struct decimal {
	bool negative;
	int exponent; /* value = 0.d1d2d3… * 10^exponent, d1 and the last digit not 0; count 0: zero */
	int count;
	char digits[DECIMAL_DIGITS_MAX];
};

/** Reads a JSON number. -1: of another form, of more than DECIMAL_DIGITS_MAX digits, or with an exponent beyond 9999. */
int decimal_parse(const char *text, struct decimal *decimal) MUST_USE;

/** The greatest integer not above value * 10^scale, clamped to +-2^62; *exact: whether it is equal. */
int64_t decimal_floor(const struct decimal *decimal, int scale, bool *exact);

/** The one text of this value: "-125e-1" for -12.50. Returns the length. */
size_t decimal_text(const struct decimal *decimal, char text[DECIMAL_TEXT_MAX]);

#endif
