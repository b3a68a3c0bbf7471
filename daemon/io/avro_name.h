/*
 * Names of Avro schemas: what a name may be, how it becomes a full name in its namespace, and which named type a full
 * name stands for. Belongs to avro_schema.c.
 */
#ifndef OUTLIERD_AVRO_NAME_H
#define OUTLIERD_AVRO_NAME_H

#include "arena.h"
#include "daemon/io/avro_schema.h"

/** Full names to nodes: open addressing, memory of the arena. */
struct avro_names {
	struct arena *arena; /* borrowed */
	struct avro_node **slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/** True for `[A-Za-z_][A-Za-z0-9_]*`, where every byte beyond ASCII counts as a letter. */
bool avro_name_valid(const char *name);

/** True for the names of the eight primitive types; type receives which. */
bool avro_name_primitive(const char *name, enum avro_type *type);

#define AVRO_NAME_SHOWN 84

/** A text of an untrusted schema as messages show it: quoted, controls replaced, the end of a long one cut off. Borrowed from shown. */
const char *avro_name_show(const char *text, char shown[AVRO_NAME_SHOWN]);

/** The full name of name as written in a namespace ("": none), in the arena. NULL: not a valid name, or too long, *err says which. */
char *avro_name_full(const char *name, const char *namespace, struct arena *arena, struct err *err) MUST_USE;

/** The namespace of a full name ("": none), in the arena; NULL: out of memory. */
char *avro_name_space(const char *full, struct arena *arena);

/** The node of a full name; NULL: none. */
struct avro_node *avro_names_find(const struct avro_names *names, const char *full);

/** Adds a node under its name, which is not there yet. */
int avro_names_add(struct avro_names *names, struct avro_node *node, struct err *err) MUST_USE;

/** The first text that stands twice among count, NULL: all differ. scratch holds count pointers. */
const char *avro_names_twice(char *const *texts, size_t count, const char **scratch);

#endif
