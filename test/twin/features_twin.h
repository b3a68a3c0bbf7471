/*
 * The naive twin of features/: keeps every scored event of every entity for ever and answers each question by going over
 * all of them (features/rescan, which shares no code with the rest of features/).
 */
#ifndef OUTLIERD_FEATURES_TWIN_H
#define OUTLIERD_FEATURES_TWIN_H

#include "features/apply.h"

struct features_twin;

/** A partition without history; the options must outlive it. */
struct features_twin *features_twin_new(const struct feature_set_options *options);
/** Frees it. */
void features_twin_free(struct features_twin *twin);
/** What must happen to an event (its texts must outlive the twin), with the vector where it is scored. */
enum outcome features_twin_apply(struct features_twin *twin, const struct event *event, struct vector *vector,
				 enum reason *reason);
/** The event that was scored under an offset, of an entity; NULL: none. */
const struct event *features_twin_event(const struct features_twin *twin, struct slice entity, int64_t offset);
/** The vector that a scored event would have now, with all that has come since; the event under the offset `without` left out (-1: none). */
void features_twin_again(const struct features_twin *twin, const struct event *event, int64_t without,
			 struct vector *vector);
/** The watermark as it now is. */
int64_t features_twin_watermark(const struct features_twin *twin);
/** Number of events of an entity that are in reach and not folded. */
size_t features_twin_visible(const struct features_twin *twin, struct slice entity);

#endif
