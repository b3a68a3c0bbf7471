#include "buffer.h"
#include "daemon/io/avro_schema.h"
#include "rng.h"
#include "test/unit/test.h"

#include <stdlib.h>
#include <unistd.h>

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(type) RECORD("{\"name\":\"f\",\"type\":" type "}")
#define MUTATIONS 60000

static struct avro_schema *parse(const char *json, struct err *err)
{
	*err = (struct err){0};
	return avro_schema_parse(slice_of(json), err);
}

static void expect_error(const char *json, const char *wanted)
{
	struct err err;
	struct avro_schema *schema = parse(json, &err);
	EXPECT(schema == NULL);
	EXPECT_INT(err.code, ERR_DATA);
	EXPECT_TEXT(err.message, wanted);
	avro_schema_free(schema);
}

/* The type of the one field of a record. */
static struct avro_schema *field_of(const char *json, const struct avro_node **node)
{
	struct err err;
	struct avro_schema *schema = parse(json, &err);
	EXPECT_TEXT(err.message, "");
	if (schema == NULL)
		exit(1);
	const struct avro_node *root = avro_schema_root(schema);
	*node = root->type == AVRO_TYPE_RECORD && root->field_count > 0 ? root->fields[0].node : root;
	return schema;
}

TEST(primitive_types_are_read_in_both_forms)
{
	static const char *const names[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
	for (size_t i = 0; i < 8; i++) {
		char json[2][64];
		(void)snprintf(json[0], sizeof json[0], "\"%s\"", names[i]);
		(void)snprintf(json[1], sizeof json[1], "{\"type\": \"%s\", \"x\": [1]}", names[i]);
		for (int form = 0; form < 2; form++) {
			const struct avro_node *node;
			struct avro_schema *schema = field_of(json[form], &node);
			EXPECT_INT(node->type, i);
			EXPECT_INT(node->logical, AVRO_LOGICAL_NONE);
			EXPECT_INT(avro_schema_node_count(schema), 1);
			avro_schema_free(schema);
		}
	}
}

TEST(records_keep_fields_names_and_aliases)
{
	const struct avro_node *node;
	struct avro_schema *schema = field_of(
	    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"a.b\",\"aliases\":[\"Old\"],\"fields\":["
	    "{\"name\":\"x\",\"type\":[\"null\",\"long\"],\"aliases\":[\"y\",\"z\"],\"default\":null},"
	    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"],\"default\":\"B\"}},"
	    "{\"name\":\"again\",\"type\":\"E\"},{\"name\":\"full\",\"type\":\"a.b.E\"},"
	    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"Tx\"}}}]}",
	    &node);
	const struct avro_node *root = avro_schema_root(schema);
	EXPECT_TEXT(root->name, "a.b.Tx");
	EXPECT_INT(root->alias_count, 1);
	EXPECT_TEXT(root->aliases[0], "Old");
	EXPECT_INT(root->field_count, 5);
	EXPECT_INT(root->fields[0].alias_count, 2);
	EXPECT_TEXT(root->fields[0].aliases[1], "z");
	EXPECT_INT(node->type, AVRO_TYPE_UNION);
	EXPECT_INT(node->branches[1]->type, AVRO_TYPE_LONG);
	EXPECT_TEXT(root->fields[1].node->name, "a.b.E");
	EXPECT_INT(root->fields[1].node->symbol_count, 2);
	EXPECT_TEXT(root->fields[1].node->symbols[1], "B");
	EXPECT(root->fields[2].node == root->fields[1].node);
	EXPECT(root->fields[3].node == root->fields[1].node);
	EXPECT(root->fields[4].node->branches[0]->branches[0] == root);
	avro_schema_free(schema);
}

TEST(names_take_the_namespace_around_them)
{
	static const struct {
		const char *json, *name;
	} cases[] = {
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}", "F"},
	    {"{\"type\":\"fixed\",\"name\":\"a.F\",\"namespace\":\"b\",\"size\":1}", "a.F"},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\",\"size\":1}", "F"},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":null,\"size\":1}", "F"},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"my-server.x\",\"size\":1}", "my-server.x.F"},
	    {"{\"type\":\"fixed\",\"name\":\"Gr\\u00f6\\u00dfe\",\"size\":1}", "Gr\xc3\xb6\xc3\x9f"
									       "e"},
	    {"{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"f\",\"type\":"
	     "{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}}]}",
	     "n.F"},
	    {"{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"f\",\"type\":"
	     "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\",\"size\":1}}]}",
	     "F"},
	    {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":[{\"name\":\"f\",\"type\":"
	     "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"o.p\",\"size\":1}}]}",
	     "o.p.F"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct avro_node *node;
		struct avro_schema *schema = field_of(cases[i].json, &node);
		EXPECT_TEXT(node->name, cases[i].name);
		avro_schema_free(schema);
	}
}

TEST(a_simple_name_is_also_looked_for_without_namespace)
{
	struct err err;
	struct avro_schema *schema =
	    parse("[{\"type\":\"fixed\",\"name\":\"F\",\"size\":3},{\"type\":\"record\",\"name\":\"n.R\",\"fields\":["
		  "{\"name\":\"f\",\"type\":\"F\"}]}]",
		  &err);
	EXPECT_TEXT(err.message, "");
	if (schema != NULL)
		EXPECT_INT(avro_schema_root(schema)->branches[1]->fields[0].node->size, 3);
	avro_schema_free(schema);
}

TEST(logical_types_count_where_they_fit_and_are_ignored_elsewhere)
{
	static const struct {
		const char *type;
		enum avro_logical logical;
		int precision, scale;
	} cases[] = {
	    {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", AVRO_LOGICAL_TIMESTAMP_MILLIS, 0, 0},
	    {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", AVRO_LOGICAL_TIMESTAMP_MICROS, 0, 0},
	    {"{\"type\":\"int\",\"logicalType\":\"timestamp-millis\"}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"string\",\"logicalType\":7}", AVRO_LOGICAL_NONE, 0, 0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}", AVRO_LOGICAL_DECIMAL, 9,
	     2},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}", AVRO_LOGICAL_DECIMAL, 9, 0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":4}", AVRO_LOGICAL_DECIMAL, 4,
	     4},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":5}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":-1}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":\"1\"}", AVRO_LOGICAL_OTHER, 0,
	     0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":0}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2147483648}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"bytes\",\"logicalType\":\"decimal\"}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":9}", AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1,\"logicalType\":\"decimal\",\"precision\":2}",
	     AVRO_LOGICAL_DECIMAL, 2, 0},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1,\"logicalType\":\"decimal\",\"precision\":3}",
	     AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":8,\"logicalType\":\"decimal\",\"precision\":18,\"scale\":18}",
	     AVRO_LOGICAL_DECIMAL, 18, 18},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":8,\"logicalType\":\"decimal\",\"precision\":19}",
	     AVRO_LOGICAL_OTHER, 0, 0},
	    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":0,\"logicalType\":\"decimal\",\"precision\":1}",
	     AVRO_LOGICAL_OTHER, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct avro_node *node;
		struct avro_schema *schema = field_of(cases[i].type, &node);
		if (node->logical != cases[i].logical || node->precision != cases[i].precision ||
		    node->scale != cases[i].scale) {
			printf("  %s\n", cases[i].type);
			EXPECT(false);
		}
		avro_schema_free(schema);
	}
}

TEST(types_may_stand_inside_a_type)
{
	const struct avro_node *node;
	struct avro_schema *schema = field_of("{\"type\":{\"type\":[\"null\",\"int\"]}}", &node);
	EXPECT_INT(node->type, AVRO_TYPE_UNION);
	avro_schema_free(schema);
}

TEST(errors_say_what_and_where)
{
	static const struct {
		const char *json, *message;
	} cases[] = {
	    {"", "not JSON: line 1, column 0: unexpected token near end of file"},
	    {"{\"type\":", "not JSON: line 1, column 8: unexpected token near end of file"},
	    {"7", "not a type: neither a string nor an object nor an array"},
	    {"{}", "no \"type\""},
	    {"{\"type\":null}", "type: not a type: neither a string nor an object nor an array"},
	    {"\"strin\"", "unknown type \"strin\""},
	    {"\"\"", "\"\" is not a valid name"},
	    {"\"a b\"", "\"a b\" is not a valid name"},
	    {"\"a\\nb\"", "\"a?b\" is not a valid name"},
	    {"{\"type\":\"record\"}", "no \"name\""},
	    {"{\"type\":\"record\",\"name\":7}", "\"name\" is not a string"},
	    {"{\"type\":\"record\",\"name\":\"R\"}", "no \"fields\""},
	    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":{}}", "\"fields\" is not an array"},
	    {"{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}", "\"1R\" is not a valid name"},
	    {"{\"type\":\"record\",\"name\":\"a..R\",\"fields\":[]}", "\"a..R\" is not a valid name"},
	    {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\".a\",\"fields\":[]}", "\".a.R\" is not a valid name"},
	    {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":7,\"fields\":[]}", "\"namespace\" is not a string"},
	    {"{\"type\":\"record\",\"name\":\"a.string\",\"fields\":[]}", "\"a.string\" is a primitive type's name"},
	    {"{\"type\":\"record\",\"name\":\"R\",\"aliases\":\"S\",\"fields\":[]}", "\"aliases\" is not an array"},
	    {RECORD("7"), "fields[0]: not an object"},
	    {RECORD("{\"type\":\"int\"}"), "fields[0]: no \"name\""},
	    {RECORD("{\"name\":\"a-b\",\"type\":\"int\"}"), "fields[0]: \"a-b\" is not a valid name"},
	    {RECORD("{\"name\":\"a\"}"), "fields[0]: no \"type\""},
	    {RECORD("{\"name\":\"a\",\"type\":\"int\",\"aliases\":[\"x\",7]}"), "fields[0].aliases[1]: not a string"},
	    {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"itn\"}"),
	     "fields[1].type: unknown type \"itn\""},
	    {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}"), "field \"a\" stands twice"},
	    {FIELD("{\"type\":\"array\"}"), "fields[0].type: no \"items\""},
	    {FIELD("{\"type\":\"map\"}"), "fields[0].type: no \"values\""},
	    {FIELD("{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"x\"}}"),
	     "fields[0].type.values.items: unknown type \"x\""},
	    {FIELD("[]"), "fields[0].type: a union of no types"},
	    {FIELD("[\"null\",\"x\"]"), "fields[0].type[1]: unknown type \"x\""},
	    {FIELD("[\"null\",[\"int\"]]"), "fields[0].type[1]: a union directly in a union"},
	    {FIELD("[\"int\",\"string\",{\"type\":\"int\"}]"), "fields[0].type[2]: an int twice in one union"},
	    {FIELD("[{\"type\":\"array\",\"items\":\"int\"},{\"type\":\"array\",\"items\":\"long\"}]"),
	     "fields[0].type[1]: an array twice in one union"},
	    {FIELD("[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},\"F\"]"),
	     "fields[0].type[1]: the fixed \"F\" twice in one union"},
	    {FIELD("{\"type\":\"enum\",\"name\":\"E\"}"), "fields[0].type: no \"symbols\""},
	    {FIELD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B C\"]}"),
	     "fields[0].type.symbols[1]: \"B C\" is not a valid name"},
	    {FIELD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\",\"A\"]}"),
	     "fields[0].type: symbol \"A\" stands twice"},
	    {FIELD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}"),
	     "fields[0].type: \"default\" is none of the symbols"},
	    {FIELD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":1}"),
	     "fields[0].type: \"default\" is not a string"},
	    {FIELD("{\"type\":\"fixed\",\"name\":\"F\"}"),
	     "fields[0].type: \"size\" is not an integer from 0 to 1048576"},
	    {FIELD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-2}"),
	     "fields[0].type: \"size\" is not an integer from 0 to 1048576"},
	    {FIELD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1048577}"),
	     "fields[0].type: \"size\" is not an integer from 0 to 1048576"},
	    {FIELD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1.0}"),
	     "fields[0].type: \"size\" is not an integer from 0 to 1048576"},
	    {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"R\",\"size\":1}}"),
	     "fields[0].type: \"R\" is defined twice"},
	    {"{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"f\",\"type\":\"S\"}]}",
	     "fields[0].type: unknown type \"n.S\""},
	    {FIELD("{\"type\":\"int\",\"type\":\"long\"}"),
	     "not JSON: line 1, column 77: duplicate object key near '\"type\"'"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_error(cases[i].json, cases[i].message);
}

TEST(records_that_contain_themselves_for_ever_are_refused)
{
	static const char *const endless[] = {
	    FIELD("\"R\""),
	    FIELD("[\"R\"]"),
	    FIELD("{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"f\",\"type\":\"R\"}]}"),
	    FIELD("[\"R\",{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"f\",\"type\":\"R\"}]}]"),
	};
	static const char *const ending[] = {
	    FIELD("[\"null\",\"R\"]"),
	    FIELD("[\"R\",\"int\"]"),
	    FIELD("{\"type\":\"array\",\"items\":\"R\"}"),
	    FIELD("{\"type\":\"map\",\"values\":\"R\"}"),
	};
	for (size_t i = 0; i < 4; i++) {
		struct err err;
		struct avro_schema *schema = parse(ending[i], &err);
		EXPECT(schema != NULL);
		avro_schema_free(schema);
		expect_error(endless[i], "record \"R\" always contains itself: no value of it is finite");
	}
}

static void repeat(struct buffer *out, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		buffer_add_text(out, text);
}

TEST(depth_is_limited)
{
	struct buffer json;
	struct err err;
	buffer_init(&json);
	for (int levels = AVRO_SCHEMA_DEPTH_MAX - 1; levels <= AVRO_SCHEMA_DEPTH_MAX; levels++) {
		buffer_reset(&json);
		repeat(&json, "{\"type\":\"array\",\"items\":", levels);
		buffer_add_text(&json, "\"int\"");
		repeat(&json, "}", levels);
		buffer_add_byte(&json, '\0');
		struct avro_schema *schema = parse((const char *)json.data, &err);
		EXPECT((schema != NULL) == (levels < AVRO_SCHEMA_DEPTH_MAX));
		avro_schema_free(schema);
	}
	EXPECT(strstr(err.message, "nested deeper than 64") != NULL);
	EXPECT(strncmp(err.message, "items.items.items", 17) == 0);
	buffer_free(&json);
}

TEST(types_bytes_names_and_unions_are_limited)
{
	struct buffer json;
	struct err err = {0};
	buffer_init(&json);
	buffer_add_text(&json, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
	for (int i = 0; i < AVRO_SCHEMA_NODES_MAX; i++)
		buffer_add_format(&json, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i == 0 ? "" : ",", i);
	buffer_add_text(&json, "]}");
	EXPECT(avro_schema_parse(buffer_slice(&json), &err) == NULL);
	EXPECT_TEXT(err.message, "fields[9999].type: more than 10000 types");

	buffer_reset(&json);
	buffer_add_text(&json, "\"");
	repeat(&json, "x", AVRO_SCHEMA_NAME_MAX + 1);
	buffer_add_text(&json, "\"");
	err_clear(&err);
	EXPECT(avro_schema_parse(buffer_slice(&json), &err) == NULL);
	EXPECT_TEXT(err.message, "a name of more than 512 bytes");

	buffer_reset(&json);
	buffer_add_text(&json, "[");
	for (int i = 0; i <= AVRO_SCHEMA_UNION_MAX; i++)
		buffer_add_format(&json, "%s{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1}", i == 0 ? "" : ",", i);
	buffer_add_text(&json, "]");
	err_clear(&err);
	EXPECT(avro_schema_parse(buffer_slice(&json), &err) == NULL);
	EXPECT_TEXT(err.message, "a union of more than 1024 types");

	repeat(&json, "                ", AVRO_SCHEMA_BYTES_MAX / 16);
	err_clear(&err);
	EXPECT(avro_schema_parse(buffer_slice(&json), &err) == NULL);
	EXPECT_TEXT(err.message, "a schema of more than 1048576 bytes");
	buffer_free(&json);
}

/* A name as long as may be, in every message: nothing may run over. */
TEST(long_names_are_cut_off_in_messages)
{
	struct buffer json;
	struct err err = {0};
	buffer_init(&json);
	buffer_add_text(&json, "\"");
	repeat(&json, "\xc3\xa4", AVRO_SCHEMA_NAME_MAX / 2);
	buffer_add_text(&json, "\"");
	EXPECT(avro_schema_parse(buffer_slice(&json), &err) == NULL);
	EXPECT_INT(strlen(err.message), strlen("unknown type ") + 83);
	EXPECT_TEXT(err.message + strlen(err.message) - 6, "\xc3\xa4...\"");
	buffer_free(&json);
}

TEST(a_file_is_read_and_named_in_errors)
{
	char path[] = "/tmp/outlierd-schema-XXXXXX", wanted[128];
	struct err err = {0};
	int descriptor = mkstemp(path);
	EXPECT(descriptor >= 0);
	EXPECT(write(descriptor, "\"int\"", 5) == 5);
	struct avro_schema *schema = avro_schema_read(path, &err);
	EXPECT(schema != NULL);
	avro_schema_free(schema);
	EXPECT(write(descriptor, "x", 1) == 1);
	(void)close(descriptor);
	EXPECT(avro_schema_read(path, &err) == NULL);
	(void)snprintf(wanted, sizeof wanted, "%s: not JSON: line 1, column 6: end of file expected near 'x'", path);
	EXPECT_TEXT(err.message, wanted);
	EXPECT_INT(err.code, ERR_DATA);
	(void)unlink(path);
	err_clear(&err);
	EXPECT(avro_schema_read(path, &err) == NULL);
	(void)snprintf(wanted, sizeof wanted, "%s: No such file or directory", path);
	EXPECT_TEXT(err.message, wanted);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
}

static const char complex_schema[] =
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"a.b\",\"aliases\":[\"Old\"],\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"next\",\"type\":[\"null\",\"Tx\"],\"default\":null},"
    "{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}},"
    "{\"name\":\"hash\",\"type\":{\"type\":\"fixed\",\"name\":\"H\",\"size\":16}},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"K\",\"symbols\":[\"A\",\"B\"],\"default\":\"A\"}},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"H\"}}},"
    "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"},\"aliases\":[\"t\"]}]}";

/* Bytes changed, cut out, doubled; words of the language put in. Every text is in a block of exactly its size. */
TEST(damaged_schemas_are_refused_or_read_and_never_crash)
{
	static const char *const words[] = {"\"record\"",
					    "\"union\"",
					    "[",
					    "]",
					    "{",
					    "}",
					    ",",
					    ":",
					    "\"type\"",
					    "\"Tx\"",
					    "\"items\"",
					    "1e400",
					    "-1",
					    "null",
					    "\"\\u0000\"",
					    "\"\xff\"",
					    "99999999999999999999"};
	struct rng rng;
	int read = 0;
	rng_seed(&rng, 1);
	for (int i = 0; i < MUTATIONS; i++) {
		struct buffer json;
		struct err err = {0};
		buffer_init(&json);
		size_t length = sizeof complex_schema - 1, from = rng_below(&rng, length), to = rng_below(&rng, length);
		buffer_add(&json, complex_schema, from);
		switch (rng_below(&rng, 4)) {
		case 0:
			buffer_add_text(&json, words[rng_below(&rng, sizeof words / sizeof *words)]);
			to = from + rng_below(&rng, 12);
			to = to > length ? length : to;
			break;
		case 1:
			buffer_add_byte(&json, (uint8_t)rng_below(&rng, 256));
			to = from + 1;
			break;
		case 2:
			to = from + rng_below(&rng, 4);
			to = to > length ? length : to;
			break;
		default:
			break;
		}
		buffer_add(&json, complex_schema + to, length - to);
		char *exact = malloc(json.length + (json.length == 0));
		memcpy(exact, json.data, json.length);
		struct avro_schema *schema = avro_schema_parse((struct slice){exact, json.length}, &err);
		EXPECT((schema == NULL) == err_is_set(&err));
		read += schema != NULL;
		avro_schema_free(schema);
		free(exact);
		buffer_free(&json);
	}
	EXPECT(read > MUTATIONS / 100 && read < MUTATIONS / 2);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(primitive_types_are_read_in_both_forms),
					CASE(records_keep_fields_names_and_aliases),
					CASE(names_take_the_namespace_around_them),
					CASE(a_simple_name_is_also_looked_for_without_namespace),
					CASE(logical_types_count_where_they_fit_and_are_ignored_elsewhere),
					CASE(types_may_stand_inside_a_type),
					CASE(errors_say_what_and_where),
					CASE(records_that_contain_themselves_for_ever_are_refused),
					CASE(depth_is_limited),
					CASE(types_bytes_names_and_unions_are_limited),
					CASE(long_names_are_cut_off_in_messages),
					CASE(a_file_is_read_and_named_in_errors),
					CASE(damaged_schemas_are_refused_or_read_and_never_crash),
					{0}},
			argc, argv);
}
