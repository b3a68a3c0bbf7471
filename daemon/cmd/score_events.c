#include "daemon/cmd/score_events.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/rerun.h"
#include "daemon/cmd/world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ALERTS "alerts"
#define DECISIONS "decisions"
#define ENRICHED "enriched"
#define AMENDMENTS "amendments"

struct run {
	struct world world;
	struct publish_options publish; /* as configured, but JSON and into our two files */
	struct rerun *rerun;
	struct event_file *file;
	FILE *alerts, *decisions, *enriched, *amendments;
	uint64_t read;
};

static int emit(void *self, const struct message *message, struct err *err)
{
	struct run *run = self;
	FILE *file = strcmp(message->topic, ALERTS) == 0       ? run->alerts
		     : strcmp(message->topic, ENRICHED) == 0   ? run->enriched
		     : strcmp(message->topic, AMENDMENTS) == 0 ? run->amendments
							       : run->decisions;
	if (fwrite(message->value.data, 1, message->value.length, file) != message->value.length ||
	    putc('\n', file) == EOF)
		return err_set(err, ERR_IO, "writing %s: %s", message->topic, strerror(errno));
	return 0;
}

static int one_batch(struct run *run, bool *more, struct err *err)
{
	if (rerun_begin(run->rerun, err) != 0)
		return -1;
	while (rerun_has_room(run->rerun)) {
		struct event_record from = {0};
		int got = event_file_next(run->file, rerun_arena(run->rerun), &from, NULL, err);
		if (got < 0)
			return -1;
		*more = got > 0;
		if (!*more)
			break;
		run->read++;
		const struct record record = {.partition = from.partition,
					      .offset = from.event.offset,
					      .timestamp_ms = from.event.timestamp_ms,
					      .key = from.key};
		if (rerun_add(run->rerun, &record, &from.event, from.reason, NULL, err) != 0)
			return -1;
	}
	return rerun_end(run->rerun, err);
}

static FILE *open_output(const char *path, struct err *err)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	if (file == NULL)
		(void)err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	return file;
}

static int close_output(FILE *file, const char *path, struct err *err)
{
	if (file == NULL)
		return 0;
	if (fflush(file) != 0 || ferror(file) || (file != stdout && fclose(file) != 0))
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	return 0;
}

static int prepare(struct run *run, const struct score_events_options *options, struct err *err)
{
	struct world *world = &run->world;
	struct err why = {0};
	if (world_open(world, options->config, err) != 0)
		return -1;
	if (options->model != NULL) {
		struct stat facts;
		bool directory = stat(options->model, &facts) == 0 && S_ISDIR(facts.st_mode);
		struct model *model =
		    directory ? model_directory_current(options->model, err) : model_file_read(options->model, err);
		world->champion = model == NULL ? NULL : world_champion_of(world->config, world->set, model, err);
	} else {
		world->champion = world_champion(world->config, world->set, &why, err);
	}
	if (world->champion == NULL)
		return -1;
	if (world->champion->model == NULL)
		fprintf(stderr, "outlierd score: no model can be used, rules alone decide: %s\n",
			err_is_set(&why) ? why.message : "no model.directory is configured");
	run->publish = world->config->publish;
	run->publish.alerts = (struct output_options){.topic = options->alerts == NULL ? NULL : ALERTS};
	run->publish.decisions = (struct output_options){.topic = options->decisions == NULL ? NULL : DECISIONS};
	if (options->enriched != NULL && run->publish.enriched.topic == NULL)
		return err_set(err, ERR_CONFIG, "--enriched needs output.enriched in %s", options->config);
	run->publish.enriched = (struct output_options){.topic = options->enriched == NULL ? NULL : ENRICHED};
	if (options->amendments != NULL && run->publish.amendments.topic == NULL)
		return err_set(err, ERR_CONFIG, "--amendments needs output.amendments in %s", options->config);
	run->publish.amendments = (struct output_options){.topic = options->amendments == NULL ? NULL : AMENDMENTS};
	run->publish.late_topic = run->publish.dead_letter_topic = NULL;
	const struct rerun_options rerun = {.set = world->set,
					    .pseudonym = world->config->privacy.any ? &world->pseudonym : NULL,
					    .champion = &world->champion->champion,
					    .publish = &run->publish,
					    .outlet = {run, emit, NULL}};
	run->rerun = rerun_new(&rerun);
	if (run->rerun == NULL)
		return err_memory(err);
	run->file = event_file_open(options->input, options->format, &world->config->schema, NULL, 0, err);
	if (run->file == NULL)
		return -1;
	if (options->partitions > 0)
		event_file_partitions(run->file, options->partitions);
	if (options->alerts != NULL && (run->alerts = open_output(options->alerts, err)) == NULL)
		return -1;
	if (options->decisions != NULL && (run->decisions = open_output(options->decisions, err)) == NULL)
		return -1;
	if (options->enriched != NULL && (run->enriched = open_output(options->enriched, err)) == NULL)
		return -1;
	if (options->amendments != NULL && (run->amendments = open_output(options->amendments, err)) == NULL)
		return -1;
	return 0;
}

static int work(struct run *run, struct err *err)
{
	struct common_progress progress;
	bool more = true;
	int status = 0;
	common_progress_begin(&progress, "scoring");
	while (more && status == 0) {
		uint64_t done, total;
		status = one_batch(run, &more, err);
		event_file_progress(run->file, &done, &total);
		common_progress_show(&progress, run->read, "events", done, total);
	}
	common_progress_end(&progress);
	return status;
}

static void summary(const struct run *run, int64_t began_us)
{
	const struct rerun *rerun = run->rerun;
	char elapsed[32];
	if (event_file_order_assumed(run->file))
		fprintf(stderr, "order=assumed\n");
	fprintf(stderr,
		"read %" PRIu64 ": scored %" PRIu64 ", duplicate %" PRIu64 ", too_late %" PRIu64 ", future %" PRIu64
		", invalid %" PRIu64 "; flagged %" PRIu64 " in %s\n",
		run->read, rerun_outcomes(rerun, OUTCOME_SCORED), rerun_outcomes(rerun, OUTCOME_DUPLICATE),
		rerun_outcomes(rerun, OUTCOME_TOO_LATE), rerun_outcomes(rerun, OUTCOME_FUTURE),
		rerun_outcomes(rerun, OUTCOME_INVALID), rerun_flagged(rerun), common_elapsed(began_us, elapsed));
}

int score_events(const struct score_events_options *options, struct err *err)
{
	int64_t began_us = common_monotonic_us();
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL)
		return err_memory(err);
	int status = prepare(run, options, err);
	if (status == 0)
		status = work(run, err);
	if (close_output(run->alerts, options->alerts, err) != 0 ||
	    close_output(run->decisions, options->decisions, err) != 0 ||
	    close_output(run->enriched, options->enriched, err) != 0 ||
	    close_output(run->amendments, options->amendments, err) != 0)
		status = -1;
	if (status == 0)
		summary(run, began_us);
	event_file_close(run->file);
	rerun_free(run->rerun);
	world_close(&run->world);
	free(run);
	return status;
}
