#include "daemon/pipeline/load.h"

#include <assert.h>

/* What lies long ago counts less: the time looked at is halved, and with it what happened in it. */
static void forget(struct load *load, int64_t now_us)
{
	if (now_us - load->since_us <= LOAD_OVER_US)
		return;
	load->since_us = now_us - (now_us - load->since_us) / 2;
	load->waited_us /= 2;
	load->committing_us /= 2;
}

void load_waited(struct load *load, int64_t waited_us, int64_t now_us)
{
	assert(waited_us >= 0 && now_us >= waited_us);
	if (load->since_us == 0)
		load->since_us = now_us - waited_us;
	load->waited_us += waited_us;
	forget(load, now_us);
}

void load_committed(struct load *load, int64_t took_us, int64_t now_us)
{
	assert(took_us >= 0 && now_us >= took_us);
	if (load->since_us == 0)
		load->since_us = now_us - took_us;
	/* One slow commit must not make a batch wait that long too. */
	load->commit_us += load->committed_at_us == 0 ? took_us : (took_us - load->commit_us) / LOAD_COMMITS;
	load->committed_at_us = now_us;
	load->committing_us += took_us;
	forget(load, now_us);
}

double load_work(const struct load *load, int64_t now_us)
{
	int64_t time_us = now_us - load->since_us, free_us = load->waited_us + load->committing_us;
	if (load->since_us == 0 || time_us <= free_us)
		return 0;
	return (double)(time_us - free_us) / (double)time_us;
}

/*
 * With a commit of c and a share u of the time in work, a period T between commits keeps work and commits at the share S of
 * the time where u + c/T = S. What is left of T after work and commit, T(1 - u) - c, is the wait: c(1 - S)/(S - u).
 */
int64_t load_fill_until(const struct load *load, int64_t now_us)
{
	double spare = LOAD_BUSY_SHARE - load_work(load, now_us);
	double times = spare > 0 ? (1 - LOAD_BUSY_SHARE) / spare : LOAD_FILL_MOST;
	if (times > LOAD_FILL_MOST)
		times = LOAD_FILL_MOST;
	return load->committed_at_us + (int64_t)(times * (double)load->commit_us);
}
