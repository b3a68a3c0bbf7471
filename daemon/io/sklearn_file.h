/*
 * Isolation forests that scikit-learn has fitted, as JSON (what tools/export_sklearn.py writes, gzipped or not:
 * docs/model-file.md, "From scikit-learn"). The file is taken for hostile: whatever is wrong with it is ERR_DATA with the
 * JSON path, or with tree and node. Never a pickle.
 */
#ifndef OUTLIERD_SKLEARN_FILE_H
#define OUTLIERD_SKLEARN_FILE_H

#include "detectors/model.h"

#define SKLEARN_FILE_BYTES_MAX (256u << 20) /* as stored, and inflated */

struct sklearn_options {
	bool both_ways; /* missing values go both ways; a file that says where they go is refused then */
};

/** Reads a file into a model without calibration and references. *named: the file names its features; else they are x0, x1, ... ERR_UNAVAILABLE: not there. */
struct model *sklearn_file_read(const char *path, const struct sklearn_options *options, bool *named,
				struct err *err) MUST_USE;

/** Reads the bytes of a file. */
struct model *sklearn_file_parse(struct slice contents, const struct sklearn_options *options, bool *named,
				 struct err *err) MUST_USE;

#endif
