#include "daemon/cmd/audit_topic.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/past.h"
#include "daemon/cmd/rerun.h"
#include "features/apply.h"

#include <assert.h>
#include <stdlib.h>

#define BATCH_BYTES ((size_t)64 << 20)

struct topic_run {
	struct world *world;
	struct audit_partition *partitions;
	size_t count;
	int64_t from_ms;
	struct audit_book *book;
	struct rerun *rerun;
	struct common_progress progress;
	uint64_t read, done, total; /* records; offsets passed, of all */
	int64_t *passed;            /* by partition */
};

static int ask_bounds(struct world *world, struct kafka_reader *reader, int32_t number,
		      struct audit_partition *partition, struct err *err)
{
	struct position position = {.partition = number};
	int64_t high;
	for (int attempt = 0; kafka_reader_committed(reader, &position, 1, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	for (int attempt = 0;
	     kafka_reader_bounds(reader, world->config->kafka.input_topic, number, &partition->low, &high, err) != 0;
	     attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	partition->has_metadata = marker_metadata_read(position.metadata, &partition->metadata);
	partition->span.from = partition->low;
	partition->span.to = position.offset;
	return 0;
}

static int look_at(struct world *world, struct kafka_reader *reader, int32_t number, int64_t from_ms,
		   struct audit_partition *partition, struct err *err)
{
	if (ask_bounds(world, reader, number, partition, err) != 0)
		return -1;
	struct audit_span *span = &partition->span;
	if (from_ms != INT64_MIN) {
		int64_t reach_ms = feature_set_reach_ms(world->set) + world->config->schema.max_ahead_ms, start;
		int64_t since_ms = from_ms > INT64_MIN + reach_ms ? from_ms - reach_ms : 0;
		for (int attempt = 0; kafka_reader_offset_at(reader, world->config->kafka.input_topic, number, since_ms,
							     &start, err) != 0;
		     attempt++)
			if (past_given_up(world, attempt, err))
				return -1;
		span->from = start > span->from ? start : span->from;
	}
	if (span->to < span->from)
		span->to = span->from;
	span->whole = span->from;
	return 0;
}

int audit_topic_look(struct world *world, struct kafka_reader *reader, int64_t from_ms,
		     struct audit_partition **partitions, size_t *count, struct err *err)
{
	const char *topic = world->config->kafka.input_topic;
	int32_t number = 0;
	for (int attempt = 0; kafka_reader_partitions(reader, topic, &number, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	if (number == 0)
		return err_set(err, ERR_UNAVAILABLE, "the topic %s does not exist", topic);
	*partitions = calloc((size_t)number, sizeof **partitions);
	if (*partitions == NULL)
		return err_memory(err);
	*count = (size_t)number;
	for (int32_t i = 0; i < number; i++)
		if (look_at(world, reader, i, from_ms, &(*partitions)[i], err) != 0)
			return -1;
	return 0;
}

/* What the run's stages publish is what the record must have given. */
static int expect(void *self, const struct message *message, struct err *err)
{
	struct topic_run *run = self;
	const struct publish_options *publish = &run->world->config->publish;
	const struct record *record = rerun_batch(run->rerun)->publishing->record;
	enum audit_kind kind = message->topic == publish->alerts.topic       ? AUDIT_ALERT
			       : message->topic == publish->decisions.topic  ? AUDIT_DECISION
			       : message->topic == publish->enriched.topic   ? AUDIT_ENRICHED
			       : message->topic == publish->amendments.topic ? AUDIT_AMENDMENT
			       : message->topic == publish->late_topic       ? AUDIT_LATE
									     : AUDIT_DEAD;
	uint8_t digest[AUDIT_DIGEST_BYTES];
	audit_digest(kind, message->key, message->value, message->headers, message->header_count, digest);
	return audit_book_expect(run->book, kind, record->partition, record->offset, digest, err);
}

/* Windows are whole once the watermark is a whole reach behind the first event. */
static void look_at_cuts(struct topic_run *run)
{
	int64_t reach_ms = feature_set_reach_ms(run->world->set);
	for (size_t i = 0; i < run->count; i++) {
		struct audit_partition *partition = &run->partitions[i];
		const struct marker *marker = rerun_marker(run->rerun, (int32_t)i);
		if (!partition->cut || partition->span.whole != INT64_MAX || marker == NULL)
			continue;
		int64_t watermark = watermark_ms(&marker->watermark);
		if (watermark != WATERMARK_NONE && watermark - partition->first_time_ms >= reach_ms)
			partition->span.whole = run->passed[i];
	}
}

static int end_batch(struct topic_run *run, struct err *err)
{
	if (rerun_end(run->rerun, err) != 0)
		return -1;
	const struct batch *batch = rerun_batch(run->rerun);
	for (size_t i = 0; i < batch->count; i++)
		run->partitions[batch->items[i].partition->number].outcomes[batch->items[i].outcome]++;
	look_at_cuts(run);
	common_progress_show(&run->progress, run->read, "records", run->done, run->total);
	return rerun_begin(run->rerun, err);
}

static void begin_at(struct audit_partition *partition, const struct record *record, const struct event *event,
		     bool later)
{
	partition->phase = AUDIT_BEGUN;
	if (later) {
		partition->span.from = record->offset;
		partition->span.whole = record->offset;
		memset(partition->outcomes, 0, sizeof partition->outcomes);
	}
	partition->first_time_ms = event->time_ms;
	if (partition->cut)
		partition->span.whole = INT64_MAX;
}

/*
 * Where the state began, by the event time of its first scored event: at the first event of the log; before it, where
 * retention has cut that off; or later, where the group started at the end of the log or behind a hole. False: before.
 */
static bool belongs(struct audit_partition *partition, const struct record *record, const struct event *event)
{
	int64_t since_ms = partition->has_metadata ? partition->metadata.complete_since_ms : WATERMARK_NONE;
	bool first = partition->phase == AUDIT_LOOKING;
	if (first && since_ms == WATERMARK_NONE) {
		partition->cut = partition->span.from > 0;
		begin_at(partition, record, event, false);
	} else if (event->time_ms == since_ms) {
		begin_at(partition, record, event, !first);
	} else if (first && event->time_ms > since_ms) {
		partition->cut = true;
		begin_at(partition, record, event, false);
	} else {
		partition->phase = AUDIT_SKIPPING;
	}
	return partition->phase == AUDIT_BEGUN;
}

static int take(void *context, const struct record *record, struct err *err)
{
	struct topic_run *run = context;
	struct audit_partition *partition = &run->partitions[record->partition];
	struct event event = {0};
	enum reason reason;
	const char *message = NULL;
	struct record kept;
	run->read++;
	run->done += (uint64_t)(record->offset + 1 - run->passed[record->partition]);
	run->passed[record->partition] = record->offset + 1;
	bool full = !rerun_has_room(run->rerun) || arena_used(rerun_arena(run->rerun)) > BATCH_BYTES;
	if (full && end_batch(run, err) != 0)
		return -1;
	struct arena *arena = rerun_arena(run->rerun);
	if (past_keep(arena, record, &kept, err) != 0 ||
	    past_decode(run->world, &kept, arena, &event, &reason, &message, err) != 0)
		return -1;
	bool good = reason == REASON_NONE && !apply_is_future(&run->world->config->schema, &event);
	if (partition->phase != AUDIT_BEGUN && good && !belongs(partition, record, &event)) {
		partition->skipped++;
		return 0;
	}
	if (partition->phase == AUDIT_SKIPPING) {
		partition->skipped++;
		return 0;
	}
	if (partition->cut && run->from_ms != INT64_MIN && record->timestamp_ms < run->from_ms)
		partition->span.whole = INT64_MAX; /* wanted from later on only */
	return rerun_add(run->rerun, &kept, &event, reason, message, err);
}

static int prepare(struct topic_run *run, struct err *err)
{
	struct world *world = run->world;
	const struct config *config = world->config;
	size_t message_max = 0;
	for (int attempt = 0; kafka_message_max(&config->kafka, &message_max, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	const struct rerun_options options = {.set = world->set,
					      .pseudonym = config->privacy.any ? &world->pseudonym : NULL,
					      .champion = &world->champion->champion,
					      .publish = &config->publish,
					      .message_max = message_max,
					      .outlet = {run, expect, NULL}};
	run->rerun = rerun_new(&options);
	run->passed = calloc(run->count + 1, sizeof *run->passed);
	if (run->rerun == NULL || run->passed == NULL)
		return err_memory(err);
	struct codec codec = avro_codec_port(world->codec);
	codec.partitions(codec.self, (int32_t)run->count);
	for (size_t i = 0; i < run->count; i++) {
		run->passed[i] = run->partitions[i].span.from;
		run->total += (uint64_t)(run->partitions[i].span.to - run->partitions[i].span.from);
	}
	return rerun_begin(run->rerun, err);
}

int audit_topic_read(struct world *world, struct kafka_reader *reader, struct audit_partition *partitions, size_t count,
		     int64_t from_ms, struct audit_book *book, struct err *err)
{
	struct topic_run run = {
	    .world = world, .partitions = partitions, .count = count, .from_ms = from_ms, .book = book};
	struct kafka_range *ranges = calloc(count + 1, sizeof *ranges);
	int status = ranges == NULL ? err_memory(err) : prepare(&run, err);
	for (size_t i = 0; status == 0 && i < count; i++)
		ranges[i] = (struct kafka_range){(int32_t)i, partitions[i].span.from, partitions[i].span.to};
	common_progress_begin(&run.progress, "recomputing");
	if (status == 0)
		status = kafka_reader_read(reader, world->config->kafka.input_topic, ranges, count, take, &run, err);
	if (status == 0)
		status = end_batch(&run, err);
	common_progress_end(&run.progress);
	free(ranges);
	free(run.passed);
	rerun_free(run.rerun);
	return status;
}
