/* What the files of an explanation share: explain.c (what was published, comparing) and explain_again.c. Nobody else includes it. */
#ifndef OUTLIERD_EXPLAIN_PARTS_H
#define OUTLIERD_EXPLAIN_PARTS_H

#include "daemon/cmd/explain.h"

struct explaining {
	struct world *world;
	struct explanation *explanation;
	const struct explain_options *options;
	struct kafka_reader *reader;
	struct publisher *json; /* the same messages as JSON */
	struct publish_options json_options;
	struct slice entity; /* of the record, as published; data NULL: none */
};

/** Runs the stretch that leads to the record through the daemon's stages, and keeps what it gives. */
int explain_again(struct explaining *explaining, const struct stretch *stretch, struct err *err) MUST_USE;

#endif
