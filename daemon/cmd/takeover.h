/*
 * The live pipeline's state made anew from the topic, under the present configuration, and put in place of what Redis
 * holds: one atomic step per partition, guarded by the marker that was read before. For state that was made with other
 * fields or windows, or has a hole. The daemon is stopped, or halted, or meets the new marker and recovers from it.
 */
#ifndef OUTLIERD_TAKEOVER_H
#define OUTLIERD_TAKEOVER_H

#include "daemon/cmd/world.h"

/** Rebuilds and takes over every partition that has a committed offset; prints what it did. warm_up_ms: as stretch_resolve(). ERR_UNAVAILABLE: a partition's state was written by another process meanwhile, do it again. */
int takeover(struct world *world, int64_t warm_up_ms, size_t memory_bytes, struct err *err) MUST_USE;

#endif
