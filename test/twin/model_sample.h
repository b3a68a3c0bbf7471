/* A whole seeded model for tests: trained, calibrated, with references and sources, as `train` would make it. */
#ifndef OUTLIERD_MODEL_SAMPLE_H
#define OUTLIERD_MODEL_SAMPLE_H

#include "detectors/model.h"

/** Trains on a seeded matrix of rows * columns with some values missing. Aborts where that fails; free with model_free(). */
struct model *model_sample(const struct train_options *options, size_t rows, size_t columns);

#endif
