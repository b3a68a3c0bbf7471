/*
 * features/ against its naive twin, bit for bit, on seeded adversarial streams: random feature sets, equal times, the
 * horizon and a millisecond either side, duplicates in and out of time, a rogue clock, nulls, extreme amounts, entities
 * beyond max_events. Batches are applied to forks, sometimes discarded and applied again, and states go through their
 * record and back.
 *
 * FEATURES_STREAMS=N sets the number of streams, FEATURES_SEED=S runs one.
 */
#include "features/amend.h"
#include "features/entity.h"
#include "features/parity.h"
#include "rng.h"
#include "test/twin/features_twin.h"
#include "test/unit/test.h"

#include <inttypes.h>

#if defined(__SANITIZE_ADDRESS__)
#define STREAMS 120
#define VECTORS_WANTED 50000
#else
#define STREAMS 2400
#define VECTORS_WANTED 1000000
#endif

#define FIELDS 8
#define FEATURES 12
#define ENTITIES 6
#define EVENTS 700
#define BATCH_MAX 40
#define GENERATION 0x1122334455667788
#define TEXTS 12

enum { AMOUNT, MERCHANT, CHANNEL, LAT, LON, FLAG, REAL, EXTREME };

static const struct field fields[FIELDS] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "merchant", .path = "merchant.id", .type = FIELD_STRING, .scale = -1},
    {.name = "channel", .path = "channel", .type = FIELD_STRING, .scale = -1},
    {.name = "lat", .path = "lat", .type = FIELD_NUMBER, .scale = 5},
    {.name = "lon", .path = "lon", .type = FIELD_NUMBER, .scale = 5},
    {.name = "flag", .path = "flag", .type = FIELD_BOOLEAN, .scale = -1},
    {.name = "real", .path = "real", .type = FIELD_NUMBER, .scale = -1},
    {.name = "extreme", .path = "extreme", .type = FIELD_NUMBER, .scale = 0},
};
static const char *const texts[TEXTS] = {"ATM", "WEB", "POS", "a", "b", "c",
					 "d",   "e",   "f",   "g", "",  "a longer name of a merchant"};
static const char *const names[FEATURES] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"};
static const char *const entity_names[ENTITIES] = {"A", "B", "C", "D", "E", "F"};
static const int64_t windows[] = {1, 2, 10, 50, 200, 1000, 5000};

/* A stream's configuration and everything that its events borrow. */
struct stream {
	struct rng rng;
	struct event_schema schema;
	struct feature_options features[FEATURES];
	struct condition_options conditions[FEATURES][2];
	struct literal in[FEATURES][2][3];
	struct utc_offset offsets[2];
	struct feature_set_options options;
	struct feature_set *set;
	struct event events[EVENTS];
	struct value values[EVENTS][FIELDS];
	char ids[EVENTS][12];
	double nulls;
	int64_t origin;
	unsigned pause; /* ms, the most between most events */
	bool amended;   /* what late events change is compared: batches of one event */
	bool crowded;   /* strings come from a large space, so that dictionaries grow */
	char texts[64][8];
};

static unsigned below(struct rng *rng, unsigned bound)
{
	return (unsigned)rng_below(rng, bound);
}

static bool chance(struct rng *rng, double probability)
{
	return rng_uniform(rng) < probability;
}

static struct literal text_literal(struct rng *rng)
{
	return (struct literal){.kind = LITERAL_TEXT, .text = texts[below(rng, TEXTS)]};
}

static struct literal number_literal(struct rng *rng)
{
	static const char *const numbers[] = {"0",      "1",  "-1.5",  "12.34",   "12.345",
					      "-0.005", "50", "99.99", "1000000", "0.3"};
	return (struct literal){.kind = LITERAL_NUMBER, .text = numbers[below(rng, sizeof numbers / sizeof *numbers)]};
}

static struct literal literal_for(struct rng *rng, int field)
{
	if (field == MERCHANT || field == CHANNEL)
		return text_literal(rng);
	if (field == FLAG)
		return (struct literal){.kind = LITERAL_BOOLEAN, .boolean = chance(rng, 0.5)};
	return number_literal(rng);
}

static void make_hours(struct stream *stream, struct condition_options *condition)
{
	struct rng *rng = &stream->rng;
	condition->has_hours = true;
	condition->hours_from = (int)below(rng, 24);
	do
		condition->hours_to = (int)below(rng, 25);
	while (condition->hours_to == condition->hours_from);
	condition->utc_offsets = stream->offsets;
	condition->utc_offset_count = below(rng, 3);
}

static void make_condition(struct stream *stream, struct literal *in, struct condition_options *condition)
{
	struct rng *rng = &stream->rng;
	int field = (int)below(rng, FIELDS);
	bool ordered = field != MERCHANT && field != CHANNEL && field != FLAG;
	*condition = (struct condition_options){0};
	if (chance(rng, 0.15)) {
		make_hours(stream, condition);
		return;
	}
	condition->field = fields[field].name;
	switch (below(rng, 6)) {
	case 0:
		condition->same = true;
		break;
	case 1:
		condition->equals = literal_for(rng, field);
		break;
	case 2:
		condition->not_equals = literal_for(rng, field);
		break;
	case 3:
		for (size_t i = 0; i < 3; i++)
			in[i] = literal_for(rng, field);
		condition->in = in;
		condition->in_count = 1 + below(rng, 3);
		break;
	default:
		if (!ordered) {
			condition->same = true;
			break;
		}
		if (chance(rng, 0.7))
			condition->above = number_literal(rng);
		if (condition->above.kind == LITERAL_NONE || chance(rng, 0.3))
			condition->below = number_literal(rng);
	}
	if (chance(rng, 0.1))
		make_hours(stream, condition);
}

/* A field that the operation can read. */
static const char *field_for(struct rng *rng, enum operation operation)
{
	static const int scaled[] = {AMOUNT, AMOUNT, AMOUNT, LAT, FLAG, EXTREME};
	static const int numbers[] = {AMOUNT, LON, FLAG, REAL, REAL, EXTREME};
	switch (operation) {
	case OPERATION_COUNT:
	case OPERATION_SINCE_PREVIOUS:
	case OPERATION_AGE:
	case OPERATION_DECAYED_COUNT:
	case OPERATION_BURST:
		return chance(rng, 0.6) ? NULL : fields[below(rng, FIELDS)].name;
	case OPERATION_DISTINCT:
		return fields[chance(rng, 0.5) ? MERCHANT : (int)below(rng, FIELDS)].name;
	case OPERATION_MIN:
	case OPERATION_MAX:
	case OPERATION_PREVIOUS:
	case OPERATION_PERCENTILE:
	case OPERATION_VALUE:
	case OPERATION_LOG1P:
		return fields[numbers[below(rng, 6)]].name;
	case OPERATION_QUOTIENT:
	case OPERATION_GEO_SPEED:
	case OPERATION_DISTANCE_HOME:
	case OPERATION_STREAK:
	case OPERATION_HOUR:
	case OPERATION_WEEKDAY:
	case OPERATION_NUMBER:
		return NULL;
	default:
		return fields[scaled[below(rng, 6)]].name;
	}
}

static bool takes_current(enum operation operation)
{
	return operation <= OPERATION_STDDEV;
}

static void make_feature(struct stream *stream, size_t index, size_t window_limit)
{
	struct rng *rng = &stream->rng;
	struct feature_options *feature = &stream->features[index];
	enum operation operation = (enum operation)below(rng, OPERATION_NUMBER);
	*feature = (struct feature_options){.name = names[index], .operation = operation};
	feature->field = field_for(rng, operation);
	if (operation == OPERATION_QUOTIENT) {
		if (index == 0) {
			feature->operation = OPERATION_HOUR;
			return;
		}
		/* Parts before the whole, but the first may come after it: order must not matter. */
		feature->of[0] = names[below(rng, (unsigned)index)];
		feature->of[1] = names[below(rng, (unsigned)index)];
		return;
	}
	if (operation == OPERATION_HOUR || operation == OPERATION_WEEKDAY) {
		feature->utc_offsets = stream->offsets;
		feature->utc_offset_count = below(rng, 3);
		return;
	}
	if (operation == OPERATION_VALUE || operation == OPERATION_LOG1P) {
		if (chance(rng, 0.2)) {
			feature->field = fields[CHANNEL].name;
			feature->values = texts;
			feature->value_count = 1 + below(rng, TEXTS);
		}
		return;
	}
	if (operation == OPERATION_GEO_SPEED || operation == OPERATION_DISTANCE_HOME) {
		feature->lat = "lat";
		feature->lon = "lon";
	}
	feature->window_ms = windows[below(rng, (unsigned)window_limit)] + below(rng, 2);
	if (operation == OPERATION_DECAYED_COUNT || operation == OPERATION_DECAYED_SUM)
		feature->half_life_ms = 1 + below(rng, chance(rng, 0.5) ? 10 : 2000);
	if (operation == OPERATION_BURST)
		feature->interval_ms = 1 + (int64_t)rng_below(rng, (uint64_t)feature->window_ms);
	feature->include_current = takes_current(operation) && chance(rng, 0.4);
	if (operation == OPERATION_STREAK || chance(rng, 0.45)) {
		feature->where = stream->conditions[index];
		feature->where_count = 1 + below(rng, 2);
		for (size_t i = 0; i < feature->where_count; i++)
			make_condition(stream, stream->in[index][i], &stream->conditions[index][i]);
	}
}

/* upstream: partitions that the events come from; 0: this is a first stage. */
static int make_set(struct stream *stream, int32_t upstream)
{
	static const uint32_t limits[] = {2, 3, 5, 9, 20, 60, 1024};
	struct rng *rng = &stream->rng;
	struct err err = {.code = ERR_NONE};
	stream->offsets[0] = (struct utc_offset){INT64_MIN, 3600000};
	stream->offsets[1] = (struct utc_offset){stream->origin + 2000, -5400000};
	stream->schema = (struct event_schema){.id_path = "id",
					       .time_path = "time",
					       .entity_path = "entity",
					       .time_unit = TIME_MS,
					       .fields = fields,
					       .field_count = FIELDS,
					       .allowed_lateness_ms = below(rng, 3) * 37,
					       .max_ahead_ms = 1000,
					       .upstream = {upstream, "partition", "watermark"}};
	size_t count = 3 + below(rng, FEATURES - 4), window_limit = 3 + below(rng, 5);
	for (size_t i = 0; i < count; i++)
		make_feature(stream, i, window_limit);
	stream->options = (struct feature_set_options){.pipeline = "twin",
						       .schema = &stream->schema,
						       .features = stream->features,
						       .feature_count = count,
						       .max_events = limits[below(rng, 7)],
						       .keeps_all = stream->amended,
						       .idle_bytes = below(rng, 2) * 100000};
	if (feature_set_new(&stream->set, &stream->options, NULL, NULL, &err) != 0) {
		printf("  refused: %s\n", err.message);
		return -1;
	}
	return 0;
}

static struct value make_value(struct stream *stream, int field)
{
	struct rng *rng = &stream->rng;
	struct value value = {.present = !chance(rng, stream->nulls)};
	if (!value.present)
		return value;
	switch (field) {
	case AMOUNT:
		value.units = (int64_t)below(rng, 20000) - 2000;
		break;
	case MERCHANT:
		value.text = slice_of(stream->crowded ? stream->texts[below(rng, 64)] : texts[below(rng, TEXTS)]);
		break;
	case CHANNEL:
		value.text = slice_of(texts[below(rng, 4)]);
		break;
	case LAT:
		value.units = (int64_t)below(rng, 18000001) - 9000000;
		break;
	case LON:
		value.units = (int64_t)below(rng, 36000001) - 18000000;
		break;
	case FLAG:
		value.units = chance(rng, 0.5);
		break;
	case REAL:
		value.number = chance(rng, 0.1) ? 0.3 : (rng_uniform(rng) - 0.5) * pow(10, (double)below(rng, 12));
		value.number = chance(rng, 0.02) ? 5e-324 : value.number;
		break;
	default:
		value.units = chance(rng, 0.5) ? (INT64_C(1) << 53) : (int64_t)rng_below(rng, UINT64_C(1) << 53);
		value.units = chance(rng, 0.5) ? -value.units : value.units;
	}
	return value;
}

static int64_t make_time(struct stream *stream, int64_t clock, int64_t watermark)
{
	struct rng *rng = &stream->rng;
	int64_t lateness = stream->schema.allowed_lateness_ms;
	if (chance(rng, 0.1) && watermark != WATERMARK_NONE)
		return watermark - lateness - 1 + below(rng, 3);
	if (chance(rng, 0.1))
		return clock - below(rng, 100);
	if (chance(rng, 0.003))
		return clock + 100000; /* a rogue clock */
	return clock;
}

static void make_event(struct stream *stream, size_t index, int64_t *clock, int64_t watermark)
{
	struct rng *rng = &stream->rng;
	struct event *event = &stream->events[index];
	*clock += chance(rng, 0.3) ? 0 : chance(rng, 0.97) ? below(rng, stream->pause) : below(rng, 2000);
	(void)snprintf(stream->ids[index], sizeof stream->ids[index], "%zu", index);
	*event = (struct event){.id = slice_of(stream->ids[index]),
				.time_ms = make_time(stream, *clock, watermark),
				.offset = (int64_t)index * 3 + 7,
				.timestamp_ms = *clock,
				.values = stream->values[index],
				.upstream_watermark_ms = WATERMARK_NONE};
	if (stream->schema.upstream.partitions > 0) {
		event->upstream_partition = (int32_t)below(rng, (unsigned)stream->schema.upstream.partitions);
		if (chance(rng, 0.9)) /* some upstream partitions are slower than others, and some run ahead */
			event->upstream_watermark_ms =
			    *clock + 10 - (int64_t)below(rng, 40) * event->upstream_partition;
	}
	/* Most events fall on few entities, so that some are hot. */
	event->entity = slice_of(entity_names[chance(rng, 0.6) ? 0 : below(rng, ENTITIES)]);
	for (int field = 0; field < FIELDS; field++)
		stream->values[index][field] = make_value(stream, field);
	if (index > 0 && chance(rng, 0.06)) {
		const struct event *again = &stream->events[chance(rng, 0.5) ? index - 1 : below(rng, (unsigned)index)];
		event->id = again->id;
		event->entity = again->entity;
		if (chance(rng, 0.8))
			event->time_ms = again->time_ms;
	}
}

/* What an event came to. */
struct result {
	enum outcome outcome;
	enum reason reason;
	unsigned flags;
	double values[FEATURES];
	struct usual usual[FEATURES];
};

static bool same_double(double a, double b)
{
	return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static bool same_result(const struct stream *stream, const struct result *got, const struct result *wanted)
{
	bool same = got->outcome == wanted->outcome && got->reason == wanted->reason;
	if (got->outcome != OUTCOME_SCORED || !same)
		return same;
	same = got->flags == wanted->flags;
	for (size_t i = 0; i < stream->options.feature_count; i++)
		same = same && same_double(got->values[i], wanted->values[i]) &&
		       got->usual[i].n == wanted->usual[i].n && same_double(got->usual[i].mean, wanted->usual[i].mean);
	return same;
}

static void print_difference(const struct stream *stream, const struct result *got, const struct result *wanted)
{
	printf("  outcome %s %s, wanted %s %s; flags %u, wanted %u\n", outcome_name(got->outcome),
	       reason_name(got->reason), outcome_name(wanted->outcome), reason_name(wanted->reason), got->flags,
	       wanted->flags);
	for (size_t i = 0; i < stream->options.feature_count; i++) {
		const struct feature_options *feature = &stream->features[i];
		printf(
		    "  %-4s %-14s field %-8s window %5" PRId64
		    " where %zu current %d: %.17g, wanted %.17g; usual %" PRId64 " %.17g, wanted %" PRId64 " %.17g\n",
		    feature->name, operation_name(feature->operation), feature->field == NULL ? "-" : feature->field,
		    feature->window_ms, feature->where_count, feature->include_current, got->values[i],
		    wanted->values[i], got->usual[i].n, got->usual[i].mean, wanted->usual[i].n, wanted->usual[i].mean);
	}
}

/* The real thing: what a partition holds, as the pipeline would. */
struct partition {
	const struct stream *stream;
	struct entity *entities[ENTITIES];
	struct watermark watermark;
};

static size_t entity_index(const struct event *event)
{
	return (size_t)(*(const char *)event->entity.data - 'A');
}

static void apply_or_replay(struct partition *partition, struct entity **overlay, const struct event *event,
			    struct result *result, bool state_only)
{
	const struct feature_set *set = partition->stream->set;
	size_t index = entity_index(event);
	int status;
	if (overlay[index] == NULL)
		overlay[index] =
		    partition->entities[index] == NULL ? entity_new(set) : entity_fork(partition->entities[index]);
	struct vector vector = {result->values, result->usual, 0};
	result->outcome = apply_event(set, overlay[index], &partition->watermark, event, state_only ? NULL : &vector,
				      &result->reason, &status);
	result->flags = vector.flags;
	EXPECT_INT(status, 0);
}

static void apply(struct partition *partition, struct entity **overlay, const struct event *event,
		  struct result *result)
{
	apply_or_replay(partition, overlay, event, result, false);
}

/* The daemon's judge confirms each vector, or has no say; a changed bit it names. */
static bool judge(const struct partition *partition, struct entity *const *overlay, const struct event *event,
		  struct result *result, long judged[2])
{
	const struct stream *stream = partition->stream;
	const struct entity *entity = overlay[entity_index(event)];
	struct vector vector = {result->values, result->usual, result->flags};
	size_t feature = 0, changed = (size_t)event->offset % stream->options.feature_count;
	enum parity parity =
	    parity_check(&stream->options, stream->set, entity, &partition->watermark, event, &vector, &feature);
	judged[parity == PARITY_SAME ? 0 : 1]++;
	if (parity != PARITY_SAME)
		return parity == PARITY_UNCHECKED;
	double kept = result->values[changed];
	result->values[changed] = isnan(kept) ? 0 : nextafter(kept, INFINITY);
	parity = parity_check(&stream->options, stream->set, entity, &partition->watermark, event, &vector, &feature);
	result->values[changed] = kept;
	vector.flags ^= FLAG_LATE;
	size_t flags = 0;
	enum parity other =
	    parity_check(&stream->options, stream->set, entity, &partition->watermark, event, &vector, &flags);
	return parity == PARITY_DIFFERENT && feature == changed && other == PARITY_DIFFERENT &&
	       flags == stream->options.feature_count;
}

/* What happened to an event that follows a late one, by its two vectors. */
struct amendments {
	long same, changed, unknown;
};

static bool equal_vectors(const struct stream *stream, const struct result *got, const struct result *wanted)
{
	bool same = (got->flags | FLAG_LATE) == (wanted->flags | FLAG_LATE);
	for (size_t i = 0; i < stream->options.feature_count; i++)
		same = same && same_double(got->values[i], wanted->values[i]);
	return same;
}

static bool check_amendment(const struct stream *stream, const struct features_twin *twin, struct amend *amend,
			    const struct event *late, struct amendments *count)
{
	struct value values[FIELDS];
	struct event rebuilt;
	struct result got[2] = {{0}}, wanted[2] = {{0}};
	struct vector before = {got[0].values, NULL, 0}, after = {got[1].values, NULL, 0};
	enum amend_finding finding = amend_next(amend, &rebuilt, values, &before, &after);
	const struct event *event = features_twin_event(twin, late->entity, rebuilt.offset);
	EXPECT(event != NULL && event->time_ms == rebuilt.time_ms && finding != AMEND_FAILED);
	count->same += finding == AMEND_SAME;
	count->changed += finding == AMEND_CHANGED;
	count->unknown += finding == AMEND_UNKNOWN;
	if (finding == AMEND_UNKNOWN)
		return true;
	for (int i = 0; i < 2; i++) {
		struct vector vector = {wanted[i].values, wanted[i].usual, 0};
		features_twin_again(twin, event, i == 0 ? late->offset : -1, &vector);
		wanted[i].flags = vector.flags;
	}
	got[0].flags = before.flags;
	got[1].flags = after.flags;
	bool same = true;
	for (size_t i = 0; i < stream->options.feature_count; i++)
		same = same && same_double(wanted[0].values[i], wanted[1].values[i]);
	bool good = equal_vectors(stream, &got[0], &wanted[0]) && equal_vectors(stream, &got[1], &wanted[1]) &&
		    same == (finding == AMEND_SAME);
	for (int i = 0; i < 2 && !good; i++)
		print_difference(stream, &got[i], &wanted[i]);
	return good;
}

/* All that follow a late event, and that those behind the last one looked at are not touched by it. */
static bool check_amendments(const struct partition *partition, struct entity *const *overlay,
			     const struct features_twin *twin, const struct event *late, struct amendments *count)
{
	const struct entity *before = partition->entities[entity_index(late)];
	struct amend amend;
	if (before == NULL || !apply_is_behind(before, late))
		return true;
	amend_begin(&amend, before, overlay[entity_index(late)], &partition->watermark, late);
	bool good = true;
	while (amend.left > 0 && good)
		good = check_amendment(partition->stream, twin, &amend, late, count);
	while (amend.behind > 0 && good) {
		long changed = count->changed;
		amend.left = 1;
		good = check_amendment(partition->stream, twin, &amend, late, count) && count->changed == changed;
	}
	return good;
}

static void encode(const struct entity *entity, struct buffer *record)
{
	buffer_reset(record);
	entity_encode(entity, GENERATION, record);
	EXPECT(!buffer_failed(record));
}

/* Encode, decode, encode: the same bytes. The decoded state takes the place of the first. */
static bool through_record(const struct stream *stream, struct entity **entity)
{
	struct buffer first, second;
	struct entity *decoded;
	struct err err = {.code = ERR_NONE};
	buffer_init(&first);
	buffer_init(&second);
	encode(*entity, &first);
	bool good = entity_decode(stream->set, buffer_slice(&first), GENERATION, &decoded, &err) == ENTITY_READ;
	if (good) {
		encode(decoded, &second);
		good = slice_equal(buffer_slice(&first), buffer_slice(&second));
		entity_free(*entity);
		*entity = decoded;
	}
	if (!good)
		printf("  record: %s\n", err.code == ERR_NONE ? "other bytes after decoding" : err.message);
	buffer_free(&first);
	buffer_free(&second);
	return good;
}

static void merge(struct partition *partition, struct entity **overlay)
{
	for (size_t i = 0; i < ENTITIES; i++) {
		if (overlay[i] == NULL)
			continue;
		entity_free(partition->entities[i]);
		partition->entities[i] = overlay[i];
		overlay[i] = NULL;
	}
}

/* Applies a batch to forks and throws them away: the base must be as it was. */
static bool discard_batch(struct partition *partition, const struct event *events, size_t count)
{
	struct buffer before[ENTITIES], after;
	struct entity *overlay[ENTITIES] = {NULL};
	struct result result;
	struct watermark watermark = partition->watermark;
	bool same = true;
	buffer_init(&after);
	for (size_t i = 0; i < ENTITIES; i++) {
		buffer_init(&before[i]);
		if (partition->entities[i] != NULL)
			encode(partition->entities[i], &before[i]);
	}
	for (size_t i = 0; i < count; i++)
		apply(partition, overlay, &events[i], &result);
	for (size_t i = 0; i < ENTITIES; i++) {
		entity_free(overlay[i]);
		if (partition->entities[i] != NULL) {
			encode(partition->entities[i], &after);
			same = same && slice_equal(buffer_slice(&before[i]), buffer_slice(&after));
		}
		buffer_free(&before[i]);
	}
	partition->watermark = watermark;
	buffer_free(&after);
	return same;
}

/* Applies a batch to forks with vectors and to others without: the same outcomes and the same states. */
static bool replay_batch(struct partition *partition, const struct event *events, size_t count)
{
	struct buffer first, second;
	struct entity *seen[ENTITIES] = {NULL}, *blind[ENTITIES] = {NULL};
	struct result result[BATCH_MAX], replayed;
	struct watermark before = partition->watermark, after;
	bool same = true;
	buffer_init(&first);
	buffer_init(&second);
	for (size_t i = 0; i < count; i++)
		apply(partition, seen, &events[i], &result[i]);
	after = partition->watermark;
	partition->watermark = before;
	for (size_t i = 0; i < count; i++) {
		apply_or_replay(partition, blind, &events[i], &replayed, true);
		same = same && replayed.outcome == result[i].outcome && replayed.reason == result[i].reason;
	}
	same = same && watermark_ms(&partition->watermark) == watermark_ms(&after) &&
	       partition->watermark.complete_since_ms == after.complete_since_ms;
	for (size_t i = 0; i < ENTITIES && same; i++) {
		if (seen[i] == NULL)
			continue;
		encode(seen[i], &first);
		encode(blind[i], &second);
		same = slice_equal(buffer_slice(&first), buffer_slice(&second));
	}
	for (size_t i = 0; i < ENTITIES; i++) {
		entity_free(seen[i]);
		entity_free(blind[i]);
	}
	partition->watermark = before;
	buffer_free(&first);
	buffer_free(&second);
	return same;
}

/* Checks of the states between two batches. */
static bool check_states(struct partition *partition, struct features_twin *twin, struct rng *rng)
{
	bool good = true;
	for (size_t i = 0; i < ENTITIES; i++) {
		struct entity *entity = partition->entities[i];
		if (entity == NULL)
			continue;
		if (chance(rng, 0.1)) {
			EXPECT_INT(entity_canonical(entity, watermark_ms(&partition->watermark)), 0);
			good = good &&
			       entity_event_count(entity) == features_twin_visible(twin, slice_of(entity_names[i]));
		}
		if (good && chance(rng, 0.2))
			good = through_record(partition->stream, &partition->entities[i]);
	}
	return good && watermark_ms(&partition->watermark) == features_twin_watermark(twin);
}

/* Runs one stream; the number of vectors compared, or -1 at the first difference. */
static long run_stream(uint64_t seed, long judged[2], struct amendments *amendments)
{
	struct stream *stream = calloc(1, sizeof *stream);
	struct rng *rng = &stream->rng;
	long vectors = 0;
	rng_seed(rng, seed);
	stream->nulls = chance(rng, 0.3) ? 0.4 : 0.05;
	stream->crowded = chance(rng, 0.3);
	stream->amended = seed % 3 == 0;
	stream->pause = 2 + below(rng, 20);
	stream->origin = chance(rng, 0.2) ? -500 : INT64_C(1690000000000) + below(rng, 86400000);
	for (size_t i = 0; i < 64; i++)
		(void)snprintf(stream->texts[i], sizeof stream->texts[i], "m%zu", i * 37 % 64);
	if (make_set(stream, seed % 4 == 0 ? 1 + (int32_t)(seed / 4 % 3) : 0) != 0)
		return -1;
	struct features_twin *twin = features_twin_new(&stream->options);
	struct partition partition = {.stream = stream};
	watermark_init(&partition.watermark);
	int64_t clock = stream->origin;
	for (size_t done = 0; done < EVENTS && vectors >= 0;) {
		struct result wanted[BATCH_MAX];
		struct entity *overlay[ENTITIES] = {NULL};
		size_t count = 1 + below(rng, chance(rng, 0.5) ? 3 : BATCH_MAX);
		count = stream->amended ? 1 : count;
		count = count > EVENTS - done ? EVENTS - done : count;
		for (size_t i = 0; i < count; i++) {
			struct vector vector = {wanted[i].values, wanted[i].usual, 0};
			make_event(stream, done + i, &clock, features_twin_watermark(twin));
			wanted[i].outcome =
			    features_twin_apply(twin, &stream->events[done + i], &vector, &wanted[i].reason);
			wanted[i].flags = vector.flags;
		}
		bool good = !chance(rng, 0.2) || discard_batch(&partition, &stream->events[done], count);
		good = good && (!chance(rng, 0.2) || replay_batch(&partition, &stream->events[done], count));
		for (size_t i = 0; i < count && good; i++) {
			struct result got;
			apply(&partition, overlay, &stream->events[done + i], &got);
			good = same_result(stream, &got, &wanted[i]);
			if (good && got.outcome == OUTCOME_SCORED) {
				good = judge(&partition, overlay, &stream->events[done + i], &got, judged);
				good = good &&
				       (!stream->amended || check_amendments(&partition, overlay, twin,
									     &stream->events[done + i], amendments));
				vectors++;
			}
			if (!good)
				printf("  seed %" PRIu64 ", event %zu\n", seed, done + i);
			if (!good)
				print_difference(stream, &got, &wanted[i]);
		}
		merge(&partition, overlay);
		good = good && check_states(&partition, twin, rng);
		if (!good) {
			printf("  FEATURES_SEED=%" PRIu64 " shows it again (batch at event %zu)\n", seed, done);
			vectors = -1;
		}
		done += count;
	}
	for (size_t i = 0; i < ENTITIES; i++)
		entity_free(partition.entities[i]);
	features_twin_free(twin);
	feature_set_free(stream->set);
	free(stream);
	return vectors;
}

TEST(vectors_flags_and_outcomes_equal_the_twin_bit_for_bit)
{
	const char *seed = getenv("FEATURES_SEED"), *streams = getenv("FEATURES_STREAMS");
	long count = streams == NULL ? STREAMS : strtol(streams, NULL, 10), vectors = 0, judged[2] = {0, 0};
	struct amendments amendments = {0, 0, 0};
	for (long i = 0; i < (seed == NULL ? count : 1); i++) {
		long compared =
		    run_stream(seed == NULL ? (uint64_t)i + 1 : strtoull(seed, NULL, 10), judged, &amendments);
		EXPECT(compared >= 0);
		if (compared < 0)
			return;
		vectors += compared;
	}
	printf("  %ld vectors compared; the judge confirmed %ld and had no say in %ld\n", vectors, judged[0],
	       judged[1]);
	printf("  %ld vectors again with and without a late event: %ld changed, %ld the same, %ld not known\n",
	       amendments.changed + amendments.same + amendments.unknown, amendments.changed, amendments.same,
	       amendments.unknown);
	EXPECT(judged[0] > vectors / 10);
	EXPECT(seed != NULL || amendments.changed > vectors / 100);
	EXPECT(seed != NULL || streams != NULL || vectors >= VECTORS_WANTED);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(vectors_flags_and_outcomes_equal_the_twin_bit_for_bit), {0}}, argc, argv);
}
