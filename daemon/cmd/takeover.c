#include "daemon/cmd/takeover.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/past.h"
#include "daemon/cmd/past_run.h"
#include "daemon/io/kafka_group.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MARKER_BYTES ((size_t)1 << 20)
#define ENTITY_BYTES 128 /* of the arena, for each record written */

struct taking {
	struct world *world;
	struct redis_store *redis;
	struct store store;
	int32_t partitions;
	const char *cluster_id; /* empty: it has none */
	const struct stretch *stretch;
	struct position committed;
	struct common_progress progress;
	uint64_t read, entities;
};

/* What the daemon must find: the state of a prefix up to C, made for the group's present generation. */
static void complete_marker(const struct taking *taking, struct marker *marker)
{
	const struct feature_set *set = taking->world->set;
	const char *hex = feature_set_state_id(set);
	struct commit_metadata metadata;
	bool known = marker_metadata_read(taking->committed.metadata, &metadata);
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		unsigned byte = 0;
		(void)sscanf(hex + 2 * i, "%2x", &byte);
		marker->state_id[i] = (uint8_t)byte;
	}
	if (taking->read == 0)
		marker->last_offset = OFFSET_NONE;
	marker->next_offset = taking->committed.offset;
	marker->partition_count = taking->partitions;
	snprintf(marker->cluster_id, sizeof marker->cluster_id, "%s", taking->cluster_id);
	marker->replaces = known ? metadata.generation : 0;
	marker->counted_from = taking->committed.offset;
	memset(marker->outcomes, 0, sizeof marker->outcomes);
	if (known)
		memcpy(marker->outcomes, metadata.outcomes, sizeof marker->outcomes);
	marker->nothing_committed = false;
	marker->server = taking->store.facts(taking->store.self).server;
	do
		marker->generation = taking->world->clock.random(taking->world->clock.self);
	while (marker->generation == 0);
}

/* Once a write was begun its outcome is not guessed: the store settles the same write again. */
static int write_state(struct taking *taking, struct partition *partition, struct arena *arena, struct err *err)
{
	enum store_write result = STORE_WRITTEN;
	struct buffer bytes;
	int status;
	buffer_init(&bytes);
	for (int attempt = 0;; attempt++) {
		arena_reset(arena);
		status = partition_write(partition, &taking->store, &bytes, arena, &result, err);
		if (status == 0 || past_given_up(taking->world, attempt, err))
			break;
	}
	buffer_free(&bytes);
	if (status == 0 && result == STORE_CONFLICT)
		return err_set(err, ERR_UNAVAILABLE,
			       "partition %" PRId32
			       ": another process has written its state meanwhile; stop the daemon, or "
			       "run this again",
			       partition->number);
	return status;
}

static int finish(void *context, struct partition *partition, struct err *err)
{
	struct taking *taking = context;
	struct arena *arena = arena_new(MARKER_BYTES + partition->dirty_count * ENTITY_BYTES);
	struct slice stored = {NULL, 0};
	int status = arena == NULL ? err_memory(err) : 0;
	for (int attempt = 0; status == 0 && taking->store.read(taking->store.self, partition->number, &stored, NULL, 0,
								arena, err) != 0;
	     attempt++)
		if (past_given_up(taking->world, attempt, err))
			status = -1;
	if (status == 0 && stored.data != NULL)
		buffer_add(&partition->stored, stored.data, stored.length);
	if (status == 0 && buffer_failed(&partition->stored))
		status = err_memory(err);
	if (status == 0) {
		complete_marker(taking, &partition->marker);
		taking->entities = partition->dirty_count;
		status = write_state(taking, partition, arena, err);
	}
	arena_free(arena);
	return status;
}

static void progress(void *context, uint64_t records)
{
	struct taking *taking = context;
	taking->read = records;
	common_progress_show(&taking->progress, records, "records", records,
			     (uint64_t)(taking->stretch->from - taking->stretch->start));
}

static int take_partition(struct taking *taking, struct kafka_reader *reader, const struct held_champion *champion,
			  struct stretch *stretch, size_t memory_bytes, struct err *err)
{
	const struct publish_options nothing = {.pipeline = taking->world->config->pipeline};
	const struct past_run_options run = {.world = taking->world,
					     .champion = &champion->champion,
					     .publish = &nothing,
					     .memory_bytes = memory_bytes,
					     .context = taking,
					     .finish = finish,
					     .progress = progress};
	taking->committed = (struct position){.partition = stretch->partition};
	taking->stretch = stretch;
	taking->read = 0;
	for (int attempt = 0; kafka_reader_committed(reader, &taking->committed, 1, err) != 0; attempt++)
		if (past_given_up(taking->world, attempt, err))
			return -1;
	if (taking->committed.offset == OFFSET_NONE) {
		printf("partition %" PRId32 ": nothing is committed, nothing to take over\n", stretch->partition);
		return 0;
	}
	if (taking->committed.offset < stretch->from)
		return err_set(err, ERR_HALT,
			       "partition %" PRId32 ": the group has gone back to offset %" PRId64 " just now",
			       stretch->partition, taking->committed.offset);
	/* What was committed since the stretch was looked for is history, too. */
	stretch->from = stretch->to = taking->committed.offset;
	common_progress_begin(&taking->progress, "rebuilding");
	int status = past_run(&run, reader, stretch, err);
	common_progress_end(&taking->progress);
	if (status == 0)
		printf("partition %" PRId32 ": state of %" PRIu64 " entities at offset %" PRId64 ", from %" PRIu64
		       " records%s\n",
		       stretch->partition, taking->entities, taking->committed.offset, taking->read,
		       stretch->cut
			   ? "; earlier history is gone from the topic: features are warming until they are whole"
			   : "");
	return status;
}

static int open_all(struct taking *taking, struct kafka_reader **reader, struct err *err)
{
	struct world *world = taking->world;
	size_t members = 0;
	if (world->config->state_kind != STATE_REDIS)
		return err_set(err, ERR_CONFIG, "state is in the daemon's memory: there is nothing to take over");
	taking->redis = redis_store_new(&world->config->redis, err);
	if (taking->redis == NULL || world_codec(world, err) != 0)
		return -1;
	taking->store = redis_store_port(taking->redis);
	for (int attempt = 0; taking->store.open(taking->store.self, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	for (int attempt = 0; kafka_group_members(&world->config->kafka, &members, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	if (members > 0)
		log_warning(&world->log,
			    "group %s has members: they recover with the new state, or halt where their "
			    "configuration is another one",
			    world->config->kafka.group_id);
	*reader = kafka_reader_new(&world->config->kafka, err);
	if (*reader == NULL)
		return -1;
	taking->cluster_id = kafka_reader_cluster_id(*reader);
	return 0;
}

int takeover(struct world *world, int64_t warm_up_ms, size_t memory_bytes, struct err *err)
{
	struct taking taking = {.world = world};
	struct kafka_reader *reader = NULL;
	struct stretch *stretches = NULL;
	struct stretch_edge *edges = calloc(2, sizeof *edges);
	struct held_champion *champion = world_champion_of(world->config, world->set, NULL, err);
	size_t count = 0;
	int status = edges == NULL ? err_memory(err) : champion == NULL ? -1 : open_all(&taking, &reader, err);
	if (status == 0) {
		edges[0].kind = STRETCH_COMMITTED;
		edges[1].kind = STRETCH_LATEST;
		status = stretch_resolve(world, reader, &edges[0], &edges[1], warm_up_ms, &stretches, &count, err);
	}
	taking.partitions = (int32_t)count;
	for (size_t i = 0; status == 0 && i < count; i++)
		status = take_partition(&taking, reader, champion, &stretches[i], memory_bytes, err);
	if (taking.redis != NULL)
		taking.store.close(taking.store.self);
	kafka_reader_free(reader);
	redis_store_free(taking.redis);
	world_champion_free(champion);
	free(stretches);
	free(edges);
	return status;
}
