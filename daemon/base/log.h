/*
 * One line a message to a stream, each in one write: as text ("2026-03-29T01:00:00.123Z warning ..."), for the journal
 * ("<4>...") or as JSON ({"time":...,"level":...,"message":...}). The logger is a value passed by pointer: two daemons
 * in one process have two. Never log identifiers of entities or events.
 */
#ifndef OUTLIERD_LOG_H
#define OUTLIERD_LOG_H

#include "err.h"

#include <stdint.h>
#include <stdio.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL, LOG_FORMAT_JSON };

struct log {
	FILE *stream; /* borrowed; NULL: silent */
	enum log_level level;
	enum log_format format;
	int64_t (*now_ms)(void *clock); /* wall clock for text and JSON; NULL: no time */
	void *clock;
};

/**
 * Writes one line where level is at most log->level. The text is a sentence, then key=value pairs; control characters
 * become blanks, and what is longer than 4,095 bytes ends in "...". Needs no memory; from any thread.
 */
void log_write(const struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);

/** Reads "error" "warning" "notice" "info" "debug"; -1: none of them. */
int log_level_parse(const char *text, enum log_level *level) MUST_USE;

#define log_error(log, ...) log_write((log), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write((log), LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(log, ...) log_write((log), LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(log, ...) log_write((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write((log), LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
