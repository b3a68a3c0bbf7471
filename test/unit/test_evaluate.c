/*
 * outlierd evaluate: joining, errors with their lines, the refusal of training rows, what it prints; and the intervals of
 * an assessment against resamples that are written out row by row.
 */
#include <jansson.h>

#include "buffer.h"
#include "daemon/cmd/assess.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/id_index.h"
#include "rng.h"
#include "test/unit/files.h"

#include <math.h>

#define ROWS 60
#define RESAMPLES 200

static void count_number(void *context, size_t number)
{
	size_t *sum = context;
	*sum += number;
}

TEST(texts_keep_the_number_they_were_given)
{
	struct id_index index;
	struct err err = {0};
	char text[32];
	size_t number, sum = 0;
	id_index_init(&index);
	EXPECT(!id_index_find(&index, slice_of("0"), &number));
	for (size_t i = 0; i < 20000; i++) {
		number = i;
		snprintf(text, sizeof text, "%zu", i);
		EXPECT_INT(id_index_add(&index, slice_of(text), &number, &err), 1);
	}
	for (size_t i = 0; i < 20000; i++) {
		snprintf(text, sizeof text, "%zu", i);
		number = 7;
		EXPECT_INT(id_index_add(&index, slice_of(text), &number, &err), 0);
		EXPECT_INT((long)number, (long)i);
		if (i != 5 && i != 19999)
			EXPECT(id_index_find(&index, slice_of(text), &number) && number == i);
	}
	EXPECT(!id_index_find(&index, slice_of("20000"), &number));
	id_index_unfound(&index, count_number, &sum);
	EXPECT_INT((long)sum, 5 + 19999);
	id_index_free(&index);
}

/* Runs evaluate and gives its JSON; NULL where it fails. */
static json_t *evaluate(const char *arguments)
{
	char line[600];
	snprintf(line, sizeof line, "evaluate --json %s", arguments);
	struct outcome_of outcome = files_run(cmd_evaluate, line);
	EXPECT_INT(outcome.status, 0);
	EXPECT_TEXT(outcome.err, "");
	json_t *root = json_loads(outcome.out, 0, NULL);
	EXPECT(root != NULL);
	files_forget(&outcome);
	return root;
}

static double number_at(const json_t *root, const char *path)
{
	char copy[100];
	snprintf(copy, sizeof copy, "%s", path);
	for (char *word = strtok(copy, "."); word != NULL; word = strtok(NULL, "."))
		root = json_is_array(root) ? json_array_get(root, (size_t)atoi(word)) : json_object_get(root, word);
	return json_is_number(root) ? json_number_value(root) : NAN;
}

static void expect_number(const json_t *root, const char *path, double wanted)
{
	double found = number_at(root, path);
	EXPECT(found == wanted || fabs(found - wanted) < 1e-12);
	if (!(found == wanted || fabs(found - wanted) < 1e-12))
		printf("  %s: %.17g, not %.17g\n", path, found, wanted);
}

static const char scores[] = "_event_id,_time_ms,_flags,_score,_rank,amount,kind,label\n"
			     "a,0,,0.9,0.9995,10,x,1\n"
			     "b,1000,warming,0.8,0.99,20,y,0\n"
			     "c,86400000,,0.8,0.99,30,x,1\n"
			     "d,86400001,,0.5,0.6,40,x,0\n"
			     "e,172800000,,0.4,0.1,50,y,1\n"
			     "f,172800001,,0.3,0,60,y,0\n"
			     "g,259199000,,0.2,0,70,y,\n";

TEST(counts_alerts_and_choices_of_a_small_file)
{
	(void)files_text("s.csv", scores);
	json_t *root = evaluate("--scores @s.csv --label label --threshold 0.8,0.35 --at 2,50% --per-day 1 --by kind "
				"--cost-miss amount --cost-alert 9 --capacity 1 --bootstrap 0");
	expect_number(root, "rows", 6);
	expect_number(root, "positives", 3);
	expect_number(root, "unlabelled", 1);
	expect_number(root, "warming", 1);
	expect_number(root, "roc_auc", (3 + 2.5 + 1) / 9);
	expect_number(root, "pr_auc", 1.0 / 3 + 1.0 / 3 * 2 / 3 + 1.0 / 3 * 3 / 5);
	expect_number(root, "thresholds.0.alerts", 3);
	expect_number(root, "thresholds.0.precision", 2.0 / 3);
	expect_number(root, "thresholds.0.recall", 2.0 / 3);
	expect_number(root, "thresholds.1.alerts", 5);
	expect_number(root, "at.0.alerts", 2);
	expect_number(root, "at.0.precision", 0.75); /* of two equal scores one half each */
	expect_number(root, "at.1.percent", 50);
	expect_number(root, "at.1.alerts", 3);
	expect_number(root, "per_day.0.days", 3);
	expect_number(root, "per_day.0.caught", 3);
	/* Alerts from 0.4 on: five at 9, nothing missed; from 0.8 on: three at 9 and 50 missed. */
	expect_number(root, "cost.threshold", 0.4);
	expect_number(root, "cost.loss", 45);
	expect_number(root, "cost.loss_without_alerts", 90);
	expect_number(root, "cost.loss_all_alerts", 54);
	expect_number(root, "capacity.days", 172800001 / 86400000.0);
	expect_number(root, "capacity.threshold", 0.9);
	expect_number(root, "groups.0.rows", 3);
	expect_number(root, "groups.0.alerts", 3);
	expect_number(root, "groups.0.recall", 1);
	expect_number(root, "groups.1.roc_auc", 0.5);
	expect_number(root, "groups.1.threshold", 0.4);
	expect_number(root, "rank_calibration.3.found", 0.5);
	expect_number(root, "rank_calibration.4.recall", 1.0 / 3);
	EXPECT_TEXT(json_string_value(json_object_get(json_array_get(json_object_get(root, "groups"), 1), "value")),
		    "y");
	json_decref(root);
	root = evaluate("--scores @s.csv --label label --unlabelled-negative --cost-miss 8 --cost-alert 9");
	expect_number(root, "rows", 7);
	EXPECT(json_is_null(json_object_get(json_object_get(root, "cost"), "threshold"))); /* no alert pays */
	expect_number(root, "cost.loss", 24);
	json_decref(root);
}

TEST(days_begin_where_the_offset_says)
{
	(void)files_text("s.csv",
			 "_time_ms,_score,label\n-3600001,0.5,1\n-3600000,0.6,0\n82799999,0.4,1\n82800000,0.1,0\n");
	json_t *root = evaluate("--scores @s.csv --label label --per-day 1");
	expect_number(root, "per_day.0.days", 2);
	json_decref(root);
	root = evaluate("--scores @s.csv --label label --per-day 1 --utc-offset +01:00");
	expect_number(root, "per_day.0.days", 3);
	expect_number(root, "per_day.0.caught", 1);
	expect_number(root, "per_day.0.precision_mean", 1.0 / 3);
	json_decref(root);
}

TEST(labels_are_joined_by_event_id)
{
	(void)files_text("s.csv", "_event_id,_score,amount\na,0.9,5\nb,0.8,6\nc,0.7,7\nd,0.6,8\nd,0.5,8\n");
	(void)files_text("l.csv", "fraud,_event_id\nTrue,a\nfalse,b\n,c\ntrue,d\ntrue,d\ntrue,x\nfalse,y\n");
	json_t *root = evaluate("--scores @s.csv --labels @l.csv");
	expect_number(root, "rows", 4);
	expect_number(root, "positives", 3);
	expect_number(root, "unlabelled", 1);
	expect_number(root, "unmatched_labels", 2);
	expect_number(root, "unmatched_positives", 1);
	json_decref(root);
	(void)files_text("l.csv",
			 "_event_id,why,label,lost,times\na,theft,stolen,100,2\nb,,fine,,1\nc,skim,stolen,30,1\n");
	root = evaluate("--scores @s.csv --labels @l.csv --positive stolen --cost-miss lost --cost-alert 1 --by why "
			"--weight times --unlabelled-negative");
	expect_number(root, "rows", 5);
	expect_number(root, "weight", 6);
	expect_number(root, "positives", 3);
	expect_number(root, "cost.loss_without_alerts", 230);
	expect_number(root, "cost.threshold", 0.7);
	expect_number(root, "cost.loss", 4);
	expect_number(root, "groups.0.weight", 2);
	expect_number(root, "groups.1.rows", 3); /* without a value: b, and d twice */
	json_decref(root);
}

TEST(other_scores_are_joined_by_id_or_by_row)
{
	(void)files_text("s.csv", "_event_id,_score,label\na,0.9,1\nb,0.8,0\nc,0.7,1\nd,0.6,0\ne,0.5,0\n");
	(void)files_text("o.csv", "_score,_event_id\n0.3,c\n0.2,b\n0.4,a\n0.1,d\n");
	json_t *root = evaluate("--scores @s.csv --label label --compare @o.csv --at 2");
	expect_number(root, "rows", 4);
	expect_number(root, "compare.uncompared", 1);
	expect_number(root, "roc_auc", 0.75);
	expect_number(root, "compare.roc_auc", 1);
	expect_number(root, "compare.difference.roc_auc", 0.25);
	expect_number(root, "at.0.precision", 0.5);
	expect_number(root, "at.0.other_precision", 1);
	json_decref(root);
	(void)files_text("o.csv", "_score\n0.9\n0.8\n0.7\n0.6\n0.5\n");
	root = evaluate("--scores @s.csv --label label --compare @o.csv --at 2");
	expect_number(root, "compare.difference.roc_auc_interval.0", 0);
	expect_number(root, "compare.difference.pr_auc_interval.1", 0);
	expect_number(root, "at.0.gain_interval.0", 0);
	json_decref(root);
}

/* What evaluate says to these files and arguments; files are made anew for each. */
static const struct refusal {
	const char *scores, *labels, *arguments;
	int status;
	const char *wanted;
} refusals[] = {
    {"_score,y\n1,1\n", NULL, "--scores @s.csv", 64, "--label COLUMN or --labels FILE is needed"},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label z", 65,
     "s.csv: line 1: no column z: score --keep passes columns of the vectors on"},
    {"score,y\n1,1\n", NULL, "--scores @s.csv --label y", 65, "s.csv: line 1: no column _score"},
    {"_score,y\n1,1\n0.5,maybe\n", NULL, "--scores @s.csv --label y", 65,
     "s.csv: line 3: column y: \"maybe\" is no label (0, 1, true, false, empty); --positive says which text means 1"},
    {"_score,y\n1,2\n", NULL, "--scores @s.csv --label y", 65, "s.csv: line 2: column y: \"2\" is no label"},
    {"_score,y\n,1\n", NULL, "--scores @s.csv --label y", 65, "s.csv: line 2: column _score: \"\" is no number"},
    {"_score,y\nnan,1\n", NULL, "--scores @s.csv --label y", 65, "s.csv: line 2: column _score: \"nan\" is no number"},
    {"_score,y\n1,\n", NULL, "--scores @s.csv --label y", 65, "s.csv: no row with a score and a label"},
    {"_score,y\n", NULL, "--scores @s.csv --label y", 65, "s.csv: no row with a score and a label"},
    {"_score,y,w\n1,1,-1\n", NULL, "--scores @s.csv --label y --weight w", 65,
     "s.csv: line 2: column w: \"-1\" is negative"},
    {"_score,y,w\n1,1,\n", NULL, "--scores @s.csv --label y --cost-miss w --cost-alert 1", 65,
     "s.csv: line 2: a positive row without a w, which is what missing it costs"},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --cost-miss w --cost-alert 1", 65,
     "s.csv: line 1: no column w: score --keep passes columns of the vectors on"},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --cost-miss 5", 64,
     "--cost-miss and --cost-alert go together"},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --capacity 5", 65,
     "s.csv: --per-day and --capacity need a _time_ms in each row"},
    {"_time_ms,_score,y\n5,1,1\n", NULL, "--scores @s.csv --label y --capacity 5", 65,
     "s.csv: all rows have the same time, so there are no alerts a day"},
    {"_time_ms,_score,y\n5,1,1\nx,1,1\n", NULL, "--scores @s.csv --label y", 65,
     "s.csv: line 3: column _time_ms: \"x\" is no integer"},
    {"_time_ms,_score,y\n5,1,1\n9007199254740993,1,1\n", NULL, "--scores @s.csv --label y", 65,
     "s.csv: line 3: column _time_ms: \"9007199254740993\" lies beyond 2^53 ms"},
    {"_time_ms,_score,y\n5,1,1\n9007199254740992,1,1\n", NULL, "--scores @s.csv --label y", 65,
     "_time_ms: the rows span more than 36525 days"},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --at 0", 64,
     "--at: expected a number of rows or a percentage such as 1%, found \"0\""},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --at 101%", 64,
     "--at: expected a number of rows or a percentage such as 1%, found \"101%\""},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --threshold high", 64,
     "--threshold: expected a score, found \"high\""},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --per-day -1", 64,
     "--per-day: expected a number of rows, found \"-1\""},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --utc-offset 1h", 64,
     "--utc-offset: expected an offset such as +01:00, found \"1h\""},
    {"_score,y\n1,1\n", NULL, "--scores @s.csv --label y --plot @s.csv", 64, "s.csv is an input"},
    {"_score,y\n1,0\n", NULL, "--scores @s.csv --label y --plot @p.svg", 65,
     "s.csv: no positive row, so there is nothing to plot"},
    {"_score,y\n1,1\n", "_event_id,y\na,1\n", "--scores @s.csv --labels @l.csv", 65,
     "s.csv: line 1: no column _event_id, by which labels are joined"},
    {"_event_id,_score\na,1\n", "id,y\na,1\n", "--scores @s.csv --labels @l.csv", 65,
     "l.csv: line 1: no column _event_id, by which labels are joined"},
    {"_event_id,_score\na,1\n", "_event_id,y,z\na,1,1\n", "--scores @s.csv --labels @l.csv", 65,
     "l.csv: line 1: no column label: --label COLUMN says which one it is"},
    {"_event_id,_score\na,1\n", "_event_id,y\na,1\na,0\n", "--scores @s.csv --labels @l.csv", 65,
     "l.csv: line 3: column _event_id: \"a\" was there before, with another label or score"},
    {"_event_id,_score\na,1\n", "_event_id,y\n,1\n", "--scores @s.csv --labels @l.csv", 65,
     "l.csv: line 2: column _event_id: \"\" names no event"},
    {"_event_id,_score\na,1\n", "_event_id,y\nb,1\n", "--scores @s.csv --labels @l.csv", 65,
     "s.csv: no row with a score and a label"},
    {"_event_id,_score\na,1\n", "_event_id,y\na,1\n", "--scores @s.csv --labels @l.csv --by z", 65,
     "s.csv: line 1: no column z, and neither have the labels"},
    {"_score,y\n1,1\n2,0\n", "_score\n1\n", "--scores @s.csv --label y --compare @l.csv", 65, "l.csv: ends before "},
    {"_score,y\n1,1\n", "_score\n1\n2\n", "--scores @s.csv --label y --compare @l.csv", 65, "s.csv: ends before "},
    {"_score,y\n1,1\n", NULL, "--scores - --label y --compare -", 64,
     "standard input can be only one of --scores, --labels and --compare"},
};

TEST(what_is_wrong_is_said_with_its_place)
{
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		char line[300];
		(void)files_text("s.csv", refusals[i].scores);
		if (refusals[i].labels != NULL)
			(void)files_text("l.csv", refusals[i].labels);
		snprintf(line, sizeof line, "evaluate %s", refusals[i].arguments);
		struct outcome_of outcome = files_run(cmd_evaluate, line);
		bool said = strstr(outcome.err, refusals[i].wanted) != NULL;
		EXPECT_INT(outcome.status, refusals[i].status);
		EXPECT(said && *outcome.out == '\0');
		if (!said)
			printf("  wanted: %s\n  found: %s", refusals[i].wanted, outcome.err);
		files_forget(&outcome);
	}
}

/* A command line's status, and whether it says so. */
static void expect(int status, const char *wanted, const char *line)
{
	struct outcome_of outcome = files_run(cmd_evaluate, line);
	EXPECT_INT(outcome.status, status);
	EXPECT(strstr(outcome.err, wanted) != NULL);
	if (strstr(outcome.err, wanted) == NULL)
		printf("  wanted: %s\n  found: %s", wanted, outcome.err);
	files_forget(&outcome);
}

TEST(rows_of_the_training_are_refused)
{
	struct buffer text;
	buffer_init(&text);
	for (int part = 0; part < 2; part++) {
		buffer_reset(&text);
		buffer_add_text(&text, "_time_ms,x,label\n");
		for (int i = 0; i < 50; i++)
			buffer_add_format(&text, "%d,%d,%d\n", (part + 1) * 100000 + i, i * i % 17, i % 5 == 0);
		(void)files_write(part == 0 ? "july.csv" : "august.csv", text.data, text.length);
	}
	buffer_free(&text);
	files_do(cmd_train, "train --input @july.csv --output @m.json --label label --trees 3 --sample 8");
	files_do(cmd_score, "score --model @m.json --input @july.csv --output @sj.csv --keep label");
	files_do(cmd_score, "score --model @m.json --input @august.csv --output @sa.csv --keep label");
	expect(0, "", "evaluate --scores @sa.csv --label label");
	expect(65, " was trained on these very rows; ", "evaluate --scores @sj.csv --label label");
	expect(0, "", "evaluate --scores @sj.csv --label label --allow-training-rows");
	expect(65, "sj.csv: model ", "evaluate --scores @sa.csv --label label --compare @sj.csv");
	(void)files_text("sa.csv", "_time_ms,_score,label\n200000,0.5,1\n100049,0.4,0\n");
	expect(0, "", "evaluate --scores @sa.csv --label label"); /* the file is another one by now */
	expect(65,
	       "sa.csv: rows from 1970-01-01T00:01:40.049Z to 1970-01-01T00:03:20.000Z overlap in time with those "
	       "that model ",
	       "evaluate --scores @sa.csv --label label --model @m.json");
	(void)files_text("sa.csv", "_time_ms,_score,label\n200000,0.5,1\n100050,0.4,0\n");
	expect(0, "", "evaluate --scores @sa.csv --label label --model @m.json");
	(void)files_text("sa.csv.scored.json", "{\"bytes\": 3}");
	expect(65, "sa.csv.scored.json: expected bytes, input_sha256, model_id, ",
	       "evaluate --scores @sa.csv --label label");
	(void)files_text("sa.csv.scored.json", "{");
	expect(65, "sa.csv.scored.json: line 1: ", "evaluate --scores @sa.csv --label label");
}

TEST(the_table_shows_all_that_was_asked)
{
	(void)files_text("s.csv", scores);
	struct outcome_of outcome =
	    files_run(cmd_evaluate, "evaluate --scores @s.csv --label label --by kind --cost-miss amount "
				    "--cost-alert 9 --capacity 1 --threshold 0.8 --plot @p.svg");
	EXPECT_INT(outcome.status, 0);
	static const char *const wanted[] = {
	    "s.csv: 6 rows, 3 positive (50.000 %)\nfrom 1970-01-01T00:00:00.000Z to 1970-01-03T00:00:00.001Z, 2.00 "
	    "days\n"
	    "1 rows without a label are left out\n1 rows have a feature that was still warming\n",
	    "ROC-AUC                               0.7222  ",
	    "PR-AUC (0.5000 by chance)             0.7556  ",
	    "score >= 0.8                  0.8         3        2     0.6667  0.2077 to 0.9385",
	    "highest 100                   0.3         6        3     0.5000  ",
	    "100 a day, 3 days ",
	    "cost: a missed positive amount, an alert 9\n  threshold to choose   0.4  (0.4 to 0.9)\n",
	    "  expected loss         45  (",
	    ", 50.0 % less than without alerts\n  without alerts        90\n  everything an alert   54\n",
	    "capacity: 1 alerts a day\n  threshold to choose   0.9  (",
	    ">= 0.99                    0.0100     0.5000  ",
	    "by kind, alerts at score >= 0.4\n",
	};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		EXPECT(strstr(outcome.out, wanted[i]) != NULL);
		if (strstr(outcome.out, wanted[i]) == NULL)
			printf("  wanted: %s\n  found: %s", wanted[i], outcome.out);
	}
	char *plot = files_read(files_path("p.svg"), NULL);
	EXPECT(strstr(plot, "<svg ") != NULL && strstr(plot, "expected loss") != NULL);
	EXPECT(strstr(plot, "least: score &gt;= 0.4") != NULL && strstr(plot, "</svg>") != NULL);
	free(plot);
	struct outcome_of again =
	    files_run(cmd_evaluate, "evaluate --scores @s.csv --label label --by kind --cost-miss amount "
				    "--cost-alert 9 --capacity 1 --threshold 0.8");
	EXPECT_TEXT(again.out, outcome.out);
	files_forget(&again);
	files_forget(&outcome);
}

static int by_value(const void *left, const void *right)
{
	const double *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* What the interval must be: the resamples written out as rows of their own. */
TEST(intervals_are_those_of_resamples_written_out)
{
	struct evaluation_row rows[ROWS], drawn[ROWS];
	struct rng rng;
	struct err err = {0};
	struct assessment assessment;
	double roc_auc[RESAMPLES], losses[RESAMPLES], gains[RESAMPLES];
	rng_seed(&rng, 5);
	for (size_t i = 0; i < ROWS; i++)
		rows[i] = (struct evaluation_row){.score = (double)rng_below(&rng, 12),
						  .other = (double)rng_below(&rng, 12),
						  .weight = (double)rng_below(&rng, 3) / 2,
						  .miss_cost = (double)rng_below(&rng, 9),
						  .positive = rng_below(&rng, 3) == 0};
	evaluation_number(rows, ROWS);
	struct evaluation_row by_number[ROWS];
	memcpy(by_number, rows, sizeof rows);
	evaluation_sort(rows, ROWS);
	struct assess_options options = {.alert_cost = 0.7,
					 .capacity = NAN,
					 .compared = true,
					 .resamples = RESAMPLES,
					 .seed = 11,
					 .tops = {{5, false}},
					 .top_count = 1};
	EXPECT_INT(assess(&assessment, &options, rows, ROWS, &err), 0);
	EXPECT_INT(assessment.resamples, RESAMPLES);
	rng_seed(&rng, 11);
	for (size_t r = 0; r < RESAMPLES; r++) {
		for (size_t i = 0; i < ROWS; i++)
			drawn[i] = by_number[rng_below(&rng, ROWS)];
		evaluation_number(drawn, ROWS);
		evaluation_sort(drawn, ROWS);
		roc_auc[r] = evaluation_areas(drawn, ROWS, NULL).roc_auc;
		double loss = 0;
		for (size_t i = 0; i < ROWS; i++)
			loss += drawn[i].weight * (drawn[i].score >= assessment.cost.choice.threshold
						       ? 0.7
						       : drawn[i].positive * drawn[i].miss_cost);
		losses[r] = loss;
		struct evaluation_alerts ours = evaluation_top(drawn, ROWS, NULL, 5);
		struct evaluation_row *others = evaluation_others(drawn, ROWS);
		struct evaluation_alerts theirs = evaluation_top(others, ROWS, NULL, 5);
		gains[r] = evaluation_precision(&theirs) - evaluation_precision(&ours);
		free(others);
	}
	qsort(roc_auc, RESAMPLES, sizeof *roc_auc, by_value);
	qsort(losses, RESAMPLES, sizeof *losses, by_value);
	qsort(gains, RESAMPLES, sizeof *gains, by_value);
	EXPECT(fabs(assessment.areas.roc_auc.low - roc_auc[4]) < 1e-12);
	EXPECT(fabs(assessment.areas.roc_auc.high - roc_auc[194]) < 1e-12);
	EXPECT(fabs(assessment.cost.loss.low - losses[4]) < 1e-9 &&
	       fabs(assessment.cost.loss.high - losses[194]) < 1e-9);
	EXPECT(fabs(assessment.tops[0].gain_interval.low - gains[4]) < 1e-12);
	EXPECT(fabs(assessment.tops[0].gain_interval.high - gains[194]) < 1e-12);
	assess_free(&assessment);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(texts_keep_the_number_they_were_given),
					CASE(counts_alerts_and_choices_of_a_small_file),
					CASE(days_begin_where_the_offset_says),
					CASE(labels_are_joined_by_event_id),
					CASE(other_scores_are_joined_by_id_or_by_row),
					CASE(what_is_wrong_is_said_with_its_place),
					CASE(rows_of_the_training_are_refused),
					CASE(the_table_shows_all_that_was_asked),
					CASE(intervals_are_those_of_resamples_written_out),
					{0}},
			argc, argv);
}
