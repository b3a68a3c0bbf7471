#include "test/chaos/ports.h"

#include "test/chaos/faults.h"
#include "test/chaos/worlds.h"

#define BATCH 7
#define FAILURES_SHOWN 3
#define STEPS_MAX 3000 /* of one stretch: more, and the daemon does not come to rest */
#define LIVES_MAX 4    /* daemons of one story beyond those it starts itself */
#define PAUSE_US (INT64_C(120) * 1000000)

struct telling {
	struct test_world world;
	struct faulty faulty;
	int lives; /* left */
	uint64_t rebuilds;
	bool ended;     /* a daemon did, beyond what the story wants */
	char what[512]; /* went wrong; empty: nothing */
};

struct outcome_of_story {
	struct sweep_result outputs, records, markers;
	uint64_t rebuilds;
};

static void complain(struct telling *telling, const char *what, const struct err *err)
{
	if (telling->what[0] == '\0')
		snprintf(telling->what, sizeof telling->what, "%s%s%.300s", what, err == NULL ? "" : ": ",
			 err == NULL ? "" : err->message);
}

/* The daemon that runs is gone; killed: without a last word. */
static void end_daemon(struct telling *telling, bool killed)
{
	struct test_world *world = &telling->world;
	if (world->pipeline == NULL)
		return;
	telling->rebuilds += pipeline_metrics(world->pipeline)->rebuilds;
	if (killed)
		world_kill(world);
	else
		world_stop(world);
}

/* A daemon ended with an error: was it one that it may end with? */
static void judge(struct telling *telling, const struct err *err)
{
	const struct faulty *faulty = &telling->faulty;
	const struct fault *fault = faulty->fault;
	telling->ended = true;
	if (!faulty->struck)
		complain(telling, "ended although nothing had failed", err);
	else if (faulty->killed)
		return;
	else if (fault->action != ERR_EXIT)
		complain(telling, "ended by an error that it should live through", err);
	else if (err->code != fault->code || err->message[0] == '\0')
		complain(telling, "ended with another code than the error's", err);
}

static bool start_daemon(struct telling *telling)
{
	for (;;) {
		struct err err = {0};
		if (world_start(&telling->world, &err) == 0 && !telling->faulty.killed)
			return true;
		judge(telling, &err);
		end_daemon(telling, telling->faulty.killed);
		telling->faulty.killed = false;
		if (telling->what[0] != '\0' || telling->lives-- == 0)
			return false;
	}
}

/* A fault that stops a daemon may also halt one partition alone, until the daemon is started again: -1 and *err. */
static int look_for_halt(struct telling *telling, struct err *err)
{
	const struct faulty *faulty = &telling->faulty;
	const struct metrics *metrics = pipeline_metrics(telling->world.pipeline);
	if (!faulty->struck || faulty->fault->code != ERR_HALT)
		return 0;
	for (size_t i = 0; i < metrics->partition_count; i++)
		if (metrics->partitions[i].halted)
			return err_set(err, ERR_HALT, "halted: %s", metrics->partitions[i].reason);
	return 0;
}

/* Turns the loop until nothing has happened for some turns; -1: it ended. */
static int turn_until_quiet(struct telling *telling, struct err *err)
{
	struct test_world *world = &telling->world;
	uint64_t last = UINT64_MAX;
	for (int quiet = 0, steps = 0; quiet < 5; steps++) {
		if (steps == STEPS_MAX) {
			complain(telling, "the daemon does not come to rest", NULL);
			return 0;
		}
		if (pipeline_step(world->pipeline, &world->stop, err) != 0 || telling->faulty.killed ||
		    look_for_halt(telling, err) != 0)
			return -1;
		world->now_us += 1000;
		const struct metrics *metrics = pipeline_metrics(world->pipeline);
		uint64_t now = metrics->batches + metrics->recoveries + metrics->cancelled + metrics->aborts;
		quiet = now == last && pipeline_ready(world->pipeline) ? quiet + 1 : 0;
		last = now;
	}
	return 0;
}

/* Time goes by, events come in, and all of them are processed, by one daemon or by its successors. */
static void stretch(struct telling *telling, int from, int to)
{
	struct test_world *world = &telling->world;
	if (telling->what[0] != '\0')
		return;
	world->now_us += PAUSE_US;
	worlds_feed(world, from, to);
	for (;;) {
		struct err err = {0};
		if (world->pipeline == NULL && !start_daemon(telling)) {
			complain(telling, "no daemon lives", NULL);
			return;
		}
		if (turn_until_quiet(telling, &err) == 0)
			return;
		judge(telling, &err);
		end_daemon(telling, telling->faulty.killed);
		telling->faulty.killed = false;
		if (telling->what[0] != '\0' || telling->lives-- == 0) {
			complain(telling, "too many daemons ended", &err);
			return;
		}
	}
}

static void stop(struct telling *telling)
{
	if (telling->what[0] != '\0')
		return;
	end_daemon(telling, false);
	telling->faulty.killed = false;
}

static void tell_steady(struct telling *telling)
{
	stretch(telling, 0, 40);
	memory_broker_rebalance(telling->world.broker, false);
	stretch(telling, 40, 60);
	stop(telling);
	stretch(telling, 60, 80);
	memory_broker_rebalance(telling->world.broker, true);
	stretch(telling, 80, 100);
}

/* Commits run ahead of the state; the daemon is killed, and the next one catches up. */
static void tell_catch_up(struct telling *telling)
{
	telling->world.options.limits.write_interval_ms = INT64_C(1000000);
	telling->world.options.limits.write_records = 100000;
	stretch(telling, 0, 60);
	end_daemon(telling, true);
	stretch(telling, 60, 80);
	telling->world.options.limits.write_interval_ms = 0;
	telling->world.options.limits.write_records = 1;
}

static void tell_rebuild(struct telling *telling)
{
	stretch(telling, 0, 60);
	stop(telling);
	memory_store_flush(telling->world.store);
	stretch(telling, 60, 80);
}

/* Services are away and a transaction is aborted already without the fault: fetching pauses and goes on. */
static void tell_waiting(struct telling *telling)
{
	for (int piece = 0; piece < 4; piece++) {
		telling->world.wait_codec = 2;
		memory_store_fail(telling->world.store, 2);
		memory_broker_fail_commit(telling->world.broker, COMMIT_ABORTED, false);
		stretch(telling, piece * 20, (piece + 1) * 20);
	}
	telling->world.wait_codec = 0;
	memory_store_fail(telling->world.store, 0);
}

struct story {
	const char *name;
	void (*tell)(struct telling *telling);
};

static const struct story stories[] = {
    {"steady", tell_steady}, {"catch-up", tell_catch_up}, {"rebuild", tell_rebuild}, {"waiting", tell_waiting}, {0}};

/* Tells a story with a fault (NULL: none) and what came of it; counts receives the calls. False: *telling->what. */
static bool tell(const struct story *story, const struct fault *fault, size_t n, struct telling *telling,
		 struct outcome_of_story *outcome)
{
	*telling = (struct telling){.lives = LIVES_MAX};
	*outcome = (struct outcome_of_story){0};
	struct test_world *world = &telling->world;
	world_open(world, WORLDS_PARTITIONS, BATCH);
	telling->faulty = (struct faulty){
	    .broker = world->broker, .store = world->store, .now_us = &world->now_us, .fault = fault, .n = n};
	world->wrap = faults_wrap;
	world->wrap_self = &telling->faulty;
	story->tell(telling);
	/* What has gone wrong must be over: one more life, undisturbed, and events that show what the state is. */
	stop(telling);
	telling->faulty.paused = true;
	stretch(telling, 1000, 1040);
	stop(telling);
	outcome->rebuilds = telling->rebuilds;
	worlds_note_outputs(world, &outcome->outputs);
	worlds_note_records(world, &outcome->records);
	worlds_note_markers(world, &outcome->markers);
	world_close(world);
	return telling->what[0] == '\0';
}

static bool same(const struct sweep_result *a, const struct sweep_result *b)
{
	return a->hash == b->hash && a->pieces == b->pieces;
}

/* One run against the undisturbed one. Records of a state that was made anew may hold less of what nothing sees any more. */
static bool run(const struct story *story, const struct fault *fault, size_t n, const struct outcome_of_story *wanted,
		bool *ended, char *what, size_t size)
{
	struct telling telling;
	struct outcome_of_story outcome;
	bool good = tell(story, fault, n, &telling, &outcome);
	*ended = telling.ended;
	if (good && !telling.faulty.struck)
		complain(&telling, "the call was never made", NULL);
	if (good && !same(&outcome.outputs, &wanted->outputs))
		complain(&telling, "other outputs", NULL);
	if (good && outcome.rebuilds == wanted->rebuilds && !same(&outcome.records, &wanted->records))
		complain(&telling, "other records in the store", NULL);
	if (good && !same(&outcome.markers, &wanted->markers))
		complain(&telling, "other markers or offsets", NULL);
	snprintf(what, size, "%s", telling.what);
	return telling.what[0] == '\0';
}

struct sums {
	size_t runs, ended, failures;
};

static void sweep_fault(const struct story *story, const struct fault *fault, size_t calls, size_t most,
			const struct outcome_of_story *wanted, struct sums *sums)
{
	size_t tried = most == 0 || calls < most ? calls : most;
	for (size_t i = 0; i < tried; i++) {
		size_t n = 1 + i * calls / tried;
		bool ended = false;
		char what[512];
		sums->runs++;
		if (!run(story, fault, n, wanted, &ended, what, sizeof what) && sums->failures++ < FAILURES_SHOWN)
			printf("  %s: %s, call %zu of %zu: %s\n", story->name, fault->name, n, calls, what);
		sums->ended += ended;
	}
}

static bool wants(const char *name, const struct story *story, const struct fault *fault)
{
	char pair[256];
	snprintf(pair, sizeof pair, "%s: %s", story->name, fault->name);
	return name == NULL || strstr(pair, name) != NULL;
}

static void print_sums(const struct story *story, const struct telling *undisturbed, const struct sums *sums,
		       size_t pairs)
{
	printf("%s %s: %zu faults, %zu runs: %zu ended and went on by another daemon, %zu failures; calls undisturbed:",
	       sums->failures == 0 ? "ok  " : "FAIL", story->name, pairs, sums->runs, sums->ended, sums->failures);
	for (size_t call = 0; call < CALL_NUMBER; call++)
		if (undisturbed->faulty.counts[call] > 0)
			printf(" %s %zu", faults_call_name((enum port_call)call), undisturbed->faulty.counts[call]);
	printf("\n");
}

void ports_sweep(const char *name, size_t most, int *passed, int *failed)
{
	for (const struct story *story = stories; story->name != NULL; story++) {
		struct telling undisturbed;
		struct outcome_of_story wanted;
		if (!tell(story, NULL, 0, &undisturbed, &wanted)) {
			printf("FAIL %s: undisturbed: %s\n", story->name, undisturbed.what);
			++*failed;
			continue;
		}
		struct sums all = {0};
		size_t pairs = 0;
		for (const struct fault *fault = faults; fault->name != NULL; fault++) {
			struct sums sums = {0};
			size_t calls = undisturbed.faulty.counts[fault->call];
			if (calls == 0 || !wants(name, story, fault))
				continue;
			sweep_fault(story, fault, calls, most, &wanted, &sums);
			*passed += sums.failures == 0;
			*failed += sums.failures != 0;
			all.runs += sums.runs;
			all.ended += sums.ended;
			all.failures += sums.failures;
			pairs++;
		}
		print_sums(story, &undisturbed, &all, pairs);
	}
}

bool ports_one(const char *name, size_t n)
{
	for (const struct story *story = stories; story->name != NULL; story++)
		for (const struct fault *fault = faults; fault->name != NULL; fault++) {
			struct telling undisturbed;
			struct outcome_of_story wanted;
			bool ended;
			char what[512];
			if (!wants(name, story, fault) || !tell(story, NULL, 0, &undisturbed, &wanted))
				continue;
			bool good = run(story, fault, n, &wanted, &ended, what, sizeof what);
			printf("%s: %s, call %zu: %s\n", story->name, fault->name, n, good ? "good" : what);
			return good;
		}
	printf("no story and fault of that name\n");
	return false;
}
