#include "daemon/io/model_json.h"

#include "daemon/io/json_column.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_MAX (INT64_C(1) << 53)

static int read_integer(const struct json_place *above, const char *name, int64_t least, int64_t most, int64_t *integer,
			struct err *err)
{
	struct json_place place = json_reader_member(above, name);
	return json_reader_integer(&place, least, most, integer, err);
}

static int read_hash(const struct json_place *above, const char *name, char hash[SHA256_HEX], struct err *err)
{
	struct json_place place = json_reader_member(above, name);
	hash[0] = 0;
	if (json_reader_is_null(&place))
		return 0;
	const char *text = json_string_value(place.value);
	if (text == NULL || strlen(text) != SHA256_HEX - 1 || strspn(text, "0123456789abcdef") != SHA256_HEX - 1)
		return json_reader_refuse(&place, err, "null or 64 lower-case hex digits");
	memcpy(hash, text, SHA256_HEX);
	return 0;
}

static int read_time(const struct json_place *above, const char *name, int64_t *time_ms, struct err *err)
{
	struct json_place place = json_reader_member(above, name);
	if (!json_reader_is_null(&place))
		return json_reader_integer(&place, -COUNT_MAX, COUNT_MAX, time_ms, err);
	*time_ms = MODEL_TIME_UNKNOWN;
	return 0;
}

static int read_source(const struct json_place *above, const char *name, struct model_source *source, struct err *err)
{
	struct json_place place = json_reader_member(above, name);
	struct json_place order = json_reader_member(&place, "order_assumed");
	int64_t rows, rows_left_out;
	if (json_reader_object(&place, err) != 0 || json_reader_boolean(&order, &source->order_assumed, err) != 0 ||
	    read_integer(&place, "rows", 0, COUNT_MAX, &rows, err) != 0 ||
	    read_integer(&place, "rows_left_out", 0, COUNT_MAX, &rows_left_out, err) != 0 ||
	    read_hash(&place, "sha256", source->sha256, err) != 0 ||
	    read_time(&place, "time_from_ms", &source->time_from_ms, err) != 0 ||
	    read_time(&place, "time_to_ms", &source->time_to_ms, err) != 0)
		return -1;
	source->rows = (uint64_t)rows;
	source->rows_left_out = (uint64_t)rows_left_out;
	return 0;
}

/* Numbers of an array, each at least (direction 1) or at most (-1) the one before it. */
static int read_monotone(const struct json_place *array, size_t count, int direction, double *numbers, double least,
			 double most, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct json_place place = json_reader_element(array, i);
		if (json_reader_number(&place, least, most, &numbers[i], err) != 0)
			return -1;
		if (i > 0 && (numbers[i] - numbers[i - 1]) * direction < 0.0)
			return json_reader_refuse(&place, err, "at %s the number before it",
						  direction > 0 ? "least" : "most");
	}
	return 0;
}

static int read_calibration(const struct json_place *root, struct calibration *calibration, struct err *err)
{
	struct json_place place = json_reader_member(root, "calibration");
	if (json_reader_is_null(&place))
		return 0;
	struct json_place quantiles = json_reader_member(&place, "quantiles");
	struct json_place highest = json_reader_member(&place, "highest");
	int64_t n;
	if (json_reader_object(&place, err) != 0 || read_integer(&place, "n", 1, COUNT_MAX, &n, err) != 0)
		return -1;
	calibration->n = (uint64_t)n;
	size_t count = n < MODEL_HIGHEST_MAX ? (size_t)n : MODEL_HIGHEST_MAX;
	if (json_reader_array(&quantiles, MODEL_QUANTILES, MODEL_QUANTILES, &(size_t){0}, err) != 0 ||
	    read_monotone(&quantiles, MODEL_QUANTILES, 1, calibration->quantiles, 0.0, 1.0, err) != 0 ||
	    json_reader_array(&highest, count, count, &calibration->highest_count, err) != 0 ||
	    read_monotone(&highest, count, -1, calibration->highest, 0.0, 1.0, err) != 0)
		return -1;
	if (calibration->highest[0] == calibration->quantiles[MODEL_QUANTILES - 1])
		return 0;
	struct json_place greatest = json_reader_element(&highest, 0);
	return json_reader_refuse(&greatest, err, "the last of the quantiles");
}

static int read_reference(const struct json_place *place, struct feature_reference *reference, struct err *err)
{
	static const char names[][8] = {"minimum", "p5", "median", "p95", "maximum"};
	double *const numbers[] = {&reference->minimum, &reference->p5, &reference->median, &reference->p95,
				   &reference->maximum};
	struct json_place edges = json_reader_member(place, "edges");
	struct json_place minimum = json_reader_member(place, "minimum");
	struct json_place share = json_reader_member(place, "missing_share");
	bool none = json_reader_is_null(&minimum);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct json_place number = json_reader_member(place, names[i]);
		*numbers[i] = NAN;
		if (none && !json_reader_is_null(&number))
			return json_reader_refuse(&number, err, "null, as minimum is");
		double least = i == 0 ? -DBL_MAX : *numbers[i - 1];
		if (!none && json_reader_number(&number, least, DBL_MAX, numbers[i], err) != 0)
			return -1;
	}
	if (json_reader_number(&share, 0.0, 1.0, &reference->missing_share, err) != 0 ||
	    json_reader_array(&edges, 0, MODEL_DRIFT_EDGES_MAX, &reference->edge_count, err) != 0)
		return -1;
	return read_monotone(&edges, reference->edge_count, 1, reference->edges, -DBL_MAX, DBL_MAX, err);
}

static int read_feature(const struct json_place *place, struct model *model, size_t i, struct err *err)
{
	struct json_place name = json_reader_member(place, "name");
	const char *text;
	if (json_reader_object(place, err) != 0 || json_reader_text(&name, 1, MODEL_NAME_BYTES_MAX, &text, err) != 0)
		return -1;
	for (size_t other = 0; other < i; other++)
		if (strcmp(model->features[other], text) == 0)
			return json_reader_refuse(&name, err, "another name than that of feature %zu", other);
	model->features[i] = strdup(text);
	if (model->features[i] == NULL)
		return err_memory(err);
	return read_reference(place, &model->references[i], err);
}

/* The number of nodes is what `left` says; all other arrays must agree. */
static int read_tree(const struct json_place *place, const struct forest_parts *parts, size_t nodes_left,
		     struct tree *tree, struct err *err)
{
	struct json_place left = json_reader_member(place, "left");
	size_t count;
	if (json_reader_object(place, err) != 0 || json_reader_array(&left, 1, nodes_left, &count, err) != 0)
		return -1;
	tree->node_count = (uint32_t)count;
	double last = (double)count - 1.0, last_column = (double)parts->columns - 1.0, float_max = (double)FLT_MAX;
	tree->left = json_column(place, "left", count, JSON_INT32, -1.0, last, err);
	tree->right = json_column(place, "right", count, JSON_INT32, -1.0, last, err);
	tree->feature = json_column(place, "feature", count, JSON_INT32, -1.0, last_column, err);
	tree->threshold = json_column(place, "threshold", count, JSON_FLOAT32, -float_max, float_max, err);
	tree->rows = json_column(place, "rows", count, JSON_UINT32, 1.0, UINT32_MAX, err);
	tree->value = json_column(place, "value", count, JSON_DOUBLE, -FOREST_DEPTH_MAX, FOREST_VALUE_MAX, err);
	if (parts->missing == MISSING_LISTED)
		tree->missing_left = json_column(place, "missing_left", count, JSON_UINT8, 0.0, 1.0, err);
	return err_is_set(err) ? -1 : 0;
}

static int read_missing(const struct json_place *root, enum missing_mode *missing, struct err *err)
{
	struct json_place place = json_reader_member(root, "missing");
	const char *text;
	if (json_reader_text(&place, 1, MODEL_NAME_BYTES_MAX, &text, err) != 0)
		return -1;
	if (strcmp(text, "both") == 0)
		*missing = MISSING_BOTH;
	else if (strcmp(text, "listed") == 0)
		*missing = MISSING_LISTED;
	else if (strcmp(text, "refused") == 0)
		*missing = MISSING_REFUSED;
	else
		return json_reader_refuse(&place, err, "\"both\", \"listed\" or \"refused\"");
	return 0;
}

static int read_parts(const struct json_place *root, size_t columns, struct forest_parts *parts, struct err *err)
{
	struct json_place trees = json_reader_member(root, "trees");
	struct json_place c_psi = json_reader_member(root, "c_psi");
	size_t count, nodes_left = FOREST_NODES_MAX;
	parts->columns = columns;
	if (json_reader_number(&c_psi, 0.0, FOREST_VALUE_MAX, &parts->c_psi, err) != 0 ||
	    read_missing(root, &parts->missing, err) != 0 ||
	    json_reader_array(&trees, 1, FOREST_TREES_MAX, &count, err) != 0)
		return -1;
	parts->trees = calloc(count, sizeof *parts->trees);
	if (parts->trees == NULL)
		return err_memory(err);
	parts->tree_count = count;
	for (size_t t = 0; t < count; t++) {
		struct json_place place = json_reader_element(&trees, t);
		if (read_tree(&place, parts, nodes_left, &parts->trees[t], err) != 0)
			return -1;
		nodes_left -= parts->trees[t].node_count;
	}
	return 0;
}

/* A parameter that is only there where it has its one other value. */
static int read_choice(const struct json_place *parameters, const char *name, const char *other, bool *chosen,
		       struct err *err)
{
	struct json_place place = json_reader_member(parameters, name);
	char wanted[MODEL_NAME_BYTES_MAX];
	const char *text;
	*chosen = false;
	if (place.value == NULL)
		return 0;
	if (json_reader_text(&place, 1, MODEL_NAME_BYTES_MAX, &text, err) != 0)
		return -1;
	*chosen = strcmp(text, other) == 0;
	snprintf(wanted, sizeof wanted, "\"%s\"", other);
	return *chosen ? 0 : json_reader_refuse(&place, err, wanted);
}

static int read_parameters(const struct json_place *root, struct model *model, struct forest_parts *parts,
			   struct err *err)
{
	struct json_place place = json_reader_member(root, "parameters");
	int64_t psi, sample, seed, trees, counted = (int64_t)parts->tree_count;
	if (json_reader_object(&place, err) != 0 ||
	    read_choice(&place, "leaf_value", MODEL_LEAF_DENSITY, &model->options.density, err) != 0 ||
	    read_choice(&place, "cuts", MODEL_CUTS_GAIN, &model->options.gain, err) != 0 ||
	    read_integer(&place, "psi", 1, UINT32_MAX, &psi, err) != 0 ||
	    read_integer(&place, "sample", 1, UINT32_MAX, &sample, err) != 0 ||
	    read_integer(&place, "seed", 0, (int64_t)TRAIN_SEED_MAX, &seed, err) != 0 ||
	    read_integer(&place, "trees", counted, counted, &trees, err) != 0)
		return -1;
	parts->psi = (uint32_t)psi;
	model->options.sample = (uint32_t)sample;
	model->options.seed = (uint64_t)seed;
	model->options.trees = (uint32_t)trees;
	return 0;
}

static int read_import(const struct json_place *root, struct model_import *imported, struct err *err)
{
	struct json_place place = json_reader_member(root, "imported");
	struct json_place offset = json_reader_member(&place, "offset"), sha256 = json_reader_member(&place, "sha256");
	if (place.value == NULL)
		return 0;
	if (json_reader_object(&place, err) != 0 ||
	    json_reader_number(&offset, -1.0, 0.0, &imported->offset, err) != 0 ||
	    read_hash(&place, "sha256", imported->sha256, err) != 0)
		return -1;
	return imported->sha256[0] != 0 ? 0 : json_reader_refuse(&sha256, err, "64 lower-case hex digits");
}

static int read_kind(const struct json_place *root, struct err *err)
{
	struct json_place kind = json_reader_member(root, "kind");
	const char *text;
	int64_t version;
	if (json_reader_object(root, err) != 0 || json_reader_text(&kind, 1, MODEL_NAME_BYTES_MAX, &text, err) != 0)
		return -1;
	if (strcmp(text, MODEL_KIND) != 0)
		return json_reader_refuse(&kind, err, "\"" MODEL_KIND "\"");
	if (read_integer(root, "version", 1, COUNT_MAX, &version, err) != 0)
		return -1;
	if (version > MODEL_VERSION)
		return err_set(err, ERR_DATA,
			       "version: the model is of version %lld, this program reads up to %d; use a newer one",
			       (long long)version, MODEL_VERSION);
	return 0;
}

static int read_rest(const struct json_place *root, const struct json_place *features, struct model *model,
		     struct err *err)
{
	for (size_t i = 0; i < model->feature_count; i++) {
		struct json_place place = json_reader_element(features, i);
		if (read_feature(&place, model, i, err) != 0)
			return -1;
	}
	if (read_hash(root, "feature_set_id", model->feature_set_id, err) != 0 ||
	    read_source(root, "trained_on", &model->trained_on, err) != 0 ||
	    read_source(root, "calibrated_on", &model->calibrated_on, err) != 0 ||
	    read_import(root, &model->imported, err) != 0 || read_calibration(root, &model->calibration, err) != 0)
		return -1;
	struct forest_parts parts = {0};
	if (read_parts(root, model->feature_count, &parts, err) != 0 ||
	    read_parameters(root, model, &parts, err) != 0) {
		forest_parts_free(&parts);
		return -1;
	}
	model->forest = forest_take(&parts, err);
	return model->forest == NULL ? -1 : 0;
}

struct model *model_json_read(const json_t *document, struct err *err)
{
	struct json_place root = json_reader_root(document);
	if (read_kind(&root, err) != 0)
		return NULL;
	struct json_place features = json_reader_member(&root, "features");
	size_t count;
	if (json_reader_array(&features, 1, FOREST_COLUMNS_MAX, &count, err) != 0)
		return NULL;
	struct model *model = model_new(count);
	if (model == NULL) {
		err_memory(err);
		return NULL;
	}
	if (read_rest(&root, &features, model, err) != 0) {
		model_free(model);
		return NULL;
	}
	return model;
}
