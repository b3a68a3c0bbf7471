#include "daemon/pipeline/loop.h"
#include "daemon/pipeline/recovery.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_BEYOND_MS 1000

void assignment_assigned(void *self, const int32_t *numbers, size_t count)
{
	struct pipeline *pipeline = self;
	pipeline->cancelled = true;
	loop_drop(pipeline);
	/* A callback cannot fail: the step that served it does, else a member without partitions would sit on them. */
	pipeline->no_memory = true;
	if (count > pipeline->partition_capacity) {
		struct partition **partitions = realloc(pipeline->partitions, count * sizeof *partitions);
		if (partitions == NULL)
			return;
		pipeline->partitions = partitions;
		pipeline->partition_capacity = count;
	}
	for (size_t i = 0; i < count; i++) {
		pipeline->partitions[i] = partition_new(numbers[i]);
		if (pipeline->partitions[i] == NULL)
			return;
		pipeline->partition_count = i + 1;
	}
	pipeline->no_memory = false;
	pipeline->assigned = true;
	pipeline->paused = false;
	log_notice(pipeline->ports.log, "assigned partitions=%zu", count);
}

void assignment_revoked(void *self, bool lost)
{
	struct pipeline *pipeline = self;
	struct err err = {0};
	enum store_write result;
	pipeline->cancelled = true;
	batch_discard(pipeline->batch);
	/* One try each, no waiting: what is not written is made again from the topic by the next owner. */
	for (size_t i = 0; !lost && pipeline->recovered && i < pipeline->partition_count; i++) {
		arena_reset(pipeline->scratch);
		if (partition_write(pipeline->partitions[i], &pipeline->ports.store, &pipeline->encoded,
				    pipeline->scratch, &result, &err) != 0) {
			log_warning(pipeline->ports.log, "state not written at a revoke: %s", err.message);
			err_clear(&err);
		}
	}
	log_notice(pipeline->ports.log, "%s partitions=%zu", lost ? "lost" : "revoked", pipeline->partition_count);
	loop_drop(pipeline);
	pipeline->assigned = false;
}

static int read_marker(struct pipeline *pipeline, struct partition *partition, struct recovery_facts *facts,
		       struct marker *marker, struct err *err)
{
	const struct store *store = &pipeline->ports.store;
	struct slice bytes;
	arena_reset(pipeline->scratch);
	if (store->read(store->self, partition->number, &bytes, NULL, 0, pipeline->scratch, err) != 0)
		return -1;
	buffer_reset(&partition->stored);
	facts->marker = NULL;
	if (bytes.data == NULL)
		return 0;
	if (marker_decode(bytes, marker, err) != 0)
		return err_prepend(err, "partition %" PRId32, partition->number);
	buffer_add(&partition->stored, bytes.data, bytes.length);
	facts->marker = marker;
	return buffer_failed(&partition->stored) ? err_memory(err) : 0;
}

/* What the marker says of the server is judged by the server as it is now, not as it was up to a minute ago. */
static int look_at_server(struct pipeline *pipeline, struct recovery_facts *facts, struct err *err)
{
	const struct store *store = &pipeline->ports.store;
	facts->server = store->facts(store->self).server;
	if (facts->marker == NULL || recovery_same_server(&facts->marker->server, &facts->server))
		return 0;
	if (store->check(store->self, err) != 0)
		return -1;
	facts->server = store->facts(store->self).server;
	return 0;
}

/*
 * R before C before H: whoever held the partition before may still commit, and then write, between the reads. Read in the
 * order in which they grow, R can lie behind C and C behind H, but none ahead of the next.
 */
static int read_partition(struct pipeline *pipeline, struct partition *partition, struct recovery_facts *facts,
			  struct marker *marker, struct err *err)
{
	const struct source *source = &pipeline->ports.source;
	facts->committed = (struct position){.partition = partition->number, .offset = OFFSET_NONE};
	if (read_marker(pipeline, partition, facts, marker, err) != 0 ||
	    source->committed(source->self, &facts->committed, 1, err) != 0 ||
	    source->bounds(source->self, partition->number, &facts->low, &facts->high, err) != 0)
		return -1;
	partition->high = facts->high;
	return 0;
}

static void first_marker(struct pipeline *pipeline, struct partition *partition, const struct recovery_facts *facts,
			 int64_t start)
{
	struct marker *marker = &partition->marker;
	memset(marker, 0, sizeof *marker);
	watermark_init(&marker->watermark);
	memcpy(marker->state_id, pipeline->state_id, SHA256_BYTES);
	marker->next_offset = start;
	marker->last_offset = OFFSET_NONE;
	marker->partition_count = facts->partition_count;
	snprintf(marker->cluster_id, sizeof marker->cluster_id, "%s", facts->cluster_id);
	marker->server = facts->server;
	do
		marker->generation = pipeline->ports.clock.random(pipeline->ports.clock.self);
	while (marker->generation == 0);
}

/* Where a rebuild begins: far enough back that all that the present state sees is seen again; C's metadata knows how far. */
static int rebuild_start(struct pipeline *pipeline, struct partition *partition, const struct recovery_facts *facts,
			 struct err *err)
{
	const struct source *source = &pipeline->ports.source;
	const struct feature_set *set = pipeline->options.set;
	struct commit_metadata metadata;
	int64_t start = facts->low, complete_since = WATERMARK_NONE;
	bool known = marker_metadata_read(facts->committed.metadata, &metadata);
	if (known && metadata.watermark_ms != WATERMARK_NONE) {
		int64_t pane = feature_set_pane_ms(set), from = metadata.watermark_ms - feature_set_reach_ms(set);
		int64_t floor = pane > 0 ? from - ((from % pane) + pane) % pane : from;
		floor -= feature_set_schema(set)->max_ahead_ms;
		if (source->offset_at(source->self, partition->number, floor, &start, err) != 0)
			return -1;
		if (start > facts->committed.offset)
			start = facts->committed.offset;
		if (start < facts->low)
			start = facts->low;
		if (start > facts->low)
			complete_since = metadata.complete_since_ms;
	}
	first_marker(pipeline, partition, facts, start);
	partition->marker.replaces = known ? metadata.generation : 0;
	partition->marker.watermark.complete_since_ms = complete_since;
	if (known) {
		memcpy(partition->marker.outcomes, metadata.outcomes, sizeof metadata.outcomes);
		partition->marker.counted_from = facts->committed.offset;
	}
	pipeline->metrics.rebuilds++;
	return 0;
}

/* The marker goes to the store before anything is consumed under it. */
static int write_first(struct pipeline *pipeline, struct partition *partition, struct err *err)
{
	enum store_write result;
	arena_reset(pipeline->scratch);
	if (partition_write(partition, &pipeline->ports.store, &pipeline->encoded, pipeline->scratch, &result, err) !=
	    0)
		return -1;
	if (result == STORE_CONFLICT)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY,
				      "partition %" PRId32 ": somebody else writes its state", partition->number);
	return 0;
}

static int follow(struct pipeline *pipeline, struct partition *partition, const struct recovery_facts *facts,
		  const struct marker *marker, const struct recovery *recovery, struct err *err)
{
	partition->committed = recovery->committed;
	switch (recovery->action) {
	case RECOVERY_GO_ON:
		partition->marker = *marker;
		partition->marker.server = facts->server;
		/* Offsets that are known now and lost later must halt, also where no commit comes in between. */
		if (facts->committed.offset != OFFSET_NONE)
			partition->marker.nothing_committed = false;
		partition->verify = marker->last_offset != OFFSET_NONE && marker->last_offset >= facts->low;
		break;
	case RECOVERY_FIRST:
		first_marker(pipeline, partition, facts, recovery->start);
		partition->marker.nothing_committed = true;
		if (write_first(pipeline, partition, err) != 0)
			return -1;
		break;
	case RECOVERY_REBUILD:
		if (rebuild_start(pipeline, partition, facts, err) != 0 || write_first(pipeline, partition, err) != 0)
			return -1;
		break;
	case RECOVERY_WAIT:
	case RECOVERY_HALT:
		break;
	}
	partition->stored_next = partition->marker.next_offset;
	partition->next_position = partition->verify ? partition->marker.last_offset : partition->marker.next_offset;
	return 0;
}

/* The log ends before what was processed: for a while that may be a broker that is behind. All partitions share the wait. */
static int wait_beyond(struct pipeline *pipeline, const struct recovery *recovery, int64_t *beyond_since_us,
		       struct err *err)
{
	if (*beyond_since_us == 0) {
		*beyond_since_us = loop_now_us(pipeline);
		log_warning(pipeline->ports.log, "%s; waiting for it", recovery->message);
	}
	snprintf(pipeline->waiting, sizeof pipeline->waiting, "%.255s", recovery->message);
	return loop_wait(pipeline, WAIT_BEYOND_MS, err);
}

/* One partition until it is decided. 0 also when cancelled. */
static int recover_partition(struct pipeline *pipeline, struct partition *partition, struct recovery_facts *facts,
			     int64_t *beyond_since_us, struct err *err)
{
	int64_t pause_ms = 0;
	facts->partition = partition->number;
	while (!pipeline->cancelled && !*pipeline->stop) {
		struct marker marker;
		struct recovery recovery;
		if (read_partition(pipeline, partition, facts, &marker, err) != 0)
			goto again;
		if (look_at_server(pipeline, facts, err) != 0) {
			if (err->action != ERR_RETRY)
				return -1;
			goto again;
		}
		facts->beyond_ms = *beyond_since_us == 0 ? 0 : (loop_now_us(pipeline) - *beyond_since_us) / 1000;
		recovery_decide(facts, &recovery);
		if (recovery.action == RECOVERY_WAIT) {
			if (wait_beyond(pipeline, &recovery, beyond_since_us, err) != 0)
				return -1;
			continue;
		}
		if (recovery.action == RECOVERY_HALT)
			loop_halt(pipeline, partition, recovery.reason, recovery.message);
		else if (recovery.message[0] != '\0')
			log_warning(pipeline->ports.log, "%s reason=%s", recovery.message, recovery.reason);
		if (follow(pipeline, partition, facts, &marker, &recovery, err) == 0)
			return 0;
	again:
		if (err->action == ERR_EXIT && err->code == ERR_HALT) {
			loop_halt(pipeline, partition, "marker", err->message);
			err_clear(err);
			return 0;
		}
		if (loop_retry(pipeline, &pause_ms, err) != 0)
			return err_is_set(err) ? -1 : 0;
	}
	return 0;
}

static int start_fetching(struct pipeline *pipeline, struct err *err)
{
	const struct source *source = &pipeline->ports.source;
	size_t count = 0;
	arena_reset(pipeline->scratch);
	struct position *positions =
	    arena_take_zeroed(pipeline->scratch, pipeline->partition_count + 1, sizeof *positions);
	if (positions == NULL)
		return err_memory(err);
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		const struct partition *partition = pipeline->partitions[i];
		if (!partition->halted)
			positions[count++] =
			    (struct position){.partition = partition->number, .offset = partition->next_position};
	}
	return source->start(source->self, positions, count, err);
}

int assignment_recover(struct pipeline *pipeline, struct err *err)
{
	const struct source *source = &pipeline->ports.source;
	const struct codec *codec = &pipeline->ports.codec;
	int64_t began_us = loop_now_us(pipeline), pause_ms = 0, beyond_since_us = 0;
	struct recovery_facts facts = {.state_id = pipeline->state_id,
				       .from_earliest = pipeline->options.from_earliest,
				       .rebuild_holes = pipeline->options.rebuild_holes,
				       .accept_state = pipeline->options.accept_state};
	pipeline->metrics.recoveries++;
	while (source->partition_count(source->self, &facts.partition_count, err) != 0)
		if (loop_retry(pipeline, &pause_ms, err) != 0)
			return err_is_set(err) ? -1 : 0;
	facts.cluster_id = source->cluster_id(source->self);
	codec->partitions(codec->self, facts.partition_count);
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		if (recover_partition(pipeline, pipeline->partitions[i], &facts, &beyond_since_us, err) != 0)
			return -1;
		if (pipeline->cancelled || *pipeline->stop)
			return 0;
	}
	if (start_fetching(pipeline, err) != 0)
		return -1;
	pipeline->recovered = true;
	pipeline->paused = false;
	pipeline->evicted = false;
	log_notice(pipeline->ports.log, "recovered partitions=%zu ms=%" PRId64, pipeline->partition_count,
		   (loop_now_us(pipeline) - began_us) / 1000);
	return 0;
}
