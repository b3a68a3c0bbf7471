/* outlierd init: from a topic to a configuration that passes `check --online`, with a page that says why. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/init_arguments.h"
#include "daemon/cmd/survey_topic.h"
#include "daemon/io/system_clock.h"
#include "daemon/io/whole_file.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NAME "init"
#define KEYED_MIN 100 /* records with a key from which a partitioner can be told */
#define OUTPUTS 4
#define TOPIC_NAME_MAX 512

struct init {
	struct init_arguments arguments;
	struct log log;
	struct world place, world; /* to read the topic with; of the proposal */
	struct survey_topic topic;
	struct proposal proposal;
	struct trial trial;
	struct trial_column columns[PROPOSAL_FEATURES];
	struct proposal_facts facts;
	char outputs[OUTPUTS][TOPIC_NAME_MAX];
	const char *missing[OUTPUTS];
	struct buffer config, text;
};

/* Brokers, registry and their secrets, checked as those of any configuration. */
static int open_place(struct init *init, struct err *err)
{
	struct world *world = &init->place;
	buffer_reset(&init->text);
	proposal_connection(&init->arguments.place, &init->text);
	if (buffer_failed(&init->text))
		return err_memory(err);
	*world = (struct world){.clock = system_clock()};
	world->config = config_parse(buffer_slice(&init->text), init->arguments.folder, false, NULL, NULL, err);
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
	const struct init_arguments *arguments = &init->arguments;
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
	init->world.config = config_parse(buffer_slice(&init->config), init->arguments.folder, false, NULL, NULL, err);
	if (init->world.config == NULL)
		return err_prepend(err, "the proposal is no good configuration, which is a defect of this program");
	init->world.config->path = init->arguments.path;
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
	for (size_t i = 0; i < proposal->feature_count; i++)
		if (trial_column(&init->trial, i, &init->columns[i], err) != 0)
			return -1;
	for (size_t i = 0; i < proposal->rule_count; i++) {
		struct proposal_rule *rule = &proposal->rules[i];
		int feature = column_of(proposal, rule->feature);
		assert(feature >= 0);
		double quantile = NAN;
		if (rule->share > 0 && trial_quantile(&init->trial, (size_t)feature, rule->share, &quantile, err) != 0)
			return -1;
		proposal_set_limit(rule, quantile);
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
	static const char *const suffixes[OUTPUTS] = {"alerts", "decisions", "late", "dlq"};
	struct proposal_facts *facts = &init->facts;
	for (size_t i = 0; i < OUTPUTS; i++) {
		struct kafka_topic_facts found;
		(void)snprintf(init->outputs[i], TOPIC_NAME_MAX, "%s.%s", init->arguments.place.topic, suffixes[i]);
		if (kafka_topic_facts(kafka, init->outputs[i], &found, err) != 0)
			return -1;
		if (!found.exists)
			init->missing[facts->missing_count++] = init->outputs[i];
	}
	facts->missing = init->missing;
	if (!init->arguments.create_topics || facts->missing_count == 0)
		return 0;
	for (size_t i = 0; i < facts->missing_count; i++)
		if (kafka_topic_create(kafka, init->missing[i], facts->partitions, err) != 0)
			return -1;
	facts->created = true;
	return 0;
}

static int write_all(struct init *init, struct err *err)
{
	const struct survey *survey = init->topic.survey;
	const struct proposal_place *place = &init->arguments.place;
	buffer_reset(&init->text);
	proposal_report(survey, &init->proposal, place, &init->facts, &init->text);
	if (buffer_failed(&init->text))
		return err_memory(err);
	if (whole_file_write(init->arguments.path, buffer_slice(&init->config), err) != 0 ||
	    whole_file_write(init->arguments.report, buffer_slice(&init->text), err) != 0)
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
	if (open_place(init, err) != 0 || read_topic(init, err) != 0)
		return -1;
	init->arguments.wanted.retention_ms = topic->facts.retention_ms;
	init->arguments.wanted.firsts = topic->firsts;
	if (propose(topic->survey, &init->arguments.wanted, &init->proposal, err) != 0 || try_out(init, err) != 0)
		return -1;
	init->facts = (struct proposal_facts){
	    .config_path = init->arguments.path,
	    .report_path = init->arguments.report,
	    .topic_records = topic->topic_records,
	    .unreadable = topic->unreadable,
	    .unreadable_why = topic->unreadable_why.message,
	    .partitions = topic->facts.partitions,
	    .partitioner = partitioner(topic),
	    .trial = &init->trial,
	    .columns = init->columns,
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
	buffer_init(&init->config);
	buffer_init(&init->text);
	if (init_arguments_parse(&init->arguments, argc, argv, &err) == 1)
		(void)run(init, &err);
	buffer_free(&init->config);
	buffer_free(&init->text);
	trial_free(&init->trial);
	survey_topic_free(&init->topic);
	world_close(&init->world);
	world_close(&init->place);
	free(init);
	return common_end(NAME, &err);
}
