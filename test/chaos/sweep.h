/*
 * "Every allocation fails once": a scenario is run once undisturbed, then once for every allocation that it makes, which
 * fails. Each such run must end in the same result, or in an error that says that memory is out; it must leave nothing
 * allocated; and the same scenario run again, undisturbed, must give the same result. Where the failed step can be tried
 * again, the scenario does so (sweep_again()) and must end in the same result.
 */
#ifndef OUTLIERD_CHAOS_SWEEP_H
#define OUTLIERD_CHAOS_SWEEP_H

#include "err.h"
#include "slice.h"
#include "test/chaos/allocations.h"

#include <stdint.h>

/** What a scenario made: its bytes, summed up. Needs no memory. */
struct sweep_result {
	uint64_t hash;
	size_t pieces;
};

/** One scenario. run: 0 and the result, or -1 and *err. Everything in it is counted but what stands between allocations_pause() and allocations_resume(). */
struct sweep_scenario {
	const char *name;
	int (*run)(struct sweep_result *result, struct err *err);
	enum err_code
	    code; /* also allowed beside ERR_MEMORY; 0: none. Such an error must be a passing one (ERR_RETRY) */
};

/** How much is swept. */
struct sweep_extent {
	size_t first;   /* all of the first so many allocations */
	size_t sampled; /* so many of those behind, drawn by the seed */
	size_t onwards; /* so many runs, evenly spread, in which every allocation from the n-th on fails */
	uint64_t seed;
};

/** Once, first: see allocations_begin(); a crash says from here on which run it was. */
void sweep_begin(void);

/** Adds bytes to a result. */
void sweep_note(struct sweep_result *result, struct slice bytes);
/** Adds a text. */
void sweep_note_text(struct sweep_result *result, const char *text);
/** Adds a number. */
void sweep_note_number(struct sweep_result *result, int64_t number);

/** True where *err (memory is out) came of the failure asked for and the step may be tried again; *err is clear then. An error that is set without saying so is a failure of the test. */
bool sweep_again(struct err *err) MUST_USE;

/** Sweeps a scenario; a line on standard output. False: something failed. */
bool sweep_scenario(const struct sweep_scenario *scenario, const struct sweep_extent *extent);
/** One run of it, with the n-th allocation failing: to look at it. */
bool sweep_one(const struct sweep_scenario *scenario, size_t n, bool onwards);

#endif
