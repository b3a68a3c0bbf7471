/* The faults of a plan. A window that is over leaves the world as it was; what was lost stays lost. */
#include "daemon/pipeline/marker.h"
#include "features/definition.h"
#include "test/sim/check.h"
#include "test/sim/kafka.h"
#include "test/sim/redis_model.h"

static void excuse(struct sim *sim, void *self, uint64_t argument)
{
	(void)self, (void)argument;
	if (!kafka_away(sim->kafka))
		group_excuse(sim->kafka);
}

static void reset_old(struct sim *sim, void *self, uint64_t argument)
{
	(void)self, (void)argument;
	redis_reset(sim->redis, true);
}

static struct marker marker_in(const struct database *database, int32_t partition)
{
	char key[CHECK_KEY_MAX];
	struct marker marker;
	struct err err = {0};
	struct slice bytes = database_get(database, check_key(partition, "m", key));
	if (bytes.data == NULL || marker_decode(bytes, &marker, &err) != 0)
		marker.next_offset = OFFSET_NONE;
	return marker;
}

/* A rebuild must still find all that it needs, and one record before that, by which it sees that it does. */
static void delete_old(struct sim *sim, int32_t p)
{
	struct kafka *kafka = sim->kafka;
	const struct log_partition *partition = &kafka->partitions[p];
	const struct feature_set *set = subject_set(false);
	struct commit_metadata metadata;
	int64_t c = kafka->committed[p].offset, low = partition->low;
	struct marker marker = marker_in(sim->redis->database, p);
	if (c == OFFSET_NONE || marker.next_offset == OFFSET_NONE ||
	    !marker_metadata_read(kafka->committed[p].metadata, &metadata) || metadata.watermark_ms == WATERMARK_NONE)
		return;
	int64_t floor_ms = metadata.watermark_ms - feature_set_reach_ms(set) - 2 * feature_set_pane_ms(set) - 5000;
	while (low + 1 < c && low + 1 < marker.next_offset && partition->records[low + 1].timestamp_ms < floor_ms &&
	       partition->records[low + 1].timestamp_ms >= 0)
		low++;
	if (low == partition->low)
		return;
	sim_trace(sim, "the log of %d begins at %" PRId64, (int)p, low);
	kafka_delete_below(kafka, p, low);
}

/* What the new primary lacks must still be in the topic. */
static bool reaches_back(struct sim *sim, const struct database *database)
{
	for (int32_t p = 0; p < sim->plan.partitions; p++) {
		struct marker marker = marker_in(database, p);
		if (marker.next_offset != OFFSET_NONE && marker.next_offset < sim->kafka->partitions[p].low)
			return false;
	}
	return true;
}

static void go_back(struct sim *sim, const struct fault *fault)
{
	struct redis *redis = sim->redis;
	uint64_t steps = 1 + fault->value % (fault->value >> 32 & 1 ? 4 : 40);
	/* Now and then it is an old copy from before the server was emptied. */
	if (redis->before != NULL && (fault->value >> 34 & 3) == 0 && reaches_back(sim, redis->before)) {
		struct database *swapped = redis->database;
		redis->database = database_back(redis, redis->before, 0);
		redis->before = swapped;
		sim_trace(sim, "redis comes back with an old copy");
		redis_reset(redis, true);
		return;
	}
	struct database *back = database_back(redis, redis->database, steps);
	while (steps > 0 && !reaches_back(sim, back))
		back = database_back(redis, redis->database, --steps);
	redis->database = back;
	sim_trace(sim, "redis goes %d writes back", (int)steps);
	/* The old primary may go on answering for a while. */
	if (fault->value >> 33 & 1)
		sim_after(sim, fault->length_us, reset_old, NULL, 0);
	else
		redis_reset(redis, true);
}

static void redis_fault(struct sim *sim, const struct fault *fault)
{
	static const char *const refusals[] = {"OOM command not allowed when used memory > 'maxmemory'.",
					       "READONLY You can't write against a read only replica.",
					       "LOADING Redis is loading the dataset in memory"};
	struct redis *redis = sim->redis;
	int64_t until_us = sim->now_us + fault->length_us;
	switch (fault->kind) {
	case FAULT_REDIS_AWAY:
		redis->away_until_us = until_us;
		redis_reset(redis, false);
		break;
	case FAULT_REDIS_RESET:
		redis_reset(redis, false);
		break;
	case FAULT_REDIS_SLOW:
		redis->slow_until_us = until_us;
		break;
	case FAULT_REDIS_REFUSES:
		redis->refuse_until_us = until_us;
		redis->refusal = refusals[fault->value % 3];
		break;
	case FAULT_REDIS_GOES_BACK:
		go_back(sim, fault);
		break;
	default:
		redis->before = redis->database;
		redis->database = database_new(redis);
		redis_reset(redis, true);
		break;
	}
}

static void inject(struct sim *sim, void *self, uint64_t argument)
{
	const struct fault *fault = self;
	struct kafka *kafka = sim->kafka;
	struct node *node = sim->nodes[fault->node];
	int64_t until_us = sim->now_us + fault->length_us;
	(void)argument;
	sim->stats->faults[fault->kind]++;
	sim_trace(sim, "fault: %s, node %d, %.3f s", fault_names[fault->kind], fault->node,
		  (double)fault->length_us / SECOND);
	switch (fault->kind) {
	case FAULT_KILL:
		node_kill(node, (int64_t)(fault->value % (20 * SECOND)));
		break;
	case FAULT_STOP:
		node_terminate(node, (int64_t)(fault->value % (2 * SECOND)));
		break;
	case FAULT_LEAVE:
		node_terminate(node, SESSION_US + (int64_t)(fault->value % (15 * SECOND)));
		break;
	case FAULT_PAUSE:
		node_pause(node, fault->length_us);
		break;
	case FAULT_NETWORK:
		kafka->network_until_us[fault->node] = until_us;
		break;
	case FAULT_END_LATE:
		kafka->end_late[fault->node] = true;
		break;
	case FAULT_OFFSETS_LATE:
		kafka->offsets_late[fault->node] = true;
		break;
	case FAULT_BROKERS_AWAY:
		kafka->away_until_us = until_us;
		sim_after(sim, fault->length_us, excuse, NULL, 0);
		break;
	case FAULT_REBALANCE:
		group_rebalance(kafka);
		break;
	case FAULT_LOG_BEHIND:
		kafka->behind_until_us = sim->now_us + fault->length_us % (20 * SECOND);
		break;
	case FAULT_RETENTION:
		for (int32_t p = 0; p < sim->plan.partitions; p++)
			delete_old(sim, p);
		break;
	case FAULT_CLOCK:
		node->clock_ms += (int64_t)(fault->value % 7200000) - 3600000;
		break;
	case FAULT_MEMORY:
		node->allocations_left = 1 + fault->value % (fault->value >> 32 & 1 ? 40 : 2000);
		break;
	case FAULT_REGISTRY_AWAY:
		node->registry_until_us = until_us;
		break;
	default:
		redis_fault(sim, fault);
		break;
	}
}

void faults_begin(struct sim *sim)
{
	for (int i = 0; i < sim->plan.fault_count; i++)
		if (!sim->plan.faults[i].off)
			sim_after(sim, sim->plan.faults[i].at_us, inject, &sim->plan.faults[i], 0);
}

void faults_end(struct sim *sim)
{
	struct kafka *kafka = sim->kafka;
	struct redis *redis = sim->redis;
	if (kafka_away(kafka)) {
		kafka->away_until_us = sim->now_us;
		group_excuse(kafka);
	}
	kafka->behind_until_us = redis->away_until_us = redis->slow_until_us = redis->refuse_until_us = 0;
	redis_reset(redis, true);
	for (int i = 0; i < sim->plan.nodes; i++) {
		kafka->network_until_us[i] = 0;
		kafka->end_late[i] = kafka->offsets_late[i] = false;
		sim->nodes[i]->registry_until_us = 0;
		sim->nodes[i]->allocations_left = 0;
		if (sim->nodes[i]->paused && sim->nodes[i]->paused_until_us > sim->now_us + SECOND)
			sim->nodes[i]->paused_until_us = sim->now_us + SECOND;
	}
}
