/*
 * Is a vector what the entity's events give? The judge of the running daemon: it rebuilds the events from the entity's log
 * and computes the vector naively (features/rescan). Slow, for a sample.
 */
#ifndef OUTLIERD_PARITY_H
#define OUTLIERD_PARITY_H

#include "features/rescan.h"

enum parity {
	PARITY_SAME,
	PARITY_DIFFERENT,
	PARITY_UNCHECKED /* the log alone does not give it: events were folded, forgotten or are too many, or memory is short */
};

/**
 * Checks the vector (usual filled) of an event that has just been applied: the entity is as it was left by it.
 * *feature: the first that differs, feature_set_count() where flags do. options: those that the set was compiled from.
 */
enum parity parity_check(const struct feature_set_options *options, const struct feature_set *set,
			 const struct entity *entity, const struct watermark *watermark, const struct event *event,
			 const struct vector *vector, size_t *feature);

#endif
