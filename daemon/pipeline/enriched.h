/*
 * Enriched events: each scored event with its vector and score, keyed by a field of its own, for a second pipeline over
 * that field (docs/stages.md). Its members are forms that the next configuration reads exactly: scaled numbers as decimal
 * text. Pure functions of the input and the configuration.
 */
#ifndef OUTLIERD_ENRICHED_H
#define OUTLIERD_ENRICHED_H

#include "daemon/pipeline/publish.h"

struct enricher;

/** Prepares enriching as options->enriched says; options and set are borrowed. The key must be a string field of the schema. NULL: out of memory. */
struct enricher *enricher_new(const struct publish_options *options, const struct feature_set *set);
/** Frees it; NULL does nothing. */
void enricher_free(struct enricher *enricher);

/** True where the event has the key: others are not enriched. */
bool enricher_takes(const struct enricher *enricher, const struct event *event);
/** Builds the enriched event of a scored event that enricher_takes(). Everything lies in the arena. -1: no memory. */
int enricher_message(struct enricher *enricher, const struct champion *champion, const struct scored *scored,
		     struct arena *arena, struct message *message, struct err *err) MUST_USE;

/** Appends the Avro schema of what these options and this feature set give. */
void enricher_schema(const struct publish_options *options, const struct feature_set *set, struct buffer *schema);

#endif
