/*
 * build/sim --schedules N [--from SEED] [--jobs N] [--seconds S] [--keep-going]   many schedules
 * build/sim --seed SEED [--log] [--shrink]                                        one, in detail
 */
#include "test/sim/sim.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 500 /* schedules of one child process at a time */
#define JOBS_MAX 64

struct settings {
	uint64_t schedules, from, seed, jobs, seconds;
	bool one, loud, shrink, keep_going;
};

static int usage(void)
{
	fputs("usage: sim --schedules N [--from SEED] [--jobs N] [--seconds S] [--keep-going]\n"
	      "       sim --seed SEED [--log] [--shrink]\n",
	      stderr);
	return 64;
}

static bool read_settings(int argc, char **argv, struct settings *settings)
{
	*settings = (struct settings){.from = 1, .jobs = 1};
	for (int i = 1; i < argc; i++) {
		const struct {
			const char *name;
			uint64_t *value;
			bool *set;
		} options[] = {
		    {"--schedules", &settings->schedules, NULL}, {"--from", &settings->from, NULL},
		    {"--seed", &settings->seed, &settings->one}, {"--jobs", &settings->jobs, NULL},
		    {"--seconds", &settings->seconds, NULL},     {"--log", NULL, &settings->loud},
		    {"--shrink", NULL, &settings->shrink},       {"--keep-going", NULL, &settings->keep_going}};
		bool known = false;
		for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
			if (strcmp(argv[i], options[o].name) != 0)
				continue;
			known = true;
			if (options[o].set != NULL)
				*options[o].set = true;
			if (options[o].value == NULL)
				break;
			char *end = NULL;
			if (i + 1 == argc)
				return false;
			*options[o].value = strtoull(argv[++i], &end, 10);
			known = *end == '\0';
			break;
		}
		if (!known)
			return false;
	}
	return settings->one != (settings->schedules > 0) && settings->jobs > 0 && settings->jobs <= JOBS_MAX;
}

/* Tries a smaller plan; keeps it where it still fails. */
static bool try_plan(struct plan *best, const struct plan *candidate, char failure[1024])
{
	char why[1024];
	if (sim_run(candidate, false, NULL, why))
		return false;
	*best = *candidate;
	memcpy(failure, why, sizeof why);
	return true;
}

static void shrink(struct plan *plan, char failure[1024])
{
	for (bool better = true; better;) {
		better = false;
		for (int i = 0; i < plan->fault_count; i++) {
			struct plan smaller = *plan;
			if (smaller.faults[i].off)
				continue;
			smaller.faults[i].off = true;
			better |= try_plan(plan, &smaller, failure);
		}
		for (int less = plan->events / 2; less > 0; less /= 2) {
			struct plan smaller = *plan;
			smaller.events -= less;
			if (smaller.events > 0)
				better |= try_plan(plan, &smaller, failure);
		}
		if (plan->nodes > 1) {
			struct plan smaller = *plan;
			smaller.nodes--;
			for (int i = 0; i < smaller.fault_count; i++)
				smaller.faults[i].node %= smaller.nodes;
			better |= try_plan(plan, &smaller, failure);
		}
	}
}

static int run_one(const struct settings *settings)
{
	struct plan plan;
	char failure[1024];
	plan_make(settings->seed, &plan);
	plan_print(&plan, stdout);
	bool good = sim_run(&plan, settings->loud, NULL, failure);
	if (good) {
		printf("seed %" PRIu64 ": no violation\n", settings->seed);
		return 0;
	}
	if (settings->shrink) {
		shrink(&plan, failure);
		puts("the smallest schedule found that fails:");
		plan_print(&plan, stdout);
		(void)sim_run(&plan, false, NULL, failure);
	}
	if (!settings->loud)
		sim_print_trace(stdout);
	printf("seed %" PRIu64 ": %s\n", settings->seed, failure);
	return 1;
}

/* One child's share. What it counted and what failed goes up a pipe. */
struct report {
	struct sim_stats stats;
	uint64_t failed, seed;
	char failure[1024];
};

static void run_share(const struct settings *settings, uint64_t from, uint64_t count, int out)
{
	struct report report = {0};
	for (uint64_t seed = from; seed < from + count; seed++) {
		struct plan plan;
		char failure[1024];
		plan_make(seed, &plan);
		if (sim_run(&plan, false, &report.stats, failure))
			continue;
		if (report.failed++ == 0) {
			report.seed = seed;
			memcpy(report.failure, failure, sizeof failure);
		}
		if (settings->keep_going) {
			printf("seed %" PRIu64 ": %s\n", seed, failure);
			fflush(stdout);
		} else {
			break;
		}
	}
	if (write(out, &report, sizeof report) != (ssize_t)sizeof report)
		abort();
	exit(0);
}

static void add(struct sim_stats *total, const struct sim_stats *more)
{
	uint64_t *to = (uint64_t *)total;
	const uint64_t *from = (const uint64_t *)more;
	for (size_t i = 0; i < sizeof *total / sizeof *to; i++)
		to[i] += from[i];
}

static void print_totals(const struct sim_stats *stats, double seconds)
{
	printf("%" PRIu64 " schedules, %" PRIu64 " records, %" PRIu64 " outputs, %" PRIu64 " commits, %" PRIu64
	       " store writes, %" PRIu64 " kills, %" PRIu64 " fenced, %" PRIu64 " rebuilds, %.0f s\n",
	       stats->schedules, stats->records, stats->outputs, stats->commits, stats->writes, stats->kills,
	       stats->exits_fenced, stats->rebuilds, seconds);
	printf("faults:");
	for (int i = 0; i < FAULT_KINDS; i++)
		printf(" %s=%" PRIu64, fault_names[i], stats->faults[i]);
	printf("\nfinales:");
	for (int i = 1; i < FINALES; i++)
		printf(" %s=%" PRIu64, finale_names[i], stats->finales[i]);
	putchar('\n');
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct job {
	pid_t child;
	int pipe;
	uint64_t from;
};

static void begin_job(const struct settings *settings, struct job *job, uint64_t from, uint64_t count)
{
	int ends[2];
	fflush(stdout);
	if (pipe(ends) != 0)
		abort();
	job->from = from;
	job->child = fork();
	if (job->child < 0)
		abort();
	if (job->child == 0)
		run_share(settings, from, count, ends[1]);
	close(ends[1]);
	job->pipe = ends[0];
}

static void end_job(struct job *job, struct report *total)
{
	struct report report;
	int status = 0;
	ssize_t got = read(job->pipe, &report, sizeof report);
	close(job->pipe);
	waitpid(job->child, &status, 0);
	job->child = 0;
	if (got != (ssize_t)sizeof report) {
		report = (struct report){.failed = 1, .seed = job->from, .stats.schedules = 1};
		snprintf(report.failure, sizeof report.failure,
			 "the simulator crashed at or behind this seed, status %d", status);
	}
	add(&total->stats, &report.stats);
	if (report.failed > 0 && (total->failed == 0 || report.seed < total->seed)) {
		total->seed = report.seed;
		memcpy(total->failure, report.failure, sizeof report.failure);
	}
	total->failed += report.failed;
}

static int run_many(const struct settings *settings)
{
	struct job jobs[JOBS_MAX] = {{0}};
	struct report total = {0};
	double began = now_s();
	uint64_t next = settings->from, end = settings->from + settings->schedules;
	for (uint64_t turn = 0;; turn++) {
		struct job *job = &jobs[turn % settings->jobs];
		bool running = false;
		if (job->child != 0)
			end_job(job, &total);
		bool enough = (total.failed > 0 && !settings->keep_going) ||
			      (settings->seconds > 0 && now_s() - began > (double)settings->seconds);
		if (next < end && !enough) {
			uint64_t count = end - next < CHUNK ? end - next : CHUNK;
			begin_job(settings, job, next, count);
			next += count;
		}
		for (uint64_t i = 0; i < settings->jobs; i++)
			running |= jobs[i].child != 0;
		if (!running)
			break;
	}
	print_totals(&total.stats, now_s() - began);
	printf("seeds %" PRIu64 " to %" PRIu64 "\n", settings->from, next - 1);
	if (total.failed > 0)
		printf("seed %" PRIu64 ": %s\n  see it: build/sim --seed %" PRIu64 " --shrink\n", total.seed,
		       total.failure, total.seed);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", total.stats.schedules - total.failed, total.failed);
	return total.failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct settings settings;
	if (!read_settings(argc, argv, &settings))
		return usage();
	return settings.one ? run_one(&settings) : run_many(&settings);
}
