/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash that an adversary cannot collide at will. */
#ifndef OUTLIERD_SIPHASH_H
#define OUTLIERD_SIPHASH_H

#include "slice.h"

#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

/** The 64-bit SipHash-2-4 of the bytes under a 16-byte key. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], struct slice bytes);

#endif
