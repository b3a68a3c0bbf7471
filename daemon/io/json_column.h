/*
 * An array of numbers of a JSON document as a column of one C type: how trees stand in model files and in forests from
 * elsewhere. Every element is checked, and a refusal names its path.
 */
#ifndef OUTLIERD_JSON_COLUMN_H
#define OUTLIERD_JSON_COLUMN_H

#include "daemon/io/json_reader.h"

enum json_column_type {
	JSON_INT32,
	JSON_UINT32,
	JSON_UINT8,
	JSON_FLOAT32,      /* only numbers that are one */
	JSON_FLOAT32_DOWN, /* the greatest float32 not above the number */
	JSON_DOUBLE
};

/** The member `name` of an object: count numbers from least to most, in fresh memory. NULL: ERR_DATA with the path, or ERR_MEMORY. The type must hold least and most. */
void *json_column(const struct json_place *above, const char *name, size_t count, enum json_column_type type,
		  double least, double most, struct err *err) MUST_USE;

#endif
