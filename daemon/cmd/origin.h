/*
 * Where scores come from: `score` writes FILE.scored.json beside its output, `evaluate` reads it, so that a model is not
 * judged by the rows that it was trained on. A file that has changed since (another size) has no such knowledge, and
 * neither has a stream.
 */
#ifndef OUTLIERD_ORIGIN_H
#define OUTLIERD_ORIGIN_H

#include "detectors/model.h"

struct origin {
	bool known;                             /* false: nothing is known of the model */
	char model_id[SHA256_HEX];              /* which scored */
	char input_sha256[SHA256_HEX];          /* of the vectors scored; empty: unknown */
	char trained_sha256[SHA256_HEX];        /* of the rows that the model was trained on; empty: unknown */
	int64_t trained_from_ms, trained_to_ms; /* their times; MODEL_TIME_UNKNOWN */
};

/** What a model says of its training. */
struct origin origin_of(const struct model *model);

/** Writes it beside a file of scores, whose size is taken from the disk. */
int origin_write(const char *scores_path, const struct origin *origin, struct err *err) MUST_USE;

/** Reads it; origin->known is false where there is none that fits. -1: it is there but damaged (ERR_DATA). */
int origin_read(const char *scores_path, struct origin *origin, struct err *err) MUST_USE;

/** ERR_DATA where the vectors scored are the training rows, or rows from from_ms to to_ms (from > to: times unknown) overlap them in time. */
int origin_check(const struct origin *origin, const char *scores_path, int64_t from_ms, int64_t to_ms,
		 struct err *err) MUST_USE;

#endif
