/* outlierd score: scores of vectors by a model, or with --config the daemon's messages for a file of events. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/origin.h"
#include "daemon/cmd/score_events.h"
#include "daemon/cmd/score_plot.h"
#include "daemon/cmd/vectors.h"
#include "daemon/io/model_file.h"
#include "daemon/io/output.h"
#include "detectors/explain.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NAME "score"
#define BLOCK_ROWS 1024 /* scored together */
#define PHI_PREFIX "_phi_"

struct arguments {
	const char *model, *config, *input, *output, *format, *alerts, *decisions, *enriched, *amendments;
	struct common_list keep;
	int64_t partitions;
	bool explain;
	struct score_plot_options plot;
};

struct run {
	struct arguments arguments;
	struct model *model;
	struct explainer *explainer;
	struct score_plot *plot; /* NULL: none */
	struct vectors vectors;
	struct sha256 hash; /* of the vectors' bytes */
	struct output output;
	size_t *passed; /* columns of the input that are passed on */
	size_t passed_count;
	double *block; /* BLOCK_ROWS rows */
	double scores[BLOCK_ROWS];
	double *phi;
	struct buffer texts; /* the passed columns of the block's rows */
	size_t text_ends[BLOCK_ROWS];
	size_t rows; /* of the block */
	uint64_t total;
	struct common_progress progress;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"input", "F", COMMON_TEXT, &arguments->input, .required = true,
	     .help = "vectors as CSV, or with --config a file of events;\n- is standard input"},
	    {"model", "M", COMMON_TEXT, &arguments->model,
	     .help = "a model's file, or a directory of models for its champion"},
	    {"output", "F", COMMON_TEXT, &arguments->output, .help = "scores as CSV; - is standard output"},
	    {"keep", "C,...", COMMON_LIST, &arguments->keep,
	     .help = "columns of the input to be put beside the scores,\na label for example"},
	    {"explain", NULL, COMMON_FLAG, &arguments->explain,
	     .help = "adds _base and a _phi_NAME for each feature: the mean path\nlength is their sum; negative makes "
		     "more anomalous"},
	    {"plot", "FILE.svg", COMMON_TEXT, &arguments->plot.path,
	     .help = "draws how the features lead to the score of one row: that of\nthe highest score"},
	    {"plot-row", "N", COMMON_INTEGER, &arguments->plot.number, .minimum = 1, .maximum = 0x1p53,
	     .help = "of the row N instead, the first behind the header is 1"},
	    {"plot-id", "ID", COMMON_TEXT, &arguments->plot.id,
	     .help = "of the first row whose _event_id is ID instead"},
	    {"config", "FILE", COMMON_TEXT, &arguments->config,
	     .help = "goes the whole way from events to messages, as the daemon;\nthe model is the champion of "
		     "model.directory"},
	    {"alerts", "F", COMMON_TEXT, &arguments->alerts, .help = "with --config: alerts as JSON lines"},
	    {"decisions", "F", COMMON_TEXT, &arguments->decisions, .help = "with --config: decisions as JSON lines"},
	    {"enriched", "F", COMMON_TEXT, &arguments->enriched,
	     .help = "with --config: enriched events as JSON lines, the next\nstage's input"},
	    {"amendments", "F", COMMON_TEXT, &arguments->amendments,
	     .help = "with --config: decisions that late events have changed, as\nJSON lines"},
	    {"input-format", "avro|jsonl|csv", COMMON_TEXT, &arguments->format,
	     .help = "with --config: where the name of the input does not tell"},
	    {"partitions", "N", COMMON_INTEGER, &arguments->partitions, .minimum = 1, .maximum = 1000000,
	     .help = "with --config: partitions of the topic that the events come\nfrom; without it event.partitioner "
		     "is not checked"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--model M --input F --output F [--keep C,...] [--explain] [--plot FILE.svg]\n"
		     "       outlierd score --config FILE --input EVENTS [--alerts F] [--decisions F] [--enriched F]\n"
		     "                      [--amendments F] [--model M]",
	    .summary =
		"Writes one row for each vector: the input's columns that begin with _, those of --keep, _score and\n"
		"_rank. Columns are found by the names of the model's features. With --config it writes offline what\n"
		"the daemon would publish for the same events.",
	    .options = options,
	};
	return common_parse(&command, argc, argv, err);
}

static int score_offline(const struct arguments *arguments, struct err *err)
{
	if (arguments->output != NULL || arguments->keep.count > 0 || arguments->explain ||
	    arguments->plot.path != NULL || arguments->plot.number > 0 || arguments->plot.id != NULL)
		return err_set(err, ERR_USAGE,
			       "--output, --keep, --explain and --plot go with vectors, not with --config");
	if (arguments->alerts == NULL && arguments->decisions == NULL && arguments->enriched == NULL &&
	    arguments->amendments == NULL)
		return err_set(err, ERR_USAGE,
			       "--config needs --alerts F, --decisions F, --enriched F or --amendments F");
	struct score_events_options options = {
	    .config = arguments->config,
	    .input = arguments->input,
	    .format = EVENT_FILE_BY_NAME,
	    .alerts = arguments->alerts,
	    .decisions = arguments->decisions,
	    .enriched = arguments->enriched,
	    .amendments = arguments->amendments,
	    .model = arguments->model,
	    .partitions = (int32_t)arguments->partitions,
	};
	if (arguments->format != NULL && event_file_format_parse(arguments->format, &options.format) != 0)
		return err_set(err, ERR_USAGE, "--input-format: expected avro, jsonl or csv, found \"%s\"",
			       arguments->format);
	if ((options.alerts != NULL && output_is_input(options.alerts, options.input)) ||
	    (options.decisions != NULL && output_is_input(options.decisions, options.input)) ||
	    (options.enriched != NULL && output_is_input(options.enriched, options.input)) ||
	    (options.amendments != NULL && output_is_input(options.amendments, options.input)))
		return err_set(err, ERR_USAGE, "an output is the input itself");
	return score_events(&options, err);
}

/* True for columns that this command writes itself: they are not passed on from an earlier run. */
static bool is_ours(struct slice name)
{
	size_t prefix = strlen(PHI_PREFIX);
	return slice_equal(name, slice_of("_score")) || slice_equal(name, slice_of("_rank")) ||
	       slice_equal(name, slice_of("_base")) ||
	       (name.length >= prefix && memcmp(name.data, PHI_PREFIX, prefix) == 0);
}

/* Which columns are passed on: underscore columns in their order, then what is to be kept. */
static int choose_passed(struct run *run, struct err *err)
{
	const struct common_list *keep = &run->arguments.keep;
	size_t count;
	const struct slice *header = csv_header(run->vectors.csv, &count);
	run->passed = calloc(count + keep->count, sizeof *run->passed);
	if (run->passed == NULL)
		return err_memory(err);
	for (size_t i = 0; i < count; i++)
		if (header[i].length > 0 && *(const char *)header[i].data == '_' && !is_ours(header[i]))
			run->passed[run->passed_count++] = i;
	for (size_t i = 0; i < keep->count; i++) {
		long column = csv_find(run->vectors.csv, slice_of(keep->items[i]));
		if (column < 0)
			return err_set(err, ERR_DATA, "%s: line 1: no column %s, which --keep names",
				       run->arguments.input, keep->items[i]);
		run->passed[run->passed_count++] = (size_t)column;
	}
	return 0;
}

static void write_header(struct run *run)
{
	struct buffer *row = &run->output.buffer;
	size_t count;
	const struct slice *header = csv_header(run->vectors.csv, &count);
	for (size_t i = 0; i < run->passed_count; i++) {
		csv_add(row, header[run->passed[i]]);
		buffer_add_byte(row, ',');
	}
	buffer_add_text(row, "_score,_rank");
	if (run->explainer != NULL)
		buffer_add_text(row, ",_base");
	for (size_t i = 0; run->explainer != NULL && i < run->model->feature_count; i++) {
		buffer_add_text(row, "," PHI_PREFIX);
		csv_add(row, slice_of(run->model->features[i]));
	}
	buffer_add_byte(row, '\n');
}

static void add_number(struct buffer *row, double number)
{
	buffer_add_byte(row, ',');
	csv_add_number(row, number);
}

static void write_explanation(struct run *run, const double *values)
{
	double base;
	explainer_row(run->explainer, values, run->phi, &base);
	add_number(&run->output.buffer, base);
	for (size_t i = 0; i < run->model->feature_count; i++)
		add_number(&run->output.buffer, run->phi[i]);
}

/* Scores the rows of the block and writes them. */
static int write_block(struct run *run, struct err *err)
{
	size_t columns = run->model->feature_count, start = 0;
	struct matrix matrix = {run->block, run->rows, columns, columns};
	if (forest_score(run->model->forest, &matrix, run->scores, err) != 0)
		return err_prepend(err, "%s: rows up to line %llu", run->arguments.input,
				   (unsigned long long)csv_line(run->vectors.csv));
	if (buffer_failed(&run->texts))
		return err_memory(err);
	for (size_t i = 0; i < run->rows; i++) {
		struct buffer *row = &run->output.buffer;
		buffer_add(row, run->texts.data + start, run->text_ends[i] - start);
		start = run->text_ends[i];
		csv_add_number(row, run->scores[i]);
		add_number(row, calibration_rank(&run->model->calibration, run->scores[i]));
		if (run->explainer != NULL)
			write_explanation(run, run->block + i * columns);
		buffer_add_byte(row, '\n');
		output_flow(&run->output);
	}
	if (run->plot != NULL)
		score_plot_block(run->plot, &matrix, run->scores);
	run->total += run->rows;
	run->rows = 0;
	buffer_reset(&run->texts);
	const struct input *input = csv_input(run->vectors.csv);
	common_progress_show(&run->progress, run->total, "rows", input->read, input->size);
	return 0;
}

static int score_rows(struct run *run, struct err *err)
{
	int status;
	write_header(run);
	while ((status = vectors_next(&run->vectors, run->block + run->rows * run->model->feature_count, err)) == 1) {
		for (size_t i = 0; i < run->passed_count; i++) {
			csv_add(&run->texts, run->vectors.texts[run->passed[i]]);
			buffer_add_byte(&run->texts, ',');
		}
		run->text_ends[run->rows++] = run->texts.length;
		if (run->plot != NULL)
			score_plot_row(run->plot, run->vectors.texts);
		if (run->rows == BLOCK_ROWS && write_block(run, err) != 0)
			return -1;
	}
	return status == 0 && run->rows > 0 ? write_block(run, err) : status;
}

static int prepare(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	run->model = model_read(arguments->model, err);
	sha256_init(&run->hash);
	if (run->model == NULL || vectors_open(&run->vectors, arguments->input, false, &run->hash, err) != 0)
		return -1;
	const char *const *names = (const char *const *)run->model->features;
	if (vectors_choose(&run->vectors, names, run->model->feature_count, err) != 0 || choose_passed(run, err) != 0)
		return -1;
	run->block = calloc(BLOCK_ROWS * run->model->feature_count, sizeof *run->block);
	run->phi = calloc(run->model->feature_count, sizeof *run->phi);
	run->explainer = arguments->explain ? explainer_new(run->model->forest) : NULL;
	if (run->block == NULL || run->phi == NULL || (arguments->explain && run->explainer == NULL))
		return err_memory(err);
	if (arguments->plot.path != NULL) {
		run->plot =
		    score_plot_new(&arguments->plot, run->vectors.csv, run->model->feature_count, BLOCK_ROWS, err);
		if (run->plot == NULL)
			return -1;
	}
	return output_open(&run->output, arguments->output, err);
}

/* Says beside the scores where they come from. */
static int write_origin(struct run *run, struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	struct origin origin = origin_of(run->model);
	sha256_end(&run->hash, digest);
	hex_of(digest, sizeof digest, origin.input_sha256);
	return strcmp(run->arguments.output, "-") == 0 ? 0 : origin_write(run->arguments.output, &origin, err);
}

static int score_vectors(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	int64_t started_us = common_monotonic_us();
	char elapsed[32];
	if (arguments->model == NULL || arguments->output == NULL)
		return err_set(err, ERR_USAGE,
			       "--model M and --output F are needed, or --config FILE for a file of events");
	if (arguments->alerts != NULL || arguments->decisions != NULL || arguments->enriched != NULL ||
	    arguments->amendments != NULL || arguments->format != NULL || arguments->partitions > 0)
		return err_set(err, ERR_USAGE,
			       "--alerts, --decisions, --enriched, --amendments, --input-format and --partitions need "
			       "--config FILE");
	if (output_is_input(arguments->output, arguments->input))
		return err_set(err, ERR_USAGE, "the output is the input itself");
	if (score_plot_check(&arguments->plot, arguments->input, arguments->output, err) != 0 || prepare(run, err) != 0)
		return -1;
	common_progress_begin(&run->progress, "scoring");
	int status = score_rows(run, err);
	common_progress_end(&run->progress);
	if (status != 0 || output_close(&run->output, err) != 0 || write_origin(run, err) != 0)
		return -1;
	if (run->plot != NULL && score_plot_write(run->plot, run->model, err) != 0)
		return -1;
	fprintf(stderr, "scored %llu rows with model %.12s in %s\n", (unsigned long long)run->total, run->model->id,
		common_elapsed(started_us, elapsed));
	return 0;
}

int cmd_score(int argc, char **argv)
{
	struct err err = {0}, ignored = {0};
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		(void)err_memory(&err);
		return common_end(NAME, &err);
	}
	buffer_init(&run->texts);
	if (parse(&run->arguments, argc, argv, &err) == 1)
		(void)(run->arguments.config != NULL ? score_offline(&run->arguments, &err) : score_vectors(run, &err));
	(void)!output_close(&run->output, &ignored);
	vectors_close(&run->vectors);
	explainer_free(run->explainer);
	score_plot_free(run->plot);
	model_free(run->model);
	buffer_free(&run->texts);
	free(run->passed);
	free(run->block);
	free(run->phi);
	free(run);
	return common_end(NAME, &err);
}
