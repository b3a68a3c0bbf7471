/*
 * Fields: what an event's configured fields are, and the exact conversion of a source value (Avro, JSON or CSV alike)
 * into the field's own form. One place, so that live, replay and offline read the same value.
 *
 * Money is never floating point: with a scale, a number becomes a 64-bit integer of units of 10^-scale, half to even of
 * the exact value, at most 2^53 in size.
 */
#ifndef OUTLIERD_FIELD_H
#define OUTLIERD_FIELD_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

#define FIELD_SCALE_MAX 12
#define FIELD_SCALE_NONE (-1)
#define FIELD_TEXT_MAX 65536 /* bytes of a string field's value */

enum field_type { FIELD_MONEY, FIELD_NUMBER, FIELD_STRING, FIELD_BOOLEAN };

/** How a value of a field is held: integer units (money, number with scale, boolean 0/1), double, or text. */
enum value_kind { VALUE_UNITS, VALUE_DOUBLE, VALUE_TEXT };

struct value {
	bool present; /* false: null */
	union {
		int64_t units;
		double number;     /* finite, never -0 */
		struct slice text; /* borrowed */
	};
};

struct field {
	const char *name;
	const char *path; /* through nested records with dots; its name by default */
	enum field_type type;
	int scale;  /* FIELD_SCALE_NONE or 0 .. FIELD_SCALE_MAX; money always has one */
	bool minor; /* integers in the source count minor units */
	struct value
	    fallback; /* the configured default, already converted; present = false: none. Stands for null and absent */
	const char *const *aliases; /* other names of the path's last part in the writer's schema */
	size_t alias_count;
};

/** How the values of a field are held. */
enum value_kind field_kind(const struct field *field);

/** Index of the field of that name; -1: none. */
int field_find(const struct field *fields, size_t count, const char *name);

/** Writes the fields' names for a message, "amount, merchant"; what does not fit ends in "…"; "none" where there is none. */
void field_list(const struct field *fields, size_t count, char *text, size_t size);

/** Converts an integer of the source. Error (ERR_DATA): out of range, or the field takes no number. A string field takes an integer as decimal text only for entity and id: not here. */
int field_from_integer(const struct field *field, int64_t source, struct value *value, struct err *err) MUST_USE;

/** Converts a floating-point number of the source; NaN and infinities are errors. */
int field_from_double(const struct field *field, double source, struct value *value, struct err *err) MUST_USE;

/** Converts text: strings keep it (borrowed); numbers read `-?digits[.digits]` (with scale) or a JSON number (without); booleans read true and false. */
int field_from_text(const struct field *field, struct slice source, struct value *value, struct err *err) MUST_USE;

/** Converts an Avro decimal: big-endian two's complement unscaled integer with the writer's scale. */
int field_from_decimal(const struct field *field, struct slice unscaled, int scale, struct value *value,
		       struct err *err) MUST_USE;

/** Converts a boolean of the source; only boolean fields take one. */
int field_from_boolean(const struct field *field, bool source, struct value *value, struct err *err) MUST_USE;

/** The value in major units as a double: units / 10^scale, the number, 0/1; NaN for null and for text. */
double field_major(const struct field *field, const struct value *value);

#endif
