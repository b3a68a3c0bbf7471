/*
 * Collects the problems of one configuration and hands each to the caller's callback. Internal to config/.
 */
#ifndef OUTLIERD_CONFIG_PROBLEM_H
#define OUTLIERD_CONFIG_PROBLEM_H

#include "arena.h"
#include "config/config.h"

#define CONFIG_PATH_MAX 512 /* bytes of a key path; the end of a longer one is cut off */

struct problem_path;

struct config_problems {
	config_problem *report; /* NULL: only counted, the first kept */
	void *context;
	struct arena *arena; /* borrowed */
	struct problem_path *paths;
	const struct problem_path *settled; /* those of earlier phases */
	size_t count;
	struct err first;   /* the first problem as "path: message" */
	bool out_of_memory; /* from here on nothing is reported: it may only seem to be a problem */
};

/** Reports a problem at a key path. */
void config_problem_add(struct config_problems *problems, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);

/** True where an error is no problem of the configuration, but says that memory is out. */
bool config_problem_is_memory(struct config_problems *problems, const struct err *err);

/** Begins a phase: what has been reported so far is what later problems may follow from. */
void config_problem_settle(struct config_problems *problems);

/** Reports a problem that may only follow from one of an earlier phase: says nothing where such a one stands at, above or below this path. */
void config_problem_follow(struct config_problems *problems, const char *path, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** True where a problem stands at this very path. */
bool config_problem_at(const struct config_problems *problems, const char *path);

/** Appends a member to a key path: "kafka" and "group_id" make "kafka.group_id"; a key that is no plain name stands in brackets, an empty one adds nothing. */
void config_path_member(char inner[CONFIG_PATH_MAX], const char *path, const char *key);

/** Appends an index to a key path: "features" and 3 make "features[3]". */
void config_path_element(char inner[CONFIG_PATH_MAX], const char *path, size_t i);

/** True where a problem stands at this path or below it. */
bool config_problem_under(const struct config_problems *problems, const char *path);

#endif
