/* outlierd features: vectors of a file of events or of the topic, by the daemon's own transition, without Redis. */
#include "daemon/cmd/about.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/label_book.h"
#include "daemon/cmd/offline.h"
#include "daemon/cmd/topic_vectors.h"
#include "daemon/cmd/vector_output.h"
#include "daemon/io/output.h"
#include "number.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME "features"
#define ARENA_BYTES ((size_t)1 << 30) /* of one record, at most */
#define PROGRESS_RECORDS 2048
#define MEMORY_DEFAULT_MB 4096

struct arguments {
	const char *config, *input, *output, *format, *rejects, *labels, *label_delay, *as_of;
	const char *from, *to, *warm_up;
	struct common_list keep;
	int64_t partitions, memory_mb;
	bool strict;
};

struct run {
	const struct arguments *arguments;
	struct config *config;
	struct offline *offline;
	struct world world;        /* where vectors are the topic's */
	struct label_book *labels; /* NULL: none */
	struct event_file *file;
	struct arena *arena;
	struct output output, rejects;
	const char *paths[COMMON_LIST_MAX]; /* of what is kept */
	bool pseudonyms[COMMON_LIST_MAX];   /* it is pseudonymised */
	struct slice kept[COMMON_LIST_MAX];
	struct common_progress progress;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config, .required = true,
	     .help = "the configuration: event and features"},
	    {"output", "F", COMMON_TEXT, &arguments->output, .required = true,
	     .help = "vectors as CSV; - is standard output"},
	    {"input", "F", COMMON_TEXT, &arguments->input,
	     .help = "events: .avro, .jsonl or .csv; - is standard input"},
	    {"from", "EDGE", COMMON_TEXT, &arguments->from,
	     .help = "reads the input topic instead, from here on:\n" STRETCH_EDGE_HELP},
	    {"to", "EDGE", COMMON_TEXT, &arguments->to, .help = "... up to here, not included (latest)"},
	    {"warm-up", "DURATION", COMMON_TEXT, &arguments->warm_up,
	     .help = "of the topic: history that is read before --from, without\noutput (as far as windows reach)"},
	    {"memory", "MIB", COMMON_INTEGER, &arguments->memory_mb, .minimum = 1, .maximum = 1 << 24,
	     .help = "of the topic: the most that entities' states may need (4096)"},
	    {"labels", "FILE", COMMON_TEXT, &arguments->labels,
	     .help = "CSV with _event_id, label and perhaps _known_ms: adds a column\nlabel with what was known"},
	    {"label-delay", "DURATION", COMMON_TEXT, &arguments->label_delay,
	     .help = "a label without _known_ms is known so long after its event (0s)"},
	    {"as-of", "TIME", COMMON_TEXT, &arguments->as_of,
	     .help = "labels known later are left out (now; with --to TIME that)"},
	    {"input-format", "avro|jsonl|csv", COMMON_TEXT, &arguments->format,
	     .help = "where the name of the input does not tell"},
	    {"keep", "F,...", COMMON_LIST, &arguments->keep,
	     .help = "fields or paths of the events to be put beside the vectors,\na label for example"},
	    {"rejects", "FILE", COMMON_TEXT, &arguments->rejects,
	     .help = "a JSON line for each event that was not scored"},
	    {"strict", NULL, COMMON_FLAG, &arguments->strict, .help = "the first invalid event is an error (65)"},
	    {"partitions", "N", COMMON_INTEGER, &arguments->partitions, .minimum = 1, .maximum = 1000000,
	     .help = "partitions of the topic that the events come from; without it\nevent.partitioner is not checked"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--config FILE --input F --output F [options]\n"
		     "       outlierd features --config FILE --from EDGE [--to EDGE] --output F [options]",
	    .summary = "Writes one CSV row for each scored event, in input order: _event_id, _entity, _time_ms,\n"
		       "_partition, _offset, _flags, what --keep names, then the features. What was assumed of the\n"
		       "events' order stands in OUTPUT.about.json.",
	    .options = options,
	    .more = "The last line on standard error counts the outcomes.",
	};
	return common_parse(&command, argc, argv, err);
}

/* Finds the source path of a kept field, and whether it must leave as a pseudonym. */
static void resolve_kept(struct run *run, size_t i)
{
	const struct event_schema *schema = &run->config->schema;
	const struct pseudonym_options *pseudonym = offline_pseudonym(run->offline);
	const char *path = run->arguments->keep.items[i];
	for (size_t f = 0; f < schema->field_count; f++)
		if (strcmp(schema->fields[f].name, path) == 0) {
			path = schema->fields[f].path;
			break;
		}
	bool entity = strcmp(path, schema->entity_path) == 0 || strcmp(path, "_key") == 0;
	bool hidden = (pseudonym->entity && entity) || (pseudonym->id && strcmp(path, schema->id_path) == 0);
	for (size_t f = 0; f < schema->field_count && pseudonym->fields != NULL; f++)
		hidden |= pseudonym->fields[f] && strcmp(path, schema->fields[f].path) == 0;
	run->paths[i] = path;
	run->pseudonyms[i] = hidden && pseudonym->key.length > 0;
}

static int open_input(struct run *run, struct err *err)
{
	const struct arguments *arguments = run->arguments;
	enum event_file_format format = EVENT_FILE_BY_NAME;
	if (arguments->format != NULL && event_file_format_parse(arguments->format, &format) != 0)
		return err_set(err, ERR_USAGE, "--input-format: expected avro, jsonl or csv, found \"%s\"",
			       arguments->format);
	for (size_t i = 0; i < arguments->keep.count; i++)
		resolve_kept(run, i);
	run->file =
	    event_file_open(arguments->input, format, &run->config->schema, run->paths, arguments->keep.count, err);
	if (run->file == NULL)
		return -1;
	if (arguments->partitions > 0)
		event_file_partitions(run->file, (int32_t)arguments->partitions);
	return 0;
}

static int open_outputs(struct run *run, struct err *err)
{
	const struct arguments *arguments = run->arguments;
	const char *inputs[] = {arguments->input, arguments->labels};
	for (size_t i = 0; i < 2; i++)
		if (inputs[i] != NULL &&
		    (output_is_input(arguments->output, inputs[i]) ||
		     (arguments->rejects != NULL && output_is_input(arguments->rejects, inputs[i]))))
			return err_set(err, ERR_USAGE, "an output is the input itself");
	if (output_open(&run->output, arguments->output, err) != 0)
		return -1;
	return arguments->rejects == NULL ? 0 : output_open(&run->rejects, arguments->rejects, err);
}

static int hide_kept(struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->arguments->keep.count; i++) {
		if (!run->pseudonyms[i] || run->kept[i].data == NULL)
			continue;
		run->kept[i] = pseudonym_of(offline_pseudonym(run->offline), run->kept[i], run->arena);
		if (run->kept[i].data == NULL)
			return err_memory(err);
	}
	return 0;
}

static int write_vector(struct run *run, const struct event_record *record, const struct vector *vector,
			struct err *err)
{
	struct vector_row row = {
	    .event = &record->event, .partition = record->partition, .kept = run->kept, .vector = vector};
	if (hide_kept(run, err) != 0)
		return -1;
	if (run->labels != NULL)
		row.label = label_book_find(run->labels, record->event.id, record->event.time_ms);
	vector_output_row(&run->output.buffer, offline_set(run->offline), &row, run->arguments->keep.count,
			  run->labels != NULL);
	output_flow(&run->output);
	return 0;
}

static void write_reject(struct run *run, const struct event_record *record, const struct offline_result *result)
{
	if (run->arguments->rejects == NULL)
		return;
	bool known = record->parsed || event_file_order_assumed(run->file);
	vector_output_reject(&run->rejects.buffer, known, record->partition, record->event.offset, result->outcome,
			     result->reason, result->message);
	output_flow(&run->rejects);
}

static int take_record(struct run *run, struct event_record *record, struct err *err)
{
	struct offline_result result;
	if (offline_apply(run->offline, record, run->arena, &result, err) != 0)
		return -1;
	if (result.outcome == OUTCOME_SCORED)
		return write_vector(run, record, result.vector, err);
	write_reject(run, record, &result);
	if (result.outcome == OUTCOME_INVALID && run->arguments->strict)
		return err_set(err, ERR_DATA, "%s: %s", run->arguments->input, result.message);
	return 0;
}

static int compute(struct run *run, struct err *err)
{
	struct event_record record;
	int status;
	vector_output_header(&run->output.buffer, offline_set(run->offline), run->arguments->keep.items,
			     run->arguments->keep.count, run->labels != NULL);
	common_progress_begin(&run->progress, "features");
	for (uint64_t count = 0; (status = event_file_next(run->file, run->arena, &record, run->kept, err)) == 1;) {
		status = take_record(run, &record, err);
		if (status != 0)
			break;
		arena_reset(run->arena);
		if (++count % PROGRESS_RECORDS == 0) {
			uint64_t read, size;
			event_file_progress(run->file, &read, &size);
			common_progress_show(&run->progress, count, "events", read, size);
		}
	}
	common_progress_end(&run->progress);
	return status;
}

/* Writes what is known of the vectors beside them; what went to a pipe has nothing beside it. */
static int end_outputs(struct run *run, const struct feature_set *set, bool order_assumed, struct err *err)
{
	struct stat facts;
	const char *path = run->arguments->output;
	struct about about = {.order_assumed = order_assumed, .bytes = run->output.written + run->output.buffer.length};
	if (output_close(&run->output, err) != 0 || output_close(&run->rejects, err) != 0)
		return -1;
	if (strcmp(path, "-") == 0 || stat(path, &facts) != 0 || !S_ISREG(facts.st_mode))
		return 0;
	strcpy(about.feature_set_id, feature_set_id(set));
	return about_write(path, &about, err);
}

static void print_summary(const struct run *run, const struct feature_set *set, int64_t started_us)
{
	char elapsed[32];
	fprintf(stderr, "%zu features of feature set %.12s in %s\n", feature_set_count(set), feature_set_id(set),
		common_elapsed(started_us, elapsed));
	if (run->labels != NULL)
		label_book_summary(run->labels, stderr);
}

/* Labels as of now, of --as-of, or of the end of what is read. */
static int read_labels(struct run *run, const struct pseudonym_options *pseudonym, const struct stretch_edge *to,
		       struct err *err)
{
	const struct arguments *arguments = run->arguments;
	struct label_book_options options = {
	    .path = arguments->labels, .pseudonym = pseudonym, .as_of_ms = common_wall_ms()};
	if (arguments->labels == NULL)
		return arguments->label_delay == NULL && arguments->as_of == NULL
			   ? 0
			   : err_set(err, ERR_USAGE, "--label-delay and --as-of go with --labels");
	if (to != NULL && to->kind == STRETCH_TIME)
		options.as_of_ms = to->time_ms;
	if (arguments->as_of != NULL && time_parse_rfc3339(slice_of(arguments->as_of), &options.as_of_ms) != 0)
		return err_set(err, ERR_USAGE, "--as-of \"%s\" is not a time such as 2026-03-29T01:00:00Z",
			       arguments->as_of);
	if (arguments->label_delay != NULL && duration_parse(slice_of(arguments->label_delay), &options.delay_ms) != 0)
		return err_set(err, ERR_USAGE, "--label-delay \"%s\" is not a duration such as 7d",
			       arguments->label_delay);
	run->labels = label_book_read(&options, err);
	return run->labels == NULL ? -1 : 0;
}

static int of_file(struct run *run, struct err *err)
{
	int64_t started_us = common_monotonic_us();
	const struct arguments *arguments = run->arguments;
	if (arguments->to != NULL || arguments->warm_up != NULL)
		return err_set(err, ERR_USAGE, "--to and --warm-up go with --from, not with --input");
	run->config = common_config(arguments->config, true, err);
	if (run->config == NULL)
		return -1;
	run->arena = arena_new(ARENA_BYTES);
	if (run->arena == NULL)
		return err_memory(err);
	run->offline = offline_new(run->config, false, err);
	if (run->offline == NULL || read_labels(run, offline_pseudonym(run->offline), NULL, err) != 0 ||
	    open_input(run, err) != 0 || open_outputs(run, err) != 0 || compute(run, err) != 0)
		return -1;
	const struct feature_set *set = offline_set(run->offline);
	bool assumed = event_file_order_assumed(run->file);
	if (end_outputs(run, set, assumed, err) != 0)
		return -1;
	print_summary(run, set, started_us);
	if (assumed)
		fputs("order=assumed\n", stderr);
	offline_summary(run->offline, stderr);
	return 0;
}

static int of_topic(struct run *run, struct err *err)
{
	int64_t started_us = common_monotonic_us();
	const struct arguments *arguments = run->arguments;
	struct stretch_edge *edges = calloc(2, sizeof *edges);
	uint64_t outcomes[OUTCOME_NUMBER];
	struct topic_vectors_options options = {.world = &run->world,
						.from = edges,
						.to = edges + 1,
						.warm_up_ms = -1,
						.memory_bytes = (size_t)arguments->memory_mb << 20,
						.kept = arguments->keep.items,
						.kept_count = arguments->keep.count,
						.output = &run->output,
						.rejects = arguments->rejects == NULL ? NULL : &run->rejects,
						.strict = arguments->strict};
	int status = -1;
	if (edges == NULL)
		return err_memory(err);
	if (arguments->input != NULL || arguments->format != NULL || arguments->partitions > 0)
		(void)err_set(err, ERR_USAGE, "--input, --input-format and --partitions do not go with --from");
	else if (arguments->warm_up != NULL && duration_parse(slice_of(arguments->warm_up), &options.warm_up_ms) != 0)
		(void)err_set(err, ERR_USAGE, "--warm-up \"%s\" is not a duration such as 30d", arguments->warm_up);
	else if (stretch_parse("from", arguments->from, &edges[0], err) == 0 &&
		 stretch_parse("to", arguments->to == NULL ? "latest" : arguments->to, &edges[1], err) == 0)
		status = world_open(&run->world, arguments->config, err);
	if (status == 0)
		status = read_labels(run, &run->world.pseudonym, &edges[1], err);
	options.labels = run->labels;
	if (status == 0)
		status = open_outputs(run, err);
	if (status == 0)
		status = topic_vectors(&options, outcomes, err);
	if (status == 0)
		status = end_outputs(run, run->world.set, false, err);
	free(edges);
	if (status != 0)
		return -1;
	print_summary(run, run->world.set, started_us);
	offline_print_summary(outcomes, stderr);
	return 0;
}

int cmd_features(int argc, char **argv)
{
	struct err err = {0};
	struct arguments *arguments = calloc(1, sizeof *arguments);
	struct run *run = calloc(1, sizeof *run);
	if (arguments == NULL || run == NULL) {
		(void)err_memory(&err);
		goto end;
	}
	run->arguments = arguments;
	arguments->memory_mb = MEMORY_DEFAULT_MB;
	if (parse(arguments, argc, argv, &err) != 1)
		;
	else if (arguments->from != NULL)
		(void)of_topic(run, &err);
	else if (arguments->input != NULL)
		(void)of_file(run, &err);
	else
		(void)err_set(&err, ERR_USAGE, "--input F is missing, or --from EDGE for the topic");
	struct err ignored = {0}; /* a failed run keeps its first error */
	(void)!output_close(&run->output, &ignored);
	(void)!output_close(&run->rejects, &ignored);
	event_file_close(run->file);
	label_book_free(run->labels);
	offline_free(run->offline);
	arena_free(run->arena);
	config_free(run->config);
	world_close(&run->world);
end:
	free(run);
	free(arguments);
	return common_end(NAME, &err);
}
