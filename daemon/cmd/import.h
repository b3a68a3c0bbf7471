/* outlierd model import: an isolation forest that scikit-learn has fitted becomes a model. */
#ifndef OUTLIERD_IMPORT_H
#define OUTLIERD_IMPORT_H

#include "daemon/cmd/common.h"
#include "features/definition.h"

/** Texts and lists as given on the command line, borrowed; NULL: not given. */
struct import_options {
	const char *input, *output, *calibrate, *missing;
	const struct common_list *features;
	const struct feature_set *set; /* of the configuration, NULL: none */
	const char *config;            /* the configuration's path, for messages */
};

/** Reads the forest, names its features, calibrates it where that is asked for, writes the model and a summary on standard error. */
int import_forest(const struct import_options *options, struct err *err) MUST_USE;

#endif
