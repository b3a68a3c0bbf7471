/*
 * What is known of a CSV file of vectors beside its rows: `features` writes FILE.about.json, `train` reads it, so that a
 * model can say whether its order was assumed, and vectors of another feature set are refused. A file that has changed
 * since (another size) has no such knowledge, and neither has standard input.
 */
#ifndef OUTLIERD_ABOUT_H
#define OUTLIERD_ABOUT_H

#include "err.h"
#include "sha256.h"

#include <stdint.h>

struct about {
	bool known;         /* false: no file beside the vectors, or it is of others */
	bool order_assumed; /* the events had no Kafka coordinates */
	char feature_set_id[SHA256_HEX];
	uint64_t bytes; /* of the vectors' file */
};

/** Writes it beside the vectors' file. */
int about_write(const char *vectors_path, const struct about *about, struct err *err) MUST_USE;

/** Reads it; about->known is false where there is none that fits. -1: it is there but damaged (ERR_DATA). */
int about_read(const char *vectors_path, struct about *about, struct err *err) MUST_USE;

#endif
