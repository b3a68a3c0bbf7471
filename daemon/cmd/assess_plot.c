#include "daemon/cmd/assess_report.h"

#include "daemon/cmd/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 330.0  /* of a panel, in pixels */
#define MARGIN 80.0 /* left of a panel and below it */
#define TOP 50.0
#define RIGHT 30.0
#define FONT 12.0

static const struct svg_stroke solid = {"#000", 1.5, NULL};
static const struct svg_stroke dashed = {"#000", 1.2, "6 3"};
static const struct svg_stroke dotted = {"#000", 0.8, "2 3"};

/* One panel's scales. */
struct panel {
	struct svg_scale x, y;
};

/* A point of a curve with its text, above it or below. */
static void mark(struct svg *svg, const struct panel *panel, double x, double y, const char *text, bool below)
{
	double at_x = svg_place(&panel->x, x), at_y = svg_place(&panel->y, y);
	bool right = at_x > (panel->x.start + panel->x.end) / 2;
	svg_circle(svg, at_x, at_y, 4, "#fff", &solid);
	svg_text(svg, at_x + (right ? -8 : 8), at_y + (below ? 8 + FONT : -8), right ? SVG_END : SVG_START, FONT,
		 slice_of(text));
}

/* Precision against recall, as points in pixels. */
static size_t precision_points(const struct panel *panel, const struct evaluation_row *rows, size_t count,
			       double positives, double *points)
{
	struct evaluation_alerts alerts = {0};
	size_t at = 0, used = 0;
	while (evaluation_step(rows, count, NULL, &at, &alerts)) {
		double precision = evaluation_precision(&alerts);
		if (isnan(precision))
			continue;
		points[used++] = svg_place(&panel->x, alerts.caught / positives);
		points[used++] = svg_place(&panel->y, precision);
	}
	return used / 2;
}

static void axes(struct svg *svg, const struct panel *panel, const char *x, const char *y)
{
	svg_axis_x(svg, &panel->x, panel->y.start, slice_of(x));
	svg_axis_y(svg, &panel->y, panel->x.start, slice_of(y));
}

/* The name of a file without its folders. */
static const char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

static void legend(struct svg *svg, const struct panel *panel, double line, const struct svg_stroke *stroke,
		   const char *name, double area)
{
	char text[300];
	double y = panel->y.end + 4 + line * (FONT + 4), x = panel->x.end - 28;
	snprintf(text, sizeof text, "%.200s (PR-AUC %.4f)", name, area);
	svg_line(svg, x, y, panel->x.end, y, stroke);
	svg_text(svg, x - 6, y + FONT / 3, SVG_END, FONT, slice_of(text));
}

static void plot_precision(struct svg *svg, const struct assess_report *report, const struct panel *panel,
			   const struct evaluation_row *others, double *points)
{
	const struct assessment *of = report->assessment;
	const struct labelled *labelled = report->labelled;
	double positives = of->totals.positives, chance = positives / of->totals.weight;
	axes(svg, panel, "recall", "precision");
	svg_line(svg, panel->x.start, svg_place(&panel->y, chance), panel->x.end, svg_place(&panel->y, chance),
		 &dotted);
	size_t used = precision_points(panel, labelled->rows, labelled->count, positives, points);
	svg_polyline(svg, points, used, &solid);
	legend(svg, panel, 0, &solid, short_name(report->sources->scores), of->areas.value.pr_auc);
	if (others != NULL) {
		used = precision_points(panel, others, labelled->count, positives, points);
		svg_polyline(svg, points, used, &dashed);
		legend(svg, panel, 1, &dashed, short_name(report->sources->compare), of->other.value.pr_auc);
	}
	char text[64];
	snprintf(text, sizeof text, "score >= %.4g", of->cut);
	struct evaluation_alerts cut = {0};
	if (isfinite(of->cut))
		cut = evaluation_at(labelled->rows, labelled->count, NULL, of->cut);
	if (cut.alerts > 0)
		mark(svg, panel, evaluation_recall(&cut, &of->totals), evaluation_precision(&cut), text, false);
}

/* A round share, at least three times that of the alerts chosen: the rest of the curve only rises. */
static double shown_share(const struct assess_report *report)
{
	double wanted = 3 * report->assessment->cost.at.alerts.alerts / report->assessment->totals.weight;
	static const double round[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5};
	for (size_t i = 0; i < sizeof round / sizeof *round; i++)
		if (round[i] >= wanted)
			return round[i];
	return 1;
}

static void plot_cost(struct svg *svg, const struct assess_report *report, struct panel *panel, double *points)
{
	const struct assessment *of = report->assessment;
	const struct labelled *labelled = report->labelled;
	struct evaluation_alerts alerts = {0};
	size_t at = 0, used = 0;
	double cost = report->options->alert_cost, highest = of->cost.loss_without;
	panel->x.high = 100 * shown_share(report);
	points[used++] = 0;
	points[used++] = of->cost.loss_without;
	while (evaluation_step(labelled->rows, labelled->count, NULL, &at, &alerts)) {
		double share = 100 * alerts.alerts / of->totals.weight,
		       loss = evaluation_loss(&alerts, &of->totals, cost);
		points[used++] = share;
		points[used++] = loss;
		highest = loss > highest ? loss : highest;
		if (share > panel->x.high)
			break;
	}
	panel->y.high = highest > 0 ? highest : 1;
	for (size_t i = 0; i < used; i += 2) {
		points[i] = svg_place(&panel->x, points[i]);
		points[i + 1] = svg_place(&panel->y, points[i + 1]);
	}
	axes(svg, panel, "alerts, % of all rows", "expected loss");
	svg_polyline(svg, points, used / 2, &solid);
	char text[64];
	snprintf(text, sizeof text, "least: score >= %.4g", of->cost.choice.threshold);
	mark(svg, panel, 100 * of->cost.at.alerts.alerts / of->totals.weight, of->cost.choice.loss, text, true);
}

int assess_plot(const struct assess_report *report, struct buffer *out, struct err *err)
{
	const struct labelled *labelled = report->labelled;
	bool costs = !isnan(report->options->alert_cost);
	if (report->assessment->totals.positives == 0)
		return err_set(err, ERR_DATA, "%s: no positive row, so there is nothing to plot",
			       report->sources->scores);
	double step = MARGIN + SIDE + RIGHT, bottom = TOP + SIDE;
	struct panel precision = {{0, 1, MARGIN, MARGIN + SIDE}, {0, 1, bottom, TOP}};
	struct panel cost = {{0, 1, step + MARGIN, step + MARGIN + SIDE}, {0, 1, bottom, TOP}};
	struct evaluation_row *others = NULL;
	struct svg svg;
	double *points = calloc(2 * (labelled->count + 1), sizeof *points);
	if (points == NULL)
		return err_memory(err);
	if (labelled->compared && (others = evaluation_others(labelled->rows, labelled->count)) == NULL) {
		free(points);
		return err_memory(err);
	}
	svg_begin(&svg, out, costs ? 2 * step : step, bottom + MARGIN, slice_of("Precision and recall of scores"));
	plot_precision(&svg, report, &precision, others, points);
	if (costs)
		plot_cost(&svg, report, &cost, points);
	svg_end(&svg);
	free(points);
	free(others);
	return buffer_failed(out) ? err_memory(err) : 0;
}
