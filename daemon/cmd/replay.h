/*
 * A backfill: the daemon's own pipeline over a stretch of the topic, under names of its own (group, transactional id,
 * namespace in Redis, output topics), so that it is exactly once and goes on after a crash as the daemon does.
 *
 * What makes it end and begin where it should: before the first record the replay's group gets a committed offset for each
 * partition, at the stretch's beginning, with metadata from which recovery rebuilds the state before it without output; a
 * bounded source ends it. Where it ends is the committed offset of a second group, GROUP.plan, which also says of which
 * replay it is: who comes again with the same arguments goes on, who comes with others is refused.
 */
#ifndef OUTLIERD_REPLAY_H
#define OUTLIERD_REPLAY_H

#include "daemon/cmd/stretch.h"

#define REPLAY_NAME "replay"

struct replay_options {
	const char *name;           /* part of the group's, the instance's and the namespace's name, and of topics' */
	const char *from, *to;      /* as named: part of what a replay is */
	struct stretch_edge *edges; /* both, parsed */
	int64_t warm_up_ms;         /* negative: one reach */
	double rate;                /* records a second; 0: any */
	unsigned jobs;              /* threads, at least 1; fewer are used where there are fewer partitions */
	bool keep;                  /* state and offsets stay when it is done */
	bool discard;               /* what an unfinished replay of this name has left is deleted first */
	const char *alerts, *decisions, *late,
	    *dead_letters; /* topics; NULL: the live one's name with .NAME behind it */
};

/** Gives the world's configuration the replay's names. ERR_USAGE where an output would be one of the live pipeline's topics. Before world_codec(). */
int replay_set_apart(struct world *world, const struct replay_options *options, struct err *err) MUST_USE;

/** Runs it. config: the file that the world was opened from, which each thread opens for itself. live_group: whose committed offsets an edge may mean. Prints the summary. ERR_UNAVAILABLE: stopped before its end. */
int replay_run(struct world *world, const char *config, struct replay_options *options, const char *live_group,
	       struct err *err) MUST_USE;

#endif
