/* What the files of the naive vector share: which events a window has (rescan.c), what they come to (rescan_operation.c). */
#ifndef OUTLIERD_RESCAN_PARTS_H
#define OUTLIERD_RESCAN_PARTS_H

#include "features/rescan.h"

/* The event asked about, and whether memory failed. */
struct question {
	const struct rescan *rescan;
	const struct event *now;
	bool *failed;
};

/** The index of a field of the schema by name; -1: none, or no name. */
int rescan_field(const struct rescan *rescan, const char *name);

/** True where both are there and equal. */
bool rescan_same(const struct field *field, const struct value *a, const struct value *b);

/** A number in major units. */
double rescan_number(const struct field *field, const struct value *value);

/** The value of a windowed operation but streak, from the events of its window in order, the present one among them where it counts. index: of the feature's field; -1: none. */
double rescan_over(const struct question *question, const struct feature_options *feature, int index,
		   const struct event **list, size_t count);

/** The mean of a scaled field; NaN of nothing. */
double rescan_mean(const struct field *field, const struct event **list, size_t count, int index);

#endif
