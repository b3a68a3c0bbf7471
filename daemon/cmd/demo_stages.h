/*
 * `demo --two-stage FOLDER`: the two pipelines of a folder (first.json, second.json, their models) in a row on an embedded
 * broker, over simulated cards and compromised merchants. A show: the broker dies with the process, and state is in memory.
 */
#ifndef OUTLIERD_DEMO_STAGES_H
#define OUTLIERD_DEMO_STAGES_H

#include "err.h"

/** Runs it and prints what each stage found; *stop, set from outside, ends it earlier. */
int demo_stages(const char *folder, volatile int *stop, struct err *err) MUST_USE;

#endif
