/* The command line of `init`: what the user says of the topic, what is decided already, and which files are written. */
#ifndef OUTLIERD_INIT_ARGUMENTS_H
#define OUTLIERD_INIT_ARGUMENTS_H

#include "daemon/cmd/common.h"
#include "daemon/cmd/proposal_text.h"

#include <limits.h>

struct init_arguments {
	struct proposal_place place;    /* complete: defaults are in it */
	struct proposal_options wanted; /* of it what options say */
	struct common_list properties, property_files;
	const char *output;
	int64_t records;
	bool force, create_topics;
	char path[PATH_MAX], report[PATH_MAX]; /* the configuration, and the page that says why */
	char folder[PATH_MAX];                 /* of both */
	char schema_file[PATH_MAX];
};

/** Reads and completes them; as common_parse(). ERR_USAGE also where a file that would be written exists. */
int init_arguments_parse(struct init_arguments *arguments, int argc, char **argv, struct err *err) MUST_USE;

#endif
