/*
 * Writing JSON, byte for byte predictable: no blanks, shortest escapes, numbers as ECMAScript prints them. Where the
 * caller adds the members of each object in the order of json_compare_names(), the result is canonical (RFC 8785). It
 * writes; reading is jansson's work, in the outer layers.
 */
#ifndef OUTLIERD_JSON_H
#define OUTLIERD_JSON_H

#include "buffer.h"

#define JSON_DEPTH_MAX 32

struct json {
	struct buffer *out; /* borrowed */
	int depth;
	bool first[JSON_DEPTH_MAX];
	bool after_name;
	bool canonical;
	size_t name_at[JSON_DEPTH_MAX]; /* where in out the last name of each open object begins */
};

/** Begins a document that is appended to out. */
void json_begin(struct json *json, struct buffer *out);
/** As json_begin(); asserts that names of ASCII without escapes come in canonical order, none twice. */
void json_begin_canonical(struct json *json, struct buffer *out);
/** Opens an object. */
void json_open_object(struct json *json);
/** Closes an object. */
void json_close_object(struct json *json);
/** Opens an array. */
void json_open_array(struct json *json);
/** Closes an array. */
void json_close_array(struct json *json);
/** A member's name; its value must follow. */
void json_name(struct json *json, const char *name);
/** A string; every byte that is no part of well-formed UTF-8 is replaced by U+FFFD. */
void json_add_text(struct json *json, struct slice text);
/** A C string; NULL writes null. */
void json_add_string(struct json *json, const char *text);
/** A number; NaN and infinities write null. */
void json_add_number(struct json *json, double value);
/** An integer, exact also beyond 2^53. */
void json_add_integer(struct json *json, int64_t value);
/** true or false. */
void json_add_boolean(struct json *json, bool value);
/** null. */
void json_add_null(struct json *json);
/** Text that is already JSON, put in as one value. */
void json_add_raw(struct json *json, struct slice value);

/** RFC 8785's order of members, by UTF-16 code units: below, equal to or above 0, as strcmp(). Both must be UTF-8. */
int json_compare_names(const char *a, const char *b);

/** The length in bytes of the well-formed UTF-8 sequence at the start of `left` > 0 bytes (RFC 3629); 0: there is none. */
size_t json_utf8_length(const uint8_t *at, size_t left);

#endif
