/* outlierd model: the models of a directory and their champion. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/describe.h"
#include "daemon/cmd/import.h"
#include "daemon/cmd/policy_file.h"
#include "daemon/io/model_file.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME "model"
#define ID_PREFIX_MIN 4

struct arguments {
	const char *config;
	bool json;
	struct import_options import;
	struct common_list features;
	const char *words[2];
	size_t word_count;
};

/* What an action works on. */
struct run {
	const struct arguments *arguments;
	struct config *config;   /* NULL: none is given */
	struct feature_set *set; /* likewise */
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config,
	     .help = "the configuration whose model.directory is meant"},
	    {"json", NULL, COMMON_FLAG, &arguments->json, .help = "inspect: as a JSON object"},
	    {"input", "FILE", COMMON_TEXT, &arguments->import.input,
	     .help = "import: the forest, as tools/export_sklearn.py writes it"},
	    {"output", "M", COMMON_TEXT, &arguments->import.output,
	     .help = "import: the model's file, or a directory of models (name/\nmakes it)"},
	    {"features", "A,B,...", COMMON_LIST, &arguments->features,
	     .help = "import: names of the features, in the order of the columns"},
	    {"calibrate", "FILE", COMMON_TEXT, &arguments->import.calibrate,
	     .help = "import: vectors as CSV whose scores make the thresholds, and\nwhose values are what is usual"},
	    {"missing", "refused|both", COMMON_TEXT, &arguments->import.missing,
	     .help =
		 "import: what a missing value does where the file does not say:\nan error (refused), or both ways, "
		 "weighted by training rows"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "promote --config FILE ID\n"
		     "       outlierd model rollback --config FILE\n"
		     "       outlierd model list --config FILE\n"
		     "       outlierd model verify --config FILE\n"
		     "       outlierd model inspect MODEL [--json] [--config FILE]\n"
		     "       outlierd model import --input FILE --output M [--config FILE] [--features A,B,...]\n"
		     "                             [--calibrate FILE] [--missing refused|both]",
	    .summary =
		"promote makes a model of the directory the champion; ID may be any beginning that only one\n"
		"model has. rollback goes back to the champion before. list shows all models, the champion with\n"
		"a star. verify reads every model and policy of the directory and compares each model's hash with\n"
		"its name. inspect describes a model's file, the champion of a directory, or with --config the\n"
		"model of an ID. A running daemon takes the new champion when it gets SIGHUP. import makes a model\n"
		"of an isolation forest that scikit-learn has fitted; with --config it is one of the configured\n"
		"features.",
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

static int rollback(const struct run *run, const char *word, struct err *err)
{
	(void)word;
	char id[SHA256_HEX];
	if (model_directory_rollback(run->config->model_directory, common_user(), common_wall_ms(), id, err) != 0)
		return -1;
	print_hint(run, id);
	return 0;
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
	printf("  %zu features, %u trees, ", model->feature_count, model->options.trees);
	if (*model->imported.sha256 != '\0')
		printf("imported");
	else
		printf("%llu rows", (unsigned long long)model->trained_on.rows);
	describe_time(model->trained_on.time_from_ms, ", ");
	describe_time(model->trained_on.time_to_ms, " to ");
	printf("%s\n", ours ? "" : ", of another feature set");
	model_free(model);
}

static int list(const struct run *run, const char *word, struct err *err)
{
	(void)word;
	union {
		const struct run *read;
		void *context;
	} visited = {run}; /* list_one() only reads it */
	return model_directory_list(run->config->model_directory, list_one, visited.context, err);
}

/* What verify has found. */
struct verified {
	const struct run *run;
	size_t models, policies, damaged;
};

static void verify_model(void *context, const char *id, bool current)
{
	struct verified *verified = context;
	struct err err = {0};
	(void)current;
	struct model *model = model_directory_read(verified->run->config->model_directory, id, &err);
	verified->models++;
	if (model == NULL) {
		verified->damaged++;
		printf("model %s: %s\n", id, err.message);
	}
	model_free(model);
}

static void verify_policy(void *context, const char *id, const char *why)
{
	struct verified *verified = context;
	verified->policies++;
	if (*why != '\0') {
		verified->damaged++;
		printf("policy %s: %s\n", id, why);
	}
}

static int verify(const struct run *run, const char *word, struct err *err)
{
	struct verified verified = {.run = run};
	const char *directory = run->config->model_directory;
	(void)word;
	if (model_directory_list(directory, verify_model, &verified, err) != 0 ||
	    policy_file_list(directory, verify_policy, &verified, err) != 0)
		return -1;
	printf("%zu models, %zu policies, %zu damaged\n", verified.models, verified.policies, verified.damaged);
	return verified.damaged == 0 ? 0
				     : err_set(err, ERR_DATA, "%zu damaged files in %s", verified.damaged, directory);
}

static struct model *find_model(const struct run *run, const char *word, struct err *err)
{
	char id[SHA256_HEX];
	struct stat facts;
	if (run->config != NULL)
		return find_id(run, word, id, err) == 0 ? model_directory_read(run->config->model_directory, id, err)
							: NULL;
	bool directory = stat(word, &facts) == 0 && S_ISDIR(facts.st_mode);
	return directory ? model_directory_current(word, err) : model_file_read(word, err);
}

static int inspect(const struct run *run, const char *word, struct err *err)
{
	struct model *model = find_model(run, word, err);
	if (model == NULL)
		return -1;
	int status = 0;
	if (run->arguments->json)
		status = describe_json(model, err);
	else
		describe_model(model);
	model_free(model);
	return status;
}

static int open_config(struct run *run, bool directory, struct err *err)
{
	const char *path = run->arguments->config;
	if (path == NULL)
		return 0;
	run->config = common_config(path, true, err);
	if (run->config == NULL)
		return -1;
	if (directory && run->config->model_directory == NULL)
		return err_set(err, ERR_CONFIG, "%s: model.directory is not configured", path);
	return feature_set_new(&run->set, &run->config->features, NULL, NULL, err);
}

static int import(const struct run *run, const char *word, struct err *err)
{
	(void)word;
	struct import_options options = run->arguments->import;
	options.features = &run->arguments->features;
	options.set = run->set;
	options.config = run->arguments->config;
	return import_forest(&options, err);
}

struct action {
	const char *name;
	int (*run)(const struct run *run, const char *word, struct err *err);
	const char *word; /* what it needs behind its name; NULL: nothing */
	bool needs_config;
};

static const struct action actions[] = {
    {"promote", promote, "a model's ID", true},
    {"rollback", rollback, NULL, true},
    {"list", list, NULL, true},
    {"verify", verify, NULL, true},
    {"inspect", inspect, "a model's file or directory", false},
    {"import", import, NULL, false},
};

static int check(const struct action *action, const struct arguments *arguments, struct err *err)
{
	const struct import_options *given = &arguments->import;
	bool imports = action->run == import;
	if (action->word != NULL && arguments->word_count < 2)
		return err_set(err, ERR_USAGE, "%s needs %s", action->name, action->word);
	if (action->word == NULL && arguments->word_count > 1)
		return err_set(err, ERR_USAGE, "unexpected argument \"%s\"", arguments->words[1]);
	if (arguments->json && action->run != inspect)
		return err_set(err, ERR_USAGE, "--json goes with inspect");
	if (!imports && (given->input != NULL || given->output != NULL || given->calibrate != NULL ||
			 given->missing != NULL || arguments->features.count > 0))
		return err_set(err, ERR_USAGE,
			       "--input, --output, --features, --calibrate and --missing go with import");
	if (action->needs_config && arguments->config == NULL)
		return err_set(err, ERR_USAGE, "--config FILE is missing");
	return 0;
}

static int dispatch(struct run *run, struct err *err)
{
	const struct arguments *arguments = run->arguments;
	const char *name = arguments->word_count > 0 ? arguments->words[0] : "";
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		const struct action *action = &actions[i];
		if (strcmp(action->name, name) != 0)
			continue;
		if (check(action, arguments, err) != 0 || open_config(run, action->run != import, err) != 0)
			return -1;
		return action->run(run, arguments->words[1], err);
	}
	return err_set(err, ERR_USAGE, "expected promote, rollback, list, verify, inspect or import%s%s",
		       *name == '\0' ? "" : ", found ", name);
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
