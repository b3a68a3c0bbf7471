/*
 * Events again from an entity's log: what the rows still say of them. Their ids are hashed there and the entity is not
 * named, so both are empty; fields that the state does not keep are null.
 */
#ifndef OUTLIERD_ENTITY_EVENT_H
#define OUTLIERD_ENTITY_EVENT_H

#include "features/entity.h"

/** Rebuilds the event of a row; values: one per field of the schema, the caller's. Texts are borrowed from the rows. */
void entity_event(const struct entity *entity, uint32_t row, struct event *event, struct value *values);

#endif
