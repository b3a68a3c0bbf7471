/*
 * One traversal of a message, two formats: the same calls write JSON (names and all) or Avro (values in order, unions and
 * block counts). So both formats have the same members by construction. The Avro shapes are those of schemas/ in the root.
 */
#ifndef OUTLIERD_WRITER_H
#define OUTLIERD_WRITER_H

#include "json.h"

enum message_format { FORMAT_JSON, FORMAT_AVRO };

struct writer {
	enum message_format format;
	struct buffer *out;
	struct json json;
};

/** Begins a message that is appended to out; Avro gets the Confluent framing with schema_id. */
void writer_begin(struct writer *writer, enum message_format format, int32_t schema_id, struct buffer *out);
/** Opens a record; name NULL: the message itself or an array's item. */
void writer_record(struct writer *writer, const char *name);
/** Closes a record. */
void writer_record_end(struct writer *writer);
/** Opens an array of count items. */
void writer_array(struct writer *writer, const char *name, size_t count);
/** Opens a nullable array of count items, as writer_array(); ended the same way. */
void writer_nullable_array(struct writer *writer, const char *name, size_t count);
/** Closes an array that had count items. */
void writer_array_end(struct writer *writer, size_t count);
/** Opens a map of count members (JSON: an object). */
void writer_map(struct writer *writer, const char *name, size_t count);
/** A map member's key; JSON's member name. Its value follows without name. */
void writer_key(struct writer *writer, const char *key);
/** Closes a map that had count members. */
void writer_map_end(struct writer *writer, size_t count);
/** null of a nullable member. */
void writer_null(struct writer *writer, const char *name);
/** A string. */
void writer_text(struct writer *writer, const char *name, struct slice value);
/** A string of a ["null","string"] member. */
void writer_nullable_text(struct writer *writer, const char *name, const char *value);
/** A string of a ["null","string"] member that is not null. */
void writer_nullable_slice(struct writer *writer, const char *name, struct slice value);
/** A long (int has the same bytes). */
void writer_long(struct writer *writer, const char *name, int64_t value);
/** A boolean. */
void writer_boolean(struct writer *writer, const char *name, bool value);
/** A boolean of a ["null","boolean"] member that is not null. */
void writer_nullable_boolean(struct writer *writer, const char *name, bool value);
/** A double of a ["null","double"] member; NaN is null. */
void writer_nullable_double(struct writer *writer, const char *name, double value);
/** A long of a ["null","long"] member that is not null. */
void writer_nullable_long(struct writer *writer, const char *name, int64_t value);
/** A long of a ["null","long"] member; negative is null. */
void writer_nullable_count(struct writer *writer, const char *name, int64_t value);

/** Branches of an event field's union in an alert: ["null","boolean","double","string"]. */
enum writer_branch { WRITER_NULL, WRITER_BOOLEAN, WRITER_DOUBLE, WRITER_STRING };
/** A boolean of that union. */
void writer_union_boolean(struct writer *writer, bool value);
/** A double of that union. */
void writer_union_double(struct writer *writer, double value);
/** A string of that union. */
void writer_union_text(struct writer *writer, struct slice value);
/** null of that union. */
void writer_union_null(struct writer *writer);

#endif
