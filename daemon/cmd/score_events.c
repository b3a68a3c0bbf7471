#include "daemon/cmd/score_events.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/world.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BATCH_RECORDS 4096
#define BATCH_BYTES_MAX ((size_t)1 << 30)
#define ALERTS "alerts"
#define DECISIONS "decisions"

struct run {
	struct world world;
	struct publish_options publish; /* as configured, but JSON and into our two files */
	struct publisher *publisher;
	struct batch *batch;
	struct event_file *file;
	struct record records[BATCH_RECORDS];
	struct partition **partitions; /* by number; NULL: not seen */
	size_t partition_count;
	FILE *alerts, *decisions;
	uint64_t read, outcomes[OUTCOME_NUMBER], flagged;
};

static struct partition *partition_of(struct run *run, int32_t number, struct err *err)
{
	assert(number >= 0);
	size_t index = (size_t)number;
	if (index >= run->partition_count) {
		struct partition **partitions = realloc(run->partitions, (index + 1) * sizeof *partitions);
		if (partitions == NULL) {
			(void)err_memory(err);
			return NULL;
		}
		memset(partitions + run->partition_count, 0, (index + 1 - run->partition_count) * sizeof *partitions);
		run->partitions = partitions;
		run->partition_count = index + 1;
	}
	if (run->partitions[index] == NULL)
		run->partitions[index] = partition_new(number);
	if (run->partitions[index] == NULL)
		(void)err_memory(err);
	return run->partitions[index];
}

static int emit(void *self, const struct message *message, struct err *err)
{
	struct run *run = self;
	FILE *file = strcmp(message->topic, ALERTS) == 0 ? run->alerts : run->decisions;
	if (fwrite(message->value.data, 1, message->value.length, file) != message->value.length ||
	    putc('\n', file) == EOF)
		return err_set(err, ERR_IO, "writing %s: %s", message->topic, strerror(errno));
	return 0;
}

static int add(struct run *run, struct event_record *from, struct err *err)
{
	struct partition *partition = partition_of(run, from->partition, err);
	if (partition == NULL)
		return -1;
	struct record *record = &run->records[run->batch->count];
	*record = (struct record){.partition = from->partition,
				  .offset = from->event.offset,
				  .timestamp_ms = from->event.timestamp_ms,
				  .key = from->key};
	struct item *item = batch_add(run->batch, partition, record);
	assert(item != NULL);
	item->event = from->event;
	item->reason = from->reason;
	if (item->reason != REASON_NONE)
		return 0;
	const struct config *config = run->world.config;
	if (batch_admit(run->batch, item, config->privacy.any ? &run->world.pseudonym : NULL, err) != 0 ||
	    batch_enter(run->batch, run->batch->count - 1, err) != 0)
		return -1;
	if (item->entry != NULL && !item->entry->loaded) {
		struct entity *entity = entity_new(run->world.set);
		if (entity == NULL)
			return err_memory(err);
		entities_set(partition->cache, item->entry, entity);
		item->entry->loaded = true;
	}
	return 0;
}

/* Nothing is ever written to a store here: what was dirty is simply the state. */
static void settle(struct run *run)
{
	for (size_t i = 0; i < run->partition_count; i++) {
		struct partition *partition = run->partitions[i];
		for (size_t j = 0; partition != NULL && j < partition->dirty_count; j++)
			partition->dirty[j]->dirty = false;
		if (partition != NULL)
			partition->dirty_count = 0;
	}
}

static int one_batch(struct run *run, bool *more, struct err *err)
{
	struct batch_outlet outlet = {run, emit, NULL};
	const struct champion *champion = &run->world.champion->champion;
	if (batch_reset(run->batch, err) != 0)
		return -1;
	while (run->batch->count < BATCH_RECORDS) {
		struct event_record record = {0};
		int got = event_file_next(run->file, run->batch->arena, &record, NULL, err);
		if (got < 0)
			return -1;
		*more = got > 0;
		if (!*more)
			break;
		run->read++;
		if (add(run, &record, err) != 0)
			return -1;
	}
	if (batch_apply(run->batch, err) != 0 || batch_score(run->batch, champion, err) != 0 ||
	    batch_publish(run->batch, run->publisher, &run->publish, champion, &outlet, err) != 0 ||
	    batch_accept(run->batch, err) != 0)
		return -1;
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		run->outcomes[i] += run->batch->outcomes[i];
	run->flagged += run->batch->flagged;
	settle(run);
	return 0;
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
	run->publish.late_topic = run->publish.dead_letter_topic = NULL;
	run->publisher = publisher_new(&run->publish, world->set);
	run->batch = batch_new(world->set, BATCH_RECORDS, BATCH_BYTES_MAX);
	if (run->publisher == NULL || run->batch == NULL)
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
	char elapsed[32];
	if (event_file_order_assumed(run->file))
		fprintf(stderr, "order=assumed\n");
	fprintf(stderr,
		"read %" PRIu64 ": scored %" PRIu64 ", duplicate %" PRIu64 ", too_late %" PRIu64 ", future %" PRIu64
		", invalid %" PRIu64 "; flagged %" PRIu64 " in %s\n",
		run->read, run->outcomes[OUTCOME_SCORED], run->outcomes[OUTCOME_DUPLICATE],
		run->outcomes[OUTCOME_TOO_LATE], run->outcomes[OUTCOME_FUTURE], run->outcomes[OUTCOME_INVALID],
		run->flagged, common_elapsed(began_us, elapsed));
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
	    close_output(run->decisions, options->decisions, err) != 0)
		status = -1;
	if (status == 0)
		summary(run, began_us);
	event_file_close(run->file);
	batch_free(run->batch);
	publisher_free(run->publisher);
	for (size_t i = 0; i < run->partition_count; i++)
		partition_free(run->partitions[i]);
	free(run->partitions);
	world_close(&run->world);
	free(run);
	return status;
}
