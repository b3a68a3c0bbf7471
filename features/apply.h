/*
 * The heart: one event into an entity's state. Pure: (state, event, watermark) gives the next state, the outcome and the
 * vector, by nothing else: no clock, no random number, no other entity. Live, replay and offline all come through here.
 */
#ifndef OUTLIERD_APPLY_H
#define OUTLIERD_APPLY_H

#include "features/entity.h"
#include "features/watermark.h"

enum outcome { OUTCOME_INVALID, OUTCOME_FUTURE, OUTCOME_TOO_LATE, OUTCOME_DUPLICATE, OUTCOME_SCORED, OUTCOME_NUMBER };

/** "invalid", "future", "too_late", "duplicate", "scored". */
const char *outcome_name(enum outcome outcome);

/** Flags of a vector (bits); names in this order: late approximate truncated warming overflow fallback. */
enum {
	FLAG_LATE = 1,
	FLAG_APPROXIMATE = 2,
	FLAG_TRUNCATED = 4,
	FLAG_WARMING = 8,
	FLAG_OVERFLOW = 16,
	FLAG_FALLBACK = 32
};
#define FLAG_NUMBER 6

/** Name of bit i (0 = late). */
const char *flag_name(unsigned i);

/** What is usual for the entity, beside features value, log1p, zscore and ratio; n = -1: not known (other operations, field without scale or not kept, no window over the field). */
struct usual {
	int64_t n;
	double mean; /* major units; NaN where n = 0 */
};

struct vector {
	double *values;      /* feature_set_count() elements, the caller's; NaN: missing */
	struct usual *usual; /* as many, the caller's; NULL: not wanted */
	unsigned flags;      /* FLAG_* */
};

/**
 * Whether an event would be `future`, from the event alone: more than max_ahead after its own record timestamp.
 * (A record without timestamp is `invalid`, REASON_TIMESTAMP: the caller's check.)
 */
bool apply_is_future(const struct event_schema *schema, const struct event *event);

/**
 * Applies one event that is neither invalid nor future. *reason: REASON_TOO_LATE, REASON_FOLDED, REASON_DUPLICATE or
 * REASON_NONE. Where the outcome is OUTCOME_SCORED the entity and the watermark have advanced and *vector is filled
 * (NULL: not wanted, and no window is looked at; the state is the same); else nothing has changed. -1 in *status: out of
 * memory, nothing has changed.
 */
enum outcome apply_event(const struct feature_set *set, struct entity *entity, struct watermark *watermark,
			 const struct event *event, struct vector *vector, enum reason *reason, int *status);

/** Whether the entity already has an event that the given one precedes: it would be `late`. */
bool apply_is_behind(const struct entity *entity, const struct event *event);

/** The vector that the event of a visible row has, which is given: what precedes the row counts. -1: out of memory. */
int apply_row(const struct entity *entity, const struct watermark *watermark, const struct event *event, uint32_t row,
	      struct vector *vector) MUST_USE;

/** The features that an imagined event would see, without applying it (command `get`): as of time_ms, with the given values. -1: out of memory. */
int apply_peek(const struct feature_set *set, const struct entity *entity, const struct watermark *watermark,
	       const struct event *event, struct vector *vector) MUST_USE;

#endif
