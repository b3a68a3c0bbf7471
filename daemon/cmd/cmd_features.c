/* outlierd features: vectors of a file of events, by the daemon's own transition, without Redis and Kafka. */
#include "daemon/cmd/about.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/offline.h"
#include "daemon/io/csv.h"
#include "daemon/io/output.h"
#include "json.h"
#include "number.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME "features"
#define ARENA_BYTES ((size_t)1 << 30) /* of one record, at most */
#define PROGRESS_RECORDS 2048

struct arguments {
	const char *config, *input, *output, *format, *rejects;
	struct common_list keep;
	int64_t partitions;
	bool strict;
};

struct run {
	const struct arguments *arguments;
	struct config *config;
	struct offline *offline;
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
	    {"input", "F", COMMON_TEXT, &arguments->input, .required = true,
	     .help = "events: .avro, .jsonl or .csv; - is standard input"},
	    {"output", "F", COMMON_TEXT, &arguments->output, .required = true,
	     .help = "vectors as CSV; - is standard output"},
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
	    .usage = "--config FILE --input F --output F [options]",
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
	if (output_is_input(arguments->output, arguments->input) ||
	    (arguments->rejects != NULL && output_is_input(arguments->rejects, arguments->input)))
		return err_set(err, ERR_USAGE, "an output is the input itself");
	if (output_open(&run->output, arguments->output, err) != 0)
		return -1;
	return arguments->rejects == NULL ? 0 : output_open(&run->rejects, arguments->rejects, err);
}

static void write_header(struct run *run)
{
	struct buffer *row = &run->output.buffer;
	const struct feature_set *set = offline_set(run->offline);
	buffer_add_text(row, "_event_id,_entity,_time_ms,_partition,_offset,_flags");
	for (size_t i = 0; i < run->arguments->keep.count; i++) {
		buffer_add_byte(row, ',');
		csv_add(row, slice_of(run->arguments->keep.items[i]));
	}
	for (size_t i = 0; i < feature_set_count(set); i++) {
		buffer_add_byte(row, ',');
		csv_add(row, slice_of(feature_set_name(set, i)));
	}
	buffer_add_byte(row, '\n');
}

static void add_integer(struct buffer *row, int64_t number)
{
	char text[NUMBER_TEXT_MAX];
	buffer_add_byte(row, ',');
	buffer_add(row, text, number_format_scaled(number, 0, text));
}

static void add_flags(struct buffer *row, unsigned flags)
{
	const char *separator = ",";
	if (flags == 0)
		buffer_add_byte(row, ',');
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		if ((flags >> i & 1) != 0) {
			buffer_add_text(row, separator);
			buffer_add_text(row, flag_name(i));
			separator = " ";
		}
}

static int add_kept(struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->arguments->keep.count; i++) {
		struct slice text = run->kept[i];
		if (run->pseudonyms[i] && text.data != NULL) {
			text = pseudonym_of(offline_pseudonym(run->offline), text, run->arena);
			if (text.data == NULL)
				return err_memory(err);
		}
		buffer_add_byte(&run->output.buffer, ',');
		csv_add(&run->output.buffer, text);
	}
	return 0;
}

static int write_vector(struct run *run, const struct event_record *record, const struct vector *vector,
			struct err *err)
{
	struct buffer *row = &run->output.buffer;
	csv_add(row, record->event.id);
	buffer_add_byte(row, ',');
	csv_add(row, record->event.entity);
	add_integer(row, record->event.time_ms);
	add_integer(row, record->partition);
	add_integer(row, record->event.offset);
	add_flags(row, vector->flags);
	if (add_kept(run, err) != 0)
		return -1;
	for (size_t i = 0; i < feature_set_count(offline_set(run->offline)); i++) {
		buffer_add_byte(row, ',');
		csv_add_number(row, vector->values[i]);
	}
	buffer_add_byte(row, '\n');
	output_flow(&run->output);
	return 0;
}

static void write_reject(struct run *run, const struct event_record *record, const struct offline_result *result)
{
	if (run->arguments->rejects == NULL)
		return;
	struct json json;
	bool known = record->parsed || event_file_order_assumed(run->file);
	json_begin(&json, &run->rejects.buffer);
	json_open_object(&json);
	json_name(&json, "_partition");
	known ? json_add_integer(&json, record->partition) : json_add_null(&json);
	json_name(&json, "_offset");
	known ? json_add_integer(&json, record->event.offset) : json_add_null(&json);
	json_name(&json, "outcome");
	json_add_string(&json, outcome_name(result->outcome));
	json_name(&json, "reason");
	json_add_string(&json, reason_name(result->reason));
	json_name(&json, "message");
	json_add_string(&json, result->message);
	json_close_object(&json);
	buffer_add_byte(&run->rejects.buffer, '\n');
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
	write_header(run);
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
static int write_about(struct run *run, uint64_t bytes, struct err *err)
{
	struct stat facts;
	const char *path = run->arguments->output;
	if (strcmp(path, "-") == 0 || stat(path, &facts) != 0 || !S_ISREG(facts.st_mode))
		return 0;
	struct about about = {.order_assumed = event_file_order_assumed(run->file), .bytes = bytes};
	strcpy(about.feature_set_id, feature_set_id(offline_set(run->offline)));
	return about_write(path, &about, err);
}

static int run_features(struct run *run, struct err *err)
{
	int64_t started_us = common_monotonic_us();
	char elapsed[32];
	run->config = common_config(run->arguments->config, true, err);
	if (run->config == NULL)
		return -1;
	run->arena = arena_new(ARENA_BYTES);
	if (run->arena == NULL)
		return err_memory(err);
	run->offline = offline_new(run->config, false, err);
	if (run->offline == NULL || open_input(run, err) != 0 || open_outputs(run, err) != 0 || compute(run, err) != 0)
		return -1;
	uint64_t bytes = run->output.written + run->output.buffer.length;
	if (output_close(&run->output, err) != 0 || output_close(&run->rejects, err) != 0 ||
	    write_about(run, bytes, err) != 0)
		return -1;
	fprintf(stderr, "%zu features of feature set %.12s in %s\n", feature_set_count(offline_set(run->offline)),
		feature_set_id(offline_set(run->offline)), common_elapsed(started_us, elapsed));
	if (event_file_order_assumed(run->file))
		fputs("order=assumed\n", stderr);
	offline_summary(run->offline, stderr);
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
	if (parse(arguments, argc, argv, &err) == 1)
		(void)run_features(run, &err);
	struct err ignored = {0}; /* a failed run keeps its first error */
	(void)!output_close(&run->output, &ignored);
	(void)!output_close(&run->rejects, &ignored);
	event_file_close(run->file);
	offline_free(run->offline);
	arena_free(run->arena);
	config_free(run->config);
end:
	free(run);
	free(arguments);
	return common_end(NAME, &err);
}
