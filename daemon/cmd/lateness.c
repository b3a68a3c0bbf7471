#include "daemon/cmd/lateness.h"

#include "daemon/cmd/id_index.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int lateness_init(struct lateness *lateness, bool grouped, struct err *err)
{
	*lateness = (struct lateness){.unnamed = 0};
	if (!grouped)
		return 0;
	lateness->names = calloc(1, sizeof *lateness->names);
	lateness->groups = calloc(LATENESS_GROUPS_MAX, sizeof(struct lateness_group *));
	return lateness->names == NULL || lateness->groups == NULL ? err_memory(err) : 0;
}

static int add(struct lateness_group *group, int64_t behind_ms, bool accepted, struct err *err)
{
	group->events++;
	group->too_late += !accepted;
	group->late += behind_ms > 0;
	if (behind_ms <= 0)
		return 0;
	if (group->count == group->capacity) {
		size_t capacity = group->capacity == 0 ? 16 : 2 * group->capacity;
		int64_t *more = realloc(group->behind_ms, capacity * sizeof *more);
		if (more == NULL)
			return err_memory(err);
		group->behind_ms = more;
		group->capacity = capacity;
	}
	group->behind_ms[group->count++] = behind_ms;
	return 0;
}

/* NULL without error: there are too many groups already. */
static struct lateness_group *group_of(struct lateness *lateness, struct slice name, struct err *err)
{
	size_t number = lateness->group_count;
	if (number == LATENESS_GROUPS_MAX)
		return id_index_find(lateness->names, name, &number) ? lateness->groups[number] : NULL;
	int status = id_index_add(lateness->names, name, &number, err);
	if (status <= 0)
		return status == 0 ? lateness->groups[number] : NULL;
	struct lateness_group *group = calloc(1, sizeof *group);
	char *copy = strndup(name.length == 0 ? "" : name.data, name.length);
	if (group == NULL || copy == NULL) {
		free(group);
		free(copy);
		(void)err_memory(err);
		return NULL;
	}
	group->name = copy;
	lateness->groups[lateness->group_count++] = group;
	return group;
}

int lateness_add(struct lateness *lateness, struct slice name, int64_t behind_ms, bool accepted, struct err *err)
{
	if (add(&lateness->all, behind_ms, accepted, err) != 0)
		return -1;
	if (lateness->names == NULL)
		return 0;
	struct lateness_group *group = group_of(lateness, name, err);
	if (group != NULL)
		return add(group, behind_ms, accepted, err);
	lateness->unnamed += !err_is_set(err);
	return err_is_set(err) ? -1 : 0;
}

static int ascending(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static int most_late_first(const void *left, const void *right)
{
	const struct lateness_group *const *a = left, *const *b = right;
	if ((*a)->late != (*b)->late)
		return (*a)->late > (*b)->late ? -1 : 1;
	return strcmp((*a)->name, (*b)->name);
}

static void sort(struct lateness_group *group)
{
	if (group->count > 0)
		qsort(group->behind_ms, group->count, sizeof *group->behind_ms, ascending);
}

void lateness_settle(struct lateness *lateness)
{
	sort(&lateness->all);
	for (size_t i = 0; i < lateness->group_count; i++)
		sort(lateness->groups[i]);
	if (lateness->group_count > 0)
		qsort(lateness->groups, lateness->group_count, sizeof(struct lateness_group *), most_late_first);
}

int64_t lateness_quantile(const struct lateness_group *group, double p)
{
	assert(p >= 0 && p <= 1);
	/* The share is taken to nine decimals: 1 - 0.001 of a million events is not 999,000.0000000001 of them. */
	double wanted = ceil(rint(p * 1e9) / 1e9 * (double)group->events - 1e-6);
	uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted, on_time = group->events - group->count;
	if (rank <= on_time || group->count == 0)
		return 0;
	size_t place = (size_t)(rank - on_time) - 1;
	return group->behind_ms[place < group->count ? place : group->count - 1];
}

void lateness_free(struct lateness *lateness)
{
	for (size_t i = 0; i < lateness->group_count; i++) {
		free(lateness->groups[i]->name);
		free(lateness->groups[i]->behind_ms);
		free(lateness->groups[i]);
	}
	free(lateness->groups);
	free(lateness->all.behind_ms);
	if (lateness->names != NULL)
		id_index_free(lateness->names);
	free(lateness->names);
	*lateness = (struct lateness){.unnamed = 0};
}
