/* Against the writer's schema, where that is a file: paths that lead nowhere, types that cannot be read, unknown symbols. */
#include "config/draft.h"
#include "daemon/io/avro_decode.h"

#include <stdio.h>

#define CORE_SLOTS EVENT_SLOT_FIELDS
#define TYPE_SHOWN_MAX 160
#define SYMBOLS_SHOWN_MAX 300

struct writer_check {
	struct draft *draft;
	const struct avro_schema *writer;
};

/* Where a path leads. Neither node nor record: through something that this walk leaves to the compiler. */
struct walk {
	const struct avro_node *node;   /* the value's type, its null branch taken off; NULL: none found */
	const struct avro_node *record; /* that lacks `part` */
	const char *part;
};

static const struct avro_node *without_null(const struct avro_node *node)
{
	const struct avro_node *only = NULL;
	if (node->type != AVRO_TYPE_UNION)
		return node;
	for (size_t i = 0; i < node->branch_count; i++) {
		if (node->branches[i]->type == AVRO_TYPE_NULL)
			continue;
		if (only != NULL)
			return node;
		only = node->branches[i];
	}
	return only == NULL ? node : only;
}

static const struct avro_node *member(const struct avro_node *record, const char *name, size_t length)
{
	for (size_t i = 0; i < record->field_count; i++)
		if (strlen(record->fields[i].name) == length && memcmp(record->fields[i].name, name, length) == 0)
			return record->fields[i].node;
	return NULL;
}

static struct walk walk_path(const struct writer_check *check, size_t slot)
{
	const struct event_schema *schema = &check->draft->config.schema;
	const struct avro_node *at = without_null(avro_schema_root(check->writer));
	const char *const *aliases;
	size_t alias_count = event_slot_aliases(schema, slot, &aliases);
	for (const char *part = event_slot_path(schema, slot);;) {
		size_t length = strcspn(part, ".");
		if (at->type != AVRO_TYPE_RECORD)
			return (struct walk){0};
		const struct avro_node *next = member(at, part, length);
		for (size_t i = 0; next == NULL && part[length] == '\0' && i < alias_count; i++)
			next = member(at, aliases[i], strlen(aliases[i]));
		if (next == NULL)
			return (struct walk){.record = at, .part = part};
		at = without_null(next);
		if (part[length] == '\0')
			return (struct walk){.node = at};
		part += length + 1;
	}
}

/* The key path of the configuration that a slot comes from. */
static void slot_place(const struct writer_check *check, size_t slot, char path[CONFIG_PATH_MAX])
{
	static const char *const core[CORE_SLOTS] = {"event.id",
						     "event.time",
						     "event.entity",
						     "event.key",
						     "event.upstream.partition",
						     "event.upstream.watermark"};
	if (slot < CORE_SLOTS)
		config_path_member(path, core[slot], "");
	else
		config_path_member(path, "event.fields", check->draft->config.schema.fields[slot - CORE_SLOTS].name);
}

/* False: reported. */
static bool check_path(const struct writer_check *check, size_t slot)
{
	const struct event_schema *schema = &check->draft->config.schema;
	const char *names[256], *path = event_slot_path(schema, slot);
	if (path == NULL || event_slot_optional(schema, slot))
		return true;
	struct walk walk = walk_path(check, slot);
	if (walk.record == NULL)
		return true;
	size_t count = 0, length = strcspn(walk.part, ".");
	for (; count < walk.record->field_count && count < sizeof names / sizeof *names; count++)
		names[count] = walk.record->fields[count].name;
	char part[CONFIG_PATH_MAX], place[CONFIG_PATH_MAX], type[TYPE_SHOWN_MAX];
	snprintf(part, sizeof part, "%.*s", (int)length, walk.part);
	slot_place(check, slot, place);
	const char *like = config_like(part, names, count);
	/* An unset key is the entity: said once is enough. */
	if (slot != EVENT_SLOT_KEY || config_tree_given(check->draft, "event.key"))
		config_problem_follow(
		    check->draft->problems, place, "\"%s\" is not in the schema: %s has no field \"%s\"%s%s%s", path,
		    avro_schema_describe(walk.record, type, sizeof type), part, like == NULL ? "" : "; did you mean \"",
		    like == NULL ? "" : like, like == NULL ? "" : "\"?");
	return false;
}

/* Compiles a part of the event schema; the compiler's message begins with the path that it is about. */
static bool compiles(const struct writer_check *check, const struct event_schema *reader, struct err *err)
{
	struct avro_program *program = avro_program_new(check->writer, reader, err);
	avro_program_free(program);
	return program != NULL;
}

static const char *without_path(const char *message, const char *path)
{
	size_t length = path == NULL ? 0 : strlen(path);
	bool begins = length > 0 && strncmp(message, path, length) == 0 && strncmp(message + length, ": ", 2) == 0;
	return begins ? message + length + 2 : NULL;
}

/* A plain number or text does not say what it counts. False: reported. */
static bool check_unit(const struct writer_check *check)
{
	const struct event_schema *schema = &check->draft->config.schema;
	const struct avro_node *node = walk_path(check, EVENT_SLOT_TIME).node;
	if (schema->time_unit != TIME_LOGICAL || node == NULL || node->logical == AVRO_LOGICAL_TIMESTAMP_MILLIS ||
	    node->logical == AVRO_LOGICAL_TIMESTAMP_MICROS)
		return true;
	bool text = node->type == AVRO_TYPE_STRING;
	if (!text && node->type != AVRO_TYPE_LONG && node->type != AVRO_TYPE_INT)
		return true;
	char type[TYPE_SHOWN_MAX];
	config_problem_follow(check->draft->problems, "event.time",
			      "\"%s\" is %s in the schema, which does not tell its unit; write {\"path\": \"%s\", "
			      "\"unit\": \"%s\"}%s",
			      schema->time_path, avro_schema_describe(node, type, sizeof type), schema->time_path,
			      text ? "rfc3339" : "ms", text ? "" : ", or us or s");
	return false;
}

/* Id, time, entity and key: without them nothing else can be compiled. */
static bool check_core(const struct writer_check *check)
{
	struct event_schema core = check->draft->config.schema;
	struct err err = {0};
	bool good = true;
	for (size_t slot = 0; slot < CORE_SLOTS; slot++)
		good &= check_path(check, slot);
	good = check_unit(check) && good;
	core.field_count = 0;
	if (!good || compiles(check, &core, &err))
		return good;
	if (config_problem_is_memory(check->draft->problems, &err))
		return false;
	for (size_t slot = 0; slot < CORE_SLOTS; slot++) {
		const char *message = without_path(err.message, event_slot_path(&core, slot));
		char place[CONFIG_PATH_MAX];
		if (message == NULL)
			continue;
		slot_place(check, slot, place);
		config_problem_follow(check->draft->problems, place, "%s", message);
		return false;
	}
	config_problem_follow(check->draft->problems, "schema.file", "%s", err.message);
	return false;
}

/* Each field alone, so that each tells its own problem. */
static void check_fields(const struct writer_check *check, bool core_good)
{
	const struct event_schema *schema = &check->draft->config.schema;
	for (size_t i = 0; i < schema->field_count; i++) {
		struct event_schema one = *schema;
		struct err err = {0};
		one.fields = &schema->fields[i];
		one.field_count = 1;
		if (!check_path(check, CORE_SLOTS + i) || !core_good || compiles(check, &one, &err) ||
		    config_problem_is_memory(check->draft->problems, &err))
			continue;
		const char *message = without_path(err.message, schema->fields[i].path);
		char place[CONFIG_PATH_MAX];
		slot_place(check, CORE_SLOTS + i, place);
		config_problem_follow(check->draft->problems, place, "%s", message == NULL ? err.message : message);
	}
}

/* The enum that a field holds; NULL: it is none, or is broken. */
static const struct avro_node *enum_of(const struct writer_check *check, const char *name)
{
	const struct event_schema *schema = &check->draft->config.schema;
	int field = name == NULL ? -1 : field_find(schema->fields, schema->field_count, name);
	if (field < 0 || schema->fields[field].type != FIELD_STRING)
		return NULL;
	const struct avro_node *node = walk_path(check, CORE_SLOTS + (size_t)field).node;
	return node != NULL && node->type == AVRO_TYPE_ENUM ? node : NULL;
}

static void check_symbol(const struct writer_check *check, const struct avro_node *symbols, const char *symbol,
			 const char *path)
{
	char all[SYMBOLS_SHOWN_MAX] = "";
	const char *name = symbols->name == NULL ? "the enum" : symbols->name;
	for (size_t i = 0; i < symbols->symbol_count; i++) {
		if (strcmp(symbols->symbols[i], symbol) == 0)
			return;
		size_t used = strlen(all);
		snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ", symbols->symbols[i]);
	}
	config_problem_follow(check->draft->problems, path, "\"%.60s\" is no symbol of %s: %s", symbol, name, all);
}

static void check_literal(const struct writer_check *check, const struct avro_node *symbols,
			  const struct literal *literal, const char *above, const char *key)
{
	char path[CONFIG_PATH_MAX];
	config_path_member(path, above, key);
	if (literal->kind == LITERAL_TEXT)
		check_symbol(check, symbols, literal->text, path);
}

static void check_condition(const struct writer_check *check, const struct condition_options *condition,
			    const char *path)
{
	const struct avro_node *symbols = enum_of(check, condition->field);
	if (symbols == NULL)
		return;
	check_literal(check, symbols, &condition->equals, path, "equals");
	check_literal(check, symbols, &condition->not_equals, path, "not");
	for (size_t i = 0; i < condition->in_count; i++) {
		char list[CONFIG_PATH_MAX], element[CONFIG_PATH_MAX];
		config_path_member(list, path, "in");
		config_path_element(element, list, i);
		check_literal(check, symbols, &condition->in[i], element, "");
	}
}

static void condition_path(const struct writer_check *check, const char *list, size_t i, const char *key, size_t j,
			   char path[CONFIG_PATH_MAX])
{
	char above[CONFIG_PATH_MAX], inner[CONFIG_PATH_MAX];
	config_path_element(above, list, i);
	config_path_member(inner, above, key);
	if (config_tree_single(check->draft, list, i, key))
		config_path_member(path, inner, "");
	else
		config_path_element(path, inner, j);
}

static void check_symbols(const struct writer_check *check)
{
	const struct draft *draft = check->draft;
	char path[CONFIG_PATH_MAX], above[CONFIG_PATH_MAX], list[CONFIG_PATH_MAX];
	for (size_t i = 0; i < draft->feature_count; i++) {
		const struct feature_options *feature = &draft->features[i];
		const struct avro_node *symbols = enum_of(check, feature->field);
		for (size_t j = 0; j < feature->where_count; j++) {
			condition_path(check, "features", i, "where", j, path);
			check_condition(check, &feature->where[j], path);
		}
		config_path_element(above, "features", i);
		config_path_member(list, above, "values");
		for (size_t j = 0; symbols != NULL && j < feature->value_count; j++) {
			config_path_element(path, list, j);
			check_symbol(check, symbols, feature->values[j], path);
		}
	}
	for (size_t i = 0; i < draft->rule_count; i++) {
		for (size_t j = 0; j < draft->rules[i].when_count; j++) {
			condition_path(check, "policy.rules", i, "when", j, path);
			check_condition(check, &draft->rules[i].when[j].condition, path);
		}
	}
}

void config_check_schema(struct draft *draft)
{
	struct err err = {0};
	if (draft->config.schema_file == NULL || config_problem_at(draft->problems, "event"))
		return;
	struct avro_schema *writer = avro_schema_read(draft->config.schema_file, &err);
	struct writer_check check = {draft, writer};
	if (writer == NULL) {
		if (!config_problem_is_memory(draft->problems, &err))
			config_problem_follow(draft->problems, "schema.file", "%s", err.message);
		return;
	}
	bool core_good = check_core(&check);
	check_fields(&check, core_good);
	check_symbols(&check);
	avro_schema_free(writer);
}
