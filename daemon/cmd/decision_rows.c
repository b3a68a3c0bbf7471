#include "daemon/cmd/decision_rows.h"

#include "daemon/cmd/past.h"
#include "daemon/cmd/published.h"
#include "daemon/cmd/vector_output.h"
#include "daemon/io/avro_file.h"
#include "daemon/io/jsonl.h"
#include "daemon/io/output.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)64 << 20)

/* Members that a row needs; the features' follow. */
enum member { EVENT_ID, ENTITY, EVENT_TIME, PARTITION, OFFSET, FLAGS, FEATURE_SET, TOPIC, MEMBERS };
static const char *const member_names[MEMBERS] = {"event_id", "entity", "event_time",     "partition",
						  "offset",   "flags",  "feature_set_id", "topic"};

struct row {
	int32_t partition;
	int64_t offset;
	size_t at, length; /* in the text */
};

struct gathering {
	const struct decision_rows_options *options;
	const struct feature_set *set;
	const struct stretch *stretches; /* NULL: every record */
	size_t stretch_count;
	struct decision_rows_counts *counts;
	char **paths; /* owned: "features.NAME" */
	struct slice *texts;
	double *values;
	struct row *rows;
	size_t count, capacity;
	struct buffer text, scratch;
};

bool decision_rows_is_file(const char *path)
{
	const char *dot = strrchr(path, '.');
	return dot != NULL && (strcmp(dot, ".avro") == 0 || strcmp(dot, ".jsonl") == 0);
}

static int take_memory(struct gathering *gathering, struct err *err)
{
	size_t features = feature_set_count(gathering->set);
	gathering->paths = calloc(MEMBERS + features, sizeof *gathering->paths);
	gathering->texts = calloc(MEMBERS + features, sizeof *gathering->texts);
	gathering->values = calloc(features + 1, sizeof *gathering->values);
	if (gathering->paths == NULL || gathering->texts == NULL || gathering->values == NULL)
		return err_memory(err);
	for (size_t i = 0; i < MEMBERS + features; i++) {
		char name[300];
		if (i < MEMBERS)
			snprintf(name, sizeof name, "%s", member_names[i]);
		else
			snprintf(name, sizeof name, "features.%s", feature_set_name(gathering->set, i - MEMBERS));
		gathering->paths[i] = strdup(name);
		if (gathering->paths[i] == NULL)
			return err_memory(err);
	}
	return 0;
}

/* ["late","warming"] as bits; words that are no flags of vectors count for nothing. */
static unsigned flags_of(struct slice text)
{
	unsigned flags = 0;
	for (unsigned i = 0; i < FLAG_NUMBER; i++) {
		char word[32];
		snprintf(word, sizeof word, "\"%s\"", flag_name(i));
		if (text.data != NULL && memmem(text.data, text.length, word, strlen(word)) != NULL)
			flags |= 1u << i;
	}
	return flags & ~(unsigned)FLAG_FALLBACK;
}

static bool is_wanted(const struct gathering *gathering, int64_t partition, int64_t offset)
{
	if (gathering->stretches == NULL)
		return true;
	if (partition < 0 || (size_t)partition >= gathering->stretch_count)
		return false;
	const struct stretch *stretch = &gathering->stretches[partition];
	return offset >= stretch->from && offset < stretch->to;
}

static int make_room(struct gathering *gathering, struct err *err)
{
	if (gathering->text.length + gathering->count * sizeof(struct row) > gathering->options->memory_bytes)
		return err_set(err, ERR_MEMORY, "the rows need more than %zu MiB (--memory)",
			       gathering->options->memory_bytes >> 20);
	if (gathering->count < gathering->capacity)
		return 0;
	size_t capacity = gathering->capacity == 0 ? 1024 : 2 * gathering->capacity;
	struct row *more = realloc(gathering->rows, capacity * sizeof *more);
	if (more == NULL)
		return err_memory(err);
	gathering->rows = more;
	gathering->capacity = capacity;
	return 0;
}

/* One decision by its members' texts. */
static int take(struct gathering *gathering, struct err *err)
{
	const struct slice *texts = gathering->texts;
	struct event event = {.id = texts[EVENT_ID], .entity = texts[ENTITY]};
	struct vector vector = {.values = gathering->values, .flags = flags_of(texts[FLAGS])};
	int64_t partition;
	if (texts[EVENT_TIME].data == NULL || texts[PARTITION].data == NULL || texts[OFFSET].data == NULL ||
	    number_parse_integer(texts[EVENT_TIME], &event.time_ms) != 0 ||
	    number_parse_integer(texts[PARTITION], &partition) != 0 || partition < 0 || partition > INT32_MAX ||
	    number_parse_integer(texts[OFFSET], &event.offset) != 0) {
		gathering->counts->unreadable++;
		return 0;
	}
	if (!slice_equal(texts[TOPIC], slice_of(gathering->options->world->config->kafka.input_topic))) {
		gathering->counts->other_topics++;
		return 0;
	}
	if (!is_wanted(gathering, partition, event.offset))
		return 0;
	if (!slice_equal(texts[FEATURE_SET], slice_of(feature_set_id(gathering->set)))) {
		gathering->counts->other_features++;
		return 0;
	}
	for (size_t i = 0; i < feature_set_count(gathering->set); i++) {
		struct slice text = texts[MEMBERS + i];
		gathering->values[i] = NAN;
		if (text.data != NULL && text.length > 0 && number_parse(text, &gathering->values[i]) != 0) {
			gathering->counts->unreadable++;
			return 0;
		}
	}
	if (make_room(gathering, err) != 0)
		return -1;
	struct row row = {(int32_t)partition, event.offset, gathering->text.length, 0};
	const struct vector_row written = {.event = &event, .partition = row.partition, .vector = &vector};
	vector_output_row(&gathering->text, gathering->set, &written, 0, false);
	row.length = gathering->text.length - row.at;
	gathering->rows[gathering->count++] = row;
	gathering->counts->taken++;
	return buffer_failed(&gathering->text) ? err_memory(err) : 0;
}

/* The members of a JSON object as texts in the scratch buffer. */
static int take_object(struct gathering *gathering, const json_t *object, struct err *err)
{
	size_t count = MEMBERS + feature_set_count(gathering->set);
	buffer_reset(&gathering->scratch);
	for (int pass = 0; pass < 2; pass++) { /* the buffer moves while it grows: places first, pointers then */
		size_t at = 0;
		for (size_t i = 0; i < count; i++) {
			const json_t *value = i < MEMBERS
						  ? json_object_get(object, member_names[i])
						  : json_object_get(json_object_get(object, "features"),
								    feature_set_name(gathering->set, i - MEMBERS));
			bool none = value == NULL || json_is_null(value);
			if (pass == 0) {
				size_t before = gathering->scratch.length;
				char number[NUMBER_TEXT_MAX];
				if (json_is_real(value))
					buffer_add(&gathering->scratch, number,
						   number_format(json_real_value(value), number));
				else if (!none && jsonl_text(value, &gathering->scratch) != 0)
					return err_memory(err);
				gathering->texts[i].length = gathering->scratch.length - before;
			} else {
				gathering->texts[i].data = none ? NULL : gathering->scratch.data + at;
				at += gathering->texts[i].length;
			}
		}
	}
	return buffer_failed(&gathering->scratch) ? err_memory(err) : take(gathering, err);
}

static int take_message(void *context, const struct record *message, struct err *err)
{
	struct gathering *gathering = context;
	struct err why = {0};
	json_t *object = published_read(gathering->options->world, message->value, &why);
	int status = 0;
	if (object == NULL)
		gathering->counts->unreadable++;
	else
		status = take_object(gathering, object, err);
	json_decref(object);
	return status;
}

static int read_topic(struct gathering *gathering, struct err *err)
{
	const struct world *world = gathering->options->world;
	const char *topic = world->config->publish.decisions.topic;
	struct stretch *stretches = NULL;
	int32_t partitions = 0;
	if (topic == NULL)
		return err_set(err, ERR_CONFIG, "%s: output.decisions is not configured", world->config->path);
	struct kafka_reader *reader = kafka_reader_new(&world->config->kafka, err);
	int status = reader == NULL
			 ? -1
			 : stretch_resolve(world, reader, &gathering->options->edges[0], &gathering->options->edges[1],
					   0, &stretches, &gathering->stretch_count, err);
	gathering->stretches = stretches;
	for (int attempt = 0; status == 0 && kafka_reader_partitions(reader, topic, &partitions, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			status = -1;
	for (int32_t i = 0; status == 0 && i < partitions; i++) {
		struct kafka_range range = {.partition = i};
		for (int attempt = 0;
		     status == 0 && kafka_reader_bounds(reader, topic, i, &range.from, &range.to, err) != 0; attempt++)
			if (past_given_up(world, attempt, err))
				status = -1;
		if (status == 0)
			status = kafka_reader_read(reader, topic, &range, 1, take_message, gathering, err);
	}
	kafka_reader_free(reader);
	free(stretches);
	gathering->stretches = NULL;
	return status;
}

static int read_lines(struct gathering *gathering, struct err *err)
{
	struct jsonl lines;
	struct err bad = {0};
	int status;
	if (jsonl_open(&lines, gathering->options->path, err) != 0)
		return -1;
	while ((status = jsonl_next(&lines, &bad, err)) == 1) {
		if (!json_is_object(lines.value))
			status = err_set(err, ERR_DATA, "%s: line %llu: no JSON object", gathering->options->path,
					 (unsigned long long)lines.line);
		else
			status = take_object(gathering, lines.value, err);
		if (status != 0)
			break;
	}
	jsonl_close(&lines);
	return status;
}

static int read_container(struct gathering *gathering, struct err *err)
{
	size_t count = MEMBERS + feature_set_count(gathering->set);
	struct avro_file *file = avro_file_open(gathering->options->path, err);
	struct arena *arena = arena_new(ARENA_BYTES);
	bool *found = calloc(count, sizeof *found);
	struct slice body;
	int status = -1;
	struct avro_pick *pick = NULL;
	if (arena == NULL || found == NULL)
		(void)err_memory(err);
	else if (file != NULL)
		pick = avro_pick_new(avro_file_schema(file), (const char *const *)gathering->paths, count, found, err);
	if (pick != NULL)
		while ((status = avro_file_next(file, pick, arena, gathering->texts, &body, err)) == 1 &&
		       (status = take(gathering, err)) == 0)
			arena_reset(arena);
	avro_pick_free(pick);
	free(found);
	arena_free(arena);
	avro_file_close(file);
	return status;
}

static int by_record(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

/* A record's decision that is there twice (topics read twice over, files put together) counts once. */
static int write_rows(struct gathering *gathering, const char *path, struct err *err)
{
	struct output output;
	if (output_open(&output, path, err) != 0)
		return -1;
	if (gathering->count > 0)
		qsort(gathering->rows, gathering->count, sizeof *gathering->rows, by_record);
	vector_output_header(&output.buffer, gathering->set, NULL, 0, false);
	for (size_t i = 0; i < gathering->count; i++) {
		const struct row *row = &gathering->rows[i];
		if (i > 0 && by_record(row, row - 1) == 0)
			continue;
		buffer_add(&output.buffer, gathering->text.data + row->at, row->length);
		output_flow(&output);
	}
	return output_close(&output, err);
}

static int make_path(char path[], size_t size, struct err *err)
{
	const char *folder = getenv("TMPDIR");
	int length = snprintf(path, size, "%s/outlierd-decisions-XXXXXX", folder == NULL ? "/tmp" : folder);
	int descriptor = length > 0 && (size_t)length < size ? mkstemp(path) : -1;
	if (descriptor < 0)
		return err_set(err, ERR_IO, "%s: no temporary file can be made", path);
	close(descriptor);
	return 0;
}

int decision_rows_spool(const struct decision_rows_options *options, char path[], size_t path_size,
			struct decision_rows_counts *counts, struct err *err)
{
	struct gathering gathering = {.options = options, .set = options->world->set, .counts = counts};
	const char *name = options->path;
	*counts = (struct decision_rows_counts){0};
	buffer_init(&gathering.text);
	buffer_init(&gathering.scratch);
	int status = take_memory(&gathering, err);
	if (status == 0)
		status = name == NULL                               ? read_topic(&gathering, err)
			 : strcmp(strrchr(name, '.'), ".avro") == 0 ? read_container(&gathering, err)
								    : read_lines(&gathering, err);
	if (status == 0 && gathering.count == 0)
		status = err_set(err, ERR_DATA, "%s: no decision of feature set %.12s",
				 name == NULL ? options->world->config->publish.decisions.topic : name,
				 feature_set_id(gathering.set));
	if (status == 0)
		status = make_path(path, path_size, err);
	if (status == 0 && write_rows(&gathering, path, err) != 0) {
		(void)unlink(path);
		status = -1;
	}
	for (size_t i = 0; gathering.paths != NULL && i < MEMBERS + feature_set_count(gathering.set); i++)
		free(gathering.paths[i]);
	free(gathering.paths);
	free(gathering.texts);
	free(gathering.values);
	free(gathering.rows);
	buffer_free(&gathering.text);
	buffer_free(&gathering.scratch);
	return status;
}
