/* outlierd init: from a topic to a configuration that passes `check --online`, with a page that says why. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/proposal_text.h"
#include "daemon/cmd/survey_topic.h"
#include "daemon/io/system_clock.h"
#include "daemon/io/whole_file.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "init"
#define RECORDS 10000
#define RECORDS_MAX 1000000
#define PIPELINE_MAX 100 /* bytes of a pipeline's name */
#define KEYED_MIN 100    /* records with a key from which a partitioner can be told */
#define OUTPUTS 4
#define REGISTRY_DEFAULT "http://127.0.0.1:8081"
#define REDIS_DEFAULT "tcp://127.0.0.1:6379"

struct arguments {
	struct proposal_place place;
	struct proposal_options wanted;
	struct common_list properties, property_files;
	const char *output;
	int64_t records;
	bool force, create_topics;
};

struct init {
	struct arguments arguments;
	char path[PATH_MAX], report[PATH_MAX], folder[PATH_MAX], schema_file[PATH_MAX];
	struct log log;
	struct world place, world; /* to read the topic with; of the proposal */
	struct survey_topic topic;
	struct proposal proposal;
	struct trial trial;
	struct proposal_facts facts;
	const char *outputs[OUTPUTS], *missing[OUTPUTS];
	struct buffer config, text;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct proposal_place *place = &arguments->place;
	const struct common_option options[] = {
	    {"topic", "T", COMMON_TEXT, &place->topic, .required = true, .help = "the topic to watch"},
	    {"bootstrap-servers", "B", COMMON_TEXT, &place->servers, .required = true, .help = "brokers to begin with"},
	    {"registry", "URL", COMMON_TEXT, &place->registry, .help = "the schema registry (" REGISTRY_DEFAULT ")"},
	    {"registry-user", "NAME", COMMON_TEXT, &place->registry_user, .help = "... and its user"},
	    {"registry-password-file", "FILE", COMMON_TEXT, &place->registry_password_file,
	     .help = "with the password"},
	    {"registry-token-file", "FILE", COMMON_TEXT, &place->registry_token_file, .help = "or with a bearer token"},
	    {"registry-ca-file", "FILE", COMMON_TEXT, &place->registry_ca_file,
	     .help = "certificates that vouch for it"},
	    {"schema", "FILE", COMMON_TEXT, &place->schema_file,
	     .help = "instead of a registry: the Avro schema of every record"},
	    {"framing", "none|confluent", COMMON_TEXT, &place->framing,
	     .help = "with --schema: what stands before each value (none)"},
	    {"property", "NAME=VALUE,...", COMMON_LIST, &arguments->properties,
	     .help = "properties of librdkafka, such as security.protocol=sasl_ssl"},
	    {"property-file", "NAME=FILE,...", COMMON_LIST, &arguments->property_files,
	     .help = "those whose value is a secret in a file, such as sasl.password;\nfiles as seen from the "
		     "configuration's folder"},
	    {"redis", "ADDRESS", COMMON_TEXT, &place->redis,
	     .help = "where the state will be (" REDIS_DEFAULT "); not asked"},
	    {"pipeline", "NAME", COMMON_TEXT, &place->pipeline, .help = "the pipeline's name; default: the topic's"},
	    {"output", "FILE", COMMON_TEXT, &arguments->output,
	     .help = "the configuration (TOPIC.json); why it is so stands in the\n.md beside it"},
	    {"force", NULL, COMMON_FLAG, &arguments->force, .help = "overwrite both"},
	    {"records", "N", COMMON_INTEGER, &arguments->records, .minimum = 1, .maximum = RECORDS_MAX,
	     .help = "size of the sample, taken from the partitions' ends (10000)"},
	    {"id", "F", COMMON_TEXT, &arguments->wanted.id,
	     .help = "field that tells events apart, in place of the proposed"},
	    {"time", "F", COMMON_TEXT, &arguments->wanted.time, .help = "field with the time of the event"},
	    {"entity", "F", COMMON_TEXT, &arguments->wanted.entity, .help = "field with whom the event belongs to"},
	    {"create-topics", NULL, COMMON_FLAG, &arguments->create_topics,
	     .help = "make the output topics that are missing; else nothing but the\ntwo files is written"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--topic T --bootstrap-servers B [--registry URL | --schema FILE] [options]",
	    .summary =
		"Proposes a configuration from a topic's schema and a sample of its records: which fields are id,\n"
		"time, entity, key, money and categories, twelve features, rules, lateness. Writes it, and a page "
		"that\nsays why; neither holds a value of a record.",
	    .options = options,
	    .more = "Exit status: 0 done, 65 the topic lacks something (the message says what, and which option\n"
		    "gives it), 69 brokers or registry are not to be had.",
	};
	return common_parse(&command, argc, argv, err);
}

/* A value with commas was cut at these: a piece without "=" that follows the one before belongs to it. */
static int rejoin(struct common_list *list, const char *option, struct err *err)
{
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		const char *item = list->items[i], *before = count == 0 ? NULL : list->items[count - 1];
		if (strchr(item, '=') != NULL)
			list->items[count++] = item;
		else if (before != NULL && before + strlen(before) + 1 == item)
			((char *)item)[-1] = ',';
		else
			return err_set(err, ERR_USAGE, "--%s: \"%s\" has no \"=\"", option, item);
	}
	list->count = count;
	return 0;
}

static int name_files(struct init *init, struct err *err)
{
	struct arguments *arguments = &init->arguments;
	int length = arguments->output != NULL
			 ? snprintf(init->path, sizeof init->path, "%s", arguments->output)
			 : snprintf(init->path, sizeof init->path, "%s.json", arguments->place.topic);
	const char *slash = strrchr(init->path, '/'), *dot = strrchr(init->path, '.');
	if (length < 1 || (size_t)length + sizeof ".md" > sizeof init->path)
		return err_set(err, ERR_USAGE, "--output: a name too long");
	int stem = dot != NULL && (slash == NULL || dot > slash) ? (int)(dot - init->path) : length;
	(void)snprintf(init->report, sizeof init->report, "%.*s.md", stem, init->path);
	(void)snprintf(init->folder, sizeof init->folder, "%.*s",
		       slash == NULL         ? 1
		       : slash == init->path ? 1
					     : (int)(slash - init->path),
		       slash == NULL ? "." : init->path);
	if (strcmp(init->report, init->path) == 0)
		return err_set(err, ERR_USAGE, "--output: %s would be both configuration and page; call it .json",
			       init->path);
	const char *files[] = {init->path, init->report};
	for (size_t i = 0; i < 2 && !arguments->force; i++)
		if (access(files[i], F_OK) == 0)
			return err_set(err, ERR_USAGE,
				       "%s exists already; --force overwrites it, --output names another", files[i]);
	return 0;
}

/* The configuration reads a relative name from its own folder. */
static int name_schema(struct init *init, struct err *err)
{
	struct proposal_place *place = &init->arguments.place;
	if (place->framing != NULL && strcmp(place->framing, "none") != 0 && strcmp(place->framing, "confluent") != 0)
		return err_set(err, ERR_USAGE, "--framing: expected none or confluent, found \"%s\"", place->framing);
	if (place->schema_file == NULL) {
		if (place->framing != NULL)
			return err_set(err, ERR_USAGE, "--framing goes with --schema");
		if (place->registry == NULL)
			place->registry = REGISTRY_DEFAULT;
		return 0;
	}
	if (place->registry != NULL)
		return err_set(err, ERR_USAGE, "--schema stands beside --registry; give one of the two");
	if (strcmp(init->folder, ".") == 0)
		return 0;
	if (realpath(place->schema_file, init->schema_file) == NULL)
		return err_set(err, ERR_USAGE, "--schema: %s: %s", place->schema_file, strerror(errno));
	place->schema_file = init->schema_file;
	return 0;
}

static int complete(struct init *init, struct err *err)
{
	struct arguments *arguments = &init->arguments;
	struct proposal_place *place = &arguments->place;
	static const char *const suffixes[OUTPUTS] = {"alerts", "decisions", "late", "dlq"};
	if (place->pipeline == NULL)
		place->pipeline = place->topic;
	if (strlen(place->pipeline) > PIPELINE_MAX)
		return err_set(err, ERR_USAGE, "the topic's name is too long for a pipeline's: give --pipeline NAME");
	if (place->redis == NULL)
		place->redis = REDIS_DEFAULT;
	if (rejoin(&arguments->properties, "property", err) != 0 ||
	    rejoin(&arguments->property_files, "property-file", err) != 0)
		return -1;
	place->properties = arguments->properties.items;
	place->property_count = arguments->properties.count;
	place->property_files = arguments->property_files.items;
	place->property_file_count = arguments->property_files.count;
	if (name_files(init, err) != 0 || name_schema(init, err) != 0)
		return -1;
	for (size_t i = 0; i < OUTPUTS; i++) {
		char name[512];
		(void)snprintf(name, sizeof name, "%s.%s", place->topic, suffixes[i]);
		init->outputs[i] = strdup(name);
		if (init->outputs[i] == NULL)
			return err_memory(err);
	}
	return 0;
}

/* Brokers, registry and their secrets, checked as those of any configuration. */
static int open_place(struct init *init, struct err *err)
{
	struct world *world = &init->place;
	buffer_reset(&init->text);
	proposal_connection(&init->arguments.place, &init->text);
	if (buffer_failed(&init->text))
		return err_memory(err);
	*world = (struct world){.clock = system_clock()};
	world->config = config_parse(buffer_slice(&init->text), init->folder, false, NULL, NULL, err);
	if (world->config == NULL)
		return err_prepend(err, "what the options say would be no configuration");
	init->log = (struct log){.stream = stderr, .level = LOG_LEVEL_WARNING};
	world->config->kafka.log = &init->log;
	if (init->arguments.place.schema_file != NULL)
		return 0;
	world->config->registry.monotonic_us = world->clock.monotonic_us;
	world->config->registry.clock = world->clock.self;
	world->registry = registry_new(&world->config->registry, err);
	return world->registry == NULL ? -1 : 0;
}

static int read_topic(struct init *init, struct err *err)
{
	const struct arguments *arguments = &init->arguments;
	const struct survey_topic_options options = {
	    .kafka = &init->place.config->kafka,
	    .registry = init->place.registry,
	    .schema_file = arguments->place.schema_file,
	    .framed = arguments->place.framing != NULL && strcmp(arguments->place.framing, "confluent") == 0,
	    .records = (size_t)arguments->records,
	};
	fprintf(stderr, "reading up to %lld records of %s\n", (long long)arguments->records, arguments->place.topic);
	return survey_topic_read(&init->topic, &options, err);
}

/* Makes the configuration and parses it as everybody will. What is wrong with it is our fault. */
static int make_config(struct init *init, struct err *err)
{
	buffer_reset(&init->config);
	proposal_config(init->topic.survey, &init->proposal, &init->arguments.place, &init->config);
	if (buffer_failed(&init->config))
		return err_memory(err);
	world_close(&init->world);
	init->world = (struct world){.clock = system_clock()};
	init->world.config = config_parse(buffer_slice(&init->config), init->folder, false, NULL, NULL, err);
	if (init->world.config == NULL)
		return err_prepend(err, "the proposal is no good configuration, which is a defect of this program");
	init->world.config->path = init->path;
	return 0;
}

static int column_of(const struct proposal *proposal, const char *feature)
{
	for (size_t i = 0; i < proposal->feature_count; i++)
		if (strcmp(proposal->features[i].name, feature) == 0)
			return (int)i;
	return -1;
}

static size_t count_held(const struct init *init, const struct proposal_rule *rule)
{
	const struct trial *trial = &init->trial;
	int column = column_of(&init->proposal, rule->feature), also = column_of(&init->proposal, rule->also);
	size_t held = 0;
	for (size_t i = 0; i < trial->rows && column >= 0; i++) {
		const double *row = trial->values + i * trial->count;
		held += row[column] > rule->above && (also < 0 || row[also] > rule->also_above);
	}
	return held;
}

/* The first configuration is tried on the sample; its vectors tell the limits of rules, and the second has these. */
static int try_out(struct init *init, struct err *err)
{
	const struct survey_topic *topic = &init->topic;
	struct proposal *proposal = &init->proposal;
	if (make_config(init, err) != 0 || trial_run(&init->trial, &init->world, topic->records, topic->record_count,
						     topic->facts.partitions, err) != 0)
		return -1;
	for (size_t i = 0; i < proposal->rule_count; i++) {
		struct proposal_rule *rule = &proposal->rules[i];
		struct trial_column column;
		int feature = column_of(proposal, rule->feature);
		assert(feature >= 0);
		if (trial_column(&init->trial, (size_t)feature, &column, err) != 0)
			return -1;
		proposal_set_limit(rule, column.quantile_999);
		rule->held = count_held(init, rule);
	}
	return make_config(init, err);
}

static const char *partitioner(const struct survey_topic *topic)
{
	bool murmur2 = topic->murmur2 == topic->keyed, crc32 = topic->crc32 == topic->keyed;
	if (topic->keyed < KEYED_MIN || topic->facts.partitions < 2 || murmur2 == crc32)
		return NULL;
	return murmur2 ? "murmur2" : "crc32";
}

static int see_outputs(struct init *init, struct err *err)
{
	const struct kafka_options *kafka = &init->place.config->kafka;
	struct proposal_facts *facts = &init->facts;
	for (size_t i = 0; i < OUTPUTS; i++) {
		struct kafka_topic_facts found;
		if (kafka_topic_facts(kafka, init->outputs[i], &found, err) != 0)
			return -1;
		if (!found.exists)
			init->missing[facts->missing_count++] = init->outputs[i];
	}
	facts->missing = init->missing;
	if (!init->arguments.create_topics || facts->missing_count == 0)
		return 0;
	facts->created = true;
	return kafka_create_topics(kafka, init->missing, facts->missing_count, facts->partitions, err);
}

static int write_all(struct init *init, struct err *err)
{
	const struct survey *survey = init->topic.survey;
	const struct proposal_place *place = &init->arguments.place;
	buffer_reset(&init->text);
	proposal_report(survey, &init->proposal, place, &init->facts, &init->text);
	if (buffer_failed(&init->text))
		return err_memory(err);
	if (whole_file_write(init->path, buffer_slice(&init->config), err) != 0 ||
	    whole_file_write(init->report, buffer_slice(&init->text), err) != 0)
		return -1;
	buffer_reset(&init->text);
	proposal_summary(survey, &init->proposal, place, &init->facts, &init->text);
	if (buffer_failed(&init->text))
		return err_memory(err);
	printf("%.*s", (int)init->text.length, (const char *)init->text.data);
	return 0;
}

static int run(struct init *init, struct err *err)
{
	struct survey_topic *topic = &init->topic;
	if (complete(init, err) != 0 || open_place(init, err) != 0 || read_topic(init, err) != 0)
		return -1;
	init->arguments.wanted.retention_ms = topic->facts.retention_ms;
	init->arguments.wanted.firsts = topic->firsts;
	if (propose(topic->survey, &init->arguments.wanted, &init->proposal, err) != 0 || try_out(init, err) != 0)
		return -1;
	init->facts = (struct proposal_facts){
	    .config_path = init->path,
	    .report_path = init->report,
	    .topic_records = topic->topic_records,
	    .unreadable = topic->unreadable,
	    .unreadable_why = topic->unreadable_why.message,
	    .partitions = topic->facts.partitions,
	    .partitioner = partitioner(topic),
	    .trial = &init->trial,
	};
	return see_outputs(init, err) == 0 ? write_all(init, err) : -1;
}

int cmd_init(int argc, char **argv)
{
	struct err err = {0};
	struct init *init = calloc(1, sizeof *init);
	if (init == NULL) {
		(void)err_memory(&err);
		return common_end(NAME, &err);
	}
	init->arguments.records = RECORDS;
	buffer_init(&init->config);
	buffer_init(&init->text);
	if (parse(&init->arguments, argc, argv, &err) == 1)
		(void)run(init, &err);
	buffer_free(&init->config);
	buffer_free(&init->text);
	trial_free(&init->trial);
	survey_topic_free(&init->topic);
	world_close(&init->world);
	world_close(&init->place);
	for (size_t i = 0; i < OUTPUTS; i++)
		free((void *)init->outputs[i]);
	free(init);
	return common_end(NAME, &err);
}
