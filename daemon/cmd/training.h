/*
 * A model from vectors. As many rows as may be the reference rows (docs/model-file.md) are held, so that most files are
 * read once; a longer one is read twice: first to count and hash it, then to fetch the rows that were drawn. So memory does
 * not grow with the file.
 */
#ifndef OUTLIERD_TRAINING_H
#define OUTLIERD_TRAINING_H

#include "daemon/cmd/vectors.h"
#include "detectors/model.h"

/** Counts rows for a progress line; done and total in bytes. */
typedef void training_progress(void *context, const char *what, uint64_t rows, uint64_t done, uint64_t total);

struct training_options {
	struct train_options train;
	bool order_assumed;           /* of the training rows */
	bool calibrate_order_assumed; /* of the calibration rows, where they are others */
	training_progress *progress;  /* NULL: none */
	void *context;
};

/**
 * Trains on the chosen columns of rows that are not warming (opened as rewindable, with *hash, nothing read yet), and
 * calibrates on `calibrate` (NULL: on the same rows; else opened alike, with *calibrate_hash). ERR_DATA
 * where no row is left, and with its line where a column is no number. The model has no feature-set id yet.
 */
struct model *training_run(const struct training_options *options, struct vectors *rows, struct sha256 *hash,
			   struct vectors *calibrate, struct sha256 *calibrate_hash, struct err *err) MUST_USE;

/** Calibrates a forest from elsewhere on the chosen columns of rows that are not warming (opened as rewindable, with *hash, nothing read yet): thresholds, and what is usual for each feature. Errors as training_run(). */
int training_calibrate(const struct training_options *options, struct vectors *rows, struct sha256 *hash,
		       struct model *model, struct err *err) MUST_USE;

#endif
