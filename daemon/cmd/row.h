/*
 * Simulated rows of any shape as bytes: a table of fields says how a row of integers is written as CSV, JSON lines and
 * Avro, and what its Avro schema is. The label stands in columns and members of its own, is_anomaly and anomaly_kind, and
 * never inside Avro. Card transactions have a writer of their own: transaction.h.
 */
#ifndef OUTLIERD_ROW_H
#define OUTLIERD_ROW_H

#include "buffer.h"
#include "daemon/cmd/transaction.h"

#define ROW_FIELDS_MAX 12
#define ROW_NULL INT64_MIN
#define ROW_TEXT_MAX 32 /* bytes of an id, name or symbol, terminator included */

/** What a value of a field is, and how it is written. */
enum row_type {
	ROW_ID,     /* 64 bits: 16 hexadecimal digits */
	ROW_TIME,   /* ms since 1970; Avro's timestamp-millis */
	ROW_NAME,   /* the word and eight digits */
	ROW_AMOUNT, /* units of 10^-scale; an Avro decimal */
	ROW_COUNT,  /* a whole number */
	ROW_SYMBOL  /* index of a symbol; an Avro enum */
};

struct row_field {
	const char *name;
	enum row_type type;
	bool nullable; /* ROW_NULL stands for null */
	int scale;
	const char *word;           /* of ROW_NAME what stands before the digits; of ROW_SYMBOL the enum's name */
	const char *const *symbols; /* NULL behind the last */
};

/** A kind of rows. Its first field is the id. */
struct row_shape {
	const char *name, *doc; /* of the Avro schema */
	size_t count, key;      /* fields; which of them is the message key, a ROW_NAME */
	struct row_field fields[ROW_FIELDS_MAX];
	const char *const *labels; /* names of the kinds of anomalies; the first stands for none and is empty */
	unsigned label_count;
};

/** One row. */
struct row {
	int64_t values[ROW_FIELDS_MAX];
	int64_t time_ms;    /* event time; also among the values */
	int64_t arrival_ms; /* when it is sent */
	uint32_t entity;    /* whom it belongs to, from 0 */
	uint32_t incident;  /* rows of one planted anomaly have the same number, from 1; 0: none */
	uint8_t label;
	bool late, duplicate;
};

/** The Avro schema as compact JSON; with coordinates the fields _partition _offset _timestamp _key follow. */
void row_schema(struct buffer *out, const struct row_shape *shape, bool coordinates);
/** The text of an id, a name or a symbol. */
const char *row_text(const struct row_field *field, int64_t value, char text[ROW_TEXT_MAX]);

/** Appends the header row. */
void row_csv_header(struct buffer *out, const struct row_shape *shape, bool coordinates);
/** Appends a row. position NULL: no coordinates. */
void row_csv(struct buffer *out, const struct row_shape *shape, const struct row *row,
	     const struct transaction_position *position);
/** Appends a line. position NULL: no coordinates. */
void row_json(struct buffer *out, const struct row_shape *shape, const struct row *row,
	      const struct transaction_position *position);
/** Appends a record's body. position NULL: no coordinates. */
void row_avro(struct buffer *out, const struct row_shape *shape, const struct row *row,
	      const struct transaction_position *position);

/** Appends the header row of labels. */
void row_label_header(struct buffer *out, const struct row_shape *shape);
/** Appends a row of labels: the id, is_anomaly, anomaly_kind, incident. */
void row_label(struct buffer *out, const struct row_shape *shape, const struct row *row);

#endif
