/* Walks the file along the table: every key that is there is known and fits, every one that is not gets its default. */
#include "config/draft.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

static void read_members(struct draft *draft, const char *container, json_t *object, void *base, const char *path);

static void put_integer(const struct config_row *row, void *base, int64_t value)
{
	int32_t narrow = (int32_t)value;
	char *place = (char *)base + row->offset;
	if (row->size == sizeof narrow)
		memcpy(place, &narrow, sizeof narrow);
	else
		memcpy(place, &value, sizeof value);
}

/* What the place holds where the file says nothing, or something wrong. */
static void put_default(struct draft *draft, const struct config_row *row, void *base, const char *path)
{
	if (row->kind == ROW_OBJECT) {
		char container[CONFIG_PATH_MAX];
		config_table_container(row, container, sizeof container);
		read_members(draft, container, NULL, base, path);
		return;
	}
	if (row->kind == ROW_OBJECTS || row->kind == ROW_MAP || row->kind == ROW_TEXT_MAP)
		return; /* empty, as the draft began */
	if (row->fallback != NULL) {
		json_t *value = json_loads(row->fallback, JSON_DECODE_ANY, NULL);
		draft->problems->out_of_memory |= value == NULL;
		bool good = value != NULL && config_value_read(draft, row, value, base, path);
		assert(good || draft->problems->out_of_memory);
		(void)good;
		json_decref(value);
	} else if (row->kind == ROW_NUMBER) {
		const double none = NAN;
		memcpy((char *)base + row->offset, &none, sizeof none);
	} else if (row->absent != 0) {
		put_integer(row, base, row->absent);
	}
}

static void refuse(struct draft *draft, const struct config_row *row, const json_t *value, const char *path)
{
	char shown[VALUE_SHOWN_MAX];
	config_problem_add(draft->problems, path, "%s is not %s%s%s", config_value_show(value, shown),
			   row->shorthand == NULL ? "" : "a path or ", config_value_kind(row),
			   row->nullable ? " or null" : "");
}

static void put_presence(const struct config_row *row, void *base, enum presence presence)
{
	if (row->size != 0)
		memcpy((char *)base + row->offset, &presence, sizeof presence);
}

static void read_object(struct draft *draft, const struct config_row *row, json_t *value, void *base, const char *path)
{
	char container[CONFIG_PATH_MAX];
	config_table_container(row, container, sizeof container);
	if (json_is_object(value)) {
		put_presence(row, base, PRESENCE_GIVEN);
		read_members(draft, container, value, base, path);
		return;
	}
	put_default(draft, row, base, path);
	if (json_is_null(value) && row->nullable) {
		put_presence(row, base, PRESENCE_NULL);
	} else if (json_is_string(value) && row->shorthand != NULL) {
		const struct config_row *member =
		    config_table_member(container, row->shorthand, strlen(row->shorthand));
		assert(member != NULL);
		(void)config_value_read(draft, member, value, base, path);
	} else {
		refuse(draft, row, value, path);
	}
}

/* Room for the elements of a list or map; NULL: reported, or no memory. */
static char *take_elements(struct draft *draft, const struct config_row *row, void *base, size_t count,
			   const char *path)
{
	if ((double)count < row->least || (double)count > row->most) {
		config_problem_add(draft->problems, path, "holds %zu elements; write %.0f to %.0f", count, row->least,
				   row->most);
		return NULL;
	}
	char *elements = arena_take_zeroed(draft->arena, count, row->element_size);
	draft->problems->out_of_memory |= elements == NULL;
	if (elements != NULL)
		config_value_put_list(row, base, elements, count);
	return elements;
}

static void read_objects(struct draft *draft, const struct config_row *row, json_t *value, void *base, const char *path)
{
	char container[CONFIG_PATH_MAX], inner[CONFIG_PATH_MAX];
	config_table_container(row, container, sizeof container);
	bool alone = row->single && json_is_object(value);
	if (!json_is_array(value) && !alone) {
		refuse(draft, row, value, path);
		return;
	}
	size_t count = alone ? 1 : json_array_size(value);
	char *elements = take_elements(draft, row, base, count, path);
	for (size_t i = 0; elements != NULL && i < count; i++) {
		json_t *element = alone ? value : json_array_get(value, i);
		if (alone)
			config_path_member(inner, path, "");
		else
			config_path_element(inner, path, i);
		char shown[VALUE_SHOWN_MAX];
		if (!json_is_object(element))
			config_problem_add(draft->problems, inner, "%s is not an object",
					   config_value_show(element, shown));
		read_members(draft, container, json_is_object(element) ? element : NULL,
			     elements + i * row->element_size, inner);
	}
}

/* The value of a property, as librdkafka wants it: always a text. */
static const char *property_text(struct draft *draft, const struct config_row *row, const json_t *value,
				 const char *path)
{
	struct literal literal = {.kind = LITERAL_NONE};
	struct config_row as_literal = {.kind = ROW_LITERAL};
	if (row->form == FORM_PROPERTY && (json_is_number(value) || json_is_boolean(value))) {
		(void)config_value_read(draft, &as_literal, value, &literal, path);
		return literal.kind == LITERAL_BOOLEAN ? (literal.boolean ? "true" : "false") : literal.text;
	}
	const char *text = NULL;
	struct config_row as_text = {.kind = ROW_TEXT, .form = row->form};
	(void)config_value_read(draft, &as_text, value, &text, path);
	return text;
}

static void read_map(struct draft *draft, const struct config_row *row, json_t *value, void *base, const char *path)
{
	char container[CONFIG_PATH_MAX], inner[CONFIG_PATH_MAX];
	config_table_container(row, container, sizeof container);
	if (!json_is_object(value)) {
		refuse(draft, row, value, path);
		return;
	}
	char *element = take_elements(draft, row, base, json_object_size(value), path);
	if (element == NULL)
		return;
	for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
		const char *key = json_object_iter_key(at);
		json_t *member = json_object_iter_value(at);
		config_path_member(inner, path, key);
		if (row->kind == ROW_MAP && !config_value_matches(row->form, key, &draft->problems->out_of_memory))
			config_problem_add(draft->problems, inner, "the key is not %s; write %s",
					   config_form(row->form)->what, config_form(row->form)->right);
		const char *name = arena_copy(draft->arena, slice_of(key)).data;
		draft->problems->out_of_memory |= name == NULL;
		memcpy(element + row->name_offset, &name, sizeof name);
		if (row->kind == ROW_TEXT_MAP) {
			const char *text = property_text(draft, row, member, inner);
			memcpy(element + offsetof(struct kafka_property, value), &text, sizeof text);
		} else {
			char shown[VALUE_SHOWN_MAX];
			if (!json_is_object(member))
				config_problem_add(draft->problems, inner, "%s is not an object",
						   config_value_show(member, shown));
			read_members(draft, container, json_is_object(member) ? member : NULL, element, inner);
		}
		element += row->element_size;
	}
}

static void read_row(struct draft *draft, const struct config_row *row, json_t *value, void *base, const char *path)
{
	switch (row->kind) {
	case ROW_OBJECT:
		read_object(draft, row, value, base, path);
		break;
	case ROW_OBJECTS:
		read_objects(draft, row, value, base, path);
		break;
	case ROW_MAP:
	case ROW_TEXT_MAP:
		read_map(draft, row, value, base, path);
		break;
	default:
		if (!config_value_read(draft, row, value, base, path))
			put_default(draft, row, base, path);
	}
}

static void report_unknown(struct draft *draft, const char *container, const char *key, const char *path)
{
	const char *names[64];
	size_t count = 0;
	char all[512] = "";
	for (const struct config_row *row = NULL; (row = config_table_next(container, row)) != NULL && count < 64;) {
		size_t used = strlen(all);
		names[count] = config_table_key(row);
		snprintf(all + used, sizeof all - used, "%s%s", count == 0 ? "" : ", ", names[count]);
		count++;
	}
	const char *like = config_like(key, names, count);
	if (like != NULL)
		config_problem_add(draft->problems, path, "unknown key; did you mean \"%s\"?", like);
	else if (count == 0)
		config_problem_add(draft->problems, path, "unknown key; there are none here");
	else
		config_problem_add(draft->problems, path, "unknown key; known here: %s", all);
}

static void report_missing(struct draft *draft, const struct config_row *row, const char *path)
{
	const char *example = row->example;
	char choices[CHOICES_SHOWN_MAX];
	if (row->kind == ROW_CHOICE) {
		(void)config_value_choices(row, choices, sizeof choices);
		config_problem_add(draft->problems, path, "is missing; write one of %s", choices);
		return;
	}
	config_problem_add(draft->problems, path, "is missing; write %s%s%s", config_value_kind(row),
			   example == NULL ? "" : ", such as ", example == NULL ? "" : example);
}

/* The members of one container: those that are there in the order of the file, then those that are not. */
static void read_members(struct draft *draft, const char *container, json_t *object, void *base, const char *path)
{
	char inner[CONFIG_PATH_MAX];
	for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);
		json_t *value = json_object_iter_value(at);
		config_path_member(inner, path, key);
		const struct config_row *row = config_table_member(container, key, strlen(key));
		if (row == NULL)
			report_unknown(draft, container, key, inner);
		else
			read_row(draft, row, value, base, inner);
	}
	for (const struct config_row *row = NULL; (row = config_table_next(container, row)) != NULL;) {
		if (json_object_get(object, config_table_key(row)) != NULL)
			continue;
		config_path_member(inner, path, config_table_key(row));
		if (row->required && object != NULL)
			report_missing(draft, row, inner);
		put_default(draft, row, base, inner);
	}
}

void config_tree_read(struct draft *draft, json_t *root)
{
	draft->root = root;
	read_members(draft, "", root, draft, "");
}

/* The value at a dotted path of members; NULL: absent. */
static const json_t *find(const struct draft *draft, const char *path)
{
	const json_t *at = draft->root;
	while (at != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");
		char key[CONFIG_PATH_MAX];
		snprintf(key, sizeof key, "%.*s", (int)length, path);
		at = json_object_get(at, key);
		path += path[length] == '.' ? length + 1 : length;
	}
	return at;
}

bool config_tree_given(const struct draft *draft, const char *path)
{
	return find(draft, path) != NULL;
}

bool config_tree_single(const struct draft *draft, const char *list_path, size_t i, const char *member)
{
	return json_is_object(json_object_get(json_array_get(find(draft, list_path), i), member));
}
