/*
 * Configurations as data: every file in test/data/config/valid and docs/examples is taken, every one in
 * test/data/config/invalid is refused with exactly the problems in NAME.problems beside it. Runs in the root of the
 * repository. `test_config --write` writes docs/configuration.md and schemas/config.schema.json anew; `--problems FILE`
 * prints the problems of a file, for a new case.
 */
#include "config/config.h"
#include "daemon/io/avro_decode.h"
#include "daemon/io/avro_schema.h"
#include "daemon/pipeline/amended.h"
#include "daemon/pipeline/enriched.h"
#include "number.h"
#include "rng.h"
#include "test.h"

#include <dirent.h>

#define CASES_MAX 200
#define PATH_SIZE 600
#define MUTATIONS 3000

static void add_problem(void *context, const char *path, const char *message)
{
	buffer_add_format(context, "%s%s%s\n", path, *path == '\0' ? "" : ": ", message);
}

static void read_file(const char *path, struct buffer *content)
{
	char chunk[4096];
	size_t length;
	buffer_init(content);
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		buffer_add_format(content, "(no file %s)", path);
		return;
	}
	while ((length = fread(chunk, 1, sizeof chunk, file)) > 0)
		buffer_add(content, chunk, length);
	(void)fclose(file);
}

/* As a C string. */
static const char *text_of(struct buffer *buffer)
{
	buffer_add_byte(buffer, 0);
	buffer->length--;
	return (const char *)buffer->data;
}

static int is_case(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > strlen(".json") && strcmp(entry->d_name + length - strlen(".json"), ".json") == 0;
}

/* The two stages have a configuration each, and none that is called config.json. */
static int is_folder(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strcmp(entry->d_name, "two-stage") != 0;
}

/* Calls visit with the path of each entry, in order of their names; returns their number. */
static int each(const char *folder, int (*choose)(const struct dirent *), const char *below,
		void (*visit)(const char *path))
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, choose, alphasort);
	for (int i = 0; i < count; i++) {
		char path[PATH_SIZE];
		snprintf(path, sizeof path, "%s/%s%s", folder, entries[i]->d_name, below);
		visit(path);
		free(entries[i]);
	}
	free(entries);
	return count;
}

static void expect_taken(const char *path)
{
	struct buffer problems;
	struct err err = {0};
	buffer_init(&problems);
	struct config *config = config_read(path, true, add_problem, &problems, &err);
	if (config == NULL)
		printf("  %s: %s\n", path, err.message);
	EXPECT(config != NULL);
	EXPECT_TEXT(text_of(&problems), "");
	config_free(config);
	buffer_free(&problems);
}

static void expect_refused(const char *path)
{
	struct buffer problems, wanted;
	struct err err = {0};
	char beside[PATH_SIZE];
	buffer_init(&problems);
	struct config *config = config_read(path, true, add_problem, &problems, &err);
	EXPECT(config == NULL);
	EXPECT_INT(err_exit_status(&err), 78);
	snprintf(beside, sizeof beside, "%.*s.problems", (int)(strlen(path) - strlen(".json")), path);
	read_file(beside, &wanted);
	if (strcmp(text_of(&problems), text_of(&wanted)) != 0)
		printf("  %s\n", path);
	EXPECT_TEXT(text_of(&problems), text_of(&wanted));
	config_free(config);
	buffer_free(&problems);
	buffer_free(&wanted);
}

TEST(valid_files_are_taken)
{
	EXPECT(each("test/data/config/valid", is_case, "", expect_taken) >= 5);
}

TEST(invalid_files_are_refused_with_every_problem_at_once)
{
	EXPECT(each("test/data/config/invalid", is_case, "", expect_refused) >= 40);
}

TEST(examples_of_the_manual_are_valid)
{
	EXPECT(each("docs/examples", is_folder, "/config.json", expect_taken) >= 5);
	EXPECT_INT(each("docs/examples/two-stage", is_case, "", expect_taken), 2);
}

/* What is checked in is what the table gives now. */
static void expect_current(const char *path, void (*generate)(struct buffer *))
{
	struct buffer now, checked_in;
	buffer_init(&now);
	generate(&now);
	read_file(path, &checked_in);
	bool same = slice_equal(buffer_slice(&now), buffer_slice(&checked_in));
	if (!same)
		printf("  %s is not what config/table.c says; write it anew: build/test/unit/test_config --write\n",
		       path);
	EXPECT(same);
	buffer_free(&now);
	buffer_free(&checked_in);
}

TEST(manual_is_current)
{
	expect_current("docs/configuration.md", config_manual);
}

TEST(json_schema_is_current)
{
	expect_current("schemas/config.schema.json", config_schema);
}

TEST(first_example_of_the_manual_is_valid)
{
	struct buffer manual, problems;
	struct err err = {0};
	buffer_init(&manual);
	buffer_init(&problems);
	config_manual(&manual);
	const char *begin = strstr(text_of(&manual), "```json\n") + strlen("```json\n"), *end = strstr(begin, "```");
	struct slice text = {begin, (size_t)(end - begin)};
	struct config *config = config_parse(text, ".", true, add_problem, &problems, &err);
	EXPECT(config != NULL);
	EXPECT_TEXT(text_of(&problems), "");
	config_free(config);
	buffer_free(&manual);
	buffer_free(&problems);
}

static void expect_same_files(const char *one, const char *other)
{
	struct buffer a, b;
	read_file(one, &a);
	read_file(other, &b);
	EXPECT(slice_equal(buffer_slice(&a), buffer_slice(&b)));
	buffer_free(&a);
	buffer_free(&b);
}

TEST(examples_carry_the_schema_of_the_project)
{
	expect_same_files("schemas/transaction.avsc", "docs/examples/card-fraud/transaction.avsc");
	expect_same_files("schemas/transaction.avsc", "docs/examples/minimal/transaction.avsc");
	expect_same_files("schemas/transaction.avsc", "docs/examples/secured/transaction.avsc");
}

TEST(avro_schemas_of_the_project_are_valid)
{
	static const char *const paths[] = {"schemas/transaction.avsc", "schemas/alert.avsc", "schemas/decision.avsc",
					    "schemas/amendment.avsc"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct err err = {0};
		struct avro_schema *schema = avro_schema_read(paths[i], &err);
		EXPECT_TEXT(err.message, "");
		avro_schema_free(schema);
	}
}

/* Same shape: types, names of records, fields, branches, in the same order. */
static bool same_shape(const struct avro_node *a, const struct avro_node *b)
{
	bool same = a->type == b->type && a->logical == b->logical && a->field_count == b->field_count &&
		    a->branch_count == b->branch_count && (a->name == NULL) == (b->name == NULL);
	same = same && (a->name == NULL || strcmp(a->name, b->name) == 0);
	for (size_t i = 0; same && i < a->field_count; i++)
		same = strcmp(a->fields[i].name, b->fields[i].name) == 0 &&
		       same_shape(a->fields[i].node, b->fields[i].node);
	for (size_t i = 0; same && i < a->branch_count; i++)
		same = same_shape(a->branches[i], b->branches[i]);
	if (!same)
		printf("  they differ at %s\n", a->name == NULL ? "a type without name" : a->name);
	return same;
}

static void expect_shape(const char *path, const struct buffer *published)
{
	struct err err = {0};
	struct avro_schema *checked_in = avro_schema_read(path, &err);
	struct avro_schema *now = avro_schema_parse(buffer_slice(published), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT(checked_in != NULL && now != NULL && same_shape(avro_schema_root(checked_in), avro_schema_root(now)));
	avro_schema_free(checked_in);
	avro_schema_free(now);
}

TEST(alert_schema_is_that_of_the_publisher)
{
	struct buffer published;
	buffer_init(&published);
	publisher_alert_schema(&published);
	expect_shape("schemas/alert.avsc", &published);
	buffer_free(&published);
}

TEST(amendment_schema_is_that_of_the_publisher)
{
	struct buffer published;
	buffer_init(&published);
	amender_schema(&published);
	expect_shape("schemas/amendment.avsc", &published);
	buffer_free(&published);
}

TEST(decision_schema_is_that_of_the_publisher_for_the_card_fraud_example)
{
	struct err err = {0};
	struct buffer published;
	struct feature_set *set = NULL;
	buffer_init(&published);
	struct config *config = config_read("docs/examples/card-fraud/config.json", true, NULL, NULL, &err);
	EXPECT(config != NULL && feature_set_new(&set, &config->features, NULL, NULL, &err) == 0);
	if (set != NULL) {
		publisher_decision_schema(set, &published);
		expect_shape("schemas/decision.avsc", &published);
	}
	feature_set_free(set);
	config_free(config);
	buffer_free(&published);
}

TEST(enriched_schema_of_the_two_stage_example_is_that_of_the_publisher_and_fits_its_second_stage)
{
	static const char path[] = "docs/examples/two-stage/enriched.avsc";
	struct err err = {0};
	struct buffer published;
	struct feature_set *set = NULL;
	buffer_init(&published);
	struct config *first = config_read("docs/examples/two-stage/first.json", true, NULL, NULL, &err);
	struct config *second = config_read("docs/examples/two-stage/second.json", true, NULL, NULL, &err);
	EXPECT(first != NULL && second != NULL && feature_set_new(&set, &first->features, NULL, NULL, &err) == 0);
	if (set != NULL && second != NULL) {
		enricher_schema(&first->publish, set, &published);
		expect_shape(path, &published);
		struct avro_schema *schema = avro_schema_read(path, &err);
		struct avro_program *program = avro_program_new(schema, &second->schema, &err);
		EXPECT_TEXT(err.message, "");
		EXPECT(program != NULL && second->schema.upstream.partitions == 3);
		avro_program_free(program);
		avro_schema_free(schema);
	}
	feature_set_free(set);
	config_free(first);
	config_free(second);
	buffer_free(&published);
}

/* Seeded damage to a whole file: taken or refused with problems, never anything else. */
TEST(damaged_files_are_taken_or_refused)
{
	struct buffer original, damaged;
	struct rng rng;
	int taken = 0, refused = 0;
	read_file("test/data/config/valid/every_key.json", &original);
	buffer_init(&damaged);
	rng_seed(&rng, 7);
	for (int i = 0; i < MUTATIONS; i++) {
		static const char letters[] = "{}[]\",:0123456789.-+eEnulltrue fas\\\x80\n";
		struct buffer problems;
		struct err err = {0};
		buffer_init(&problems);
		buffer_reset(&damaged);
		buffer_add(&damaged, original.data, original.length);
		for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--)
			damaged.data[rng_below(&rng, damaged.length)] =
			    (uint8_t)letters[rng_below(&rng, sizeof letters - 1)];
		struct config *config =
		    config_parse(buffer_slice(&damaged), "test/data/config/valid", true, add_problem, &problems, &err);
		taken += config != NULL;
		refused += config == NULL && err.code == ERR_CONFIG && problems.length > 0;
		EXPECT(config == NULL || problems.length == 0);
		config_free(config);
		buffer_free(&problems);
	}
	EXPECT_INT(taken + refused, MUTATIONS);
	EXPECT(taken > 0 && refused > 0);
	buffer_free(&original);
	buffer_free(&damaged);
}

static int write_file(const char *path, void (*generate)(struct buffer *))
{
	struct buffer text;
	buffer_init(&text);
	generate(&text);
	FILE *file = fopen(path, "wb");
	bool good = file != NULL && fwrite(text.data, 1, text.length, file) == text.length;
	good = file != NULL && fclose(file) == 0 && good;
	buffer_free(&text);
	if (!good)
		perror(path);
	return good ? 0 : 1;
}

static int print_problems(const char *path)
{
	struct buffer problems;
	struct err err = {0};
	buffer_init(&problems);
	config_free(config_read(path, true, add_problem, &problems, &err));
	fputs(text_of(&problems), stdout);
	buffer_free(&problems);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return write_file("docs/configuration.md", config_manual) |
		       write_file("schemas/config.schema.json", config_schema);
	if (argc == 3 && strcmp(argv[1], "--problems") == 0)
		return print_problems(argv[2]);
	return test_run(
	    (struct test[]){
		CASE(valid_files_are_taken),
		CASE(invalid_files_are_refused_with_every_problem_at_once),
		CASE(examples_of_the_manual_are_valid),
		CASE(manual_is_current),
		CASE(json_schema_is_current),
		CASE(first_example_of_the_manual_is_valid),
		CASE(examples_carry_the_schema_of_the_project),
		CASE(avro_schemas_of_the_project_are_valid),
		CASE(alert_schema_is_that_of_the_publisher),
		CASE(amendment_schema_is_that_of_the_publisher),
		CASE(decision_schema_is_that_of_the_publisher_for_the_card_fraud_example),
		CASE(enriched_schema_of_the_two_stage_example_is_that_of_the_publisher_and_fits_its_second_stage),
		CASE(damaged_files_are_taken_or_refused),
		{0}},
	    argc, argv);
}
