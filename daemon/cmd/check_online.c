#include "daemon/cmd/check_online.h"

#include "daemon/io/redis_primary.h"
#include "number.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define SAMPLE_RECORDS 10000
#define SAMPLE_MEMORY ((size_t)64 << 20)
#define CLEAR_SHARE 0.99 /* of sampled keys that a partitioner must explain to be called the producers' one */

enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

struct check {
	struct world *world;
	unsigned errors;
};

static void say(struct check *check, enum finding finding, const char *subject, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void say(struct check *check, enum finding finding, const char *subject, const char *format, ...)
{
	static const char *const names[] = {"ok", "warning", "error"};
	va_list arguments;
	printf("%-8s%s: ", names[finding], subject);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	check->errors += finding == FINDING_ERROR;
}

static void check_clocks(struct check *check, const char *topic, const struct kafka_topic_facts *facts)
{
	int64_t ahead = check->world->config->schema.max_ahead_ms;
	if (strcmp(facts->timestamp_type, "LogAppendTime") == 0)
		say(check, FINDING_OK, topic, "timestamps are the broker's (LogAppendTime)");
	else if (facts->timestamp_after_max_ms != INT64_MIN && facts->timestamp_after_max_ms <= ahead)
		say(check, FINDING_OK, topic, "message.timestamp.after.max.ms bounds producers' clocks");
	else
		say(check, FINDING_WARNING, topic,
		    "producers' clocks are not bounded: one broken clock can send events from the future. Set "
		    "message.timestamp.type=LogAppendTime, "
		    "or message.timestamp.after.max.ms to at most %" PRId64,
		    ahead);
}

static void check_retention(struct check *check, const char *topic, const struct kafka_topic_facts *facts)
{
	int64_t reach = feature_set_reach_ms(check->world->set);
	char has[NUMBER_TEXT_MAX], needs[NUMBER_TEXT_MAX];
	duration_format(reach, needs);
	if (facts->retention_ms < 0) {
		say(check, FINDING_OK, topic, "keeps records without a limit of time; a rebuild needs %s", needs);
		return;
	}
	duration_format(facts->retention_ms, has);
	if (facts->retention_ms >= reach)
		say(check, FINDING_OK, topic, "keeps records for %s; a rebuild needs %s", has, needs);
	else
		say(check, FINDING_WARNING, topic,
		    "keeps records for %s only: after a loss of Redis, features with longer windows are warming until "
		    "%s have passed",
		    has, needs);
}

static bool check_input(struct check *check)
{
	const struct config *config = check->world->config;
	const char *topic = config->kafka.input_topic;
	struct kafka_topic_facts facts;
	struct err err = {0};
	if (kafka_topic_facts(&config->kafka, topic, &facts, &err) != 0) {
		say(check, FINDING_ERROR, "brokers", "%s", err.message);
		return false;
	}
	say(check, FINDING_OK, "brokers", "%s answers", config->kafka.bootstrap_servers);
	if (!facts.exists) {
		say(check, FINDING_ERROR, topic, "the input topic does not exist");
		return false;
	}
	say(check, FINDING_OK, topic, "%" PRId32 " partitions", facts.partitions);
	if (facts.configs_refused) {
		say(check, FINDING_WARNING, topic,
		    "the broker refuses DescribeConfigs: cleanup.policy, retention and timestamp bounds were not "
		    "checked");
		return true;
	}
	if (strcmp(facts.cleanup_policy, "delete") == 0)
		say(check, FINDING_OK, topic, "cleanup.policy is delete");
	else
		say(check, FINDING_ERROR, topic,
		    "cleanup.policy is %s: it must be delete, or state cannot be made again from the topic",
		    facts.cleanup_policy);
	check_retention(check, topic, &facts);
	check_clocks(check, topic, &facts);
	return true;
}

static void check_output(struct check *check, const char *topic, const char *key)
{
	struct kafka_topic_facts facts;
	struct err err = {0};
	if (topic == NULL)
		return;
	if (kafka_topic_facts(&check->world->config->kafka, topic, &facts, &err) != 0)
		say(check, FINDING_ERROR, topic, "%s", err.message);
	else if (!facts.exists)
		say(check, FINDING_ERROR, topic, "the topic of %s does not exist; create it", key);
	else
		say(check, FINDING_OK, topic, "exists (%s)", key);
}

struct sample {
	struct check *check;
	struct codec codec;
	struct arena *arena;
	int32_t partitions;
	uint64_t records, decoded, keyed, murmur2, crc32;
	uint64_t reasons[REASON_DUPLICATE + 1];
	struct err first[REASON_DUPLICATE + 1], away;
};

static void look_at(void *context, const struct record *record)
{
	struct sample *sample = context;
	struct event event;
	enum reason reason = REASON_NONE;
	struct err err = {0};
	arena_reset(sample->arena);
	sample->records++;
	if (record->key.data != NULL) {
		sample->keyed++;
		sample->murmur2 += partition_murmur2(record->key, sample->partitions) == record->partition;
		sample->crc32 += partition_crc32(record->key, sample->partitions) == record->partition;
	}
	switch (sample->codec.decode(sample->codec.self, record, sample->arena, &event, &reason, &err)) {
	case DECODED:
		sample->decoded++;
		break;
	case DECODE_REFUSED:
		if (sample->reasons[reason]++ == 0)
			sample->first[reason] = err;
		break;
	case DECODE_WAIT:
		sample->away = err;
		break;
	}
}

static void say_partitioner(struct check *check, const struct sample *sample, const char *topic)
{
	enum partitioner configured = check->world->config->schema.partitioner;
	double keyed = (double)sample->keyed;
	bool murmur2 = (double)sample->murmur2 >= CLEAR_SHARE * keyed,
	     crc32 = (double)sample->crc32 >= CLEAR_SHARE * keyed;
	if (sample->keyed == 0 || sample->partitions < 2)
		return;
	if (murmur2 == crc32)
		say(check, FINDING_WARNING, topic,
		    "neither murmur2 (Java) nor crc32 (librdkafka) explains the partitions of the keys: an entity may "
		    "live in several partitions");
	else if (configured == PARTITIONER_UNCHECKED)
		say(check, FINDING_OK, topic,
		    "producers partition by %s; set event.partitioner to it, to be safe from a producer of the other "
		    "kind",
		    murmur2 ? "murmur2" : "crc32");
	else if ((configured == PARTITIONER_MURMUR2) == murmur2)
		say(check, FINDING_OK, topic, "producers partition as event.partitioner says");
	else
		say(check, FINDING_ERROR, topic, "producers partition by %s, event.partitioner says otherwise",
		    murmur2 ? "murmur2" : "crc32");
}

static void check_sample(struct check *check)
{
	struct world *world = check->world;
	const char *topic = world->config->kafka.input_topic;
	struct kafka_topic_facts facts;
	struct err err = {0};
	struct sample *sample = calloc(1, sizeof *sample);
	struct arena *arena = arena_new(SAMPLE_MEMORY);
	if (sample == NULL || arena == NULL || kafka_topic_facts(&world->config->kafka, topic, &facts, &err) != 0)
		goto end;
	*sample = (struct sample){
	    .check = check, .codec = avro_codec_port(world->codec), .arena = arena, .partitions = facts.partitions};
	sample->codec.partitions(sample->codec.self, facts.partitions);
	if (kafka_sample(&world->config->kafka, SAMPLE_RECORDS, look_at, sample, &err) != 0) {
		say(check, FINDING_ERROR, topic, "reading a sample: %s", err.message);
		goto end;
	}
	if (sample->records == 0) {
		say(check, FINDING_WARNING, topic, "is empty: nothing could be tried");
		goto end;
	}
	if (err_is_set(&sample->away))
		say(check, FINDING_ERROR, "registry", "%s", sample->away.message);
	say(check,
	    sample->decoded == sample->records ? FINDING_OK
	    : sample->decoded == 0             ? FINDING_ERROR
					       : FINDING_WARNING,
	    topic, "%" PRIu64 " of %" PRIu64 " sampled records are good events", sample->decoded, sample->records);
	for (size_t reason = 0; reason <= REASON_DUPLICATE; reason++)
		if (sample->reasons[reason] > 0)
			say(check, FINDING_WARNING, topic, "%" PRIu64 " would be dead letters (%s), the first: %s",
			    sample->reasons[reason], reason_name((enum reason)reason), sample->first[reason].message);
	say_partitioner(check, sample, topic);
end:
	arena_free(arena);
	free(sample);
}

/* Each sentinel by itself: one that is away or knows nothing is missed only when it is needed. */
static void check_sentinels(struct check *check)
{
	struct err err = {0};
	struct redis_primary *primary = redis_primary_new(&check->world->config->redis, &err);
	for (size_t i = 0; primary != NULL && i < redis_primary_sentinels(primary); i++) {
		struct redis_address sentinel, named;
		char subject[REDIS_SERVER_TEXT_MAX], name[REDIS_SERVER_TEXT_MAX];
		struct err problem = {0};
		if (redis_primary_ask(primary, i, &sentinel, &named, &problem) == 0)
			say(check, FINDING_OK, redis_primary_name(&sentinel, subject), "this sentinel names %s",
			    redis_primary_name(&named, name));
		else
			say(check, FINDING_WARNING, redis_primary_name(&sentinel, subject),
			    "this sentinel is of no use: %s", problem.message);
	}
	if (primary == NULL)
		say(check, FINDING_ERROR, "redis", "%s", err.message);
	redis_primary_free(primary);
}

static void check_redis(struct check *check)
{
	struct config *config = check->world->config;
	struct redis_facts facts;
	struct err err = {0};
	struct redis_store *redis = redis_store_new(&config->redis, &err);
	struct store store = {0};
	if (redis != NULL)
		store = redis_store_port(redis);
	if (redis == NULL || store.open(store.self, &err) != 0 || redis_store_facts(redis, &facts, &err) != 0) {
		say(check, FINDING_ERROR, "redis", "%s", err.message);
		goto end;
	}
	say(check, FINDING_OK, "redis", "%s: version %s, maxmemory-policy %s, %" PRId64 " evicted keys",
	    redis_store_server(redis), facts.version, facts.maxmemory_policy, facts.evicted_keys);
	if (facts.maxmemory_bytes > 0 && facts.used_memory_bytes > facts.maxmemory_bytes / 10 * 8)
		say(check, FINDING_WARNING, "redis", "%" PRId64 " of %" PRId64 " bytes of memory are used",
		    facts.used_memory_bytes, facts.maxmemory_bytes);
	if (!facts.aof_enabled)
		say(check, FINDING_WARNING, "redis",
		    "appendonly is off: after a restart of Redis the state is rebuilt from the topic");
end:
	if (redis != NULL)
		store.close(store.self);
	redis_store_free(redis);
}

static void check_model(struct check *check)
{
	struct world *world = check->world;
	struct err why = {0}, err = {0};
	struct held_champion *held = world_champion(world->config, world->set, &why, &err);
	if (held == NULL)
		say(check, FINDING_ERROR, "model", "%s", err.message);
	else if (held->model == NULL)
		say(check, FINDING_WARNING, "model", "none can be used, rules alone would decide: %s",
		    err_is_set(&why) ? why.message : "no model.directory");
	else
		say(check, FINDING_OK, "model", "%s, threshold %.6g", held->model->id,
		    policy_resolved_threshold(held->policy));
	world_champion_free(held);
}

unsigned check_online(struct world *world)
{
	struct check check = {world, 0};
	struct config *config = world->config;
	struct err err = {0};
	bool topic = check_input(&check);
	check_output(&check, config->publish.alerts.topic, "output.alerts");
	check_output(&check, config->publish.decisions.topic, "output.decisions");
	check_output(&check, config->publish.enriched.topic, "output.enriched");
	check_output(&check, config->publish.amendments.topic, "output.amendments");
	check_output(&check, config->publish.late_topic, "output.late");
	check_output(&check, config->publish.dead_letter_topic, "output.dead_letters");
	if (world_codec(world, &err) != 0) {
		say(&check, FINDING_ERROR, "schema", "%s", err.message);
	} else {
		if (world->registry != NULL && registry_ping(world->registry, &err) != 0)
			say(&check, FINDING_ERROR, "registry", "%s", err.message);
		else if (world->registry != NULL)
			say(&check, FINDING_OK, "registry", "answers");
		if (topic)
			check_sample(&check);
	}
	if (config->state_kind == STATE_REDIS) {
		check_sentinels(&check);
		check_redis(&check);
	}
	check_model(&check);
	return check.errors;
}
