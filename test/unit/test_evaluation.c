#include "detectors/evaluation.h"
#include "rng.h"
#include "test/unit/test.h"

#define ROWS 200

struct sample {
	struct evaluation_row rows[ROWS];
	uint8_t counts[ROWS];
};

/* Heavy ties, weights, some rows drawn several times and some never. */
static void make_sample(struct sample *sample, struct rng *rng)
{
	for (size_t i = 0; i < ROWS; i++) {
		sample->rows[i] = (struct evaluation_row){.score = (double)rng_below(rng, 30) / 30,
							  .other = NAN,
							  .weight = (double)rng_below(rng, 4) / 2,
							  .miss_cost = (double)rng_below(rng, 100),
							  .day = (uint32_t)rng_below(rng, 5),
							  .positive = rng_below(rng, 3) == 0};
		sample->counts[i] = (uint8_t)rng_below(rng, 3);
	}
	evaluation_number(sample->rows, ROWS);
	evaluation_sort(sample->rows, ROWS);
}

static double weight_of(const struct sample *sample, size_t i)
{
	return sample->rows[i].weight * sample->counts[sample->rows[i].number];
}

/* Every positive with every negative. */
static double naive_roc_auc(const struct sample *sample)
{
	double won = 0, pairs = 0;
	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < ROWS; j++) {
			const struct evaluation_row *a = &sample->rows[i], *b = &sample->rows[j];
			if (!a->positive || b->positive)
				continue;
			double weight = weight_of(sample, i) * weight_of(sample, j);
			pairs += weight;
			won += a->score > b->score ? weight : a->score == b->score ? weight / 2 : 0;
		}
	return won / pairs;
}

/* Alerts and caught at or above a score, looked for among all rows. */
static void naive_at(const struct sample *sample, double threshold, double *alerts, double *caught, double *cost)
{
	*alerts = *caught = *cost = 0;
	for (size_t i = 0; i < ROWS; i++) {
		if (sample->rows[i].score < threshold)
			continue;
		double weight = weight_of(sample, i);
		*alerts += weight;
		*caught += sample->rows[i].positive ? weight : 0;
		*cost += sample->rows[i].positive ? weight * sample->rows[i].miss_cost : 0;
	}
}

/* The sum over thresholds of precision times the gain in recall. */
static double naive_pr_auc(const struct sample *sample)
{
	double area = 0, before = 0, all, positives, cost;
	naive_at(sample, 0, &all, &positives, &cost);
	for (int step = 30; step >= 0; step--) {
		double alerts, caught;
		naive_at(sample, (double)step / 30, &alerts, &caught, &cost);
		if (alerts > 0)
			area += caught / alerts * (caught - before) / positives;
		before = caught;
	}
	return area;
}

TEST(areas_equal_the_naive_ones)
{
	struct rng rng;
	rng_seed(&rng, 1);
	static struct sample sample;
	for (int round = 0; round < 50; round++) {
		make_sample(&sample, &rng);
		struct evaluation_areas areas = evaluation_areas(sample.rows, ROWS, sample.counts);
		EXPECT(fabs(areas.roc_auc - naive_roc_auc(&sample)) < 1e-12);
		EXPECT(fabs(areas.pr_auc - naive_pr_auc(&sample)) < 1e-12);
	}
}

TEST(the_cheapest_threshold_is_the_cheapest_of_all)
{
	struct rng rng;
	rng_seed(&rng, 2);
	static struct sample sample;
	for (int round = 0; round < 50; round++) {
		make_sample(&sample, &rng);
		struct evaluation_totals totals = evaluation_totals(sample.rows, ROWS, sample.counts);
		struct evaluation_choice choice = evaluation_cheapest(sample.rows, ROWS, sample.counts, 20);
		double least = totals.miss_cost;
		for (int step = 30; step >= 0; step--) {
			double alerts, caught, cost;
			naive_at(&sample, (double)step / 30, &alerts, &caught, &cost);
			least = fmin(least, totals.miss_cost - cost + 20 * alerts);
		}
		EXPECT(fabs(choice.loss - least) < 1e-9);
		EXPECT(fabs(evaluation_loss(&choice.alerts, &totals, 20) - least) < 1e-9);
	}
}

TEST(one_class_alone_has_no_area)
{
	struct evaluation_row rows[2] = {{.score = 0.5, .weight = 1, .positive = true},
					 {.score = 0.4, .weight = 1, .positive = true}};
	evaluation_number(rows, 2);
	struct evaluation_areas areas = evaluation_areas(rows, 2, NULL);
	EXPECT(isnan(areas.roc_auc) && isnan(areas.pr_auc));
}

TEST(rows_of_equal_score_share_what_is_left_of_k)
{
	struct evaluation_row rows[4] = {{.score = 0.9, .weight = 1, .positive = true},
					 {.score = 0.5, .weight = 1, .positive = true},
					 {.score = 0.5, .weight = 1},
					 {.score = 0.1, .weight = 1}};
	evaluation_number(rows, 4);
	struct evaluation_alerts top = evaluation_top(rows, 4, NULL, 2);
	EXPECT(top.alerts == 2 && top.caught == 1.5);
	EXPECT(evaluation_precision(&top) == 0.75);
	struct evaluation_alerts at = evaluation_at(rows, 4, NULL, 0.5);
	EXPECT(at.alerts == 3 && at.caught == 2);
	struct evaluation_choice within = evaluation_within(rows, 4, NULL, 2);
	EXPECT(within.threshold == 0.9 && within.alerts.alerts == 1);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(areas_equal_the_naive_ones),
					CASE(the_cheapest_threshold_is_the_cheapest_of_all),
					CASE(one_class_alone_has_no_area),
					CASE(rows_of_equal_score_share_what_is_left_of_k),
					{0}},
			argc, argv);
}
