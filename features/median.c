#include "features/median.h"

#include <assert.h>
#include <stdbool.h>

static int64_t middle_of_three(int64_t a, int64_t b, int64_t c)
{
	int64_t low = a < b ? a : b, high = a < b ? b : a;
	return c < low ? low : c > high ? high : c;
}

/* Puts those up to a limit before the others, without a branch; returns their number. */
static size_t partition(int64_t *values, size_t count, int64_t limit)
{
	size_t up_to = 0;
	for (size_t i = 0; i < count; i++) {
		int64_t value = values[i];
		values[i] = values[up_to];
		values[up_to] = value;
		up_to += value <= limit;
	}
	return up_to;
}

/* The values that are left lie in [low, high]. Every other limit halves that range, so bad guesses between them cannot last. */
int64_t median_lower(int64_t *values, size_t count)
{
	assert(count > 0);
	size_t place = (count - 1) / 2;
	int64_t low = values[0], high = values[0];
	for (size_t i = 1; i < count; i++) {
		low = values[i] < low ? values[i] : low;
		high = values[i] > high ? values[i] : high;
	}
	assert((uint64_t)high - (uint64_t)low <= INT64_MAX);
	for (bool guess = true; low < high; guess = !guess) {
		int64_t limit =
		    guess ? middle_of_three(values[0], values[count / 2], values[count - 1]) : low + (high - low) / 2;
		limit = limit < high ? limit : high - 1;
		size_t up_to = partition(values, count, limit);
		if (place < up_to) {
			high = limit;
			count = up_to;
		} else {
			low = limit + 1;
			place -= up_to;
			values += up_to;
			count -= up_to;
		}
	}
	return low;
}
