/*
 * The whole way offline: events of a file through the stages of the daemon, its messages written as JSON lines. What
 * comes out equals what the daemon publishes for the same records (P5).
 */
#ifndef OUTLIERD_SCORE_EVENTS_H
#define OUTLIERD_SCORE_EVENTS_H

#include "daemon/io/event_file.h"
#include "err.h"

struct score_events_options {
	const char *config;
	const char *input;
	enum event_file_format format;
	const char *alerts;     /* file, "-": standard output; NULL: not written */
	const char *decisions;  /* likewise */
	const char *enriched;   /* likewise; needs output.enriched in the configuration */
	const char *amendments; /* likewise; needs output.amendments */
	const char *model;      /* model file instead of the directory's current one; NULL: that */
	int32_t partitions;     /* of the topic, for the partitioner check; 0: not checked */
};

/** Does it, with progress and a summary on standard error. */
int score_events(const struct score_events_options *options, struct err *err) MUST_USE;

#endif
