/* outlierd replay: a stretch of the topic again, under names of its own. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/replay.h"
#include "daemon/cmd/replay_compare.h"
#include "daemon/cmd/takeover.h"
#include "number.h"

#include <stdlib.h>
#include <unistd.h>

#define NAME "replay"
#define MEMORY_DEFAULT_MB 4096
#define EXAMPLES_DEFAULT 10

struct arguments {
	const char *config, *warm_up, *report;
	struct replay_options replay;
	int64_t memory_mb, examples, jobs;
	bool compare, into_live;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct replay_options *replay = &arguments->replay;
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config, .required = true,
	     .help = "the configuration; may differ from the live one's in features,\nmodel and policy"},
	    {"from", "EDGE", COMMON_TEXT, &replay->from, .help = "the first records:\n" STRETCH_EDGE_HELP},
	    {"to", "EDGE", COMMON_TEXT, &replay->to, .help = "the end, not included (latest, as of now)"},
	    {"warm-up", "DURATION", COMMON_TEXT, &arguments->warm_up,
	     .help = "history before --from, from which state is made without output\n(as far as windows reach)"},
	    {"name", "NAME", COMMON_TEXT, &replay->name,
	     .help = "which replay it is: group, transactional id, namespace and\ntopics end in it (replay)"},
	    {"alerts", "TOPIC", COMMON_TEXT, &replay->alerts,
	     .help = "instead of the live topic's name with .NAME behind it"},
	    {"decisions", "TOPIC", COMMON_TEXT, &replay->decisions, .help = "likewise"},
	    {"late", "TOPIC", COMMON_TEXT, &replay->late, .help = "likewise"},
	    {"dead-letters", "TOPIC", COMMON_TEXT, &replay->dead_letters, .help = "likewise"},
	    {"jobs", "N", COMMON_INTEGER, &arguments->jobs, .minimum = 1, .maximum = 256,
	     .help = "threads that share the partitions (as many as processors)"},
	    {"rate", "N", COMMON_NUMBER, &replay->rate, .minimum = 0.01, .maximum = 1e9,
	     .help = "records a second at most, history included"},
	    {"keep", NULL, COMMON_FLAG, &replay->keep, .help = "state and offsets stay when it is done"},
	    {"discard", NULL, COMMON_FLAG, &replay->discard,
	     .help = "deletes first what an unfinished replay of this name has left"},
	    {"compare", NULL, COMMON_FLAG, &arguments->compare,
	     .help = "publishes nothing: decides again in memory and compares with the\nlive pipeline's alerts and "
		     "decisions (65: they differ)"},
	    {"report", "FILE", COMMON_TEXT, &arguments->report, .help = "of --compare: as JSON; - is standard output"},
	    {"examples", "N", COMMON_INTEGER, &arguments->examples, .minimum = 0, .maximum = 1000000,
	     .help = "of --compare: differences that are shown (10)"},
	    {"into-live", NULL, COMMON_FLAG, &arguments->into_live,
	     .help = "makes the live pipeline's state anew, under this configuration,\nup to its committed offsets, "
		     "and puts it in place"},
	    {"memory", "MIB", COMMON_INTEGER, &arguments->memory_mb, .minimum = 1, .maximum = 1 << 24,
	     .help = "of --compare and --into-live: the most that entities' states may need (4096)"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--config FILE --from EDGE [--to EDGE] [options]\n"
		     "       outlierd replay --config FILE --from EDGE [--to EDGE] --compare [--report FILE]\n"
		     "       outlierd replay --config FILE --into-live",
	    .summary = "A backfill: reads a stretch of the input topic and publishes what the daemon would, exactly "
		       "once, into\n"
		       "topics of its own. The live pipeline's group, state and topics are not touched. Killed or "
		       "stopped, the\n"
		       "same command goes on where it was.",
	    .options = options,
	    .more = "Exit status: 0 done, 65 --compare found differences, 69 stopped before its end or a service is "
		    "away, 76 halted (the log says what\n"
		    "to do), 78 bad configuration.",
	};
	return common_parse(&command, argc, argv, err);
}

static int run(struct arguments *arguments, struct world *world, struct err *err)
{
	struct replay_options *replay = &arguments->replay;
	if (arguments->warm_up != NULL && duration_parse(slice_of(arguments->warm_up), &replay->warm_up_ms) != 0)
		return err_set(err, ERR_USAGE, "--warm-up \"%s\" is not a duration such as 30d", arguments->warm_up);
	if (arguments->into_live) {
		if (replay->from != NULL || arguments->compare)
			return err_set(err, ERR_USAGE,
				       "--into-live goes up to the committed offsets: --from and --compare "
				       "do not go with it");
		return world_open(world, arguments->config, err) != 0
			   ? -1
			   : takeover(world, replay->warm_up_ms, (size_t)arguments->memory_mb << 20, err);
	}
	if (replay->from == NULL)
		return err_set(err, ERR_USAGE, "--from EDGE is missing");
	if (stretch_parse("from", replay->from, &replay->edges[0], err) != 0 ||
	    stretch_parse("to", replay->to, &replay->edges[1], err) != 0 ||
	    world_open(world, arguments->config, err) != 0)
		return -1;
	bool publishes = replay->alerts != NULL || replay->decisions != NULL || replay->late != NULL ||
			 replay->dead_letters != NULL || replay->rate > 0 || replay->keep || replay->discard;
	if (arguments->compare ? publishes : arguments->report != NULL)
		return err_set(err, ERR_USAGE,
			       arguments->compare
				   ? "--compare publishes nothing: topics, --rate, --keep and --discard do not "
				     "go with it"
				   : "--report goes with --compare");
	if (arguments->compare) {
		const struct replay_compare_options compare = {.edges = replay->edges,
							       .warm_up_ms = replay->warm_up_ms,
							       .memory_bytes = (size_t)arguments->memory_mb << 20,
							       .examples = (size_t)arguments->examples,
							       .report = arguments->report};
		return replay_compare(world, &compare, err);
	}
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	replay->jobs = (unsigned)(arguments->jobs > 0 ? arguments->jobs : processors > 0 ? processors : 1);
	const char *live_group = world->config->kafka.group_id;
	if (replay_set_apart(world, replay, err) != 0)
		return -1;
	return replay_run(world, arguments->config, replay, live_group, err);
}

int cmd_replay(int argc, char **argv)
{
	struct arguments arguments = {.memory_mb = MEMORY_DEFAULT_MB,
				      .examples = EXAMPLES_DEFAULT,
				      .replay = {.name = REPLAY_NAME, .to = "latest", .warm_up_ms = -1, .edges = NULL}};
	struct world world = {0};
	struct err err = {0};
	arguments.replay.edges = calloc(2, sizeof *arguments.replay.edges);
	if (arguments.replay.edges == NULL)
		(void)err_memory(&err);
	else if (parse(&arguments, argc, argv, &err) == 1)
		(void)!run(&arguments, &world, &err);
	world_close(&world);
	free(arguments.replay.edges);
	return common_end(NAME, &err);
}
