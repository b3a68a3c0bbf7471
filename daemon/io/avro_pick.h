/*
 * Walks one Avro record of any writer's schema: finds where it ends, since container files give no lengths, and picks
 * the values of a few paths as text. For files; the daemon reads records with daemon/io/avro_decode, which knows the
 * length beforehand and is faster. The limits are the same.
 */
#ifndef OUTLIERD_AVRO_PICK_H
#define OUTLIERD_AVRO_PICK_H

#include "arena.h"
#include "daemon/io/avro_schema.h"

struct avro_pick;

/** Prepares the walk over the schema (borrowed). Paths go through nested records with dots; found[i] receives whether the schema has path i. The root must be a record (ERR_DATA). */
struct avro_pick *avro_pick_new(const struct avro_schema *schema, const char *const *paths, size_t count, bool *found,
				struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void avro_pick_free(struct avro_pick *pick);

/**
 * Walks the record that bytes begin with. *length receives its bytes; texts[i] (count elements; in the arena) the text
 * of path i: a string's, enum's or bytes' content, else JSON as it would stand in a file; data NULL: null or absent.
 * -1: ERR_DATA, with the byte position in the record; ERR_MEMORY.
 */
int avro_pick_run(struct avro_pick *pick, struct slice bytes, size_t *length, struct arena *arena, struct slice *texts,
		  struct err *err) MUST_USE;

#endif
