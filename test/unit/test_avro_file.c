#include "daemon/io/avro_container_write.h"
#include "rng.h"
#include "test/unit/files.h"

#include <zlib.h>

#define RECORDS 5000
#define MUTATIONS 3000
#define ARENA_BYTES ((size_t)64 << 20)

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"n\",\"type\":\"long\"},"
    "{\"name\":\"m\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}},"
    "{\"name\":\"in\",\"type\":{\"type\":\"record\",\"name\":\"I\",\"fields\":["
    "{\"name\":\"d\",\"type\":[\"null\",\"double\"]},{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\","
    "\"symbols\":[\"UP\",\"DOWN\"]}}]}},"
    "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"map\",\"type\":{\"type\":\"map\",\"values\":\"boolean\"}},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}}]}";

static const char *const paths[] = {"id", "n", "m", "in.d", "in.e", "in", "list", "map", "f", "in.x", "y"};
enum { PATHS = sizeof paths / sizeof *paths };
static const uint8_t marker[AVRO_FILE_SYNC_BYTES] = "0123456789abcde";

static void add_text(struct buffer *out, const char *text)
{
	buffer_add_zigzag(out, (int64_t)strlen(text));
	buffer_add_text(out, text);
}

/* The record of a number: its texts are those of wanted_texts(). */
static void add_record(struct buffer *out, int64_t number)
{
	char id[32];
	double d = (double)number / 4;
	uint64_t bits;
	snprintf(id, sizeof id, "id-%lld", (long long)number);
	memcpy(&bits, &d, sizeof bits);
	add_text(out, id);
	buffer_add_zigzag(out, -number);
	buffer_add_zigzag(out, 2);
	buffer_add(out, (uint8_t[]){(uint8_t)(number >> 8 & 0x7f), (uint8_t)number}, 2);
	buffer_add_zigzag(out, number % 2);
	if (number % 2 == 1)
		buffer_add_le64(out, bits);
	buffer_add_zigzag(out, number % 2);
	buffer_add_zigzag(out, -2); /* a block with its size in bytes */
	buffer_add_zigzag(out, 2);
	buffer_add_zigzag(out, 1);
	buffer_add_zigzag(out, 2);
	buffer_add_zigzag(out, 1);
	buffer_add_zigzag(out, 3);
	buffer_add_zigzag(out, 0);
	buffer_add_zigzag(out, 1);
	add_text(out, "k");
	buffer_add_byte(out, 1);
	buffer_add_zigzag(out, 0);
	buffer_add(out, "xyz", 3);
}

static void wanted_texts(int64_t number, char texts[PATHS][64])
{
	int64_t units = (number >> 8 & 0x7f) << 8 | (number & 0xff);
	char fraction[8];
	snprintf(fraction, sizeof fraction, ".%02lld", (long long)(units % 100));
	if (fraction[2] == '0')
		fraction[fraction[1] == '0' ? 0 : 2] = '\0';
	snprintf(texts[0], 64, "id-%lld", (long long)number);
	snprintf(texts[1], 64, "%lld", (long long)-number);
	snprintf(texts[2], 64, "%lld%s", (long long)(units / 100), fraction);
	snprintf(texts[3], 64, number % 2 == 1 ? "%.15g" : "(null)", (double)number / 4);
	snprintf(texts[4], 64, "%s", number % 2 == 1 ? "DOWN" : "UP");
	if (number % 2 == 1)
		snprintf(texts[5], 64, "{\"d\":%.15g,\"e\":\"DOWN\"}", (double)number / 4);
	else
		snprintf(texts[5], 64, "{\"d\":null,\"e\":\"UP\"}");
	strcpy(texts[6], "[1,2,3]");
	strcpy(texts[7], "{\"k\":true}");
	strcpy(texts[8], "xyz");
	strcpy(texts[9], "(null)");
	strcpy(texts[10], "(null)");
}

static void write_file(const char *path, int64_t records, bool deflate)
{
	struct output output;
	struct avro_container_writer writer;
	struct err err = {0};
	EXPECT(output_open(&output, path, &err) == 0);
	avro_container_write_begin(&writer, &output, schema_text, deflate, marker);
	for (int64_t i = 0; i < records; i++) {
		add_record(&writer.block, i);
		avro_container_write_record(&writer);
	}
	EXPECT(avro_container_write_end(&writer, &err) == 0);
	EXPECT(output_close(&output, &err) == 0);
}

struct reading {
	struct avro_file *file;
	struct avro_pick *pick;
	struct arena *arena;
	struct slice texts[PATHS], body;
	bool found[PATHS];
};

static int begin(struct reading *reading, const char *path, struct err *err)
{
	*reading = (struct reading){.arena = arena_new(ARENA_BYTES)};
	reading->file = avro_file_open(path, err);
	if (reading->file == NULL)
		return -1;
	reading->pick = avro_pick_new(avro_file_schema(reading->file), paths, PATHS, reading->found, err);
	return reading->pick == NULL ? -1 : 0;
}

static int next(struct reading *reading, struct err *err)
{
	arena_reset(reading->arena);
	return avro_file_next(reading->file, reading->pick, reading->arena, reading->texts, &reading->body, err);
}

static void end(struct reading *reading)
{
	avro_pick_free(reading->pick);
	avro_file_close(reading->file);
	arena_free(reading->arena);
}

static void expect_records(bool deflate)
{
	struct reading reading;
	struct err err = {0};
	struct buffer body;
	char wanted[PATHS][64];
	int64_t number = 0;
	buffer_init(&body);
	write_file(files_path("t.avro"), RECORDS, deflate);
	EXPECT(begin(&reading, files_path("t.avro"), &err) == 0);
	EXPECT(reading.found[0] && reading.found[4] && reading.found[5] && !reading.found[9] && !reading.found[10]);
	for (; next(&reading, &err) == 1; number++) {
		buffer_reset(&body);
		add_record(&body, number);
		wanted_texts(number, wanted);
		EXPECT(slice_equal(reading.body, buffer_slice(&body)));
		for (size_t i = 0; i < PATHS; i++)
			EXPECT_TEXT(reading.texts[i].data == NULL ? "(null)" : (const char *)reading.texts[i].data,
				    wanted[i]);
		if (test_failures > 0)
			break;
	}
	EXPECT_TEXT(err.message, "");
	EXPECT_INT(number, RECORDS);
	EXPECT_INT(avro_file_number(reading.file), RECORDS);
	end(&reading);
	buffer_free(&body);
}

TEST(records_read_back_with_their_texts)
{
	expect_records(false);
}

TEST(deflated_records_read_back_with_their_texts)
{
	expect_records(true);
}

/* The message of reading a whole file; empty: it can be read. */
static void expect_refused(const char *content, size_t length, const char *wanted)
{
	struct reading reading;
	struct err err = {0};
	int status = begin(&reading, files_write("bad.avro", content, length), &err);
	while (status == 0 && (status = next(&reading, &err)) == 1)
		status = 0;
	const char *message = strstr(err.message, "bad.avro: ");
	EXPECT_TEXT(message == NULL ? err.message : message, wanted);
	EXPECT_INT(err.code, *wanted == '\0' ? ERR_NONE : ERR_DATA);
	end(&reading);
}

/* One block with these bytes and this number of records. */
static void expect_block_refused(int64_t records, const struct buffer *block, const char *sync, const char *wanted)
{
	struct buffer file;
	buffer_init(&file);
	buffer_add(&file, "Obj\001", 4);
	buffer_add_zigzag(&file, 1);
	add_text(&file, "avro.schema");
	add_text(&file, schema_text);
	buffer_add_zigzag(&file, 0);
	buffer_add(&file, marker, sizeof marker);
	buffer_add_zigzag(&file, records);
	buffer_add_zigzag(&file, (int64_t)block->length);
	buffer_add(&file, block->data, block->length);
	buffer_add(&file, sync, sizeof marker);
	expect_refused((const char *)file.data, file.length, wanted);
	buffer_free(&file);
}

TEST(damage_is_an_error_with_its_record)
{
	struct buffer block;
	const char *sync = (const char *)marker;
	buffer_init(&block);
	add_record(&block, 1);
	size_t one = block.length;
	expect_block_refused(1, &block, sync, "");
	expect_block_refused(1, &block, "0123456789abcdX",
			     "bad.avro: after record 0: a block that does not end with the file's sync marker");
	expect_block_refused(0, &block, sync, "bad.avro: after record 0: bytes behind the last record of a block");
	expect_block_refused(9999, &block, sync, "bad.avro: after record 0: a block of more records than bytes");
	add_record(&block, 2);
	expect_block_refused(1, &block, sync, "bad.avro: after record 1: bytes behind the last record of a block");
	expect_block_refused(3, &block, sync, "bad.avro: record 3: byte 0: the record ends too early");
	block.data[one] = 0x7f; /* the second record's id has length -64 */
	expect_block_refused(2, &block, sync,
			     "bad.avro: record 2: byte 1: a text of negative length or more than 1048576 bytes");
	buffer_free(&block);
}

/* As Python's writers do: zlib's bytes without its two in front and the last one, so three of the checksum stay. */
TEST(leftovers_of_a_checksum_behind_a_deflated_block_are_passed_over)
{
	struct buffer file, block;
	uint8_t shrunk[400];
	uLongf length = sizeof shrunk;
	struct reading reading;
	struct err err = {0};
	buffer_init(&file);
	buffer_init(&block);
	add_record(&block, 5);
	EXPECT(compress(shrunk, &length, block.data, block.length) == Z_OK);
	buffer_add(&file, "Obj\001", 4);
	buffer_add_zigzag(&file, 2);
	add_text(&file, "avro.codec");
	add_text(&file, "deflate");
	add_text(&file, "avro.schema");
	add_text(&file, schema_text);
	buffer_add_zigzag(&file, 0);
	buffer_add(&file, marker, sizeof marker);
	buffer_add_zigzag(&file, 1);
	buffer_add_zigzag(&file, (int64_t)length - 3);
	buffer_add(&file, shrunk + 2, length - 3);
	buffer_add(&file, marker, sizeof marker);
	EXPECT(begin(&reading, files_write("python.avro", file.data, file.length), &err) == 0);
	EXPECT(next(&reading, &err) == 1 && slice_equal(reading.body, buffer_slice(&block)));
	EXPECT(next(&reading, &err) == 0);
	EXPECT_TEXT(err.message, "");
	end(&reading);
	buffer_free(&file);
	buffer_free(&block);
}

TEST(what_is_no_container_file_is_refused)
{
	expect_refused("", 0, "bad.avro: no Avro container file: it does not begin with \"Obj\" and 1");
	expect_refused("a,b\n1,2\n", 8, "bad.avro: no Avro container file: it does not begin with \"Obj\" and 1");
	expect_refused("Obj\001", 4, "bad.avro: after record 0: the header ends too early");
	expect_refused("Obj\001\000", 5, "bad.avro: no Avro container file: it has no schema");
	expect_refused("Obj\001\002\024avro.codec\014snappy\000", 24,
		       "bad.avro: codec \"snappy\" cannot be read: null and deflate can");
	expect_refused("Obj\001\002\026avro.schema\012\"int\"\000xxxxxxxxxxxxxxxx", 40,
		       "the schema's outermost type is no record");
}

/* What the walk of one record says; empty: it is read to its end. */
static void expect_walk(const char *schema, struct slice body, const char *wanted)
{
	static const char *const nothing[] = {"nothing"};
	struct err err = {0};
	bool found;
	size_t length = 0;
	struct slice text;
	struct arena *arena = arena_new(ARENA_BYTES);
	struct avro_schema *parsed = avro_schema_parse(slice_of(schema), &err);
	struct avro_pick *pick = avro_pick_new(parsed, nothing, 1, &found, &err);
	EXPECT_TEXT(err.message, "");
	int status = avro_pick_run(pick, body, &length, arena, &text, &err);
	EXPECT_TEXT(err.message, wanted);
	EXPECT(status == 0 ? length == body.length : err.code == ERR_DATA);
	avro_pick_free(pick);
	avro_schema_free(parsed);
	arena_free(arena);
}

TEST(blocks_of_items_have_the_size_that_they_say)
{
	static const char schema[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
				     "{\"type\":\"array\",\"items\":\"int\"}}]}";
	expect_walk(schema, (struct slice){"\x03\x04\x02\x02\x00", 5}, "");
	expect_walk(schema, (struct slice){"\x03\x02\x02\x02\x00", 5}, "byte 4: a block of another size than it says");
	expect_walk(schema, (struct slice){"\x03\x06\x02\x02\x00", 5}, "byte 4: a block of another size than it says");
	expect_walk(schema, (struct slice){"\x03\x01\x02\x02\x00", 5}, "byte 2: a block of negative size");
	expect_walk(schema, (struct slice){"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", 12},
		    "byte 11: an array or map of more than 1048576 items");
}

TEST(damaged_bytes_never_break_the_reader)
{
	struct rng rng;
	size_t refused = 0;
	rng_seed(&rng, 7);
	for (int deflate = 0; deflate < 2; deflate++) {
		size_t length;
		write_file(files_path("good.avro"), 20, deflate == 1);
		char *good = files_read(files_path("good.avro"), &length);
		for (int i = 0; i < MUTATIONS / 2; i++) {
			char *text = malloc(length);
			struct reading reading;
			struct err err = {0};
			memcpy(text, good, length);
			for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--)
				text[rng_below(&rng, length)] = (char)rng_next(&rng);
			size_t kept = rng_below(&rng, 4) == 0 ? (size_t)rng_below(&rng, length) : length;
			int status = begin(&reading, files_write("bad.avro", text, kept), &err);
			while (status == 0 && (status = next(&reading, &err)) == 1)
				status = 0;
			EXPECT((status == 0) == (err.code == ERR_NONE));
			refused += status != 0;
			end(&reading);
			free(text);
		}
		free(good);
	}
	EXPECT(refused > MUTATIONS / 2);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(records_read_back_with_their_texts),
					CASE(deflated_records_read_back_with_their_texts),
					CASE(damage_is_an_error_with_its_record),
					CASE(leftovers_of_a_checksum_behind_a_deflated_block_are_passed_over),
					CASE(what_is_no_container_file_is_refused),
					CASE(blocks_of_items_have_the_size_that_they_say),
					CASE(damaged_bytes_never_break_the_reader),
					{0}},
			argc, argv);
}
