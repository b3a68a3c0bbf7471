#include "daemon/cmd/check_online.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/policy_on.h"

#include "number.h"

#include <assert.h>

static void summary(const struct world *world)
{
	const struct config *config = world->config;
	char reach[NUMBER_TEXT_MAX];
	duration_format(feature_set_reach_ms(world->set), reach);
	printf("pipeline        %s\n"
	       "input topic     %s\n"
	       "features        %zu, reach %s\n"
	       "feature set id  %s\n"
	       "state id        %s\n",
	       config->pipeline, config->kafka.input_topic, feature_set_count(world->set), reach,
	       feature_set_id(world->set), feature_set_state_id(world->set));
}

static int check_offline(struct world *world, const char *path, struct err *err)
{
	*world = (struct world){0};
	world->config = common_config(path, true, err);
	if (world->config == NULL)
		return -1;
	return feature_set_new(&world->set, &world->config->features, NULL, NULL, err);
}

int cmd_check(int argc, char **argv)
{
	struct world world = {0};
	struct err err = {0};
	const char *path = NULL, *vectors = NULL, *model = NULL;
	bool online = false;
	const struct common_option options[] = {
	    {.name = "config",
	     .value = "FILE",
	     .kind = COMMON_TEXT,
	     .target = &path,
	     .required = true,
	     .help = "the configuration"},
	    {.name = "online",
	     .kind = COMMON_FLAG,
	     .target = &online,
	     .help = "connect to everything it names: brokers, topics, registry, Redis, model; changes nothing"},
	    {.name = "policy-on",
	     .value = "FILE",
	     .kind = COMMON_TEXT,
	     .target = &vectors,
	     .help = "what the policy would have done on a CSV file of vectors: alerts a day,\nrules beside the score; "
		     "fields that rules look at are columns of their\nnames (features --keep)"},
	    {.name = "model",
	     .value = "M",
	     .kind = COMMON_TEXT,
	     .target = &model,
	     .help = "with --policy-on: a model's file instead of the champion of\nmodel.directory"},
	    {0}};
	const struct common_command command = {
	    .name = "check",
	    .usage = "--config FILE [--online] [--policy-on FILE [--model M]]",
	    .options = options,
	    .summary =
		"Lists every problem of a configuration at once, each with its key, the value and what would be right.",
	    .more = "Exit status: 0 no problem, 69 an online check found an error, 78 the configuration has problems."};
	int parsed = common_parse(&command, argc, argv, &err);
	if (parsed <= 0)
		return common_end("check", &err);
	if (model != NULL && vectors == NULL) {
		(void)err_set(&err, ERR_USAGE, "--model goes with --policy-on");
		return common_end("check", &err);
	}
	if ((online ? world_open(&world, path, &err) : check_offline(&world, path, &err)) == 0) {
		summary(&world);
		unsigned errors = online ? check_online(&world) : 0;
		if (errors > 0)
			(void)err_set(&err, ERR_UNAVAILABLE, "%u errors", errors);
		if (vectors != NULL && !err_is_set(&err) && policy_on(&world, vectors, model, &err) != 0)
			assert(err_is_set(&err));
	}
	world_close(&world);
	return common_end("check", &err);
}
