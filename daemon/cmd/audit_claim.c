#include "daemon/cmd/audit_claim.h"

#include "daemon/io/avro_pick.h"
#include "number.h"

#include <jansson.h>
#include <stdlib.h>

#define FRAMING 5
#define SCHEMAS_MAX 64
#define ARENA_BYTES ((size_t)64 << 20)

/* In the order of the picked texts. */
enum member { TOPIC, PARTITION, OFFSET, MODEL, FEATURE_SET, POLICY, PIPELINE, MEMBERS };
static const char *const names[MEMBERS] = {"topic",          "partition", "offset",  "model_id",
					   "feature_set_id", "policy_id", "pipeline"};
/* Where enriched events have them. */
static const char *const enriched_names[MEMBERS] = {
    "upstream.topic", "upstream.partition", "upstream.offset", "model_id", "feature_set_id", "policy_id", "pipeline"};
/* An amendment is of the late event that caused it. */
static const char *const amendment_names[MEMBERS] = {"topic",          "partition", "late.offset", "model_id",
						     "feature_set_id", "policy_id", "pipeline"};

/* A writer's schema of the registry. */
struct reader {
	int32_t id;
	struct avro_schema *schema;
	struct avro_pick *pick; /* NULL: it has not what is asked for */
};

struct audit_claims {
	const struct world *world;
	struct arena *arena;
	struct reader readers[SCHEMAS_MAX];
	size_t reader_count;
};

struct audit_claims *audit_claims_new(const struct world *world)
{
	struct audit_claims *claims = calloc(1, sizeof *claims);
	if (claims == NULL)
		return NULL;
	claims->world = world;
	claims->arena = arena_new(ARENA_BYTES);
	if (claims->arena != NULL)
		return claims;
	free(claims);
	return NULL;
}

void audit_claims_free(struct audit_claims *claims)
{
	if (claims == NULL)
		return;
	for (size_t i = 0; i < claims->reader_count; i++) {
		avro_pick_free(claims->readers[i].pick);
		avro_schema_free(claims->readers[i].schema);
	}
	arena_free(claims->arena);
	free(claims);
}

static bool read_place(struct slice partition, struct slice offset, struct audit_claim *claim)
{
	int64_t number;
	if (number_parse_integer(partition, &number) < 0 || number < 0 || number > INT32_MAX ||
	    number_parse_integer(offset, &claim->offset) < 0)
		return false;
	claim->partition = (int32_t)number;
	return true;
}

/* texts: data NULL where null or absent. */
static void judge(const struct audit_claims *claims, const struct slice texts[MEMBERS], struct audit_claim *claim)
{
	const struct config *config = claims->world->config;
	const struct champion *champion = &claims->world->champion->champion;
	struct slice model = champion->model == NULL ? (struct slice){NULL, 0} : slice_of(champion->model->id);
	claim->readable = texts[TOPIC].data != NULL && read_place(texts[PARTITION], texts[OFFSET], claim);
	/* Decisions do not name their pipeline. */
	claim->ours = slice_equal(texts[TOPIC], slice_of(config->kafka.input_topic)) &&
		      (texts[PIPELINE].data == NULL || slice_equal(texts[PIPELINE], slice_of(config->pipeline)));
	claim->other_rules = !slice_equal(texts[MODEL], model) ||
			     !slice_equal(texts[FEATURE_SET], slice_of(feature_set_id(claims->world->set))) ||
			     !slice_equal(texts[POLICY], slice_of(policy_id(champion->policy)));
}

/* The member of an object, or of the one object in it that a path may lead through. */
static const json_t *member_of(const json_t *root, const char *path)
{
	const char *dot = strchr(path, '.');
	if (dot == NULL)
		return json_object_get(root, path);
	return json_object_get(json_object_getn(root, path, (size_t)(dot - path)), dot + 1);
}

static int read_json(struct audit_claims *claims, const char *const *paths, struct slice value,
		     struct audit_claim *claim, struct err *err)
{
	struct slice texts[MEMBERS] = {{NULL, 0}};
	json_t *root = value.data == NULL ? NULL : json_loadb(value.data, value.length, 0, NULL);
	for (size_t i = 0; i < MEMBERS; i++) {
		const json_t *member = member_of(root, paths[i]);
		if (json_is_string(member)) {
			texts[i] = (struct slice){json_string_value(member), json_string_length(member)};
		} else if (json_is_integer(member)) {
			char number[NUMBER_TEXT_MAX];
			snprintf(number, sizeof number, "%lld", (long long)json_integer_value(member));
			texts[i] = arena_copy(claims->arena, slice_of(number));
			if (texts[i].data == NULL) {
				json_decref(root);
				return err_memory(err);
			}
		}
	}
	judge(claims, texts, claim);
	json_decref(root);
	return 0;
}

static struct reader *find_reader(struct audit_claims *claims, int32_t id)
{
	for (size_t i = 0; i < claims->reader_count; i++)
		if (claims->readers[i].id == id)
			return &claims->readers[i];
	return NULL;
}

/* *reader NULL: the registry knows no such schema, or too many were seen. */
static int get_reader(struct audit_claims *claims, const char *const *paths, int32_t id, struct reader **reader,
		      struct err *err)
{
	struct slice text;
	struct err why = {0};
	bool found[MEMBERS];
	*reader = find_reader(claims, id);
	if (*reader != NULL || claims->reader_count == SCHEMAS_MAX || claims->world->registry == NULL)
		return 0;
	enum registry_answer answer = registry_schema(claims->world->registry, id, &text, &why);
	if (answer == REGISTRY_AWAY)
		return err_set(err, ERR_UNAVAILABLE, "schema registry: %s", why.message);
	*reader = &claims->readers[claims->reader_count++];
	**reader = (struct reader){.id = id};
	err_clear(&why);
	if (answer == REGISTRY_FOUND)
		(*reader)->schema = avro_schema_parse(text, &why);
	if ((*reader)->schema != NULL)
		(*reader)->pick = avro_pick_new((*reader)->schema, paths, MEMBERS, found, &why);
	return 0;
}

static int read_avro(struct audit_claims *claims, const char *const *paths, struct slice value,
		     struct audit_claim *claim, struct err *err)
{
	struct slice texts[MEMBERS] = {{NULL, 0}};
	struct reader *reader = NULL;
	struct err why = {0};
	size_t length;
	const uint8_t *bytes = value.data;
	if (value.length < FRAMING || bytes[0] != 0)
		return 0;
	uint32_t id = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
	if (get_reader(claims, paths, (int32_t)id, &reader, err) != 0)
		return -1;
	struct slice body = {bytes + FRAMING, value.length - FRAMING};
	if (reader == NULL || reader->pick == NULL ||
	    avro_pick_run(reader->pick, body, &length, claims->arena, texts, &why) != 0)
		return 0;
	judge(claims, texts, claim);
	return 0;
}

static struct slice header_of(const struct record *message, const char *name)
{
	/* The last one: those of the record itself come first. */
	for (size_t i = message->header_count; i > 0; i--)
		if (strcmp(message->headers[i - 1].name, name) == 0)
			return message->headers[i - 1].value;
	return (struct slice){NULL, 0};
}

static void read_headers(const struct audit_claims *claims, const struct record *message, struct audit_claim *claim)
{
	const struct config *config = claims->world->config;
	struct slice topic = header_of(message, "__connect.errors.topic");
	claim->readable = topic.data != NULL && read_place(header_of(message, "__connect.errors.partition"),
							   header_of(message, "__connect.errors.offset"), claim);
	claim->ours = slice_equal(topic, slice_of(config->kafka.input_topic)) &&
		      slice_equal(header_of(message, "__connect.errors.connector.name"), slice_of(config->pipeline));
}

int audit_claims_read(struct audit_claims *claims, enum audit_kind kind, const struct record *message,
		      struct audit_claim *claim, struct err *err)
{
	const struct publish_options *publish = &claims->world->config->publish;
	*claim = (struct audit_claim){0};
	arena_reset(claims->arena);
	if (kind == AUDIT_LATE || kind == AUDIT_DEAD) {
		read_headers(claims, message, claim);
		return 0;
	}
	const char *const *paths = kind == AUDIT_ENRICHED    ? enriched_names
				   : kind == AUDIT_AMENDMENT ? amendment_names
							     : names;
	const struct output_options *output = kind == AUDIT_ALERT       ? &publish->alerts
					      : kind == AUDIT_ENRICHED  ? &publish->enriched
					      : kind == AUDIT_AMENDMENT ? &publish->amendments
									: &publish->decisions;
	return output->format == FORMAT_AVRO ? read_avro(claims, paths, message->value, claim, err)
					     : read_json(claims, paths, message->value, claim, err);
}
