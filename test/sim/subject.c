/* What the simulated daemons compute, and the records that a simulated producer sends them. */
#include "daemon/pipeline/decide.h"
#include "daemon/pipeline/publish.h"
#include "test/sim/kafka.h"
#include "test/twin/model_sample.h"

#include <stdlib.h>

#define LATENESS_MS 6000
#define AHEAD_MS 5000
#define WINDOW_MS 20000
#define LONG_WINDOW_MS 30000
#define MAX_EVENTS 8
#define RECENT 16
#define LONG_TEXT 5000 /* bytes of the one merchant's name that is too long for an alert */
#define LONG_POISON 3000

enum { FIELD_AMOUNT, FIELD_MERCHANT, FIELD_ONLINE, FIELD_COUNT };

static const struct field fields[FIELD_COUNT] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "merchant", .path = "merchant", .type = FIELD_STRING},
    {.name = "online", .path = "online", .type = FIELD_BOOLEAN},
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

/* Four configurations, so that schedules come through all that the pipeline can be asked for. */
enum { VARIANT_RULES, VARIANT_AVRO, VARIANT_PSEUDONYMS, VARIANT_ALERTS_ALONE, VARIANTS };

/* The pipeline never changes these; made once for a process. */
struct subject {
	struct event_schema schema;
	struct feature_set_options options;
	struct feature_set *set;
	struct policy_options policy_options;
	struct policy *policy;
	struct champion champion;
};

static int variant; /* of the schedule under way */

static const struct literal night_merchants[] = {{LITERAL_TEXT, "m1", false}, {LITERAL_TEXT, "m2", false}};
static const struct utc_offset offsets[] = {{INT64_MIN, 3600000}};
static const struct feature_condition_options busy = {.feature = "count", .above = {LITERAL_NUMBER, "2", false}};
static const struct feature_condition_options odd[] = {
    {.feature = "sum", .below = {LITERAL_NUMBER, "900", false}, .not_equals = {LITERAL_NUMBER, "0", false}},
    {.feature = "merchants", .equals = {LITERAL_NUMBER, "2", false}},
};
static const struct condition_options at_night[] = {
    {.field = "merchant", .in = night_merchants, .in_count = 2},
    {.has_hours = true, .hours_from = 22, .hours_to = 24, .utc_offsets = offsets, .utc_offset_count = 1},
};
static const struct condition_options small[] = {
    {.field = "amount", .below = {LITERAL_NUMBER, "40", false}, .above = {LITERAL_NUMBER, "1", false}},
    {.field = "merchant", .not_equals = {LITERAL_TEXT, "m3", false}},
    {.field = "online", .equals = {LITERAL_BOOLEAN, NULL, true}},
    {.field = "merchant", .equals = {LITERAL_TEXT, "m0", false}},
};
static const struct rule_options rules[] = {
    {.name = "busy",
     .reason = "many events",
     .action = RULE_FLAG,
     .features = &busy,
     .feature_count = 1,
     .expires_ms = INT64_MAX},
    {.name = "odd",
     .reason = "few euros, two merchants",
     .action = RULE_FLAG,
     .features = odd,
     .feature_count = 2,
     .expires_ms = SIM_START_MS + 30000},
    {.name = "night",
     .reason = "these two at night",
     .action = RULE_FLAG,
     .fields = at_night,
     .field_count = 2,
     .expires_ms = INT64_MAX},
    {.name = "small",
     .reason = "not worth a call",
     .action = RULE_SUPPRESS,
     .fields = small,
     .field_count = 4,
     .expires_ms = INT64_MAX},
};

static const bool pseudonymous_fields[FIELD_COUNT] = {[FIELD_MERCHANT] = true};
static const struct pseudonym_options pseudonyms = {.key = {"a key of the bank", 17},
						    .entity = true,
						    .id = true,
						    .fields = pseudonymous_fields,
						    .field_count = FIELD_COUNT};

/* What the daemon refuses at its start. */
static void refuse_wrong_rules(const struct feature_set *set)
{
	static const struct feature_condition_options unknown = {.feature = "none"};
	static const struct feature_condition_options text = {.feature = "sum", .above = {LITERAL_TEXT, "much", false}};
	static const struct condition_options no_field = {.field = "none", .same = true};
	static const struct rule_options wrong[] = {
	    {.name = "empty", .reason = "", .expires_ms = INT64_MAX},
	    {.name = "unknown", .reason = "", .features = &unknown, .feature_count = 1, .expires_ms = INT64_MAX},
	    {.name = "text", .reason = "", .features = &text, .feature_count = 1, .expires_ms = INT64_MAX},
	    {.name = "field", .reason = "", .fields = &no_field, .field_count = 1, .expires_ms = INT64_MAX},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct policy_options options = {.rules = &wrong[i], .rule_count = 1};
		struct err err = {0};
		struct policy *policy = policy_new(&options, set, NULL, NULL, NULL, &err);
		if (policy != NULL || err.code != ERR_CONFIG)
			abort();
	}
}

static void add_model(struct subject *subject, size_t columns)
{
	static const size_t some[] = {1, 2, 4, 5};
	struct train_options options = {.trees = 10, .sample = 32, .seed = 7};
	struct model *model = model_sample(&options, 200, columns);
	subject->champion.model = model;
	subject->champion.explainer = explainer_new(model->forest);
	subject->champion.columns = columns == sizeof some / sizeof *some ? some : NULL;
}

static void make(struct subject *subject, int which, bool other_rules)
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
							.max_events = MAX_EVENTS,
							.keeps_all = which != VARIANT_ALERTS_ALONE,
							.idle_bytes = 64 << 10};
	if (feature_set_new(&subject->set, &subject->options, NULL, NULL, &err) != 0)
		goto broken;
	refuse_wrong_rules(subject->set);
	subject->policy_options = (struct policy_options){.cooldown_ms = 60000, .rules = rules, .rule_count = 1};
	if (which == VARIANT_AVRO) {
		struct buffer schemas;
		buffer_init(&schemas);
		publisher_alert_schema(&schemas);
		publisher_decision_schema(subject->set, &schemas);
		assert(!buffer_failed(&schemas));
		buffer_free(&schemas);
		add_model(subject, subject->options.feature_count);
		subject->policy_options.warming = WARMING_ALERT;
		subject->policy_options.threshold = (struct threshold_options){THRESHOLD_QUANTILE, 0.5};
		subject->policy_options.rule_count = sizeof rules / sizeof *rules;
	} else if (which == VARIANT_PSEUDONYMS) {
		add_model(subject, 4);
		subject->policy_options.threshold = (struct threshold_options){THRESHOLD_ABSOLUTE, 0.5};
		subject->policy_options.rule_count = 0;
	}
	subject->policy = policy_new(&subject->policy_options, subject->set, subject->champion.model, NULL, NULL, &err);
	if (subject->policy == NULL)
		goto broken;
	subject->champion.policy = subject->policy;
	return;
broken:
	fprintf(stderr, "sim: %s\n", err.message);
	abort();
}

void subject_choose(uint64_t seed)
{
	variant = (int)(seed % VARIANTS);
}

static struct subject *subject_of(bool other_rules)
{
	static struct subject subjects[VARIANTS][2];
	struct subject *subject = &subjects[variant][other_rules];
	if (subject->set == NULL)
		make(subject, variant, other_rules);
	return subject;
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

const struct pseudonym_options *subject_pseudonyms(void)
{
	return variant == VARIANT_PSEUDONYMS ? &pseudonyms : NULL;
}

const struct publish_options *subject_publish(void)
{
	static const char *const alert_fields[] = {"amount"};
	static const struct publish_options publish[VARIANTS] = {
	    [VARIANT_RULES] = {.pipeline = "sim",
			       .input_topic = "in",
			       .alerts = {.topic = "alerts"},
			       .decisions = {.topic = "decisions"},
			       .amendments = {.topic = "amendments"},
			       .amendments_most = 2,
			       .contributions = 5,
			       .late_topic = "late",
			       .dead_letter_topic = "dlq",
			       .cooldown_ms = 60000,
			       .message_max = 1000000},
	    [VARIANT_AVRO] = {.pipeline = "sim",
			      .input_topic = "in",
			      .alerts = {.topic = "alerts", .format = FORMAT_AVRO, .schema_id = 7},
			      .decisions = {.topic = "decisions", .format = FORMAT_AVRO, .schema_id = 8},
			      .amendments = {.topic = "amendments", .format = FORMAT_AVRO, .schema_id = 9},
			      .amendments_most = 16,
			      .contributions = 3,
			      .alert_fields = alert_fields,
			      .alert_field_count = 1,
			      .late_topic = "late",
			      .dead_letter_topic = "dlq",
			      .cooldown_ms = 60000,
			      .message_max = 1000000},
	    [VARIANT_PSEUDONYMS] = {.pipeline = "sim",
				    .input_topic = "in",
				    .alerts = {.topic = "alerts"},
				    .decisions = {.topic = "decisions"},
				    .amendments = {.topic = "amendments"},
				    .amendments_most = 16,
				    .contributions = 5,
				    .late_topic = "late",
				    .dead_letter_topic = "dlq",
				    .pseudonymized = true,
				    .cooldown_ms = 60000,
				    .message_max = 1000000},
	    [VARIANT_ALERTS_ALONE] = {.pipeline = "sim",
				      .input_topic = "in",
				      .alerts = {.topic = "alerts"},
				      .contributions = 5,
				      .cooldown_ms = 60000,
				      .message_max = 1000000},
	};
	return &publish[variant];
}

int subject_headers(struct record *record, struct arena *arena, struct err *err)
{
	struct header *headers = arena_take_zeroed(arena, 1, sizeof *headers);
	if (headers == NULL)
		return err_memory(err);
	*headers = (struct header){"traceparent", slice_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")};
	record->headers = headers;
	record->header_count = record->offset % 3 == 0;
	return 0;
}

/* The codec: lines "ID ENTITY TIME AMOUNT MERCHANT ONLINE"; "-" is null. */

static bool set_text(struct event_builder *builder, size_t slot, struct arena *arena, const char *text)
{
	struct slice copy = arena_copy(arena, slice_of(text));
	if (strcmp(text, "-") == 0)
		event_builder_null(builder, slot);
	else if (copy.data != NULL)
		event_builder_text(builder, slot, copy);
	return copy.data != NULL;
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
	char id[32], entity[32], amount[32], merchant[LONG_TEXT + 1] = "", online[2];
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
	if (line == NULL || values == NULL) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	if (sscanf(line, "%31s %31s %" SCNd64 " %31s %31s %1s", id, entity, &time_ms, amount, merchant, online) != 6) {
		(void)err_set(err, ERR_DATA, "not six words");
		*reason = REASON_DECODE;
		return DECODE_REFUSED;
	}
	event_builder_begin(&builder, &subject_of(false)->schema, arena, values);
	event_builder_integer(&builder, EVENT_SLOT_TIME, time_ms);
	if (online[0] != '-')
		event_builder_boolean(&builder, EVENT_SLOT_FIELDS + FIELD_ONLINE, online[0] == '1');
	if (strcmp(merchant, "long") == 0)
		memset(merchant, 'l', LONG_TEXT);
	if (!set_text(&builder, EVENT_SLOT_ID, arena, id) || !set_text(&builder, EVENT_SLOT_ENTITY, arena, entity) ||
	    !set_text(&builder, EVENT_SLOT_KEY, arena, entity) ||
	    !set_text(&builder, EVENT_SLOT_FIELDS + FIELD_AMOUNT, arena, amount) ||
	    !set_text(&builder, EVENT_SLOT_FIELDS + FIELD_MERCHANT, arena, merchant)) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	*reason = event_builder_end(&builder, event);
	if (*reason != REASON_NONE && builder.err.code == ERR_MEMORY) {
		*err = builder.err;
		return DECODE_WAIT;
	}
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

static void append_poison(struct sim *sim, int32_t partition, size_t length, int64_t timestamp_ms)
{
	char value[LONG_POISON];
	memset(value, 'p', length);
	append(sim, partition, slice_of("poison"), (struct slice){value, length}, timestamp_ms);
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

void subject_send(struct sim *sim, int entity, int64_t time_ms)
{
	struct sent sent = {1000000 + sim->produced++, entity, time_ms, "1.00 m1 0"};
	send_event(sim, &sent, false, sim_wall_ms(sim));
}

void subject_produce(struct sim *sim)
{
	int64_t now_ms = sim_wall_ms(sim);
	int entity = below(sim, 3) == 0 ? 0 : (int)below(sim, (uint64_t)sim->plan.entities);
	struct sent sent = {sim->produced, entity, now_ms - between(sim, 0, 400), ""};
	snprintf(sent.rest, sizeof sent.rest, "%d.%02d m%d %d", (int)below(sim, 500), (int)below(sim, 100),
		 (int)below(sim, 4), (int)below(sim, 2));
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
		append_poison(sim, subject_partition(sim, entity), below(sim, 4) == 0 ? LONG_POISON : 6, now_ms);
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
		snprintf(sent.rest, sizeof sent.rest, below(sim, 2) == 0 ? "- m1 -" : "3.00 long 1");
	}
	recent[sim->produced % RECENT] = sent;
	send_event(sim, &sent, false, now_ms);
}
