/*
 * Decoding speed: a transaction of 15 fields (7 strings, 4 of all nullable), 8 of which go into 9 slots, against avro-c
 * reading the same bytes into one reused generic value (and only one number taken out of it). Prints nanoseconds of a
 * record and the ratio.
 * Exit status 1 where it is below the promised one.
 */
#include "buffer.h"
#include "daemon/io/avro_decode.h"

#include <avro.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORDS 1000
#define ROUNDS 10
#define TRIES 60 /* of each, taking turns; the best one counts: the machine is shared */
#define RATIO_PROMISED 8.0

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"Transaction\",\"namespace\":\"bench\",\"fields\":["
    "{\"name\":\"transaction_id\",\"type\":\"string\"},"
    "{\"name\":\"card_id\",\"type\":\"string\"},"
    "{\"name\":\"event_time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"amount\",\"type\":\"double\"},"
    "{\"name\":\"currency\",\"type\":\"string\"},"
    "{\"name\":\"merchant_id\",\"type\":\"string\"},"
    "{\"name\":\"merchant_name\",\"type\":\"string\"},"
    "{\"name\":\"merchant_category\",\"type\":\"int\"},"
    "{\"name\":\"channel\",\"type\":{\"type\":\"enum\",\"name\":\"Channel\",\"symbols\":[\"POS\",\"ATM\",\"ONLINE\"]}},"
    "{\"name\":\"city\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"lat\",\"type\":[\"null\",\"double\"],\"default\":null},"
    "{\"name\":\"lon\",\"type\":[\"null\",\"double\"],\"default\":null},"
    "{\"name\":\"device\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"present\",\"type\":\"boolean\"},"
    "{\"name\":\"sequence\",\"type\":\"long\"}]}";

static const struct field fields[] = {
    {.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2},
    {.name = "merchant", .path = "merchant_id", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
    {.name = "category", .path = "merchant_category", .type = FIELD_NUMBER, .scale = 0},
    {.name = "channel", .path = "channel", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
    {.name = "city", .path = "city", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE},
};

static const struct event_schema reader = {
    .id_path = "transaction_id",
    .time_path = "event_time",
    .entity_path = "card_id",
    .key_path = "card_id",
    .time_unit = TIME_LOGICAL,
    .fields = fields,
    .field_count = sizeof fields / sizeof *fields,
};

struct bodies {
	uint8_t *bytes;
	size_t starts[RECORDS + 1];
};

static struct slice body_at(const struct bodies *bodies, int i)
{
	return (struct slice){bodies->bytes + bodies->starts[i], bodies->starts[i + 1] - bodies->starts[i]};
}

static double now_ns(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void add_nullable_double(struct buffer *out, bool null, double value)
{
	buffer_add_zigzag(out, null ? 0 : 1);
	if (!null)
		buffer_add(out, &value, sizeof value);
}

static void add_string(struct buffer *out, const char *text)
{
	buffer_add_zigzag(out, (int64_t)strlen(text));
	buffer_add_text(out, text);
}

static void add_nullable_string(struct buffer *out, bool null, const char *text)
{
	buffer_add_zigzag(out, null ? 0 : 1);
	if (!null)
		add_string(out, text);
}

static void add_record(struct buffer *out, unsigned i)
{
	char text[64];
	double amount = (double)(i * 7919 % 100000) / 100;
	(void)snprintf(text, sizeof text, "%08x-%04x-4a7b-8c9d-%012x", i * 2654435761u, i, i * 40503u);
	add_string(out, text);
	(void)snprintf(text, sizeof text, "card%06u", i % 500);
	add_string(out, text);
	buffer_add_zigzag(out, INT64_C(1760000000000) + i * 1234);
	buffer_add(out, &amount, sizeof amount);
	add_string(out, "EUR");
	(void)snprintf(text, sizeof text, "merchant-%05u", i * 31 % 9973);
	add_string(out, text);
	add_string(out, "A shop somewhere");
	buffer_add_zigzag(out, 5000 + i % 999);
	buffer_add_zigzag(out, i % 3);
	add_nullable_string(out, i % 8 == 0, "Garmisch-Partenkirchen");
	add_nullable_double(out, i % 5 == 0, 48.0 + i * 0.001);
	add_nullable_double(out, i % 5 == 0, 11.0 + i * 0.001);
	add_nullable_string(out, i % 2 == 0, "device-0123456789");
	buffer_add_byte(out, i % 2);
	buffer_add_zigzag(out, i);
}

/* Our side: one event built from every body, again and again. */
struct ours {
	const struct avro_program *program;
	struct arena *arena;
};

/* Nanoseconds of a record in one attempt; *check receives the sum of all amounts. */
static double time_ours(const struct ours *ours, const struct bodies *bodies, double *check)
{
	struct value values[sizeof fields / sizeof *fields];
	struct event_builder builder;
	struct event event;
	struct err err = {0};
	double begin = now_ns();
	for (int round = 0; round < ROUNDS; round++) {
		*check = 0;
		arena_reset(ours->arena);
		for (int i = 0; i < RECORDS; i++) {
			event_builder_begin(&builder, &reader, ours->arena, values);
			if (avro_program_run(ours->program, body_at(bodies, i), &builder, &err) != 0 ||
			    event_builder_end(&builder, &event) != REASON_NONE) {
				printf("bench_decode: %s%s\n", err.message, builder.err.message);
				exit(1);
			}
			*check += (double)values[0].units;
		}
	}
	return (now_ns() - begin) / ROUNDS / RECORDS;
}

/* Theirs: every body into one reused generic value. */
struct theirs {
	avro_schema_t schema;
	avro_value_iface_t *class;
	avro_value_t value, amount;
	avro_reader_t source;
};

static void theirs_init(struct theirs *theirs)
{
	if (avro_schema_from_json_length(schema_text, sizeof schema_text - 1, &theirs->schema) != 0)
		exit(1);
	theirs->class = avro_generic_class_from_schema(theirs->schema);
	theirs->source = avro_reader_memory("", 0);
	if (avro_generic_value_new(theirs->class, &theirs->value) != 0 ||
	    avro_value_get_by_index(&theirs->value, 3, &theirs->amount, NULL) != 0)
		exit(1);
}

static void theirs_free(struct theirs *theirs)
{
	avro_reader_free(theirs->source);
	avro_value_decref(&theirs->value);
	avro_value_iface_decref(theirs->class);
	avro_schema_decref(theirs->schema);
}

static double time_theirs(struct theirs *theirs, const struct bodies *bodies, double *check)
{
	double begin = now_ns(), amount = 0;
	for (int round = 0; round < ROUNDS; round++) {
		*check = 0;
		for (int i = 0; i < RECORDS; i++) {
			struct slice body = body_at(bodies, i);
			avro_reader_memory_set_source(theirs->source, body.data, (int64_t)body.length);
			if (avro_value_read(theirs->source, &theirs->value) != 0)
				exit(1);
			(void)avro_value_get_double(&theirs->amount, &amount);
			*check += rint(amount * 100);
		}
	}
	return (now_ns() - begin) / ROUNDS / RECORDS;
}

int main(void)
{
	struct err err = {0};
	struct avro_schema *schema = avro_schema_parse(slice_of(schema_text), &err);
	struct avro_program *program = schema == NULL ? NULL : avro_program_new(schema, &reader, &err);
	if (program == NULL) {
		printf("bench_decode: %s\n", err.message);
		return 1;
	}
	struct buffer buffer;
	struct bodies bodies = {0};
	buffer_init(&buffer);
	for (unsigned i = 0; i < RECORDS; i++) {
		bodies.starts[i] = buffer.length;
		add_record(&buffer, i);
	}
	bodies.starts[RECORDS] = buffer.length;
	bodies.bytes = buffer.data;

	struct ours ours = {program, arena_new(1 << 20)};
	struct theirs theirs;
	double ns = HUGE_VAL, theirs_ns = HUGE_VAL, check = 0, theirs_check = 0;
	theirs_init(&theirs);
	for (int attempt = 0; attempt < TRIES; attempt++) {
		ns = fmin(ns, time_ours(&ours, &bodies, &check));
		theirs_ns = fmin(theirs_ns, time_theirs(&theirs, &bodies, &theirs_check));
	}
	bool same = fabs(check - theirs_check) < 0.5;
	printf(
	    "decode: %zu bytes, 15 fields, 9 slots: %.1f ns; avro-c, reused value: %.1f ns; ratio %.1f (>= %.0f)%s\n",
	    buffer.length / RECORDS, ns, theirs_ns, theirs_ns / ns, RATIO_PROMISED, same ? "" : "; THE VALUES DIFFER");
	theirs_free(&theirs);
	arena_free(ours.arena);
	avro_program_free(program);
	avro_schema_free(schema);
	buffer_free(&buffer);
	return same && theirs_ns / ns >= RATIO_PROMISED ? 0 : 1;
}
