/*
 * Records of the topic's past for commands that read it again: questions asked with patience, records kept for as long as
 * a batch, decoded as the daemon decodes them. No state, no group.
 */
#ifndef OUTLIERD_PAST_H
#define OUTLIERD_PAST_H

#include "daemon/cmd/world.h"

#define PAST_ATTEMPTS 10 /* of a question to brokers or registry, a second apart: a commit may be pending */

/** After a question that failed: false where it is to be asked again (a second has passed, *err is clear), true where not. */
bool past_given_up(const struct world *world, int attempt, struct err *err);

/** A copy of a record with key, value and headers, all in the arena. */
int past_keep(struct arena *arena, const struct record *from, struct record *to, struct err *err) MUST_USE;

/** Decodes a record. *reason REASON_NONE: *event is good; else *message says why it is none, in the arena. -1: the registry stays away, or no memory. */
int past_decode(const struct world *world, const struct record *record, struct arena *arena, struct event *event,
		enum reason *reason, const char **message, struct err *err) MUST_USE;

#endif
