#include "features/canonical.h"
#include "features/plan.h"

#include <assert.h>
#include <stdlib.h>

/* A slot before the groups have their final order. */
struct request {
	int group;
	size_t window;
	int slot; /* where it went */
};

/* What is being laid out. */
struct layout {
	struct feature_set *set;
	struct group groups[GROUPS_MAX];
	int order_of[GROUPS_MAX]; /* final index of a group */
	size_t group_count;
	struct request requests[SLOTS_MAX];
	size_t request_count;
};

static const struct field *field_at(const struct feature_set *set, int index)
{
	assert(index >= 0 && (size_t)index < set->schema->field_count);
	return &set->schema->fields[index];
}

/* Fields that a feature with a window reads get a column, or all. */
static int lay_out_columns(struct feature_set *set)
{
	bool kept[EVENT_FIELDS_MAX] = {false};
	for (size_t i = 0; set->keeps_all && i < set->schema->field_count; i++)
		kept[i] = true;
	for (size_t i = 0; i < set->feature_count; i++) {
		const struct feature *feature = &set->features[i];
		if (feature->window_ms == 0)
			continue;
		if (feature->field != NONE)
			kept[feature->field] = true;
		if (feature->second_field != NONE)
			kept[feature->second_field] = true;
		for (size_t j = 0; feature->filter != NONE && j < set->filters[feature->filter].count; j++)
			if (set->filters[feature->filter].tests[j].kind != TEST_HOURS)
				kept[set->filters[feature->filter].tests[j].field] = true;
	}
	int fields[EVENT_FIELDS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < EVENT_FIELDS_MAX; i++) {
		set->column_of[i] = NONE;
		if (kept[i])
			fields[count++] = (int)i;
	}
	int columns = canonical_sort(set->schema, fields, count, set->columns, set->column_of);
	set->column_count = columns < 0 ? 0 : (size_t)columns;
	for (int column = 0; column < columns; column++) {
		if (field_at(set, set->columns[column])->type == FIELD_STRING)
			set->strings[set->string_count++] = column;
		else
			set->others[set->other_count++] = column;
	}
	return columns < 0 ? -1 : 0;
}

static void point_to_columns(struct feature_set *set)
{
	for (size_t i = 0; i < set->feature_count; i++) {
		struct feature *feature = &set->features[i];
		const struct field *field = feature->field == NONE ? NULL : field_at(set, feature->field);
		if (field != NULL)
			feature->column = set->column_of[feature->field];
		if (feature->second_field != NONE)
			feature->second_column = set->column_of[feature->second_field];
		if (field != NULL && field_kind(field) == VALUE_UNITS && field->type != FIELD_BOOLEAN)
			for (int digit = 0; digit < field->scale; digit++)
				feature->unit *= 10;
	}
	for (size_t i = 0; i < set->filter_count; i++)
		for (size_t j = 0; j < set->filters[i].count; j++)
			if (set->filters[i].tests[j].kind != TEST_HOURS)
				set->filters[i].tests[j].column = set->column_of[set->filters[i].tests[j].field];
}

static int compare_times(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int lay_out_windows(struct feature_set *set)
{
	set->windows = calloc(set->feature_count + 1, sizeof *set->windows);
	if (set->windows == NULL)
		return -1;
	size_t count = 0;
	for (size_t i = 0; i < set->feature_count; i++)
		if (set->features[i].window_ms > 0)
			set->windows[count++] = set->features[i].window_ms;
	qsort(set->windows, count, sizeof *set->windows, compare_times);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || set->windows[i] != set->windows[i - 1])
			set->windows[set->window_count++] = set->windows[i];
	for (size_t i = 0; i < set->feature_count; i++) {
		struct feature *feature = &set->features[i];
		while (feature->window_ms > 0 && set->windows[feature->window] != feature->window_ms)
			feature->window++;
		feature->warm_ms = feature->window_ms;
	}
	for (size_t i = 0; i < set->quotient_count; i++) {
		struct feature *whole = &set->features[set->quotients[i]];
		for (size_t part = 0; part < 2; part++)
			if (set->features[whole->of[part]].warm_ms > whole->warm_ms)
				whole->warm_ms = set->features[whole->of[part]].warm_ms;
	}
	set->longest_ms = set->window_count == 0 ? 0 : set->windows[set->window_count - 1];
	set->reach_ms = set->longest_ms + set->schema->allowed_lateness_ms;
	set->pane_ms = (set->reach_ms + PANES_PER_REACH - 1) / PANES_PER_REACH;
	if (set->pane_ms == 0)
		set->pane_ms = 1;
	return 0;
}

static int find_group(struct layout *layout, int column, int filter, bool distinct)
{
	for (size_t i = 0; i < layout->group_count; i++) {
		const struct group *group = &layout->groups[i];
		if (group->column == column && group->filter == filter && (group->needs == NEED_DISTINCT) == distinct)
			return (int)i;
	}
	assert(layout->group_count < GROUPS_MAX);
	const struct feature_set *set = layout->set;
	layout->groups[layout->group_count] =
	    (struct group){.column = column,
			   .filter = filter,
			   .kind = column == NONE ? VALUE_TEXT : field_kind(field_at(set, set->columns[column])),
			   .needs = distinct ? NEED_DISTINCT : 0,
			   .tally = NONE};
	return (int)layout->group_count++;
}

/* The request for these sums over this window; needs are added to its group's. */
static int request(struct layout *layout, int column, int filter, size_t window, unsigned needs)
{
	int index = find_group(layout, column, filter, needs == NEED_DISTINCT);
	struct group *group = &layout->groups[index];
	group->needs |= needs;
	if (layout->set->windows[window] > group->longest_ms)
		group->longest_ms = layout->set->windows[window];
	for (size_t i = 0; i < layout->request_count; i++)
		if (layout->requests[i].group == index && layout->requests[i].window == window)
			return (int)i;
	assert(layout->request_count < SLOTS_MAX);
	layout->requests[layout->request_count] = (struct request){index, window, NONE};
	return (int)layout->request_count++;
}

/* The longest window that a feature without `where` has over the field; NULL: there is none. */
static const struct feature *longest_over(const struct feature_set *set, int field)
{
	const struct feature *longest = NULL;
	for (size_t i = 0; i < set->feature_count; i++) {
		const struct feature *feature = &set->features[i];
		if (feature->window_ms > 0 && feature->field == field && feature->filter == NONE &&
		    (operation_rule(feature->operation)->traits & TRAIT_PLACE) == 0 &&
		    (longest == NULL || feature->window_ms > longest->window_ms))
			longest = feature;
	}
	return longest;
}

static void request_all(struct layout *layout)
{
	struct feature_set *set = layout->set;
	for (size_t i = 0; i < set->feature_count; i++) {
		struct feature *feature = &set->features[i];
		const struct operation_rule *rule = operation_rule(feature->operation);
		set->picks |= (rule->traits & TRAIT_PICKS) != 0;
		if (rule->sums)
			feature->slot = request(layout, feature->column, feature->filter, feature->window, rule->needs);
		if (feature->operation == OPERATION_ZSCORE || feature->operation == OPERATION_RATIO)
			feature->usual_slot = feature->slot;
		bool own = feature->operation == OPERATION_VALUE || feature->operation == OPERATION_LOG1P;
		if (!own || field_kind(field_at(set, feature->field)) != VALUE_UNITS)
			continue;
		const struct feature *longest = longest_over(set, feature->field);
		if (longest != NULL)
			feature->usual_slot = request(layout, longest->column, NONE, longest->window, NEED_SUM);
	}
}

/* Groups of one filter stand together, the longest window first; each distinct group stands alone behind them. */
static bool group_precedes(const struct group *a, const struct group *b)
{
	if (a->filter != b->filter)
		return a->filter < b->filter;
	bool a_distinct = a->needs == NEED_DISTINCT, b_distinct = b->needs == NEED_DISTINCT;
	if (a_distinct != b_distinct)
		return b_distinct;
	if (a->longest_ms != b->longest_ms)
		return a->longest_ms > b->longest_ms;
	return a->column < b->column;
}

static void order_groups(struct layout *layout)
{
	struct feature_set *set = layout->set;
	for (size_t i = 0; i < layout->group_count; i++) {
		size_t place = 0;
		for (size_t j = 0; j < layout->group_count; j++)
			place += j != i && group_precedes(&layout->groups[j], &layout->groups[i]);
		layout->order_of[i] = (int)place;
		set->groups[place] = layout->groups[i];
	}
	set->group_count = layout->group_count;
}

/* The segments and slots of one scan. */
static void lay_out_scan(struct layout *layout, struct scan *scan)
{
	struct feature_set *set = layout->set;
	scan->first_segment = set->segment_count;
	for (size_t window = 0; window < set->window_count; window++) {
		struct segment segment = {.window = window, .first_slot = set->slot_count};
		for (size_t i = 0; i < layout->request_count; i++) {
			struct request *wanted = &layout->requests[i];
			size_t group = (size_t)layout->order_of[wanted->group];
			if (wanted->window != window || group < scan->first_group ||
			    group >= scan->first_group + scan->group_count)
				continue;
			wanted->slot = (int)set->slot_count;
			set->slots[set->slot_count++] = (struct slot){group, window};
		}
		segment.slot_count = set->slot_count - segment.first_slot;
		if (segment.slot_count == 0)
			continue;
		while (segment.active < scan->group_count &&
		       set->groups[scan->first_group + segment.active].longest_ms >= set->windows[window])
			segment.active++;
		assert(segment.active > 0);
		set->segments[set->segment_count++] = segment;
	}
	scan->segment_count = set->segment_count - scan->first_segment;
}

static void lay_out_scans(struct layout *layout)
{
	struct feature_set *set = layout->set;
	for (size_t first = 0; first < set->group_count;) {
		const struct group *group = &set->groups[first];
		bool distinct = group->needs == NEED_DISTINCT;
		size_t end = first + 1;
		while (!distinct && end < set->group_count && set->groups[end].filter == group->filter &&
		       set->groups[end].needs != NEED_DISTINCT)
			end++;
		struct scan *scan = &set->scans[set->scan_count++];
		*scan = (struct scan){
		    .filter = group->filter, .distinct = distinct, .first_group = first, .group_count = end - first};
		lay_out_scan(layout, scan);
		first = end;
	}
	for (size_t i = 0; i < set->feature_count; i++) {
		struct feature *feature = &set->features[i];
		if (feature->slot != NONE)
			feature->slot = layout->requests[feature->slot].slot;
		if (feature->usual_slot != NONE)
			feature->usual_slot = layout->requests[feature->usual_slot].slot;
	}
}

static int compare_tallies(const void *a, const void *b)
{
	const struct tally *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

static int add_tally(struct feature_set *set, const struct feature *feature)
{
	for (size_t i = 0; i < set->tally_count; i++)
		if (set->tallies[i].column == feature->column && set->tallies[i].filter == feature->filter)
			return 0;
	const struct field *field = feature->column == NONE ? NULL : field_at(set, set->columns[feature->column]);
	struct tally *tally = &set->tallies[set->tally_count++];
	tally->column = feature->column;
	tally->filter = feature->filter;
	tally->kind = field == NULL ? VALUE_TEXT : field_kind(field);
	return canonical_tally_id(field, feature->filter == NONE ? "[]" : set->filter_texts[feature->filter],
				  &tally->id);
}

static int lay_out_tallies(struct feature_set *set)
{
	for (size_t i = 0; i < set->feature_count; i++) {
		const struct feature *feature = &set->features[i];
		bool same = feature->filter != NONE && set->filters[feature->filter].same;
		if (operation_rule(feature->operation)->foldable && !same && add_tally(set, feature) != 0)
			return -1;
	}
	qsort(set->tallies, set->tally_count, sizeof *set->tallies, compare_tallies);
	for (size_t i = 0; i < set->group_count; i++)
		for (size_t j = 0; j < set->tally_count; j++)
			if (set->groups[i].needs != NEED_DISTINCT && set->tallies[j].column == set->groups[i].column &&
			    set->tallies[j].filter == set->groups[i].filter)
				set->groups[i].tally = (int)j;
	return 0;
}

int plan_compile(struct feature_set *set)
{
	struct layout *layout = calloc(1, sizeof *layout);
	set->groups = calloc(GROUPS_MAX, sizeof *set->groups);
	set->slots = calloc(SLOTS_MAX, sizeof *set->slots);
	set->segments = calloc(SLOTS_MAX, sizeof *set->segments);
	set->scans = calloc(GROUPS_MAX, sizeof *set->scans);
	set->tallies = calloc(FEATURES_MAX, sizeof *set->tallies);
	int status = -1;
	if (layout == NULL || set->groups == NULL || set->slots == NULL || set->segments == NULL ||
	    set->scans == NULL || set->tallies == NULL || lay_out_columns(set) != 0 || lay_out_windows(set) != 0)
		goto free_layout;
	layout->set = set;
	point_to_columns(set);
	request_all(layout);
	order_groups(layout);
	lay_out_scans(layout);
	status = lay_out_tallies(set);
free_layout:
	free(layout);
	return status;
}
