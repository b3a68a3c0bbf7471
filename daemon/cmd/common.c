#include "daemon/cmd/common.h"

#include "number.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_INTERVAL_US 200000
#define STATUS_MEMORY 71 /* as err_exit_status() of ERR_MEMORY */
#define HELP_COLUMN 30   /* where the help of an option begins */

static const struct common_option *find(const struct common_command *command, struct slice name)
{
	for (const struct common_option *option = command->options; option->name != NULL; option++)
		if (slice_equal(slice_of(option->name), name))
			return option;
	return NULL;
}

static int set_list(const struct common_option *option, char *value, struct err *err)
{
	struct common_list *list = option->target;
	for (char *at = value; at != NULL;) {
		char *comma = strchr(at, ',');
		if (comma != NULL)
			*comma++ = '\0';
		if (*at == '\0')
			return err_set(err, ERR_USAGE, "--%s: an element of the list is empty", option->name);
		if (list->count == COMMON_LIST_MAX)
			return err_set(err, ERR_USAGE, "--%s: more than %d elements", option->name, COMMON_LIST_MAX);
		list->items[list->count++] = at;
		at = comma;
	}
	return 0;
}

static int check_range(const struct common_option *option, double number, const char *value, struct err *err)
{
	bool any = option->minimum == 0 && option->maximum == 0;
	if (any || (number >= option->minimum && number <= option->maximum))
		return 0;
	char low[NUMBER_TEXT_MAX], high[NUMBER_TEXT_MAX];
	number_format(option->minimum, low);
	number_format(option->maximum, high);
	return err_set(err, ERR_USAGE, "--%s: %s is not from %s to %s", option->name, value, low, high);
}

static int set_number(const struct common_option *option, const char *value, struct err *err)
{
	if (option->kind == COMMON_INTEGER) {
		int64_t integer;
		if (number_parse_integer(slice_of(value), &integer) != 0)
			return err_set(err, ERR_USAGE, "--%s: expected an integer, found \"%s\"", option->name, value);
		*(int64_t *)option->target = integer;
		return check_range(option, (double)integer, value, err);
	}
	double number;
	if (number_parse(slice_of(value), &number) != 0)
		return err_set(err, ERR_USAGE, "--%s: expected a number, found \"%s\"", option->name, value);
	*(double *)option->target = number;
	return check_range(option, number, value, err);
}

static int set_value(const struct common_option *option, char *value, struct err *err)
{
	switch (option->kind) {
	case COMMON_FLAG:
		*(bool *)option->target = true;
		return 0;
	case COMMON_TEXT:
		*(const char **)option->target = value;
		return 0;
	case COMMON_LIST:
		return set_list(option, value, err);
	case COMMON_INTEGER:
	case COMMON_NUMBER:
		break;
	}
	return set_number(option, value, err);
}

/* Takes the option at argv[*i] and its value; *i then stands on the last argument used. */
static int take_option(const struct common_command *command, int argc, char **argv, int *i, bool *seen, struct err *err)
{
	char *argument = argv[*i] + 2, *equals = strchr(argument, '=');
	struct slice name = {argument, equals == NULL ? strlen(argument) : (size_t)(equals - argument)};
	const struct common_option *option = find(command, name);
	if (option == NULL)
		return err_set(err, ERR_USAGE, "unknown option --%.*s", (int)name.length, argument);
	size_t number = (size_t)(option - command->options);
	if (seen[number] && option->kind != COMMON_LIST && option->kind != COMMON_FLAG)
		return err_set(err, ERR_USAGE, "--%s is given twice", option->name);
	seen[number] = true;
	if (option->kind == COMMON_FLAG && equals != NULL)
		return err_set(err, ERR_USAGE, "--%s takes no value", option->name);
	if (option->kind == COMMON_FLAG || equals != NULL)
		return set_value(option, equals == NULL ? NULL : equals + 1, err);
	if (*i + 1 == argc)
		return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
			       option->value);
	return set_value(option, argv[++*i], err);
}

static int take_positional(const struct common_command *command, const char *argument, struct err *err)
{
	if (command->positional == NULL || *command->positional_count == command->positional_max)
		return err_set(err, ERR_USAGE, "unexpected argument \"%s\"", argument);
	command->positional[(*command->positional_count)++] = argument;
	return 0;
}

static int parse(const struct common_command *command, int argc, char **argv, bool *seen, struct err *err)
{
	bool options = true;
	for (int i = 1; i < argc; i++) {
		int status = 0;
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && strncmp(argv[i], "--", 2) == 0)
			status = take_option(command, argc, argv, &i, seen, err);
		else if (options && argv[i][0] == '-' && argv[i][1] != '\0')
			status = err_set(err, ERR_USAGE, "unknown option %s", argv[i]);
		else
			status = take_positional(command, argv[i], err);
		if (status != 0)
			return -1;
	}
	for (const struct common_option *option = command->options; option->name != NULL; option++)
		if (option->required && !seen[option - command->options])
			return err_set(err, ERR_USAGE, "--%s %s is missing", option->name, option->value);
	return 1;
}

int common_parse(const struct common_command *command, int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			common_help(command, stdout);
			return 0;
		}
	size_t count = 0;
	while (command->options[count].name != NULL)
		count++;
	bool *seen = calloc(count + 1, sizeof *seen);
	int status = seen == NULL ? err_memory(err) : parse(command, argc, argv, seen, err);
	free(seen);
	return status;
}

/* The help of one option, its further lines under the first. */
static void help_option(const char *name, const char *value, const char *help, FILE *stream)
{
	int width = fprintf(stream, "  --%s%s%s", name, value == NULL ? "" : " ", value == NULL ? "" : value);
	if (width > HELP_COLUMN - 2) {
		fputc('\n', stream);
		width = 0;
	}
	for (const char *line = help; line != NULL; width = 0) {
		const char *end = strchr(line, '\n');
		int length = end == NULL ? (int)strlen(line) : (int)(end - line);
		fprintf(stream, "%*s%.*s\n", HELP_COLUMN - width, "", length, line);
		line = end == NULL ? NULL : end + 1;
	}
}

int common_list_once(const struct common_list *list, const char *option, struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strlen(list->items[i]) > COMMON_NAME_BYTES_MAX)
			return err_set(err, ERR_USAGE, "--%s: a name has at most %d bytes, not %zu", option,
				       COMMON_NAME_BYTES_MAX, strlen(list->items[i]));
		for (size_t j = 0; j < i; j++)
			if (strcmp(list->items[i], list->items[j]) == 0)
				return err_set(err, ERR_USAGE, "--%s: %s is named twice", option, list->items[i]);
	}
	return 0;
}

void common_help(const struct common_command *command, FILE *stream)
{
	fprintf(stream, "Usage: outlierd %s %s\n\n%s\n\nOptions:\n", command->name, command->usage, command->summary);
	for (const struct common_option *option = command->options; option->name != NULL; option++)
		help_option(option->name, option->value, option->help, stream);
	help_option("help", NULL, "this text", stream);
	if (command->more != NULL)
		fprintf(stream, "\n%s\n", command->more);
}

int common_end(const char *command, const struct err *err)
{
	if (err_is_set(err)) {
		fprintf(stderr, "outlierd %s: %s\n", command, err->message);
		if (err->code == ERR_USAGE)
			fprintf(stderr, "See: outlierd %s --help\n", command);
	}
	return err_exit_status(err);
}

static void print_problem(void *context, const char *path, const char *message)
{
	const char *file = context;
	fprintf(stderr, "%s: %s%s%s\n", file, path, *path == '\0' ? "" : ": ", message);
}

struct config *common_config(const char *path, bool offline, struct err *err)
{
	union {
		const char *read;
		void *context;
	} file = {path}; /* print_problem only reads it */
	return config_read(path, offline, print_problem, file.context, err);
}

void *common_json_memory(size_t size)
{
	static const char message[] = "outlierd: out of memory while reading or writing JSON\n";
	void *block = malloc(size);
	if (block != NULL || size == 0)
		return block;
	(void)!write(STDERR_FILENO, message, sizeof message - 1);
	_exit(STATUS_MEMORY);
}

const char *common_user(void)
{
	const struct passwd *user = getpwuid(getuid());
	return user == NULL ? "a user without name" : user->pw_name;
}

int64_t common_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t common_monotonic_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void common_progress_begin(struct common_progress *progress, const char *what)
{
	progress->what = what;
	progress->active = isatty(STDERR_FILENO) == 1;
	progress->shown = false;
	progress->started_us = progress->last_us = common_monotonic_us();
}

void common_progress_show(struct common_progress *progress, uint64_t count, const char *things, uint64_t done,
			  uint64_t total)
{
	if (!progress->active)
		return;
	int64_t now = common_monotonic_us();
	if (now - progress->last_us < PROGRESS_INTERVAL_US)
		return;
	progress->last_us = now;
	progress->shown = true;
	double seconds = (double)(now - progress->started_us) / 1e6;
	fprintf(stderr, "\r%s: %llu %s", progress->what, (unsigned long long)count, things);
	if (total > 0)
		fprintf(stderr, ", %.0f %%", 100.0 * (double)(done < total ? done : total) / (double)total);
	fprintf(stderr, ", %.0f/s", (double)count / seconds);
	if (total > 0 && done > 0 && done < total)
		fprintf(stderr, ", %.0f s left", seconds * (double)(total - done) / (double)done);
	fputs("\033[K", stderr);
	fflush(stderr);
}

void common_progress_rows(void *context, const char *what, uint64_t rows, uint64_t done, uint64_t total)
{
	struct common_progress *progress = context;
	if (progress->what != what) {
		common_progress_end(progress);
		common_progress_begin(progress, what);
	}
	common_progress_show(progress, rows, "rows", done, total);
}

void common_progress_end(struct common_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}

const char *common_elapsed(int64_t since_us, char text[32])
{
	double seconds = (double)(common_monotonic_us() - since_us) / 1e6;
	snprintf(text, 32, seconds < 10 ? "%.2f s" : "%.1f s", seconds);
	return text;
}
