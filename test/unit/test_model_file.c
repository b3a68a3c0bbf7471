#include <jansson.h>

#include "daemon/io/model_file.h"
#include "daemon/io/whole_file.h"
#include "test/twin/forest_twin.h"
#include "test/twin/model_sample.h"
#include "test/unit/test.h"

#include <sys/stat.h>
#include <unistd.h>

#define MUTATIONS 6000

static struct model *make_model(uint64_t seed, size_t rows)
{
	struct train_options options = {3, 8, seed, seed % 2 == 0, seed % 3 == 0};
	return model_sample(&options, rows, 4);
}

/* The document of a model; freed by the caller. */
static char *document_of(const struct model *model)
{
	struct buffer document;
	buffer_init(&document);
	model_write(model, &document);
	buffer_add_byte(&document, 0);
	EXPECT(!buffer_failed(&document));
	return (char *)document.data;
}

static char *make_document(uint64_t seed, size_t rows)
{
	struct model *model = make_model(seed, rows);
	char *document = document_of(model);
	model_free(model);
	return document;
}

TEST(a_document_reads_back_to_the_same_document)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		char *document = make_document(seed, 5 + 80 * seed), id[SHA256_HEX];
		struct err err = {0};
		struct model *model = model_file_parse(slice_of(document), &err);
		EXPECT_TEXT(err.message, "");
		char *again = document_of(model);
		EXPECT(strcmp(document, again) == 0);
		sha256_hex(slice_of(document), id);
		EXPECT_TEXT(model->id, id);
		model_free(model);
		free(again);
		free(document);
	}
}

TEST(reading_gives_what_was_written)
{
	struct model *model = make_model(7, 90);
	sha256_hex(slice_of("features"), model->feature_set_id);
	free(model->features[2]);
	model->features[2] = strdup("mean \"30d\" \xc3\xa9\n\\");
	model->trained_on.time_from_ms = -5;
	sha256_hex(slice_of("forest"), model->imported.sha256);
	model->imported.offset = -0.625;
	char *document = document_of(model);
	struct err err = {0};
	struct model *back = model_file_parse(slice_of(document), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT_TEXT(back->features[2], model->features[2]);
	EXPECT_TEXT(back->feature_set_id, model->feature_set_id);
	EXPECT_TEXT(back->trained_on.sha256, model->trained_on.sha256);
	EXPECT_TEXT(back->calibrated_on.sha256, "");
	EXPECT(back->trained_on.time_from_ms == -5 && back->trained_on.time_to_ms == MODEL_TIME_UNKNOWN);
	EXPECT(back->trained_on.order_assumed && !back->calibrated_on.order_assumed);
	EXPECT(back->trained_on.rows == 90 && back->trained_on.rows_left_out == 3);
	EXPECT(back->options.trees == 3 && back->options.sample == 8 && back->options.seed == 7);
	EXPECT_TEXT(back->imported.sha256, model->imported.sha256);
	EXPECT(back->imported.offset == -0.625);
	EXPECT(memcmp(&back->calibration, &model->calibration, sizeof model->calibration) == 0);
	EXPECT(forest_twin_equal(forest_borrow(back->forest), forest_borrow(model->forest)));
	EXPECT(back->references[0].median == model->references[0].median);
	model_free(model);
	model_free(back);
	free(document);
}

TEST(a_model_without_calibration_and_with_listed_missing_values_reads_back)
{
	struct model *model = make_model(3, 60);
	struct forest_parts parts = *forest_borrow(model->forest);
	char *document = document_of(model), *again;
	json_t *root = json_loads(document, JSON_DECODE_INT_AS_REAL, NULL);
	json_object_set_new(root, "calibration", json_null());
	json_object_set_new(root, "missing", json_string("listed"));
	for (size_t t = 0; t < parts.tree_count; t++) {
		json_t *list = json_array();
		for (uint32_t node = 0; node < parts.trees[t].node_count; node++)
			json_array_append_new(list, json_real(parts.trees[t].left[node] >= 0 && node % 2 == 0));
		json_object_set_new(json_array_get(json_object_get(root, "trees"), t), "missing_left", list);
	}
	char *changed = json_dumps(root, JSON_COMPACT);
	struct err err = {0};
	struct model *back = model_file_parse(slice_of(changed), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT(back->calibration.n == 0);
	EXPECT(forest_borrow(back->forest)->missing == MISSING_LISTED &&
	       forest_borrow(back->forest)->trees[1].missing_left[0] == 1);
	again = document_of(back);
	struct model *twice = model_file_parse(slice_of(again), &err);
	EXPECT_TEXT(err.message, "");
	model_free(twice);
	model_free(back);
	model_free(model);
	json_decref(root);
	free(document);
	free(changed);
	free(again);
}

TEST(members_that_are_not_known_are_passed_over)
{
	char *document = make_document(1, 20);
	struct buffer text;
	struct err err = {0};
	buffer_init(&text);
	buffer_add_format(&text, "{\"a_later_member\":[1,{\"x\":null}],%s", document + 1);
	struct model *model = model_file_parse(buffer_slice(&text), &err);
	EXPECT_TEXT(err.message, "");
	EXPECT(model != NULL);
	model_free(model);
	buffer_free(&text);
	free(document);
}

/* Replaces the first `from` after `after` by `to`. */
static char *replaced(const char *document, const char *after, const char *from, const char *to)
{
	const char *start = strstr(document, after);
	const char *at = start == NULL ? NULL : strstr(start + strlen(after), from);
	struct buffer text;
	EXPECT(at != NULL);
	if (at == NULL)
		at = document;
	buffer_init(&text);
	buffer_add(&text, document, (size_t)(at - document));
	buffer_add_text(&text, to);
	buffer_add_text(&text, at + strlen(from));
	buffer_add_byte(&text, 0);
	return (char *)text.data;
}

TEST(damaged_documents_are_refused_with_the_path)
{
	static const struct {
		const char *after, *from, *to, *message;
	} cases[] = {
	    {"", "\"kind\":\"isolation_forest\"", "\"kind\":\"pickle\"",
	     "kind: must be \"isolation_forest\", not \"pickle\""},
	    {"", "\"kind\":", "\"kinds\":", "kind: is absent, it must be a string of 1 to 256 bytes"},
	    {"", "\"version\":1", "\"version\":2",
	     "version: the model is of version 2, this program reads up to 1; use a newer one"},
	    {"", "\"version\":1", "\"version\":0", "version: must be an integer from 1 to 9007199254740992, not 0"},
	    {"", "\"version\":1", "\"version\":\"1\"",
	     "version: must be an integer from 1 to 9007199254740992, not \"1\""},
	    {"", "\"version\":1}", "\"version\":1", "not a JSON document: '}' expected near end of file (byte %)"},
	    {"", "\"version\":1", "\"version\":1,\"version\":1",
	     "not a JSON document: duplicate object key near '\"version\"' (byte %)"},
	    {"", "\"c_psi\":", "\"c_psi\":-", "c_psi: must be a number from 0 to 1000, not -%"},
	    {"", "\"c_psi\":", "\"c_psi\":0.5,\"x\":", "c_psi must be 0 or from 1 to 1000"},
	    {"", "\"c_psi\":", "\"c_psi\":true,\"x\":", "c_psi: must be a number from 0 to 1000, not true"},
	    {"", "\"missing\":\"both\"", "\"missing\":\"left\"",
	     "missing: must be \"both\", \"listed\" or \"refused\", not \"left\""},
	    {"", "\"missing\":\"both\"", "\"missing\":\"listed\"",
	     "trees[0].missing_left: is absent, it must be an array of %"},
	    {"", "\"feature_set_id\":null", "\"feature_set_id\":\"abc\"",
	     "feature_set_id: must be null or 64 lower-case hex digits, not \"abc\""},
	    {"", "\"feature_set_id\":null",
	     "\"feature_set_id\":\"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX\"",
	     "feature_set_id: must be null or 64 lower-case hex digits, not "
	     "\"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX\"..."},
	    {"", "\"kind\":", "\"imported\":[],\"kind\":", "imported: must be an object, not an array of 0"},
	    {"",
	     "\"kind\":", "\"imported\":{},\"kind\":", "imported.offset: is absent, it must be a number from -1 to 0"},
	    {"", "\"kind\":", "\"imported\":{\"offset\":-0.5,\"sha256\":null},\"kind\":",
	     "imported.sha256: must be 64 lower-case hex digits, not null"},
	    {"", "\"seed\":1", "\"seed\":9007199254740994",
	     "parameters.seed: must be an integer from 0 to 9007199254740992, not 9007199254740994"},
	    {"", "\"seed\":1", "\"seed\":1.5",
	     "parameters.seed: must be an integer from 0 to 9007199254740992, not 1.5"},
	    {"", "\"trees\":3", "\"trees\":4", "parameters.trees: must be an integer from 3 to 3, not 4"},
	    {"", "\"psi\":8", "\"leaf_value\":\"area\",\"psi\":8",
	     "parameters.leaf_value: must be \"density\", not \"area\""},
	    {"", "\"psi\":8", "\"psi\":0", "parameters.psi: must be an integer from 1 to 4294967295, not 0"},
	    {"", "\"parameters\":{", "\"parameters\":[{", "not a JSON document: %"},
	    {"\"trained_on\":", "{", "7,\"x\":{", "trained_on: must be an object, not 7"},
	    {"\"trained_on\":", "\"rows\":20", "\"rows\":-1",
	     "trained_on.rows: must be an integer from 0 to 9007199254740992, not -1"},
	    {"\"trained_on\":", "\"time_to_ms\":null", "\"time_to_ms\":{}",
	     "trained_on.time_to_ms: must be an integer from -9007199254740992 to 9007199254740992, not an object"},
	    {"\"calibrated_on\":", "\"order_assumed\":false", "\"order_assumed\":null",
	     "calibrated_on.order_assumed: must be true or false, not null"},
	    {"\"calibration\":", "\"highest\":[", "\"highest\":[0.9,",
	     "calibration.highest: must be an array of 20, not an array of 21"},
	    {"\"calibration\":", "\"n\":20", "\"n\":19",
	     "calibration.highest: must be an array of 19, not an array of 20"},
	    {"\"calibration\":", "\"n\":20", "\"n\":0",
	     "calibration.n: must be an integer from 1 to 9007199254740992, not 0"},
	    {"\"calibration\":{\"highest\":[", "0.", "0.9",
	     "calibration.highest[0]: must be the last of the quantiles, not 0.9%"},
	    {"\"quantiles\":[", "0.", "1.", "calibration.quantiles[0]: must be a number from 0 to 1, not 1.%"},
	    {"\"quantiles\":[", "0.", "0.9",
	     "calibration.quantiles[%]: must be at least the number before it, not 0.%"},
	    {"", "\"features\":[", "\"features\":[],\"x\":[",
	     "features: must be an array of 1 to 1024, not an array of 0"},
	    {"", "\"name\":\"x1\"", "\"name\":\"x0\"",
	     "features[1].name: must be another name than that of feature 0, not \"x0\""},
	    {"", "\"name\":\"x1\"", "\"name\":\"\"", "features[1].name: must be a string of 1 to 256 bytes, not \"\""},
	    {"", "\"name\":\"x1\"", "\"nom\":\"x1\"",
	     "features[1].name: is absent, it must be a string of 1 to 256 bytes"},
	    {"", "\"edges\":[", "\"edges\":[9,1],\"x\":[",
	     "features[0].edges[1]: must be at least the number before it, not 1"},
	    {"", "\"edges\":[", "\"edges\":[1,2,3,4,5,6,7,8,9,10],\"x\":[",
	     "features[0].edges: must be an array of 0 to 9, not an array of 10"},
	    {"", "\"maximum\":", "\"maximum\":-99,\"x\":",
	     "features[0].maximum: must be a number from % to 1.7976931348623157e+308, not -99"},
	    {"", "\"minimum\":", "\"minimum\":null,\"x\":", "features[0].p5: must be null, as minimum is, not %"},
	    {"", "\"missing_share\":", "\"missing_share\":1.5,\"x\":",
	     "features[0].missing_share: must be a number from 0 to 1, not 1.5"},
	    {"\"trees\":[", "\"left\":[", "\"left\":[],\"x\":[",
	     "trees[0].left: must be an array of 1 to 67108864, not an array of 0"},
	    {"\"trees\":[", "\"left\":[1", "\"left\":[0", "tree 0, node 0: children 0 and %"},
	    {"\"trees\":[", "\"left\":[1", "\"left\":[1000",
	     "trees[0].left[0]: must be a number from -1 to %, not 1000"},
	    {"\"trees\":[", "\"left\":[1", "\"left\":[0.5", "trees[0].left[0]: must be an integer, not 0.5"},
	    {"\"trees\":[", "\"left\":[1", "\"left\":[\"one\"",
	     "trees[0].left[0]: must be a number from -1 to %, not \"one\""},
	    {"\"trees\":[", "\"feature\":[", "\"feature\":[7,",
	     "trees[0].feature: must be an array of %, not an array of %"},
	    {"\"trees\":[", "\"threshold\":[", "\"threshold\":[0.1],\"x\":[",
	     "trees[0].threshold: must be an array of %, not an array of 1"},
	    {"\"trees\":[", "\"rows\":[8", "\"rows\":[9", "tree 0, node 0: 9 training rows, but its children have %"},
	    {"\"trees\":[", "\"rows\":[8", "\"rows\":[0",
	     "trees[0].rows[0]: must be a number from 1 to 4294967295, not 0"},
	    {"\"trees\":[", "\"value\":[0", "\"value\":[1e400",
	     "not a JSON document: real number overflow near '1e400' (byte %)"},
	    {"\"trees\":[", "\"value\":[0", "\"value\":[-65",
	     "trees[0].value[0]: must be a number from -64 to 1000, not -65"},
	    {"\"trees\":[", "{", "null,{", "trees[0]: must be an object, not null"},
	};
	char *document = make_document(1, 20);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *damaged = replaced(document, cases[i].after, cases[i].from, cases[i].to);
		struct err err = {0};
		struct model *model = model_file_parse(slice_of(damaged), &err);
		EXPECT(model == NULL);
		EXPECT_INT(err.code, ERR_DATA);
		/* '%' in the wanted message stands for any text. */
		char wanted[512], *piece, *rest = wanted;
		const char *at = err.message;
		bool first = true;
		snprintf(wanted, sizeof wanted, "%s", cases[i].message);
		bool open = wanted[strlen(wanted) - 1] == '%';
		while (at != NULL && (piece = strsep(&rest, "%")) != NULL) {
			const char *found = strstr(at, piece);
			at = found == NULL || (first && found != at) ? NULL : found + strlen(piece);
			first = false;
		}
		EXPECT(at != NULL && (open || *at == 0));
		if (at == NULL || (!open && *at != 0))
			printf("  case %zu: %s\n    wanted %s\n", i, err.message, cases[i].message);
		model_free(model);
		free(damaged);
	}
	free(document);
}

TEST(thresholds_must_be_float32)
{
	char *document = make_document(1, 20);
	json_t *root = json_loads(document, JSON_DECODE_INT_AS_REAL, NULL);
	json_t *thresholds = json_object_get(json_array_get(json_object_get(root, "trees"), 2), "threshold");
	json_array_set_new(thresholds, 0, json_real(0.1));
	char *damaged = json_dumps(root, 0);
	struct err err = {0};
	EXPECT(model_file_parse(slice_of(damaged), &err) == NULL);
	EXPECT_TEXT(err.message, "trees[2].threshold[0]: must be a float32, not 0.1");
	json_decref(root);
	free(damaged);
	free(document);
}

TEST(what_is_no_object_is_refused)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"", "not a JSON document: '[' or '{' expected near end of file (byte 0)"},
	    {"[]", "the document: must be an object, not an array of 0"},
	    {"{}", "kind: is absent, it must be a string of 1 to 256 bytes"},
	    {"null", "not a JSON document: '[' or '{' expected near 'null' (byte 4)"},
	    {"{\"kind\":\"isolation_forest\",\"version\":1}", "features: is absent, it must be an array of 1 to 1024"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};
		EXPECT(model_file_parse(slice_of(cases[i].text), &err) == NULL);
		EXPECT_TEXT(err.message, cases[i].message);
	}
	struct err err = {0}, long_err = {0};
	EXPECT(model_file_parse((struct slice){NULL, 0}, &err) == NULL);
	EXPECT(model_file_parse((struct slice){"{}", (size_t)MODEL_FILE_BYTES_MAX + 1}, &long_err) == NULL);
	EXPECT_TEXT(long_err.message, "it has 268435457 bytes, 268435456 is the limit");
}

TEST(deep_nesting_is_refused_and_not_followed)
{
	struct buffer text;
	struct err err = {0};
	buffer_init(&text);
	for (int i = 0; i < 200000; i++)
		buffer_add_text(&text, "[");
	EXPECT(model_file_parse(buffer_slice(&text), &err) == NULL);
	EXPECT_INT(err.code, ERR_DATA);
	buffer_free(&text);
}

/* One seeded damage: bytes changed, cut, doubled, or a number replaced by a nasty one. */
static void mutate(struct rng *rng, struct buffer *text)
{
	static const char *const nasty[] = {"-1",   "0",  "1e999", "-0.0", "4294967296", "1e308",
					    "null", "[]", "{}",    "\"\"", "0.1",        "99999"};
	size_t at = (size_t)rng_below(rng, text->length), span = 1 + (size_t)rng_below(rng, 40);
	span = at + span > text->length ? text->length - at : span;
	struct buffer copy;
	buffer_init(&copy);
	buffer_add(&copy, text->data, text->length);
	switch (rng_below(rng, 5)) {
	case 0:
		text->data[at] = (uint8_t)rng_next(rng);
		break;
	case 1:
		text->length = at;
		break;
	case 2:
		text->length = at;
		buffer_add(text, copy.data + at + span, copy.length - at - span);
		break;
	case 3:
		text->length = at;
		buffer_add(text, copy.data + at, span);
		buffer_add(text, copy.data + at, copy.length - at);
		break;
	default:
		while (at < copy.length && strchr("0123456789", copy.data[at]) == NULL)
			at++;
		for (span = 0; at + span < copy.length && strchr("0123456789.", copy.data[at + span]) != NULL;)
			span++;
		text->length = at;
		buffer_add_text(text, nasty[rng_below(rng, sizeof nasty / sizeof *nasty)]);
		buffer_add(text, copy.data + at + span, copy.length - at - span);
	}
	buffer_free(&copy);
}

/* A small document without most of its quantiles would not be valid, so the mutations aim at its second part half the time. */
TEST(mutated_documents_are_errors_or_models_that_score)
{
	struct rng rng;
	rng_seed(&rng, 77);
	size_t valid = 0;
	for (int round = 0; round < MUTATIONS; round++) {
		static char *document;
		if (round % 1000 == 0) {
			free(document);
			document = make_document((uint64_t)round, 12);
		}
		const char *quantiles = strstr(document, "\"quantiles\"");
		const char *after = strchr(quantiles, ']');
		struct buffer text, tail;
		buffer_init(&text);
		buffer_init(&tail);
		bool whole = rng_below(&rng, 3) == 0;
		size_t head = whole ? 0 : (size_t)(after - document);
		buffer_add_text(&tail, document + head);
		for (uint64_t hits = 1 + rng_below(&rng, 2); hits > 0 && tail.length > 0; hits--)
			mutate(&rng, &tail);
		buffer_add(&text, document, head);
		buffer_add(&text, tail.data, tail.length);
		struct err err = {0};
		struct model *model = model_file_parse(buffer_slice(&text), &err);
		if (model == NULL) {
			EXPECT_INT(err.code, ERR_DATA);
			EXPECT(err.message[0] != 0);
		} else {
			double row[] = {0.5, NAN, 1e300, -3}, score = 0, threshold;
			struct matrix matrix = {row, 1, model->feature_count, 4};
			valid++;
			EXPECT(model->feature_count <= 4);
			EXPECT(forest_score(model->forest, &matrix, &score, &err) == 0 || err.code == ERR_DATA);
			EXPECT(score == 0 || (score > 0 && score <= 1));
			EXPECT(model->calibration.n == 0 ||
			       calibration_quantile(&model->calibration, 0.99, &threshold, &err) == 0);
		}
		model_free(model);
		buffer_free(&text);
		buffer_free(&tail);
		if (round == MUTATIONS - 1)
			free(document);
	}
	EXPECT(valid > MUTATIONS / 100 && valid < MUTATIONS / 2);
	printf("  %d mutated documents, %zu still valid\n", MUTATIONS, valid);
}

/* A fresh folder, removed by leave(). */
static char *enter(void)
{
	char *folder = strdup("/tmp/test_model_file.XXXXXX");
	EXPECT(mkdtemp(folder) != NULL);
	return folder;
}

static void leave(char *folder)
{
	char command[300];
	snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
	EXPECT(system(command) == 0);
	free(folder);
}

static const char *in(const char *folder, const char *name)
{
	static char path[2][400];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	return path[turn];
}

static void put(const char *path, const char *text)
{
	struct err err = {0};
	EXPECT(whole_file_write(path, slice_of(text), &err) == 0);
}

static int entries_in(const char *folder)
{
	char command[300];
	snprintf(command, sizeof command, "test $(ls -A '%s' | wc -l) -eq 1", folder);
	return system(command) == 0;
}

TEST(a_written_model_reads_back_under_its_hash)
{
	char *folder = enter();
	struct model *model = make_model(4, 40);
	struct err err = {0};
	EXPECT(model_file_write(in(folder, "m.json"), model, &err) == 0);
	EXPECT_INT(strlen(model->id), 64);
	struct model *back = model_file_read(in(folder, "m.json"), &err);
	EXPECT_TEXT(back->id, model->id);
	EXPECT(entries_in(folder)); /* no temporary file is left */
	model_free(back);
	model_free(model);
	leave(folder);
}

TEST(files_that_cannot_be_read_or_written_say_why)
{
	char *folder = enter(), wanted[700];
	struct model *model = make_model(4, 10);
	struct err err = {0};
	EXPECT(model_file_read(in(folder, "none.json"), &err) == NULL);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	snprintf(wanted, sizeof wanted, "%s: cannot be opened: No such file or directory", in(folder, "none.json"));
	EXPECT_TEXT(err.message, wanted);
	err_clear(&err);
	EXPECT(model_file_read(folder, &err) == NULL);
	EXPECT_INT(err.code, ERR_DATA);
	snprintf(wanted, sizeof wanted, "%s: not a regular file", folder);
	EXPECT_TEXT(err.message, wanted);
	err_clear(&err);
	EXPECT(model_file_write(in(folder, "no/such/m.json"), model, &err) == -1);
	EXPECT_INT(err.code, ERR_IO);
	snprintf(wanted, sizeof wanted, "%s: cannot be written: No such file or directory",
		 in(folder, "no/such/m.json"));
	EXPECT_TEXT(err.message, wanted);
	err_clear(&err);
	put(in(folder, "bad.json"), "{\"kind\":3}");
	EXPECT(model_file_read(in(folder, "bad.json"), &err) == NULL);
	snprintf(wanted, sizeof wanted, "%s: kind: must be a string of 1 to 256 bytes, not 3", in(folder, "bad.json"));
	EXPECT_TEXT(err.message, wanted);
	err_clear(&err);
	EXPECT(mkdir(in(folder, "taken.json"), 0777) == 0);
	EXPECT(model_file_write(in(folder, "taken.json"), model, &err) == -1);
	snprintf(wanted, sizeof wanted, "%s: cannot be written: Is a directory", in(folder, "taken.json"));
	EXPECT_TEXT(err.message, wanted);
	model_free(model);
	leave(folder);
}

TEST(a_file_longer_than_the_limit_is_refused)
{
	char *folder = enter(), wanted[500];
	struct buffer contents;
	struct err err = {0};
	buffer_init(&contents);
	put(in(folder, "five"), "12345");
	EXPECT(whole_file_read(in(folder, "five"), 5, &contents, &err) == 0 && contents.length == 5);
	EXPECT(whole_file_read(in(folder, "five"), 4, &contents, &err) == -1);
	EXPECT_INT(err.code, ERR_DATA);
	snprintf(wanted, sizeof wanted, "%s: it has 5 bytes, 4 is the limit", in(folder, "five"));
	EXPECT_TEXT(err.message, wanted);
	buffer_free(&contents);
	leave(folder);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_document_reads_back_to_the_same_document),
					CASE(reading_gives_what_was_written),
					CASE(a_model_without_calibration_and_with_listed_missing_values_reads_back),
					CASE(members_that_are_not_known_are_passed_over),
					CASE(damaged_documents_are_refused_with_the_path),
					CASE(thresholds_must_be_float32),
					CASE(what_is_no_object_is_refused),
					CASE(deep_nesting_is_refused_and_not_followed),
					CASE(mutated_documents_are_errors_or_models_that_score),
					CASE(a_written_model_reads_back_under_its_hash),
					CASE(files_that_cannot_be_read_or_written_say_why),
					CASE(a_file_longer_than_the_limit_is_refused),
					{0}},
			argc, argv);
}
