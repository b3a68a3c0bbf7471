/*
 * The audit: reads the input topic up to the committed offsets and everything that was published of it, read_committed
 * and without joining the group, computes with the daemon's own stages what must have come out, and compares byte for
 * byte. It changes nothing.
 *
 * Where retention has cut the topic, history is missing at first: messages of the records there are counted as not
 * verified until no window reaches before the cut. So are those that another model or policy decided.
 */
#ifndef OUTLIERD_AUDIT_H
#define OUTLIERD_AUDIT_H

#include "daemon/cmd/world.h"

struct audit_options {
	int64_t from_ms; /* compare records with a timestamp from here on; INT64_MIN: all */
};

/** Does it: differences and what is to be known on standard output, a summary in the last line. ERR_DATA: there are differences; ERR_UNAVAILABLE: brokers or registry do not answer. */
int audit(struct world *world, const struct audit_options *options, struct err *err) MUST_USE;

#endif
