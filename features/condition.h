/*
 * Conditions as configured: the `where` of a feature and the `when` of a rule. Here: their options and their evaluation
 * against one event alone; over the rows of a window: filter.h.
 */
#ifndef OUTLIERD_CONDITION_H
#define OUTLIERD_CONDITION_H

#include "features/civil.h"
#include "features/event.h"
#include "features/problem.h"

#define CONDITIONS_MAX 16     /* of one `where` */
#define CONDITION_IN_MAX 1024 /* values of one `in` */

/** A constant of the configuration. Numbers keep their decimal text, so that they compare exactly with scaled fields. */
struct literal {
	enum { LITERAL_NONE, LITERAL_TEXT, LITERAL_NUMBER, LITERAL_BOOLEAN } kind;
	const char *text; /* the string, or the number's decimal text */
	bool boolean;
};

/** One condition: all keys given must hold. field NULL: only hours. */
struct condition_options {
	const char *field;
	bool same;
	struct literal equals, not_equals, above, below;
	const struct literal *in;
	size_t in_count;
	bool has_hours;
	int hours_from, hours_to;             /* [from, to), wraps where from > to */
	const struct utc_offset *utc_offsets; /* empty: UTC */
	size_t utc_offset_count;
};

struct condition;

/** Compiles conditions on the current event (no `same`); copies what it needs except the schema. Problem paths are relative ("[0].field"). */
int condition_new(struct condition **condition, const struct event_schema *schema,
		  const struct condition_options *options, size_t count, feature_problem *problem, void *context,
		  struct err *err) MUST_USE;
/** True where all conditions hold for the event's own values; a null field matches nothing. */
bool condition_holds(const struct condition *condition, const struct event *event);
/** Frees it; NULL does nothing. */
void condition_free(struct condition *condition);

#endif
