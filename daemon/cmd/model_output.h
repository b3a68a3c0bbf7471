/* Where a new model goes: a file, or a directory of models. */
#ifndef OUTLIERD_MODEL_OUTPUT_H
#define OUTLIERD_MODEL_OUTPUT_H

#include "detectors/model.h"

/** Writes the model to a file, or adds it to a directory (a path that ends in / is made), where it becomes the champion if there is none; says so on standard error. Sets the model's id. */
int model_output_write(const char *path, struct model *model, struct err *err) MUST_USE;

#endif
