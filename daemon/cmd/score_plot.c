#include "daemon/cmd/score_plot.h"

#include "daemon/io/output.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define ID_COLUMN "_event_id"

struct score_plot {
	const struct score_plot_options *options;
	const struct csv *csv;
	long id_column; /* -1: none */
	size_t columns, block_rows;
	struct buffer ids; /* of the block's rows, one after the other */
	size_t *id_ends;   /* block_rows */
	size_t rows;       /* of the block */
	uint64_t before;   /* rows before the block */

	uint64_t number; /* of the row that is kept; 0: none yet */
	double score;
	double *values; /* columns */
	struct buffer id;
};

int score_plot_check(const struct score_plot_options *options, const char *input, const char *output, struct err *err)
{
	if (options->path == NULL && (options->number > 0 || options->id != NULL))
		return err_set(err, ERR_USAGE, "--plot-row and --plot-id need --plot FILE.svg");
	if (options->path == NULL)
		return 0;
	if (options->number > 0 && options->id != NULL)
		return err_set(err, ERR_USAGE, "--plot-row and --plot-id name one row each, and one is plotted");
	if (strcmp(options->path, output) == 0 || output_is_input(options->path, input))
		return err_set(err, ERR_USAGE, "the plot is the %s itself",
			       strcmp(options->path, output) == 0 ? "output" : "input");
	return 0;
}

struct score_plot *score_plot_new(const struct score_plot_options *options, const struct csv *csv, size_t columns,
				  size_t block_rows, struct err *err)
{
	assert(options->path != NULL && columns > 0 && block_rows > 0);
	long id_column = csv_find(csv, slice_of(ID_COLUMN));
	if (options->id != NULL && id_column < 0) {
		(void)err_set(err, ERR_DATA, "%s: line 1: no column " ID_COLUMN ", which --plot-id needs",
			      csv_input(csv)->name);
		return NULL;
	}
	struct score_plot *plot = calloc(1, sizeof *plot);
	if (plot == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	*plot = (struct score_plot){
	    .options = options,
	    .csv = csv,
	    .id_column = id_column,
	    .columns = columns,
	    .block_rows = block_rows,
	};
	buffer_init(&plot->ids);
	buffer_init(&plot->id);
	plot->id_ends = calloc(block_rows, sizeof *plot->id_ends);
	plot->values = calloc(columns, sizeof *plot->values);
	if (plot->id_ends == NULL || plot->values == NULL) {
		score_plot_free(plot);
		(void)err_memory(err);
		return NULL;
	}
	return plot;
}

void score_plot_free(struct score_plot *plot)
{
	if (plot == NULL)
		return;
	buffer_free(&plot->ids);
	buffer_free(&plot->id);
	free(plot->id_ends);
	free(plot->values);
	free(plot);
}

void score_plot_row(struct score_plot *plot, const struct slice *texts)
{
	assert(plot->rows < plot->block_rows);
	if (plot->id_column >= 0)
		buffer_add(&plot->ids, texts[plot->id_column].data, texts[plot->id_column].length);
	plot->id_ends[plot->rows++] = plot->ids.length;
}

static bool is_wanted(const struct score_plot *plot, uint64_t number, struct slice id, double score)
{
	if (plot->options->number > 0)
		return number == (uint64_t)plot->options->number;
	if (plot->options->id != NULL)
		return plot->number == 0 && slice_equal(id, slice_of(plot->options->id));
	return plot->number == 0 || score > plot->score;
}

void score_plot_block(struct score_plot *plot, const struct matrix *rows, const double *scores)
{
	size_t start = 0;
	assert(rows->rows == plot->rows && rows->columns == plot->columns);
	for (size_t i = 0; i < plot->rows; i++) {
		struct slice id = {plot->ids.data + start, plot->id_ends[i] - start};
		uint64_t number = plot->before + i + 1;
		start = plot->id_ends[i];
		if (!is_wanted(plot, number, id, scores[i]))
			continue;
		plot->number = number;
		plot->score = scores[i];
		memcpy(plot->values, rows->values + i * rows->stride, plot->columns * sizeof *plot->values);
		buffer_reset(&plot->id);
		buffer_add(&plot->id, id.data, id.length);
	}
	plot->before += plot->rows;
	plot->rows = 0;
	/* Without memory the file is not written: a row might have been looked at without its id. */
	if (!buffer_failed(&plot->ids))
		buffer_reset(&plot->ids);
}

static int no_row(const struct score_plot *plot, struct err *err)
{
	const char *input = csv_input(plot->csv)->name;
	if (plot->options->number > 0)
		return err_set(err, ERR_DATA, "%s: no row %" PRId64 ", which --plot-row names: there are %" PRIu64,
			       input, plot->options->number, plot->before);
	if (plot->options->id != NULL)
		return err_set(err, ERR_DATA, "%s: no row has the " ID_COLUMN " \"%s\", which --plot-id names", input,
			       plot->options->id);
	return err_set(err, ERR_DATA, "%s: there are no rows, so none to plot", input);
}

static void add_title(const struct score_plot *plot, struct buffer *title)
{
	if (plot->id.length > 0) {
		buffer_add_text(title, "Event ");
		buffer_add(title, plot->id.data, plot->id.length);
		buffer_add_format(title, " (row %" PRIu64 ")", plot->number);
	} else
		buffer_add_format(title, "Row %" PRIu64, plot->number);
}

static int draw(const struct score_plot *plot, const struct model *model, struct explainer *explainer,
		struct buffer *out, struct err *err)
{
	struct buffer title;
	buffer_init(&title);
	add_title(plot, &title);
	int status = buffer_failed(&title)
			 ? err_memory(err)
			 : waterfall_row(model, explainer, plot->values, buffer_slice(&title), out, err);
	buffer_free(&title);
	return status;
}

int score_plot_write(struct score_plot *plot, const struct model *model, struct err *err)
{
	struct output output = {0};
	if (buffer_failed(&plot->ids) || buffer_failed(&plot->id))
		return err_memory(err);
	if (plot->number == 0)
		return no_row(plot, err);
	struct explainer *explainer = explainer_new(model->forest);
	if (explainer == NULL)
		return err_memory(err);
	int status = output_open(&output, plot->options->path, err);
	if (status == 0)
		status = draw(plot, model, explainer, &output.buffer, err);
	if (output_close(&output, err) != 0)
		status = -1;
	explainer_free(explainer);
	return status;
}
