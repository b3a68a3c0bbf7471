/*
 * Forests from scikit-learn: what a whole file gives, and test/data/sklearn/damaged.jsonl, each line a place in
 * forest.json beside it, what is put there (without "to": it is taken away), and the exact error. Runs in the root of the
 * tree.
 */
#include <jansson.h>

#include "daemon/io/gunzip.h"
#include "daemon/io/sklearn_file.h"
#include "detectors/explain.h"
#include "test/twin/forest_sample.h"
#include "test/twin/forest_twin.h"
#include "test/unit/files.h"

#include <zlib.h>

#define FOREST "test/data/sklearn/forest.json"
#define DAMAGED "test/data/sklearn/damaged.jsonl"
#define MUTATIONS 6000
#define TOLERANCE 1e-12

static const struct sklearn_options as_listed = {.both_ways = false};

static struct model *parse(const char *text, size_t length, struct err *err)
{
	bool named;
	return sklearn_file_parse((struct slice){text, length}, &as_listed, &named, err);
}

TEST(a_file_gives_its_forest)
{
	struct err err = {0};
	bool named = false;
	struct model *model = sklearn_file_read(FOREST, &as_listed, &named, &err);
	EXPECT_TEXT(err.message, "");
	const struct forest_parts *parts = forest_borrow(model->forest);
	const struct tree *tree = &parts->trees[0];
	EXPECT(named && model->feature_count == 3 && parts->tree_count == 2 && parts->missing == MISSING_LISTED);
	EXPECT_TEXT(model->features[2], "speed");
	EXPECT(parts->psi == 8 && parts->c_psi == 3.2962516279136924 && model->imported.offset == -0.55);
	EXPECT(model->options.trees == 2 && model->options.sample == 8 && model->options.seed == 0);
	EXPECT(model->calibration.n == 0 && model->trained_on.rows == 0 && isnan(model->references[0].median));
	EXPECT((double)tree->threshold[0] < 0.1 && (double)nextafterf(tree->threshold[0], INFINITY) > 0.1);
	EXPECT(tree->threshold[2] == -1.5f && tree->threshold[1] == 0.0f && tree->feature[1] == -1);
	EXPECT(tree->value[4] == 2.3279962343 && tree->value[0] == 0.0 && tree->rows[4] == 5);
	EXPECT(tree->missing_left[0] == 0 && tree->missing_left[1] == 0 && tree->missing_left[2] == 1);
	char *text = files_read(FOREST, NULL), id[SHA256_HEX];
	sha256_hex(slice_of(text), id);
	EXPECT_TEXT(model->imported.sha256, id);
	model_free(model);
	free(text);
}

TEST(without_names_and_values_features_are_numbered_and_leaves_are_as_ours)
{
	char *text = files_read(FOREST, NULL);
	json_t *root = json_loads(text, 0, NULL);
	json_object_set_new(root, "feature_names", json_null());
	for (size_t t = 0; t < 2; t++) {
		json_object_del(json_array_get(json_object_get(root, "trees"), t), "value");
		json_object_del(json_array_get(json_object_get(root, "trees"), t), "missing_go_to_left");
	}
	char *changed = json_dumps(root, 0);
	for (int both = 0; both < 2; both++) {
		struct err err = {0};
		struct sklearn_options options = {.both_ways = both == 1};
		bool named = true;
		struct model *model = sklearn_file_parse(slice_of(changed), &options, &named, &err);
		EXPECT_TEXT(err.message, "");
		const struct forest_parts *parts = forest_borrow(model->forest);
		EXPECT(!named && parts->missing == (both == 1 ? MISSING_BOTH : MISSING_REFUSED));
		EXPECT_TEXT(model->features[2], "x2");
		EXPECT(parts->trees[0].value[4] == forest_c(5) && parts->trees[0].value[3] == 1.0);
		model_free(model);
	}
	free(changed);
	free(text);
	json_decref(root);
}

TEST(where_the_file_says_where_missing_values_go_they_do_not_go_both_ways)
{
	struct err err = {0};
	struct sklearn_options options = {.both_ways = true};
	bool named;
	EXPECT(sklearn_file_read(FOREST, &options, &named, &err) == NULL);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT_TEXT(err.message,
		    FOREST ": trees[0].missing_go_to_left says where missing values go, which is not both ways");
}

/* Puts a value (NULL: nothing) at a place. The document itself is given back where the place is empty. */
static json_t *changed(json_t *root, const json_t *at, json_t *to)
{
	size_t depth = json_array_size(at);
	json_t *above = root;
	if (depth == 0) {
		json_decref(root);
		return json_incref(to);
	}
	for (size_t i = 0; i + 1 < depth; i++) {
		const json_t *step = json_array_get(at, i);
		above = json_is_string(step) ? json_object_get(above, json_string_value(step))
					     : json_array_get(above, (size_t)json_integer_value(step));
	}
	const json_t *last = json_array_get(at, depth - 1);
	if (to == NULL)
		EXPECT(json_object_del(above, json_string_value(last)) == 0);
	else if (json_is_string(last))
		EXPECT(json_object_set(above, json_string_value(last), to) == 0);
	else
		EXPECT(json_array_set(above, (size_t)json_integer_value(last), to) == 0);
	return root;
}

TEST(damaged_files_are_refused_with_the_place)
{
	char *forest = files_read(FOREST, NULL), *lines = files_read(DAMAGED, NULL);
	size_t count = 0;
	for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"), count++) {
		struct err err = {0};
		json_t *damage = json_loads(line, 0, NULL);
		json_t *root =
		    changed(json_loads(forest, 0, NULL), json_object_get(damage, "at"), json_object_get(damage, "to"));
		char *text = json_dumps(root, 0);
		struct model *model = parse(text, strlen(text), &err);
		EXPECT(model == NULL && err.code == ERR_DATA);
		EXPECT_TEXT(err.message, json_string_value(json_object_get(damage, "error")));
		model_free(model);
		free(text);
		json_decref(root);
		json_decref(damage);
	}
	EXPECT(count >= 60);
	free(forest);
	free(lines);
}

TEST(what_is_no_json_document_is_refused)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"", "not a JSON document: '[' or '{' expected near end of file (byte 0)"},
	    {"{\"n_features\": 3", "not a JSON document: '}' expected near end of file (byte 16)"},
	    {"{\"n_features\": 3} x", "not a JSON document: end of file expected near 'x' (byte 19)"},
	    {"{\"n_features\": 3, \"n_features\": 3}",
	     "not a JSON document: duplicate object key near '\"n_features\"' (byte 30)"},
	    {"{\"n_features\": NaN}", "not a JSON document: invalid token near 'NaN' (byte 18)"},
	    {"{\"n_features\": Infinity}", "not a JSON document: invalid token near 'Infinity' (byte 23)"},
	    {"{\"n_features\": 1e999}", "not a JSON document: real number overflow near '1e999' (byte 20)"},
	    {"\x80\x04\x95", "not a JSON document: unable to decode byte 0x80 (byte 0)"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};
		EXPECT(parse(cases[i].text, strlen(cases[i].text), &err) == NULL);
		EXPECT_INT(err.code, ERR_DATA);
		EXPECT_TEXT(err.message, cases[i].message);
	}
}

/* A tree of one inner node on every level. */
static char *comb(int depth)
{
	static const char *const names[] = {"left", "right", "feature", "threshold", "n"};
	struct buffer text;
	buffer_init(&text);
	buffer_add_format(&text, "{\"n_features\":1,\"n_trees\":1,\"max_samples\":256,\"c_max_samples\":10,"
				 "\"offset\":-0.5,\"trees\":[{");
	for (int name = 0; name < 5; name++) {
		buffer_add_format(&text, "%s\"%s\":[", name == 0 ? "" : ",", names[name]);
		for (int node = 0; node <= 2 * depth; node++) {
			bool leaf = node % 2 == 1 || node == 2 * depth;
			int numbers[] = {leaf ? -1 : node + 1, leaf ? -1 : node + 2, leaf ? -2 : 0, 0,
					 node % 2 == 1 ? 1 : depth + 1 - node / 2};
			buffer_add_format(&text, "%s%d", node == 0 ? "" : ",", numbers[name]);
		}
		buffer_add_text(&text, "]");
	}
	buffer_add_text(&text, "}]}");
	buffer_add_byte(&text, 0);
	return (char *)text.data;
}

TEST(trees_may_be_sixty_four_levels_deep_and_no_deeper)
{
	static const int depths[] = {0, 1, FOREST_DEPTH_MAX, FOREST_DEPTH_MAX + 1, 100000};
	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
		char *text = comb(depths[i]);
		struct err err = {0};
		struct model *model = parse(text, strlen(text), &err);
		bool deep = depths[i] > FOREST_DEPTH_MAX;
		EXPECT((model == NULL) == deep);
		EXPECT_TEXT(err.message, deep ? "tree 0, node 128: it splits at depth 64, 63 is the limit" : "");
		model_free(model);
		free(text);
	}
}

TEST(nested_brackets_are_refused_and_not_followed)
{
	size_t length = 1000000;
	char *text = malloc(length);
	struct err err = {0};
	memset(text, '[', length);
	EXPECT(parse(text, length, &err) == NULL);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT(strstr(err.message, "maximum parsing depth reached") != NULL);
	free(text);
}

static struct buffer gzipped(const void *data, size_t length)
{
	struct buffer out;
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)length};
	buffer_init(&out);
	if (deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	size_t bound = deflateBound(&stream, length);
	stream.next_out = buffer_room(&out, bound);
	stream.avail_out = (uInt)bound;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		abort();
	out.length += stream.total_out;
	(void)deflateEnd(&stream);
	return out;
}

TEST(gzipped_files_are_read_and_damaged_ones_refused)
{
	size_t length;
	char *text = files_read(FOREST, &length);
	struct buffer first = gzipped(text, 100), rest = gzipped(text + 100, length - 100),
		      whole = gzipped(text, length);
	buffer_add(&first, rest.data, rest.length);
	struct err err = {0};
	struct model *model = parse((char *)whole.data, whole.length, &err);
	EXPECT(model != NULL);
	model_free(model);
	model = parse((char *)first.data, first.length, &err);
	EXPECT(model != NULL);
	model_free(model);
	for (size_t cut = 2; cut < whole.length; cut += 7) {
		err_clear(&err);
		EXPECT(parse((char *)whole.data, cut, &err) == NULL);
		EXPECT_TEXT(err.message, "gzip: the file is cut off");
	}
	err_clear(&err);
	buffer_add_text(&whole, "\nend");
	EXPECT(parse((char *)whole.data, whole.length, &err) == NULL);
	EXPECT_TEXT(err.message, "gzip: 4 bytes stand behind the end");
	err_clear(&err);
	whole.data[whole.length - 4 - 8] ^= 1; /* of the checksum */
	EXPECT(parse((char *)whole.data, whole.length, &err) == NULL);
	EXPECT_TEXT(err.message, "gzip: the file is damaged");
	buffer_free(&first);
	buffer_free(&rest);
	buffer_free(&whole);
	free(text);
}

TEST(what_inflates_to_more_than_the_limit_is_refused)
{
	size_t length = 1 << 20;
	char *zeros = calloc(length, 1);
	struct buffer bomb = gzipped(zeros, length), inflated;
	struct err err = {0};
	buffer_init(&inflated);
	EXPECT(bomb.length < 2000);
	EXPECT(gunzip(buffer_slice(&bomb), length, &inflated, &err) == 0 && inflated.length == length);
	buffer_reset(&inflated);
	EXPECT(gunzip(buffer_slice(&bomb), length - 1, &inflated, &err) == -1);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT_TEXT(err.message, "it inflates to more than 1048575 bytes, the limit");
	buffer_free(&inflated);
	buffer_free(&bomb);
	free(zeros);
}

TEST(mutated_files_are_errors_or_forests_that_score)
{
	size_t length, taken = 0;
	char *text = files_read(FOREST, &length);
	struct rng rng;
	rng_seed(&rng, 5);
	for (int i = 0; i < MUTATIONS; i++) {
		char *copy = malloc(length + 1);
		memcpy(copy, text, length + 1);
		for (uint64_t left = 1 + rng_below(&rng, 3); left > 0; left--) {
			static const char bytes[] = "0123456789-.,e[]{}\"nl :";
			copy[rng_below(&rng, length)] = bytes[rng_below(&rng, sizeof bytes - 1)];
		}
		struct err err = {0};
		struct model *model = parse(copy, length, &err);
		EXPECT((model == NULL) == err_is_set(&err));
		if (model != NULL) {
			size_t columns = model->feature_count;
			double *row = calloc(columns, sizeof *row), score;
			struct matrix matrix = {row, 1, columns, columns};
			EXPECT(forest_score(model->forest, &matrix, &score, &err) == 0 && score > 0 && score <= 1);
			free(row);
			taken++;
		}
		model_free(model);
		free(copy);
	}
	EXPECT(taken > MUTATIONS / 50 && taken < MUTATIONS / 2);
	free(text);
}

/* Scores and contributions of a golden forest against what stands beside it. */
static void expect_golden(const char *name, const struct model *model)
{
	char path[256];
	double *values;
	size_t rows, columns, width = model->feature_count;
	snprintf(path, sizeof path, "../shared/data/golden/%s.rows.csv.gz", name);
	EXPECT(forest_sample_csv(path, &values, &rows, &columns));
	struct matrix matrix = {values + 1, rows, width, columns};
	struct explainer *explainer = explainer_new(model->forest);
	double *scores = calloc(rows, sizeof *scores), *phi = calloc(width, sizeof *phi), base, worst_score = 0,
	       worst = 0;
	struct err err = {0};
	EXPECT(forest_score(model->forest, &matrix, scores, &err) == 0);
	for (size_t r = 0; r < rows; r++) {
		const double *row = values + r * columns + 1, *wanted = row + width;
		worst_score = fmax(worst_score, fabs(scores[r] - wanted[0]));
		explainer_row(explainer, row, phi, &base);
		for (size_t i = 0; i < width; i++)
			worst = fmax(worst, fabs(phi[i] - wanted[2 + i]));
	}
	EXPECT(rows > 0 && worst_score <= TOLERANCE && worst <= TOLERANCE);
	printf("  %s: largest difference of a score %.2g, of a contribution %.2g\n", name, worst_score, worst);
	explainer_free(explainer);
	free(values);
	free(scores);
	free(phi);
}

TEST(golden_forests_score_and_explain_as_where_they_were_fitted)
{
	static const char *const names[] = {"tiny", "cardio", "ionosphere", "breastw_subfeat"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct forest_parts parts;
		struct err err = {0};
		char path[256];
		bool named;
		if (!forest_sample_golden(names[i], &parts)) {
			printf("skip %s: no ../shared/data\n", names[i]);
			continue;
		}
		snprintf(path, sizeof path, "../shared/data/golden/%s.model.json.gz", names[i]);
		struct model *model = sklearn_file_read(path, &as_listed, &named, &err);
		EXPECT_TEXT(err.message, "");
		if (model == NULL)
			continue;
		EXPECT(!named && forest_twin_equal(forest_borrow(model->forest), &parts));
		expect_golden(names[i], model);
		model_free(model);
		forest_parts_free(&parts);
	}
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_file_gives_its_forest),
					CASE(without_names_and_values_features_are_numbered_and_leaves_are_as_ours),
					CASE(where_the_file_says_where_missing_values_go_they_do_not_go_both_ways),
					CASE(damaged_files_are_refused_with_the_place),
					CASE(what_is_no_json_document_is_refused),
					CASE(trees_may_be_sixty_four_levels_deep_and_no_deeper),
					CASE(nested_brackets_are_refused_and_not_followed),
					CASE(gzipped_files_are_read_and_damaged_ones_refused),
					CASE(what_inflates_to_more_than_the_limit_is_refused),
					CASE(mutated_files_are_errors_or_forests_that_score),
					CASE(golden_forests_score_and_explain_as_where_they_were_fitted),
					{0}},
			argc, argv);
}
