#include "daemon/io/kafka_assignment.h"

#include "daemon/io/kafka_client.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

static struct kafka_partition *find(const struct kafka_assignment *assignment, int32_t number)
{
	if (number < 0 || number >= assignment->count || !assignment->partitions[number].assigned)
		return NULL;
	return &assignment->partitions[number];
}

static int set_partitions(struct kafka_assignment *assignment, const rd_kafka_topic_partition_list_t *list,
			  int32_t *numbers, struct err *err)
{
	int32_t count = 0;
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].partition >= count)
			count = list->elems[i].partition + 1;
	if (count > KAFKA_PARTITIONS_MAX)
		return err_set(err, ERR_CONFIG, "kafka consumer: %s has more than %d partitions", assignment->topic,
			       KAFKA_PARTITIONS_MAX);
	struct kafka_partition *partitions = calloc(count == 0 ? 1 : (size_t)count, sizeof *partitions);
	if (partitions == NULL)
		return err_memory(err);
	for (int i = 0; i < list->cnt; i++) {
		numbers[i] = list->elems[i].partition;
		partitions[numbers[i]].assigned = true;
	}
	free(assignment->partitions);
	assignment->partitions = partitions;
	assignment->count = count;
	return 0;
}

int kafka_assignment_nothing(struct kafka_assignment *assignment, struct err *err)
{
	rd_kafka_topic_partition_list_t *nothing = rd_kafka_topic_partition_list_new(0);
	rd_kafka_resp_err_t code = rd_kafka_assign(assignment->handle, nothing);
	rd_kafka_topic_partition_list_destroy(nothing);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RECOVER, code, "assignment", NULL);
}

static int tell(struct kafka_assignment *assignment, int32_t number, bool stopped, struct err *err)
{
	/* Resuming what is not paused makes librdkafka before 2.4 fetch from a stale offset. */
	if (assignment->partitions[number].stopped == stopped)
		return 0;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *entry = rd_kafka_topic_partition_list_add(list, assignment->topic, number);
	rd_kafka_resp_err_t code = stopped ? rd_kafka_pause_partitions(assignment->handle, list)
					   : rd_kafka_resume_partitions(assignment->handle, list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = entry->err;
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RECOVER, code, stopped ? "pause" : "resume", NULL);
	assignment->partitions[number].stopped = stopped;
	return 0;
}

/* librdkafka keeps a pause over assignments, even over rebalances. Only while nothing is assigned, so that nothing stale is fetched. */
static int lift_pauses(struct kafka_assignment *assignment, struct err *err)
{
	for (int32_t i = 0; i < assignment->count; i++) {
		if (tell(assignment, i, false, err) != 0)
			return -1;
		assignment->partitions[i].paused = false;
		assignment->partitions[i].held_back = false;
	}
	assignment->held_back = false;
	return 0;
}

/*
 * An empty assignment completes the rebalance: while librdkafka waits for an assignment call it answers no further
 * rebalance, so a long recovery here would hold up the whole group. The metadata come first: until that call no rejoin
 * can change the generation.
 */
int kafka_assignment_take(struct kafka_assignment *assignment, const rd_kafka_topic_partition_list_t *list,
			  int32_t *numbers, struct err *err)
{
	kafka_membership_take(&assignment->membership, assignment->handle);
	if (kafka_assignment_nothing(assignment, err) == 0 && lift_pauses(assignment, err) == 0 &&
	    set_partitions(assignment, list, numbers, err) == 0)
		return 0;
	kafka_assignment_drop(assignment);
	return -1;
}

void kafka_assignment_drop(struct kafka_assignment *assignment)
{
	kafka_membership_drop(&assignment->membership);
	/* What librdkafka was told stays known: its pauses must be lifted before the partition is fetched again. */
	for (int32_t i = 0; i < assignment->count; i++)
		assignment->partitions[i] = (struct kafka_partition){.stopped = assignment->partitions[i].stopped};
}

bool kafka_assignment_holds(const struct kafka_assignment *assignment, int32_t partition)
{
	return find(assignment, partition) != NULL;
}

int kafka_assignment_pause(struct kafka_assignment *assignment, int32_t number, bool paused, struct err *err)
{
	struct kafka_partition *partition = find(assignment, number);
	if (partition == NULL || !partition->started)
		return 0;
	if (tell(assignment, number, paused || partition->held_back, err) != 0)
		return -1;
	partition->paused = paused;
	return 0;
}

bool kafka_assignment_paused(const struct kafka_assignment *assignment, int32_t number)
{
	const struct kafka_partition *partition = find(assignment, number);
	return partition != NULL && partition->paused;
}

int kafka_assignment_hold_back(struct kafka_assignment *assignment, int32_t number, struct err *err)
{
	struct kafka_partition *partition = find(assignment, number);
	assert(partition != NULL && partition->started);
	if (tell(assignment, number, true, err) != 0)
		return -1;
	partition->held_back = true;
	assignment->held_back = true;
	return 0;
}

int kafka_assignment_go_on(struct kafka_assignment *assignment, struct err *err)
{
	if (!assignment->held_back)
		return 0;
	for (int32_t i = 0; i < assignment->count; i++) {
		if (tell(assignment, i, assignment->partitions[i].paused, err) != 0)
			return -1;
		assignment->partitions[i].held_back = false;
	}
	assignment->held_back = false;
	return 0;
}

static bool any_stopped(const struct kafka_assignment *assignment)
{
	for (int32_t i = 0; i < assignment->count; i++)
		if (assignment->partitions[i].stopped)
			return true;
	return false;
}

int kafka_assignment_start(struct kafka_assignment *assignment, const struct position *positions, size_t count,
			   struct err *err)
{
	assert(count <= INT_MAX);
	if (assignment->membership.metadata == NULL)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "kafka consumer: no partitions are assigned");
	for (size_t i = 0; i < count; i++)
		if (find(assignment, positions[i].partition) == NULL || positions[i].offset < 0)
			return err_set(err, ERR_INTERNAL, "kafka consumer: cannot start partition %d at offset %lld",
				       (int)positions[i].partition, (long long)positions[i].offset);
	if (any_stopped(assignment) &&
	    (kafka_assignment_nothing(assignment, err) != 0 || lift_pauses(assignment, err) != 0))
		return -1;
	for (int32_t i = 0; i < assignment->count; i++)
		assignment->partitions[i].started = false;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++) {
		struct kafka_partition *partition = &assignment->partitions[positions[i].partition];
		rd_kafka_topic_partition_list_add(list, assignment->topic, positions[i].partition)->offset =
		    positions[i].offset;
		partition->started = true;
		partition->next = positions[i].offset;
	}
	rd_kafka_resp_err_t code = rd_kafka_assign(assignment->handle, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_client_fail(err, ERR_UNAVAILABLE, ERR_RECOVER, code, "assignment", NULL);
	return 0;
}

bool kafka_assignment_wants(const struct kafka_assignment *assignment, int32_t number, int64_t offset)
{
	const struct kafka_partition *partition = find(assignment, number);
	return partition != NULL && partition->started && offset >= partition->next;
}

bool kafka_assignment_accept(struct kafka_assignment *assignment, int32_t number, int64_t offset)
{
	if (!kafka_assignment_wants(assignment, number, offset))
		return false;
	assignment->partitions[number].next = offset + 1;
	return true;
}

void kafka_assignment_free(struct kafka_assignment *assignment)
{
	kafka_assignment_drop(assignment);
	free(assignment->partitions);
	assignment->partitions = NULL;
	assignment->count = 0;
}
