#include "sha256.h"

#include <assert.h>

#define BLOCK_BYTES 64
#define LENGTH_AT 56 /* in the last block: the length in bits, big-endian */

static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t value, int right)
{
	return value >> right | value << (32 - right);
}

static inline uint32_t load_be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void store_be32(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* One round; the callers turn the roles of the eight words instead of moving their contents. */
static inline void round_once(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g,
			      uint32_t *h, uint32_t word)
{
	uint32_t first = *h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + word;
	*d += first;
	*h = first + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

/* The message schedule's word t in place of word t - 16; words are kept modulo 16. */
static inline uint32_t extend(uint32_t w[16], int t)
{
	uint32_t near = w[(t + 14) & 15], far = w[(t + 1) & 15];
	uint32_t s0 = rotate(far, 7) ^ rotate(far, 18) ^ far >> 3;
	uint32_t s1 = rotate(near, 17) ^ rotate(near, 19) ^ near >> 10;
	return w[t & 15] += s0 + w[(t + 9) & 15] + s1;
}

static inline void eight_rounds(uint32_t v[8], const uint32_t *k, const uint32_t *w)
{
	round_once(v[0], v[1], v[2], &v[3], v[4], v[5], v[6], &v[7], k[0] + w[0]);
	round_once(v[7], v[0], v[1], &v[2], v[3], v[4], v[5], &v[6], k[1] + w[1]);
	round_once(v[6], v[7], v[0], &v[1], v[2], v[3], v[4], &v[5], k[2] + w[2]);
	round_once(v[5], v[6], v[7], &v[0], v[1], v[2], v[3], &v[4], k[3] + w[3]);
	round_once(v[4], v[5], v[6], &v[7], v[0], v[1], v[2], &v[3], k[4] + w[4]);
	round_once(v[3], v[4], v[5], &v[6], v[7], v[0], v[1], &v[2], k[5] + w[5]);
	round_once(v[2], v[3], v[4], &v[5], v[6], v[7], v[0], &v[1], k[6] + w[6]);
	round_once(v[1], v[2], v[3], &v[4], v[5], v[6], v[7], &v[0], k[7] + w[7]);
}

static void compress(uint32_t state[8], const uint8_t block[BLOCK_BYTES])
{
	uint32_t w[16], v[8];
	for (int i = 0; i < 16; i++)
		w[i] = load_be32(block + 4 * i);
	for (int i = 0; i < 8; i++)
		v[i] = state[i];
	eight_rounds(v, round_constant, w);
	eight_rounds(v, round_constant + 8, w + 8);
	for (int t = 16; t < 64; t += 16) {
		for (int i = 0; i < 16; i++)
			extend(w, i);
		eight_rounds(v, round_constant + t, w);
		eight_rounds(v, round_constant + t + 8, w + 8);
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

void sha256_init(struct sha256 *hash)
{
	assert(hash != NULL);
	*hash = (struct sha256){
	    .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *hash, const void *data, size_t length)
{
	assert(data != NULL || length == 0);
	const uint8_t *at = data;
	size_t filled = (size_t)(hash->length % BLOCK_BYTES);
	hash->length += length;
	if (filled > 0) {
		size_t part = length < BLOCK_BYTES - filled ? length : BLOCK_BYTES - filled;
		if (part > 0)
			memcpy(hash->block + filled, at, part);
		if (filled + part < BLOCK_BYTES)
			return;
		compress(hash->state, hash->block);
		at += part;
		length -= part;
	}
	for (; length >= BLOCK_BYTES; length -= BLOCK_BYTES, at += BLOCK_BYTES)
		compress(hash->state, at);
	if (length > 0)
		memcpy(hash->block, at, length);
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES])
{
	uint64_t bits = hash->length * 8;
	size_t filled = (size_t)(hash->length % BLOCK_BYTES);
	hash->block[filled++] = 0x80;
	if (filled > LENGTH_AT) {
		memset(hash->block + filled, 0, BLOCK_BYTES - filled);
		compress(hash->state, hash->block);
		filled = 0;
	}
	memset(hash->block + filled, 0, LENGTH_AT - filled);
	store_be32(hash->block + LENGTH_AT, (uint32_t)(bits >> 32));
	store_be32(hash->block + LENGTH_AT + 4, (uint32_t)bits);
	compress(hash->state, hash->block);
	for (int i = 0; i < 8; i++)
		store_be32(digest + 4 * i, hash->state[i]);
}

void sha256_of(struct slice bytes, uint8_t digest[SHA256_BYTES])
{
	struct sha256 hash;
	sha256_init(&hash);
	sha256_add(&hash, bytes.data, bytes.length);
	sha256_end(&hash, digest);
}

void hex_of(const uint8_t *bytes, size_t length, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * length] = '\0';
}

void sha256_hex(struct slice bytes, char hex[SHA256_HEX])
{
	uint8_t digest[SHA256_BYTES];
	sha256_of(bytes, digest);
	hex_of(digest, sizeof digest, hex);
}

void hmac_sha256(struct slice key, struct slice message, uint8_t digest[SHA256_BYTES])
{
	uint8_t pad[BLOCK_BYTES] = {0};
	if (key.length > BLOCK_BYTES)
		sha256_of(key, pad);
	else if (key.length > 0)
		memcpy(pad, key.data, key.length);

	struct sha256 hash;
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36;
	sha256_init(&hash);
	sha256_add(&hash, pad, sizeof pad);
	sha256_add(&hash, message.data, message.length);
	sha256_end(&hash, digest);

	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sha256_init(&hash);
	sha256_add(&hash, pad, sizeof pad);
	sha256_add(&hash, digest, SHA256_BYTES);
	sha256_end(&hash, digest);
}
