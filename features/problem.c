#include "features/problem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void problems_begin(struct problems *problems, feature_problem *report, void *context, struct err *err)
{
	assert(err != NULL);
	problems->report = report;
	problems->context = context;
	problems->err = err;
	problems->count = 0;
	problem_leave(problems, 0);
}

size_t problem_enter(struct problems *problems, const char *format, ...)
{
	size_t before = problems->path_length;
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(problems->path + before, sizeof problems->path - before, format, arguments);
	va_end(arguments);
	if (length > 0)
		problems->path_length += (size_t)length;
	if (problems->path_length >= sizeof problems->path)
		problems->path_length = sizeof problems->path - 1;
	return before;
}

void problem_leave(struct problems *problems, size_t length)
{
	assert(length < sizeof problems->path);
	problems->path_length = length;
	problems->path[length] = '\0';
}

void problem_at(struct problems *problems, const char *below, const char *format, ...)
{
	char message[sizeof problems->err->message];
	va_list arguments;
	va_start(arguments, format);
	if (vsnprintf(message, sizeof message, format, arguments) < 0)
		message[0] = '\0';
	va_end(arguments);
	size_t before = problem_enter(problems, "%s", below);
	const char *path = problems->path[0] == '.' ? problems->path + 1 : problems->path;
	problems->count++;
	if (problems->report != NULL)
		problems->report(problems->context, path, message);
	if (path[0] == '\0')
		(void)err_set(problems->err, ERR_CONFIG, "%s", message);
	else
		(void)err_set(problems->err, ERR_CONFIG, "%s: %s", path, message);
	problem_leave(problems, before);
}
