/*
 * Powers of ten in 128 bits, for exact conversion between doubles and decimal text. Internal to number*.c. They are put
 * together from 24 coarse and 27 fine ones, a few ns each, instead of a table of 10 KB; a test compares all of them.
 */
#ifndef OUTLIERD_NUMBER_POWER_H
#define OUTLIERD_NUMBER_POWER_H

#include <stdint.h>

#define NUMBER_POWER_MIN (-292)
#define NUMBER_POWER_MAX 324

/* high * 2^64 + low, the first bit set. */
struct number_power {
	uint64_t high, low;
};

/** 10^exponent times the power of two that brings it to 128 bits, rounded up to an integer. */
struct number_power number_power(int exponent);

/** The greatest integer not above log2(10^exponent), for exponents of at most three digits. */
static inline int number_power_log2(int exponent)
{
	/* 1741647 / 2^19 is log2(10) to 2e-7: never across an integer in this range. Right shifts round down. */
	return exponent * 1741647 >> 19;
}

#endif
