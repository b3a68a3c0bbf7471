#include "daemon/cmd/import.h"

#include "daemon/cmd/about.h"
#include "daemon/cmd/model_output.h"
#include "daemon/cmd/training.h"
#include "daemon/io/output.h"
#include "daemon/io/sklearn_file.h"
#include "number.h"

#include <stdlib.h>

static const char *const missing_words[] = {"go both ways", "go as the file says", "are refused"};

static int rename_feature(struct model *model, size_t i, const char *name, struct err *err)
{
	char *copy = strdup(name);
	if (copy == NULL)
		return err_memory(err);
	free(model->features[i]);
	model->features[i] = copy;
	return 0;
}

/* The names given on the command line go before those of the file. */
static int take_names(const struct import_options *options, struct model *model, bool *named, struct err *err)
{
	const struct common_list *given = options->features;
	if (given->count == 0)
		return 0;
	if (given->count != model->feature_count)
		return err_set(err, ERR_USAGE, "--features has %zu names, but the forest has %zu columns", given->count,
			       model->feature_count);
	for (size_t i = 0; i < given->count; i++)
		if (rename_feature(model, i, given->items[i], err) != 0)
			return -1;
	*named = true;
	return common_list_once(given, "features", err);
}

/* With a configuration the columns are its features, in its order; a forest without names is taken at its word. */
static int take_set(const struct import_options *options, struct model *model, bool named, struct err *err)
{
	if (options->set == NULL)
		return 0;
	if (feature_set_count(options->set) != model->feature_count)
		return err_set(err, ERR_DATA, "%s: the forest has %zu columns, but %s has %zu features", options->input,
			       model->feature_count, options->config, feature_set_count(options->set));
	for (size_t i = 0; i < model->feature_count; i++) {
		const char *configured = feature_set_name(options->set, i);
		if (named && strcmp(model->features[i], configured) != 0)
			return err_set(err, ERR_DATA, "%s: column %zu is %s, but feature %zu of %s is %s",
				       options->input, i, model->features[i], i, options->config, configured);
		if (!named && rename_feature(model, i, configured, err) != 0)
			return -1;
	}
	strcpy(model->feature_set_id, feature_set_id(options->set));
	return 0;
}

static int calibrate(const char *path, struct model *model, struct err *err)
{
	struct common_progress progress = {0};
	struct training_options options = {.progress = common_progress_rows, .context = &progress};
	struct about about;
	struct vectors rows = {0};
	struct sha256 hash;
	int status = -1;
	sha256_init(&hash);
	const char *const *names = (const char *const *)model->features;
	if (about_read(path, &about, err) == 0 && vectors_open(&rows, path, true, &hash, err) == 0 &&
	    vectors_choose(&rows, names, model->feature_count, err) == 0) {
		options.calibrate_order_assumed = !about.known || about.order_assumed;
		status = training_calibrate(&options, &rows, &hash, model, err);
	}
	common_progress_end(&progress);
	vectors_close(&rows);
	return status;
}

static void print_summary(const struct import_options *options, const struct model *model)
{
	const struct forest_parts *parts = forest_borrow(model->forest);
	const struct model_source *by = &model->calibrated_on;
	char threshold[NUMBER_TEXT_MAX];
	number_format(-model->imported.offset, threshold);
	fprintf(stderr, "imported %zu trees of %u rows, %zu features; missing values %s\n", parts->tree_count,
		parts->psi, model->feature_count, missing_words[parts->missing]);
	fprintf(stderr, "its own threshold is {\"absolute\": %s}\n", threshold);
	if (options->calibrate != NULL)
		fprintf(stderr, "calibrated on %llu rows (%llu warming rows left out)\n", (unsigned long long)by->rows,
			(unsigned long long)by->rows_left_out);
}

static int check_options(const struct import_options *options, bool *both_ways, struct err *err)
{
	const char *missing = options->missing == NULL ? "refused" : options->missing;
	*both_ways = strcmp(missing, "both") == 0;
	if (options->input == NULL || options->output == NULL)
		return err_set(err, ERR_USAGE, "import needs --input FILE and --output M");
	if (!*both_ways && strcmp(missing, "refused") != 0)
		return err_set(err, ERR_USAGE, "--missing: expected refused or both, found \"%s\"", missing);
	if (output_is_input(options->output, options->input) ||
	    (options->calibrate != NULL && output_is_input(options->output, options->calibrate)))
		return err_set(err, ERR_USAGE, "the output is an input itself");
	return 0;
}

int import_forest(const struct import_options *options, struct err *err)
{
	struct sklearn_options how;
	bool named;
	if (check_options(options, &how.both_ways, err) != 0)
		return -1;
	struct model *model = sklearn_file_read(options->input, &how, &named, err);
	if (model == NULL)
		return -1;
	int status = -1;
	if (take_names(options, model, &named, err) == 0 && take_set(options, model, named, err) == 0 &&
	    (options->calibrate == NULL || calibrate(options->calibrate, model, err) == 0)) {
		print_summary(options, model);
		status = model_output_write(options->output, model, err);
	}
	model_free(model);
	return status;
}
