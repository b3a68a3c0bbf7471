/* Plots: documents byte for byte, hostile text, round ticks. */
#include "daemon/cmd/svg.h"
#include "test/unit/test.h"

static const struct svg_stroke thin = {"#000", 1, NULL}, dashed = {"gray", 0.5, "6 3"};

static void expect_document(struct buffer *out, const char *wanted)
{
	buffer_add_byte(out, '\0');
	EXPECT(!buffer_failed(out));
	EXPECT_TEXT((const char *)out->data, wanted);
	buffer_free(out);
}

TEST(shapes_are_written_in_order_with_hundredths)
{
	struct buffer out;
	struct svg svg;
	buffer_init(&out);
	svg_begin(&svg, &out, 200, 100.5, slice_of("a"));
	svg_line(&svg, 0, 1.0 / 3, 10, -0.001, &thin);
	svg_rect(&svg, 1, 2, 3, 4, "#ddd", &dashed);
	svg_circle(&svg, 5, 6, 2, NULL, &thin);
	svg_text(&svg, 7, 8, SVG_END, 12, slice_of("b"));
	svg_text_upwards(&svg, 9, 10, 11, slice_of("c"));
	svg_end(&svg);
	expect_document(
	    &out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		  "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" font-family=\"sans-serif\" width=\"200\" "
		  "height=\"100.5\" viewBox=\"0 0 200 100.5\">\n<title>a</title>\n"
		  "<rect x=\"0\" y=\"0\" width=\"200\" height=\"100.5\" fill=\"#fff\"/>\n"
		  "<line x1=\"0\" y1=\"0.33\" x2=\"10\" y2=\"0\" stroke=\"#000\" stroke-width=\"1\"/>\n"
		  "<rect x=\"1\" y=\"2\" width=\"3\" height=\"4\" fill=\"#ddd\" stroke=\"gray\" stroke-width=\"0.5\" "
		  "stroke-dasharray=\"6 3\"/>\n"
		  "<circle cx=\"5\" cy=\"6\" r=\"2\" fill=\"none\" stroke=\"#000\" stroke-width=\"1\"/>\n"
		  "<text x=\"7\" y=\"8\" text-anchor=\"end\" font-size=\"12\">b</text>\n"
		  "<text transform=\"translate(9,10) rotate(-90)\" text-anchor=\"middle\" font-size=\"11\">c</text>\n"
		  "</svg>\n");
}

TEST(text_is_escaped_and_what_xml_cannot_hold_replaced)
{
	static const char hostile[] = "</text><script>\"&\x01\x1b\xff\xc3\x28\xed\xa0\x80\xef\xbf\xbf\xc3\xa9\t\0z";
	struct buffer out;
	struct svg svg = {.out = &out};
	buffer_init(&out);
	svg_text(&svg, 0, 0, SVG_START, 1, (struct slice){hostile, sizeof hostile - 1});
	expect_document(
	    &out, "<text x=\"0\" y=\"0\" text-anchor=\"start\" font-size=\"1\">&lt;/text&gt;&lt;script&gt;&quot;&amp;"
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		  "\xc3\xa9\t\xef\xbf\xbdz</text>\n");
}

TEST(points_that_nobody_could_tell_apart_are_left_out_but_not_the_last)
{
	static const double points[] = {0, 0, 0.1, 0.1, 0.2, 0.3, 5, 5, 5.1, 5.1};
	struct buffer out;
	struct svg svg = {.out = &out};
	buffer_init(&out);
	svg_polyline(&svg, points, 5, &thin);
	expect_document(&out,
			"<polyline points=\"0,0 5,5 5.1,5.1\" stroke-linejoin=\"round\" fill=\"none\" stroke=\"#000\" "
			"stroke-width=\"1\"/>\n");
}

static void expect_ticks(double low, double high, size_t most, size_t count, double first, double step)
{
	double ticks[SVG_TICKS_MAX];
	size_t found = svg_ticks(low, high, most, ticks);
	EXPECT_INT(found, count);
	for (size_t i = 0; i < found; i++)
		EXPECT(fabs(ticks[i] - (first + (double)i * step)) <= 1e-12 * fabs(high));
}

TEST(ticks_are_round)
{
	double ticks[SVG_TICKS_MAX];
	expect_ticks(0, 1, 11, 11, 0, 0.1);
	expect_ticks(0, 1, 10, 6, 0, 0.2);
	expect_ticks(0.4317, 0.7012, 11, 6, 0.45, 0.05);
	expect_ticks(-3, 12345678, 11, 7, 0, 2000000);
	expect_ticks(2e-9, 3e-9, 11, 11, 2e-9, 1e-10);
	expect_ticks(-1e300, 1e300, 5, 5, -1e300, 5e299);
	EXPECT_INT(svg_ticks(0, 1, 11, ticks), 11);
	EXPECT(ticks[3] == 0.3 && ticks[7] == 0.7);
}

TEST(values_are_placed_between_the_ends_of_a_scale)
{
	const struct svg_scale scale = {10, 20, 300, 100};
	EXPECT(svg_place(&scale, 10) == 300 && svg_place(&scale, 20) == 100 && svg_place(&scale, 15) == 200);
	EXPECT(svg_place(&scale, -1e9) == 300 && svg_place(&scale, 1e9) == 100);
}

TEST(axes_carry_ticks_numbers_and_label)
{
	struct buffer out;
	struct svg svg = {.out = &out};
	const struct svg_scale across = {0, 1, 50, 250}, up = {0, 5000, 200, 0};
	buffer_init(&out);
	svg_axis_x(&svg, &across, 200, slice_of("recall"));
	svg_axis_y(&svg, &up, 50, slice_of("loss & cost"));
	buffer_add_byte(&out, '\0');
	const char *text = (const char *)out.data;
	EXPECT(strstr(text, ">0.7</text>\n<line x1=\"210\" y1=\"200\" x2=\"210\" y2=\"205\"") != NULL);
	EXPECT(strstr(text, "<text x=\"150\" y=\"236\" text-anchor=\"middle\" font-size=\"13\">recall</text>\n") !=
	       NULL);
	EXPECT(strstr(text, "<text x=\"42\" y=\"4\" text-anchor=\"end\" font-size=\"12\">5000</text>\n") != NULL);
	EXPECT(strstr(text, "<text transform=\"translate(7.2,100) rotate(-90)\" text-anchor=\"middle\" "
			    "font-size=\"13\">loss &amp; cost</text>\n") != NULL);
	buffer_free(&out);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(shapes_are_written_in_order_with_hundredths),
					CASE(text_is_escaped_and_what_xml_cannot_hold_replaced),
					CASE(points_that_nobody_could_tell_apart_are_left_out_but_not_the_last),
					CASE(ticks_are_round),
					CASE(values_are_placed_between_the_ends_of_a_scale),
					CASE(axes_carry_ticks_numbers_and_label),
					{0}},
			argc, argv);
}
