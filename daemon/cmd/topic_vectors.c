#include "daemon/cmd/topic_vectors.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/offline.h"
#include "daemon/cmd/past_run.h"
#include "daemon/cmd/vector_output.h"
#include "number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct writing {
	const struct topic_vectors_options *options;
	uint64_t *outcomes;
	int *fields; /* of what is kept */
	struct slice *kept;
	struct common_progress progress;
	uint64_t before, total; /* records of partitions done; of all */
};

static int find_fields(struct writing *writing, struct err *err)
{
	const struct topic_vectors_options *options = writing->options;
	const struct event_schema *schema = &options->world->config->schema;
	writing->fields = calloc(options->kept_count + 1, sizeof *writing->fields);
	writing->kept = calloc(options->kept_count + 1, sizeof *writing->kept);
	if (writing->fields == NULL || writing->kept == NULL)
		return err_memory(err);
	for (size_t i = 0; i < options->kept_count; i++) {
		char names[200];
		writing->fields[i] = field_find(schema->fields, schema->field_count, options->kept[i]);
		if (writing->fields[i] >= 0)
			continue;
		field_list(schema->fields, schema->field_count, names, sizeof names);
		return err_set(err, ERR_USAGE, "--keep %s: of a topic only configured fields can be kept: %s",
			       options->kept[i], names);
	}
	return 0;
}

/* A field's value as text in major units. */
static struct slice text_of(const struct field *field, const struct value *value, struct arena *arena)
{
	char text[NUMBER_TEXT_MAX];
	size_t length;
	if (!value->present)
		return (struct slice){"", 0};
	if (field_kind(field) == VALUE_TEXT)
		return value->text;
	if (field->type == FIELD_BOOLEAN)
		return slice_of(value->units != 0 ? "true" : "false");
	if (field_kind(field) == VALUE_UNITS)
		length = number_format_scaled(value->units, field->scale, text);
	else
		length = number_format(value->number, text);
	return arena_copy(arena, (struct slice){text, length});
}

static int write_row(struct writing *writing, const struct batch *batch, const struct item *item, struct err *err)
{
	const struct topic_vectors_options *options = writing->options;
	const struct event_schema *schema = &options->world->config->schema;
	for (size_t i = 0; i < options->kept_count; i++) {
		int field = writing->fields[i];
		writing->kept[i] = text_of(&schema->fields[field], &item->event.values[field], batch->arena);
		if (writing->kept[i].data == NULL)
			return err_memory(err);
	}
	struct vector vector = item->vector;
	struct vector_row row = {
	    .event = &item->event, .partition = item->partition->number, .kept = writing->kept, .vector = &vector};
	vector.flags &= ~(unsigned)FLAG_FALLBACK; /* of a decision, not of a vector */
	if (options->labels != NULL)
		row.label = label_book_find(options->labels, item->event.id, item->event.time_ms);
	vector_output_row(&options->output->buffer, options->world->set, &row, options->kept_count,
			  options->labels != NULL);
	output_flow(options->output);
	return 0;
}

static int write_reject(struct writing *writing, const struct item *item, struct err *err)
{
	const struct topic_vectors_options *options = writing->options;
	const char *why = item->why != NULL ? item->why : offline_why(item->reason);
	if (options->strict && item->outcome == OUTCOME_INVALID)
		return err_set(err, ERR_DATA, "%s %" PRId32 ":%" PRId64 ": %s",
			       options->world->config->kafka.input_topic, item->partition->number, item->record->offset,
			       why);
	if (options->rejects == NULL)
		return 0;
	vector_output_reject(&options->rejects->buffer, true, item->partition->number, item->record->offset,
			     item->outcome, item->reason, why);
	output_flow(options->rejects);
	return 0;
}

static int visit(void *context, const struct batch *batch, struct err *err)
{
	struct writing *writing = context;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		if (item->silent)
			continue;
		writing->outcomes[item->outcome]++;
		int status = item->outcome == OUTCOME_SCORED ? write_row(writing, batch, item, err)
							     : write_reject(writing, item, err);
		if (status != 0)
			return -1;
	}
	return 0;
}

static void progress(void *context, uint64_t records)
{
	struct writing *writing = context;
	common_progress_show(&writing->progress, writing->before + records, "records", writing->before + records,
			     writing->total);
}

/* Says where history is missing, and so features are warming that were whole in the daemon. */
static void tell_cut(const struct world *world, const struct stretch *stretch)
{
	if (stretch->cut)
		fprintf(stderr,
			"%s partition %" PRId32 ": history before offset %" PRId64
			" is missing: features are flagged warming until they are whole\n",
			world->config->kafka.input_topic, stretch->partition, stretch->start);
}

static int run_all(struct writing *writing, struct kafka_reader *reader, const struct held_champion *champion,
		   const struct stretch *stretches, size_t count, struct err *err)
{
	const struct topic_vectors_options *options = writing->options;
	const struct publish_options nothing = {.pipeline = options->world->config->pipeline};
	const struct past_run_options run = {.world = options->world,
					     .champion = &champion->champion,
					     .publish = &nothing,
					     .memory_bytes = options->memory_bytes,
					     .context = writing,
					     .visit = visit,
					     .progress = progress};
	for (size_t i = 0; i < count; i++)
		writing->total += (uint64_t)(stretches[i].to - stretches[i].start);
	for (size_t i = 0; i < count; i++) {
		if (stretches[i].from >= stretches[i].to)
			continue;
		tell_cut(options->world, &stretches[i]);
		if (past_run(&run, reader, &stretches[i], NULL, err) != 0)
			return -1;
		writing->before += (uint64_t)(stretches[i].to - stretches[i].start);
	}
	return 0;
}

int topic_vectors(const struct topic_vectors_options *options, uint64_t outcomes[OUTCOME_NUMBER], struct err *err)
{
	struct world *world = options->world;
	struct writing writing = {.options = options, .outcomes = outcomes};
	struct stretch *stretches = NULL;
	size_t count = 0;
	int status = -1;
	memset(outcomes, 0, OUTCOME_NUMBER * sizeof *outcomes);
	struct held_champion *champion = world_champion_of(world->config, world->set, NULL, err);
	struct kafka_reader *reader = NULL;
	if (champion == NULL || world_codec(world, err) != 0 || find_fields(&writing, err) != 0)
		goto free_all;
	reader = kafka_reader_new(&world->config->kafka, err);
	if (reader == NULL || stretch_resolve(world, reader, options->from, options->to, options->warm_up_ms,
					      &stretches, &count, err) != 0)
		goto free_all;
	vector_output_header(&options->output->buffer, world->set, options->kept, options->kept_count,
			     options->labels != NULL);
	common_progress_begin(&writing.progress, "features");
	status = run_all(&writing, reader, champion, stretches, count, err);
	common_progress_end(&writing.progress);
free_all:
	kafka_reader_free(reader);
	free(stretches);
	free(writing.fields);
	free(writing.kept);
	world_champion_free(champion);
	return status;
}
