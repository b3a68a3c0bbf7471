/*
 * What count_mallocs.c counts in a process, in a file that another process maps to read: calls of malloc, calloc and
 * realloc by who called. Written by many threads, so only nearly exact.
 */
#ifndef OUTLIERD_MALLOC_COUNTS_H
#define OUTLIERD_MALLOC_COUNTS_H

#include <stdint.h>

#define MALLOC_CALLERS 1024 /* a power of two */

struct malloc_counts {
	uint64_t own;        /* called by the program's own code */
	uint64_t librdkafka; /* by librdkafka's */
	uint64_t other;      /* by other libraries', libc among them */
	struct {
		uintptr_t address; /* of the call, from the program's load address; 0: free */
		uint64_t count;
	} callers[MALLOC_CALLERS]; /* of the program's own code */
};

#endif
