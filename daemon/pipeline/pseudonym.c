#include "daemon/pipeline/pseudonym.h"

#include "sha256.h"

#include <assert.h>

struct slice pseudonym_of(const struct pseudonym_options *options, struct slice text, struct arena *arena)
{
	assert(options->key.length > 0);
	uint8_t digest[SHA256_BYTES];
	char *hex = arena_take(arena, SHA256_HEX);
	if (hex == NULL)
		return (struct slice){NULL, 0};
	hmac_sha256(options->key, text, digest);
	hex_of(digest, sizeof digest, hex);
	return (struct slice){hex, SHA256_HEX - 1};
}

/* The event's values with pseudonyms in place; NULL: out of memory. */
static const struct value *replaced_values(const struct pseudonym_options *options, const struct event *event,
					   struct arena *arena)
{
	struct value *values = arena_take(arena, options->field_count * sizeof *values);
	for (size_t i = 0; values != NULL && i < options->field_count; i++) {
		values[i] = event->values[i];
		if (!options->fields[i] || !values[i].present)
			continue;
		values[i].text = pseudonym_of(options, event->values[i].text, arena);
		if (values[i].text.data == NULL)
			return NULL;
	}
	return values;
}

int pseudonym_apply(const struct pseudonym_options *options, struct event *event, struct arena *arena, struct err *err)
{
	if (options->key.length == 0)
		return 0;
	struct event changed = *event;
	if (options->entity)
		changed.entity = pseudonym_of(options, event->entity, arena);
	if (options->id)
		changed.id = pseudonym_of(options, event->id, arena);
	bool any = false;
	for (size_t i = 0; options->fields != NULL && i < options->field_count; i++)
		any |= options->fields[i];
	if (any)
		changed.values = replaced_values(options, event, arena);
	if (changed.entity.data == NULL || changed.id.data == NULL || (any && changed.values == NULL))
		return err_memory(err);
	*event = changed;
	return 0;
}
