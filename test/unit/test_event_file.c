#include "daemon/io/avro_container_write.h"
#include "daemon/io/event_file.h"
#include "number.h"
#include "test/unit/files.h"

#define SHOWN_MAX 8192
#define ARENA_BYTES ((size_t)8 << 20)

static const char *const aliases[] = {"place"};
static const struct field fields[] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "city",
     .path = "shop.city",
     .type = FIELD_STRING,
     .scale = FIELD_SCALE_NONE,
     .aliases = aliases,
     .alias_count = 1},
    {.name = "web",
     .path = "web",
     .type = FIELD_BOOLEAN,
     .scale = FIELD_SCALE_NONE,
     .fallback = {.present = true, .units = 1}},
};

static const struct event_schema schema = {
    .id_path = "id",
    .time_path = "time",
    .entity_path = "card",
    .key_path = "card",
    .time_unit = TIME_MS,
    .partitioner = PARTITIONER_MURMUR2,
    .fields = fields,
    .field_count = 3,
};

static void show_record(const struct event_record *record, const struct slice *kept, size_t keep_count, char *shown,
			size_t size)
{
	const struct event *event = &record->event;
	size_t length = (size_t)snprintf(shown, size, "%d/%lld@%lld", (int)record->partition, (long long)event->offset,
					 (long long)event->timestamp_ms);
	if (record->reason != REASON_NONE) {
		length += (size_t)snprintf(shown + length, size - length, " %s %s", reason_name(record->reason),
					   record->err.message);
	} else {
		const struct value *values = event->values;
		length += (size_t)snprintf(shown + length, size - length, " %.*s %.*s %lld", (int)event->id.length,
					   (const char *)event->id.data, (int)event->entity.length,
					   (const char *)event->entity.data, (long long)event->time_ms);
		if (values[0].present)
			length += (size_t)snprintf(shown + length, size - length, " %lld", (long long)values[0].units);
		if (values[1].present)
			length += (size_t)snprintf(shown + length, size - length, " %.*s", (int)values[1].text.length,
						   (const char *)values[1].text.data);
		length += (size_t)snprintf(shown + length, size - length, " %d", (int)values[2].units);
	}
	for (size_t i = 0; i < keep_count; i++)
		length += (size_t)snprintf(shown + length, size - length, " %s",
					   kept[i].data == NULL ? "(null)" : (const char *)kept[i].data);
	snprintf(shown + length, size - length, "\n");
}

/* Every record of a file as a line, then the error if there is one. A kept text is shown up to its end in the arena. */
static void show(const char *path, int32_t partitions, const char *const *keep, size_t keep_count,
		 char shown[SHOWN_MAX])
{
	struct err err = {0};
	struct arena *arena = arena_new(ARENA_BYTES);
	struct event_record record;
	struct slice kept[4];
	int status = -1;
	struct event_file *file = event_file_open(path, EVENT_FILE_BY_NAME, &schema, keep, keep_count, &err);
	*shown = '\0';
	if (file != NULL && partitions > 0)
		event_file_partitions(file, partitions);
	if (file != NULL)
		while ((status = event_file_next(file, arena, &record, kept, &err)) == 1) {
			size_t length = strlen(shown);
			show_record(&record, kept, keep_count, shown + length, SHOWN_MAX - length);
		}
	if (file != NULL && status == 0 && event_file_order_assumed(file))
		strcat(shown, "assumed\n");
	if (status < 0) {
		const char *name = strrchr(err.message, '/');
		strcat(strcat(shown, name == NULL ? err.message : name + 1), "\n");
	}
	event_file_close(file);
	arena_free(arena);
}

#define EXPECT_SHOWN(name, content, partitions, wanted)                                                                \
	do {                                                                                                           \
		char shown_[SHOWN_MAX];                                                                                \
		show(files_text(name, content), partitions, NULL, 0, shown_);                                          \
		EXPECT_TEXT(shown_, wanted);                                                                           \
	} while (0)

TEST(without_coordinates_the_order_is_that_of_the_lines)
{
	EXPECT_SHOWN("e.csv", "card,id,time,amount,shop.city,web\nc1,a,1000,12.344,Bonn,false\nc2,b,900,,,\n", 0,
		     "0/0@1000 a c1 1000 1234 Bonn 0\n0/1@900 b c2 900 1\nassumed\n");
	EXPECT_SHOWN("e.jsonl",
		     "{\"card\":\"c1\",\"id\":\"a\",\"time\":1000,\"amount\":12.344,\"shop\":{\"city\":\"Bonn\"},"
		     "\"web\":false}\n\n"
		     "{\"card\":2,\"id\":7,\"time\":900,\"shop\":null}\n",
		     0, "0/0@1000 a c1 1000 1234 Bonn 0\n0/1@900 7 2 900 1\nassumed\n");
}

TEST(coordinates_stand_in_columns_and_members)
{
	EXPECT_SHOWN("e.csv",
		     "card,id,time,amount,shop.city,_partition,_offset,_timestamp,_key\nc1,a,1000,1,x,2,40,1001,c1\nc1,"
		     "b,1000,1,x,2,42,-1,c1\n",
		     0, "2/40@1001 a c1 1000 100 x 1\n2/42@-1 timestamp line 3: the record has no timestamp\n");
	EXPECT_SHOWN(
	    "e.jsonl",
	    "{\"card\":\"c1\",\"id\":\"a\",\"time\":1000,\"_partition\":2,\"_offset\":40,\"_timestamp\":1001,\"_key\":"
	    "\"c1\"}\n"
	    "{\"card\":5,\"id\":\"b\",\"time\":1000,\"_partition\":0,\"_offset\":7,\"_timestamp\":1001,\"_key\":5}\n",
	    0, "2/40@1001 a c1 1000 1\n0/7@1001 b 5 1000 1\n");
}

TEST(keys_are_checked_where_the_file_has_them)
{
	EXPECT_SHOWN("e.csv", "card,id,time,amount,shop.city,_key\nc1,a,1,1,x,c2\nc1,b,1,1,x,\nc1,c,1,1,x,c1\n", 0,
		     "0/0@1 key line 2: the record's key is not card\n0/1@1 key line 3: the record has no key\n0/2@1 c "
		     "c1 1 100 x 1\nassumed\n");
	EXPECT_SHOWN(
	    "e.jsonl",
	    "{\"card\":\"c1\",\"id\":\"a\",\"time\":1,\"_key\":null}\n{\"card\":\"c1\",\"id\":\"b\",\"time\":1}\n", 0,
	    "0/0@1 key line 1: the record has no key\n0/1@1 b c1 1 1\nassumed\n");
}

TEST(the_partitioner_is_checked_where_the_number_of_partitions_is_known)
{
	char wanted[200];
	int32_t right = partition_murmur2(slice_of("c1"), 7), wrong = (right + 1) % 7;
	char content[300];
	snprintf(content, sizeof content,
		 "card,id,time,amount,shop.city,_partition,_key\nc1,a,1,1,x,%d,c1\nc1,b,1,1,x,%d,c1\n", (int)right,
		 (int)wrong);
	snprintf(wanted, sizeof wanted,
		 "%d/0@1 a c1 1 100 x 1\n%d/1@1 key line 3: the record is in partition %d, but murmur2 gives %d of 7 "
		 "for its key\nassumed\n",
		 (int)right, (int)wrong, (int)wrong, (int)right);
	EXPECT_SHOWN("e.csv", content, 7, wanted);
	snprintf(wanted, sizeof wanted, "%d/0@1 a c1 1 100 x 1\n%d/1@1 b c1 1 100 x 1\nassumed\n", (int)right,
		 (int)wrong);
	EXPECT_SHOWN("e.csv", content, 0, wanted);
}

TEST(records_that_are_no_events_have_a_reason_and_their_line)
{
	EXPECT_SHOWN(
	    "e.csv",
	    "card,id,time,amount,shop.city,web\nc1,,1,1,x,\nc1,a,soon,1,x,\nc1,a,1,dear,x,\nc1,a,1,1,x,maybe\n", 0,
	    "0/0@-1 validate line 2: id: null or absent\n"
	    "0/1@-1 validate line 3: time: expected an integer, found other text\n"
	    "0/2@-1 validate line 4: amount: expected a decimal number of at most 2^53 units of 10^-2, found other "
	    "text\n"
	    "0/3@-1 validate line 5: web: expected a boolean, found text other than true and false\nassumed\n");
	EXPECT_SHOWN("e.jsonl",
		     "{\"card\":\"c1\",\"id\":\"a\",\"time\":1,}\n[1]\n{\"card\":\"c1\",\"id\":\"a\",\"time\":1,"
		     "\"amount\":[2]}\n"
		     "{\"card\":\"c1\",\"id\":\"a\",\"time\":1,\"shop\":\"Bonn\"}\n{\"card\":\"c1\",\"id\":\"a\","
		     "\"time\":1.5}\n",
		     0,
		     "0/0@-1 decode line 1: not JSON: string or '}' expected, column 32\n"
		     "0/1@-1 decode line 2: expected a JSON object, found another value\n"
		     "0/2@-1 validate line 3: amount: expected a single value, found an array\n"
		     "0/3@-1 validate line 4: shop.city: expected nested objects, found another value\n"
		     "0/4@-1 validate line 5: time: expected an integer, found a floating-point number\nassumed\n");
}

TEST(offsets_of_a_partition_must_ascend)
{
	EXPECT_SHOWN(
	    "e.csv",
	    "card,id,time,amount,shop.city,_partition,_offset\nc1,a,1,1,x,0,5\nc1,b,1,1,x,1,4\nc1,c,1,1,x,0,5\n", 0,
	    "0/5@1 a c1 1 100 x 1\n1/4@1 b c1 1 100 x 1\ne.csv: line 4: offset 5 of partition 0 stands behind offset "
	    "5\n");
}

TEST(coordinates_that_are_none_stop_the_reading)
{
	EXPECT_SHOWN("e.csv", "card,id,time,amount,shop.city,_partition\nc1,a,1,1,x,first\n", 0,
		     "e.csv: line 2: _partition: expected an integer\n");
	EXPECT_SHOWN("e.jsonl", "{\"card\":\"c1\",\"id\":\"a\",\"time\":1,\"_offset\":-4}\n", 0,
		     "e.jsonl: line 1: _offset: -4 is out of range\n");
	EXPECT_SHOWN("e.csv", "card,id,time,amount,shop.city,_timestamp\nc1,a,1,1,x,-2\n", 0,
		     "e.csv: line 2: _timestamp: -2 is out of range\n");
}

TEST(missing_columns_are_named_all_at_once_and_aliases_are_found)
{
	EXPECT_SHOWN("e.csv", "id,amount\na,1\n", 0, "e.csv: line 1: no column time, card, shop.city\n");
	EXPECT_SHOWN("e.csv", "id,time,card,amount,shop.place\na,1,c1,1,Ulm\n", 0, "0/0@1 a c1 1 100 Ulm 1\nassumed\n");
	EXPECT_SHOWN("e.jsonl", "{\"id\":\"a\",\"time\":1,\"card\":\"c1\",\"shop\":{\"place\":\"Ulm\"}}\n", 0,
		     "0/0@1 a c1 1 Ulm 1\nassumed\n");
}

TEST(kept_texts_are_those_of_the_source)
{
	static const char *const keep[] = {"amount", "label", "shop.city"};
	char shown[SHOWN_MAX];
	show(files_text("e.jsonl", "{\"id\":\"a\",\"time\":1,\"card\":\"c1\",\"amount\":2.50,\"label\":{\"x\":[1]},"
				   "\"shop\":{\"city\":\"a,b\"}}\n{bad}\n"),
	     0, keep, 3, shown);
	EXPECT_TEXT(shown,
		    "0/0@1 a c1 1 250 a,b 1 2.5 {\"x\":[1]} a,b\n"
		    "0/1@-1 decode line 2: not JSON: string or '}' expected, column 4 (null) (null) (null)\nassumed\n");
	show(files_text("e.csv", "id,time,card,amount,shop.city\na,1,c1,2.50,x\n"), 0, keep, 3, shown);
	EXPECT_TEXT(shown, "e.csv: line 1: no column label\n");
}

TEST(formats_are_told_by_name_and_need_a_unit_of_time)
{
	struct err err = {0};
	enum event_file_format format;
	struct event_schema plain = schema;
	EXPECT(event_file_open("events.txt", EVENT_FILE_BY_NAME, &schema, NULL, 0, &err) == NULL);
	EXPECT_TEXT(err.message,
		    "events.txt: its name does not tell the format: give --input-format avro, jsonl or csv");
	EXPECT_INT(err.code, ERR_USAGE);
	err_clear(&err);
	plain.time_unit = TIME_LOGICAL;
	EXPECT(event_file_open("events.csv", EVENT_FILE_BY_NAME, &plain, NULL, 0, &err) == NULL);
	EXPECT_TEXT(
	    err.message,
	    "events.csv: numbers in CSV and JSON have no unit of time: configure \"time\": {\"path\": \"time\", "
	    "\"unit\": \"ms\"}, or us, s, rfc3339");
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT(event_file_format_parse("jsonl", &format) == 0 && format == EVENT_FILE_JSONL);
	EXPECT(event_file_format_parse("xml", &format) != 0);
}

/* Avro: the same records as in other formats, with coordinates, key and label. */

static const char avro_schema_text[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"card\",\"type\":\"long\"},"
    "{\"name\":\"amount\",\"type\":[\"null\",{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":"
    "3}]},"
    "{\"name\":\"shop\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"city\",\"type\":"
    "\"string\"}]}},"
    "{\"name\":\"_partition\",\"type\":\"int\"},{\"name\":\"_offset\",\"type\":\"long\"},"
    "{\"name\":\"_timestamp\",\"type\":[\"null\",\"long\"]},{\"name\":\"_key\",\"type\":[\"null\",\"bytes\"]}]}";

static void add_text(struct buffer *out, const char *text)
{
	buffer_add_zigzag(out, (int64_t)strlen(text));
	buffer_add_text(out, text);
}

static void add_avro(struct buffer *out, const char *id, int64_t time_us, int64_t card, int16_t amount, int64_t offset,
		     const char *key)
{
	add_text(out, id);
	buffer_add_zigzag(out, time_us);
	buffer_add_zigzag(out, card);
	buffer_add_zigzag(out, 1);
	buffer_add_zigzag(out, 2);
	buffer_add(out, (uint8_t[]){(uint8_t)(amount >> 8), (uint8_t)amount}, 2);
	add_text(out, "Bonn");
	buffer_add_zigzag(out, 3);
	buffer_add_zigzag(out, offset);
	buffer_add_zigzag(out, 1);
	buffer_add_zigzag(out, 99);
	buffer_add_zigzag(out, key != NULL);
	if (key != NULL)
		add_text(out, key);
}

TEST(avro_files_give_the_same_events_and_coordinates)
{
	static const char *const keep[] = {"amount", "time", "_key"};
	struct output output;
	struct avro_container_writer writer;
	struct err err = {0};
	char shown[SHOWN_MAX];
	EXPECT(output_open(&output, files_path("e.avro"), &err) == 0);
	avro_container_write_begin(&writer, &output, avro_schema_text, true, (const uint8_t *)"0123456789abcdef");
	add_avro(&writer.block, "a", 1000999, 41, 12345, 8, "41");
	avro_container_write_record(&writer);
	add_avro(&writer.block, "b", -1, 41, -12345, 9, NULL);
	avro_container_write_record(&writer);
	EXPECT(avro_container_write_end(&writer, &err) == 0 && output_close(&output, &err) == 0);
	show(files_path("e.avro"), 0, keep, 3, shown);
	EXPECT_TEXT(shown, "3/8@99 a 41 1000 1234 Bonn 1 12.345 1000999 41\n"
			   "3/9@99 key record 2: the record has no key -12.345 -1 (null)\n");
}

TEST(an_avro_file_without_a_configured_field_is_refused)
{
	struct output output;
	struct avro_container_writer writer;
	struct err err = {0};
	char shown[SHOWN_MAX];
	static const char *const keep[] = {"label"};
	EXPECT(output_open(&output, files_path("e.avro"), &err) == 0);
	avro_container_write_begin(&writer, &output, avro_schema_text, false, (const uint8_t *)"0123456789abcdef");
	EXPECT(avro_container_write_end(&writer, &err) == 0 && output_close(&output, &err) == 0);
	show(files_path("e.avro"), 0, keep, 1, shown);
	EXPECT_TEXT(shown, "e.avro: no field label in the file's schema\n");
	show(files_path("e.avro"), 0, NULL, 0, shown);
	EXPECT_TEXT(shown, "");
}

TEST(memory_that_runs_out_makes_no_record_invalid)
{
	const char *path = files_text("e.jsonl", "{\"card\":22222222,\"id\":77777777,\"time\":900,\"shop\":null}\n");
	int failed = 0, read = 0;
	for (size_t limit = 16; limit < 4096; limit += 16) {
		struct err err = {0};
		struct arena *arena = arena_new(limit);
		struct event_record record;
		struct event_file *file = event_file_open(path, EVENT_FILE_BY_NAME, &schema, NULL, 0, &err);
		int status = event_file_next(file, arena, &record, NULL, &err);
		if (status == 1) {
			EXPECT_INT(record.reason, REASON_NONE);
			read++;
		} else {
			EXPECT_INT(status, -1);
			EXPECT_INT(err.code, ERR_MEMORY);
			failed++;
		}
		event_file_close(file);
		arena_free(arena);
	}
	EXPECT(failed > 4 && read > 4);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(without_coordinates_the_order_is_that_of_the_lines),
					CASE(coordinates_stand_in_columns_and_members),
					CASE(keys_are_checked_where_the_file_has_them),
					CASE(the_partitioner_is_checked_where_the_number_of_partitions_is_known),
					CASE(records_that_are_no_events_have_a_reason_and_their_line),
					CASE(offsets_of_a_partition_must_ascend),
					CASE(coordinates_that_are_none_stop_the_reading),
					CASE(missing_columns_are_named_all_at_once_and_aliases_are_found),
					CASE(kept_texts_are_those_of_the_source),
					CASE(formats_are_told_by_name_and_need_a_unit_of_time),
					CASE(avro_files_give_the_same_events_and_coordinates),
					CASE(an_avro_file_without_a_configured_field_is_refused),
					CASE(memory_that_runs_out_makes_no_record_invalid),
					{0}},
			argc, argv);
}
