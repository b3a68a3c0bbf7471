/* Which field is the event's time, and what its numbers count. */
#include "daemon/cmd/proposal_parts.h"

#include "number.h"
#include "sort.h"

#include <math.h>
#include <stdlib.h>

#define YEAR_2000_MS 946684800000.0
#define YEAR_2100_MS 4102444800000.0
#define NEARLY_ALL 0.99
#define MINUTE_MS 60e3
#define HOUR_MS 3600e3
#define DAY_MS 86400e3

static const char good[] =
    "event occurred occur transaction txn booking booked time timestamp ts date datetime at when "
    "executed execution created authorised authorized authorization authorisation";
static const char bad[] =
    "expiry expires expiration birth birthday dob valid validity settle settled settlement updated "
    "modified processed processing ingest ingested ingestion until due opened closed";

static double ms_per(enum time_unit unit)
{
	return unit == TIME_S ? 1000 : unit == TIME_US ? 0.001 : 1;
}

enum time_unit proposal_unit(const struct survey *survey, size_t index)
{
	static const enum time_unit units[] = {TIME_S, TIME_MS, TIME_US};
	const struct survey_field *field = &survey->fields[index];
	for (size_t i = 0; i < sizeof units / sizeof *units && field->numeric > 0 && field->whole; i++) {
		size_t inside = 0;
		for (size_t j = 0; j < survey->count; j++) {
			double ms = field->numbers[j] * ms_per(units[i]);
			inside += ms >= YEAR_2000_MS && ms < YEAR_2100_MS;
		}
		if ((double)inside >= NEARLY_ALL * (double)field->numeric)
			return units[i];
	}
	return TIME_LOGICAL;
}

double proposal_time_ms(const struct survey *survey, const struct proposal *proposal, size_t record)
{
	const struct survey_field *field = &survey->fields[proposal->time.field];
	bool ms = proposal->unit == TIME_LOGICAL || proposal->unit == TIME_RFC3339;
	return ms ? field->numbers[record] : floor(field->numbers[record] * ms_per(proposal->unit));
}

/* Whether events can take their time from it; its unit. */
static bool can_be_time(const struct survey *survey, size_t index, enum time_unit *unit)
{
	const struct survey_field *field = &survey->fields[index];
	*unit = TIME_LOGICAL;
	if (!proposal_usable(survey, index) || !proposal_always(survey, index) || field->numeric == 0)
		return false;
	switch (field->kind) {
	case SURVEY_MILLIS:
	case SURVEY_MICROS:
		return true;
	case SURVEY_STRING:
		*unit = TIME_RFC3339;
		return (double)field->instants >= NEARLY_ALL * (double)field->present;
	case SURVEY_INTEGER:
	case SURVEY_REAL:
		*unit = proposal_unit(survey, index);
		return *unit != TIME_LOGICAL;
	default:
		return false;
	}
}

/* The median of how far the times are from the records' timestamps; NaN: there are none. */
static int distance(const struct survey *survey, const struct proposal *trial, double *median, struct err *err)
{
	double *all = calloc(survey->count + 1, sizeof *all);
	size_t count = 0;
	*median = NAN;
	if (all == NULL)
		return err_memory(err);
	for (size_t i = 0; i < survey->count; i++) {
		double ms = proposal_time_ms(survey, trial, i);
		if (survey->timestamps_ms[i] >= 0 && !isnan(ms))
			all[count++] = fabs(ms - (double)survey->timestamps_ms[i]);
	}
	int status = sort_doubles(all, count) == 0 ? 0 : err_memory(err);
	if (status == 0 && count > 0)
		*median = all[count / 2];
	free(all);
	return status;
}

static int closeness(double far)
{
	if (isnan(far))
		return 0;
	return far < MINUTE_MS ? 30 : far < HOUR_MS ? 25 : far < DAY_MS ? 20 : far < 30 * DAY_MS ? 10 : 0;
}

static int points(const struct survey *survey, size_t index, double far)
{
	const struct survey_field *field = &survey->fields[index];
	bool logical = field->kind == SURVEY_MILLIS || field->kind == SURVEY_MICROS;
	bool named = proposal_named(proposal_last(field->path), good);
	int sum = (logical ? 30 : field->kind == SURVEY_STRING ? 20 : 10) + closeness(far);
	sum += named ? 20 : 0;
	sum -= proposal_named(field->path, bad) ? 60 : 0;
	sum -= field->distinct == 1 && field->present > 1 ? 50 : 0;
	/* A plain number of that size may be anything. */
	if (!logical && field->kind != SURVEY_STRING && !named && (isnan(far) || far > 366 * DAY_MS))
		sum -= 60;
	return sum;
}

static void say_why(const struct survey *survey, struct proposal *proposal, double far, bool wanted)
{
	static const char *const counts[] = {"", "ms since 1970", "\u00b5s since 1970", "s since 1970",
					     "RFC 3339 texts"};
	const struct survey_field *field = &survey->fields[proposal->time.field];
	char *why = proposal->time.why, text[NUMBER_TEXT_MAX];
	proposal_append(why, "%s%s", wanted ? "as --time says; " : "", survey_kind_name(field->kind));
	if (proposal->unit != TIME_LOGICAL)
		proposal_append(why, "its values are %s", counts[proposal->unit]);
	if (!isnan(far)) {
		proposal_span((int64_t)far, text);
		proposal_append(why, "half of the events are within %s of their record's timestamp", text);
	}
}

int proposal_choose_time(const struct survey *survey, const char *wanted, struct proposal *proposal, struct err *err)
{
	int best = -1, best_points = 0, asked = wanted == NULL ? -1 : survey_find(survey, wanted);
	double best_far = NAN;
	char others[PROPOSAL_TEXT_MAX] = "";
	if (wanted != NULL && asked < 0)
		return err_set(err, ERR_USAGE, "--time: the schema has no field \"%s\" that is one value", wanted);
	for (size_t i = 0; i < survey->field_count; i++) {
		struct proposal trial = {.time.field = (int)i};
		if (!can_be_time(survey, i, &trial.unit))
			continue;
		double far;
		if (distance(survey, &trial, &far, err) != 0)
			return -1;
		int sum = points(survey, i, far);
		bool better = asked >= 0 ? (int)i == asked : sum > best_points;
		if (better && best >= 0)
			proposal_append(others, "%s", survey->fields[best].path);
		else if (!better && sum > 0)
			proposal_append(others, "%s", survey->fields[i].path);
		if (better) {
			best = (int)i;
			best_points = asked >= 0 ? INT32_MAX : sum;
			best_far = far;
			proposal->unit = trial.unit;
		}
	}
	if (asked >= 0 && best != asked)
		return err_set(err, ERR_USAGE,
			       "--time: the values of %s are no times: needed are an Avro timestamp, whole numbers of "
			       "s, ms or \u00b5s from the years 2000 to 2100, or RFC 3339 texts, in every record",
			       wanted);
	if (best < 0)
		return err_set(
		    err, ERR_DATA,
		    "no field tells when an event happened: none is an Avro timestamp, a whole number of s, "
		    "ms or \u00b5s near the records' timestamps, or an RFC 3339 text in every record. If one "
		    "does, name it: --time FIELD");
	proposal->time.field = best;
	strcpy(proposal->time.others, others);
	say_why(survey, proposal, best_far, asked >= 0);
	return 0;
}
