/* Feature sets, and entities through every transition that allocates: new strings, late events, folding, records. */
#include "rng.h"
#include "test/chaos/scenarios.h"
#include "test/unit/features_world.h"

#define EVENTS 160
#define FOLDED_AT 16 /* max_events */

static const char *const values[] = {"s1", "s2"};
static const struct utc_offset offsets[] = {{.from_utc_ms = INT64_MIN, .offset_ms = 3600000}};
static const struct literal channels[] = {{LITERAL_TEXT, "ATM", false}, {LITERAL_TEXT, "WEB", false}};
static const struct condition_options same_shop[] = {{.field = "shop", .same = true}};
static const struct condition_options by_channel[] = {{.field = "channel", .in = channels, .in_count = 2}};
static const struct condition_options at_night[] = {{.has_hours = true, .hours_from = 0, .hours_to = 6}};

static const struct feature_options features[] = {
    {.name = "n", .operation = OPERATION_COUNT, .window_ms = 50000},
    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = 50000},
    {.name = "mean", .operation = OPERATION_MEAN, .field = "amount", .window_ms = 20000},
    {.name = "least", .operation = OPERATION_MIN, .field = "amount", .window_ms = 50000},
    {.name = "most", .operation = OPERATION_MAX, .field = "real", .window_ms = 50000},
    {.name = "spread", .operation = OPERATION_STDDEV, .field = "amount", .window_ms = 50000},
    {.name = "z", .operation = OPERATION_ZSCORE, .field = "amount", .window_ms = 50000},
    {.name = "shops", .operation = OPERATION_DISTINCT, .field = "shop", .window_ms = 50000},
    {.name = "amounts", .operation = OPERATION_DISTINCT, .field = "amount", .window_ms = 50000},
    {.name = "quotient", .operation = OPERATION_QUOTIENT, .of = {"sum", "n"}},
    {.name = "previous", .operation = OPERATION_PREVIOUS, .field = "amount", .window_ms = 50000},
    {.name = "age", .operation = OPERATION_AGE, .window_ms = 50000},
    {.name = "speed", .operation = OPERATION_GEO_SPEED, .lat = "lat", .lon = "lon", .window_ms = 50000},
    {.name = "z_robust", .operation = OPERATION_ROBUST_Z, .field = "amount", .window_ms = 50000},
    {.name = "home", .operation = OPERATION_DISTANCE_HOME, .lat = "lat", .lon = "lon", .window_ms = 50000},
    {.name = "same", .operation = OPERATION_COUNT, .window_ms = 50000, .where = same_shop, .where_count = 1},
    {.name = "online", .operation = OPERATION_COUNT, .window_ms = 50000, .where = by_channel, .where_count = 1},
    {.name = "night", .operation = OPERATION_COUNT, .window_ms = 50000, .where = at_night, .where_count = 1},
    {.name = "shop", .operation = OPERATION_VALUE, .field = "shop", .values = values, .value_count = 2},
    {.name = "hour", .operation = OPERATION_HOUR, .utc_offsets = offsets, .utc_offset_count = 1},
};
#define FEATURES (sizeof features / sizeof *features)

/* The set of a world; the world itself is the test's. */
static int make_set(struct world *world, struct err *err)
{
	*world = (struct world){.offset = 100};
	world->schema = (struct event_schema){.id_path = "id",
					      .time_path = "time",
					      .entity_path = "card",
					      .time_unit = TIME_MS,
					      .fields = world_fields,
					      .field_count = WORLD_FIELDS,
					      .allowed_lateness_ms = 10000,
					      .max_ahead_ms = 1000};
	world->options = (struct feature_set_options){.pipeline = "test",
						      .schema = &world->schema,
						      .features = features,
						      .feature_count = FEATURES,
						      .max_events = FOLDED_AT};
	watermark_init(&world->watermark);
	int status = feature_set_new(&world->set, &world->options, NULL, NULL, err);
	return status != 0 && sweep_again(err) ? feature_set_new(&world->set, &world->options, NULL, NULL, err)
					       : status;
}

static int definition(struct sweep_result *result, struct err *err)
{
	struct world world;
	if (make_set(&world, err) != 0)
		return -1;
	sweep_note_text(result, feature_set_id(world.set));
	sweep_note_text(result, feature_set_state_id(world.set));
	feature_set_free(world.set);
	return 0;
}

static struct tx draw(struct rng *rng, int i)
{
	static const char *const shops[] = {NULL, "s1", "s2", "s3", "a shop with a long name", "s5", "s6", "s7"};
	static const char *const names[] = {"A", "A", "A", "B"};
	struct tx tx = {.entity = names[rng_below(rng, 4)],
			.time = 100000 + i * 700 - (int64_t)rng_below(rng, 9000),
			.shop = shops[rng_below(rng, 8)],
			.channel = rng_below(rng, 2) == 0 ? "ATM" : "WEB",
			.has_amount = rng_below(rng, 9) != 0,
			.amount = (int64_t)rng_below(rng, 100000),
			.has_place = rng_below(rng, 2) == 0,
			.lat = (int64_t)rng_below(rng, 9000000),
			.lon = (int64_t)rng_below(rng, 9000000),
			.has_real = rng_below(rng, 3) == 0,
			.real = rng_uniform(rng)};
	if (rng_below(rng, 8) == 0)
		tx.id = "again";
	return tx;
}

/* Applies one event to a fork, which then becomes the entity, as the loop does; what fails has changed nothing. */
static int apply_one(struct world *world, struct tx tx, struct sweep_result *result, struct err *err)
{
	struct value slots[WORLD_FIELDS];
	char id[24];
	struct event event = world_event(world, &tx, slots, id);
	struct entity **entity = &world->entities[world_index(tx.entity)];
	struct vector vector = {world->values, world->usual, 0};
	int status = -1;
	for (int tries = 0; status != 0 && tries < 2; tries++) {
		if (*entity == NULL)
			*entity = entity_new(world->set);
		struct entity *fork = *entity == NULL ? NULL : entity_fork(*entity);
		if (fork != NULL)
			world->outcome =
			    apply_event(world->set, fork, &world->watermark, &event, &vector, &world->reason, &status);
		if (status == 0) {
			entity_free(*entity);
			*entity = fork;
		} else {
			entity_free(fork);
			(void)err_memory(err);
			if (!sweep_again(err))
				return -1;
		}
	}
	sweep_note_number(result, (int64_t)world->outcome);
	if (world->outcome == OUTCOME_SCORED)
		sweep_note(result, (struct slice){world->values, FEATURES * sizeof *world->values});
	return status;
}

/* Through its record and back. */
static int store_and_load(struct world *world, size_t i, struct sweep_result *result, struct err *err)
{
	struct buffer record;
	struct entity *read = NULL;
	enum entity_read outcome = ENTITY_ABSENT;
	int status = 0;
	buffer_init(&record);
	entity_encode(world->entities[i], WORLD_GENERATION, &record);
	if (buffer_failed(&record)) {
		(void)err_memory(err);
		if (!sweep_again(err))
			status = -1;
		buffer_reset(&record);
		if (status == 0)
			entity_encode(world->entities[i], WORLD_GENERATION, &record);
	}
	if (status == 0)
		outcome = entity_decode(world->set, buffer_slice(&record), WORLD_GENERATION, &read, err);
	if (status == 0 && read == NULL) {
		if (outcome == ENTITY_CORRUPT && err->code != ERR_MEMORY)
			status = -1;
		else if (!err_is_set(err))
			(void)err_memory(err);
		if (status == 0 && sweep_again(err))
			(void)entity_decode(world->set, buffer_slice(&record), WORLD_GENERATION, &read, err);
	}
	if (read != NULL) {
		sweep_note(result, buffer_slice(&record));
		entity_free(world->entities[i]);
		world->entities[i] = read;
	}
	buffer_free(&record);
	return read == NULL ? -1 : 0;
}

static int dump(struct world *world, struct sweep_result *result, struct err *err)
{
	struct buffer text;
	int status = 0;
	buffer_init(&text);
	entity_dump(world->entities[0], &text);
	if (buffer_failed(&text))
		status = err_memory(err);
	else
		sweep_note(result, buffer_slice(&text));
	if (status == 0 && entity_canonical(world->entities[0], world->watermark.leaders[1].time_ms) != 0)
		status = err_memory(err);
	buffer_free(&text);
	return status;
}

static int entities(struct sweep_result *result, struct err *err)
{
	struct world world;
	struct rng rng;
	rng_seed(&rng, 5);
	int status = make_set(&world, err);
	for (int i = 0; status == 0 && i < EVENTS; i++) {
		status = apply_one(&world, draw(&rng, i), result, err);
		if (status == 0 && i % 40 == 39)
			status = store_and_load(&world, 0, result, err);
	}
	if (status == 0)
		status = dump(&world, result, err);
	for (size_t i = 0; i < WORLD_ENTITIES; i++)
		entity_free(world.entities[i]);
	feature_set_free(world.set);
	return status;
}

const struct sweep_scenario scenarios_features[] = {
    {"features: definition", definition, 0}, {"features: entities", entities, 0}, {0}};
