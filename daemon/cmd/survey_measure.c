/* What depends on all records of a survey: different values, pairs of them, ranges. Counted by sorting hashes. */
#include "daemon/cmd/survey.h"

#include "sort.h"

#include <math.h>
#include <stdlib.h>

static int compare_hashes(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
	return (one > other) - (one < other);
}

static size_t count_distinct(uint64_t *hashes, size_t count)
{
	size_t distinct = 0;
	qsort(hashes, count, sizeof *hashes, compare_hashes);
	for (size_t i = 0; i < count; i++)
		distinct += i == 0 || hashes[i] != hashes[i - 1];
	return distinct;
}

static int measure_field(struct survey *survey, struct survey_field *field, double *numbers, struct err *err)
{
	size_t hashes = 0;
	field->numeric = 0;
	field->whole = true;
	for (size_t i = 0; i < survey->count; i++) {
		if (field->hashes[i] != 0)
			survey->scratch[hashes++] = field->hashes[i];
		if (isnan(field->numbers[i]))
			continue;
		field->whole = field->whole && floor(field->numbers[i]) == field->numbers[i];
		numbers[field->numeric++] = field->numbers[i];
	}
	field->distinct = count_distinct(survey->scratch, hashes);
	field->least = field->median = field->greatest = NAN;
	if (field->numeric == 0)
		return 0;
	if (sort_doubles(numbers, field->numeric) != 0)
		return err_memory(err);
	field->least = numbers[0];
	field->median = numbers[field->numeric / 2];
	field->greatest = numbers[field->numeric - 1];
	return 0;
}

int survey_measure(struct survey *survey, struct err *err)
{
	double *numbers = calloc(survey->count + 1, sizeof *numbers);
	int status = numbers == NULL ? err_memory(err) : 0;
	for (size_t i = 0; i < survey->field_count && status == 0; i++)
		status = measure_field(survey, &survey->fields[i], numbers, err);
	free(numbers);
	return status;
}

static uint64_t join(uint64_t one, uint64_t other)
{
	const uint64_t both[] = {one, other};
	return survey_hash((struct slice){both, sizeof both});
}

size_t survey_pairs(const struct survey *survey, size_t one, size_t other)
{
	const uint64_t *a = survey->fields[one].hashes, *b = survey->fields[other].hashes;
	size_t count = 0;
	for (size_t i = 0; i < survey->count; i++)
		if (a[i] != 0 && b[i] != 0)
			survey->scratch[count++] = join(a[i], b[i]);
	return count_distinct(survey->scratch, count);
}

size_t survey_pairs_with_keys(const struct survey *survey, size_t field)
{
	const uint64_t *hashes = survey->fields[field].hashes;
	size_t count = 0;
	for (size_t i = 0; i < survey->count; i++)
		if (hashes[i] != 0 && survey->keys[i] != 0)
			survey->scratch[count++] = join(hashes[i], survey->keys[i]);
	return count_distinct(survey->scratch, count);
}

size_t survey_pairs_with_partitions(const struct survey *survey, size_t field)
{
	const uint64_t *hashes = survey->fields[field].hashes;
	size_t count = 0;
	for (size_t i = 0; i < survey->count; i++)
		if (hashes[i] != 0)
			survey->scratch[count++] = join(hashes[i], (uint64_t)survey->partitions[i]);
	return count_distinct(survey->scratch, count);
}

size_t survey_busiest(const struct survey *survey, size_t index, double share)
{
	const struct survey_field *field = &survey->fields[index];
	size_t count = 0, values = 0, run = 0;
	for (size_t i = 0; i < survey->count; i++)
		if (field->hashes[i] != 0)
			survey->scratch[count++] = field->hashes[i];
	qsort(survey->scratch, count, sizeof *survey->scratch, compare_hashes);
	for (size_t i = 0; i < count; i++) { /* the lengths of runs, in place: never ahead of what is read */
		run++;
		if (i + 1 < count && survey->scratch[i + 1] == survey->scratch[i])
			continue;
		survey->scratch[values++] = run;
		run = 0;
	}
	qsort(survey->scratch, values, sizeof *survey->scratch, compare_hashes);
	return values == 0 ? 0 : (size_t)survey->scratch[(size_t)((double)(values - 1) * share)];
}
