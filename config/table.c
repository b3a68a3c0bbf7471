#include "config/table.h"

#include "config/draft.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SIZE_OF(type, member) sizeof(((type *)0)->member)
/* The place of a value: in the draft, or in an element of a list or map. */
#define AT(member) .offset = offsetof(struct draft, member), .size = SIZE_OF(struct draft, member)
#define IN(type, member) .offset = offsetof(type, member), .size = SIZE_OF(type, member)
/* The place of a list: pointer to its elements, and their number. */
#define LIST_AT(items, number) AT(items), .count_offset = offsetof(struct draft, number)
#define LIST_IN(type, items, number) IN(type, items), .count_offset = offsetof(type, number)
#define ELEMENT(type) .element_size = sizeof(type)
#define NAMED(type, member) ELEMENT(type), .name_offset = offsetof(type, member)

#define TEXT(f) .kind = ROW_TEXT, .form = FORM_##f
#define TEXTS(f, from, to) .kind = ROW_TEXTS, .form = FORM_##f, .least = (from), .most = (to)
#define CHOICE(names) .kind = ROW_CHOICE, .choices = (names)
#define INTEGER(from, to) .kind = ROW_INTEGER, .least = (from), .most = (to)
#define NUMBER(from, to) .kind = ROW_NUMBER, .least = (from), .most = (to)
#define DURATION(from, to) .kind = ROW_DURATION, .form = FORM_DURATION, .least = (from), .most = (to)
#define OBJECTS(from, to) .kind = ROW_OBJECTS, .least = (from), .most = (to)
#define LITERAL .kind = ROW_LITERAL
#define BOOLEAN .kind = ROW_BOOLEAN

#define MINUTE_MS (60.0 * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define LONGEST_MS (3650 * DAY_MS) /* of windows and lateness: what feature_set_new() takes */
#define MIB (1024.0 * 1024)
#define GIB (1024 * MIB)

/* In the order of the enum, or of a bool: false, true. */
static const char *const reset_names[] = {"latest", "earliest", NULL};
static const char *const framing_names[] = {"none", "confluent", NULL};
static const char *const unit_names[] = {"ms", "us", "s", "rfc3339", NULL};
static const char *const partitioner_names[] = {"unchecked", "murmur2", "crc32", NULL};
static const char *const type_names[] = {"money", "number", "string", "boolean", NULL};
static const char *const operation_names[] = {
    "count",         "sum",         "distinct",      "mean",           "min",   "max",       "stddev",     "zscore",
    "ratio",         "quotient",    "previous",      "since_previous", "age",   "geo_speed", "percentile", "robust_z",
    "decayed_count", "decayed_sum", "distance_home", "streak",         "burst", "value",     "log1p",      "hour",
    "weekday",       NULL};
static const char *const hole_names[] = {"halt", "rebuild", NULL};
static const char *const warming_names[] = {"suppress", "alert", NULL};
static const char *const action_names[] = {"flag", "suppress", NULL};
static const char *const format_names[] = {"json", "avro", NULL};
static const char *const level_names[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const log_format_names[] = {"text", "json", NULL};

/* By hand: laid out one member a line, nobody could see the table for its lines. */
/* clang-format off */
static const struct config_row rows[] = {
	{.path = "pipeline", TEXT(LABEL), AT(config.pipeline), .required = true, .example = "\"card-fraud\"",
	 .effect = EFFECT_NEW_STATE,
	 .help = "Name of this pipeline. It stands in every alert and in the keys of the state; the consumer group "
		 "and the transactional id are named after it."},

	/* kafka */
	{.path = "kafka", .kind = ROW_OBJECT, .required = true, .help = "The cluster and the topic that is watched."},
	{.path = "kafka.bootstrap_servers", TEXT(SERVERS), AT(config.kafka.bootstrap_servers), .required = true,
	 .example = "\"127.0.0.1:9092\"", .help = "Brokers to begin with."},
	{.path = "kafka.input_topic", TEXT(TOPIC), AT(config.kafka.input_topic), .required = true,
	 .example = "\"transactions\"", .effect = EFFECT_NEW_STATE,
	 .help = "Topic of the events. Its records must be keyed by the entity, and `cleanup.policy` must be "
		 "`delete`."},
	{.path = "kafka.group_id", TEXT(ANY), AT(config.kafka.group_id), .otherwise = "the value of `pipeline`",
	 .help = "Consumer group. Its committed offsets say what has been published."},
	{.path = "kafka.instance_id", TEXT(LABEL), AT(config.kafka.instance_id), .otherwise = "`PIPELINE-1`",
	 .help = "Name of this process in the group (static membership); the transactional id is "
		 "`PIPELINE.INSTANCE`. Each process of a pipeline needs its own; `run --instance` overrides it."},
	{.path = "kafka.auto_offset_reset", CHOICE(reset_names), AT(config.from_earliest), .fallback = "\"earliest\"",
	 .help = "Where a partition begins that has neither committed offset nor state. Decided once."},
	{.path = "kafka.properties", .kind = ROW_TEXT_MAP, .form = FORM_PROPERTY,
	 LIST_AT(config.kafka.properties, config.kafka.property_count), .most = 200,
	 NAMED(struct kafka_property, name),
	 .help = "Properties of librdkafka, such as `security.protocol`. What the protocol relies on is refused."},
	{.path = "kafka.properties_files", .kind = ROW_TEXT_MAP, .form = FORM_SECRET,
	 LIST_AT(property_files, property_file_count), .most = 200, NAMED(struct kafka_property, name),
	 .help = "Properties whose values are secrets: property name to file name."},
	{.path = "kafka.session_timeout", DURATION(1000, 30 * MINUTE_MS), AT(config.kafka.session_timeout_ms),
	 .fallback = "\"10s\"", .help = "After this long without a sign of life another process gets the partitions."},
	{.path = "kafka.transaction_timeout", DURATION(1000, 15 * MINUTE_MS), AT(config.kafka.transaction_timeout_ms),
	 .fallback = "\"10s\"", .help = "After this long the broker aborts an open transaction."},

	/* schema */
	{.path = "schema", .kind = ROW_OBJECT,
	 .help = "Where the writer's Avro schema comes from: a registry (`registry_urls`), or one fixed `file`."},
	{.path = "schema.registry_urls", TEXTS(URL, 1, 16), LIST_AT(config.registry.urls, config.registry.url_count),
	 .otherwise = "`[\"http://127.0.0.1:8081\"]`, where there is no `file`",
	 .example = "[\"http://127.0.0.1:8081\"]",
	 .help = "Addresses of one Confluent-compatible registry, tried in order; each may have a path."},
	{.path = "schema.user", TEXT(ANY), AT(config.registry.user),
	 .help = "User name of the registry (basic authentication); needs `password_file`."},
	{.path = "schema.password_file", TEXT(SECRET), AT(registry_password_file), .help = "File with its password."},
	{.path = "schema.token_file", TEXT(SECRET), AT(registry_token_file),
	 .help = "File with a bearer token, in place of user and password."},
	{.path = "schema.ca_file", TEXT(FILE), AT(config.registry.ca_file),
	 .help = "Certificates (PEM) that vouch for the registry, in place of the system's."},
	{.path = "schema.certificate_file", TEXT(FILE), AT(config.registry.certificate_file),
	 .help = "Client certificate (PEM); needs `key_file`."},
	{.path = "schema.key_file", TEXT(SECRET), AT(config.registry.key_file), .help = "Its private key (PEM)."},
	{.path = "schema.cache_directory", TEXT(FILE), AT(config.registry.cache_directory),
	 .otherwise = "kept in memory only",
	 .help = "Folder where schemas are kept, so that a start does not need the registry."},
	{.path = "schema.timeout", DURATION(100, 5 * MINUTE_MS), AT(config.registry.timeout_ms), .fallback = "\"5s\"",
	 .help = "Time for one request to the registry."},
	{.path = "schema.file", TEXT(FILE), AT(config.schema_file), .example = "\"transaction.avsc\"",
	 .help = "Avro schema of every record; a registry beside it only takes the schemas of the output. `check` "
		 "then compares the event's fields with it."},
	{.path = "schema.framing", CHOICE(framing_names), AT(config.schema_framed), .fallback = "\"none\"",
	 .help = "With `file`: `confluent` skips the five bytes of framing before each value."},

	/* event */
	{.path = "event", .kind = ROW_OBJECT, .required = true,
	 .help = "How a record becomes an event: identity, time, entity and the fields that features, rules and "
		 "alerts use. Paths lead through nested records with dots."},
	{.path = "event.id", TEXT(FIELD_PATH), AT(config.schema.id_path), .required = true,
	 .example = "\"transaction_id\"", .effect = EFFECT_NEW_STATE,
	 .help = "Path to the event's id, a string or an integer. The same id of the same entity at the same time "
		 "counts once."},
	{.path = "event.time", .kind = ROW_OBJECT, .required = true, .shorthand = "path", .example = "\"event_time\"",
	 .effect = EFFECT_NEW_STATE,
	 .help = "Path to the event's time: an Avro `timestamp-millis` or `timestamp-micros`; or an object that says "
		 "the unit too, which a plain `long`, a string or a column of a file needs."},
	{.path = "event.time.path", TEXT(FIELD_PATH), AT(config.schema.time_path), .required = true,
	 .example = "\"event_time\"", .effect = EFFECT_NEW_STATE, .help = "Path to the event's time."},
	{.path = "event.time.unit", CHOICE(unit_names), AT(time_unit), .absent = NO_UNIT,
	 .otherwise = "as the Avro schema says", .effect = EFFECT_NEW_STATE,
	 .help = "What its numbers count since 1970, or `rfc3339` for texts."},
	{.path = "event.entity", TEXT(FIELD_PATH), AT(config.schema.entity_path), .required = true,
	 .example = "\"card_id\"", .effect = EFFECT_NEW_STATE,
	 .help = "Path to whom the event belongs: the card, account or customer whose history its features read. A "
		 "string of 1 to 256 bytes, or an integer."},
	{.path = "event.key", TEXT(FIELD_PATH), AT(key), .otherwise = "the value of `event.entity`",
	 .effect = EFFECT_NEW_STATE,
	 .help = "Path to the field whose text, or Avro form, each record's key must equal. `\"unchecked\"` trusts "
		 "the producers: a torn entity then goes unnoticed."},
	{.path = "event.partitioner", CHOICE(partitioner_names), AT(config.schema.partitioner),
	 .fallback = "\"unchecked\"", .effect = EFFECT_NEW_STATE,
	 .help = "Also checks that each record lies in the partition that this partitioner gives its key: `murmur2` "
		 "is Java's default, `crc32` librdkafka's `consistent`."},
	{.path = "event.fields", .kind = ROW_MAP, .form = FORM_IDENTIFIER, LIST_AT(fields, field_count),
	 NAMED(struct field_draft, field.name), .most = EVENT_FIELDS_MAX, .otherwise = "`{}`",
	 .effect = EFFECT_NEW_STATE,
	 .help = "Fields of the event by the name under which features, rules and alerts use them. One that no "
		 "feature reads may change at any restart."},
	{.path = "event.fields.*.path", TEXT(FIELD_PATH), IN(struct field_draft, field.path),
	 .otherwise = "the field's name", .effect = EFFECT_NEW_STATE, .help = "Path to its value."},
	{.path = "event.fields.*.type", CHOICE(type_names), IN(struct field_draft, field.type), .required = true,
	 .example = "\"money\"", .effect = EFFECT_NEW_STATE,
	 .help = "`money` and `number` with a scale are exact: integers of units of 10^-scale, never floating point."},
	{.path = "event.fields.*.scale", INTEGER(0, FIELD_SCALE_MAX), IN(struct field_draft, field.scale),
	 .absent = FIELD_SCALE_NONE, .otherwise = "none; `money` needs one", .effect = EFFECT_NEW_STATE,
	 .help = "Number of decimals kept. A field without scale allows `value`, `log1p`, `min`, `max`, `previous`, "
		 "`percentile`, `distinct` and `same` only."},
	{.path = "event.fields.*.minor", BOOLEAN, IN(struct field_draft, field.minor), .fallback = "false",
	 .effect = EFFECT_NEW_STATE,
	 .help = "Integers in the source count units of 10^-scale (cents), not whole ones."},
	{.path = "event.fields.*.default", LITERAL, IN(struct field_draft, fallback), .otherwise = "none: null",
	 .effect = EFFECT_NEW_STATE, .help = "Stands for null and for absent. Numbers are in whole units."},
	{.path = "event.fields.*.aliases", TEXTS(ANY, 0, 16),
	 LIST_IN(struct field_draft, field.aliases, field.alias_count), .fallback = "[]",
	 .help = "Other names that the path's last part has in some writers' schemas."},
	{.path = "event.upstream", .kind = ROW_OBJECT, AT(upstream), .otherwise = "none: this is a first stage",
	 .effect = EFFECT_NEW_STATE,
	 .help = "The events are another pipeline's `output.enriched`: the watermark is the least of its partitions' "
		 "([stages.md](stages.md))."},
	{.path = "event.upstream.partitions", INTEGER(1, WATERMARK_UPSTREAM_MAX),
	 AT(config.schema.upstream.partitions), .required = true, .example = "6", .effect = EFFECT_NEW_STATE,
	 .help = "Partitions of that pipeline's input topic. While one has not been seen, nothing is late."},
	{.path = "event.upstream.partition", TEXT(FIELD_PATH), AT(config.schema.upstream.partition_path),
	 .fallback = "\"upstream.partition\"", .effect = EFFECT_NEW_STATE,
	 .help = "Path to the partition that an event came from. Another than these makes it invalid."},
	{.path = "event.upstream.watermark", TEXT(FIELD_PATH), AT(config.schema.upstream.watermark_path),
	 .fallback = "\"upstream.watermark\"", .effect = EFFECT_NEW_STATE,
	 .help = "Path to that partition's watermark, in ms since 1970, or null."},
	{.path = "event.allowed_lateness", DURATION(0, LONGEST_MS), AT(config.schema.allowed_lateness_ms),
	 .fallback = "\"1h\"", .effect = EFFECT_NEW_STATE,
	 .help = "How far behind the watermark an event is still taken, in its own place in time. Ids are remembered "
		 "as long; events older than that go to the late topic."},
	{.path = "event.max_ahead", DURATION(0, LONGEST_MS), AT(config.schema.max_ahead_ms), .fallback = "\"5m\"",
	 .effect = EFFECT_NEW_STATE,
	 .help = "How far an event's time may be after its record's Kafka timestamp; beyond it the event is `future`."},

	/* features */
	{.path = "features", OBJECTS(1, FEATURES_MAX), LIST_AT(features, feature_count),
	 ELEMENT(struct feature_options), .required = true, .effect = EFFECT_RETRAIN,
	 .example = "[{\"name\": \"count_1h\", \"op\": \"count\", \"window\": \"1h\"}]",
	 .help = "What is computed for every event from the entity's history before it; the columns of the vector, "
		 "in this order. A longer longest window, or a field not read before, also needs a new state."},
	{.path = "features[].name", TEXT(IDENTIFIER), IN(struct feature_options, name), .required = true,
	 .example = "\"mean_30d\"", .effect = EFFECT_RETRAIN, .help = "Name, used once."},
	{.path = "features[].op", CHOICE(operation_names), IN(struct feature_options, operation), .required = true,
	 .example = "\"mean\"", .effect = EFFECT_RETRAIN, .help = "Operation."},
	{.path = "features[].field", TEXT(ANY), IN(struct feature_options, field), .effect = EFFECT_RETRAIN,
	 .help = "Field that the operation reads; with `count` and the like, only events where it is not null count."},
	{.path = "features[].window", DURATION(1, LONGEST_MS), IN(struct feature_options, window_ms),
	 .example = "\"30d\"", .effect = EFFECT_RETRAIN,
	 .help = "How far back it looks; required where history is read."},
	{.path = "features[].half_life", DURATION(1, LONGEST_MS), IN(struct feature_options, half_life_ms),
	 .example = "\"7d\"", .effect = EFFECT_RETRAIN,
	 .help = "`decayed_count` and `decayed_sum`: the age at which an event counts half; required there."},
	{.path = "features[].interval", DURATION(1, LONGEST_MS), IN(struct feature_options, interval_ms),
	 .example = "\"10m\"", .effect = EFFECT_RETRAIN,
	 .help = "`burst`: the length of the intervals inside the window, at most the window's own; required there."},
	{.path = "features[].include_current", BOOLEAN, IN(struct feature_options, include_current),
	 .fallback = "false", .effect = EFFECT_RETRAIN,
	 .help = "The event itself counts too (`count sum distinct mean min max stddev` only)."},
	{.path = "features[].where", OBJECTS(1, CONDITIONS_MAX), LIST_IN(struct feature_options, where, where_count),
	 ELEMENT(struct condition_options), .single = true, .effect = EFFECT_RETRAIN,
	 .otherwise = "every event counts",
	 .help = "Only events count for which this condition holds, or all of a list. All keys of one condition must "
		 "hold; a null field matches nothing. Required with `streak`."},
	{.path = "features[].where[].field", TEXT(ANY), IN(struct condition_options, field), .effect = EFFECT_RETRAIN,
	 .help = "Field to compare."},
	{.path = "features[].where[].same", BOOLEAN, IN(struct condition_options, same), .fallback = "false",
	 .effect = EFFECT_RETRAIN, .help = "It equals the current event's value."},
	{.path = "features[].where[].equals", LITERAL, IN(struct condition_options, equals), .effect = EFFECT_RETRAIN,
	 .help = "It equals this."},
	{.path = "features[].where[].in", .kind = ROW_LITERALS, .least = 1, .most = CONDITION_IN_MAX,
	 LIST_IN(struct condition_options, in, in_count), .effect = EFFECT_RETRAIN, .help = "It is one of these."},
	{.path = "features[].where[].not", LITERAL, IN(struct condition_options, not_equals),
	 .effect = EFFECT_RETRAIN, .help = "It is not this (and not null)."},
	{.path = "features[].where[].above", LITERAL, .numeric = true, IN(struct condition_options, above),
	 .effect = EFFECT_RETRAIN, .help = "It is greater than this number."},
	{.path = "features[].where[].below", LITERAL, .numeric = true, IN(struct condition_options, below),
	 .effect = EFFECT_RETRAIN, .help = "It is less than this number."},
	{.path = "features[].where[].hours", .kind = ROW_HOURS, .size = sizeof(struct condition_options),
	 .effect = EFFECT_RETRAIN, .example = "[22, 6]",
	 .help = "The event's hour is in `[from, to)`, which wraps around midnight where from > to."},
	{.path = "features[].where[].utc_offset", .kind = ROW_UTC_OFFSETS, .form = FORM_UTC_OFFSET,
	 LIST_IN(struct condition_options, utc_offsets, utc_offset_count), .effect = EFFECT_RETRAIN,
	 .otherwise = "UTC", .help = "Where those hours are counted, as `features[].utc_offset`."},
	{.path = "features[].lat", TEXT(ANY), IN(struct feature_options, lat), .effect = EFFECT_RETRAIN,
	 .help = "`geo_speed` and `distance_home`: field with the latitude in degrees."},
	{.path = "features[].lon", TEXT(ANY), IN(struct feature_options, lon), .effect = EFFECT_RETRAIN,
	 .help = "`geo_speed` and `distance_home`: field with the longitude in degrees."},
	{.path = "features[].of", .kind = ROW_TEXT_PAIR, .form = FORM_ANY, IN(struct feature_options, of),
	 .effect = EFFECT_RETRAIN, .example = "[\"count_1h\", \"count_30d\"]",
	 .help = "`quotient`: the two features, dividend first."},
	{.path = "features[].values", TEXTS(ANY, 1, 1000), LIST_IN(struct feature_options, values, value_count),
	 .effect = EFFECT_RETRAIN, .help = "`value` of a string field: its possible values; the feature is the index."},
	{.path = "features[].utc_offset", .kind = ROW_UTC_OFFSETS, .form = FORM_UTC_OFFSET,
	 LIST_IN(struct feature_options, utc_offsets, utc_offset_count), .effect = EFFECT_RETRAIN, .otherwise = "UTC",
	 .help = "`hour` and `weekday`: a fixed offset, or a list of `[from_utc, offset]` that begins with a null: "
		 "`[[null, \"+01:00\"], [\"2026-03-29T01:00:00Z\", \"+02:00\"]]`."},

	/* state */
	{.path = "state", .kind = ROW_OBJECT,
	 .help = "Where the entities' recent events are kept: `redis` (the default), or `memory` for trials."},
	{.path = "state.redis", .kind = ROW_OBJECT, AT(redis), .help = "A Redis that does not evict."},
	{.path = "state.redis.address", TEXT(REDIS), AT(config.redis.address), .fallback = "\"tcp://127.0.0.1:6379\"",
	 .help = "Where it listens: `tcp://HOST:PORT`, `unix:///PATH`, or up to eight Redis Sentinels and the name by "
		 "which they know it: `sentinel://HOST:PORT,HOST:PORT/NAME`."},
	{.path = "state.redis.namespace", TEXT(NAMESPACE), AT(config.redis.name_space), .fallback = "\"outlierd\"",
	 .effect = EFFECT_NEW_STATE, .help = "First part of every key."},
	{.path = "state.redis.user", TEXT(ANY), AT(config.redis.user), .otherwise = "Redis' `default` user",
	 .help = "ACL user; needs `password_file`."},
	{.path = "state.redis.password_file", TEXT(SECRET), AT(redis_password_file), .help = "File with its password."},
	{.path = "state.redis.sentinel_user", TEXT(ANY), AT(config.redis.sentinel_user),
	 .otherwise = "the sentinels' `default` user",
	 .help = "ACL user of the sentinels; needs `sentinel_password_file`."},
	{.path = "state.redis.sentinel_password_file", TEXT(SECRET), AT(sentinel_password_file),
	 .help = "File with the sentinels' password, where they want one."},
	{.path = "state.redis.database", INTEGER(0, 1000000), AT(config.redis.database), .fallback = "0",
	 .effect = EFFECT_NEW_STATE, .help = "Number of the database."},
	{.path = "state.redis.timeout", DURATION(10, 5 * MINUTE_MS), AT(config.redis.timeout_ms),
	 .fallback = "\"5s\"", .help = "Time for connecting, and for one exchange."},
	{.path = "state.memory", .kind = ROW_OBJECT, AT(memory),
	 .help = "Kept in this process and lost with it: `{}`. A start then rebuilds from the topic."},
	{.path = "state.max_events", INTEGER(2, STATE_MAX_EVENTS_LIMIT), AT(config.features.max_events),
	 .fallback = "1024", .effect = EFFECT_NEW_STATE,
	 .help = "Events of one entity that are kept singly; older ones are folded into panes, and features that "
		 "reach before them are flagged."},
	{.path = "state.on_hole", CHOICE(hole_names), AT(config.on_hole), .fallback = "\"halt\"",
	 .help = "What to do where the topic no longer holds records that the state lacks."},

	/* model */
	{.path = "model", .kind = ROW_OBJECT, .help = "The model that scores."},
	{.path = "model.directory", TEXT(FILE), AT(config.model_directory), .fallback = "\"models\"",
	 .help = "Folder of the models; its file `current` names the one in use. Without one, rules decide alone."},

	/* policy */
	{.path = "policy", .kind = ROW_OBJECT, .help = "What is flagged, and what people see of it."},
	{.path = "policy.threshold", .kind = ROW_OBJECT, .otherwise = "`{\"quantile\": 0.99}`",
	 .help = "From which score on an event is flagged; exactly one of the three."},
	{.path = "policy.threshold.absolute", NUMBER(0, 1), AT(absolute), .help = "This score."},
	{.path = "policy.threshold.quantile", NUMBER(0, 1), AT(quantile),
	 .help = "The score at this quantile of the model's calibration scores."},
	{.path = "policy.threshold.alerts_per_day", NUMBER(0, 1e9), AT(alerts_per_day),
	 .help = "The score that this many calibration rows a day reach."},
	{.path = "policy.warming", CHOICE(warming_names), AT(config.policy.warming), .fallback = "\"suppress\"",
	 .help = "Whether the model may flag an event while a window is not yet filled. Rules always may."},
	{.path = "policy.cooldown", DURATION(1, LONGEST_MS), AT(config.policy.cooldown_ms), .fallback = "\"10m\"",
	 .help = "Alerts of one entity within this long share their `group_id`; nothing is held back."},
	{.path = "policy.rules", OBJECTS(0, RULES_MAX), LIST_AT(rules, rule_count), ELEMENT(struct rule_draft),
	 .fallback = "[]", .help = "Rules beside the model. A `suppress` rule that holds wins over everything."},
	{.path = "policy.rules[].name", TEXT(LABEL), IN(struct rule_draft, options.name), .required = true,
	 .example = "\"impossible_travel\"", .help = "Name, used once."},
	{.path = "policy.rules[].when", OBJECTS(1, CONDITIONS_MAX), LIST_IN(struct rule_draft, when, when_count),
	 ELEMENT(struct rule_condition), .single = true, .required = true,
	 .example = "[{\"feature\": \"speed_kmh\", \"above\": 900}]",
	 .help = "The rule holds where all these do: conditions on a feature (a missing one satisfies nothing), or "
		 "on the event as in `features[].where`, without `same`."},
	{.path = "policy.rules[].when[].feature", TEXT(ANY), IN(struct rule_condition, feature),
	 .help = "Feature to compare, with `equals`, `not`, `above`, `below` and numbers."},
	{.path = "policy.rules[].when[].field", TEXT(ANY), IN(struct rule_condition, condition.field),
	 .help = "Field to compare."},
	{.path = "policy.rules[].when[].equals", LITERAL, IN(struct rule_condition, condition.equals),
	 .help = "It equals this."},
	{.path = "policy.rules[].when[].in", .kind = ROW_LITERALS, .least = 1, .most = CONDITION_IN_MAX,
	 LIST_IN(struct rule_condition, condition.in, condition.in_count), .help = "It is one of these (fields only)."},
	{.path = "policy.rules[].when[].not", LITERAL, IN(struct rule_condition, condition.not_equals),
	 .help = "It is not this (and not null)."},
	{.path = "policy.rules[].when[].above", LITERAL, .numeric = true, IN(struct rule_condition, condition.above),
	 .help = "It is greater than this number."},
	{.path = "policy.rules[].when[].below", LITERAL, .numeric = true, IN(struct rule_condition, condition.below),
	 .help = "It is less than this number."},
	{.path = "policy.rules[].when[].hours", .kind = ROW_HOURS, IN(struct rule_condition, condition),
	 .example = "[0, 6]", .help = "The event's hour is in `[from, to)`."},
	{.path = "policy.rules[].when[].utc_offset", .kind = ROW_UTC_OFFSETS, .form = FORM_UTC_OFFSET,
	 LIST_IN(struct rule_condition, condition.utc_offsets, condition.utc_offset_count), .otherwise = "UTC",
	 .help = "Where those hours are counted."},
	{.path = "policy.rules[].action", CHOICE(action_names), IN(struct rule_draft, options.action),
	 .fallback = "\"flag\"", .help = "What the rule does with the event."},
	{.path = "policy.rules[].reason", TEXT(ANY), IN(struct rule_draft, options.reason),
	 .otherwise = "the rule's name", .help = "Words for the people who read the alert."},
	{.path = "policy.rules[].expires", .kind = ROW_TIME, .form = FORM_TIME,
	 IN(struct rule_draft, options.expires_ms), .absent = INT64_MAX, .otherwise = "never",
	 .help = "Events from this time on are not touched by the rule."},

	/* output */
	{.path = "output", .kind = ROW_OBJECT,
	 .help = "The topics that are written, all in one transaction with the consumed offsets. None may be the "
		 "input topic."},
	{.path = "output.alerts", .kind = ROW_OBJECT, .nullable = true, AT(alerts),
	 .otherwise = "`{}` where there are no `decisions` either, else none",
	 .help = "Flagged events, explained. Decisions without alerts are a silent trial."},
	{.path = "output.alerts.topic", TEXT(TOPIC), AT(config.publish.alerts.topic), .fallback = "\"alerts\"",
	 .help = "Their topic."},
	{.path = "output.alerts.format", CHOICE(format_names), AT(config.publish.alerts.format),
	 .fallback = "\"json\"",
	 .help = "Form of their values. Avro has the Confluent framing and is registered under `TOPIC-value`; it "
		 "needs `schema.registry_urls`."},
	{.path = "output.alerts.contributions", INTEGER(0, FEATURES_MAX), AT(config.publish.contributions),
	 .fallback = "5", .help = "Features that an alert names, the greatest contributions first."},
	{.path = "output.alerts.fields", TEXTS(ANY, 0, EVENT_FIELDS_MAX),
	 LIST_AT(config.publish.alert_fields, config.publish.alert_field_count), .otherwise = "all of `event.fields`",
	 .help = "Fields of the event that an alert carries."},
	{.path = "output.decisions", .kind = ROW_OBJECT, .nullable = true, AT(decisions), .otherwise = "none",
	 .help = "One compact record per scored event, with its vector: the audit trail, and rows to train on."},
	{.path = "output.decisions.topic", TEXT(TOPIC), AT(config.publish.decisions.topic),
	 .fallback = "\"decisions\"", .help = "Their topic."},
	{.path = "output.decisions.format", CHOICE(format_names), AT(config.publish.decisions.format),
	 .fallback = "\"json\"", .help = "Form of their values."},
	{.path = "output.enriched", .kind = ROW_OBJECT, .nullable = true, AT(enriched), .otherwise = "none",
	 .help = "Each scored event with its vector and score, for a second pipeline over another entity "
		 "([stages.md](stages.md))."},
	{.path = "output.enriched.topic", TEXT(TOPIC), AT(config.publish.enriched.topic),
	 .fallback = "\"enriched\"", .help = "Their topic: the next stage's `kafka.input_topic`."},
	{.path = "output.enriched.format", CHOICE(format_names), AT(config.publish.enriched.format),
	 .fallback = "\"json\"", .help = "Form of their values. A daemon that reads them needs `avro`."},
	{.path = "output.enriched.key", TEXT(ANY), AT(config.publish.enriched_key), .required = true,
	 .example = "\"merchant\"",
	 .help = "String field whose text is their key: the next stage's entity. An event without it is counted, "
		 "not enriched."},
	{.path = "output.enriched.fields", TEXTS(ANY, 0, EVENT_FIELDS_MAX),
	 LIST_AT(config.publish.enriched_fields, config.publish.enriched_field_count),
	 .otherwise = "all of `event.fields`", .help = "Fields of the event that go on."},
	{.path = "output.amendments", .kind = ROW_OBJECT, .nullable = true, AT(amendments), .otherwise = "none",
	 .effect = EFFECT_NEW_STATE,
	 .help = "For each late event, the published decisions that would have been others with it "
		 "([late.md](late.md)). The state then keeps all of `event.fields`."},
	{.path = "output.amendments.topic", TEXT(TOPIC), AT(config.publish.amendments.topic),
	 .fallback = "\"amendments\"", .help = "Their topic."},
	{.path = "output.amendments.format", CHOICE(format_names), AT(config.publish.amendments.format),
	 .fallback = "\"json\"", .help = "Form of their values."},
	{.path = "output.late", .kind = ROW_OBJECT, .nullable = true, AT(late), .otherwise = "`{}`",
	 .help = "Events that came too late, as they were, with headers that say why. `null`: only counted."},
	{.path = "output.late.topic", TEXT(TOPIC), AT(config.publish.late_topic), .otherwise = "`INPUT_TOPIC.late`",
	 .help = "Their topic."},
	{.path = "output.dead_letters", .kind = ROW_OBJECT, .nullable = true, AT(dead_letters), .otherwise = "`{}`",
	 .help = "Records that are no event, and events from the future, likewise. `null`: only counted."},
	{.path = "output.dead_letters.topic", TEXT(TOPIC), AT(config.publish.dead_letter_topic),
	 .otherwise = "`INPUT_TOPIC.dlq`", .help = "Their topic."},

	/* limits */
	{.path = "limits", .kind = ROW_OBJECT,
	 .help = "When to stop rather than go on, and how much one process takes at a time."},
	{.path = "limits.dead_letters", NUMBER(0, 1), AT(config.limits.dead_letters), .fallback = "0.2",
	 .help = "A partition halts when a greater share of its last 10,000 records became dead letters; 1: never."},
	{.path = "limits.late", NUMBER(0, 1), AT(config.limits.late), .fallback = "0.2",
	 .help = "Likewise for late events (those that are late only by folding do not count)."},
	{.path = "limits.batch_records", INTEGER(1, 1000000), AT(config.limits.records), .fallback = "40000",
	 .help = "Records in one batch, which is one transaction, at most."},
	{.path = "limits.batch_bytes", INTEGER(1024, GIB), AT(config.limits.bytes), .fallback = "16777216",
	 .help = "Bytes of record values in one batch, at most."},
	{.path = "limits.batch_wait", DURATION(0, MINUTE_MS), AT(config.limits.wait_ms), .fallback = "\"100ms\"",
	 .help = "Time that a batch may take to fill, at most."},
	{.path = "limits.batch_memory", INTEGER(MIB, 64 * GIB), AT(config.limits.memory_bytes),
	 .fallback = "268435456", .help = "Bytes of memory that one batch may take."},
	{.path = "limits.cache_bytes", INTEGER(0, 1024 * GIB), AT(config.limits.cache_bytes), .fallback = "268435456",
	 .help = "Bytes of entities that are kept in memory over batches."},
	{.path = "limits.write_interval", DURATION(0, MINUTE_MS), AT(config.limits.write_interval_ms),
	 .fallback = "\"1s\"", .help = "State of several committed batches is written together, at most this long."},
	{.path = "limits.write_records", INTEGER(1, 100000000), AT(config.limits.write_records), .fallback = "100000",
	 .help = "Committed records per partition whose state is not yet written, at most."},
	{.path = "limits.parity_share", NUMBER(0, 1), AT(config.limits.parity_share), .fallback = "0.0001",
	 .help = "Share of the scored events whose vectors the daemon computes a second time, naively from the entity's "
		 "log, and compares bit for bit: see `outlierd_parity_differences_total`. 0: none."},

	{.path = "limits.amendments", INTEGER(1, 1000), AT(config.publish.amendments_most), .fallback = "16",
	 .help = "Decisions that are looked at again for one late event, the earliest first, where there are "
		 "`output.amendments`; the others are counted. Batches are made smaller so that all may be amended."},

	/* privacy */
	{.path = "privacy", .kind = ROW_OBJECT, .nullable = true, AT(privacy), .otherwise = "nothing is replaced",
	 .help = "Identifiers are replaced by HMAC-SHA-256 (hex) in Redis keys and in everything that goes out. "
		 "Values of late and dead letters are then replaced by hashes too."},
	{.path = "privacy.key_file", TEXT(SECRET), AT(key_file), .required = true, .example = "\"pseudonym-key\"",
	 .effect = EFFECT_NEW_STATE, .help = "File whose bytes are the key, such as 32 random ones."},
	{.path = "privacy.pseudonymize", TEXTS(ANY, 1, EVENT_FIELDS_MAX + 2),
	 LIST_AT(pseudonymize.items, pseudonymize.count), .required = true, .example = "[\"entity\"]",
	 .effect = EFFECT_NEW_STATE, .help = "What is replaced: `entity`, `id`, and names of `event.fields`."},

	/* http, log */
	{.path = "http", .kind = ROW_OBJECT, .nullable = true, AT(http), .otherwise = "`{}`",
	 .help = "Metrics and health: `/metrics`, `/livez`, `/readyz`. `null`: none."},
	{.path = "http.listen", TEXT(LISTEN), AT(listen), .fallback = "\"127.0.0.1:9464\"", .help = "Where to listen."},
	{.path = "log", .kind = ROW_OBJECT, .help = "Messages on standard error. They never contain identifiers."},
	{.path = "log.level", CHOICE(level_names), AT(log_level), .fallback = "\"info\"",
	 .help = "The least important level that is written."},
	{.path = "log.format", CHOICE(log_format_names), AT(config.log_json), .fallback = "\"text\"",
	 .help = "`json`: an object per line."},
};
/* clang-format on */

#define ROWS (sizeof rows / sizeof *rows)

const struct config_row *config_table(size_t *count)
{
	*count = ROWS;
	return rows;
}

/* True where the row is a member of the container itself, not of something inside it. */
static bool is_member(const struct config_row *row, const char *container, size_t length)
{
	const char *key = row->path;
	if (length > 0) {
		if (strncmp(row->path, container, length) != 0 || row->path[length] != '.')
			return false;
		key += length + 1;
	}
	return *key != '*' && strpbrk(key, ".[") == NULL;
}

const struct config_row *config_table_next(const char *container, const struct config_row *previous)
{
	size_t length = strlen(container);
	for (const struct config_row *row = previous == NULL ? rows : previous + 1; row < rows + ROWS; row++)
		if (is_member(row, container, length))
			return row;
	return NULL;
}

const struct config_row *config_table_member(const char *container, const char *key, size_t key_length)
{
	const struct config_row *row = NULL;
	while ((row = config_table_next(container, row)) != NULL) {
		const char *name = config_table_key(row);
		if (strlen(name) == key_length && memcmp(name, key, key_length) == 0)
			return row;
	}
	return NULL;
}

const char *config_table_key(const struct config_row *row)
{
	const char *dot = strrchr(row->path, '.');
	return dot == NULL ? row->path : dot + 1;
}

void config_table_container(const struct config_row *row, char path[], size_t size)
{
	const char *inside = row->kind == ROW_OBJECTS ? "[]" : row->kind == ROW_MAP ? ".*" : "";
	int length = snprintf(path, size, "%s%s", row->path, inside);
	assert(length > 0 && (size_t)length < size);
}
