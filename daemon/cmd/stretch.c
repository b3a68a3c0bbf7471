#include "daemon/cmd/stretch.h"

#include "daemon/cmd/past.h"
#include "features/apply.h"
#include "number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define PROBE_RECORDS 1000 /* before `from`, looked at for the watermark; ten times as many where that is too few */
#define PROBE_BYTES ((size_t)64 << 20) /* of one record and its event */

static int wrong(const char *option, const char *text, struct err *err)
{
	return err_set(
	    err, ERR_USAGE,
	    "--%s: expected earliest, latest, committed, a time such as 2026-03-29T01:00:00Z or offsets such as "
	    "0:1500,1:1720, found \"%s\"",
	    option, text);
}

static int parse_offsets(const char *option, const char *text, struct stretch_edge *edge, struct err *err)
{
	for (const char *at = text; at != NULL;) {
		const char *comma = strchr(at, ','), *end = comma == NULL ? at + strlen(at) : comma;
		const char *colon = memchr(at, ':', (size_t)(end - at));
		int64_t partition, offset;
		if (colon == NULL || number_parse_integer((struct slice){at, (size_t)(colon - at)}, &partition) != 0 ||
		    number_parse_integer((struct slice){colon + 1, (size_t)(end - colon - 1)}, &offset) != 0 ||
		    partition < 0 || partition > INT32_MAX || offset < 0)
			return wrong(option, text, err);
		if (edge->count == STRETCH_OFFSETS_MAX)
			return err_set(err, ERR_USAGE, "--%s: more than %d offsets", option, STRETCH_OFFSETS_MAX);
		edge->offsets[edge->count++] = (struct stretch_offset){(int32_t)partition, offset};
		at = comma == NULL ? NULL : comma + 1;
	}
	return 0;
}

int stretch_parse(const char *option, const char *text, struct stretch_edge *edge, struct err *err)
{
	edge->count = 0;
	if (strcmp(text, "earliest") == 0)
		edge->kind = STRETCH_EARLIEST;
	else if (strcmp(text, "latest") == 0)
		edge->kind = STRETCH_LATEST;
	else if (strcmp(text, "committed") == 0)
		edge->kind = STRETCH_COMMITTED;
	else if (time_parse_rfc3339(slice_of(text), &edge->time_ms) == 0)
		edge->kind = STRETCH_TIME;
	else {
		edge->kind = STRETCH_OFFSETS;
		return parse_offsets(option, text, edge, err);
	}
	return 0;
}

/* One resolution. */
struct asking {
	const struct world *world;
	struct kafka_reader *reader;
	const char *topic;
	struct arena *arena;
	struct watermark watermark; /* of the probe */
};

/* The edge's offset in a partition; OFFSET_NONE: the partition is not named. */
static int find_edge(const struct asking *asking, const struct stretch_edge *edge, const struct stretch *stretch,
		     int64_t *offset, struct err *err)
{
	struct position position = {.partition = stretch->partition, .offset = OFFSET_NONE};
	*offset = OFFSET_NONE;
	switch (edge->kind) {
	case STRETCH_EARLIEST:
		*offset = stretch->low;
		return 0;
	case STRETCH_LATEST:
		*offset = stretch->high;
		return 0;
	case STRETCH_COMMITTED:
		for (int attempt = 0; kafka_reader_committed(asking->reader, &position, 1, err) != 0; attempt++)
			if (past_given_up(asking->world, attempt, err))
				return -1;
		*offset = position.offset;
		return 0;
	case STRETCH_TIME:
		for (int attempt = 0; kafka_reader_offset_at(asking->reader, asking->topic, stretch->partition,
							     edge->time_ms, offset, err) != 0;
		     attempt++)
			if (past_given_up(asking->world, attempt, err))
				return -1;
		return 0;
	case STRETCH_OFFSETS:
		break;
	}
	for (size_t i = 0; i < edge->count; i++)
		if (edge->offsets[i].partition == stretch->partition)
			*offset = edge->offsets[i].offset;
	if (*offset > stretch->high)
		return err_set(err, ERR_DATA,
			       "%s partition %" PRId32 ": offset %" PRId64 " is beyond the log's end %" PRId64,
			       asking->topic, stretch->partition, *offset, stretch->high);
	return 0;
}

/* What the probe hands out goes into the watermark; late and duplicate events cannot raise it. */
static int look(void *context, const struct record *record, struct err *err)
{
	struct asking *asking = context;
	struct event event;
	enum reason reason;
	const char *message;
	arena_reset(asking->arena);
	if (past_decode(asking->world, record, asking->arena, &event, &reason, &message, err) != 0)
		return -1;
	if (reason == REASON_NONE && !apply_is_future(feature_set_schema(asking->world->set), &event))
		watermark_take(&asking->watermark, feature_set_schema(asking->world->set), &event);
	return 0;
}

static int probe(struct asking *asking, struct stretch *stretch, struct err *err)
{
	struct kafka_range range = {stretch->partition, stretch->from, stretch->from};
	stretch->watermark_ms = WATERMARK_NONE;
	for (int64_t records = PROBE_RECORDS; stretch->watermark_ms == WATERMARK_NONE && range.from > stretch->low;
	     records *= 10) {
		range.from = stretch->from - stretch->low > records ? stretch->from - records : stretch->low;
		watermark_init(&asking->watermark);
		if (kafka_reader_read(asking->reader, asking->topic, &range, 1, look, asking, err) != 0)
			return -1;
		stretch->watermark_ms = watermark_ms(&asking->watermark);
	}
	return 0;
}

static int note_offset(void *context, const struct record *record, struct err *err)
{
	int64_t *end = context;
	(void)err;
	*end = record->offset + 1;
	return 0;
}

int stretch_end(const struct world *world, struct kafka_reader *reader, const struct stretch *stretch, int64_t *end,
		struct err *err)
{
	struct kafka_range range = {stretch->partition, stretch->to, stretch->to};
	*end = stretch->from;
	for (int64_t records = 1; *end == stretch->from && range.from > stretch->from; records *= 10) {
		range.from = stretch->to - stretch->from > records ? stretch->to - records : stretch->from;
		if (kafka_reader_read(reader, world->config->kafka.input_topic, &range, 1, note_offset, end, err) != 0)
			return -1;
	}
	return 0;
}

/* Where history begins. Without a watermark before `from` there is one entity at most: everything is read. */
static int find_start(struct asking *asking, int64_t warm_up_ms, struct stretch *stretch, struct err *err)
{
	const struct feature_set *set = asking->world->set;
	stretch->start = stretch->low;
	stretch->complete_since_ms = WATERMARK_NONE;
	stretch->cut = false;
	if (stretch->from <= stretch->low)
		return 0;
	if (warm_up_ms == 0) {
		stretch->start = stretch->from;
		stretch->cut = true;
		return 0;
	}
	if (probe(asking, stretch, err) != 0)
		return -1;
	stretch->cut = stretch->low > 0;
	if (stretch->watermark_ms == WATERMARK_NONE)
		return 0;
	int64_t pane_ms = feature_set_pane_ms(set);
	int64_t reach_ms = feature_set_reach_ms(set), history_ms = warm_up_ms < 0 ? reach_ms : warm_up_ms;
	int64_t since_ms = stretch->watermark_ms - history_ms, start;
	if (pane_ms > 0)
		since_ms -= ((since_ms % pane_ms) + pane_ms) % pane_ms;
	for (int attempt = 0;
	     kafka_reader_offset_at(asking->reader, asking->topic, stretch->partition,
				    since_ms - feature_set_schema(set)->max_ahead_ms, &start, err) != 0;
	     attempt++)
		if (past_given_up(asking->world, attempt, err))
			return -1;
	if (start > stretch->low) {
		stretch->start = start < stretch->from ? start : stretch->from;
		stretch->complete_since_ms = since_ms;
		stretch->cut = history_ms < reach_ms;
	}
	return 0;
}

static int resolve(struct asking *asking, const struct stretch_edge *from, const struct stretch_edge *to,
		   int64_t warm_up_ms, struct stretch *stretch, struct err *err)
{
	for (int attempt = 0; kafka_reader_bounds(asking->reader, asking->topic, stretch->partition, &stretch->low,
						  &stretch->high, err) != 0;
	     attempt++)
		if (past_given_up(asking->world, attempt, err))
			return -1;
	stretch->watermark_ms = WATERMARK_NONE;
	if (find_edge(asking, from, stretch, &stretch->from, err) != 0 ||
	    find_edge(asking, to, stretch, &stretch->to, err) != 0)
		return -1;
	bool unnamed = stretch->from == OFFSET_NONE || stretch->to == OFFSET_NONE;
	if (stretch->to > stretch->high)
		stretch->to = stretch->high;
	if (stretch->from < stretch->low)
		stretch->from = stretch->low;
	if (unnamed || stretch->from > stretch->to) {
		stretch->start = stretch->from = stretch->to = stretch->high;
		stretch->complete_since_ms = WATERMARK_NONE;
		stretch->cut = false;
		return 0;
	}
	return find_start(asking, warm_up_ms, stretch, err);
}

int stretch_resolve(const struct world *world, struct kafka_reader *reader, const struct stretch_edge *from,
		    const struct stretch_edge *to, int64_t warm_up_ms, struct stretch **stretches, size_t *count,
		    struct err *err)
{
	struct asking asking = {.world = world, .reader = reader, .topic = world->config->kafka.input_topic};
	struct codec codec = avro_codec_port(world->codec);
	int32_t partitions = 0;
	int status = 0;
	*stretches = NULL;
	for (int attempt = 0; kafka_reader_partitions(reader, asking.topic, &partitions, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	if (partitions == 0)
		return err_set(err, ERR_UNAVAILABLE, "the topic %s does not exist", asking.topic);
	codec.partitions(codec.self, partitions);
	*stretches = calloc((size_t)partitions, sizeof **stretches);
	asking.arena = arena_new(PROBE_BYTES);
	if (*stretches == NULL || asking.arena == NULL)
		status = err_memory(err);
	*count = (size_t)partitions;
	for (int32_t i = 0; status == 0 && i < partitions; i++) {
		(*stretches)[i].partition = i;
		status = resolve(&asking, from, to, warm_up_ms, &(*stretches)[i], err);
	}
	arena_free(asking.arena);
	return status;
}
