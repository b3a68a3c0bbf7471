/* One decoding of one configured field, for the tests of the Avro decoder. */
#ifndef OUTLIERD_AVRO_TRIAL_H
#define OUTLIERD_AVRO_TRIAL_H

#include "arena.h"
#include "buffer.h"
#include "daemon/io/avro_decode.h"
#include "test/unit/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

/* A writer's record with what every event needs, and one field more. */
#define WRITER(field)                                                                                                  \
	"{\"type\":\"record\",\"name\":\"Tx\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"                      \
	"{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"                         \
	"{\"name\":\"card\",\"type\":\"string\"}," field "]}"
#define X(type) WRITER("{\"name\":\"x\",\"type\":" type "}")
#define DECIMAL(scale) "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18,\"scale\":" scale "}"
#define HEAD                                                                                                           \
	"\x02"                                                                                                         \
	"i\x0e\x02"                                                                                                    \
	"c" /* id "i", at 7, card "c" */
#define BYTES(text) ((struct slice){text, sizeof(text) - 1})

/* One event schema, one field, one decoding. */
struct trial {
	struct field field;
	struct event_schema reader;
	struct arena *arena;
	struct value values[4];
	struct event_builder builder;
	struct event event;
	struct err err;
	enum reason reason;
	int status;
};

static inline void trial_init(struct trial *trial, enum field_type type, int scale)
{
	*trial = (struct trial){.field = {.name = "x", .path = "x", .type = type, .scale = scale}};
	trial->reader = (struct event_schema){.id_path = "id", .time_path = "at", .entity_path = "card"};
	trial->reader.fields = &trial->field;
	trial->reader.field_count = 1;
	trial->arena = arena_new(ARENA_BYTES);
}

static inline struct avro_program *trial_compile(struct trial *trial, const char *writer)
{
	err_clear(&trial->err);
	struct avro_schema *schema = avro_schema_parse(slice_of(writer), &trial->err);
	EXPECT_TEXT(trial->err.message, "");
	struct avro_program *program = schema == NULL ? NULL : avro_program_new(schema, &trial->reader, &trial->err);
	avro_schema_free(schema); /* the program needs it no more */
	return program;
}

static inline void trial_run(struct trial *trial, const struct avro_program *program, struct slice body)
{
	uint8_t *exact = malloc(body.length + (body.length == 0));
	if (body.length > 0)
		memcpy(exact, body.data, body.length);
	err_clear(&trial->err);
	event_builder_begin(&trial->builder, &trial->reader, trial->arena, trial->values);
	trial->status = avro_program_run(program, (struct slice){exact, body.length}, &trial->builder, &trial->err);
	trial->reason = trial->status == 0 ? event_builder_end(&trial->builder, &trial->event) : REASON_DECODE;
	/* The field's text outlives the body. */
	struct value *value = &trial->values[0];
	if (trial->reason == REASON_NONE && value->present && field_kind(&trial->field) == VALUE_TEXT)
		value->text = arena_copy(trial->arena, value->text);
	free(exact);
}

/* Decodes a body of HEAD and the field. The program may go: texts are copied. */
static inline void trial_decode(struct trial *trial, const char *writer, struct slice field)
{
	struct avro_program *program = trial_compile(trial, writer);
	EXPECT_TEXT(trial->err.message, "");
	if (program == NULL)
		return;
	struct buffer body;
	buffer_init(&body);
	buffer_add(&body, HEAD, sizeof HEAD - 1);
	buffer_add(&body, field.data, field.length);
	trial_run(trial, program, buffer_slice(&body));
	buffer_free(&body);
	avro_program_free(program);
}

#define SHOP                                                                                                           \
	"{\"type\":\"record\",\"name\":\"Shop\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},"                  \
	"{\"name\":\"id\",\"type\":\"long\"}]}"

#endif
