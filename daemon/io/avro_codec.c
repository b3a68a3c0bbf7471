#include "daemon/io/avro_codec.h"

#include "daemon/io/schema_table.h"

#include <assert.h>
#include <stdlib.h>

#define FRAME_MAGIC 0
#define FRAME_BYTES 5 /* the magic byte and a big-endian schema id */
#define TIMESTAMP_NONE (-1)

/* How the records of one schema are read, or why they cannot be. */
struct reading {
	struct avro_program *program; /* NULL: they cannot */
	enum reason reason;
	struct err why;
};

struct avro_codec {
	const struct event_schema *schema;
	struct registry *registry; /* NULL: fixed */
	struct reading *fixed;
	bool framed;
	int32_t partition_count;      /* 0: not told yet */
	struct schema_table readings; /* by schema id */
	int32_t last_id;
	const struct reading *last; /* of last_id; nearly all records have the schema of the one before */
};

static void free_reading(void *thing)
{
	struct reading *reading = thing;
	if (reading == NULL)
		return;
	avro_program_free(reading->program);
	free(reading);
}

/* Compiles a parsed schema (NULL: *why says what is wrong with it, and reason whose fault that is). */
static struct reading *new_reading(const struct avro_codec *codec, const struct avro_schema *schema, enum reason reason,
				   const struct err *why, struct err *err)
{
	struct reading *reading = calloc(1, sizeof *reading);
	if (reading == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	if (schema != NULL) {
		reading->program = avro_program_new(schema, codec->schema, &reading->why);
		reading->reason = REASON_DECODE;
	} else {
		reading->why = *why;
		reading->reason = reason;
	}
	if (reading->why.code != ERR_MEMORY)
		return reading;
	*err = reading->why; /* out of memory now is no property of the schema */
	free_reading(reading);
	return NULL;
}

static int read_fixed_schema(struct avro_codec *codec, const char *path, struct err *err)
{
	struct avro_schema *schema = avro_schema_read(path, err);
	if (schema != NULL) {
		codec->fixed = new_reading(codec, schema, REASON_NONE, NULL, err);
		avro_schema_free(schema);
	}
	if (codec->fixed != NULL && codec->fixed->program == NULL) {
		*err = codec->fixed->why;
		(void)err_prepend(err, "%s", path);
	}
	if (!err_is_set(err))
		return 0;
	if (err->code != ERR_MEMORY)
		err->code = ERR_CONFIG;
	return -1;
}

struct avro_codec *avro_codec_new(const struct avro_codec_options *options, struct err *err)
{
	assert((options->registry == NULL) != (options->schema_file == NULL));
	struct avro_codec *codec = calloc(1, sizeof *codec);
	if (codec == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	codec->schema = options->schema;
	codec->registry = options->registry;
	codec->framed = options->framed || options->registry != NULL;
	if (options->schema_file == NULL || read_fixed_schema(codec, options->schema_file, err) == 0)
		return codec;
	avro_codec_free(codec);
	return NULL;
}

void avro_codec_free(struct avro_codec *codec)
{
	if (codec == NULL)
		return;
	schema_table_clear(&codec->readings, free_reading);
	free_reading(codec->fixed);
	free(codec);
}

/* Takes the framing off. */
static int unframe(const struct avro_codec *codec, struct slice *body, int32_t *id, struct err *err)
{
	const uint8_t *bytes = body->data;
	if (bytes == NULL)
		return err_set(err, ERR_DATA, "the record has no value");
	if (!codec->framed)
		return 0;
	if (body->length < FRAME_BYTES)
		return err_set(err, ERR_DATA, "a value of %zu bytes is shorter than Confluent's framing of %d",
			       body->length, FRAME_BYTES);
	if (bytes[0] != FRAME_MAGIC)
		return err_set(err, ERR_DATA, "the value begins with byte %d, not with Confluent's framing byte %d",
			       bytes[0], FRAME_MAGIC);
	uint32_t big_endian = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
	*id = (int32_t)big_endian;
	*body = (struct slice){bytes + FRAME_BYTES, body->length - FRAME_BYTES};
	return 0;
}

/* What the registry has under an id, compiled. NULL: not known now (*answer, *err). */
static struct reading *fetch(struct avro_codec *codec, int32_t id, enum registry_answer *answer, struct err *err)
{
	struct slice text = {NULL, 0};
	struct err why = {0};
	*answer = registry_schema(codec->registry, id, &text, &why);
	if (*answer == REGISTRY_AWAY || *answer == REGISTRY_UNKNOWN) {
		*err = why;
		return NULL;
	}
	struct avro_schema *schema = *answer == REGISTRY_FOUND ? avro_schema_parse(text, &why) : NULL;
	if (schema == NULL && *answer == REGISTRY_FOUND)
		(void)err_prepend(&why, "schema %ld of the registry", (long)id);
	struct reading *reading = new_reading(codec, schema, REASON_REGISTRY, &why, err);
	avro_schema_free(schema);
	if (reading != NULL && reading->program == NULL && schema != NULL)
		(void)err_prepend(&reading->why, "schema %ld", (long)id);
	return reading;
}

static enum decoded refuse(enum reason why, enum reason *reason)
{
	*reason = why;
	return DECODE_REFUSED;
}

/* How records of this id are read: known already, or learnt from the registry. */
static enum decoded find(struct avro_codec *codec, int32_t id, const struct reading **found, enum reason *reason,
			 struct err *err)
{
	if (codec->last != NULL && codec->last_id == id) {
		*found = codec->last;
		return DECODED;
	}
	struct reading *reading = schema_table_get(&codec->readings, id);
	if (reading == NULL) {
		enum registry_answer answer;
		if (codec->readings.count == AVRO_CODEC_SCHEMAS_MAX) {
			(void)err_set(err, ERR_DATA, "schema %ld: more than %d schemas in use", (long)id,
				      AVRO_CODEC_SCHEMAS_MAX);
			return refuse(REASON_REGISTRY, reason);
		}
		reading = fetch(codec, id, &answer, err);
		if (reading == NULL)
			return answer == REGISTRY_UNKNOWN ? refuse(REASON_REGISTRY, reason) : DECODE_WAIT;
		if (schema_table_put(&codec->readings, id, reading, err) != 0) {
			free_reading(reading);
			return DECODE_WAIT;
		}
	}
	codec->last_id = id;
	codec->last = *found = reading;
	return DECODED;
}

/* Reads the body into the event. */
static enum decoded read_body(const struct avro_codec *codec, const struct reading *reading, struct slice body,
			      const struct record *record, struct arena *arena, struct event *event,
			      enum reason *reason, struct err *err)
{
	struct event_builder builder;
	size_t count = codec->schema->field_count;
	struct value *values = arena_take(arena, count * sizeof *values);
	if (values == NULL) {
		(void)err_memory(err);
		return DECODE_WAIT;
	}
	event_builder_begin(&builder, codec->schema, arena, values);
	if (avro_program_run(reading->program, body, &builder, err) != 0)
		return refuse(REASON_DECODE, reason);
	enum reason invalid = event_builder_end(&builder, event);
	if (invalid != REASON_NONE) {
		*err = builder.err;
		return err->code == ERR_MEMORY ? DECODE_WAIT : refuse(invalid, reason);
	}
	if (codec->schema->partitioner != PARTITIONER_UNCHECKED && codec->partition_count == 0) {
		(void)err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY,
				     "the topic's number of partitions is not known yet");
		return DECODE_WAIT;
	}
	invalid = event_check_key(&builder, record->key, record->partition, codec->partition_count, err);
	return invalid == REASON_NONE ? DECODED : refuse(invalid, reason);
}

static enum decoded decode(void *self, const struct record *record, struct arena *arena, struct event *event,
			   enum reason *reason, struct err *err)
{
	struct avro_codec *codec = self;
	const struct reading *reading = codec->fixed;
	struct slice body = record->value;
	int32_t id = 0;
	*reason = REASON_NONE;
	if (unframe(codec, &body, &id, err) != 0)
		return refuse(REASON_FRAMING, reason);
	if (reading == NULL) {
		enum decoded found = find(codec, id, &reading, reason, err);
		if (found != DECODED)
			return found;
	}
	if (reading->program == NULL) {
		*err = reading->why;
		return refuse(reading->reason, reason);
	}
	enum decoded decoded = read_body(codec, reading, body, record, arena, event, reason, err);
	if (decoded != DECODED)
		return decoded;
	event->offset = record->offset;
	event->timestamp_ms = record->timestamp_ms;
	if (record->timestamp_ms != TIMESTAMP_NONE)
		return DECODED;
	(void)err_set(err, ERR_DATA, "the record has no timestamp");
	return refuse(REASON_TIMESTAMP, reason);
}

static void tell_partitions(void *self, int32_t count)
{
	struct avro_codec *codec = self;
	assert(count > 0);
	codec->partition_count = count;
}

struct codec avro_codec_port(struct avro_codec *codec)
{
	return (struct codec){codec, decode, tell_partitions};
}
