#include "arena.h"
#include "buffer.h"
#include "daemon/io/avro_codec.h"
#include "test/twin/registry_twin.h"
#include "test/unit/test.h"

#include <stdlib.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1 << 20)
#define SCHEMA                                                                                                         \
	"{\"type\":\"record\",\"name\":\"Tx\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"                      \
	"{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"                         \
	"{\"name\":\"card\",\"type\":\"string\"},"                                                                     \
	"{\"name\":\"how\",\"type\":{\"type\":\"enum\",\"name\":\"H\",\"symbols\":[\"A\",\"B\"]}}]}"
#define BODY "\x02i\x0e\x02k\x02" /* id "i", at 7, card "k", how "B" */
#define FRAMED(id) "\0\0\0\0" id BODY
#define BYTES(text) ((struct slice){text, sizeof(text) - 1})

static const struct field how = {.name = "how", .path = "how", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE};

/* A codec, a record that it can decode, and what came of the last one. */
struct bench {
	struct registry_twin *twin; /* NULL: fixed schema */
	struct registry *registry;
	int64_t now_us;
	char path[32]; /* of the fixed schema's file */
	struct event_schema schema;
	struct avro_codec *codec;
	struct codec port;
	struct arena *arena;
	struct record record;
	struct event event;
	enum reason reason;
	struct err err;
};

static int64_t clock_us(void *clock)
{
	return *(const int64_t *)clock;
}

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){.now_us = 1, .arena = arena_new(ARENA_BYTES)};
	bench->schema = (struct event_schema){.id_path = "id", .time_path = "at", .entity_path = "card"};
	bench->schema.fields = &how;
	bench->schema.field_count = 1;
	bench->record = (struct record){.partition = 3, .offset = 99, .timestamp_ms = 1234, .key = BYTES("k")};
	bench->record.value = BYTES(FRAMED("\x07"));
}

static void bench_open(struct bench *bench, const struct avro_codec_options *options)
{
	bench->codec = avro_codec_new(options, &bench->err);
	EXPECT_TEXT(bench->err.message, "");
	if (bench->codec == NULL)
		exit(1);
	bench->port = avro_codec_port(bench->codec);
}

/* With a registry that has the schema as number 7, as text in JSON. */
static void bench_open_registry(struct bench *bench, const char *schema)
{
	char answer[1024] = "{\"schema\":\"";
	for (const char *at = schema; *at != '\0'; at++)
		(void)snprintf(answer + strlen(answer), sizeof answer - strlen(answer), "%s%c", *at == '"' ? "\\" : "",
			       *at);
	(void)snprintf(answer + strlen(answer), sizeof answer - strlen(answer), "\"}");
	bench->twin = registry_twin_new(NULL, NULL);
	if (bench->twin == NULL)
		exit(1);
	registry_twin_say(bench->twin, "/schemas/ids/7", 200, answer);
	const char *url = registry_twin_url(bench->twin);
	struct registry_options options = {.urls = &url, .url_count = 1, .timeout_ms = 1000, .monotonic_us = clock_us};
	options.clock = &bench->now_us;
	bench->registry = registry_new(&options, &bench->err);
	bench_open(bench, &(struct avro_codec_options){.schema = &bench->schema, .registry = bench->registry});
}

static const char *write_file(struct bench *bench, const char *text)
{
	(void)snprintf(bench->path, sizeof bench->path, "/tmp/outlierd-codec-XXXXXX");
	int descriptor = mkstemp(bench->path);
	if (descriptor < 0 || write(descriptor, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
	(void)close(descriptor);
	return bench->path;
}

static void bench_open_file(struct bench *bench, bool framed)
{
	const char *path = write_file(bench, SCHEMA);
	bench_open(bench,
		   &(struct avro_codec_options){.schema = &bench->schema, .schema_file = path, .framed = framed});
}

static enum decoded decode(struct bench *bench)
{
	err_clear(&bench->err);
	arena_reset(bench->arena);
	return bench->port.decode(bench->port.self, &bench->record, bench->arena, &bench->event, &bench->reason,
				  &bench->err);
}

static void bench_free(struct bench *bench)
{
	avro_codec_free(bench->codec);
	registry_free(bench->registry);
	registry_twin_free(bench->twin);
	arena_free(bench->arena);
	if (bench->path[0] != '\0')
		(void)unlink(bench->path);
}

static void expect_event(struct bench *bench)
{
	EXPECT_INT(decode(bench), DECODED);
	EXPECT_TEXT(bench->err.message, "");
	EXPECT_INT(bench->reason, REASON_NONE);
	EXPECT(slice_equal(bench->event.id, slice_of("i")));
	EXPECT(slice_equal(bench->event.entity, slice_of("k")));
	EXPECT_INT(bench->event.time_ms, 7);
	EXPECT_INT(bench->event.offset, 99);
	EXPECT_INT(bench->event.timestamp_ms, 1234);
	EXPECT(slice_equal(bench->event.values[0].text, slice_of("B")));
}

static void expect_refused(struct bench *bench, enum reason reason, const char *message)
{
	EXPECT_INT(decode(bench), DECODE_REFUSED);
	EXPECT_TEXT(reason_name(bench->reason), reason_name(reason));
	EXPECT_TEXT(bench->err.message, message);
}

TEST(a_framed_record_is_decoded_by_its_schema)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	for (int i = 0; i < 3; i++)
		expect_event(&bench);
	EXPECT_INT(registry_twin_last(bench.twin).count, 1);
	bench_free(&bench);
}

TEST(framing_is_checked)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	bench.record.value = (struct slice){NULL, 0};
	expect_refused(&bench, REASON_FRAMING, "the record has no value");
	bench.record.value = BYTES("");
	expect_refused(&bench, REASON_FRAMING, "a value of 0 bytes is shorter than Confluent's framing of 5");
	bench.record.value = BYTES("\0\0\0\0");
	expect_refused(&bench, REASON_FRAMING, "a value of 4 bytes is shorter than Confluent's framing of 5");
	bench.record.value = BYTES("{\"id\":1}");
	expect_refused(&bench, REASON_FRAMING, "the value begins with byte 123, not with Confluent's framing byte 0");
	EXPECT_INT(registry_twin_last(bench.twin).count, 0);
	bench_free(&bench);
}

TEST(a_fixed_schema_needs_no_registry_and_may_be_framed)
{
	for (int framed = 0; framed < 2; framed++) {
		struct bench bench;
		bench_init(&bench);
		bench_open_file(&bench, framed);
		bench.record.value = framed ? BYTES("\0\xff\xff\xff\xff" BODY) : BYTES(BODY);
		expect_event(&bench);
		bench.record.value = framed ? BYTES("\1\0\0\0\0" BODY) : (struct slice){NULL, 0};
		EXPECT_INT(decode(&bench), DECODE_REFUSED);
		EXPECT_INT(bench.reason, REASON_FRAMING);
		bench_free(&bench);
	}
}

TEST(an_unknown_id_is_the_registrys_refusal)
{
	struct bench bench;
	char wanted[128];
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	bench.record.value = BYTES(FRAMED("\x08"));
	(void)snprintf(wanted, sizeof wanted, "%s: the registry has no schema 8 (error code 40403)",
		       registry_twin_url(bench.twin));
	expect_refused(&bench, REASON_REGISTRY, wanted);
	bench.record.value = BYTES("\0\x80\0\0\1" BODY);
	(void)snprintf(wanted, sizeof wanted, "%s: the registry has no schema -2147483647 (error code 40403)",
		       registry_twin_url(bench.twin));
	expect_refused(&bench, REASON_REGISTRY, wanted);
	bench.record.value = BYTES(FRAMED("\x07")); /* the one before is no obstacle */
	expect_event(&bench);
	bench_free(&bench);
}

TEST(a_registry_that_is_away_is_waited_for)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	bench.record.value = BYTES(FRAMED("\x08"));
	registry_twin_say(bench.twin, "/schemas/ids/8", 503, "");
	for (int i = 0; i < 2; i++) {
		EXPECT_INT(decode(&bench), DECODE_WAIT);
		EXPECT_INT(bench.err.action, ERR_RETRY);
		EXPECT_INT(bench.err.code, ERR_UNAVAILABLE);
	}
	registry_twin_say(bench.twin, "/schemas/ids/8", 200, "{\"schema\":\"\\\"int\\\"\"}");
	bench.now_us += (int64_t)REGISTRY_PAUSE_MAX_MS * 1000;
	expect_refused(&bench, REASON_DECODE, "schema 8: id: expected a record with \"id\", the writer has an int");
	bench_free(&bench);
}

TEST(schemas_that_cannot_be_used_are_remembered)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, "{\"type\":\"recrd\"}");
	for (int i = 0; i < 2; i++)
		expect_refused(&bench, REASON_REGISTRY, "schema 7 of the registry: type: unknown type \"recrd\"");
	registry_twin_say(bench.twin, "/schemas/ids/8", 200, "{\"schema\":\"x\",\"schemaType\":\"JSON\"}");
	bench.record.value = BYTES(FRAMED("\x08"));
	for (int i = 0; i < 2; i++)
		expect_refused(&bench, REASON_REGISTRY, "schema 8: a schema of type \"JSON\", not \"AVRO\"");
	registry_twin_say(bench.twin, "/schemas/ids/9", 200,
			  "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"R\\\",\\\"fields\\\":[]}\"}");
	bench.record.value = BYTES(FRAMED("\x09"));
	for (int i = 0; i < 2; i++)
		expect_refused(&bench, REASON_DECODE,
			       "schema 9: id: the record \"R\" of the writer's schema has no field \"id\"");
	EXPECT_INT(registry_twin_last(bench.twin).count, 3);
	bench_free(&bench);
}

TEST(many_schemas_are_kept_apart)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	for (int round = 0; round < 2; round++)
		for (int id = 100; id < 160; id++) {
			char path[32], answer[1024], value[] = FRAMED("\0");
			(void)snprintf(path, sizeof path, "/schemas/ids/%d", id);
			(void)snprintf(answer, sizeof answer,
				       "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"F%d\\\","
				       "\\\"size\\\":1}\"}",
				       id);
			if (round == 0)
				registry_twin_say(bench.twin, path, 200, answer);
			value[4] = (char)id;
			bench.record.value = (struct slice){value, sizeof value - 1};
			(void)snprintf(answer, sizeof answer,
				       "schema %d: id: expected a record with \"id\", the writer has the fixed \"F%d\"",
				       id, id);
			expect_refused(&bench, REASON_DECODE, answer);
		}
	EXPECT_INT(registry_twin_last(bench.twin).count, 60);
	bench.record.value = BYTES(FRAMED("\x07"));
	expect_event(&bench);
	bench_free(&bench);
}

TEST(bytes_that_do_not_parse_and_values_that_do_not_fit_are_told_apart)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	bench.record.value = BYTES("\0\0\0\0\7\x02i\x0e\x02k\x04");
	expect_refused(&bench, REASON_DECODE, "byte 5, how: symbol 2 of an enum of 2");
	bench.record.value = BYTES("\0\0\0\0\7\0\x0e\x02k\x02");
	expect_refused(&bench, REASON_VALIDATE, "id: empty text");
	bench_free(&bench);
}

TEST(key_partition_and_timestamp_are_checked_last)
{
	struct bench bench;
	bench_init(&bench);
	bench.schema.key_path = "card";
	bench.schema.partitioner = PARTITIONER_MURMUR2;
	bench_open_registry(&bench, SCHEMA);
	bench.record.timestamp_ms = -1;
	EXPECT_INT(decode(&bench), DECODE_WAIT);
	EXPECT_TEXT(bench.err.message, "the topic's number of partitions is not known yet");
	EXPECT_INT(bench.err.action, ERR_RETRY);
	bench.port.partitions(bench.port.self, 12);
	bench.record.partition = (partition_murmur2(BYTES("k"), 12) + 1) % 12;
	EXPECT_INT(decode(&bench), DECODE_REFUSED);
	EXPECT_INT(bench.reason, REASON_KEY);
	bench.record.partition = partition_murmur2(BYTES("k"), 12);
	expect_refused(&bench, REASON_TIMESTAMP, "the record has no timestamp");
	bench.record.timestamp_ms = 1234;
	expect_event(&bench);
	bench.record.key = BYTES("other");
	bench.record.partition = partition_murmur2(BYTES("other"), 12);
	expect_refused(&bench, REASON_KEY, "the record's key is not card");
	bench.record.key = BYTES("\0\0\0\0\5\x02k"); /* Avro's string, framed */
	bench.record.partition = partition_murmur2(bench.record.key, 12);
	expect_event(&bench);
	bench.record.key = (struct slice){NULL, 0};
	expect_refused(&bench, REASON_KEY, "the record has no key");
	bench_free(&bench);
}

TEST(a_full_arena_judges_no_record)
{
	struct bench bench;
	bench_init(&bench);
	bench_open_registry(&bench, SCHEMA);
	struct arena *small = arena_new(16);
	struct event event;
	EXPECT_INT(bench.port.decode(bench.port.self, &bench.record, small, &event, &bench.reason, &bench.err),
		   DECODE_WAIT);
	EXPECT_INT(bench.err.code, ERR_MEMORY);
	EXPECT_INT(bench.reason, REASON_NONE);
	arena_free(small);
	expect_event(&bench);
	bench_free(&bench);
}

TEST(a_fixed_schema_that_cannot_be_read_is_a_matter_of_configuration)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"{", "not JSON: line 1, column 1: string or '}' expected near end of file"},
	    {"\"strin\"", "unknown type \"strin\""},
	    {"\"string\"", "id: expected a record with \"id\", the writer has a string"},
	};
	for (size_t i = 0; i < 3; i++) {
		struct bench bench;
		char wanted[256];
		bench_init(&bench);
		const char *path = write_file(&bench, cases[i].text);
		struct avro_codec_options options = {.schema = &bench.schema, .schema_file = path};
		EXPECT(avro_codec_new(&options, &bench.err) == NULL);
		(void)snprintf(wanted, sizeof wanted, "%s: %s", path, cases[i].message);
		EXPECT_TEXT(bench.err.message, wanted);
		EXPECT_INT(bench.err.code, ERR_CONFIG);
		bench_free(&bench);
	}
	struct bench bench;
	bench_init(&bench);
	struct avro_codec_options options = {.schema = &bench.schema, .schema_file = "/nowhere.avsc"};
	EXPECT(avro_codec_new(&options, &bench.err) == NULL);
	EXPECT_TEXT(bench.err.message, "/nowhere.avsc: No such file or directory");
	EXPECT_INT(bench.err.code, ERR_CONFIG);
	bench_free(&bench);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_framed_record_is_decoded_by_its_schema),
					CASE(framing_is_checked),
					CASE(a_fixed_schema_needs_no_registry_and_may_be_framed),
					CASE(an_unknown_id_is_the_registrys_refusal),
					CASE(a_registry_that_is_away_is_waited_for),
					CASE(schemas_that_cannot_be_used_are_remembered),
					CASE(many_schemas_are_kept_apart),
					CASE(bytes_that_do_not_parse_and_values_that_do_not_fit_are_told_apart),
					CASE(key_partition_and_timestamp_are_checked_last),
					CASE(a_full_arena_judges_no_record),
					CASE(a_fixed_schema_that_cannot_be_read_is_a_matter_of_configuration),
					{0}},
			argc, argv);
}
