/*
 * The program of `make chaos`: both sweeps, or a part of one.
 *
 *   chaos                        the short extent: what the test command runs
 *   chaos --full                 every allocation, every call
 *   chaos TEXT                   only scenarios whose names contain TEXT
 *   chaos SCENARIO N [onwards]   one run: the N-th allocation fails; with the stack of the failure
 *   chaos --seed S               another sample
 */
#include "test/chaos/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sweep_scenario *const tables[] = {scenarios_input, scenarios_features, scenarios_models,
						      scenarios_pipeline};

static const struct sweep_extent short_extent = {.first = 150, .sampled = 100, .onwards = 20, .seed = 1};
static const struct sweep_extent full_extent = {.first = 20000, .sampled = 5000, .onwards = 500, .seed = 1};

struct arguments {
	const char *name; /* NULL: all */
	size_t n;         /* 0: the sweep */
	bool onwards;
	struct sweep_extent extent;
};

static struct arguments parse(int argc, char **argv)
{
	struct arguments arguments = {.extent = short_extent};
	uint64_t seed = 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--full") == 0)
			arguments.extent = full_extent;
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
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

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);
	int passed = 0, failed = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sweep_begin();
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct sweep_scenario *scenario = tables[t]; scenario->name != NULL; scenario++) {
			if (arguments.name != NULL && strstr(scenario->name, arguments.name) == NULL)
				continue;
			bool good = arguments.n != 0 ? sweep_one(scenario, arguments.n, arguments.onwards)
						     : sweep_scenario(scenario, &arguments.extent);
			passed += good;
			failed += !good;
		}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
