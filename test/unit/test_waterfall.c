/* The waterfall of one row: bars that add up, what is told of each, hostile texts, extremes. */
#include "daemon/cmd/label.h"
#include "daemon/cmd/svg.h"
#include "daemon/cmd/waterfall.h"
#include "elementary.h"
#include "test/twin/model_sample.h"
#include "test/unit/test.h"

#define COUNT_MAX 200
#define BAR_HEIGHT "height=\"16\""
#define MODEL "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A waterfall of so many features: names "f0", values 0, 1, .., nothing usual, the contributions given or all 0. */
struct sample {
	struct waterfall what;
	char texts[COUNT_MAX][24];
	const char *names[COUNT_MAX];
	double values[COUNT_MAX], contributions[COUNT_MAX];
	struct feature_reference references[COUNT_MAX];
};

static struct sample *sample_of(size_t count, const double *contributions)
{
	struct sample *sample = calloc(1, sizeof *sample);
	double sum = -1.25;
	for (size_t i = 0; i < count; i++) {
		snprintf(sample->texts[i], sizeof sample->texts[i], "f%zu", i);
		sample->names[i] = sample->texts[i];
		sample->values[i] = (double)i;
		sample->contributions[i] = contributions == NULL ? 0 : contributions[i];
		sample->references[i] = (struct feature_reference){.p5 = NAN, .median = NAN, .p95 = NAN};
		sum += sample->contributions[i];
	}
	sample->what = (struct waterfall){
	    .title = slice_of("Row 1"),
	    .model_id = MODEL,
	    .count = count,
	    .names = sample->names,
	    .values = sample->values,
	    .contributions = sample->contributions,
	    .references = sample->references,
	    .base = -1.25,
	    .score = elementary_exp2(sum),
	    .rank = NAN,
	    .threshold = NAN,
	    .threshold_name = "a name",
	};
	return sample;
}

/* The plot as text; to be freed. Every < opens a tag that ends, every element ends, and there is no number that is none. */
static char *drawn(const struct sample *sample)
{
	struct buffer out;
	int depth = 0;
	buffer_init(&out);
	waterfall_draw(&sample->what, &out);
	buffer_add_byte(&out, '\0');
	EXPECT(!buffer_failed(&out));
	char *text = (char *)out.data;
	for (const char *at = strchr(text + 2, '<'); at != NULL; at = strchr(at + 1, '<')) {
		const char *end = strpbrk(at + 1, "<>");
		EXPECT(end != NULL && *end == '>');
		depth += at[1] == '/' ? -1 : end != NULL && end[-1] == '/' ? 0 : 1;
	}
	EXPECT_INT(depth, 0);
	EXPECT(strstr(text, "nan") == NULL && strstr(text, "\"inf") == NULL && strstr(text, "\"-inf") == NULL);
	return text;
}

static void expect_holds(const char *text, const char *wanted)
{
	EXPECT(strstr(text, wanted) != NULL);
	if (strstr(text, wanted) == NULL)
		printf("  no %s in\n%s\n", wanted, text);
}

static double attribute(const char *tag, const char *name)
{
	const char *at = strstr(tag, name);
	return at == NULL ? NAN : strtod(at + strlen(name), NULL);
}

struct drawn_bar {
	double left, right;
	bool dark;
};

/* The bars in their order. */
static size_t find_bars(const char *text, struct drawn_bar *bars)
{
	size_t count = 0;
	for (const char *at = strstr(text, "<rect"); at != NULL; at = strstr(at + 1, "<rect")) {
		const char *height = strstr(at, BAR_HEIGHT), *end = strchr(at, '>');
		if (height == NULL || height > end || count == WATERFALL_BARS_MAX)
			continue;
		bars[count].left = attribute(at, " x=\"");
		bars[count].right = bars[count].left + attribute(at, " width=\"");
		bars[count++].dark = strncmp(height + strlen(BAR_HEIGHT), " fill=\"#333\"", 12) == 0;
	}
	return count;
}

TEST(bars_lead_from_the_base_to_the_score_the_largest_first)
{
	static const double contributions[] = {0.1, -0.3, 0, 0.5}, order[] = {0.5, -0.3, 0.1, 0};
	struct sample *sample = sample_of(4, contributions);
	char *text = drawn(sample);
	struct drawn_bar bars[WATERFALL_BARS_MAX];
	EXPECT_INT(find_bars(text, bars), 4);
	const char *mark = strstr(text, "<circle");
	double at = attribute(mark, "cx=\""), per_unit = (bars[0].right - bars[0].left) / 0.5;
	for (size_t i = 0; i < 4; i++) {
		EXPECT(fabs((order[i] < 0 ? bars[i].right : bars[i].left) - at) < 0.02);
		at += order[i] * per_unit;
		EXPECT(fabs((order[i] < 0 ? bars[i].left : bars[i].right) - at) < 0.02);
		EXPECT(bars[i].dark == (order[i] > 0));
	}
	EXPECT(fabs(attribute(strstr(mark + 1, "<circle"), "cx=\"") - at) < 0.02);
	const char *last = text;
	static const char *const labels[] = {">0.4204 (-1.2500)<", ">+0.5000<",         ">f3 = 3<", ">-0.3000<",
					     ">f1 = 1<",           ">+0.1000<",         ">f0 = 0<", ">0<",
					     ">f2 = 2<",           ">0.5176 (-0.9500)<"};
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		expect_holds(last, labels[i]);
		last = strstr(last, labels[i]) == NULL ? last : strstr(last, labels[i]);
	}
	free(text);
	free(sample);
}

TEST(a_row_is_told_with_values_what_is_usual_and_the_threshold)
{
	static const double contributions[] = {0.4, 0, 0.01};
	struct sample *sample = sample_of(3, contributions);
	sample->what.title = slice_of("Event 4711 (row 12)");
	sample->what.rank = 0.998;
	sample->what.threshold = 0.5;
	sample->values[0] = 2154.30001;
	sample->values[1] = NAN;
	sample->values[2] = 1e300;
	sample->references[0] = (struct feature_reference){.p5 = -1.0 / 3, .median = 39.99, .p95 = 310};
	sample->references[1] = (struct feature_reference){.p5 = -1.234e-300, .median = -1.234e-301, .p95 = 5};
	char *text = drawn(sample);
	expect_holds(text, "<title>Event 4711 (row 12)</title>");
	expect_holds(text, ">Event 4711 (row 12)</text>");
	expect_holds(text, ">score 0.5586, above 99.80 % of the calibration rows; model 0123456789ab</text>");
	expect_holds(text, ">f0 = 2154.3</text>");
	expect_holds(text, ">usually -0.3333 to 310, median 39.99</text>");
	expect_holds(text, ">usually -1.234e-300 to 5</text>");
	expect_holds(text, ">f1 = missing</text>");
	expect_holds(text, ">f2 = 1e+300</text>");
	expect_holds(text, ">threshold: a name, 0.5000</text>");
	expect_holds(text, "stroke-dasharray=\"7 4\"");
	free(text);
	sample->what.threshold = 0;
	text = drawn(sample);
	EXPECT(strstr(text, "threshold") == NULL);
	free(text);
	free(sample);
}

TEST(hostile_texts_are_escaped_and_cut_between_characters)
{
	static const double contributions[] = {0.1, 0.2, 0.3, 0.4};
	char narrow[257] = "", umlauts[257] = "";
	struct sample *sample = sample_of(4, contributions);
	memset(narrow, 'i', 256);
	for (size_t i = 0; i < 256; i += 2)
		memcpy(umlauts + i, "\xc3\xbc", 2);
	sample->names[0] = "</text><script>\"&'";
	sample->names[1] = narrow;
	sample->names[2] = umlauts;
	sample->names[3] = "\xff\xfe\x01\n";
	sample->what.title = (struct slice){"<b>\0</b>", 8};
	char *text = drawn(sample);
	expect_holds(text, ">&lt;/text&gt;&lt;script&gt;&quot;&amp;' = 0</text>");
	expect_holds(text, "iii\xe2\x80\xa6 = 1</text>");
	expect_holds(text, "\xc3\xbc\xc3\xbc\xe2\x80\xa6 = 2</text>");
	expect_holds(text, ">\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n = 3</text>");
	expect_holds(text, "<title>&lt;b&gt;?&lt;/b&gt;</title>");
	EXPECT(strstr(text, "<script") == NULL && strstr(text, "\xc3\xe2") == NULL);
	free(text);
	free(sample);
}

TEST(one_feature_has_one_bar)
{
	static const double contributions[] = {-0.75};
	struct sample *sample = sample_of(1, contributions);
	struct drawn_bar bars[WATERFALL_BARS_MAX];
	char *text = drawn(sample);
	EXPECT_INT(find_bars(text, bars), 1);
	EXPECT(!bars[0].dark && bars[0].right > bars[0].left + 100);
	EXPECT(strstr(text, "others") == NULL);
	free(text);
	free(sample);
}

TEST(the_smaller_of_many_contributions_are_one_bar)
{
	struct drawn_bar bars[WATERFALL_BARS_MAX];
	double contributions[COUNT_MAX];
	for (size_t i = 0; i < COUNT_MAX; i++)
		contributions[i] = i % 10 == 5 ? -0.01 * (double)i : 0.001;
	struct sample *sample = sample_of(COUNT_MAX, contributions);
	char *text = drawn(sample);
	EXPECT_INT(find_bars(text, bars), WATERFALL_BARS_MAX);
	expect_holds(text, ">f195 = 195</text>");
	expect_holds(text, ">f15 = 15</text>");
	EXPECT(strstr(text, ">f5 = 5</text>") == NULL);
	expect_holds(text, ">181 others</text>");
	expect_holds(text, ">+0.1300<"); /* 180 * 0.001 - 0.05 */
	free(text);
	for (size_t i = 0; i < COUNT_MAX; i++)
		contributions[i] = 0.005;
	free(sample);
	sample = sample_of(COUNT_MAX, contributions);
	text = drawn(sample);
	EXPECT_INT(find_bars(text, bars), WATERFALL_BARS_MAX);
	expect_holds(text, ">+0.9050<");
	EXPECT(fabs((bars[19].right - bars[19].left) - 181 * (bars[0].right - bars[0].left)) < 2);
	EXPECT(fabs(bars[19].right - attribute(strstr(strstr(text, "<circle") + 1, "<circle"), "cx=\"")) < 0.02);
	free(text);
	free(sample);
}

TEST(where_there_is_room_for_all_none_is_summed_up)
{
	struct drawn_bar bars[WATERFALL_BARS_MAX];
	struct sample *sample = sample_of(WATERFALL_BARS_MAX, NULL);
	char *text = drawn(sample);
	EXPECT_INT(find_bars(text, bars), WATERFALL_BARS_MAX);
	EXPECT(strstr(text, "others") == NULL);
	expect_holds(text, ">f19 = 19</text>");
	free(text);
	free(sample);
	sample = sample_of(WATERFALL_BARS_MAX + 1, NULL);
	text = drawn(sample);
	expect_holds(text, ">2 others</text>");
	free(text);
	free(sample);
}

TEST(contributions_that_are_all_zero_leave_the_base_where_it_is)
{
	struct drawn_bar bars[WATERFALL_BARS_MAX];
	struct sample *sample = sample_of(COUNT_MAX, NULL);
	char *text = drawn(sample);
	size_t count = find_bars(text, bars);
	EXPECT_INT(count, WATERFALL_BARS_MAX);
	for (size_t i = 0; i < count; i++)
		EXPECT(bars[i].left == bars[i].right && bars[i].left == attribute(strstr(text, "<circle"), "cx=\""));
	expect_holds(text, ">181 others</text>");
	free(text);
	free(sample);
}

TEST(sums_beyond_every_score_are_drawn_too)
{
	static const double contributions[] = {20, -3000, 2980.5};
	struct sample *sample = sample_of(3, contributions);
	char *text = drawn(sample);
	expect_holds(text, ">-3000.0000<");
	free(text);
	free(sample);
}

/* Score and explanation are the model's own: waterfall_draw() asserts that they add up. */
TEST(rows_of_a_model_are_drawn_with_its_threshold)
{
	const struct train_options options = {.trees = 20, .sample = 64, .seed = 5};
	struct model *model = model_sample(&options, 300, 7);
	struct explainer *explainer = explainer_new(model->forest);
	double row[7] = {3, NAN, 1, -2e30, NAN, 0, 2}, threshold;
	char wanted[64];
	struct buffer out;
	struct err err = {0};
	buffer_init(&out);
	EXPECT_INT(waterfall_row(model, explainer, row, slice_of("Row 1"), &out, &err), 0);
	buffer_add_byte(&out, '\0');
	EXPECT_INT(calibration_quantile(&model->calibration, 0.99, &threshold, &err), 0);
	snprintf(wanted, sizeof wanted, ">threshold: 0.99 quantile, %.4f</text>", threshold);
	expect_holds((const char *)out.data, wanted);
	expect_holds((const char *)out.data, ">x3 = -2e+30</text>");
	buffer_reset(&out);
	sha256_hex(slice_of("file"), model->imported.sha256);
	model->imported.offset = -0.5625;
	EXPECT_INT(waterfall_row(model, explainer, row, slice_of("Row 1"), &out, &err), 0);
	buffer_add_byte(&out, '\0');
	expect_holds((const char *)out.data, ">threshold: the forest's own, 0.5625</text>");
	buffer_free(&out);
	explainer_free(explainer);
	model_free(model);
}

TEST(a_forest_of_single_rows_explains_nothing)
{
	const struct train_options options = {.trees = 3, .sample = 1, .seed = 5};
	struct model *model = model_sample(&options, 30, 2);
	struct explainer *explainer = explainer_new(model->forest);
	double row[2] = {3, 4};
	struct buffer out;
	struct err err = {0};
	buffer_init(&out);
	EXPECT_INT(waterfall_row(model, explainer, row, slice_of("Row 1"), &out, &err), 0);
	buffer_add_byte(&out, '\0');
	expect_holds((const char *)out.data, ">0.5000 (-1.0000)</text>");
	buffer_free(&out);
	explainer_free(explainer);
	model_free(model);
}

TEST(labels_are_cut_to_their_room)
{
	char label[LABEL_MAX] = "a: ", number[NUMBER_TEXT_MAX];
	label_add(label, slice_of("long enough"), 10, 40);
	EXPECT_TEXT(label, "a: long \xe2\x80\xa6");
	EXPECT(label_width(slice_of(label + 3), 10) <= 40);
	*label = '\0';
	label_add(label, slice_of("whole"), 10, 40);
	EXPECT_TEXT(label, "whole");
	label_add(label, slice_of("x"), 10, 0);
	EXPECT_TEXT(label, "whole\xe2\x80\xa6");
	EXPECT_TEXT(label_number(-0.0, 4, number), "0");
	EXPECT_TEXT(label_number(123456789, 4, number), "123500000");
	EXPECT_TEXT(label_number(-123456789, 4, number), "-1.235e+08");
	EXPECT_TEXT(label_number(0.0000012345, 4, number), "1.234e-06");
	EXPECT_TEXT(label_number(0.1 + 0.2, 6, number), "0.3");
	EXPECT_TEXT(label_number(-INFINITY, 6, number), "-inf");
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(bars_lead_from_the_base_to_the_score_the_largest_first),
					CASE(a_row_is_told_with_values_what_is_usual_and_the_threshold),
					CASE(hostile_texts_are_escaped_and_cut_between_characters),
					CASE(one_feature_has_one_bar),
					CASE(the_smaller_of_many_contributions_are_one_bar),
					CASE(where_there_is_room_for_all_none_is_summed_up),
					CASE(contributions_that_are_all_zero_leave_the_base_where_it_is),
					CASE(sums_beyond_every_score_are_drawn_too),
					CASE(rows_of_a_model_are_drawn_with_its_threshold),
					CASE(a_forest_of_single_rows_explains_nothing),
					CASE(labels_are_cut_to_their_room),
					{0}},
			argc, argv);
}
