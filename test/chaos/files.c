/* Files of the scenarios, in a folder of their own. */
#include "test/chaos/scenarios.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
	(void)facts, (void)kind, (void)at;
	return remove(path);
}

static void remove_folder(void)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scenario_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];
	if (folder[0] == '\0') {
		strcpy(folder, "/tmp/outlierd-chaos-XXXXXX");
		if (mkdtemp(folder) == NULL)
			scenario_give_up("no folder");
		atexit(remove_folder);
	}
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

void scenario_give_up(const char *what)
{
	printf("cannot go on: %s\n0 passed, 1 failed\n", what);
	exit(1);
}

void scenario_note_file(struct sweep_result *result, const char *path)
{
	char chunk[4096];
	size_t length;
	allocations_pause();
	FILE *file = fopen(path, "rb");
	sweep_note_text(result, file == NULL ? "(no file)" : "");
	while (file != NULL && (length = fread(chunk, 1, sizeof chunk, file)) > 0)
		sweep_note(result, (struct slice){chunk, length});
	if (file != NULL)
		fclose(file);
	allocations_resume();
}
