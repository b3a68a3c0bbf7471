/* outlierd late: how late the events of a stretch come, and what allowed_lateness costs. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/lateness.h"
#include "daemon/cmd/past_run.h"
#include "json.h"
#include "number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define NAME "late"
#define MEMORY_DEFAULT_MB 4096
#define TOP_DEFAULT 20
#define LOSSES_MAX 32

static const double quantiles[] = {0.5, 0.9, 0.99, 0.999, 1};
#define QUANTILES (sizeof quantiles / sizeof *quantiles)

struct arguments {
	const char *config, *from, *to, *by;
	struct common_list loss;
	int64_t memory_mb, top;
	bool json;
};

struct run {
	struct arguments arguments;
	double losses[LOSSES_MAX];
	size_t loss_count;
	struct world world;
	int field; /* by which events are grouped; -1: by the record's key, or not at all */
	struct watermark watermark;
	struct lateness lateness;
	uint64_t outcomes[OUTCOME_NUMBER], flagged_late, folded;
	struct common_progress progress;
	uint64_t before, total;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config, .required = true, .help = "the configuration"},
	    {"from", "EDGE", COMMON_TEXT, &arguments->from,
	     .help = "the first records (earliest):\n" STRETCH_EDGE_HELP},
	    {"to", "EDGE", COMMON_TEXT, &arguments->to, .help = "the end, not included (latest)"},
	    {"by", "key|FIELD", COMMON_TEXT, &arguments->by,
	     .help = "also for each key of the records, or value of a string field:\na producer, a channel, a shop"},
	    {"top", "N", COMMON_INTEGER, &arguments->top, .minimum = 1, .maximum = LATENESS_GROUPS_MAX,
	     .help = "groups that are shown, those with the most late events (20)"},
	    {"loss", "P,...", COMMON_LIST, &arguments->loss,
	     .help = "shares of events that may be lost: which allowed_lateness that\ntakes (0,0.0001,0.001,0.01)"},
	    {"memory", "MIB", COMMON_INTEGER, &arguments->memory_mb, .minimum = 1, .maximum = 1 << 24,
	     .help = "the most that entities' states may need (4096)"},
	    {"json", NULL, COMMON_FLAG, &arguments->json, .help = "a JSON object instead of tables"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--config FILE [--from EDGE] [--to EDGE] [--by key|FIELD] [options]",
	    .summary =
		"Tells how far events of the topic are behind their partition's watermark in event time, how many of\n"
		"them are too late under event.allowed_lateness, and what it would have to be for a given loss. Reads\n"
		"only.",
	    .options = options,
	};
	return common_parse(&command, argc, argv, err);
}

static int read_losses(struct run *run, struct err *err)
{
	static const double usual[] = {0, 0.0001, 0.001, 0.01};
	const struct common_list *list = &run->arguments.loss;
	if (list->count > LOSSES_MAX)
		return err_set(err, ERR_USAGE, "--loss: more than %d elements", LOSSES_MAX);
	run->loss_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		if (number_parse(slice_of(list->items[i]), &run->losses[i]) != 0 || run->losses[i] < 0 ||
		    run->losses[i] >= 1)
			return err_set(err, ERR_USAGE, "--loss: expected a share from 0 to below 1, found \"%s\"",
				       list->items[i]);
	for (size_t i = 0; list->count == 0 && i < sizeof usual / sizeof *usual; i++)
		run->losses[run->loss_count++] = usual[i];
	return 0;
}

static int find_field(struct run *run, struct err *err)
{
	const struct event_schema *schema = &run->world.config->schema;
	const char *by = run->arguments.by;
	char names[200];
	run->field = -1;
	if (by == NULL || strcmp(by, "key") == 0)
		return 0;
	run->field = field_find(schema->fields, schema->field_count, by);
	if (run->field >= 0 && field_kind(&schema->fields[run->field]) == VALUE_TEXT)
		return 0;
	field_list(schema->fields, schema->field_count, names, sizeof names);
	return err_set(err, ERR_USAGE, "--by %s: expected key or a string field of %s", by, names);
}

/* The key as it may leave: where entities are pseudonymised, the pseudonym stands for it. */
static struct slice group_of(const struct run *run, const struct item *item)
{
	struct slice none = {"", 0};
	if (run->arguments.by == NULL)
		return none;
	if (run->field >= 0)
		return item->event.values[run->field].present ? item->event.values[run->field].text : none;
	if (run->world.config->privacy.any)
		return item->event.entity;
	return item->record->key.data == NULL ? none : item->record->key;
}

static int take(struct run *run, const struct item *item, struct err *err)
{
	int64_t watermark = watermark_ms(&run->watermark);
	bool good = item->outcome == OUTCOME_SCORED || item->outcome == OUTCOME_TOO_LATE;
	int64_t behind_ms = watermark == WATERMARK_NONE ? 0 : watermark - item->event.time_ms;
	if (item->outcome == OUTCOME_SCORED)
		watermark_take(&run->watermark, &run->world.config->schema, &item->event);
	if (item->silent)
		return 0;
	run->outcomes[item->outcome]++;
	run->flagged_late += item->outcome == OUTCOME_SCORED && (item->vector.flags & FLAG_LATE) != 0;
	run->folded += item->outcome == OUTCOME_TOO_LATE && item->reason == REASON_FOLDED;
	if (!good)
		return 0;
	return lateness_add(&run->lateness, group_of(run, item), behind_ms, item->outcome == OUTCOME_SCORED, err);
}

static int visit(void *context, const struct batch *batch, struct err *err)
{
	struct run *run = context;
	for (size_t i = 0; i < batch->count; i++)
		if (take(run, &batch->items[i], err) != 0)
			return -1;
	return 0;
}

static void progress(void *context, uint64_t records)
{
	struct run *run = context;
	common_progress_show(&run->progress, run->before + records, "records", run->before + records, run->total);
}

static int read_all(struct run *run, struct kafka_reader *reader, const struct held_champion *champion,
		    const struct stretch *stretches, size_t count, struct err *err)
{
	const struct publish_options nothing = {.pipeline = run->world.config->pipeline};
	const struct past_run_options options = {.world = &run->world,
						 .champion = &champion->champion,
						 .publish = &nothing,
						 .memory_bytes = (size_t)run->arguments.memory_mb << 20,
						 .context = run,
						 .visit = visit,
						 .progress = progress};
	for (size_t i = 0; i < count; i++)
		run->total += (uint64_t)(stretches[i].to - stretches[i].start);
	for (size_t i = 0; i < count; i++) {
		watermark_init(&run->watermark);
		if (stretches[i].from < stretches[i].to && past_run(&options, reader, &stretches[i], err) != 0)
			return -1;
		run->before += (uint64_t)(stretches[i].to - stretches[i].start);
	}
	return 0;
}

static const char *span(int64_t ms, char text[NUMBER_TEXT_MAX])
{
	if (ms < 10000)
		snprintf(text, NUMBER_TEXT_MAX, "%" PRId64 " ms", ms);
	else if (ms < 600000)
		snprintf(text, NUMBER_TEXT_MAX, "%.0f s", (double)ms / 1000);
	else if (ms < 36000000)
		snprintf(text, NUMBER_TEXT_MAX, "%.0f min", (double)ms / 60000);
	else
		snprintf(text, NUMBER_TEXT_MAX, "%.1f h", (double)ms / 3600000);
	return text;
}

static void print_row(const char *name, const struct lateness_group *group)
{
	char text[NUMBER_TEXT_MAX];
	printf("%-24.60s %10" PRIu64 " %10" PRIu64 " %10" PRIu64, name, group->events, group->late, group->too_late);
	for (size_t i = 0; i < QUANTILES; i++)
		printf(" %9s", span(lateness_quantile(group, quantiles[i]), text));
	putchar('\n');
}

static void print_tables(const struct run *run)
{
	const struct lateness *lateness = &run->lateness;
	char text[NUMBER_TEXT_MAX];
	int64_t allowed_ms = run->world.config->schema.allowed_lateness_ms;
	printf("%" PRIu64 " events: %" PRIu64 " scored, %" PRIu64
	       " of them behind an earlier one of their entity; %" PRIu64 " too late (allowed_lateness %s), %" PRIu64
	       " of them only because earlier events were folded\n",
	       lateness->all.events, run->outcomes[OUTCOME_SCORED], run->flagged_late, run->outcomes[OUTCOME_TOO_LATE],
	       span(allowed_ms, text), run->folded);
	printf("\n%-24s %10s %10s %10s %9s %9s %9s %9s %9s\n", "behind the watermark", "events", "late", "too late",
	       "50 %", "90 %", "99 %", "99.9 %", "most");
	print_row("all", &lateness->all);
	for (size_t i = 0; i < lateness->group_count && i < (size_t)run->arguments.top; i++)
		print_row(*lateness->groups[i]->name == '\0' ? "(none)" : lateness->groups[i]->name,
			  lateness->groups[i]);
	putchar('\n');
	for (size_t i = 0; i < run->loss_count; i++)
		printf("to lose at most %g %% of the events: allowed_lateness %s\n", 100 * run->losses[i],
		       span(lateness_quantile(&lateness->all, 1 - run->losses[i]), text));
}

static void integer(struct json *json, const char *name, int64_t value)
{
	json_name(json, name);
	json_add_integer(json, value);
}

static void add_group(struct json *json, const struct lateness_group *group)
{
	static const char *const names[QUANTILES] = {"p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"};
	integer(json, "events", (int64_t)group->events);
	integer(json, "late", (int64_t)group->late);
	integer(json, "too_late", (int64_t)group->too_late);
	for (size_t i = 0; i < QUANTILES; i++)
		integer(json, names[i], lateness_quantile(group, quantiles[i]));
}

static int print_json(const struct run *run, struct err *err)
{
	const struct lateness *lateness = &run->lateness;
	struct buffer text;
	struct json json;
	buffer_init(&text);
	json_begin(&json, &text);
	json_open_object(&json);
	integer(&json, "allowed_lateness_ms", run->world.config->schema.allowed_lateness_ms);
	add_group(&json, &lateness->all);
	integer(&json, "scored", (int64_t)run->outcomes[OUTCOME_SCORED]);
	integer(&json, "behind_own_entity", (int64_t)run->flagged_late);
	integer(&json, "folded", (int64_t)run->folded);
	json_name(&json, "losses");
	json_open_array(&json);
	for (size_t i = 0; i < run->loss_count; i++) {
		json_open_object(&json);
		json_name(&json, "loss");
		json_add_number(&json, run->losses[i]);
		integer(&json, "allowed_lateness_ms", lateness_quantile(&lateness->all, 1 - run->losses[i]));
		json_close_object(&json);
	}
	json_close_array(&json);
	json_name(&json, "groups");
	json_open_array(&json);
	for (size_t i = 0; i < lateness->group_count && i < (size_t)run->arguments.top; i++) {
		json_open_object(&json);
		json_name(&json, "value");
		json_add_string(&json, lateness->groups[i]->name);
		add_group(&json, lateness->groups[i]);
		json_close_object(&json);
	}
	json_close_array(&json);
	integer(&json, "ungrouped", (int64_t)lateness->unnamed);
	json_close_object(&json);
	int status = buffer_failed(&text) ? err_memory(err) : 0;
	if (status == 0)
		printf("%.*s\n", (int)text.length, (const char *)text.data);
	buffer_free(&text);
	return status;
}

static int late(struct run *run, struct err *err)
{
	const struct arguments *arguments = &run->arguments;
	struct stretch_edge *edges = calloc(2, sizeof *edges);
	struct held_champion *champion = NULL;
	struct kafka_reader *reader = NULL;
	struct stretch *stretches = NULL;
	size_t count = 0;
	int status = -1;
	if (edges == NULL)
		return err_memory(err);
	if (read_losses(run, err) != 0 || stretch_parse("from", arguments->from, &edges[0], err) != 0 ||
	    stretch_parse("to", arguments->to, &edges[1], err) != 0 ||
	    world_open(&run->world, arguments->config, err) != 0 || find_field(run, err) != 0 ||
	    lateness_init(&run->lateness, arguments->by != NULL, err) != 0 || world_codec(&run->world, err) != 0)
		goto free_edges;
	champion = world_champion_of(run->world.config, run->world.set, NULL, err);
	reader = champion == NULL ? NULL : kafka_reader_new(&run->world.config->kafka, err);
	if (reader == NULL ||
	    stretch_resolve(&run->world, reader, &edges[0], &edges[1], -1, &stretches, &count, err) != 0)
		goto free_edges;
	common_progress_begin(&run->progress, "reading");
	status = read_all(run, reader, champion, stretches, count, err);
	common_progress_end(&run->progress);
	if (status == 0) {
		lateness_settle(&run->lateness);
		if (arguments->json)
			status = print_json(run, err);
		else
			print_tables(run);
	}
free_edges:
	kafka_reader_free(reader);
	world_champion_free(champion);
	free(stretches);
	free(edges);
	return status;
}

int cmd_late(int argc, char **argv)
{
	struct err err = {0};
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL) {
		(void)err_memory(&err);
		return common_end(NAME, &err);
	}
	run->arguments =
	    (struct arguments){.from = "earliest", .to = "latest", .memory_mb = MEMORY_DEFAULT_MB, .top = TOP_DEFAULT};
	if (parse(&run->arguments, argc, argv, &err) == 1)
		(void)!late(run, &err);
	lateness_free(&run->lateness);
	world_close(&run->world);
	free(run);
	return common_end(NAME, &err);
}
