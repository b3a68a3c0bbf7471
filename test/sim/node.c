#include "test/sim/node.h"

#include "daemon/io/redis_store.h"
#include "daemon/pipeline/loop.h"
#include "test/sim/fiber.h"
#include "test/sim/kafka.h"

#define ARENA_BYTES ((size_t)2 << 20)
#define REDIS_TIMEOUT_MS 1000
#define EXIT_MEMORY 71
#define EXIT_FENCED 75
#define EXIT_HALTED 76

/* The linker hands the daemon's allocations over. Only what runs on a process' fiber can fail. */

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

static struct node *running; /* of the schedule under way */

static bool fails(void)
{
	if (running == NULL || running->allocations_left == 0 || --running->allocations_left > 0)
		return false;
	sim_trace(running->sim, "node %d is out of memory once", running->index);
	return running->memory_failed = true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static int64_t wall_ms(void *self)
{
	const struct node *node = self;
	return sim_wall_ms(node->sim) + node->clock_ms;
}

static int64_t monotonic_us(void *self)
{
	return ((const struct node *)self)->sim->now_us;
}

static void sleep_ms(void *self, int64_t ms)
{
	node_sleep(self, ms * MS);
}

static uint64_t random_bits(void *self)
{
	return rng_next(&((struct node *)self)->sim->choices);
}

static void beat(void *self)
{
	((struct node *)self)->beats++;
}

static void start(struct sim *sim, void *self, uint64_t argument);

struct node *node_new(struct sim *sim, int index)
{
	struct node *node = sim_take(sizeof *node);
	node->sim = sim;
	node->index = index;
	node->clock = (struct clock){node, wall_ms, monotonic_us, sleep_ms, random_bits};
	node->log = (struct log){.stream = sim->loud ? stdout : NULL, .level = LOG_LEVEL_INFO};
	return node;
}

/* What is left of a process that is gone: what it had sent stays under way. */
static void clean_up(struct node *node)
{
	fiber_free(node->fiber);
	node->fiber = NULL;
	node->sim->stats->rebuilds += node->pipeline == NULL ? 0 : pipeline_metrics(node->pipeline)->rebuilds;
	pipeline_free(node->pipeline);
	node->pipeline = NULL;
	redis_store_free(node->store);
	node->store = NULL;
	client_gone(node->client);
	node->up = node->waiting = node->paused = false;
	node->turn++;
}

void node_free(struct node *node)
{
	if (node != NULL && node->up)
		clean_up(node);
}

static void watch(struct node *node)
{
	node->halted[0] = '\0';
	if (pipeline_ready(node->pipeline) != (strcmp(pipeline_reason(node->pipeline), "ok") == 0))
		sim_fail(node->sim, "node %d is %s, and says %s", node->index,
			 pipeline_ready(node->pipeline) ? "ready" : "not ready", pipeline_reason(node->pipeline));
	for (size_t i = 0; i < node->pipeline->partition_count; i++) {
		const struct partition *partition = node->pipeline->partitions[i];
		if (!partition->halted)
			continue;
		snprintf(node->halted, sizeof node->halted, "partition %d: %s", (int)partition->number,
			 partition->halt_reason);
		if (!node->sim->finale)
			sim_fail(node->sim, "I7: node %d halted without a cause: %s", node->index, node->halted);
	}
}

static void run(void *self)
{
	struct node *node = self;
	int status = pipeline_open(node->pipeline, &node->stop, &node->err);
	while (status == 0 && !node->stop) {
		status = pipeline_step(node->pipeline, &node->stop, &node->err);
		watch(node);
	}
	if (status != 0 && node->stop && node->err.action == ERR_RETRY) {
		err_clear(&node->err);
		status = 0;
	}
	pipeline_close(node->pipeline);
	node->exit_status = err_exit_status(&node->err);
}

static void ended(struct node *node)
{
	struct sim *sim = node->sim;
	node->exits++;
	sim_trace(sim, "node %d exits %d %.120s", node->index, node->exit_status, node->err.message);
	clean_up(node);
	if (node->exit_status == EXIT_FENCED) {
		sim->stats->exits_fenced++;
		if (sim->plan.fault_count == 0)
			sim_fail(sim, "I7: node %d was fenced without a cause: %s", node->index, node->err.message);
		node->restart_us = sim_between(sim, SECOND, 20 * SECOND);
	} else if (node->memory_failed && node->exit_status == EXIT_MEMORY) {
		node->restart_us = sim_between(sim, SECOND, 5 * SECOND);
	} else if (node->exit_status != 0 && !(sim->finale && node->exit_status == EXIT_HALTED)) {
		sim_fail(sim, "I7: node %d ended with %d: %s", node->index, node->exit_status, node->err.message);
	}
	/* As the unit has it: who halted is not started again by itself. */
	if (!node->held && node->exit_status != EXIT_HALTED)
		node_start_after(node, node->restart_us);
}

static void resume(struct node *node)
{
	node->waiting = false;
	node->turn++;
	node->sim->running = running = node;
	bool done = fiber_resume(node->fiber);
	node->sim->running = running = NULL;
	if (done)
		ended(node);
}

static void wake(struct sim *sim, void *self, uint64_t turn)
{
	struct node *node = self;
	if (!node->up || turn != node->turn)
		return;
	if (node->paused) {
		int64_t left_us = node->paused_until_us - sim->now_us;
		if (left_us > 0) {
			sim_after(sim, left_us, wake, node, turn);
			return;
		}
		node->paused = false;
		sim_trace(sim, "node %d goes on", node->index);
	}
	resume(node);
}

static void start(struct sim *sim, void *self, uint64_t argument)
{
	struct node *node = self;
	struct err err = {0};
	(void)argument;
	if (node->up || node->held)
		return;
	node->life++;
	node->up = true;
	node->batch_bytes = 0;
	node->memory_failed = false;
	node->stop = 0;
	node->exit_status = 0;
	node->halted[0] = '\0';
	err_clear(&node->err);
	node->options = (struct pipeline_options){
	    .set = subject_set(node->other_rules),
	    .publish = subject_publish(),
	    .pseudonym = subject_pseudonyms(),
	    .from_earliest = true,
	    .rebuild_holes = node->rebuild_holes,
	    .accept_state = node->accept_state,
	    .limits = {.records = sim->plan.batch_records[node->index],
		       .bytes = 1 << 16,
		       .wait_ms = 20,
		       .memory_bytes = ARENA_BYTES,
		       .cache_bytes = sim->plan.cache_bytes,
		       .write_interval_ms = sim->plan.write_interval_ms,
		       .write_records = sim->plan.write_records,
		       .dead_letters = 0.2,
		       .late = 0.2},
	};
	struct redis_options redis = {.address = "tcp://127.0.0.1:6379",
				      .name_space = "sim",
				      .pipeline = "sim",
				      .topic = "in",
				      .timeout_ms = REDIS_TIMEOUT_MS,
				      .log = &node->log,
				      .clock = &node->clock};
	node->store = redis_store_new(&redis, &err);
	node->client = client_new(node);
	struct ports ports = {.source = client_source(node->client),
			      .sink = client_sink(node->client),
			      .store = redis_store_port(node->store),
			      .codec = subject_codec(node),
			      .clock = node->clock,
			      .log = &node->log,
			      .beat = beat,
			      .beat_self = node};
	node->pipeline = pipeline_new(&node->options, &ports);
	assert(node->store != NULL && node->pipeline != NULL);
	pipeline_champion(node->pipeline, subject_champion(node->other_rules));
	node->fiber = fiber_new(run, node);
	sim_trace(sim, "node %d starts, life %u", node->index, node->life);
	resume(node);
}

void node_start_after(struct node *node, int64_t delay_us)
{
	sim_after(node->sim, delay_us, start, node, 0);
}

void node_kill(struct node *node, int64_t restart_us)
{
	if (!node->up)
		return;
	assert(node->sim->running == NULL);
	sim_trace(node->sim, "node %d is killed", node->index);
	node->sim->stats->kills++;
	clean_up(node);
	if (!node->held)
		node_start_after(node, restart_us);
}

void node_terminate(struct node *node, int64_t restart_us)
{
	if (!node->up)
		return;
	sim_trace(node->sim, "node %d is told to stop", node->index);
	node->stop = 1;
	node->restart_us = restart_us;
}

void node_pause(struct node *node, int64_t length_us)
{
	if (!node->up)
		return;
	sim_trace(node->sim, "node %d is paused for %.1f s", node->index, (double)length_us / SECOND);
	node->paused = true;
	node->paused_until_us = node->sim->now_us + length_us;
}

void node_sleep(struct node *node, int64_t us)
{
	assert(node->sim->running == node);
	sim_after(node->sim, us, wake, node, node->turn);
	fiber_yield();
}

void node_wait_until(struct node *node, int64_t deadline_us)
{
	int64_t left_us = deadline_us - node->sim->now_us;
	if (left_us <= 0)
		return;
	node->waiting = true;
	node_sleep(node, left_us);
}

void node_notify(struct node *node)
{
	if (node->up && node->waiting)
		sim_after(node->sim, sim_between(node->sim, 0, 40), wake, node, node->turn);
}

void node_call(struct node *node)
{
	struct sim *sim = node->sim;
	node_sleep(node, sim_once_in(sim, 50) ? sim_between(sim, 0, 20 * MS) : sim_between(sim, 1, 60));
}
