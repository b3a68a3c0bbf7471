#include "daemon/cmd/world.h"

#include "daemon/cmd/common.h"
#include "daemon/io/system_clock.h"
#include "daemon/pipeline/amended.h"
#include "daemon/pipeline/enriched.h"

#include <stdlib.h>
#include <unistd.h>

static int64_t log_clock(void *self)
{
	const struct clock *clock = self;
	return clock->wall_ms(clock->self);
}

static void open_log(struct world *world)
{
	struct log *log = &world->log;
	*log = (struct log){.stream = stderr, .level = LOG_LEVEL_INFO, .now_ms = log_clock, .clock = &world->clock};
	if (world->config->log_level != NULL && log_level_parse(world->config->log_level, &log->level) != 0)
		log->level = LOG_LEVEL_INFO;
	/* systemd names the journal's stream in this variable: then priorities are wanted and times are its own. */
	log->format = world->config->log_json            ? LOG_FORMAT_JSON
		      : getenv("JOURNAL_STREAM") != NULL ? LOG_FORMAT_JOURNAL
							 : LOG_FORMAT_TEXT;
	world->config->kafka.log = log;
	world->config->redis.log = log;
	world->config->redis.clock = &world->clock;
}

void world_list_outputs(struct world *world)
{
	struct config *config = world->config;
	const char *topics[] = {config->publish.alerts.topic,   config->publish.decisions.topic,
				config->publish.enriched.topic, config->publish.amendments.topic,
				config->publish.late_topic,     config->publish.dead_letter_topic};
	config->kafka.output_topics = world->output_topics;
	config->kafka.output_topic_count = 0;
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
		if (topics[i] != NULL)
			world->output_topics[config->kafka.output_topic_count++] = topics[i];
}

int world_open(struct world *world, const char *config_path, struct err *err)
{
	*world = (struct world){.clock = system_clock()};
	world->config = common_config(config_path, false, err);
	if (world->config == NULL)
		return -1;
	open_log(world);
	world_list_outputs(world);
	const struct privacy_options *privacy = &world->config->privacy;
	world->pseudonym = (struct pseudonym_options){privacy->key, privacy->entity, privacy->id, privacy->fields,
						      world->config->schema.field_count};
	if (feature_set_new(&world->set, &world->config->features, NULL, NULL, err) != 0)
		return -1;
	return 0;
}

void world_close(struct world *world)
{
	if (world == NULL)
		return;
	avro_codec_free(world->codec);
	registry_free(world->registry);
	world_champion_free(world->champion);
	feature_set_free(world->set);
	config_free(world->config);
	*world = (struct world){0};
}

void world_champion_free(struct held_champion *held)
{
	if (held == NULL)
		return;
	policy_free(held->policy);
	explainer_free(held->explainer);
	model_free(held->model);
	free(held->columns);
	free(held);
}

/* The model's columns in the vector; NULL stays where they are the same. */
static int match_columns(struct held_champion *held, const struct feature_set *set, struct err *err)
{
	const struct model *model = held->model;
	bool same = model->feature_count == feature_set_count(set);
	size_t *columns = calloc(model->feature_count + 1, sizeof *columns);
	if (columns == NULL)
		return err_memory(err);
	held->columns = columns;
	for (size_t i = 0; i < model->feature_count; i++) {
		int column = feature_set_find(set, model->features[i]);
		if (column < 0)
			return err_set(err, ERR_DATA, "model %s: feature \"%s\" is not in the configuration", model->id,
				       model->features[i]);
		columns[i] = (size_t)column;
		same = same && columns[i] == i;
	}
	held->champion.columns = same ? NULL : columns;
	return 0;
}

struct held_champion *world_champion_of(const struct config *config, const struct feature_set *set, struct model *model,
					struct err *err)
{
	struct held_champion *held = calloc(1, sizeof *held);
	if (held == NULL) {
		model_free(model);
		(void)err_memory(err);
		return NULL;
	}
	held->model = model;
	if (model != NULL) {
		if (strcmp(model->feature_set_id, feature_set_id(set)) != 0) {
			(void)err_set(err, ERR_DATA,
				      "model %s was trained for feature set %s, the configuration is feature set %s: "
				      "train it again with --config",
				      model->id, model->feature_set_id[0] == '\0' ? "(none)" : model->feature_set_id,
				      feature_set_id(set));
			goto fail;
		}
		held->explainer = explainer_new(model->forest);
		if (held->explainer == NULL) {
			(void)err_memory(err);
			goto fail;
		}
		if (match_columns(held, set, err) != 0)
			goto fail;
	}
	held->policy = policy_new(&config->policy, set, model, NULL, NULL, err);
	if (held->policy == NULL)
		goto fail;
	held->champion.model = model;
	held->champion.policy = held->policy;
	held->champion.explainer = held->explainer;
	return held;
fail:
	world_champion_free(held);
	return NULL;
}

struct held_champion *world_champion(const struct config *config, const struct feature_set *set, struct err *why,
				     struct err *err)
{
	struct model *model =
	    config->model_directory == NULL ? NULL : model_directory_current(config->model_directory, why);
	if (model != NULL) {
		struct held_champion *held = world_champion_of(config, set, model, why);
		if (held != NULL)
			return held;
	}
	return world_champion_of(config, set, NULL, err);
}

int world_codec(struct world *world, struct err *err)
{
	struct config *config = world->config;
	struct avro_codec_options options = {.schema = &config->schema, .framed = config->schema_framed};
	if (config->schema_kind == SCHEMA_REGISTRY || config->registry.url_count > 0) {
		config->registry.monotonic_us = world->clock.monotonic_us;
		config->registry.clock = world->clock.self;
		world->registry = registry_new(&config->registry, err);
		if (world->registry == NULL)
			return -1;
	}
	if (config->schema_kind == SCHEMA_FILE)
		options.schema_file = config->schema_file;
	else
		options.registry = world->registry;
	world->codec = avro_codec_new(&options, err);
	return world->codec == NULL ? -1 : 0;
}

static int register_one(struct world *world, struct output_options *output, struct err *err)
{
	struct buffer schema;
	char subject[512];
	enum registry_answer answer;
	if (output->topic == NULL || output->format != FORMAT_AVRO)
		return 0;
	if (world->registry == NULL)
		return err_set(err, ERR_CONFIG, "output format \"avro\" for topic %s needs schema.registry_urls",
			       output->topic);
	snprintf(subject, sizeof subject, "%.400s-value", output->topic);
	buffer_init(&schema);
	if (output == &world->config->publish.decisions)
		publisher_decision_schema(world->set, &schema);
	else if (output == &world->config->publish.enriched)
		enricher_schema(&world->config->publish, world->set, &schema);
	else if (output == &world->config->publish.amendments)
		amender_schema(&schema);
	else
		publisher_alert_schema(&schema);
	answer = registry_register(world->registry, subject, buffer_slice(&schema), &output->schema_id, err);
	buffer_free(&schema);
	if (answer == REGISTRY_FOUND)
		return 0;
	if (err->code != ERR_CONFIG)
		err->action = ERR_RETRY;
	return -1;
}

int world_register(struct world *world, struct err *err)
{
	struct publish_options *publish = &world->config->publish;
	if (register_one(world, &publish->alerts, err) != 0 || register_one(world, &publish->decisions, err) != 0)
		return -1;
	if (register_one(world, &publish->enriched, err) != 0)
		return -1;
	return register_one(world, &publish->amendments, err);
}

struct pipeline_options world_pipeline_options(const struct world *world)
{
	const struct config *config = world->config;
	return (struct pipeline_options){
	    .set = world->set,
	    .definitions = &config->features,
	    .publish = &config->publish,
	    .pseudonym = config->privacy.any ? &world->pseudonym : NULL,
	    .limits = config->limits,
	    .from_earliest = config->from_earliest,
	    .rebuild_holes = config->on_hole == HOLE_REBUILD,
	};
}
