#include "detectors/model.h"

#include "json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static struct model_source unknown_source(void)
{
	return (struct model_source){.time_from_ms = MODEL_TIME_UNKNOWN, .time_to_ms = MODEL_TIME_UNKNOWN};
}

struct model *model_new(size_t feature_count)
{
	assert(feature_count > 0 && feature_count <= FOREST_COLUMNS_MAX);
	struct model *model = calloc(1, sizeof *model);
	if (model == NULL)
		return NULL;
	model->features = calloc(feature_count, sizeof *model->features);
	model->references = calloc(feature_count, sizeof *model->references);
	if (model->features == NULL || model->references == NULL) {
		model_free(model);
		return NULL;
	}
	model->feature_count = feature_count;
	for (size_t i = 0; i < feature_count; i++)
		model->references[i] = (struct feature_reference){
		    .p5 = NAN, .median = NAN, .p95 = NAN, .minimum = NAN, .maximum = NAN, .missing_share = 1.0};
	model->trained_on = model->calibrated_on = unknown_source();
	return model;
}

void model_free(struct model *model)
{
	if (model == NULL)
		return;
	for (size_t i = 0; i < model->feature_count; i++)
		free(model->features[i]);
	free(model->features);
	free(model->references);
	forest_free(model->forest);
	free(model);
}

/* Members of each object below are written in RFC 8785's order. */

static void write_text_or_null(struct json *json, const char *name, const char *text)
{
	json_name(json, name);
	json_add_string(json, text[0] == 0 ? NULL : text);
}

static void write_time(struct json *json, const char *name, int64_t time_ms)
{
	json_name(json, name);
	if (time_ms == MODEL_TIME_UNKNOWN)
		json_add_null(json);
	else
		json_add_integer(json, time_ms);
}

static void write_count(struct json *json, const char *name, uint64_t count)
{
	assert(count <= UINT64_C(1) << 53);
	json_name(json, name);
	json_add_integer(json, (int64_t)count);
}

static void write_named(struct json *json, const char *name, double value)
{
	json_name(json, name);
	json_add_number(json, value);
}

static void write_source(struct json *json, const char *name, const struct model_source *source)
{
	json_name(json, name);
	json_open_object(json);
	json_name(json, "order_assumed");
	json_add_boolean(json, source->order_assumed);
	write_count(json, "rows", source->rows);
	write_count(json, "rows_left_out", source->rows_left_out);
	write_text_or_null(json, "sha256", source->sha256);
	write_time(json, "time_from_ms", source->time_from_ms);
	write_time(json, "time_to_ms", source->time_to_ms);
	json_close_object(json);
}

static void write_numbers(struct json *json, const char *name, const double *numbers, size_t count)
{
	json_name(json, name);
	json_open_array(json);
	for (size_t i = 0; i < count; i++)
		json_add_number(json, numbers[i]);
	json_close_array(json);
}

static void write_calibration(struct json *json, const struct calibration *calibration)
{
	json_name(json, "calibration");
	if (calibration->n == 0) {
		json_add_null(json);
		return;
	}
	json_open_object(json);
	write_numbers(json, "highest", calibration->highest, calibration->highest_count);
	write_count(json, "n", calibration->n);
	write_numbers(json, "quantiles", calibration->quantiles, MODEL_QUANTILES);
	json_close_object(json);
}

static void write_features(struct json *json, const struct model *model)
{
	json_name(json, "features");
	json_open_array(json);
	for (size_t i = 0; i < model->feature_count; i++) {
		const struct feature_reference *reference = &model->references[i];
		json_open_object(json);
		write_numbers(json, "edges", reference->edges, reference->edge_count);
		write_named(json, "maximum", reference->maximum);
		write_named(json, "median", reference->median);
		write_named(json, "minimum", reference->minimum);
		write_named(json, "missing_share", reference->missing_share);
		json_name(json, "name");
		json_add_string(json, model->features[i]);
		write_named(json, "p5", reference->p5);
		write_named(json, "p95", reference->p95);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_import(struct json *json, const struct model_import *imported)
{
	if (imported->sha256[0] == 0)
		return;
	json_name(json, "imported");
	json_open_object(json);
	write_named(json, "offset", imported->offset);
	write_text_or_null(json, "sha256", imported->sha256);
	json_close_object(json);
}

static void write_indices(struct json *json, const char *name, const int32_t *indices, uint32_t count)
{
	json_name(json, name);
	json_open_array(json);
	for (uint32_t i = 0; i < count; i++)
		json_add_integer(json, indices[i]);
	json_close_array(json);
}

static void write_tree(struct json *json, const struct tree *tree)
{
	json_open_object(json);
	write_indices(json, "feature", tree->feature, tree->node_count);
	write_indices(json, "left", tree->left, tree->node_count);
	if (tree->missing_left != NULL) {
		json_name(json, "missing_left");
		json_open_array(json);
		for (uint32_t i = 0; i < tree->node_count; i++)
			json_add_integer(json, tree->missing_left[i]);
		json_close_array(json);
	}
	write_indices(json, "right", tree->right, tree->node_count);
	json_name(json, "rows");
	json_open_array(json);
	for (uint32_t i = 0; i < tree->node_count; i++)
		json_add_integer(json, tree->rows[i]);
	json_close_array(json);
	json_name(json, "threshold");
	json_open_array(json);
	for (uint32_t i = 0; i < tree->node_count; i++)
		json_add_number(json, tree->feature[i] < 0 ? 0.0 : (double)tree->threshold[i]);
	json_close_array(json);
	json_name(json, "value");
	json_open_array(json);
	for (uint32_t i = 0; i < tree->node_count; i++)
		json_add_number(json, tree->feature[i] < 0 ? tree->value[i] : 0.0);
	json_close_array(json);
	json_close_object(json);
}

static const char *missing_name(enum missing_mode missing)
{
	return missing == MISSING_BOTH ? "both" : missing == MISSING_LISTED ? "listed" : "refused";
}

void model_write(const struct model *model, struct buffer *document)
{
	const struct forest_parts *parts = forest_borrow(model->forest);
	assert(parts->columns == model->feature_count);
	struct json json;
	json_begin_canonical(&json, document);
	json_open_object(&json);
	write_named(&json, "c_psi", parts->c_psi);
	write_source(&json, "calibrated_on", &model->calibrated_on);
	write_calibration(&json, &model->calibration);
	write_text_or_null(&json, "feature_set_id", model->feature_set_id);
	write_features(&json, model);
	write_import(&json, &model->imported);
	json_name(&json, "kind");
	json_add_string(&json, MODEL_KIND);
	json_name(&json, "missing");
	json_add_string(&json, missing_name(parts->missing));
	json_name(&json, "parameters");
	json_open_object(&json);
	if (model->options.gain) {
		json_name(&json, "cuts");
		json_add_string(&json, MODEL_CUTS_GAIN);
	}
	if (model->options.density) {
		json_name(&json, "leaf_value");
		json_add_string(&json, MODEL_LEAF_DENSITY);
	}
	write_count(&json, "psi", parts->psi);
	write_count(&json, "sample", model->options.sample);
	write_count(&json, "seed", model->options.seed);
	write_count(&json, "trees", parts->tree_count);
	json_close_object(&json);
	write_source(&json, "trained_on", &model->trained_on);
	json_name(&json, "trees");
	json_open_array(&json);
	for (size_t t = 0; t < parts->tree_count; t++)
		write_tree(&json, &parts->trees[t]);
	json_close_array(&json);
	write_count(&json, "version", MODEL_VERSION);
	json_close_object(&json);
}
