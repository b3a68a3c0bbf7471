#include "rng.h"
#include "sha256.h"
#include "siphash.h"
#include "test.h"

static void expect_sha256(struct slice bytes, const char *wanted)
{
	char hex[SHA256_HEX];
	sha256_hex(bytes, hex);
	EXPECT_TEXT(hex, wanted);
}

TEST(sha256_of_the_standards_examples)
{
	expect_sha256(slice_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sha256((struct slice){NULL, 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sha256(slice_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_sha256(slice_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect_sha256(slice_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
			       "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
		      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

TEST(sha256_of_a_million_letters)
{
	struct sha256 hash;
	sha256_init(&hash);
	for (int i = 0; i < 100000; i++)
		sha256_add(&hash, "aaaaaaaaaa", 10);
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	sha256_end(&hash, digest);
	hex_of(digest, sizeof digest, hex);
	EXPECT_TEXT(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(sha256_of_every_length_to_300)
{
	/* The hash of the 301 hashes, as Python's hashlib gives it. */
	uint8_t bytes[300], digest[SHA256_BYTES];
	struct sha256 all;
	sha256_init(&all);
	for (size_t length = 0; length <= sizeof bytes; length++) {
		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)(i * 7 + length);
		sha256_of((struct slice){bytes, length}, digest);
		sha256_add(&all, digest, sizeof digest);
	}
	char hex[SHA256_HEX];
	sha256_end(&all, digest);
	hex_of(digest, sizeof digest, hex);
	EXPECT_TEXT(hex, "60d63ff40b5558727a9b786ac0be9300f7ca58fd9ddd3b2f3681b369018a87dc");
}

TEST(sha256_in_pieces_equals_the_whole)
{
	struct rng rng;
	rng_seed(&rng, 2);
	uint8_t bytes[1000], whole[SHA256_BYTES], pieces[SHA256_BYTES];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)rng_next(&rng);
	for (int round = 0; round < 500; round++) {
		size_t length = (size_t)rng_below(&rng, sizeof bytes + 1);
		sha256_of((struct slice){bytes, length}, whole);
		struct sha256 hash;
		sha256_init(&hash);
		for (size_t at = 0; at < length;) {
			size_t piece = (size_t)rng_below(&rng, length - at + 1);
			sha256_add(&hash, bytes + at, piece);
			at += piece;
		}
		sha256_end(&hash, pieces);
		EXPECT(memcmp(whole, pieces, sizeof whole) == 0);
	}
}

TEST(hex_is_lower_case)
{
	char hex[7];
	hex_of((const uint8_t *)"\x00\xab\xf9", 3, hex);
	EXPECT_TEXT(hex, "00abf9");
}

static struct slice repeated(uint8_t byte, size_t length, uint8_t *bytes)
{
	memset(bytes, byte, length);
	return (struct slice){bytes, length};
}

static void expect_hmac(struct slice key, struct slice message, const char *wanted)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	hmac_sha256(key, message, digest);
	hex_of(digest, sizeof digest, hex);
	hex[strlen(wanted)] = '\0'; /* case 5 gives only the first 16 bytes */
	EXPECT_TEXT(hex, wanted);
}

TEST(hmac_of_rfc_4231)
{
	uint8_t key[131], data[50];
	expect_hmac(repeated(0x0b, 20, key), slice_of("Hi There"),
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	expect_hmac(slice_of("Jefe"), slice_of("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	expect_hmac(repeated(0xaa, 20, key), repeated(0xdd, 50, data),
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	for (uint8_t i = 0; i < 25; i++)
		key[i] = (uint8_t)(i + 1);
	expect_hmac((struct slice){key, 25}, repeated(0xcd, 50, data),
		    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
	expect_hmac(repeated(0x0c, 20, key), slice_of("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b");
	expect_hmac(repeated(0xaa, 131, key), slice_of("Test Using Larger Than Block-Size Key - Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	expect_hmac((struct slice){key, 131},
		    slice_of("This is a test using a larger than block-size key and a larger than block-size data. "
			     "The key needs to be hashed before being used by the HMAC algorithm."),
		    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* SipHash-2-4 of 00 01 02 ... of each length from 0 under the key 00 01 ... 0f: the vectors of the reference. */
static const uint64_t siphash_vectors[64] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7,
    0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0,
    0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee,
    0xa129ca6149be45e5, 0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8, 0xb8ad50c6f649af94,
    0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad, 0xde4daaaca71dc9a5, 0xa6a2506687956571,
    0xad87a3535c49ef28, 0x32d892fad841c342, 0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238,
    0x15e034d40fa197ae, 0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95, 0xf935451de4f21df2,
    0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb, 0xe612a3cb9ecba951, 0xc766e62cfcadaf96,
    0xee64435a9752fe72, 0xa192d576b245165a, 0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea,
    0x245731c13ca42499, 0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

TEST(siphash_of_the_reference_vectors)
{
	uint8_t key[SIPHASH_KEY_BYTES], bytes[64];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t length = 0; length < 64; length++)
		EXPECT(siphash(key, (struct slice){bytes, length}) == siphash_vectors[length]);
}

TEST(siphash_reads_from_any_address)
{
	uint8_t key[SIPHASH_KEY_BYTES + 1], bytes[70];
	for (size_t shift = 0; shift < 8; shift++) {
		for (uint8_t i = 0; i < 16; i++)
			key[shift % 2 + i] = i;
		for (uint8_t i = 0; i < 61; i++)
			bytes[shift + i] = i;
		EXPECT(siphash(key + shift % 2, (struct slice){bytes + shift, 61}) == siphash_vectors[61]);
	}
}

TEST(siphash_of_nothing_needs_no_pointer)
{
	uint8_t key[SIPHASH_KEY_BYTES];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	EXPECT(siphash(key, (struct slice){NULL, 0}) == siphash_vectors[0]);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(sha256_of_the_standards_examples),
					    CASE(sha256_of_a_million_letters),
					    CASE(sha256_of_every_length_to_300),
					    CASE(sha256_in_pieces_equals_the_whole),
					    CASE(hex_is_lower_case),
					    CASE(hmac_of_rfc_4231),
					    CASE(siphash_of_the_reference_vectors),
					    CASE(siphash_reads_from_any_address),
					    CASE(siphash_of_nothing_needs_no_pointer),
					    {0}};
	return test_run(tests, argc, argv);
}
