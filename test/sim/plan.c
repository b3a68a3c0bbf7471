#include "test/sim/sim.h"

const char *const fault_names[FAULT_KINDS] = {
    "kill",          "stop",         "pause",         "leave",           "network",     "end_late",
    "offsets_late",  "brokers_away", "rebalance",     "log_behind",      "retention",   "redis_away",
    "redis_reset",   "redis_slow",   "redis_refuses", "redis_goes_back", "redis_empty", "clock",
    "registry_away", "memory",
};

const char *const finale_names[FINALES] = {
    "none",     "hole", "hole_rebuilt", "recreated", "truncated", "grown",   "offsets_lost", "set_back", "accepted",
    "state_id", "caps", "corrupt",      "evicted",   "late",      "cluster", "marker",       "emptied",
};

/* How often each kind comes, in shares. */
static const int weights[FAULT_KINDS] = {
    [FAULT_KILL] = 18,        [FAULT_STOP] = 6,       [FAULT_PAUSE] = 10,        [FAULT_LEAVE] = 4,
    [FAULT_NETWORK] = 8,      [FAULT_END_LATE] = 10,  [FAULT_OFFSETS_LATE] = 5,  [FAULT_BROKERS_AWAY] = 4,
    [FAULT_REBALANCE] = 10,   [FAULT_LOG_BEHIND] = 2, [FAULT_RETENTION] = 4,     [FAULT_REDIS_AWAY] = 6,
    [FAULT_REDIS_RESET] = 10, [FAULT_REDIS_SLOW] = 4, [FAULT_REDIS_REFUSES] = 4, [FAULT_REDIS_GOES_BACK] = 10,
    [FAULT_REDIS_EMPTY] = 6,  [FAULT_CLOCK] = 2,      [FAULT_REGISTRY_AWAY] = 3, [FAULT_MEMORY] = 4,
};

static uint64_t below(struct rng *rng, uint64_t bound)
{
	return rng_below(rng, bound);
}

static int64_t pick(struct rng *rng, const int64_t *values, size_t count)
{
	return values[below(rng, count)];
}

static enum fault_kind draw_kind(struct rng *rng)
{
	int total = 0, kind = 0;
	for (int i = 0; i < FAULT_KINDS; i++)
		total += weights[i];
	int at = (int)below(rng, (uint64_t)total);
	while (at >= weights[kind])
		at -= weights[kind++];
	return (enum fault_kind)kind;
}

static int by_time(const void *a, const void *b)
{
	const struct fault *first = a, *second = b;
	return first->at_us < second->at_us ? -1 : first->at_us > second->at_us;
}

static void sort(struct fault *faults, int count)
{
	for (int i = 1; i < count; i++)
		for (int j = i; j > 0 && by_time(&faults[j - 1], &faults[j]) > 0; j--) {
			struct fault swapped = faults[j];
			faults[j] = faults[j - 1];
			faults[j - 1] = swapped;
		}
}

void plan_make(uint64_t seed, struct plan *plan)
{
	static const int64_t node_counts[] = {1, 1, 1, 2, 2, 2, 2, 3, 3, 4};
	static const int64_t intervals_ms[] = {0, 50, 500, 2000}, leads[] = {1, 8, 64, 1000};
	static const int64_t caches[] = {0, 4096, 20000, 1 << 20}, maxima[] = {1000000, 1000000, 1000000, 2000};
	struct rng rng;
	rng_seed(&rng, seed ^ 0x5eed0000);
	*plan = (struct plan){.seed = seed};
	plan->nodes = (int)pick(&rng, node_counts, 10);
	plan->partitions = 1 + (int)below(&rng, PARTITIONS_MAX);
	plan->entities = 2 + (int)below(&rng, 8);
	plan->events = 20 + (int)below(&rng, 130);
	plan->length_us = (int64_t)(15 + below(&rng, 60)) * SECOND;
	for (int i = 0; i < NODES_MAX; i++)
		plan->batch_records[i] = 1 + (uint32_t)below(&rng, below(&rng, 3) == 0 ? 40 : 8);
	plan->write_interval_ms = pick(&rng, intervals_ms, 4);
	plan->write_records = (uint64_t)pick(&rng, leads, 4);
	plan->cache_bytes = (size_t)pick(&rng, caches, 4);
	plan->message_max = (size_t)pick(&rng, maxima, 4);
	plan->dynamic = below(&rng, 6) == 0;
	plan->busy = below(&rng, 3) == 0;
	plan->fault_count = below(&rng, 20) == 0 ? 0 : 1 + (int)below(&rng, below(&rng, 3) == 0 ? FAULTS_MAX : 8);
	for (int i = 0; i < plan->fault_count; i++) {
		struct fault *fault = &plan->faults[i];
		fault->kind = draw_kind(&rng);
		fault->node = (int)below(&rng, (uint64_t)plan->nodes);
		fault->at_us = (int64_t)below(&rng, (uint64_t)plan->length_us);
		fault->length_us = (int64_t)below(&rng, below(&rng, 3) == 0 ? 30 * SECOND : 3 * SECOND);
		fault->value = rng_next(&rng);
	}
	sort(plan->faults, plan->fault_count);
	plan->finale = below(&rng, 3) == 0 ? (enum finale)(1 + below(&rng, FINALES - 1)) : FINALE_NONE;
}

void plan_print(const struct plan *plan, FILE *file)
{
	fprintf(file,
		"seed %" PRIu64 ": %d nodes%s, %d partitions, %d entities, %d turns of the producer in %.0f s%s, state "
		"written after %" PRId64 " ms or %" PRIu64
		" records, cache %zu bytes, messages up to %zu bytes, finale %s\n",
		plan->seed, plan->nodes, plan->dynamic ? " (dynamic members)" : "", plan->partitions, plan->entities,
		plan->events, (double)plan->length_us / SECOND, plan->busy ? ", in bursts" : "",
		plan->write_interval_ms, plan->write_records, plan->cache_bytes, plan->message_max,
		finale_names[plan->finale]);
	for (int i = 0; i < plan->fault_count; i++)
		if (!plan->faults[i].off)
			fprintf(file, "  %10.6f s %s node %d for %.3f s\n", (double)plan->faults[i].at_us / SECOND,
				fault_names[plan->faults[i].kind], plan->faults[i].node,
				(double)plan->faults[i].length_us / SECOND);
}
