/* Hours of the day and offsets from UTC. */
#include "config/draft.h"
#include "number.h"

#define UTC_OFFSETS_MAX 1000 /* steps of one list */

bool config_value_hours(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			const char *path)
{
	struct condition_options *condition = CONFIG_PLACE(struct condition_options, base, row);
	const json_t *from = json_array_get(value, 0), *to = json_array_get(value, 1);
	bool good = json_array_size(value) == 2 && json_is_integer(from) && json_is_integer(to);
	good = good && json_integer_value(from) >= 0 && json_integer_value(from) < CIVIL_HOURS;
	good = good && json_integer_value(to) >= 0 && json_integer_value(to) <= CIVIL_HOURS;
	if (!good)
		return config_value_refuse(draft, value, path, "a pair of hours",
					   "[FROM, TO] with FROM from 0 to 23 and TO from 0 to 24, such as [22, 6]");
	if (json_integer_value(from) == json_integer_value(to)) {
		char shown[VALUE_SHOWN_MAX];
		config_problem_add(draft->problems, path, "%s covers no hour", config_value_show(value, shown));
		return false;
	}
	condition->has_hours = true;
	condition->hours_from = (int)json_integer_value(from);
	condition->hours_to = (int)json_integer_value(to);
	return true;
}

static bool take_offset(struct draft *draft, const json_t *value, struct utc_offset *step, const char *path)
{
	const char *text = json_string_value(value);
	if (text == NULL || !config_value_matches(FORM_UTC_OFFSET, text, &draft->problems->out_of_memory))
		return config_value_refuse_form(draft, value, path, FORM_UTC_OFFSET);
	int64_t hours = (text[1] - '0') * 10 + text[2] - '0', minutes = (text[4] - '0') * 10 + text[5] - '0';
	step->offset_ms = (hours * 60 + minutes) * 60000 * (text[0] == '-' ? -1 : 1);
	return true;
}

/* One `[from_utc, offset]`: null first, then ascending times. */
static bool take_step(struct draft *draft, const json_t *value, size_t i, struct utc_offset *steps, const char *path)
{
	const json_t *from = json_array_get(value, 0);
	if (json_array_size(value) != 2)
		return config_value_refuse(draft, value, path, "a step",
					   "[FROM_UTC, OFFSET], such as [null, \"+01:00\"]");
	steps[i].from_utc_ms = INT64_MIN;
	char inner[CONFIG_PATH_MAX];
	config_path_element(inner, path, 0);
	if (i == 0) {
		if (!json_is_null(from))
			return config_value_refuse(draft, from, inner, "null",
						   "null: the first offset holds from the beginning");
	} else if (!json_is_string(from) ||
		   time_parse_rfc3339(slice_of(json_string_value(from)), &steps[i].from_utc_ms) != 0) {
		return config_value_refuse_form(draft, from, inner, FORM_TIME);
	} else if (steps[i].from_utc_ms <= steps[i - 1].from_utc_ms) {
		return config_value_refuse(draft, from, inner, "after the step before it",
					   "the steps in order of time");
	}
	config_path_element(inner, path, 1);
	return take_offset(draft, json_array_get(value, 1), &steps[i], inner);
}

bool config_value_offsets(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			  const char *path)
{
	size_t count = json_is_array(value) ? json_array_size(value) : 1;
	if (count == 0 || count > UTC_OFFSETS_MAX)
		return config_value_refuse(
		    draft, value, path, "an offset or a list of steps",
		    "\"+01:00\", or [[null, \"+01:00\"], [\"2026-03-29T01:00:00Z\", \"+02:00\"]]");
	struct utc_offset *steps = arena_take_zeroed(draft->arena, count, sizeof *steps);
	if (steps == NULL) {
		draft->problems->out_of_memory = true;
		return false;
	}
	if (!json_is_array(value)) {
		steps->from_utc_ms = INT64_MIN;
		if (!take_offset(draft, value, steps, path))
			return false;
	}
	for (size_t i = 0; json_is_array(value) && i < count; i++) {
		char inner[CONFIG_PATH_MAX];
		config_path_element(inner, path, i);
		if (!take_step(draft, json_array_get(value, i), i, steps, inner))
			return false;
	}
	config_value_put_list(row, base, steps, count);
	return true;
}
