#include "features/rescan_parts.h"

#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEVER INT64_MIN

__extension__ typedef __int128 wide;

static bool precedes(const struct event *a, const struct event *b)
{
	return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->offset < b->offset;
}

int rescan_field(const struct rescan *rescan, const char *name)
{
	for (size_t i = 0; name != NULL && i < rescan->options->schema->field_count; i++)
		if (strcmp(rescan->options->schema->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

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

bool rescan_same(const struct field *field, const struct value *a, const struct value *b)
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
	int index = rescan_field(question->rescan, condition->field);
	const struct field *field = &question->rescan->options->schema->fields[index];
	const struct value *value = &event->values[index];
	if (!value->present)
		return false;
	if (condition->same && !rescan_same(field, value, &question->now->values[index]))
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
		    !question->now->values[rescan_field(question->rescan, feature->where[i].field)].present)
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
static bool pane_counts(const struct rescan *rescan, int64_t time, int64_t from)
{
	int64_t start = time / rescan->pane_ms * rescan->pane_ms;
	if (start > time)
		start -= rescan->pane_ms;
	return start + rescan->pane_ms - 1 >= from;
}

/* The events that a feature with this window sees, in order; panes: folded ones too. The caller frees the list. */
static const struct event **window_events(const struct question *question, const struct feature_options *feature,
					  int field, int second, bool panes, size_t *count)
{
	const struct event *now = question->now;
	const struct event **list = malloc((question->rescan->count + 2) * sizeof *list);
	*count = 0;
	if (list == NULL) {
		*question->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < question->rescan->count; i++) {
		const struct rescan_event *past = question->rescan->events[i];
		const struct event *event = &past->event;
		bool in = precedes(event, now) && now->time_ms - event->time_ms < feature->window_ms;
		if (past->folded)
			in = panes &&
			     pane_counts(question->rescan, event->time_ms, now->time_ms - feature->window_ms + 1);
		if (!in || !has_field(event, field) || !has_field(event, second) || !matches(question, feature, event))
			continue;
		size_t at = (*count)++;
		for (; at > 0 && precedes(event, list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = event;
	}
	return list;
}

/* Of all events in the window, the latest in a row that match. */
static double streak(const struct question *question, const struct feature_options *feature)
{
	struct feature_options all = *feature;
	size_t count, length = 0;
	all.where_count = 0;
	const struct event **list = window_events(question, &all, -1, -1, false, &count);
	if (list == NULL)
		return NAN;
	while (length < count && matches(question, feature, list[count - 1 - length]))
		length++;
	free(list);
	return (double)length;
}

static double windowed(const struct question *question, const struct feature_options *feature, unsigned *flags,
		       struct usual *usual)
{
	const struct rescan *rescan = question->rescan;
	const struct event *now = question->now;
	bool reaches =
	    question->rescan->fold_edge != NEVER && now->time_ms - feature->window_ms + 1 < question->rescan->fold_edge;
	bool summed = is_foldable(feature->operation) && !uses_same(feature);
	if (reaches)
		*flags |= summed ? FLAG_APPROXIMATE : FLAG_TRUNCATED;
	if ((reaches && !summed) || same_is_null(question, feature))
		return NAN;
	if (feature->operation == OPERATION_STREAK)
		return streak(question, feature);
	int index = rescan_field(rescan, feature->lat != NULL ? feature->lat : feature->field);
	int second = rescan_field(rescan, feature->lon);
	size_t count;
	const struct event **list = window_events(question, feature, index, second, reaches, &count);
	if (list == NULL)
		return NAN;
	if (feature->operation == OPERATION_ZSCORE || feature->operation == OPERATION_RATIO) {
		usual->n = (int64_t)count;
		usual->mean = rescan_mean(&rescan->options->schema->fields[index], list, count, index);
	}
	if (feature->include_current && has_field(now, index) && matches(question, feature, now))
		list[count++] = now;
	double value = rescan_over(question, feature, index, list, count);
	free(list);
	return value;
}

/* What is usual beside the event's own value: over the longest window of that field without conditions. */
static struct usual usual_beside(const struct question *question, const char *name)
{
	const struct rescan *rescan = question->rescan;
	const struct feature_options *longest = NULL;
	struct usual usual = {-1, NAN};
	int index = rescan_field(rescan, name);
	const struct field *field = &rescan->options->schema->fields[index];
	bool kept = false;
	if (field->type == FIELD_STRING || (field->type == FIELD_NUMBER && field->scale == FIELD_SCALE_NONE))
		return usual;
	for (size_t i = 0; i < rescan->options->feature_count; i++) {
		const struct feature_options *other = &rescan->options->features[i];
		if (other->window_ms == 0 || other->field == NULL || strcmp(other->field, name) != 0 ||
		    other->where_count > 0)
			continue;
		kept |= is_foldable(other->operation);
		if (longest == NULL || other->window_ms > longest->window_ms)
			longest = other;
	}
	if (longest == NULL)
		return usual;
	bool reaches = question->rescan->fold_edge != NEVER &&
		       question->now->time_ms - longest->window_ms + 1 < question->rescan->fold_edge;
	if (reaches && !kept)
		return usual;
	size_t count;
	const struct event **list = window_events(question, longest, index, -1, reaches, &count);
	if (list == NULL)
		return usual;
	usual.n = (int64_t)count;
	usual.mean = rescan_mean(field, list, count, index);
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
	int index = rescan_field(question->rescan, feature->field);
	const struct field *field = &question->rescan->options->schema->fields[index];
	*usual = usual_beside(question, feature->field);
	if (!now->values[index].present)
		return NAN;
	double value = 0;
	if (field->type == FIELD_STRING) {
		while ((size_t)value < feature->value_count &&
		       !slice_equal(slice_of(feature->values[(size_t)value]), now->values[index].text))
			value++;
	} else {
		value = rescan_number(field, &now->values[index]);
	}
	return feature->operation == OPERATION_VALUE ? value : copysign(elementary_log1p(fabs(value)), value);
}

/* Chains of quotients settle in as many rounds as there are features. */
static void divide(const struct rescan *rescan, struct vector *vector)
{
	const struct feature_set_options *options = rescan->options;
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

int rescan_vector(const struct rescan *rescan, const struct event *now, struct vector *vector)
{
	const struct feature_set_options *options = rescan->options;
	bool failed = false;
	const struct question asked = {rescan, now, &failed}, *question = &asked;
	assert(vector->usual != NULL);
	vector->flags = 0;
	for (size_t i = 0; i < question->rescan->count; i++)
		if (precedes(question->now, &question->rescan->events[i]->event))
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
		if (question->now->time_ms - feature->window_ms < rescan->complete_since_ms)
			vector->flags |= FLAG_WARMING;
	}
	divide(rescan, vector);
	return failed ? -1 : 0;
}
