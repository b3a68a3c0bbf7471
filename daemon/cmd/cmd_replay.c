/* outlierd replay: a stretch of the topic again, under names of its own. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/replay.h"
#include "number.h"

#include <stdlib.h>

#define NAME "replay"

struct arguments {
	const char *config, *warm_up;
	struct replay_options replay;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct replay_options *replay = &arguments->replay;
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config, .required = true,
	     .help = "the configuration; may differ from the live one's in features,\nmodel and policy"},
	    {"from", "EDGE", COMMON_TEXT, &replay->from, .required = true,
	     .help = "the first records:\n" STRETCH_EDGE_HELP},
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
	    {"rate", "N", COMMON_NUMBER, &replay->rate, .minimum = 0.01, .maximum = 1e9,
	     .help = "records a second at most, history included"},
	    {"keep", NULL, COMMON_FLAG, &replay->keep, .help = "state and offsets stay when it is done"},
	    {"discard", NULL, COMMON_FLAG, &replay->discard,
	     .help = "deletes first what an unfinished replay of this name has left"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--config FILE --from EDGE [--to EDGE] [options]",
	    .summary = "A backfill: reads a stretch of the input topic and publishes what the daemon would, exactly "
		       "once, into\n"
		       "topics of its own. The live pipeline's group, state and topics are not touched. Killed or "
		       "stopped, the\n"
		       "same command goes on where it was.",
	    .options = options,
	    .more =
		"Exit status: 0 done, 69 stopped before its end or a service is away, 76 halted (the log says what\n"
		"to do), 78 bad configuration.",
	};
	return common_parse(&command, argc, argv, err);
}

static int run(struct arguments *arguments, struct world *world, struct err *err)
{
	struct replay_options *replay = &arguments->replay;
	if (arguments->warm_up != NULL && duration_parse(slice_of(arguments->warm_up), &replay->warm_up_ms) != 0)
		return err_set(err, ERR_USAGE, "--warm-up \"%s\" is not a duration such as 30d", arguments->warm_up);
	if (stretch_parse("from", replay->from, &replay->edges[0], err) != 0 ||
	    stretch_parse("to", replay->to, &replay->edges[1], err) != 0 ||
	    world_open(world, arguments->config, err) != 0)
		return -1;
	const char *live_group = world->config->kafka.group_id;
	if (replay_set_apart(world, replay, err) != 0)
		return -1;
	return replay_run(world, replay, live_group, err);
}

int cmd_replay(int argc, char **argv)
{
	struct arguments arguments = {.replay = {.name = REPLAY_NAME, .to = "latest", .warm_up_ms = -1, .edges = NULL}};
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
