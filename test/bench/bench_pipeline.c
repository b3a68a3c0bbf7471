/*
 * The daemon's loop without servers: the job's transactions through a broker and a store in memory, with a forest and about
 * 1 % alerts. Measures the CPU per event of this one thread, in the second half, and the same for catching up with what
 * was committed before (state only): fails where that is not 1.5 times as fast. BENCH_EVENTS sets the number of events.
 */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/world.h"
#include "daemon/io/avro_codec.h"
#include "daemon/io/memory_broker.h"
#include "daemon/io/memory_store.h"
#include "test/bench/job.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 600000
#define TRAIN_EVERY 50 /* of the vectors, every so many is a row to train on */
#define LINE_MAX_BYTES 4096
#define CATCH_UP_LEAST 1.5 /* times the normal speed */

static char folder[64] = "/tmp/outlierd-bench-XXXXXX";

static void remove_folder(void)
{
	char command[128];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		(void)fprintf(stderr, "bench_pipeline: cannot remove %s\n", folder);
}

/* A file in the folder; the path lives until the eighth next call. */
static char *path_of(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];
	(void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static FILE *open_file(const char *name, const char *mode)
{
	FILE *file = fopen(path_of(name), mode);
	if (file == NULL) {
		(void)fprintf(stderr, "bench_pipeline: cannot open %s\n", path_of(name));
		exit(1);
	}
	return file;
}

static void close_file(FILE *file)
{
	if (fclose(file) != 0)
		exit(1);
}

static void fail(const struct err *err)
{
	(void)fprintf(stderr, "bench_pipeline: %s\n", err->message);
	exit(1);
}

static double cpu_s(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void write_config(const char *name, const char *pipeline, bool for_csv)
{
	const struct job_config config = {.pipeline = pipeline,
					  .brokers = "127.0.0.1:9092",
					  .state = "{\"memory\": {}}",
					  .limits = "{}",
					  .for_csv = for_csv};
	FILE *file = open_file(name, "w");
	job_write_config(file, &config);
	close_file(file);
}

/* Every TRAIN_EVERYth row, its flags (the sixth column) taken away: they say `warming`. */
static void take_rows(void)
{
	static char line[LINE_MAX_BYTES];
	FILE *from = open_file("vectors.csv", "r"), *to = open_file("rows.csv", "w");
	for (long i = 0; fgets(line, sizeof line, from) != NULL; i++) {
		char *flags = line;
		if (i % TRAIN_EVERY != 0)
			continue;
		for (int column = 0; column < 5; column++)
			flags = strchr(flags, ',') + 1;
		(void)fprintf(to, "%.*s%s", (int)(flags - line), line, i == 0 ? flags : strchr(flags, ','));
	}
	close_file(from);
	close_file(to);
}

static void train(int64_t events)
{
	FILE *file = open_file("events.csv", "w");
	job_write_csv(file, events, JOB_SPACING_MS);
	close_file(file);
	write_config("training.json", "training", true);
	char *features[] = {"features",
			    "--config",
			    path_of("training.json"),
			    "--input",
			    path_of("events.csv"),
			    "--output",
			    path_of("vectors.csv"),
			    NULL};
	if (cmd_features(7, features) != 0)
		exit(1);
	take_rows();
	char *forest[] = {"train",
			  "--config",
			  path_of("training.json"),
			  "--input",
			  path_of("rows.csv"),
			  "--output",
			  path_of("models/"),
			  NULL};
	if (cmd_train(7, forest) != 0)
		exit(1);
}

static struct memory_broker *fill_broker(int64_t events)
{
	struct memory_broker *broker = memory_broker_new("transactions", JOB_PARTITIONS);
	struct rng rng;
	rng_seed(&rng, 1);
	for (int64_t i = 0; i < events && broker != NULL; i++) {
		struct transaction made = job_next(&rng, i, JOB_SPACING_MS);
		uint8_t value[JOB_VALUE_MAX];
		size_t length = job_encode(&made, value);
		if (memory_broker_append(broker, made.partition, made.time_ms, slice_of(made.card),
					 (struct slice){value, length}) < 0)
			return NULL;
	}
	return broker;
}

/* Records that the state has come past, with output or, below the committed offset, without. */
static uint64_t applied(struct pipeline *pipeline)
{
	const struct metrics *metrics = pipeline_metrics(pipeline);
	return metrics->outcomes[OUTCOME_SCORED] + metrics->reapplied;
}

static void run(struct pipeline *pipeline, uint64_t until)
{
	static const int go_on = 0;
	struct err err = {0};
	while (applied(pipeline) < until)
		if (pipeline_step(pipeline, &go_on, &err) != 0)
			fail(&err);
}

static struct pipeline *open_pipeline(struct world *world, struct memory_broker *broker, struct memory_store *store)
{
	static const int go_on = 0;
	struct err err = {0};
	struct ports ports = {.source = memory_broker_source(broker),
			      .sink = memory_broker_sink(broker),
			      .store = memory_store_port(store),
			      .codec = avro_codec_port(world->codec),
			      .clock = world->clock,
			      .log = &world->log};
	struct pipeline_options options = world_pipeline_options(world);
	struct pipeline *pipeline = pipeline_new(&options, &ports);
	if (pipeline == NULL)
		exit(1);
	pipeline_champion(pipeline, &world->champion->champion);
	if (pipeline_open(pipeline, &go_on, &err) != 0)
		fail(&err);
	return pipeline;
}

/* CPU seconds per million events in the second half. */
static double second_half(struct pipeline *pipeline, uint64_t events)
{
	run(pipeline, events / 2);
	uint64_t from = applied(pipeline);
	double began_s = cpu_s();
	run(pipeline, events);
	return (cpu_s() - began_s) * 1e6 / (double)(applied(pipeline) - from);
}

static double measure(struct world *world, struct memory_broker *broker, struct memory_store *store, uint64_t events)
{
	struct pipeline *pipeline = open_pipeline(world, broker, store);
	double spent_s = second_half(pipeline, events);
	const struct metrics *metrics = pipeline_metrics(pipeline);
	printf("pipeline: %.0f events/s, %.2f CPU s per million\n", 1e6 / spent_s, spent_s);
	printf("pipeline: alerts %.2f %%, %" PRIu64 " batches, %" PRIu64 " records written\n",
	       100 * (double)metrics->alerts / (double)events, metrics->batches, metrics->store_written_records);
	pipeline_close(pipeline);
	pipeline_free(pipeline);
	return spent_s;
}

/* All is committed and the store is empty: the state is made again from the topic, without output. */
static double catch_up(struct world *world, struct memory_broker *broker, struct memory_store *store, uint64_t events)
{
	memory_store_flush(store);
	struct pipeline *pipeline = open_pipeline(world, broker, store);
	double spent_s = second_half(pipeline, events);
	if (pipeline_metrics(pipeline)->reapplied != events || pipeline_metrics(pipeline)->rebuilds != JOB_PARTITIONS) {
		(void)fprintf(stderr, "bench_pipeline: this was no catching up\n");
		exit(1);
	}
	printf("pipeline: catching up, state only: %.0f events/s, %.2f CPU s per million\n", 1e6 / spent_s, spent_s);
	pipeline_close(pipeline);
	pipeline_free(pipeline);
	return spent_s;
}

int main(void)
{
	const char *wanted = getenv("BENCH_EVENTS");
	int64_t events = wanted == NULL ? EVENTS : atoll(wanted);
	struct world world = {0};
	struct err err = {0}, why = {0};
	if (mkdtemp(folder) == NULL)
		exit(1);
	(void)atexit(remove_folder);
	FILE *schema = open_file("transaction.avsc", "w");
	(void)fputs(job_schema, schema);
	close_file(schema);
	train(events);
	write_config("run.json", "bench", false);
	if (world_open(&world, path_of("run.json"), &err) != 0 || world_codec(&world, &err) != 0)
		fail(&err);
	world.log.level = LOG_LEVEL_ERROR;
	world.champion = world_champion(world.config, world.set, &why, &err);
	if (world.champion == NULL || world.champion->model == NULL)
		fail(world.champion == NULL ? &err : &why);
	struct memory_broker *broker = fill_broker(events);
	struct memory_store *store = memory_store_new();
	if (broker == NULL || store == NULL)
		exit(1);
	double normal_s = measure(&world, broker, store, (uint64_t)events);
	double ratio = normal_s / catch_up(&world, broker, store, (uint64_t)events);
	printf("pipeline: catching up is %.2f times as fast (least wanted %.1f)\n", ratio, CATCH_UP_LEAST);
	memory_store_free(store);
	memory_broker_free(broker);
	world_close(&world);
	return ratio < CATCH_UP_LEAST;
}
