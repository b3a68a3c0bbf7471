#include "test/sim/sim.h"

#include "test/sim/check.h"
#include "test/sim/kafka.h"
#include "test/sim/node.h"
#include "test/sim/redis_model.h"
#include "test/sim/reference.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MEMORY_BYTES ((size_t)1 << 32) /* reserved, not used */
#define TRACE_LINES 400
#define VERIFY_US (SECOND / 2)

/* One schedule after the other in one process: their memory is a block that begins anew. */
static struct {
	uint8_t *bytes;
	size_t used, touched;
} memory;

static char trace_lines[TRACE_LINES][200];
static uint64_t trace_count;

void *sim_take(size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (memory.bytes == NULL) {
		memory.bytes = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory.bytes == MAP_FAILED)
			abort();
	}
	if (size > MEMORY_BYTES - memory.used)
		abort();
	void *taken = memory.bytes + memory.used;
	size_t dirty = memory.used < memory.touched ? memory.touched - memory.used : 0;
	memset(taken, 0, size < dirty ? size : dirty);
	memory.used += size;
	if (memory.used > memory.touched)
		memory.touched = memory.used;
	return taken;
}

void *sim_grow(const void *items, size_t count, size_t capacity, size_t size)
{
	void *grown = sim_take(capacity * size);
	if (count > 0)
		memcpy(grown, items, count * size);
	return grown;
}

struct slice sim_copy(struct slice bytes)
{
	if (bytes.data == NULL)
		return bytes;
	char *copy = sim_take(bytes.length + 1);
	memcpy(copy, bytes.data, bytes.length);
	return (struct slice){copy, bytes.length};
}

/* The heap of events, by time, then by the order in which they were asked for. */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void sim_after(struct sim *sim, int64_t delay_us, sim_action *action, void *self, uint64_t argument)
{
	assert(delay_us >= 0);
	if (sim->heap_count == sim->heap_capacity) {
		size_t capacity = sim->heap_capacity == 0 ? 256 : 2 * sim->heap_capacity;
		sim->heap = sim_grow(sim->heap, sim->heap_count, capacity, sizeof *sim->heap);
		sim->heap_capacity = capacity;
	}
	struct sim_event event = {sim->now_us + delay_us, sim->order++, action, self, argument};
	size_t at = sim->heap_count++;
	for (size_t up = (at - 1) / 2; at > 0 && earlier(&event, &sim->heap[up]); up = (at - 1) / 2) {
		sim->heap[at] = sim->heap[up];
		at = up;
	}
	sim->heap[at] = event;
}

static struct sim_event next_event(struct sim *sim)
{
	struct sim_event first = sim->heap[0], last = sim->heap[--sim->heap_count];
	size_t at = 0;
	for (;;) {
		size_t down = 2 * at + 1;
		if (down >= sim->heap_count)
			break;
		if (down + 1 < sim->heap_count && earlier(&sim->heap[down + 1], &sim->heap[down]))
			down++;
		if (!earlier(&sim->heap[down], &last))
			break;
		sim->heap[at] = sim->heap[down];
		at = down;
	}
	sim->heap[at] = last;
	return first;
}

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
	return rng_below(&sim->choices, bound);
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
	return low + (int64_t)sim_below(sim, (uint64_t)(high - low) + 1);
}

bool sim_once_in(struct sim *sim, uint64_t times)
{
	return sim_below(sim, times) == 0;
}

int64_t sim_wall_ms(const struct sim *sim)
{
	return SIM_START_MS + sim->now_us / 1000;
}

static void add_line(struct sim *sim, const char *text)
{
	char *line = trace_lines[trace_count++ % TRACE_LINES];
	snprintf(line, sizeof trace_lines[0], "%12.6f %s", (double)sim->now_us / 1e6, text);
	if (sim->loud)
		puts(line);
}

void sim_trace(struct sim *sim, const char *format, ...)
{
	char text[180];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	add_line(sim, text);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list arguments;
	if (sim->failed)
		return;
	sim->failed = true;
	va_start(arguments, format);
	vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
	va_end(arguments);
	add_line(sim, "VIOLATION");
}

void sim_print_trace(FILE *file)
{
	uint64_t from = trace_count > TRACE_LINES ? trace_count - TRACE_LINES : 0;
	for (uint64_t i = from; i < trace_count; i++)
		fprintf(file, "%s\n", trace_lines[i % TRACE_LINES]);
}

/* The producer. */

static void produce(struct sim *sim, void *self, uint64_t left)
{
	(void)self;
	if (left == 0)
		return;
	sim->produced++;
	subject_produce(sim);
	int64_t mean = sim->plan.length_us / (sim->plan.events + 1);
	int64_t delay =
	    sim->plan.busy && left % 16 != 0 ? sim_between(sim, 0, mean / 8 + 1) : sim_between(sim, mean / 4, 2 * mean);
	sim_after(sim, delay, produce, NULL, left - 1);
}

static void verify(struct sim *sim, void *self, uint64_t argument)
{
	(void)self, (void)argument;
	if (sim->produced == sim->plan.events && check_settled(sim)) {
		check_end(sim);
		if (!sim->failed)
			finale_begin(sim);
		return;
	}
	if (sim->now_us - sim->quiet_us > QUIET_LIMIT_US) {
		char why[300];
		check_unsettled(sim, why);
		sim_fail(sim, "I7: not worked off %d s after the last fault: %s", (int)(QUIET_LIMIT_US / SECOND), why);
		return;
	}
	sim_after(sim, VERIFY_US, verify, NULL, 0);
}

static void become_quiet(struct sim *sim, void *self, uint64_t argument)
{
	(void)self, (void)argument;
	sim->quiet = true;
	sim->quiet_us = sim->now_us;
	sim_trace(sim, "no faults from here on");
	faults_end(sim);
	sim_after(sim, VERIFY_US, verify, NULL, 0);
}

struct sim *sim_new(const struct plan *plan, bool loud, struct sim_stats *stats)
{
	static struct sim_stats ignored;
	memory.used = 0;
	trace_count = 0;
	struct sim *sim = sim_take(sizeof *sim);
	sim->plan = *plan;
	sim->loud = loud;
	sim->stats = stats == NULL ? &ignored : stats;
	subject_choose(plan->seed);
	rng_seed(&sim->choices, plan->seed ^ 0x5eed0001);
	rng_seed(&sim->stream, plan->seed ^ 0x5eed0002);
	sim->kafka = kafka_new(sim);
	sim->redis = redis_new(sim);
	sim->reference = reference_new(sim);
	for (int i = 0; i < plan->nodes; i++)
		sim->nodes[i] = node_new(sim, i);
	return sim;
}

void sim_step(struct sim *sim)
{
	assert(sim->heap_count > 0);
	struct sim_event event = next_event(sim);
	sim->now_us = event.at_us;
	event.action(sim, event.self, event.argument);
}

void sim_end(struct sim *sim)
{
	sim->stats->schedules++;
	for (int i = 0; i < sim->plan.nodes; i++)
		node_free(sim->nodes[i]);
	reference_free(sim->reference);
	redis_free(sim->redis);
}

bool sim_run(const struct plan *plan, bool loud, struct sim_stats *stats, char failure[1024])
{
	struct sim *sim = sim_new(plan, loud, stats);
	for (int i = 0; i < plan->nodes; i++)
		node_start_after(sim->nodes[i], sim_between(sim, 0, sim_once_in(sim, 3) ? 15 * SECOND : 50 * MS));
	faults_begin(sim);
	sim_after(sim, 0, produce, NULL, (uint64_t)plan->events);
	sim_after(sim, plan->length_us, become_quiet, NULL, 0);
	while (!sim->ended && !sim->failed)
		sim_step(sim);
	sim_end(sim);
	memcpy(failure, sim->failure, sizeof sim->failure);
	return !sim->failed;
}
