/*
 * The offline commands through their entry points. A command that memory failed ends with status 71 and says so; whatever
 * it then left of its output, the same command run again writes the same.
 */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/proposal_text.h"
#include "rng.h"
#include "test/chaos/scenarios.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG "docs/examples/card-fraud/config.json"
#define STATUS_MEMORY 71
#define ARGUMENTS_MAX 40

typedef int command_function(int argc, char **argv);

static int redirect(int descriptor, const char *path)
{
	fflush(NULL);
	int kept = dup(descriptor), file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (kept < 0 || file < 0 || dup2(file, descriptor) < 0)
		scenario_give_up("cannot redirect an output");
	close(file);
	return kept;
}

static void restore(int descriptor, int kept)
{
	fflush(NULL);
	if (dup2(kept, descriptor) < 0)
		_exit(1);
	close(kept);
}

static void read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t length = file == NULL ? 0 : fread(text, 1, size - 1, file);
	text[length] = '\0';
	if (file != NULL)
		fclose(file);
}

/* Runs a command line, words parted by blanks; "@name" is a file of the scenarios' folder. Its status; what it says on standard error in said. */
static int call(command_function *command, const char *line, char *said, size_t size)
{
	char copy[2048], paths[ARGUMENTS_MAX][300], *arguments[ARGUMENTS_MAX + 1];
	int count = 0;
	allocations_pause();
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word != NULL && count < ARGUMENTS_MAX; word = strtok(NULL, " ")) {
		snprintf(paths[count], sizeof paths[0], "%s", *word == '@' ? scenario_path(word + 1) : word);
		arguments[count] = paths[count];
		count++;
	}
	arguments[count] = NULL;
	int out = redirect(STDOUT_FILENO, scenario_path("out")), err = redirect(STDERR_FILENO, scenario_path("err"));
	allocations_resume();
	int status = command(count, arguments);
	allocations_pause();
	restore(STDERR_FILENO, err);
	restore(STDOUT_FILENO, out);
	read_text(scenario_path("err"), said, size);
	allocations_resume();
	return status;
}

/* A command that the scenario counts: 0, or -1 and what it said. */
static int run(command_function *command, const char *line, struct err *err)
{
	char said[900];
	int status = call(command, line, said, sizeof said);
	if (status == 0)
		return 0;
	return err_set(err, status == STATUS_MEMORY ? ERR_MEMORY : ERR_INTERNAL, "status %d: %s", status, said);
}

/* A preparation: it must succeed, and is not counted. */
static void prepare(command_function *command, const char *line)
{
	char said[900];
	allocations_pause();
	if (call(command, line, said, sizeof said) != 0)
		scenario_give_up(said);
	allocations_resume();
}

#define SIMULATE "simulate --events 60 --cards 6 --late 0.05 --duplicates 0.05 --coordinates 2 --days 5 --output "

static int simulate_as(const char *line, const char *name, struct sweep_result *result, struct err *err)
{
	int status = run(cmd_simulate, line, err);
	scenario_note_file(result, scenario_path(name));
	return status;
}

static int simulate_csv(struct sweep_result *result, struct err *err)
{
	return simulate_as(SIMULATE "@s.csv --labels @s.labels", "s.csv", result, err);
}

static int simulate_jsonl(struct sweep_result *result, struct err *err)
{
	return simulate_as(SIMULATE "@s.jsonl", "s.jsonl", result, err);
}

/* A container's sync marker is random where it is written: its length is what can be compared. */
static int simulate_avro(struct sweep_result *result, struct err *err)
{
	int status = run(cmd_simulate, SIMULATE "@s.avro", err);
	sweep_note_text(result, "s.avro");
	return status;
}

static int simulate_portfolio(struct sweep_result *result, struct err *err)
{
	return simulate_as(SIMULATE "@s.csv --labels @s.labels --kind portfolio --accounts 6 --fraud-rate 0.1", "s.csv",
			   result, err);
}

static int simulate_trades(struct sweep_result *result, struct err *err)
{
	return simulate_as(SIMULATE "@s.jsonl --kind trades --instruments 10 --fraud-rate 0.1", "s.jsonl", result, err);
}

static int features_of(const char *simulate, const char *line, struct sweep_result *result, struct err *err)
{
	prepare(cmd_simulate, simulate);
	int status = run(cmd_features, line, err);
	scenario_note_file(result, scenario_path("v.csv"));
	scenario_note_file(result, scenario_path("v.csv.about.json"));
	return status;
}

static int features_csv(struct sweep_result *result, struct err *err)
{
	return features_of(SIMULATE "@e.csv",
			   "features --config " CONFIG " --input @e.csv --output @v.csv --keep amount,merchant.id "
			   "--rejects @rejects --partitions 2",
			   result, err);
}

static int features_jsonl(struct sweep_result *result, struct err *err)
{
	return features_of(SIMULATE "@e.jsonl",
			   "features --config " CONFIG " --input @e.jsonl --output @v.csv --keep amount", result, err);
}

static int features_avro(struct sweep_result *result, struct err *err)
{
	return features_of(SIMULATE "@e.avro",
			   "features --config " CONFIG " --input @e.avro --output @v.csv --keep amount", result, err);
}

/* Vectors of the scenarios' own. */
static void write_vectors(void)
{
	struct rng rng;
	allocations_pause();
	FILE *file = fopen(scenario_path("vectors.csv"), "w");
	if (file == NULL)
		scenario_give_up("cannot write vectors");
	rng_seed(&rng, 11);
	fputs("_event_id,_time_ms,_flags,label,a,b,c\n", file);
	for (int i = 0; i < 120; i++)
		fprintf(file, "e%d,%d,%s,%d,%.3f,%.3f,%s\n", i, 1000 + i, i % 10 == 0 ? "warming" : "", i % 2,
			rng_uniform(&rng), rng_uniform(&rng), i % 7 == 0 ? "" : "3");
	fclose(file);
	allocations_resume();
}

#define TRAIN "train --input @vectors.csv --output @t.json --label label --trees 8 --sample 32 --calibrate @vectors.csv"

static int train(struct sweep_result *result, struct err *err)
{
	write_vectors();
	int status = run(cmd_train, TRAIN, err);
	scenario_note_file(result, scenario_path("t.json"));
	return status;
}

static int score(struct sweep_result *result, struct err *err)
{
	write_vectors();
	prepare(cmd_train, TRAIN);
	int status = run(
	    cmd_score,
	    "score --model @t.json --input @vectors.csv --output @scores.csv --keep label --explain --plot @plot.svg",
	    err);
	scenario_note_file(result, scenario_path("scores.csv"));
	scenario_note_file(result, scenario_path("scores.csv.scored.json"));
	scenario_note_file(result, scenario_path("plot.svg"));
	return status;
}

static int evaluate(struct sweep_result *result, struct err *err)
{
	write_vectors();
	prepare(cmd_train, TRAIN);
	prepare(cmd_score, "score --model @t.json --input @vectors.csv --output @scores.csv --keep label,a");
	int status =
	    run(cmd_evaluate,
		"evaluate --scores @scores.csv --labels @vectors.csv --label label --by c --cost-miss a --cost-alert "
		"0.2 --capacity 5 --compare @scores.csv --bootstrap 5 --plot @plot.svg --allow-training-rows",
		err);
	scenario_note_file(result, scenario_path("out"));
	scenario_note_file(result, scenario_path("plot.svg"));
	return status;
}

static int score_events(struct sweep_result *result, struct err *err)
{
	prepare(cmd_simulate, SIMULATE "@e.jsonl");
	int status =
	    run(cmd_score,
		"score --config " CONFIG " --input @e.jsonl --alerts @alerts.jsonl --decisions @decisions.jsonl", err);
	scenario_note_file(result, scenario_path("alerts.jsonl"));
	scenario_note_file(result, scenario_path("decisions.jsonl"));
	return status;
}

static int check(struct sweep_result *result, struct err *err)
{
	int status = run(cmd_check, "check --config " CONFIG, err);
	scenario_note_file(result, scenario_path("out"));
	return status;
}

static int inspect(struct sweep_result *result, struct err *err)
{
	write_vectors();
	prepare(cmd_train, TRAIN);
	int status = run(cmd_model, "model inspect @t.json --json", err);
	scenario_note_file(result, scenario_path("out"));
	return status;
}

#define POSTINGS 300

/* A made-up topic's records, value by value, as text. */
static void survey_postings(struct survey *survey)
{
	static const char *const ways[] = {"WEB", "POS", "ATM"};
	for (int i = 0; i < POSTINGS; i++) {
		char texts[5][32];
		snprintf(texts[0], sizeof texts[0], "r%d", i);
		snprintf(texts[1], sizeof texts[1], "%d", 1790000000 + 600 * i);
		snprintf(texts[2], sizeof texts[2], "card-%d", i * 7 % 10);
		snprintf(texts[3], sizeof texts[3], "%d.%02d", i * 31 % 97, i % 100);
		snprintf(texts[4], sizeof texts[4], "%s", ways[i / 7 % 3]);
		const struct slice key = slice_of(texts[2]);
		survey_begin(survey, &(struct record){.timestamp_ms = INT64_C(1790000000000) + 600000 * i, .key = key});
		for (size_t j = 0; j < 5; j++)
			survey_value(survey, j, slice_of(texts[j]), key);
	}
}

static int propose_postings(struct sweep_result *result, struct err *err)
{
	static const char schema_text[] =
	    "{\"type\":\"record\",\"name\":\"p\",\"fields\":[{\"name\":\"ref\",\"type\":\"string\"},"
	    "{\"name\":\"at\",\"type\":\"long\"},{\"name\":\"card\",\"type\":\"string\"},"
	    "{\"name\":\"amount\",\"type\":\"double\"},{\"name\":\"way\",\"type\":\"string\"}]}";
	const struct proposal_options options = {.retention_ms = -1};
	const struct proposal_place place = {
	    .pipeline = "p", .topic = "t", .servers = "s:1", .registry = "http://r:1", .redis = "tcp://r:1"};
	struct survey *survey = survey_new(POSTINGS);
	struct avro_schema *schema = avro_schema_parse(slice_of(schema_text), err);
	struct proposal proposal;
	struct buffer json;
	int status = survey == NULL ? err_memory(err) : schema == NULL ? -1 : 0;
	buffer_init(&json);
	if (status == 0)
		status = survey_schema(survey, avro_schema_root(schema), err);
	if (status == 0) {
		survey->partition_count = 1;
		survey_postings(survey);
		status = survey_measure(survey, err) == 0 ? propose(survey, &options, &proposal, err) : -1;
	}
	if (status == 0) {
		const struct trial trial = {0};
		const struct trial_column columns[PROPOSAL_FEATURES] = {{0}};
		const struct proposal_facts facts = {.config_path = "p.json",
						     .report_path = "p.md",
						     .partitions = 1,
						     .trial = &trial,
						     .columns = columns};
		proposal_config(survey, &proposal, &place, &json);
		proposal_report(survey, &proposal, &place, &facts, &json);
		proposal_summary(survey, &proposal, &place, &facts, &json);
		status = buffer_failed(&json) ? err_memory(err) : 0;
		sweep_note(result, buffer_slice(&json));
	}
	buffer_free(&json);
	avro_schema_free(schema);
	survey_free(survey);
	return status;
}

/* In the program jansson's allocator ends the process rather than fail: in a child, whose end is looked at. */
static int json_memory(struct sweep_result *result, struct err *err)
{
	int status = 0;
	(void)err;
	allocations_pause();
	int kept = redirect(STDERR_FILENO, scenario_path("err"));
	pid_t child = fork();
	if (child == 0) {
		allocations_resume();
		allocations_arm(1, true);
		(void)common_json_memory(16);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		scenario_give_up("no child");
	restore(STDERR_FILENO, kept);
	free(common_json_memory(16)); /* with memory it is malloc() */
	allocations_resume();
	scenario_note_file(result, scenario_path("err"));
	sweep_note_number(result, status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_MEMORY)
		return 0;
	return err_set(err, ERR_INTERNAL, "without memory for JSON the process ended with status %d", status);
}

const struct sweep_scenario scenarios_commands[] = {{"commands: simulate CSV", simulate_csv, 0},
						    {"commands: simulate JSON lines", simulate_jsonl, 0},
						    {"commands: simulate Avro", simulate_avro, 0},
						    {"commands: simulate portfolio", simulate_portfolio, 0},
						    {"commands: simulate trades", simulate_trades, 0},
						    {"commands: features of CSV", features_csv, 0},
						    {"commands: features of JSON lines", features_jsonl, 0},
						    {"commands: features of Avro", features_avro, 0},
						    {"commands: train", train, 0},
						    {"commands: score vectors", score, 0},
						    {"commands: score events", score_events, 0},
						    {"commands: evaluate", evaluate, 0},
						    {"commands: check", check, 0},
						    {"commands: model inspect", inspect, 0},
						    {"commands: propose a configuration", propose_postings, 0},
						    {"commands: JSON without memory", json_memory, 0},
						    {0}};
