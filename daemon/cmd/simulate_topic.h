/* Simulated events straight into a topic: Avro with Confluent's framing, keyed by their entity, paced. */
#ifndef OUTLIERD_SIMULATE_TOPIC_H
#define OUTLIERD_SIMULATE_TOPIC_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

struct simulate_topic_options {
	const char *topic;
	const char *schema;            /* of the values: Avro, as JSON */
	const char *bootstrap_servers; /* NULL: as configured */
	const char *config;            /* for kafka.* and schema.*; NULL: none */
	const char *registry_url; /* the schema is registered there under TOPIC-value; NULL: as configured, else not */
	int64_t schema_id;        /* put into the framing where there is no registry */
	double rate;              /* records a second; 0: as fast as they go */
};

struct simulate_topic;

/** Connects, and registers the schema where there is a registry. */
struct simulate_topic *simulate_topic_new(const struct simulate_topic_options *options, struct err *err) MUST_USE;
/** Sends one event, a record's body in Avro; waits where the rate asks for it. */
int simulate_topic_send(struct simulate_topic *to, struct slice key, struct slice body, int64_t timestamp_ms,
			struct err *err) MUST_USE;
/** Waits until all are delivered. */
int simulate_topic_end(struct simulate_topic *to, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void simulate_topic_free(struct simulate_topic *to);

#endif
