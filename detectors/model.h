/*
 * A model: a forest with the names of its features, what is usual for each, and the calibration of its scores. The file
 * form (one canonical JSON document, id = SHA-256 of its bytes) is docs/model-file.md; reading and writing files is
 * daemon/io/model_file, this is the pure part.
 */
#ifndef OUTLIERD_MODEL_H
#define OUTLIERD_MODEL_H

#include "buffer.h"
#include "detectors/forest.h"
#include "detectors/train.h"
#include "sha256.h"

#define MODEL_QUANTILES 1001
#define MODEL_HIGHEST_MAX 1000
#define MODEL_DRIFT_EDGES_MAX 9 /* inner edges of at most ten bins */
#define MODEL_VERSION 1
#define MODEL_KIND "isolation_forest"
#define MODEL_LEAF_DENSITY "density"
#define MODEL_CUTS_GAIN "gain"
#define MODEL_NAME_BYTES_MAX 256 /* of a feature's name */

/** What is usual for one feature in training: over a seeded sample of at most 1,000,000 rows; NaN where all were missing. */
struct feature_reference {
	double p5, median, p95;
	double edges[MODEL_DRIFT_EDGES_MAX]; /* unique deciles, ascending */
	size_t edge_count;
	double minimum, maximum;
	double missing_share;
};

/** The calibration scores (n 0: none, an import): q[i] = sorted[ceil(i*n/1000)] (1-based; q[0] = least), and the highest in descending order. */
struct calibration {
	uint64_t n;
	double quantiles[MODEL_QUANTILES];
	double highest[MODEL_HIGHEST_MAX];
	size_t highest_count; /* min(n, MODEL_HIGHEST_MAX) */
};

#define MODEL_TIME_UNKNOWN INT64_MIN

/** What it was trained and calibrated on. Times in ms, at most 2^53 either side of 1970; MODEL_TIME_UNKNOWN: unknown. */
struct model_source {
	char sha256[SHA256_HEX]; /* of the input bytes; empty: unknown */
	uint64_t rows;           /* used */
	uint64_t rows_left_out;  /* warming */
	int64_t time_from_ms, time_to_ms;
	bool order_assumed; /* trained on files without coordinates */
};

/** A forest that was made elsewhere. */
struct model_import {
	char sha256[SHA256_HEX]; /* of the file; empty: the forest is our own */
	double offset;           /* scikit-learn calls a row an outlier where -score < offset, -1 .. 0 */
};

struct model {
	char id[SHA256_HEX];
	struct train_options options;
	size_t feature_count;
	char **features;                      /* names, owned */
	char feature_set_id[SHA256_HEX];      /* empty: trained without a configuration */
	struct feature_reference *references; /* feature_count, owned */
	struct calibration calibration;
	struct model_source trained_on, calibrated_on;
	struct model_import imported;
	struct forest *forest; /* owned */
};

/** Frees it and what it owns; NULL does nothing. */
void model_free(struct model *model);

/** A model without forest and calibration for so many features, names NULL, references all missing, sources unknown. NULL: out of memory. */
struct model *model_new(size_t feature_count);

/** Appends the canonical document of docs/model-file.md (without trailing newline). Needs forest and names. */
void model_write(const struct model *model, struct buffer *document);

/** Makes the calibration of n scores (unsorted; sorted in place). ERR_DATA where n is 0. */
int calibration_make(struct calibration *calibration, double *scores, uint64_t n, struct err *err) MUST_USE;
/** The score at quantile p in [0, 1] by nearest rank, sorted[ceil(p*n)]: from the highest where they reach, else p must be a multiple of .001 (ERR_CONFIG). p is taken to nine decimals. ERR_CONFIG too where there is no calibration. */
int calibration_quantile(const struct calibration *calibration, double p, double *score, struct err *err) MUST_USE;
/** Rank of a score among the calibration scores, 0 .. 1; NaN without calibration. */
double calibration_rank(const struct calibration *calibration, double score);
/** References of every column of a sample of rows (train_reference_rows() draws it). ERR_DATA where there is no row. */
int reference_make(struct feature_reference *references, const struct matrix *sample, struct err *err) MUST_USE;

#endif
