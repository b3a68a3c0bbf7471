#include "daemon/cmd/json_difference.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 256
#define SHOWN_MAX 80

struct place {
	char path[PATH_MAX_BYTES];
	char *text;
	size_t size;
};

static void show(const json_t *value, char shown[SHOWN_MAX])
{
	char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	snprintf(shown, SHOWN_MAX, "%.79s", text == NULL ? "nothing" : text);
	free(text);
}

static bool tell(const struct place *place, const json_t *a, const json_t *b)
{
	char left[SHOWN_MAX], right[SHOWN_MAX];
	show(a, left);
	show(b, right);
	snprintf(place->text, place->size, "%s: %s, not %s", *place->path == '\0' ? "the value" : place->path, left,
		 right);
	return false;
}

static bool equal(struct place *place, const json_t *a, const json_t *b);

static bool equal_member(struct place *place, const char *name, const json_t *a, const json_t *b)
{
	size_t length = strlen(place->path);
	snprintf(place->path + length, sizeof place->path - length, "%s%s", length == 0 ? "" : ".", name);
	if (!equal(place, a, b))
		return false;
	place->path[length] = '\0';
	return true;
}

static bool equal_objects(struct place *place, const json_t *a, const json_t *b)
{
	const char *name;
	json_t *member;
	json_t *unlocked = (json_t *)(uintptr_t)a; /* jansson's iteration takes no const */
	json_object_foreach(unlocked, name,
			    member) if (!equal_member(place, name, member, json_object_get(b, name))) return false;
	unlocked = (json_t *)(uintptr_t)b;
	json_object_foreach(unlocked, name, member) if (json_object_get(a, name) ==
							NULL) return equal_member(place, name, NULL, member);
	return true;
}

static bool equal_arrays(struct place *place, const json_t *a, const json_t *b)
{
	size_t left = json_array_size(a), right = json_array_size(b);
	for (size_t i = 0; i < left || i < right; i++) {
		char name[32];
		snprintf(name, sizeof name, "%zu", i);
		if (!equal_member(place, name, json_array_get(a, i), json_array_get(b, i)))
			return false;
	}
	return true;
}

static bool equal(struct place *place, const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b) || tell(place, a, b);
	if (json_is_object(a) && json_is_object(b))
		return equal_objects(place, a, b);
	if (json_is_array(a) && json_is_array(b))
		return equal_arrays(place, a, b);
	return (a != NULL && b != NULL && json_equal(a, b)) || tell(place, a, b);
}

bool json_difference(const json_t *a, const json_t *b, char *text, size_t size)
{
	struct place place = {.text = text, .size = size};
	return equal(&place, a, b);
}
