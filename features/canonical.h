/*
 * Definitions as canonical JSON (RFC 8785) and the hashes that identify them. Numbers of conditions are written as strings of
 * their one decimal form, since a double would not hold them exactly.
 */
#ifndef OUTLIERD_CANONICAL_H
#define OUTLIERD_CANONICAL_H

#include "buffer.h"
#include "features/definition.h"

/** Appends {"path":…,"scale":…,"type":…} with "default" and "minor" where given. */
void canonical_field(struct buffer *out, const struct field *field);

/** Appends the list of conditions. by_name: fields stand as names, else as canonical_field() has them. */
void canonical_where(struct buffer *out, const struct event_schema *schema, const struct condition_options *where,
		     size_t count, bool by_name);

/**
 * Sorts fields (indexes of the schema) by canonical_field(); those that read alike share a rank. distinct gets one field for each rank,
 * rank_of[field] the rank; both hold EVENT_FIELDS_MAX. The number of ranks; -1: out of memory.
 */
int canonical_sort(const struct event_schema *schema, const int *fields, size_t count, int *distinct,
		   int *rank_of) MUST_USE;

/** The feature-set id of checked options. -1: out of memory. */
int canonical_set_id(const struct feature_set_options *options, char id[SHA256_HEX]) MUST_USE;

/** The state id: everything that the transition reads. columns: a field of each kept column. -1: out of memory. */
int canonical_state_id(const struct feature_set_options *options, int64_t reach_ms, const int *columns,
		       size_t column_count, const char *hash_key, char id[SHA256_HEX]) MUST_USE;

/** The id of a (field, where) in panes; where_json as canonical_where() writes it without names. field NULL: rows. -1: out of memory. */
int canonical_tally_id(const struct field *field, const char *where_json, uint64_t *id) MUST_USE;

#endif
