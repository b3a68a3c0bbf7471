/*
 * The state of an offline run: what the daemon keeps in Redis and markers, here in memory, one table of entities and one
 * watermark a partition. Files of events go through it record by record, exactly as a topic goes through the daemon:
 * same order of checks, same pseudonyms, same transition.
 */
#ifndef OUTLIERD_OFFLINE_H
#define OUTLIERD_OFFLINE_H

#include "config/config.h"
#include "daemon/io/event_file.h"
#include "daemon/pipeline/pseudonym.h"
#include "features/apply.h"

struct offline;

/** The end of one record. */
struct offline_result {
	enum outcome outcome;
	enum reason reason;    /* REASON_NONE where scored */
	const char *message;   /* why it was not scored; NULL where it was. Lent until the record's arena is reset */
	struct vector *vector; /* where scored; lent until the next record */
};

/** Makes the run's state and the feature set (ERR_CONFIG). want_usual: vectors carry what is usual for the entity. The configuration is borrowed. */
struct offline *offline_new(const struct config *config, bool want_usual, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void offline_free(struct offline *offline);

/** The feature set, borrowed. */
const struct feature_set *offline_set(const struct offline *offline);
/** What is pseudonymised, borrowed. */
const struct pseudonym_options *offline_pseudonym(const struct offline *offline);
/** The watermark of a partition; NULL: nothing of it was applied yet. */
const struct watermark *offline_watermark(const struct offline *offline, int32_t partition);

/** Decides and applies one record; where its event is applied, id, entity and fields are replaced by their pseudonyms in it. -1: ERR_MEMORY. */
int offline_apply(struct offline *offline, struct event_record *record, struct arena *arena,
		  struct offline_result *result, struct err *err) MUST_USE;

/** Why a good event was not scored, for people. */
const char *offline_why(enum reason reason);

/** How many records have had an outcome so far. */
uint64_t offline_count(const struct offline *offline, enum outcome outcome);

/** As offline_summary(), of counts. */
void offline_print_summary(const uint64_t counts[OUTCOME_NUMBER], FILE *stream);

/** Prints the last line of an offline run: "read N: scored N, duplicate N, too_late N, future N, invalid N". */
void offline_summary(const struct offline *offline, FILE *stream);

#endif
