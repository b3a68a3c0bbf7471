/*
 * A stretch of the topic decided again in memory, beside what was published of it: which alerts are new, gone or other, and
 * why. Nothing is published, no group joined. With the model, policy and features that decided, and with whole history,
 * there is no difference: a replay applies records in the order of their offsets, as the daemon did.
 */
#ifndef OUTLIERD_REPLAY_COMPARE_H
#define OUTLIERD_REPLAY_COMPARE_H

#include "daemon/cmd/stretch.h"

struct replay_compare_options {
	const struct stretch_edge *edges; /* from, to */
	int64_t warm_up_ms;               /* negative: one reach */
	size_t memory_bytes;
	size_t examples;    /* of differences, shown at most */
	const char *report; /* a JSON file, "-": standard output instead of the summary; NULL: none */
};

/** Compares and prints. ERR_DATA: there are differences. */
int replay_compare(struct world *world, const struct replay_compare_options *options, struct err *err) MUST_USE;

#endif
