/* SIGTERM, SIGINT and SIGHUP as flags that a loop looks at: a thread of its own waits for them, all others have them blocked. */
#ifndef OUTLIERD_SIGNALS_H
#define OUTLIERD_SIGNALS_H

#include "err.h"

#include <pthread.h>

struct signals {
	pthread_t thread;
	bool started;
	volatile int stop;   /* SIGTERM, SIGINT; written by the signal thread */
	volatile int reload; /* SIGHUP; likewise, set back by whoever obeys */
};

/** Blocks the signals (and SIGPIPE) in this thread and those it starts from now on, and waits for them in another. */
int signals_start(struct signals *signals, struct err *err) MUST_USE;

/** Ends the thread; a zeroed struct is left alone. */
void signals_end(struct signals *signals);

#endif
