#include "daemon/cmd/explain_parts.h"

#include "daemon/cmd/json_difference.h"
#include "daemon/cmd/past.h"
#include "daemon/cmd/policy_file.h"
#include "daemon/cmd/published.h"
#include "daemon/io/input.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALERT_BYTES_MAX ((size_t)16 << 20)
#define RECORD_BYTES ((size_t)256 << 20)

static char *copy(struct slice text)
{
	return strndup(text.data, text.length);
}

/* --alert */

static int read_bytes(const char *path, struct buffer *bytes, struct err *err)
{
	struct input input;
	int status;
	if (input_open(&input, path, err) != 0)
		return -1;
	while ((status = input_fill(&input, err)) == 1 && (size_t)(input.end - input.at) <= ALERT_BYTES_MAX)
		;
	size_t length = (size_t)(input.end - input.at);
	if (status >= 0 && length > ALERT_BYTES_MAX)
		status = err_set(err, ERR_DATA, "%s: larger than one message can be", path);
	else if (status == 0)
		buffer_add(bytes, input.at, length);
	input_close(&input);
	return status < 0 ? -1 : buffer_failed(bytes) ? err_memory(err) : 0;
}

static int read_given(struct explaining *explaining, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	const char *path = explaining->options->alert;
	struct buffer bytes;
	buffer_init(&bytes);
	int status = read_bytes(path, &bytes, err);
	if (status == 0) {
		explanation->given = published_read(explaining->world, buffer_slice(&bytes), err);
		status = explanation->given == NULL ? err_prepend(err, "%s", path) : 0;
	}
	buffer_free(&bytes);
	if (status != 0)
		return -1;
	const json_t *partition = json_object_get(explanation->given, "partition"),
		     *offset = json_object_get(explanation->given, "offset");
	const char *topic = json_string_value(json_object_get(explanation->given, "topic"));
	if (!json_is_integer(partition) || !json_is_integer(offset) || topic == NULL)
		return err_set(err, ERR_DATA, "%s: no alert or decision: topic, partition and offset are missing",
			       path);
	if (strcmp(topic, explaining->world->config->kafka.input_topic) != 0)
		return err_set(err, ERR_DATA, "%s: it is of the topic %s, the configuration reads %s", path, topic,
			       explaining->world->config->kafka.input_topic);
	explanation->partition = (int32_t)json_integer_value(partition);
	explanation->offset = json_integer_value(offset);
	return 0;
}

/* The record */

static int take_record(void *context, const struct record *record, struct err *err)
{
	struct explaining *explaining = context;
	struct explanation *explanation = explaining->explanation;
	struct world *world = explaining->world;
	struct event event;
	enum reason reason;
	const char *message;
	if (record->offset != explanation->offset)
		return 0;
	struct arena *arena = arena_new(RECORD_BYTES);
	if (arena == NULL)
		return err_memory(err);
	explanation->in_topic = true;
	explanation->timestamp_ms = record->timestamp_ms;
	int status = past_decode(world, record, arena, &event, &reason, &message, err);
	if (status == 0 && reason == REASON_NONE) {
		if (world->config->privacy.any)
			status = pseudonym_apply(&world->pseudonym, &event, arena, err);
		explanation->entity = status == 0 ? copy(event.entity) : NULL;
		explanation->event_id = status == 0 ? copy(event.id) : NULL;
		explanation->time_ms = event.time_ms;
		if (status == 0 && (explanation->entity == NULL || explanation->event_id == NULL))
			status = err_memory(err);
		if (status == 0)
			explaining->entity = slice_of(explanation->entity);
	}
	arena_free(arena);
	return status;
}

/* *stretch: what leads to the record; nothing where the log does not hold it any more. */
static int find_record(struct explaining *explaining, struct stretch *stretch, struct err *err)
{
	const struct world *world = explaining->world;
	struct explanation *explanation = explaining->explanation;
	struct stretch_edge *edges = calloc(2, sizeof *edges);
	struct stretch *stretches = NULL;
	size_t count = 0;
	int status = -1;
	*stretch = (struct stretch){.partition = explanation->partition};
	if (edges == NULL)
		return err_memory(err);
	for (int i = 0; i < 2; i++) {
		edges[i] = (struct stretch_edge){.kind = STRETCH_OFFSETS, .count = 1};
		edges[i].offsets[0] = (struct stretch_offset){explanation->partition, explanation->offset + i};
	}
	if (stretch_resolve(world, explaining->reader, &edges[0], &edges[1], -1, &stretches, &count, err) != 0)
		goto free_edges;
	status = 0;
	if (explanation->partition < 0 || (size_t)explanation->partition >= count)
		status = err_set(err, ERR_DATA, "%s has no partition %" PRId32, world->config->kafka.input_topic,
				 explanation->partition);
	else
		*stretch = stretches[explanation->partition];
	const struct kafka_range range = {stretch->partition, stretch->from, stretch->to};
	if (status == 0 && stretch->from == explanation->offset && stretch->to > stretch->from)
		status = kafka_reader_read(explaining->reader, world->config->kafka.input_topic, &range, 1, take_record,
					   explaining, err);
free_edges:
	free(stretches);
	free(edges);
	return status;
}

/* What was published */

static int find_one(struct explaining *explaining, const char *topic, struct buffer *bytes, json_t **object,
		    struct err *err)
{
	const struct explanation *explanation = explaining->explanation;
	int64_t since_ms = explanation->in_topic ? explanation->timestamp_ms : -1;
	if (topic == NULL)
		return 0;
	if (published_find(explaining->world, explaining->reader, topic, explaining->entity, since_ms,
			   explanation->partition, explanation->offset, bytes, err) != 0)
		return -1;
	if (bytes->length > 0)
		*object = published_read(explaining->world, buffer_slice(bytes), err);
	return bytes->length > 0 && *object == NULL ? -1 : 0;
}

static int find_published(struct explaining *explaining, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	const struct publish_options *publish = &explaining->world->config->publish;
	if (find_one(explaining, publish->alerts.topic, &explanation->alert_bytes, &explanation->alert, err) != 0)
		return -1;
	return find_one(explaining, publish->decisions.topic, &explanation->decision_bytes, &explanation->decision,
			err);
}

/* Model and policy of then */

static const char *id_of(const struct explanation *explanation, const char *name)
{
	const json_t *of = explanation->given != NULL   ? explanation->given
			   : explanation->alert != NULL ? explanation->alert
							: explanation->decision;
	return json_string_value(json_object_get(of, name));
}

/* The ids come from a message: nothing but a hash may become part of a path. */
static bool is_id(const char *text)
{
	return text != NULL && strlen(text) == SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == SHA256_HEX - 1;
}

static int take_champion(struct explaining *explaining, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	struct world *world = explaining->world;
	const struct held_champion *now = world->champion;
	const char *model_id = id_of(explanation, "model_id"), *wanted = id_of(explanation, "policy_id"),
		   *set_id = id_of(explanation, "feature_set_id");
	struct err why = {0};
	struct model *model = NULL;
	if (!is_id(wanted) || !is_id(set_id))
		return 0; /* nothing is published: the configuration as it is */
	if (strcmp(set_id, feature_set_id(world->set)) != 0)
		return err_set(
		    err, ERR_CONFIG,
		    "it was decided with feature set %s, %s has feature set %s: explain it with the configuration "
		    "of that time",
		    set_id, world->config->path, feature_set_id(world->set));
	const char *current = now->model == NULL ? NULL : now->model->id;
	bool same_model = model_id == NULL ? current == NULL : current != NULL && strcmp(model_id, current) == 0;
	bool same_policy = strcmp(wanted, policy_id(now->policy)) == 0;
	if (same_model && same_policy)
		return 0;
	if (is_id(model_id)) {
		model = world->config->model_directory == NULL
			    ? NULL
			    : model_directory_read(world->config->model_directory, model_id, &why);
		if (model == NULL) {
			snprintf(explanation->note, sizeof explanation->note,
				 "model %.12s is not to be had (%.300s): decided with the present one", model_id,
				 err_is_set(&why) ? why.message : "no model.directory is configured");
			return 0;
		}
	}
	explanation->config = policy_file_config(world->config, wanted, &why);
	const struct config *config = explanation->config != NULL ? explanation->config : world->config;
	explanation->champion = world_champion_of(config, world->set, model, err);
	if (explanation->champion == NULL)
		return -1;
	if (strcmp(wanted, policy_id(explanation->champion->policy)) != 0)
		snprintf(explanation->note, sizeof explanation->note,
			 "policy %.12s is not to be had (%.300s): decided by the present one", wanted,
			 err_is_set(&why) ? why.message : "what is kept under its id gives another");
	return 0;
}

const struct champion *explanation_champion(const struct explanation *explanation, const struct world *world)
{
	return explanation->champion != NULL ? &explanation->champion->champion : &world->champion->champion;
}

/* Comparing */

/* The recorded vector through the model: the score's bits must come out. False and the difference where not. */
static bool vector_gives_score(const struct explaining *explaining, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	const struct model *model = explanation_champion(explanation, explaining->world)->model;
	const json_t *features = json_object_get(explanation->decision, "features"),
		     *recorded = json_object_get(explanation->decision, "score");
	double row[FOREST_COLUMNS_MAX], score;
	if (model == NULL || !json_is_object(features) || !json_is_number(recorded))
		return false;
	for (size_t i = 0; i < model->feature_count; i++) {
		const json_t *value = json_object_get(features, model->features[i]);
		row[i] = json_is_number(value) ? json_number_value(value) : NAN;
	}
	const struct matrix matrix = {row, 1, model->feature_count, model->feature_count};
	if (forest_score(model->forest, &matrix, &score, err) != 0)
		return false;
	if (score == json_number_value(recorded))
		return true;
	snprintf(explanation->difference, sizeof explanation->difference,
		 "score: %.17g in the decision, its vector gives %.17g", json_number_value(recorded), score);
	return false;
}

static bool same_bytes(struct explanation *explanation, const char *what, const struct buffer *published,
		       const struct buffer *made, const struct buffer *made_json, const json_t *object)
{
	if (published->length == 0 && made->length == 0)
		return true;
	if (slice_equal(buffer_slice(published), buffer_slice(made)))
		return true;
	char text[EXPLANATION_TEXT - 64];
	json_t *json =
	    made_json->length == 0 ? NULL : json_loadb((const char *)made_json->data, made_json->length, 0, NULL);
	if (published->length == 0 || json == NULL)
		snprintf(explanation->difference, sizeof explanation->difference, "%s: %s", what,
			 published->length == 0 ? "none is published" : "none should be published");
	else if (json_difference(object, json, text, sizeof text))
		snprintf(explanation->difference, sizeof explanation->difference, "%s: the same values in other bytes",
			 what);
	else
		snprintf(explanation->difference, sizeof explanation->difference, "%s: %s", what, text);
	json_decref(json);
	return false;
}

/* The given message against the one that should have been published; it may have been turned from Avro into JSON on its way. */
static bool same_given(struct explanation *explanation)
{
	bool alert = json_object_get(explanation->given, "alert_id") != NULL;
	const struct buffer *made = alert ? &explanation->new_alert_json : &explanation->new_decision_json;
	char text[EXPLANATION_TEXT - 64];
	json_t *json = made->length == 0 ? NULL : json_loadb((const char *)made->data, made->length, 0, NULL);
	bool same = json != NULL && json_difference(explanation->given, json, text, sizeof text);
	if (json == NULL)
		snprintf(explanation->difference, sizeof explanation->difference, "the record gives no %s",
			 alert ? "alert" : "decision");
	else if (!same)
		snprintf(explanation->difference, sizeof explanation->difference, "%s", text);
	json_decref(json);
	return same;
}

static int compare(struct explaining *explaining, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	const struct publish_options *publish = &explaining->world->config->publish;
	bool anything = explanation->given != NULL || explanation->alert != NULL || explanation->decision != NULL;
	explanation->result = EXPLANATION_ALONE;
	if (!anything)
		return 0;
	if (!explanation->in_topic || !explanation->whole) {
		if (vector_gives_score(explaining, err))
			explanation->result = EXPLANATION_VECTOR;
		else if (explanation->difference[0] != '\0')
			explanation->result = EXPLANATION_DIFFERENCE;
		return err_is_set(err) ? -1 : 0;
	}
	bool same = explanation->given == NULL || same_given(explanation);
	if (same && publish->alerts.topic != NULL)
		same = same_bytes(explanation, "alert", &explanation->alert_bytes, &explanation->new_alert,
				  &explanation->new_alert_json, explanation->alert);
	if (same && publish->decisions.topic != NULL)
		same = same_bytes(explanation, "decision", &explanation->decision_bytes, &explanation->new_decision,
				  &explanation->new_decision_json, explanation->decision);
	explanation->result = same ? EXPLANATION_MATCH : EXPLANATION_DIFFERENCE;
	return 0;
}

static int run(struct explaining *explaining, struct err *err)
{
	struct explanation *explanation = explaining->explanation;
	struct world *world = explaining->world;
	struct err why = {0};
	struct stretch stretch;
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL || world_codec(world, err) != 0)
		return -1;
	for (int attempt = 0; world_register(world, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	explaining->reader = kafka_reader_new(&world->config->kafka, err);
	if (explaining->reader == NULL || (explaining->options->alert != NULL && read_given(explaining, err) != 0))
		return -1;
	if (find_record(explaining, &stretch, err) != 0 || find_published(explaining, err) != 0)
		return -1;
	if (!explanation->in_topic && explanation->decision == NULL && explanation->given == NULL)
		return err_set(err, ERR_DATA,
			       "%s holds no record %" PRId32 ":%" PRId64 ", and nothing is published of it",
			       world->config->kafka.input_topic, explanation->partition, explanation->offset);
	if (take_champion(explaining, err) != 0)
		return -1;
	if (explanation->in_topic && explain_again(explaining, &stretch, err) != 0)
		return -1;
	return compare(explaining, err);
}

int explain_decision(struct explanation *explanation, struct world *world, const struct explain_options *options,
		     struct err *err)
{
	struct explaining explaining = {.world = world, .explanation = explanation, .options = options};
	struct buffer *const buffers[] = {&explanation->alert_bytes,    &explanation->decision_bytes,
					  &explanation->new_alert,      &explanation->new_decision,
					  &explanation->new_alert_json, &explanation->new_decision_json};
	*explanation = (struct explanation){.partition = options->partition, .offset = options->offset};
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		buffer_init(buffers[i]);
	int status = run(&explaining, err);
	for (size_t i = 0; status == 0 && i < sizeof buffers / sizeof *buffers; i++)
		if (buffer_failed(buffers[i]))
			status = err_memory(err);
	kafka_reader_free(explaining.reader);
	publisher_free(explaining.json);
	return status;
}

void explanation_free(struct explanation *explanation)
{
	struct buffer *const buffers[] = {&explanation->alert_bytes,    &explanation->decision_bytes,
					  &explanation->new_alert,      &explanation->new_decision,
					  &explanation->new_alert_json, &explanation->new_decision_json};
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		buffer_free(buffers[i]);
	for (size_t i = 0; i < explanation->history_count; i++)
		free(explanation->history[i].fields);
	world_champion_free(explanation->champion);
	config_free(explanation->config);
	json_decref(explanation->given);
	json_decref(explanation->alert);
	json_decref(explanation->decision);
	free(explanation->entity);
	free(explanation->event_id);
	free(explanation->why);
	free(explanation->values);
	free(explanation->usual);
	free(explanation->contributions);
	*explanation = (struct explanation){0};
}
