/*
 * Counters, gauges and histograms of one daemon: written by the loop alone, rendered as Prometheus text (0.0.4). The
 * names, with meaning and unit, are in docs/operations.md. Never an identifier in a label.
 */
#ifndef OUTLIERD_METRICS_H
#define OUTLIERD_METRICS_H

#include "buffer.h"
#include "daemon/ports.h"
#include "features/apply.h"

#define METRIC_BUCKETS 14

/** A histogram of seconds over fixed bounds, 0.5 ms to 10 s. */
struct histogram {
	uint64_t buckets[METRIC_BUCKETS + 1];
	uint64_t count;
	double sum;
};

/** What is known of one owned partition, for gauges. */
struct partition_metrics {
	int32_t partition;
	int64_t committed, stored, high; /* offsets; lag = high - committed, state lag = committed - stored */
	bool halted;
	char reason[32];
};

struct metrics {
	uint64_t outcomes[OUTCOME_NUMBER];
	uint64_t reapplied; /* records applied again below C: state only */
	uint64_t alerts;
	uint64_t parity_checked, parity_unchecked, parity_differences;
	uint64_t not_enriched; /* scored events without the key of output.enriched */
	uint64_t amendments, amendments_cut;
	uint64_t flags[FLAG_NUMBER];
	uint64_t reasons[REASON_DUPLICATE + 1];
	uint64_t batches, commits, aborts, recoveries, rebuilds, cancelled;
	uint64_t store_reads, store_writes, store_written_records, store_retries, cache_hits, cache_misses;
	struct histogram batch_seconds, commit_seconds, store_write_seconds;
	struct store_facts store;
	uint64_t cache_entities, cache_bytes;
	bool ready, fallback;
	char model_id[65];
	struct partition_metrics *partitions; /* borrowed for rendering */
	size_t partition_count;
};

/** Adds one observation. */
void histogram_add(struct histogram *histogram, double seconds);
/** Appends the whole text. topic is a label value. */
void metrics_render(const struct metrics *metrics, const char *pipeline, const char *topic, struct buffer *text);

#endif
