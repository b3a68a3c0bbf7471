/* Forests, models, the model directory, thresholds and policies. */
#include "daemon/io/model_file.h"
#include "daemon/pipeline/decide.h"
#include "detectors/explain.h"
#include "test/chaos/scenarios.h"
#include "test/twin/model_sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS 200
#define COLUMNS 4

static void fill(double *rows, uint64_t seed)
{
	struct rng rng;
	rng_seed(&rng, seed);
	for (size_t i = 0; i < ROWS * COLUMNS; i++)
		rows[i] = rng_below(&rng, 12) == 0 ? (double)NAN : rng_uniform(&rng) * (double)(1 + i % COLUMNS);
}

static int train_on(const double *rows, struct forest **forest, struct err *err)
{
	struct train_options options = {12, 64, 7, false, false};
	struct train_plan plan;
	double drawn[ROWS * COLUMNS];
	if (train_plan_make(&options, ROWS, &plan, err) != 0)
		return -1;
	for (size_t i = 0; i < plan.distinct_count; i++)
		memcpy(drawn + COLUMNS * i, rows + COLUMNS * plan.distinct[i], COLUMNS * sizeof *drawn);
	struct matrix sampled = {drawn, plan.distinct_count, COLUMNS, COLUMNS};
	*forest = train_forest(&options, &plan, &sampled, err);
	train_plan_free(&plan);
	return *forest == NULL ? -1 : 0;
}

static int score_all(const struct forest *forest, const double *rows, struct sweep_result *result, struct err *err)
{
	double scores[ROWS];
	struct matrix matrix = {rows, ROWS, COLUMNS, COLUMNS};
	int status = forest_score(forest, &matrix, scores, err);
	if (status != 0 && sweep_again(err))
		status = forest_score(forest, &matrix, scores, err);
	if (status == 0)
		sweep_note(result, (struct slice){scores, sizeof scores});
	return status;
}

static int explain_some(const struct forest *forest, const double *rows, struct sweep_result *result, struct err *err)
{
	struct explainer *explainer = explainer_new(forest);
	if (explainer == NULL) {
		(void)err_memory(err);
		if (!sweep_again(err))
			return -1;
		explainer = explainer_new(forest);
	}
	for (size_t i = 0; i < 20; i++) {
		double phi[COLUMNS], base;
		explainer_row(explainer, rows + i * COLUMNS, phi, &base);
		sweep_note(result, (struct slice){phi, sizeof phi});
	}
	explainer_free(explainer);
	return 0;
}

static int forest(struct sweep_result *result, struct err *err)
{
	double rows[ROWS * COLUMNS];
	struct forest *made = NULL;
	fill(rows, 3);
	int status = train_on(rows, &made, err);
	if (status != 0 && sweep_again(err))
		status = train_on(rows, &made, err);
	if (status == 0)
		status = score_all(made, rows, result, err);
	if (status == 0)
		status = explain_some(made, rows, result, err);
	forest_free(made);
	return status;
}

/* Made by the test, not counted. */
static struct model *sample(uint64_t seed)
{
	struct train_options options = {3, 8, seed, false, false};
	allocations_pause();
	struct model *model = model_sample(&options, 40, COLUMNS);
	allocations_resume();
	return model;
}

static void forget(struct model *model)
{
	allocations_pause();
	model_free(model);
	allocations_resume();
}

static int write_and_read(const char *path, struct model *model, struct sweep_result *result, struct err *err)
{
	int status = model_file_write(path, model, err);
	if (status != 0 && sweep_again(err))
		status = model_file_write(path, model, err);
	if (status != 0)
		return -1;
	scenario_note_file(result, path);
	struct model *read = model_file_read(path, err);
	if (read == NULL && sweep_again(err))
		read = model_file_read(path, err);
	if (read == NULL)
		return -1;
	sweep_note_text(result, read->id);
	model_free(read);
	return 0;
}

static int model_files(struct sweep_result *result, struct err *err)
{
	struct model *model = sample(5);
	int status = write_and_read(scenario_path("model.json"), model, result, err);
	forget(model);
	return status;
}

static void note_listed(void *context, const char *id, bool current)
{
	sweep_note_text(context, id);
	sweep_note_number(context, current);
}

/* What a change of champion must be: done as a whole, or not at all and then possible again. */
static int change_champion(const char *folder, char ids[2][SHA256_HEX], struct sweep_result *result, struct err *err)
{
	char back[SHA256_HEX];
	for (size_t i = 0; i < 2; i++) {
		int status = model_directory_promote(folder, ids[i], "me", 1000, err);
		if (status != 0 && sweep_again(err))
			status = model_directory_promote(folder, ids[i], "me", 1000, err);
		if (status != 0)
			return -1;
	}
	int status = model_directory_rollback(folder, "me", 2000, back, err);
	if (status != 0 && sweep_again(err))
		status = model_directory_rollback(folder, "me", 2000, back, err);
	if (status != 0)
		return -1;
	sweep_note_text(result, back);
	struct model *model = model_directory_current(folder, err);
	if (model == NULL && sweep_again(err))
		model = model_directory_current(folder, err);
	sweep_note_text(result, model == NULL ? "" : model->id);
	model_free(model);
	return model == NULL ? -1 : 0;
}

static int use_directory(const char *folder, struct sweep_result *result, struct err *err)
{
	char ids[2][SHA256_HEX];
	for (size_t i = 0; i < 2; i++) {
		const char *path = scenario_path(i == 0 ? "one.json" : "two.json");
		int status = model_directory_add(folder, path, ids[i], err);
		if (status != 0 && sweep_again(err))
			status = model_directory_add(folder, path, ids[i], err);
		if (status != 0)
			return -1;
		sweep_note_text(result, ids[i]);
	}
	if (change_champion(folder, ids, result, err) != 0)
		return -1;
	struct sweep_result listed = {0};
	int status = model_directory_list(folder, note_listed, &listed, err);
	if (status != 0 && sweep_again(err)) {
		listed = (struct sweep_result){0};
		status = model_directory_list(folder, note_listed, &listed, err);
	}
	sweep_note_number(result, (int64_t)listed.hash);
	return status;
}

static int directory(struct sweep_result *result, struct err *err)
{
	static int runs;
	char folder[300], command[400];
	allocations_pause();
	for (uint64_t i = 0; i < 2; i++) {
		struct train_options options = {3, 8, i, false, false};
		struct model *model = model_sample(&options, 40, COLUMNS);
		if (model_file_write(scenario_path(i == 0 ? "one.json" : "two.json"), model, err) != 0)
			scenario_give_up(err->message);
		model_free(model);
	}
	snprintf(folder, sizeof folder, "%s", scenario_path("models"));
	snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
	if (runs++ > 0 && system(command) != 0)
		scenario_give_up("cannot remove a model directory");
	allocations_resume();
	return use_directory(folder, result, err);
}

static const struct field amount = {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2};
static const struct event_schema schema = {
    .id_path = "id", .time_path = "time", .entity_path = "card", .fields = &amount, .field_count = 1};
static const struct feature_options feature = {
    .name = "x0", .operation = OPERATION_COUNT, .field = NULL, .window_ms = 3600000};

static int policy(struct sweep_result *result, struct err *err)
{
	static const struct feature_condition_options busy = {.feature = "x0", .above = {LITERAL_NUMBER, "3", false}};
	static const struct condition_options dear = {.field = "amount", .above = {LITERAL_NUMBER, "12.34", false}};
	static const struct rule_options rules[] = {
	    {.name = "busy", .reason = "many", .features = &busy, .feature_count = 1, .expires_ms = INT64_MAX},
	    {.name = "dear", .reason = "much", .fields = &dear, .field_count = 1, .expires_ms = 7}};
	struct policy_options options = {
	    .threshold = {THRESHOLD_QUANTILE, 0.9}, .cooldown_ms = 600000, .rules = rules, .rule_count = 2};
	struct feature_set_options set_options = {
	    .pipeline = "p", .schema = &schema, .features = &feature, .feature_count = 1, .max_events = 10};
	struct feature_set *set = NULL;
	struct model *model = sample(9);
	allocations_pause();
	if (feature_set_new(&set, &set_options, NULL, NULL, err) != 0)
		scenario_give_up(err->message);
	allocations_resume();
	struct policy *made = policy_new(&options, set, model, NULL, NULL, err);
	if (made == NULL && sweep_again(err))
		made = policy_new(&options, set, model, NULL, NULL, err);
	if (made != NULL)
		sweep_note_text(result, policy_id(made));
	policy_free(made);
	allocations_pause();
	feature_set_free(set);
	allocations_resume();
	forget(model);
	return made == NULL ? -1 : 0;
}

const struct sweep_scenario scenarios_models[] = {{"models: train, score, explain", forest, 0},
						  {"models: file", model_files, 0},
						  {"models: directory", directory, 0},
						  {"models: policy", policy, 0},
						  {0}};
