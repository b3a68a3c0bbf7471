/* outlierd train: a model from a CSV file of vectors. */
#include "daemon/cmd/about.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/decision_rows.h"
#include "daemon/cmd/model_output.h"
#include "daemon/cmd/training.h"
#include "daemon/io/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "train"
#define MEMORY_DEFAULT_MB 4096

struct arguments {
	const char *config, *input, *output, *calibrate, *leaf_value, *cuts, *from, *to;
	struct common_list features, label, ignore;
	int64_t trees, sample, seed, memory_mb;
};

struct run {
	struct arguments arguments;
	struct config *config;
	struct feature_set *set; /* NULL: no configuration */
	struct vectors rows, calibrate;
	struct sha256 hash, calibrate_hash;
	struct about about;
	struct model *model;
	struct common_progress progress;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"input", "F", COMMON_TEXT, &arguments->input,
	     .help = "vectors as CSV with a header, - is standard input; or with\n--config recorded decisions (.jsonl, "
		     "or an "
		     "Avro file .avro)"},
	    {"from", "EDGE", COMMON_TEXT, &arguments->from,
	     .help = "instead: the decisions topic of --config, of records from here\non: " STRETCH_EDGE_HELP},
	    {"to", "EDGE", COMMON_TEXT, &arguments->to, .help = "... up to here, not included (latest)"},
	    {"memory", "MIB", COMMON_INTEGER, &arguments->memory_mb, .minimum = 1, .maximum = 1 << 24,
	     .help = "of decisions: the most that their rows may need (4096)"},
	    {"output", "M", COMMON_TEXT, &arguments->output, .required = true,
	     .help = "the model's file, or a directory of models (name/ makes it):\nthere it is added as ID.json, and "
		     "becomes the champion if\nthere is none"},
	    {"config", "FILE", COMMON_TEXT, &arguments->config,
	     .help = "trains on the configured features and names their feature set\nin the model"},
	    {"features", "A,B,...", COMMON_LIST, &arguments->features,
	     .help = "columns to train on, with --config some of its features; default:\nall of its features, or all "
		     "columns that do not begin with _"},
	    {"label", "C", COMMON_LIST, &arguments->label, .help = "columns that are labels, not to be trained on"},
	    {"ignore", "C,...", COMMON_LIST, &arguments->ignore,
	     .help = "further columns not to be trained on, also of configured\nfeatures: those that only quotients "
		     "and rules need"},
	    {"trees", "N", COMMON_INTEGER, &arguments->trees, .minimum = 1, .maximum = FOREST_TREES_MAX,
	     .help = "number of trees (100)"},
	    {"sample", "N", COMMON_INTEGER, &arguments->sample, .minimum = 1, .maximum = 1 << 24,
	     .help = "rows drawn for each tree (256)"},
	    {"seed", "N", COMMON_INTEGER, &arguments->seed, .minimum = 0, .maximum = (double)TRAIN_SEED_MAX,
	     .help = "same rows and seed, same model (1)"},
	    {"leaf-value", "depth|density", COMMON_TEXT, &arguments->leaf_value,
	     .help = "what a leaf counts: how deep it is (depth), or how few rows it\nhas for its volume (density): "
		     "see the "
		     "detector's manual"},
	    {"cuts", "random|gain", COMMON_TEXT, &arguments->cuts,
	     .help =
		 "where columns are cut: all at random, or every second one\n(by a coin) where the values part best: "
		 "see the\ndetector's manual"},
	    {"calibrate", "FILE", COMMON_TEXT, &arguments->calibrate,
	     .help = "vectors whose scores make the thresholds, better later ones\nthan the training rows; default: "
		     "the training rows"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--input F --output M [--config FILE] [options]\n"
		     "       outlierd train --config FILE --from EDGE [--to EDGE] --output M [options]",
	    .summary =
		"Trains an isolation forest on the rows of a CSV file of vectors. Rows whose _flags say \"warming\"\n"
		"are left out and counted; a column that is no number is an error with its line.",
	    .options = options,
	};
	return common_parse(&command, argc, argv, err);
}

static int read_config(struct run *run, struct err *err)
{
	const struct common_list *features = &run->arguments.features;
	if (run->arguments.config == NULL)
		return 0;
	run->config = common_config(run->arguments.config, true, err);
	if (run->config == NULL)
		return -1;
	if (feature_set_new(&run->set, &run->config->features, NULL, NULL, err) != 0)
		return err_prepend(err, "%s", run->arguments.config);
	for (size_t i = 0; i < features->count; i++)
		if (feature_set_find(run->set, features->items[i]) < 0)
			return err_set(err, ERR_USAGE, "--features %s: %s has no such feature", features->items[i],
				       run->arguments.config);
	return 0;
}

static bool is_ignored(const struct arguments *arguments, const char *name)
{
	for (size_t i = 0; i < arguments->ignore.count; i++)
		if (strcmp(arguments->ignore.items[i], name) == 0)
			return true;
	return false;
}

/* The columns to train on: configured and not ignored, given, or what is left. */
static int choose(struct run *run, struct vectors *vectors, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	const char *names[COMMON_LIST_MAX];
	size_t count = 0;
	if (arguments->features.count > 0)
		return vectors_choose(vectors, arguments->features.items, arguments->features.count, err);
	if (run->set != NULL) {
		for (size_t i = 0; i < feature_set_count(run->set); i++)
			if (!is_ignored(arguments, feature_set_name(run->set, i)))
				names[count++] = feature_set_name(run->set, i);
		return vectors_choose(vectors, names, count, err);
	}
	const char *left_out[2 * COMMON_LIST_MAX];
	for (size_t i = 0; i < arguments->label.count; i++)
		left_out[count++] = arguments->label.items[i];
	for (size_t i = 0; i < arguments->ignore.count; i++)
		left_out[count++] = arguments->ignore.items[i];
	return vectors_choose_rest(vectors, left_out, count, err);
}

/* Recorded decisions as a file of vectors, which is removed once it is open. */
static int spool_decisions(struct run *run, char *path, size_t size, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	struct stretch_edge *edges = calloc(2, sizeof *edges);
	struct decision_rows_counts counts;
	struct world world = {0};
	int status = edges == NULL ? err_memory(err) : world_open(&world, arguments->config, err);
	if (status == 0 && arguments->from != NULL)
		status =
		    stretch_parse("from", arguments->from, &edges[0], err) != 0 ||
			    stretch_parse("to", arguments->to == NULL ? "latest" : arguments->to, &edges[1], err) != 0
			? -1
			: world_codec(&world, err);
	const struct decision_rows_options options = {.world = &world,
						      .path = arguments->from == NULL ? arguments->input : NULL,
						      .edges = edges,
						      .memory_bytes = (size_t)arguments->memory_mb << 20};
	if (status == 0)
		status = decision_rows_spool(&options, path, size, &counts, err);
	if (status == 0)
		fprintf(stderr,
			"%" PRIu64 " decisions; left out %" PRIu64 " of other feature sets, %" PRIu64
			" of other topics, %" PRIu64 " unreadable\n",
			counts.taken, counts.other_features, counts.other_topics, counts.unreadable);
	world_close(&world);
	free(edges);
	return status;
}

static int open_input(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	char path[4096];
	bool decisions = arguments->from != NULL || decision_rows_is_file(arguments->input);
	sha256_init(&run->hash);
	if (!decisions)
		return about_read(arguments->input, &run->about, err) != 0
			   ? -1
			   : vectors_open(&run->rows, arguments->input, true, &run->hash, err);
	if (arguments->config == NULL)
		return err_set(err, ERR_USAGE, "decisions need --config FILE: which features they are of");
	if (spool_decisions(run, path, sizeof path, err) != 0)
		return -1;
	int status = vectors_open(&run->rows, path, true, &run->hash, err);
	(void)unlink(path);
	run->about.known = true; /* decisions have their records' coordinates */
	strcpy(run->about.feature_set_id, feature_set_id(run->set));
	return status;
}

static int check_input(const struct arguments *arguments, struct err *err)
{
	if ((arguments->input == NULL) == (arguments->from == NULL))
		return err_set(err, ERR_USAGE,
			       arguments->input == NULL ? "--input F is missing, or --from EDGE for the decisions topic"
							: "--input and --from: one of them");
	if (arguments->to != NULL && arguments->from == NULL)
		return err_set(err, ERR_USAGE, "--to goes with --from");
	return 0;
}

static int open_rows(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	struct vectors *rows = &run->rows;
	if (open_input(run, err) != 0 || choose(run, rows, err) != 0)
		return -1;
	if (rows->count == 0 || rows->count > FOREST_COLUMNS_MAX)
		return err_set(err, ERR_DATA, "%s: %zu columns to train on, not 1 to %d",
			       arguments->input == NULL ? "decisions" : arguments->input, rows->count,
			       FOREST_COLUMNS_MAX);
	if (run->set != NULL && run->about.known && strcmp(run->about.feature_set_id, feature_set_id(run->set)) != 0)
		return err_set(err, ERR_DATA,
			       "%s: its vectors are of feature set %s, but %s has feature set %s: compute them anew",
			       arguments->input, run->about.feature_set_id, arguments->config,
			       feature_set_id(run->set));
	return 0;
}

static int open_calibrate(struct run *run, bool *order_assumed, struct err *err)
{
	const char *path = run->arguments.calibrate;
	struct about about = {0};
	if (path == NULL)
		return 0;
	if (strcmp(path, "-") == 0 && run->arguments.input != NULL && strcmp(run->arguments.input, "-") == 0)
		return err_set(err, ERR_USAGE, "--input and --calibrate are both standard input");
	sha256_init(&run->calibrate_hash);
	const char *const *names = (const char *const *)run->rows.names;
	if (about_read(path, &about, err) != 0 ||
	    vectors_open(&run->calibrate, path, true, &run->calibrate_hash, err) != 0 ||
	    vectors_choose(&run->calibrate, names, run->rows.count, err) != 0)
		return -1;
	*order_assumed = !about.known || about.order_assumed;
	return 0;
}

static void print_summary(const struct run *run, const char *elapsed)
{
	const struct model *model = run->model;
	const struct model_source *on = &model->trained_on, *by = &model->calibrated_on;
	fprintf(stderr, "trained on %llu rows (%llu warming rows left out), %zu features, %u trees of %u rows, in %s\n",
		(unsigned long long)on->rows, (unsigned long long)on->rows_left_out, model->feature_count,
		model->options.trees, forest_borrow(model->forest)->psi, elapsed);
	if (run->arguments.calibrate != NULL)
		fprintf(stderr, "calibrated on %llu rows (%llu warming rows left out)\n", (unsigned long long)by->rows,
			(unsigned long long)by->rows_left_out);
	static const double quantiles[] = {0.9, 0.99, 0.999};
	fputs("thresholds:", stderr);
	for (size_t i = 0; i < 3; i++) {
		struct err err = {0};
		double score;
		if (calibration_quantile(&model->calibration, quantiles[i], &score, &err) == 0)
			fprintf(stderr, "%s quantile %g is %.6f", i == 0 ? "" : ",", quantiles[i], score);
	}
	fputc('\n', stderr);
	if (on->order_assumed)
		fputs("order=assumed\n", stderr);
}

static int run_train(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	int64_t started_us = common_monotonic_us();
	char elapsed[32];
	if (check_input(arguments, err) != 0)
		return -1;
	if (common_list_once(&arguments->features, "features", err) != 0 || read_config(run, err) != 0 ||
	    open_rows(run, err) != 0)
		return -1;
	if (arguments->input != NULL && output_is_input(arguments->output, arguments->input))
		return err_set(err, ERR_USAGE, "the output is the input itself");
	bool density = strcmp(arguments->leaf_value, "density") == 0;
	if (!density && strcmp(arguments->leaf_value, "depth") != 0)
		return err_set(err, ERR_USAGE, "--leaf-value %s: it is depth or density", arguments->leaf_value);
	bool gain = strcmp(arguments->cuts, "gain") == 0;
	if (!gain && strcmp(arguments->cuts, "random") != 0)
		return err_set(err, ERR_USAGE, "--cuts %s: it is random or gain", arguments->cuts);
	struct training_options options = {
	    .train = {(uint32_t)arguments->trees, (uint32_t)arguments->sample, (uint64_t)arguments->seed, density,
		      gain},
	    .order_assumed = !run->about.known || run->about.order_assumed,
	    .progress = common_progress_rows,
	    .context = &run->progress,
	};
	if (train_options_check(&options.train, err) != 0 ||
	    open_calibrate(run, &options.calibrate_order_assumed, err) != 0)
		return -1;
	run->model = training_run(&options, &run->rows, &run->hash,
				  arguments->calibrate == NULL ? NULL : &run->calibrate, &run->calibrate_hash, err);
	common_progress_end(&run->progress);
	if (run->model == NULL)
		return -1;
	if (run->set != NULL)
		strcpy(run->model->feature_set_id, feature_set_id(run->set));
	print_summary(run, common_elapsed(started_us, elapsed));
	return model_output_write(arguments->output, run->model, err);
}

int cmd_train(int argc, char **argv)
{
	struct err err = {0};
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		(void)err_memory(&err);
		return common_end(NAME, &err);
	}
	run->arguments.trees = TRAIN_TREES_DEFAULT;
	run->arguments.sample = TRAIN_SAMPLE_DEFAULT;
	run->arguments.seed = 1;
	run->arguments.memory_mb = MEMORY_DEFAULT_MB;
	run->arguments.leaf_value = "depth";
	run->arguments.cuts = "random";
	if (parse(&run->arguments, argc, argv, &err) == 1)
		(void)run_train(run, &err);
	model_free(run->model);
	vectors_close(&run->rows);
	vectors_close(&run->calibrate);
	feature_set_free(run->set);
	config_free(run->config);
	free(run);
	return common_end(NAME, &err);
}
