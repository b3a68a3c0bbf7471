#include "daemon/cmd/svg.h"

#include "json.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define FONT_SIZE 12.0 /* of ticks and labels */
#define TICK 5.0
#define NEAREST 0.33 /* pixels between the points of a polyline */

static const struct svg_stroke axis_stroke = {"#000", 1, NULL};

static void add_number(struct buffer *out, double value)
{
	char text[NUMBER_TEXT_MAX];
	assert(isfinite(value));
	buffer_add(out, text, number_format(rint(value * 100) / 100, text));
}

static void add_attribute(struct svg *svg, const char *name, double value)
{
	buffer_add_format(svg->out, " %s=\"", name);
	add_number(svg->out, value);
	buffer_add_byte(svg->out, '"');
}

/* Character data of XML 1.0: well-formed UTF-8 without the characters that no reference can name either. */
static void add_escaped(struct buffer *out, struct slice text)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	const uint8_t *bytes = text.data;
	for (size_t i = 0; i < text.length;) {
		uint8_t byte = bytes[i];
		size_t length = json_utf8_length(bytes + i, text.length - i);
		bool control = byte < 0x20 && byte != '\t' && byte != '\n';
		/* U+FFFE and U+FFFF */
		bool none = length == 3 && byte == 0xef && bytes[i + 1] == 0xbf && bytes[i + 2] >= 0xbe;
		if (length == 0 || control || none)
			buffer_add_text(out, replacement);
		else if (byte == '&' || byte == '<' || byte == '>' || byte == '"')
			buffer_add_text(out, byte == '&'   ? "&amp;"
					     : byte == '<' ? "&lt;"
					     : byte == '>' ? "&gt;"
							   : "&quot;");
		else
			buffer_add(out, bytes + i, length);
		i += length == 0 ? 1 : length;
	}
}

static void add_stroke(struct svg *svg, const struct svg_stroke *stroke)
{
	if (stroke == NULL)
		return;
	buffer_add_format(svg->out, " stroke=\"%s\"", stroke->colour);
	add_attribute(svg, "stroke-width", stroke->width);
	if (stroke->dash != NULL)
		buffer_add_format(svg->out, " stroke-dasharray=\"%s\"", stroke->dash);
}

static void add_shape_end(struct svg *svg, const char *fill, const struct svg_stroke *stroke)
{
	buffer_add_format(svg->out, " fill=\"%s\"", fill == NULL ? "none" : fill);
	add_stroke(svg, stroke);
	buffer_add_text(svg->out, "/>\n");
}

void svg_begin(struct svg *svg, struct buffer *out, double width, double height, struct slice title)
{
	*svg = (struct svg){out, width, height};
	buffer_add_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			     "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" font-family=\"sans-serif\"");
	add_attribute(svg, "width", width);
	add_attribute(svg, "height", height);
	buffer_add_text(out, " viewBox=\"0 0 ");
	add_number(out, width);
	buffer_add_byte(out, ' ');
	add_number(out, height);
	buffer_add_text(out, "\">\n<title>");
	add_escaped(out, title);
	buffer_add_text(out, "</title>\n");
	svg_rect(svg, 0, 0, width, height, "#fff", NULL);
}

void svg_end(struct svg *svg)
{
	buffer_add_text(svg->out, "</svg>\n");
}

static void end_text(struct svg *svg, enum svg_anchor anchor, double size, struct slice text)
{
	static const char *const names[] = {"start", "middle", "end"};
	buffer_add_format(svg->out, " text-anchor=\"%s\"", names[anchor]);
	add_attribute(svg, "font-size", size);
	buffer_add_byte(svg->out, '>');
	add_escaped(svg->out, text);
	buffer_add_text(svg->out, "</text>\n");
}

void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor, double size, struct slice text)
{
	buffer_add_text(svg->out, "<text");
	add_attribute(svg, "x", x);
	add_attribute(svg, "y", y);
	end_text(svg, anchor, size, text);
}

void svg_text_upwards(struct svg *svg, double x, double y, double size, struct slice text)
{
	buffer_add_text(svg->out, "<text transform=\"translate(");
	add_number(svg->out, x);
	buffer_add_byte(svg->out, ',');
	add_number(svg->out, y);
	buffer_add_text(svg->out, ") rotate(-90)\"");
	end_text(svg, SVG_MIDDLE, size, text);
}

void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const struct svg_stroke *stroke)
{
	buffer_add_text(svg->out, "<line");
	add_attribute(svg, "x1", x1);
	add_attribute(svg, "y1", y1);
	add_attribute(svg, "x2", x2);
	add_attribute(svg, "y2", y2);
	add_stroke(svg, stroke);
	buffer_add_text(svg->out, "/>\n");
}

void svg_polyline(struct svg *svg, const double *points, size_t count, const struct svg_stroke *stroke)
{
	double x = 0, y = 0;
	buffer_add_text(svg->out, "<polyline points=\"");
	for (size_t i = 0; i < count; i++, points += 2) {
		bool near = fabs(points[0] - x) < NEAREST && fabs(points[1] - y) < NEAREST;
		if (near && i > 0 && i + 1 < count)
			continue;
		x = points[0];
		y = points[1];
		if (i > 0)
			buffer_add_byte(svg->out, ' ');
		add_number(svg->out, x);
		buffer_add_byte(svg->out, ',');
		add_number(svg->out, y);
	}
	buffer_add_text(svg->out, "\" stroke-linejoin=\"round\"");
	add_shape_end(svg, NULL, stroke);
}

void svg_rect(struct svg *svg, double x, double y, double width, double height, const char *fill,
	      const struct svg_stroke *stroke)
{
	buffer_add_text(svg->out, "<rect");
	add_attribute(svg, "x", x);
	add_attribute(svg, "y", y);
	add_attribute(svg, "width", width);
	add_attribute(svg, "height", height);
	add_shape_end(svg, fill, stroke);
}

void svg_circle(struct svg *svg, double x, double y, double radius, const char *fill, const struct svg_stroke *stroke)
{
	buffer_add_text(svg->out, "<circle");
	add_attribute(svg, "cx", x);
	add_attribute(svg, "cy", y);
	add_attribute(svg, "r", radius);
	add_shape_end(svg, fill, stroke);
}

double svg_place(const struct svg_scale *scale, double value)
{
	assert(scale->low < scale->high);
	double share = (value - scale->low) / (scale->high - scale->low);
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return scale->start + share * (scale->end - scale->start);
}

/* count * 10^power, the double nearest to it: read as decimal text, so that a tick of 0.3 is no 0.30000000000000004. */
static double decimal(double count, int power)
{
	char text[NUMBER_TEXT_MAX];
	double value = 0;
	snprintf(text, sizeof text, "%.0fe%d", count, power);
	return number_parse(slice_of(text), &value) == 0 ? value : 0;
}

size_t svg_ticks(double low, double high, size_t most, double ticks[SVG_TICKS_MAX])
{
	static const double factors[] = {1, 2, 5};
	assert(low < high && isfinite(high - low) && most > 1);
	double limit = (double)(most < SVG_TICKS_MAX ? most : SVG_TICKS_MAX);
	for (int power = -300; power <= 308; power++)
		for (size_t i = 0; i < 3; i++) {
			double step = decimal(factors[i], power);
			double first = ceil(low / step), last = floor(high / step);
			if (!(last - first < limit)) /* also where they are infinite */
				continue;
			size_t count = 0;
			for (double k = first; k <= last; k++)
				ticks[count++] = decimal(k * factors[i], power);
			return count;
		}
	return 0;
}

void svg_axis_x(struct svg *svg, const struct svg_scale *scale, double y, struct slice label)
{
	double ticks[SVG_TICKS_MAX];
	size_t count = svg_ticks(scale->low, scale->high, 11, ticks);
	svg_line(svg, scale->start, y, scale->end, y, &axis_stroke);
	for (size_t i = 0; i < count; i++) {
		char text[NUMBER_TEXT_MAX];
		double x = svg_place(scale, ticks[i]);
		svg_line(svg, x, y, x, y + TICK, &axis_stroke);
		number_format(ticks[i], text);
		svg_text(svg, x, y + TICK + FONT_SIZE + 1, SVG_MIDDLE, FONT_SIZE, slice_of(text));
	}
	svg_text(svg, (scale->start + scale->end) / 2, y + 3 * FONT_SIZE, SVG_MIDDLE, FONT_SIZE + 1, label);
}

void svg_axis_y(struct svg *svg, const struct svg_scale *scale, double x, struct slice label)
{
	double ticks[SVG_TICKS_MAX];
	size_t count = svg_ticks(scale->low, scale->high, 11, ticks), longest = 1;
	svg_line(svg, x, scale->start, x, scale->end, &axis_stroke);
	for (size_t i = 0; i < count; i++) {
		char text[NUMBER_TEXT_MAX];
		double y = svg_place(scale, ticks[i]);
		svg_line(svg, x - TICK, y, x, y, &axis_stroke);
		size_t length = number_format(ticks[i], text);
		longest = length > longest ? length : longest;
		svg_text(svg, x - TICK - 3, y + FONT_SIZE / 3, SVG_END, FONT_SIZE, slice_of(text));
	}
	/* A digit is little more than half as wide as it is high. */
	double left = x - TICK - 3 - 0.6 * FONT_SIZE * (double)longest;
	svg_text_upwards(svg, left - FONT_SIZE / 2, (scale->start + scale->end) / 2, FONT_SIZE + 1, label);
}
