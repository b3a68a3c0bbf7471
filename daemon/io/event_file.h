/*
 * Files of events: JSON lines, CSV and Avro container files, read record by record into the same events as Kafka's.
 * Optional members or columns _partition _offset _timestamp _key give the Kafka coordinates; without them: partition 0,
 * line order from 0, timestamp = event time, key unchecked, and event_file_order_assumed() is true.
 */
#ifndef OUTLIERD_EVENT_FILE_H
#define OUTLIERD_EVENT_FILE_H

#include "arena.h"
#include "features/event.h"

enum event_file_format { EVENT_FILE_BY_NAME, EVENT_FILE_AVRO, EVENT_FILE_JSONL, EVENT_FILE_CSV };

/** One record read from a file. */
struct event_record {
	uint64_t number; /* line (JSONL, CSV: first line of the record, header = 1) or record (Avro) from 1 */
	int32_t partition;
	enum reason reason; /* REASON_NONE: event is good; else framing/decode/validate/key/timestamp, err says why */
	struct event event;
	struct err err;       /* begins with "line N: " or "record N: " */
	struct slice key;     /* as in _key; data NULL: null or absent */
	bool has_coordinates; /* _partition, _offset and _timestamp stood in the record */
	bool parsed;          /* false: it did not parse, so its coordinates are not known either */
};

struct event_file;

/** The format named "avro", "jsonl" or "csv"; -1: none of them. */
int event_file_format_parse(const char *name, enum event_file_format *format) MUST_USE;
/** The format that a file's name tells: .avro, .jsonl, .csv; EVENT_FILE_BY_NAME where it does not. */
enum event_file_format event_file_format_of(const char *path);
/** Opens a file, "-" = standard input. keep: paths whose source text is wanted beside the event (CSV: as it was; else JSON's text), in that order. For Avro the file's own schema is the writer's. ERR_UNAVAILABLE, ERR_DATA (bad header), ERR_USAGE (format unknown), ERR_CONFIG (CSV or JSON lines, but the schema's time has no unit). */
struct event_file *event_file_open(const char *path, enum event_file_format format, const struct event_schema *schema,
				   const char *const *keep, size_t keep_count, struct err *err) MUST_USE;
/** Tells the topic's number of partitions, so that the schema's partitioner is checked for records with _key; without it, it is not. Call before the first record. */
void event_file_partitions(struct event_file *file, int32_t count);
/** The next record: 1, at the end 0. A record that cannot be an event is returned with its reason; -1 (ERR_DATA with line or record number, ERR_IO) where the file itself cannot be read on, or offsets of a partition do not ascend. Everything lies in the arena. kept receives keep_count slices (data NULL: null) where not NULL. */
int event_file_next(struct event_file *file, struct arena *arena, struct event_record *record, struct slice *kept,
		    struct err *err) MUST_USE;
/** True once a record that parsed came without _partition, _offset or _timestamp. */
bool event_file_order_assumed(const struct event_file *file);
/** Bytes read so far and the file's size (0: not known), for progress. */
void event_file_progress(const struct event_file *file, uint64_t *read, uint64_t *size);
/** Closes it; NULL does nothing. */
void event_file_close(struct event_file *file);

#endif
