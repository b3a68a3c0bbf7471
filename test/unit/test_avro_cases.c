/*
 * Avro bodies of another implementation (fastavro), decoded and compared with what they must hold. The cases are JSON
 * lines from test/integration/avro_differential.py: writer's schema, configuration, and bodies in hex with the expected
 * event (null: invalid).
 *
 *   test_avro_cases          the cases in test/data/avro_cases.jsonl (run in the root of the tree)
 *   test_avro_cases FILE|-   those of a file or standard input
 */
#include "arena.h"
#include "daemon/io/avro_decode.h"
#include "test/unit/test.h"

#include <jansson.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 20)
#define BODY_MAX ((size_t)1 << 20)
#define CASES "test/data/avro_cases.jsonl"
#define FAILURES_SHOWN 10

struct counts {
	long passed, failed, valid;
};

/* One schema with its configuration. */
struct subject {
	struct event_schema reader;
	struct field fields[EVENT_FIELDS_MAX];
	const char *aliases[EVENT_FIELDS_MAX][2];
	struct avro_program *program;
	struct arena *arena;
};

static void set_value(const struct field *field, const json_t *json, struct value *value)
{
	*value = (struct value){.present = json_is_string(json) || json_is_number(json)};
	if (field_kind(field) == VALUE_TEXT)
		value->text = (struct slice){json_string_value(json), json_string_length(json)};
	else if (field_kind(field) == VALUE_UNITS)
		value->units = json_integer_value(json);
	else
		value->number = json_number_value(json);
}

static bool same_value(const struct field *field, const struct value *value, const json_t *json)
{
	struct value wanted;
	set_value(field, json, &wanted);
	if (!wanted.present || !value->present)
		return wanted.present == value->present;
	if (field_kind(field) == VALUE_TEXT)
		return slice_equal(value->text, wanted.text);
	if (field_kind(field) == VALUE_UNITS)
		return value->units == wanted.units;
	return value->number >= wanted.number && value->number <= wanted.number;
}

static void read_field(struct subject *subject, size_t i, const json_t *json)
{
	static const char *const types[] = {"money", "number", "string", "boolean"};
	struct field *field = &subject->fields[i];
	const json_t *scale = json_object_get(json, "scale"), *aliases = json_object_get(json, "aliases");
	*field = (struct field){.path = json_string_value(json_object_get(json, "path"))};
	for (size_t type = 0; type < 4; type++)
		if (strcmp(types[type], json_string_value(json_object_get(json, "type"))) == 0)
			field->type = (enum field_type)type;
	field->name = field->path;
	field->scale = json_is_integer(scale) ? (int)json_integer_value(scale) : FIELD_SCALE_NONE;
	field->minor = json_is_true(json_object_get(json, "minor"));
	field->alias_count = json_array_size(aliases);
	for (size_t alias = 0; alias < 2; alias++)
		subject->aliases[i][alias] = json_string_value(json_array_get(aliases, alias));
	field->aliases = subject->aliases[i];
	set_value(field, json_object_get(json, "default"), &field->fallback);
}

static bool subject_init(struct subject *subject, const json_t *line, struct err *err)
{
	static const char *const units[] = {"ms", "us", "s"};
	const json_t *fields = json_object_get(line, "fields");
	const char *unit = json_string_value(json_object_get(json_object_get(line, "time"), "unit"));
	subject->reader = (struct event_schema){.id_path = "id", .time_path = "time", .entity_path = "entity"};
	for (size_t i = 0; unit != NULL && i < 3; i++)
		if (strcmp(units[i], unit) == 0)
			subject->reader.time_unit = (enum time_unit)(TIME_MS + i);
	subject->reader.fields = subject->fields;
	subject->reader.field_count = json_array_size(fields);
	for (size_t i = 0; i < subject->reader.field_count; i++)
		read_field(subject, i, json_array_get(fields, i));
	char *text = json_dumps(json_object_get(line, "schema"), JSON_COMPACT);
	struct avro_schema *schema = avro_schema_parse(slice_of(text), err);
	subject->program = schema == NULL ? NULL : avro_program_new(schema, &subject->reader, err);
	avro_schema_free(schema);
	free(text);
	return subject->program != NULL;
}

static int digit(char character)
{
	return character >= 'a' ? character - 'a' + 10 : character - '0';
}

/* What differs; NULL: nothing. */
static const char *compare(struct subject *subject, const json_t *wanted, enum reason reason, const struct event *event,
			   const struct err *err)
{
	const json_t *id = json_object_get(wanted, "id"), *entity = json_object_get(wanted, "entity");
	if (json_is_null(wanted))
		return reason == REASON_VALIDATE ? NULL : "it should be invalid";
	if (reason != REASON_NONE)
		return err->message;
	if (!slice_equal(event->id, (struct slice){json_string_value(id), json_string_length(id)}))
		return "another id";
	if (!slice_equal(event->entity, (struct slice){json_string_value(entity), json_string_length(entity)}))
		return "another entity";
	if (event->time_ms != json_integer_value(json_object_get(wanted, "time")))
		return "another time";
	const json_t *values = json_object_get(wanted, "values");
	for (size_t i = 0; i < subject->reader.field_count; i++)
		if (!same_value(&subject->fields[i], &event->values[i], json_array_get(values, i)))
			return subject->fields[i].path;
	return NULL;
}

static const char *run_case(struct subject *subject, const json_t *one, struct err *err)
{
	struct event_builder builder;
	struct event event;
	struct value values[EVENT_FIELDS_MAX];
	const char *hex = json_string_value(json_object_get(one, "body"));
	size_t length = strlen(hex) / 2;
	uint8_t *body = malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		body[i] = (uint8_t)(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
	arena_reset(subject->arena);
	event_builder_begin(&builder, &subject->reader, subject->arena, values);
	enum reason reason = REASON_DECODE;
	if (avro_program_run(subject->program, (struct slice){body, length}, &builder, err) == 0) {
		reason = event_builder_end(&builder, &event);
		*err = builder.err;
	}
	const char *difference = compare(subject, json_object_get(one, "expected"), reason, &event, err);
	free(body);
	return difference;
}

static void run_line(const char *text, size_t length, struct counts *counts)
{
	static struct subject subject;
	json_error_t error;
	struct err err = {0};
	json_t *line = json_loadb(text, length, 0, &error);
	const json_t *cases = json_object_get(line, "cases");
	subject.arena = arena_new(ARENA_BYTES);
	bool ready = line != NULL && subject_init(&subject, line, &err);
	size_t index;
	json_t *one;
	json_array_foreach(cases, index, one)
	{
		err_clear(&err);
		const char *difference = ready ? run_case(&subject, one, &err) : "the schema cannot be read";
		counts->passed += difference == NULL;
		counts->failed += difference != NULL;
		counts->valid += json_is_object(json_object_get(one, "expected"));
		if (difference != NULL && counts->failed <= FAILURES_SHOWN)
			printf("  seed %lld, value %zu: %s\n",
			       (long long)json_integer_value(json_object_get(line, "seed")), index, difference);
	}
	counts->failed += line == NULL;
	if (ready)
		avro_program_free(subject.program);
	arena_free(subject.arena);
	json_decref(line);
}

static struct counts run_file(FILE *file)
{
	struct counts counts = {0};
	char *line = NULL;
	size_t room = 0;
	for (ssize_t length = getline(&line, &room, file); length > 0; length = getline(&line, &room, file))
		run_line(line, (size_t)length, &counts);
	free(line);
	return counts;
}

TEST(bodies_by_another_implementation_are_read_alike)
{
	FILE *file = fopen(CASES, "r");
	EXPECT(file != NULL);
	if (file == NULL)
		return;
	struct counts counts = run_file(file);
	(void)fclose(file);
	printf("  %ld decoded alike, %ld of them valid\n", counts.passed, counts.valid);
	EXPECT_INT(counts.failed, 0);
	EXPECT(counts.passed >= 300 && counts.valid >= counts.passed / 2);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return test_run((struct test[]){CASE(bodies_by_another_implementation_are_read_alike), {0}}, 1, argv);
	FILE *file = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
	if (file == NULL) {
		perror(argv[1]);
		return 1;
	}
	struct counts counts = run_file(file);
	printf("%ld passed, %ld failed\n", counts.passed, counts.failed);
	return counts.failed > 0 || counts.passed == 0;
}
