#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/policy_file.h"
#include "daemon/cmd/signals.h"
#include "daemon/cmd/world.h"
#include "daemon/io/http.h"
#include "daemon/io/memory_store.h"
#include "daemon/io/notify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define BEAT_US 1000000 /* metrics, watchdog and status line at most this often */

/* The running daemon: what its heartbeat reads. */
struct daemon {
	struct world world;
	struct pipeline *pipeline;
	struct kafka_source *source;
	struct kafka_sink *sink;
	struct redis_store *redis;
	struct memory_store *memory;
	struct http *http;
	struct buffer text;
	struct signals signals;
	bool ready_sent;
	int64_t last_beat_us;
	uint64_t last_records;
};

static uint64_t records_of(const struct metrics *metrics)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		sum += metrics->outcomes[i];
	return sum;
}

static void beat(void *self)
{
	struct daemon *daemon = self;
	int64_t now_us = common_monotonic_us();
	if (now_us - daemon->last_beat_us < BEAT_US || daemon->pipeline == NULL)
		return;
	const struct config *config = daemon->world.config;
	const struct metrics *metrics = pipeline_metrics(daemon->pipeline);
	const char *reason = pipeline_reason(daemon->pipeline);
	uint64_t records = records_of(metrics);
	char status[512];
	if (daemon->http != NULL) {
		buffer_reset(&daemon->text);
		metrics_render(metrics, config->pipeline, config->kafka.input_topic, &daemon->text);
		if (!buffer_failed(&daemon->text))
			http_publish(daemon->http, buffer_slice(&daemon->text), pipeline_ready(daemon->pipeline),
				     reason, now_us);
	}
	if (pipeline_ready(daemon->pipeline) && !daemon->ready_sent) {
		notify_send("READY=1");
		daemon->ready_sent = true;
	}
	snprintf(status, sizeof status,
		 "WATCHDOG=1\nSTATUS=%s; %" PRIu64 " records, %" PRIu64 " alerts, %.0f records/s", reason, records,
		 metrics->alerts,
		 (double)(records - daemon->last_records) * 1e6 / (double)(now_us - daemon->last_beat_us));
	notify_send(status);
	daemon->last_records = records;
	daemon->last_beat_us = now_us;
}

/* A decision can be made again only where its policy was kept; the daemon works without. */
static void keep_policy(const struct world *world)
{
	struct err err = {0};
	if (policy_file_keep(world->config, policy_id(world->champion->policy), &err) != 0)
		log_warning(&world->log, "the policy is not kept for outlierd explain: %s", err.message);
}

/* SIGHUP: the pointer in the model directory is read again; a model that cannot be used changes nothing. */
static void reload_model(struct daemon *daemon)
{
	struct world *world = &daemon->world;
	struct err err = {0}, why = {0};
	daemon->signals.reload = 0;
	struct held_champion *held = world_champion(world->config, world->set, &why, &err);
	if (held == NULL || err_is_set(&why)) {
		log_error(&world->log, "the model stays as it is: %s", err_is_set(&why) ? why.message : err.message);
		world_champion_free(held);
		return;
	}
	pipeline_champion(daemon->pipeline, &held->champion);
	log_notice(&world->log, "model changed from=%s to=%s",
		   world->champion->model == NULL ? "none" : world->champion->model->id,
		   held->model == NULL ? "none" : held->model->id);
	world_champion_free(world->champion);
	world->champion = held;
	keep_policy(world);
}

static int open_champion(struct daemon *daemon, struct err *err)
{
	struct world *world = &daemon->world;
	struct err why = {0};
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL)
		return -1;
	if (world->champion->model == NULL)
		log_error(&world->log, "no model can be used, rules alone decide (flag fallback): %s",
			  err_is_set(&why) ? why.message : "no model.directory is configured");
	else
		log_notice(&world->log, "model id=%s threshold=%.17g policy_id=%s", world->champion->model->id,
			   policy_resolved_threshold(world->champion->policy), policy_id(world->champion->policy));
	keep_policy(world);
	return 0;
}

/* State must outlive everything in the topic that could be applied again; unlimited retention means no expiry. */
static void choose_ttl(struct daemon *daemon)
{
	struct config *config = daemon->world.config;
	struct kafka_topic_facts facts;
	struct err err = {0};
	if (kafka_topic_facts(&config->kafka, config->kafka.input_topic, &facts, &err) != 0) {
		log_warning(&daemon->world.log, "state will not expire: the topic's retention is not known: %s",
			    err.message);
		return;
	}
	const struct event_schema *schema = &config->schema;
	const struct log *log = &daemon->world.log;
	if (facts.configs_refused) {
		log_warning(log,
			    "the user may not see the input topic's settings (DescribeConfigs): state will not expire, "
			    "and whether cleanup.policy and message.timestamp.after.max.ms are right is not known");
		return;
	}
	if (facts.cleanup_policy[0] != '\0' && strcmp(facts.cleanup_policy, "delete") != 0)
		log_error(log,
			  "cleanup.policy of the input topic is %s: it must be \"delete\", or state cannot be made "
			  "again from it",
			  facts.cleanup_policy);
	if (strcmp(facts.timestamp_type, "LogAppendTime") != 0 &&
	    (facts.timestamp_after_max_ms == INT64_MIN || facts.timestamp_after_max_ms > schema->max_ahead_ms))
		log_warning(log,
			    "the input topic does not bound producers' clocks: set message.timestamp.after.max.ms to "
			    "at most %" PRId64,
			    schema->max_ahead_ms);
	if (facts.retention_ms > 0 && config->redis.ttl_ms == 0)
		config->redis.ttl_ms = feature_set_reach_ms(daemon->world.set) + facts.retention_ms;
}

static int open_ports(struct daemon *daemon, struct ports *ports, struct err *err)
{
	struct world *world = &daemon->world;
	struct config *config = world->config;
	if (world_codec(world, err) != 0)
		return -1;
	choose_ttl(daemon);
	daemon->source = kafka_source_new(&config->kafka, err);
	daemon->sink = daemon->source == NULL ? NULL : kafka_sink_new(&config->kafka, err);
	if (daemon->sink == NULL)
		return -1;
	if (config->state_kind == STATE_REDIS) {
		daemon->redis = redis_store_new(&config->redis, err);
		if (daemon->redis == NULL)
			return -1;
	} else {
		daemon->memory = memory_store_new();
		if (daemon->memory == NULL)
			return err_memory(err);
	}
	*ports = (struct ports){.source = kafka_source_port(daemon->source),
				.sink = kafka_sink_port(daemon->sink),
				.store = daemon->redis != NULL ? redis_store_port(daemon->redis)
							       : memory_store_port(daemon->memory),
				.codec = avro_codec_port(world->codec),
				.clock = world->clock,
				.log = &world->log,
				.beat = beat,
				.beat_self = daemon};
	return 0;
}

static int register_schemas(struct daemon *daemon, struct err *err)
{
	const struct clock *clock = &daemon->world.clock;
	while (world_register(&daemon->world, err) != 0) {
		if (err->action != ERR_RETRY || daemon->signals.stop)
			return -1;
		log_warning(&daemon->world.log, "%s; waiting for it", err->message);
		err_clear(err);
		clock->sleep_ms(clock->self, 1000);
	}
	return 0;
}

static int run(struct daemon *daemon, bool accept_state, struct err *err)
{
	struct ports ports;
	if (open_champion(daemon, err) != 0 || open_ports(daemon, &ports, err) != 0 ||
	    register_schemas(daemon, err) != 0)
		return -1;
	struct pipeline_options options = world_pipeline_options(&daemon->world);
	options.accept_state = accept_state;
	daemon->pipeline = pipeline_new(&options, &ports);
	if (daemon->pipeline == NULL)
		return err_memory(err);
	pipeline_champion(daemon->pipeline, &daemon->world.champion->champion);
	int status = pipeline_open(daemon->pipeline, &daemon->signals.stop, err);
	while (status == 0 && !daemon->signals.stop) {
		if (daemon->signals.reload)
			reload_model(daemon);
		status = pipeline_step(daemon->pipeline, &daemon->signals.stop, err);
	}
	if (status != 0 && daemon->signals.stop && err->action == ERR_RETRY) {
		err_clear(err);
		status = 0;
	}
	notify_send("STOPPING=1");
	pipeline_close(daemon->pipeline);
	return status;
}

static void summary(const struct daemon *daemon, int64_t began_us)
{
	const struct metrics *metrics = pipeline_metrics(daemon->pipeline);
	char elapsed[32];
	log_notice(&daemon->world.log,
		   "stopped scored=%" PRIu64 " duplicate=%" PRIu64 " too_late=%" PRIu64 " future=%" PRIu64
		   " invalid=%" PRIu64 " alerts=%" PRIu64 " reapplied=%" PRIu64 " time=%s",
		   metrics->outcomes[OUTCOME_SCORED], metrics->outcomes[OUTCOME_DUPLICATE],
		   metrics->outcomes[OUTCOME_TOO_LATE], metrics->outcomes[OUTCOME_FUTURE],
		   metrics->outcomes[OUTCOME_INVALID], metrics->alerts, metrics->reapplied,
		   common_elapsed(began_us, elapsed));
}

static void free_daemon(struct daemon *daemon)
{
	if (daemon == NULL)
		return;
	signals_end(&daemon->signals);
	pipeline_free(daemon->pipeline);
	kafka_source_free(daemon->source);
	kafka_sink_free(daemon->sink);
	redis_store_free(daemon->redis);
	memory_store_free(daemon->memory);
	http_free(daemon->http);
	buffer_free(&daemon->text);
	world_close(&daemon->world);
	free(daemon);
}

int cmd_run(int argc, char **argv)
{
	const char *path = NULL, *instance = NULL;
	bool accept_state = false;
	struct err err = {0};
	int64_t began_us = common_monotonic_us();
	struct daemon *daemon = calloc(1, sizeof *daemon);
	const struct common_option options[] = {{.name = "config",
						 .value = "FILE",
						 .kind = COMMON_TEXT,
						 .target = &path,
						 .required = true,
						 .help = "the configuration"},
						{.name = "instance",
						 .value = "NAME",
						 .kind = COMMON_TEXT,
						 .target = &instance,
						 .help = "this process's name, instead of kafka.instance_id"},
						{.name = "accept-state",
						 .kind = COMMON_FLAG,
						 .target = &accept_state,
						 .help = "go on at the state in the store where the group's offsets "
							 "are lost or behind it; the range is logged"},
						{0}};
	const struct common_command command = {
	    .name = "run",
	    .usage = "--config FILE [--instance NAME]",
	    .options = options,
	    .summary =
		"The daemon: reads the input topic, keeps exact features in the state store, scores every event and\n"
		"publishes alerts, exactly once. SIGTERM stops it in order, SIGHUP takes the model that `current` "
		"names.",
	    .more = "Exit status: 0 stopped, 69 a service is unavailable, 75 fenced by another instance, 76 halted "
		    "(the log says\n"
		    "what to do), 78 bad configuration. With systemd: systemd/outlierd@.service."};
	int parsed = common_parse(&command, argc, argv, &err);
	if (parsed > 0 && daemon == NULL)
		(void)err_memory(&err);
	if (parsed <= 0 || daemon == NULL)
		goto end;
	if (world_open(&daemon->world, path, &err) != 0)
		goto end;
	if (instance != NULL && config_set_instance(daemon->world.config, instance, &err) != 0)
		goto end;
	if (signals_start(&daemon->signals, &err) != 0)
		goto end;
	if (daemon->world.config->http_listen != NULL) {
		daemon->http = http_new(daemon->world.config->http_listen, &err);
		if (daemon->http == NULL)
			goto end;
		log_notice(&daemon->world.log, "http port=%u", (unsigned)http_port(daemon->http));
	}
	if (run(daemon, accept_state, &err) != 0)
		log_error(&daemon->world.log, "ending: %s status=%d", err.message, err_exit_status(&err));
	if (daemon->pipeline != NULL)
		summary(daemon, began_us);
end:
	free_daemon(daemon);
	return common_end("run", &err);
}
