/*
 * Inside a replay: where it begins and ends, kept as committed offsets of a group of its own, and what its group's first
 * committed offsets must be.
 */
#ifndef OUTLIERD_REPLAY_PLAN_H
#define OUTLIERD_REPLAY_PLAN_H

#include "daemon/cmd/replay.h"

struct replay_plan {
	int64_t *from, *ends; /* owned, by partition: [from, ends) */
	size_t count;         /* of partitions */
	bool resumed;         /* it was begun before */
};

/** Finds the plan, or makes and commits it, and gives the replay's group its first offsets. */
int replay_plan_open(struct replay_plan *plan, const struct world *world, const struct replay_options *options,
		     const char *live_group, struct err *err) MUST_USE;

/** Deletes the replay's groups. */
int replay_plan_delete(const struct world *world, struct err *err) MUST_USE;

/** Frees what it owns. */
void replay_plan_free(struct replay_plan *plan);

#endif
