/* What comes in: configurations, schemas, the codec, the registry client against a server in this process. */
#include "arena.h"
#include "config/config.h"
#include "daemon/io/avro_codec.h"
#include "daemon/io/avro_file.h"
#include "test/chaos/scenarios.h"
#include "test/twin/registry_twin.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 20)
#define BYTES(text) ((struct slice){text, sizeof(text) - 1})

static void ignore_problem(void *context, const char *path, const char *message)
{
	(void)context, (void)path, (void)message;
}

static int read_config(const char *path, struct sweep_result *result, struct err *err)
{
	struct config *config = config_read(path, true, ignore_problem, NULL, err);
	if (config == NULL && sweep_again(err))
		config = config_read(path, true, ignore_problem, NULL, err);
	if (config == NULL)
		return -1;
	sweep_note_text(result, config->pipeline);
	sweep_note_number(result, (int64_t)config->features.feature_count);
	for (size_t i = 0; i < config->features.feature_count; i++)
		sweep_note_text(result, config->features.features[i].name);
	for (size_t i = 0; i < config->policy.rule_count; i++)
		sweep_note_text(result, config->policy.rules[i].reason);
	sweep_note_text(result, config->kafka.transactional_id);
	config_free(config);
	return 0;
}

static int card_fraud(struct sweep_result *result, struct err *err)
{
	return read_config("docs/examples/card-fraud/config.json", result, err);
}

static int minimal(struct sweep_result *result, struct err *err)
{
	return read_config("docs/examples/minimal/config.json", result, err);
}

static int secured(struct sweep_result *result, struct err *err)
{
	return read_config("docs/examples/secured/config.json", result, err);
}

static int every_key(struct sweep_result *result, struct err *err)
{
	return read_config("test/data/config/valid/every_key.json", result, err);
}

static void note_problem(void *context, const char *path, const char *message)
{
	sweep_note_text(context, path);
	sweep_note_text(context, message);
}

/* A configuration full of mistakes: its problems are the result; where memory is out, that is the error. */
static int problems(struct sweep_result *result, struct err *err)
{
	static const char *const cases[] = {"unknown_keys", "fields", "choices", "utc_offsets", "duplicate_key"};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char path[128];
		snprintf(path, sizeof path, "test/data/config/invalid/%s.json", cases[i]);
		struct config *config = config_read(path, true, note_problem, result, err);
		if (config != NULL || err->code != ERR_CONFIG) {
			config_free(config);
			return -1;
		}
		sweep_note_text(result, err->message);
		err_clear(err);
	}
	return 0;
}

/* The instance given on the command line. */
static int instance(struct sweep_result *result, struct err *err)
{
	int status = -1;
	struct config *config = config_read("docs/examples/minimal/config.json", true, ignore_problem, NULL, err);
	if (config == NULL)
		return -1;
	status = config_set_instance(config, "two", err);
	if (status != 0 && sweep_again(err))
		status = config_set_instance(config, "two", err);
	sweep_note_text(result, config->kafka.transactional_id);
	sweep_note_text(result, config->kafka.instance_id);
	config_free(config);
	return status;
}

static int generated(struct sweep_result *result, struct err *err)
{
	struct buffer text;
	buffer_init(&text);
	config_manual(&text);
	config_schema(&text);
	int status = buffer_failed(&text) ? err_memory(err) : 0;
	sweep_note(result, buffer_slice(&text));
	buffer_free(&text);
	return status;
}

#define SCHEMA                                                                                                         \
	"{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"a.b\",\"fields\":[{\"name\":\"id\",\"type\":"            \
	"\"string\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"             \
	"{\"name\":\"card\",\"type\":\"string\"},"                                                                     \
	"{\"name\":\"how\",\"type\":{\"type\":\"enum\",\"name\":\"H\",\"symbols\":[\"A\",\"B\"]}},"                    \
	"{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"                                      \
	"{\"name\":\"shop\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Shop\",\"aliases\":[\"Old\"],"          \
	"\"fields\":[{\"name\":\"city\",\"type\":[\"null\",\"string\"],\"default\":null},"                             \
	"{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}}]}" \
	"]}"                                                                                                           \
	"]}"

/* id "i", at 7, card "k", how "B", one tag, shop of city "Bonn", price 12.34 */
#define BODY                                                                                                           \
	"\x02i\x0e\x02k\x02\x02\x02t\0\x02\x02\x08"                                                                    \
	"Bonn\x04\x04\xd2"

static const char *const aliases[] = {"place"};
static const struct field fields[] = {
    {.name = "how", .path = "how", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
    {.name = "city",
     .path = "shop.city",
     .type = FIELD_STRING,
     .scale = FIELD_SCALE_NONE,
     .aliases = aliases,
     .alias_count = 1},
    {.name = "price", .path = "shop.price", .type = FIELD_MONEY, .scale = 2},
};

static struct event_schema event_schema(void)
{
	return (struct event_schema){
	    .id_path = "id", .time_path = "at", .entity_path = "card", .fields = fields, .field_count = 3};
}

static void note_event(struct sweep_result *result, const struct event *event)
{
	sweep_note(result, event->id);
	sweep_note(result, event->entity);
	sweep_note_number(result, event->time_ms);
	sweep_note(result, event->values[0].text);
	sweep_note(result, event->values[1].text);
	sweep_note_number(result, event->values[2].units);
}

/* One record through a codec; where memory is out it must wait, never refuse the record. */
static int decode_with(const struct codec *codec, struct slice value, int64_t *now_us, struct sweep_result *result,
		       struct err *err)
{
	struct record record = {.partition = 3, .offset = 99, .timestamp_ms = 1234, .key = BYTES("k"), .value = value};
	struct event event;
	enum reason reason = REASON_NONE;
	int status = -1;
	struct arena *arena = arena_new(ARENA_BYTES);
	if (arena == NULL)
		return err_memory(err);
	codec->partitions(codec->self, 4);
	for (int tries = 0; tries < 2; tries++) {
		enum decoded decoded = codec->decode(codec->self, &record, arena, &event, &reason, err);
		if (decoded == DECODED) {
			note_event(result, &event);
			status = 0;
			break;
		}
		if (decoded == DECODE_REFUSED) {
			err_clear(err);
			(void)err_set(err, ERR_INTERNAL, "the record was refused: %s", reason_name(reason));
			break;
		}
		if (!sweep_again(err))
			break;
		*now_us += (int64_t)REGISTRY_PAUSE_MAX_MS * 1000;
	}
	arena_free(arena);
	return status;
}

static int fixed_schema(struct sweep_result *result, struct err *err)
{
	struct event_schema schema = event_schema();
	int64_t now_us = 0;
	allocations_pause();
	const char *path = scenario_path("fixed.avsc");
	FILE *file = fopen(path, "w");
	if (file == NULL || fputs(SCHEMA, file) < 0 || fclose(file) != 0)
		scenario_give_up("cannot write a schema");
	allocations_resume();
	struct avro_codec_options options = {.schema = &schema, .schema_file = path};
	struct avro_codec *codec = avro_codec_new(&options, err);
	if (codec == NULL && sweep_again(err))
		codec = avro_codec_new(&options, err);
	if (codec == NULL)
		return -1;
	struct codec port = avro_codec_port(codec);
	int status = decode_with(&port, BYTES(BODY), &now_us, result, err);
	avro_codec_free(codec);
	return status;
}

/* A registry, its clock, and the client of it. */
struct registry_bench {
	struct registry_twin *twin;
	const char *urls[1];
	int64_t now_us;
	struct registry_options options;
	struct registry *registry;
};

static int64_t clock_us(void *clock)
{
	return ++*(int64_t *)clock;
}

static void open_twin(struct registry_bench *bench, bool disk)
{
	char answer[2048] = "{\"schema\":\"";
	size_t length = strlen(answer);
	allocations_pause();
	for (const char *at = SCHEMA; *at != '\0'; at++) {
		if (*at == '"')
			answer[length++] = '\\';
		answer[length++] = *at;
	}
	strcpy(answer + length, "\"}");
	*bench = (struct registry_bench){.twin = registry_twin_new(NULL, NULL), .now_us = 1};
	if (bench->twin == NULL)
		scenario_give_up("no registry");
	registry_twin_say(bench->twin, "/schemas/ids/7", 200, answer);
	registry_twin_say(bench->twin, "/subjects/alerts-value/versions", 200, "{\"id\":9}");
	bench->urls[0] = registry_twin_url(bench->twin);
	bench->options = (struct registry_options){.urls = bench->urls,
						   .url_count = 1,
						   .user = "user",
						   .password = "secret",
						   .timeout_ms = 2000,
						   .monotonic_us = clock_us,
						   .clock = &bench->now_us};
	if (disk)
		bench->options.cache_directory = scenario_path("registry-cache");
	allocations_resume();
}

static void close_twin(struct registry_bench *bench)
{
	allocations_pause();
	registry_twin_free(bench->twin);
	allocations_resume();
}

static int schema_of(struct registry_bench *bench, int32_t id, enum registry_answer wanted, struct slice *schema,
		     struct err *err)
{
	for (int tries = 0; tries < 2; tries++) {
		enum registry_answer answer = registry_schema(bench->registry, id, schema, err);
		if (answer == wanted)
			return 0;
		if (!sweep_again(err))
			return -1;
		bench->now_us += (int64_t)REGISTRY_PAUSE_MAX_MS * 1000;
	}
	return -1;
}

/* A schema, twice; an unknown one; a registration. */
static int ask_registry(struct registry_bench *bench, struct sweep_result *result, struct err *err)
{
	struct slice schema = {NULL, 0};
	int32_t id = 0;
	for (int i = 0; i < 2; i++) {
		if (schema_of(bench, 7, REGISTRY_FOUND, &schema, err) != 0)
			return -1;
		sweep_note(result, schema);
	}
	if (schema_of(bench, 8, REGISTRY_UNKNOWN, &schema, err) != 0)
		return -1;
	err_clear(err);
	enum registry_answer answer = registry_register(bench->registry, "alerts-value", BYTES("\"int\""), &id, err);
	if (answer != REGISTRY_FOUND && sweep_again(err)) {
		bench->now_us += (int64_t)REGISTRY_PAUSE_MAX_MS * 1000;
		answer = registry_register(bench->registry, "alerts-value", BYTES("\"int\""), &id, err);
	}
	sweep_note_number(result, id);
	if (answer != REGISTRY_FOUND)
		return -1;
	int status = registry_ping(bench->registry, err);
	return status != 0 && sweep_again(err) ? registry_ping(bench->registry, err) : status;
}

static int with_registry(bool disk, struct sweep_result *result, struct err *err)
{
	struct registry_bench bench;
	open_twin(&bench, disk);
	bench.registry = registry_new(&bench.options, err);
	int status = bench.registry == NULL ? -1 : ask_registry(&bench, result, err);
	registry_free(bench.registry);
	close_twin(&bench);
	return status;
}

static int registry(struct sweep_result *result, struct err *err)
{
	return with_registry(false, result, err);
}

static int registry_disk(struct sweep_result *result, struct err *err)
{
	return with_registry(true, result, err);
}

static int registry_codec(struct sweep_result *result, struct err *err)
{
	struct registry_bench bench;
	struct event_schema schema = event_schema();
	struct avro_codec *codec = NULL;
	int status = -1;
	open_twin(&bench, false);
	bench.registry = registry_new(&bench.options, err);
	if (bench.registry != NULL)
		codec =
		    avro_codec_new(&(struct avro_codec_options){.schema = &schema, .registry = bench.registry}, err);
	if (codec != NULL) {
		struct codec port = avro_codec_port(codec);
		status = decode_with(&port, BYTES("\0\0\0\0\x07" BODY), &bench.now_us, result, err);
	}
	avro_codec_free(codec);
	registry_free(bench.registry);
	close_twin(&bench);
	return status;
}

const struct sweep_scenario scenarios_input[] = {{"config: card-fraud", card_fraud, 0},
						 {"config: minimal", minimal, 0},
						 {"config: secured", secured, 0},
						 {"config: every key", every_key, 0},
						 {"config: problems", problems, 0},
						 {"config: another instance", instance, 0},
						 {"config: manual and schema", generated, 0},
						 {"avro: fixed schema", fixed_schema, 0},
						 {"registry: client", registry, ERR_UNAVAILABLE},
						 {"registry: client with files", registry_disk, ERR_UNAVAILABLE},
						 {"registry: codec", registry_codec, ERR_UNAVAILABLE},
						 {0}};
