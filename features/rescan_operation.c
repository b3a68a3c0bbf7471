#include "features/rescan_parts.h"

#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

static double unit_of(const struct field *field)
{
	return field->type == FIELD_BOOLEAN || field->scale < 0 ? 1 : (double)llround(pow(10, field->scale));
}

double rescan_number(const struct field *field, const struct value *value)
{
	if (field->type == FIELD_NUMBER && field->scale == FIELD_SCALE_NONE)
		return value->number;
	return (double)value->units / unit_of(field);
}

static size_t count_different(const struct field *field, const struct event **list, size_t count, int index)
{
	size_t different = 0;
	for (size_t i = 0; i < count; i++) {
		bool again = false;
		for (size_t j = 0; j < i; j++)
			again |= rescan_same(field, &list[i]->values[index], &list[j]->values[index]);
		different += !again;
	}
	return different;
}

/* n, sum and squares of a scaled field. */
struct sums {
	wide n, sum;
	unsigned_wide squares;
};

static struct sums sums_of(const struct event **list, size_t count, int index)
{
	struct sums sums = {(wide)count, 0, 0};
	assert(count <= RESCAN_EVENTS_MAX + 1); /* so that n * squares fits */
	for (size_t i = 0; i < count; i++) {
		wide units = list[i]->values[index].units;
		sums.sum += units;
		sums.squares += (unsigned_wide)(units * units);
	}
	return sums;
}

static double sample_deviation(struct sums sums)
{
	unsigned_wide size = (unsigned_wide)(sums.sum < 0 ? -sums.sum : sums.sum);
	/* size * size <= n * squares < 2^128 */
	unsigned_wide spread = (unsigned_wide)sums.n * sums.squares - size * size;
	return sqrt((double)spread / (double)(sums.n * (sums.n - 1)));
}

static double scaled_operation(enum operation operation, const struct field *field, struct sums sums,
			       const struct value *own)
{
	double unit = unit_of(field), n = (double)sums.n;
	if (operation == OPERATION_SUM)
		return (double)sums.sum / unit;
	if (operation == OPERATION_MEAN)
		return sums.n == 0 ? NAN : (double)sums.sum / (double)(sums.n * (wide)unit);
	if (operation == OPERATION_STDDEV)
		return sums.n < 2 ? NAN : sample_deviation(sums) / unit;
	if (!own->present)
		return NAN;
	if (operation == OPERATION_ZSCORE) {
		if (sums.n < 2)
			return NAN;
		double above = (double)(sums.n * own->units - sums.sum) / n;
		return above / fmax(sample_deviation(sums), 1);
	}
	assert(operation == OPERATION_RATIO);
	if (sums.n == 0)
		return NAN;
	return (double)(sums.n * own->units) / fmax((double)(sums.sum < 0 ? -sums.sum : sums.sum), n);
}

/* Kilometres from a place, in degrees, to the event. */
static double distance(const struct question *question, const struct feature_options *feature, double lat1, double lon1)
{
	int lat = rescan_field(question->rescan, feature->lat), lon = rescan_field(question->rescan, feature->lon);
	const struct field *fields = question->rescan->options->schema->fields;
	const struct event *now = question->now;
	const double degree = 0.017453292519943295, radius = 6371.0088;
	if (!now->values[lat].present || !now->values[lon].present)
		return NAN;
	double lat2 = rescan_number(&fields[lat], &now->values[lat]),
	       lon2 = rescan_number(&fields[lon], &now->values[lon]);
	double a = elementary_sin((lat2 - lat1) * degree / 2), b = elementary_sin((lon2 - lon1) * degree / 2);
	double h = a * a + elementary_cos(lat1 * degree) * elementary_cos(lat2 * degree) * b * b;
	return 2 * radius * elementary_asin(fmin(sqrt(h), 1));
}

static double speed(const struct question *question, const struct feature_options *feature, const struct event *last)
{
	int lat = rescan_field(question->rescan, feature->lat), lon = rescan_field(question->rescan, feature->lon);
	const struct field *fields = question->rescan->options->schema->fields;
	double km = distance(question, feature, rescan_number(&fields[lat], &last->values[lat]),
			     rescan_number(&fields[lon], &last->values[lon]));
	int64_t age = question->now->time_ms - last->time_ms, ms = age < 1000 ? 1000 : age;
	return km / ((double)ms / 3600000);
}

static int compare_units(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int64_t lower_median(int64_t *units, size_t count)
{
	qsort(units, count, sizeof *units, compare_units);
	return units[(count - 1) / 2];
}

/* The median of a field, and where wanted that of the distances from it. */
static int64_t median_of(const struct question *question, const struct event **list, size_t count, int index,
			 int64_t *distances)
{
	int64_t *units = calloc(count, sizeof *units);
	if (units == NULL) {
		*question->failed = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		units[i] = list[i]->values[index].units;
	int64_t median = lower_median(units, count);
	for (size_t i = 0; i < count; i++)
		units[i] = llabs(list[i]->values[index].units - median);
	if (distances != NULL)
		*distances = lower_median(units, count);
	free(units);
	return median;
}

static double robust_z(const struct question *question, const struct event **list, size_t count, int index,
		       const struct value *own)
{
	int64_t distances = 0;
	if (count < 5 || !own->present)
		return NAN;
	int64_t median = median_of(question, list, count, index, &distances);
	return (double)(own->units - median) / fmax(1.4826 * (double)distances, 1);
}

static double distance_home(const struct question *question, const struct feature_options *feature,
			    const struct event **list, size_t count)
{
	int lat = rescan_field(question->rescan, feature->lat), lon = rescan_field(question->rescan, feature->lon);
	const struct field *fields = question->rescan->options->schema->fields;
	if (count < 5)
		return NAN;
	struct value home_lat = {true, {.units = median_of(question, list, count, lat, NULL)}};
	struct value home_lon = {true, {.units = median_of(question, list, count, lon, NULL)}};
	return distance(question, feature, rescan_number(&fields[lat], &home_lat),
			rescan_number(&fields[lon], &home_lon));
}

static double percentile(const struct field *field, const struct event **list, size_t count, int index,
			 const struct value *own)
{
	size_t halves = 0;
	if (count == 0 || !own->present)
		return NAN;
	for (size_t i = 0; i < count; i++) {
		const struct value *value = &list[i]->values[index];
		halves += rescan_same(field, value, own)                            ? 1
			  : rescan_number(field, value) < rescan_number(field, own) ? 2
										    : 0;
	}
	return (double)halves / ((double)count * 2);
}

static double decayed(const struct question *question, const struct feature_options *feature, const struct event **list,
		      size_t count, int index)
{
	double total = 0;
	for (size_t i = 0; i < count; i++) {
		double half_lives = (double)(question->now->time_ms - list[i]->time_ms) / (double)feature->half_life_ms;
		double factor = feature->operation == OPERATION_DECAYED_SUM ? (double)list[i]->values[index].units : 1;
		total += elementary_exp2(-half_lives) * factor;
	}
	return feature->operation == OPERATION_DECAYED_SUM
		   ? total / unit_of(&question->rescan->options->schema->fields[index])
		   : total;
}

static double burst(const struct feature_options *feature, const struct event **list, size_t count)
{
	size_t most = 0;
	for (size_t end = 0; end < count; end++) {
		size_t inside = 0;
		for (size_t i = 0; i < count; i++) {
			int64_t before_end = list[end]->time_ms - list[i]->time_ms;
			inside += before_end >= 0 && before_end < feature->interval_ms;
		}
		most = inside > most ? inside : most;
	}
	return (double)most;
}

double rescan_over(const struct question *question, const struct feature_options *feature, int index,
		   const struct event **list, size_t count)
{
	const struct field *field = index < 0 ? NULL : &question->rescan->options->schema->fields[index];
	const struct event *now = question->now;
	double best;
	switch (feature->operation) {
	case OPERATION_COUNT:
		return (double)count;
	case OPERATION_DISTINCT:
		return (double)count_different(field, list, count, index);
	case OPERATION_MIN:
	case OPERATION_MAX:
		best = NAN;
		for (size_t i = 0; i < count; i++) {
			double value = rescan_number(field, &list[i]->values[index]);
			best = feature->operation == OPERATION_MIN ? fmin(best, value) : fmax(best, value);
		}
		return best;
	case OPERATION_PREVIOUS:
		return count == 0 ? NAN : rescan_number(field, &list[count - 1]->values[index]);
	case OPERATION_SINCE_PREVIOUS:
		return count == 0 ? NAN : (double)(now->time_ms - list[count - 1]->time_ms) / 1000;
	case OPERATION_AGE:
		return count == 0 ? NAN : (double)(now->time_ms - list[0]->time_ms) / 1000;
	case OPERATION_GEO_SPEED:
		return count == 0 ? NAN : speed(question, feature, list[count - 1]);
	case OPERATION_PERCENTILE:
		return percentile(field, list, count, index, &now->values[index]);
	case OPERATION_ROBUST_Z:
		return robust_z(question, list, count, index, &now->values[index]);
	case OPERATION_DECAYED_COUNT:
	case OPERATION_DECAYED_SUM:
		return decayed(question, feature, list, count, index);
	case OPERATION_DISTANCE_HOME:
		return distance_home(question, feature, list, count);
	case OPERATION_BURST:
		return burst(feature, list, count);
	default:
		return scaled_operation(feature->operation, field, sums_of(list, count, index), &now->values[index]);
	}
}

double rescan_mean(const struct field *field, const struct event **list, size_t count, int index)
{
	return scaled_operation(OPERATION_MEAN, field, sums_of(list, count, index), NULL);
}
