/*
 * What goes out: alerts, decisions, late and dead letters as messages, values as JSON or Avro, pure
 * functions of the input and the configuration. The same code serves the daemon and `score --config`.
 */
#ifndef OUTLIERD_PUBLISH_H
#define OUTLIERD_PUBLISH_H

#include "daemon/pipeline/decide.h"
#include "daemon/pipeline/writer.h"
#include "daemon/ports.h"
#include "detectors/explain.h"

#define PUBLISH_TEXT_MAX                                                                                               \
	4096 /* bytes of a text field in an alert; longer ones are cut, so that no alert outgrows a broker */

struct output_options {
	const char *topic; /* NULL: not published */
	enum message_format format;
	int32_t schema_id; /* Avro: the registered id, put into the framing; set by the command */
};

struct publish_options {
	const char *pipeline;
	const char *input_topic;
	struct output_options alerts, decisions, enriched, amendments;
	size_t contributions;            /* of an alert, at most; 5 */
	const char *const *alert_fields; /* event fields that an alert carries; NULL: all configured */
	size_t alert_field_count;
	const char *enriched_key;           /* string field whose text is the key of what is enriched */
	const char *const *enriched_fields; /* event fields that go on; NULL: all configured */
	size_t enriched_field_count;
	size_t amendments_most;        /* decisions looked at for one late event; more are counted as cut */
	const char *late_topic;        /* NULL: not published, counted all the same */
	const char *dead_letter_topic; /* likewise */
	int64_t cooldown_ms;
	bool pseudonymized; /* late and dead letters: values replaced by hash and coordinates */
	size_t message_max; /* bytes; what would not fit is replaced */
};

/** How many decisions are looked at for one late event; 0 where there are no amendments. */
size_t publish_amendments_most(const struct publish_options *options);

/** The champion as the loop uses it: a model with its columns matched to the feature set, its explainer, and the policy resolved against it. */
struct champion {
	const struct model *model; /* NULL: none, rules alone */
	const struct policy *policy;
	struct explainer *explainer; /* NULL without model */
	const size_t *columns;       /* of the vector, one per model feature; NULL: the same */
};

/** One scored event with all that a message says of it. */
struct scored {
	const struct event *event;
	int32_t partition;
	struct vector vector; /* usual filled */
	unsigned flags;       /* of the vector, and FLAG_FALLBACK */
	double score, rank;   /* NaN: no model */
	struct verdict verdict;
	int64_t watermark_ms; /* of the partition after the event; WATERMARK_NONE: none */
};

struct publisher;
struct amendment;

/** Prepares publishing; options and set are borrowed. NULL: out of memory. */
struct publisher *publisher_new(const struct publish_options *options, const struct feature_set *set);
/** Frees it; NULL does nothing. */
void publisher_free(struct publisher *publisher);

/** What the sink takes at most, instead of the options' message_max. */
void publisher_message_max(struct publisher *publisher, size_t bytes);

/** Builds the alert of a flagged event (headers: of the source record, for traceparent; may be none). Everything lies in the arena. -1: no memory. */
int publisher_alert(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		    const struct record *record, struct arena *arena, struct message *message,
		    struct err *err) MUST_USE;
/** Builds the decision of a scored event. */
int publisher_decision(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		       struct arena *arena, struct message *message, struct err *err) MUST_USE;
/** True where the event has the key that enriched events are published under (and is to be published at all). */
bool publisher_enriches(const struct publisher *publisher, const struct event *event);
/** Builds the enriched event of a scored event; see daemon/pipeline/enriched.h. */
int publisher_enriched(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		       struct arena *arena, struct message *message, struct err *err) MUST_USE;
/** Builds the amendment of a decision by a late event; see daemon/pipeline/amended.h. */
int publisher_amendment(struct publisher *publisher, const struct champion *champion, const struct amendment *amendment,
			int32_t partition, const struct event *late, struct arena *arena, struct message *message,
			struct err *err) MUST_USE;
/** Builds the late or dead letter of a record (headers read). why: text for people, without identifiers. */
int publisher_letter(struct publisher *publisher, const struct record *record, enum reason reason, const char *why,
		     struct arena *arena, struct message *message, struct err *err) MUST_USE;

/** At most PUBLISH_TEXT_MAX bytes of a text, never ending in the middle of a UTF-8 sequence. Borrowed from it. */
struct slice publish_cut(struct slice text);

/** Writes the member "flags" of FLAG_* bits, an array of their names. */
void publish_flags(struct writer *writer, unsigned flags);

/** Appends the Avro schema of alerts. */
void publisher_alert_schema(struct buffer *schema);
/** Appends the Avro schema of decisions of a feature set. */
void publisher_decision_schema(const struct feature_set *set, struct buffer *schema);

#endif
