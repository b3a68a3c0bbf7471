/*
 * An event as the core sees it, what to read from a source record to make one (struct event_schema), and the builder
 * that every decoder (Avro, JSON lines, CSV, Avro files) drives: it sets source values slot by slot, the builder
 * converts, checks and reports. So all sources give the same event or the same refusal.
 */
#ifndef OUTLIERD_EVENT_H
#define OUTLIERD_EVENT_H

#include "arena.h"
#include "features/field.h"

#define EVENT_ENTITY_MAX 256 /* bytes of an entity's text and of an event id, at least 1 */
#define EVENT_FIELDS_MAX 128
#define EVENT_TIME_MAX_MS                                                                                              \
	(INT64_C(1) << 53) /* either side of 1970; beyond it an event is invalid, so no window overflows */

#define WATERMARK_NONE INT64_MIN

enum time_unit { TIME_LOGICAL, /* Avro timestamp-millis or -micros */ TIME_MS, TIME_US, TIME_S, TIME_RFC3339 };
enum partitioner { PARTITIONER_UNCHECKED, PARTITIONER_MURMUR2, PARTITIONER_CRC32 };

/** Why a record is a dead letter or late: the `outlierd.reason` header (docs/operations.md). */
enum reason {
	REASON_NONE,
	REASON_FRAMING,
	REASON_REGISTRY,
	REASON_DECODE,
	REASON_VALIDATE,
	REASON_KEY,
	REASON_TIMESTAMP,
	REASON_FUTURE,
	REASON_TOO_LATE,
	REASON_FOLDED,   /* too_late only because of the fold edge */
	REASON_DUPLICATE /* only in --rejects */
};

/** The reason's name as published: "framing", "too_late" … */
const char *reason_name(enum reason reason);

/** Where an event of a second stage says how far its upstream partition had come: docs/stages.md. */
struct upstream_schema {
	int32_t partitions; /* of the upstream topic; 0: there is no upstream, and no paths */
	const char *partition_path, *watermark_path;
};

struct event_schema {
	const char *id_path, *time_path, *entity_path;
	const char *key_path; /* NULL: unchecked */
	enum time_unit time_unit;
	enum partitioner partitioner;
	const struct field *fields;
	size_t field_count;
	int64_t allowed_lateness_ms;
	int64_t max_ahead_ms;
	struct upstream_schema upstream;
};

struct event {
	struct slice id;     /* 1 .. EVENT_ENTITY_MAX bytes */
	struct slice entity; /* likewise */
	int64_t time_ms;
	int64_t offset;                /* of the source record */
	int64_t timestamp_ms;          /* Kafka's record timestamp; -1: none */
	const struct value *values;    /* one per field of the schema */
	int32_t upstream_partition;    /* with an upstream: 0 .. partitions - 1 */
	int64_t upstream_watermark_ms; /* WATERMARK_NONE: it had none */
};

/** Slots that a decoder fills; those without a path (key, upstream) are not wanted; fields follow from EVENT_SLOT_FIELDS on, in schema order. */
enum {
	EVENT_SLOT_ID,
	EVENT_SLOT_TIME,
	EVENT_SLOT_ENTITY,
	EVENT_SLOT_KEY,
	EVENT_SLOT_UPSTREAM_PARTITION,
	EVENT_SLOT_UPSTREAM_WATERMARK,
	EVENT_SLOT_FIELDS
};

/** Number of slots of a schema: EVENT_SLOT_FIELDS + fields. The key slot exists even where the key is unchecked (then ignored). */
size_t event_slot_count(const struct event_schema *schema);

/** The path that a slot reads; NULL for the key slot where unchecked, and for those of an upstream that there is not. */
const char *event_slot_path(const struct event_schema *schema, size_t slot);

/** A slot's aliases (only fields have some). */
size_t event_slot_aliases(const struct event_schema *schema, size_t slot, const char *const **aliases);

/** True for slots that may be absent from a writer's schema or file: fields with a default. */
bool event_slot_optional(const struct event_schema *schema, size_t slot);

/** Collects one event. Text given to it must stay valid until the event is used up (it is borrowed). */
struct event_builder {
	const struct event_schema *schema;
	struct arena *arena; /* for texts made of integers */
	struct value *values;
	struct slice id, entity, key_text;
	int64_t key_integer;
	bool has_id, has_time, has_entity, has_key, key_is_integer;
	int64_t time_ms;
	bool has_upstream;
	int64_t upstream_partition, upstream_watermark_ms;
	struct err err; /* the first conversion that failed; names the path and the value's form, never an identifier */
};

/** Begins an event: all slots absent. values holds schema->field_count elements and is lent to the event. */
void event_builder_begin(struct event_builder *builder, const struct event_schema *schema, struct arena *arena,
			 struct value *values);

/** Sets a slot from an integer (Avro int/long/enum-free, JSON integer). Id, entity and key take it as decimal text; time by its unit; upstream slots as it is. */
void event_builder_integer(struct event_builder *builder, size_t slot, int64_t source);
/** Sets a slot from a double (Avro float/double, JSON real). */
void event_builder_double(struct event_builder *builder, size_t slot, double source);
/** Sets a slot from text (Avro string/enum/fixed/bytes read as string, JSON string, CSV column; for CSV the caller maps empty to null). */
void event_builder_text(struct event_builder *builder, size_t slot, struct slice source);
/** Sets a slot from an Avro decimal. */
void event_builder_decimal(struct event_builder *builder, size_t slot, struct slice unscaled, int scale);
/** Sets a slot from a boolean. */
void event_builder_boolean(struct event_builder *builder, size_t slot, bool source);
/** Sets the time slot from a timestamp whose unit the source knows (Avro logical types); TIME_MS or TIME_US. Other slots take the plain integer. */
void event_builder_timestamp(struct event_builder *builder, size_t slot, int64_t source, enum time_unit unit);
/** Sets a slot to null (the field's default then stands). */
void event_builder_null(struct event_builder *builder, size_t slot);

/** Ends the event: defaults for absent fields; null id, entity or time and failed conversions are REASON_VALIDATE with builder->err set (ERR_MEMORY: the arena is exhausted, which is not the event's fault). offset and timestamp_ms of *event are the caller's. */
enum reason event_builder_end(struct event_builder *builder, struct event *event);

/**
 * Checks a record's key against the built event: the bytes must equal the key slot's text, or be Confluent-framed Avro
 * (0, four bytes of schema id, then an Avro string of the text or the long of the integer); a null key contradicts.
 * With a partitioner the partition must be the one it gives for the key's bytes among partition_count. REASON_NONE or REASON_KEY.
 */
enum reason event_check_key(const struct event_builder *builder, struct slice key, int32_t partition,
			    int32_t partition_count, struct err *err);

/** Java's default partitioner: (murmur2(key) & 0x7fffffff) mod count. */
int32_t partition_murmur2(struct slice key, int32_t count);
/** librdkafka's consistent partitioner: crc32(key) mod count. */
int32_t partition_crc32(struct slice key, int32_t count);

#endif
