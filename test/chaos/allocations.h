/*
 * Allocations that fail on request. The linker's --wrap puts these functions behind every malloc, calloc, realloc,
 * strdup, strndup, fopen, fdopen, scandir and regcomp that our own objects call; libcurl and hiredis (from 1.0 on) take
 * them as their allocators. What the C library, librdkafka and other threads allocate is neither counted nor fails; nor
 * what jansson does: in the program its allocator ends the process instead of failing (common_json_memory()).
 *
 * Every block so allocated is remembered until it is freed: what a run leaves behind is a leak, and is named by the code
 * that asked for it.
 */
#ifndef OUTLIERD_CHAOS_ALLOCATIONS_H
#define OUTLIERD_CHAOS_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

/** Makes this thread the one whose allocations count, and gives jansson, hiredis and libcurl their allocators. Once, first. */
void allocations_begin(void);

/** Counts from 0 again and forgets every live block. fail_at: the allocation that fails, the first is 1; 0: none. onwards: all after it fail too. */
void allocations_arm(size_t fail_at, bool onwards);
/** How many there were since then. */
size_t allocations_count(void);
/** True when one has failed since then. */
bool allocations_struck(void);
/** True when they fail one after the other: nothing can succeed when it is tried again. */
bool allocations_onwards(void);

/** Between these two nothing is counted, remembered or fails: the test's own business. They nest. */
void allocations_pause(void);
/** See allocations_pause(). */
void allocations_resume(void);

/** How many blocks of those allocated since allocations_arm() are not freed; where show is true, prints the first few. */
size_t allocations_leaked(bool show);

/** Prints the stack of the failure too (to find out why a run ends as it does). */
void allocations_trace(bool trace);

#endif
