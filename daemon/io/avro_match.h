/*
 * Which types of a writer's schema the configuration's slots take: the reader's side of Avro's schema resolution.
 * Belongs to avro_compile.c.
 */
#ifndef OUTLIERD_AVRO_MATCH_H
#define OUTLIERD_AVRO_MATCH_H

#include "daemon/io/avro_schema.h"
#include "features/event.h"

#define AVRO_MATCH_WHY_MAX 1024

/** Whether the builder takes values of this type (no union, no record) into the slot. */
bool avro_match_type(const struct event_schema *reader, size_t slot, const struct avro_node *node);

/** The field of a record that the first part of `rest`, the slot's path from here on, names: by its name, else, for the last part, by the first alias that the record has. NULL: none. */
const struct avro_field *avro_match_field(const struct event_schema *reader, size_t slot, const char *rest,
					  const struct avro_node *record);

/** Writes why a value of this type cannot be read for a slot whose path has `rest` below it ("": the value itself). Begins with the slot's path. */
void avro_match_refuse_type(const struct event_schema *reader, size_t slot, const char *rest,
			    const struct avro_node *node, char why[AVRO_MATCH_WHY_MAX]);

/** Writes that a record of the writer lacks the field that the first part of `rest` names. Begins with the slot's path. */
void avro_match_refuse_absent(const struct event_schema *reader, size_t slot, const char *rest,
			      const struct avro_node *record, char why[AVRO_MATCH_WHY_MAX]);

#endif
