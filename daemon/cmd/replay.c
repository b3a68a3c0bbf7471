#include "daemon/cmd/replay_job.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/past.h"
#include "daemon/cmd/signals.h"
#include "daemon/io/kafka_group.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TTL_BEYOND_REACH_MS (INT64_C(7) * 86400000) /* of state that nobody comes back for */
#define LOOK_MS 20
#define HEARTBEAT_MS 200  /* the first job learns by its heartbeat that the others have come */
#define FIRST_US 10000000 /* the others wait for the first at most this long */
#define ALONE_US 2000000
#define WRITE_INTERVAL_MS 10000
#define WRITE_RECORDS 2000000 /* per partition */
#define FOREIGN_US 30000000   /* partitions that nobody of ours has for so long are another process's */
#define ALONE_GRACE_MS 5000   /* beyond a session's time-out */

struct replaying {
	struct world *world;
	const struct replay_options *options;
	struct replay_plan plan;
	struct replay_shared shared;
	struct replay_job *jobs;   /* owned; options->jobs of them */
	struct redis_store *redis; /* for what is deleted; NULL: state is in memory */
	struct signals signals;
	struct common_progress progress;
	int64_t began_us, whole_us; /* whole_us: when the jobs last had all partitions */
	uint64_t total, done;       /* records of the stretch, by offsets; committed */
};

/* A topic of the live pipeline is never written to. */
static int refuse_live(const char *const *live, size_t count, const char *topic, struct err *err)
{
	for (size_t i = 0; topic != NULL && i < count; i++)
		if (live[i] != NULL && strcmp(live[i], topic) == 0)
			return err_set(err, ERR_USAGE,
				       "%s is a topic of the live pipeline: a replay writes into topics of its own",
				       topic);
	return 0;
}

int replay_set_apart(struct world *world, const struct replay_options *options, struct err *err)
{
	struct config *config = world->config;
	struct publish_options *publish = &config->publish;
	const char *const live[] = {config->kafka.input_topic, publish->alerts.topic,     publish->decisions.topic,
				    publish->enriched.topic,   publish->amendments.topic, publish->late_topic,
				    publish->dead_letter_topic};
	if (config_set_apart(config, options->name, err) != 0)
		return err_prepend(err, "--name");
	const char **const topics[] = {&publish->alerts.topic, &publish->decisions.topic, &publish->late_topic,
				       &publish->dead_letter_topic};
	const char *const given[] = {options->alerts, options->decisions, options->late, options->dead_letters};
	for (size_t i = 0; i < 4; i++) {
		if (given[i] != NULL)
			*topics[i] = given[i];
		if (refuse_live(live, sizeof live / sizeof *live, *topics[i], err) != 0)
			return -1;
	}
	world_list_outputs(world);
	struct batch_limits *limits = &config->limits;
	/* State is seldom written: a replay that was killed applies again what was not, and nobody waits for it. */
	if (limits->write_interval_ms < WRITE_INTERVAL_MS)
		limits->write_interval_ms = WRITE_INTERVAL_MS;
	if (limits->write_records < WRITE_RECORDS)
		limits->write_records = WRITE_RECORDS;
	config->kafka.heartbeat_ms = HEARTBEAT_MS;
	config->redis.ttl_ms = feature_set_reach_ms(world->set) + TTL_BEYOND_REACH_MS;
	return 0;
}

/* A replay that was killed stays in its group until its session ends; one that runs stays for good. */
static int wait_alone(struct replaying *replaying, struct err *err)
{
	struct world *world = replaying->world;
	const struct kafka_options *kafka = &world->config->kafka;
	int64_t until_us = common_monotonic_us() + (kafka->session_timeout_ms + ALONE_GRACE_MS) * 1000;
	bool told = false;
	int64_t alone_us = 0; /* since when; members that rejoin are none for a moment */
	for (int attempt = 0; !replaying->signals.stop;) {
		size_t members = 0;
		if (kafka_group_members(kafka, &members, err) != 0) {
			if (past_given_up(world, attempt++, err))
				return -1;
			continue;
		}
		int64_t now_us = common_monotonic_us();
		alone_us = members > 0 ? 0 : alone_us == 0 ? now_us : alone_us;
		if (members == 0 && (!told || now_us - alone_us > ALONE_US))
			return 0;
		if (members > 0 && now_us > until_us)
			return err_set(err, ERR_UNAVAILABLE,
				       "a replay named %s is running already: wait for it, or choose another --name",
				       replaying->options->name);
		if (!told)
			log_notice(&world->log, "group %s has a member: waiting for its session to end",
				   kafka->group_id);
		told = true;
		world->clock.sleep_ms(world->clock.self, 500);
	}
	return err_set(err, ERR_UNAVAILABLE, "stopped before it began");
}

static int open_store(struct replaying *replaying, struct err *err)
{
	const struct config *config = replaying->world->config;
	if (config->state_kind == STATE_REDIS)
		replaying->redis = redis_store_new(&config->redis, err);
	return config->state_kind == STATE_REDIS && replaying->redis == NULL ? -1 : 0;
}

static int wipe(struct replaying *replaying, struct err *err)
{
	uint64_t deleted = 0;
	if (replaying->redis == NULL)
		return 0;
	for (int attempt = 0; redis_store_wipe(replaying->redis, &deleted, err) != 0; attempt++)
		if (past_given_up(replaying->world, attempt, err))
			return -1;
	return 0;
}

/* Output topics that are not there are made with as many partitions as the input has. */
static int create_topics(struct replaying *replaying, struct err *err)
{
	const struct kafka_options *kafka = &replaying->world->config->kafka;
	for (size_t i = 0; i < kafka->output_topic_count; i++)
		for (int attempt = 0;
		     kafka_topic_create(kafka, kafka->output_topics[i], (int32_t)replaying->plan.count, err) != 0;
		     attempt++)
			if (past_given_up(replaying->world, attempt, err))
				return -1;
	return 0;
}

static int open_plan(struct replaying *replaying, const char *live_group, struct err *err)
{
	const struct replay_options *options = replaying->options;
	if (options->discard && (wipe(replaying, err) != 0 || replay_plan_delete(replaying->world, err) != 0))
		return -1;
	if (replay_plan_open(&replaying->plan, replaying->world, options, live_group, err) != 0)
		return -1;
	/* A plan that is new has no state yet: what lies there is of one whose cleaning up was cut off. */
	if (!replaying->plan.resumed && wipe(replaying, err) != 0)
		return -1;
	for (size_t i = 0; i < replaying->plan.count; i++)
		replaying->total += (uint64_t)(replaying->plan.ends[i] - replaying->plan.from[i]);
	return 0;
}

/* A member that comes while the first ones are still joining makes them begin anew, after a second: measured. */
static void wait_for_first(struct replaying *replaying)
{
	const struct clock *clock = &replaying->world->clock;
	int64_t until_us = common_monotonic_us() + FIRST_US;
	while (atomic_load(&replaying->jobs[0].owned) == 0 && !replaying->signals.stop && !replaying->shared.end &&
	       common_monotonic_us() < until_us)
		clock->sleep_ms(clock->self, LOOK_MS);
}

/* Jobs beyond the number of partitions would have nothing to do. */
static int start_jobs(struct replaying *replaying, const char *config, struct err *err)
{
	const struct replay_options *options = replaying->options;
	struct replay_shared *shared = &replaying->shared;
	shared->plan = &replaying->plan;
	shared->held = options->jobs > 1;
	shared->stop = &replaying->signals.stop;
	shared->committed = calloc(replaying->plan.count, sizeof *shared->committed);
	replaying->jobs = calloc(options->jobs, sizeof *replaying->jobs);
	if (shared->committed == NULL || replaying->jobs == NULL)
		return err_memory(err);
	for (size_t i = 0; i < replaying->plan.count; i++)
		atomic_store(&shared->committed[i], replaying->plan.from[i]);
	for (unsigned i = 0; i < options->jobs; i++) {
		replaying->jobs[i].shared = shared;
		if (replay_job_open(&replaying->jobs[i], config, options, i, err) != 0)
			return -1;
	}
	for (unsigned i = 0; i < options->jobs; i++) {
		if (replay_job_start(&replaying->jobs[i], err) != 0)
			return -1;
		if (i == 0 && options->jobs > 1)
			wait_for_first(replaying);
	}
	return 0;
}

/* Every job is ready with a partition of its own at least: the group is complete. */
static bool everybody_has_some(const struct replaying *replaying)
{
	const struct replay_shared *shared = &replaying->shared;
	for (unsigned i = 0; i < replaying->options->jobs; i++)
		if (atomic_load(&replaying->jobs[i].owned) == 0)
			return false;
	return atomic_load(&shared->unready) == 0 && atomic_load(&shared->owned) == replaying->plan.count;
}

/* True where every partition has come to its end, or none can go on. */
static bool is_done(struct replaying *replaying, struct err *err)
{
	struct replay_shared *shared = &replaying->shared;
	size_t ended = 0;
	uint64_t done = 0, halted = atomic_load(&shared->halted);
	int64_t now_us = common_monotonic_us();
	for (size_t i = 0; i < replaying->plan.count; i++) {
		int64_t from = replaying->plan.from[i], end = replaying->plan.ends[i];
		int64_t committed = atomic_load(&shared->committed[i]);
		done += (uint64_t)((committed < end ? committed : end) - from);
		ended += committed >= end;
	}
	replaying->done = done;
	if (shared->held && everybody_has_some(replaying))
		shared->held = 0;
	if (replaying->whole_us == 0 || atomic_load(&shared->unready) > 0 ||
	    atomic_load(&shared->owned) >= replaying->plan.count)
		replaying->whole_us = now_us;
	if (ended == replaying->plan.count)
		return true;
	if (now_us - replaying->whole_us > FOREIGN_US)
		(void)err_set(err, ERR_FENCED, "another process has joined the group %s: a replay needs it for itself",
			      replaying->world->config->kafka.group_id);
	else if (halted > 0 && ended + halted == replaying->plan.count)
		(void)err_set(err, ERR_HALT,
			      "%" PRIu64 " partitions are halted; see the messages above for each remedy", halted);
	return err_is_set(err);
}

static void show(struct replaying *replaying)
{
	uint64_t history = atomic_load(&replaying->shared.history);
	if (replaying->done == 0)
		common_progress_show(&replaying->progress, history, "records of history", 0, 0);
	else
		common_progress_show(&replaying->progress, replaying->done, "records", replaying->done,
				     replaying->total);
}

/* The first job that failed says why. */
static void take_errors(struct replaying *replaying, struct err *err)
{
	for (unsigned i = 0; i < replaying->options->jobs; i++)
		if (err_is_set(&replaying->jobs[i].err) && !err_is_set(err))
			*err = replaying->jobs[i].err;
}

static int go_through(struct replaying *replaying, struct err *err)
{
	struct replay_shared *shared = &replaying->shared;
	bool done = false;
	common_progress_begin(&replaying->progress, "replaying");
	while (!replaying->signals.stop && !shared->end && !(done = is_done(replaying, err))) {
		replaying->world->clock.sleep_ms(replaying->world->clock.self, LOOK_MS);
		show(replaying);
	}
	common_progress_end(&replaying->progress);
	shared->forget = done && !err_is_set(err) && !replaying->options->keep; /* it would be written to be deleted */
	shared->end = 1;
	for (unsigned i = 0; i < replaying->options->jobs; i++)
		replay_job_join(&replaying->jobs[i]);
	take_errors(replaying, err);
	if (err_is_set(err) || is_done(replaying, err))
		return err_is_set(err) ? -1 : 0;
	return err_set(err, ERR_UNAVAILABLE,
		       "stopped after %" PRIu64 " of %" PRIu64 " records: the same command goes on", replaying->done,
		       replaying->total);
}

static void print_summary(struct replaying *replaying)
{
	const struct publish_options *publish = &replaying->world->config->publish;
	const struct output_options *outputs[] = {&publish->alerts, &publish->decisions};
	double seconds = (double)(common_monotonic_us() - replaying->began_us) / 1e6;
	uint64_t outcomes[OUTCOME_NUMBER] = {0}, records = 0, alerts = 0, history = 0;
	char elapsed[32];
	for (unsigned j = 0; j < replaying->options->jobs; j++) {
		const struct metrics *metrics = &replaying->jobs[j].metrics;
		for (size_t i = 0; i < OUTCOME_NUMBER; i++) {
			outcomes[i] += metrics->outcomes[i];
			records += metrics->outcomes[i];
		}
		alerts += metrics->alerts;
		history += metrics->reapplied;
	}
	printf("replayed %" PRIu64 " records%s: scored %" PRIu64 ", duplicate %" PRIu64 ", too_late %" PRIu64
	       ", future %" PRIu64 ", invalid %" PRIu64 "; alerts %" PRIu64 "; history %" PRIu64 "; in %s (%.0f/s)\n",
	       records, replaying->plan.resumed ? " (the rest of them)" : "", outcomes[OUTCOME_SCORED],
	       outcomes[OUTCOME_DUPLICATE], outcomes[OUTCOME_TOO_LATE], outcomes[OUTCOME_FUTURE],
	       outcomes[OUTCOME_INVALID], alerts, history, common_elapsed(replaying->began_us, elapsed),
	       seconds > 0 ? (double)(records + history) / seconds : 0);
	for (size_t i = 0; i < 2; i++)
		if (outputs[i]->topic != NULL)
			printf("%-9s in %s\n", i == 0 ? "alerts" : "decisions", outputs[i]->topic);
}

/* State first, then the groups: what is cut off here is found and deleted by the next replay of this name. */
static int clean_up(struct replaying *replaying, struct err *err)
{
	if (replaying->options->keep)
		return 0;
	for (unsigned i = 0; i < replaying->options->jobs; i++)
		replay_job_close(&replaying->jobs[i]);
	if (wipe(replaying, err) != 0 || replay_plan_delete(replaying->world, err) != 0)
		return err_prepend(err, "the replay is done, but what it leaves could not be deleted");
	return 0;
}

int replay_run(struct world *world, const char *config, struct replay_options *options, const char *live_group,
	       struct err *err)
{
	struct replaying replaying = {.world = world, .options = options, .began_us = common_monotonic_us()};
	int status = signals_start(&replaying.signals, err);
	if (status == 0)
		status = wait_alone(&replaying, err);
	if (status == 0 && (world_codec(world, err) != 0 || open_store(&replaying, err) != 0 ||
			    open_plan(&replaying, live_group, err) != 0 || create_topics(&replaying, err) != 0))
		status = -1;
	if (status == 0 && replaying.plan.resumed)
		log_notice(&world->log, "going on with the replay name=%s", options->name);
	if (options->jobs > replaying.plan.count && replaying.plan.count > 0)
		options->jobs = (unsigned)replaying.plan.count;
	if (status == 0)
		status = start_jobs(&replaying, config, err);
	if (replaying.jobs != NULL && status != 0)
		replaying.shared.end = 1;
	if (status == 0)
		status = go_through(&replaying, err);
	if (status == 0) {
		print_summary(&replaying);
		status = clean_up(&replaying, err);
	}
	for (unsigned i = 0; replaying.jobs != NULL && i < options->jobs; i++)
		replay_job_close(&replaying.jobs[i]);
	signals_end(&replaying.signals);
	redis_store_free(replaying.redis);
	replay_plan_free(&replaying.plan);
	free(replaying.shared.committed);
	free(replaying.jobs);
	return status;
}
