#include "daemon/cmd/bounded_source.h"

#include <assert.h>

#define BURST_SECONDS 0.1 /* of the rate, taken at once */
#define WAIT_MS 20

static bool is_beyond(const struct bounded_source *bounded, int32_t partition, int64_t offset)
{
	assert(partition >= 0);
	return (size_t)partition >= bounded->count || offset >= bounded->ends[partition];
}

/* How many records the rate allows now, at most `limit`. */
static size_t allowed(struct bounded_source *bounded, size_t limit)
{
	if (bounded->held != NULL && *bounded->held)
		return 0;
	if (bounded->rate <= 0)
		return limit;
	int64_t now_us = bounded->clock->monotonic_us(bounded->clock->self);
	double most = bounded->rate * BURST_SECONDS < 1 ? 1 : bounded->rate * BURST_SECONDS;
	if (bounded->last_us != 0)
		bounded->allowance += (double)(now_us - bounded->last_us) / 1e6 * bounded->rate;
	bounded->last_us = now_us;
	if (bounded->allowance > most)
		bounded->allowance = most;
	return bounded->allowance < (double)limit ? (size_t)bounded->allowance : limit;
}

/* Records beyond the bound are dropped, and their partition is not fetched any more. */
static int poll(void *self, int timeout_ms, struct record *records, size_t limit, size_t *count, struct err *err)
{
	struct bounded_source *bounded = self;
	const struct source *below = &bounded->below;
	size_t before = *count, kept = before, may = allowed(bounded, limit);
	if (may == 0)
		return below->poll(below->self, limit == 0 || timeout_ms < WAIT_MS ? timeout_ms : WAIT_MS, records, 0,
				   count, err);
	if (below->poll(below->self, timeout_ms, records, may, count, err) != 0)
		return -1;
	for (size_t i = before; i < *count; i++) {
		const struct record *record = &records[i];
		if (!is_beyond(bounded, record->partition, record->offset))
			records[kept++] = *record;
		else if (below->pause(below->self, record->partition, true, err) != 0)
			return -1;
	}
	*count = kept;
	if (bounded->rate > 0)
		bounded->allowance -= (double)(kept - before);
	return 0;
}

static int headers(void *self, struct record *record, struct arena *arena, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->headers(below->self, record, arena, err);
}

static int open(void *self, const struct source_listener *listener, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->open(below->self, listener, err);
}

static void release(void *self)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	below->release(below->self);
}

static int start(void *self, const struct position *positions, size_t count, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->start(below->self, positions, count, err);
}

static int pause(void *self, int32_t partition, bool paused, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->pause(below->self, partition, paused, err);
}

static int committed(void *self, struct position *positions, size_t count, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->committed(below->self, positions, count, err);
}

static int bounds(void *self, int32_t partition, int64_t *low, int64_t *high, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->bounds(below->self, partition, low, high, err);
}

static int64_t end(void *self, int32_t partition)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->end(below->self, partition);
}

static int offset_at(void *self, int32_t partition, int64_t timestamp_ms, int64_t *offset, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->offset_at(below->self, partition, timestamp_ms, offset, err);
}

static int partition_count(void *self, int32_t *count, struct err *err)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->partition_count(below->self, count, err);
}

static const char *cluster_id(void *self)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->cluster_id(below->self);
}

static struct membership membership(void *self)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	return below->membership(below->self);
}

static void close(void *self)
{
	const struct source *below = &((struct bounded_source *)self)->below;
	below->close(below->self);
}

struct source bounded_source_port(struct bounded_source *bounded)
{
	return (struct source){.self = bounded,
			       .open = open,
			       .poll = poll,
			       .headers = headers,
			       .release = release,
			       .start = start,
			       .pause = pause,
			       .committed = committed,
			       .bounds = bounds,
			       .end = end,
			       .offset_at = offset_at,
			       .partition_count = partition_count,
			       .cluster_id = cluster_id,
			       .membership = membership,
			       .close = close};
}
