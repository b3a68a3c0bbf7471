/* check --policy-on against what the daemon's own way from events to alerts gives, and its account of rules. */
#include "buffer.h"
#include "daemon/cmd/cmd.h"
#include "test/unit/files.h"

static const char config_head[] =
    "{\"pipeline\": \"test\", \"kafka\": {\"bootstrap_servers\": \"127.0.0.1:9\", \"input_topic\": \"transactions\"},"
    "\"schema\": {\"registry_urls\": [\"http://127.0.0.1:9\"]}, \"state\": {\"memory\": {}},"
    "\"event\": {\"id\": \"transaction_id\", \"time\": {\"path\": \"event_time\", \"unit\": \"ms\"}, \"entity\": "
    "\"card_id\", \"key\": \"unchecked\", \"fields\": {\"amount\": {\"type\": \"money\", \"scale\": 2},"
    "\"channel\": {\"type\": \"string\"}}},"
    "\"features\": [{\"name\": \"amount_log\", \"op\": \"log1p\", \"field\": \"amount\"},"
    "{\"name\": \"count_1d\", \"op\": \"count\", \"window\": \"1d\"},"
    "{\"name\": \"mean_1d\", \"op\": \"mean\", \"field\": \"amount\", \"window\": \"1d\"}],";

static void write_config(const char *models, const char *policy)
{
	struct buffer text;
	buffer_init(&text);
	buffer_add_format(&text, "%s\"model\": {\"directory\": \"%s\"}, \"policy\": {%s}}", config_head, models,
			  policy);
	(void)files_write("c.json", text.data, text.length);
	buffer_free(&text);
}

static size_t count_lines(const char *name)
{
	size_t length, lines = 0;
	char *text = files_read(files_path(name), &length);
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	free(text);
	return lines;
}

/* A number behind a word of the account. */
static long number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	EXPECT(at != NULL);
	return at == NULL ? -1 : strtol(at + strlen(word), NULL, 10);
}

TEST(as_many_alerts_as_the_whole_way_from_events_gives)
{
	static const char *const policies[] = {
	    "\"threshold\": {\"quantile\": 0.98}", "\"threshold\": {\"quantile\": 0.98}, \"warming\": \"alert\"",
	    "\"threshold\": {\"alerts_per_day\": 20}, \"warming\": \"alert\", \"rules\": ["
	    "{\"name\": \"many\", \"when\": [{\"feature\": \"count_1d\", \"above\": 5}, {\"field\": \"channel\", "
	    "\"in\": [\"WEB\", "
	    "\"APP\"]}]},"
	    "{\"name\": \"night\", \"when\": [{\"hours\": [0, 4]}, {\"field\": \"amount\", \"above\": 300}], "
	    "\"expires\": "
	    "\"2026-01-05T00:00:00Z\"},"
	    "{\"name\": \"quiet\", \"when\": {\"field\": \"amount\", \"below\": 20}, \"action\": \"suppress\"}]"};
	write_config("models", policies[0]);
	files_do(cmd_simulate, "simulate --events 8000 --cards 200 --days 9 --seed 4 --output @e.csv");
	files_do(cmd_features, "features --config @c.json --input @e.csv --output @v.csv --keep channel,amount");
	files_do(cmd_train, "train --config @c.json --input @v.csv --output @models/ --trees 30 --sample 64");
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		write_config("models", policies[i]);
		files_do(cmd_score, "score --config @c.json --input @e.csv --alerts @a.jsonl");
		struct outcome_of outcome = files_run(cmd_check, "check --config @c.json --policy-on @v.csv");
		EXPECT_INT(outcome.status, 0);
		EXPECT_TEXT(outcome.err, "");
		long flagged = number_after(outcome.out, "flagged         ");
		EXPECT_INT(flagged, count_lines("a.jsonl"));
		EXPECT(flagged > 0);
		files_forget(&outcome);
	}
}

static const char vectors[] = "_event_id,_time_ms,_flags,amount,channel,amount_log,count_1d,mean_1d\n"
			      "a,1000,,10.00,WEB,1,2,3\n"
			      "b,2000,,5000.5,WEB,1,7,3\n"
			      "c,86400000,,5000.50,,1,7,3\n"
			      "d,86400001,warming,7,ATM,1,,3\n"
			      "e,86400002,,9000,ATM,1,9,3\n";

TEST(rules_are_told_apart)
{
	write_config(
	    "none",
	    "\"threshold\": {\"quantile\": 0.98}, \"rules\": ["
	    "{\"name\": \"many\", \"when\": {\"feature\": \"count_1d\", \"above\": 5}},"
	    "{\"name\": \"large\", \"when\": [{\"field\": \"amount\", \"above\": 100}, {\"field\": \"channel\", "
	    "\"equals\": "
	    "\"WEB\"}], \"expires\": \"1970-01-02T00:00:00Z\"},"
	    "{\"name\": \"cash\", \"when\": {\"field\": \"channel\", \"equals\": \"ATM\"}, \"action\": \"suppress\"}]");
	(void)files_text("v.csv", vectors);
	struct outcome_of outcome = files_run(cmd_check, "check --config @c.json --policy-on @v.csv");
	EXPECT_INT(outcome.status, 0);
	EXPECT(strncmp(outcome.err, "outlierd check: no model can be used, rules alone decide: ", 58) == 0);
	EXPECT(strstr(outcome.out, "v.csv: 5 rows\n"
				   "model           none: rules alone decide\n"
				   "flagged         2 (40.000 %): 0 by the score alone, 2 by rules alone, 0 by both\n"
				   "suppressed      0 that the score, 1 that rules alone would have flagged\n"
				   "days            2, 1970-01-01 to 1970-01-02 (UTC)\n"
				   "alerts a day    1.0 (least 1, most 1)\n"
				   "  1970-01-01    1 of 2\n"
				   "  1970-01-02    1 of 3\n"
				   "\n") != NULL);
	EXPECT(strstr(outcome.out,
		      "rule                     action         held    score says so  decided by it    expired\n"
		      "many                     flag              3                0              1          0\n"
		      "large                    flag              1                0              0          3\n"
		      "cash                     suppress          2                0              1          0\n") !=
	       NULL);
	files_forget(&outcome);
}

static void expect_error(const char *text, const char *wanted)
{
	(void)files_text("v.csv", text);
	struct outcome_of outcome = files_run(cmd_check, "check --config @c.json --policy-on @v.csv");
	EXPECT_INT(outcome.status, 65);
	EXPECT(strstr(outcome.err, wanted) != NULL);
	if (strstr(outcome.err, wanted) == NULL)
		printf("  %s", outcome.err);
	files_forget(&outcome);
}

TEST(what_rules_need_must_be_there)
{
	write_config("none", "\"threshold\": {\"quantile\": 0.98}, \"rules\": ["
			     "{\"name\": \"large\", \"when\": {\"field\": \"amount\", \"above\": 100}, \"expires\": "
			     "\"1970-01-02T00:00:00Z\"}]");
	expect_error(
	    "_time_ms,amount_log,count_1d,mean_1d\n1,1,2,3\n",
	    "v.csv: line 1: no column amount, which rule large looks at: outlierd features --keep passes fields on\n");
	expect_error("amount,amount_log,count_1d,mean_1d\n1,1,2,3\n",
		     "v.csv: line 1: no column _time_ms, which hours and expiry of rules need\n");
	expect_error("_time_ms,amount,amount_log,count_1d\n1,1,2,3\n", "v.csv: line 1: no column mean_1d\n");
	expect_error("_time_ms,amount,amount_log,count_1d,mean_1d\n1,1,1,2,3\n1,much,1,2,3\n",
		     "v.csv: line 3: column amount: ");
	expect_error("_time_ms,amount,amount_log,count_1d,mean_1d\nnoon,1,1,2,3\n",
		     "v.csv: line 2: column _time_ms: \"noon\" is no integer\n");
	struct outcome_of outcome = files_run(cmd_check, "check --config @c.json --model @m");
	EXPECT_INT(outcome.status, 64);
	EXPECT_TEXT(outcome.err, "outlierd check: --model goes with --policy-on\nSee: outlierd check --help\n");
	files_forget(&outcome);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(as_many_alerts_as_the_whole_way_from_events_gives),
					CASE(rules_are_told_apart),
					CASE(what_rules_need_must_be_there),
					{0}},
			argc, argv);
}
