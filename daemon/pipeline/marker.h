/*
 * The marker of a partition's state (docs/state-format.md): how far the state has come, under which rules it was made,
 * and the watermark. One marker beside the partition's records, replaced with them in one atomic step. Also the metadata
 * text that every committed offset carries.
 */
#ifndef OUTLIERD_MARKER_H
#define OUTLIERD_MARKER_H

#include "daemon/ports.h"
#include "features/apply.h"

#define MARKER_VERSION 2 /* the newest; a marker without upstream is still written as version 1 */
#define MARKER_CLUSTER_MAX 64

struct marker {
	int64_t next_offset;        /* R: next offset to apply */
	struct watermark watermark; /* two leaders, complete_since */
	uint8_t state_id[SHA256_BYTES];
	uint64_t generation; /* of the records; never 0 */
	uint64_t replaces;   /* generation in the committed metadata when this one was made; 0: none */
	int32_t partition_count;
	char cluster_id[MARKER_CLUSTER_MAX];
	int64_t last_offset;  /* last applied record; OFFSET_NONE: none */
	uint64_t last_hash;   /* marker_record_hash() of it */
	int64_t counted_from; /* outcomes count records from here on: a rebuild applies again what is counted already */
	uint64_t outcomes[OUTCOME_NUMBER]; /* lifetime totals */
	bool nothing_committed;            /* made before the group ever committed */
	struct store_server server;        /* as it was when the state was last known to be whole */
};

/** Appends the marker's bytes. */
void marker_encode(const struct marker *marker, struct buffer *bytes);
/** Reads a marker; ERR_HALT says what is wrong with it. */
int marker_decode(struct slice bytes, struct marker *marker, struct err *err) MUST_USE;

/** A hash of a record's key, value and timestamp, to tell a recreated topic from the old one. */
uint64_t marker_record_hash(const struct record *record);

/** What the metadata of a committed offset says. */
struct commit_metadata {
	uint64_t generation;
	int64_t watermark_ms, complete_since_ms; /* WATERMARK_NONE: none */
	uint64_t outcomes[OUTCOME_NUMBER];
};

/** Writes `v1;g=GENERATION;w=WATERMARK_MS;c=COMPLETE_SINCE_MS;n=OUTCOME_TOTALS`, ASCII. */
void marker_metadata_write(const struct marker *marker, char text[POSITION_METADATA_MAX]);
/** Reads it; false: empty, or not of that form (an operator's reset). */
bool marker_metadata_read(const char *text, struct commit_metadata *metadata);

#endif
