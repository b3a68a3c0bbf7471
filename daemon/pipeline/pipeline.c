#include "daemon/pipeline/loop.h"
#include "daemon/pipeline/recovery.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct pipeline *pipeline_new(const struct pipeline_options *options, const struct ports *ports)
{
	struct pipeline *pipeline = calloc(1, sizeof *pipeline);
	if (pipeline == NULL)
		return NULL;
	struct batch_limits *limits = &pipeline->options.limits;
	pipeline->options = *options;
	pipeline->ports = *ports;
	size_t amendments = publish_amendments_most(options->publish);
	limits->records = (uint32_t)batch_capacity(options->set, limits->records, amendments, limits->memory_bytes);
	buffer_init(&pipeline->encoded);
	pipeline->publisher = publisher_new(options->publish, options->set);
	pipeline->batch = batch_new(options->set, limits->records, limits->memory_bytes);
	pipeline->scratch = arena_new(limits->memory_bytes);
	pipeline->records = calloc(limits->records, sizeof *pipeline->records);
	if (pipeline->publisher == NULL || pipeline->batch == NULL || pipeline->scratch == NULL ||
	    pipeline->records == NULL) {
		pipeline_free(pipeline);
		return NULL;
	}
	pipeline->batch->amendments_most = amendments;
	pipeline->batch->parity.definitions = limits->parity_share > 0 ? options->definitions : NULL;
	pipeline->batch->parity.below =
	    limits->parity_share >= 1 ? UINT64_MAX : (uint64_t)(limits->parity_share * 0x1p64);
	const char *hex = feature_set_state_id(options->set);
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		unsigned byte = 0;
		(void)sscanf(hex + 2 * i, "%2x", &byte);
		pipeline->state_id[i] = (uint8_t)byte;
	}
	return pipeline;
}

void loop_drop(struct pipeline *pipeline)
{
	if (pipeline->batch != NULL)
		batch_discard(pipeline->batch);
	for (size_t i = 0; i < pipeline->partition_count; i++)
		partition_free(pipeline->partitions[i]);
	pipeline->partition_count = 0;
	pipeline->recovered = false;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	loop_drop(pipeline);
	free(pipeline->partitions);
	publisher_free(pipeline->publisher);
	batch_free(pipeline->batch);
	arena_free(pipeline->scratch);
	buffer_free(&pipeline->encoded);
	free(pipeline->records);
	free(pipeline->gauges);
	free(pipeline);
}

void pipeline_champion(struct pipeline *pipeline, const struct champion *champion)
{
	pipeline->champion = champion;
	pipeline->metrics.fallback = champion->model == NULL;
	snprintf(pipeline->metrics.model_id, sizeof pipeline->metrics.model_id, "%s",
		 champion->model == NULL ? "" : champion->model->id);
}

int64_t loop_now_us(const struct pipeline *pipeline)
{
	return pipeline->ports.clock.monotonic_us(pipeline->ports.clock.self);
}

struct partition *loop_partition(struct pipeline *pipeline, int32_t number)
{
	for (size_t i = 0; i < pipeline->partition_count; i++)
		if (pipeline->partitions[i]->number == number)
			return pipeline->partitions[i];
	return NULL;
}

static int pause_all(struct pipeline *pipeline, bool paused, struct err *err)
{
	const struct source *source = &pipeline->ports.source;
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		const struct partition *partition = pipeline->partitions[i];
		if (!partition->halted && source->pause(source->self, partition->number, paused, err) != 0)
			return -1;
	}
	pipeline->paused = paused;
	return 0;
}

int loop_wait(struct pipeline *pipeline, int64_t ms, struct err *err)
{
	const struct source *source = &pipeline->ports.source;
	size_t none = 0;
	if (pipeline->ports.beat != NULL)
		pipeline->ports.beat(pipeline->ports.beat_self);
	if (!pipeline->opened) {
		pipeline->ports.clock.sleep_ms(pipeline->ports.clock.self, ms);
		return 0;
	}
	if (!pipeline->paused && pipeline->recovered && pause_all(pipeline, true, err) != 0)
		return -1;
	return source->poll(source->self, (int)ms, pipeline->records, 0, &none, err);
}

int loop_resume(struct pipeline *pipeline, struct err *err)
{
	return pipeline->paused && pipeline->recovered ? pause_all(pipeline, false, err) : 0;
}

int loop_retry(struct pipeline *pipeline, int64_t *pause_ms, struct err *err)
{
	if (err->action != ERR_RETRY || (pipeline->stop != NULL && *pipeline->stop))
		return -1;
	if (pipeline->waiting[0] == '\0')
		log_warning(pipeline->ports.log, "%s; waiting for it", err->message);
	snprintf(pipeline->waiting, sizeof pipeline->waiting, "%.255s", err->message);
	err_clear(err);
	*pause_ms = *pause_ms == 0 ? LOOP_RETRY_FIRST_MS : 2 * *pause_ms;
	if (*pause_ms > LOOP_RETRY_MOST_MS)
		*pause_ms = LOOP_RETRY_MOST_MS;
	if (loop_wait(pipeline, *pause_ms, err) != 0)
		return -1;
	return pipeline->cancelled ? -1 : 0;
}

void loop_halt(struct pipeline *pipeline, struct partition *partition, const char *reason, const char *message)
{
	struct err ignored = {0};
	const struct source *source = &pipeline->ports.source;
	if (pipeline->recovered && !partition->halted &&
	    source->pause(source->self, partition->number, true, &ignored) != 0)
		log_warning(pipeline->ports.log, "pausing a halted partition: %s", ignored.message);
	partition->halted = true;
	snprintf(partition->halt_reason, sizeof partition->halt_reason, "%s", reason);
	log_error(pipeline->ports.log, "halted: %s partition=%" PRId32 " reason=%s", message, partition->number,
		  reason);
}

int loop_foreign(struct pipeline *pipeline, const struct partition *partition, struct err *err)
{
	pipeline->foreign = true;
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER,
			      "partition %" PRId32 ": the marker in the store is not the one last written: another "
			      "process wrote, or the store went back",
			      partition->number);
}

int loop_write_partition(struct pipeline *pipeline, struct partition *partition, struct err *err)
{
	enum store_write result;
	int64_t began = loop_now_us(pipeline);
	size_t records = partition->dirty_count;
	arena_reset(pipeline->scratch);
	if (partition_write(partition, &pipeline->ports.store, &pipeline->encoded, pipeline->scratch, &result, err) !=
	    0)
		return -1;
	pipeline->metrics.store_writes++;
	pipeline->metrics.store_written_records += records;
	histogram_add(&pipeline->metrics.store_write_seconds, (double)(loop_now_us(pipeline) - began) / 1e6);
	return result == STORE_CONFLICT ? loop_foreign(pipeline, partition, err) : 0;
}

/*
 * Due: state is written when enough records or time have passed since the last write, to share one write among batches.
 * Each partition has a phase of its own within the interval: all at once would hold up alerts for as long as all take.
 */
static bool write_due(const struct pipeline *pipeline, size_t i, int64_t now_us)
{
	const struct batch_limits *limits = &pipeline->options.limits;
	const struct partition *partition = pipeline->partitions[i];
	int64_t interval_us = limits->write_interval_ms * 1000;
	if (interval_us == 0)
		return true;
	int64_t phase_us = (int64_t)i * interval_us / (int64_t)pipeline->partition_count;
	if ((now_us + phase_us) / interval_us != (partition->written_us + phase_us) / interval_us)
		return true;
	return (uint64_t)(partition->marker.next_offset - partition->stored_next) >= limits->write_records;
}

static bool lead_too_long(const struct pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		const struct partition *partition = pipeline->partitions[i];
		int64_t lead = partition->marker.next_offset - partition->stored_next;
		if ((uint64_t)lead >= LOOP_LEAD_FACTOR * pipeline->options.limits.write_records)
			return true;
	}
	return false;
}

int loop_write(struct pipeline *pipeline, bool all, struct err *err)
{
	int64_t now_us = loop_now_us(pipeline), pause_ms = 0;
	if (!all && now_us < pipeline->write_pause_until_us)
		return 0;
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		if (!all && !write_due(pipeline, i, now_us))
			continue;
		struct partition *partition = pipeline->partitions[i];
		while (loop_write_partition(pipeline, partition, err) != 0) {
			if (err->action == ERR_RETRY)
				pipeline->metrics.store_retries++;
			if (err->action == ERR_RETRY && !all && !lead_too_long(pipeline)) {
				/* Within bounds the state may wait: the commit is what counts. */
				err_clear(err);
				pipeline->write_pause_until_us = now_us + LOOP_RETRY_MOST_MS * 1000;
				return 0;
			}
			if (loop_retry(pipeline, &pause_ms, err) != 0)
				return err_is_set(err) ? -1 : 0;
		}
		partition->written_us = loop_now_us(pipeline);
		entities_trim(partition->cache, pipeline->options.limits.cache_bytes / pipeline->partition_count);
	}
	return loop_resume(pipeline, err);
}

static int open_port(struct pipeline *pipeline, int (*open)(void *self, struct err *err), void *self, const char *what,
		     struct err *err)
{
	while (open(self, err) != 0) {
		if (err->action != ERR_RETRY || *pipeline->stop)
			return err_prepend(err, "%s", what);
		if (pipeline->waiting[0] == '\0')
			log_warning(pipeline->ports.log, "%s: %s; waiting for it", what, err->message);
		snprintf(pipeline->waiting, sizeof pipeline->waiting, "%s: %.200s", what, err->message);
		err_clear(err);
		if (loop_wait(pipeline, LOOP_RETRY_MOST_MS, err) != 0)
			return -1;
	}
	return 0;
}

int pipeline_open(struct pipeline *pipeline, const volatile int *stop, struct err *err)
{
	const struct ports *ports = &pipeline->ports;
	struct source_listener listener = {pipeline, assignment_assigned, assignment_revoked};
	assert(pipeline->champion != NULL);
	pipeline->stop = stop;
	if (open_port(pipeline, ports->store.open, ports->store.self, "state store", err) != 0)
		return -1;
	if (open_port(pipeline, ports->sink.open, ports->sink.self, "producer", err) != 0)
		return -1;
	pipeline->sink_open = true;
	publisher_message_max(pipeline->publisher, ports->sink.message_max(ports->sink.self));
	while (ports->source.open(ports->source.self, &listener, err) != 0) {
		if (err->action != ERR_RETRY || *stop)
			return err_prepend(err, "consumer");
		err_clear(err);
		if (loop_wait(pipeline, LOOP_RETRY_MOST_MS, err) != 0)
			return -1;
	}
	pipeline->opened = true;
	pipeline->last_check_us = loop_now_us(pipeline);
	return 0;
}

/*
 * The ends of the log, for the lag. Fetches tell them in passing: to ask takes as long as the fetch before it on the
 * broker's connection waits for records, and would hold up the loop and the next record with it. A halted partition is
 * not fetched; its lag is worth the question.
 */
static void look_at_ends(struct pipeline *pipeline, int64_t now_us)
{
	const struct source *source = &pipeline->ports.source;
	if (!pipeline->recovered || now_us - pipeline->last_ends_us < LOOP_ENDS_MS * 1000)
		return;
	pipeline->last_ends_us = now_us;
	bool ask = now_us - pipeline->last_ask_us >= LOOP_ASK_MS * 1000;
	if (ask)
		pipeline->last_ask_us = now_us;
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		struct partition *partition = pipeline->partitions[i];
		int64_t low, end = -1;
		struct err ignored = {0};
		if (!partition->halted)
			end = source->end(source->self, partition->number);
		else if (ask && source->bounds(source->self, partition->number, &low, &end, &ignored) != 0)
			end = -1;
		if (end > partition->high)
			partition->high = end;
	}
}

/* Is the state still the one that was written? Without traffic nothing else would tell of a store that was emptied or went back. */
static int look_at_markers(struct pipeline *pipeline, struct err *err)
{
	const struct store *store = &pipeline->ports.store;
	/* While a write waits for the store nobody knows whether its last try was done. */
	if (loop_now_us(pipeline) < pipeline->write_pause_until_us)
		return 0;
	for (size_t i = 0; pipeline->recovered && i < pipeline->partition_count; i++) {
		const struct partition *partition = pipeline->partitions[i];
		struct slice marker = {NULL, 0};
		if (partition->halted || partition->stored.length == 0)
			continue;
		arena_reset(pipeline->scratch);
		if (store->read(store->self, partition->number, &marker, NULL, 0, pipeline->scratch, err) != 0)
			return -1;
		if (!slice_equal(marker, buffer_slice(&partition->stored)))
			return loop_foreign(pipeline, partition, err);
	}
	return 0;
}

/*
 * Has the server dropped records since the state was last known to be whole? Where it is another process, or began to
 * count anew, and has dropped none, the markers learn that. Asks nothing: the store has looked when it connected, too.
 */
static int look_at_evictions(struct pipeline *pipeline, struct err *err)
{
	const struct store *store = &pipeline->ports.store;
	struct store_server now = store->facts(store->self).server;
	/* A write whose outcome is unknown is tried again with the same marker. */
	if (loop_now_us(pipeline) < pipeline->write_pause_until_us)
		return 0;
	for (size_t i = 0; pipeline->recovered && i < pipeline->partition_count; i++) {
		struct partition *partition = pipeline->partitions[i];
		struct store_server *then = &partition->marker.server;
		if (partition->halted || recovery_same_server(then, &now))
			continue;
		if (partition->committed != OFFSET_NONE && recovery_evicted(then, &now)) {
			pipeline->evicted = true;
			return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER,
					      "the state store has evicted keys, and records may be among them");
		}
		*then = now;
	}
	return 0;
}

/* About every minute: has the topic grown, can Redis still be trusted? */
static int look_again(struct pipeline *pipeline, struct err *err)
{
	const struct ports *ports = &pipeline->ports;
	int64_t now_us = loop_now_us(pipeline);
	int32_t count = 0;
	look_at_ends(pipeline, now_us);
	if (look_at_evictions(pipeline, err) != 0)
		return -1;
	if (now_us - pipeline->last_check_us < LOOP_CHECK_MS * 1000)
		return 0;
	pipeline->last_check_us = now_us;
	if (ports->source.partition_count(ports->source.self, &count, err) != 0) {
		if (err->action != ERR_RETRY)
			return -1;
		err_clear(err);
	} else if (pipeline->recovered && pipeline->partition_count > 0 &&
		   count != pipeline->partitions[0]->marker.partition_count) {
		return err_set(err, ERR_HALT,
			       "the input topic has grown from %" PRId32 " to %" PRId32
			       " partitions: keys have moved, and their state with them cannot. "
			       "Move to a new topic, pipeline name and group_id",
			       pipeline->partitions[0]->marker.partition_count, count);
	}
	if (ports->store.check(ports->store.self, err) == 0 && look_at_evictions(pipeline, err) == 0 &&
	    look_at_markers(pipeline, err) == 0)
		return 0;
	if (err->action == ERR_RETRY)
		err_clear(err);
	return err_is_set(err) ? -1 : 0;
}

/* The assignment stays, all that was known of it goes. */
static int forget(struct pipeline *pipeline, struct err *err)
{
	batch_discard(pipeline->batch);
	pipeline->recovered = false;
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		struct partition *partition = partition_new(pipeline->partitions[i]->number);
		if (partition == NULL)
			return err_memory(err);
		partition_free(pipeline->partitions[i]);
		pipeline->partitions[i] = partition;
	}
	return 0;
}

/* Unknown outcome, fenced producer, foreign marker: forget everything in memory, ask Kafka and the store what is true. */
static int start_over(struct pipeline *pipeline, struct err *err)
{
	const struct sink *sink = &pipeline->ports.sink;
	int64_t now_us = loop_now_us(pipeline);
	/* A store that fails over twice in a minute says nothing about the producer: two instances of one name, Kafka fences. */
	bool of_store = pipeline->evicted || pipeline->foreign;
	log_warning(pipeline->ports.log, "recovering: %s", err->message);
	if (pipeline->last_failure_us != 0 && now_us - pipeline->last_failure_us < LOOP_FAILURE_MS * 1000 &&
	    !of_store) {
		err->code = ERR_FENCED;
		err->action = ERR_EXIT;
		return err_prepend(
		    err, "a second failure within a minute, another process seems to hold this instance's name");
	}
	pipeline->foreign = false;
	if (!of_store)
		pipeline->last_failure_us = now_us;
	err_clear(err);
	if (forget(pipeline, err) != 0)
		return -1;
	pipeline->ports.source.release(pipeline->ports.source.self);
	sink->close(sink->self);
	pipeline->sink_open = false;
	/* Whoever is told to stop needs no producer; the next process recovers the same way. */
	if (*pipeline->stop)
		return 0;
	if (open_port(pipeline, sink->open, sink->self, "producer", err) != 0)
		return -1;
	pipeline->sink_open = true;
	return 0;
}

static int all_halted(const struct pipeline *pipeline, struct err *err)
{
	if (!pipeline->recovered || pipeline->partition_count == 0)
		return 0;
	for (size_t i = 0; i < pipeline->partition_count; i++)
		if (!pipeline->partitions[i]->halted)
			return 0;
	return err_set(err, ERR_HALT,
		       "no partition runs: all %zu are halted (%s first); see the messages above for each remedy",
		       pipeline->partition_count, pipeline->partitions[0]->halt_reason);
}

static int turn(struct pipeline *pipeline, struct err *err)
{
	if (pipeline->assigned && !pipeline->recovered && assignment_recover(pipeline, err) != 0)
		return -1;
	if (all_halted(pipeline, err) != 0 || stages_run(pipeline, err) != 0)
		return -1;
	if (pipeline->recovered && loop_write(pipeline, false, err) != 0)
		return -1;
	return look_again(pipeline, err);
}

int pipeline_step(struct pipeline *pipeline, const volatile int *stop, struct err *err)
{
	pipeline->stop = stop;
	pipeline->cancelled = false;
	if (pipeline->ports.beat != NULL)
		pipeline->ports.beat(pipeline->ports.beat_self);
	int status = turn(pipeline, err);
	if (status == 0 && pipeline->waiting[0] != '\0') {
		log_notice(pipeline->ports.log, "going on after waiting");
		pipeline->waiting[0] = '\0';
	}
	if (pipeline->no_memory) {
		err_clear(err);
		return err_memory(err);
	}
	if (pipeline->cancelled) {
		/* The assignment changed under this batch: whatever it was about is no longer ours. */
		pipeline->metrics.cancelled++;
		batch_discard(pipeline->batch);
		pipeline->ports.source.release(pipeline->ports.source.self);
		if (status != 0 && !(err_is_set(err) && err->action == ERR_EXIT)) {
			err_clear(err);
			status = 0;
		}
	}
	if (status != 0 && *stop && err->action == ERR_RETRY) {
		err_clear(err);
		return 0;
	}
	if (status != 0 && err->action == ERR_RECOVER)
		return start_over(pipeline, err);
	if (status != 0 && (err->action == ERR_RETRY || err->action == ERR_ABORT_BATCH)) {
		/* Nothing was committed, but records were taken: fetch them again from where Kafka and the store stand. */
		log_warning(pipeline->ports.log, "recovering: %s", err->message);
		err_clear(err);
		pipeline->ports.source.release(pipeline->ports.source.self);
		return forget(pipeline, err) != 0 || loop_wait(pipeline, LOOP_RETRY_MOST_MS, err) != 0 ? -1 : 0;
	}
	return status;
}

void pipeline_close(struct pipeline *pipeline)
{
	const struct ports *ports = &pipeline->ports;
	struct err err = {0};
	static const int now = 1;
	pipeline->stop = &now;
	batch_discard(pipeline->batch);
	ports->source.release(ports->source.self);
	if (pipeline->recovered && loop_write(pipeline, true, &err) != 0)
		log_warning(ports->log,
			    "state not written at the end, it is made again from the topic at the next start: %s",
			    err.message);
	loop_drop(pipeline);
	pipeline->assigned = false;
	if (pipeline->opened)
		ports->source.close(ports->source.self);
	pipeline->opened = false;
	if (pipeline->sink_open)
		ports->sink.close(ports->sink.self);
	pipeline->sink_open = false;
	ports->store.close(ports->store.self);
}

bool pipeline_ready(const struct pipeline *pipeline)
{
	bool ready = pipeline->assigned && pipeline->recovered && pipeline->waiting[0] == '\0';
	for (size_t i = 0; i < pipeline->partition_count; i++)
		ready = ready && !pipeline->partitions[i]->halted;
	return ready;
}

const char *pipeline_reason(const struct pipeline *pipeline)
{
	if (pipeline->waiting[0] != '\0')
		return pipeline->waiting;
	if (!pipeline->assigned)
		return "no partitions assigned yet";
	if (!pipeline->recovered)
		return "recovering";
	for (size_t i = 0; i < pipeline->partition_count; i++)
		if (pipeline->partitions[i]->halted)
			return pipeline->partitions[i]->halt_reason;
	return "ok";
}

const struct metrics *pipeline_metrics(struct pipeline *pipeline)
{
	struct metrics *metrics = &pipeline->metrics;
	size_t wanted = pipeline->partition_count + 1;
	metrics->partition_count = 0;
	metrics->cache_entities = metrics->cache_bytes = 0;
	metrics->ready = pipeline_ready(pipeline);
	metrics->store = pipeline->ports.store.facts(pipeline->ports.store.self);
	if (wanted > pipeline->gauge_capacity) {
		struct partition_metrics *grown = realloc(pipeline->gauges, wanted * sizeof *grown);
		if (grown == NULL)
			return metrics;
		pipeline->gauges = grown;
		pipeline->gauge_capacity = wanted;
	}
	struct partition_metrics *gauges = pipeline->gauges;
	metrics->partitions = gauges;
	for (size_t i = 0; i < pipeline->partition_count; i++) {
		const struct partition *partition = pipeline->partitions[i];
		struct partition_metrics *gauge = &gauges[metrics->partition_count++];
		*gauge = (struct partition_metrics){.partition = partition->number,
						    .committed = partition->committed,
						    .stored = partition->stored_next,
						    .high = partition->high,
						    .halted = partition->halted};
		memcpy(gauge->reason, partition->halt_reason, sizeof gauge->reason);
		metrics->cache_entities += entities_count(partition->cache);
		metrics->cache_bytes += entities_bytes(partition->cache);
	}
	return metrics;
}
