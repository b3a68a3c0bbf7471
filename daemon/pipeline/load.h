/*
 * How busy the loop is, and from that how long a batch may wait for more records. A commit costs milliseconds however many
 * records it is for, so waiting saves time; but who has time to spare should not wait. Waits and commits together take what
 * work leaves of the time; a batch waits so long that work and commits take LOAD_BUSY_SHARE of it. On an idle machine that
 * is next to nothing, under load it is more, and beyond what the loop can do the batch is full before.
 *
 * Pure: all times are arguments, in monotonic microseconds.
 */
#ifndef OUTLIERD_LOAD_H
#define OUTLIERD_LOAD_H

#include <stdint.h>

#define LOAD_BUSY_SHARE 0.75
#define LOAD_FILL_MOST 10 /* a batch waits for at most this many times the time of a commit */
#define LOAD_COMMITS 8
#define LOAD_OVER_US 1000000 /* what happened this long ago counts half or less */

struct load {
	int64_t commit_us;       /* a commit takes, over the last LOAD_COMMITS or so */
	int64_t committed_at_us; /* the last ended then; 0: never */
	int64_t since_us;        /* the time looked at began then; 0: never */
	int64_t waited_us;       /* of it: waiting for records */
	int64_t committing_us;   /* of it: in commits */
};

/** The loop has waited so long for records, until now. */
void load_waited(struct load *load, int64_t waited_us, int64_t now_us);
/** A commit took so long, and has just ended. */
void load_committed(struct load *load, int64_t took_us, int64_t now_us);
/** The share of the time that goes into neither waiting nor commits, 0 to 1; 0 where nothing is known yet. */
double load_work(const struct load *load, int64_t now_us);
/** Until when a batch that has records may wait for more: not beyond the present if there is time to spare. */
int64_t load_fill_until(const struct load *load, int64_t now_us);

#endif
