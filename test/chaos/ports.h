/*
 * "Every call of a port fails once": stories of a daemon over the memory twins, told once undisturbed and once for every
 * call of every port function and each of its documented errors. In the end outputs and state must be the undisturbed
 * ones; a daemon that ended must have ended with the documented code, and the next one brings them about.
 */
#ifndef OUTLIERD_CHAOS_PORTS_H
#define OUTLIERD_CHAOS_PORTS_H

#include <stdbool.h>
#include <stddef.h>

/** Tells all stories with all faults; at most `most` calls a fault and story, spread evenly (0: all). *passed and *failed count the pairs of story and fault; each pair that fails says why. Only pairs whose "STORY: FAULT" contains `name` (NULL: all). */
void ports_sweep(const char *name, size_t most, int *passed, int *failed);

/** One run: the n-th call fails. */
bool ports_one(const char *name, size_t n);

#endif
