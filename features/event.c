#include "features/event.h"

#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define MS_PER_S 1000
#define US_PER_MS 1000
#define INTEGER_TEXT_MAX 24 /* the longest 64-bit integer in decimal, with its terminator */

const char *reason_name(enum reason reason)
{
	static const char *const names[] = {
	    [REASON_NONE] = "none",           [REASON_FRAMING] = "framing",     [REASON_REGISTRY] = "registry",
	    [REASON_DECODE] = "decode",       [REASON_VALIDATE] = "validate",   [REASON_KEY] = "key",
	    [REASON_TIMESTAMP] = "timestamp", [REASON_FUTURE] = "future",       [REASON_TOO_LATE] = "too_late",
	    [REASON_FOLDED] = "folded",       [REASON_DUPLICATE] = "duplicate",
	};
	assert((size_t)reason < sizeof names / sizeof *names);
	return names[reason];
}

size_t event_slot_count(const struct event_schema *schema)
{
	assert(schema->field_count <= EVENT_FIELDS_MAX);
	return EVENT_SLOT_FIELDS + schema->field_count;
}

const char *event_slot_path(const struct event_schema *schema, size_t slot)
{
	assert(slot < event_slot_count(schema));
	switch (slot) {
	case EVENT_SLOT_ID:
		return schema->id_path;
	case EVENT_SLOT_TIME:
		return schema->time_path;
	case EVENT_SLOT_ENTITY:
		return schema->entity_path;
	case EVENT_SLOT_KEY:
		return schema->key_path;
	case EVENT_SLOT_UPSTREAM_PARTITION:
		return schema->upstream.partition_path;
	case EVENT_SLOT_UPSTREAM_WATERMARK:
		return schema->upstream.watermark_path;
	default:
		return schema->fields[slot - EVENT_SLOT_FIELDS].path;
	}
}

size_t event_slot_aliases(const struct event_schema *schema, size_t slot, const char *const **aliases)
{
	assert(slot < event_slot_count(schema));
	if (slot < EVENT_SLOT_FIELDS) {
		*aliases = NULL;
		return 0;
	}
	const struct field *field = &schema->fields[slot - EVENT_SLOT_FIELDS];
	*aliases = field->aliases;
	return field->alias_count;
}

bool event_slot_optional(const struct event_schema *schema, size_t slot)
{
	assert(slot < event_slot_count(schema));
	return slot >= EVENT_SLOT_FIELDS && schema->fields[slot - EVENT_SLOT_FIELDS].fallback.present;
}

void event_builder_begin(struct event_builder *builder, const struct event_schema *schema, struct arena *arena,
			 struct value *values)
{
	assert(schema->field_count == 0 || values != NULL);
	builder->schema = schema;
	builder->arena = arena;
	builder->values = values;
	builder->has_id = builder->has_time = builder->has_entity = builder->has_key = builder->key_is_integer = false;
	builder->has_upstream = false;
	builder->upstream_watermark_ms = WATERMARK_NONE;
	err_clear(&builder->err);
	for (size_t i = 0; i < schema->field_count; i++)
		values[i] = schema->fields[i].fallback;
}

static void fail(struct event_builder *builder, size_t slot, const char *message)
{
	(void)err_set(&builder->err, ERR_DATA, "%s: %s", event_slot_path(builder->schema, slot), message);
}

/* A field's conversion under way. */
struct conversion {
	const struct field *field;
	struct value *value;
	bool first; /* no conversion of this event has failed before */
};

static inline struct conversion convert_begin(struct event_builder *builder, size_t slot)
{
	assert(slot >= EVENT_SLOT_FIELDS && slot < event_slot_count(builder->schema));
	size_t i = slot - EVENT_SLOT_FIELDS;
	builder->values[i].present = false;
	return (struct conversion){&builder->schema->fields[i], &builder->values[i], builder->err.code == ERR_NONE};
}

static inline void convert_end(struct event_builder *builder, const struct conversion *conversion, int status)
{
	if (status != 0 && conversion->first)
		(void)err_prepend(&builder->err, "%s", conversion->field->path);
}

static void set_time(struct event_builder *builder, int64_t source, enum time_unit unit)
{
	int64_t ms = source;
	if (unit == TIME_US)
		ms = source / US_PER_MS -
		     (source % US_PER_MS < 0); /* floor: the same millisecond before and after 1970 */
	else if (unit == TIME_S && __builtin_mul_overflow(source, (int64_t)MS_PER_S, &ms))
		ms = INT64_MAX;
	builder->has_time = ms >= -EVENT_TIME_MAX_MS && ms <= EVENT_TIME_MAX_MS;
	builder->time_ms = ms;
	if (!builder->has_time)
		fail(builder, EVENT_SLOT_TIME, "a time more than 2^53 ms from 1970");
}

static void time_from_integer(struct event_builder *builder, int64_t source)
{
	switch (builder->schema->time_unit) {
	case TIME_LOGICAL:
		fail(builder, EVENT_SLOT_TIME, "a plain number has no unit: configure \"unit\"");
		return;
	case TIME_RFC3339:
		fail(builder, EVENT_SLOT_TIME, "expected an RFC 3339 date and time, found a number");
		return;
	case TIME_MS:
	case TIME_US:
	case TIME_S:
		set_time(builder, source, builder->schema->time_unit);
		return;
	}
}

static void time_from_text(struct event_builder *builder, struct slice source)
{
	int64_t time;
	if (builder->schema->time_unit == TIME_RFC3339) {
		if (time_parse_rfc3339(source, &time) != 0)
			fail(builder, EVENT_SLOT_TIME, "expected an RFC 3339 date and time, found other text");
		else
			set_time(builder, time, TIME_MS);
	} else if (number_parse_integer(source, &time) != 0) {
		fail(builder, EVENT_SLOT_TIME, "expected an integer, found other text");
	} else {
		time_from_integer(builder, time);
	}
}

static bool is_upstream(size_t slot)
{
	return slot == EVENT_SLOT_UPSTREAM_PARTITION || slot == EVENT_SLOT_UPSTREAM_WATERMARK;
}

static void set_upstream(struct event_builder *builder, size_t slot, int64_t source)
{
	if (slot == EVENT_SLOT_UPSTREAM_PARTITION) {
		builder->upstream_partition = source;
		builder->has_upstream = true;
	} else if (source >= -EVENT_TIME_MAX_MS && source <= EVENT_TIME_MAX_MS) {
		builder->upstream_watermark_ms = source;
	} else {
		fail(builder, slot, "a time more than 2^53 ms from 1970");
	}
}

static void upstream_from_text(struct event_builder *builder, size_t slot, struct slice source)
{
	int64_t number;
	if (number_parse_integer(source, &number) != 0)
		fail(builder, slot, "expected an integer, found other text");
	else
		set_upstream(builder, slot, number);
}

/* Id, entity and key. An integer comes as its decimal text. */
static void set_text(struct event_builder *builder, size_t slot, struct slice text)
{
	assert(slot == EVENT_SLOT_ID || slot == EVENT_SLOT_ENTITY || slot == EVENT_SLOT_KEY);
	if (slot == EVENT_SLOT_KEY) {
		builder->key_text = text;
		builder->has_key = true;
		return;
	}
	bool fits = text.length >= 1 && text.length <= EVENT_ENTITY_MAX;
	if (!fits)
		fail(builder, slot, text.length == 0 ? "empty text" : "text of more than 256 bytes");
	if (slot == EVENT_SLOT_ID) {
		builder->id = text;
		builder->has_id = fits;
	} else {
		builder->entity = text;
		builder->has_entity = fits;
	}
}

static void set_integer_text(struct event_builder *builder, size_t slot, int64_t source)
{
	char digits[INTEGER_TEXT_MAX];
	int length = snprintf(digits, sizeof digits, "%lld", (long long)source);
	assert(length > 0 && (size_t)length < sizeof digits);
	struct slice text = arena_copy(builder->arena, (struct slice){digits, (size_t)length});
	if (text.data == NULL) {
		(void)err_memory(&builder->err);
		return;
	}
	set_text(builder, slot, text);
	if (slot == EVENT_SLOT_KEY) {
		builder->key_is_integer = true;
		builder->key_integer = source;
	}
}

/* True where the slot's value is not wanted: the key of a schema that does not check keys, an upstream without one. */
static bool ignored(const struct event_builder *builder, size_t slot)
{
	return (slot == EVENT_SLOT_KEY && builder->schema->key_path == NULL) ||
	       (is_upstream(slot) && builder->schema->upstream.partitions == 0);
}

void event_builder_integer(struct event_builder *builder, size_t slot, int64_t source)
{
	if (ignored(builder, slot))
		return;
	if (slot == EVENT_SLOT_TIME) {
		time_from_integer(builder, source);
	} else if (is_upstream(slot)) {
		set_upstream(builder, slot, source);
	} else if (slot < EVENT_SLOT_FIELDS) {
		set_integer_text(builder, slot, source);
	} else {
		struct conversion to = convert_begin(builder, slot);
		convert_end(builder, &to, field_from_integer(to.field, source, to.value, &builder->err));
	}
}

void event_builder_double(struct event_builder *builder, size_t slot, double source)
{
	if (ignored(builder, slot))
		return;
	if (slot == EVENT_SLOT_TIME) {
		/* JSON may write an integer as a real; a fraction would have to be rounded by guess. */
		bool integer = fabs(source) <= (double)EVENT_TIME_MAX_MS && rint(source) == source;
		if (integer)
			time_from_integer(builder, (int64_t)source);
		else
			fail(builder, slot, "expected an integer, found a floating-point number");
	} else if (slot < EVENT_SLOT_FIELDS) {
		fail(builder, slot, "expected text or an integer, found a floating-point number");
	} else {
		struct conversion to = convert_begin(builder, slot);
		convert_end(builder, &to, field_from_double(to.field, source, to.value, &builder->err));
	}
}

void event_builder_text(struct event_builder *builder, size_t slot, struct slice source)
{
	if (slot >= EVENT_SLOT_FIELDS) {
		struct conversion to = convert_begin(builder, slot);
		if (to.field->type == FIELD_STRING && source.length <= FIELD_TEXT_MAX) {
			*to.value = (struct value){.present = true, .text = source}; /* the commonest, without a call */
			return;
		}
		convert_end(builder, &to, field_from_text(to.field, source, to.value, &builder->err));
		return;
	}
	if (ignored(builder, slot))
		return;
	if (slot == EVENT_SLOT_TIME) {
		time_from_text(builder, source);
	} else if (is_upstream(slot)) {
		upstream_from_text(builder, slot, source);
	} else if (slot < EVENT_SLOT_FIELDS) {
		set_text(builder, slot, source);
	} else {
		struct conversion to = convert_begin(builder, slot);
		convert_end(builder, &to, field_from_text(to.field, source, to.value, &builder->err));
	}
}

void event_builder_decimal(struct event_builder *builder, size_t slot, struct slice unscaled, int scale)
{
	if (ignored(builder, slot))
		return;
	if (slot < EVENT_SLOT_FIELDS) {
		fail(builder, slot, "expected text or an integer, found a decimal");
		return;
	}
	struct conversion to = convert_begin(builder, slot);
	convert_end(builder, &to, field_from_decimal(to.field, unscaled, scale, to.value, &builder->err));
}

void event_builder_boolean(struct event_builder *builder, size_t slot, bool source)
{
	if (ignored(builder, slot))
		return;
	if (slot < EVENT_SLOT_FIELDS) {
		fail(builder, slot, "expected text or an integer, found a boolean");
		return;
	}
	struct conversion to = convert_begin(builder, slot);
	convert_end(builder, &to, field_from_boolean(to.field, source, to.value, &builder->err));
}

void event_builder_timestamp(struct event_builder *builder, size_t slot, int64_t source, enum time_unit unit)
{
	assert(unit == TIME_MS || unit == TIME_US);
	if (slot == EVENT_SLOT_TIME)
		set_time(builder, source, unit);
	else if (slot == EVENT_SLOT_UPSTREAM_WATERMARK && unit == TIME_US)
		event_builder_integer(builder, slot, source / US_PER_MS - (source % US_PER_MS < 0));
	else
		event_builder_integer(builder, slot, source);
}

void event_builder_null(struct event_builder *builder, size_t slot)
{
	assert(slot < event_slot_count(builder->schema));
	if (slot == EVENT_SLOT_ID)
		builder->has_id = false;
	else if (slot == EVENT_SLOT_TIME)
		builder->has_time = false;
	else if (slot == EVENT_SLOT_ENTITY)
		builder->has_entity = false;
	else if (slot == EVENT_SLOT_KEY)
		builder->has_key = builder->key_is_integer = false;
	else if (slot == EVENT_SLOT_UPSTREAM_PARTITION)
		builder->has_upstream = false;
	else if (slot == EVENT_SLOT_UPSTREAM_WATERMARK)
		builder->upstream_watermark_ms = WATERMARK_NONE;
	else
		builder->values[slot - EVENT_SLOT_FIELDS] = builder->schema->fields[slot - EVENT_SLOT_FIELDS].fallback;
}

/* With an upstream each event must come from one of its partitions: another would leave the watermark without a minimum. */
static void check_upstream(struct event_builder *builder)
{
	if (!builder->has_upstream)
		fail(builder, EVENT_SLOT_UPSTREAM_PARTITION, "null or absent");
	else if (builder->upstream_partition < 0 || builder->upstream_partition >= builder->schema->upstream.partitions)
		fail(builder, EVENT_SLOT_UPSTREAM_PARTITION, "not below event.upstream.partitions");
}

enum reason event_builder_end(struct event_builder *builder, struct event *event)
{
	if (!builder->has_id)
		fail(builder, EVENT_SLOT_ID, "null or absent");
	if (!builder->has_time)
		fail(builder, EVENT_SLOT_TIME, "null or absent");
	if (!builder->has_entity)
		fail(builder, EVENT_SLOT_ENTITY, "null or absent");
	if (builder->schema->upstream.partitions > 0)
		check_upstream(builder);
	if (err_is_set(&builder->err))
		return REASON_VALIDATE;
	event->id = builder->id;
	event->entity = builder->entity;
	event->time_ms = builder->time_ms;
	event->values = builder->values;
	if (builder->has_upstream) {
		event->upstream_partition = (int32_t)builder->upstream_partition;
		event->upstream_watermark_ms = builder->upstream_watermark_ms;
	}
	return REASON_NONE;
}
