#include "rng.h"

#include <assert.h>
#include <stddef.h>

__extension__ typedef unsigned __int128 uint128;

/* splitmix64 (Steele, Lea and Flood, 2014): a counter in steps of the golden ratio, then a mixing of its bits. */
static uint64_t splitmix(uint64_t *counter)
{
	uint64_t z = *counter += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	assert(rng != NULL);
	for (int i = 0; i < 4; i++)
		rng->state[i] = splitmix(&seed);
}

static inline uint64_t rotate(uint64_t value, int left)
{
	return value << left | value >> (64 - left);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->state;
	assert((s[0] | s[1] | s[2] | s[3]) != 0);
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t shifted = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	assert(bound > 0);
	uint128 product = (uint128)rng_next(rng) * bound;
	if ((uint64_t)product < bound) {
		/* 2^64 mod bound: so many of the low halves are one too many for some results. */
		uint64_t surplus = (0 - bound) % bound;
		while ((uint64_t)product < surplus)
			product = (uint128)rng_next(rng) * bound;
	}
	return (uint64_t)(product >> 64);
}

double rng_uniform(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) * 0x1p-53;
}
