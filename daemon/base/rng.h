/*
 * The only randomness in the tree: xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64. State by
 * pointer, same seed, same numbers, on any machine.
 */
#ifndef OUTLIERD_RNG_H
#define OUTLIERD_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state[4];
};

/** Seeds the four words with four outputs of splitmix64 that starts at seed. */
void rng_seed(struct rng *rng, uint64_t seed);

/** The next 64 bits. */
uint64_t rng_next(struct rng *rng);

/** Uniform in [0, bound), bound > 0: Lemire's multiplication method with rejection (2019), no bias. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/** Uniform in [0, 1): the upper 53 bits times 2^-53. */
double rng_uniform(struct rng *rng);

#endif
