#include "daemon/cmd/replay_plan.h"

#include "daemon/cmd/bounded_source.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/past.h"
#include "daemon/cmd/signals.h"
#include "daemon/io/kafka_group.h"
#include "daemon/io/memory_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TTL_BEYOND_REACH_MS (INT64_C(7) * 86400000) /* of state that nobody comes back for */
#define ALONE_GRACE_MS 5000                         /* beyond a session's time-out */

struct replaying {
	struct world *world;
	const struct replay_options *options;
	struct replay_plan plan;
	struct bounded_source bounded;
	struct kafka_source *source;
	struct kafka_sink *sink;
	struct redis_store *redis;
	struct memory_store *memory;
	struct pipeline *pipeline;
	struct signals signals;
	struct common_progress progress;
	int64_t began_us;
	uint64_t total, done; /* records of the stretch, by offsets; committed */
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
	const char *const live[] = {config->kafka.input_topic, publish->alerts.topic, publish->decisions.topic,
				    publish->enriched.topic,   publish->late_topic,   publish->dead_letter_topic};
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
	for (int attempt = 0; !replaying->signals.stop;) {
		size_t members = 0;
		if (kafka_group_members(kafka, &members, err) != 0) {
			if (past_given_up(world, attempt++, err))
				return -1;
			continue;
		}
		if (members == 0)
			return 0;
		if (common_monotonic_us() > until_us)
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
	else if ((replaying->memory = memory_store_new()) == NULL)
		return err_memory(err);
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

static int open_champion(struct world *world, struct err *err)
{
	struct err why = {0};
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL)
		return -1;
	if (world->champion->model == NULL)
		log_error(&world->log, "no model can be used, rules alone decide (flag fallback): %s",
			  err_is_set(&why) ? why.message : "no model.directory is configured");
	return 0;
}

static int open_pipeline(struct replaying *replaying, struct err *err)
{
	struct world *world = replaying->world;
	struct config *config = world->config;
	replaying->source = kafka_source_new(&config->kafka, err);
	replaying->sink = replaying->source == NULL ? NULL : kafka_sink_new(&config->kafka, err);
	if (replaying->sink == NULL)
		return -1;
	replaying->bounded = (struct bounded_source){.below = kafka_source_port(replaying->source),
						     .clock = &world->clock,
						     .ends = replaying->plan.ends,
						     .count = replaying->plan.count,
						     .rate = replaying->options->rate};
	const struct ports ports = {.source = bounded_source_port(&replaying->bounded),
				    .sink = kafka_sink_port(replaying->sink),
				    .store = replaying->redis != NULL ? redis_store_port(replaying->redis)
								      : memory_store_port(replaying->memory),
				    .codec = avro_codec_port(world->codec),
				    .clock = world->clock,
				    .log = &world->log};
	for (int attempt = 0; world_register(world, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	struct pipeline_options options = world_pipeline_options(world);
	replaying->pipeline = pipeline_new(&options, &ports);
	if (replaying->pipeline == NULL)
		return err_memory(err);
	pipeline_champion(replaying->pipeline, &world->champion->champion);
	return pipeline_open(replaying->pipeline, &replaying->signals.stop, err);
}

/* True where every partition has come to its end. */
static bool is_done(struct replaying *replaying, struct err *err)
{
	const struct metrics *metrics = pipeline_metrics(replaying->pipeline);
	size_t ended = 0, halted = 0;
	uint64_t done = 0;
	if (!metrics->ready && metrics->partition_count == 0)
		return false;
	for (size_t i = 0; i < metrics->partition_count; i++) {
		const struct partition_metrics *partition = &metrics->partitions[i];
		size_t number = (size_t)partition->partition;
		if (number >= replaying->plan.count)
			continue;
		int64_t from = replaying->plan.from[number], end = replaying->plan.ends[number];
		int64_t committed = partition->committed < from ? from : partition->committed;
		done += (uint64_t)((committed < end ? committed : end) - from);
		ended += committed >= end;
		halted += partition->halted && committed < end;
	}
	replaying->done = done;
	if (metrics->ready && metrics->partition_count < replaying->plan.count)
		(void)err_set(err, ERR_FENCED, "another process has joined the group %s: a replay needs it for itself",
			      replaying->world->config->kafka.group_id);
	else if (halted > 0 && ended + halted == replaying->plan.count)
		(void)err_set(err, ERR_HALT, "%zu partitions are halted; see the messages above for each remedy",
			      halted);
	return err_is_set(err) || ended == replaying->plan.count;
}

static void show(struct replaying *replaying)
{
	const struct metrics *metrics = pipeline_metrics(replaying->pipeline);
	if (replaying->done == 0)
		common_progress_show(&replaying->progress, metrics->reapplied, "records of history", 0, 0);
	else
		common_progress_show(&replaying->progress, replaying->done, "records", replaying->done,
				     replaying->total);
}

static int go_through(struct replaying *replaying, struct err *err)
{
	int status = 0;
	common_progress_begin(&replaying->progress, "replaying");
	while (status == 0 && !replaying->signals.stop && !is_done(replaying, err)) {
		status = pipeline_step(replaying->pipeline, &replaying->signals.stop, err);
		show(replaying);
	}
	common_progress_end(&replaying->progress);
	bool stopped = replaying->signals.stop && (status == 0 || err->action == ERR_RETRY) && !is_done(replaying, err);
	pipeline_close(replaying->pipeline);
	if (!stopped)
		return status != 0 || err_is_set(err) ? -1 : 0;
	err_clear(err);
	return err_set(err, ERR_UNAVAILABLE,
		       "stopped after %" PRIu64 " of %" PRIu64 " records: the same command goes on", replaying->done,
		       replaying->total);
}

static void print_summary(struct replaying *replaying)
{
	const struct metrics *metrics = pipeline_metrics(replaying->pipeline);
	const struct publish_options *publish = &replaying->world->config->publish;
	const struct output_options *outputs[] = {&publish->alerts, &publish->decisions};
	double seconds = (double)(common_monotonic_us() - replaying->began_us) / 1e6;
	uint64_t records = 0;
	char elapsed[32];
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		records += metrics->outcomes[i];
	printf("replayed %" PRIu64 " records%s: scored %" PRIu64 ", duplicate %" PRIu64 ", too_late %" PRIu64
	       ", future %" PRIu64 ", invalid %" PRIu64 "; alerts %" PRIu64 "; history %" PRIu64 "; in %s (%.0f/s)\n",
	       records, replaying->plan.resumed ? " (the rest of them)" : "", metrics->outcomes[OUTCOME_SCORED],
	       metrics->outcomes[OUTCOME_DUPLICATE], metrics->outcomes[OUTCOME_TOO_LATE],
	       metrics->outcomes[OUTCOME_FUTURE], metrics->outcomes[OUTCOME_INVALID], metrics->alerts,
	       metrics->reapplied, common_elapsed(replaying->began_us, elapsed),
	       seconds > 0 ? (double)(records + metrics->reapplied) / seconds : 0);
	for (size_t i = 0; i < 2; i++)
		if (outputs[i]->topic != NULL)
			printf("%-9s in %s\n", i == 0 ? "alerts" : "decisions", outputs[i]->topic);
}

/* State first, then the groups: what is cut off here is found and deleted by the next replay of this name. */
static int clean_up(struct replaying *replaying, struct err *err)
{
	if (replaying->options->keep)
		return 0;
	kafka_source_free(replaying->source);
	replaying->source = NULL;
	if (wipe(replaying, err) != 0 || replay_plan_delete(replaying->world, err) != 0)
		return err_prepend(err, "the replay is done, but what it leaves could not be deleted");
	return 0;
}

int replay_run(struct world *world, const struct replay_options *options, const char *live_group, struct err *err)
{
	struct replaying replaying = {.world = world, .options = options, .began_us = common_monotonic_us()};
	int status = signals_start(&replaying.signals, err);
	if (status == 0)
		status = wait_alone(&replaying, err);
	if (status == 0 &&
	    (world_codec(world, err) != 0 || open_champion(world, err) != 0 || open_store(&replaying, err) != 0 ||
	     open_plan(&replaying, live_group, err) != 0 || create_topics(&replaying, err) != 0))
		status = -1;
	if (status == 0 && replaying.plan.resumed)
		log_notice(&world->log, "going on with the replay name=%s", options->name);
	if (status == 0)
		status = open_pipeline(&replaying, err);
	if (status == 0)
		status = go_through(&replaying, err);
	if (status == 0) {
		print_summary(&replaying);
		status = clean_up(&replaying, err);
	}
	signals_end(&replaying.signals);
	pipeline_free(replaying.pipeline);
	kafka_source_free(replaying.source);
	kafka_sink_free(replaying.sink);
	redis_store_free(replaying.redis);
	memory_store_free(replaying.memory);
	replay_plan_free(&replaying.plan);
	return status;
}
