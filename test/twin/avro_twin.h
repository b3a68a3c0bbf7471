/*
 * The decoder's naive twin: random writer's schemas and values of them, kept as plain trees, encoded by avro-c and by a
 * plain encoder that splits arrays and maps into blocks in every legal way; and what each configured slot must hold,
 * found by walking the tree. Everything follows from the seed.
 */
#ifndef OUTLIERD_AVRO_TWIN_H
#define OUTLIERD_AVRO_TWIN_H

#include "arena.h"
#include "buffer.h"
#include "features/event.h"
#include "rng.h"

#define AVRO_TWIN_FIELDS 8   /* configured, at most */
#define AVRO_TWIN_TYPES 160  /* of one schema, at most */
#define AVRO_TWIN_MEMBERS 12 /* fields of a record, branches of a union, at most */

enum avro_twin_kind {
	TWIN_NULL,
	TWIN_BOOLEAN,
	TWIN_INT,
	TWIN_LONG,
	TWIN_MILLIS, /* timestamps */
	TWIN_MICROS,
	TWIN_FLOAT,
	TWIN_DOUBLE,
	TWIN_BYTES,
	TWIN_STRING,
	TWIN_DECIMAL, /* bytes */
	TWIN_FIXED_DECIMAL,
	TWIN_FIXED,
	TWIN_ENUM,
	TWIN_ARRAY,
	TWIN_MAP,
	TWIN_UNION,
	TWIN_RECORD
};

/** A type of the schema. A named type that is referred to again is the same one. */
struct avro_twin_type {
	enum avro_twin_kind kind;
	char name[32]; /* of a named type, in the one namespace of all */
	bool defined;  /* written into the JSON already: by name from now on */
	size_t size;   /* bytes of a fixed, symbols of an enum */
	int precision, scale;
	size_t count; /* members: fields, branches, or one for the items */
	struct avro_twin_type *members[AVRO_TWIN_MEMBERS];
	char names[AVRO_TWIN_MEMBERS][24]; /* of fields */
};

/** A value of a type, as a tree. */
struct avro_twin_value {
	int64_t integer; /* also: branch, symbol, boolean, unscaled decimal */
	double number;
	char *text;
	size_t length;                   /* of text; items */
	struct avro_twin_value *members; /* fields, items, or the branch's value */
};

struct avro_twin {
	struct rng rng;
	struct avro_twin_type types[AVRO_TWIN_TYPES];
	size_t type_count;
	struct avro_twin_type *root;
	struct buffer json; /* the writer's schema */
	struct event_schema reader;
	struct field fields[AVRO_TWIN_FIELDS];
	char paths[AVRO_TWIN_FIELDS][160];
	char aliases[AVRO_TWIN_FIELDS][160];
	const char *alias_lists[AVRO_TWIN_FIELDS][2];
	struct arena *arena; /* of the present value */
	struct avro_twin_value *value;
};

/** Makes a random schema and a configuration that reads from it. */
void avro_twin_init(struct avro_twin *twin, uint64_t seed);

/** Draws the next value. */
void avro_twin_draw(struct avro_twin *twin);

/** The present value as avro-c encodes it. schema: avro-c's, made once by avro_twin_oracle(). False: avro-c refuses. */
bool avro_twin_encode(const struct avro_twin *twin, void *oracle, struct buffer *out);

/** avro-c's classes for the schema; NULL: avro-c refuses it. */
void *avro_twin_oracle(const struct avro_twin *twin);
/** Frees them. */
void avro_twin_oracle_free(void *oracle);

/** The present value with arrays and maps in random blocks, with and without their sizes. */
void avro_twin_encode_blocks(struct avro_twin *twin, struct buffer *out);

/** Compares what a builder made with what it must have made (REASON_NONE or REASON_VALIDATE). NULL: alike, else what differs. */
const char *avro_twin_compare(const struct avro_twin *twin, enum reason reason, const struct event *event);

/** Frees what the twin owns. */
void avro_twin_free(struct avro_twin *twin);

#endif
