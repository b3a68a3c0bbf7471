#include "daemon/io/model_file.h"
#include "daemon/io/whole_file.h"
#include "test/twin/model_sample.h"
#include "test/unit/test.h"

#include <sys/stat.h>
#include <unistd.h>

static struct model *make_model(uint64_t seed, size_t rows)
{
	struct train_options options = {3, 8, seed, false, false};
	return model_sample(&options, rows, 4);
}

/* A fresh folder, removed by leave(). */
static char *enter(void)
{
	char *folder = strdup("/tmp/test_model_file.XXXXXX");
	EXPECT(mkdtemp(folder) != NULL);
	return folder;
}

static void leave(char *folder)
{
	char command[300];
	snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
	EXPECT(system(command) == 0);
	free(folder);
}

static const char *in(const char *folder, const char *name)
{
	static char path[2][400];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	return path[turn];
}

static void put(const char *path, const char *text)
{
	struct err err = {0};
	EXPECT(whole_file_write(path, slice_of(text), &err) == 0);
}

static char *contents_of(const char *path)
{
	struct buffer contents;
	struct err err = {0};
	buffer_init(&contents);
	EXPECT(whole_file_read(path, 1 << 20, &contents, &err) == 0);
	buffer_add_byte(&contents, 0);
	return (char *)contents.data;
}

/* Writes a seeded model and adds it to folder/models. */
static void add(const char *folder, uint64_t seed, char id[SHA256_HEX])
{
	struct model *model = make_model(seed, 10 + seed);
	struct err err = {0};
	EXPECT(model_file_write(in(folder, "new.json"), model, &err) == 0);
	EXPECT(model_directory_add(in(folder, "models"), in(folder, "new.json"), id, &err) == 0);
	EXPECT_TEXT(err.message, "");
	EXPECT_TEXT(id, model->id);
	model_free(model);
}

static void expect_current(const char *folder, const char *id)
{
	struct err err = {0};
	struct model *model = model_directory_current(in(folder, "models"), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT(model != NULL);
	EXPECT_TEXT(model == NULL ? "" : model->id, id);
	model_free(model);
}

TEST(a_model_becomes_champion_and_the_one_before_comes_back)
{
	char *folder = enter(), a[SHA256_HEX], b[SHA256_HEX], back[SHA256_HEX], wanted[1000];
	struct err err = {0};
	add(folder, 1, a);
	add(folder, 2, b);
	EXPECT(model_directory_current(in(folder, "models"), &err) == NULL);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	err_clear(&err);
	EXPECT(model_directory_promote(in(folder, "models"), a, "ann", 1000, &err) == 0);
	expect_current(folder, a);
	EXPECT(model_directory_promote(in(folder, "models"), b, "bob \"b\"", 2000, &err) == 0);
	expect_current(folder, b);
	EXPECT(model_directory_rollback(in(folder, "models"), "cid", 3000, back, &err) == 0);
	EXPECT_TEXT(back, a);
	expect_current(folder, a);
	char *changes = contents_of(in(folder, "models/changes.jsonl"));
	snprintf(wanted, sizeof wanted,
		 "{\"action\":\"promote\",\"from\":null,\"to\":\"%s\",\"when_ms\":1000,\"who\":\"ann\"}\n"
		 "{\"action\":\"promote\",\"from\":\"%s\",\"to\":\"%s\",\"when_ms\":2000,\"who\":\"bob \\\"b\\\"\"}\n"
		 "{\"action\":\"rollback\",\"from\":\"%s\",\"to\":\"%s\",\"when_ms\":3000,\"who\":\"cid\"}\n",
		 a, a, b, b, a);
	EXPECT_TEXT(changes, wanted);
	free(changes);
	EXPECT(model_directory_rollback(in(folder, "models"), "cid", 4000, back, &err) == 0);
	EXPECT_TEXT(back, b);
	EXPECT_TEXT(err.message, "");
	leave(folder);
}

TEST(the_first_champion_and_an_empty_directory_have_nothing_before_them)
{
	char *folder = enter(), a[SHA256_HEX], back[SHA256_HEX], wanted[500];
	struct err err = {0};
	add(folder, 1, a);
	EXPECT(model_directory_rollback(in(folder, "models"), "ann", 1, back, &err) == -1);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	err_clear(&err);
	EXPECT(model_directory_promote(in(folder, "models"), a, "ann", 1, &err) == 0);
	EXPECT(model_directory_rollback(in(folder, "models"), "ann", 2, back, &err) == -1);
	EXPECT_INT(err.code, ERR_USAGE);
	snprintf(wanted, sizeof wanted, "there is nothing to go back to: model %s is the first champion", a);
	EXPECT_TEXT(err.message, wanted);
	err_clear(&err);
	EXPECT(model_directory_promote(in(folder, "models"), a, "ann", 3, &err) == -1);
	snprintf(wanted, sizeof wanted, "model %s is the champion already", a);
	EXPECT_TEXT(err.message, wanted);
	leave(folder);
}

/* A crash between the log's line and the pointer leaves a line of a change that never came to be. */
TEST(rollback_passes_over_changes_that_never_came_to_be)
{
	char *folder = enter(), a[SHA256_HEX], b[SHA256_HEX], c[SHA256_HEX], back[SHA256_HEX], line[400];
	struct err err = {0};
	add(folder, 1, a);
	add(folder, 2, b);
	add(folder, 3, c);
	EXPECT(model_directory_promote(in(folder, "models"), a, "ann", 1, &err) == 0);
	EXPECT(model_directory_promote(in(folder, "models"), b, "ann", 2, &err) == 0);
	snprintf(line, sizeof line,
		 "{\"action\":\"promote\",\"from\":\"%s\",\"to\":\"%s\",\"when_ms\":3,\"who\":\"x\"}\n{\"act", b, c);
	EXPECT(whole_file_append(in(folder, "models/changes.jsonl"), slice_of(line), &err) == 0);
	EXPECT(model_directory_rollback(in(folder, "models"), "ann", 4, back, &err) == 0);
	EXPECT_TEXT(back, a);
	EXPECT_TEXT(err.message, "");
	put(in(folder, "models/changes.jsonl"), "nonsense\n");
	EXPECT(model_directory_rollback(in(folder, "models"), "ann", 5, back, &err) == -1);
	EXPECT(strstr(err.message, "no line tells how model ") != NULL);
	leave(folder);
}

TEST(ids_that_are_no_ids_never_become_paths)
{
	char *folder = enter(), wanted[700], a[SHA256_HEX];
	static const char *const wrong[] = {"", "../../etc/passwd", "ABCDEF",
					    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
					    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"};
	add(folder, 1, a);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err err = {0}, second = {0};
		EXPECT(model_directory_read(in(folder, "models"), wrong[i], &err) == NULL);
		EXPECT_INT(err.code, ERR_USAGE);
		snprintf(wanted, sizeof wanted, "\"%s\" is no model id: 64 lower-case hex digits are wanted", wrong[i]);
		EXPECT_TEXT(err.message, wanted);
		EXPECT(model_directory_promote(in(folder, "models"), wrong[i], "ann", 1, &second) == -1);
		EXPECT_TEXT(second.message, wanted);
	}
	put(in(folder, "models/current"), "../new\n");
	struct err err = {0};
	EXPECT(model_directory_current(in(folder, "models"), &err) == NULL);
	EXPECT_INT(err.code, ERR_DATA);
	snprintf(wanted, sizeof wanted, "%s: it must hold a model id, 64 lower-case hex digits and a newline",
		 in(folder, "models/current"));
	EXPECT_TEXT(err.message, wanted);
	leave(folder);
}

TEST(a_file_that_is_not_what_its_id_says_is_refused)
{
	char *folder = enter(), a[SHA256_HEX], b[SHA256_HEX], path[400], wanted[900];
	struct err err = {0};
	add(folder, 1, a);
	add(folder, 2, b);
	snprintf(path, sizeof path, "%s/models/%s.json", folder, a);
	char *other = contents_of(in(folder, "new.json"));
	put(path, other);
	EXPECT(model_directory_promote(in(folder, "models"), a, "ann", 1, &err) == -1);
	EXPECT_INT(err.code, ERR_DATA);
	snprintf(wanted, sizeof wanted, "%s: the file was changed: the SHA-256 of its bytes is %s", path, b);
	EXPECT_TEXT(err.message, wanted);
	free(other);
	leave(folder);
}

struct listing {
	int count;
	char ids[4][SHA256_HEX];
	bool current[4];
};

static void note(void *context, const char *id, bool current)
{
	struct listing *listing = context;
	if (listing->count < 4) {
		memcpy(listing->ids[listing->count], id, SHA256_HEX);
		listing->current[listing->count] = current;
	}
	listing->count++;
}

TEST(a_listing_is_sorted_and_knows_the_champion)
{
	char *folder = enter(), ids[3][SHA256_HEX];
	struct listing listing = {0};
	struct err err = {0};
	EXPECT(model_directory_list(in(folder, "models"), note, &listing, &err) == -1);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	err_clear(&err);
	for (uint64_t i = 0; i < 3; i++)
		add(folder, i, ids[i]);
	put(in(folder, "models/notes.txt"), "no model");
	EXPECT(model_directory_list(in(folder, "models"), note, &listing, &err) == 0);
	EXPECT_INT(listing.count, 3);
	EXPECT(strcmp(listing.ids[0], listing.ids[1]) < 0 && strcmp(listing.ids[1], listing.ids[2]) < 0);
	EXPECT(!listing.current[0] && !listing.current[1] && !listing.current[2]);
	EXPECT(model_directory_promote(in(folder, "models"), ids[1], "ann", 1, &err) == 0);
	listing = (struct listing){0};
	EXPECT(model_directory_list(in(folder, "models"), note, &listing, &err) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(listing.current[i] == (strcmp(listing.ids[i], ids[1]) == 0));
	leave(folder);
}

TEST(only_valid_models_are_added)
{
	char *folder = enter(), id[SHA256_HEX];
	struct err err = {0};
	put(in(folder, "bad.json"), "[1]");
	EXPECT(model_directory_add(in(folder, "models"), in(folder, "bad.json"), id, &err) == -1);
	EXPECT(strstr(err.message, "bad.json: the document: must be an object, not an array of 1") != NULL);
	EXPECT(access(in(folder, "models"), F_OK) != 0);
	leave(folder);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_model_becomes_champion_and_the_one_before_comes_back),
					CASE(the_first_champion_and_an_empty_directory_have_nothing_before_them),
					CASE(rollback_passes_over_changes_that_never_came_to_be),
					CASE(ids_that_are_no_ids_never_become_paths),
					CASE(a_file_that_is_not_what_its_id_says_is_refused),
					CASE(a_listing_is_sorted_and_knows_the_champion),
					CASE(only_valid_models_are_added),
					{0}},
			argc, argv);
}
