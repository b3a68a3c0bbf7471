/*
 * What event_file.c asks of each format of files (CSV, JSON lines, Avro): the next record, given slot by slot to the
 * event builder, and its Kafka coordinates where it has some. Only event_file.c and the three formats include this.
 */
#ifndef OUTLIERD_EVENT_FORMAT_H
#define OUTLIERD_EVENT_FORMAT_H

#include "arena.h"
#include "daemon/io/input.h"
#include "features/event.h"

/** The optional members that give the coordinates. */
enum event_member { MEMBER_PARTITION, MEMBER_OFFSET, MEMBER_TIMESTAMP, MEMBER_KEY, MEMBER_NUMBER };

/** One record as its format read it. */
struct event_parts {
	uint64_t number;    /* line or record, as in struct event_record */
	enum reason reason; /* REASON_DECODE, REASON_VALIDATE: bad says why, the builder is not to be used */
	struct err bad;
	bool parsed;             /* false: reason is REASON_DECODE, and nothing of the record is known */
	bool has[MEMBER_NUMBER]; /* which members stand in the record; partition, offset and timestamp not if null */
	int64_t members[MEMBER_KEY];
	struct slice key; /* data NULL: a null key */
};

struct event_format {
	void *self; /* NULL: the format could not be opened */
	/** The next record: 1, at the end 0, -1 where the file cannot be read on. The builder is begun by the caller; texts lie in the arena; kept (where not NULL) as in event_file_next(). */
	int (*next)(void *self, struct arena *arena, struct event_builder *builder, struct event_parts *parts,
		    struct slice *kept, struct err *err) MUST_USE;
	/** The bytes below. */
	const struct input *(*input)(void *self);
	/** Frees it. */
	void (*close)(void *self);
};

/** What a format is opened with, as in event_file_open(). Paths and schema stay valid while it is open. */
struct event_format_options {
	const char *path;
	struct event_schema *schema; /* builders are begun with it; a format whose file has no _key drops key_path */
	const char *const *keep;
	size_t keep_count;
};

/** CSV; missing columns are errors of the header. */
struct event_format event_csv_open(const struct event_format_options *options, struct err *err);
/** JSON lines. */
struct event_format event_jsonl_open(const struct event_format_options *options, struct err *err);
/** Avro container files. */
struct event_format event_avro_open(const struct event_format_options *options, struct err *err);

/** "_partition" … */
const char *event_format_member(enum event_member member);

/** Takes a member's text (data NULL: null) into the parts. ERR_DATA: no integer, or out of range; the caller prepends file and line. */
int event_format_take(struct event_parts *parts, enum event_member member, struct slice text, struct err *err) MUST_USE;

/** The paths that a slot may be read from, the configured one first, then with each alias in place of its last part. One allocation: free with free(). NULL: out of memory. */
char **event_format_paths(const struct event_schema *schema, size_t slot, size_t *count);

#endif
