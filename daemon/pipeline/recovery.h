/*
 * What to do with a partition at its assignment: the table of docs/ARCHITECTURE.md, "Recovery", as a pure function of what was read. The
 * first row that holds decides. Doing it is the loop's work.
 */
#ifndef OUTLIERD_RECOVERY_H
#define OUTLIERD_RECOVERY_H

#include "daemon/pipeline/marker.h"

#define RECOVERY_BEYOND_MS 30000 /* R or C beyond the log's end this long: the topic was truncated or recreated */

struct recovery_facts {
	int32_t partition;
	int64_t low, high;           /* L and H: log start and last stable offset */
	struct position committed;   /* C and its metadata */
	const struct marker *marker; /* R; NULL: none */
	const uint8_t *state_id;     /* of the configuration */
	const char *cluster_id;      /* empty: not known */
	int32_t partition_count;
	int64_t beyond_ms; /* for how long R or C has been beyond H */
	bool from_earliest;
	bool rebuild_holes;         /* state.on_hole */
	bool accept_state;          /* --accept-state */
	struct store_server server; /* of the store, as it is now */
};

enum recovery_action {
	RECOVERY_GO_ON,   /* at R; below C state only */
	RECOVERY_FIRST,   /* no state and no commit: start as auto_offset_reset says, write the first marker */
	RECOVERY_REBUILD, /* a new generation from the topic */
	RECOVERY_WAIT,    /* look again soon */
	RECOVERY_HALT
};

struct recovery {
	enum recovery_action action;
	int64_t start;     /* GO_ON: R; FIRST: the first offset */
	int64_t committed; /* C as the loop must see it (accept_state moves it); OFFSET_NONE: none */
	char reason[32];   /* HALT, REBUILD: a word, for metrics and logs */
	char message[512]; /* what, where, why and the remedy; empty: nothing to say */
};

/** Whether the server is as it was: the same process, which has dropped nothing since. */
bool recovery_same_server(const struct store_server *then, const struct store_server *now);

/** Whether a server that was `then` may have dropped records since. Where the counter began anew all that it shows is since then. */
bool recovery_evicted(const struct store_server *then, const struct store_server *now);

/** Decides. */
void recovery_decide(const struct recovery_facts *facts, struct recovery *recovery);

#endif
