#include "daemon/cmd/simulation_arrivals.h"

#include "daemon/cmd/simulation_parts.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define LATE_OCTAVES 8.5 /* late rows come up to 2^8.5 minutes late */
#define PATIENCE 64      /* a shortage of so many anomalous rows starts an anomaly at once */
#define GAP_DAYS_MAX 7000.0
#define TIME_FIELD 1

struct arrivals *arrivals_new(const struct simulation_options *options, const struct simulation_source *source,
			      struct err *err)
{
	assert(source->shape->fields[TIME_FIELD].type == ROW_TIME);
	if (simulation_check(options, err) != 0)
		return NULL;
	struct arrivals *arrivals = calloc(1, sizeof *arrivals);
	if (arrivals == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	arrivals->options = *options;
	arrivals->source = source;
	rng_seed(&arrivals->rng, options->seed);
	return arrivals;
}

void arrivals_free(struct arrivals *arrivals)
{
	if (arrivals == NULL)
		return;
	arrivals->source->free_world(arrivals->world);
	free(arrivals->heap.items);
	free(arrivals->pending);
	free(arrivals->free_places);
	free(arrivals);
}

int64_t arrivals_between(struct arrivals *arrivals, int64_t least, int64_t most)
{
	assert(most >= least);
	return least + (int64_t)rng_below(&arrivals->rng, (uint64_t)(most - least) + 1);
}

int64_t arrivals_size(struct arrivals *arrivals, double log2, double spread_log2)
{
	double size = elementary_exp2(log2 + spread_log2 * society_normal(&arrivals->rng));
	return size < 1 ? 1 : (int64_t)size;
}

bool arrivals_once_in(struct arrivals *arrivals, uint64_t odds)
{
	return rng_below(&arrivals->rng, odds) == 0;
}

static bool chance(struct arrivals *arrivals, double share)
{
	return share > 0 && rng_uniform(&arrivals->rng) < share;
}

int64_t arrivals_active(const struct active_hours *hours, int64_t time_ms, int64_t gap_ms)
{
	int64_t length = hours->to_ms - hours->from_ms, days = hours->weekdays ? 5 : 7;
	int64_t in_day = (time_ms % DAY_MS + DAY_MS) % DAY_MS, day = (time_ms - in_day) / DAY_MS;
	assert(length > 0 && gap_ms >= 0);
	day += gap_ms / (days * length) * 7;
	gap_ms %= days * length;
	if (in_day < hours->from_ms)
		in_day = hours->from_ms;
	for (;; day++, in_day = hours->from_ms) {
		bool weekend = ((day + 3) % 7 + 7) % 7 >= 5; /* 1970 began on a Thursday */
		if (in_day >= hours->to_ms || (hours->weekdays && weekend))
			continue;
		if (gap_ms < hours->to_ms - in_day)
			return day * DAY_MS + in_day + gap_ms;
		gap_ms -= hours->to_ms - in_day;
	}
}

int64_t arrivals_gap(struct arrivals *arrivals, const struct active_hours *hours, double share)
{
	const struct simulation_options *options = &arrivals->options;
	double events = options->events == 0 ? 1.0 : (double)options->events;
	double turns = events * (1 - options->fraud_rate) / (1 + options->duplicate_rate) * share;
	double days = options->days * (hours->weekdays ? 5.0 / 7 : 1) / turns * society_exponential(&arrivals->rng);
	return (int64_t)((days < GAP_DAYS_MAX ? days : GAP_DAYS_MAX) * (double)(hours->to_ms - hours->from_ms));
}

static int hold(struct arrivals *arrivals, const struct row *row, uint8_t what, int64_t time_ms, struct err *err)
{
	if (arrivals->free_count == 0 && arrivals->pending_count == arrivals->pending_capacity) {
		uint32_t capacity = arrivals->pending_capacity == 0 ? 256 : 2 * arrivals->pending_capacity;
		if (capacity < arrivals->pending_capacity)
			return err_memory(err);
		struct row *pending = realloc(arrivals->pending, capacity * sizeof *pending);
		if (pending == NULL)
			return err_memory(err);
		arrivals->pending = pending;
		uint32_t *free_places = realloc(arrivals->free_places, capacity * sizeof *free_places);
		if (free_places == NULL)
			return err_memory(err);
		arrivals->free_places = free_places;
		arrivals->pending_capacity = capacity;
	}
	uint32_t place =
	    arrivals->free_count > 0 ? arrivals->free_places[--arrivals->free_count] : arrivals->pending_count++;
	arrivals->pending[place] = *row;
	return simulation_heap_put(&arrivals->heap, (struct due){.time_ms = time_ms, .index = place, .what = what},
				   err);
}

int arrivals_enter(struct arrivals *arrivals, uint32_t entity, int64_t time_ms, struct err *err)
{
	return simulation_heap_put(&arrivals->heap,
				   (struct due){.time_ms = time_ms, .index = entity, .what = DUE_CUSTOMER}, err);
}

int arrivals_plan(struct arrivals *arrivals, const struct row *row, struct err *err)
{
	struct row planned = *row;
	assert(planned.label != 0 && planned.label < arrivals->source->shape->label_count);
	planned.incident = arrivals->incidents;
	arrivals->anomalies++;
	return hold(arrivals, &planned, DUE_FRAUD, planned.time_ms, err);
}

/* Gives a fresh row its number; late ones are held back: 1: it is sent now, 0: later, -1. */
static int begin(struct arrivals *arrivals, struct row *row, struct err *err)
{
	row->values[0] = (int64_t)simulation_id(arrivals->options.seed, arrivals->rows++);
	row->values[TIME_FIELD] = row->time_ms;
	row->late = chance(arrivals, arrivals->options.late_rate);
	if (!row->late)
		return 1;
	double minutes = elementary_exp2(LATE_OCTAVES * rng_uniform(&arrivals->rng));
	int64_t arrival_ms = row->time_ms + (int64_t)(minutes * (double)MINUTE_MS);
	return hold(arrivals, row, DUE_ARRIVAL, arrival_ms, err) == 0 ? 0 : -1;
}

/* Enough anomalies are planned so that their share comes out; a shortage makes the next one likelier. */
static int plan(struct arrivals *arrivals, const struct row *row, struct err *err)
{
	double shortage = arrivals->options.fraud_rate * (double)arrivals->rows - (double)arrivals->anomalies;
	if (shortage < 1 || rng_uniform(&arrivals->rng) * PATIENCE >= shortage)
		return 0;
	arrivals->incidents++;
	return arrivals->source->plan(arrivals, row, err);
}

/* An entity's turn: 1: *row is sent now, 0: nothing is, -1. */
static int take_turn(struct arrivals *arrivals, struct due due, struct row *row, struct err *err)
{
	int64_t now_ms = due.time_ms;
	*row = (struct row){.time_ms = now_ms, .entity = due.index};
	bool acts = arrivals->source->turn(arrivals, due.index, now_ms, row, &due.time_ms);
	assert(due.time_ms >= now_ms);
	simulation_heap_replace(&arrivals->heap, due);
	if (!acts)
		return 0;
	return plan(arrivals, row, err) == 0 ? begin(arrivals, row, err) : -1;
}

/* A row leaves now; sometimes it will a second time. */
static int send(struct arrivals *arrivals, struct row *row, int64_t now_ms, struct err *err)
{
	row->arrival_ms = now_ms;
	if (row->duplicate || !chance(arrivals, arrivals->options.duplicate_rate))
		return 0;
	struct row again = *row;
	again.duplicate = true;
	return hold(arrivals, &again, DUE_ARRIVAL, now_ms + arrivals_between(arrivals, 100, 10 * MINUTE_MS), err);
}

int arrivals_next(struct arrivals *arrivals, struct row *row, struct err *err)
{
	for (;;) {
		struct due due = simulation_heap_first(&arrivals->heap);
		int now = 1;
		if (due.what == DUE_CUSTOMER) {
			now = take_turn(arrivals, due, row, err);
		} else {
			simulation_heap_drop(&arrivals->heap);
			arrivals->free_places[arrivals->free_count++] = due.index;
			*row = arrivals->pending[due.index];
			if (due.what == DUE_FRAUD) {
				arrivals->source->happen(arrivals, row);
				now = begin(arrivals, row, err);
			}
		}
		if (now < 0)
			return -1;
		if (now == 1)
			return send(arrivals, row, due.time_ms, err);
	}
}
