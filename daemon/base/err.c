#include "err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int set(struct err *err, enum err_code code, enum err_action action, const char *format, va_list arguments)
{
	assert(err != NULL && code != ERR_NONE);
	if (err->code != ERR_NONE)
		return -1;
	err->code = code;
	err->action = action;
	if (vsnprintf(err->message, sizeof err->message, format, arguments) < 0)
		err->message[0] = '\0';
	return -1;
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int status = set(err, code, ERR_EXIT, format, arguments);
	va_end(arguments);
	return status;
}

int err_set_action(struct err *err, enum err_code code, enum err_action action, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int status = set(err, code, action, format, arguments);
	va_end(arguments);
	return status;
}

int err_prepend(struct err *err, const char *format, ...)
{
	assert(err != NULL);
	if (err->code == ERR_NONE)
		return -1;

	/* Formatted apart from err->message, which may be among the arguments. */
	char context[sizeof err->message];
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(context, sizeof context - 2, format, arguments);
	va_end(arguments);
	if (wanted < 0)
		return -1;

	size_t prefix = strlen(context);
	context[prefix++] = ':';
	context[prefix++] = ' ';
	size_t kept = strlen(err->message);
	if (kept > sizeof err->message - 1 - prefix)
		kept = sizeof err->message - 1 - prefix;
	memmove(err->message + prefix, err->message, kept);
	memcpy(err->message, context, prefix);
	err->message[prefix + kept] = '\0';
	return -1;
}

int err_memory(struct err *err)
{
	return err_set(err, ERR_MEMORY, "out of memory");
}

void err_clear(struct err *err)
{
	assert(err != NULL);
	err->code = ERR_NONE;
	err->action = ERR_EXIT;
	err->message[0] = '\0';
}

bool err_is_set(const struct err *err)
{
	assert(err != NULL);
	return err->code != ERR_NONE;
}

int err_exit_status(const struct err *err)
{
	assert(err != NULL);
	switch (err->code) {
	case ERR_NONE:
		return 0;
	case ERR_USAGE:
		return 64;
	case ERR_DATA:
		return 65;
	case ERR_UNAVAILABLE:
		return 69;
	case ERR_INTERNAL:
		return 70;
	case ERR_MEMORY:
		return 71;
	case ERR_IO:
		return 74;
	case ERR_FENCED:
		return 75;
	case ERR_HALT:
		return 76;
	case ERR_CONFIG:
		return 78;
	}
	return 70;
}
