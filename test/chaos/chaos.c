/*
 * The program of `make chaos`: both sweeps, or a part of one.
 *
 *   chaos                        the short extent: what the test command runs
 *   chaos --full                 every allocation, every call
 *   chaos --seed S               another sample of allocations
 *   chaos --part allocations     one of the sweeps: allocations, ports
 *   chaos TEXT                   only scenarios (or "STORY: FAULT") whose names contain TEXT
 *   chaos --part P TEXT N        one run: the N-th allocation or call fails. Allocations: with the stack of the failure;
 *                                "onwards" behind it: all after it fail too. TEST_LOG=1 shows what daemons say
 */
#include "test/chaos/ports.h"
#include "test/chaos/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sweep_scenario *const tables[] = {scenarios_input, scenarios_features, scenarios_models,
						      scenarios_state, scenarios_commands, scenarios_pipeline};

static const struct sweep_extent short_extent = {.first = 60, .sampled = 40, .onwards = 10, .seed = 1};
static const struct sweep_extent full_extent = {.first = 20000, .sampled = 5000, .onwards = 500, .seed = 1};
#define SHORT_CALLS 30 /* of a story and a fault */

struct arguments {
	const char *name; /* NULL: all */
	const char *part; /* NULL: both */
	size_t n;         /* 0: the sweep */
	size_t calls;     /* of a story and a fault; 0: all */
	bool onwards;
	struct sweep_extent extent;
};

static struct arguments parse(int argc, char **argv)
{
	struct arguments arguments = {.extent = short_extent, .calls = SHORT_CALLS};
	uint64_t seed = 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--full") == 0) {
			arguments.extent = full_extent;
			arguments.calls = 0;
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--part") == 0 && i + 1 < argc)
			arguments.part = argv[++i];
		else if (strcmp(argv[i], "onwards") == 0)
			arguments.onwards = true;
		else if (arguments.name == NULL)
			arguments.name = argv[i];
		else
			arguments.n = strtoull(argv[i], NULL, 10);
	}
	arguments.extent.seed = seed;
	return arguments;
}

static bool wants_part(const struct arguments *arguments, const char *part)
{
	return arguments->part == NULL || strcmp(arguments->part, part) == 0;
}

static void sweep_allocations(const struct arguments *arguments, int *passed, int *failed)
{
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct sweep_scenario *scenario = tables[t]; scenario->name != NULL; scenario++) {
			if (arguments->name != NULL && strstr(scenario->name, arguments->name) == NULL)
				continue;
			bool good = arguments->n != 0 ? sweep_one(scenario, arguments->n, arguments->onwards)
						      : sweep_scenario(scenario, &arguments->extent);
			*passed += good;
			*failed += !good;
		}
}

static void sweep_ports(const struct arguments *arguments, int *passed, int *failed)
{
	if (arguments->n == 0) {
		ports_sweep(arguments->name, arguments->calls, passed, failed);
		return;
	}
	bool good = ports_one(arguments->name, arguments->n);
	*passed += good;
	*failed += !good;
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);
	int passed = 0, failed = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sweep_begin();
	if (wants_part(&arguments, "allocations"))
		sweep_allocations(&arguments, &passed, &failed);
	if (wants_part(&arguments, "ports"))
		sweep_ports(&arguments, &passed, &failed);
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
