/*
 * What `simulate` can simulate: card transactions, movements of portfolios and trades, each with its stream of events and
 * its forms as bytes, behind one face.
 */
#ifndef OUTLIERD_SIMULATED_H
#define OUTLIERD_SIMULATED_H

#include "daemon/cmd/row.h"
#include "daemon/cmd/transaction.h"
#include "daemon/io/event_file.h"

/** A kind of events. */
struct simulated_kind;

/** One event as it arrives. */
struct simulated_event {
	const char *key; /* the message key, in this event */
	int64_t arrival_ms;
	unsigned label; /* why it is planted; 0: it is not */
	bool late, duplicate;
	char key_text[ROW_TEXT_MAX];
	struct transaction transaction; /* of cards */
	struct row row;                 /* of the others */
};

/** A running simulation. */
struct simulated_stream;

/** The kind of a name: cards, portfolio, trades. NULL: there is none. */
const struct simulated_kind *simulated_kind_of(const char *name);
/** What its planted events are called: "fraudulent". */
const char *simulated_planted(const struct simulated_kind *kind);
/** How many labels there are, 0 (none) counted; at most SIMULATED_LABELS_MAX. */
unsigned simulated_labels(const struct simulated_kind *kind);
/** The name of a label; empty for 0. */
const char *simulated_label_name(const struct simulated_kind *kind, unsigned label);

#define SIMULATED_LABELS_MAX 8

/** Begins. ERR_USAGE: an option out of range; ERR_MEMORY. */
struct simulated_stream *simulated_open(const struct simulated_kind *kind, const struct simulation_options *options,
					struct err *err) MUST_USE;
/** The next arrival; the event must stay where it is, since its key points into it. -1: out of memory (ERR_MEMORY). */
int simulated_next(struct simulated_stream *stream, struct simulated_event *event, struct err *err) MUST_USE;
/** Ends it; NULL does nothing. */
void simulated_close(struct simulated_stream *stream);

/** Appends the Avro schema. */
void simulated_schema(struct buffer *out, const struct simulated_kind *kind, bool coordinates);
/** Appends the header row of CSV. */
void simulated_csv_header(struct buffer *out, const struct simulated_kind *kind, bool coordinates);
/** Appends an event in a format, of Avro the record's body. position NULL: no coordinates. */
void simulated_write(struct buffer *out, const struct simulated_kind *kind, enum event_file_format format,
		     const struct simulated_event *event, const struct transaction_position *position);
/** Appends the header row of labels. */
void simulated_label_header(struct buffer *out, const struct simulated_kind *kind);
/** Appends an event's row of labels. */
void simulated_label(struct buffer *out, const struct simulated_kind *kind, const struct simulated_event *event);

#endif
