#include "daemon/cmd/published.h"

#include "daemon/cmd/past.h"
#include "daemon/io/avro_pick.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FRAMING 5
#define ARENA_BYTES ((size_t)64 << 20)

/* Members of alerts and decisions, and which of them are texts: the others are picked as JSON. */
static const char *const names[] = {"alert_id", "group_id",   "pipeline",  "entity",         "event_id",
				    "topic",    "model_id",   "policy_id", "feature_set_id", "partition",
				    "offset",   "event_time", "score",     "rank",           "threshold",
				    "flagged",  "flags",      "features",  "rules",          "base"};

#define MEMBERS (sizeof names / sizeof *names)
#define TEXTS 9 /* the first so many */

static json_t *object_of(const struct slice *texts)
{
	json_t *object = json_object();
	for (size_t i = 0; object != NULL && i < MEMBERS; i++) {
		json_t *member = texts[i].data == NULL ? json_null()
				 : i < TEXTS           ? json_stringn(texts[i].data, texts[i].length)
					     : json_loadb(texts[i].data, texts[i].length, JSON_DECODE_ANY, NULL);
		if (member != NULL)
			(void)json_object_set_new(object, names[i], member);
	}
	return object;
}

static json_t *read_avro(const struct world *world, struct slice value, struct err *err)
{
	const uint8_t *bytes = value.data;
	uint32_t id = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
	struct slice text, texts[MEMBERS], body = {bytes + FRAMING, value.length - FRAMING};
	bool found[MEMBERS];
	size_t length;
	json_t *object = NULL;
	if (world->registry == NULL || registry_schema(world->registry, (int32_t)id, &text, err) != REGISTRY_FOUND) {
		(void)err_set(err, ERR_DATA, "its schema %u is not known", (unsigned)id);
		return NULL;
	}
	struct arena *arena = arena_new(ARENA_BYTES);
	struct avro_schema *schema = avro_schema_parse(text, err);
	struct avro_pick *pick = schema == NULL ? NULL : avro_pick_new(schema, names, MEMBERS, found, err);
	if (arena == NULL)
		(void)err_memory(err);
	else if (pick != NULL && avro_pick_run(pick, body, &length, arena, texts, err) == 0)
		object = object_of(texts);
	avro_pick_free(pick);
	avro_schema_free(schema);
	arena_free(arena);
	return object;
}

json_t *published_read(const struct world *world, struct slice value, struct err *err)
{
	json_error_t error;
	if (value.length > FRAMING && *(const uint8_t *)value.data == 0)
		return read_avro(world, value, err);
	json_t *object = value.data == NULL ? NULL : json_loadb(value.data, value.length, 0, &error);
	if (json_is_object(object))
		return object;
	json_decref(object);
	(void)err_set(err, ERR_DATA, "neither a JSON object nor framed Avro");
	return NULL;
}

bool published_is_of(const struct world *world, const json_t *object, int32_t partition, int64_t offset)
{
	const char *topic = json_string_value(json_object_get(object, "topic"));
	const json_t *p = json_object_get(object, "partition"), *o = json_object_get(object, "offset");
	return topic != NULL && strcmp(topic, world->config->kafka.input_topic) == 0 && json_is_integer(p) &&
	       json_is_integer(o) && json_integer_value(p) == partition && json_integer_value(o) == offset;
}

struct looking {
	const struct world *world;
	int32_t partition;
	int64_t offset;
	struct buffer *value;
};

/* Found: the reading ends without an error. */
static int look(void *context, const struct record *message, struct err *err)
{
	struct looking *looking = context;
	struct err why = {0};
	(void)err;
	json_t *object = published_read(looking->world, message->value, &why);
	bool found = object != NULL && published_is_of(looking->world, object, looking->partition, looking->offset);
	json_decref(object);
	if (found)
		buffer_add(looking->value, message->value.data, message->value.length);
	return found ? -1 : 0;
}

static int look_through(struct looking *looking, struct kafka_reader *reader, const char *topic, int32_t number,
			int64_t since_ms, struct err *err)
{
	struct kafka_range range = {.partition = number};
	for (int attempt = 0; kafka_reader_bounds(reader, topic, number, &range.from, &range.to, err) != 0; attempt++)
		if (past_given_up(looking->world, attempt, err))
			return -1;
	int64_t low = range.from;
	for (int attempt = 0;
	     since_ms >= 0 && kafka_reader_offset_at(reader, topic, number, since_ms, &range.from, err) != 0; attempt++)
		if (past_given_up(looking->world, attempt, err))
			return -1;
	if (range.from < low)
		range.from = low;
	int status = kafka_reader_read(reader, topic, &range, 1, look, looking, err);
	return status != 0 && err_is_set(err) ? -1 : 0;
}

int published_find(const struct world *world, struct kafka_reader *reader, const char *topic, struct slice entity,
		   int64_t since_ms, int32_t partition, int64_t offset, struct buffer *value, struct err *err)
{
	struct looking looking = {world, partition, offset, value};
	int32_t count = 0;
	for (int attempt = 0; kafka_reader_partitions(reader, topic, &count, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	int32_t first = entity.data != NULL && count > 0 ? partition_murmur2(entity, count) : 0;
	for (int32_t i = 0; i < count && value->length == 0; i++)
		if (look_through(&looking, reader, topic, (first + i) % count, since_ms, err) != 0)
			return -1;
	return buffer_failed(value) ? err_memory(err) : 0;
}
