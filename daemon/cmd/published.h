/*
 * What was published of a record: found in the outputs' topics by its coordinates, read whether it is JSON or Avro.
 */
#ifndef OUTLIERD_PUBLISHED_H
#define OUTLIERD_PUBLISHED_H

#include "daemon/cmd/world.h"

#include <jansson.h>

/** A message's value as an object: JSON as it is, Avro by its schema in the registry (members that alerts and decisions have). NULL: neither; ERR_DATA, ERR_UNAVAILABLE. */
json_t *published_read(const struct world *world, struct slice value, struct err *err) MUST_USE;

/** True where the object says it is of this record of the input topic. */
bool published_is_of(const struct world *world, const json_t *object, int32_t partition, int64_t offset);

struct kafka_reader;

/**
 * Looks through an output topic for the message of a record, from messages of since_ms on (negative: all). *value gets
 * its bytes; empty: there is none. Entity (data NULL: unknown): its key, whose partition is then looked at first.
 */
int published_find(const struct world *world, struct kafka_reader *reader, const char *topic, struct slice entity,
		   int64_t since_ms, int32_t partition, int64_t offset, struct buffer *value, struct err *err) MUST_USE;

#endif
