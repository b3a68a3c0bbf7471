#include "config/problem.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_MAX 1024

struct problem_path {
	struct problem_path *next;
	const char *path;
};

/* True where `inner` is `outer` or lies in it: "a.b" and "a.b.c", "a[0]" and "a[0].x", but not "a.bc". */
static bool lies_in(const char *inner, const char *outer)
{
	size_t length = strlen(outer);
	if (strncmp(inner, outer, length) != 0)
		return false;
	char next = inner[length];
	return next == '\0' || next == '.' || next == '[';
}

static void remember(struct config_problems *problems, const char *path)
{
	struct problem_path *entry = arena_take(problems->arena, sizeof *entry);
	struct slice copy = arena_copy(problems->arena, slice_of(path));
	if (entry == NULL || copy.data == NULL) {
		problems->out_of_memory = true;
		return;
	}
	*entry = (struct problem_path){problems->paths, copy.data};
	problems->paths = entry;
}

static void add(struct config_problems *problems, const char *path, const char *format, va_list arguments)
{
	char message[MESSAGE_MAX];
	if (problems->out_of_memory)
		return;
	if (vsnprintf(message, sizeof message, format, arguments) < 0)
		message[0] = '\0';
	remember(problems, path);
	problems->count++;
	(void)err_set(&problems->first, ERR_CONFIG, "%s%s%s", path, *path == '\0' ? "" : ": ", message);
	if (problems->report != NULL)
		problems->report(problems->context, path, message);
}

void config_problem_add(struct config_problems *problems, const char *path, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add(problems, path, format, arguments);
	va_end(arguments);
}

bool config_problem_is_memory(struct config_problems *problems, const struct err *err)
{
	problems->out_of_memory |= err->code == ERR_MEMORY;
	return err->code == ERR_MEMORY;
}

void config_problem_settle(struct config_problems *problems)
{
	problems->settled = problems->paths;
}

void config_problem_follow(struct config_problems *problems, const char *path, const char *format, ...)
{
	for (const struct problem_path *at = problems->settled; at != NULL; at = at->next)
		if (lies_in(at->path, path) || lies_in(path, at->path))
			return;
	va_list arguments;
	va_start(arguments, format);
	add(problems, path, format, arguments);
	va_end(arguments);
}

bool config_problem_under(const struct config_problems *problems, const char *path)
{
	for (const struct problem_path *at = problems->paths; at != NULL; at = at->next)
		if (lies_in(at->path, path))
			return true;
	return false;
}

bool config_problem_at(const struct config_problems *problems, const char *path)
{
	for (const struct problem_path *at = problems->paths; at != NULL; at = at->next)
		if (strcmp(at->path, path) == 0)
			return true;
	return false;
}
