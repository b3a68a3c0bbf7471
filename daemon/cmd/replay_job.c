#include "daemon/cmd/replay_job.h"

#include "daemon/cmd/past.h"

#include <stdio.h>

static int open_champion(struct world *world, unsigned number, struct err *err)
{
	struct err why = {0};
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL)
		return -1;
	if (world->champion->model == NULL && number == 0)
		log_error(&world->log, "no model can be used, rules alone decide (flag fallback): %s",
			  err_is_set(&why) ? why.message : "no model.directory is configured");
	return 0;
}

static int open_ports(struct replay_job *job, const struct replay_options *options, struct ports *ports,
		      struct err *err)
{
	struct world *world = &job->world;
	struct config *config = world->config;
	job->source = kafka_source_new(&config->kafka, err);
	job->sink = job->source == NULL ? NULL : kafka_sink_new(&config->kafka, err);
	if (job->sink == NULL)
		return -1;
	if (config->state_kind == STATE_REDIS)
		job->redis = redis_store_new(&config->redis, err);
	else if ((job->memory = memory_store_new()) == NULL)
		return err_memory(err);
	if (config->state_kind == STATE_REDIS && job->redis == NULL)
		return -1;
	job->bounded = (struct bounded_source){.below = kafka_source_port(job->source),
					       .clock = &world->clock,
					       .ends = job->shared->plan->ends,
					       .count = job->shared->plan->count,
					       .held = &job->shared->held,
					       .rate = options->rate / (double)options->jobs};
	*ports =
	    (struct ports){.source = bounded_source_port(&job->bounded),
			   .sink = kafka_sink_port(job->sink),
			   .store = job->redis != NULL ? redis_store_port(job->redis) : memory_store_port(job->memory),
			   .codec = avro_codec_port(world->codec),
			   .clock = world->clock,
			   .log = &world->log};
	return 0;
}

int replay_job_open(struct replay_job *job, const char *config, const struct replay_options *options, unsigned number,
		    struct err *err)
{
	struct world *world = &job->world;
	struct ports ports;
	char instance[120];
	snprintf(instance, sizeof instance, "%.100s.%u", options->name, number);
	if (world_open(world, config, err) != 0 || replay_set_apart(world, options, err) != 0 ||
	    config_set_instance(world->config, instance, err) != 0)
		return -1;
	world->config->kafka.instance_id = NULL; /* members come and go at once */
	if (world_codec(world, err) != 0 || open_champion(world, number, err) != 0 ||
	    open_ports(job, options, &ports, err) != 0)
		return -1;
	for (int attempt = 0; world_register(world, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	struct pipeline_options pipeline = world_pipeline_options(world);
	job->pipeline = pipeline_new(&pipeline, &ports);
	if (job->pipeline == NULL)
		return err_memory(err);
	pipeline_champion(job->pipeline, &world->champion->champion);
	return 0;
}

/* Changes a shared sum by what the job's own part has changed. */
static void tell(_Atomic uint64_t *sum, uint64_t *own, uint64_t now)
{
	atomic_fetch_add(sum, now - *own);
	*own = now;
}

/* Where its partitions stand; a partition that went to another job is that one's to tell. */
static void tell_all(struct replay_job *job)
{
	struct replay_shared *shared = job->shared;
	const struct metrics *metrics = pipeline_metrics(job->pipeline);
	uint64_t halted = 0;
	for (size_t i = 0; i < metrics->partition_count; i++) {
		const struct partition_metrics *partition = &metrics->partitions[i];
		size_t number = (size_t)partition->partition;
		if (number >= shared->plan->count)
			continue;
		halted += partition->halted && partition->committed < shared->plan->ends[number];
		if (partition->committed > atomic_load(&shared->committed[number]))
			atomic_store(&shared->committed[number], partition->committed);
	}
	tell(&shared->history, &job->history, metrics->reapplied);
	uint64_t owned = atomic_load(&job->owned);
	tell(&shared->owned, &owned, metrics->partition_count);
	atomic_store(&job->owned, owned);
	tell(&shared->halted, &job->halted, halted);
	if (job->unready == metrics->ready)
		atomic_fetch_add(&shared->unready, metrics->ready ? (uint64_t)-1 : 1);
	job->unready = !metrics->ready;
}

/* @locality the job's thread. */
static void *run(void *self)
{
	struct replay_job *job = self;
	struct replay_shared *shared = job->shared;
	int status = pipeline_open(job->pipeline, &job->stop, &job->err);
	while (status == 0 && !job->stop) {
		status = pipeline_step(job->pipeline, &job->stop, &job->err);
		tell_all(job);
		job->stop = *shared->stop || shared->end;
	}
	if (status != 0 && job->stop && job->err.action == ERR_RETRY)
		err_clear(&job->err);
	if (err_is_set(&job->err))
		shared->end = 1;
	if (!shared->forget)
		pipeline_close(job->pipeline);
	job->metrics = *pipeline_metrics(job->pipeline);
	return NULL;
}

int replay_job_start(struct replay_job *job, struct err *err)
{
	job->unready = true;
	atomic_fetch_add(&job->shared->unready, 1);
	if (pthread_create(&job->thread, NULL, run, job) != 0)
		return err_set(err, ERR_INTERNAL, "cannot start a thread");
	job->started = true;
	return 0;
}

void replay_job_join(struct replay_job *job)
{
	if (job->started)
		pthread_join(job->thread, NULL);
	job->started = false;
}

void replay_job_close(struct replay_job *job)
{
	replay_job_join(job);
	pipeline_free(job->pipeline);
	kafka_source_free(job->source);
	kafka_sink_free(job->sink);
	redis_store_free(job->redis);
	memory_store_free(job->memory);
	world_close(&job->world);
	*job = (struct replay_job){.shared = NULL};
}
