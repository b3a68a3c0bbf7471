/* `outlierd score --plot`: which row is drawn, that its numbers are those of the scores, what is refused. */
#include "daemon/cmd/cmd.h"
#include "daemon/io/model_file.h"
#include "detectors/explain.h"
#include "number.h"
#include "rng.h"
#include "test/unit/files.h"

#define ROWS 2500 /* more than two blocks */
#define LAST "_event_id,a,b\nx,1,2\ny,,-7\nx,9,9\n"
#define SCORE "score --model @m.json --output @s.csv --input "

/* Trained on two columns; the model's file and its vectors, in which no row but two is far from the others. */
static void set_up(void)
{
	struct rng rng;
	struct buffer file;
	rng_seed(&rng, 5);
	buffer_init(&file);
	buffer_add_text(&file, "b,_event_id,a\n");
	for (int i = 1; i <= ROWS; i++)
		buffer_add_format(&file, "%.6f,e%d,%.6f\n", i == 1500 || i == 2200 ? 90.0 : rng_uniform(&rng), i,
				  i == 1500 || i == 2200 ? -80.0 : rng_uniform(&rng));
	(void)files_write("v.csv", file.data, file.length);
	buffer_free(&file);
	(void)files_text("few.csv", LAST);
	files_do(cmd_train, "train --input @v.csv --output @m.json --trees 30 --sample 64");
}

/* Runs score with these options and gives what it has drawn; to be freed. */
static char *plot(const char *line)
{
	char all[512];
	snprintf(all, sizeof all, SCORE "%s --plot @p.svg", line);
	(void)remove(files_path("p.svg"));
	files_do(cmd_score, all);
	return files_read(files_path("p.svg"), NULL);
}

static void expect_plot(const char *line, const char *const *wanted)
{
	char *text = plot(line);
	EXPECT(strncmp(text, "<?xml ", 6) == 0 && strcmp(text + strlen(text) - 7, "</svg>\n") == 0);
	for (; *wanted != NULL; wanted++) {
		EXPECT(strstr(text, *wanted) != NULL);
		if (strstr(text, *wanted) == NULL)
			printf("  no %s in\n%s\n", *wanted, text);
	}
	free(text);
}

#define PLOT(line, ...) expect_plot(line, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refused(const char *line, int status, const char *wanted)
{
	struct outcome_of outcome = files_run(cmd_score, line);
	EXPECT_INT(outcome.status, status);
	EXPECT(strstr(outcome.err, wanted) != NULL);
	if (strstr(outcome.err, wanted) == NULL)
		printf("  %s\n  is\n  %s", wanted, outcome.err);
	files_forget(&outcome);
}

TEST(the_first_row_of_the_highest_score_is_drawn)
{
	PLOT("@v.csv", ">Event e1500 (row 1500)</text>", ">a = -80</text>", ">b = 90</text>");
}

TEST(a_row_is_chosen_by_number_or_id)
{
	PLOT("@few.csv --plot-row 2", ">Event y (row 2)</text>", ">a = missing</text>", ">b = -7</text>");
	PLOT("@few.csv --plot-id x", ">Event x (row 1)</text>", ">a = 1</text>", ">b = 2</text>");
	PLOT("@v.csv --plot-row 1", ">Event e1 (row 1)</text>");
	PLOT("@v.csv --plot-row 2049", ">Event e2049 (row 2049)</text>");
	PLOT("@v.csv --plot-id e2500", ">Event e2500 (row 2500)</text>");
}

TEST(a_row_without_an_id_has_its_number)
{
	(void)files_text("none.csv", "a,b\n0.5,0.5\n");
	(void)files_text("empty.csv", "_event_id,a,b\n,0.5,0.5\n");
	PLOT("@none.csv", ">Row 1</text>");
	PLOT("@empty.csv --plot-row 1", ">Row 1</text>");
}

TEST(the_numbers_are_those_of_the_scores)
{
	struct err err = {0};
	char *text = plot("@few.csv --plot-row 3 --explain"), *scores = files_read(files_path("s.csv"), NULL);
	struct model *model = model_file_read(files_path("m.json"), &err);
	char *at = strstr(scores, "\nx,"), wanted[5][80];
	at = strstr(at + 1, "\nx,") + 2;
	double numbers[5];
	for (int i = 0; i < 5; i++)
		numbers[i] = strtod(at + 1, &at);
	for (int i = 2; i < 5; i++)
		numbers[i] = explainer_log2(model->forest, numbers[i]);
	snprintf(wanted[0], sizeof wanted[0], "score %.4f, above %.2f %% of", numbers[0], 100 * numbers[1]);
	snprintf(wanted[1], sizeof wanted[1], " (%.4f)</text>", numbers[2]);
	snprintf(wanted[2], sizeof wanted[2], ">%+.4f</text>", numbers[3]);
	snprintf(wanted[3], sizeof wanted[3], ">%+.4f</text>", numbers[4]);
	snprintf(wanted[4], sizeof wanted[4], ">%.4f (%.4f)</text>", numbers[0], numbers[2] + numbers[3] + numbers[4]);
	for (size_t i = 0; i < 5; i++) {
		EXPECT(strstr(text, wanted[i]) != NULL);
		if (strstr(text, wanted[i]) == NULL)
			printf("  no %s in\n%s\n", wanted[i], text);
	}
	model_free(model);
	free(scores);
	free(text);
}

TEST(a_plot_adds_nothing_to_the_scores)
{
	files_do(cmd_score, "score --model @m.json --input @few.csv --output @alone.csv");
	free(plot("@few.csv"));
	char *alone = files_read(files_path("alone.csv"), NULL), *beside = files_read(files_path("s.csv"), NULL);
	EXPECT_TEXT(beside, alone);
	free(alone);
	free(beside);
}

TEST(a_row_that_is_not_there_is_no_plot)
{
	(void)files_text("header.csv", "_event_id,a,b\n");
	(void)files_text("none.csv", "a,b\n0.5,0.5\n");
	(void)remove(files_path("p.svg"));
	expect_refused(SCORE "@few.csv --plot @p.svg --plot-row 4", 65,
		       "few.csv: no row 4, which --plot-row names: there are 3\n");
	expect_refused(SCORE "@few.csv --plot @p.svg --plot-id z", 65,
		       "few.csv: no row has the _event_id \"z\", which --plot-id names\n");
	expect_refused(SCORE "@header.csv --plot @p.svg", 65, "header.csv: there are no rows, so none to plot\n");
	expect_refused(SCORE "@none.csv --plot @p.svg --plot-id z", 65,
		       "none.csv: line 1: no column _event_id, which --plot-id needs\n");
	EXPECT(access(files_path("p.svg"), F_OK) != 0);
	expect_refused(SCORE "@few.csv --plot @none/p.svg", 69, "none/p.svg: ");
}

TEST(options_that_do_not_go_together_are_refused)
{
	expect_refused(SCORE "@few.csv --plot-row 4", 64, "score: --plot-row and --plot-id need --plot FILE.svg\n");
	expect_refused(SCORE "@few.csv --plot-id 4", 64, "score: --plot-row and --plot-id need --plot FILE.svg\n");
	expect_refused(SCORE "@few.csv --plot @p.svg --plot-id 4 --plot-row 4", 64,
		       "score: --plot-row and --plot-id name one row each, and one is plotted\n");
	expect_refused(SCORE "@few.csv --plot @p.svg --plot-row 0", 64, "--plot-row");
	expect_refused(SCORE "@few.csv --plot @few.csv", 64, "score: the plot is the input itself\n");
	expect_refused(SCORE "@few.csv --plot @s.csv", 64, "score: the plot is the output itself\n");
	expect_refused("score --config c --input e --alerts a --plot p", 64,
		       "score: --output, --keep, --explain and --plot go with vectors, not with --config\n");
}

int main(int argc, char **argv)
{
	set_up();
	return test_run((struct test[]){CASE(the_first_row_of_the_highest_score_is_drawn),
					CASE(a_row_is_chosen_by_number_or_id),
					CASE(a_row_without_an_id_has_its_number),
					CASE(the_numbers_are_those_of_the_scores),
					CASE(a_plot_adds_nothing_to_the_scores),
					CASE(a_row_that_is_not_there_is_no_plot),
					CASE(options_that_do_not_go_together_are_refused),
					{0}},
			argc, argv);
}
