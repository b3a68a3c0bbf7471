#include "daemon/cmd/rerun.h"

#include <assert.h>
#include <stdlib.h>

#define BATCH_BYTES_MAX ((size_t)1 << 30)

struct rerun {
	struct rerun_options options;
	struct publisher *publisher;
	struct batch *batch;
	struct record records[RERUN_RECORDS];
	struct partition **partitions; /* by number; NULL: not seen */
	size_t partition_count;
	uint64_t outcomes[OUTCOME_NUMBER], flagged;
};

struct rerun *rerun_new(const struct rerun_options *options)
{
	struct rerun *rerun = calloc(1, sizeof *rerun);
	if (rerun == NULL)
		return NULL;
	rerun->options = *options;
	rerun->publisher = publisher_new(options->publish, options->set);
	size_t amendments = publish_amendments_most(options->publish);
	rerun->batch = batch_new(options->set, batch_capacity(options->set, RERUN_RECORDS, amendments, BATCH_BYTES_MAX),
				 BATCH_BYTES_MAX);
	if (rerun->publisher == NULL || rerun->batch == NULL) {
		rerun_free(rerun);
		return NULL;
	}
	rerun->batch->amendments_most = amendments;
	if (options->message_max > 0)
		publisher_message_max(rerun->publisher, options->message_max);
	return rerun;
}

void rerun_free(struct rerun *rerun)
{
	if (rerun == NULL)
		return;
	batch_free(rerun->batch);
	publisher_free(rerun->publisher);
	for (size_t i = 0; i < rerun->partition_count; i++)
		partition_free(rerun->partitions[i]);
	free(rerun->partitions);
	free(rerun);
}

static struct partition *partition_of(struct rerun *rerun, int32_t number, struct err *err)
{
	assert(number >= 0);
	size_t index = (size_t)number;
	if (index >= rerun->partition_count) {
		struct partition **partitions = realloc(rerun->partitions, (index + 1) * sizeof *partitions);
		if (partitions == NULL) {
			(void)err_memory(err);
			return NULL;
		}
		memset(partitions + rerun->partition_count, 0,
		       (index + 1 - rerun->partition_count) * sizeof *partitions);
		rerun->partitions = partitions;
		rerun->partition_count = index + 1;
	}
	if (rerun->partitions[index] == NULL)
		rerun->partitions[index] = partition_new(number);
	if (rerun->partitions[index] == NULL)
		(void)err_memory(err);
	return rerun->partitions[index];
}

int rerun_history(struct rerun *rerun, int32_t number, int64_t from, int64_t complete_since_ms, struct err *err)
{
	struct partition *partition = partition_of(rerun, number, err);
	if (partition == NULL)
		return -1;
	partition->committed = from;
	partition->marker.watermark.complete_since_ms = complete_since_ms;
	return 0;
}

int rerun_begin(struct rerun *rerun, struct err *err)
{
	return batch_reset(rerun->batch, err);
}

struct arena *rerun_arena(struct rerun *rerun)
{
	return rerun->batch->arena;
}

bool rerun_has_room(const struct rerun *rerun)
{
	return rerun->batch->count < rerun->batch->capacity;
}

int rerun_add(struct rerun *rerun, const struct record *record, const struct event *event, enum reason reason,
	      const char *why, struct err *err)
{
	struct partition *partition = partition_of(rerun, record->partition, err);
	if (partition == NULL)
		return -1;
	struct record *own = &rerun->records[rerun->batch->count];
	*own = *record;
	struct item *item = batch_add(rerun->batch, partition, own);
	assert(item != NULL);
	item->event = *event;
	item->reason = reason;
	item->why = why;
	item->silent = record->offset < partition->committed;
	if (reason != REASON_NONE)
		return 0;
	if (batch_admit(rerun->batch, item, rerun->options.pseudonym, err) != 0 ||
	    batch_enter(rerun->batch, rerun->batch->count - 1, err) != 0)
		return -1;
	if (item->entry != NULL && !item->entry->loaded) {
		struct entity *entity = entity_new(rerun->options.set);
		if (entity == NULL)
			return err_memory(err);
		entities_set(partition->cache, item->entry, entity);
		item->entry->loaded = true;
	}
	return 0;
}

/* Nothing is ever written to a store here: what was dirty is simply the state. */
static void settle(struct rerun *rerun)
{
	for (size_t i = 0; i < rerun->partition_count; i++) {
		struct partition *partition = rerun->partitions[i];
		for (size_t j = 0; partition != NULL && j < partition->dirty_count; j++)
			partition->dirty[j]->dirty = false;
		if (partition != NULL)
			partition->dirty_count = 0;
	}
}

int rerun_end(struct rerun *rerun, struct err *err)
{
	const struct rerun_options *options = &rerun->options;
	struct batch *batch = rerun->batch;
	if (batch_apply(batch, err) != 0 || batch_score(batch, options->champion, err) != 0 ||
	    batch_publish(batch, rerun->publisher, options->publish, options->champion, &options->outlet, err) != 0)
		return -1;
	batch_accept(batch);
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		rerun->outcomes[i] += batch->outcomes[i];
	rerun->flagged += batch->flagged;
	if (!options->keep_dirty)
		settle(rerun);
	return 0;
}

const struct batch *rerun_batch(const struct rerun *rerun)
{
	return rerun->batch;
}

uint64_t rerun_outcomes(const struct rerun *rerun, enum outcome outcome)
{
	return rerun->outcomes[outcome];
}

uint64_t rerun_flagged(const struct rerun *rerun)
{
	return rerun->flagged;
}

struct partition *rerun_partition(const struct rerun *rerun, int32_t partition)
{
	size_t index = (size_t)partition;
	return partition >= 0 && index < rerun->partition_count ? rerun->partitions[index] : NULL;
}

const struct marker *rerun_marker(const struct rerun *rerun, int32_t partition)
{
	const struct partition *found = rerun_partition(rerun, partition);
	return found == NULL ? NULL : &found->marker;
}

size_t rerun_bytes(const struct rerun *rerun)
{
	size_t bytes = 0;
	for (size_t i = 0; i < rerun->partition_count; i++)
		bytes += rerun->partitions[i] == NULL ? 0 : entities_bytes(rerun->partitions[i]->cache);
	return bytes;
}
