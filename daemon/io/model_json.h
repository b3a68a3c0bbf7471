/*
 * The document of docs/model-file.md into a model, everything checked on the way. Writing it is model_write().
 */
#ifndef OUTLIERD_MODEL_JSON_H
#define OUTLIERD_MODEL_JSON_H

#include "detectors/model.h"

#include <jansson.h>

/** Builds the model, without its id. NULL and ERR_DATA with the JSON path where the document is damaged, newer or of another kind. */
struct model *model_json_read(const json_t *document, struct err *err) MUST_USE;

#endif
