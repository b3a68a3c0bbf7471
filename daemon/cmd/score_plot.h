/*
 * Which of the rows that are scored is plotted: `score --plot`. It looks at the rows as they go by, block by block, keeps
 * the one that is wanted, and draws it at the end; the drawing is daemon/cmd/waterfall.
 */
#ifndef OUTLIERD_SCORE_PLOT_H
#define OUTLIERD_SCORE_PLOT_H

#include "daemon/cmd/waterfall.h"
#include "daemon/io/csv.h"

/** What is wanted. Without number and id it is the row of the highest score, of equal ones the first. */
struct score_plot_options {
	const char *path; /* NULL: no plot */
	int64_t number;   /* of the row, counted from 1; 0: not chosen by number */
	const char *id;   /* of the first row with this _event_id; NULL: not chosen by id */
};

struct score_plot;

/** Whether the options go together, and with the files of the same run: ERR_USAGE. */
int score_plot_check(const struct score_plot_options *options, const char *input, const char *output,
		     struct err *err) MUST_USE;

/** For rows of so many values of this file, in blocks of at most block_rows. Options and file are borrowed. NULL: ERR_DATA, the file lacks the column _event_id that the options need, or ERR_MEMORY. */
struct score_plot *score_plot_new(const struct score_plot_options *options, const struct csv *csv, size_t columns,
				  size_t block_rows, struct err *err) MUST_USE;

/** A row of the block has been read; texts: its columns as csv_next() gave them. */
void score_plot_row(struct score_plot *plot, const struct slice *texts);

/** The block has been scored: the rows since the last one. */
void score_plot_block(struct score_plot *plot, const struct matrix *rows, const double *scores);

/** Draws the row that was kept into the file. ERR_DATA: there was none; ERR_UNAVAILABLE, ERR_IO: the file. */
int score_plot_write(struct score_plot *plot, const struct model *model, struct err *err) MUST_USE;

/** Frees it; NULL does nothing. */
void score_plot_free(struct score_plot *plot);

#endif
