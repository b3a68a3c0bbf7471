/* From what the file says to what the modules take: computed defaults, paths, fields and rules. */
#include "config/draft.h"
#include "number.h"

#include <math.h>
#include <stdio.h>

#define MISSING "(missing)" /* stands for a text whose absence is reported, so that later phases need no NULL checks */
#define DEFAULT_QUANTILE 0.99
#define IDLE_BYTES ((size_t)16 << 20) /* about what histories grow out of in a full batch */
#define MESSAGE_MAX                                                                                                    \
	1000000 /* bytes: below Kafka's own default of message.max.bytes; a command that knows the broker's sets that */

static const char *const default_urls[] = {"http://127.0.0.1:8081"};

/* Two texts in one; NULL: no memory. */
static const char *concatenate(struct draft *draft, const char *first, const char *second)
{
	size_t length = strlen(first), rest = strlen(second);
	char *text = arena_take(draft->arena, length + rest + 1);
	if (text == NULL) {
		draft->problems->out_of_memory = true;
		return MISSING;
	}
	memcpy(text, first, length);
	memcpy(text + length, second, rest + 1);
	return text;
}

/* A file name against the folder of the configuration; NULL stays NULL. */
static void make_absolute(struct draft *draft, const char **name)
{
	if (*name != NULL && **name != '/' && *draft->folder != '\0')
		*name = concatenate(draft, concatenate(draft, draft->folder, "/"), *name);
}

static void fill(const char **text)
{
	if (*text == NULL)
		*text = MISSING;
}

int config_set_instance(struct config *config, const char *instance, struct err *err)
{
	struct arena *arena = config->owner;
	bool no_memory = false;
	if (!config_value_matches(FORM_LABEL, instance, &no_memory))
		return no_memory
			   ? err_memory(err)
			   : err_set(err, ERR_USAGE,
				     "\"%s\" is not a name of an instance: up to 100 letters, digits, '.', '_' and '-'",
				     instance);
	size_t pipeline = strlen(config->pipeline), length = strlen(instance);
	char *transactional_id = arena_take(arena, pipeline + 1 + length + 1);
	const char *copy = arena_copy(arena, slice_of(instance)).data;
	if (transactional_id == NULL || copy == NULL)
		return err_memory(err);
	memcpy(transactional_id, config->pipeline, pipeline);
	transactional_id[pipeline] = '.';
	memcpy(transactional_id + pipeline + 1, instance, length + 1);
	config->kafka.instance_id = copy;
	config->kafka.transactional_id = transactional_id;
	return 0;
}

int config_set_apart(struct config *config, const char *name, struct err *err)
{
	struct publish_options *publish = &config->publish;
	const char **const texts[] = {&config->kafka.group_id,   &config->redis.name_space,  &publish->alerts.topic,
				      &publish->decisions.topic, &publish->enriched.topic,   &publish->amendments.topic,
				      &publish->late_topic,      &publish->dead_letter_topic};
	if (config_set_instance(config, name, err) != 0)
		return -1;
	config->kafka.instance_id = NULL;
	config->http_listen = NULL;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (*texts[i] == NULL)
			continue;
		size_t length = strlen(*texts[i]), rest = strlen(name);
		char *text = arena_take(config->owner, length + 1 + rest + 1);
		if (text == NULL)
			return err_memory(err);
		memcpy(text, *texts[i], length);
		text[length] = '.';
		memcpy(text + length + 1, name, rest + 1);
		*texts[i] = text;
	}
	return 0;
}

static void resolve_kafka(struct draft *draft)
{
	struct kafka_options *kafka = &draft->config.kafka;
	fill(&kafka->bootstrap_servers);
	fill(&kafka->input_topic);
	if (kafka->group_id == NULL)
		kafka->group_id = draft->config.pipeline;
	if (kafka->instance_id == NULL)
		kafka->instance_id = concatenate(draft, draft->config.pipeline, "-1");
	const char *prefix = concatenate(draft, draft->config.pipeline, ".");
	kafka->transactional_id = concatenate(draft, prefix, kafka->instance_id);
}

static void resolve_schema(struct draft *draft)
{
	struct config *config = &draft->config;
	config->schema_kind = config_tree_given(draft, "schema.file") ? SCHEMA_FILE : SCHEMA_REGISTRY;
	if (config->registry.urls == NULL && config->schema_kind == SCHEMA_REGISTRY) {
		config->registry.urls = default_urls;
		config->registry.url_count = 1;
	}
	make_absolute(draft, &config->schema_file);
	make_absolute(draft, &config->registry.cache_directory);
}

/* A default in the field's own form: as a decimal text where it is one, so that no digit is lost. */
static int convert_fallback(const struct field *field, const struct literal *literal, struct value *value,
			    struct err *err)
{
	double number;
	switch (literal->kind) {
	case LITERAL_BOOLEAN:
		return field_from_boolean(field, literal->boolean, value, err);
	case LITERAL_TEXT:
		if (field->type != FIELD_STRING)
			return err_set(err, ERR_DATA, "the field is no string");
		return field_from_text(field, slice_of(literal->text), value, err);
	case LITERAL_NUMBER:
		if (field->type == FIELD_STRING || field->type == FIELD_BOOLEAN)
			return err_set(err, ERR_DATA, "the field is no number");
		if (field_from_text(field, slice_of(literal->text), value, err) == 0)
			return 0;
		err_clear(err); /* a number with an exponent */
		if (number_parse(slice_of(literal->text), &number) != 0)
			return err_set(err, ERR_DATA, "it is beyond the range of a double");
		return field_from_double(field, number, value, err);
	case LITERAL_NONE:
		break;
	}
	return 0;
}

static void resolve_fallback(struct draft *draft, const struct field_draft *from, struct field *field)
{
	const struct literal *literal = &from->fallback;
	struct field whole = *field;
	struct err err = {0};
	whole.minor = false; /* of the source, not of the configuration */
	if (convert_fallback(&whole, literal, &field->fallback, &err) == 0)
		return;
	char above[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX];
	const char *quote = literal->kind == LITERAL_TEXT ? "\"" : "";
	const char *text = literal->kind == LITERAL_BOOLEAN ? (literal->boolean ? "true" : "false") : literal->text;
	config_path_member(above, "event.fields", field->name);
	config_path_member(path, above, "default");
	config_problem_follow(draft->problems, path, "%s%.60s%s is no value of the field: %s", quote, text, quote,
			      err.message);
}

static void resolve_event(struct draft *draft)
{
	struct event_schema *schema = &draft->config.schema;
	fill(&schema->id_path);
	fill(&schema->time_path);
	fill(&schema->entity_path);
	schema->time_unit = draft->time_unit == NO_UNIT ? TIME_LOGICAL : (enum time_unit)(TIME_MS + draft->time_unit);
	if (draft->upstream != PRESENCE_GIVEN)
		schema->upstream = (struct upstream_schema){.partitions = 0};
	schema->key_path = draft->key == NULL ? schema->entity_path : draft->key;
	if (strcmp(schema->key_path, "unchecked") == 0)
		schema->key_path = NULL;
	struct field *fields = arena_take_zeroed(draft->arena, draft->field_count, sizeof *fields);
	if (fields == NULL) {
		draft->problems->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < draft->field_count; i++) {
		fields[i] = draft->fields[i].field;
		fill(&fields[i].name);
		if (fields[i].path == NULL)
			fields[i].path = fields[i].name;
		if (fields[i].type == FIELD_MONEY && fields[i].scale == FIELD_SCALE_NONE)
			fields[i].scale = 0; /* config/check.c reports it; others rely on it */
		resolve_fallback(draft, &draft->fields[i], &fields[i]);
	}
	schema->fields = fields;
	schema->field_count = draft->field_count;
}

static void resolve_features(struct draft *draft)
{
	struct feature_set_options *options = &draft->config.features;
	options->pipeline = draft->config.pipeline;
	options->schema = &draft->config.schema;
	for (size_t i = 0; i < draft->feature_count; i++)
		fill(&draft->features[i].name);
	options->features = draft->features;
	options->feature_count = draft->feature_count;
	options->idle_bytes = IDLE_BYTES;
}

static void resolve_rule(struct draft *draft, const struct rule_draft *from, struct rule_options *rule)
{
	struct feature_condition_options *features =
	    arena_take_zeroed(draft->arena, from->when_count, sizeof *features);
	struct condition_options *fields = arena_take_zeroed(draft->arena, from->when_count, sizeof *fields);
	if (features == NULL || fields == NULL) {
		draft->problems->out_of_memory = true;
		return;
	}
	*rule = from->options;
	fill(&rule->name);
	if (rule->reason == NULL)
		rule->reason = rule->name;
	rule->features = features;
	rule->fields = fields;
	for (size_t i = 0; i < from->when_count; i++) {
		const struct rule_condition *when = &from->when[i];
		const struct condition_options *condition = &when->condition;
		if (when->feature == NULL)
			fields[rule->field_count++] = *condition;
		else
			features[rule->feature_count++] =
			    (struct feature_condition_options){when->feature, condition->equals, condition->not_equals,
							       condition->above, condition->below};
	}
}

static void resolve_policy(struct draft *draft)
{
	struct policy_options *policy = &draft->config.policy;
	if (!isnan(draft->absolute))
		policy->threshold = (struct threshold_options){THRESHOLD_ABSOLUTE, draft->absolute};
	else if (!isnan(draft->alerts_per_day))
		policy->threshold = (struct threshold_options){THRESHOLD_ALERTS_PER_DAY, draft->alerts_per_day};
	else
		policy->threshold = (struct threshold_options){
		    THRESHOLD_QUANTILE, isnan(draft->quantile) ? DEFAULT_QUANTILE : draft->quantile};
	struct rule_options *rules = arena_take_zeroed(draft->arena, draft->rule_count, sizeof *rules);
	if (rules == NULL) {
		draft->problems->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < draft->rule_count; i++)
		resolve_rule(draft, &draft->rules[i], &rules[i]);
	policy->rules = rules;
	policy->rule_count = draft->rule_count;
}

static void resolve_letters(struct draft *draft, enum presence presence, const char **topic, const char *suffix)
{
	if (presence == PRESENCE_NULL)
		*topic = NULL;
	else if (*topic == NULL)
		*topic = concatenate(draft, draft->config.kafka.input_topic, suffix);
}

static void resolve_output(struct draft *draft)
{
	struct publish_options *publish = &draft->config.publish;
	publish->pipeline = draft->config.pipeline;
	publish->input_topic = draft->config.kafka.input_topic;
	publish->cooldown_ms = draft->config.policy.cooldown_ms;
	publish->message_max = MESSAGE_MAX;
	publish->pseudonymized = draft->privacy == PRESENCE_GIVEN;
	bool by_default = draft->alerts == PRESENCE_ABSENT && draft->decisions != PRESENCE_GIVEN;
	if (draft->alerts != PRESENCE_GIVEN && !by_default)
		publish->alerts.topic = NULL;
	if (draft->decisions != PRESENCE_GIVEN)
		publish->decisions.topic = NULL;
	if (draft->enriched != PRESENCE_GIVEN)
		publish->enriched.topic = NULL;
	if (draft->amendments != PRESENCE_GIVEN)
		publish->amendments.topic = NULL;
	draft->config.features.keeps_all = publish->amendments.topic != NULL;
	resolve_letters(draft, draft->late, &publish->late_topic, ".late");
	resolve_letters(draft, draft->dead_letters, &publish->dead_letter_topic, ".dlq");
}

static void resolve_privacy(struct draft *draft)
{
	struct privacy_options *privacy = &draft->config.privacy;
	const struct event_schema *schema = &draft->config.schema;
	privacy->any = draft->privacy == PRESENCE_GIVEN;
	privacy->fields = arena_take_zeroed(draft->arena, schema->field_count, sizeof *privacy->fields);
	if (privacy->fields == NULL) {
		draft->problems->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < draft->pseudonymize.count; i++) {
		const char *name = draft->pseudonymize.items[i];
		privacy->entity |= strcmp(name, "entity") == 0;
		privacy->id |= strcmp(name, "id") == 0;
		int field = field_find(schema->fields, schema->field_count, name);
		if (field >= 0 && strcmp(name, "entity") != 0 && strcmp(name, "id") != 0)
			privacy->fields[field] = true;
	}
}

void config_resolve(struct draft *draft)
{
	struct config *config = &draft->config;
	config_problem_settle(draft->problems);
	fill(&config->pipeline);
	resolve_kafka(draft);
	resolve_schema(draft);
	resolve_event(draft);
	resolve_features(draft);
	resolve_policy(draft);
	resolve_output(draft);
	resolve_privacy(draft);
	config->state_kind = draft->memory == PRESENCE_GIVEN ? STATE_MEMORY : STATE_REDIS;
	config->redis.pipeline = config->pipeline;
	config->redis.topic = config->kafka.input_topic;
	make_absolute(draft, &config->model_directory);
	config->http_listen = draft->http == PRESENCE_NULL ? NULL : draft->listen;
	config->log_level = config_table_member("log", "level", strlen("level"))->choices[draft->log_level];
}
