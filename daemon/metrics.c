#include "daemon/metrics.h"

#include <assert.h>
#include <inttypes.h>

static const double bounds[METRIC_BUCKETS] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
					      0.1,    0.2,   0.5,   1,     2,    5,    10};

void histogram_add(struct histogram *histogram, double seconds)
{
	size_t i = 0;
	while (i < METRIC_BUCKETS && seconds > bounds[i])
		i++;
	histogram->buckets[i]++;
	histogram->count++;
	histogram->sum += seconds;
}

static void head(struct buffer *text, const char *name, const char *type, const char *help)
{
	buffer_add_format(text, "# HELP outlierd_%s %s\n# TYPE outlierd_%s %s\n", name, help, name, type);
}

static void counter(struct buffer *text, const char *name, const char *help, uint64_t value)
{
	head(text, name, "counter", help);
	buffer_add_format(text, "outlierd_%s %" PRIu64 "\n", name, value);
}

static void gauge(struct buffer *text, const char *name, const char *help, uint64_t value)
{
	head(text, name, "gauge", help);
	buffer_add_format(text, "outlierd_%s %" PRIu64 "\n", name, value);
}

static void render_histogram(struct buffer *text, const char *name, const char *help, const struct histogram *histogram)
{
	uint64_t total = 0;
	head(text, name, "histogram", help);
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		total += histogram->buckets[i];
		buffer_add_format(text, "outlierd_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i], total);
	}
	buffer_add_format(text, "outlierd_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, histogram->count);
	buffer_add_format(text, "outlierd_%s_sum %.9g\noutlierd_%s_count %" PRIu64 "\n", name, histogram->sum, name,
			  histogram->count);
}

static void render_events(const struct metrics *metrics, struct buffer *text)
{
	head(text, "records_total", "counter", "Consumed records by outcome; every record has exactly one.");
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		buffer_add_format(text, "outlierd_records_total{outcome=\"%s\"} %" PRIu64 "\n",
				  outcome_name((enum outcome)i), metrics->outcomes[i]);
	head(text, "letters_total", "counter", "Late and dead letters by reason.");
	for (size_t i = REASON_NONE + 1; i <= REASON_FOLDED; i++)
		buffer_add_format(text, "outlierd_letters_total{reason=\"%s\"} %" PRIu64 "\n",
				  reason_name((enum reason)i), metrics->reasons[i]);
	head(text, "flags_total", "counter", "Scored events by flag of their vector.");
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		buffer_add_format(text, "outlierd_flags_total{flag=\"%s\"} %" PRIu64 "\n", flag_name(i),
				  metrics->flags[i]);
	counter(text, "alerts_total", "Flagged events.", metrics->alerts);
	counter(text, "not_enriched_total", "Scored events whose output.enriched.key is null.", metrics->not_enriched);
	counter(text, "amendments_total", "Published decisions that late events have changed.", metrics->amendments);
	counter(text, "amendments_cut_total",
		"Decisions that were not looked at again, by limits.amendments or folding.", metrics->amendments_cut);
	counter(text, "reapplied_records_total",
		"Records applied again to the state alone, below the committed offset.", metrics->reapplied);
	counter(text, "parity_checked_total", "Vectors computed a second time, naively, and compared.",
		metrics->parity_checked);
	counter(text, "parity_unchecked_total", "Vectors of the sample that the entity's log alone does not give.",
		metrics->parity_unchecked);
	counter(text, "parity_differences_total", "Vectors that the naive computation did not confirm: a defect.",
		metrics->parity_differences);
}

static void render_partitions(const struct metrics *metrics, const char *topic, struct buffer *text)
{
	head(text, "consumer_lag_records", "gauge", "End of the log less committed offset.");
	for (size_t i = 0; i < metrics->partition_count; i++) {
		const struct partition_metrics *partition = &metrics->partitions[i];
		int64_t lag = partition->committed < 0 ? 0 : partition->high - partition->committed;
		buffer_add_format(text,
				  "outlierd_consumer_lag_records{topic=\"%s\",partition=\"%" PRId32 "\"} %" PRId64 "\n",
				  topic, partition->partition, lag < 0 ? 0 : lag);
	}
	head(text, "state_lag_records", "gauge", "Committed offset less offset of the state in the store.");
	for (size_t i = 0; i < metrics->partition_count; i++) {
		const struct partition_metrics *partition = &metrics->partitions[i];
		int64_t lag = partition->committed < 0 ? 0 : partition->committed - partition->stored;
		buffer_add_format(text,
				  "outlierd_state_lag_records{topic=\"%s\",partition=\"%" PRId32 "\"} %" PRId64 "\n",
				  topic, partition->partition, lag < 0 ? 0 : lag);
	}
	head(text, "halted", "gauge", "1 where a partition is halted, with the reason.");
	for (size_t i = 0; i < metrics->partition_count; i++) {
		const struct partition_metrics *partition = &metrics->partitions[i];
		buffer_add_format(text, "outlierd_halted{partition=\"%" PRId32 "\",reason=\"%s\"} %d\n",
				  partition->partition, partition->reason, partition->halted);
	}
}

static void render_store(const struct metrics *metrics, struct buffer *text)
{
	const struct store_facts *facts = &metrics->store;
	gauge(text, "store_connected", "1 while connected to the state store, as far as the last call told.",
	      facts->connected);
	counter(text, "store_reconnects_total", "Connections to the state store beyond the first.", facts->reconnects);
	if (facts->used_bytes >= 0) {
		gauge(text, "store_used_memory_bytes", "Memory that the state store's server uses.",
		      (uint64_t)facts->used_bytes);
		gauge(text, "store_max_memory_bytes", "Its limit; 0: none.", (uint64_t)facts->limit_bytes);
		counter(text, "store_evicted_keys_total",
			"Keys that it has dropped by itself since it began; must not grow.", facts->server.evicted);
	}
	counter(text, "store_reads_total", "Reads of the state store.", metrics->store_reads);
	counter(text, "store_writes_total", "Atomic writes of the state store.", metrics->store_writes);
	counter(text, "store_written_records_total", "State records written.", metrics->store_written_records);
	counter(text, "store_retries_total", "Times that the state store was away or full.", metrics->store_retries);
}

void metrics_render(const struct metrics *metrics, const char *pipeline, const char *topic, struct buffer *text)
{
	head(text, "build_info", "gauge", "Version and what runs; always 1.");
	buffer_add_format(text, "outlierd_build_info{version=\"%s\",pipeline=\"%s\",model_id=\"%s\"} 1\n",
			  OUTLIERD_VERSION, pipeline, metrics->model_id);
	gauge(text, "ready", "1 when assigned, recovered and not halted.", metrics->ready);
	gauge(text, "fallback", "1 when no model can be used: rules alone decide.", metrics->fallback);
	render_events(metrics, text);
	render_partitions(metrics, topic, text);
	counter(text, "batches_total", "Batches committed.", metrics->batches);
	counter(text, "commits_total", "Kafka transactions committed.", metrics->commits);
	counter(text, "aborts_total", "Kafka transactions aborted; the batch was applied again.", metrics->aborts);
	counter(text, "cancelled_batches_total", "Batches given up because the assignment changed.",
		metrics->cancelled);
	counter(text, "recoveries_total", "Recoveries: at each assignment and after unknown outcomes.",
		metrics->recoveries);
	counter(text, "rebuilds_total", "Partitions whose state was rebuilt from the topic.", metrics->rebuilds);
	render_store(metrics, text);
	counter(text, "cache_hits_total", "Entities found in the cache.", metrics->cache_hits);
	counter(text, "cache_misses_total", "Entities read from the store.", metrics->cache_misses);
	gauge(text, "cache_entities", "Entities in the cache.", metrics->cache_entities);
	gauge(text, "cache_bytes", "Bytes of the cache.", metrics->cache_bytes);
	render_histogram(text, "batch_seconds", "Time of a batch from first record to commit.",
			 &metrics->batch_seconds);
	render_histogram(text, "commit_seconds", "Time of a Kafka transaction's commit.", &metrics->commit_seconds);
	render_histogram(text, "store_write_seconds", "Time of an atomic write of the store.",
			 &metrics->store_write_seconds);
}
