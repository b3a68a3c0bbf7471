#include "sort.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 8

/* Unsigned numbers that order as the doubles do. */
static uint64_t key_of(double value)
{
	uint64_t bits;
	assert(!isnan(value));
	memcpy(&bits, &value, sizeof bits);
	return bits ^ ((UINT64_C(0) - (bits >> 63)) | UINT64_C(1) << 63);
}

static double value_of(uint64_t key)
{
	uint64_t bits = key ^ (((key >> 63) - 1) | UINT64_C(1) << 63);
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Moves the keys in the order of one byte; false where they all have the same, and nothing is done. */
static bool move(const uint64_t *from, uint64_t *to, size_t count, unsigned byte, const size_t *counts)
{
	size_t starts[256], start = 0;
	if (counts[from[0] >> (8 * byte) & 255] == count)
		return false;
	for (size_t i = 0; i < 256; i++) {
		starts[i] = start;
		start += counts[i];
	}
	for (size_t i = 0; i < count; i++)
		to[starts[from[i] >> (8 * byte) & 255]++] = from[i];
	return true;
}

int sort_doubles(double *values, size_t count)
{
	if (count < 2)
		return 0;
	uint64_t *keys = count > SIZE_MAX / 2 / sizeof *keys ? NULL : malloc(2 * count * sizeof *keys);
	if (keys == NULL)
		return -1;
	size_t counts[BYTES][256] = {{0}};
	for (size_t i = 0; i < count; i++) {
		keys[i] = key_of(values[i]);
		for (unsigned byte = 0; byte < BYTES; byte++)
			counts[byte][keys[i] >> (8 * byte) & 255]++;
	}
	uint64_t *from = keys, *to = keys + count;
	for (unsigned byte = 0; byte < BYTES; byte++)
		if (move(from, to, count, byte, counts[byte])) {
			uint64_t *moved = to;
			to = from;
			from = moved;
		}
	for (size_t i = 0; i < count; i++)
		values[i] = value_of(from[i]);
	free(keys);
	return 0;
}
