/* docs/configuration.md from the table. */
#include "config/config.h"
#include "config/table.h"
#include "number.h"

#include <string.h>

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "*Generated from `config/table.c`; do not edit. `test/unit/test_config --write` makes it anew.*\n"
    "\n"
    "One JSON file describes one pipeline. Every key but those marked **required** has a default, so a configuration "
    "can be\n"
    "as short as this:\n"
    "\n"
    "```json\n"
    "{\n"
    "  \"pipeline\": \"card-fraud\",\n"
    "  \"kafka\": { \"bootstrap_servers\": \"127.0.0.1:9092\", \"input_topic\": \"transactions\" },\n"
    "  \"event\": {\n"
    "    \"id\": \"transaction_id\", \"time\": \"event_time\", \"entity\": \"card_id\",\n"
    "    \"fields\": { \"amount\": { \"type\": \"money\", \"scale\": 2 } }\n"
    "  },\n"
    "  \"features\": [\n"
    "    { \"name\": \"amount_log\", \"op\": \"log1p\", \"field\": \"amount\" },\n"
    "    { \"name\": \"count_1h\", \"op\": \"count\", \"window\": \"1h\" },\n"
    "    { \"name\": \"mean_30d\", \"op\": \"mean\", \"field\": \"amount\", \"window\": \"30d\" }\n"
    "  ]\n"
    "}\n"
    "```\n"
    "\n"
    "Whole ones to begin with are in [examples](examples/). `outlierd check --config FILE` lists every problem of a "
    "file at\n"
    "once; editors can use [schemas/config.schema.json](../schemas/config.schema.json).\n"
    "\n"
    "* Unknown keys, and keys that stand twice, are errors.\n"
    "* Durations are a number and one of `ms s m h d`: `\"90s\"`, `\"30d\"`. Sizes are bytes.\n"
    "* Secrets come from files, never from this file, arguments or the environment. Their names are relative to\n"
    "  `$CREDENTIALS_DIRECTORY` where it has such a file (systemd's `LoadCredential=`), else to the folder of this "
    "file.\n"
    "  One line end at the end of a password does not count.\n"
    "* All other relative file names are relative to the folder of this file.\n"
    "* The file is read at the start. *restart*: a change holds from the next start on. *retrain*: it makes another "
    "feature set,\n"
    "  and a model of the old one is refused. *new state*: it also changes what the kept state means; start with "
    "another\n"
    "  `state.redis.namespace`, or replay.\n";

/* In the order of the enum. */
static const struct operation_help {
	const char *value, *nothing;
} operations[OPERATION_NUMBER] = {
    [OPERATION_COUNT] = {"number of events; with a field, of those where it is not null", "0"},
    [OPERATION_SUM] = {"sum of the field", "0"},
    [OPERATION_DISTINCT] = {"number of different values of the field", "0"},
    [OPERATION_MEAN] = {"mean of the field", "missing"},
    [OPERATION_MIN] = {"least value of the field", "missing"},
    [OPERATION_MAX] = {"greatest value of the field", "missing"},
    [OPERATION_STDDEV] = {"standard deviation of the field (sample, n−1)", "missing, also with one value"},
    [OPERATION_ZSCORE] = {"(current − mean) / standard deviation, the divisor at least one unit of the scale",
			  "missing, also with one value"},
    [OPERATION_RATIO] = {"current / absolute mean, the divisor at least one unit of the scale", "missing"},
    [OPERATION_QUOTIENT] = {"the first feature of `of` / the second", "missing where either is, or the second is 0"},
    [OPERATION_PREVIOUS] = {"the field's last value", "missing"},
    [OPERATION_SINCE_PREVIOUS] = {"seconds since the last event", "missing"},
    [OPERATION_AGE] = {"seconds since the oldest event of the window", "missing"},
    [OPERATION_GEO_SPEED] = {"km/h from the last event that has both coordinates, over at least 1 s", "missing"},
    [OPERATION_PERCENTILE] = {"share of the field's values below the current one, equal ones counted half", "missing"},
    [OPERATION_ROBUST_Z] = {"(current − median) / (1.4826 · median distance from the median), the divisor at least one "
			    "unit of the scale",
			    "missing, also below 5 values"},
    [OPERATION_DECAYED_COUNT] = {"number of events, each counted 2^(−age / `half_life`)", "0"},
    [OPERATION_DECAYED_SUM] = {"sum of the field, each value times 2^(−age / `half_life`)", "0"},
    [OPERATION_DISTANCE_HOME] = {"km from the median latitude and longitude of the events that have both",
				 "missing, also below 5 events"},
    [OPERATION_STREAK] = {"number of latest events in a row for which `where` holds", "0"},
    [OPERATION_BURST] = {"most events in any `interval` inside the window; with a field, of those where it is not null",
			 "0"},
    [OPERATION_VALUE] = {"the event's own field: a number, 0 or 1 of a boolean, the index in `values` of a string",
			 "no window"},
    [OPERATION_LOG1P] = {"sign(x)·log(1 + abs(x)) of that", "no window"},
    [OPERATION_HOUR] = {"hour of the event time, 0 to 23", "no window"},
    [OPERATION_WEEKDAY] = {"day of the week of the event time, Monday 0", "no window"},
};

static void add_operations(struct buffer *out)
{
	buffer_add_text(out,
			"\nA window `W` of an event at time `t` holds the entity's earlier events that match `where`, "
			"back to `t − W`, without\nthe event itself; later arrivals count in their own place in "
			"time. What does not exist is missing, never zero.\n\n"
			"| op | value | with nothing in the window |\n|---|---|---|\n");
	for (size_t i = 0; i < OPERATION_NUMBER; i++)
		buffer_add_format(out, "| `%s` | %s | %s |\n", operation_name((enum operation)i), operations[i].value,
				  operations[i].nothing);
}

static void add_range(struct buffer *out, const struct config_row *row)
{
	char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];
	if (row->kind == ROW_DURATION) {
		duration_format((int64_t)row->least, least);
		duration_format((int64_t)row->most, most);
	} else {
		number_format(row->least, least);
		number_format(row->most, most);
	}
	buffer_add_format(out, ", %s to %s", least, most);
}

static void add_choices(struct buffer *out, const struct config_row *row)
{
	for (size_t i = 0; row->choices[i] != NULL; i++)
		buffer_add_format(out, "%s`%s`", i == 0 ? "" : ", ", row->choices[i]);
}

/* The type without its article: "duration, 1s to 30m". */
static void add_type(struct buffer *out, const struct config_row *row)
{
	switch (row->kind) {
	case ROW_OBJECT:
		buffer_add_text(out, row->shorthand == NULL ? "object" : "path or object");
		break;
	case ROW_OBJECTS:
		buffer_add_text(out, row->single ? "object, or list of them" : "list of objects");
		break;
	case ROW_MAP:
		buffer_add_text(out, "object of objects, keys of your own");
		break;
	case ROW_TEXT_MAP:
		buffer_add_text(out, "object of texts, keys of your own");
		break;
	case ROW_TEXTS:
		buffer_add_text(out, "list of texts");
		break;
	case ROW_TEXT_PAIR:
		buffer_add_text(out, "list of two texts");
		break;
	case ROW_CHOICE:
		add_choices(out, row);
		break;
	case ROW_BOOLEAN:
		buffer_add_text(out, "`true`, `false`");
		break;
	case ROW_INTEGER:
		buffer_add_text(out, "whole number");
		add_range(out, row);
		break;
	case ROW_NUMBER:
		buffer_add_text(out, "number");
		add_range(out, row);
		break;
	case ROW_DURATION:
		buffer_add_text(out, "duration");
		add_range(out, row);
		break;
	case ROW_LITERAL:
		buffer_add_text(out, row->numeric ? "number" : "text, number, `true` or `false`");
		break;
	case ROW_LITERALS:
		buffer_add_text(out, "list of texts, numbers or booleans");
		break;
	case ROW_HOURS:
		buffer_add_text(out, "`[FROM, TO]`");
		break;
	case ROW_UTC_OFFSETS:
		buffer_add_text(out, "offset from UTC, or list of steps");
		break;
	case ROW_TEXT:
	case ROW_TIME: {
		const char *what = config_form(row->form)->what, *noun = strchr(what, ' ');
		buffer_add_text(out, noun == NULL ? what : noun + 1);
		break;
	}
	}
	if (row->nullable)
		buffer_add_text(out, " or `null`");
}

static void add_default(struct buffer *out, const struct config_row *row)
{
	if (row->required)
		buffer_add_text(out, "**required**");
	else if (row->fallback != NULL)
		buffer_add_format(out, "`%s`", row->fallback);
	else
		buffer_add_text(out, row->otherwise == NULL ? "–" : row->otherwise);
}

static void add_row(struct buffer *out, const struct config_row *row)
{
	static const char *const effects[] = {
	    [EFFECT_RESTART] = "restart", [EFFECT_RETRAIN] = "retrain", [EFFECT_NEW_STATE] = "new state"};
	buffer_add_format(out, "| `%s` | ", row->path);
	add_type(out, row);
	buffer_add_text(out, " | ");
	add_default(out, row);
	buffer_add_format(out, " | %s | %s |\n", effects[row->effect], row->help);
}

static bool lies_in(const struct config_row *row, const struct config_row *section)
{
	size_t length = strlen(section->path);
	return strncmp(row->path, section->path, length) == 0 && (row->path[length] == '.' || row->path[length] == '[');
}

static void add_section(struct buffer *out, const struct config_row *section)
{
	size_t count;
	const struct config_row *rows = config_table(&count);
	buffer_add_format(out, "\n## %s\n\n", section->path);
	bool is_object = section->kind == ROW_OBJECT;
	if (is_object)
		buffer_add_format(out, "%s%s%s%s\n\n", section->required ? "**Required.** " : "", section->help,
				  section->otherwise == NULL ? "" : " Default: ",
				  section->otherwise == NULL ? "" : section->otherwise);
	buffer_add_text(out, "| key | type | default | change | meaning |\n|---|---|---|---|---|\n");
	if (!is_object)
		add_row(out, section);
	for (size_t i = 0; i < count; i++)
		if (lies_in(&rows[i], section))
			add_row(out, &rows[i]);
	if (strcmp(section->path, "features") == 0)
		add_operations(out);
}

void config_manual(struct buffer *markdown)
{
	buffer_add_text(markdown, introduction);
	for (const struct config_row *section = NULL; (section = config_table_next("", section)) != NULL;)
		add_section(markdown, section);
}
