/*
 * For tests of files and commands: a folder that goes away again, whole files as texts, a command run inside this process
 * with its standard streams caught. Texts are the caller's to free.
 */
#ifndef OUTLIERD_TEST_FILES_H
#define OUTLIERD_TEST_FILES_H

#include "test.h"

#include <ftw.h>
#include <unistd.h>

#define FILES_PATH 256
#define FILES_ARGUMENTS 40

static char files_folder[FILES_PATH];

static int files_remove(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
	(void)facts;
	(void)kind;
	(void)at;
	return remove(path);
}

static void files_end(void)
{
	(void)nftw(files_folder, files_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* The folder is made at the first call and removed when the program ends. */
static const char *files_path(const char *name)
{
	static char paths[8][2 * FILES_PATH];
	static unsigned next;
	char *path = paths[next++ % 8];
	if (*files_folder == '\0') {
		strcpy(files_folder, "/tmp/outlierd-test-XXXXXX");
		if (mkdtemp(files_folder) == NULL)
			abort();
		atexit(files_end);
	}
	snprintf(path, sizeof paths[0], "%s/%s", files_folder, name);
	return path;
}

/* Writes a file and gives its path. */
static const char *files_write(const char *name, const void *content, size_t length)
{
	const char *path = files_path(name);
	FILE *file = fopen(path, "wb");
	if (file == NULL || fwrite(content, 1, length, file) != length || fclose(file) != 0)
		abort();
	return path;
}

static inline const char *files_text(const char *name, const char *text)
{
	return files_write(name, text, strlen(text));
}

/* A whole file, terminated; length may be NULL. */
static inline char *files_read(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	size_t size = 0, got;
	char *text = malloc(1);
	if (file != NULL) {
		do {
			text = realloc(text, size + 65537);
			got = fread(text + size, 1, 65536, file);
			size += got;
		} while (got > 0);
		fclose(file);
	}
	text[size] = '\0';
	if (length != NULL)
		*length = size;
	return text;
}

/* What a command did. */
struct outcome_of {
	int status;
	char *out, *err;
};

static inline void files_catch(int descriptor, const char *name, int *saved)
{
	FILE *file = fopen(files_path(name), "wb");
	fflush(NULL);
	*saved = dup(descriptor);
	if (file == NULL || dup2(fileno(file), descriptor) < 0)
		abort();
	fclose(file);
}

static inline void files_release(int descriptor, int saved)
{
	fflush(NULL);
	if (dup2(saved, descriptor) < 0)
		abort();
	close(saved);
}

/* Runs a command with arguments that are parted by blanks; "@name" becomes the path of that file in the folder. */
static inline struct outcome_of files_run(int (*command)(int, char **), const char *line)
{
	char copy[4096], texts[FILES_ARGUMENTS][2 * FILES_PATH], *arguments[FILES_ARGUMENTS + 1];
	struct outcome_of outcome;
	int count = 0, saved_out, saved_err;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word != NULL && count < FILES_ARGUMENTS; word = strtok(NULL, " ")) {
		snprintf(texts[count], sizeof texts[count], "%s", *word == '@' ? files_path(word + 1) : word);
		arguments[count] = texts[count];
		count++;
	}
	arguments[count] = NULL;
	files_catch(STDOUT_FILENO, "caught.out", &saved_out);
	files_catch(STDERR_FILENO, "caught.err", &saved_err);
	outcome.status = command(count, arguments);
	files_release(STDOUT_FILENO, saved_out);
	files_release(STDERR_FILENO, saved_err);
	outcome.out = files_read(files_path("caught.out"), NULL);
	outcome.err = files_read(files_path("caught.err"), NULL);
	return outcome;
}

static inline void files_forget(struct outcome_of *outcome)
{
	free(outcome->out);
	free(outcome->err);
}

/* Runs a command that must succeed; its messages do not matter. */
static inline void files_do(int (*command)(int, char **), const char *line)
{
	struct outcome_of outcome = files_run(command, line);
	EXPECT_INT(outcome.status, 0);
	if (outcome.status != 0)
		printf("  %s\n  %s", line, outcome.err);
	files_forget(&outcome);
}

#endif
