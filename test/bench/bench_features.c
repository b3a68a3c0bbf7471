/*
 * How fast the heart is: events a second on one core for ten features of a card (counts, sums and deviations over an hour, a
 * day and 30 days), entities of about 100 events, and how many bytes an event of five fields takes in a record. Then what
 * the operations cost that look at single events, each alone over 30 days.
 */
#include "features/apply.h"
#include "features/entity.h"
#include "rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTITIES 10000
#define EVENTS_EACH 100
#define WARMING (ENTITIES * EVENTS_EACH * 13L / 10)
#define MEASURED 500000L
#define PROMISED 500000.0 /* events a second */
#define SPACING_MS 2592   /* 30 days / EVENTS_EACH / ENTITIES */
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define PLACES 4000
#define FAVOURITES 20
#define FEATURES 10
#define FIELDS 5

enum { AMOUNT, MERCHANT, CHANNEL, LAT, LON };

static const struct field fields[FIELDS] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "merchant", .path = "merchant.id", .type = FIELD_STRING, .scale = -1},
    {.name = "channel", .path = "channel", .type = FIELD_STRING, .scale = -1},
    {.name = "lat", .path = "lat", .type = FIELD_NUMBER, .scale = 5},
    {.name = "lon", .path = "lon", .type = FIELD_NUMBER, .scale = 5},
};

static const struct event_schema schema = {.id_path = "id",
					   .time_path = "time",
					   .entity_path = "card",
					   .time_unit = TIME_MS,
					   .fields = fields,
					   .field_count = FIELDS,
					   .allowed_lateness_ms = HOUR,
					   .max_ahead_ms = HOUR};

static const struct condition_options same_merchant = {.field = "merchant", .same = true};

static const struct feature_options ten[FEATURES + 1] = {
    {.name = "count_1h", .operation = OPERATION_COUNT, .window_ms = HOUR},
    {.name = "count_1d", .operation = OPERATION_COUNT, .window_ms = DAY},
    {.name = "sum_1d", .operation = OPERATION_SUM, .field = "amount", .window_ms = DAY},
    {.name = "mean_30d", .operation = OPERATION_MEAN, .field = "amount", .window_ms = 30 * DAY},
    {.name = "stddev_30d", .operation = OPERATION_STDDEV, .field = "amount", .window_ms = 30 * DAY},
    {.name = "zscore_30d", .operation = OPERATION_ZSCORE, .field = "amount", .window_ms = 30 * DAY},
    {.name = "merchants_1d", .operation = OPERATION_DISTINCT, .field = "merchant", .window_ms = DAY},
    {.name = "since_previous", .operation = OPERATION_SINCE_PREVIOUS, .window_ms = 30 * DAY},
    {.name = "amount_log", .operation = OPERATION_LOG1P, .field = "amount"},
    {.name = "merchant_30d",
     .operation = OPERATION_COUNT,
     .window_ms = 30 * DAY,
     .where = &same_merchant,
     .where_count = 1},
    {.name = "speed", .operation = OPERATION_GEO_SPEED, .lat = "lat", .lon = "lon", .window_ms = DAY},
};

/* Each alone in a set; the first shows what every event costs without them. */
static const struct condition_options small = {.field = "amount", .below = {.kind = LITERAL_NUMBER, .text = "150"}};
static const struct feature_options single[] = {
    {.name = "age", .operation = OPERATION_AGE, .window_ms = 30 * DAY},
    {.name = "percentile", .operation = OPERATION_PERCENTILE, .field = "amount", .window_ms = 30 * DAY},
    {.name = "robust_z", .operation = OPERATION_ROBUST_Z, .field = "amount", .window_ms = 30 * DAY},
    {.name = "decayed_sum",
     .operation = OPERATION_DECAYED_SUM,
     .field = "amount",
     .window_ms = 30 * DAY,
     .half_life_ms = 7 * DAY},
    {.name = "distance_home", .operation = OPERATION_DISTANCE_HOME, .lat = "lat", .lon = "lon", .window_ms = 30 * DAY},
    {.name = "streak", .operation = OPERATION_STREAK, .window_ms = 30 * DAY, .where = &small, .where_count = 1},
    {.name = "burst", .operation = OPERATION_BURST, .window_ms = 30 * DAY, .interval_ms = DAY},
};

/* A shop: its name and its place. */
struct place {
	char name[16];
	int64_t lat, lon;
	const char *channel;
};

struct card {
	char name[20];
	size_t favourites[FAVOURITES];
	struct entity *entity;
};

struct world {
	struct rng rng;
	struct place places[PLACES];
	struct card cards[ENTITIES];
	struct watermark watermark;
	int64_t time, offset;
	double sink;
};

static double seconds(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct world *make_world(void)
{
	static const char *const channels[] = {"pos", "pos", "pos", "web", "atm"};
	struct world *world = calloc(1, sizeof *world);
	if (world == NULL)
		exit(71);
	rng_seed(&world->rng, 1);
	for (size_t i = 0; i < PLACES; i++) {
		struct place *place = &world->places[i];
		(void)snprintf(place->name, sizeof place->name, "merchant-%04zu", i);
		place->lat = 4800000 + (int64_t)rng_below(&world->rng, 100000);
		place->lon = 1100000 + (int64_t)rng_below(&world->rng, 100000);
		place->channel = channels[rng_below(&world->rng, 5)];
	}
	for (size_t i = 0; i < ENTITIES; i++) {
		(void)snprintf(world->cards[i].name, sizeof world->cards[i].name, "card-%08zu", i);
		for (size_t j = 0; j < FAVOURITES; j++)
			world->cards[i].favourites[j] = rng_below(&world->rng, PLACES);
	}
	watermark_init(&world->watermark);
	world->time = INT64_C(1690000000000);
	return world;
}

/* The next event of a random card; its texts live as long as the world, or until the next call (id). */
static struct card *next_event(struct world *world, struct event *event, struct value values[FIELDS], char id[24])
{
	struct rng *rng = &world->rng;
	struct card *card = &world->cards[rng_below(rng, ENTITIES)];
	/* Four in five go to a shop the card knows. */
	size_t known = card->favourites[rng_below(rng, 1 + rng_below(rng, FAVOURITES))];
	const struct place *place = &world->places[rng_below(rng, 5) > 0 ? known : rng_below(rng, PLACES)];
	world->time += (int64_t)rng_below(rng, 2 * SPACING_MS);
	values[AMOUNT] = (struct value){true, {.units = (int64_t)(100 + rng_below(rng, 1 + rng_below(rng, 20000)))}};
	values[MERCHANT] = (struct value){true, {.text = slice_of(place->name)}};
	values[CHANNEL] = (struct value){true, {.text = slice_of(place->channel)}};
	values[LAT] = (struct value){true, {.units = place->lat}};
	values[LON] = (struct value){true, {.units = place->lon}};
	int length = snprintf(id, 24, "tx-%lld", (long long)world->offset);
	*event = (struct event){.id = {id, (size_t)length},
				.entity = slice_of(card->name),
				.time_ms = world->time,
				.offset = world->offset++,
				.timestamp_ms = world->time,
				.values = values};
	return card;
}

static struct feature_set *make_set(const struct feature_options *features, size_t count)
{
	struct feature_set *set;
	struct err err = {.code = ERR_NONE};
	const struct feature_set_options options = {
	    .pipeline = "bench", .schema = &schema, .features = features, .feature_count = count, .max_events = 1024};
	if (feature_set_new(&set, &options, NULL, NULL, &err) != 0) {
		(void)fprintf(stderr, "%s\n", err.message);
		exit(78);
	}
	return set;
}

/* How events reach their entities. */
enum way {
	IN_PLACE,
	FORKED, /* each to a fork that takes the place of its base, as a batch of one would */
	AHEAD   /* forked, with the states of the next events fetched from memory meanwhile */
};

#define BLOCK 1000

/* Events made beforehand, so that only features/ is timed. */
struct block {
	struct event events[BLOCK];
	struct value values[BLOCK][FIELDS];
	char ids[BLOCK][24];
	struct card *cards[BLOCK];
};

static void apply_block(struct world *world, const struct feature_set *set, const struct block *block, enum way way)
{
	double features[FEATURES + 1];
	struct usual usual[FEATURES + 1];
	for (size_t i = 0; i < BLOCK; i++) {
		struct card *card = block->cards[i];
		struct vector vector = {features, usual, 0};
		enum reason reason;
		int status;
		if (way == AHEAD && i + 2 < BLOCK) {
			entity_prefetch_head(block->cards[i + 2]->entity);
			entity_prefetch(block->cards[i + 1]->entity);
		}
		struct entity *base = card->entity;
		if (base == NULL)
			card->entity = entity_new(set);
		else if (way != IN_PLACE)
			card->entity = entity_fork(base);
		(void)apply_event(set, card->entity, &world->watermark, &block->events[i], &vector, &reason, &status);
		if (way != IN_PLACE)
			entity_free(base);
		world->sink += features[0];
	}
}

/* Events a second of CPU inside features/. */
static double run(struct world *world, const struct feature_set *set, long events, enum way way)
{
	struct block *block = malloc(sizeof *block);
	double spent = 0;
	if (block == NULL)
		exit(71);
	for (long done = 0; done < events; done += BLOCK) {
		for (size_t i = 0; i < BLOCK; i++)
			block->cards[i] = next_event(world, &block->events[i], block->values[i], block->ids[i]);
		double start = seconds();
		apply_block(world, set, block, way);
		spent += seconds() - start;
	}
	free(block);
	return (double)events / spent;
}

static double best_of_three(struct world *world, const struct feature_set *set, enum way way)
{
	double best = 0;
	for (int i = 0; i < 3; i++) {
		double rate = run(world, set, MEASURED, way);
		best = rate > best ? rate : best;
	}
	return best;
}

/* Bytes of the records, as stored or of visible rows alone, and how fast they are written and read. */
static void report_records(struct world *world, const struct feature_set *set)
{
	struct buffer record;
	size_t stored = 0, canonical = 0, events = 0, memory = 0;
	double writing = 0, reading = 0;
	buffer_init(&record);
	for (size_t i = 0; i < ENTITIES; i++) {
		struct entity *entity = world->cards[i].entity, *again = NULL;
		struct err err = {.code = ERR_NONE};
		if (entity == NULL)
			continue;
		memory += entity_size(entity);
		events += entity_event_count(entity);
		buffer_reset(&record);
		double start = seconds();
		entity_encode(entity, 1, &record);
		double written = seconds();
		if (entity_decode(set, buffer_slice(&record), 1, &again, &err) != ENTITY_READ)
			exit(70);
		reading += seconds() - written;
		writing += written - start;
		stored += record.length;
		entity_free(again);
		buffer_reset(&record);
		if (entity_canonical(entity, watermark_ms(&world->watermark)) != 0)
			exit(70);
		entity_encode(entity, 1, &record);
		canonical += record.length;
	}
	double n = (double)events;
	printf(
	    "features: record %.1f bytes an event of %d fields, %.1f with those out of reach; %.0f events a record\n",
	    (double)canonical / n, FIELDS, (double)stored / n, n / ENTITIES);
	printf("features: record written in %.0f ns and read in %.0f ns an event; in memory %.0f bytes an event\n",
	       writing / n * 1e9, reading / n * 1e9, (double)memory / n);
	buffer_free(&record);
}

/* Seconds for the records of all entities behind each other, as a partition writes its own. */
static double write_all(struct world *world, bool ahead, struct buffer *records)
{
	buffer_reset(records);
	double start = seconds();
	for (size_t i = 0; i < ENTITIES; i++) {
		if (ahead && i + 8 < ENTITIES) {
			__builtin_prefetch(world->cards[i + 8].entity);
			entity_prefetch_head(world->cards[i + 4].entity);
			entity_prefetch_record(world->cards[i + 1].entity);
		}
		if (world->cards[i].entity != NULL)
			entity_encode(world->cards[i].entity, 1, records);
	}
	return seconds() - start;
}

static void report_writing(struct world *world)
{
	struct buffer records;
	double plain = INFINITY, ahead = INFINITY;
	buffer_init(&records);
	for (int i = 0; i < 4; i++) {
		plain = fmin(plain, write_all(world, false, &records));
		ahead = fmin(ahead, write_all(world, true, &records));
	}
	printf("features: %d records of %.0f bytes written behind each other: %.2f us each, fetching ahead %.2f\n",
	       ENTITIES, (double)records.length / ENTITIES, plain / ENTITIES * 1e6, ahead / ENTITIES * 1e6);
	buffer_free(&records);
}

static void free_entities(struct world *world)
{
	for (size_t i = 0; i < ENTITIES; i++)
		entity_free(world->cards[i].entity);
	free(world);
}

static void report_single(void)
{
	double without = 0;
	for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
		struct feature_set *set = make_set(&single[i], 1);
		struct world *world = make_world();
		(void)run(world, set, WARMING, IN_PLACE);
		double each = 1e9 / best_of_three(world, set, AHEAD);
		if (i == 0)
			without = each;
		else
			printf("features: %s over 100 events %.0f ns\n", single[i].name, each - without);
		free_entities(world);
		feature_set_free(set);
	}
}

int main(void)
{
	struct feature_set *set = make_set(ten, FEATURES);
	struct world *world = make_world();
	(void)run(world, set, WARMING, IN_PLACE);
	double in_place = best_of_three(world, set, IN_PLACE);
	double forked = best_of_three(world, set, FORKED);
	double ahead = best_of_three(world, set, AHEAD);
	printf("features: apply %.0f events/s, forked for each event %.0f, fetching ahead %.0f (%d features, %d "
	       "entities)\n",
	       in_place, forked, ahead, FEATURES, ENTITIES);
	free_entities(world);
	feature_set_free(set);

	set = make_set(ten, FEATURES + 1); /* with a speed, so that the coordinates are kept */
	world = make_world();
	(void)run(world, set, WARMING, IN_PLACE);
	report_writing(world);
	report_records(world, set);
	free_entities(world);
	feature_set_free(set);
	report_single();
	return in_place >= PROMISED ? 0 : 1;
}
