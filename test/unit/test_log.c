#include "log.h"

#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

static int64_t fixed_time(void *clock)
{
	return *(int64_t *)clock;
}

static int64_t now = 1774746000123;

/* A log into memory; close_log() gives what was written. */
struct memory_log {
	struct log log;
	char *text;
	size_t length;
};

static void open_log(struct memory_log *memory, enum log_format format)
{
	*memory = (struct memory_log){0};
	memory->log = (struct log){.level = LOG_LEVEL_INFO, .format = format, .now_ms = fixed_time, .clock = &now};
	memory->log.stream = open_memstream(&memory->text, &memory->length);
}

static void expect_log(struct memory_log *memory, const char *wanted)
{
	fclose(memory->log.stream);
	EXPECT_TEXT(memory->text, wanted);
	free(memory->text);
}

TEST(text_has_time_and_level)
{
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_TEXT);
	log_error(&memory.log, "It broke. partition=%d", 3);
	log_warning(&memory.log, "Careful.");
	log_notice(&memory.log, "By the way.");
	log_info(&memory.log, "So be it.");
	expect_log(&memory, "2026-03-29T01:00:00.123Z error It broke. partition=3\n"
			    "2026-03-29T01:00:00.123Z warning Careful.\n"
			    "2026-03-29T01:00:00.123Z notice By the way.\n"
			    "2026-03-29T01:00:00.123Z info So be it.\n");
}

TEST(journal_has_the_priority_and_no_time)
{
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_JOURNAL);
	log_error(&memory.log, "It broke.");
	log_info(&memory.log, "So be it.");
	expect_log(&memory, "<3>It broke.\n<6>So be it.\n");
}

TEST(json_has_one_object_a_line)
{
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_JSON);
	log_warning(&memory.log, "field \"%s\"", "a\\b\xff");
	memory.log.now_ms = NULL;
	log_info(&memory.log, "no clock");
	expect_log(&memory, "{\"time\":\"2026-03-29T01:00:00.123Z\",\"level\":\"warning\","
			    "\"message\":\"field \\\"a\\\\b\xef\xbf\xbd\\\"\"}\n"
			    "{\"level\":\"info\",\"message\":\"no clock\"}\n");
}

TEST(less_urgent_messages_are_left_out)
{
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_TEXT);
	memory.log.now_ms = NULL;
	memory.log.level = LOG_LEVEL_WARNING;
	log_debug(&memory.log, "debug");
	log_info(&memory.log, "info");
	log_notice(&memory.log, "notice");
	log_warning(&memory.log, "kept");
	expect_log(&memory, "warning kept\n");
}

TEST(line_breaks_and_controls_become_blanks)
{
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_JOURNAL);
	log_error(&memory.log, "first\nsecond\r\n<0>third\t\x1b[31m\x7f");
	memory.log.format = LOG_FORMAT_JSON;
	memory.log.now_ms = NULL;
	log_error(&memory.log, "a\nb");
	expect_log(&memory, "<3>first second  <0>third  [31m \n{\"level\":\"error\",\"message\":\"a b\"}\n");
}

TEST(long_messages_end_in_an_ellipsis)
{
	static char message[20000], wanted[4200];
	memset(message, 'x', sizeof message - 1);
	(void)snprintf(wanted, sizeof wanted, "<3>%.4092s...\n", message);
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_JOURNAL);
	log_error(&memory.log, "%s", message);
	expect_log(&memory, wanted);
}

TEST(longest_escapes_fit_in_a_json_line)
{
	static char message[5000];
	memset(message, '\xff', sizeof message - 1);
	struct memory_log memory;
	open_log(&memory, LOG_FORMAT_JSON);
	log_error(&memory.log, "%s", message);
	fclose(memory.log.stream);
	EXPECT(memory.length > 3 * 4000);
	EXPECT(strcmp(memory.text + memory.length - 6, "...\"}\n") == 0);
	free(memory.text);
}

TEST(no_stream_is_silent)
{
	struct log log = {.level = LOG_LEVEL_DEBUG};
	log_error(&log, "nobody hears");
}

TEST(every_line_is_one_write)
{
	/* A datagram socket keeps the writes apart. */
	int ends[2];
	EXPECT_INT(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	FILE *stream = fdopen(ends[1], "w");
	for (int unbuffered = 0; unbuffered <= 1; unbuffered++) {
		if (unbuffered)
			setvbuf(stream, NULL, _IONBF, 0); /* as standard error is */
		struct log log = {.stream = stream, .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_JSON};
		log_info(&log, "one");
		log_info(&log, "two with a number %d", 2);
		char line[200];
		ssize_t length = recv(ends[0], line, sizeof line - 1, MSG_DONTWAIT);
		line[length < 0 ? 0 : length] = '\0';
		EXPECT_TEXT(line, "{\"level\":\"info\",\"message\":\"one\"}\n");
		length = recv(ends[0], line, sizeof line - 1, MSG_DONTWAIT);
		line[length < 0 ? 0 : length] = '\0';
		EXPECT_TEXT(line, "{\"level\":\"info\",\"message\":\"two with a number 2\"}\n");
	}
	fclose(stream);
	close(ends[0]);
}

TEST(level_names_are_read)
{
	enum log_level level = LOG_LEVEL_ERROR;
	EXPECT(log_level_parse("debug", &level) == 0 && level == LOG_LEVEL_DEBUG);
	EXPECT(log_level_parse("error", &level) == 0 && level == LOG_LEVEL_ERROR);
	EXPECT(log_level_parse("notice", &level) == 0 && level == LOG_LEVEL_NOTICE);
	EXPECT_INT(log_level_parse("Debug", &level), -1);
	EXPECT_INT(log_level_parse("", &level), -1);
	EXPECT_INT(log_level_parse("trace", &level), -1);
	EXPECT_INT(level, LOG_LEVEL_NOTICE);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(text_has_time_and_level),
					    CASE(journal_has_the_priority_and_no_time),
					    CASE(json_has_one_object_a_line),
					    CASE(less_urgent_messages_are_left_out),
					    CASE(line_breaks_and_controls_become_blanks),
					    CASE(long_messages_end_in_an_ellipsis),
					    CASE(longest_escapes_fit_in_a_json_line),
					    CASE(no_stream_is_silent),
					    CASE(every_line_is_one_write),
					    CASE(level_names_are_read),
					    {0}};
	return test_run(tests, argc, argv);
}
