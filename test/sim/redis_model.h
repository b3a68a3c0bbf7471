/*
 * The model of Redis behind simulated sockets: one server that executes one command at a time, in whole, as its bytes
 * arrive; WATCH, MULTI and EXEC as Redis has them; connections whose client is gone, but whose commands are still under
 * way; replies that are lost; and the history that a failover may go back in. The daemon's own adapter talks to it.
 */
#ifndef OUTLIERD_SIM_REDIS_MODEL_H
#define OUTLIERD_SIM_REDIS_MODEL_H

#include "test/sim/sim.h"

struct redis_key {
	struct slice name, value; /* value.data NULL: absent */
};

/* What check.c saw last of a partition's marker. */
struct seen {
	const void *bytes;
	uint64_t generation;
	int64_t next_offset;
};

/* What one server holds. */
struct database {
	struct redis_key *keys;
	size_t count, capacity;
	/* Every change since the beginning, so that it can be undone: a failover goes back to the end of some EXEC. */
	struct change *changes;
	size_t change_count, change_capacity;
	uint64_t evicted;
	char run_id[41];
	struct seen seen[PARTITIONS_MAX + 1];
};

struct buffer;

struct redis {
	struct sim *sim;
	struct database *database; /* of the present primary */
	struct database *before;   /* what an emptied server held; NULL: none was */
	struct connection **connections;
	int connection_count, connection_capacity;
	int64_t away_until_us, slow_until_us, refuse_until_us;
	const char *refusal; /* an error reply */
	bool full_queues;    /* as since version 8: a full server queues what needs no memory */
	uint64_t servers;
};

/* redis_model.c */

/** An empty server. */
struct redis *redis_new(struct sim *sim);
/** Another server, empty. */
struct database *database_new(struct redis *redis);
/** A copy that lacks the last changes: so many EXECs, or single commands. */
struct database *database_back(struct redis *redis, const struct database *database, uint64_t steps);
/** The value of a key; data NULL: absent. */
struct slice database_get(const struct database *database, struct slice name);
/** Sets a key (value.data NULL: deletes it); step: the first change of an EXEC or of a single command. */
void database_set(struct database *database, struct slice name, struct slice value, bool step);

struct connection;
/** A connection to a server; its transaction and watched keys. */
struct session;
/** A new session. */
struct session *session_new(struct redis *redis, struct database *database);
/** Takes bytes, executes the commands that are complete, and appends their replies. False: not Redis' protocol. */
bool session_feed(struct session *session, struct slice bytes, struct buffer *replies);
/** Frees what it holds beside the schedule's memory. */
void session_free(struct session *session);
/** The server that it talks to. */
struct database *session_database(const struct session *session);

/* redis_wire.c */

/** Breaks all connections: what is under way arrives as far as chance has it. of_old: only those to other servers than the present one. */
void redis_reset(struct redis *redis, bool of_old);
/** Frees what is not the schedule's memory. */
void redis_free(struct redis *redis);

#endif
