/* Collecting what is wrong with a configuration: every problem is reported, the first also stands in an err. */
#ifndef OUTLIERD_PROBLEM_H
#define OUTLIERD_PROBLEM_H

#include "err.h"

#include <stddef.h>

#define PROBLEM_PATH_MAX 256

/** Called once for each problem: the path below the options ("features[3].where[0].field"), what is wrong and what would be right. */
typedef void feature_problem(void *context, const char *path, const char *message);

struct problems {
	feature_problem *report; /* NULL: nobody but err */
	void *context;
	struct err *err;
	size_t count; /* so far */
	char path
	    [PROBLEM_PATH_MAX]; /* of what is being checked; grows and shrinks with problem_enter() and problem_leave() */
	size_t path_length;
};

/** Begins with an empty path. */
void problems_begin(struct problems *problems, feature_problem *report, void *context, struct err *err);

/** Appends to the path, printf-like; returns the length before, for problem_leave(). A path too long loses its end. */
size_t problem_enter(struct problems *problems, const char *format, ...) PRINTF_LIKE(2, 3);

/** Cuts the path to a length that problem_enter() gave. */
void problem_leave(struct problems *problems, size_t length);

/** Reports a problem at the present path followed by `below` (".field"; "" for the path itself). */
void problem_at(struct problems *problems, const char *below, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
