/* outlierd model: the models of a directory and their champion. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/io/model_file.h"
#include "json.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME "model"
#define ID_PREFIX_MIN 4

static const double shown_quantiles[] = {0.5, 0.9, 0.99, 0.999};

#define SHOWN_QUANTILES (sizeof shown_quantiles / sizeof *shown_quantiles)

struct arguments {
	const char *config;
	bool json;
	const char *words[2];
	size_t word_count;
};

/* What an action works on. */
struct run {
	const struct arguments *arguments;
	struct config *config;   /* NULL for inspect */
	struct feature_set *set; /* likewise */
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config,
	     .help = "the configuration whose model.directory is meant"},
	    {"json", NULL, COMMON_FLAG, &arguments->json, .help = "inspect: as a JSON object"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "promote --config FILE ID\n"
		     "       outlierd model rollback --config FILE\n"
		     "       outlierd model list --config FILE\n"
		     "       outlierd model inspect MODEL [--json]",
	    .summary =
		"promote makes a model of the directory the champion; ID may be any beginning that only one model "
		"has.\n"
		"rollback goes back to the champion before. list shows all models, the champion with a star. inspect\n"
		"describes a model's file, or the champion of a directory. A running daemon takes the new champion\n"
		"when it gets SIGHUP.",
	    .options = options,
	    .positional = arguments->words,
	    .positional_max = 2,
	    .positional_count = &arguments->word_count,
	};
	return common_parse(&command, argc, argv, err);
}

/* The models whose id begins with what was given. */
struct search {
	const char *prefix;
	size_t count;
	char id[SHA256_HEX];
};

static void match(void *context, const char *id, bool current)
{
	struct search *search = context;
	(void)current;
	if (strncmp(id, search->prefix, strlen(search->prefix)) != 0)
		return;
	assert(strlen(id) < sizeof search->id);
	strcpy(search->id, id);
	search->count++;
}

static int find_id(const struct run *run, const char *prefix, char id[SHA256_HEX], struct err *err)
{
	const char *directory = run->config->model_directory;
	struct search search = {.prefix = prefix};
	if (strlen(prefix) < ID_PREFIX_MIN)
		return err_set(err, ERR_USAGE, "\"%s\" is too short for the beginning of an id: at least %d characters",
			       prefix, ID_PREFIX_MIN);
	if (model_directory_list(directory, match, &search, err) != 0)
		return -1;
	if (search.count != 1)
		return err_set(err, ERR_DATA,
			       search.count == 0 ? "no model in %s has an id that begins with %s"
						 : "several models in %s have ids that begin with %s",
			       directory, prefix);
	strcpy(id, search.id);
	return 0;
}

static void print_hint(const struct run *run, const char *id)
{
	printf("%s is the champion of %s\n", id, run->config->model_directory);
	fputs("A running daemon takes it when it gets SIGHUP (systemctl reload, or kill -HUP).\n", stderr);
}

static int promote(const struct run *run, const char *prefix, struct err *err)
{
	char id[SHA256_HEX];
	if (find_id(run, prefix, id, err) != 0)
		return -1;
	struct model *model = model_directory_read(run->config->model_directory, id, err);
	if (model == NULL)
		return -1;
	const char *configured = feature_set_id(run->set);
	int status = 0;
	if (strcmp(model->feature_set_id, configured) != 0)
		status = err_set(err, ERR_DATA, "model %s is of feature set %s, but %s has feature set %s", id,
				 *model->feature_set_id == '\0' ? "unknown (trained without --config)"
								: model->feature_set_id,
				 run->config->path, configured);
	else
		status =
		    model_directory_promote(run->config->model_directory, id, common_user(), common_wall_ms(), err);
	model_free(model);
	if (status == 0)
		print_hint(run, id);
	return status;
}

static int rollback(const struct run *run, struct err *err)
{
	char id[SHA256_HEX];
	if (model_directory_rollback(run->config->model_directory, common_user(), common_wall_ms(), id, err) != 0)
		return -1;
	print_hint(run, id);
	return 0;
}

static void print_time(int64_t time_ms, const char *before)
{
	char text[NUMBER_TEXT_MAX];
	if (time_ms == MODEL_TIME_UNKNOWN)
		return;
	time_format_rfc3339(time_ms, text);
	printf("%s%s", before, text);
}

static void list_one(void *context, const char *id, bool current)
{
	const struct run *run = context;
	struct err err = {0};
	struct model *model = model_directory_read(run->config->model_directory, id, &err);
	printf("%c %s", current ? '*' : ' ', id);
	if (model == NULL) {
		printf("  damaged: %s\n", err.message);
		return;
	}
	bool ours = strcmp(model->feature_set_id, feature_set_id(run->set)) == 0;
	printf("  %zu features, %u trees, %llu rows", model->feature_count, model->options.trees,
	       (unsigned long long)model->trained_on.rows);
	print_time(model->trained_on.time_from_ms, ", ");
	print_time(model->trained_on.time_to_ms, " to ");
	printf("%s\n", ours ? "" : ", of another feature set");
	model_free(model);
}

static int list(struct run *run, struct err *err)
{
	return model_directory_list(run->config->model_directory, list_one, run, err);
}

static void print_source(const char *name, const struct model_source *source)
{
	printf("%-15s %llu rows, %llu warming rows left out", name, (unsigned long long)source->rows,
	       (unsigned long long)source->rows_left_out);
	print_time(source->time_from_ms, ", ");
	print_time(source->time_to_ms, " to ");
	printf("%s\n", source->order_assumed ? ", order assumed" : "");
	if (*source->sha256 != '\0')
		printf("%-15s SHA-256 %s\n", "", source->sha256);
}

static void print_model(const struct model *model)
{
	printf("id              %s\n", model->id);
	printf("feature set     %s\n",
	       *model->feature_set_id == '\0' ? "unknown (trained without --config)" : model->feature_set_id);
	printf("forest          %u trees of %u rows, seed %llu\n", model->options.trees,
	       forest_borrow(model->forest)->psi, (unsigned long long)model->options.seed);
	print_source("trained on", &model->trained_on);
	print_source("calibrated on", &model->calibrated_on);
	for (size_t i = 0; i < SHOWN_QUANTILES; i++) {
		struct err err = {0};
		double score;
		if (calibration_quantile(&model->calibration, shown_quantiles[i], &score, &err) == 0)
			printf("%s%g is %.6f", i == 0 ? "quantile        " : ", ", shown_quantiles[i], score);
	}
	printf("\n\n%-32s %14s %14s %14s %10s\n", "feature", "p5", "median", "p95", "missing");
	for (size_t i = 0; i < model->feature_count; i++) {
		const struct feature_reference *usual = &model->references[i];
		printf("%-32s %14.6g %14.6g %14.6g %9.2f%%\n", model->features[i], usual->p5, usual->median, usual->p95,
		       100 * usual->missing_share);
	}
}

static void add_time(struct json *json, const char *name, int64_t time_ms)
{
	json_name(json, name);
	if (time_ms == MODEL_TIME_UNKNOWN)
		json_add_null(json);
	else
		json_add_integer(json, time_ms);
}

static void add_source(struct json *json, const char *name, const struct model_source *source)
{
	json_name(json, name);
	json_open_object(json);
	json_name(json, "order_assumed");
	json_add_boolean(json, source->order_assumed);
	json_name(json, "rows");
	json_add_integer(json, (int64_t)source->rows);
	json_name(json, "rows_left_out");
	json_add_integer(json, (int64_t)source->rows_left_out);
	json_name(json, "sha256");
	json_add_string(json, *source->sha256 == '\0' ? NULL : source->sha256);
	add_time(json, "time_from_ms", source->time_from_ms);
	add_time(json, "time_to_ms", source->time_to_ms);
	json_close_object(json);
}

static void add_features(struct json *json, const struct model *model)
{
	json_name(json, "features");
	json_open_array(json);
	for (size_t i = 0; i < model->feature_count; i++) {
		const struct feature_reference *usual = &model->references[i];
		const struct {
			const char *name;
			double value;
		} members[] = {{"p5", usual->p5},
			       {"median", usual->median},
			       {"p95", usual->p95},
			       {"missing_share", usual->missing_share}};
		json_open_object(json);
		json_name(json, "name");
		json_add_string(json, model->features[i]);
		for (size_t j = 0; j < sizeof members / sizeof *members; j++) {
			json_name(json, members[j].name);
			json_add_number(json, members[j].value);
		}
		json_close_object(json);
	}
	json_close_array(json);
}

/* All of the model but its trees, and of the calibration a few quantiles. */
static int print_json(const struct model *model, struct err *err)
{
	struct buffer text;
	struct json json;
	buffer_init(&text);
	json_begin(&json, &text);
	json_open_object(&json);
	json_name(&json, "id");
	json_add_string(&json, model->id);
	json_name(&json, "feature_set_id");
	json_add_string(&json, *model->feature_set_id == '\0' ? NULL : model->feature_set_id);
	json_name(&json, "trees");
	json_add_integer(&json, model->options.trees);
	json_name(&json, "psi");
	json_add_integer(&json, forest_borrow(model->forest)->psi);
	json_name(&json, "seed");
	json_add_integer(&json, (int64_t)model->options.seed);
	add_source(&json, "trained_on", &model->trained_on);
	add_source(&json, "calibrated_on", &model->calibrated_on);
	json_name(&json, "quantiles");
	json_open_object(&json);
	for (size_t i = 0; i < SHOWN_QUANTILES; i++) {
		struct err none = {0};
		double score;
		char name[NUMBER_TEXT_MAX];
		number_format(shown_quantiles[i], name);
		json_name(&json, name);
		json_add_number(&json, calibration_quantile(&model->calibration, shown_quantiles[i], &score, &none) == 0
					   ? score
					   : NAN);
	}
	json_close_object(&json);
	add_features(&json, model);
	json_close_object(&json);
	int status = buffer_failed(&text) ? err_memory(err) : 0;
	if (status == 0)
		printf("%.*s\n", (int)text.length, (const char *)text.data);
	buffer_free(&text);
	return status;
}

static int inspect(const char *path, bool json, struct err *err)
{
	struct stat facts;
	bool directory = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
	struct model *model = directory ? model_directory_current(path, err) : model_file_read(path, err);
	if (model == NULL)
		return -1;
	int status = 0;
	if (json)
		status = print_json(model, err);
	else
		print_model(model);
	model_free(model);
	return status;
}

static int open_config(struct run *run, struct err *err)
{
	if (run->arguments->config == NULL)
		return err_set(err, ERR_USAGE, "--config FILE is missing");
	run->config = common_config(run->arguments->config, true, err);
	if (run->config == NULL)
		return -1;
	if (run->config->model_directory == NULL)
		return err_set(err, ERR_CONFIG, "%s: model.directory is not configured", run->arguments->config);
	return feature_set_new(&run->set, &run->config->features, NULL, NULL, err);
}

static int dispatch(struct run *run, struct err *err)
{
	const struct arguments *arguments = run->arguments;
	const char *action = arguments->word_count > 0 ? arguments->words[0] : "";
	const char *word = arguments->word_count > 1 ? arguments->words[1] : NULL;
	bool promotes = strcmp(action, "promote") == 0, inspects = strcmp(action, "inspect") == 0;
	bool rolls_back = strcmp(action, "rollback") == 0, lists = strcmp(action, "list") == 0;
	if (!promotes && !inspects && !rolls_back && !lists)
		return err_set(err, ERR_USAGE, "expected promote, rollback, list or inspect%s%s",
			       *action == '\0' ? "" : ", found ", action);
	if ((promotes || inspects) && word == NULL)
		return err_set(err, ERR_USAGE, "%s needs %s", action, promotes ? "a model's ID" : "a model's file");
	if ((rolls_back || lists) && word != NULL)
		return err_set(err, ERR_USAGE, "unexpected argument \"%s\"", word);
	if (arguments->json && !inspects)
		return err_set(err, ERR_USAGE, "--json goes with inspect");
	if (inspects)
		return inspect(word, arguments->json, err);
	if (open_config(run, err) != 0)
		return -1;
	if (promotes)
		return promote(run, word, err);
	return rolls_back ? rollback(run, err) : list(run, err);
}

int cmd_model(int argc, char **argv)
{
	struct err err = {0};
	struct arguments arguments = {0};
	struct run run = {.arguments = &arguments};
	if (parse(&arguments, argc, argv, &err) == 1)
		(void)dispatch(&run, &err);
	feature_set_free(run.set);
	config_free(run.config);
	return common_end(NAME, &err);
}
