#include "features/operation.h"

#include "elementary.h"
#include "features/history.h"

#include <assert.h>
#include <math.h>

/* One feature being valued. */
struct evaluation {
	const struct moment *moment;
	const struct feature *feature;
	struct pick *pick;
	struct aggregate aggregate; /* with the event's own value where that belongs */
	unsigned flags;
};

static int64_t own_cell(const struct moment *moment, const struct feature *feature)
{
	return feature->column == NONE ? 0 : moment->cells[feature->column];
}

static double mean_of(const struct aggregate *aggregate, int64_t unit)
{
	if (aggregate->n == 0)
		return NAN;
	assert(unit >= 1);
	return wide_double(aggregate->sum) / wide_double((int128)aggregate->n * unit);
}

/* The sample standard deviation in units; NaN where it does not exist or the squares overflowed. */
static double deviation(struct evaluation *evaluation)
{
	const struct aggregate *aggregate = &evaluation->aggregate;
	if (aggregate->n < 2)
		return NAN;
	if (aggregate->squares == AGGREGATE_OVERFLOWED) {
		evaluation->flags |= FLAG_OVERFLOW;
		return NAN;
	}
	double spread = wide_spread((uint64_t)aggregate->n, aggregate->squares, aggregate->sum);
	return sqrt(spread / wide_double((int128)aggregate->n * (aggregate->n - 1)));
}

static double zscore(struct evaluation *evaluation)
{
	const struct aggregate *aggregate = &evaluation->aggregate;
	int64_t own = own_cell(evaluation->moment, evaluation->feature);
	double sd = deviation(evaluation);
	if (own == CELL_NULL || isnan(sd))
		return NAN;
	double distance = wide_double((int128)aggregate->n * own - aggregate->sum) / wide_double(aggregate->n);
	return distance / (sd > 1 ? sd : 1);
}

static double ratio(const struct evaluation *evaluation)
{
	const struct aggregate *aggregate = &evaluation->aggregate;
	int64_t own = own_cell(evaluation->moment, evaluation->feature);
	if (own == CELL_NULL || aggregate->n == 0)
		return NAN;
	double sum = wide_double(aggregate->sum < 0 ? -aggregate->sum : aggregate->sum), n = wide_double(aggregate->n);
	return wide_double((int128)aggregate->n * own) / (sum > n ? sum : n);
}

static double extreme(const struct evaluation *evaluation, int64_t cell)
{
	const struct moment *moment = evaluation->moment;
	const struct feature *feature = evaluation->feature;
	if (evaluation->aggregate.n == 0)
		return NAN;
	bool doubles = field_kind(&moment->set->schema->fields[feature->field]) == VALUE_DOUBLE;
	return doubles ? cell_double(cell) : (double)cell / (double)feature->unit;
}

/* Adds the event itself where include_current asks for it and it matches. */
static void include_own(struct evaluation *evaluation)
{
	const struct moment *moment = evaluation->moment;
	const struct feature *feature = evaluation->feature;
	const struct slot *slot = &moment->set->slots[feature->slot];
	const struct group *group = &moment->set->groups[slot->group];
	int64_t own = own_cell(moment, feature);
	bool matches = feature->filter == NONE ||
		       filter_current(&moment->set->filters[feature->filter], moment->cells, moment->event->time_ms);
	if (!matches || own == CELL_NULL)
		return;
	if (feature->operation == OPERATION_DISTINCT)
		evaluation->aggregate.distinct = evaluation->aggregate.distinct_with_own;
	else if (feature->column == NONE)
		evaluation->aggregate.n++;
	else
		aggregate_take(&evaluation->aggregate, group->kind, group->needs, &own, 1);
}

static double from_aggregate(struct evaluation *evaluation)
{
	const struct feature *feature = evaluation->feature;
	if (feature->include_current)
		include_own(evaluation);
	const struct aggregate *aggregate = &evaluation->aggregate;
	switch (feature->operation) {
	case OPERATION_COUNT:
		return wide_double(aggregate->n);
	case OPERATION_SUM:
		return wide_double(aggregate->sum) / (double)feature->unit;
	case OPERATION_DISTINCT:
		return (double)aggregate->distinct;
	case OPERATION_MEAN:
		return mean_of(aggregate, feature->unit);
	case OPERATION_MIN:
		return extreme(evaluation, aggregate->low);
	case OPERATION_MAX:
		return extreme(evaluation, aggregate->high);
	case OPERATION_STDDEV:
		return deviation(evaluation) / (double)feature->unit;
	case OPERATION_ZSCORE:
		return zscore(evaluation);
	case OPERATION_RATIO:
		return ratio(evaluation);
	default:
		break;
	}
	assert(!"an operation without slot");
	return NAN;
}

static double own_value(const struct evaluation *evaluation)
{
	const struct moment *moment = evaluation->moment;
	const struct feature *feature = evaluation->feature;
	const struct field *field = &moment->set->schema->fields[feature->field];
	const struct value *value = &moment->event->values[feature->field];
	if (!value->present)
		return NAN;
	if (field->type != FIELD_STRING)
		return field_major(field, value);
	size_t index = 0;
	while (index < feature->value_count && !slice_equal(slice_of(feature->values[index]), value->text))
		index++;
	return (double)index;
}

static double from_event(const struct evaluation *evaluation)
{
	const struct feature *feature = evaluation->feature;
	int64_t time_ms = evaluation->moment->event->time_ms;
	if (feature->operation == OPERATION_HOUR)
		return civil_hour(time_ms, feature->utc_offsets, feature->utc_offset_count);
	if (feature->operation == OPERATION_WEEKDAY)
		return civil_weekday(time_ms, feature->utc_offsets, feature->utc_offset_count);
	double value = own_value(evaluation);
	if (feature->operation == OPERATION_VALUE || isnan(value))
		return value;
	assert(feature->operation == OPERATION_LOG1P);
	double size = elementary_log1p(fabs(value));
	return value < 0 ? -size : size;
}

/* A feature with a window: missing where `same` has nothing to compare with, or where what was folded is lost. */
static double from_window(struct evaluation *evaluation, const struct aggregate *slots)
{
	const struct moment *moment = evaluation->moment;
	const struct feature *feature = evaluation->feature;
	enum fold_reach reach = window_fold_reach(moment, feature);
	if (reach == FOLD_LOST)
		evaluation->flags |= FLAG_TRUNCATED;
	if (reach == FOLD_SUMMED)
		evaluation->flags |= FLAG_APPROXIMATE;
	if (reach == FOLD_LOST)
		return NAN;
	if (feature->filter != NONE && filter_same_is_null(&moment->set->filters[feature->filter], moment->cells))
		return NAN;
	if (feature->slot == NONE)
		return history_value(moment, feature, evaluation->pick);
	evaluation->aggregate = slots[feature->slot];
	return from_aggregate(evaluation);
}

static struct usual usual_of(const struct moment *moment, const struct feature *feature, const struct aggregate *slots)
{
	const struct usual unknown = {-1, NAN};
	if (feature->usual_slot == NONE)
		return unknown;
	const struct filter *filter = feature->filter == NONE ? NULL : &moment->set->filters[feature->filter];
	if (window_slot_reach(moment, &moment->set->slots[feature->usual_slot]) == FOLD_LOST ||
	    (filter != NULL && filter_same_is_null(filter, moment->cells)))
		return unknown;
	const struct aggregate *aggregate = &slots[feature->usual_slot];
	assert(aggregate->n >= 0);
	return (struct usual){aggregate->n, mean_of(aggregate, feature->unit)};
}

static void fill_quotients(const struct feature_set *set, struct vector *vector)
{
	for (size_t i = 0; i < set->quotient_count; i++) {
		const struct feature *whole = &set->features[set->quotients[i]];
		double above = vector->values[whole->of[0]], below = vector->values[whole->of[1]];
		double quotient = below == 0 ? NAN : above / below;
		if (isinf(quotient)) {
			vector->flags |= FLAG_OVERFLOW;
			quotient = NAN;
		}
		vector->values[set->quotients[i]] = quotient;
	}
}

int operation_fill(const struct moment *moment, struct vector *vector)
{
	const struct feature_set *set = moment->set;
	struct aggregate slots[SLOTS_MAX];
	struct pick pick;
	assert(set->slot_count <= SLOTS_MAX);
	if (window_scan(moment, slots) != 0 || pick_begin(&pick, moment) != 0)
		return -1;
	for (size_t i = 0; i < set->feature_count; i++) {
		const struct feature *feature = &set->features[i];
		struct evaluation evaluation;
		evaluation.moment = moment;
		evaluation.feature = feature;
		evaluation.pick = &pick;
		evaluation.flags = 0;
		if (vector->usual != NULL)
			vector->usual[i] = usual_of(moment, feature, slots);
		if (feature->operation == OPERATION_QUOTIENT)
			continue;
		vector->values[i] = feature->window_ms > 0 ? from_window(&evaluation, slots) : from_event(&evaluation);
		vector->flags |= evaluation.flags;
	}
	pick_end(&pick);
	fill_quotients(set, vector);
	return 0;
}
