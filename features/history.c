#include "features/history.h"

#include "elementary.h"
#include "features/geo.h"
#include "features/median.h"

#include <assert.h>
#include <math.h>

#define MS_PER_S 1000.0
#define FEWEST 5 /* values that have a middle worth the name */
#define MAD_TO_DEVIATION 1.4826

static bool holds_doubles(const struct moment *moment, const struct feature *feature)
{
	return field_kind(&moment->set->schema->fields[feature->field]) == VALUE_DOUBLE;
}

/* Kilometres from a place, in units, to the event; NaN where it has none. */
static double distance(const struct moment *moment, const struct feature *feature, int64_t lat, int64_t lon)
{
	const struct field *lat_field = &moment->set->schema->fields[feature->field];
	const struct field *lon_field = &moment->set->schema->fields[feature->second_field];
	const struct value *here = moment->event->values;
	const struct value there[2] = {{.present = true, .units = lat}, {.present = true, .units = lon}};
	return geo_distance(field_major(lat_field, &there[0]), field_major(lon_field, &there[1]),
			    field_major(lat_field, &here[feature->field]),
			    field_major(lon_field, &here[feature->second_field]));
}

/* Operations that read one row. */
static double from_row(const struct moment *moment, const struct feature *feature)
{
	bool oldest = feature->operation == OPERATION_AGE;
	int64_t row = oldest ? window_oldest(moment, feature) : window_newest(moment, feature);
	if (row < 0)
		return NAN;
	int64_t elapsed_ms = moment->event->time_ms - moment->columns.time[row];
	assert(elapsed_ms >= 0 && elapsed_ms < feature->window_ms);
	if (feature->operation == OPERATION_PREVIOUS) {
		int64_t cell = columns_at(&moment->columns, feature->column)[row];
		return holds_doubles(moment, feature) ? cell_double(cell) : (double)cell / (double)feature->unit;
	}
	if (feature->operation != OPERATION_GEO_SPEED)
		return (double)elapsed_ms / MS_PER_S;
	int64_t lat = columns_at(&moment->columns, feature->column)[row];
	int64_t lon = columns_at(&moment->columns, feature->second_column)[row];
	return geo_speed(distance(moment, feature, lat, lon), elapsed_ms);
}

static double percentile(const struct moment *moment, const struct feature *feature, const struct pick *pick)
{
	const int64_t *cells = columns_at(&moment->columns, feature->column);
	int64_t own = moment->cells[feature->column];
	size_t less = 0, equal = 0;
	if (own == CELL_NULL || pick->count == 0)
		return NAN;
	if (holds_doubles(moment, feature)) {
		double number = cell_double(own);
		for (size_t i = 0; i < pick->count; i++)
			less += cell_double(cells[pick->rows[i]]) < number;
	} else {
		for (size_t i = 0; i < pick->count; i++)
			less += cells[pick->rows[i]] < own;
	}
	for (size_t i = 0; i < pick->count; i++)
		equal += cells[pick->rows[i]] == own;
	return (double)(2 * less + equal) / (double)(2 * pick->count);
}

static double robust_z(const struct moment *moment, const struct feature *feature, struct pick *pick)
{
	int64_t own = moment->cells[feature->column];
	if (own == CELL_NULL || pick->count < FEWEST)
		return NAN;
	pick_values(pick, feature->column);
	int64_t middle = median_lower(pick->values, pick->count);
	for (size_t i = 0; i < pick->count; i++)
		pick->values[i] = pick->values[i] < middle ? middle - pick->values[i] : pick->values[i] - middle;
	double spread = MAD_TO_DEVIATION * (double)median_lower(pick->values, pick->count);
	return (double)(own - middle) / (spread > 1 ? spread : 1);
}

static double decayed(const struct moment *moment, const struct feature *feature, const struct pick *pick)
{
	bool sums = feature->operation == OPERATION_DECAYED_SUM;
	const int64_t *cells = sums ? columns_at(&moment->columns, feature->column) : NULL;
	double half_life = (double)feature->half_life_ms, total = 0;
	assert(feature->half_life_ms > 0);
	for (size_t i = 0; i < pick->count; i++) {
		uint32_t row = pick->rows[i];
		double age = (double)(moment->event->time_ms - moment->columns.time[row]);
		double weight = elementary_exp2(-(age / half_life));
		total += sums ? weight * (double)cells[row] : weight;
	}
	return sums ? total / (double)feature->unit : total;
}

static double distance_home(const struct moment *moment, const struct feature *feature, struct pick *pick)
{
	if (pick->count < FEWEST)
		return NAN;
	pick_values(pick, feature->column);
	int64_t lat = median_lower(pick->values, pick->count);
	pick_values(pick, feature->second_column);
	return distance(moment, feature, lat, median_lower(pick->values, pick->count));
}

static double streak(const struct moment *moment, const struct feature *feature)
{
	const struct filter *filter = &moment->set->filters[feature->filter];
	uint32_t row = moment->end;
	while (row > moment->low[feature->window] && filter_row(filter, &moment->columns, row - 1, moment->cells))
		row--;
	return moment->end - row;
}

/* With each event the fullest interval so far can grow by one, no more: one look back tells whether it does. */
static double burst(const struct moment *moment, const struct feature *feature, const struct pick *pick)
{
	const int64_t *times = moment->columns.time;
	size_t most = 0;
	for (size_t last = 0; last < pick->count; last++) {
		assert(most <= last);
		most += times[pick->rows[last]] - times[pick->rows[last - most]] < feature->interval_ms;
	}
	return (double)most;
}

double history_value(const struct moment *moment, const struct feature *feature, struct pick *pick)
{
	assert(feature->window_ms > 0 && feature->slot == NONE);
	if ((operation_rule(feature->operation)->traits & TRAIT_PICKS) != 0)
		pick_rows(pick, feature);
	switch (feature->operation) {
	case OPERATION_PERCENTILE:
		return percentile(moment, feature, pick);
	case OPERATION_ROBUST_Z:
		return robust_z(moment, feature, pick);
	case OPERATION_DECAYED_COUNT:
	case OPERATION_DECAYED_SUM:
		return decayed(moment, feature, pick);
	case OPERATION_DISTANCE_HOME:
		return distance_home(moment, feature, pick);
	case OPERATION_STREAK:
		return streak(moment, feature);
	case OPERATION_BURST:
		return burst(moment, feature, pick);
	default:
		return from_row(moment, feature);
	}
}
