/* The program's door: a table of subcommands, dispatch and the list of them. Everything else is in daemon/cmd. */
#include <jansson.h>

#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_USAGE 64

static const struct subcommand {
	const char *name;
	int (*function)(int argc, char **argv);
	const char *help;
} subcommands[] = {
    {"run", cmd_run, "the daemon: topic in, explained alerts out"},
    {"init", cmd_init, "a configuration proposed from a topic's schema and a sample"},
    {"check", cmd_check, "every problem of a configuration at once"},
    {"features", cmd_features, "vectors of a file of events"},
    {"train", cmd_train, "a model from vectors"},
    {"score", cmd_score, "scores of vectors, or the daemon's messages offline"},
    {"evaluate", cmd_evaluate, "how well scores find what is labelled, and the threshold to choose"},
    {"model", cmd_model, "promote, roll back, list or inspect models"},
    {"explain", cmd_explain, "why a record was decided as it was: made again and compared"},
    {"late", cmd_late, "how late events come, and what allowed_lateness costs"},
    {"replay", cmd_replay, "a backfill: a stretch of the topic again, into topics of its own"},
    {"audit", cmd_audit, "what was published against what the topic's records give"},
    {"get", cmd_get, "current state and features of an entity"},
    {"simulate", cmd_simulate, "seeded synthetic card transactions with labelled fraud"},
    {"demo", cmd_demo, "all of it on an embedded broker, nothing to install or configure"},
};

#define SUBCOMMANDS (sizeof subcommands / sizeof *subcommands)

static void print_help(FILE *stream)
{
	fputs("outlierd " OUTLIERD_VERSION ": watches a Kafka topic of transactions and explains what is unusual\n\n"
	      "Usage: outlierd COMMAND [options]\n\nCommands:\n",
	      stream);
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		fprintf(stream, "  %-10s %s\n", subcommands[i].name, subcommands[i].help);
	fputs("\noutlierd COMMAND --help describes a command; outlierd --version prints the version.\n"
	      "Exit status: 0 done, 64 usage, 65 bad data, 69 a service is unavailable, 75 fenced, 76 halted,\n"
	      "78 bad configuration.\n",
	      stream);
}

static int end_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("outlierd: standard output");
	struct err err = {.code = ERR_IO};
	return status == 0 ? err_exit_status(&err) : status;
}

int main(int argc, char **argv)
{
	const char *name = argc < 2 ? NULL : argv[1];
	json_set_alloc_funcs(common_json_memory, free);
	if (name == NULL) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help(stdout);
		return end_output(0);
	}
	if (strcmp(name, "--version") == 0) {
		puts("outlierd " OUTLIERD_VERSION);
		return end_output(0);
	}
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		if (strcmp(name, subcommands[i].name) == 0)
			return end_output(subcommands[i].function(argc - 1, argv + 1));
	fprintf(stderr, "outlierd: unknown command \"%s\"; outlierd --help lists them\n", name);
	return STATUS_USAGE;
}
