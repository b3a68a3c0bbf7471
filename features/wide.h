/*
 * Exact integers of 128 and 256 bits, as far as windows need them, and the nearest double (ties to even) of each: sums
 * are exact in any order, and a value is rounded once.
 */
#ifndef OUTLIERD_WIDE_H
#define OUTLIERD_WIDE_H

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/** The nearest double of an integer. */
double wide_double(int128 value);

/** The nearest double of n * squares - sum * sum, exact in 256 bits. The difference must not be negative, squares be below 2^127. */
double wide_spread(uint64_t n, uint128 squares, int128 sum);

/** True where n * squares >= sum * sum, as it is for the sums of any n integers. */
bool wide_is_spread(uint64_t n, uint128 squares, int128 sum);

#endif
