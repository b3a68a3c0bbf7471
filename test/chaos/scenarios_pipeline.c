/*
 * The whole daemon over the memory twins. Where memory is out, it ends with ERR_MEMORY and is killed; another one, started
 * over what Kafka and the store then hold, must come to the same outputs and the same state.
 */
#include "test/chaos/scenarios.h"
#include "test/chaos/worlds.h"
#include "test/twin/model_sample.h"

#define EVENTS 60
#define BATCH 16
#define TURNS_MAX 2000

/* What a scenario does between two stretches of events. */
struct story {
	struct test_world world;
	struct model *model;
	struct explainer *explainer;
	struct rule_options rule;
	struct pseudonym_options pseudonym;
	struct err *err;
};

/* Starts a daemon; after the failure asked for a second one. */
static int start(struct story *story)
{
	struct test_world *world = &story->world;
	while (world_start(world, story->err) != 0) {
		world_kill(world);
		if (!sweep_again(story->err))
			return -1;
	}
	return 0;
}

/* Until nothing happens any more; a daemon that ended is followed by another. */
static int run(struct story *story)
{
	struct test_world *world = &story->world;
	while (world_run(world, story->err) != 0) {
		world_kill(world);
		if (!sweep_again(story->err) || start(story) != 0)
			return -1;
	}
	if (!pipeline_ready(world->pipeline))
		return err_set(story->err, ERR_INTERNAL, "the daemon stands still without an error: %s",
			       pipeline_reason(world->pipeline));
	world->now_us += INT64_C(120) * 1000000;
	return 0;
}

/* Stops in order. What could not be written then is made good by the next start. */
static int stop(struct story *story)
{
	world_stop(&story->world);
	return 0;
}

static int stretch(struct story *story, int from, int to)
{
	allocations_pause();
	worlds_feed(&story->world, from, to);
	allocations_resume();
	return run(story);
}

static void open_story(struct story *story, struct err *err)
{
	allocations_pause();
	*story = (struct story){.err = err};
	world_open(&story->world, WORLDS_PARTITIONS, BATCH);
	allocations_resume();
}

/* The end: everything is at rest, another start changes nothing; then it is noted. */
static int close_story(struct story *story, int status, struct sweep_result *result)
{
	struct test_world *world = &story->world;
	if (world->pipeline != NULL)
		world_stop(world);
	if (status == 0)
		status = start(story) == 0 && run(story) == 0 ? stop(story) : -1;
	if (world->pipeline != NULL)
		world_kill(world);
	allocations_pause();
	if (status == 0) {
		worlds_note_outputs(world, result);
		worlds_note_records(world, result);
		worlds_note_markers(world, result);
	}
	world_close(world);
	explainer_free(story->explainer);
	model_free(story->model);
	allocations_resume();
	return status;
}

static int steady(struct sweep_result *result, struct err *err)
{
	struct story story;
	open_story(&story, err);
	int status = start(&story) == 0 && stretch(&story, 0, EVENTS) == 0 && stop(&story) == 0 && start(&story) == 0
			 ? stretch(&story, EVENTS, EVENTS + 30)
			 : -1;
	return close_story(&story, status, result);
}

static void abort_commit(struct test_world *world)
{
	memory_broker_fail_commit(world->broker, COMMIT_ABORTED, false);
}

static void commit_unknown_done(struct test_world *world)
{
	memory_broker_fail_commit(world->broker, COMMIT_UNKNOWN, true);
}

static void commit_unknown_not_done(struct test_world *world)
{
	memory_broker_fail_commit(world->broker, COMMIT_UNKNOWN, false);
}

static void revoke(struct test_world *world)
{
	memory_broker_rebalance(world->broker, false);
}

static void lose(struct test_world *world)
{
	memory_broker_rebalance(world->broker, true);
}

static void store_away(struct test_world *world)
{
	memory_store_fail(world->store, 3);
	memory_store_lose_replies(world->store, 1);
}

static int troubles(struct sweep_result *result, struct err *err)
{
	static void (*const all[])(struct test_world *) = {
	    abort_commit, commit_unknown_done, commit_unknown_not_done, revoke, lose, store_away};
	struct story story;
	int status = 0, count = (int)(sizeof all / sizeof *all);
	open_story(&story, err);
	if (start(&story) != 0)
		status = -1;
	for (int i = 0; status == 0 && i < count; i++) {
		all[i](&story.world);
		status = stretch(&story, i * 20, (i + 1) * 20);
	}
	return close_story(&story, status, result);
}

/* The store is flushed while nobody runs: the state is made again from the topic. */
static int rebuild(struct sweep_result *result, struct err *err)
{
	struct story story;
	open_story(&story, err);
	int status = start(&story) == 0 && stretch(&story, 0, EVENTS) == 0 ? stop(&story) : -1;
	memory_store_flush(story.world.store);
	if (status == 0)
		status = start(&story) == 0 ? stretch(&story, EVENTS, EVENTS + 20) : -1;
	return close_story(&story, status, result);
}

/* The state lags behind the commits when the daemon is killed: below C there is state only. */
static int catch_up(struct sweep_result *result, struct err *err)
{
	struct story story;
	open_story(&story, err);
	story.world.options.limits.write_interval_ms = INT64_C(3600000);
	story.world.options.limits.write_records = 100000;
	int status = start(&story) == 0 ? stretch(&story, 0, EVENTS) : -1;
	if (status == 0) {
		world_kill(&story.world);
		status = start(&story) == 0 ? stretch(&story, EVENTS, EVENTS + 20) : -1;
	}
	return close_story(&story, status, result);
}

/* A model with its explanations, messages in Avro, pseudonyms, a cache too small for its entities. */
static void dress(struct story *story)
{
	static const struct train_options options = {10, 32, 7, false, false};
	static const char *const names[] = {"count_1h", "sum_1h", "amount"};
	static const bool fields[] = {false};
	struct test_world *world = &story->world;
	struct err err = {0};
	allocations_pause();
	story->model = model_sample(&options, 64, 3);
	for (size_t i = 0; i < 3; i++) {
		free(story->model->features[i]);
		story->model->features[i] = strdup(names[i]);
	}
	snprintf(story->model->id, sizeof story->model->id, "%064d", 7);
	story->explainer = explainer_new(story->model->forest);
	policy_free(world->policy);
	world->policy_options.threshold = (struct threshold_options){THRESHOLD_ABSOLUTE, 0.3};
	world->policy_options.warming = WARMING_ALERT;
	world->policy = policy_new(&world->policy_options, world->set, story->model, NULL, NULL, &err);
	if (story->explainer == NULL || world->policy == NULL)
		scenario_give_up(err.message);
	world->champion = (struct champion){story->model, world->policy, story->explainer, NULL};
	world->publish.alerts.format = world->publish.decisions.format = FORMAT_AVRO;
	story->pseudonym = (struct pseudonym_options){slice_of("0123456789abcdef"), true, true, fields, 1};
	world->options.pseudonym = &story->pseudonym;
	world->publish.pseudonymized = true;
	world->options.limits.cache_bytes = 2000;
	allocations_resume();
}

static int dressed(struct sweep_result *result, struct err *err)
{
	struct story story;
	open_story(&story, err);
	dress(&story);
	int status = start(&story) == 0 && stretch(&story, 0, 30) == 0 ? stretch(&story, 30, 60) : -1;
	return close_story(&story, status, result);
}

const struct sweep_scenario scenarios_pipeline[] = {{"pipeline: steady", steady, 0},
						    {"pipeline: troubles", troubles, 0},
						    {"pipeline: rebuild", rebuild, 0},
						    {"pipeline: catch-up", catch_up, 0},
						    {"pipeline: model, Avro, pseudonyms", dressed, 0},
						    {0}};
