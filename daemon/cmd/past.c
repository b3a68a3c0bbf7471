#include "daemon/cmd/past.h"

#include "daemon/io/avro_codec.h"

bool past_given_up(const struct world *world, int attempt, struct err *err)
{
	if (err->action != ERR_RETRY || attempt + 1 == PAST_ATTEMPTS)
		return true;
	err_clear(err);
	world->clock.sleep_ms(world->clock.self, 1000);
	return false;
}

/* Null stays null. */
static bool keep_slice(struct arena *arena, struct slice from, struct slice *to)
{
	if (from.data != NULL)
		*to = arena_copy(arena, from);
	return from.data == NULL || to->data != NULL;
}

int past_keep(struct arena *arena, const struct record *from, struct record *to, struct err *err)
{
	*to = *from;
	struct header *headers = arena_take_zeroed(arena, from->header_count + 1, sizeof *headers);
	bool kept =
	    headers != NULL && keep_slice(arena, from->key, &to->key) && keep_slice(arena, from->value, &to->value);
	for (size_t i = 0; i < from->header_count && kept; i++) {
		headers[i].name = arena_copy(arena, slice_of(from->headers[i].name)).data;
		kept = headers[i].name != NULL && keep_slice(arena, from->headers[i].value, &headers[i].value);
	}
	to->headers = headers;
	return kept ? 0 : err_memory(err);
}

int past_decode(const struct world *world, const struct record *record, struct arena *arena, struct event *event,
		enum reason *reason, const char **message, struct err *err)
{
	struct codec codec = avro_codec_port(world->codec);
	for (int attempt = 0;; attempt++) {
		struct err why = {0};
		*reason = REASON_NONE;
		switch (codec.decode(codec.self, record, arena, event, reason, &why)) {
		case DECODED:
			*reason = REASON_NONE;
			return 0;
		case DECODE_REFUSED:
			*message = arena_copy(arena, slice_of(why.message)).data;
			return *message == NULL ? err_memory(err) : 0;
		case DECODE_WAIT:
			if (why.code == ERR_MEMORY || attempt == PAST_ATTEMPTS)
				return err_set(err, why.code, "%s", why.message);
			world->clock.sleep_ms(world->clock.self, 1000);
		}
	}
}
