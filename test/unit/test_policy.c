#include "detectors/policy.h"
#include "rng.h"
#include "test/unit/test.h"

#define DAY_MS 86400000

static struct model *model_of(double *scores, uint64_t n, int64_t range_ms)
{
	struct model *model = model_new(1);
	struct err err = {0};
	EXPECT(n == 0 || calibration_make(&model->calibration, scores, n, &err) == 0);
	if (range_ms >= 0) {
		model->calibrated_on.rows = n;
		model->calibrated_on.time_from_ms = 1000;
		model->calibrated_on.time_to_ms = 1000 + range_ms;
	}
	return model;
}

static double threshold_of(enum threshold_kind kind, double value, const struct model *model)
{
	struct threshold_options options = {kind, value};
	struct err err = {0};
	double threshold = -1.0;
	EXPECT(policy_threshold(&options, model, &threshold, &err) == 0);
	EXPECT_TEXT(err.message, "");
	return threshold;
}

static void expect_refused(enum threshold_kind kind, double value, const struct model *model, const char *message)
{
	struct threshold_options options = {kind, value};
	struct err err = {0};
	double threshold;
	EXPECT(policy_threshold(&options, model, &threshold, &err) == -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT_TEXT(err.message, message);
}

static size_t flagged(const double *scores, uint64_t n, double threshold)
{
	size_t count = 0;
	for (uint64_t i = 0; i < n; i++)
		count += scores[i] >= threshold;
	return count;
}

TEST(an_absolute_threshold_is_itself)
{
	double score = 0.5;
	struct model *model = model_of(&score, 1, -1);
	EXPECT(threshold_of(THRESHOLD_ABSOLUTE, 0.62, model) == 0.62);
	EXPECT(threshold_of(THRESHOLD_ABSOLUTE, 1.0, model) == 1.0);
	expect_refused(THRESHOLD_ABSOLUTE, 1.5, model, "absolute threshold 1.5 must be from 0 to 1");
	expect_refused(THRESHOLD_ABSOLUTE, -0.5, model, "absolute threshold -0.5 must be from 0 to 1");
	expect_refused(THRESHOLD_ABSOLUTE, NAN, model, "absolute threshold nan must be from 0 to 1");
	model_free(model);
}

TEST(a_quantile_is_a_calibration_score)
{
	double scores[200];
	for (int i = 0; i < 200; i++)
		scores[i] = (i + 1) / 256.0;
	struct model *model = model_of(scores, 200, -1);
	EXPECT(threshold_of(THRESHOLD_QUANTILE, 0.99, model) == 198 / 256.0);
	EXPECT(threshold_of(THRESHOLD_QUANTILE, 1.0, model) == 200 / 256.0);
	expect_refused(THRESHOLD_QUANTILE, 2, model, "quantile 2 must be from 0 to 1");
	model_free(model);
}

TEST(alerts_per_day_flag_so_many_calibration_rows_a_day)
{
	struct rng rng;
	rng_seed(&rng, 6);
	const uint64_t n = 30000;
	double *scores = malloc(n * sizeof *scores);
	for (uint64_t i = 0; i < n; i++)
		scores[i] = 0.3 + rng_uniform(&rng) / 2;
	struct model *model = model_of(scores, n, 10 * DAY_MS);
	static const struct {
		double alerts;
		size_t flagged;
	} cases[] = {{0.001, 1}, {0.1, 1}, {0.14, 1}, {0.15, 2}, {1, 10}, {20, 200}, {100, 1000}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		EXPECT_INT(flagged(scores, n, threshold_of(THRESHOLD_ALERTS_PER_DAY, cases[i].alerts, model)),
			   cases[i].flagged);
	/* Beyond the scores kept singly: the next step of a thousandth, never more than asked for. */
	for (double alerts = 101; alerts < 3000; alerts += 37.5) {
		double threshold = threshold_of(THRESHOLD_ALERTS_PER_DAY, alerts, model);
		double count = (double)flagged(scores, n, threshold);
		EXPECT(count <= alerts * 10 + 1);
		EXPECT(count >= alerts * 10 - 31);
	}
	EXPECT(threshold_of(THRESHOLD_ALERTS_PER_DAY, 3000, model) ==
	       scores[29]); /* the first step that asks for no more */
	expect_refused(THRESHOLD_ALERTS_PER_DAY, 3001, model,
		       "alerts_per_day 3001 is more than there are events: 3000 a day in the calibration rows");
	expect_refused(THRESHOLD_ALERTS_PER_DAY, 0, model, "alerts_per_day 0 must be greater than 0");
	model_free(model);
	free(scores);
}

TEST(alerts_per_day_need_scores_and_their_times)
{
	double scores[] = {0.4, 0.5};
	static const char times[] = "alerts_per_day needs the time range of the calibration rows, and the model does "
				    "not have it; use a quantile";
	struct model *model = model_of(scores, 2, -1);
	expect_refused(THRESHOLD_ALERTS_PER_DAY, 1, model, times);
	model_free(model);
	model = model_of(scores, 2, 0);
	expect_refused(THRESHOLD_ALERTS_PER_DAY, 1, model, times);
	model_free(model);
	model = model_of(scores, 0, DAY_MS);
	expect_refused(THRESHOLD_ALERTS_PER_DAY, 1, model,
		       "alerts_per_day needs calibration scores, and the model has none; use an absolute threshold");
	model_free(model);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(an_absolute_threshold_is_itself),
					CASE(a_quantile_is_a_calibration_score),
					CASE(alerts_per_day_flag_so_many_calibration_rows_a_day),
					CASE(alerts_per_day_need_scores_and_their_times),
					{0}},
			argc, argv);
}
