#include "daemon/pipeline/recovery.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void decide(struct recovery *recovery, enum recovery_action action, const char *reason, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void decide(struct recovery *recovery, enum recovery_action action, const char *reason, const char *format, ...)
{
	va_list arguments;
	recovery->action = action;
	snprintf(recovery->reason, sizeof recovery->reason, "%s", reason);
	va_start(arguments, format);
	vsnprintf(recovery->message, sizeof recovery->message, format, arguments);
	va_end(arguments);
}

/* Rows about what the state was made of. True: decided. */
static bool differs(const struct recovery_facts *facts, struct recovery *recovery)
{
	const struct marker *marker = facts->marker;
	int32_t partition = facts->partition;
	if (memcmp(marker->state_id, facts->state_id, SHA256_BYTES) != 0) {
		decide(recovery, RECOVERY_HALT, "state_id",
		       "partition %" PRId32
		       ": the state in the store was made under other rules (state id differs: a field, key, scale, "
		       "lateness, max_events or the longest window changed). Take a new state.redis.namespace (state "
		       "is rebuilt from the topic "
		       "where the group has offsets), or go back to the old configuration",
		       partition);
		return true;
	}
	if (facts->cluster_id[0] != '\0' && marker->cluster_id[0] != '\0' &&
	    strcmp(facts->cluster_id, marker->cluster_id) != 0) {
		decide(recovery, RECOVERY_HALT, "cluster_id",
		       "partition %" PRId32 ": the state belongs to Kafka cluster %s, this is %s. Correct "
		       "kafka.bootstrap_servers, or take a new "
		       "state.redis.namespace and group_id",
		       partition, marker->cluster_id, facts->cluster_id);
		return true;
	}
	if (marker->partition_count != facts->partition_count) {
		decide(recovery, RECOVERY_HALT, "partition_count",
		       "partition %" PRId32 ": the topic has %" PRId32 " partitions, the state was made with %" PRId32
		       ": entities have moved. Move to a new topic, pipeline name and group_id",
		       partition, facts->partition_count, marker->partition_count);
		return true;
	}
	return false;
}

/* An offset set by an operator's tool has no metadata: that says nothing about the state, and the rows below judge it by its number. */
static bool is_stale(const struct recovery_facts *facts)
{
	struct commit_metadata metadata;
	if (facts->committed.offset == OFFSET_NONE || facts->marker == NULL)
		return false;
	if (!marker_metadata_read(facts->committed.metadata, &metadata))
		return false;
	return metadata.generation != facts->marker->generation && metadata.generation != facts->marker->replaces;
}

static void rebuild_or_halt(const struct recovery_facts *facts, struct recovery *recovery, int64_t at)
{
	if (facts->rebuild_holes)
		decide(
		    recovery, RECOVERY_REBUILD, "hole",
		    "partition %" PRId32 ": events from offset %" PRId64 " to %" PRId64
		    " are gone from the topic: the state is rebuilt from what is left (state.on_hole is \"rebuild\")",
		    facts->partition, at, facts->low);
	else
		decide(recovery, RECOVERY_HALT, "hole",
		       "partition %" PRId32 ": events from offset %" PRId64 " to %" PRId64
		       " are gone from the topic before they were seen. Set state.on_hole to \"rebuild\" to go on "
		       "without them, and raise the "
		       "topic's retention",
		       facts->partition, at, facts->low);
}

/* A state that is made again behind a hole begins at the log's start, beyond C, until its first commit: nothing is left out. */
static bool behind_hole(const struct recovery_facts *facts)
{
	const struct marker *marker = facts->marker;
	return marker->last_offset == OFFSET_NONE && facts->committed.offset < facts->low &&
	       marker->next_offset <= facts->low;
}

bool recovery_same_server(const struct store_server *then, const struct store_server *now)
{
	return strcmp(then->id, now->id) == 0 && then->evicted == now->evicted;
}

static uint64_t evictions(const struct store_server *then, const struct store_server *now)
{
	bool continued = strcmp(then->id, now->id) == 0 && now->evicted >= then->evicted;
	return continued ? now->evicted - then->evicted : now->evicted;
}

bool recovery_evicted(const struct store_server *then, const struct store_server *now)
{
	return evictions(then, now) > 0;
}

void recovery_decide(const struct recovery_facts *facts, struct recovery *recovery)
{
	const struct marker *marker = facts->marker;
	int64_t c = facts->committed.offset, r = marker == NULL ? OFFSET_NONE : marker->next_offset;
	int32_t partition = facts->partition;
	assert(c >= OFFSET_NONE && facts->low <= facts->high);
	*recovery = (struct recovery){.action = RECOVERY_GO_ON, .start = r, .committed = c};
	if (marker != NULL && differs(facts, recovery))
		return;
	/* Without C nothing was ever written but a first marker; where more was, the rows below halt. */
	if (marker != NULL && c != OFFSET_NONE && recovery_evicted(&marker->server, &facts->server)) {
		decide(recovery, RECOVERY_REBUILD, "evicted",
		       "partition %" PRId32 ": Redis has evicted %" PRIu64
		       " keys since the state was last known to be whole, and records may be among them: it is rebuilt "
		       "from the topic",
		       partition, evictions(&marker->server, &facts->server));
		return;
	}
	if (is_stale(facts)) {
		decide(recovery, RECOVERY_REBUILD, "stale",
		       "partition %" PRId32 ": the state in the store is of another generation than the committed "
		       "offset %" PRId64 " (an old copy of Redis, say): it is rebuilt from the topic",
		       partition, c);
		return;
	}
	if (r > facts->high || c > facts->high) {
		if (facts->beyond_ms < RECOVERY_BEYOND_MS)
			decide(recovery, RECOVERY_WAIT, "beyond",
			       "partition %" PRId32 ": the log ends at %" PRId64 ", before offset %" PRId64, partition,
			       facts->high, r > c ? r : c);
		else
			decide(recovery, RECOVERY_HALT, "truncated",
			       "partition %" PRId32 ": the log ends at %" PRId64 ", but offset %" PRId64
			       " was processed: the topic was truncated or recreated. Take a new pipeline name and "
			       "group_id for a new topic, or restore the log",
			       partition, facts->high, r > c ? r : c);
		return;
	}
	if (marker == NULL && c == OFFSET_NONE) {
		recovery->action = RECOVERY_FIRST;
		recovery->start = facts->from_earliest ? facts->low : facts->high;
		return;
	}
	if (c == OFFSET_NONE && !marker->nothing_committed) {
		decide(recovery, RECOVERY_HALT, "offsets_lost",
		       "partition %" PRId32 ": the store holds state up to offset %" PRId64
		       ", but the group has no committed offset any more (expired or deleted). Set the group's offset "
		       "to %" PRId64 " with Kafka's tools, or run once with --accept-state",
		       partition, r, r);
		if (!facts->accept_state)
			return;
		recovery->action = RECOVERY_GO_ON;
		recovery->committed = r;
		return;
	}
	if (marker != NULL && c != OFFSET_NONE && r > c && !behind_hole(facts)) {
		decide(recovery, RECOVERY_HALT, "ahead",
		       "partition %" PRId32 ": the state stands at offset %" PRId64 ", the group at %" PRId64
		       ": offsets were set back. Going on would leave out alerts from %" PRId64 " to %" PRId64
		       ". Restore the offsets, replay, or run once with "
		       "--accept-state",
		       partition, r, c, c, r);
		if (!facts->accept_state)
			return;
		recovery->action = RECOVERY_GO_ON;
		recovery->committed = r;
		return;
	}
	if ((marker != NULL && r < facts->low) || (c != OFFSET_NONE && c < facts->low)) {
		rebuild_or_halt(facts, recovery, marker != NULL && (c == OFFSET_NONE || r < c) ? r : c);
		return;
	}
	if (marker == NULL)
		decide(recovery, RECOVERY_REBUILD, "missing",
		       "partition %" PRId32 ": the store holds no state, the group stands at offset %" PRId64
		       ": the state is rebuilt from the topic",
		       partition, c);
}
