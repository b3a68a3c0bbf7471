#include "daemon/pipeline/amended.h"

#include "features/cell.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* An amendment's message, generously: ids and coordinates, and each feature's name and two numbers. */
#define MESSAGE_BYTES 1536
#define MESSAGE_BYTES_A_FEATURE 96

struct amender {
	const struct publish_options *options;
	const struct feature_set *set;
	struct buffer value, text;
};

static size_t vectors_bytes(const struct feature_set *set)
{
	return 2 * feature_set_count(set) * sizeof(double);
}

size_t amended_bytes(const struct feature_set *set, size_t most)
{
	size_t fields = feature_set_schema(set)->field_count * sizeof(struct value);
	size_t message = MESSAGE_BYTES + feature_set_count(set) * MESSAGE_BYTES_A_FEATURE;
	return most *
	       (sizeof(struct amendment) + fields + 2 * vectors_bytes(set) + message); /* also a model's columns */
}

/* Takes the memory of one comparison, to be used again where nothing has changed. */
static int take_place(struct amendment *place, const struct feature_set *set, struct arena *arena, struct err *err)
{
	size_t features = feature_set_count(set);
	struct value *values =
	    arena_take_zeroed(arena, feature_set_schema(set)->field_count + 1, sizeof *place->event.values);
	double *rows = arena_take(arena, vectors_bytes(set) + sizeof(double));
	if (values == NULL || rows == NULL)
		return err_memory(err);
	*place = (struct amendment){
	    .event.values = values, .before.values = rows, .after.values = rows + features, .old_score = NAN};
	return 0;
}

static bool is_text(const struct event_schema *schema, const struct value *values, size_t i)
{
	return field_kind(&schema->fields[i]) == VALUE_TEXT && values[i].present;
}

static size_t texts_bytes(const struct event_schema *schema, const struct value *values)
{
	size_t bytes = 0;
	for (size_t i = 0; i < schema->field_count; i++)
		bytes += is_text(schema, values, i) ? values[i].text.length : 0;
	return bytes;
}

/* The rows that the texts are borrowed from are gone when the batch is scored. */
static int keep_texts(const struct event_schema *schema, struct value *values, struct arena *arena, struct err *err)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		if (!is_text(schema, values, i))
			continue;
		values[i].text = arena_copy(arena, values[i].text);
		if (values[i].text.data == NULL)
			return err_memory(err);
	}
	return 0;
}

static int look_at(struct amended *amended, struct amend *amend, struct arena *arena, struct err *err)
{
	const struct event_schema *schema = feature_set_schema(amend->set);
	bool vacant = false; /* the place behind the last amendment has its memory */
	struct value *values = NULL;
	while (amend->left > 0) {
		struct amendment *place = &amended->amendments[amended->count];
		if (!vacant) {
			if (take_place(place, amend->set, arena, err) != 0)
				return -1;
			values = (struct value *)place->event.values;
		}
		vacant = true;
		switch (amend_next(amend, &place->event, values, &place->before, &place->after)) {
		case AMEND_SAME:
			break;
		case AMEND_UNKNOWN:
			amended->cut++;
			break;
		case AMEND_FAILED:
			return err_memory(err);
		case AMEND_CHANGED:
			if (texts_bytes(schema, values) > AMENDED_TEXTS_MAX) {
				amended->cut++;
				break;
			}
			if (keep_texts(schema, values, arena, err) != 0)
				return -1;
			amended->count++;
			vacant = false;
			break;
		}
	}
	return 0;
}

int amended_find(struct amended *amended, const struct entity *before, const struct entity *after,
		 const struct watermark *watermark, const struct event *late, size_t most, struct arena *arena,
		 struct err *err)
{
	struct amend amend;
	*amended = (struct amended){0};
	amend_begin(&amend, before, after, watermark, late);
	if (amend.left > most) {
		amended->cut = amend.left - most;
		amend.left = most;
	}
	if (amend.left == 0)
		return 0;
	amended->amendments = arena_take(arena, amend.left * sizeof *amended->amendments);
	return amended->amendments == NULL ? err_memory(err) : look_at(amended, &amend, arena, err);
}

void amendment_decide(struct amendment *amendment, const struct policy *policy, const double scores[2])
{
	amendment->old_score = scores == NULL ? (double)NAN : scores[0];
	amendment->new_score = scores == NULL ? (double)NAN : scores[1];
	const struct event *event = &amendment->event;
	amendment->old_flagged = policy_decide(policy, event, &amendment->before, amendment->old_score).flagged;
	amendment->new_flagged = policy_decide(policy, event, &amendment->after, amendment->new_score).flagged;
}

struct amender *amender_new(const struct publish_options *options, const struct feature_set *set)
{
	struct amender *amender = calloc(1, sizeof *amender);
	if (amender == NULL)
		return NULL;
	amender->options = options;
	amender->set = set;
	buffer_init(&amender->value);
	buffer_init(&amender->text);
	return amender;
}

void amender_free(struct amender *amender)
{
	if (amender == NULL)
		return;
	buffer_free(&amender->value);
	buffer_free(&amender->text);
	free(amender);
}

/* What a message is made of. */
struct parts {
	const struct champion *champion;
	const struct amendment *amendment;
	const struct event *late;
	int32_t partition;
	const char *model_id; /* NULL: rules alone */
	char id[SHA256_HEX];
};

/* SHA-256 of a canonical array that names decision, late event and rules: the same wherever it is made. */
static void make_id(struct amender *amender, struct parts *parts)
{
	struct json json;
	buffer_reset(&amender->text);
	json_begin(&json, &amender->text);
	json_open_array(&json);
	json_add_string(&json, "amendment");
	json_add_string(&json, amender->options->pipeline);
	json_add_string(&json, amender->options->input_topic);
	json_add_integer(&json, parts->partition);
	json_add_integer(&json, parts->amendment->event.offset);
	json_add_integer(&json, parts->late->offset);
	json_add_string(&json, parts->model_id);
	json_add_string(&json, feature_set_id(amender->set));
	json_add_string(&json, policy_id(parts->champion->policy));
	json_close_array(&json);
	sha256_hex(buffer_slice(&amender->text), parts->id);
}

static void write_late(struct writer *writer, const struct event *late)
{
	writer_record(writer, "late");
	writer_text(writer, "event_id", late->id);
	writer_long(writer, "offset", late->offset);
	writer_long(writer, "event_time", late->time_ms);
	writer_record_end(writer);
}

static void write_features(struct writer *writer, const struct feature_set *set, const struct amendment *amendment)
{
	const double *before = amendment->before.values, *after = amendment->after.values;
	size_t count = 0;
	for (size_t i = 0; i < feature_set_count(set); i++)
		count += !cell_same_double(before[i], after[i]);
	writer_array(writer, "features", count);
	for (size_t i = 0; i < feature_set_count(set); i++) {
		if (cell_same_double(before[i], after[i]))
			continue;
		writer_record(writer, NULL);
		writer_text(writer, "feature", slice_of(feature_set_name(set, i)));
		writer_nullable_double(writer, "old", before[i]);
		writer_nullable_double(writer, "new", after[i]);
		writer_record_end(writer);
	}
	writer_array_end(writer, count);
}

static void write_all(struct amender *amender, struct writer *writer, const struct parts *parts)
{
	const struct amendment *amendment = parts->amendment;
	const struct policy *policy = parts->champion->policy;
	writer_record(writer, NULL);
	writer_long(writer, "schema_version", 1);
	writer_text(writer, "amendment_id", slice_of(parts->id));
	writer_text(writer, "pipeline", slice_of(amender->options->pipeline));
	writer_text(writer, "entity", parts->late->entity);
	writer_text(writer, "topic", slice_of(amender->options->input_topic));
	writer_long(writer, "partition", parts->partition);
	writer_long(writer, "offset", amendment->event.offset);
	writer_long(writer, "event_time", amendment->event.time_ms);
	writer_nullable_double(writer, "old_score", amendment->old_score);
	writer_nullable_double(writer, "new_score", amendment->new_score);
	writer_nullable_double(writer, "threshold", policy_resolved_threshold(policy));
	writer_boolean(writer, "old_flagged", amendment->old_flagged);
	writer_boolean(writer, "new_flagged", amendment->new_flagged);
	publish_flags(writer, amendment->after.flags | (parts->model_id == NULL ? FLAG_FALLBACK : 0u));
	writer_nullable_text(writer, "model_id", parts->model_id);
	writer_text(writer, "feature_set_id", slice_of(feature_set_id(amender->set)));
	writer_text(writer, "policy_id", slice_of(policy_id(policy)));
	write_late(writer, parts->late);
	write_features(writer, amender->set, amendment);
	writer_record_end(writer);
}

int amender_message(struct amender *amender, const struct champion *champion, const struct amendment *amendment,
		    int32_t partition, const struct event *late, struct arena *arena, struct message *message,
		    struct err *err)
{
	const struct output_options *output = &amender->options->amendments;
	struct parts parts = {.champion = champion,
			      .amendment = amendment,
			      .late = late,
			      .partition = partition,
			      .model_id = champion->model == NULL ? NULL : champion->model->id};
	struct writer writer;
	assert(output->topic != NULL);
	make_id(amender, &parts);
	buffer_reset(&amender->value);
	writer_begin(&writer, output->format, output->schema_id, &amender->value);
	write_all(amender, &writer, &parts);
	*message = (struct message){.topic = output->topic, .timestamp_ms = late->timestamp_ms};
	message->value = arena_copy(arena, buffer_slice(&amender->value));
	message->key = arena_copy(arena, late->entity);
	bool failed = buffer_failed(&amender->value) || buffer_failed(&amender->text) || message->value.data == NULL ||
		      message->key.data == NULL;
	return failed ? err_memory(err) : 0;
}

/* The Avro shape of what write_all() writes, member for member in the same order. */
void amender_schema(struct buffer *schema)
{
	buffer_add_text(schema,
			"{\"type\":\"record\",\"name\":\"Amendment\",\"namespace\":\"outlierd\",\"doc\":\"A published "
			"decision that "
			"would have been another, had a late event been there. Times in ms since 1970; missing is "
			"null.\",\"fields\":["
			"{\"name\":\"schema_version\",\"type\":\"int\"},"
			"{\"name\":\"amendment_id\",\"type\":\"string\",\"doc\":\"SHA-256 that names decision and late "
			"event; the same "
			"wherever it is made again\"},"
			"{\"name\":\"pipeline\",\"type\":\"string\"},"
			"{\"name\":\"entity\",\"type\":\"string\"},"
			"{\"name\":\"topic\",\"type\":\"string\"},"
			"{\"name\":\"partition\",\"type\":\"int\"},"
			"{\"name\":\"offset\",\"type\":\"long\",\"doc\":\"Of the decision, as its event_time\"},"
			"{\"name\":\"event_time\",\"type\":\"long\"},"
			"{\"name\":\"old_score\",\"type\":[\"null\",\"double\"]},"
			"{\"name\":\"new_score\",\"type\":[\"null\",\"double\"]},"
			"{\"name\":\"threshold\",\"type\":[\"null\",\"double\"]},"
			"{\"name\":\"old_flagged\",\"type\":\"boolean\"},"
			"{\"name\":\"new_flagged\",\"type\":\"boolean\"},"
			"{\"name\":\"flags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
			"{\"name\":\"model_id\",\"type\":[\"null\",\"string\"]},"
			"{\"name\":\"feature_set_id\",\"type\":\"string\"},"
			"{\"name\":\"policy_id\",\"type\":\"string\"},"
			"{\"name\":\"late\",\"type\":{\"type\":\"record\",\"name\":\"Late\",\"fields\":["
			"{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"offset\",\"type\":\"long\"},"
			"{\"name\":\"event_time\",\"type\":\"long\"}]}},"
			"{\"name\":\"features\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
			"\"Amended\",\"fields\":["
			"{\"name\":\"feature\",\"type\":\"string\"},{\"name\":\"old\",\"type\":[\"null\",\"double\"]},"
			"{\"name\":\"new\",\"type\":[\"null\",\"double\"]}]}}}"
			"]}");
}
