#include "daemon/io/event_file.h"

#include "daemon/io/event_format.h"

#include <assert.h>
#include <stdlib.h>

/* The last offset of a partition. */
struct last {
	int32_t partition;
	int64_t offset;
};

struct event_file {
	struct event_format format;
	struct event_schema schema; /* the caller's, less what this file does not let us check */
	enum partitioner partitioner;
	int32_t partition_count;
	const char *number_is; /* "line" or "record" */
	uint64_t order;        /* records so far */
	bool order_assumed;
	struct last *lasts; /* by partition, ascending */
	size_t last_count, last_capacity;
};

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

int event_file_format_parse(const char *name, enum event_file_format *format)
{
	static const struct {
		const char *name;
		enum event_file_format format;
	} names[] = {{"avro", EVENT_FILE_AVRO}, {"jsonl", EVENT_FILE_JSONL}, {"csv", EVENT_FILE_CSV}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, name) == 0) {
			*format = names[i].format;
			return 0;
		}
	return -1;
}

enum event_file_format event_file_format_of(const char *path)
{
	if (ends_with(path, ".avro"))
		return EVENT_FILE_AVRO;
	if (ends_with(path, ".jsonl"))
		return EVENT_FILE_JSONL;
	return ends_with(path, ".csv") ? EVENT_FILE_CSV : EVENT_FILE_BY_NAME;
}

struct event_file *event_file_open(const char *path, enum event_file_format format, const struct event_schema *schema,
				   const char *const *keep, size_t keep_count, struct err *err)
{
	struct event_format (*const openers[])(const struct event_format_options *, struct err *) = {
	    [EVENT_FILE_AVRO] = event_avro_open,
	    [EVENT_FILE_JSONL] = event_jsonl_open,
	    [EVENT_FILE_CSV] = event_csv_open,
	};
	if (format == EVENT_FILE_BY_NAME)
		format = event_file_format_of(path);
	if (format == EVENT_FILE_BY_NAME) {
		(void)err_set(err, ERR_USAGE,
			      "%s: its name does not tell the format: give --input-format avro, jsonl or csv", path);
		return NULL;
	}
	if (format != EVENT_FILE_AVRO && schema->time_unit == TIME_LOGICAL) {
		(void)err_set(
		    err, ERR_CONFIG,
		    "%s: numbers in CSV and JSON have no unit of time: configure \"time\": {\"path\": \"%s\", "
		    "\"unit\": \"ms\"}, or us, s, rfc3339",
		    path, schema->time_path);
		return NULL;
	}
	struct event_file *file = calloc(1, sizeof *file);
	if (file == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	file->schema = *schema;
	file->schema.partitioner = PARTITIONER_UNCHECKED;
	file->partitioner = schema->partitioner;
	file->number_is = format == EVENT_FILE_AVRO ? "record" : "line";
	file->format = openers[format](&(struct event_format_options){path, &file->schema, keep, keep_count}, err);
	if (file->format.self == NULL) {
		free(file);
		return NULL;
	}
	return file;
}

void event_file_partitions(struct event_file *file, int32_t count)
{
	assert(count > 0 && file->order == 0);
	file->partition_count = count;
	file->schema.partitioner = file->partitioner;
}

/* The place of a partition's last offset, made where there is none; NULL: out of memory. */
static struct last *last_of(struct event_file *file, int32_t partition)
{
	size_t low = 0, high = file->last_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (file->lasts[middle].partition < partition)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < file->last_count && file->lasts[low].partition == partition)
		return &file->lasts[low];
	if (file->last_count == file->last_capacity) {
		size_t capacity = file->last_capacity == 0 ? 16 : 2 * file->last_capacity;
		struct last *lasts = realloc(file->lasts, capacity * sizeof *lasts);
		if (lasts == NULL)
			return NULL;
		file->lasts = lasts;
		file->last_capacity = capacity;
	}
	memmove(&file->lasts[low + 1], &file->lasts[low], (file->last_count++ - low) * sizeof *file->lasts);
	file->lasts[low] = (struct last){partition, -1};
	return &file->lasts[low];
}

/* Offsets of a partition must ascend: what stands in another order cannot be what Kafka held. */
static int check_order(struct event_file *file, const struct event_record *record, struct err *err)
{
	struct last *last = last_of(file, record->partition);
	if (last == NULL)
		return err_memory(err);
	if (record->event.offset <= last->offset)
		return err_set(err, ERR_DATA, "%s: %s %llu: offset %lld of partition %d stands behind offset %lld",
			       file->format.input(file->format.self)->name, file->number_is,
			       (unsigned long long)record->number, (long long)record->event.offset,
			       (int)record->partition, (long long)last->offset);
	last->offset = record->event.offset;
	return 0;
}

/* Ends the builder and checks what the record says of itself; sets reason and err. */
static void finish(const struct event_file *file, const struct event_parts *parts, struct event_builder *builder,
		   struct event_record *record)
{
	int64_t offset = record->event.offset;
	record->reason = parts->reason;
	if (record->reason != REASON_NONE) {
		record->err = parts->bad;
	} else if ((record->reason = event_builder_end(builder, &record->event)) != REASON_NONE) {
		record->err = builder->err;
	} else {
		record->event.timestamp_ms =
		    parts->has[MEMBER_TIMESTAMP] ? parts->members[MEMBER_TIMESTAMP] : record->event.time_ms;
		if (parts->has[MEMBER_KEY])
			record->reason = event_check_key(builder, parts->key, record->partition, file->partition_count,
							 &record->err);
		if (record->reason == REASON_NONE && parts->has[MEMBER_TIMESTAMP] &&
		    parts->members[MEMBER_TIMESTAMP] < 0) {
			record->reason = REASON_TIMESTAMP;
			(void)err_set(&record->err, ERR_DATA, "the record has no timestamp");
		}
	}
	record->event.offset = offset;
	if (record->reason != REASON_NONE)
		(void)err_prepend(&record->err, "%s %llu", file->number_is, (unsigned long long)record->number);
}

int event_file_next(struct event_file *file, struct arena *arena, struct event_record *record, struct slice *kept,
		    struct err *err)
{
	struct value *values = arena_take(arena, (file->schema.field_count + 1) * sizeof *values);
	if (values == NULL)
		return err_memory(err);
	struct event_builder builder;
	struct event_parts parts; /* not zeroed as a whole: an err is large */
	parts.reason = REASON_NONE;
	parts.parsed = false;
	memset(parts.has, 0, sizeof parts.has);
	parts.key = (struct slice){NULL, 0};
	err_clear(&parts.bad);
	event_builder_begin(&builder, &file->schema, arena, values);
	int status = file->format.next(file->format.self, arena, &builder, &parts, kept, err);
	if (status <= 0)
		return status;

	record->number = parts.number;
	record->parsed = parts.parsed;
	record->key = parts.key;
	record->event = (struct event){.values = values};
	err_clear(&record->err);
	record->partition = parts.has[MEMBER_PARTITION] ? (int32_t)parts.members[MEMBER_PARTITION] : 0;
	record->event.offset = parts.has[MEMBER_OFFSET] ? parts.members[MEMBER_OFFSET] : (int64_t)file->order;
	record->event.timestamp_ms = parts.has[MEMBER_TIMESTAMP] ? parts.members[MEMBER_TIMESTAMP] : -1;
	record->has_coordinates =
	    parts.has[MEMBER_PARTITION] && parts.has[MEMBER_OFFSET] && parts.has[MEMBER_TIMESTAMP];
	file->order++;
	finish(file, &parts, &builder, record);
	/* What does not fit into the memory of a batch is nothing that the record could be blamed for. */
	if (record->reason != REASON_NONE && record->err.code == ERR_MEMORY)
		return err_set(err, ERR_MEMORY, "%s", record->err.message);
	if (!parts.parsed)
		return 1;
	file->order_assumed |= !record->has_coordinates;
	return check_order(file, record, err) == 0 ? 1 : -1;
}

bool event_file_order_assumed(const struct event_file *file)
{
	return file->order_assumed;
}

void event_file_progress(const struct event_file *file, uint64_t *read, uint64_t *size)
{
	const struct input *input = file->format.input(file->format.self);
	*read = input->read - (uint64_t)(input->end - input->at);
	*size = input->size;
}

void event_file_close(struct event_file *file)
{
	if (file == NULL)
		return;
	file->format.close(file->format.self);
	free(file->lasts);
	free(file);
}
