/* Where two JSON values part. */
#ifndef OUTLIERD_JSON_DIFFERENCE_H
#define OUTLIERD_JSON_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** True where they are equal (1 and 1.0 are). Else text gets the first difference: "score: 0.5, not 0.6"; a comes first. */
bool json_difference(const json_t *a, const json_t *b, char *text, size_t size);

#endif
