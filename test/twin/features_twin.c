#include "test/twin/features_twin.h"

#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#define PANES 64
#define NEVER INT64_MIN

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

struct twin_event {
	struct event event;
	struct value values[EVENT_FIELDS_MAX];
	bool folded;
};

struct twin_entity {
	struct slice name;
	struct twin_event **events; /* in order of arrival */
	size_t count, capacity;
	int64_t greatest, fold_edge;
};

struct features_twin {
	const struct feature_set_options *options;
	const struct event_schema *schema;
	struct twin_entity *entities;
	size_t entity_count;
	int64_t reach, pane, complete_since;
};

/* The event asked about, and the entity that it belongs to. */
struct question {
	const struct features_twin *twin;
	const struct twin_entity *entity;
	const struct event *now;
};

struct features_twin *features_twin_new(const struct feature_set_options *options)
{
	struct features_twin *twin = calloc(1, sizeof *twin);
	int64_t longest = 0;
	assert(twin != NULL);
	for (size_t i = 0; i < options->feature_count; i++)
		if (options->features[i].window_ms > longest)
			longest = options->features[i].window_ms;
	twin->options = options;
	twin->schema = options->schema;
	twin->reach = longest + options->schema->allowed_lateness_ms;
	twin->pane = twin->reach / PANES + (twin->reach % PANES != 0);
	twin->complete_since = NEVER;
	return twin;
}

void features_twin_free(struct features_twin *twin)
{
	for (size_t i = 0; i < twin->entity_count; i++) {
		for (size_t j = 0; j < twin->entities[i].count; j++)
			free(twin->entities[i].events[j]);
		free(twin->entities[i].events);
	}
	free(twin->entities);
	free(twin);
}

static struct twin_entity *entity_named(const struct features_twin *twin, struct slice name)
{
	for (size_t i = 0; i < twin->entity_count; i++)
		if (slice_equal(twin->entities[i].name, name))
			return &twin->entities[i];
	return NULL;
}

/* The least, over the upstream partitions, of the greatest that all events so far brought from each. */
static int64_t upstream_watermark(const struct features_twin *twin)
{
	int64_t least = INT64_MAX;
	for (int32_t partition = 0; partition < twin->schema->upstream.partitions; partition++) {
		int64_t greatest = NEVER;
		for (size_t i = 0; i < twin->entity_count; i++)
			for (size_t j = 0; j < twin->entities[i].count; j++) {
				const struct event *event = &twin->entities[i].events[j]->event;
				int64_t brought = event->upstream_watermark_ms < event->timestamp_ms
						      ? event->upstream_watermark_ms
						      : event->timestamp_ms;
				if (event->upstream_partition == partition && brought > greatest)
					greatest = brought;
			}
		least = greatest < least ? greatest : least;
	}
	return least;
}

int64_t features_twin_watermark(const struct features_twin *twin)
{
	if (twin->schema->upstream.partitions > 0)
		return upstream_watermark(twin);
	int64_t first = NEVER, second = NEVER;
	for (size_t i = 0; i < twin->entity_count; i++) {
		int64_t time = twin->entities[i].greatest;
		if (time > first) {
			second = first;
			first = time;
		} else if (time > second) {
			second = time;
		}
	}
	return second;
}

static bool precedes(const struct event *a, const struct event *b)
{
	return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->offset < b->offset;
}

static int field_named(const struct features_twin *twin, const char *name)
{
	for (size_t i = 0; name != NULL && i < twin->schema->field_count; i++)
		if (strcmp(twin->schema->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* ---- conditions */

/* -1, 0, 1: the value against the constant, by decimal digits where the field is scaled. */
static int compare(const struct field *field, const struct value *value, const struct literal *literal)
{
	if (field->type == FIELD_BOOLEAN)
		return (int)value->units - (literal->boolean ? 1 : 0);
	if (field->type == FIELD_STRING)
		return slice_equal(value->text, slice_of(literal->text)) ? 0 : 1;
	if (field->scale == FIELD_SCALE_NONE) {
		double constant = strtod(literal->text, NULL);
		return (value->number > constant) - (value->number < constant);
	}
	wide mantissa = 0, left = value->units;
	int decimals = 0;
	bool point = false;
	for (const char *at = literal->text; *at != '\0'; at++) {
		point |= *at == '.';
		if (*at < '0' || *at > '9')
			continue;
		mantissa = mantissa * 10 + (*at - '0');
		decimals += point;
	}
	if (literal->text[0] == '-')
		mantissa = -mantissa;
	for (int i = 0; i < decimals; i++)
		left *= 10;
	for (int i = 0; i < field->scale; i++)
		mantissa *= 10;
	return (left > mantissa) - (left < mantissa);
}

static int64_t offset_at(int64_t time, const struct utc_offset *offsets, size_t count)
{
	int64_t offset = 0;
	for (size_t i = 0; i < count; i++)
		if (offsets[i].from_utc_ms <= time)
			offset = offsets[i].offset_ms;
	return offset;
}

static struct tm civil(int64_t time, const struct utc_offset *offsets, size_t count)
{
	int64_t local = time + offset_at(time, offsets, count);
	time_t seconds = (time_t)((local - ((local % 1000) + 1000) % 1000) / 1000);
	struct tm tm;
	const struct tm *filled = gmtime_r(&seconds, &tm);
	assert(filled == &tm);
	(void)filled;
	return tm;
}

static bool same_value(const struct field *field, const struct value *a, const struct value *b)
{
	if (!a->present || !b->present)
		return false;
	if (field->type == FIELD_STRING)
		return slice_equal(a->text, b->text);
	if (field->type == FIELD_NUMBER && field->scale == FIELD_SCALE_NONE)
		return a->number == b->number;
	return a->units == b->units;
}

static bool holds(const struct question *question, const struct condition_options *condition, const struct event *event)
{
	if (condition->has_hours) {
		int hour = civil(event->time_ms, condition->utc_offsets, condition->utc_offset_count).tm_hour;
		bool in = false;
		for (int h = condition->hours_from; h != condition->hours_to; h = (h + 1) % 24) {
			in |= h == hour;
			if (h == 23 && condition->hours_to == 24)
				break;
		}
		if (!in)
			return false;
	}
	if (condition->field == NULL)
		return true;
	int index = field_named(question->twin, condition->field);
	const struct field *field = &question->twin->schema->fields[index];
	const struct value *value = &event->values[index];
	if (!value->present)
		return false;
	if (condition->same && !same_value(field, value, &question->now->values[index]))
		return false;
	if (condition->equals.kind != LITERAL_NONE && compare(field, value, &condition->equals) != 0)
		return false;
	if (condition->not_equals.kind != LITERAL_NONE && compare(field, value, &condition->not_equals) == 0)
		return false;
	if (condition->above.kind != LITERAL_NONE && compare(field, value, &condition->above) <= 0)
		return false;
	if (condition->below.kind != LITERAL_NONE && compare(field, value, &condition->below) >= 0)
		return false;
	bool in = condition->in == NULL;
	for (size_t i = 0; i < condition->in_count; i++)
		in |= compare(field, value, &condition->in[i]) == 0;
	return in;
}

static bool matches(const struct question *question, const struct feature_options *feature, const struct event *event)
{
	for (size_t i = 0; i < feature->where_count; i++)
		if (!holds(question, &feature->where[i], event))
			return false;
	return true;
}

static bool same_is_null(const struct question *question, const struct feature_options *feature)
{
	for (size_t i = 0; i < feature->where_count; i++)
		if (feature->where[i].same &&
		    !question->now->values[field_named(question->twin, feature->where[i].field)].present)
			return true;
	return false;
}

static bool uses_same(const struct feature_options *feature)
{
	bool same = false;
	for (size_t i = 0; i < feature->where_count; i++)
		same |= feature->where[i].same;
	return same;
}

/* ---- windows */

static bool has_field(const struct event *event, int field)
{
	return field < 0 || event->values[field].present;
}

static bool is_foldable(enum operation operation)
{
	switch (operation) {
	case OPERATION_COUNT:
	case OPERATION_SUM:
	case OPERATION_MEAN:
	case OPERATION_MIN:
	case OPERATION_MAX:
	case OPERATION_STDDEV:
	case OPERATION_ZSCORE:
	case OPERATION_RATIO:
		return true;
	default:
		return false;
	}
}

/* Whether a folded event's pane has a part in the window; the edge itself is the caller's question. */
static bool pane_counts(const struct features_twin *twin, int64_t time, int64_t from)
{
	int64_t start = time / twin->pane * twin->pane;
	if (start > time)
		start -= twin->pane;
	return start + twin->pane - 1 >= from;
}

/* The events that a feature with this window sees, in order; panes: folded ones too. The caller frees the list. */
static const struct event **window_events(const struct question *question, const struct feature_options *feature,
					  int field, int second, bool panes, size_t *count)
{
	const struct event *now = question->now;
	const struct event **list = malloc((question->entity->count + 1) * sizeof *list);
	assert(list != NULL);
	*count = 0;
	for (size_t i = 0; i < question->entity->count; i++) {
		const struct twin_event *past = question->entity->events[i];
		const struct event *event = &past->event;
		bool in = precedes(event, now) && now->time_ms - event->time_ms < feature->window_ms;
		if (past->folded)
			in =
			    panes && pane_counts(question->twin, event->time_ms, now->time_ms - feature->window_ms + 1);
		if (!in || !has_field(event, field) || !has_field(event, second) || !matches(question, feature, event))
			continue;
		size_t at = (*count)++;
		for (; at > 0 && precedes(event, list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = event;
	}
	return list;
}

static double unit_of(const struct field *field)
{
	return field->type == FIELD_BOOLEAN || field->scale < 0 ? 1 : (double)llround(pow(10, field->scale));
}

static double number_of(const struct field *field, const struct value *value)
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
			again |= same_value(field, &list[i]->values[index], &list[j]->values[index]);
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
	assert(count < 1000); /* so that n * squares fits */
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
	int lat = field_named(question->twin, feature->lat), lon = field_named(question->twin, feature->lon);
	const struct field *fields = question->twin->schema->fields;
	const struct event *now = question->now;
	const double degree = 0.017453292519943295, radius = 6371.0088;
	if (!now->values[lat].present || !now->values[lon].present)
		return NAN;
	double lat2 = number_of(&fields[lat], &now->values[lat]), lon2 = number_of(&fields[lon], &now->values[lon]);
	double a = elementary_sin((lat2 - lat1) * degree / 2), b = elementary_sin((lon2 - lon1) * degree / 2);
	double h = a * a + elementary_cos(lat1 * degree) * elementary_cos(lat2 * degree) * b * b;
	return 2 * radius * elementary_asin(fmin(sqrt(h), 1));
}

static double speed(const struct question *question, const struct feature_options *feature, const struct event *last)
{
	int lat = field_named(question->twin, feature->lat), lon = field_named(question->twin, feature->lon);
	const struct field *fields = question->twin->schema->fields;
	double km = distance(question, feature, number_of(&fields[lat], &last->values[lat]),
			     number_of(&fields[lon], &last->values[lon]));
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
static int64_t median_of(const struct event **list, size_t count, int index, int64_t *distances)
{
	int64_t *units = calloc(count, sizeof *units);
	assert(units != NULL);
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

static double robust_z(const struct event **list, size_t count, int index, const struct value *own)
{
	int64_t distances;
	if (count < 5 || !own->present)
		return NAN;
	int64_t median = median_of(list, count, index, &distances);
	return (double)(own->units - median) / fmax(1.4826 * (double)distances, 1);
}

static double distance_home(const struct question *question, const struct feature_options *feature,
			    const struct event **list, size_t count)
{
	int lat = field_named(question->twin, feature->lat), lon = field_named(question->twin, feature->lon);
	const struct field *fields = question->twin->schema->fields;
	if (count < 5)
		return NAN;
	struct value home_lat = {true, {.units = median_of(list, count, lat, NULL)}};
	struct value home_lon = {true, {.units = median_of(list, count, lon, NULL)}};
	return distance(question, feature, number_of(&fields[lat], &home_lat), number_of(&fields[lon], &home_lon));
}

static double percentile(const struct field *field, const struct event **list, size_t count, int index,
			 const struct value *own)
{
	size_t halves = 0;
	if (count == 0 || !own->present)
		return NAN;
	for (size_t i = 0; i < count; i++) {
		const struct value *value = &list[i]->values[index];
		halves += same_value(field, value, own) ? 1 : number_of(field, value) < number_of(field, own) ? 2 : 0;
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
	return feature->operation == OPERATION_DECAYED_SUM ? total / unit_of(&question->twin->schema->fields[index])
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

static double over_list(const struct question *question, const struct feature_options *feature, int index,
			const struct event **list, size_t count)
{
	const struct field *field = index < 0 ? NULL : &question->twin->schema->fields[index];
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
			double value = number_of(field, &list[i]->values[index]);
			best = feature->operation == OPERATION_MIN ? fmin(best, value) : fmax(best, value);
		}
		return best;
	case OPERATION_PREVIOUS:
		return count == 0 ? NAN : number_of(field, &list[count - 1]->values[index]);
	case OPERATION_SINCE_PREVIOUS:
		return count == 0 ? NAN : (double)(now->time_ms - list[count - 1]->time_ms) / 1000;
	case OPERATION_AGE:
		return count == 0 ? NAN : (double)(now->time_ms - list[0]->time_ms) / 1000;
	case OPERATION_GEO_SPEED:
		return count == 0 ? NAN : speed(question, feature, list[count - 1]);
	case OPERATION_PERCENTILE:
		return percentile(field, list, count, index, &now->values[index]);
	case OPERATION_ROBUST_Z:
		return robust_z(list, count, index, &now->values[index]);
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

/* Of all events in the window, the latest in a row that match. */
static double streak(const struct question *question, const struct feature_options *feature)
{
	struct feature_options all = *feature;
	size_t count, length = 0;
	all.where_count = 0;
	const struct event **list = window_events(question, &all, -1, -1, false, &count);
	while (length < count && matches(question, feature, list[count - 1 - length]))
		length++;
	free(list);
	return (double)length;
}

static double windowed(const struct question *question, const struct feature_options *feature, unsigned *flags,
		       struct usual *usual)
{
	const struct features_twin *twin = question->twin;
	const struct event *now = question->now;
	bool reaches =
	    question->entity->fold_edge != NEVER && now->time_ms - feature->window_ms + 1 < question->entity->fold_edge;
	bool summed = is_foldable(feature->operation) && !uses_same(feature);
	if (reaches)
		*flags |= summed ? FLAG_APPROXIMATE : FLAG_TRUNCATED;
	if ((reaches && !summed) || same_is_null(question, feature))
		return NAN;
	if (feature->operation == OPERATION_STREAK)
		return streak(question, feature);
	int index = field_named(twin, feature->lat != NULL ? feature->lat : feature->field);
	int second = field_named(twin, feature->lon);
	size_t count;
	const struct event **list = window_events(question, feature, index, second, reaches, &count);
	if (feature->operation == OPERATION_ZSCORE || feature->operation == OPERATION_RATIO) {
		struct sums sums = sums_of(list, count, index);
		usual->n = (int64_t)count;
		usual->mean = scaled_operation(OPERATION_MEAN, &twin->schema->fields[index], sums, NULL);
	}
	if (feature->include_current && has_field(now, index) && matches(question, feature, now))
		list[count++] = now;
	double value = over_list(question, feature, index, list, count);
	free(list);
	return value;
}

/* ---- the event's own */

/* What is usual beside the event's own value: over the longest window of that field without conditions. */
static struct usual usual_beside(const struct question *question, const char *name)
{
	const struct features_twin *twin = question->twin;
	const struct feature_options *longest = NULL;
	struct usual usual = {-1, NAN};
	int index = field_named(twin, name);
	const struct field *field = &twin->schema->fields[index];
	bool kept = false;
	if (field->type == FIELD_STRING || (field->type == FIELD_NUMBER && field->scale == FIELD_SCALE_NONE))
		return usual;
	for (size_t i = 0; i < twin->options->feature_count; i++) {
		const struct feature_options *other = &twin->options->features[i];
		if (other->window_ms == 0 || other->field == NULL || strcmp(other->field, name) != 0 ||
		    other->where_count > 0)
			continue;
		kept |= is_foldable(other->operation);
		if (longest == NULL || other->window_ms > longest->window_ms)
			longest = other;
	}
	if (longest == NULL)
		return usual;
	bool reaches = question->entity->fold_edge != NEVER &&
		       question->now->time_ms - longest->window_ms + 1 < question->entity->fold_edge;
	if (reaches && !kept)
		return usual;
	size_t count;
	const struct event **list = window_events(question, longest, index, -1, reaches, &count);
	usual.n = (int64_t)count;
	usual.mean = scaled_operation(OPERATION_MEAN, field, sums_of(list, count, index), NULL);
	free(list);
	return usual;
}

static double own(const struct question *question, const struct feature_options *feature, struct usual *usual)
{
	const struct event *now = question->now;
	struct tm tm = civil(now->time_ms, feature->utc_offsets, feature->utc_offset_count);
	if (feature->operation == OPERATION_HOUR)
		return tm.tm_hour;
	if (feature->operation == OPERATION_WEEKDAY)
		return (tm.tm_wday + 6) % 7;
	int index = field_named(question->twin, feature->field);
	const struct field *field = &question->twin->schema->fields[index];
	*usual = usual_beside(question, feature->field);
	if (!now->values[index].present)
		return NAN;
	double value = 0;
	if (field->type == FIELD_STRING) {
		while ((size_t)value < feature->value_count &&
		       !slice_equal(slice_of(feature->values[(size_t)value]), now->values[index].text))
			value++;
	} else {
		value = number_of(field, &now->values[index]);
	}
	return feature->operation == OPERATION_VALUE ? value : copysign(elementary_log1p(fabs(value)), value);
}

static void fill(const struct question *question, struct vector *vector)
{
	const struct features_twin *twin = question->twin;
	const struct feature_set_options *options = twin->options;
	for (size_t i = 0; i < question->entity->count; i++)
		if (precedes(question->now, &question->entity->events[i]->event))
			vector->flags |= FLAG_LATE;
	for (size_t i = 0; i < options->feature_count; i++) {
		const struct feature_options *feature = &options->features[i];
		vector->usual[i] = (struct usual){-1, NAN};
		if (feature->operation == OPERATION_QUOTIENT)
			continue;
		if (feature->window_ms == 0) {
			vector->values[i] = own(question, feature, &vector->usual[i]);
			continue;
		}
		vector->values[i] = windowed(question, feature, &vector->flags, &vector->usual[i]);
		if (question->now->time_ms - feature->window_ms < twin->complete_since)
			vector->flags |= FLAG_WARMING;
	}
	/* Chains of quotients settle in as many rounds as there are features. */
	for (size_t i = 0; i < options->feature_count; i++)
		if (options->features[i].operation == OPERATION_QUOTIENT)
			vector->values[i] = NAN;
	for (size_t round = 0; round < options->feature_count; round++) {
		for (size_t i = 0; i < options->feature_count; i++) {
			double part[2] = {0, 0};
			if (options->features[i].operation != OPERATION_QUOTIENT)
				continue;
			for (size_t j = 0; j < options->feature_count; j++)
				for (size_t k = 0; k < 2; k++)
					if (strcmp(options->features[j].name, options->features[i].of[k]) == 0)
						part[k] = vector->values[j];
			double quotient = part[1] == 0 ? NAN : part[0] / part[1];
			vector->flags |= isinf(quotient) ? FLAG_OVERFLOW : 0u;
			vector->values[i] = isinf(quotient) ? NAN : quotient;
		}
	}
}

/* ---- the transition */

static struct twin_event *oldest_in_reach(const struct features_twin *twin, const struct twin_entity *entity,
					  size_t *visible)
{
	struct twin_event *oldest = NULL;
	int64_t watermark = features_twin_watermark(twin);
	*visible = 0;
	for (size_t i = 0; i < entity->count; i++) {
		struct twin_event *event = entity->events[i];
		if (event->folded || (watermark != NEVER && event->event.time_ms < watermark - twin->reach))
			continue;
		(*visible)++;
		if (oldest == NULL || precedes(&event->event, &oldest->event))
			oldest = event;
	}
	return oldest;
}

size_t features_twin_visible(const struct features_twin *twin, struct slice name)
{
	size_t visible = 0;
	const struct twin_entity *entity = entity_named(twin, name);
	if (entity != NULL)
		(void)oldest_in_reach(twin, entity, &visible);
	return visible;
}

static struct twin_entity *add_entity(struct features_twin *twin, struct slice name)
{
	twin->entities = realloc(twin->entities, (twin->entity_count + 1) * sizeof *twin->entities);
	assert(twin->entities != NULL);
	struct twin_entity *entity = &twin->entities[twin->entity_count++];
	*entity = (struct twin_entity){.name = name, .greatest = NEVER, .fold_edge = NEVER};
	return entity;
}

static void remember(struct features_twin *twin, struct twin_entity *entity, const struct event *event)
{
	if (entity->count == entity->capacity) {
		entity->capacity = 2 * entity->capacity + 8;
		entity->events = realloc(entity->events, entity->capacity * sizeof *entity->events);
		assert(entity->events != NULL);
	}
	struct twin_event *kept = calloc(1, sizeof *kept);
	assert(kept != NULL);
	kept->event = *event;
	memcpy(kept->values, event->values, twin->schema->field_count * sizeof *event->values);
	kept->event.values = kept->values;
	entity->events[entity->count++] = kept;
	if (event->time_ms > entity->greatest)
		entity->greatest = event->time_ms;
	for (;;) {
		size_t visible;
		struct twin_event *oldest = oldest_in_reach(twin, entity, &visible);
		if (visible <= twin->options->max_events)
			return;
		oldest->folded = true;
		if (oldest->event.time_ms + 1 > entity->fold_edge)
			entity->fold_edge = oldest->event.time_ms + 1;
	}
}

enum outcome features_twin_apply(struct features_twin *twin, const struct event *event, struct vector *vector,
				 enum reason *reason)
{
	struct twin_entity *entity = entity_named(twin, event->entity);
	if (entity == NULL)
		entity = add_entity(twin, event->entity);
	int64_t watermark = features_twin_watermark(twin), lateness = twin->schema->allowed_lateness_ms;
	bool late = watermark != NEVER && event->time_ms < watermark - lateness;
	*reason = late ? REASON_TOO_LATE : REASON_FOLDED;
	if (late || event->time_ms < entity->fold_edge)
		return OUTCOME_TOO_LATE;
	*reason = REASON_DUPLICATE;
	for (size_t i = 0; i < entity->count; i++) {
		const struct event *past = &entity->events[i]->event;
		bool in_time =
		    past->time_ms >= entity->fold_edge && (watermark == NEVER || past->time_ms >= watermark - lateness);
		if (in_time && slice_equal(past->id, event->id))
			return OUTCOME_DUPLICATE;
	}
	*reason = REASON_NONE;
	if (twin->complete_since == NEVER)
		twin->complete_since = event->time_ms;
	vector->flags = 0;
	fill(&(struct question){twin, entity, event}, vector);
	remember(twin, entity, event);
	return OUTCOME_SCORED;
}
