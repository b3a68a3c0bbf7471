/* SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). For content ids and pseudonyms. */
#ifndef OUTLIERD_SHA256_H
#define OUTLIERD_SHA256_H

#include "slice.h"

#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX (2 * SHA256_BYTES + 1) /* with the terminating zero */

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	uint8_t block[64];
};

/** Begins a hash. */
void sha256_init(struct sha256 *hash);
/** Adds bytes. */
void sha256_add(struct sha256 *hash, const void *data, size_t length);
/** Ends the hash and gives the 32 bytes. */
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);
/** The hash of one run of bytes. */
void sha256_of(struct slice bytes, uint8_t digest[SHA256_BYTES]);
/** The hash of one run of bytes, as lower-case hex with terminating zero. */
void sha256_hex(struct slice bytes, char hex[SHA256_HEX]);
/** Lower-case hex of length bytes with a terminating zero; hex holds 2 * length + 1. */
void hex_of(const uint8_t *bytes, size_t length, char *hex);
/** HMAC-SHA-256. */
void hmac_sha256(struct slice key, struct slice message, uint8_t digest[SHA256_BYTES]);

#endif
