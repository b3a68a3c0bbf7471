#include "test/chaos/sweep.h"

#include "rng.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define FAILURES_SHOWN 5
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* The run under way, for the last words of a crash, and what the scenarios say of retries. */
static struct {
	const char *name;
	size_t n;
	bool onwards, again, misnamed;
	char misnamed_message[256];
} running;

struct counts {
	size_t runs, errors, same, failures;
};

void sweep_note(struct sweep_result *result, struct slice bytes)
{
	const unsigned char *at = bytes.data;
	if (result->pieces++ == 0)
		result->hash = FNV_OFFSET;
	for (size_t i = 0; i < bytes.length; i++)
		result->hash = (result->hash ^ at[i]) * FNV_PRIME;
	result->hash = (result->hash ^ bytes.length) * FNV_PRIME;
}

void sweep_note_text(struct sweep_result *result, const char *text)
{
	sweep_note(result, slice_of(text));
}

void sweep_note_number(struct sweep_result *result, int64_t number)
{
	sweep_note(result, (struct slice){&number, sizeof number});
}

bool sweep_again(struct err *err)
{
	if (!allocations_struck() || allocations_onwards() || running.again)
		return false;
	running.again = true;
	if (err->code != ERR_MEMORY && err->action != ERR_RETRY && !running.misnamed) {
		running.misnamed = true;
		snprintf(running.misnamed_message, sizeof running.misnamed_message, "%.255s", err->message);
	}
	err_clear(err);
	return true;
}

/* Says which run it was before the sanitizer or the kernel ends the process. */
static void last_words(void)
{
	char text[256];
	int length = snprintf(text, sizeof text, "FAIL %s: crashed where allocation %zu%s fails\n0 passed, 1 failed\n",
			      running.name, running.n, running.onwards ? " and all after it" : "");
	(void)!write(STDOUT_FILENO, text, (size_t)length);
}

static void crashed(int signal_number)
{
	last_words();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

void sweep_begin(void)
{
	allocations_begin();
	signal(SIGABRT, crashed);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_set_death_callback(last_words);
#endif
}

static int run(const struct sweep_scenario *scenario, size_t n, bool onwards, struct sweep_result *result,
	       struct err *err)
{
	*result = (struct sweep_result){0};
	*err = (struct err){0};
	running.name = scenario->name;
	running.n = n;
	running.onwards = onwards;
	running.again = running.misnamed = false;
	allocations_arm(n, onwards);
	allocations_resume();
	int status = scenario->run(result, err);
	allocations_pause();
	return status;
}

static bool same(const struct sweep_result *a, const struct sweep_result *b)
{
	return a->hash == b->hash && a->pieces == b->pieces;
}

static bool clean_error(const struct sweep_scenario *scenario, const struct err *err)
{
	if (err->message[0] == '\0')
		return false;
	return err->code == ERR_MEMORY ||
	       (scenario->code != 0 && err->code == scenario->code && err->action == ERR_RETRY);
}

static void say(struct counts *counts, const char *what, const char *detail)
{
	if (counts->failures++ < FAILURES_SHOWN)
		printf("  %s: allocation %zu%s fails: %s%s%s\n", running.name, running.n,
		       running.onwards ? " and all after it" : "", what, detail[0] == '\0' ? "" : ": ", detail);
}

/* One run with a failing allocation, and what must hold of it. */
static void try(const struct sweep_scenario *scenario, size_t n, bool onwards, const struct sweep_result *wanted,
		struct counts *counts)
{
	struct sweep_result result;
	struct err err;
	char detail[1200];
	int status = run(scenario, n, onwards, &result, &err);
	bool struck = allocations_struck();
	counts->runs++;
	counts->errors += status != 0;
	counts->same += status == 0;
	if (status != 0 && !struck)
		say(counts, "an error although nothing failed", err.message);
	if (status != 0 && struck && !clean_error(scenario, &err)) {
		snprintf(detail, sizeof detail, "code %d, action %d, \"%s\"", (int)err.code, (int)err.action,
			 err.message);
		say(counts, "an error that does not say that memory is out", detail);
	}
	if (running.misnamed)
		say(counts, "an error that does not say that memory is out", running.misnamed_message);
	if (status == 0 && !same(&result, wanted))
		say(counts, "another result", "");
	if (allocations_leaked(false) != 0) {
		snprintf(detail, sizeof detail, "%zu blocks", allocations_leaked(false));
		say(counts, "a leak", detail);
		if (counts->failures <= FAILURES_SHOWN)
			(void)allocations_leaked(true);
	}
	if (status == 0)
		return;
	running.n = n;
	if (run(scenario, 0, false, &result, &err) != 0 || !same(&result, wanted)) {
		running.n = n;
		say(counts, "afterwards, undisturbed, not the same result", err.message);
	}
}

/* Undisturbed, twice: it must succeed, leave nothing, and be the same again. */
static bool measure(const struct sweep_scenario *scenario, struct sweep_result *wanted, size_t *count)
{
	struct sweep_result again;
	struct err err;
	if (run(scenario, 0, false, wanted, &err) != 0) {
		printf("FAIL %s: undisturbed: %s\n", scenario->name, err.message);
		return false;
	}
	*count = allocations_count();
	if (allocations_leaked(false) != 0) {
		printf("FAIL %s: undisturbed: %zu blocks leak\n", scenario->name, allocations_leaked(true));
		return false;
	}
	if (wanted->pieces == 0 || run(scenario, 0, false, &again, &err) != 0 || !same(&again, wanted)) {
		printf("FAIL %s: two undisturbed runs differ\n", scenario->name);
		return false;
	}
	return true;
}

bool sweep_scenario(const struct sweep_scenario *scenario, const struct sweep_extent *extent)
{
	struct sweep_result wanted;
	struct counts counts = {0};
	struct rng rng;
	size_t count = 0;
	if (!measure(scenario, &wanted, &count))
		return false;
	size_t first = count < extent->first ? count : extent->first, behind = count - first;
	for (size_t n = 1; n <= first; n++)
		try(scenario, n, false, &wanted, &counts);
	rng_seed(&rng, extent->seed);
	size_t sampled = behind < extent->sampled ? behind : extent->sampled;
	for (size_t i = 0; i < sampled; i++)
		try(scenario, behind == sampled ? first + i + 1 : first + 1 + rng_below(&rng, behind), false, &wanted,
		    &counts);
	size_t onwards = count < extent->onwards ? count : extent->onwards;
	for (size_t i = 0; i < onwards; i++)
		try(scenario, 1 + i * count / onwards, true, &wanted, &counts);
	printf("%s %s: %zu allocations, %zu runs: %zu with an error, %zu with the same result, %zu failures\n",
	       counts.failures == 0 ? "ok  " : "FAIL", scenario->name, count, counts.runs, counts.errors, counts.same,
	       counts.failures);
	return counts.failures == 0;
}

bool sweep_one(const struct sweep_scenario *scenario, size_t n, bool onwards)
{
	struct sweep_result wanted;
	struct counts counts = {0};
	size_t count = 0;
	if (!measure(scenario, &wanted, &count))
		return false;
	allocations_trace(true);
	try(scenario, n, onwards, &wanted, &counts);
	allocations_trace(false);
	printf("%zu allocations, run %zu: %s\n", count, n, counts.errors != 0 ? "an error" : "the same result");
	return counts.failures == 0;
}
