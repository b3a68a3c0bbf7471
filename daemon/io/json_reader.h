/*
 * Typed, bounded reading of a parsed JSON document (jansson). Every value is asked for with its place, so that a refusal
 * names the path, what stands there and what would be right: `trees[3].left[7]: must be an integer from -1 to 510, not "x"`.
 */
#ifndef OUTLIERD_JSON_READER_H
#define OUTLIERD_JSON_READER_H

#include "err.h"
#include "slice.h"

#include <jansson.h>
#include <stdint.h>

/** A value and the way to it; lives on the caller's stack as long as values below it are read. */
struct json_place {
	const struct json_place *above; /* NULL: the document */
	const char *name;               /* of the member; NULL: an element */
	size_t index;                   /* of the element */
	const json_t *value;            /* borrowed; NULL: absent */
};

/** Parses a document: every number is a double, a member named twice is an error. NULL: ERR_DATA with the byte, or ERR_MEMORY. To be freed by json_decref(). */
json_t *json_reader_load(struct slice text, struct err *err) MUST_USE;

/** The document itself. */
struct json_place json_reader_root(const json_t *document);
/** A member of an object; where it is absent, or above is no object, the value is NULL and reading it is an error. */
struct json_place json_reader_member(const struct json_place *above, const char *name);
/** An element of an array that json_reader_array() has passed. */
struct json_place json_reader_element(const struct json_place *above, size_t index);

/** Sets ERR_DATA "PATH: must be WANTED, not FOUND" (or "PATH: is absent, ..."). Returns -1. */
int json_reader_refuse(const struct json_place *place, struct err *err, const char *wanted, ...) PRINTF_LIKE(3, 4);

/** True for null. An absent value is not null. */
bool json_reader_is_null(const struct json_place *place);
/** Requires an object. */
int json_reader_object(const struct json_place *place, struct err *err) MUST_USE;
/** Requires an array of least to most elements and gives their number. */
int json_reader_array(const struct json_place *place, size_t least, size_t most, size_t *count,
		      struct err *err) MUST_USE;
/** A number from least to most. */
int json_reader_number(const struct json_place *place, double least, double most, double *number,
		       struct err *err) MUST_USE;
/** An integer from least to most, both at most 2^53 in size. */
int json_reader_integer(const struct json_place *place, int64_t least, int64_t most, int64_t *integer,
			struct err *err) MUST_USE;
/** A string of least to most bytes of UTF-8; borrowed from the document. */
int json_reader_text(const struct json_place *place, size_t least, size_t most, const char **text,
		     struct err *err) MUST_USE;
/** true or false. */
int json_reader_boolean(const struct json_place *place, bool *boolean, struct err *err) MUST_USE;

#endif
