#include "daemon/cmd/survey_topic.h"

#include "daemon/io/avro_pick.h"
#include "daemon/io/schema_table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define FRAME_BYTES 5
#define RECORD_BYTES ((size_t)64 << 20) /* of memory for one record's texts */
#define FIXED_ID 0                      /* of the schema from a file */

/* A writer's schema and how its records are taken apart. */
struct writer {
	struct avro_schema *schema;
	struct avro_pick *pick;
	size_t count; /* of the survey's fields, when it was made: later ones this writer does not have */
};

struct reading {
	const struct survey_topic_options *options;
	struct survey_topic *topic;
	struct arena *kept, *texts;
	struct record *firsts; /* in the arena `kept` */
	size_t first_count;
	struct schema_table writers;
	struct err err; /* what ended it */
};

/* Copies a record; where memory for the sample is used up, it ends there. */
static bool keep(struct reading *reading, const struct record *record, struct record *copy)
{
	*copy = *record;
	copy->headers = NULL;
	copy->header_count = 0;
	copy->handle = NULL;
	if (record->key.data != NULL)
		copy->key = arena_copy(reading->kept, record->key);
	if (record->value.data != NULL)
		copy->value = arena_copy(reading->kept, record->value);
	return (record->key.data == NULL) == (copy->key.data == NULL) &&
	       (record->value.data == NULL) == (copy->value.data == NULL);
}

static void visit(void *context, const struct record *record)
{
	struct reading *reading = context;
	struct survey_topic *topic = reading->topic;
	assert(topic->record_count < reading->options->records);
	if (keep(reading, record, &topic->records[topic->record_count]))
		topic->record_count++;
}

static int visit_first(void *context, const struct record *record, struct err *err)
{
	struct reading *reading = context;
	(void)err;
	if (reading->first_count < (size_t)reading->topic->facts.partitions &&
	    keep(reading, record, &reading->firsts[reading->first_count]))
		reading->first_count++;
	return 0;
}

/* The beginning of each partition says how far back the topic goes. It is no loss where that cannot be told. */
static void read_firsts(struct reading *reading)
{
	const struct kafka_options *kafka = reading->options->kafka;
	size_t partitions = (size_t)reading->topic->facts.partitions, count = 0;
	struct err err = {0};
	struct kafka_reader *reader = kafka_reader_new(kafka, &err);
	struct kafka_range *ranges = calloc(partitions + 1, sizeof *ranges);
	reading->firsts = arena_take_zeroed(reading->kept, partitions + 1, sizeof *reading->firsts);
	if (reader == NULL || ranges == NULL || reading->firsts == NULL)
		goto free_ranges;
	for (size_t i = 0; i < partitions; i++) {
		int64_t low, high;
		if (kafka_reader_bounds(reader, kafka->input_topic, (int32_t)i, &low, &high, &err) != 0)
			goto free_ranges;
		reading->topic->topic_records += (uint64_t)(high - low);
		if (high > low)
			ranges[count++] = (struct kafka_range){(int32_t)i, low, low + 1};
	}
	if (kafka_reader_read(reader, kafka->input_topic, ranges, count, visit_first, reading, &err) != 0)
		reading->first_count = 0;
free_ranges:
	free(ranges);
	kafka_reader_free(reader);
}

static void free_writer(void *thing)
{
	struct writer *writer = thing;
	if (writer == NULL)
		return;
	avro_pick_free(writer->pick);
	avro_schema_free(writer->schema);
	free(writer);
}

/* All paths of the survey are picked: what this writer lacks is null. */
static int prepare(const struct survey *survey, struct writer *writer, struct err *err)
{
	const char **paths = calloc(SURVEY_FIELDS_MAX, sizeof *paths);
	bool *found = calloc(SURVEY_FIELDS_MAX, sizeof *found);
	writer->count = survey->field_count;
	for (size_t i = 0; paths != NULL && i < writer->count; i++)
		paths[i] = survey->fields[i].path;
	if (paths == NULL || found == NULL)
		(void)err_memory(err);
	else
		writer->pick = avro_pick_new(writer->schema, paths, writer->count, found, err);
	free(found);
	free(paths);
	return writer->pick == NULL ? -1 : 0;
}

static struct writer *new_writer(struct reading *reading, int32_t id, struct avro_schema *schema, struct err *err)
{
	struct survey *survey = reading->topic->survey;
	struct writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL) {
		avro_schema_free(schema);
		(void)err_memory(err);
		return NULL;
	}
	writer->schema = schema;
	if (survey_schema(survey, avro_schema_root(schema), err) == 0 && prepare(survey, writer, err) == 0 &&
	    schema_table_put(&reading->writers, id, writer, err) == 0)
		return writer;
	free_writer(writer);
	return NULL;
}

/* The body of a record and the id of its schema. */
static int unframe(const struct reading *reading, const struct record *record, struct slice *body, int32_t *id,
		   struct err *err)
{
	const uint8_t *bytes = record->value.data;
	bool fixed = reading->options->schema_file != NULL, framed = !fixed || reading->options->framed;
	*body = record->value;
	*id = FIXED_ID;
	if (bytes == NULL)
		return err_set(err, ERR_DATA, "it has no value");
	if (!framed)
		return 0;
	if (body->length < FRAME_BYTES || bytes[0] != 0)
		return err_set(err, ERR_DATA, "it does not begin with Confluent's framing");
	*body = (struct slice){bytes + FRAME_BYTES, body->length - FRAME_BYTES};
	if (!fixed)
		*id =
		    (int32_t)((uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4]);
	return 0;
}

/* Asks the registry. NULL: why, which may be the record's fault alone. */
static struct writer *ask_writer(struct reading *reading, int32_t id, struct err *err)
{
	struct slice text;
	enum registry_answer answer = registry_schema(reading->options->registry, id, &text, err);
	if (answer == REGISTRY_AWAY)
		reading->err = *err;
	struct avro_schema *schema = answer == REGISTRY_FOUND ? avro_schema_parse(text, err) : NULL;
	return schema == NULL ? NULL : new_writer(reading, id, schema, err);
}

/* One record into a survey; new schemas are asked for while it is the sample's own. -1: it is not in it, *err says why. */
static int add(struct reading *reading, struct survey *survey, const struct record *record, struct err *err)
{
	struct slice body;
	size_t length;
	int32_t id;
	if (unframe(reading, record, &body, &id, err) != 0)
		return -1;
	struct writer *writer = schema_table_get(&reading->writers, id);
	if (writer == NULL && survey == reading->topic->survey)
		writer = ask_writer(reading, id, err);
	if (writer == NULL)
		return err_set(err, ERR_DATA, "its schema is none of the sample's");
	arena_reset(reading->texts);
	struct slice *texts = arena_take_zeroed(reading->texts, writer->count + 1, sizeof *texts);
	if (texts == NULL)
		return err_memory(err);
	if (avro_pick_run(writer->pick, body, &length, reading->texts, texts, err) != 0)
		return -1;
	if (length != body.length)
		return err_set(err, ERR_DATA, "byte %zu: the record ends, %zu more bytes follow", length,
			       body.length - length);
	survey_begin(survey, record);
	for (size_t i = 0; i < writer->count; i++)
		survey_value(survey, i, texts[i], record->key);
	return 0;
}

/* The first records have the survey's fields, whatever their own writer's schema is. */
static int survey_firsts(struct reading *reading, struct err *err)
{
	const struct survey *survey = reading->topic->survey;
	struct survey *firsts = survey_new(reading->first_count);
	reading->topic->firsts = firsts;
	if (firsts == NULL)
		return err_memory(err);
	firsts->partition_count = survey->partition_count;
	for (size_t i = 0; i < survey->field_count; i++) {
		const struct survey_field *field = &survey->fields[i];
		if (survey_add_field(firsts, field->path, field->kind, field->scale, field->nullable, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < reading->first_count; i++) {
		struct err ignored = {0};
		(void)!add(reading, firsts, &reading->firsts[i], &ignored);
	}
	return 0;
}

static void count_partitions(struct survey_topic *topic, const struct record *record)
{
	if (record->key.data == NULL)
		return;
	topic->keyed++;
	topic->murmur2 += partition_murmur2(record->key, topic->facts.partitions) == record->partition;
	topic->crc32 += partition_crc32(record->key, topic->facts.partitions) == record->partition;
}

static int survey_all(struct reading *reading, struct err *err)
{
	struct survey_topic *topic = reading->topic;
	size_t kept = 0, read = topic->record_count;
	for (size_t i = 0; i < read; i++) {
		struct err why = {0};
		count_partitions(topic, &topic->records[i]);
		if (add(reading, topic->survey, &topic->records[i], &why) == 0) {
			topic->records[kept++] = topic->records[i];
			continue;
		}
		if (err_is_set(&reading->err) || why.code == ERR_MEMORY) {
			*err = err_is_set(&reading->err) ? reading->err : why;
			return -1;
		}
		if (topic->unreadable++ == 0)
			topic->unreadable_why = why;
	}
	topic->record_count = kept;
	if (kept == 0 && read > 0)
		return err_set(err, ERR_DATA, "none of %zu sampled records could be read; the first: %s", read,
			       topic->unreadable_why.message);
	return survey_measure(topic->survey, err) == 0 ? survey_firsts(reading, err) : -1;
}

static int fixed_schema(struct reading *reading, struct err *err)
{
	if (reading->options->schema_file == NULL)
		return 0;
	struct avro_schema *schema = avro_schema_read(reading->options->schema_file, err);
	if (schema == NULL)
		return -1;
	return new_writer(reading, FIXED_ID, schema, err) == NULL ? -1 : 0;
}

static int read_sample(struct reading *reading, struct err *err)
{
	const struct survey_topic_options *options = reading->options;
	struct survey_topic *topic = reading->topic;
	if (kafka_topic_facts(options->kafka, options->kafka->input_topic, &topic->facts, err) != 0)
		return -1;
	if (!topic->facts.exists)
		return err_set(err, ERR_UNAVAILABLE, "the topic %s does not exist", options->kafka->input_topic);
	topic->survey = survey_new(options->records);
	topic->records = calloc(options->records + 1, sizeof *topic->records);
	reading->kept = arena_new(SURVEY_TOPIC_BYTES_MAX);
	reading->texts = arena_new(RECORD_BYTES);
	topic->owner = reading->kept;
	if (topic->survey == NULL || topic->records == NULL || reading->kept == NULL || reading->texts == NULL)
		return err_memory(err);
	topic->survey->partition_count = topic->facts.partitions;
	if (fixed_schema(reading, err) != 0 || kafka_sample(options->kafka, options->records, visit, reading, err) != 0)
		return -1;
	if (topic->record_count == 0)
		return err_set(err, ERR_DATA, "the topic %s is empty: there is nothing to look at",
			       options->kafka->input_topic);
	read_firsts(reading);
	return survey_all(reading, err);
}

int survey_topic_read(struct survey_topic *topic, const struct survey_topic_options *options, struct err *err)
{
	struct reading reading = {.options = options, .topic = topic};
	*topic = (struct survey_topic){0};
	int status = read_sample(&reading, err);
	schema_table_clear(&reading.writers, free_writer);
	arena_free(reading.texts);
	return status;
}

void survey_topic_free(struct survey_topic *topic)
{
	survey_free(topic->survey);
	survey_free(topic->firsts);
	free(topic->records);
	arena_free(topic->owner);
}
