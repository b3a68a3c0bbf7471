/*
 * What a sample of a topic's records says about each field of their schema: how many values, how many different ones,
 * which equal the record's key, ranges, decimals. Pure: records are handed in value by value, as text, and no value is
 * kept, only its hash and its number. `init` proposes a configuration from it.
 */
#ifndef OUTLIERD_SURVEY_H
#define OUTLIERD_SURVEY_H

#include "daemon/io/avro_schema.h"
#include "daemon/ports.h"

#define SURVEY_FIELDS_MAX 512
#define SURVEY_DEPTH_MAX 8     /* records inside each other whose fields are looked at */
#define SURVEY_DECIMALS_MAX 12 /* counted apart; more are counted together */

enum survey_kind {
	SURVEY_STRING,
	SURVEY_ENUM,
	SURVEY_BOOLEAN,
	SURVEY_INTEGER,
	SURVEY_REAL,
	SURVEY_DECIMAL,
	SURVEY_MILLIS, /* Avro's logical timestamps */
	SURVEY_MICROS
};

/** A field's kind in words: "a string". Constant. */
const char *survey_kind_name(enum survey_kind kind);

/** One field of the writers' schemas. */
struct survey_field {
	char *path; /* through nested records with dots; owned */
	enum survey_kind kind;
	int scale;        /* of a decimal */
	bool nullable;    /* in some schema */
	bool mixed;       /* schemas differ about its kind */
	unsigned schemas; /* that have it */

	uint64_t *hashes; /* per record, never 0; 0: null */
	double *numbers;  /* per record: the number; of times ms since 1970; NaN: none */
	size_t present;   /* records in which it is not null */
	size_t key_equal; /* records whose key it equals, as text or as framed Avro */
	size_t instants;  /* texts that are RFC 3339 times */
	size_t fitting;   /* texts of 1 to EVENT_ENTITY_MAX bytes, which ids and entities may have */
	size_t card_like; /* 12 to 19 digits whose check digit is right (Luhn) */
	size_t iban_like; /* two letters, two digits, 11 to 30 letters or digits */
	size_t decimals[SURVEY_DECIMALS_MAX + 2]; /* numbers with so many decimals */

	/* From here on by survey_measure(). */
	size_t distinct, numeric;
	bool whole;                     /* all numbers are whole ones */
	double least, median, greatest; /* of the numbers; NaN: there are none */
};

struct survey {
	struct survey_field *fields;
	size_t field_count;
	unsigned schemas;        /* writers' schemas seen */
	int32_t partition_count; /* of the topic */
	size_t capacity, count;  /* records */
	int32_t *partitions;     /* per record */
	int64_t *timestamps_ms;  /* per record; -1: none */
	uint64_t *keys;          /* per record: hash; 0: no key */
	size_t keyed;
	uint64_t *scratch; /* as long as capacity, for counting */
};

/** Makes a survey of at most capacity records. NULL: out of memory. */
struct survey *survey_new(size_t capacity);
/** Frees it; NULL does nothing. */
void survey_free(struct survey *survey);

/** Takes a writer's schema into account: every scalar field of its record and of records inside it. Lists, maps and unions of several types are left out. ERR_DATA: its outermost type is no record. */
int survey_schema(struct survey *survey, const struct avro_node *root, struct err *err) MUST_USE;
/** As survey_schema() for one field of a schema; `schemas` is the caller's to count. */
int survey_add_field(struct survey *survey, const char *path, enum survey_kind kind, int scale, bool nullable,
		     struct err *err) MUST_USE;
/** The index of a field; -1: none of that path. */
int survey_find(const struct survey *survey, const char *path);

/** Begins the next record; there must be room. */
void survey_begin(struct survey *survey, const struct record *record);
/** A value of the record that was begun last, as daemon/io/avro_pick gives it; data NULL: null. */
void survey_value(struct survey *survey, size_t field, struct slice text, struct slice key);
/** The hash under which a text is counted; never 0, which stands for null. */
uint64_t survey_hash(struct slice text);
/** Computes what depends on all records. */
int survey_measure(struct survey *survey, struct err *err) MUST_USE;

/** How many different pairs of two fields' values there are, among records that have both. */
size_t survey_pairs(const struct survey *survey, size_t one, size_t other);
/** How many different pairs of a field's value and the record's key there are, among records that have both. */
size_t survey_pairs_with_keys(const struct survey *survey, size_t field);
/** How many different pairs of a field's value and its partition there are. */
size_t survey_pairs_with_partitions(const struct survey *survey, size_t field);
/** The count that a share of the field's values does not exceed: how many records its busiest values have. */
size_t survey_busiest(const struct survey *survey, size_t field, double share);

#endif
