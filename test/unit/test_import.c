/* `outlierd model import` inside this process: what it says, what it makes, what it refuses. */
#include <jansson.h>

#include "daemon/cmd/cmd.h"
#include "daemon/io/model_file.h"
#include "features/definition.h"
#include "test/unit/files.h"

#define FOREST "test/data/sklearn/forest.json"

static const char vectors[] = "_time_ms,_flags,speed,count,amount\n"
			      "1000,,1,0,5\n"
			      "2000,warming,9,9,9\n"
			      "5000,,-3,2,\n"
			      "4000,,0.05,1,7\n";

static struct outcome_of import(const char *more)
{
	char line[1024];
	snprintf(line, sizeof line, "model import --input " FOREST " --output @m.json %s", more);
	return files_run(cmd_model, line);
}

static struct model *imported(const char *more)
{
	struct outcome_of outcome = import(more);
	struct err err = {0};
	EXPECT_INT(outcome.status, 0);
	struct model *model = model_file_read(files_path("m.json"), &err);
	EXPECT_TEXT(err.message, "");
	files_forget(&outcome);
	return model;
}

static void write_config(const char *name, const char *const *names, size_t count)
{
	struct buffer text;
	buffer_init(&text);
	buffer_add_text(&text,
			"{\"pipeline\": \"test\", \"kafka\": {\"bootstrap_servers\": \"127.0.0.1:9\", "
			"\"input_topic\": \"t\"}, \"schema\": {\"registry_urls\": [\"http://127.0.0.1:9\"]}, "
			"\"state\": {\"memory\": {}}, \"event\": {\"id\": \"id\", \"time\": {\"path\": \"time\", "
			"\"unit\": \"ms\"}, \"entity\": \"card\", \"fields\": {\"money\": {\"type\": \"money\", "
			"\"scale\": 2}}}, \"features\": [");
	for (size_t i = 0; i < count; i++)
		buffer_add_format(&text, "%s{\"name\": \"%s\", \"op\": \"value\", \"field\": \"money\"}",
				  i == 0 ? "" : ", ", names[i]);
	buffer_add_text(&text, "]}");
	(void)files_write(name, text.data, text.length);
	buffer_free(&text);
}

static void expect_refused(const char *more, int status, const char *wanted)
{
	struct outcome_of outcome = import(more);
	EXPECT_INT(outcome.status, status);
	EXPECT_TEXT(outcome.err, wanted);
	EXPECT(status != 64 || strstr(outcome.err, "See: outlierd model --help\n") != NULL);
	files_forget(&outcome);
}

TEST(a_forest_becomes_a_model_without_thresholds)
{
	struct outcome_of outcome = import("");
	char wanted[1024];
	struct err err = {0};
	struct model *model = model_file_read(files_path("m.json"), &err);
	EXPECT_TEXT(err.message, "");
	snprintf(wanted, sizeof wanted,
		 "imported 2 trees of 8 rows, 3 features; missing values go as the file says\n"
		 "its own threshold is {\"absolute\": 0.55}\n"
		 "model %s written to %s\n",
		 model->id, files_path("m.json"));
	EXPECT_TEXT(outcome.err, wanted);
	EXPECT_TEXT(model->features[0], "amount");
	EXPECT_TEXT(model->feature_set_id, "");
	EXPECT(model->calibration.n == 0 && model->imported.offset == -0.55);
	model_free(model);
	files_forget(&outcome);
	outcome = files_run(cmd_model, "model inspect @m.json");
	EXPECT(strstr(outcome.out, "\nfeature set     unknown (imported without --config)\n") != NULL);
	EXPECT(strstr(outcome.out, "\nimported        with the threshold 0.55\n                SHA-256 ") != NULL);
	EXPECT(strstr(outcome.out, "\ncalibrated on   nothing: only an absolute threshold can be had\n\nfeature ") !=
	       NULL);
	EXPECT(strstr(outcome.out, "trained on") == NULL);
	files_forget(&outcome);
	outcome = files_run(cmd_model, "model inspect @m.json --json");
	EXPECT(strstr(outcome.out, "\"imported\":{\"offset\":-0.55,\"sha256\":\"") != NULL);
	files_forget(&outcome);
}

TEST(other_rows_make_thresholds_and_what_is_usual)
{
	(void)files_text("v.csv", vectors);
	struct model *model = imported("--calibrate @v.csv");
	EXPECT(model->calibration.n == 3 && model->calibrated_on.rows == 3 && model->calibrated_on.rows_left_out == 1);
	EXPECT(model->calibrated_on.time_from_ms == 1000 && model->calibrated_on.time_to_ms == 5000);
	EXPECT(model->calibrated_on.order_assumed && model->trained_on.rows == 0);
	EXPECT_INT(strlen(model->calibrated_on.sha256), 64);
	EXPECT(model->references[0].median == 5 && model->references[0].missing_share == 1.0 / 3);
	EXPECT(model->references[1].minimum == 0 && model->references[1].maximum == 2);
	EXPECT(model->references[2].median == 0.05);
	double rows[] = {5, 0, 1, NAN, 2, -3, 7, 1, 0.05}, scores[3];
	struct matrix matrix = {rows, 3, 3, 3};
	struct err err = {0};
	EXPECT(forest_score(model->forest, &matrix, scores, &err) == 0);
	struct calibration wanted;
	EXPECT(calibration_make(&wanted, scores, 3, &err) == 0);
	EXPECT(memcmp(&wanted.quantiles, &model->calibration.quantiles, sizeof wanted.quantiles) == 0);
	model_free(model);
}

TEST(names_come_from_the_command_line_the_file_or_the_configuration)
{
	struct model *model = imported("--features a,b,c");
	EXPECT_TEXT(model->features[2], "c");
	model_free(model);
	write_config("same.json", (const char *[]){"amount", "count", "speed"}, 3);
	model = imported("--config @same.json");
	EXPECT_TEXT(model->features[2], "speed");
	EXPECT_INT(strlen(model->feature_set_id), 64);
	model_free(model);
	write_config("abc.json", (const char *[]){"a", "b", "c"}, 3);
	model = imported("--config @abc.json --features a,b,c");
	EXPECT_TEXT(model->features[2], "c");
	model_free(model);
	char *text = files_read(FOREST, NULL);
	json_t *root = json_loads(text, 0, NULL);
	json_object_del(root, "feature_names");
	EXPECT(json_dump_file(root, files_path("unnamed.json"), 0) == 0);
	struct outcome_of outcome =
	    files_run(cmd_model, "model import --input @unnamed.json --output @m.json --config @abc.json");
	EXPECT_INT(outcome.status, 0);
	struct err err = {0};
	model = model_file_read(files_path("m.json"), &err);
	EXPECT_TEXT(model->features[2], "c");
	model_free(model);
	files_forget(&outcome);
	json_decref(root);
	free(text);
}

TEST(names_that_do_not_agree_are_refused)
{
	char wanted[1024], other[FILES_PATH];
	expect_refused("--features a,b", 64,
		       "outlierd model: --features has 2 names, but the forest has 3 columns\n"
		       "See: outlierd model --help\n");
	expect_refused("--features a,b,a", 64,
		       "outlierd model: --features: a is named twice\nSee: outlierd model --help\n");
	write_config("other.json", (const char *[]){"amount", "speed", "count"}, 3);
	snprintf(other, sizeof other, "%s", files_path("other.json"));
	snprintf(wanted, sizeof wanted, "outlierd model: " FOREST ": column 1 is count, but feature 1 of %s is speed\n",
		 other);
	expect_refused("--config @other.json", 65, wanted);
	write_config("other.json", (const char *[]){"amount"}, 1);
	snprintf(wanted, sizeof wanted, "outlierd model: " FOREST ": the forest has 3 columns, but %s has 1 features\n",
		 other);
	expect_refused("--config @other.json", 65, wanted);
	(void)files_text("w.csv", "amount,speed\n1,2\n");
	snprintf(wanted, sizeof wanted, "outlierd model: %s: line 1: no column count\n", files_path("w.csv"));
	expect_refused("--calibrate @w.csv", 65, wanted);
}

TEST(a_model_goes_into_a_directory_as_trained_ones_do)
{
	struct outcome_of outcome = files_run(cmd_model, "model import --input " FOREST " --output @models/");
	EXPECT_INT(outcome.status, 0);
	EXPECT(strstr(outcome.err, "models/ as the champion\n") != NULL);
	files_forget(&outcome);
	struct err err = {0};
	struct model *model = model_directory_current(files_path("models"), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT_TEXT(model->features[0], "amount");
	model_free(model);
}

TEST(what_cannot_be_imported_is_said)
{
	char wanted[1024];
	expect_refused("--missing both", 65,
		       "outlierd model: " FOREST
		       ": trees[0].missing_go_to_left says where missing values go, which is not both ways\n");
	expect_refused("--missing left", 64,
		       "outlierd model: --missing: expected refused or both, found \"left\"\n"
		       "See: outlierd model --help\n");
	struct outcome_of outcome = files_run(cmd_model, "model import --input @none.json --output @m.json");
	EXPECT_INT(outcome.status, 69);
	snprintf(wanted, sizeof wanted, "outlierd model: %s: cannot be opened: No such file or directory\n",
		 files_path("none.json"));
	EXPECT_TEXT(outcome.err, wanted);
	files_forget(&outcome);
	outcome = files_run(cmd_model, "model import --output @m.json");
	EXPECT_TEXT(outcome.err,
		    "outlierd model: import needs --input FILE and --output M\nSee: outlierd model --help\n");
	EXPECT_INT(outcome.status, 64);
	files_forget(&outcome);
	outcome = files_run(cmd_model, "model import --input " FOREST " --output " FOREST);
	EXPECT_TEXT(outcome.err, "outlierd model: the output is an input itself\nSee: outlierd model --help\n");
	files_forget(&outcome);
	outcome = files_run(cmd_model, "model inspect @m.json --missing both");
	EXPECT_TEXT(outcome.err,
		    "outlierd model: --input, --output, --features, --calibrate and --missing go with import\n"
		    "See: outlierd model --help\n");
	files_forget(&outcome);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_forest_becomes_a_model_without_thresholds),
					CASE(other_rows_make_thresholds_and_what_is_usual),
					CASE(names_come_from_the_command_line_the_file_or_the_configuration),
					CASE(names_that_do_not_agree_are_refused),
					CASE(a_model_goes_into_a_directory_as_trained_ones_do),
					CASE(what_cannot_be_imported_is_said),
					{0}},
			argc, argv);
}
