#include "siphash.h"

#include <assert.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, int left)
{
	return value << left | value >> (64 - left);
}

/* Written out, it compiles to one load. */
static inline uint64_t load_le64(const uint8_t *bytes)
{
	return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
	       (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 |
	       (uint64_t)bytes[7] << 56;
}

static inline void round_once(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void compress(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	round_once(s);
	round_once(s);
	s->v0 ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], struct slice bytes)
{
	assert(bytes.data != NULL || bytes.length == 0);
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	/* The constants spell "somepseudorandomlygeneratedbytes". */
	struct state s = {
	    k0 ^ 0x736f6d6570736575,
	    k1 ^ 0x646f72616e646f6d,
	    k0 ^ 0x6c7967656e657261,
	    k1 ^ 0x7465646279746573,
	};
	const uint8_t *at = bytes.data;
	size_t left = bytes.length;
	for (; left >= 8; left -= 8, at += 8)
		compress(&s, load_le64(at));
	uint64_t last = (uint64_t)bytes.length << 56;
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)at[i] << 8 * i;
	compress(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		round_once(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
