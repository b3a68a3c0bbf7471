#include "daemon/cmd/signals.h"

#include <signal.h>
#include <stddef.h>

static void fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

/* @locality signal thread. Signals are blocked everywhere else. */
static void *take(void *self)
{
	struct signals *signals = self;
	sigset_t set;
	int number;
	fill(&set);
	while (sigwait(&set, &number) == 0) {
		if (number == SIGHUP)
			signals->reload = 1;
		else
			signals->stop = 1;
	}
	return NULL;
}

int signals_start(struct signals *signals, struct err *err)
{
	sigset_t set;
	fill(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&signals->thread, NULL, take, signals) != 0)
		return err_set(err, ERR_INTERNAL, "cannot start the signal thread");
	signals->started = true;
	return 0;
}

void signals_end(struct signals *signals)
{
	if (!signals->started)
		return;
	pthread_cancel(signals->thread);
	pthread_join(signals->thread, NULL);
	signals->started = false;
}
