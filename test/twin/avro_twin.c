#include "test/twin/avro_twin.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 4
#define ARENA_BYTES ((size_t)8 << 20)
#define UNITS_MAX (INT64_C(1) << 53)

__extension__ typedef __int128 int128;

static uint64_t below(struct avro_twin *twin, uint64_t bound)
{
	return rng_below(&twin->rng, bound);
}

static struct avro_twin_type *new_type(struct avro_twin *twin, enum avro_twin_kind kind)
{
	assert(twin->type_count < AVRO_TWIN_TYPES);
	struct avro_twin_type *type = &twin->types[twin->type_count];
	memset(type, 0, sizeof *type);
	type->kind = kind;
	if (kind == TWIN_RECORD || kind == TWIN_ENUM || kind == TWIN_FIXED || kind == TWIN_FIXED_DECIMAL)
		(void)snprintf(type->name, sizeof type->name, "T%zu", twin->type_count);
	twin->type_count++;
	return type;
}

static struct avro_twin_type *random_type(struct avro_twin *twin, unsigned depth, bool in_union);

static void add_member(struct avro_twin_type *type, struct avro_twin_type *member, const char *name)
{
	assert(type->count < AVRO_TWIN_MEMBERS);
	type->members[type->count] = member;
	(void)snprintf(type->names[type->count], sizeof type->names[0], "%s", name);
	type->count++;
}

/* What two branches of a union may not share. */
static int union_class(const struct avro_twin_type *type)
{
	switch (type->kind) {
	case TWIN_MILLIS:
	case TWIN_MICROS:
		return TWIN_LONG;
	case TWIN_DECIMAL:
		return TWIN_BYTES;
	case TWIN_FIXED:
	case TWIN_FIXED_DECIMAL:
	case TWIN_ENUM:
	case TWIN_RECORD:
		return -1; /* named: only the same one may not stand twice */
	default:
		return (int)type->kind;
	}
}

static void add_branch(struct avro_twin_type *type, struct avro_twin_type *branch)
{
	for (size_t i = 0; i < type->count; i++)
		if (type->members[i] == branch ||
		    (union_class(branch) >= 0 && union_class(type->members[i]) == union_class(branch)))
			return;
	add_member(type, branch, "");
}

static void fill_union(struct avro_twin *twin, struct avro_twin_type *type, unsigned depth)
{
	bool nullable = below(twin, 3) > 0;
	if (nullable && below(twin, 2) == 0)
		add_branch(type, new_type(twin, TWIN_NULL));
	uint64_t more = below(twin, 2) == 0 ? 1 : 1 + below(twin, 5);
	for (uint64_t i = 0; i < more; i++)
		add_branch(type, random_type(twin, depth + 1, true));
	if (nullable)
		add_branch(type, new_type(twin, TWIN_NULL));
}

static void fill_record(struct avro_twin *twin, struct avro_twin_type *type, unsigned depth)
{
	size_t count = below(twin, depth == 0 ? 9 : 6) + (depth == 0);
	char name[24];
	for (size_t i = 0; i < count; i++) {
		struct avro_twin_type *member;
		if (below(twin, 12) == 0) { /* a list, or a list by its next element */
			member = new_type(twin, below(twin, 2) == 0 ? TWIN_ARRAY : TWIN_UNION);
			if (member->kind == TWIN_UNION)
				add_member(member, new_type(twin, TWIN_NULL), "");
			add_member(member, type, "");
		} else {
			member = random_type(twin, depth + 1, false);
		}
		(void)snprintf(name, sizeof name, "f%zu", i);
		add_member(type, member, name);
	}
}

static void fill_decimal(struct avro_twin *twin, struct avro_twin_type *type)
{
	type->size = 1 + below(twin, 12);
	size_t digits = (type->size * 8 - 1) * 3 / 10; /* fewer than it has, so that it is one */
	type->precision = digits == 0 ? 1 : (int)(1 + below(twin, digits));
	type->scale = (int)below(twin, (uint64_t)type->precision + 1);
}

/* A named type seen before, not the root; NULL: none. */
static struct avro_twin_type *known_type(struct avro_twin *twin)
{
	struct avro_twin_type *type = &twin->types[below(twin, twin->type_count)];
	return type->name[0] == '\0' || type->kind == TWIN_RECORD ? NULL : type;
}

static struct avro_twin_type *random_type(struct avro_twin *twin, unsigned depth, bool in_union)
{
	if (twin->type_count > 0 && below(twin, 8) == 0) {
		struct avro_twin_type *known = known_type(twin);
		if (known != NULL)
			return known;
	}
	uint64_t simple = TWIN_ENUM + 1, all = TWIN_RECORD + 1;
	bool leaf = depth >= DEPTH_MAX || twin->type_count > AVRO_TWIN_TYPES / 2;
	enum avro_twin_kind kind = (enum avro_twin_kind)below(twin, leaf ? simple : all);
	if (kind == TWIN_UNION && in_union)
		kind = TWIN_STRING;
	struct avro_twin_type *type = new_type(twin, kind);
	if (kind == TWIN_ARRAY || kind == TWIN_MAP)
		add_member(type, random_type(twin, depth + 1, false), "");
	else if (kind == TWIN_UNION)
		fill_union(twin, type, depth);
	else if (kind == TWIN_RECORD)
		fill_record(twin, type, depth);
	else if (kind == TWIN_DECIMAL || kind == TWIN_FIXED_DECIMAL)
		fill_decimal(twin, type);
	else if (kind == TWIN_FIXED)
		type->size = below(twin, 20);
	else if (kind == TWIN_ENUM)
		type->size = 1 + below(twin, 80);
	return type;
}

static void write_type(struct buffer *out, struct avro_twin_type *type);

static void write_members(struct buffer *out, struct avro_twin_type *type)
{
	for (size_t i = 0; i < type->count; i++) {
		buffer_add_text(out, i == 0 ? "" : ",");
		if (type->kind == TWIN_RECORD)
			buffer_add_format(out, "{\"name\":\"%s\",\"type\":", type->names[i]);
		write_type(out, type->members[i]);
		buffer_add_text(out, type->kind == TWIN_RECORD ? "}" : "");
	}
}

static void write_type(struct buffer *out, struct avro_twin_type *type)
{
	static const char *const plain[] = {
	    [TWIN_NULL] = "\"null\"",
	    [TWIN_BOOLEAN] = "\"boolean\"",
	    [TWIN_INT] = "\"int\"",
	    [TWIN_LONG] = "{\"type\":\"long\"}",
	    [TWIN_MILLIS] = "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
	    [TWIN_MICROS] = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
	    [TWIN_FLOAT] = "\"float\"",
	    [TWIN_DOUBLE] = "\"double\"",
	    [TWIN_BYTES] = "\"bytes\"",
	    [TWIN_STRING] = "\"string\"",
	};
	if (type->kind <= TWIN_STRING) {
		buffer_add_text(out, plain[type->kind]);
		return;
	}
	if (type->defined) {
		buffer_add_format(out, "\"%s\"", type->name);
		return;
	}
	type->defined = type->name[0] != '\0';
	const char *space = type->kind == TWIN_RECORD ? ",\"namespace\":\"x.y\"" : "";
	switch (type->kind) {
	case TWIN_DECIMAL:
		buffer_add_format(out, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d}",
				  type->precision, type->scale);
		return;
	case TWIN_FIXED_DECIMAL:
		buffer_add_format(out,
				  "{\"type\":\"fixed\",\"name\":\"%s\",\"size\":%zu,\"logicalType\":\"decimal\","
				  "\"precision\":%d,\"scale\":%d}",
				  type->name, type->size, type->precision, type->scale);
		return;
	case TWIN_FIXED:
		buffer_add_format(out, "{\"type\":\"fixed\",\"name\":\"%s\",\"size\":%zu}", type->name, type->size);
		return;
	case TWIN_ENUM:
		buffer_add_format(out, "{\"type\":\"enum\",\"name\":\"%s\",\"symbols\":[", type->name);
		for (size_t i = 0; i < type->size; i++)
			buffer_add_format(out, "%s\"S%zu\"", i == 0 ? "" : ",", i);
		buffer_add_text(out, "]}");
		return;
	case TWIN_ARRAY:
	case TWIN_MAP:
		buffer_add_text(out, type->kind == TWIN_ARRAY ? "{\"type\":\"array\",\"items\":"
							      : "{\"type\":\"map\",\"values\":");
		write_members(out, type);
		buffer_add_text(out, "}");
		return;
	case TWIN_UNION:
		buffer_add_text(out, "[");
		write_members(out, type);
		buffer_add_text(out, "]");
		return;
	default:
		break;
	}
	assert(type->kind == TWIN_RECORD);
	buffer_add_format(out, "{\"type\":\"record\",\"name\":\"%s\"%s,\"fields\":[", type->name, space);
	write_members(out, type);
	buffer_add_text(out, "]}");
}

/* A random way down to a type without members that can be read; false: this way there is none. */
static bool random_path(struct avro_twin *twin, struct avro_twin_type *type, char *path, size_t size,
			struct avro_twin_type **leaf, unsigned depth)
{
	if (depth > 6)
		return false;
	if (type->kind == TWIN_UNION && type->count > 0)
		return random_path(twin, type->members[below(twin, type->count)], path, size, leaf, depth + 1);
	if (type->kind == TWIN_RECORD && type->count > 0) {
		size_t i = below(twin, type->count), length = strlen(path);
		(void)snprintf(path + length, size - length, "%s%s", length == 0 ? "" : ".", type->names[i]);
		return random_path(twin, type->members[i], path, size, leaf, depth + 1);
	}
	*leaf = type;
	return type->kind != TWIN_NULL && type->kind <= TWIN_ENUM && path[0] != '\0';
}

static enum field_type random_field_type(struct avro_twin *twin, const struct avro_twin_type *leaf)
{
	switch (leaf->kind) {
	case TWIN_BOOLEAN:
		return FIELD_BOOLEAN;
	case TWIN_BYTES:
	case TWIN_FIXED:
		return FIELD_STRING;
	case TWIN_ENUM:
		return below(twin, 4) == 0 ? FIELD_BOOLEAN : FIELD_STRING;
	case TWIN_STRING:
		return below(twin, 4) == 0 ? (enum field_type)below(twin, FIELD_BOOLEAN + 1) : FIELD_STRING;
	default:
		return below(twin, 2) == 0 ? FIELD_MONEY : FIELD_NUMBER;
	}
}

static void random_field(struct avro_twin *twin, size_t number)
{
	struct field *field = &twin->fields[number];
	char *path = twin->paths[number];
	struct avro_twin_type *leaf = NULL;
	bool found = false;
	for (int i = 0; !found && i < 20; i++) {
		path[0] = '\0';
		found = random_path(twin, twin->root, path, sizeof twin->paths[0], &leaf, 0);
	}
	bool absent = !found || below(twin, 20) == 0;
	*field = (struct field){.name = path, .path = path, .scale = FIELD_SCALE_NONE};
	field->type = absent ? FIELD_STRING : random_field_type(twin, leaf);
	if (field->type == FIELD_MONEY || (field->type == FIELD_NUMBER && below(twin, 2) == 0))
		field->scale = (int)below(twin, 5);
	field->minor = field->scale != FIELD_SCALE_NONE && below(twin, 3) == 0;
	if (absent)
		(void)snprintf(path, sizeof twin->paths[0], "nowhere.at.all");
	if (absent || below(twin, 4) == 0) {
		field->fallback.present = true;
		if (field_kind(field) == VALUE_TEXT)
			field->fallback.text = slice_of("fallback");
		else if (field_kind(field) == VALUE_UNITS)
			field->fallback.units = 1;
		else
			field->fallback.number = -0.5;
	}
	char *last = strrchr(path, '.');
	last = last == NULL ? path : last + 1;
	if (!absent && below(twin, 4) == 0) {
		(void)snprintf(twin->aliases[number], sizeof twin->aliases[0], "%s", last);
		(void)snprintf(last, sizeof twin->paths[0] - (size_t)(last - path), "alias");
		twin->alias_lists[number][0] = "none";
		twin->alias_lists[number][1] = twin->aliases[number];
		field->aliases = twin->alias_lists[number];
		field->alias_count = 2;
	}
}

/* The fields that every event needs, put among the others. */
static void add_required(struct avro_twin *twin, struct avro_twin_type *root)
{
	static const enum avro_twin_kind entities[] = {TWIN_STRING, TWIN_LONG, TWIN_INT, TWIN_STRING};
	static const enum avro_twin_kind times[] = {TWIN_MILLIS, TWIN_MICROS, TWIN_LONG};
	size_t time = below(twin, 3);
	add_member(root, new_type(twin, TWIN_STRING), "id");
	add_member(root, new_type(twin, entities[below(twin, 4)]), "entity");
	add_member(root, new_type(twin, times[time]), "time");
	for (size_t i = root->count; i-- > root->count - 3;) {
		size_t j = below(twin, root->count);
		struct avro_twin_type *member = root->members[i];
		char name[sizeof root->names[0]];
		memcpy(name, root->names[i], sizeof name);
		root->members[i] = root->members[j];
		memcpy(root->names[i], root->names[j], sizeof name);
		root->members[j] = member;
		memcpy(root->names[j], name, sizeof name);
	}
	twin->reader = (struct event_schema){.id_path = "id", .entity_path = "entity", .time_path = "time"};
	twin->reader.time_unit = time == 2 ? (enum time_unit)(TIME_MS + below(twin, 3)) : TIME_LOGICAL;
	twin->reader.key_path = below(twin, 2) == 0 ? "entity" : NULL;
}

void avro_twin_init(struct avro_twin *twin, uint64_t seed)
{
	memset(twin, 0, sizeof *twin);
	rng_seed(&twin->rng, seed);
	twin->arena = arena_new(ARENA_BYTES);
	twin->root = new_type(twin, TWIN_RECORD);
	fill_record(twin, twin->root, 0);
	add_required(twin, twin->root);
	buffer_init(&twin->json);
	write_type(&twin->json, twin->root);
	twin->reader.fields = twin->fields;
	twin->reader.field_count = below(twin, AVRO_TWIN_FIELDS + 1);
	for (size_t i = 0; i < twin->reader.field_count; i++)
		random_field(twin, i);
}

void avro_twin_free(struct avro_twin *twin)
{
	arena_free(twin->arena);
	buffer_free(&twin->json);
}

static void draw_text(struct avro_twin *twin, struct avro_twin_value *value, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	value->text = arena_take(twin->arena, length + 1);
	assert(value->text != NULL);
	value->length = length;
	for (size_t i = 0; i < length; i++)
		value->text[i] = letters[below(twin, sizeof letters - 1)];
	value->text[length] = '\0';
	if (length >= 4 && below(twin, 8) == 0)
		memcpy(value->text, below(twin, 2) == 0 ? "\xc3\xa4\xc3\x9f" : "\xf0\x9f\x90\xa7", 4);
}

/* Mostly small ones, some large ones, the ends of the range. */
static int64_t draw_integer(struct avro_twin *twin, unsigned bits)
{
	unsigned shift = below(twin, 10) == 0 ? 0 : bits / 2 + (unsigned)below(twin, bits / 2);
	uint64_t value = rng_next(&twin->rng) >> (64 - bits) >> shift;
	int64_t least = bits == 64 ? INT64_MIN : -(INT64_C(1) << (bits - 1));
	if (below(twin, 40) == 0)
		return below(twin, 2) == 0 ? least : -(least + 1);
	value &= UINT64_MAX >> (65 - bits);
	return below(twin, 2) == 0 ? (int64_t)value : -(int64_t)value;
}

static double draw_number(struct avro_twin *twin, bool single)
{
	static const double odd[] = {0.0, -0.0, 1e30, -1e30, 1e-30, (double)INFINITY, -(double)INFINITY, (double)NAN};
	if (below(twin, 20) == 0)
		return odd[below(twin, sizeof odd / sizeof *odd)];
	return (double)draw_integer(twin, single ? 22 : 50) / 8;
}

/* The unscaled value in as many bytes as the fixed has; for bytes, in 1 to 9. */
static void draw_decimal(struct avro_twin *twin, const struct avro_twin_type *type, struct avro_twin_value *value)
{
	bool fixed = type->kind == TWIN_FIXED_DECIMAL;
	size_t bytes = fixed ? type->size : 1 + below(twin, 9);
	value->integer = draw_integer(twin, bytes >= 8 ? 64 : (unsigned)bytes * 8);
	value->text = arena_take(twin->arena, bytes);
	value->length = bytes;
	assert(value->text != NULL);
	for (size_t i = 0; i < bytes; i++) {
		size_t shift = 8 * (bytes - 1 - i);
		value->text[i] = (char)(shift < 64 ? value->integer >> shift : value->integer < 0 ? -1 : 0);
	}
}

static void draw_value(struct avro_twin *twin, const struct avro_twin_type *type, struct avro_twin_value *value,
		       unsigned depth);

static void draw_members(struct avro_twin *twin, const struct avro_twin_type *type, struct avro_twin_value *value,
			 unsigned depth)
{
	size_t count = type->kind == TWIN_UNION ? 1 : type->count;
	if (type->kind == TWIN_ARRAY || type->kind == TWIN_MAP) {
		count = depth > 8 ? 0 : below(twin, 4);
		count *= below(twin, 3);
		value->length = count;
	}
	value->members = arena_take_zeroed(twin->arena, count, sizeof *value->members);
	assert(value->members != NULL);
	if (type->kind == TWIN_UNION) {
		value->integer = (int64_t)below(twin, type->count);
		for (size_t i = 0; depth > 8 && i < type->count; i++)
			if (type->members[i]->kind == TWIN_NULL)
				value->integer = (int64_t)i;
	}
	for (size_t i = 0; i < count; i++) {
		size_t member = type->kind == TWIN_RECORD ? i : type->kind == TWIN_UNION ? (size_t)value->integer : 0;
		draw_value(twin, type->members[member], &value->members[i], depth + 1);
	}
}

static void draw_value(struct avro_twin *twin, const struct avro_twin_type *type, struct avro_twin_value *value,
		       unsigned depth)
{
	switch (type->kind) {
	case TWIN_NULL:
		return;
	case TWIN_BOOLEAN:
		value->integer = (int64_t)below(twin, 2);
		return;
	case TWIN_INT:
		value->integer = draw_integer(twin, 32);
		return;
	case TWIN_LONG:
		value->integer = draw_integer(twin, 64);
		return;
	case TWIN_MILLIS:
	case TWIN_MICROS:
		value->integer = draw_integer(twin, 52);
		return;
	case TWIN_FLOAT:
	case TWIN_DOUBLE:
		value->number = draw_number(twin, type->kind == TWIN_FLOAT);
		return;
	case TWIN_BYTES:
	case TWIN_STRING:
		draw_text(twin, value, below(twin, 30) == 0 ? 60 + below(twin, 300) : below(twin, 20));
		return;
	case TWIN_FIXED:
		draw_text(twin, value, type->size);
		return;
	case TWIN_DECIMAL:
	case TWIN_FIXED_DECIMAL:
		draw_decimal(twin, type, value);
		return;
	case TWIN_ENUM:
		value->integer = (int64_t)below(twin, type->size);
		return;
	case TWIN_ARRAY:
	case TWIN_MAP:
	case TWIN_UNION:
	case TWIN_RECORD:
		draw_members(twin, type, value, depth);
		return;
	}
}

void avro_twin_draw(struct avro_twin *twin)
{
	arena_reset(twin->arena);
	twin->value = arena_take_zeroed(twin->arena, 1, sizeof *twin->value);
	assert(twin->value != NULL);
	draw_value(twin, twin->root, twin->value, 0);
}

/* What stands at the end of a path. */
enum found { FOUND_VALUE, FOUND_NULL, FOUND_NOTHING, FOUND_ANOTHER };

static const struct avro_twin_type *member_named(const struct avro_twin_type *record, const char *name, size_t length,
						 size_t *number)
{
	for (size_t i = 0; i < record->count; i++)
		if (strlen(record->names[i]) == length && memcmp(record->names[i], name, length) == 0) {
			*number = i;
			return record->members[i];
		}
	return NULL;
}

static enum found walk(const struct avro_twin_type *type, const struct avro_twin_value *value, const char *path,
		       const char *alias, const struct avro_twin_type **leaf, const struct avro_twin_value **leaf_value)
{
	if (type->kind == TWIN_UNION)
		return walk(type->members[value->integer], value->members, path, alias, leaf, leaf_value);
	if (type->kind == TWIN_NULL)
		return FOUND_NULL;
	*leaf = type;
	*leaf_value = value;
	if (path[0] == '\0')
		return FOUND_VALUE;
	if (type->kind != TWIN_RECORD)
		return FOUND_ANOTHER;
	size_t number = 0, length = strcspn(path, ".");
	const struct avro_twin_type *member = member_named(type, path, length, &number);
	if (member == NULL && path[length] == '\0' && alias != NULL)
		member = member_named(type, alias, strlen(alias), &number);
	if (member == NULL)
		return FOUND_NOTHING;
	return walk(member, &value->members[number], path[length] == '\0' ? "" : path + length + 1, alias, leaf,
		    leaf_value);
}

/* numerator / 10^places in units of 10^-scale, half to even; false: beyond 2^53. */
static bool rescale(int128 numerator, int128 divisor, int scale, int64_t *units)
{
	for (int i = 0; i < scale; i++)
		numerator *= 10;
	bool negative = numerator < 0;
	int128 size = negative ? -numerator : numerator, quotient = size / divisor, rest = size % divisor;
	if (2 * rest > divisor || (2 * rest == divisor && quotient % 2 == 1))
		quotient++;
	*units = negative ? (int64_t)-quotient : (int64_t)quotient;
	return quotient <= UNITS_MAX;
}

static bool number_of(const struct field *field, const struct avro_twin_type *type, const struct avro_twin_value *value,
		      struct value *out)
{
	bool real = type->kind == TWIN_FLOAT || type->kind == TWIN_DOUBLE;
	bool decimal = type->kind == TWIN_DECIMAL || type->kind == TWIN_FIXED_DECIMAL;
	double number = type->kind == TWIN_FLOAT ? (double)(float)value->number : value->number;
	if (!real && !decimal && (type->kind < TWIN_INT || type->kind > TWIN_MICROS))
		return false;
	if (real && !isfinite(number))
		return false;
	if (field->scale == FIELD_SCALE_NONE) {
		char text[64];
		(void)snprintf(text, sizeof text, "%" PRId64 "e-%d", value->integer, type->scale);
		out->number = real ? number : decimal ? strtod(text, NULL) : (double)value->integer;
		return true;
	}
	if (real) {
		if (fabs(number) > 1e18)
			return false;
		return rescale(fabs(number) < 1e-9 ? 0 : (int128)(number * 8), 8, field->scale, &out->units);
	}
	if (decimal) {
		int128 divisor = 1;
		for (int i = 0; i < type->scale; i++)
			divisor *= 10;
		return rescale(value->integer, divisor, field->scale, &out->units);
	}
	return rescale(value->integer, 1, field->minor ? 0 : field->scale, &out->units);
}

/* What a field must hold; false: the event is invalid. */
static bool expect_field(const struct avro_twin *twin, const struct field *field, struct value *out)
{
	static char symbol[16];
	const struct avro_twin_type *type;
	const struct avro_twin_value *value;
	const char *alias = field->alias_count == 0 ? NULL : field->aliases[1];
	enum found found = walk(twin->root, twin->value, field->path, alias, &type, &value);
	*out = field->fallback;
	if (found == FOUND_NULL || (found == FOUND_NOTHING && field->fallback.present))
		return true;
	if (found != FOUND_VALUE)
		return false;
	out->present = true;
	switch (field->type) {
	case FIELD_BOOLEAN:
		out->units = value->integer;
		return type->kind == TWIN_BOOLEAN;
	case FIELD_STRING:
		(void)snprintf(symbol, sizeof symbol, "S%" PRId64, value->integer);
		out->text = type->kind == TWIN_ENUM ? slice_of(symbol) : (struct slice){value->text, value->length};
		return type->kind == TWIN_ENUM || type->kind == TWIN_STRING || type->kind == TWIN_BYTES ||
		       type->kind == TWIN_FIXED;
	case FIELD_MONEY:
	case FIELD_NUMBER:
		break;
	}
	return number_of(field, type, value, out);
}

static bool same_value(const struct field *field, const struct value *a, const struct value *b)
{
	if (a->present != b->present)
		return false;
	if (!a->present)
		return true;
	switch (field_kind(field)) {
	case VALUE_TEXT:
		return slice_equal(a->text, b->text);
	case VALUE_UNITS:
		return a->units == b->units;
	case VALUE_DOUBLE:
		break;
	}
	return a->number >= b->number && a->number <= b->number;
}

static bool expect_time(const struct avro_twin *twin, int64_t *ms)
{
	const struct avro_twin_type *type = NULL;
	const struct avro_twin_value *value = NULL;
	(void)walk(twin->root, twin->value, "time", NULL, &type, &value);
	enum time_unit unit = twin->reader.time_unit;
	int128 time = value->integer;
	if (type->kind == TWIN_MICROS || (type->kind == TWIN_LONG && unit == TIME_US))
		time = (time - (((time % 1000) + 1000) % 1000)) / 1000;
	else if (type->kind == TWIN_LONG && unit == TIME_S)
		time *= 1000;
	*ms = (int64_t)time;
	return time >= -EVENT_TIME_MAX_MS && time <= EVENT_TIME_MAX_MS;
}

/* Id or entity. */
static bool expect_text(const struct avro_twin *twin, const char *path, char *digits, size_t size, struct slice *text)
{
	const struct avro_twin_type *type = NULL;
	const struct avro_twin_value *value = NULL;
	(void)walk(twin->root, twin->value, path, NULL, &type, &value);
	(void)snprintf(digits, size, "%" PRId64, value->integer);
	*text = type->kind == TWIN_STRING ? (struct slice){value->text, value->length} : slice_of(digits);
	return text->length >= 1 && text->length <= EVENT_ENTITY_MAX;
}

const char *avro_twin_compare(const struct avro_twin *twin, enum reason reason, const struct event *event)
{
	char digits[2][32];
	struct slice id, entity;
	int64_t ms;
	bool valid = expect_text(twin, "id", digits[0], sizeof digits[0], &id);
	valid &= expect_text(twin, "entity", digits[1], sizeof digits[1], &entity);
	valid &= expect_time(twin, &ms);
	for (size_t i = 0; i < twin->reader.field_count; i++) {
		struct value wanted;
		bool good = expect_field(twin, &twin->fields[i], &wanted);
		valid &= good;
		if (good && reason == REASON_NONE && !same_value(&twin->fields[i], &wanted, &event->values[i]))
			return twin->fields[i].path;
	}
	if (valid != (reason == REASON_NONE))
		return valid ? "refused" : "not refused";
	if (reason != REASON_NONE)
		return NULL;
	if (!slice_equal(id, event->id))
		return "id";
	if (!slice_equal(entity, event->entity))
		return "entity";
	return ms == event->time_ms ? NULL : "time";
}
