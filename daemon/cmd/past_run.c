#include "daemon/cmd/past_run.h"

#include "daemon/cmd/past.h"

#include <assert.h>
#include <inttypes.h>

#define BATCH_BYTES ((size_t)64 << 20)

struct running {
	const struct past_run_options *options;
	const struct stretch *stretch;
	struct rerun *rerun;
	uint64_t records;
};

static int end_batch(struct running *running, struct err *err)
{
	const struct past_run_options *options = running->options;
	if (rerun_end(running->rerun, err) != 0)
		return -1;
	if (rerun_bytes(running->rerun) > options->memory_bytes)
		return err_set(err, ERR_MEMORY,
			       "%s partition %" PRId32 ": the state of its entities needs more than %zu MiB (--memory)",
			       options->world->config->kafka.input_topic, running->stretch->partition,
			       options->memory_bytes >> 20);
	if (options->visit != NULL && options->visit(options->context, rerun_batch(running->rerun), err) != 0)
		return -1;
	if (options->progress != NULL)
		options->progress(options->context, running->records);
	return rerun_begin(running->rerun, err);
}

static int take(void *context, const struct record *record, struct err *err)
{
	struct running *running = context;
	struct event event = {0};
	enum reason reason;
	const char *message = NULL;
	struct record kept;
	running->records++;
	bool full = !rerun_has_room(running->rerun) || arena_used(rerun_arena(running->rerun)) > BATCH_BYTES;
	if (full && end_batch(running, err) != 0)
		return -1;
	struct arena *arena = rerun_arena(running->rerun);
	if (past_keep(arena, record, &kept, err) != 0 ||
	    past_decode(running->options->world, &kept, arena, &event, &reason, &message, err) != 0)
		return -1;
	return rerun_add(running->rerun, &kept, &event, reason, message, err);
}

static int emit(void *self, const struct message *message, struct err *err)
{
	struct running *running = self;
	const struct past_run_options *options = running->options;
	assert(options->emit != NULL);
	return options->emit(options->context, rerun_batch(running->rerun), message, err);
}

int past_run(const struct past_run_options *options, struct kafka_reader *reader, const struct stretch *stretch,
	     struct err *err)
{
	struct running running = {.options = options, .stretch = stretch};
	const struct config *config = options->world->config;
	const struct kafka_range range = {stretch->partition, stretch->start, stretch->to};
	const struct rerun_options rerun = {.set = options->world->set,
					    .pseudonym = config->privacy.any ? &options->world->pseudonym : NULL,
					    .champion = options->champion,
					    .publish = options->publish,
					    .message_max = options->message_max,
					    .keep_dirty = options->finish != NULL,
					    .outlet = {&running, emit, NULL}};
	int status = -1;
	running.rerun = rerun_new(&rerun);
	if (running.rerun == NULL)
		return err_memory(err);
	if (rerun_history(running.rerun, stretch->partition, stretch->from, stretch->complete_since_ms, err) != 0 ||
	    rerun_begin(running.rerun, err) != 0)
		goto free_rerun;
	status = kafka_reader_read(reader, config->kafka.input_topic, &range, 1, take, &running, err);
	if (status == 0)
		status = end_batch(&running, err);
	if (status == 0 && options->finish != NULL)
		status = options->finish(options->context, rerun_partition(running.rerun, stretch->partition), err);
free_rerun:
	rerun_free(running.rerun);
	return status;
}
