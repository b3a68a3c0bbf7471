/*
 * The offline commands, run inside this process through their cmd_ functions: what they write byte for byte, their exact
 * messages and exit statuses.
 */
#include <jansson.h>

#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/io/model_file.h"
#include "detectors/explain.h"
#include "features/event.h"
#include "number.h"
#include "rng.h"
#include "test/twin/forest_sample.h"
#include "test/unit/files.h"

#include <math.h>

#define ROWS 3000
#define ROWS_SEED 3

static const char event_part[] =
    "\"pipeline\": \"test\", \"kafka\": {\"bootstrap_servers\": \"127.0.0.1:9\", \"input_topic\": \"transactions\"},"
    "\"schema\": {\"registry_urls\": [\"http://127.0.0.1:9\"]}, \"state\": {\"memory\": {}}, \"model\": "
    "{\"directory\": \"models\"},"
    "\"event\": {\"id\": \"transaction_id\", \"time\": {\"path\": \"event_time\", \"unit\": \"ms\"}, \"entity\": "
    "\"card_id\","
    "\"partitioner\": \"murmur2\", \"allowed_lateness\": \"1h\", \"max_ahead\": \"5m\", \"fields\": {"
    "\"amount\": {\"type\": \"money\", \"scale\": 2}, \"shop\": {\"path\": \"merchant.id\", \"type\": \"string\"},"
    "\"lat\": {\"type\": \"number\", \"scale\": 5}, \"lon\": {\"type\": \"number\", \"scale\": 5}}}";

/* Writes a configuration whose features stand between the brackets; more: further members. */
static void write_config(const char *name, const char *features, const char *more)
{
	struct buffer text;
	buffer_init(&text);
	buffer_add_format(&text, "{%s%s, \"features\": [%s]}", event_part, more, features);
	(void)files_write(name, text.data, text.length);
	buffer_free(&text);
}

static const char some_features[] =
    "{\"name\": \"amount_log\", \"op\": \"log1p\", \"field\": \"amount\"}, {\"name\": \"count_1h\", \"op\": \"count\", "
    "\"window\": \"1h\"},"
    "{\"name\": \"mean_1d\", \"op\": \"mean\", \"field\": \"amount\", \"window\": \"1d\"},"
    "{\"name\": \"speed\", \"op\": \"geo_speed\", \"lat\": \"lat\", \"lon\": \"lon\", \"window\": \"1d\"},"
    "{\"name\": \"shop_1d\", \"op\": \"count\", \"window\": \"1d\", \"where\": {\"field\": \"shop\", \"same\": true}}";

/* Expects status and standard error of a command; a wanted message that ends in "*" is only a beginning. */
static void expect_run(int (*command)(int, char **), const char *line, int status, const char *wanted)
{
	struct outcome_of outcome = files_run(command, line);
	size_t length = strlen(wanted);
	if (length > 0 && wanted[length - 1] == '*' && strncmp(outcome.err, wanted, length - 1) == 0)
		wanted = outcome.err;
	EXPECT_INT(outcome.status, status);
	EXPECT_TEXT(outcome.err, wanted);
	files_forget(&outcome);
}

static void expect_file(const char *name, const char *wanted)
{
	char *text = files_read(files_path(name), NULL);
	EXPECT_TEXT(text, wanted);
	free(text);
}

static void expect_same(const char *name, const char *other)
{
	size_t length, other_length;
	char *text = files_read(files_path(name), &length), *other_text = files_read(files_path(other), &other_length);
	EXPECT(length > 0 && length == other_length && memcmp(text, other_text, length) == 0);
	free(text);
	free(other_text);
}

/* The last line of a text. */
static const char *last_line(const char *text)
{
	const char *line = text;
	for (const char *at = text; *at != '\0'; at++)
		if (*at == '\n' && at[1] != '\0')
			line = at + 1;
	return line;
}

/* ---- features ---- */

static const char few_events[] = "transaction_id,event_time,card_id,amount,merchant.id,lat,lon,label\n"
				 "a,1000000,c1,10,s1,,,0\n"
				 "b,2000000,c1,20,s1,,,1\n"
				 "x,9000000,c2,5,s1,,,0\n"
				 "c,1500000,c1,30,\"s,2\",,,\"say \"\"no\"\"\"\n"
				 "b,2000000,c1,20,s1,,,1\n"
				 "y,9000001,c3,5,s1,,,0\n"
				 "d,100,c1,1,s1,,,0\n"
				 ",3000000,c1,1,s1,,,0\n"
				 "e,3000000,c1,much,s1,,,0\n";

TEST(features_writes_the_documented_rows_rejects_and_summary)
{
	(void)files_text("few.csv", few_events);
	struct outcome_of outcome = files_run(
	    cmd_features,
	    "features --config @f.json --input @few.csv --output @out.csv --keep label,shop --rejects @rejects.jsonl");
	EXPECT_INT(outcome.status, 0);
	EXPECT_TEXT(last_line(outcome.err), "read 9: scored 5, duplicate 1, too_late 1, future 0, invalid 2\n");
	EXPECT(strstr(outcome.err, "\norder=assumed\nread 9") != NULL);
	expect_file("out.csv", "_event_id,_entity,_time_ms,_partition,_offset,_flags,label,shop,amount,sum_1h\n"
			       "a,c1,1000000,0,0,warming,0,s1,10,0\n"
			       "b,c1,2000000,0,1,warming,1,s1,20,10\n"
			       "x,c2,9000000,0,2,,0,s1,5,0\n"
			       "c,c1,1500000,0,3,late warming,\"say \"\"no\"\"\",\"s,2\",30,10\n"
			       "y,c3,9000001,0,5,,0,s1,5,0\n");
	expect_file(
	    "rejects.jsonl",
	    "{\"_partition\":0,\"_offset\":4,\"outcome\":\"duplicate\",\"reason\":\"duplicate\",\"message\":\"an event "
	    "of the same id is in the entity's state already\"}\n"
	    "{\"_partition\":0,\"_offset\":6,\"outcome\":\"too_late\",\"reason\":\"too_late\",\"message\":\"its event "
	    "time is before the watermark less allowed_lateness\"}\n"
	    "{\"_partition\":0,\"_offset\":7,\"outcome\":\"invalid\",\"reason\":\"validate\",\"message\":\"line 9: "
	    "transaction_id: null or absent\"}\n"
	    "{\"_partition\":0,\"_offset\":8,\"outcome\":\"invalid\",\"reason\":\"validate\",\"message\":\"line 10: "
	    "amount: expected a decimal number of at most 2^53 units of 10^-2, found other text\"}\n");
	files_forget(&outcome);
	outcome = files_run(cmd_features, "features --config @f.json --input @few.csv --output @strict.csv --strict");
	EXPECT_INT(outcome.status, 65);
	EXPECT(strstr(outcome.err, "few.csv: line 9: transaction_id: null or absent\n") != NULL);
	files_forget(&outcome);
}

TEST(future_events_are_told_by_their_record_timestamp)
{
	(void)files_text("future.csv",
			 "transaction_id,event_time,card_id,amount,merchant.id,lat,lon,_partition,_offset,_timestamp\n"
			 "a,1300000,c1,1,s1,,,4,7,1000000\nb,1300001,c1,1,s1,,,4,9,1000000\nc,1,c1,1,s1,,,4,10,-1\n");
	struct outcome_of outcome = files_run(
	    cmd_features, "features --config @f.json --input @future.csv --output @out.csv --rejects @rejects.jsonl");
	EXPECT_TEXT(last_line(outcome.err), "read 3: scored 1, duplicate 0, too_late 0, future 1, invalid 1\n");
	EXPECT(strstr(outcome.err, "order=assumed") == NULL);
	expect_file("rejects.jsonl",
		    "{\"_partition\":4,\"_offset\":9,\"outcome\":\"future\",\"reason\":\"future\",\"message\":\"its "
		    "event time is more than max_ahead after its record timestamp\"}\n"
		    "{\"_partition\":4,\"_offset\":10,\"outcome\":\"invalid\",\"reason\":\"timestamp\",\"message\":"
		    "\"line 4: the record has no timestamp\"}\n");
	files_forget(&outcome);
}

TEST(csv_json_lines_and_avro_give_the_same_vectors)
{
	static const char *const formats[] = {"csv", "jsonl", "avro"};
	char line[400];
	for (size_t i = 0; i < 3; i++) {
		snprintf(line, sizeof line,
			 "simulate --events 20000 --cards 300 --late 0.05 --duplicates 0.01 --coordinates 3 --days 9 "
			 "--output @p.%s --labels @l%zu",
			 formats[i], i);
		files_do(cmd_simulate, line);
		snprintf(line, sizeof line,
			 "features --config @c.json --input @p.%s --output @w%zu.csv --keep "
			 "amount,shop,lat,event_time,_key --partitions 3",
			 formats[i], i);
		files_do(cmd_features, line);
	}
	expect_same("w0.csv", "w1.csv");
	expect_same("w0.csv", "w2.csv");
	expect_same("l0", "l2");
	expect_same("w0.csv.about.json", "w2.csv.about.json");
}

TEST(the_partitioner_is_checked_with_the_number_of_partitions)
{
	struct outcome_of outcome =
	    files_run(cmd_features, "features --config @c.json --input @e.csv --output @out.csv --partitions 4");
	EXPECT(strstr(last_line(outcome.err), "invalid 0\n") == NULL);
	files_forget(&outcome);
	outcome = files_run(cmd_features, "features --config @c.json --input @e.csv --output @out.csv");
	EXPECT(strstr(last_line(outcome.err), "invalid 0\n") != NULL);
	files_forget(&outcome);
}

TEST(what_is_pseudonymised_leaves_only_as_its_hmac)
{
	char wanted[600], hex[2][SHA256_HEX];
	uint8_t digest[SHA256_BYTES];
	(void)files_text("key", "0123456789abcdef0123456789abcdef");
	write_config("p.json", "{\"name\": \"amount\", \"op\": \"value\", \"field\": \"amount\"}",
		     ", \"privacy\": {\"key_file\": \"key\", \"pseudonymize\": [\"entity\", \"shop\"]}");
	(void)files_text("one.csv",
			 "transaction_id,event_time,card_id,amount,merchant.id,lat,lon\na,1000,card-7,1,shop-9,,\n");
	struct outcome_of outcome = files_run(cmd_features, "features --config @p.json --input @one.csv --output - "
							    "--keep card_id,shop,merchant.id,amount,transaction_id");
	hmac_sha256(slice_of("0123456789abcdef0123456789abcdef"), slice_of("card-7"), digest);
	hex_of(digest, sizeof digest, hex[0]);
	hmac_sha256(slice_of("0123456789abcdef0123456789abcdef"), slice_of("shop-9"), digest);
	hex_of(digest, sizeof digest, hex[1]);
	snprintf(wanted, sizeof wanted,
		 "_event_id,_entity,_time_ms,_partition,_offset,_flags,card_id,shop,merchant.id,amount,transaction_id,"
		 "amount\na,%s,1000,0,0,,%s,%s,%s,1,a,1\n",
		 hex[0], hex[0], hex[1], hex[1]);
	EXPECT_TEXT(outcome.out, wanted);
	EXPECT_INT(outcome.status, 0);
	files_forget(&outcome);
}

TEST(features_says_what_is_wrong_with_its_arguments)
{
	expect_run(cmd_features, "features --config @c.json --input @e.csv", 64,
		   "outlierd features: --output F is missing\nSee: outlierd features --help\n");
	expect_run(cmd_features, "features --config @c.json --input @e.csv --output @e.csv", 64,
		   "outlierd features: an output is the input itself\nSee: outlierd features --help\n");
	expect_run(cmd_features, "features --config @c.json --input e.txt --output @o.csv", 64,
		   "outlierd features: e.txt: its name does not tell the format: give --input-format avro, jsonl or "
		   "csv\nSee: outlierd features --help\n");
	expect_run(cmd_features, "features --config @c.json --input e.txt --output @o.csv --input-format xml", 64,
		   "outlierd features: --input-format: expected avro, jsonl or csv, found \"xml\"\nSee: outlierd "
		   "features --help\n");
	expect_run(cmd_features, "features --config @c.json --input nowhere.csv --output @o.csv", 69,
		   "outlierd features: nowhere.csv: No such file or directory\n");
}

/* ---- the command line itself ---- */

TEST(arguments_are_checked_one_by_one)
{
	expect_run(cmd_train, "train --inptu @v0.csv", 64,
		   "outlierd train: unknown option --inptu\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train --input @v0.csv --output", 64,
		   "outlierd train: --output needs a value: --output M\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train --input a --input=b --output c", 64,
		   "outlierd train: --input is given twice\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train --input a --output c --trees 0", 64,
		   "outlierd train: --trees: 0 is not from 1 to 10000\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train --input a --output c --trees 1e2", 64,
		   "outlierd train: --trees: expected an integer, found \"1e2\"\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train --input a --output c --label x,,y", 64,
		   "outlierd train: --label: an element of the list is empty\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train more --input a --output c", 64,
		   "outlierd train: unexpected argument \"more\"\nSee: outlierd train --help\n");
	expect_run(cmd_train, "train -x", 64, "outlierd train: unknown option -x\nSee: outlierd train --help\n");
	expect_run(cmd_features, "features --strict=yes", 64,
		   "outlierd features: --strict takes no value\nSee: outlierd features --help\n");
	expect_run(cmd_simulate, "simulate --events 5 --output a.csv --late 2", 64,
		   "outlierd simulate: --late: 2 is not from 0 to 1\nSee: outlierd simulate --help\n");
	expect_run(cmd_simulate, "simulate --events 5 --output a.csv --late half", 64,
		   "outlierd simulate: --late: expected a number, found \"half\"\nSee: outlierd simulate --help\n");
}

TEST(every_command_prints_its_help)
{
	int (*const commands[])(int, char **) = {cmd_features, cmd_train, cmd_score, cmd_model, cmd_simulate};
	for (size_t i = 0; i < 5; i++) {
		struct outcome_of outcome = files_run(commands[i], "x --help --nonsense");
		EXPECT_INT(outcome.status, 0);
		EXPECT(strncmp(outcome.out, "Usage: outlierd ", 16) == 0 &&
		       strstr(outcome.out, "\nOptions:\n  --") != NULL);
		EXPECT_TEXT(outcome.err, "");
		for (const char *line = outcome.out; line != NULL; line = strchr(line + 1, '\n'))
			EXPECT(strcspn(line + 1, "\n") <= 110);
		files_forget(&outcome);
	}
}

/* ---- train ---- */

/* Rows of three columns, one value in twenty missing, every tenth row warming; written as CSV, and kept without those. */
static double *write_rows(const char *name, uint64_t seed, size_t *kept)
{
	struct rng rng;
	struct buffer file;
	double *values = malloc(ROWS * 3 * sizeof *values);
	rng_seed(&rng, seed);
	buffer_init(&file);
	buffer_add_text(&file, "_event_id,b,label,_flags,a,c,_time_ms\r\n");
	*kept = 0;
	for (size_t i = 0; i < ROWS; i++) {
		double *row = values + 3 * *kept;
		char text[3][NUMBER_TEXT_MAX] = {"", "", ""};
		bool warming = i % 10 == 0;
		for (size_t j = 0; j < 3; j++) {
			row[j] = rng_below(&rng, 20) == 0 ? NAN : rng_uniform(&rng) * 1000 - 300;
			if (!isnan(row[j]))
				number_format(row[j], text[j]);
		}
		buffer_add_format(&file, "e%zu,%s,%d,%s,%s,%s,%zu\r\n", i, text[1], (int)(i % 2),
				  warming      ? "late warming"
				  : i % 3 == 0 ? "late"
					       : "",
				  text[0], text[2], 5000 + i);
		*kept += !warming;
	}
	(void)files_write(name, file.data, file.length);
	buffer_free(&file);
	return values;
}

static struct model *read_model(const char *name)
{
	struct err err = {0};
	struct model *model = model_file_read(files_path(name), &err);
	EXPECT_TEXT(err.message, "");
	return model;
}

/* Trained from the rows in memory. */
TEST(train_makes_the_model_that_rows_in_memory_make)
{
	size_t kept, length;
	double *rows = write_rows("t.csv", ROWS_SEED, &kept), *scores = malloc(kept * sizeof *scores);
	struct matrix matrix = {rows, kept, 3, 3};
	struct train_options options = {20, 64, 9, false, false};
	struct err err = {0};
	struct model *twin = model_new(3);
	struct buffer document;
	buffer_init(&document);
	struct model *model = read_model("t.model");
	twin->options = options;
	twin->forest = forest_sample_fit(&options, &matrix);
	EXPECT(forest_score(twin->forest, &matrix, scores, &err) == 0 &&
	       calibration_make(&twin->calibration, scores, kept, &err) == 0);
	EXPECT(reference_make(twin->references, &matrix, &err) == 0);
	for (size_t i = 0; i < 3; i++)
		twin->features[i] = strdup((const char *[]){"a", "b", "c"}[i]);
	char *bytes = files_read(files_path("t.csv"), &length);
	sha256_hex((struct slice){bytes, length}, twin->trained_on.sha256);
	twin->trained_on.rows = kept;
	twin->trained_on.rows_left_out = ROWS - kept;
	twin->trained_on.time_from_ms = 5001;
	twin->trained_on.time_to_ms = 5000 + ROWS - 1;
	twin->trained_on.order_assumed = true;
	twin->calibrated_on = twin->trained_on;
	model_write(twin, &document);
	char *written = files_read(files_path("t.model"), &length);
	EXPECT(length == document.length && memcmp(written, document.data, length) == 0);
	model_free(model);
	model_free(twin);
	buffer_free(&document);
	free(written);
	free(bytes);
	free(scores);
	free(rows);
}

TEST(train_takes_all_columns_but_underscores_labels_and_ignored_ones)
{
	files_do(cmd_train, "train --input @t.csv --output @all.model --label label --ignore c --trees 3 --seed 9");
	struct model *model = read_model("all.model");
	EXPECT_INT(model->feature_count, 2);
	EXPECT_TEXT(model->features[0], "b");
	EXPECT_TEXT(model->features[1], "a");
	EXPECT_TEXT(model->feature_set_id, "");
	model_free(model);
}

/* Helper features that only quotients and rules need: in the feature set, but not in the trees. */
TEST(train_leaves_out_ignored_features_of_a_configuration)
{
	files_do(cmd_train,
		 "train --config @c.json --input @v0.csv --output @some.model --ignore count_1h,nothing --trees 3");
	files_do(cmd_train, "train --config @c.json --input @v0.csv --output @every.model --trees 3");
	struct model *some = read_model("some.model"), *every = read_model("every.model");
	EXPECT_INT(every->feature_count, 5);
	EXPECT_INT(some->feature_count, 4);
	EXPECT_TEXT(some->features[0], "amount_log");
	EXPECT_TEXT(some->features[1], "mean_1d");
	EXPECT_TEXT(some->feature_set_id, every->feature_set_id);
	model_free(some);
	model_free(every);
	files_do(cmd_score, "score --config @c.json --model @some.model --input @e.csv --decisions @some.jsonl");
}

TEST(train_calibrates_on_other_rows)
{
	size_t kept;
	free(write_rows("later.csv", 4, &kept));
	files_do(cmd_train, "train --input @t.csv --output @plain.model --features a,b,c --trees 5");
	files_do(cmd_train,
		 "train --input @t.csv --output @later.model --features a,b,c --trees 5 --calibrate @later.csv");
	struct model *plain = read_model("plain.model"), *later = read_model("later.model");
	EXPECT(strcmp(later->calibrated_on.sha256, later->trained_on.sha256) != 0);
	EXPECT_TEXT(later->trained_on.sha256, plain->trained_on.sha256);
	EXPECT_INT(later->calibrated_on.rows, kept);
	EXPECT_INT(later->calibration.n, kept);
	EXPECT(later->calibration.quantiles[500] != plain->calibration.quantiles[500]);
	EXPECT_INT(later->calibrated_on.time_from_ms, 5001);
	model_free(plain);
	model_free(later);
}

TEST(train_refuses_what_it_cannot_use)
{
	(void)files_text("bad.csv", "_flags,a,b\n,1,2\n,x1,3\n");
	expect_run(cmd_train, "train --input @bad.csv --output @m", 65, "outlierd train: /tmp/outlierd-test-*");
	struct outcome_of outcome = files_run(cmd_train, "train --input @bad.csv --output @m");
	EXPECT(strstr(outcome.err, "bad.csv: line 3: column a: \"x1\" is no number\n") != NULL);
	files_forget(&outcome);
	outcome = files_run(cmd_train, "train --input @bad.csv --output @m --features a,z,y");
	EXPECT(strstr(outcome.err, "bad.csv: line 1: no column z, y\n") != NULL);
	files_forget(&outcome);
	(void)files_text("bad.csv", "_flags,a\nwarming,1\nlate warming,2\n");
	outcome = files_run(cmd_train, "train --input @bad.csv --output @m");
	EXPECT_INT(outcome.status, 65);
	EXPECT(strstr(outcome.err, "bad.csv: no rows to use (2 left out because a feature was warming)\n") != NULL);
	files_forget(&outcome);
	outcome = files_run(cmd_train, "train --input @bad.csv --output @m --ignore a");
	EXPECT(strstr(outcome.err, "bad.csv: 0 columns to train on, not 1 to 1024\n") != NULL);
	files_forget(&outcome);
	outcome = files_run(cmd_train, "train --input @bad.csv --output @m --ignore q");
	EXPECT(strstr(outcome.err, "bad.csv: line 1: no column q\n") != NULL);
	files_forget(&outcome);
	expect_run(cmd_train, "train --input a --output b --features x,x", 64,
		   "outlierd train: --features: x is named twice\nSee: outlierd train --help\n");
}

TEST(vectors_of_another_feature_set_are_refused_with_both_ids)
{
	struct err err = {0};
	struct outcome_of outcome = files_run(cmd_train, "train --config @other.json --input @v0.csv --output @m");
	struct config *config = config_read(files_path("other.json"), true, NULL, NULL, &err);
	struct feature_set *set;
	EXPECT(config != NULL && feature_set_new(&set, &config->features, NULL, NULL, &err) == 0);
	EXPECT_INT(outcome.status, 65);
	EXPECT(strstr(outcome.err, feature_set_id(set)) != NULL);
	EXPECT(strstr(outcome.err, "v0.csv: its vectors are of feature set ") != NULL);
	feature_set_free(set);
	config_free(config);
	files_forget(&outcome);
}

/* ---- score ---- */

TEST(score_finds_columns_by_name_and_passes_on_what_it_should)
{
	(void)files_text("s.csv",
			 "_event_id,c,label,_score,a,b,_phi_a\n\"x,1\",1.5,yes,9,,-20,9\ny,1e3,no,9,7,8.25,9\n");
	files_do(cmd_score, "score --model @t.model --input @s.csv --output @s.out --keep label,c");
	struct model *model = read_model("t.model");
	double rows[2][3] = {{NAN, -20, 1.5}, {7, 8.25, 1000}}, scores[2];
	char wanted[1000], text[4][NUMBER_TEXT_MAX];
	struct matrix matrix = {rows[0], 2, 3, 3};
	struct err err = {0};
	EXPECT(forest_score(model->forest, &matrix, scores, &err) == 0);
	for (size_t i = 0; i < 2; i++) {
		number_format(scores[i], text[2 * i]);
		number_format(calibration_rank(&model->calibration, scores[i]), text[2 * i + 1]);
	}
	snprintf(wanted, sizeof wanted, "_event_id,label,c,_score,_rank\n\"x,1\",yes,1.5,%s,%s\ny,no,1e3,%s,%s\n",
		 text[0], text[1], text[2], text[3]);
	expect_file("s.out", wanted);
	model_free(model);
}

TEST(explanations_add_up_to_the_path_length)
{
	files_do(cmd_score, "score --model @t.model --input @t.csv --output @x.csv --explain");
	struct model *model = read_model("t.model");
	char *text = files_read(files_path("x.csv"), NULL);
	const char *header = "_event_id,_flags,_time_ms,_score,_rank,_base,_phi_a,_phi_b,_phi_c\n";
	EXPECT(strncmp(text, header, strlen(header)) == 0);
	size_t rows = 0, wrong = 0;
	for (char *line = strchr(text, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1, rows++) {
		double numbers[6], sum = 0;
		char *at = line;
		for (int skip = 0; skip < 3; skip++)
			at = strchr(at, ',') + 1;
		for (int i = 0; i < 6; i++, at++)
			numbers[i] = strtod(at, &at);
		for (int i = 2; i < 6; i++)
			sum += numbers[i];
		wrong += fabs(forest_score_of_path(model->forest, sum) - numbers[0]) > 1e-12;
	}
	EXPECT_INT(rows, ROWS);
	EXPECT_INT(wrong, 0);
	free(text);
	model_free(model);
}

TEST(score_refuses_what_it_cannot_score)
{
	(void)files_text("s.csv", "a,c\n1,2\n");
	struct outcome_of outcome = files_run(cmd_score, "score --model @t.model --input @s.csv --output @s.out");
	EXPECT_INT(outcome.status, 65);
	EXPECT(strstr(outcome.err, "s.csv: line 1: no column b\n") != NULL);
	files_forget(&outcome);
	expect_run(cmd_score, "score --input @s.csv --output @s.out", 64,
		   "outlierd score: --model M and --output F are needed, or --config FILE for a file of events\nSee: "
		   "outlierd score --help\n");
	expect_run(cmd_score, "score --input @s.csv --config c", 64,
		   "outlierd score: --config needs --alerts F, --decisions F, --enriched F or --amendments F\nSee: "
		   "outlierd score --help\n");
	expect_run(cmd_score, "score --input @s.csv --config c --alerts a --output o", 64,
		   "outlierd score: --output, --keep, --explain and --plot go with vectors, not with --config\nSee: "
		   "outlierd score --help\n");
	expect_run(cmd_score, "score --input @s.csv --model m --output o --alerts a", 64,
		   "outlierd score: --alerts, --decisions, --enriched, --amendments, --input-format and --partitions "
		   "need --config "
		   "FILE\nSee: "
		   "outlierd score --help\n");
}

/* ---- models of a directory ---- */

static void champion(char id[SHA256_HEX])
{
	char *text = files_read(files_path("models/current"), NULL);
	EXPECT_INT(strlen(text), SHA256_HEX);
	snprintf(id, SHA256_HEX, "%.64s", text);
	free(text);
}

TEST(models_of_a_directory_are_promoted_listed_and_rolled_back)
{
	char first[SHA256_HEX], second[SHA256_HEX] = "", line[200], wanted[400];
	champion(first);
	files_do(cmd_train, "train --config @c.json --input @v0.csv --output @models/ --trees 5 --seed 2");
	champion(second);
	EXPECT_TEXT(second, first);
	struct outcome_of outcome = files_run(cmd_model, "model list --config @c.json");
	const char *star = strstr(outcome.out, "* "),
		   *other = strncmp(outcome.out, "  ", 2) == 0 ? outcome.out : strstr(outcome.out, "\n  ") + 1;
	EXPECT(star != NULL && strncmp(star + 2, first, SHA256_HEX - 1) == 0);
	snprintf(second, sizeof second, "%.64s", other + 2);
	files_forget(&outcome);

	snprintf(line, sizeof line, "model promote --config @c.json %.10s", second);
	outcome = files_run(cmd_model, line);
	snprintf(wanted, sizeof wanted, "%s is the champion of %s\n", second, files_path("models"));
	EXPECT_TEXT(outcome.out, wanted);
	EXPECT_TEXT(outcome.err, "A running daemon takes it when it gets SIGHUP (systemctl reload, or kill -HUP).\n");
	files_forget(&outcome);
	snprintf(line, sizeof line, "model inspect --config @c.json %.10s", second);
	outcome = files_run(cmd_model, line);
	EXPECT(strstr(outcome.out, second) != NULL);
	files_forget(&outcome);
	files_do(cmd_model, "model rollback --config @c.json");
	champion(line);
	EXPECT_TEXT(line, first);
	expect_run(cmd_model, "model promote --config @c.json zzzz", 65, "outlierd model: no model in *");
	expect_run(cmd_model, "model promote --config @c.json ab", 64,
		   "outlierd model: \"ab\" is too short for the beginning of an id: at least 4 characters\n*");
	expect_run(cmd_model, "model demote --config @c.json ab", 64,
		   "outlierd model: expected promote, rollback, list, verify, inspect or import, found demote\n*");
	expect_run(cmd_model, "model list", 64, "outlierd model: --config FILE is missing\n*");
}

TEST(a_model_of_another_feature_set_is_not_promoted)
{
	char id[SHA256_HEX], line[200], wanted[700];
	struct err err = {0};
	champion(id);
	struct config *config = config_read(files_path("other.json"), true, NULL, NULL, &err);
	struct feature_set *set;
	EXPECT(config != NULL && feature_set_new(&set, &config->features, NULL, NULL, &err) == 0);
	struct model *model = model_directory_read(files_path("models"), id, &err);
	EXPECT(model != NULL);
	snprintf(line, sizeof line, "model promote --config @other.json %s", id);
	snprintf(wanted, sizeof wanted, "outlierd model: model %s is of feature set %s, but %s has feature set %s\n",
		 id, model->feature_set_id, files_path("other.json"), feature_set_id(set));
	expect_run(cmd_model, line, 65, wanted);
	model_free(model);
	feature_set_free(set);
	config_free(config);
}

TEST(inspect_describes_a_model)
{
	struct outcome_of outcome = files_run(cmd_model, "model inspect @t.model --json");
	json_error_t error;
	json_t *root = json_loads(outcome.out, 0, &error);
	struct model *model = read_model("t.model");
	EXPECT(root != NULL);
	EXPECT_TEXT(json_string_value(json_object_get(root, "id")), model->id);
	EXPECT_INT(json_integer_value(json_object_get(json_object_get(root, "trained_on"), "rows")),
		   (long long)model->trained_on.rows);
	EXPECT_INT(json_array_size(json_object_get(root, "features")), 3);
	EXPECT(json_real_value(json_object_get(json_object_get(root, "quantiles"), "0.5")) ==
	       model->calibration.quantiles[500]);
	json_decref(root);
	files_forget(&outcome);
	outcome = files_run(cmd_model, "model inspect @t.model");
	EXPECT(strstr(outcome.out, model->id) != NULL &&
	       strstr(outcome.out, "forest          20 trees of 64 rows, seed 9\n") != NULL);
	files_forget(&outcome);
	model_free(model);
	expect_run(cmd_model, "model inspect @nothing", 69, "outlierd model: *");
}

/* ---- simulate ---- */

TEST(simulate_checks_its_arguments)
{
	expect_run(cmd_simulate, "simulate --events 5", 64, "outlierd simulate: give --output F or --to-topic T\n*");
	expect_run(
	    cmd_simulate, "simulate --events 5 --output a.csv --rate 5", 64,
	    "outlierd simulate: --bootstrap-servers, --config, --schema-registry and --rate go with --to-topic\n*");
	expect_run(cmd_simulate, "simulate --events 5 --to-topic t --format csv", 64,
		   "outlierd simulate: --coordinates and --format go with --output, not with --to-topic\n*");
	expect_run(cmd_simulate, "simulate --events 5 --to-topic t", 64,
		   "outlierd simulate: --to-topic needs --bootstrap-servers or --config\n*");
	expect_run(cmd_simulate, "simulate --events 5 --output a.txt", 64,
		   "outlierd simulate: a.txt: its name does not tell the format: give --format avro, jsonl or csv\n*");
	expect_run(
	    cmd_simulate, "simulate --events 5 --output a.csv --start tomorrow", 64,
	    "outlierd simulate: --start: expected RFC 3339 as in 2026-01-05T00:00:00Z, or now, found \"tomorrow\"\n*");
}

TEST(simulate_writes_as_many_lines_as_asked_and_labels_each_event_once)
{
	files_do(cmd_simulate, "simulate --events 5000 --duplicates 0.1 --cards 50 --fraud-rate 0.05 --output @n.csv "
			       "--labels @n.labels --seed 4");
	char *events = files_read(files_path("n.csv"), NULL), *labels = files_read(files_path("n.labels"), NULL);
	size_t lines = 0, label_lines = 0, frauds = 0;
	for (char *at = events; *at != '\0'; at++)
		lines += *at == '\n';
	for (char *at = labels; *at != '\0'; at++) {
		label_lines += *at == '\n';
		frauds += strncmp(at, ",1,", 3) == 0;
	}
	EXPECT_INT(lines, 5001);
	EXPECT(label_lines > 4300 && label_lines < 4700);
	EXPECT(frauds > 150 && frauds < 300);
	free(events);
	free(labels);
}

/* What the tests share: configurations, events, vectors, rows, a model, a directory with a champion. */
static void set_up(void)
{
	size_t kept;
	write_config("f.json",
		     "{\"name\": \"amount\", \"op\": \"value\", \"field\": \"amount\"},"
		     "{\"name\": \"sum_1h\", \"op\": \"sum\", \"field\": \"amount\", \"window\": \"1h\"}",
		     "");
	write_config("other.json", "{\"name\": \"amount_log\", \"op\": \"value\", \"field\": \"amount\"}", "");
	write_config("c.json", some_features, "");
	files_do(cmd_simulate,
		 "simulate --events 20000 --cards 300 --late 0.05 --duplicates 0.01 --coordinates 3 --days "
		 "9 --output @e.csv");
	files_do(cmd_features, "features --config @c.json --input @e.csv --output @v0.csv");
	free(write_rows("t.csv", ROWS_SEED, &kept));
	files_do(cmd_train, "train --input @t.csv --output @t.model --features a,b,c --trees 20 --sample 64 --seed 9");
	files_do(cmd_train, "train --config @c.json --input @v0.csv --output @models/ --trees 5 --seed 1");
}

int main(int argc, char **argv)
{
	set_up();
	return test_run((struct test[]){CASE(features_writes_the_documented_rows_rejects_and_summary),
					CASE(future_events_are_told_by_their_record_timestamp),
					CASE(csv_json_lines_and_avro_give_the_same_vectors),
					CASE(the_partitioner_is_checked_with_the_number_of_partitions),
					CASE(what_is_pseudonymised_leaves_only_as_its_hmac),
					CASE(features_says_what_is_wrong_with_its_arguments),
					CASE(arguments_are_checked_one_by_one),
					CASE(every_command_prints_its_help),
					CASE(train_makes_the_model_that_rows_in_memory_make),
					CASE(train_takes_all_columns_but_underscores_labels_and_ignored_ones),
					CASE(train_leaves_out_ignored_features_of_a_configuration),
					CASE(train_calibrates_on_other_rows),
					CASE(train_refuses_what_it_cannot_use),
					CASE(vectors_of_another_feature_set_are_refused_with_both_ids),
					CASE(score_finds_columns_by_name_and_passes_on_what_it_should),
					CASE(explanations_add_up_to_the_path_length),
					CASE(score_refuses_what_it_cannot_score),
					CASE(models_of_a_directory_are_promoted_listed_and_rolled_back),
					CASE(a_model_of_another_feature_set_is_not_promoted),
					CASE(inspect_describes_a_model),
					CASE(simulate_checks_its_arguments),
					CASE(simulate_writes_as_many_lines_as_asked_and_labels_each_event_once),
					{0}},
			argc, argv);
}
