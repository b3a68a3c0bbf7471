#include "err.h"

#include "test.h"

TEST(first_error_wins)
{
	struct err err = {0};
	EXPECT_INT(err_set(&err, ERR_DATA, "line %d: bad", 7), -1);
	EXPECT_INT(err_set(&err, ERR_IO, "later"), -1);
	EXPECT_INT(err_set_action(&err, ERR_IO, ERR_RETRY, "later"), -1);
	EXPECT_INT(err_memory(&err), -1);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT_INT(err.action, ERR_EXIT);
	EXPECT_TEXT(err.message, "line 7: bad");
}

TEST(action_is_kept_beside_the_code)
{
	struct err err = {0};
	EXPECT_INT(err_set_action(&err, ERR_UNAVAILABLE, ERR_RETRY, "redis is %s", "away"), -1);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	EXPECT_INT(err.action, ERR_RETRY);
	EXPECT_TEXT(err.message, "redis is away");
}

TEST(context_reads_from_the_outside_in)
{
	struct err err = {0};
	(void)err_set(&err, ERR_CONFIG, "unknown operation \"avg\"");
	EXPECT_INT(err_prepend(&err, "features[%d]", 3), -1);
	EXPECT_INT(err_prepend(&err, "config %s", "/etc/x.json"), -1);
	EXPECT_TEXT(err.message, "config /etc/x.json: features[3]: unknown operation \"avg\"");
	EXPECT_INT(err.code, ERR_CONFIG);
}

TEST(own_message_may_be_an_argument)
{
	struct err err = {0};
	(void)err_set(&err, ERR_DATA, "root");
	(void)err_prepend(&err, "<%s>", err.message);
	EXPECT_TEXT(err.message, "<root>: root");
}

TEST(prepending_to_no_error_does_nothing)
{
	struct err err = {0};
	EXPECT_INT(err_prepend(&err, "context"), -1);
	EXPECT(!err_is_set(&err));
	EXPECT_TEXT(err.message, "");
}

TEST(long_messages_lose_their_end)
{
	char text[3000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct err err = {0};
	(void)err_set(&err, ERR_DATA, "%s", text);
	EXPECT_INT(strlen(err.message), sizeof err.message - 1);
	(void)err_prepend(&err, "front");
	EXPECT_INT(strlen(err.message), sizeof err.message - 1);
	EXPECT(strncmp(err.message, "front: xxx", 10) == 0);
	(void)err_prepend(&err, "%s", text);
	EXPECT_INT(strlen(err.message), sizeof err.message - 1);
	EXPECT(strcmp(err.message + sizeof err.message - 3, ": ") == 0);
}

TEST(cleared_error_can_be_set_again)
{
	struct err err = {0};
	(void)err_set_action(&err, ERR_IO, ERR_RECOVER, "first");
	EXPECT(err_is_set(&err));
	err_clear(&err);
	EXPECT(!err_is_set(&err));
	EXPECT_INT(err_exit_status(&err), 0);
	(void)err_memory(&err);
	EXPECT_INT(err.action, ERR_EXIT);
	EXPECT_TEXT(err.message, "out of memory");
}

TEST(exit_statuses_follow_sysexits)
{
	static const struct {
		enum err_code code;
		int status;
	} rows[] = {{ERR_USAGE, 64}, {ERR_DATA, 65},   {ERR_UNAVAILABLE, 69}, {ERR_INTERNAL, 70}, {ERR_MEMORY, 71},
		    {ERR_IO, 74},    {ERR_FENCED, 75}, {ERR_HALT, 76},        {ERR_CONFIG, 78}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		(void)err_set(&err, rows[i].code, "x");
		EXPECT_INT(err_exit_status(&err), rows[i].status);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {CASE(first_error_wins),
					    CASE(action_is_kept_beside_the_code),
					    CASE(context_reads_from_the_outside_in),
					    CASE(own_message_may_be_an_argument),
					    CASE(prepending_to_no_error_does_nothing),
					    CASE(long_messages_lose_their_end),
					    CASE(cleared_error_can_be_set_again),
					    CASE(exit_statuses_follow_sysexits),
					    {0}};
	return test_run(tests, argc, argv);
}
