#include "daemon/io/event_format.h"

#include "number.h"

#include <assert.h>
#include <stdlib.h>

const char *event_format_member(enum event_member member)
{
	static const char *const names[MEMBER_NUMBER] = {"_partition", "_offset", "_timestamp", "_key"};
	assert(member < MEMBER_NUMBER);
	return names[member];
}

int event_format_take(struct event_parts *parts, enum event_member member, struct slice text, struct err *err)
{
	if (member == MEMBER_KEY) {
		parts->has[MEMBER_KEY] = true;
		parts->key = text;
		return 0;
	}
	if (text.data == NULL)
		return 0;
	static const int64_t least[MEMBER_KEY] = {0, 0, -1}, most[MEMBER_KEY] = {INT32_MAX, INT64_MAX, INT64_MAX};
	int64_t *number = &parts->members[member];
	if (number_parse_integer(text, number) != 0)
		return err_set(err, ERR_DATA, "%s: expected an integer", event_format_member(member));
	if (*number < least[member] || *number > most[member])
		return err_set(err, ERR_DATA, "%s: %lld is out of range", event_format_member(member),
			       (long long)*number);
	parts->has[member] = true;
	return 0;
}

char **event_format_paths(const struct event_schema *schema, size_t slot, size_t *count)
{
	const char *path = event_slot_path(schema, slot), *const * aliases;
	size_t alias_count = event_slot_aliases(schema, slot, &aliases);
	const char *dot = strrchr(path, '.');
	size_t stem = dot == NULL ? 0 : (size_t)(dot - path) + 1;
	size_t bytes = (alias_count + 1) * sizeof(char *) + strlen(path) + 1;
	for (size_t i = 0; i < alias_count; i++)
		bytes += stem + strlen(aliases[i]) + 1;
	char **paths = malloc(bytes);
	if (paths == NULL)
		return NULL;
	char *text = (char *)(paths + alias_count + 1);
	paths[0] = strcpy(text, path);
	for (size_t i = 0; i < alias_count; i++) {
		text += strlen(text) + 1;
		memcpy(text, path, stem);
		strcpy(text + stem, aliases[i]);
		paths[i + 1] = text;
	}
	*count = alias_count + 1;
	return paths;
}
