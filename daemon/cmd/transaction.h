/*
 * Simulated transactions as bytes: CSV, JSON lines and Avro, by the schema schemas/transaction.avsc. The label stands in
 * columns and members of its own, is_fraud and fraud_kind, and never inside Avro.
 */
#ifndef OUTLIERD_TRANSACTION_H
#define OUTLIERD_TRANSACTION_H

#include "buffer.h"
#include "daemon/cmd/simulation.h"

/** Where a record stands in Kafka; its timestamp is the arrival and its key the card. */
struct transaction_position {
	int32_t partition;
	int64_t offset;
};

/** The Avro schema as compact JSON; with coordinates the fields _partition _offset _timestamp _key follow. */
const char *transaction_schema(bool coordinates);

/** Appends the header row. */
void transaction_csv_header(struct buffer *out, bool coordinates);
/** Appends a row. position NULL: no coordinates. */
void transaction_csv(struct buffer *out, const struct transaction *transaction,
		     const struct transaction_position *position);
/** Appends a line. position NULL: no coordinates. */
void transaction_json(struct buffer *out, const struct transaction *transaction,
		      const struct transaction_position *position);
/** Appends a record's body. position NULL: no coordinates. */
void transaction_avro(struct buffer *out, const struct transaction *transaction,
		      const struct transaction_position *position);

/** Appends the header row of labels. */
void transaction_label_header(struct buffer *out);
/** Appends a row of labels: transaction_id,is_fraud,fraud_kind. */
void transaction_label(struct buffer *out, const struct transaction *transaction);

#endif
