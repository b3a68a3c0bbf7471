/* A model described on standard output, for people and as JSON: all of it but its trees. */
#ifndef OUTLIERD_DESCRIBE_H
#define OUTLIERD_DESCRIBE_H

#include "detectors/model.h"

/** Prints `before` and the time in RFC 3339; nothing where it is unknown. */
void describe_time(int64_t time_ms, const char *before);

/** Prints a model for people. */
void describe_model(const struct model *model);

/** Prints a model as one JSON object: all but its trees, and a few quantiles of its calibration. ERR_MEMORY. */
int describe_json(const struct model *model, struct err *err) MUST_USE;

#endif
