/*
 * Does the forest find anomalies as well as forests should? Mean ROC-AUC and PR-AUC (average precision) over seeds 0 .. 9
 * must be within three standard errors of the difference from what scikit-learn reaches with the same settings: on
 * labelled public sets where they lie beside the project, and on a seeded generator, which is always there.
 *
 * Two references are kept, and the distance to each is printed. `ten` is the published table: scikit-learn 1.2.1, seeds
 * 0 .. 9. `hundred` is the same protocol over seeds 0 .. 99 (1.9.1, whose first ten give the table's numbers to all four
 * digits). The assertion is on `hundred`, and was moved there after cardio's ROC-AUC was found 3.0 standard errors below
 * `ten`, just outside, the only one of fourteen. Over more seeds the two forests agree there (ours 0.9235 over 300,
 * scikit-learn's 0.9249 over 100): the table's ten seeds are 2.3 standard errors above their own mean.
 */
#include "rng.h"
#include "test/twin/forest_sample.h"
#include "test/unit/test.h"

#define SEEDS 10
#define FOLDER "../shared/data/"
#define STANDARD_ERRORS 3.0

struct labelled {
	double *values; /* rows * columns; the last column is the label, 1 = anomaly */
	size_t rows, columns;
};

/* Mean and standard deviation of ROC-AUC and average precision over seeds 0 .. 9. */
struct quality {
	double roc, roc_sd, precision, precision_sd;
};

struct scored {
	double score;
	bool anomaly;
};

static int highest_first(const void *left, const void *right)
{
	double a = ((const struct scored *)left)->score, b = ((const struct scored *)right)->score;
	return (a < b) - (a > b);
}

/* Area under the ROC curve and average precision; rows of equal score are one step. */
static void measure(struct scored *rows, size_t count, double *roc, double *precision)
{
	double anomalies = 0, normals = 0, area = 0, average = 0;
	qsort(rows, count, sizeof *rows, highest_first);
	for (size_t i = 0; i < count;) {
		double step_anomalies = 0, step_normals = 0;
		size_t end = i;
		for (; end < count && rows[end].score == rows[i].score; end++) {
			step_anomalies += rows[end].anomaly;
			step_normals += !rows[end].anomaly;
		}
		area += step_normals * (anomalies + step_anomalies / 2);
		anomalies += step_anomalies;
		normals += step_normals;
		average += step_anomalies * anomalies / (anomalies + normals);
		i = end;
	}
	*roc = area / (anomalies * normals);
	*precision = average / anomalies;
}

static double mean_of(const double *numbers, double *sd)
{
	double mean = 0, squares = 0;
	for (int i = 0; i < SEEDS; i++)
		mean += numbers[i] / SEEDS;
	for (int i = 0; i < SEEDS; i++)
		squares += (numbers[i] - mean) * (numbers[i] - mean);
	*sd = sqrt(squares / (SEEDS - 1));
	return mean;
}

static struct quality quality_of(const struct labelled *fit, const struct labelled *test)
{
	double roc[SEEDS], precision[SEEDS];
	struct matrix rows = {fit->values, fit->rows, fit->columns - 1, fit->columns};
	struct matrix scored_rows = {test->values, test->rows, test->columns - 1, test->columns};
	double *scores = malloc(test->rows * sizeof *scores);
	struct scored *scored = malloc(test->rows * sizeof *scored);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct train_options options = {TRAIN_TREES_DEFAULT, TRAIN_SAMPLE_DEFAULT, seed, false, false};
		struct forest *forest = forest_sample_fit(&options, &rows);
		struct err err = {0};
		EXPECT(forest_score(forest, &scored_rows, scores, &err) == 0);
		for (size_t i = 0; i < test->rows; i++)
			scored[i] = (struct scored){scores[i], test->values[(i + 1) * test->columns - 1] == 1.0};
		measure(scored, test->rows, &roc[seed], &precision[seed]);
		forest_free(forest);
	}
	struct quality quality;
	quality.roc = mean_of(roc, &quality.roc_sd);
	quality.precision = mean_of(precision, &quality.precision_sd);
	free(scores);
	free(scored);
	return quality;
}

/* How many standard errors of their difference two means are apart. */
static double apart(double mean, double sd, double other, double other_sd, double other_seeds)
{
	return (mean - other) / sqrt(sd * sd / SEEDS + other_sd * other_sd / other_seeds);
}

/* ten_sd 0: not in the published table. */
static void expect_near(const char *what, double mean, double sd, double ten, double ten_sd, double hundred,
			double hundred_sd)
{
	double distance = apart(mean, sd, hundred, hundred_sd, 100);
	printf("  %-20s %.4f (sd %.4f), scikit-learn %.4f (sd %.4f): %+.2f standard errors", what, mean, sd, hundred,
	       hundred_sd, distance);
	if (ten_sd > 0)
		printf("; published %.4f (sd %.4f): %+.2f", ten, ten_sd, apart(mean, sd, ten, ten_sd, 10));
	printf("\n");
	EXPECT(fabs(distance) <= STANDARD_ERRORS);
}

static bool load(const char *name, struct labelled *set)
{
	char path[128];
	snprintf(path, sizeof path, FOLDER "%s.csv.gz", name);
	return forest_sample_csv(path, &set->values, &set->rows, &set->columns);
}

TEST(public_sets_are_ranked_as_scikit_learn_does)
{
	static const struct {
		const char *fit, *test;
		size_t rows, columns; /* of the test file, label included */
		struct quality ten, hundred;
	} sets[] = {
	    {"breastw", "breastw", 683, 10, {0.9873, 0.0014, 0.9707, 0.0043}, {0.9867, 0.0015, 0.9686, 0.0047}},
	    {"ionosphere", "ionosphere", 351, 33, {0.8461, 0.0064, 0.7997, 0.0077}, {0.8495, 0.0058, 0.8016, 0.0073}},
	    {"cardio", "cardio", 1831, 22, {0.9329, 0.0095, 0.5776, 0.0343}, {0.9249, 0.0108, 0.5592, 0.0363}},
	    {"satellite", "satellite", 6435, 37, {0.7008, 0.0198, 0.6583, 0.0237}, {0.7037, 0.0166, 0.6612, 0.0199}},
	    {"shuttle", "shuttle", 49097, 10, {0.9970, 0.0005, 0.9777, 0.0028}, {0.9970, 0.0007, 0.9768, 0.0059}},
	    {"creditcard10k",
	     "creditcard10k",
	     10000,
	     31,
	     {0.9400, 0.0042, 0.6866, 0.0284},
	     {0.9414, 0.0040, 0.6944, 0.0206}},
	    {"fraudsim_train",
	     "fraudsim_test",
	     67080,
	     16,
	     {0.8457, 0.0056, 0.2872, 0.0220},
	     {0.8468, 0.0034, 0.2943, 0.0228}},
	};
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct labelled fit, test;
		char what[64];
		if (!load(sets[i].fit, &fit) || !load(sets[i].test, &test)) {
			printf("skip %s: no ../shared/data\n", sets[i].fit);
			continue;
		}
		EXPECT_INT(test.rows, sets[i].rows);
		EXPECT_INT(test.columns, sets[i].columns);
		EXPECT_INT(fit.columns, sets[i].columns);
		struct quality quality = quality_of(&fit, &test), ten = sets[i].ten, hundred = sets[i].hundred;
		snprintf(what, sizeof what, "%s ROC", sets[i].test);
		expect_near(what, quality.roc, quality.roc_sd, ten.roc, ten.roc_sd, hundred.roc, hundred.roc_sd);
		snprintf(what, sizeof what, "%s PR", sets[i].test);
		expect_near(what, quality.precision, quality.precision_sd, ten.precision, ten.precision_sd,
			    hundred.precision, hundred.precision_sd);
		free(fit.values);
		free(test.values);
	}
}

/* Four columns: 3,920 rows of a Gaussian cluster, 80 anomalies uniform in a box around it that also covers it. */
static struct labelled cluster_and_noise(void)
{
	struct labelled set = {malloc(4000 * 5 * sizeof(double)), 4000, 5};
	struct rng rng;
	rng_seed(&rng, 2008);
	for (size_t i = 0; i < set.rows; i++) {
		bool anomaly = i % 50 == 0;
		for (size_t column = 0; column < 4; column++) {
			double normal = -6.0;
			for (int k = 0; k < 12; k++)
				normal += rng_uniform(&rng);
			set.values[i * 5 + column] = anomaly ? rng_uniform(&rng) * 6.0 - 3.0 : normal;
		}
		set.values[i * 5 + 4] = anomaly;
	}
	return set;
}

TEST(noise_around_a_cluster_is_ranked_as_scikit_learn_does)
{
	struct labelled set = cluster_and_noise();
	struct quality quality = quality_of(&set, &set);
	expect_near("generator ROC", quality.roc, quality.roc_sd, 0, 0, 0.8968, 0.0029);
	expect_near("generator PR", quality.precision, quality.precision_sd, 0, 0, 0.3751, 0.0121);
	free(set.values);
}

TEST(areas_are_those_of_small_examples)
{
	struct scored rows[] = {{0.9, true}, {0.8, false}, {0.7, true}, {0.7, false}, {0.1, false}};
	double roc, precision;
	measure(rows, 5, &roc, &precision);
	EXPECT(fabs(roc - 4.5 / 6) < 1e-15);
	EXPECT(fabs(precision - (0.5 * 1 + 0.5 * 2 / 4)) < 1e-15);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(areas_are_those_of_small_examples),
					CASE(noise_around_a_cluster_is_ranked_as_scikit_learn_does),
					CASE(public_sets_are_ranked_as_scikit_learn_does),
					{0}},
			argc, argv);
}
