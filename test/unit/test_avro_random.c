/* The Avro decoder on random schemas: values encoded by others are read alike, damaged bytes are survived. */
#include "arena.h"
#include "buffer.h"
#include "daemon/io/avro_decode.h"
#include "rng.h"
#include "test/twin/avro_twin.h"
#include "test/unit/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 20)
#define PAIRS 200000 /* of schema and value, encoded by avro-c */
#define VALUES_A_SCHEMA 10
#define DAMAGED 1000000 /* inputs */
#define DAMAGED_A_BODY 100

/* A schema from the twin, compiled, with avro-c's classes where they are wanted. */
struct pair {
	struct avro_twin twin;
	struct avro_program *program;
	void *oracle;
};

static void pair_init(struct pair *pair, uint64_t seed, bool oracle)
{
	struct err err = {0};
	avro_twin_init(&pair->twin, seed);
	struct avro_schema *schema = avro_schema_parse(buffer_slice(&pair->twin.json), &err);
	pair->program = schema == NULL ? NULL : avro_program_new(schema, &pair->twin.reader, &err);
	avro_schema_free(schema);
	pair->oracle = oracle ? avro_twin_oracle(&pair->twin) : NULL;
	if (pair->program == NULL || (oracle && pair->oracle == NULL)) {
		printf("  seed %" PRIu64 ": %s\n%.*s\n", seed, err.message, (int)pair->twin.json.length,
		       (const char *)pair->twin.json.data);
		exit(1);
	}
}

static void pair_free(struct pair *pair)
{
	avro_program_free(pair->program);
	avro_twin_oracle_free(pair->oracle);
	avro_twin_free(&pair->twin);
}

static enum reason decode(const struct pair *pair, struct slice body, struct arena *arena, struct value *values,
			  struct event *event, struct err *err)
{
	struct event_builder builder;
	arena_reset(arena);
	event_builder_begin(&builder, &pair->twin.reader, arena, values);
	if (avro_program_run(pair->program, body, &builder, err) != 0)
		return REASON_DECODE;
	return event_builder_end(&builder, event);
}

static bool decodes_alike(const struct pair *pair, struct slice body, struct arena *arena, uint64_t seed, int *valid)
{
	struct value values[AVRO_TWIN_FIELDS];
	struct event event;
	struct err err = {0};
	enum reason reason = decode(pair, body, arena, values, &event, &err);
	const char *difference = reason == REASON_DECODE ? err.message : avro_twin_compare(&pair->twin, reason, &event);
	*valid += reason == REASON_NONE;
	if (difference != NULL)
		printf("  seed %" PRIu64 ": %s\n%.*s\n", seed, difference, (int)pair->twin.json.length,
		       (const char *)pair->twin.json.data);
	return difference == NULL;
}

/* avro-c cannot hold arrays of empty records: these values are encoded by the twin alone, and not counted. */
TEST(random_values_encoded_by_avro_c_and_in_odd_blocks_are_read_alike)
{
	static struct pair pair;
	struct arena *arena = arena_new(ARENA_BYTES);
	struct buffer body;
	int pairs = 0, valid = 0, more = 0;
	buffer_init(&body);
	for (uint64_t seed = 1; pairs < PAIRS && test_failures == 0; seed++) {
		pair_init(&pair, seed, true);
		for (int i = 0; i < VALUES_A_SCHEMA && test_failures == 0; i++) {
			avro_twin_draw(&pair.twin);
			if (avro_twin_encode(&pair.twin, pair.oracle, &body)) {
				pairs++;
				EXPECT(decodes_alike(&pair, buffer_slice(&body), arena, seed, &valid));
			}
			if (i % 3 > 0)
				continue;
			avro_twin_encode_blocks(&pair.twin, &body);
			EXPECT(decodes_alike(&pair, buffer_slice(&body), arena, seed, &valid));
			more++;
		}
		pair_free(&pair);
	}
	printf("  %d pairs by avro-c, %d more in odd blocks, %d valid events\n", pairs, more, valid);
	EXPECT(valid > pairs / 2);
	buffer_free(&body);
	arena_free(arena);
}

/* Bits flipped, bytes set, cut off, pieces moved, numbers made long, or all random. */
static void damage(struct rng *rng, struct slice source, struct buffer *out)
{
	const uint8_t *bytes = source.data;
	size_t length = source.length, from = rng_below(rng, length + 1), to = rng_below(rng, length + 1);
	buffer_reset(out);
	switch (rng_below(rng, 8)) {
	case 0: /* all random */
		for (size_t i = rng_below(rng, 64); i > 0; i--)
			buffer_add_byte(out, (uint8_t)rng_next(rng));
		return;
	case 1: /* cut off */
		buffer_add(out, bytes, from);
		return;
	case 2: /* a piece left out, or doubled */
		buffer_add(out, bytes, from);
		buffer_add(out, bytes + to, length - to);
		return;
	case 3: { /* a huge or negative number put in */
		uint64_t number = rng_next(rng);
		number >>= rng_below(rng, 64);
		buffer_add(out, bytes, from);
		buffer_add_zigzag(out, (int64_t)(rng_below(rng, 2) == 0 ? number : 0 - number));
		to = from < length ? from + 1 : from;
		buffer_add(out, bytes + to, length - to);
		return;
	}
	default:
		break;
	}
	buffer_add(out, bytes, length);
	for (uint64_t i = 1 + rng_below(rng, 3); i > 0 && length > 0; i--)
		out->data[rng_below(rng, length)] ^= (uint8_t)(1 << rng_below(rng, 8));
}

/* In a block of exactly its size each, so that AddressSanitizer sees every read outside. */
TEST(damaged_bytes_are_refused_or_read_and_never_crash)
{
	static struct pair pair;
	struct arena *arena = arena_new(ARENA_BYTES);
	struct buffer body, damaged;
	struct rng rng;
	struct value values[AVRO_TWIN_FIELDS];
	int refused = 0, count = 0;
	rng_seed(&rng, 7);
	buffer_init(&body);
	buffer_init(&damaged);
	for (uint64_t seed = 1; count < DAMAGED; seed++) {
		pair_init(&pair, seed, false);
		for (int i = 0; i < VALUES_A_SCHEMA; i++) {
			avro_twin_draw(&pair.twin);
			avro_twin_encode_blocks(&pair.twin, &body);
			for (int j = 0; j < DAMAGED_A_BODY; j++, count++) {
				struct event event;
				struct err err = {0};
				damage(&rng, buffer_slice(&body), &damaged);
				uint8_t *exact = malloc(damaged.length + (damaged.length == 0));
				if (damaged.length > 0)
					memcpy(exact, damaged.data, damaged.length);
				struct slice input = {exact, damaged.length};
				enum reason reason = decode(&pair, input, arena, values, &event, &err);
				EXPECT((reason == REASON_DECODE) == err_is_set(&err));
				EXPECT(reason != REASON_DECODE || strncmp(err.message, "byte ", 5) == 0);
				refused += reason == REASON_DECODE;
				free(exact);
			}
		}
		pair_free(&pair);
	}
	printf("  %d damaged inputs, %d refused as damaged\n", count, refused);
	EXPECT(refused > count / 4 && refused < count);
	buffer_free(&body);
	buffer_free(&damaged);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(random_values_encoded_by_avro_c_and_in_odd_blocks_are_read_alike),
					CASE(damaged_bytes_are_refused_or_read_and_never_crash),
					{0}},
			argc, argv);
}
