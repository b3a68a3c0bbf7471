#include "daemon/cmd/explain_parts.h"

#include "daemon/cmd/past.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_SHOWN 400 /* bytes of an earlier event's fields */

static char *fields_of(const struct world *world, const struct event *event)
{
	const struct event_schema *schema = &world->config->schema;
	char text[FIELDS_SHOWN] = "";
	size_t length = 0;
	for (size_t i = 0; i < schema->field_count && length < sizeof text - 1; i++) {
		const struct field *field = &schema->fields[i];
		const struct value *value = &event->values[i];
		int added;
		if (!value->present)
			continue;
		const char *comma = length == 0 ? "" : ", ";
		if (field_kind(field) == VALUE_TEXT)
			added = snprintf(text + length, sizeof text - length, "%s%s %.*s", comma, field->name,
					 (int)(value->text.length < 60 ? value->text.length : 60),
					 (const char *)value->text.data);
		else
			added = snprintf(text + length, sizeof text - length, "%s%s %.10g", comma, field->name,
					 field_major(field, value));
		length = added < 0 || (size_t)added >= sizeof text - length ? sizeof text - 1 : length + (size_t)added;
	}
	return strdup(text);
}

/* The latest events of the entity stay, oldest first. */
static int keep_event(struct explaining *explaining, const struct item *item, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	struct past_event event = {item->event.time_ms, item->event.offset, fields_of(explaining->world, &item->event)};
	if (event.fields == NULL)
		return err_memory(err);
	explanation->history_total++;
	if (explanation->history_count == EXPLANATION_HISTORY_MAX) {
		free(explanation->history[0].fields);
		memmove(explanation->history, explanation->history + 1,
			--explanation->history_count * sizeof *explanation->history);
	}
	explanation->history[explanation->history_count++] = event;
	return 0;
}

static int keep_contributions(struct explaining *explaining, const struct item *item, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	const struct champion *champion = explanation_champion(explanation, explaining->world);
	const struct model *model = champion->model;
	double row[FOREST_COLUMNS_MAX], base;
	if (model == NULL)
		return 0;
	explanation->contributions = calloc(model->feature_count, sizeof *explanation->contributions);
	if (explanation->contributions == NULL)
		return err_memory(err);
	for (size_t i = 0; i < model->feature_count; i++)
		row[i] = item->vector.values[champion->columns == NULL ? i : champion->columns[i]];
	explainer_row(champion->explainer, row, explanation->contributions, &base);
	explanation->base = explainer_log2(model->forest, base);
	for (size_t i = 0; i < model->feature_count; i++)
		explanation->contributions[i] = explainer_log2(model->forest, explanation->contributions[i]);
	explanation->rank = calibration_rank(&model->calibration, item->score);
	return 0;
}

static int keep_json(struct explaining *explaining, const struct batch *batch, const struct item *item, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	const struct champion *champion = explanation_champion(explanation, explaining->world);
	struct scored scored = {.event = &item->event,
				.partition = item->partition->number,
				.vector = item->vector,
				.flags = item->vector.flags,
				.score = item->score,
				.rank = explanation->rank,
				.verdict = item->verdict};
	struct message message;
	if (publisher_decision(explaining->json, champion, &scored, batch->arena, &message, err) != 0)
		return -1;
	buffer_add(&explanation->new_decision_json, message.value.data, message.value.length);
	if (!item->verdict.flagged)
		return 0;
	if (publisher_alert(explaining->json, champion, &scored, item->record, batch->arena, &message, err) != 0)
		return -1;
	buffer_add(&explanation->new_alert_json, message.value.data, message.value.length);
	return 0;
}

static int keep_decision(struct explaining *explaining, const struct batch *batch, const struct item *item,
			 struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	size_t features = feature_set_count(explaining->world->set);
	explanation->outcome = item->outcome;
	explanation->reason = item->reason;
	explanation->score = explanation->rank = NAN;
	if (item->outcome != OUTCOME_SCORED) {
		explanation->why = strdup(item->why != NULL ? item->why : reason_name(item->reason));
		return explanation->why == NULL ? err_memory(err) : 0;
	}
	explanation->values = calloc(features + 1, sizeof *explanation->values);
	explanation->usual = calloc(features + 1, sizeof *explanation->usual);
	if (explanation->values == NULL || explanation->usual == NULL)
		return err_memory(err);
	memcpy(explanation->values, item->vector.values, features * sizeof *explanation->values);
	memcpy(explanation->usual, item->vector.usual, features * sizeof *explanation->usual);
	explanation->flags = item->vector.flags;
	explanation->score = item->score;
	explanation->verdict = item->verdict;
	return keep_contributions(explaining, item, err) != 0 ? -1 : keep_json(explaining, batch, item, err);
}

static int visit(void *context, const struct batch *batch, struct err *err)
{
	struct explaining *explaining = context;
	struct explanation *explanation = explaining->explanation;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		explanation->records++;
		if (!item->silent) {
			if (keep_decision(explaining, batch, item, err) != 0)
				return -1;
		} else if (item->outcome == OUTCOME_SCORED && slice_equal(item->event.entity, explaining->entity) &&
			   keep_event(explaining, item, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static int emit(void *context, const struct batch *batch, const struct message *message, struct err *err)
{
	struct explaining *explaining = context;
	struct explanation *explanation = explaining->explanation;
	const struct publish_options *publish = &explaining->world->config->publish;
	(void)batch;
	(void)err;
	if (message->topic == publish->alerts.topic)
		buffer_add(&explanation->new_alert, message->value.data, message->value.length);
	else if (message->topic == publish->decisions.topic)
		buffer_add(&explanation->new_decision, message->value.data, message->value.length);
	return 0;
}

int explain_again(struct explaining *explaining, const struct stretch *stretch, struct err *err)
{
	struct world *world = explaining->world;
	struct explanation *explanation = explaining->explanation;
	size_t message_max = 0;
	for (int attempt = 0; kafka_message_max(&world->config->kafka, &message_max, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	explaining->json_options = world->config->publish;
	explaining->json_options.alerts.format = explaining->json_options.decisions.format = FORMAT_JSON;
	if (explaining->json_options.alerts.topic == NULL)
		explaining->json_options.alerts.topic = "alerts";
	if (explaining->json_options.decisions.topic == NULL)
		explaining->json_options.decisions.topic = "decisions";
	explaining->json = publisher_new(&explaining->json_options, world->set);
	if (explaining->json == NULL)
		return err_memory(err);
	const struct past_run_options run = {.world = world,
					     .champion = explanation_champion(explanation, world),
					     .publish = &world->config->publish,
					     .message_max = message_max,
					     .memory_bytes = explaining->options->memory_bytes,
					     .context = explaining,
					     .visit = visit,
					     .emit = emit};
	explanation->whole = !stretch->cut;
	return past_run(&run, explaining->reader, stretch, NULL, err);
}
