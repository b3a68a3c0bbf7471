#include "daemon/cmd/waterfall.h"

#include "daemon/cmd/label.h"
#include "daemon/cmd/svg.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

/* Pixels. */
#define WIDTH 760.0
#define MARGIN 14.0
#define LABELS_RIGHT 270.0 /* labels end here, bars have the rest */
#define TOP 104.0          /* the axis of scores */
#define ROW 32.0
#define BAR 16.0
#define BELOW 76.0       /* from the lower axis to the page's end */
#define NUMBER_ROOM 62.0 /* beside the outermost bars, for their numbers */
#define TEXT_SIZE 12.0
#define SMALL_SIZE 10.0
#define TITLE_SIZE 15.0

#define USUAL_MAX 128 /* bytes */
#define LN2 0x1.62e42fefa39efp-1
#define CLOSE 1e-6      /* what base and contributions may be off log2 of the score: rounding, and no more */
#define LEAST_SPAN 0.02 /* of the axis */
#define USUAL_QUANTILE 0.99

static const char dark[] = "#333", light[] = "#fff";
static const struct svg_stroke outline = {"#000", 1, NULL}, connector = {"#777", 1, "2 2"},
			       limit = {"#000", 1.5, "7 4"};

struct bar {
	size_t column;
	double contribution;
};

struct plot {
	const struct waterfall *what;
	struct svg svg;
	struct svg_scale scale; /* of log2 of the score */
	struct bar bars[WATERFALL_BARS_MAX];
	size_t bar_count;   /* without the bar of the others */
	size_t other_count; /* of contributions without a bar of their own */
	double others;      /* their sum */
	double bottom;      /* the lower axis */
};

static double log2_of(double score)
{
	return elementary_log(score) / LN2;
}

static bool has_threshold(const struct waterfall *what)
{
	return what->threshold > 0 && isfinite(what->threshold);
}

/* The largest contributions in their order; the rest is summed up, column by column. */
static void choose_bars(struct plot *plot)
{
	const struct waterfall *what = plot->what;
	size_t most = what->count > WATERFALL_BARS_MAX ? WATERFALL_BARS_MAX - 1 : what->count;
	bool own[FOREST_COLUMNS_MAX] = {false};
	for (size_t column = 0; column < what->count; column++) {
		double size = fabs(what->contributions[column]);
		size_t at = plot->bar_count;
		while (at > 0 && fabs(plot->bars[at - 1].contribution) < size)
			at--;
		if (at == most)
			continue;
		plot->bar_count += plot->bar_count < most;
		for (size_t i = plot->bar_count - 1; i > at; i--)
			plot->bars[i] = plot->bars[i - 1];
		plot->bars[at] = (struct bar){column, what->contributions[column]};
	}
	for (size_t i = 0; i < plot->bar_count; i++)
		own[plot->bars[i].column] = true;
	for (size_t column = 0; column < what->count; column++)
		plot->others += own[column] ? 0 : what->contributions[column];
	plot->other_count = what->count - plot->bar_count;
}

static void include(struct plot *plot, double value)
{
	plot->scale.low = value < plot->scale.low ? value : plot->scale.low;
	plot->scale.high = value > plot->scale.high ? value : plot->scale.high;
}

/* From the least to the greatest of what the bars come by. */
static void choose_scale(struct plot *plot)
{
	double at = plot->what->base;
	plot->scale = (struct svg_scale){at, at, LABELS_RIGHT + NUMBER_ROOM, WIDTH - MARGIN - NUMBER_ROOM};
	for (size_t i = 0; i < plot->bar_count; i++) {
		at += plot->bars[i].contribution;
		include(plot, at);
	}
	at += plot->others;
	include(plot, at);
	assert(fabs(at - log2_of(plot->what->score)) < CLOSE);
	if (has_threshold(plot->what))
		include(plot, log2_of(plot->what->threshold));
	/* Where next to nothing contributes, that shall be seen. */
	double middle = (plot->scale.low + plot->scale.high) / 2, least = LEAST_SPAN / 2;
	include(plot, middle - least);
	include(plot, middle + least);
}

static double row_middle(size_t row)
{
	return TOP + 4 + ROW * ((double)row + 0.5);
}

/* A label with a smaller second line, which may be empty. */
static void draw_label(struct plot *plot, size_t row, const char *label, const char *second)
{
	double y = row_middle(row);
	svg_text(&plot->svg, LABELS_RIGHT, *second == '\0' ? y + 4 : y - 1, SVG_END, TEXT_SIZE, slice_of(label));
	if (*second != '\0')
		svg_text(&plot->svg, LABELS_RIGHT, y + 11, SVG_END, SMALL_SIZE, slice_of(second));
}

/* A number beside what spans left to right, on the side where there is room; lines behind it are interrupted. */
static void draw_number(struct plot *plot, size_t row, double left, double right, bool to_right, const char *text)
{
	double width = label_width(slice_of(text), TEXT_SIZE), y = row_middle(row);
	if (to_right ? right + 6 + width > WIDTH - MARGIN / 2 : left - 6 - width < LABELS_RIGHT + 4)
		to_right = !to_right;
	double x = to_right ? right + 6 : left - 6;
	svg_rect(&plot->svg, to_right ? x - 2 : x - width - 2, y - 7, width + 4, 14, light, NULL);
	svg_text(&plot->svg, x, y + 4, to_right ? SVG_START : SVG_END, TEXT_SIZE, slice_of(text));
}

/* Where the sum stands before and after the contributions: a mark with the score. */
static void draw_mark(struct plot *plot, size_t row, double at, double score, const char *label, const char *second)
{
	char text[64];
	double x = svg_place(&plot->scale, at);
	snprintf(text, sizeof text, "%.4f (%.4f)", score, at);
	draw_label(plot, row, label, second);
	svg_circle(&plot->svg, x, row_middle(row), 5, dark, &outline);
	draw_number(plot, row, x - 5, x + 5, 2 * x < plot->scale.start + plot->scale.end, text);
}

static void draw_bar(struct plot *plot, size_t row, double from, double contribution)
{
	char text[64];
	double start = svg_place(&plot->scale, from), end = svg_place(&plot->scale, from + contribution);
	double left = start < end ? start : end, right = start < end ? end : start;
	snprintf(text, sizeof text, contribution == 0 ? "0" : "%+.4f", contribution);
	svg_rect(&plot->svg, left, row_middle(row) - BAR / 2, right - left, BAR, contribution > 0 ? dark : light,
		 &outline);
	draw_number(plot, row, left, right, contribution >= 0, text);
}

/* The median only where there is room for it. */
static void describe_usual(const struct feature_reference *usual, char second[USUAL_MAX])
{
	char text[3][NUMBER_TEXT_MAX];
	int length = snprintf(second, USUAL_MAX, "usually %s to %s", label_number(usual->p5, 4, text[0]),
			      label_number(usual->p95, 4, text[1]));
	snprintf(second + length, USUAL_MAX - (size_t)length, ", median %s", label_number(usual->median, 4, text[2]));
	if (label_width(slice_of(second), SMALL_SIZE) > LABELS_RIGHT - MARGIN)
		second[length] = '\0';
}

static void draw_feature(struct plot *plot, size_t row, const struct bar *bar)
{
	const struct waterfall *what = plot->what;
	const struct feature_reference *usual = &what->references[bar->column];
	char label[LABEL_MAX] = "", value[48], second[USUAL_MAX] = "", text[NUMBER_TEXT_MAX];
	double number = what->values[bar->column];
	snprintf(value, sizeof value, " = %s", isnan(number) ? "missing" : label_number(number, 6, text));
	label_add(label, slice_of(what->names[bar->column]), TEXT_SIZE,
		  LABELS_RIGHT - MARGIN - label_width(slice_of(value), TEXT_SIZE));
	strcat(label, value); /* label_add() leaves more room than that */
	if (!isnan(usual->p5) && !isnan(usual->p95))
		describe_usual(usual, second);
	draw_label(plot, row, label, second);
}

static void draw_others(struct plot *plot, size_t row)
{
	char label[64];
	snprintf(label, sizeof label, "%zu others", plot->other_count);
	draw_label(plot, row, label, "the smaller contributions");
}

/* The threshold from one axis to the other, under all the rest, and its name above. */
static void draw_threshold(struct plot *plot)
{
	const struct waterfall *what = plot->what;
	char text[128];
	if (!has_threshold(what))
		return;
	double x = svg_place(&plot->scale, log2_of(what->threshold));
	bool on_left = 2 * x < plot->scale.start + plot->scale.end;
	snprintf(text, sizeof text, "threshold: %s, %.4f", what->threshold_name, what->threshold);
	svg_line(&plot->svg, x, TOP - 34, x, plot->bottom, &limit);
	svg_text(&plot->svg, x, TOP - 38, on_left ? SVG_START : SVG_END, TEXT_SIZE, slice_of(text));
}

/* The upper axis: the same places as scores. */
static void draw_scores(struct plot *plot)
{
	const struct svg_scale *scale = &plot->scale;
	double ticks[SVG_TICKS_MAX];
	double low = elementary_exp2(scale->low), high = elementary_exp2(scale->high);
	/* A partial sum may be beyond 0, where no score is. */
	size_t count = low < 1 ? svg_ticks(low, high < 1 ? high : 1, 7, ticks) : 0;
	svg_line(&plot->svg, scale->start, TOP, scale->end, TOP, &outline);
	svg_text(&plot->svg, LABELS_RIGHT, TOP - 8, SVG_END, TEXT_SIZE, slice_of("score"));
	for (size_t i = 0; i < count; i++) {
		char text[NUMBER_TEXT_MAX];
		if (!(ticks[i] > 0))
			continue;
		double x = svg_place(scale, log2_of(ticks[i]));
		number_format(ticks[i], text);
		double width = label_width(slice_of(text), TEXT_SIZE);
		svg_line(&plot->svg, x, TOP - 5, x, TOP, &outline);
		svg_rect(&plot->svg, x - width / 2 - 2, TOP - 19, width + 4, 13, light, NULL);
		svg_text(&plot->svg, x, TOP - 8, SVG_MIDDLE, TEXT_SIZE, slice_of(text));
	}
}

static void draw_legend(struct plot *plot)
{
	double y = plot->bottom + BELOW - 22;
	svg_rect(&plot->svg, LABELS_RIGHT + 24, y, 22, 11, dark, &outline);
	svg_text(&plot->svg, LABELS_RIGHT + 52, y + 10, SVG_START, TEXT_SIZE, slice_of("more anomalous"));
	svg_rect(&plot->svg, LABELS_RIGHT + 194, y, 22, 11, light, &outline);
	svg_text(&plot->svg, LABELS_RIGHT + 222, y + 10, SVG_START, TEXT_SIZE, slice_of("less anomalous"));
}

static void draw_title(struct plot *plot)
{
	const struct waterfall *what = plot->what;
	char title[LABEL_MAX] = "", second[128], rank[64] = "";
	label_add(title, what->title, TITLE_SIZE, WIDTH - 2 * MARGIN);
	if (!isnan(what->rank))
		snprintf(rank, sizeof rank, ", above %.2f %% of the calibration rows", 100 * what->rank);
	snprintf(second, sizeof second, "score %.4f%s; model %.12s", what->score, rank, what->model_id);
	svg_text(&plot->svg, MARGIN, 26, SVG_START, TITLE_SIZE, slice_of(title));
	svg_text(&plot->svg, MARGIN, 46, SVG_START, TEXT_SIZE, slice_of(second));
}

/* The marks and between them the bars, each joined to the next where the sum stands. */
static void draw_rows(struct plot *plot)
{
	const struct waterfall *what = plot->what;
	size_t rows = plot->bar_count + (plot->other_count > 0);
	double at = what->base, base = elementary_exp2(what->base);
	for (size_t row = 0; row <= rows; row++) {
		double x;
		if (row > 0)
			at += row <= plot->bar_count ? plot->bars[row - 1].contribution : plot->others;
		x = svg_place(&plot->scale, at);
		svg_line(&plot->svg, x, row_middle(row), x, row_middle(row + 1), &connector);
	}
	draw_mark(plot, 0, what->base, base, "base", "a row of which nothing is known");
	at = what->base;
	for (size_t i = 0; i < plot->bar_count; i++) {
		draw_bar(plot, i + 1, at, plot->bars[i].contribution);
		draw_feature(plot, i + 1, &plot->bars[i]);
		at += plot->bars[i].contribution;
	}
	if (plot->other_count > 0) {
		draw_bar(plot, rows, at, plot->others);
		draw_others(plot, rows);
		at += plot->others;
	}
	draw_mark(plot, rows + 1, at, what->score, "score", "base and contributions");
}

void waterfall_draw(const struct waterfall *waterfall, struct buffer *out)
{
	struct plot plot = {.what = waterfall};
	char title[LABEL_MAX] = "";
	assert(waterfall->count > 0 && waterfall->count <= FOREST_COLUMNS_MAX && waterfall->score > 0);
	choose_bars(&plot);
	choose_scale(&plot);
	plot.bottom = row_middle(plot.bar_count + (plot.other_count > 0) + 2) - ROW / 2 + 4;
	label_add(title, waterfall->title, TITLE_SIZE, WIDTH);
	svg_begin(&plot.svg, out, WIDTH, plot.bottom + BELOW, slice_of(title));
	draw_title(&plot);
	draw_threshold(&plot);
	draw_scores(&plot);
	draw_rows(&plot);
	svg_axis_x(&plot.svg, &plot.scale, plot.bottom, slice_of("log2 of the score: contributions add up"));
	draw_legend(&plot);
	svg_end(&plot.svg);
}

static int find_threshold(const struct model *model, struct waterfall *what, struct err *err)
{
	if (model->imported.sha256[0] != '\0') {
		what->threshold = -model->imported.offset;
		what->threshold_name = "the forest's own";
		return 0;
	}
	what->threshold = NAN;
	what->threshold_name = "0.99 quantile";
	return model->calibration.n == 0
		   ? 0
		   : calibration_quantile(&model->calibration, USUAL_QUANTILE, &what->threshold, err);
}

int waterfall_row(const struct model *model, struct explainer *explainer, const double *row, struct slice title,
		  struct buffer *out, struct err *err)
{
	struct matrix matrix = {row, 1, model->feature_count, model->feature_count};
	double contributions[FOREST_COLUMNS_MAX], base, score;
	if (forest_score(model->forest, &matrix, &score, err) != 0)
		return -1;
	explainer_row(explainer, row, contributions, &base);
	for (size_t i = 0; i < model->feature_count; i++)
		contributions[i] = explainer_log2(model->forest, contributions[i]);
	struct waterfall waterfall = {
	    .title = title,
	    .model_id = model->id,
	    .count = model->feature_count,
	    .names = (const char *const *)model->features,
	    .values = row,
	    .contributions = contributions,
	    .references = model->references,
	    /* With c(psi) = 0 every row has the same score, and nothing contributes. */
	    .base = forest_borrow(model->forest)->c_psi == 0 ? log2_of(score) : explainer_log2(model->forest, base),
	    .score = score,
	    .rank = calibration_rank(&model->calibration, score),
	};
	if (find_threshold(model, &waterfall, err) != 0)
		return -1;
	waterfall_draw(&waterfall, out);
	return buffer_failed(out) ? err_memory(err) : 0;
}
