/*
 * Pseudonyms: what identifies people is replaced by its HMAC-SHA-256 in lower-case hex before anything else sees it, so
 * card numbers stand neither in the state nor in anything that leaves. Key and partition are checked before, on the
 * source's own text. The daemon and the offline commands both come through here.
 */
#ifndef OUTLIERD_PSEUDONYM_H
#define OUTLIERD_PSEUDONYM_H

#include "arena.h"
#include "features/event.h"

struct pseudonym_options {
	struct slice key; /* of the HMAC; length 0: nothing is replaced */
	bool entity, id;
	const bool *fields; /* field_count elements: string fields to be replaced; NULL: none */
	size_t field_count;
};

/** The pseudonym of a text, in the arena. data NULL: out of memory. */
struct slice pseudonym_of(const struct pseudonym_options *options, struct slice text, struct arena *arena);

/** Replaces what the options name in the event; its values are copied into the arena where one changes. ERR_MEMORY: the event is as it was. */
int pseudonym_apply(const struct pseudonym_options *options, struct event *event, struct arena *arena,
		    struct err *err) MUST_USE;

#endif
