/* outlierd evaluate: how well scores find what is labelled positive, and the threshold to choose. */
#include "daemon/cmd/assess_report.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/origin.h"
#include "daemon/io/model_file.h"
#include "daemon/io/output.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NAME "evaluate"
#define DAY_MS 86400000.0
#define MINUTE_MS 60000
#define RESAMPLES 1000
#define RESAMPLES_LARGE 200 /* of more than ROWS_LARGE rows */
#define ROWS_LARGE 1000000
#define TOP_DEFAULT 100 /* rows, and rows a day */

struct arguments {
	struct labelled_options sources;
	struct common_list thresholds, at, per_day;
	const char *cost_miss, *utc_offset, *model, *plot;
	double cost_alert, capacity;
	int64_t bootstrap, seed;
	bool json, allow_training_rows;
};

struct run {
	struct arguments arguments;
	struct assess_options options;
	struct labelled labelled;
	struct assessment assessment;
	struct origin origin;
	struct buffer text;
	struct output output;
	struct common_progress progress;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct labelled_options *sources = &arguments->sources;
	const struct common_option options[] = {
	    {"scores", "F", COMMON_TEXT, &sources->scores, .required = true,
	     .help = "scores as CSV, as outlierd score writes them;\n- is standard input"},
	    {"label", "COLUMN", COMMON_TEXT, &sources->label,
	     .help = "which column says what is positive: 1 or true, 0 or false,\nempty where nobody knows"},
	    {"labels", "FILE", COMMON_TEXT, &sources->labels,
	     .help = "labels as CSV, joined by _event_id; also for costs, weights\nand groups that the scores lack"},
	    {"positive", "TEXT", COMMON_TEXT, &sources->positive,
	     .help = "the label that is positive; others are negative"},
	    {"unlabelled-negative", NULL, COMMON_FLAG, &sources->unlabelled_negative,
	     .help = "rows without a label are negative, instead of left out"},
	    {"score", "COLUMN", COMMON_TEXT, &sources->score, .help = "which column is the score (_score)"},
	    {"weight", "COLUMN", COMMON_TEXT, &sources->weight, .help = "how many rows each row stands for"},
	    {"threshold", "S,...", COMMON_LIST, &arguments->thresholds, .help = "alerts at scores from S on"},
	    {"at", "K,...", COMMON_LIST, &arguments->at,
	     .help = "alerts of the K highest scores, or of so many percent:\n100,1% (100,1%)"},
	    {"per-day", "K,...", COMMON_LIST, &arguments->per_day,
	     .help = "alerts of the K highest scores of each day, by _time_ms\n(100 where there are times)"},
	    {"utc-offset", "+HH:MM", COMMON_TEXT, &arguments->utc_offset, .help = "where days begin (+00:00)"},
	    {"by", "COLUMN", COMMON_TEXT, &sources->group,
	     .help = "all for each value of a column, too; alerts there at the\nthreshold chosen, else the first of "
		     "--threshold or --at"},
	    {"cost-miss", "X", COMMON_TEXT, &arguments->cost_miss,
	     .help = "what a positive costs that is no alert: a number, or a column"},
	    {"cost-alert", "X", COMMON_NUMBER, &arguments->cost_alert, .minimum = 0, .maximum = 1e12,
	     .help = "what looking at an alert costs"},
	    {"capacity", "N", COMMON_NUMBER, &arguments->capacity, .minimum = 1e-6, .maximum = 1e9,
	     .help = "the threshold that gives N alerts a day"},
	    {"compare", "FILE", COMMON_TEXT, &sources->compare,
	     .help = "other scores for the same rows: differences with intervals"},
	    {"model", "M", COMMON_TEXT, &arguments->model,
	     .help = "the model that scored, where no FILE.scored.json says it"},
	    {"allow-training-rows", NULL, COMMON_FLAG, &arguments->allow_training_rows,
	     .help = "evaluate although the model was trained on these rows, or on\nrows of the same time"},
	    {"bootstrap", "N", COMMON_INTEGER, &arguments->bootstrap, .minimum = 0, .maximum = 100000,
	     .help = "resamples for intervals; 0: none (1000; 200 where there are\nmore than a million rows)"},
	    {"seed", "N", COMMON_INTEGER, &arguments->seed, .minimum = 0, .maximum = (double)TRAIN_SEED_MAX,
	     .help = "same rows and seed, same intervals (1)"},
	    {"json", NULL, COMMON_FLAG, &arguments->json, .help = "one JSON object instead of tables"},
	    {"plot", "FILE", COMMON_TEXT, &arguments->plot,
	     .help = "an SVG: precision against recall, and with costs the loss"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--scores F --label COLUMN [options]\n"
		     "       outlierd evaluate --scores F --labels FILE [--label COLUMN] [options]",
	    .summary =
		"Tells how well scores find the rows that are labelled positive: areas under curves, precision and\n"
		"recall of the alerts at thresholds, the threshold that costs least or fits a capacity, each with a\n"
		"95 % interval. Rows of equal score are never told apart.",
	    .options = options,
	};
	return common_parse(&command, argc, argv, err);
}

static int wrong_element(const char *option, const char *text, const char *wanted, struct err *err)
{
	return err_set(err, ERR_USAGE, "--%s: expected %s, found \"%s\"", option, wanted, text);
}

static int read_thresholds(const struct common_list *list, struct assess_options *options, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (number_parse(slice_of(list->items[i]), &options->thresholds[i]) != 0)
			return wrong_element("threshold", list->items[i], "a score", err);
	options->threshold_count = list->count;
	return 0;
}

static int read_tops(const struct common_list *list, struct assess_options *options, struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct assess_count *top = &options->tops[i];
		struct slice text = slice_of(list->items[i]);
		top->percent = text.length > 0 && list->items[i][text.length - 1] == '%';
		text.length -= top->percent;
		if (number_parse(text, &top->value) != 0 || top->value <= 0 || (top->percent && top->value > 100))
			return wrong_element("at", list->items[i], "a number of rows or a percentage such as 1%", err);
	}
	options->top_count = list->count;
	return 0;
}

static int read_per_day(const struct common_list *list, struct assess_options *options, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (number_parse(slice_of(list->items[i]), &options->per_day[i]) != 0 || options->per_day[i] <= 0)
			return wrong_element("per-day", list->items[i], "a number of rows", err);
	options->per_day_count = list->count;
	return 0;
}

/* "+HH:MM", "-HH:MM", "Z". */
static int read_utc_offset(const char *text, int64_t *offset_ms, struct err *err)
{
	int hours = 0, minutes = 0, used = 0;
	*offset_ms = 0;
	if (text == NULL || strcmp(text, "Z") == 0)
		return 0;
	bool signed_form = (*text == '+' || *text == '-') && strlen(text) == 6;
	if (!signed_form || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || hours < 0 ||
	    hours > 18 || minutes < 0 || minutes > 59)
		return wrong_element("utc-offset", text, "an offset such as +01:00", err);
	*offset_ms = (*text == '-' ? -1 : 1) * (int64_t)(60 * hours + minutes) * MINUTE_MS;
	return 0;
}

static int read_costs(struct arguments *arguments, struct err *err)
{
	struct labelled_options *sources = &arguments->sources;
	if ((arguments->cost_miss == NULL) != isnan(arguments->cost_alert))
		return err_set(err, ERR_USAGE, "--cost-miss and --cost-alert go together");
	if (arguments->cost_miss == NULL)
		return 0;
	if (number_parse(slice_of(arguments->cost_miss), &sources->miss_cost_number) != 0)
		sources->miss_cost = arguments->cost_miss;
	else if (sources->miss_cost_number < 0)
		return wrong_element("cost-miss", arguments->cost_miss, "a cost that is not negative, or a column",
				     err);
	return 0;
}

static int check_arguments(struct run *run, struct err *err)
{
	struct arguments *arguments = &run->arguments;
	const struct labelled_options *sources = &arguments->sources;
	const struct common_list *lists[] = {&arguments->thresholds, &arguments->at, &arguments->per_day};
	static const char *const names[] = {"threshold", "at", "per-day"};
	if (sources->label == NULL && sources->labels == NULL)
		return err_set(err, ERR_USAGE, "--label COLUMN or --labels FILE is needed");
	for (size_t i = 0; i < 3; i++)
		if (lists[i]->count > ASSESS_LIST_MAX)
			return err_set(err, ERR_USAGE, "--%s: more than %d elements", names[i], ASSESS_LIST_MAX);
	const char *inputs[] = {sources->scores, sources->labels, sources->compare};
	size_t streams = 0;
	for (size_t i = 0; i < 3; i++) {
		streams += inputs[i] != NULL && strcmp(inputs[i], "-") == 0;
		if (arguments->plot != NULL && inputs[i] != NULL && output_is_input(arguments->plot, inputs[i]))
			return err_set(err, ERR_USAGE, "--plot %s is an input", arguments->plot);
	}
	if (streams > 1)
		return err_set(err, ERR_USAGE, "standard input can be only one of --scores, --labels and --compare");
	if (arguments->plot != NULL && strcmp(arguments->plot, "-") == 0)
		return err_set(err, ERR_USAGE, "--plot needs a file: the tables go to standard output");
	if (read_thresholds(lists[0], &run->options, err) != 0 || read_tops(lists[1], &run->options, err) != 0 ||
	    read_per_day(lists[2], &run->options, err) != 0 || read_costs(arguments, err) != 0)
		return -1;
	return read_utc_offset(arguments->utc_offset, &arguments->sources.utc_offset_ms, err);
}

/* What depends on the rows: whether they have times and ranks, and how many they are. */
static int complete_options(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	const struct labelled *labelled = &run->labelled;
	struct assess_options *options = &run->options;
	if (options->top_count == 0) {
		options->tops[0] = (struct assess_count){TOP_DEFAULT, false};
		options->tops[1] = (struct assess_count){1, true};
		options->top_count = 2;
	}
	if (!labelled->timed && (options->per_day_count > 0 || !isnan(arguments->capacity)))
		return err_set(err, ERR_DATA, "%s: --per-day and --capacity need a _time_ms in each row",
			       arguments->sources.scores);
	if (labelled->timed && options->per_day_count == 0)
		options->per_day[options->per_day_count++] = TOP_DEFAULT;
	options->alert_cost = arguments->cost_alert;
	options->capacity = arguments->capacity;
	if (labelled->timed)
		options->span_days = (double)(labelled->time_to_ms - labelled->time_from_ms) / DAY_MS;
	if (!isnan(options->capacity) && options->span_days == 0)
		return err_set(err, ERR_DATA, "%s: all rows have the same time, so there are no alerts a day",
			       arguments->sources.scores);
	options->day_limit = labelled->day_limit;
	options->group_count = labelled->group_count;
	options->ranked = labelled->ranked;
	options->compared = labelled->compared;
	bool large = labelled->count > ROWS_LARGE;
	options->resamples = (uint32_t)(arguments->bootstrap >= 0 ? arguments->bootstrap
					: large                   ? RESAMPLES_LARGE
								  : RESAMPLES);
	options->seed = (uint64_t)arguments->seed;
	options->progress = common_progress_rows;
	options->context = &run->progress;
	return 0;
}

/* What is known of the model that made a file of scores. */
static int check_origin(const struct run *run, const char *path, struct origin *origin, struct err *err)
{
	const struct labelled *labelled = &run->labelled;
	if (origin_read(path, origin, err) != 0)
		return -1;
	if (run->arguments.model != NULL && !origin->known) {
		struct model *model = model_read(run->arguments.model, err);
		if (model == NULL)
			return -1;
		*origin = origin_of(model);
		model_free(model);
	}
	if (run->arguments.allow_training_rows)
		return 0;
	return origin_check(origin, path, labelled->timed ? labelled->time_from_ms : 1,
			    labelled->timed ? labelled->time_to_ms : 0, err);
}

static int check_training(struct run *run, struct err *err)
{
	const struct labelled_options *sources = &run->arguments.sources;
	struct origin other;
	if (check_origin(run, sources->scores, &run->origin, err) != 0)
		return -1;
	return sources->compare == NULL ? 0 : check_origin(run, sources->compare, &other, err);
}

static int write_all(struct run *run, const char *path, struct err *err)
{
	if (buffer_failed(&run->text))
		return err_memory(err);
	if (output_open(&run->output, path, err) != 0)
		return -1;
	buffer_add(&run->output.buffer, run->text.data, run->text.length);
	buffer_reset(&run->text);
	return output_close(&run->output, err);
}

static int report(struct run *run, struct err *err)
{
	const struct assess_report shown = {
	    .options = &run->options,
	    .assessment = &run->assessment,
	    .labelled = &run->labelled,
	    .sources = &run->arguments.sources,
	    .miss_cost = run->arguments.cost_miss,
	    .model_id = run->origin.known ? run->origin.model_id : NULL,
	    .total_days = run->labelled.timed ? run->options.span_days : NAN,
	};
	if (run->arguments.plot != NULL &&
	    (assess_plot(&shown, &run->text, err) != 0 || write_all(run, run->arguments.plot, err) != 0))
		return -1;
	if (run->arguments.json)
		assess_json(&shown, &run->text);
	else
		assess_text(&shown, &run->text);
	return write_all(run, "-", err);
}

static int evaluate(struct run *run, struct err *err)
{
	if (check_arguments(run, err) != 0)
		return -1;
	run->arguments.sources.progress = common_progress_rows;
	run->arguments.sources.context = &run->progress;
	if (labelled_read(&run->labelled, &run->arguments.sources, err) != 0 || check_training(run, err) != 0 ||
	    complete_options(run, err) != 0 ||
	    assess(&run->assessment, &run->options, run->labelled.rows, run->labelled.count, err) != 0)
		return -1;
	common_progress_end(&run->progress);
	return report(run, err);
}

int cmd_evaluate(int argc, char **argv)
{
	struct err err = {0}, ignored = {0};
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		(void)err_memory(&err);
		return common_end(NAME, &err);
	}
	buffer_init(&run->text);
	run->arguments.sources.score = "_score";
	run->arguments.cost_alert = run->arguments.capacity = NAN;
	run->arguments.bootstrap = -1;
	run->arguments.seed = 1;
	if (parse(&run->arguments, argc, argv, &err) == 1)
		(void)evaluate(run, &err);
	common_progress_end(&run->progress);
	(void)!output_close(&run->output, &ignored);
	assess_free(&run->assessment);
	labelled_free(&run->labelled);
	buffer_free(&run->text);
	free(run);
	return common_end(NAME, &err);
}
