#include "daemon/io/avro_name.h"

#include "siphash.h"

#include <assert.h>
#include <stdlib.h>

#define NAMES_CAPACITY_FIRST 64

static bool is_letter(unsigned char byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0x80;
}

static bool is_digit(unsigned char byte)
{
	return byte >= '0' && byte <= '9';
}

bool avro_name_valid(const char *name)
{
	const unsigned char *at = (const unsigned char *)name;
	if (!is_letter(*at))
		return false;
	while (is_letter(*at) || is_digit(*at))
		at++;
	return *at == '\0';
}

bool avro_name_primitive(const char *name, enum avro_type *type)
{
	static const char *const names[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
	_Static_assert(AVRO_TYPE_STRING == sizeof names / sizeof *names - 1, "primitive types come first");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0) {
			*type = (enum avro_type)i;
			return true;
		}
	return false;
}

const char *avro_name_show(const char *text, char shown[AVRO_NAME_SHOWN])
{
	static const char cut[] = "...\"";
	size_t length = strlen(text), room = AVRO_NAME_SHOWN - 1 - sizeof cut, kept = length < room ? length : room;
	while (kept < length && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
		kept--; /* never half a character */
	shown[0] = '"';
	for (size_t i = 0; i < kept; i++)
		shown[1 + i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	memcpy(shown + 1 + kept, kept < length ? cut : "\"", kept < length ? sizeof cut : 2);
	return shown;
}

/* Parts between dots are not empty and have no blanks or controls; the last one is a name. */
static bool valid_full(const char *full)
{
	const char *last = strrchr(full, '.');
	if (!avro_name_valid(last == NULL ? full : last + 1))
		return false;
	for (const char *at = full; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || (*at == '.' && (at == full || at[1] == '.')))
			return false;
	return true;
}

char *avro_name_full(const char *name, const char *namespace, struct arena *arena, struct err *err)
{
	bool qualify = strchr(name, '.') == NULL && namespace[0] != '\0';
	size_t prefix = qualify ? strlen(namespace) + 1 : 0, length = strlen(name);
	if (prefix > AVRO_SCHEMA_NAME_MAX || length > AVRO_SCHEMA_NAME_MAX - prefix) {
		(void)err_set(err, ERR_DATA, "a name of more than %d bytes", AVRO_SCHEMA_NAME_MAX);
		return NULL;
	}
	char *full = arena_take(arena, prefix + length + 1);
	if (full == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	if (qualify) {
		memcpy(full, namespace, prefix - 1);
		full[prefix - 1] = '.';
	}
	memcpy(full + prefix, name, length + 1);
	if (!valid_full(full)) {
		char shown[AVRO_NAME_SHOWN];
		(void)err_set(err, ERR_DATA, "%s is not a valid name", avro_name_show(full, shown));
		return NULL;
	}
	return full;
}

char *avro_name_space(const char *full, struct arena *arena)
{
	const char *last = strrchr(full, '.');
	struct slice space = {full, last == NULL ? 0 : (size_t)(last - full)};
	return (char *)arena_copy(arena, space).data;
}

/* Where the name stands, or the free slot where it would. */
static struct avro_node **slot_of(const struct avro_names *names, const char *full)
{
	static const uint8_t key[SIPHASH_KEY_BYTES];
	assert(names->count < names->capacity);
	size_t i = (size_t)siphash(key, slice_of(full)) & (names->capacity - 1);
	while (names->slots[i] != NULL && strcmp(names->slots[i]->name, full) != 0)
		i = (i + 1) & (names->capacity - 1);
	return &names->slots[i];
}

struct avro_node *avro_names_find(const struct avro_names *names, const char *full)
{
	return names->capacity == 0 ? NULL : *slot_of(names, full);
}

int avro_names_add(struct avro_names *names, struct avro_node *node, struct err *err)
{
	if (2 * names->count >= names->capacity) {
		struct avro_names grown = *names;
		grown.capacity = names->capacity == 0 ? NAMES_CAPACITY_FIRST : 2 * names->capacity;
		grown.slots = arena_take_zeroed(names->arena, grown.capacity, sizeof(struct avro_node *));
		if (grown.slots == NULL)
			return err_memory(err);
		for (size_t i = 0; i < names->capacity; i++)
			if (names->slots[i] != NULL)
				*slot_of(&grown, names->slots[i]->name) = names->slots[i];
		*names = grown;
	}
	struct avro_node **slot = slot_of(names, node->name);
	assert(*slot == NULL);
	*slot = node;
	names->count++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *avro_names_twice(char *const *texts, size_t count, const char **scratch)
{
	if (count == 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		scratch[i] = texts[i];
	qsort(scratch, count, sizeof *scratch, compare);
	for (size_t i = 1; i < count; i++)
		if (strcmp(scratch[i - 1], scratch[i]) == 0)
			return scratch[i];
	return NULL;
}
