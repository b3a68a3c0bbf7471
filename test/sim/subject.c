/* What the simulated daemons compute, and the records that a simulated producer sends them. */
#include "daemon/pipeline/decide.h"
#include "daemon/pipeline/publish.h"
#include "test/sim/kafka.h"

#include <stdlib.h>

#define LATENESS_MS 6000
#define AHEAD_MS 5000
#define WINDOW_MS 20000
#define LONG_WINDOW_MS 30000
#define MAX_EVENTS 8
#define RECENT 16

enum { FIELD_AMOUNT, FIELD_MERCHANT, FIELD_COUNT };

static const struct field fields[FIELD_COUNT] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "merchant", .path = "merchant", .type = FIELD_STRING},
};

static const struct condition_options same_merchant = {.field = "merchant", .same = true};

static const struct feature_options features[] = {
    {.name = "amount", .operation = OPERATION_VALUE, .field = "amount"},
    {.name = "count", .operation = OPERATION_COUNT, .window_ms = WINDOW_MS},
    {.name = "sum", .operation = OPERATION_SUM, .field = "amount", .window_ms = WINDOW_MS},
    {.name = "mean",
     .operation = OPERATION_MEAN,
     .field = "amount",
     .window_ms = LONG_WINDOW_MS,
     .include_current = true},
    {.name = "zscore", .operation = OPERATION_ZSCORE, .field = "amount", .window_ms = LONG_WINDOW_MS},
    {.name = "merchants", .operation = OPERATION_DISTINCT, .field = "merchant", .window_ms = WINDOW_MS},
    {.name = "there",
     .operation = OPERATION_COUNT,
     .window_ms = LONG_WINDOW_MS,
     .where = &same_merchant,
     .where_count = 1},
    {.name = "since", .operation = OPERATION_SINCE_PREVIOUS, .window_ms = LONG_WINDOW_MS},
};

/* The pipeline never changes these; made once for a process. */
struct subject {
	struct event_schema schema;
	struct feature_set_options options;
	struct feature_set *set;
	struct policy_options policy_options;
	struct policy *policy;
	struct champion champion;
};

static const struct feature_condition_options busy = {.feature = "count", .above = {LITERAL_NUMBER, "2", false}};
static const struct rule_options rule = {.name = "busy",
					 .reason = "many events",
					 .action = RULE_FLAG,
					 .features = &busy,
					 .feature_count = 1,
					 .expires_ms = INT64_MAX};

static void make(struct subject *subject, bool other_rules)
{
	struct err err = {0};
	subject->schema = (struct event_schema){.id_path = "id",
						.time_path = "time",
						.entity_path = "entity",
						.key_path = "entity",
						.time_unit = TIME_MS,
						.fields = fields,
						.field_count = FIELD_COUNT,
						.allowed_lateness_ms = LATENESS_MS + other_rules,
						.max_ahead_ms = AHEAD_MS};
	subject->options = (struct feature_set_options){.pipeline = "sim",
							.schema = &subject->schema,
							.features = features,
							.feature_count = sizeof features / sizeof *features,
							.max_events = MAX_EVENTS};
	if (feature_set_new(&subject->set, &subject->options, NULL, NULL, &err) != 0)
		goto broken;
	subject->policy_options = (struct policy_options){.cooldown_ms = 60000, .rules = &rule, .rule_count = 1};
	subject->policy = policy_new(&subject->policy_options, subject->set, NULL, NULL, NULL, &err);
	if (subject->policy == NULL)
		goto broken;
	subject->champion.policy = subject->policy;
	return;
broken:
	fprintf(stderr, "sim: %s\n", err.message);
	abort();
}

static struct subject *subject_of(bool other_rules)
{
	static struct subject subjects[2];
	if (subjects[other_rules].set == NULL)
		make(&subjects[other_rules], other_rules);
	return &subjects[other_rules];
}

const struct feature_set *subject_set(bool other_rules)
{
	return subject_of(other_rules)->set;
}

const struct feature_set_options *subject_options(void)
{
	return &subject_of(false)->options;
}

const struct champion *subject_champion(bool other_rules)
{
	return &subject_of(other_rules)->champion;
}

const struct publish_options *subject_publish(void)
{
	static const struct publish_options publish = {.pipeline = "sim",
						       .input_topic = "in",
						       .alerts = {.topic = "alerts"},
						       .decisions = {.topic = "decisions"},
						       .contributions = 5,
						       .late_topic = "late",
						       .dead_letter_topic = "dlq",
						       .cooldown_ms = 60000,
						       .message_max = 1000000};
	return &publish;
}

/* The codec: lines "ID ENTITY TIME AMOUNT MERCHANT"; "-" is null. */

static void set_text(struct event_builder *builder, size_t slot, struct arena *arena, const char *text)
{
	if (strcmp(text, "-") == 0)
		event_builder_null(builder, slot);
	else
		event_builder_text(builder, slot, arena_copy(arena, slice_of(text)));
}

/* Now and then a batch's memory is full, though not by its first record: the batch goes on in the next. */
static bool memory_is_full(struct node *node, const struct arena *arena)
{
	size_t used = arena_used(arena);
	bool first = node->batch_bytes == 0 || used <= node->batch_bytes;
	if (first)
		node->batch_bytes = used;
	return !first && sim_once_in(node->sim, 200);
}

static enum decoded decode(void *self, const struct record *record, struct arena *arena, struct event *event,
			   enum reason *reason, struct err *err)
{
	struct node *node = self;
	char id[32], entity[32], amount[32], merchant[32];
	struct event_builder builder;
	int64_t time_ms;
	if (node != NULL && node->sim->now_us < node->registry_until_us) {
		(void)err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "registry away");
		return DECODE_WAIT;
	}
	if (node != NULL && memory_is_full(node, arena)) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	if (record->timestamp_ms < 0) {
		(void)err_set(err, ERR_DATA, "no timestamp");
		*reason = REASON_TIMESTAMP;
		return DECODE_REFUSED;
	}
	const char *line = arena_copy(arena, record->value).data;
	struct value *values = arena_take_zeroed(arena, FIELD_COUNT, sizeof *values);
	if (line == NULL || values == NULL ||
	    sscanf(line, "%31s %31s %" SCNd64 " %31s %31s", id, entity, &time_ms, amount, merchant) != 5) {
		(void)err_set(err, ERR_DATA, "not five words");
		*reason = REASON_DECODE;
		return DECODE_REFUSED;
	}
	event_builder_begin(&builder, &subject_of(false)->schema, arena, values);
	set_text(&builder, EVENT_SLOT_ID, arena, id);
	set_text(&builder, EVENT_SLOT_ENTITY, arena, entity);
	set_text(&builder, EVENT_SLOT_KEY, arena, entity);
	event_builder_integer(&builder, EVENT_SLOT_TIME, time_ms);
	set_text(&builder, EVENT_SLOT_FIELDS + FIELD_AMOUNT, arena, amount);
	set_text(&builder, EVENT_SLOT_FIELDS + FIELD_MERCHANT, arena, merchant);
	*reason = event_builder_end(&builder, event);
	if (*reason != REASON_NONE)
		*err = builder.err;
	else
		*reason = event_check_key(&builder, record->key, record->partition, 1, err);
	event->offset = record->offset;
	event->timestamp_ms = record->timestamp_ms;
	return *reason == REASON_NONE ? DECODED : DECODE_REFUSED;
}

static void take_partitions(void *self, int32_t count)
{
	(void)self, (void)count;
}

struct codec subject_codec(struct node *node)
{
	return (struct codec){node, decode, take_partitions};
}

int32_t subject_partition(const struct sim *sim, int entity)
{
	return entity % sim->plan.partitions;
}

/* The producer. Its own numbers, so that a schedule with fewer faults is fed the same. */

static uint64_t below(struct sim *sim, uint64_t bound)
{
	return rng_below(&sim->stream, bound);
}

static int64_t between(struct sim *sim, int64_t low, int64_t high)
{
	return low + (int64_t)below(sim, (uint64_t)(high - low) + 1);
}

static void decide(struct sim *sim, void *self, uint64_t place)
{
	enum visibility visibility = self == NULL ? VISIBLE : HIDDEN;
	int32_t partition = (int32_t)(place >> 48);
	int64_t offset = (int64_t)(place & 0xffffffffffff);
	struct log_record control = {.timestamp_ms = sim_wall_ms(sim), .visibility = HIDDEN};
	kafka_settle(sim->kafka, partition, offset, visibility);
	kafka_append(sim->kafka, partition, &control);
}

static void append(struct sim *sim, int32_t partition, struct slice key, struct slice value, int64_t timestamp_ms)
{
	struct log_record record = {timestamp_ms, sim_copy(key), sim_copy(value), VISIBLE};
	uint64_t fate = below(sim, 20);
	if (fate == 0)
		record.visibility = UNDECIDED; /* of a transaction that will be decided */
	int64_t offset = kafka_append(sim->kafka, partition, &record);
	sim->stats->records++;
	if (fate == 0)
		sim_after(sim, between(sim, 0, 2 * SECOND), decide, below(sim, 2) == 0 ? NULL : sim,
			  (uint64_t)partition << 48 | (uint64_t)offset);
	if (fate == 1) {
		struct log_record control = {.timestamp_ms = timestamp_ms, .visibility = HIDDEN};
		kafka_append(sim->kafka, partition, &control);
	}
}

struct sent {
	int id, entity;
	int64_t time_ms;
	char rest[32];
};

/* What was sent lately, to be sent again; of the schedule under way. */
static struct sent recent[RECENT];

static void send_event(struct sim *sim, const struct sent *sent, bool other_key, int64_t timestamp_ms)
{
	char line[128], key[32];
	snprintf(line, sizeof line, "e%d c%d %" PRId64 " %s", sent->id, sent->entity, sent->time_ms, sent->rest);
	snprintf(key, sizeof key, "%s%d", other_key ? "x" : "c", sent->entity);
	append(sim, subject_partition(sim, sent->entity), slice_of(key), slice_of(line), timestamp_ms);
}

void subject_poison(struct sim *sim, int32_t partition)
{
	append(sim, partition, slice_of("poison"), slice_of("poison"), sim_wall_ms(sim));
}

void subject_produce(struct sim *sim)
{
	int64_t now_ms = sim_wall_ms(sim);
	int entity = below(sim, 3) == 0 ? 0 : (int)below(sim, (uint64_t)sim->plan.entities);
	struct sent sent = {sim->produced, entity, now_ms - between(sim, 0, 400), ""};
	snprintf(sent.rest, sizeof sent.rest, "%d.%02d m%d", (int)below(sim, 500), (int)below(sim, 100),
		 (int)below(sim, 4));
	const struct sent *again = &recent[below(sim, RECENT)];
	uint64_t kind = below(sim, 100);
	if (sim->produced == 1)
		memset(recent, 0, sizeof recent);
	if (kind < 12) {
		sent.time_ms = now_ms - between(sim, 1000, LATENESS_MS - 1);
	} else if (kind < 18) {
		sent.time_ms = now_ms - between(sim, LATENESS_MS, 60000);
	} else if (kind < 28 && again->id != 0) {
		send_event(sim, again, false, now_ms);
		return;
	} else if (kind < 31) {
		append(sim, subject_partition(sim, entity), slice_of("poison"), slice_of("poison"), now_ms);
		return;
	} else if (kind < 33) {
		send_event(sim, &sent, true, now_ms);
		return;
	} else if (kind < 36) {
		sent.time_ms = now_ms + AHEAD_MS + between(sim, 0, 2);
	} else if (kind < 38) {
		sent.time_ms = now_ms + between(sim, 1, AHEAD_MS);
	} else if (kind < 42 && again->id != 0) {
		sent.time_ms = again->time_ms;
	} else if (kind < 43) {
		send_event(sim, &sent, false, -1);
		return;
	} else if (kind < 45) {
		snprintf(sent.rest, sizeof sent.rest, "- m1");
	}
	recent[sim->produced % RECENT] = sent;
	send_event(sim, &sent, false, now_ms);
}
