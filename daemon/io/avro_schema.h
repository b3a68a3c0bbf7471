/*
 * Avro schemas as trees: parsed from JSON once, validated, with limits, so that nothing later needs to doubt them.
 * Source: the Apache Avro 1.11 specification. As Avro for Java does, letters beyond ASCII are allowed in names,
 * namespaces are not checked letter by letter, and a simple name that its own namespace does not have is looked for
 * without a namespace.
 */
#ifndef OUTLIERD_AVRO_SCHEMA_H
#define OUTLIERD_AVRO_SCHEMA_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

#define AVRO_SCHEMA_BYTES_MAX (1u << 20)
#define AVRO_SCHEMA_NODES_MAX 10000
#define AVRO_SCHEMA_DEPTH_MAX 64
#define AVRO_SCHEMA_NAME_MAX 512           /* bytes of a full name */
#define AVRO_SCHEMA_UNION_MAX 1024         /* branches */
#define AVRO_SCHEMA_FIXED_MAX (1u << 20)   /* bytes of a fixed */
#define AVRO_SCHEMA_MEMORY_MAX (64u << 20) /* bytes of one parsed schema */

enum avro_type {
	AVRO_TYPE_NULL,
	AVRO_TYPE_BOOLEAN,
	AVRO_TYPE_INT,
	AVRO_TYPE_LONG,
	AVRO_TYPE_FLOAT,
	AVRO_TYPE_DOUBLE,
	AVRO_TYPE_BYTES,
	AVRO_TYPE_STRING,
	AVRO_TYPE_RECORD,
	AVRO_TYPE_ENUM,
	AVRO_TYPE_ARRAY,
	AVRO_TYPE_MAP,
	AVRO_TYPE_UNION,
	AVRO_TYPE_FIXED
};

/** OTHER: a logical type that is known to nobody here or does not fit its type; the value is read as the plain type. */
enum avro_logical {
	AVRO_LOGICAL_NONE,
	AVRO_LOGICAL_DECIMAL,
	AVRO_LOGICAL_TIMESTAMP_MILLIS,
	AVRO_LOGICAL_TIMESTAMP_MICROS,
	AVRO_LOGICAL_OTHER
};

struct avro_node; /* defined here so that a compiler of programs can walk it */

struct avro_field {
	char *name;
	char **aliases;
	size_t alias_count;
	struct avro_node *node;
};

/** One type. Named types referred to twice are the same node: a schema is a graph, possibly with cycles. */
struct avro_node {
	enum avro_type type;
	enum avro_logical logical;
	int precision, scale; /* decimal */
	uint32_t number;      /* of this node in its schema, from 0 */
	char *name;           /* full name of record, enum, fixed; else NULL */
	char **aliases;       /* of record, enum, fixed, as written */
	size_t alias_count;
	struct avro_field *fields; /* record */
	size_t field_count;
	char **symbols; /* enum */
	size_t symbol_count;
	struct avro_node **branches; /* union; array and map: one element, the items */
	size_t branch_count;
	uint64_t size; /* fixed */
};

struct avro_schema; /* owns all its nodes */

/** Parses and validates. ERR_DATA says what is wrong and where ("fields[2].type: …"). */
struct avro_schema *avro_schema_parse(struct slice json, struct err *err) MUST_USE;
/** Reads a .avsc file. ERR_UNAVAILABLE: not there; ERR_DATA as avro_schema_parse(). */
struct avro_schema *avro_schema_read(const char *path, struct err *err) MUST_USE;
/** The root type, borrowed. */
const struct avro_node *avro_schema_root(const struct avro_schema *schema);
/** Number of nodes; their numbers are below it. */
uint32_t avro_schema_node_count(const struct avro_schema *schema);
/** A type as messages name it: "an int", "the record \"a.b.C\"". Constant, or borrowed from text. */
const char *avro_schema_describe(const struct avro_node *node, char *text, size_t size);
/** Frees it with all nodes; NULL does nothing. */
void avro_schema_free(struct avro_schema *schema);

#endif
