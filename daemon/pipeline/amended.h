/*
 * Amendments: what a late event changes in decisions that are already published (docs/late.md). Found while it is
 * applied, scored and published with it, in the same transaction. Pure functions of the input and the configuration.
 */
#ifndef OUTLIERD_AMENDED_H
#define OUTLIERD_AMENDED_H

#include "daemon/pipeline/publish.h"
#include "features/amend.h"

#define AMENDED_TEXTS_MAX 1024 /* bytes of texts of a decision's event, for its rules; with more it is counted as cut */

/** A decision as it was and as it would be. Vector before and vector after lie back to back, as two rows of a matrix. */
struct amendment {
	struct event event; /* of the decision; neither id nor entity */
	struct vector before, after;
	double old_score, new_score; /* NaN: no model */
	bool old_flagged, new_flagged;
};

/** All of one late event. */
struct amended {
	struct amendment *amendments; /* of the arena */
	size_t count;
	size_t cut; /* decisions that were not compared: beyond a limit, or AMEND_UNKNOWN */
};

/** Memory that one late event may take, bytes, without texts: for the size of batches. */
size_t amended_bytes(const struct feature_set *set, size_t most);

/** Finds what a late event changes, in at most `most` decisions; see amend_begin(). Everything lies in the arena. -1: no memory. */
int amended_find(struct amended *amended, const struct entity *before, const struct entity *after,
		 const struct watermark *watermark, const struct event *late, size_t most, struct arena *arena,
		 struct err *err) MUST_USE;

/** Decides both of an amendment's vectors. scores: of the two, NULL without model. */
void amendment_decide(struct amendment *amendment, const struct policy *policy, const double scores[2]);

struct amender;

/** Prepares amending; options and set are borrowed. NULL: out of memory. */
struct amender *amender_new(const struct publish_options *options, const struct feature_set *set);
/** Frees it; NULL does nothing. */
void amender_free(struct amender *amender);

/** Builds the message of an amendment that amendment_decide() has seen. late: the event that caused it, with entity and id. Everything lies in the arena. -1: no memory. */
int amender_message(struct amender *amender, const struct champion *champion, const struct amendment *amendment,
		    int32_t partition, const struct event *late, struct arena *arena, struct message *message,
		    struct err *err) MUST_USE;

/** Appends the Avro schema of amendments. */
void amender_schema(struct buffer *schema);

#endif
