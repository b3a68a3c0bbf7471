/*
 * What the subcommands share: arguments read by a small table from which --help is printed too, one way to end on an
 * error, a progress line, and the configuration with its problems on standard error.
 *
 * A command is: fill a struct common_command, common_parse(), work with a struct err, `return common_end(...)`. Its name
 * is the usage text's business; argv[0] is the subcommand ("features"), argv[1] its first argument.
 */
#ifndef OUTLIERD_COMMON_H
#define OUTLIERD_COMMON_H

#include "config/config.h"
#include "err.h"

#include <stdint.h>
#include <stdio.h>

#define COMMON_LIST_MAX 1024 /* elements of one --option a,b,c */
#define COMMON_NAME_BYTES_MAX 256

/** What an option takes, and the type behind its target. */
enum common_kind {
	COMMON_FLAG,    /* nothing; bool */
	COMMON_TEXT,    /* text; const char * */
	COMMON_LIST,    /* texts parted by commas; struct common_list. Given twice: both */
	COMMON_INTEGER, /* a decimal integer; int64_t */
	COMMON_NUMBER   /* a decimal number; double */
};

/** The elements of a list option. Pointers into argv, whose commas are overwritten. */
struct common_list {
	const char *items[COMMON_LIST_MAX];
	size_t count;
};

/** One option. The target keeps its value where the option is not given: set defaults before parsing. */
struct common_option {
	const char *name;  /* without the two dashes; NULL ends the table */
	const char *value; /* stands for its value in the help: "FILE"; NULL for flags */
	enum common_kind kind;
	void *target;
	bool required;
	double minimum, maximum; /* of integers and numbers, both included; both 0: any */
	const char *help;        /* what it does, with its default */
};

/** One subcommand's command line. */
struct common_command {
	const char *name;    /* "features" */
	const char *usage;   /* behind the name: "--config FILE --input F --output F [options]" */
	const char *summary; /* what it does, a sentence or a paragraph, lines broken as printed */
	const struct common_option *options;
	const char **positional; /* receives arguments that are no options; NULL where there are none */
	size_t positional_max;
	size_t *positional_count;
	const char *more; /* printed behind the options; NULL: nothing */
};

/**
 * Reads the arguments (`--name VALUE`, `--name=VALUE`, `--` ends options, a lone `-` is positional). 1: go on; 0: --help
 * was printed to standard output, end with 0; -1: ERR_USAGE says which argument and what would be right.
 */
int common_parse(const struct common_command *command, int argc, char **argv, struct err *err) MUST_USE;

/** Each element of a list option once, each of at most COMMON_NAME_BYTES_MAX bytes: ERR_USAGE. */
int common_list_once(const struct common_list *list, const char *option, struct err *err) MUST_USE;

/** Prints the help of a command. */
void common_help(const struct common_command *command, FILE *stream);

/** Ends a command: prints "outlierd NAME: message" to standard error where *err is set, and returns the exit status (0 without error). For usage errors a line points to --help. */
int common_end(const char *command, const struct err *err);

/** Reads a configuration; every problem is printed to standard error as "PATH: KEY: message". offline: missing secret files are no problem. */
struct config *common_config(const char *path, bool offline, struct err *err) MUST_USE;

/**
 * malloc() for jansson, which must never be refused: where its reader cannot have one more byte for a token it leaves
 * bytes out, and looks for the token's end beyond its buffer (2.14). Without memory the process ends here, status 71,
 * with a message; nothing at rest is the worse for it.
 */
void *common_json_memory(size_t size);

/** The name of the user who runs this, for records of changes. Lent until the next call. */
const char *common_user(void);

/** Milliseconds since 1970. */
int64_t common_wall_ms(void);
/** Microseconds that never go back. */
int64_t common_monotonic_us(void);

/** A line on standard error that says how far the work is; nothing where that is no terminal. */
struct common_progress {
	const char *what; /* "reading", borrowed */
	bool active;
	bool shown;
	int64_t started_us, last_us;
};

/** Begins. */
void common_progress_begin(struct common_progress *progress, const char *what);
/** Shows `count` things done ("events") and, where total > 0, done/total as a share. At most five lines a second; cheap enough to be called for every thousandth thing. */
void common_progress_show(struct common_progress *progress, uint64_t count, const char *things, uint64_t done,
			  uint64_t total);
/** Begins and shows for rows read in several passes, each with its own `what` (a training_progress). context: a zeroed struct common_progress. */
void common_progress_rows(void *context, const char *what, uint64_t rows, uint64_t done, uint64_t total);
/** Takes the line away. */
void common_progress_end(struct common_progress *progress);

/** "12.3 s" or "0.04 s" since a common_monotonic_us(), for summaries. */
const char *common_elapsed(int64_t since_us, char text[32]);

#endif
