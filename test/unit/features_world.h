/*
 * A small partition for tests of features/: a schema of usual fields, a feature set from a table, entities by name, and
 * events applied one by one.
 */
#ifndef OUTLIERD_TEST_FEATURES_WORLD_H
#define OUTLIERD_TEST_FEATURES_WORLD_H

#include "features/apply.h"
#include "features/entity.h"
#include "test/unit/test.h"

#define WORLD_FIELDS 7
#define WORLD_ENTITIES 4
#define WORLD_FEATURES 32
#define WORLD_GENERATION 7

enum { WORLD_AMOUNT, WORLD_SHOP, WORLD_CHANNEL, WORLD_LAT, WORLD_LON, WORLD_FLAG, WORLD_REAL };

static const struct field world_fields[WORLD_FIELDS] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "shop", .path = "shop", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
    {.name = "channel", .path = "channel", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
    {.name = "lat", .path = "lat", .type = FIELD_NUMBER, .scale = 5},
    {.name = "lon", .path = "lon", .type = FIELD_NUMBER, .scale = 5},
    {.name = "flag", .path = "flag", .type = FIELD_BOOLEAN, .scale = FIELD_SCALE_NONE},
    {.name = "real", .path = "real", .type = FIELD_NUMBER, .scale = FIELD_SCALE_NONE},
};

struct world {
	struct event_schema schema;
	struct feature_set_options options;
	struct feature_set *set;
	struct watermark watermark;
	struct entity *entities[WORLD_ENTITIES]; /* "A" to "D" */
	int64_t offset;                          /* of the next event */
	double values[WORLD_FEATURES];
	struct usual usual[WORLD_FEATURES];
	unsigned flags;
	enum outcome outcome;
	enum reason reason;
};

/* One event as a test writes it; what is left out is null. */
struct tx {
	const char *entity; /* NULL: "A" */
	const char *id;     /* NULL: a new one */
	int64_t time;
	int64_t offset; /* 0: the next one */
	const char *shop, *channel;
	bool has_amount, has_place, has_flag, has_real, flag;
	int64_t amount, lat, lon; /* units */
	double real;
};

#define AMOUNT(units) .has_amount = true, .amount = (units)
#define PLACE(lat_units, lon_units) .has_place = true, .lat = (lat_units), .lon = (lon_units)

/** A world whose set must compile. */
static inline struct world *world_new(const struct feature_options *features, size_t count, int64_t lateness_ms,
				      uint32_t max_events)
{
	struct world *world = calloc(1, sizeof *world);
	struct err err = {.code = ERR_NONE};
	world->schema = (struct event_schema){.id_path = "id",
					      .time_path = "time",
					      .entity_path = "card",
					      .time_unit = TIME_MS,
					      .fields = world_fields,
					      .field_count = WORLD_FIELDS,
					      .allowed_lateness_ms = lateness_ms,
					      .max_ahead_ms = 1000};
	world->options = (struct feature_set_options){.pipeline = "test",
						      .schema = &world->schema,
						      .features = features,
						      .feature_count = count,
						      .max_events = max_events};
	EXPECT(feature_set_new(&world->set, &world->options, NULL, NULL, &err) == 0);
	EXPECT_TEXT(err.code == ERR_NONE ? "" : err.message, "");
	watermark_init(&world->watermark);
	world->offset = 100;
	return world;
}

/** Frees it all. */
static inline void world_free(struct world *world)
{
	for (size_t i = 0; i < WORLD_ENTITIES; i++)
		entity_free(world->entities[i]);
	feature_set_free(world->set);
	free(world);
}

static inline size_t world_index(const char *entity)
{
	return entity == NULL ? 0 : (size_t)(entity[0] - 'A');
}

/** The event of a tx; values holds WORLD_FIELDS, id 24 bytes. */
static inline struct event world_event(struct world *world, const struct tx *tx, struct value *values, char *id)
{
	struct event event = {.entity = slice_of(tx->entity == NULL ? "A" : tx->entity),
			      .time_ms = tx->time,
			      .offset = tx->offset == 0 ? world->offset++ : tx->offset,
			      .timestamp_ms = tx->time,
			      .values = values};
	(void)snprintf(id, 24, "%s%lld", tx->id == NULL ? "#" : tx->id, tx->id == NULL ? (long long)event.offset : 0);
	event.id = slice_of(id);
	memset(values, 0, WORLD_FIELDS * sizeof *values);
	values[WORLD_AMOUNT].present = tx->has_amount;
	values[WORLD_AMOUNT].units = tx->amount;
	values[WORLD_SHOP].present = tx->shop != NULL;
	values[WORLD_SHOP].text = slice_of(tx->shop);
	values[WORLD_CHANNEL].present = tx->channel != NULL;
	values[WORLD_CHANNEL].text = slice_of(tx->channel);
	values[WORLD_LAT].present = values[WORLD_LON].present = tx->has_place;
	values[WORLD_LAT].units = tx->lat;
	values[WORLD_LON].units = tx->lon;
	values[WORLD_FLAG].present = tx->has_flag;
	values[WORLD_FLAG].units = tx->flag;
	values[WORLD_REAL].present = tx->has_real;
	values[WORLD_REAL].number = tx->real;
	return event;
}

/** Applies an event to its entity; the results stand in the world. Gives the first feature's value. */
static inline double world_apply(struct world *world, struct tx tx)
{
	struct value values[WORLD_FIELDS];
	char id[24];
	struct event event = world_event(world, &tx, values, id);
	struct entity **entity = &world->entities[world_index(tx.entity)];
	struct vector vector = {world->values, world->usual, 0};
	int status;
	if (*entity == NULL)
		*entity = entity_new(world->set);
	world->outcome = apply_event(world->set, *entity, &world->watermark, &event, &vector, &world->reason, &status);
	world->flags = vector.flags;
	EXPECT_INT(status, 0);
	return world->outcome == OUTCOME_SCORED ? world->values[0] : NAN;
}

/** The record of entity "A", hex, in a buffer of the caller's. */
static inline struct slice world_record(const struct world *world, struct buffer *record)
{
	buffer_reset(record);
	entity_encode(world->entities[0], WORLD_GENERATION, record);
	EXPECT(!buffer_failed(record));
	return buffer_slice(record);
}

#endif
