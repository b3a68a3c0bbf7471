/* Spans of time: how late events come, how much history there is, and which windows it fills. */
#include "daemon/cmd/proposal_parts.h"

#include "features/watermark.h"
#include "number.h"
#include "sort.h"

#include <math.h>
#include <stdlib.h>

#define NEARLY_ALWAYS 0.999
#define NEARLY_TWICE 1.9 /* of a window, is the history that fills it and leaves as much to train on */
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define EVENTS_MAX 1024        /* state.max_events by default: beyond, windows are approximate */
#define BUSY_SHARE 0.99        /* of the entities that shall stay below */
#define AHEAD_MIN (5 * MINUTE) /* the default */

/* The least of the sane durations that is not shorter. */
static int64_t round_up(double ms, int64_t least, int64_t most)
{
	static const int64_t sane[] = {MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
				       HOUR,   2 * HOUR,   3 * HOUR,   6 * HOUR,    12 * HOUR,   DAY};
	for (size_t i = 0; i < sizeof sane / sizeof *sane; i++)
		if (sane[i] >= least && (double)sane[i] >= ms)
			return sane[i] < most ? sane[i] : most;
	return most;
}

/* Of sorted values; 0 where there are none. */
static int64_t quantile(const double *values, size_t count, double share)
{
	return count == 0 ? 0 : (int64_t)values[(size_t)ceil((double)count * share) - 1];
}

/* How far each event is behind the watermark that the daemon would have read before it. */
static int see_disorder(const struct survey *survey, struct proposal *proposal, double *behind, double *ahead,
			struct err *err)
{
	struct watermark *marks = calloc((size_t)survey->partition_count + 1, sizeof *marks);
	const struct survey_field *entity = &survey->fields[proposal->entity.field];
	size_t count = 0, aheads = 0;
	if (marks == NULL)
		return err_memory(err);
	for (int32_t i = 0; i <= survey->partition_count; i++)
		watermark_init(&marks[i]);
	for (size_t i = 0; i < survey->count; i++) {
		double ms = proposal_time_ms(survey, proposal, i);
		int32_t partition = survey->partitions[i];
		if (isnan(ms) || fabs(ms) > (double)EVENT_TIME_MAX_MS || partition < 0 ||
		    partition >= survey->partition_count)
			continue;
		struct watermark *mark = &marks[partition];
		int64_t at = watermark_ms(mark);
		behind[count++] = at == WATERMARK_NONE || ms >= (double)at ? 0 : (double)at - ms;
		if (survey->timestamps_ms[i] >= 0)
			ahead[aheads++] = fmax(ms - (double)survey->timestamps_ms[i], 0);
		watermark_advance(mark, (struct slice){&entity->hashes[i], sizeof entity->hashes[i]}, (int64_t)ms);
	}
	free(marks);
	if (sort_doubles(behind, count) != 0 || sort_doubles(ahead, aheads) != 0)
		return err_memory(err);
	proposal->behind_ms = quantile(behind, count, NEARLY_ALWAYS);
	proposal->behind_most_ms = quantile(behind, count, 1);
	proposal->ahead_ms = quantile(ahead, aheads, NEARLY_ALWAYS);
	return 0;
}

/* The least and greatest event time; of the first records too, where they are known. */
static void see_history(const struct survey *survey, const struct survey *firsts, struct proposal *proposal,
			int64_t *sampled_ms)
{
	double least = INFINITY, greatest = -INFINITY;
	for (size_t i = 0; i < survey->count; i++) {
		double ms = proposal_time_ms(survey, proposal, i);
		least = isnan(ms) ? least : fmin(least, ms);
		greatest = isnan(ms) ? greatest : fmax(greatest, ms);
	}
	*sampled_ms = greatest > least ? (int64_t)(greatest - least) : 0;
	int field = firsts == NULL ? -1 : survey_find(firsts, survey->fields[proposal->time.field].path);
	for (size_t i = 0; field >= 0 && i < firsts->count; i++) {
		struct proposal there = {.time.field = field, .unit = proposal->unit};
		double ms = proposal_time_ms(firsts, &there, i);
		least = isnan(ms) ? least : fmin(least, ms);
	}
	proposal->history_ms = greatest > least ? (int64_t)(greatest - least) : 0;
}

static const struct ladder {
	int64_t whole, middle, brief;
} ladder[] = {
    {30 * DAY, DAY, HOUR},
    {14 * DAY, DAY, HOUR},
    {7 * DAY, DAY, HOUR},
    {3 * DAY, DAY, HOUR},
    {DAY, 6 * HOUR, HOUR},
    {12 * HOUR, 3 * HOUR, 30 * MINUTE},
    {6 * HOUR, HOUR, 15 * MINUTE},
    {3 * HOUR, HOUR, 10 * MINUTE},
    {HOUR, 20 * MINUTE, 5 * MINUTE},
    {30 * MINUTE, 10 * MINUTE, 2 * MINUTE},
    {10 * MINUTE, 5 * MINUTE, MINUTE},
};

#define LADDER (sizeof ladder / sizeof *ladder)

static void choose_windows(const struct survey *survey, const struct proposal_options *options,
			   struct proposal *proposal, int64_t sampled_ms)
{
	size_t step = 0, history_step = 0;
	char history[NUMBER_TEXT_MAX], whole[NUMBER_TEXT_MAX];
	double busy = (double)survey_busiest(survey, (size_t)proposal->entity.field, BUSY_SHARE);
	/* Half of what is there fills the windows, the other half is left to train on. */
	while (step + 1 < LADDER && NEARLY_TWICE * (double)ladder[step].whole > (double)proposal->history_ms)
		step++;
	while (step + 1 < LADDER && options->retention_ms > 0 && ladder[step].whole > options->retention_ms)
		step++;
	history_step = step;
	/* A busy entity's events must fit into what is kept exactly. */
	while (step + 1 < LADDER && sampled_ms > 0 &&
	       busy / (double)sampled_ms * (double)(ladder[step].whole + proposal->allowed_lateness_ms) > EVENTS_MAX)
		step++;
	proposal->long_ms = ladder[step].whole;
	proposal->middle_ms = ladder[step].middle;
	proposal->short_ms = ladder[step].brief;
	proposal->ratio_ms = proposal->long_ms >= 14 * DAY ? 7 * DAY : proposal->long_ms;
	proposal_span(proposal->history_ms, history);
	duration_format(proposal->long_ms, whole);
	proposal_append(proposal->windows_why,
			"the topic spans %s of event time; a longest window of %s leaves half of it to train on",
			history, whole);
	if (step > history_step)
		proposal_append(proposal->windows_why,
				"a longer one would hold more than %d events of the busiest entities, of which only so "
				"many are kept exactly (state.max_events)",
				EVENTS_MAX);
	if (NEARLY_TWICE * (double)proposal->long_ms > (double)proposal->history_ms)
		proposal_append(
		    proposal->windows_why,
		    "which is less than even the shortest window needs: let the topic fill before you train");
}

int proposal_choose_spans(const struct survey *survey, const struct proposal_options *options,
			  struct proposal *proposal, struct err *err)
{
	double *behind = calloc(survey->count + 1, sizeof *behind), *ahead = calloc(survey->count + 1, sizeof *ahead);
	int status =
	    behind == NULL || ahead == NULL ? err_memory(err) : see_disorder(survey, proposal, behind, ahead, err);
	int64_t sampled_ms = 0;
	free(behind);
	free(ahead);
	if (status != 0)
		return -1;
	proposal->allowed_lateness_ms = round_up((double)proposal->behind_ms, MINUTE, DAY);
	proposal->max_ahead_ms = round_up((double)proposal->ahead_ms, AHEAD_MIN, DAY);
	see_history(survey, options->firsts, proposal, &sampled_ms);
	choose_windows(survey, options, proposal, sampled_ms);
	return 0;
}
