/*
 * A source that ends: of each partition only records below its bound, at no more than a given rate. All else passes
 * through to the source below, which is borrowed.
 */
#ifndef OUTLIERD_BOUNDED_SOURCE_H
#define OUTLIERD_BOUNDED_SOURCE_H

#include "daemon/ports.h"

struct bounded_source {
	struct source below;
	const struct clock *clock; /* borrowed */
	const int64_t *ends;       /* borrowed; by partition, the first offset that is not wanted */
	size_t count;              /* of partitions */
	double rate;               /* records a second at most; 0: any */
	const volatile int *held;  /* while it is not 0 no record is handed out; borrowed. NULL: never */
	double allowance;          /* records that may be taken now */
	int64_t last_us;
};

/** The port over this one; `bounded` must outlive it, its members below, clock, ends, count and rate set. */
struct source bounded_source_port(struct bounded_source *bounded);

#endif
