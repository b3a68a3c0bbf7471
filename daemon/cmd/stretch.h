/*
 * A stretch of the input topic, as people name it (--from, --to) and as offsets of each partition, with as much before it
 * as windows need: where reading must start so that the state at its first record is that of the daemon.
 *
 * How far back: a watermark only grows with what is read, so that of the records just before `from` is at most the true
 * one. One reach of the windows before it, in record timestamps less max_ahead, everything lies that can be seen.
 */
#ifndef OUTLIERD_STRETCH_H
#define OUTLIERD_STRETCH_H

#include "daemon/cmd/world.h"

#define STRETCH_OFFSETS_MAX 4096 /* PARTITION:OFFSET pairs of one edge */
#define STRETCH_EDGE_HELP                                                                                              \
	"earliest, latest, committed, a time such as 2026-03-29T01:00:00Z,\nor offsets PARTITION:OFFSET,... (others "  \
	"are not read)"

enum stretch_kind { STRETCH_EARLIEST, STRETCH_LATEST, STRETCH_COMMITTED, STRETCH_TIME, STRETCH_OFFSETS };

/** One edge as named. */
struct stretch_edge {
	enum stretch_kind kind;
	int64_t time_ms; /* STRETCH_TIME: record timestamps */
	size_t count;    /* STRETCH_OFFSETS */
	struct stretch_offset {
		int32_t partition;
		int64_t offset;
	} offsets[STRETCH_OFFSETS_MAX];
};

/** Reads an edge. ERR_USAGE names the option. */
int stretch_parse(const char *option, const char *text, struct stretch_edge *edge, struct err *err) MUST_USE;

/** One partition: records of [from, to) are wanted, those of [start, from) are their history. */
struct stretch {
	int32_t partition;
	int64_t low, high; /* the log's bounds */
	int64_t start, from, to;
	int64_t watermark_ms; /* at most the watermark at `from`; WATERMARK_NONE: nothing before it counts */
	int64_t
	    complete_since_ms; /* state from `start` on is whole since then; WATERMARK_NONE: from its first event on */
	bool cut;              /* the log begins later than `start` should be: history is missing */
};

struct kafka_reader;

/** The end of the last record below `to`: what a reader's position is when it has read all of the stretch; `from` where there is none. Behind it control records may follow. */
int stretch_end(const struct world *world, struct kafka_reader *reader, const struct stretch *stretch, int64_t *end,
		struct err *err) MUST_USE;

/** Asks Kafka. warm_up_ms: history before `from`; negative: one reach of the windows. *stretches (owned by the caller, free()) by partition. ERR_UNAVAILABLE; ERR_DATA where an offset is beyond the log. */
int stretch_resolve(const struct world *world, struct kafka_reader *reader, const struct stretch_edge *from,
		    const struct stretch_edge *to, int64_t warm_up_ms, struct stretch **stretches, size_t *count,
		    struct err *err) MUST_USE;

#endif
