#include "detectors/evaluation.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NORMAL_975 1.959963984540054 /* the 97.5 % point of the normal distribution */

const double evaluation_ranks[EVALUATION_RANKS] = {0.5, 0.9, 0.95, 0.99, 0.999};

static int by_score(const void *left, const void *right)
{
	const struct evaluation_row *a = left, *b = right;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

void evaluation_sort(struct evaluation_row *rows, size_t count)
{
	assert(count <= EVALUATION_ROWS_MAX);
	if (count > 0)
		qsort(rows, count, sizeof *rows, by_score);
}

void evaluation_number(struct evaluation_row *rows, size_t count)
{
	assert(count <= EVALUATION_ROWS_MAX);
	for (size_t i = 0; i < count; i++)
		rows[i].number = (uint32_t)i;
}

struct evaluation_row *evaluation_others(const struct evaluation_row *rows, size_t count)
{
	struct evaluation_row *others = calloc(count + 1, sizeof *others);
	if (others == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		others[i] = rows[i];
		others[i].score = rows[i].other;
		others[i].other = rows[i].score;
	}
	evaluation_sort(others, count);
	return others;
}

static inline double weight_of(const struct evaluation_row *row, const uint8_t *counts)
{
	return counts == NULL ? row->weight : row->weight * counts[row->number];
}

struct evaluation_totals evaluation_totals(const struct evaluation_row *rows, size_t count, const uint8_t *counts)
{
	struct evaluation_totals totals = {0};
	for (size_t i = 0; i < count; i++) {
		double weight = weight_of(&rows[i], counts);
		totals.weight += weight;
		totals.squares += weight * weight;
		if (rows[i].positive) {
			totals.positives += weight;
			totals.miss_cost += weight * rows[i].miss_cost;
		}
	}
	return totals;
}

bool evaluation_step(const struct evaluation_row *rows, size_t count, const uint8_t *counts, size_t *at,
		     struct evaluation_alerts *alerts)
{
	size_t i = *at;
	if (i == count)
		return false;
	double score = rows[i].score;
	do {
		double weight = weight_of(&rows[i], counts);
		alerts->alerts += weight;
		if (rows[i].positive) {
			alerts->caught += weight;
			alerts->caught_cost += weight * rows[i].miss_cost;
		}
	} while (++i < count && rows[i].score == score);
	assert(i == count || rows[i].score < score);
	*at = i;
	return true;
}

/* Negatives are summed by themselves: a difference of sums of weights would lose digits. */
struct evaluation_areas evaluation_areas(const struct evaluation_row *rows, size_t count, const uint8_t *counts)
{
	double positives = 0, negatives = 0, before = 0, left = 0; /* the last two: of both at the step before */
	double doubled = 0, precisions = 0;
	for (size_t i = 0; i < count; i++) {
		double weight = weight_of(&rows[i], counts);
		if (rows[i].positive)
			positives += weight;
		else
			negatives += weight;
		if (i + 1 < count && rows[i + 1].score == rows[i].score)
			continue;
		doubled += (negatives - left) * (positives + before);
		if (positives > before)
			precisions += (positives - before) * (positives / (positives + negatives));
		before = positives;
		left = negatives;
	}
	if (positives == 0 || negatives == 0)
		return (struct evaluation_areas){NAN, NAN};
	return (struct evaluation_areas){doubled / 2 / positives / negatives, precisions / positives};
}

struct evaluation_alerts evaluation_at(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
				       double threshold)
{
	struct evaluation_alerts alerts = {0};
	for (size_t at = 0; at < count && rows[at].score >= threshold;)
		(void)evaluation_step(rows, count, counts, &at, &alerts);
	return alerts;
}

/* Adds so much of a run of equal scores as there is room for. */
static void add_share(struct evaluation_alerts *sum, const struct evaluation_alerts *run, double room)
{
	double share = run->alerts <= room ? 1 : room / run->alerts;
	sum->alerts += run->alerts <= room ? run->alerts : room;
	sum->caught += share * run->caught;
	sum->caught_cost += share * run->caught_cost;
}

struct evaluation_alerts evaluation_top(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
					double k)
{
	struct evaluation_alerts sum = {0}, run = {0};
	size_t at = 0;
	while (sum.alerts < k && evaluation_step(rows, count, counts, &at, &run)) {
		add_share(&sum, &run, k - sum.alerts);
		run = (struct evaluation_alerts){0};
	}
	return sum;
}

double evaluation_precision(const struct evaluation_alerts *alerts)
{
	return alerts->alerts > 0 ? alerts->caught / alerts->alerts : NAN;
}

double evaluation_recall(const struct evaluation_alerts *alerts, const struct evaluation_totals *totals)
{
	return totals->positives > 0 ? alerts->caught / totals->positives : NAN;
}

/* A day while rows of all days go by in order of score: what is taken, and the run of equal scores not yet taken. */
struct day {
	struct evaluation_alerts taken, run;
	double score;
	bool seen;
};

static void take_run(struct day *day, double k)
{
	if (day->taken.alerts < k)
		add_share(&day->taken, &day->run, k - day->taken.alerts);
	day->run = (struct evaluation_alerts){0};
}

int evaluation_per_day(const struct evaluation_row *rows, size_t count, size_t day_limit, double k,
		       struct evaluation_days *days, struct err *err)
{
	*days = (struct evaluation_days){0};
	struct day *each = calloc(day_limit + 1, sizeof *each);
	if (each == NULL)
		return err_memory(err);
	for (size_t i = 0; i < count; i++) {
		assert(rows[i].day < day_limit && k > 0);
		struct day *day = &each[rows[i].day];
		if (day->seen && day->score != rows[i].score)
			take_run(day, k);
		day->seen = true;
		day->score = rows[i].score;
		day->run.alerts += rows[i].weight;
		day->run.caught += rows[i].positive ? rows[i].weight : 0;
		day->run.caught_cost += rows[i].positive ? rows[i].weight * rows[i].miss_cost : 0;
	}
	for (size_t i = 0; i < day_limit; i++) {
		if (!each[i].seen)
			continue;
		take_run(&each[i], k);
		days->days++;
		days->precision_mean += each[i].taken.caught / k;
		days->alerts.alerts += each[i].taken.alerts;
		days->alerts.caught += each[i].taken.caught;
		days->alerts.caught_cost += each[i].taken.caught_cost;
	}
	days->precision_mean = days->days > 0 ? days->precision_mean / (double)days->days : NAN;
	free(each);
	return 0;
}

double evaluation_loss(const struct evaluation_alerts *alerts, const struct evaluation_totals *totals,
		       double alert_cost)
{
	return totals->miss_cost - alerts->caught_cost + alert_cost * alerts->alerts;
}

struct evaluation_choice evaluation_cheapest(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
					     double alert_cost)
{
	struct evaluation_choice best = {.threshold = INFINITY};
	struct evaluation_alerts alerts = {0};
	double least = 0; /* loss less that of no alerts */
	for (size_t at = 0, from = 0; evaluation_step(rows, count, counts, &at, &alerts); from = at) {
		double loss = alert_cost * alerts.alerts - alerts.caught_cost;
		if (loss < least) {
			least = loss;
			best.threshold = rows[from].score;
			best.alerts = alerts;
		}
	}
	struct evaluation_totals totals = evaluation_totals(rows, count, counts);
	best.loss = evaluation_loss(&best.alerts, &totals, alert_cost);
	return best;
}

struct evaluation_choice evaluation_within(const struct evaluation_row *rows, size_t count, const uint8_t *counts,
					   double most)
{
	struct evaluation_choice best = {.threshold = INFINITY};
	struct evaluation_alerts alerts = {0};
	for (size_t at = 0, from = 0; evaluation_step(rows, count, counts, &at, &alerts); from = at) {
		if (alerts.alerts > most)
			break;
		if (alerts.alerts > best.alerts.alerts) {
			best.threshold = rows[from].score;
			best.alerts = alerts;
		}
	}
	return best;
}

void evaluation_wilson(double share, double n, double *low, double *high)
{
	assert(n > 0 && share >= 0);
	double square = NORMAL_975 * NORMAL_975, middle = share + square / (2 * n);
	double half = NORMAL_975 * sqrt(share * (1 - share) / n + square / (4 * n * n));
	*low = fmax(0, (middle - half) / (1 + square / n));
	*high = fmin(1, (middle + half) / (1 + square / n));
}
