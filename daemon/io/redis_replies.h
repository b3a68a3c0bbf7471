/*
 * Redis' replies out of a stream of bytes, by hiredis' reader, handed over piece by piece while they arrive: nothing is
 * allocated per reply, and a value is copied once, to where its visitor wants it.
 */
#ifndef OUTLIERD_REDIS_REPLIES_H
#define OUTLIERD_REDIS_REPLIES_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

enum redis_kind { REDIS_STATUS, REDIS_ERROR, REDIS_INTEGER, REDIS_STRING, REDIS_NIL, REDIS_ARRAY };

/** One piece of a reply. An array comes before its members; an array of -1 members (nil) is REDIS_NIL. */
struct redis_piece {
	enum redis_kind kind;
	size_t reply;      /* number of the reply it belongs to, from 0 since redis_replies_begin() */
	int depth;         /* 0: the reply itself, 1: a member of its array, ... */
	size_t index;      /* place in its array; 0 at depth 0 */
	struct slice text; /* of a status, an error or a string: borrowed during the visit; data never NULL */
	int64_t integer;   /* an integer's value, an array's number of members */
};

/** Who takes the pieces. take() returns false where it cannot go on: nothing more is handed over then. */
struct redis_visitor {
	void *self;
	bool (*take)(void *self, const struct redis_piece *piece);
};

struct redis_replies;

/** A reader that has seen nothing. NULL: out of memory. */
struct redis_replies *redis_replies_new(void);

/** Numbers the replies from 0 again. -1: something lies here that nobody asked for, the stream cannot be trusted. */
int redis_replies_begin(struct redis_replies *replies, struct err *err) MUST_USE;

/** Reads on; *complete becomes the number of whole replies since redis_replies_begin(). -1: not RESP2, or the visitor gave up (*err is then the visitor's, or ERR_INTERNAL where it set none). */
int redis_replies_feed(struct redis_replies *replies, struct slice bytes, const struct redis_visitor *visitor,
		       size_t *complete, struct err *err) MUST_USE;

/** Forgets all that was read, for a new connection. -1: out of memory. */
int redis_replies_reset(struct redis_replies *replies) MUST_USE;

/** Frees it; NULL does nothing. */
void redis_replies_free(struct redis_replies *replies);

#endif
