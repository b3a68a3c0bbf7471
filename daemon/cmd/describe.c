#include "daemon/cmd/describe.h"

#include "json.h"
#include "number.h"

#include <math.h>
#include <stdio.h>

static const double shown_quantiles[] = {0.5, 0.9, 0.99, 0.999};

#define SHOWN_QUANTILES (sizeof shown_quantiles / sizeof *shown_quantiles)

void describe_time(int64_t time_ms, const char *before)
{
	char text[NUMBER_TEXT_MAX];
	if (time_ms == MODEL_TIME_UNKNOWN)
		return;
	time_format_rfc3339(time_ms, text);
	printf("%s%s", before, text);
}

static void print_source(const char *name, const struct model_source *source)
{
	printf("%-15s %llu rows, %llu warming rows left out", name, (unsigned long long)source->rows,
	       (unsigned long long)source->rows_left_out);
	describe_time(source->time_from_ms, ", ");
	describe_time(source->time_to_ms, " to ");
	printf("%s\n", source->order_assumed ? ", order assumed" : "");
	if (*source->sha256 != '\0')
		printf("%-15s SHA-256 %s\n", "", source->sha256);
}

static void print_import(const struct model_import *imported)
{
	char threshold[NUMBER_TEXT_MAX];
	number_format(-imported->offset, threshold);
	printf("imported        with the threshold %s\n%-15s SHA-256 %s\n", threshold, "", imported->sha256);
}

void describe_model(const struct model *model)
{
	bool imported = *model->imported.sha256 != '\0';
	printf("id              %s\n", model->id);
	printf("feature set     %s\n", *model->feature_set_id != '\0' ? model->feature_set_id
				       : imported                     ? "unknown (imported without --config)"
								      : "unknown (trained without --config)");
	printf("forest          %u trees of %u rows, seed %llu\n", model->options.trees,
	       forest_borrow(model->forest)->psi, (unsigned long long)model->options.seed);
	if (imported)
		print_import(&model->imported);
	else
		print_source("trained on", &model->trained_on);
	if (model->calibration.n > 0)
		print_source("calibrated on", &model->calibrated_on);
	else
		printf("calibrated on   nothing: only an absolute threshold can be had\n");
	for (size_t i = 0; i < SHOWN_QUANTILES; i++) {
		struct err err = {0};
		double score;
		if (calibration_quantile(&model->calibration, shown_quantiles[i], &score, &err) == 0)
			printf("%s%g is %.6f", i == 0 ? "quantile        " : ", ", shown_quantiles[i], score);
	}
	printf("%s\n%-32s %14s %14s %14s %10s\n", model->calibration.n > 0 ? "\n" : "", "feature", "p5", "median",
	       "p95", "missing");
	for (size_t i = 0; i < model->feature_count; i++) {
		const struct feature_reference *usual = &model->references[i];
		printf("%-32s %14.6g %14.6g %14.6g %9.2f%%\n", model->features[i], usual->p5, usual->median, usual->p95,
		       100 * usual->missing_share);
	}
}

static void add_time(struct json *json, const char *name, int64_t time_ms)
{
	json_name(json, name);
	if (time_ms == MODEL_TIME_UNKNOWN)
		json_add_null(json);
	else
		json_add_integer(json, time_ms);
}

static void add_source(struct json *json, const char *name, const struct model_source *source)
{
	json_name(json, name);
	json_open_object(json);
	json_name(json, "order_assumed");
	json_add_boolean(json, source->order_assumed);
	json_name(json, "rows");
	json_add_integer(json, (int64_t)source->rows);
	json_name(json, "rows_left_out");
	json_add_integer(json, (int64_t)source->rows_left_out);
	json_name(json, "sha256");
	json_add_string(json, *source->sha256 == '\0' ? NULL : source->sha256);
	add_time(json, "time_from_ms", source->time_from_ms);
	add_time(json, "time_to_ms", source->time_to_ms);
	json_close_object(json);
}

static void add_features(struct json *json, const struct model *model)
{
	json_name(json, "features");
	json_open_array(json);
	for (size_t i = 0; i < model->feature_count; i++) {
		const struct feature_reference *usual = &model->references[i];
		const struct {
			const char *name;
			double value;
		} members[] = {{"p5", usual->p5},
			       {"median", usual->median},
			       {"p95", usual->p95},
			       {"missing_share", usual->missing_share}};
		json_open_object(json);
		json_name(json, "name");
		json_add_string(json, model->features[i]);
		for (size_t j = 0; j < sizeof members / sizeof *members; j++) {
			json_name(json, members[j].name);
			json_add_number(json, members[j].value);
		}
		json_close_object(json);
	}
	json_close_array(json);
}

/* All of the model but its trees, and of the calibration a few quantiles. */
int describe_json(const struct model *model, struct err *err)
{
	struct buffer text;
	struct json json;
	buffer_init(&text);
	json_begin(&json, &text);
	json_open_object(&json);
	json_name(&json, "id");
	json_add_string(&json, model->id);
	json_name(&json, "feature_set_id");
	json_add_string(&json, *model->feature_set_id == '\0' ? NULL : model->feature_set_id);
	json_name(&json, "trees");
	json_add_integer(&json, model->options.trees);
	json_name(&json, "psi");
	json_add_integer(&json, forest_borrow(model->forest)->psi);
	json_name(&json, "seed");
	json_add_integer(&json, (int64_t)model->options.seed);
	if (*model->imported.sha256 != '\0') {
		json_name(&json, "imported");
		json_open_object(&json);
		json_name(&json, "offset");
		json_add_number(&json, model->imported.offset);
		json_name(&json, "sha256");
		json_add_string(&json, model->imported.sha256);
		json_close_object(&json);
	}
	add_source(&json, "trained_on", &model->trained_on);
	add_source(&json, "calibrated_on", &model->calibrated_on);
	json_name(&json, "quantiles");
	json_open_object(&json);
	for (size_t i = 0; i < SHOWN_QUANTILES; i++) {
		struct err none = {0};
		double score;
		char name[NUMBER_TEXT_MAX];
		number_format(shown_quantiles[i], name);
		json_name(&json, name);
		json_add_number(&json, calibration_quantile(&model->calibration, shown_quantiles[i], &score, &none) == 0
					   ? score
					   : NAN);
	}
	json_close_object(&json);
	add_features(&json, model);
	json_close_object(&json);
	int status = buffer_failed(&text) ? err_memory(err) : 0;
	if (status == 0)
		printf("%.*s\n", (int)text.length, (const char *)text.data);
	buffer_free(&text);
	return status;
}
