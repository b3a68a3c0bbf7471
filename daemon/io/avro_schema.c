#include "daemon/io/avro_schema.h"

#include "daemon/io/avro_name.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#define PLACE_MAX 256               /* bytes of "fields[2].type" in messages; the rest is cut off */
#define LOG10_OF_2 0.30102999566398 /* decimal digits of a bit; exact enough for 2^23 bits */

struct avro_schema {
	struct arena *arena;
	struct avro_node *root;
	struct avro_node **nodes; /* by number */
	uint32_t node_count;
};

struct parser {
	struct avro_schema *schema;
	struct avro_names names;
	struct err *err;
	unsigned depth;
	size_t place_length;
	char place[PLACE_MAX];
};

static int parse_node(struct parser *parser, const json_t *json, const char *namespace, struct avro_node **out);

/* Says where in the document, and what is wrong there. */
static int PRINTF_LIKE(2, 3) refuse(struct parser *parser, const char *format, ...)
{
	char message[sizeof parser->err->message];
	va_list arguments;
	va_start(arguments, format);
	if (vsnprintf(message, sizeof message, format, arguments) < 0)
		message[0] = '\0';
	va_end(arguments);
	(void)err_set(parser->err, ERR_DATA, "%s", message);
	return parser->place_length == 0 ? -1 : err_prepend(parser->err, "%s", parser->place);
}

/* Steps into "member", "member[index]" or, without a name, "[index]"; leave() with the result steps out. */
static size_t enter(struct parser *parser, const char *member, long index)
{
	size_t before = parser->place_length, room = sizeof parser->place - before;
	const char *dot = before > 0 && member[0] != '\0' ? "." : "";
	int length = index < 0 ? snprintf(parser->place + before, room, "%s%s", dot, member)
			       : snprintf(parser->place + before, room, "%s%s[%ld]", dot, member, index);
	if (length > 0)
		parser->place_length += (size_t)length < room ? (size_t)length : room - 1;
	return before;
}

static void leave(struct parser *parser, size_t before)
{
	parser->place_length = before;
	parser->place[before] = '\0';
}

static void *take(struct parser *parser, size_t count, size_t size)
{
	void *memory = arena_take_zeroed(parser->schema->arena, count, size);
	if (memory == NULL)
		(void)err_memory(parser->err);
	return memory;
}

static struct avro_node *new_node(struct parser *parser, enum avro_type type)
{
	struct avro_schema *schema = parser->schema;
	if (schema->node_count == AVRO_SCHEMA_NODES_MAX) {
		(void)refuse(parser, "more than %d types", AVRO_SCHEMA_NODES_MAX);
		return NULL;
	}
	struct avro_node *node = take(parser, 1, sizeof *node);
	if (node == NULL)
		return NULL;
	node->type = type;
	node->number = schema->node_count;
	schema->nodes[schema->node_count++] = node;
	return node;
}

/* A string member; *text is NULL where it is absent and may be. */
static int text_member(struct parser *parser, const json_t *object, const char *name, bool required, const char **text)
{
	const json_t *member = json_object_get(object, name);
	*text = json_string_value(member);
	if (*text != NULL || (!required && (member == NULL || json_is_null(member))))
		return 0;
	return member == NULL ? refuse(parser, "no \"%s\"", name) : refuse(parser, "\"%s\" is not a string", name);
}

/* An array member; *array is NULL where it is absent and may be. */
static int array_member(struct parser *parser, const json_t *object, const char *name, bool required,
			const json_t **array)
{
	const json_t *member = json_object_get(object, name);
	*array = json_is_array(member) ? member : NULL;
	if (*array != NULL || (!required && (member == NULL || json_is_null(member))))
		return 0;
	return member == NULL ? refuse(parser, "no \"%s\"", name) : refuse(parser, "\"%s\" is not an array", name);
}

/* A text of an array, copied; a name where it must be one. */
static int read_text(struct parser *parser, const json_t *json, bool name, char **text)
{
	const char *source = json_string_value(json);
	char shown[AVRO_NAME_SHOWN];
	if (source == NULL)
		return refuse(parser, "not a string");
	if (name && !avro_name_valid(source))
		return refuse(parser, "%s is not a valid name", avro_name_show(source, shown));
	*text = (char *)arena_copy(parser->schema->arena, slice_of(source)).data;
	return *text == NULL ? err_memory(parser->err) : 0;
}

static int read_texts(struct parser *parser, const json_t *object, const char *member, bool names, char ***texts,
		      size_t *count)
{
	const json_t *array;
	if (array_member(parser, object, member, names, &array) != 0)
		return -1;
	size_t size = array == NULL ? 0 : json_array_size(array);
	if (size == 0)
		return 0;
	*texts = take(parser, size, sizeof(char *));
	if (*texts == NULL)
		return -1;
	*count = size;
	for (size_t i = 0; i < size; i++) {
		size_t before = enter(parser, member, (long)i);
		if (read_text(parser, json_array_get(array, i), names, &(*texts)[i]) != 0)
			return -1;
		leave(parser, before);
	}
	return 0;
}

static int refuse_twice(struct parser *parser, const char *what, char *const *texts, size_t count)
{
	const char **scratch = take(parser, count, sizeof *scratch);
	if (scratch == NULL)
		return -1;
	const char *twice = avro_names_twice(texts, count, scratch);
	char shown[AVRO_NAME_SHOWN];
	return twice == NULL ? 0 : refuse(parser, "%s %s stands twice", what, avro_name_show(twice, shown));
}

/* Name, namespace and aliases of a record, enum or fixed, which is known by its name from here on. */
static int read_name(struct parser *parser, const json_t *json, const char *namespace, struct avro_node *node)
{
	const char *name, *space;
	if (text_member(parser, json, "name", true, &name) != 0 ||
	    text_member(parser, json, "namespace", false, &space) != 0 ||
	    read_texts(parser, json, "aliases", false, &node->aliases, &node->alias_count) != 0)
		return -1;
	struct err why = {0};
	node->name = avro_name_full(name, space == NULL ? namespace : space, parser->schema->arena, &why);
	if (node->name == NULL)
		return why.code == ERR_MEMORY ? err_memory(parser->err) : refuse(parser, "%s", why.message);
	const char *last = strrchr(node->name, '.');
	enum avro_type primitive;
	if (avro_name_primitive(last == NULL ? node->name : last + 1, &primitive))
		return refuse(parser, "\"%s\" is a primitive type's name", name);
	char shown[AVRO_NAME_SHOWN];
	if (avro_names_find(&parser->names, node->name) != NULL)
		return refuse(parser, "%s is defined twice", avro_name_show(node->name, shown));
	return avro_names_add(&parser->names, node, parser->err);
}

static int parse_field(struct parser *parser, const json_t *json, const char *namespace, struct avro_field *field)
{
	if (!json_is_object(json))
		return refuse(parser, "not an object");
	const char *name;
	if (text_member(parser, json, "name", true, &name) != 0 ||
	    read_text(parser, json_object_get(json, "name"), true, &field->name) != 0 ||
	    read_texts(parser, json, "aliases", false, &field->aliases, &field->alias_count) != 0)
		return -1;
	const json_t *type = json_object_get(json, "type");
	if (type == NULL)
		return refuse(parser, "no \"type\"");
	size_t before = enter(parser, "type", -1);
	if (parse_node(parser, type, namespace, &field->node) != 0)
		return -1;
	leave(parser, before);
	return 0;
}

static int parse_record(struct parser *parser, const json_t *json, struct avro_node *node)
{
	const json_t *fields;
	if (array_member(parser, json, "fields", true, &fields) != 0)
		return -1;
	const char *space = avro_name_space(node->name, parser->schema->arena);
	size_t count = json_array_size(fields);
	char **names = take(parser, count, sizeof *names);
	node->fields = take(parser, count, sizeof *node->fields);
	if (space == NULL || names == NULL || node->fields == NULL)
		return err_memory(parser->err);
	for (size_t i = 0; i < count; i++) {
		size_t before = enter(parser, "fields", (long)i);
		if (parse_field(parser, json_array_get(fields, i), space, &node->fields[i]) != 0)
			return -1;
		leave(parser, before);
		names[i] = node->fields[i].name;
	}
	node->field_count = count;
	return refuse_twice(parser, "field", names, count);
}

static int parse_enum(struct parser *parser, const json_t *json, struct avro_node *node)
{
	const char *fallback;
	if (read_texts(parser, json, "symbols", true, &node->symbols, &node->symbol_count) != 0 ||
	    refuse_twice(parser, "symbol", node->symbols, node->symbol_count) != 0 ||
	    text_member(parser, json, "default", false, &fallback) != 0)
		return -1;
	for (size_t i = 0; fallback != NULL && i < node->symbol_count; i++)
		if (strcmp(node->symbols[i], fallback) == 0)
			return 0;
	return fallback == NULL ? 0 : refuse(parser, "\"default\" is none of the symbols");
}

static int parse_fixed(struct parser *parser, const json_t *json, struct avro_node *node)
{
	const json_t *size = json_object_get(json, "size");
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    json_integer_value(size) > (json_int_t)AVRO_SCHEMA_FIXED_MAX)
		return refuse(parser, "\"size\" is not an integer from 0 to %u", AVRO_SCHEMA_FIXED_MAX);
	node->size = (uint64_t)json_integer_value(size);
	return 0;
}

/* Branches may not be unions, nor two of one type, unless these have different names. */
static int check_branch(struct parser *parser, const struct avro_node *node, size_t last)
{
	const struct avro_node *branch = node->branches[last];
	char text[AVRO_NAME_SHOWN + AVRO_SCHEMA_NAME_MAX];
	if (branch->type == AVRO_TYPE_UNION)
		return refuse(parser, "a union directly in a union");
	for (size_t i = 0; i < last; i++) {
		const struct avro_node *other = node->branches[i];
		if (other == branch || (branch->name == NULL && other->type == branch->type))
			return refuse(parser, "%s twice in one union", avro_schema_describe(branch, text, sizeof text));
	}
	return 0;
}

static int parse_union(struct parser *parser, const json_t *json, const char *namespace, struct avro_node *node)
{
	size_t count = json_array_size(json);
	if (count == 0)
		return refuse(parser, "a union of no types");
	if (count > AVRO_SCHEMA_UNION_MAX)
		return refuse(parser, "a union of more than %d types", AVRO_SCHEMA_UNION_MAX);
	node->branches = take(parser, count, sizeof(struct avro_node *));
	if (node->branches == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		size_t before = enter(parser, "", (long)i);
		if (parse_node(parser, json_array_get(json, i), namespace, &node->branches[i]) != 0 ||
		    check_branch(parser, node, i) != 0)
			return -1;
		leave(parser, before);
	}
	node->branch_count = count;
	return 0;
}

static int parse_items(struct parser *parser, const json_t *json, const char *namespace, struct avro_node *node)
{
	const char *member = node->type == AVRO_TYPE_ARRAY ? "items" : "values";
	const json_t *items = json_object_get(json, member);
	if (items == NULL)
		return refuse(parser, "no \"%s\"", member);
	node->branches = take(parser, 1, sizeof(struct avro_node *));
	if (node->branches == NULL)
		return -1;
	size_t before = enter(parser, member, -1);
	if (parse_node(parser, items, namespace, &node->branches[0]) != 0)
		return -1;
	leave(parser, before);
	node->branch_count = 1;
	return 0;
}

/* A decimal of impossible precision or scale is, as the specification says, no decimal. */
static bool read_decimal(const json_t *json, struct avro_node *node)
{
	const json_t *precision = json_object_get(json, "precision"), *scale = json_object_get(json, "scale");
	json_int_t digits = json_integer_value(precision), places = scale == NULL ? 0 : json_integer_value(scale);
	double most = node->type == AVRO_TYPE_FIXED ? ((double)node->size * 8 - 1) * LOG10_OF_2 : (double)INT_MAX;
	if ((scale != NULL && !json_is_integer(scale)) || digits < 1 || (double)digits > most || places < 0 ||
	    places > digits)
		return false;
	node->precision = (int)digits;
	node->scale = (int)places;
	return true;
}

static void read_logical(const json_t *json, struct avro_node *node)
{
	const char *name = json_string_value(json_object_get(json, "logicalType"));
	if (name == NULL)
		return;
	bool bytes = node->type == AVRO_TYPE_BYTES || node->type == AVRO_TYPE_FIXED;
	node->logical = AVRO_LOGICAL_OTHER;
	if (node->type == AVRO_TYPE_LONG && strcmp(name, "timestamp-millis") == 0)
		node->logical = AVRO_LOGICAL_TIMESTAMP_MILLIS;
	else if (node->type == AVRO_TYPE_LONG && strcmp(name, "timestamp-micros") == 0)
		node->logical = AVRO_LOGICAL_TIMESTAMP_MICROS;
	else if (bytes && strcmp(name, "decimal") == 0 && read_decimal(json, node))
		node->logical = AVRO_LOGICAL_DECIMAL;
}

/* A primitive type, or a named one that stands further up. */
static int parse_reference(struct parser *parser, const char *name, const char *namespace, struct avro_node **out)
{
	enum avro_type type;
	if (avro_name_primitive(name, &type)) {
		*out = new_node(parser, type);
		return *out == NULL ? -1 : 0;
	}
	struct err why = {0};
	const char *full = avro_name_full(name, namespace, parser->schema->arena, &why);
	if (full == NULL)
		return why.code == ERR_MEMORY ? err_memory(parser->err) : refuse(parser, "%s", why.message);
	*out = avro_names_find(&parser->names, full);
	if (*out == NULL)
		*out = avro_names_find(&parser->names, name);
	char shown[AVRO_NAME_SHOWN];
	return *out == NULL ? refuse(parser, "unknown type %s", avro_name_show(full, shown)) : 0;
}

static int parse_object(struct parser *parser, const json_t *json, const char *namespace, struct avro_node **out)
{
	static const struct {
		const char *name;
		enum avro_type type;
	} complex[] = {{"record", AVRO_TYPE_RECORD}, {"error", AVRO_TYPE_RECORD}, {"enum", AVRO_TYPE_ENUM},
		       {"fixed", AVRO_TYPE_FIXED},   {"array", AVRO_TYPE_ARRAY},  {"map", AVRO_TYPE_MAP}};
	const json_t *type = json_object_get(json, "type");
	if (type == NULL)
		return refuse(parser, "no \"type\"");
	const char *name = json_string_value(type);
	size_t kind = 0;
	while (name != NULL && kind < sizeof complex / sizeof *complex && strcmp(complex[kind].name, name) != 0)
		kind++;
	if (name == NULL || kind == sizeof complex / sizeof *complex) {
		size_t before = enter(parser, "type", -1);
		if (parse_node(parser, type, namespace, out) != 0)
			return -1;
		leave(parser, before);
		if ((*out)->type <= AVRO_TYPE_STRING && name != NULL)
			read_logical(json, *out);
		return 0;
	}
	struct avro_node *node = *out = new_node(parser, complex[kind].type);
	if (node == NULL)
		return -1;
	if (node->type == AVRO_TYPE_ARRAY || node->type == AVRO_TYPE_MAP)
		return parse_items(parser, json, namespace, node);
	if (read_name(parser, json, namespace, node) != 0)
		return -1;
	if (node->type == AVRO_TYPE_RECORD)
		return parse_record(parser, json, node);
	if (node->type == AVRO_TYPE_ENUM)
		return parse_enum(parser, json, node);
	if (parse_fixed(parser, json, node) != 0)
		return -1;
	read_logical(json, node);
	return 0;
}

static int parse_node(struct parser *parser, const json_t *json, const char *namespace, struct avro_node **out)
{
	if (parser->depth == AVRO_SCHEMA_DEPTH_MAX)
		return refuse(parser, "nested deeper than %d", AVRO_SCHEMA_DEPTH_MAX);
	parser->depth++;
	int status;
	if (json_is_string(json)) {
		status = parse_reference(parser, json_string_value(json), namespace, out);
	} else if (json_is_array(json)) {
		*out = new_node(parser, AVRO_TYPE_UNION);
		status = *out == NULL ? -1 : parse_union(parser, json, namespace, *out);
	} else if (json_is_object(json)) {
		status = parse_object(parser, json, namespace, out);
	} else {
		status = refuse(parser, "not a type: neither a string nor an object nor an array");
	}
	parser->depth--;
	return status;
}

/* One round: true where a node became known to have values of finite size. */
static bool find_finite(const struct avro_schema *schema, bool *finite)
{
	bool found = false;
	for (uint32_t i = schema->node_count; i-- > 0;) {
		const struct avro_node *node = schema->nodes[i];
		bool all = true, any = false;
		for (size_t j = 0; j < node->field_count; j++)
			all = all && finite[node->fields[j].node->number];
		for (size_t j = 0; j < node->branch_count; j++)
			any = any || finite[node->branches[j]->number];
		bool is = node->type == AVRO_TYPE_RECORD ? all : node->type != AVRO_TYPE_UNION || any;
		found = found || (is && !finite[i]);
		finite[i] = is;
	}
	return found;
}

/* A record that contains itself with nothing between that can end it has no values, and decoding it would not end. */
static int check_finite(struct parser *parser)
{
	const struct avro_schema *schema = parser->schema;
	bool *finite = take(parser, schema->node_count, sizeof *finite);
	if (finite == NULL)
		return -1;
	while (find_finite(schema, finite))
		;
	char shown[AVRO_NAME_SHOWN];
	for (uint32_t i = 0; i < schema->node_count; i++)
		if (!finite[i] && schema->nodes[i]->type == AVRO_TYPE_RECORD)
			return refuse(parser, "record %s always contains itself: no value of it is finite",
				      avro_name_show(schema->nodes[i]->name, shown));
	return 0;
}

static int parse_document(struct avro_schema *schema, const json_t *json, struct err *err)
{
	struct parser parser = {.schema = schema, .err = err, .names.arena = schema->arena};
	schema->nodes = take(&parser, AVRO_SCHEMA_NODES_MAX, sizeof(struct avro_node *));
	if (schema->nodes == NULL || parse_node(&parser, json, "", &schema->root) != 0)
		return -1;
	return check_finite(&parser);
}

struct avro_schema *avro_schema_parse(struct slice json, struct err *err)
{
	if (json.length > AVRO_SCHEMA_BYTES_MAX) {
		(void)err_set(err, ERR_DATA, "a schema of more than %u bytes", AVRO_SCHEMA_BYTES_MAX);
		return NULL;
	}
	json_error_t error;
	json_t *document = json_loadb(json.data == NULL ? "" : json.data, json.length,
				      JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (document == NULL) {
		(void)err_set(err, ERR_DATA, "not JSON: line %d, column %d: %s", error.line, error.column, error.text);
		return NULL;
	}
	struct avro_schema *schema = calloc(1, sizeof *schema);
	if (schema != NULL)
		schema->arena = arena_new(AVRO_SCHEMA_MEMORY_MAX);
	if (schema == NULL || schema->arena == NULL)
		(void)err_memory(err);
	else if (parse_document(schema, document, err) == 0)
		goto free_document;
	avro_schema_free(schema);
	schema = NULL;
free_document:
	json_decref(document);
	return schema;
}

struct avro_schema *avro_schema_read(const char *path, struct err *err)
{
	struct avro_schema *schema = NULL;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		(void)err_set(err, errno == ENOMEM ? ERR_MEMORY : ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
		return NULL;
	}
	char *text = malloc(AVRO_SCHEMA_BYTES_MAX + 1); /* one more, so that a file too long is seen to be */
	if (text == NULL) {
		(void)err_memory(err);
		goto close_file;
	}
	size_t length = fread(text, 1, AVRO_SCHEMA_BYTES_MAX + 1, file);
	if (ferror(file))
		(void)err_set(err, ERR_UNAVAILABLE, "%s", strerror(errno));
	else
		schema = avro_schema_parse((struct slice){text, length}, err);
	if (schema == NULL)
		(void)err_prepend(err, "%s", path);
	free(text);
close_file:
	(void)fclose(file);
	return schema;
}

const struct avro_node *avro_schema_root(const struct avro_schema *schema)
{
	return schema->root;
}

uint32_t avro_schema_node_count(const struct avro_schema *schema)
{
	return schema->node_count;
}

const char *avro_schema_describe(const struct avro_node *node, char *text, size_t size)
{
	static const char *const names[] = {
	    [AVRO_TYPE_NULL] = "null",     [AVRO_TYPE_BOOLEAN] = "a boolean", [AVRO_TYPE_INT] = "an int",
	    [AVRO_TYPE_LONG] = "a long",   [AVRO_TYPE_FLOAT] = "a float",     [AVRO_TYPE_DOUBLE] = "a double",
	    [AVRO_TYPE_BYTES] = "bytes",   [AVRO_TYPE_STRING] = "a string",   [AVRO_TYPE_RECORD] = "the record",
	    [AVRO_TYPE_ENUM] = "the enum", [AVRO_TYPE_ARRAY] = "an array",    [AVRO_TYPE_MAP] = "a map",
	    [AVRO_TYPE_UNION] = "a union", [AVRO_TYPE_FIXED] = "the fixed",
	};
	assert((size_t)node->type < sizeof names / sizeof *names);
	char shown[AVRO_NAME_SHOWN];
	if (node->logical == AVRO_LOGICAL_DECIMAL)
		return "a decimal";
	if (node->logical == AVRO_LOGICAL_TIMESTAMP_MILLIS || node->logical == AVRO_LOGICAL_TIMESTAMP_MICROS)
		return "a timestamp";
	if (node->name == NULL)
		return names[node->type];
	(void)snprintf(text, size, "%s %s", names[node->type], avro_name_show(node->name, shown));
	return text;
}

void avro_schema_free(struct avro_schema *schema)
{
	if (schema == NULL)
		return;
	arena_free(schema->arena);
	free(schema);
}
