/* outlierd simulate: the simulation as a file, or straight into a topic. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/simulate_topic.h"
#include "daemon/cmd/simulated.h"
#include "daemon/io/avro_container_write.h"
#include "daemon/io/event_file.h"
#include "features/event.h"
#include "number.h"

#include <assert.h>
#include <stdlib.h>

#define NAME "simulate"
#define EVENTS_MAX 1e12
#define PARTITIONS_MAX 100000
#define PROGRESS_EVENTS 4096

struct arguments {
	const char *kind, *output, *format, *labels, *start, *topic, *bootstrap_servers, *config, *registry;
	int64_t events, seed, cards, merchants, takeovers, accounts, instruments, parties, partitions, schema_id;
	double days, fraud_rate, late_rate, duplicate_rate, rate;
};

struct run {
	struct arguments arguments;
	struct simulation_options options;
	const struct simulated_kind *kind;
	struct simulated_stream *stream;
	struct buffer schema, body; /* Avro: of all events, of one */
	enum event_file_format format;
	struct output output, labels;
	struct avro_container_writer avro;
	struct simulate_topic *topic; /* NULL: a file */
	int64_t *offsets;             /* next one of each partition; NULL: no coordinates */
	uint64_t events, planted[SIMULATED_LABELS_MAX], late, duplicates;
	int64_t first_ms, last_ms;
	struct common_progress progress;
};

static void set_defaults(struct arguments *arguments)
{
	struct simulation_options defaults = simulation_defaults();
	arguments->seed = (int64_t)defaults.seed;
	arguments->cards = defaults.cards;
	arguments->merchants = defaults.merchants;
	arguments->accounts = defaults.accounts;
	arguments->instruments = defaults.instruments;
	arguments->parties = defaults.parties;
	arguments->kind = "cards";
	arguments->days = defaults.days;
	arguments->fraud_rate = defaults.fraud_rate;
	arguments->late_rate = defaults.late_rate;
	arguments->duplicate_rate = defaults.duplicate_rate;
	arguments->schema_id = 1;
}

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"events", "N", COMMON_INTEGER, &arguments->events, .required = true, .minimum = 1, .maximum = EVENTS_MAX,
	     .help = "how many records, duplicates counted"},
	    {"kind", "cards|portfolio|trades", COMMON_TEXT, &arguments->kind, .help = "what is simulated (cards)"},
	    {"output", "F", COMMON_TEXT, &arguments->output, .help = ".csv, .jsonl or .avro; - is standard output"},
	    {"format", "csv|jsonl|avro", COMMON_TEXT, &arguments->format,
	     .help = "where the name of the output does not tell"},
	    {"labels", "FILE", COMMON_TEXT, &arguments->labels,
	     .help = "id, whether planted and which kind as CSV; CSV and JSON lines\nhave them in columns of their "
		     "own, too"},
	    {"coordinates", "P", COMMON_INTEGER, &arguments->partitions, .minimum = 1, .maximum = PARTITIONS_MAX,
	     .help = "_partition, _offset, _timestamp and _key as in a topic of P\npartitions (murmur2 of the key)"},
	    {"seed", "S", COMMON_INTEGER, &arguments->seed, .minimum = 0, .maximum = 9007199254740992.0,
	     .help = "same options, same bytes (1)"},
	    {"cards", "N", COMMON_INTEGER, &arguments->cards, .minimum = 1, .maximum = SIMULATION_CARDS_MAX,
	     .help = "of cards: 10000"},
	    {"merchants", "N", COMMON_INTEGER, &arguments->merchants, .minimum = SIMULATION_MERCHANTS_MIN,
	     .maximum = SIMULATION_MERCHANTS_MAX, .help = "of cards: 2000"},
	    {"takeovers", "N", COMMON_INTEGER, &arguments->takeovers, .minimum = 0, .maximum = SIMULATION_TAKEOVERS_MAX,
	     .help = "of cards: online merchants that are compromised, beside the\nfrauds of --fraud-rate (0)"},
	    {"accounts", "N", COMMON_INTEGER, &arguments->accounts, .minimum = 1, .maximum = SIMULATION_ACCOUNTS_MAX,
	     .help = "of a portfolio: 2000"},
	    {"instruments", "N", COMMON_INTEGER, &arguments->instruments, .minimum = SIMULATION_INSTRUMENTS_MIN,
	     .maximum = SIMULATION_INSTRUMENTS_MAX, .help = "of a portfolio and of trades: 200"},
	    {"parties", "N", COMMON_INTEGER, &arguments->parties, .minimum = SIMULATION_PARTIES_MIN,
	     .maximum = SIMULATION_PARTIES_MAX, .help = "of trades: 60"},
	    {"start", "T", COMMON_TEXT, &arguments->start,
	     .help = "first event time: RFC 3339, or \"now\" for --days before now\n(2026-01-05T00:00:00Z)"},
	    {"days", "D", COMMON_NUMBER, &arguments->days, .minimum = 0.001, .maximum = SIMULATION_DAYS_MAX,
	     .help = "time that the events spread over, about (60)"},
	    {"fraud-rate", "R", COMMON_NUMBER, &arguments->fraud_rate, .minimum = 0, .maximum = 0.5,
	     .help = "share of frauds and other planted events (0.002)"},
	    {"late", "R", COMMON_NUMBER, &arguments->late_rate, .minimum = 0, .maximum = 1,
	     .help = "share that arrives minutes to hours late (0.005)"},
	    {"duplicates", "R", COMMON_NUMBER, &arguments->duplicate_rate, .minimum = 0, .maximum = 1,
	     .help = "share that arrives twice (0.001)"},
	    {"to-topic", "T", COMMON_TEXT, &arguments->topic,
	     .help = "Avro with Confluent's framing into a topic, keyed by card,\naccount or instrument; record "
		     "timestamp = arrival"},
	    {"bootstrap-servers", "B", COMMON_TEXT, &arguments->bootstrap_servers, .help = "of --to-topic"},
	    {"config", "FILE", COMMON_TEXT, &arguments->config, .help = "takes kafka.* and schema.* from there"},
	    {"schema-registry", "URL", COMMON_TEXT, &arguments->registry,
	     .help = "registers the schema under TOPIC-value"},
	    {"schema-id", "N", COMMON_INTEGER, &arguments->schema_id, .minimum = 1, .maximum = INT32_MAX,
	     .help = "in the framing where there is no registry (1)"},
	    {"rate", "N", COMMON_NUMBER, &arguments->rate, .minimum = 0.001, .maximum = 1e9,
	     .help = "records a second into the topic; default: as fast as they go"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--events N --output F [options]\n"
		     "       outlierd simulate --events N --to-topic T --bootstrap-servers B [options]",
	    .summary =
		"Writes seeded synthetic events in the order of their arrival: card transactions with six kinds of\n"
		"fraud, movements of portfolios with four kinds of anomalies, or trades with five; labelled, and\n"
		"with late events and duplicates. docs/simulator.md describes them.",
	    .options = options,
	};
	return common_parse(&command, argc, argv, err);
}

static int set_start(struct run *run, struct err *err)
{
	const char *start = run->arguments.start;
	if (start == NULL)
		return 0;
	if (strcmp(start, "now") == 0)
		run->options.start_ms = common_wall_ms() - (int64_t)(run->options.days * 86400000.0);
	else if (time_parse_rfc3339(slice_of(start), &run->options.start_ms) != 0)
		return err_set(err, ERR_USAGE,
			       "--start: expected RFC 3339 as in 2026-01-05T00:00:00Z, or now, found \"%s\"", start);
	return 0;
}

static int set_options(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	run->kind = simulated_kind_of(arguments->kind);
	if (run->kind == NULL)
		return err_set(err, ERR_USAGE, "--kind: expected cards, portfolio or trades, found \"%s\"",
			       arguments->kind);
	run->options = simulation_defaults();
	run->options.seed = (uint64_t)arguments->seed;
	run->options.events = (uint64_t)arguments->events;
	run->options.cards = (uint32_t)arguments->cards;
	run->options.merchants = (uint32_t)arguments->merchants;
	run->options.takeovers = (uint32_t)arguments->takeovers;
	run->options.accounts = (uint32_t)arguments->accounts;
	run->options.instruments = (uint32_t)arguments->instruments;
	run->options.parties = (uint32_t)arguments->parties;
	run->options.days = arguments->days;
	run->options.fraud_rate = arguments->fraud_rate;
	run->options.late_rate = arguments->late_rate;
	run->options.duplicate_rate = arguments->duplicate_rate;
	return set_start(run, err);
}

static int check(const struct arguments *arguments, struct err *err)
{
	bool to_topic = arguments->topic != NULL;
	if ((arguments->output != NULL) == to_topic)
		return err_set(err, ERR_USAGE, "give --output F or --to-topic T");
	if (to_topic && (arguments->partitions > 0 || arguments->format != NULL))
		return err_set(err, ERR_USAGE, "--coordinates and --format go with --output, not with --to-topic");
	if (!to_topic && (arguments->bootstrap_servers != NULL || arguments->registry != NULL ||
			  arguments->config != NULL || arguments->rate > 0))
		return err_set(err, ERR_USAGE,
			       "--bootstrap-servers, --config, --schema-registry and --rate go with --to-topic");
	return 0;
}

/* Sixteen bytes that depend on nothing but what is simulated. */
static void set_marker(const struct run *run, uint8_t marker[AVRO_FILE_SYNC_BYTES])
{
	char text[64];
	uint8_t digest[SHA256_BYTES];
	int length = snprintf(text, sizeof text, "outlierd simulate, seed %llu", (unsigned long long)run->options.seed);
	sha256_of((struct slice){text, (size_t)length}, digest);
	memcpy(marker, digest, AVRO_FILE_SYNC_BYTES);
}

static int open_file(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	uint8_t marker[AVRO_FILE_SYNC_BYTES];
	if (arguments->format != NULL && event_file_format_parse(arguments->format, &run->format) != 0)
		return err_set(err, ERR_USAGE, "--format: expected avro, jsonl or csv, found \"%s\"",
			       arguments->format);
	if (arguments->format == NULL)
		run->format = event_file_format_of(arguments->output);
	if (run->format == EVENT_FILE_BY_NAME)
		return err_set(err, ERR_USAGE,
			       "%s: its name does not tell the format: give --format avro, jsonl or csv",
			       arguments->output);
	if (arguments->partitions > 0) {
		run->offsets = calloc((size_t)arguments->partitions, sizeof *run->offsets);
		if (run->offsets == NULL)
			return err_memory(err);
	}
	if (output_open(&run->output, arguments->output, err) != 0)
		return -1;
	set_marker(run, marker);
	if (run->format == EVENT_FILE_AVRO)
		avro_container_write_begin(&run->avro, &run->output, (const char *)run->schema.data, false, marker);
	else if (run->format == EVENT_FILE_CSV)
		simulated_csv_header(&run->output.buffer, run->kind, run->offsets != NULL);
	return 0;
}

static int open_topic(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	const struct simulate_topic_options options = {
	    .topic = arguments->topic,
	    .schema = (const char *)run->schema.data,
	    .bootstrap_servers = arguments->bootstrap_servers,
	    .config = arguments->config,
	    .registry_url = arguments->registry,
	    .schema_id = arguments->schema_id,
	    .rate = arguments->rate,
	};
	run->topic = simulate_topic_new(&options, err);
	return run->topic == NULL ? -1 : 0;
}

static int open_all(struct run *run, struct err *err)
{
	const char *labels = run->arguments.labels;
	run->stream = simulated_open(run->kind, &run->options, err);
	if (run->stream == NULL)
		return -1;
	simulated_schema(&run->schema, run->kind, run->arguments.partitions > 0);
	buffer_add_byte(&run->schema, '\0');
	if (buffer_failed(&run->schema))
		return err_memory(err);
	if ((run->arguments.topic != NULL ? open_topic(run, err) : open_file(run, err)) != 0)
		return -1;
	if (labels == NULL)
		return 0;
	if (output_open(&run->labels, labels, err) != 0)
		return -1;
	simulated_label_header(&run->labels.buffer, run->kind);
	return 0;
}

static void write_event(struct run *run, const struct simulated_event *event)
{
	struct transaction_position position, *at = NULL;
	if (run->offsets != NULL) {
		position.partition = partition_murmur2(slice_of(event->key), (int32_t)run->arguments.partitions);
		position.offset = run->offsets[position.partition]++;
		at = &position;
	}
	bool avro = run->format == EVENT_FILE_AVRO;
	simulated_write(avro ? &run->avro.block : &run->output.buffer, run->kind, run->format, event, at);
	if (avro)
		avro_container_write_record(&run->avro);
	output_flow(&run->output);
}

static int send_event(struct run *run, const struct simulated_event *event, struct err *err)
{
	buffer_reset(&run->body);
	simulated_write(&run->body, run->kind, EVENT_FILE_AVRO, event, NULL);
	if (buffer_failed(&run->body))
		return err_memory(err);
	return simulate_topic_send(run->topic, slice_of(event->key), buffer_slice(&run->body), event->arrival_ms, err);
}

static void count(struct run *run, const struct simulated_event *event)
{
	if (run->events == 0)
		run->first_ms = event->arrival_ms;
	run->last_ms = event->arrival_ms;
	run->events++;
	run->duplicates += event->duplicate;
	if (event->duplicate)
		return;
	run->planted[event->label]++;
	run->late += event->late;
	if (run->arguments.labels != NULL) {
		simulated_label(&run->labels.buffer, run->kind, event);
		output_flow(&run->labels);
	}
}

static int simulate(struct run *run, struct err *err)
{
	struct simulated_event event;
	common_progress_begin(&run->progress, "simulating");
	while (run->events < run->options.events) {
		if (simulated_next(run->stream, &event, err) != 0)
			return -1;
		if (run->topic == NULL)
			write_event(run, &event);
		else if (send_event(run, &event, err) != 0)
			return -1;
		count(run, &event);
		if (run->events % PROGRESS_EVENTS == 0 || run->arguments.rate > 0)
			common_progress_show(&run->progress, run->events, "events", run->events, run->options.events);
	}
	return 0;
}

static int close_all(struct run *run, struct err *err)
{
	if (run->topic != NULL && simulate_topic_end(run->topic, err) != 0)
		return -1;
	if (run->format == EVENT_FILE_AVRO && avro_container_write_end(&run->avro, err) != 0)
		return -1;
	return output_close(&run->output, err) != 0 || output_close(&run->labels, err) != 0 ? -1 : 0;
}

static void print_summary(const struct run *run, int64_t started_us)
{
	char first[NUMBER_TEXT_MAX], last[NUMBER_TEXT_MAX], elapsed[32];
	uint64_t planted = 0;
	const char *separator = " (";
	time_format_rfc3339(run->first_ms, first);
	time_format_rfc3339(run->last_ms, last);
	unsigned labels = simulated_labels(run->kind);
	for (unsigned label = 1; label < labels; label++)
		planted += run->planted[label];
	double seconds = (double)(common_monotonic_us() - started_us) / 1e6;
	fprintf(stderr, "arrivals from %s to %s, in %s (%.0f/s)\n", first, last, common_elapsed(started_us, elapsed),
		(double)run->events / seconds);
	fprintf(stderr, "simulated %llu events: %llu late, %llu duplicates, %llu %s", (unsigned long long)run->events,
		(unsigned long long)run->late, (unsigned long long)run->duplicates, (unsigned long long)planted,
		simulated_planted(run->kind));
	for (unsigned label = 1; label < labels && planted > 0; label++, separator = ", ")
		fprintf(stderr, "%s%s %llu", separator, simulated_label_name(run->kind, label),
			(unsigned long long)run->planted[label]);
	fputs(planted > 0 ? ")\n" : "\n", stderr);
}

static int run_simulate(struct run *run, struct err *err)
{
	int64_t started_us = common_monotonic_us();
	if (check(&run->arguments, err) != 0 || set_options(run, err) != 0 || open_all(run, err) != 0)
		return -1;
	int status = simulate(run, err);
	common_progress_end(&run->progress);
	if (status != 0 || close_all(run, err) != 0)
		return -1;
	print_summary(run, started_us);
	return 0;
}

int cmd_simulate(int argc, char **argv)
{
	struct err err = {0}, ignored = {0};
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		(void)err_memory(&err);
		return common_end(NAME, &err);
	}
	set_defaults(&run->arguments);
	buffer_init(&run->schema);
	buffer_init(&run->body);
	if (parse(&run->arguments, argc, argv, &err) == 1)
		(void)run_simulate(run, &err);
	simulate_topic_free(run->topic);
	(void)!output_close(&run->output, &ignored);
	(void)!output_close(&run->labels, &ignored);
	buffer_free(&run->avro.block);
	simulated_close(run->stream);
	buffer_free(&run->schema);
	buffer_free(&run->body);
	free(run->offsets);
	free(run);
	return common_end(NAME, &err);
}
