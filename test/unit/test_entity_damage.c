/*
 * Damaged records: whatever the bytes, decoding gives a clear error or a state that can be used, never a crash or a read
 * outside (run it under sanitizers too). Records are changed by bytes, cut, stretched and spliced; what still decodes is
 * encoded, decoded again and goes through some more events.
 */
#include "features/entity.h"
#include "rng.h"
#include "test/unit/features_world.h"

#include <inttypes.h>

#define MUTATIONS 200000
#define RECORDS 24

static const struct condition_options web = {.field = "channel", .equals = {.kind = LITERAL_TEXT, .text = "WEB"}};
static const struct feature_options features[] = {
    {.name = "n", .operation = OPERATION_COUNT, .window_ms = 6400},
    {.name = "web", .operation = OPERATION_SUM, .field = "amount", .window_ms = 6400, .where = &web, .where_count = 1},
    {.name = "sd", .operation = OPERATION_STDDEV, .field = "amount", .window_ms = 6400},
    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 640},
    {.name = "v", .operation = OPERATION_GEO_SPEED, .lat = "lat", .lon = "lon", .window_ms = 640},
    {.name = "top", .operation = OPERATION_MAX, .field = "real", .window_ms = 6400},
    {.name = "flags", .operation = OPERATION_MEAN, .field = "flag", .window_ms = 6400},
};

static struct tx random_tx(struct rng *rng, int64_t *clock)
{
	static const char *const shops[] = {"bakery", "bakehouse", "b", "", "kiosk", NULL};
	static const char *const channels[] = {"WEB", "POS", NULL};
	*clock += (int64_t)rng_below(rng, 60);
	return (struct tx){.time = *clock,
			   .shop = shops[rng_below(rng, 6)],
			   .channel = channels[rng_below(rng, 3)],
			   .has_amount = rng_below(rng, 5) != 0,
			   .amount = (int64_t)rng_below(rng, 100000) - 50000,
			   .has_place = rng_below(rng, 2) == 0,
			   .lat = (int64_t)rng_below(rng, 9000000),
			   .lon = -(int64_t)rng_below(rng, 18000000),
			   .has_flag = rng_below(rng, 2) == 0,
			   .flag = rng_below(rng, 2) == 0,
			   .has_real = rng_below(rng, 3) == 0,
			   .real = rng_uniform(rng) - 0.5};
}

static void mutate(struct rng *rng, struct buffer *record, const struct buffer *donor)
{
	static const uint8_t telling[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff, 0xfe};
	size_t keep = 9; /* version and generation have their own tests */
	for (uint64_t changes = 1 + rng_below(rng, 3); changes > 0; changes--) {
		size_t at = keep + rng_below(rng, record->length - keep);
		switch (rng_below(rng, 6)) {
		case 0:
			record->data[at] ^= (uint8_t)(1 << rng_below(rng, 8));
			break;
		case 1:
			record->data[at] = telling[rng_below(rng, sizeof telling)];
			break;
		case 2: /* cut */
			record->length = at + 1;
			break;
		case 3: /* lose a byte */
			if (record->length - keep > 1) {
				memmove(record->data + at, record->data + at + 1, record->length - at - 1);
				record->length--;
			}
			break;
		case 4: /* a byte more */
			buffer_add_byte(record, 0);
			memmove(record->data + at + 1, record->data + at, record->length - at - 1);
			record->data[at] = telling[rng_below(rng, sizeof telling)];
			break;
		default: /* go on as another record does */
			record->length = at;
			at = keep + rng_below(rng, donor->length - keep);
			buffer_add(record, donor->data + at, donor->length - at);
		}
	}
}

/* A state made of damaged bytes must go on like any other. */
static void use(struct world *w, struct rng *rng, struct entity *entity)
{
	struct buffer first, second;
	struct entity *again;
	struct err err = {.code = ERR_NONE};
	int64_t clock = (int64_t)rng_below(rng, 20000);
	buffer_init(&first);
	buffer_init(&second);
	entity_encode(entity, WORLD_GENERATION, &first);
	EXPECT_INT(entity_decode(w->set, buffer_slice(&first), WORLD_GENERATION, &again, &err), ENTITY_READ);
	EXPECT_TEXT(err.code == ERR_NONE ? "" : err.message, "");
	if (again != NULL) {
		entity_encode(again, WORLD_GENERATION, &second);
		EXPECT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
	}
	entity_free(again);
	w->entities[0] = entity;
	watermark_init(&w->watermark);
	for (int i = 0; i < 3; i++)
		(void)world_apply(w, random_tx(rng, &clock));
	buffer_reset(&second);
	entity_dump(entity, &second);
	EXPECT(!buffer_failed(&second));
	entity_free(entity);
	w->entities[0] = NULL;
	buffer_free(&first);
	buffer_free(&second);
}

TEST(damaged_records_are_refused_or_usable)
{
	struct world *w = world_new(features, sizeof features / sizeof *features, 100, 8);
	struct buffer records[RECORDS], damaged;
	struct rng rng;
	int64_t clock = 0;
	long refused = 0, usable = 0;
	rng_seed(&rng, 11);
	buffer_init(&damaged);
	for (size_t i = 0; i < RECORDS; i++) {
		uint64_t events = i % 2 == 0 ? 1 + rng_below(&rng, 8) : 12 + rng_below(&rng, 30);
		for (uint64_t j = 0; j < events; j++)
			(void)world_apply(w, random_tx(&rng, &clock));
		buffer_init(&records[i]);
		(void)world_record(w, &records[i]);
		entity_free(w->entities[0]);
		w->entities[0] = NULL;
	}
	for (long i = 0; i < MUTATIONS; i++) {
		struct err err;
		struct entity *entity;
		const struct buffer *source = &records[rng_below(&rng, RECORDS)];
		buffer_reset(&damaged);
		buffer_add(&damaged, source->data, source->length);
		mutate(&rng, &damaged, &records[rng_below(&rng, RECORDS)]);
		/* An own block, so that a read behind the record is noticed. */
		uint8_t *bytes = malloc(damaged.length);
		memcpy(bytes, damaged.data, damaged.length);
		err_clear(&err);
		switch (entity_decode(w->set, (struct slice){bytes, damaged.length}, WORLD_GENERATION, &entity, &err)) {
		case ENTITY_READ:
			usable++;
			use(w, &rng, entity);
			break;
		case ENTITY_CORRUPT:
			refused++;
			EXPECT(entity == NULL && err.code == ERR_DATA && strncmp(err.message, "record", 6) == 0);
			break;
		case ENTITY_ABSENT:
			EXPECT(!"the generation was not touched");
		}
		free(bytes);
	}
	printf("  %ld refused, %ld usable\n", refused, usable);
	EXPECT(refused > MUTATIONS / 3 && usable > MUTATIONS / 100);
	for (size_t i = 0; i < RECORDS; i++)
		buffer_free(&records[i]);
	buffer_free(&damaged);
	world_free(w);
}

TEST(random_bytes_are_refused_or_usable)
{
	struct world *w = world_new(features, sizeof features / sizeof *features, 100, 8);
	struct rng rng;
	rng_seed(&rng, 12);
	for (int i = 0; i < MUTATIONS / 4; i++) {
		struct buffer record;
		struct err err = {.code = ERR_NONE};
		struct entity *entity;
		buffer_init(&record);
		buffer_add_byte(&record, 1);
		buffer_add_le64(&record, WORLD_GENERATION);
		if (rng_below(&rng, 2) == 0) {
			buffer_add_varint(&record, 7);
			buffer_add_varint(&record, rng_below(&rng, 2));
		}
		for (uint64_t length = rng_below(&rng, 60); length > 0; length--)
			buffer_add_byte(&record, (uint8_t)(rng_next(&rng) >> rng_below(&rng, 64)));
		if (entity_decode(w->set, buffer_slice(&record), WORLD_GENERATION, &entity, &err) == ENTITY_READ)
			use(w, &rng, entity);
		else
			EXPECT(entity == NULL && err.code == ERR_DATA);
		buffer_free(&record);
	}
	world_free(w);
}

int main(int argc, char **argv)
{
	return test_run(
	    (struct test[]){CASE(damaged_records_are_refused_or_usable), CASE(random_bytes_are_refused_or_usable), {0}},
	    argc, argv);
}
