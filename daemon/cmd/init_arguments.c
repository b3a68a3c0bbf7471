#include "daemon/cmd/init_arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "init"
#define RECORDS 10000
#define RECORDS_MAX 200000
#define PIPELINE_MAX 100 /* bytes of a pipeline's name */
#define TOPIC_MAX 239    /* bytes of a topic's name that leave room for ".decisions" */
#define REGISTRY_DEFAULT "http://127.0.0.1:8081"
#define REDIS_DEFAULT "tcp://127.0.0.1:6379"

static int parse(struct init_arguments *arguments, int argc, char **argv, struct err *err)
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

static int name_files(struct init_arguments *arguments, struct err *err)
{
	int length = arguments->output != NULL
			 ? snprintf(arguments->path, sizeof arguments->path, "%s", arguments->output)
			 : snprintf(arguments->path, sizeof arguments->path, "%s.json", arguments->place.topic);
	const char *slash = strrchr(arguments->path, '/'), *dot = strrchr(arguments->path, '.');
	if (length < 1 || (size_t)length + sizeof ".md" > sizeof arguments->path)
		return err_set(err, ERR_USAGE, "--output: a name too long");
	int stem = dot != NULL && (slash == NULL || dot > slash) ? (int)(dot - arguments->path) : length;
	(void)snprintf(arguments->report, sizeof arguments->report, "%.*s.md", stem, arguments->path);
	(void)snprintf(arguments->folder, sizeof arguments->folder, "%.*s",
		       slash == NULL              ? 1
		       : slash == arguments->path ? 1
						  : (int)(slash - arguments->path),
		       slash == NULL ? "." : arguments->path);
	if (strcmp(arguments->report, arguments->path) == 0)
		return err_set(err, ERR_USAGE, "--output: %s would be both configuration and page; call it .json",
			       arguments->path);
	const char *files[] = {arguments->path, arguments->report};
	for (size_t i = 0; i < 2 && !arguments->force; i++)
		if (access(files[i], F_OK) == 0)
			return err_set(err, ERR_USAGE,
				       "%s exists already; --force overwrites it, --output names another", files[i]);
	return 0;
}

/* The configuration reads a relative name from its own folder. */
static int name_schema(struct init_arguments *arguments, struct err *err)
{
	struct proposal_place *place = &arguments->place;
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
	if (strcmp(arguments->folder, ".") == 0)
		return 0;
	if (realpath(place->schema_file, arguments->schema_file) == NULL)
		return err_set(err, ERR_USAGE, "--schema: %s: %s", place->schema_file, strerror(errno));
	place->schema_file = arguments->schema_file;
	return 0;
}

static int complete(struct init_arguments *arguments, struct err *err)
{
	struct proposal_place *place = &arguments->place;
	if (place->pipeline == NULL)
		place->pipeline = place->topic;
	if (strlen(place->pipeline) > PIPELINE_MAX)
		return err_set(err, ERR_USAGE, "the topic's name is too long for a pipeline's: give --pipeline NAME");
	if (strlen(place->topic) > TOPIC_MAX)
		return err_set(err, ERR_USAGE,
			       "--topic: %zu letters; with more than %d there are no names for the output topics",
			       strlen(place->topic), TOPIC_MAX);
	if (place->redis == NULL)
		place->redis = REDIS_DEFAULT;
	if (rejoin(&arguments->properties, "property", err) != 0 ||
	    rejoin(&arguments->property_files, "property-file", err) != 0)
		return -1;
	place->properties = arguments->properties.items;
	place->property_count = arguments->properties.count;
	place->property_files = arguments->property_files.items;
	place->property_file_count = arguments->property_files.count;
	return name_files(arguments, err) == 0 ? name_schema(arguments, err) : -1;
}

int init_arguments_parse(struct init_arguments *arguments, int argc, char **argv, struct err *err)
{
	*arguments = (struct init_arguments){.records = RECORDS};
	int parsed = parse(arguments, argc, argv, err);
	return parsed == 1 && complete(arguments, err) != 0 ? -1 : parsed;
}
