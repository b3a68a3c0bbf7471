#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/world.h"
#include "daemon/pipeline/marker.h"

#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define PARTITIONS_TRIED 100000
#define MEMORY_BYTES ((size_t)256 << 20)

struct get {
	struct world world;
	struct redis_store *redis;
	struct store store;
	struct arena *arena;
	struct buffer text;
	int64_t at_ms; /* WATERMARK_NONE: the partition's watermark */
	bool found;
};

/* What the entity's next event would see if it came at that time, with nothing known of its own fields. */
static int write_features(struct get *get, const struct entity *entity, const struct marker *marker, int64_t at_ms,
			  struct json *json, struct err *err)
{
	const struct feature_set *set = get->world.set;
	size_t count = feature_set_count(set), fields = get->world.config->schema.field_count;
	struct vector vector = {.values = arena_take(get->arena, (count + 1) * sizeof(double))};
	struct value *values = arena_take_zeroed(get->arena, fields + 1, sizeof *values);
	struct event event = {.id = slice_of("-"),
			      .entity = slice_of("-"),
			      .time_ms = at_ms,
			      .offset = INT64_MAX,
			      .timestamp_ms = at_ms,
			      .values = values};
	if (vector.values == NULL || values == NULL ||
	    apply_peek(set, entity, &marker->watermark, &event, &vector) != 0)
		return err_memory(err);
	json_name(json, "features");
	json_open_object(json);
	for (size_t i = 0; i < count; i++) {
		json_name(json, feature_set_name(set, i));
		json_add_number(json, vector.values[i]);
	}
	json_close_object(json);
	json_name(json, "flags");
	json_open_array(json);
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		if (vector.flags & 1u << i)
			json_add_string(json, flag_name(i));
	json_close_array(json);
	return 0;
}

static void write_time(struct json *json, const char *name, int64_t time_ms)
{
	char text[NUMBER_TEXT_MAX];
	json_name(json, name);
	if (time_ms == WATERMARK_NONE) {
		json_add_null(json);
		return;
	}
	time_format_rfc3339(time_ms, text);
	json_add_string(json, text);
}

static int print_entity(struct get *get, int32_t partition, const struct marker *marker, struct slice record,
			struct err *err)
{
	struct entity *entity = NULL;
	struct json json;
	enum entity_read read = entity_decode(get->world.set, record, marker->generation, &entity, err);
	if (read == ENTITY_CORRUPT)
		return err_prepend(err, "partition %" PRId32, partition);
	if (read == ENTITY_ABSENT)
		return 0;
	get->found = true;
	int64_t at_ms = get->at_ms != WATERMARK_NONE ? get->at_ms : marker->watermark.leaders[0].time_ms;
	struct buffer log;
	buffer_init(&log);
	buffer_reset(&get->text);
	entity_dump(entity, &log);
	json_begin(&json, &get->text);
	json_open_object(&json);
	json_name(&json, "partition");
	json_add_integer(&json, partition);
	json_name(&json, "applied_to_offset");
	json_add_integer(&json, marker->next_offset);
	write_time(&json, "watermark", watermark_ms(&marker->watermark));
	write_time(&json, "complete_since", marker->watermark.complete_since_ms);
	write_time(&json, "features_at", at_ms);
	int status = write_features(get, entity, marker, at_ms, &json, err);
	json_name(&json, "state");
	json_add_raw(&json, buffer_slice(&log));
	json_close_object(&json);
	if (status == 0 && (buffer_failed(&get->text) || buffer_failed(&log)))
		status = err_memory(err);
	if (status == 0)
		printf("%.*s\n", (int)get->text.length, (const char *)get->text.data);
	buffer_free(&log);
	entity_free(entity);
	return status;
}

static int look_up(struct get *get, struct slice entity, struct err *err)
{
	int32_t partitions = PARTITIONS_TRIED;
	bool any = false;
	for (int32_t partition = 0; partition < partitions; partition++) {
		struct state_record record = {.entity = entity};
		struct slice bytes;
		struct marker marker;
		arena_reset(get->arena);
		if (get->store.read(get->store.self, partition, &bytes, &record, 1, get->arena, err) != 0)
			return -1;
		if (bytes.data == NULL) {
			if (!any && partition >= 1000)
				break;
			continue;
		}
		if (marker_decode(bytes, &marker, err) != 0)
			return err_prepend(err, "partition %" PRId32, partition);
		any = true;
		partitions = marker.partition_count;
		if (record.value.data != NULL && print_entity(get, partition, &marker, record.value, err) != 0)
			return -1;
	}
	if (!any)
		return err_set(err, ERR_UNAVAILABLE, "no state of pipeline %s, topic %s in namespace %s",
			       get->world.config->pipeline, get->world.config->kafka.input_topic,
			       get->world.config->redis.name_space);
	if (!get->found)
		return err_set(err, ERR_DATA, "the entity has no state");
	return 0;
}

static int get_entity(struct get *get, const char *config, const char *entity, struct err *err)
{
	struct event event = {.id = slice_of("-"), .entity = slice_of(entity)};
	if (world_open(&get->world, config, err) != 0)
		return -1;
	if (get->world.config->state_kind != STATE_REDIS)
		return err_set(err, ERR_CONFIG, "state is in the daemon's memory: only state.redis can be looked into");
	get->arena = arena_new(MEMORY_BYTES);
	get->redis = redis_store_new(&get->world.config->redis, err);
	if (get->arena == NULL || get->redis == NULL)
		return err_is_set(err) ? -1 : err_memory(err);
	get->store = redis_store_port(get->redis);
	struct pseudonym_options pseudonym = get->world.pseudonym;
	pseudonym.id = false;
	pseudonym.field_count = 0;
	if (pseudonym.entity && pseudonym_apply(&pseudonym, &event, get->arena, err) != 0)
		return -1;
	/* The pseudonym lies in the arena that every look resets. */
	char text[EVENT_ENTITY_MAX];
	if (event.entity.length == 0 || event.entity.length > sizeof text)
		return err_set(err, ERR_USAGE, "an entity has 1 to %d bytes", EVENT_ENTITY_MAX);
	memcpy(text, event.entity.data, event.entity.length);
	if (get->store.open(get->store.self, err) != 0)
		return err_prepend(err, "state store");
	return look_up(get, (struct slice){text, event.entity.length}, err);
}

int cmd_get(int argc, char **argv)
{
	struct get get = {.at_ms = WATERMARK_NONE};
	struct err err = {0};
	const char *config = NULL, *at = NULL, *entity = NULL;
	size_t entities = 0;
	const struct common_option options[] = {
	    {.name = "config",
	     .value = "FILE",
	     .kind = COMMON_TEXT,
	     .target = &config,
	     .required = true,
	     .help = "the configuration"},
	    {.name = "at",
	     .value = "TIME",
	     .kind = COMMON_TEXT,
	     .target = &at,
	     .help = "features as of this time (RFC 3339); default: the latest event time of the partition"},
	    {0}};
	const struct common_command command = {.name = "get",
					       .usage = "--config FILE [--at TIME] ENTITY",
					       .options = options,
					       .positional = &entity,
					       .positional_max = 1,
					       .positional_count = &entities,
					       .summary = "Prints an entity's state from Redis as JSON: its log of "
							  "events, and the features that its next event would see."};
	buffer_init(&get.text);
	int parsed = common_parse(&command, argc, argv, &err);
	if (parsed > 0 && entities == 0)
		(void)err_set(&err, ERR_USAGE, "which entity? usage: outlierd get --config FILE ENTITY");
	if (parsed > 0 && at != NULL && time_parse_rfc3339(slice_of(at), &get.at_ms) != 0)
		(void)err_set(&err, ERR_USAGE, "--at: \"%s\" is not a time such as 2026-03-29T01:00:00Z", at);
	if (parsed > 0 && !err_is_set(&err) && get_entity(&get, config, entity, &err) != 0 && !err_is_set(&err))
		(void)err_set(&err, ERR_INTERNAL, "failed");
	if (get.redis != NULL)
		get.store.close(get.store.self);
	redis_store_free(get.redis);
	arena_free(get.arena);
	buffer_free(&get.text);
	world_close(&get.world);
	return common_end("get", &err);
}
