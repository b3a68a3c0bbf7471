/*
 * Errors as values: what went wrong, what the caller must do about it, and a message that reads from the outside in.
 *
 * A fallible function returns 0 or -1 (or NULL) and fills a `struct err` that its caller owns. The first error wins:
 * setting a filled error again changes nothing, so cleanup code cannot hide a root cause. On the way up callers prepend
 * context ("config /etc/x.json: features[3]: ...").
 */
#ifndef OUTLIERD_ERR_H
#define OUTLIERD_ERR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/** What kind of failure; err_exit_status() maps it to sysexits.h. */
enum err_code {
	ERR_NONE = 0,
	ERR_USAGE,       /* bad command line: 64 */
	ERR_DATA,        /* bad input data, or a comparison found a difference: 65 */
	ERR_UNAVAILABLE, /* a service or file is not to be had: 69 */
	ERR_INTERNAL,    /* a defect of this program: 70 */
	ERR_MEMORY,      /* out of memory: 71 */
	ERR_IO,          /* reading or writing failed: 74 */
	ERR_FENCED,      /* another process took over: 75 */
	ERR_HALT,        /* stopped rather than guess: 76 */
	ERR_CONFIG       /* bad configuration: 78 */
};

/** What the batch loop must do. */
enum err_action {
	ERR_EXIT = 0,    /* end the process with err_exit_status() */
	ERR_RETRY,       /* back-pressure: wait, then try the same again */
	ERR_ABORT_BATCH, /* discard the overlay, apply the batch again */
	ERR_RECOVER,     /* outcome unknown or fenced: destroy the producer, drop caches, run recovery */
	ERR_HALT_PARTITION
};

struct err {
	enum err_code code;
	enum err_action action;
	char message[1024];
};

/**
 * Sets *err unless it is already set (code != ERR_NONE); action becomes ERR_EXIT. Returns -1, so `return
 * err_set(...)`.
 */
int err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/** As err_set(), with an action for the batch loop. Returns -1. */
int err_set_action(struct err *err, enum err_code code, enum err_action action, const char *format, ...)
    PRINTF_LIKE(4, 5);

/** Puts "context: " before the message of a set error; a message too long loses its end. Returns -1. */
int err_prepend(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/** Sets ERR_MEMORY with a fixed message. Returns -1. */
int err_memory(struct err *err);

/** Empties *err so that it can be used again. */
void err_clear(struct err *err);

/** True when *err holds an error. */
bool err_is_set(const struct err *err);

/** The process exit status of an error, after sysexits.h: 64 65 69 70 71 74 75 76 78; 0 for ERR_NONE. */
int err_exit_status(const struct err *err);

#endif
