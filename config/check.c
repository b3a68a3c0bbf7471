/* What lies between two keys. Features, rules and the writer's schema have files of their own. */
#include "config/draft.h"
#include "daemon/io/redis_socket.h"
#include "number.h"

#include <math.h>
#include <stdio.h>

#define PORT_MAX 65535

static void check_pair(struct draft *draft, const char *one, const char *other, const char *other_key)
{
	if (config_tree_given(draft, one) && !config_tree_given(draft, other))
		config_problem_add(draft->problems, one, "needs %s", other_key);
}

/* A file says how records are read; a registry beside it takes the schemas of what is published. */
static void check_schema_source(struct draft *draft)
{
	static const char *const of_registry[] = {
	    "user",     "password_file",   "token_file", "ca_file", "certificate_file",
	    "key_file", "cache_directory", "timeout"};
	struct config_problems *problems = draft->problems;
	bool no_registry = draft->config.registry.url_count == 0;
	for (size_t i = 0; i < sizeof of_registry / sizeof *of_registry && no_registry; i++) {
		char path[CONFIG_PATH_MAX];
		config_path_member(path, "schema", of_registry[i]);
		if (config_tree_given(draft, path))
			config_problem_add(problems, path, "needs registry_urls: with file alone there is no registry");
	}
	if (draft->config.schema_kind == SCHEMA_REGISTRY && config_tree_given(draft, "schema.framing"))
		config_problem_add(problems, "schema.framing", "needs file; with a registry it is always confluent");
	check_pair(draft, "schema.user", "schema.password_file", "password_file");
	check_pair(draft, "schema.password_file", "schema.user", "user");
	check_pair(draft, "schema.certificate_file", "schema.key_file", "key_file");
	check_pair(draft, "schema.key_file", "schema.certificate_file", "certificate_file");
	if (config_tree_given(draft, "schema.token_file") && config_tree_given(draft, "schema.user"))
		config_problem_add(problems, "schema.token_file", "stands beside user; give one of the two");
}

static void check_formats(struct draft *draft)
{
	const struct publish_options *publish = &draft->config.publish;
	static const char wanted[] = "\"avro\" needs schema.registry_urls: its schema is registered there";
	if (draft->config.registry.url_count > 0)
		return;
	if (publish->alerts.topic != NULL && publish->alerts.format == FORMAT_AVRO)
		config_problem_follow(draft->problems, "output.alerts.format", "%s", wanted);
	if (publish->decisions.topic != NULL && publish->decisions.format == FORMAT_AVRO)
		config_problem_follow(draft->problems, "output.decisions.format", "%s", wanted);
	if (publish->enriched.topic != NULL && publish->enriched.format == FORMAT_AVRO)
		config_problem_follow(draft->problems, "output.enriched.format", "%s", wanted);
	if (publish->amendments.topic != NULL && publish->amendments.format == FORMAT_AVRO)
		config_problem_follow(draft->problems, "output.amendments.format", "%s", wanted);
}

static bool is_secret(const char *property)
{
	return strstr(property, "password") != NULL || strstr(property, "secret") != NULL ||
	       strcmp(property, "ssl.key.pem") == 0;
}

/* The values of secrets are not shown: this text goes to logs and tickets. */
static void check_property(struct draft *draft, const char *section, const char *name, bool from_file)
{
	char path[CONFIG_PATH_MAX];
	config_path_member(path, section, name);
	const char *reason = kafka_property_refused(name);
	if (reason != NULL)
		config_problem_add(draft->problems, path, "may not be set: %s", reason);
	else if (!from_file && is_secret(name))
		config_problem_add(draft->problems, path,
				   "is a secret; put it into a file and name that in kafka.properties_files");
}

static void check_properties(struct draft *draft)
{
	const struct kafka_options *kafka = &draft->config.kafka;
	for (size_t i = 0; i < kafka->property_count; i++)
		check_property(draft, "kafka.properties", kafka->properties[i].name, false);
	for (size_t i = 0; i < draft->property_file_count; i++) {
		const char *name = draft->property_files[i].name;
		char path[CONFIG_PATH_MAX];
		check_property(draft, "kafka.properties_files", name, true);
		config_path_member(path, "kafka.properties_files", name);
		for (size_t j = 0; j < kafka->property_count; j++)
			if (strcmp(name, kafka->properties[j].name) == 0)
				config_problem_add(draft->problems, path,
						   "stands in kafka.properties too; give it once");
	}
}

/* The port behind the last colon; the form has been checked. */
static void check_port(struct draft *draft, const char *path, const char *address, long least)
{
	char *end = NULL;
	const char *colon = address == NULL ? NULL : strrchr(address, ':');
	if (colon == NULL || strncmp(address, "unix:", strlen("unix:")) == 0)
		return;
	long port = strtol(colon + 1, &end, 10);
	if (port < least || port > PORT_MAX)
		config_problem_add(draft->problems, path, "\"%.100s\" has no possible port; write one from %ld to %d",
				   address, least, PORT_MAX);
}

/* The ports of sentinels are each behind a colon, before a comma or the slash. */
static void check_redis_ports(struct draft *draft, const char *address)
{
	static const char sentinel[] = "sentinel://", path[] = "state.redis.address";
	if (address == NULL || strncmp(address, sentinel, sizeof sentinel - 1) != 0) {
		check_port(draft, path, address, 1);
		return;
	}
	const char *at = address + sizeof sentinel - 1;
	while (*at != '\0' && *at != '/') {
		char endpoint[REDIS_HOST_MAX + REDIS_PORT_MAX + 3];
		size_t length = strcspn(at, ",/");
		snprintf(endpoint, sizeof endpoint, "%.*s", (int)length, at);
		check_port(draft, path, endpoint, 1);
		at += length + (at[length] == ',');
	}
}

static void check_state(struct draft *draft)
{
	if (draft->redis == PRESENCE_GIVEN && draft->memory == PRESENCE_GIVEN)
		config_problem_add(draft->problems, "state.memory", "stands beside redis; give one of the two");
	check_pair(draft, "state.redis.user", "state.redis.password_file", "password_file");
	check_pair(draft, "state.redis.sentinel_user", "state.redis.sentinel_password_file", "sentinel_password_file");
	check_redis_ports(draft, draft->config.redis.address);
	check_port(draft, "http.listen", draft->listen, 0);
}

static void check_threshold(struct draft *draft)
{
	int given = !isnan(draft->absolute) + !isnan(draft->quantile) + !isnan(draft->alerts_per_day);
	if (given > 1)
		config_problem_follow(draft->problems, "policy.threshold",
				      "gives %d thresholds; give one of absolute, quantile, alerts_per_day", given);
	else if (given == 0 && config_tree_given(draft, "policy.threshold"))
		config_problem_follow(draft->problems, "policy.threshold",
				      "is empty; write one of absolute, quantile, alerts_per_day, such as "
				      "{\"quantile\": 0.99}");
}

static void check_topics(struct draft *draft)
{
	const struct publish_options *publish = &draft->config.publish;
	const struct {
		const char *path, *topic;
	} outputs[] = {{"output.alerts.topic", publish->alerts.topic},
		       {"output.decisions.topic", publish->decisions.topic},
		       {"output.enriched.topic", publish->enriched.topic},
		       {"output.amendments.topic", publish->amendments.topic},
		       {"output.late.topic", publish->late_topic},
		       {"output.dead_letters.topic", publish->dead_letter_topic}};
	const size_t count = sizeof outputs / sizeof *outputs, letters = 4; /* from there on */
	for (size_t i = 0; i < count; i++) {
		if (outputs[i].topic == NULL)
			continue;
		if (strcmp(outputs[i].topic, publish->input_topic) == 0)
			config_problem_follow(draft->problems, outputs[i].path,
					      "\"%s\" is the input topic; the output needs one of its own",
					      outputs[i].topic);
		/* Late and dead letters have the same form and may share a topic. */
		for (size_t j = 0; j < i && j < letters; j++)
			if (outputs[j].topic != NULL && strcmp(outputs[i].topic, outputs[j].topic) == 0)
				config_problem_follow(draft->problems, outputs[i].path,
						      "\"%s\" is %s too; give each its own", outputs[i].topic,
						      outputs[j].path);
	}
}

static void check_fields(struct draft *draft)
{
	for (size_t i = 0; i < draft->field_count; i++) {
		const struct field *field = &draft->fields[i].field;
		char above[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX];
		char type[CONFIG_PATH_MAX];
		bool number = field->type == FIELD_MONEY || field->type == FIELD_NUMBER;
		bool scaled = field->scale != FIELD_SCALE_NONE;
		config_path_member(above, "event.fields", field->name);
		config_path_member(type, above, "type");
		if (config_problem_at(draft->problems, type))
			continue;
		config_path_member(path, above, "scale");
		if (field->type == FIELD_MONEY && !scaled)
			config_problem_follow(draft->problems, path,
					      "is missing; money needs its number of decimals, such as 2");
		else if (!number && scaled)
			config_problem_follow(draft->problems, path, "is for money and number");
		config_path_member(path, above, "minor");
		if (field->minor && !(number && scaled))
			config_problem_follow(draft->problems, path, "needs a scale: it says what the integers count");
	}
}

/* A list of names of event.fields, and of some words besides. */
static void check_names(struct draft *draft, const char *path, const char *const *names, size_t count,
			const char *const *words, size_t word_count)
{
	const struct event_schema *schema = &draft->config.schema;
	for (size_t i = 0; i < count; i++) {
		const char *known[EVENT_FIELDS_MAX + 2];
		size_t known_count = 0;
		bool found = false;
		for (size_t j = 0; j < word_count; j++)
			known[known_count++] = words[j];
		for (size_t j = 0; j < schema->field_count; j++)
			known[known_count++] = schema->fields[j].name;
		for (size_t j = 0; j < known_count && !found; j++)
			found = strcmp(known[j], names[i]) == 0;
		if (found)
			continue;
		char inner[CONFIG_PATH_MAX];
		config_path_element(inner, path, i);
		const char *like = config_like(names[i], known, known_count);
		config_problem_follow(draft->problems, inner, "\"%.60s\" is none of event.fields%s%s%s%s", names[i],
				      word_count == 0 ? "" : ", entity and id", like == NULL ? "" : "; did you mean \"",
				      like == NULL ? "" : like, like == NULL ? "" : "\"?");
	}
}

/* The key of enriched events is a string field: its text is the next stage's entity. */
static void check_enriched(struct draft *draft)
{
	static const char path[] = "output.enriched.key";
	const struct publish_options *publish = &draft->config.publish;
	const struct event_schema *schema = &draft->config.schema;
	if (publish->enriched.topic == NULL)
		return;
	check_names(draft, "output.enriched.fields", publish->enriched_fields, publish->enriched_field_count, NULL, 0);
	if (publish->enriched_key == NULL)
		return; /* reported as missing */
	int field = field_find(schema->fields, schema->field_count, publish->enriched_key);
	if (field < 0)
		config_problem_follow(draft->problems, path, "\"%.60s\" is none of event.fields",
				      publish->enriched_key);
	else if (schema->fields[field].type != FIELD_STRING)
		config_problem_follow(draft->problems, path, "\"%.60s\" is no string; a key is text",
				      publish->enriched_key);
}

/* A pseudonym is text: it cannot stand in a number's place. */
static void check_pseudonyms(struct draft *draft)
{
	const struct event_schema *schema = &draft->config.schema;
	for (size_t i = 0; i < draft->pseudonymize.count; i++)
		for (size_t j = 0; j < schema->field_count; j++) {
			char path[CONFIG_PATH_MAX];
			if (strcmp(draft->pseudonymize.items[i], schema->fields[j].name) != 0 ||
			    field_kind(&schema->fields[j]) == VALUE_TEXT)
				continue;
			config_path_element(path, "privacy.pseudonymize", i);
			config_problem_follow(
			    draft->problems, path,
			    "\"%.60s\" is no string: only entity, id and string fields have pseudonyms",
			    schema->fields[j].name);
		}
}

static void check_lists(struct draft *draft)
{
	static const char *const words[] = {"entity", "id"};
	const struct publish_options *publish = &draft->config.publish;
	if (config_problem_at(draft->problems, "event") || config_problem_at(draft->problems, "event.fields"))
		return;
	check_names(draft, "output.alerts.fields", publish->alert_fields, publish->alert_field_count, NULL, 0);
	check_enriched(draft);
	check_names(draft, "privacy.pseudonymize", draft->pseudonymize.items, draft->pseudonymize.count, words,
		    sizeof words / sizeof *words);
	check_pseudonyms(draft);
}

static void check_limits(struct draft *draft)
{
	const struct batch_limits *limits = &draft->config.limits;
	if (limits->memory_bytes < limits->bytes)
		config_problem_follow(draft->problems, "limits.batch_memory",
				      "%zu is less than limits.batch_bytes, %zu, which have to fit in",
				      limits->memory_bytes, limits->bytes);
}

bool config_check_is_broken(const struct draft *draft, const char *field)
{
	char path[CONFIG_PATH_MAX];
	if (field == NULL)
		return false;
	config_path_member(path, "event.fields", field);
	return config_problem_under(draft->problems, path);
}

void config_check(struct draft *draft)
{
	config_problem_settle(draft->problems);
	check_properties(draft);
	check_schema_source(draft);
	check_fields(draft);
	check_state(draft);
	check_threshold(draft);
	check_topics(draft);
	check_formats(draft);
	check_lists(draft);
	check_limits(draft);
	config_problem_settle(draft->problems);
	config_check_features(draft);
	config_check_rules(draft);
	config_problem_settle(draft->problems);
	config_check_schema(draft);
}
