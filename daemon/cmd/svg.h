/*
 * Drawing plots as self-contained SVG 1.1 (W3C, 2011): a white page, black lines, the reader's sans-serif font, so that it
 * prints. Coordinates are pixels from the upper left corner, written to 1/100; angles, transforms and style sheets are not
 * here. Everything is appended to a buffer, whose owner asks it once at the end whether memory sufficed.
 */
#ifndef OUTLIERD_SVG_H
#define OUTLIERD_SVG_H

#include "buffer.h"

#define SVG_TICKS_MAX 12 /* of one axis */

struct svg {
	struct buffer *out; /* borrowed */
	double width, height;
};

/** How a line is drawn. */
struct svg_stroke {
	const char *colour; /* "#000", "black" */
	double width;
	const char *dash; /* "6 3": on and off in pixels; NULL: solid */
};

/** Which end of a text stands at its place. */
enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/** A quantity along an axis: values from `low` to `high` lie at pixels from `start` to `end`. */
struct svg_scale {
	double low, high; /* low < high */
	double start, end;
};

/** Begins a document of this size with its title (for screen readers and tool tips) and a white page. */
void svg_begin(struct svg *svg, struct buffer *out, double width, double height, struct slice title);

/** Ends the document. */
void svg_end(struct svg *svg);

/** Text on the baseline y, size in pixels; any bytes: markup is escaped, what XML cannot hold becomes U+FFFD. */
void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor, double size, struct slice text);

/** The same, read from bottom to top, centred about y. */
void svg_text_upwards(struct svg *svg, double x, double y, double size, struct slice text);

/** A straight line. */
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const struct svg_stroke *stroke);

/** Lines through count points, x and y of each in turn. Points less than a third of a pixel from the last one drawn are left out; the last is not. */
void svg_polyline(struct svg *svg, const double *points, size_t count, const struct svg_stroke *stroke);

/** A rectangle, filled where fill is not NULL, outlined where stroke is not. */
void svg_rect(struct svg *svg, double x, double y, double width, double height, const char *fill,
	      const struct svg_stroke *stroke);

/** A circle, as svg_rect(). */
void svg_circle(struct svg *svg, double x, double y, double radius, const char *fill, const struct svg_stroke *stroke);

/** Where a value lies, in pixels; values beyond the ends of the scale lie at its ends. */
double svg_place(const struct svg_scale *scale, double value);

/** Round numbers (multiples of 1, 2 or 5 times a power of ten) from low to high, at most `most` of them and SVG_TICKS_MAX; their number. */
size_t svg_ticks(double low, double high, size_t most, double ticks[SVG_TICKS_MAX]);

/** The horizontal axis at height y with ticks, their numbers and its label below. */
void svg_axis_x(struct svg *svg, const struct svg_scale *scale, double y, struct slice label);

/** The vertical axis at x with ticks, their numbers and its label to the left. */
void svg_axis_y(struct svg *svg, const struct svg_scale *scale, double x, struct slice label);

#endif
