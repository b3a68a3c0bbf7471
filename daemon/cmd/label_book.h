/*
 * Labels joined to vectors by event id, point in time: only what was known at a given moment. A CSV file with _event_id,
 * label and, where it is known, _known_ms (since when); else a label counts as known a fixed delay after its event.
 */
#ifndef OUTLIERD_LABEL_BOOK_H
#define OUTLIERD_LABEL_BOOK_H

#include "daemon/pipeline/pseudonym.h"

#include <stdio.h>

struct label_book_options {
	const char *path;
	const struct pseudonym_options *pseudonym; /* whose ids leave as pseudonyms; NULL: as they are */
	int64_t delay_ms;                          /* after the event's time, where the file has no _known_ms */
	int64_t as_of_ms;                          /* labels known later are left out */
};

struct label_book;

/** Reads the file; the path must outlive the book. ERR_DATA with the line; ERR_UNAVAILABLE. */
struct label_book *label_book_read(const struct label_book_options *options, struct err *err) MUST_USE;

/** The label of an event; data NULL: none, or not known yet. Lent. */
struct slice label_book_find(struct label_book *book, struct slice event_id, int64_t event_time_ms);

/** Prints how many labels were joined, not known yet, and of no vector. */
void label_book_summary(const struct label_book *book, FILE *stream);

/** Frees it; NULL does nothing. */
void label_book_free(struct label_book *book);

#endif
