#include "log.h"

#include "json.h"
#include "number.h"

#include <assert.h>
#include <stdarg.h>

#define MESSAGE_BYTES 4096 /* with the terminating zero; longer messages end in an ellipsis */

/* Escaping makes at most six bytes of one; time, level and names need less than the rest. */
#define LINE_BYTES (6 * MESSAGE_BYTES + 256)

static const char level_names[][8] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

/* One line stays one line, and no terminal obeys what came from outside. */
static void blank_control_characters(char *message)
{
	for (; *message != '\0'; message++)
		if ((unsigned char)*message < 0x20 || *message == 0x7f)
			*message = ' ';
}

static void write_message(char message[MESSAGE_BYTES], const char *format, va_list arguments)
{
	static const char ellipsis[] = "...";
	int wanted = vsnprintf(message, MESSAGE_BYTES, format, arguments);
	if (wanted < 0)
		message[0] = '\0';
	if (wanted >= MESSAGE_BYTES)
		memcpy(message + MESSAGE_BYTES - sizeof ellipsis, ellipsis, sizeof ellipsis);
	blank_control_characters(message);
}

static void add_json(struct buffer *line, const char *time, const char *level, const char *message)
{
	struct json json;
	json_begin(&json, line);
	json_open_object(&json);
	if (time[0] != '\0') {
		json_name(&json, "time");
		json_add_string(&json, time);
	}
	json_name(&json, "level");
	json_add_string(&json, level);
	json_name(&json, "message");
	json_add_string(&json, message);
	json_close_object(&json);
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
	assert(level >= LOG_LEVEL_ERROR && level <= LOG_LEVEL_DEBUG);
	if (log->stream == NULL || level > log->level)
		return;
	char message[MESSAGE_BYTES], time[NUMBER_TEXT_MAX] = "";
	va_list arguments;
	va_start(arguments, format);
	write_message(message, format, arguments);
	va_end(arguments);
	if (log->now_ms != NULL)
		time_format_rfc3339(log->now_ms(log->clock), time);

	/* The buffer never grows, so it may live on the stack: a log line needs no memory when there is none. */
	uint8_t storage[LINE_BYTES];
	struct buffer line = {.data = storage, .capacity = sizeof storage};
	switch (log->format) {
	case LOG_FORMAT_TEXT:
		if (time[0] != '\0')
			buffer_add_format(&line, "%s ", time);
		buffer_add_format(&line, "%s %s", level_names[level], message);
		break;
	case LOG_FORMAT_JOURNAL:
		buffer_add_format(&line, "<%d>%s", (int)level, message);
		break;
	case LOG_FORMAT_JSON:
		add_json(&line, time, level_names[level], message);
		break;
	}
	buffer_add_byte(&line, '\n');
	assert(line.data == storage && !line.failed);
	(void)fwrite(line.data, 1, line.length, log->stream);
	(void)fflush(log->stream);
}

int log_level_parse(const char *text, enum log_level *level)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(text, level_names[i]) != 0)
			continue;
		*level = (enum log_level)i;
		return 0;
	}
	return -1;
}
