/* The command line of `init`. The way from a topic on is test/integration/cases_init.py's. */
#include "daemon/cmd/init_arguments.h"
#include "test/unit/test.h"

#define WORDS_MAX 20

static struct init_arguments arguments; /* large */

/* Reads a command line, words parted by blanks; the words live as long as `line`, where a list's commas are written. */
static int parse(char *line, struct err *err)
{
	char *words[WORDS_MAX] = {"init"};
	int count = 1;
	*err = (struct err){0};
	for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX; word = strtok(NULL, " "))
		words[count++] = word;
	return init_arguments_parse(&arguments, count, words, err);
}

static void expect_refusal(char *line, const char *wanted)
{
	struct err err;
	EXPECT_INT(parse(line, &err), -1);
	EXPECT_INT(err.code, ERR_USAGE);
	EXPECT_TEXT(err.message, wanted);
}

TEST(what_is_not_said_has_a_default)
{
	struct err err;
	char line[] = "--topic payments --bootstrap-servers b:9092";
	EXPECT_INT(parse(line, &err), 1);
	EXPECT_TEXT(arguments.path, "payments.json");
	EXPECT_TEXT(arguments.report, "payments.md");
	EXPECT_TEXT(arguments.folder, ".");
	EXPECT_TEXT(arguments.place.pipeline, "payments");
	EXPECT_TEXT(arguments.place.registry, "http://127.0.0.1:8081");
	EXPECT_TEXT(arguments.place.redis, "tcp://127.0.0.1:6379");
	EXPECT_INT(arguments.records, 10000);
}

TEST(files_are_named_after_the_output)
{
	struct err err;
	char folder[] = "--topic t.a --bootstrap-servers b:9092 --output /nowhere/x.y/conf";
	EXPECT_INT(parse(folder, &err), 1);
	EXPECT_TEXT(arguments.path, "/nowhere/x.y/conf");
	EXPECT_TEXT(arguments.report, "/nowhere/x.y/conf.md");
	EXPECT_TEXT(arguments.folder, "/nowhere/x.y");
	char root[] = "--topic t --bootstrap-servers b:9092 --output /conf.json";
	EXPECT_INT(parse(root, &err), 1);
	EXPECT_TEXT(arguments.folder, "/");
	EXPECT_TEXT(arguments.report, "/conf.md");
}

TEST(values_of_properties_keep_their_commas)
{
	struct err err;
	char line[] = "--topic t --bootstrap-servers b:9092 --property a=1,2,3,b=4 --property c=5 --property-file d=f";
	EXPECT_INT(parse(line, &err), 1);
	EXPECT_INT(arguments.place.property_count, 3);
	EXPECT_TEXT(arguments.place.properties[0], "a=1,2,3");
	EXPECT_TEXT(arguments.place.properties[1], "b=4");
	EXPECT_TEXT(arguments.place.properties[2], "c=5");
	EXPECT_TEXT(arguments.place.property_files[0], "d=f");
}

TEST(what_does_not_fit_together_is_refused)
{
	char one[] = "--topic t --bootstrap-servers b:1 --property a=b --property c";
	expect_refusal(one, "--property: \"c\" has no \"=\"");
	char two[] = "--topic t --bootstrap-servers b:1 --framing none";
	expect_refusal(two, "--framing goes with --schema");
	char three[] = "--topic t --bootstrap-servers b:1 --schema a.avsc --framing maybe";
	expect_refusal(three, "--framing: expected none or confluent, found \"maybe\"");
	char four[] = "--topic t --bootstrap-servers b:1 --schema a.avsc --registry http://r:1";
	expect_refusal(four, "--schema stands beside --registry; give one of the two");
	char five[] = "--topic t --bootstrap-servers b:1 --output t.md";
	expect_refusal(five, "--output: t.md would be both configuration and page; call it .json");
	char six[] = "--topic t --bootstrap-servers b:1 --output README.json";
	expect_refusal(six, "README.md exists already; --force overwrites it, --output names another");
	char seven[300];
	snprintf(seven, sizeof seven, "--bootstrap-servers b:1 --topic %0101d", 7);
	expect_refusal(seven, "the topic's name is too long for a pipeline's: give --pipeline NAME");
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(what_is_not_said_has_a_default),
					CASE(files_are_named_after_the_output),
					CASE(values_of_properties_keep_their_commas),
					CASE(what_does_not_fit_together_is_refused),
					{0}},
			argc, argv);
}
