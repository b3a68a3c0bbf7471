#include "features/entity.h"
#include "rng.h"
#include "test/unit/features_world.h"

#include <inttypes.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct condition_options web = {.field = "channel", .equals = {.kind = LITERAL_TEXT, .text = "WEB"}};
/* Keeps amount, shop, channel, lat, lon, real. */
static const struct feature_options wide[] = {
    {.name = "n", .operation = OPERATION_COUNT, .window_ms = 6400},
    {.name = "web", .operation = OPERATION_SUM, .field = "amount", .window_ms = 6400, .where = &web, .where_count = 1},
    {.name = "sd", .operation = OPERATION_STDDEV, .field = "amount", .window_ms = 640},
    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 640},
    {.name = "v", .operation = OPERATION_GEO_SPEED, .lat = "lat", .lon = "lon", .window_ms = 640},
    {.name = "top", .operation = OPERATION_MAX, .field = "real", .window_ms = 6400},
};
/* Keeps amount and shop. */
static const struct feature_options narrow[] = {
    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = 6400},
    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 6400},
};

static const char *hex(struct slice bytes)
{
	static char text[4096];
	EXPECT(2 * bytes.length < sizeof text);
	hex_of(bytes.data, bytes.length, text);
	return text;
}

/* Decodes entity A's record into a new entity; NULL and the message in *err. */
static struct entity *decoded(const struct world *w, struct slice record, struct err *err)
{
	struct entity *entity;
	err_clear(err);
	enum entity_read read = entity_decode(w->set, record, WORLD_GENERATION, &entity, err);
	EXPECT((read == ENTITY_READ) == (entity != NULL) && (read == ENTITY_CORRUPT) == err_is_set(err));
	return entity;
}

TEST(the_bytes_are_those_of_the_layout)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 100);
	struct buffer record;
	buffer_init(&record);
	(void)world_apply(w, (struct tx){.time = 64, .offset = 3, .shop = "ab", AMOUNT(150), .id = "x"});
	(void)world_apply(w, (struct tx){.time = 264, .offset = 2, .shop = "abc", AMOUNT(150), .id = "y"});
	(void)world_apply(w, (struct tx){.time = 265, .offset = 5, .shop = "ab", AMOUNT(149), .id = "z"});
	(void)world_apply(w, (struct tx){.time = 265, .offset = 6, .shop = "ab", .id = "u"});
	struct slice bytes = world_record(w, &record);
	/*
	 * Header: version 1, generation 7, 2 columns (amount, shop), not folded. Rows: control, time, offset, id (8 bytes),
	 * shop, amount. Bit 0 of control: amount repeated; bit 1: shop repeated; bit 2: the offset falls.
	 */
	char wanted[512];
	char ids[4][17];
	for (size_t i = 0; i < 4; i++) {
		const size_t starts[] = {15, 33, 47, 60};
		hex_of((const uint8_t *)bytes.data + starts[i], 8, ids[i]);
	}
	(void)snprintf(wanted, sizeof wanted,
		       "010700000000000000"
		       "0200"
		       "00"
		       "8001"
		       "03"
		       "%s"
		       "01026162"
		       "ad02"
		       "05"
		       "c801"
		       "01"
		       "%s"
		       "050163"
		       "00"
		       "01"
		       "03"
		       "%s"
		       "02"
		       "02"
		       "02"
		       "00"
		       "01"
		       "%s"
		       "00",
		       ids[0], ids[1], ids[2], ids[3]);
	EXPECT_TEXT(hex(bytes), wanted);
	buffer_free(&record);
	world_free(w);
}

TEST(a_row_repeats_what_its_rarest_string_last_stood_with)
{
	static const struct feature_options features[] = {
	    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 6400},
	    {.name = "channels", .operation = OPERATION_DISTINCT, .field = "channel", .window_ms = 6400},
	    {.name = "lats", .operation = OPERATION_DISTINCT, .field = "lat", .window_ms = 6400}};
	struct world *w = world_new(features, 3, 0, 100);
	struct buffer record;
	buffer_init(&record);
	(void)world_apply(w, (struct tx){.time = 0, .shop = "a", .channel = "pos", PLACE(5000, 0)});
	(void)world_apply(w, (struct tx){.time = 1, .shop = "b", .channel = "pos", PLACE(7000, 0)});
	(void)world_apply(w, (struct tx){.time = 2, .shop = "c", .channel = "pos", PLACE(9000, 0)});
	size_t before = world_record(w, &record).length;
	/* "a" was seen in row 1, "pos" in row 3: row 1 gives the place. control, time, offset, id, shop: 12 bytes. */
	(void)world_apply(w, (struct tx){.time = 3, .shop = "a", .channel = "pos", PLACE(5000, 0)});
	EXPECT_INT(world_record(w, &record).length, before + 12);
	/* With a new string the row before is looked at: two bytes for the shop's tag and length, one for its letter. */
	(void)world_apply(w, (struct tx){.time = 4, .shop = "d", .channel = "pos", PLACE(5000, 0)});
	EXPECT_INT(world_record(w, &record).length, before + 12 + 14);
	/* The shop alone does not help where the place is another one. */
	(void)world_apply(w, (struct tx){.time = 5, .shop = "b", .channel = "pos", PLACE(5000, 0)});
	EXPECT_INT(world_record(w, &record).length, before + 12 + 14 + 14);
	buffer_free(&record);
	world_free(w);
}

/* Applies n random events to A and now and then B, rarely late. */
static void run_random(struct world *w, struct rng *rng, int n, int64_t *clock)
{
	static const char *const shops[] = {"bakery", "bakehouse", "b", "", "kiosk", NULL};
	static const char *const channels[] = {"WEB", "POS", NULL};
	for (int i = 0; i < n; i++) {
		*clock += (int64_t)rng_below(rng, 60);
		struct tx tx = {.entity = rng_below(rng, 4) == 0 ? "B" : "A",
				.time = *clock - (rng_below(rng, 8) == 0 ? 40 : 0),
				.shop = shops[rng_below(rng, 6)],
				.channel = channels[rng_below(rng, 3)],
				.has_amount = rng_below(rng, 5) != 0,
				.amount = (int64_t)rng_below(rng, 100000) - 50000,
				.has_place = rng_below(rng, 2) == 0,
				.lat = (int64_t)rng_below(rng, 9000000),
				.lon = -(int64_t)rng_below(rng, 18000000),
				.has_real = rng_below(rng, 3) == 0,
				.real = rng_uniform(rng) - 0.5};
		(void)world_apply(w, tx);
	}
}

TEST(a_record_in_order_is_the_record_before_and_the_new_row)
{
	struct world *w = world_new(wide, COUNT(wide), 0, 1000);
	struct buffer before, after;
	buffer_init(&before);
	buffer_init(&after);
	struct rng rng;
	rng_seed(&rng, 3);
	int appended = 0;
	int64_t clock = 1000;
	run_random(w, &rng, 1, &clock);
	for (int i = 0; i < 300; i++) {
		clock += (int64_t)rng_below(&rng, 20);
		size_t events = entity_event_count(w->entities[0]);
		(void)world_record(w, &before);
		(void)world_apply(w, (struct tx){.time = clock,
						 .shop = i % 3 == 0 ? "a" : "b",
						 .has_amount = true,
						 .amount = i,
						 .has_place = i % 2 == 0,
						 .lat = i % 7});
		if (entity_event_count(w->entities[0]) != events + 1)
			continue;
		appended++;
		(void)world_record(w, &after);
		EXPECT(after.length > before.length && memcmp(after.data, before.data, before.length) == 0);
	}
	EXPECT_INT(appended, 300);
	buffer_free(&before);
	buffer_free(&after);
	world_free(w);
}

TEST(decoding_gives_the_same_state_back)
{
	struct buffer first, second;
	struct err err = {.code = ERR_NONE};
	buffer_init(&first);
	buffer_init(&second);
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct world *w = world_new(wide, COUNT(wide), 100, seed % 3 == 0 ? 5 : 200);
		struct rng rng;
		int64_t clock = seed % 2 == 0 ? INT64_C(1690000000000) : -700;
		rng_seed(&rng, seed);
		for (int round = 0; round < 10; round++) {
			run_random(w, &rng, 40, &clock);
			struct entity *again = decoded(w, world_record(w, &first), &err);
			EXPECT(again != NULL);
			if (again == NULL)
				break;
			entity_encode(again, WORLD_GENERATION, &second);
			EXPECT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
			buffer_reset(&second);
			entity_free(w->entities[0]);
			w->entities[0] = again;
		}
		world_free(w);
	}
	buffer_free(&first);
	buffer_free(&second);
}

TEST(bytes_do_not_depend_on_batches)
{
	/* The same events through forks of one event and of a thousand. */
	struct buffer one, other;
	buffer_init(&one);
	buffer_init(&other);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *single = world_new(wide, COUNT(wide), 100, seed % 2 == 0 ? 6 : 200);
		struct world *batch = world_new(wide, COUNT(wide), 100, seed % 2 == 0 ? 6 : 200);
		struct rng rng, again;
		int64_t clock = 5000, clock_again = 5000;
		rng_seed(&rng, seed);
		rng_seed(&again, seed);
		struct entity *base = NULL;
		for (int i = 0; i < 1000; i++) {
			/* Each event is applied to a fork of what the last one left; the old view lives a while longer. */
			struct entity *fork = single->entities[0] == NULL ? NULL : entity_fork(single->entities[0]);
			entity_free(base);
			base = single->entities[0];
			single->entities[0] = fork;
			run_random(single, &rng, 1, &clock);
		}
		run_random(batch, &again, 1000, &clock_again);
		EXPECT(slice_equal(world_record(single, &one), world_record(batch, &other)));
		entity_free(base);
		world_free(single);
		world_free(batch);
	}
	buffer_free(&one);
	buffer_free(&other);
}

TEST(discarding_a_fork_leaves_the_base_as_it_was)
{
	struct world *w = world_new(wide, COUNT(wide), 100, 6);
	struct buffer before, after;
	struct rng rng;
	int64_t clock = 1000;
	buffer_init(&before);
	buffer_init(&after);
	rng_seed(&rng, 1);
	for (int i = 0; i < 200; i++) {
		run_random(w, &rng, 3, &clock);
		if (w->entities[0] == NULL)
			continue;
		struct entity *base = w->entities[0];
		struct watermark watermark = w->watermark;
		int64_t later = clock;
		(void)world_record(w, &before);
		w->entities[0] = entity_fork(base);
		run_random(w, &rng, 1 + i % 30, &later);
		entity_free(w->entities[0]);
		w->entities[0] = base;
		w->watermark = watermark;
		EXPECT(slice_equal(buffer_slice(&before), world_record(w, &after)));
	}
	buffer_free(&before);
	buffer_free(&after);
	world_free(w);
}

TEST(two_forks_of_one_base_may_both_be_changed)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 100);
	(void)world_apply(w, (struct tx){.time = 1, .shop = "a", AMOUNT(100)});
	struct entity *base = w->entities[0], *left = entity_fork(base), *right = entity_fork(base);
	w->entities[0] = left;
	(void)world_apply(w, (struct tx){.time = 2, .shop = "left", AMOUNT(200)});
	w->entities[0] = right;
	EXPECT(world_apply(w, (struct tx){.time = 2, .shop = "right", AMOUNT(300)}) == 1);
	EXPECT(world_apply(w, (struct tx){.time = 3, .shop = "right", AMOUNT(0)}) == 4 && w->values[1] == 2);
	w->entities[0] = left;
	EXPECT(world_apply(w, (struct tx){.time = 3, .shop = "left", AMOUNT(0)}) == 3 && w->values[1] == 2);
	w->entities[0] = base;
	EXPECT(world_apply(w, (struct tx){.time = 3, .shop = "x", AMOUNT(0)}) == 1);
	entity_free(left);
	entity_free(right);
	world_free(w);
}

TEST(dead_rows_leave_the_record_once_they_are_the_more)
{
	const struct feature_options feature = {.name = "n", .operation = OPERATION_COUNT, .window_ms = 100};
	struct world *w = world_new(&feature, 1, 0, 100);
	struct buffer record;
	size_t lengths[8];
	buffer_init(&record);
	/* B drives the watermark; A's rows at 0, 10, … 70 leave reach one after the other. */
	for (int64_t i = 0; i < 8; i++) {
		(void)world_apply(w, (struct tx){.time = 10 * i});
		lengths[i] = world_record(w, &record).length;
		EXPECT(i == 0 || lengths[i] == lengths[i - 1] + 11);
	}
	(void)world_apply(w, (struct tx){.entity = "C", .time = 135});
	(void)world_apply(w, (struct tx){.entity = "B", .time = 135});
	(void)world_apply(w, (struct tx){.time = 136});
	EXPECT_INT(entity_event_count(w->entities[0]), 5); /* 40 50 60 70 136; four are dead */
	EXPECT_INT(world_record(w, &record).length, lengths[7] + 11);
	(void)world_apply(w, (struct tx){.entity = "C", .time = 150});
	(void)world_apply(w, (struct tx){.entity = "B", .time = 150});
	(void)world_apply(w, (struct tx){.time = 151});
	EXPECT_INT(entity_event_count(w->entities[0]), 5); /* 50 60 70 136 151; five are dead, not more */
	EXPECT_INT(world_record(w, &record).length, lengths[7] + 22);
	(void)world_apply(w, (struct tx){.entity = "C", .time = 165});
	(void)world_apply(w, (struct tx){.entity = "B", .time = 165});
	(void)world_apply(w, (struct tx){.time = 166});
	EXPECT_INT(entity_event_count(w->entities[0]), 4); /* 70 136 151 166; seven would be dead */
	EXPECT_INT(world_record(w, &record).length, 11 + 12 + 3 * 11);
	buffer_free(&record);
	world_free(w);
}

TEST(canonical_form_holds_the_visible_rows_alone)
{
	const struct feature_options feature = {.name = "n", .operation = OPERATION_COUNT, .window_ms = 100};
	struct world *w = world_new(&feature, 1, 10, 100), *fresh = world_new(&feature, 1, 10, 100);
	struct buffer one, other;
	buffer_init(&one);
	buffer_init(&other);
	for (int64_t i = 0; i < 8; i++)
		(void)world_apply(w, (struct tx){.time = 10 * i, .offset = i + 1});
	for (int64_t i = 3; i < 8; i++)
		(void)world_apply(fresh, (struct tx){.time = 10 * i, .offset = i + 1});
	EXPECT(!slice_equal(world_record(w, &one), world_record(fresh, &other)));
	EXPECT(entity_canonical(w->entities[0], 140) == 0); /* reach 110: from 30 on */
	EXPECT(slice_equal(world_record(w, &one), world_record(fresh, &other)));
	buffer_free(&one);
	buffer_free(&other);
	world_free(w);
	world_free(fresh);
}

TEST(canonical_form_has_no_fold_that_lies_out_of_reach)
{
	const struct feature_options feature = {.name = "n", .operation = OPERATION_COUNT, .window_ms = 100};
	struct world *w = world_new(&feature, 1, 10, 4), *fresh = world_new(&feature, 1, 10, 4);
	struct buffer one, other;
	buffer_init(&one);
	buffer_init(&other);
	for (int64_t i = 0; i < 8; i++) /* 0 10 20 30 are folded, the edge is 31 */
		(void)world_apply(w, (struct tx){.time = 10 * i, .offset = i + 1});
	for (int64_t i = 5; i < 8; i++)
		(void)world_apply(fresh, (struct tx){.time = 10 * i, .offset = i + 1});
	EXPECT(entity_canonical(w->entities[0], 140) == 0); /* reach 110: from 30 on, the edge is within */
	EXPECT(!slice_equal(world_record(w, &one), world_record(fresh, &other)));
	EXPECT(entity_canonical(w->entities[0], 151) == 0); /* from 41 on */
	EXPECT(slice_equal(world_record(w, &one), world_record(fresh, &other)));
	buffer_free(&one);
	buffer_free(&other);
	world_free(w);
	world_free(fresh);
}

TEST(rows_are_moved_in_place_and_strings_out_of_use_do_not_stay)
{
	const struct feature_options feature = {
	    .name = "n", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 400};
	struct world *tidied = world_new(&feature, 1, 10, 100), *plain = world_new(&feature, 1, 10, 100);
	struct buffer one, other;
	size_t largest = 0;
	buffer_init(&one);
	buffer_init(&other);
	for (int i = 0; i < 4000; i++) {
		char shop[16];
		snprintf(shop, sizeof shop, "shop%d", i);
		const struct tx tx = {.time = 10 * i, .offset = 2 * i + 1, .shop = shop};
		const struct tx beside = {.entity = "B", .time = 10 * i, .offset = 2 * i + 2};
		for (int w = 0; w < 2; w++) {
			struct world *world = w == 0 ? tidied : plain;
			(void)world_apply(world, beside);
			(void)world_apply(world, tx);
		}
		entity_tidy(tidied->entities[0]);
		if (entity_size(tidied->entities[0]) > largest)
			largest = entity_size(tidied->entities[0]);
		if (i % 97 == 0)
			EXPECT(slice_equal(world_record(tidied, &one), world_record(plain, &other)));
	}
	EXPECT(largest < 20000); /* 41 rows in reach, as many shops: not 4,000 */
	buffer_free(&one);
	buffer_free(&other);
	world_free(tidied);
	world_free(plain);
}

/* ---- tallies of another configuration */

TEST(a_reader_with_other_features_uses_what_panes_hold)
{
	static const struct condition_options above_one = {.field = "amount",
							   .above = {.kind = LITERAL_NUMBER, .text = "1"}};
	static const struct feature_options old_features[] = {
	    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = 6400},
	    {.name = "gone", .operation = OPERATION_COUNT, .window_ms = 6400}};
	static const struct feature_options new_features[] = {
	    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = 6400},
	    {.name = "new",
	     .operation = OPERATION_SUM,
	     .field = "amount",
	     .window_ms = 6400,
	     .where = &above_one,
	     .where_count = 1},
	    {.name = "short", .operation = OPERATION_COUNT, .window_ms = 250}};
	struct world *old = world_new(old_features, 2, 0, 2), *new = world_new(new_features, 3, 0, 2);
	struct buffer record;
	struct err err = {.code = ERR_NONE};
	buffer_init(&record);
	EXPECT_TEXT(feature_set_state_id(old->set), feature_set_state_id(new->set));
	for (int64_t i = 0; i < 6; i++)
		(void)world_apply(old, (struct tx){.time = 1000 + 100 * i, AMOUNT(100 * i)});
	new->entities[0] = decoded(new, world_record(old, &record), &err);
	EXPECT(new->entities[0] != NULL);
	new->watermark = old->watermark;
	new->offset = old->offset;
	/* Folded: 1000 to 1300; the known sum goes on, the new one is not known before the fold edge. */
	EXPECT(world_apply(new, (struct tx){.time = 1600, AMOUNT(600)}) == 15);
	EXPECT(isnan(new->values[1]) && new->values[2] == 2);
	EXPECT_INT(new->flags &(FLAG_APPROXIMATE | FLAG_TRUNCATED), FLAG_APPROXIMATE | FLAG_TRUNCATED);
	for (int64_t i = 0; i < 5; i++)
		(void)world_apply(new, (struct tx){.time = 1700 + 100 * i, AMOUNT(100)});
	/* Through a record of its own it still knows since when. */
	struct entity *again = decoded(new, world_record(new, &record), &err);
	EXPECT(again != NULL);
	entity_free(new->entities[0]);
	new->entities[0] = again;
	(void)world_apply(new, (struct tx){.time = 1299 + 6400, AMOUNT(100)});
	EXPECT(isnan(new->values[1]));
	(void)world_apply(new, (struct tx){.time = 1300 + 6400, AMOUNT(100)});
	EXPECT(new->values[1] == 4 + 5 + 6); /* from 1301 on: 1400, 1500 and 1600 count more than 1.00 each */
	EXPECT(new->values[0] == 4 + 5 + 6 + 5 + 1 + 3); /* the pane of 1300 counts whole */
	buffer_free(&record);
	world_free(old);
	world_free(new);
}

/* ---- damage */

TEST(another_generation_is_absent)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 100);
	struct buffer record;
	struct entity *entity;
	struct err err = {.code = ERR_NONE};
	buffer_init(&record);
	(void)world_apply(w, (struct tx){.time = 1});
	EXPECT_INT(entity_decode(w->set, world_record(w, &record), WORLD_GENERATION + 1, &entity, &err), ENTITY_ABSENT);
	EXPECT(entity == NULL && !err_is_set(&err));
	buffer_free(&record);
	world_free(w);
}

TEST(a_record_of_another_version_is_refused)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 100);
	struct buffer record;
	struct err err = {.code = ERR_NONE};
	buffer_init(&record);
	(void)world_apply(w, (struct tx){.time = 1});
	(void)world_record(w, &record);
	record.data[0] = 2;
	EXPECT(decoded(w, buffer_slice(&record), &err) == NULL);
	EXPECT_TEXT(err.message, "record version 2 is newer than 1");
	record.data[0] = 0;
	EXPECT(decoded(w, buffer_slice(&record), &err) == NULL);
	EXPECT_TEXT(err.message, "record version 0 does not exist");
	buffer_free(&record);
	world_free(w);
}

TEST(a_truncated_record_says_where_it_ends)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 100);
	struct buffer record;
	struct err err = {.code = ERR_NONE};
	buffer_init(&record);
	(void)world_apply(w, (struct tx){.time = 1, .shop = "a", AMOUNT(5)});
	size_t first = world_record(w, &record).length;
	(void)world_apply(w, (struct tx){.time = 2, .shop = "abc", AMOUNT(5000)});
	struct slice whole = world_record(w, &record);
	for (size_t length = 0; length < whole.length; length++) {
		/* A copy of just these bytes, so that reading on would be noticed. */
		uint8_t *cut = malloc(length + (length == 0));
		memcpy(cut, whole.data, length);
		struct entity *entity = decoded(w, (struct slice){cut, length}, &err);
		if (length == 11 || length == first) {
			EXPECT(entity != NULL); /* between two rows it is a shorter record */
		} else {
			EXPECT(entity == NULL);
			EXPECT_TEXT(err.message, length < 11      ? "record: truncated in its header"
						 : length < first ? "record, row 1: truncated"
								  : "record, row 2: truncated");
		}
		entity_free(entity);
		free(cut);
	}
	buffer_free(&record);
	world_free(w);
}

/* Builds a record by hand behind a good header. */
static const char *refusal(const struct world *w, const char *body, size_t length)
{
	static struct err err;
	struct buffer record;
	buffer_init(&record);
	buffer_add_byte(&record, 1);
	buffer_add_le64(&record, WORLD_GENERATION);
	buffer_add(&record, body, length);
	struct entity *entity = decoded(w, buffer_slice(&record), &err);
	EXPECT(entity == NULL);
	entity_free(entity);
	buffer_free(&record);
	return err.message;
}

#define REFUSAL(body) refusal(w, body, sizeof(body) - 1)
#define HEAD "\x02\x00"
#define ID "iiiiiiii"

TEST(what_contradicts_the_layout_is_refused_with_its_row)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 2);
	EXPECT_TEXT(REFUSAL("\x03\x00"), "record: has 3 kept fields, not 2");
	EXPECT_TEXT(REFUSAL("\x02\x02"), "record: neither folded nor not");
	EXPECT_TEXT(REFUSAL(HEAD "\x08\x02\x01" ID), "record, row 1: unknown control bits");
	EXPECT_TEXT(REFUSAL(HEAD "\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01" ID),
		    "record, row 1: a time out of all time");
	EXPECT_TEXT(REFUSAL(HEAD "\x03\x02\x01" ID "\x03\x00\x00" ID), "record, row 2: an offset out of order");
	EXPECT_TEXT(REFUSAL(HEAD "\x03\x02\x01" ID "\x07\x00\x01" ID), "record, row 2: an offset out of order");
	EXPECT_TEXT(REFUSAL(HEAD "\x07\x02\x00" ID), "record, row 1: an offset out of order");
	EXPECT_TEXT(REFUSAL(HEAD "\x01\x02\x01" ID "\x02"), "record, row 1: a string's number that was not given out");
	EXPECT_TEXT(REFUSAL(HEAD "\x01\x02\x01" ID "\x03\x01"
				 "a"),
		    "record, row 1: a string begins with more than there is");
	EXPECT_TEXT(REFUSAL(HEAD "\x01\x02\x01" ID "\x01\x81\x80\x04"),
		    "record, row 1: a string of more than 65536 bytes");
	EXPECT_TEXT(REFUSAL(HEAD "\x01\x02\x01" ID "\x01\x01"
				 "a"
				 "\x01\x00\x01" ID "\x01\x01"
				 "a"),
		    "record, row 2: a string that could be shorter");
	EXPECT_TEXT(REFUSAL(HEAD "\x01\x02\x01" ID "\x01\x01"
				 "a"
				 "\x01\x00\x01" ID "\x03\x00"),
		    "record, row 2: a string is written out twice");
	EXPECT_TEXT(REFUSAL(HEAD "\x02\x02\x01" ID "\x82\x80\x80\x80\x80\x80\x80\x20"),
		    "record, row 1: a value out of its range");
	EXPECT_TEXT(
	    REFUSAL(HEAD "\x03\x02\x01" ID "\x03\x00\x01" ID "\x03\x00\x01" ID "\x03\x00\x01" ID "\x03\x00\x01" ID),
	    "record, row 5: more rows than there can be");
	world_free(w);
}

TEST(a_fold_that_contradicts_itself_is_refused)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 2);
	struct buffer record;
	buffer_init(&record);
	for (int64_t i = 0; i < 4; i++)
		(void)world_apply(w, (struct tx){.time = 100 + i, AMOUNT(i)});
	struct slice good = world_record(w, &record);
	const uint8_t *bytes = good.data;
	/* 9 bytes version and generation; columns, folded, edge (2), tallies; id (8), kind, gap; panes … */
	EXPECT_INT(bytes[10], 1);
	EXPECT_INT(bytes[13], 1);
	struct {
		size_t at;
		uint8_t byte;
		const char *message;
	} const cases[] = {
	    {22, 3, "record: tallies out of order or of an unknown kind"},
	    {22, 2, "record: a tally of another kind than its field"},
	    {24, 67, "record: more panes than there can be"},
	    {25, 4, "record: panes out of order or behind the fold edge"},
	    {27, 99, "record: a pane whose sums contradict each other"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t copy[256];
		struct err err;
		memcpy(copy, good.data, good.length);
		copy[cases[i].at] = cases[i].byte;
		EXPECT(decoded(w, (struct slice){copy, good.length}, &err) == NULL);
		EXPECT_TEXT(err.message, cases[i].message);
	}
	buffer_free(&record);
	world_free(w);
}

TEST(the_dump_is_json_for_people)
{
	struct world *w = world_new(narrow, COUNT(narrow), 0, 2);
	struct buffer json;
	buffer_init(&json);
	(void)world_apply(w, (struct tx){.time = 100, .offset = 1, .shop = "a\"b", AMOUNT(1250)});
	(void)world_apply(w, (struct tx){.time = 200, .offset = 2, AMOUNT(-5)});
	entity_dump(w->entities[0], &json);
	buffer_add_byte(&json, '\0');
	EXPECT_TEXT((char *)json.data,
		    "{\"events\":[{\"fields\":{\"amount\":12.5,\"shop\":\"a\\\"b\"},\"offset\":1,\"time\":100},"
		    "{\"fields\":{\"amount\":-0.05,\"shop\":null},\"offset\":2,\"time\":200}],\"fold_edge\":null,"
		    "\"panes\":[]}");
	buffer_reset(&json);
	(void)world_apply(w, (struct tx){.time = 300, .offset = 3});
	entity_dump(w->entities[0], &json);
	buffer_add_byte(&json, '\0');
	EXPECT_TEXT(
	    (char *)json.data,
	    "{\"events\":[{\"fields\":{\"amount\":-0.05,\"shop\":null},\"offset\":2,\"time\":200},"
	    "{\"fields\":{\"amount\":null,\"shop\":null},\"offset\":3,\"time\":300}],\"fold_edge\":101,\"panes\":["
	    "{\"from\":100,\"sums\":[{\"count\":1,\"field\":\"amount\",\"max\":12.5,\"min\":12.5}],\"to\":200}]}");
	buffer_free(&json);
	world_free(w);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(the_bytes_are_those_of_the_layout),
					CASE(a_row_repeats_what_its_rarest_string_last_stood_with),
					CASE(a_record_in_order_is_the_record_before_and_the_new_row),
					CASE(decoding_gives_the_same_state_back),
					CASE(bytes_do_not_depend_on_batches),
					CASE(discarding_a_fork_leaves_the_base_as_it_was),
					CASE(two_forks_of_one_base_may_both_be_changed),
					CASE(dead_rows_leave_the_record_once_they_are_the_more),
					CASE(rows_are_moved_in_place_and_strings_out_of_use_do_not_stay),
					CASE(canonical_form_has_no_fold_that_lies_out_of_reach),
					CASE(canonical_form_holds_the_visible_rows_alone),
					CASE(a_reader_with_other_features_uses_what_panes_hold),
					CASE(another_generation_is_absent),
					CASE(a_record_of_another_version_is_refused),
					CASE(a_truncated_record_says_where_it_ends),
					CASE(what_contradicts_the_layout_is_refused_with_its_row),
					CASE(a_fold_that_contradicts_itself_is_refused),
					CASE(the_dump_is_json_for_people),
					{0}},
			argc, argv);
}
