/*
 * The ports: everything that the pipeline asks of the world, as function tables, with the guarantees in prose. Each has
 * a real adapter in daemon/io and an in-memory twin, so that a simulator can stand behind the same pipeline, kill it
 * between any two calls and pause it. All waiting of a daemon happens inside port calls. One thread calls all of them.
 *
 * Errors: -1 with *err; err->action tells the loop what to do (err.h). Nothing here ever ends the process.
 */
#ifndef OUTLIERD_PORTS_H
#define OUTLIERD_PORTS_H

#include "arena.h"
#include "buffer.h"
#include "features/event.h"

#define OFFSET_NONE (-1) /* no committed offset */

struct header {
	const char *name;
	struct slice value; /* data NULL: null */
};

/** One consumed record. All pointers are lent by the source until source->release(). */
struct record {
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;         /* -1: none */
	struct slice key;             /* data NULL: null key */
	struct slice value;           /* data NULL: null value (tombstone) */
	const struct header *headers; /* NULL until asked by source->headers() */
	size_t header_count;
	void *handle; /* the adapter's */
};

/** Where to read a partition from, or what to commit for it. metadata is ASCII, at most POSITION_METADATA_MAX bytes with terminating zero. */
#define POSITION_METADATA_MAX 512
struct position {
	int32_t partition;
	int64_t offset; /* OFFSET_NONE: nothing committed */
	char metadata[POSITION_METADATA_MAX];
};

/*
 * Group membership as it was taken in the assign callback under which records were consumed. `assignment` is our own
 * counter: it changes with every assign, revoke and loss, also where the generation stays the same (static members).
 */
struct membership {
	uint64_t assignment;
	void *handle; /* the adapter's group metadata; lent until the next assignment */
};

/** Called inside source->poll(), on the loop's thread. */
struct source_listener {
	void *self;
	/** These partitions are ours now (eager: this is the whole assignment). Nothing is fetched until source->start(). */
	void (*assigned)(void *self, const int32_t *partitions, size_t count);
	/** The whole assignment goes. lost: it is gone already (session expired): nothing may be written for it. Must flush committed writes to the store, drop caches, commit nothing to Kafka. */
	void (*revoked)(void *self, bool lost);
};

/*
 * The source: a Kafka consumer group member with isolation.level=read_committed and no automatic anything. Per partition
 * records arrive in offset order, each at most once after start(); offsets may have gaps (control and aborted records).
 */
struct source {
	void *self;
	/** Joins the group; callbacks of the listener come from poll() only. */
	int (*open)(void *self, const struct source_listener *listener, struct err *err) MUST_USE;
	/** Waits at most timeout_ms for up to limit records, puts them behind records[*count]. limit 0: only serves the group (rebalances, heartbeats) for timeout_ms; no record is taken or lost. May deliver rebalances first, then returns with no records. An error about one partition (offset out of range) is ERR_RECOVER. */
	int (*poll)(void *self, int timeout_ms, struct record *records, size_t limit, size_t *count,
		    struct err *err) MUST_USE;
	/** Fills record->headers (memory of the arena). */
	int (*headers)(void *self, struct record *record, struct arena *arena, struct err *err) MUST_USE;
	/** Gives back everything that poll() lent. */
	void (*release)(void *self);
	/** Starts fetching the assigned partitions at these positions (all of them, in one call). Partitions of the assignment not named are not fetched (halted). */
	int (*start)(void *self, const struct position *positions, size_t count, struct err *err) MUST_USE;
	/** Stops (true) or goes on (false) fetching a partition; polling must go on meanwhile to stay in the group. */
	int (*pause)(void *self, int32_t partition, bool paused, struct err *err) MUST_USE;
	/** Committed offsets and metadata of partitions; a commit still pending or any time-out is ERR_RETRY, never "none". */
	int (*committed)(void *self, struct position *positions, size_t count, struct err *err) MUST_USE;
	/** First offset in the log, and the last stable offset (one past the last readable). */
	int (*bounds)(void *self, int32_t partition, int64_t *low, int64_t *high, struct err *err) MUST_USE;
	/** Where the log ends by what fetches told in passing, open transactions included. Asks nothing; -1: not known yet. */
	int64_t (*end)(void *self, int32_t partition);
	/** The first offset whose record timestamp is at least timestamp_ms; the high bound where there is none. */
	int (*offset_at)(void *self, int32_t partition, int64_t timestamp_ms, int64_t *offset,
			 struct err *err) MUST_USE;
	/** Partitions of the topic now. */
	int (*partition_count)(void *self, int32_t *count, struct err *err) MUST_USE;
	/** The cluster's id; empty where it has none. Borrowed. */
	const char *(*cluster_id)(void *self);
	/** The membership of the present assignment; assignment 0: none. */
	struct membership (*membership)(void *self);
	/** Leaves politely (static members: stays in the group until the session ends). */
	void (*close)(void *self);
};

/** A message to publish. partition -1: by the sink's partitioner (murmur2 of the key). */
struct message {
	const char *topic;
	struct slice key, value; /* data NULL: null */
	const struct header *headers;
	size_t header_count;
	int64_t timestamp_ms; /* -1: none given */
};

/** How a commit ended. */
enum commit_result {
	COMMIT_DONE,    /* messages are visible and offsets committed, together */
	COMMIT_ABORTED, /* certainly neither; the same batch may be applied again */
	COMMIT_UNKNOWN /* nobody knows: destroy the producer, recover (err->action ERR_RECOVER); or end, where trying again is of no use (ERR_EXIT: fenced, forbidden) */
};

/*
 * The sink: a transactional producer with a stable transactional id. Messages between begin and commit and the offsets
 * given to commit become visible together or not at all.
 */
struct sink {
	void *self;
	/** (Re-)creates the producer and runs init_transactions: fences any earlier holder of the id and ends its transaction. Fenced oneself: ERR_FENCED. */
	int (*open)(void *self, struct err *err) MUST_USE;
	/** Begins a transaction; only when output or offsets are ready. */
	int (*begin)(void *self, struct err *err) MUST_USE;
	/** Hands over a copy of one message. A full queue is waited out inside. */
	int (*produce)(void *self, const struct message *message, struct err *err) MUST_USE;
	/** Sends the offsets under the membership under which their records were consumed (refuses a null, negative or empty one: COMMIT_ABORTED), and commits. On anything but COMMIT_DONE *err says why. */
	enum commit_result (*commit)(void *self, const struct position *offsets, size_t count,
				     const struct membership *membership, struct err *err) MUST_USE;
	/** Aborts an open transaction; on failure ERR_RECOVER. Without an open one it does nothing. */
	int (*abort)(void *self, struct err *err) MUST_USE;
	/** Largest message (key + value + headers + about 100 bytes) that the broker takes. */
	size_t (*message_max)(void *self);
	/** Destroys the producer. */
	void (*close)(void *self);
};

/** One record of state. value.data NULL: absent. */
struct state_record {
	struct slice entity; /* as in the key, after pseudonymising */
	struct slice value;
};

#define STORE_SERVER_ID_MAX 48

/** The server process that holds the records, and what it has dropped of its own accord. */
struct store_server {
	char id[STORE_SERVER_ID_MAX]; /* another one after a restart or a failover; empty: it has none */
	uint64_t evicted;             /* records of anybody's, since the process began or its counter was set to 0 */
};

/** What is known of the server without asking. */
struct store_facts {
	struct store_server server;
	int64_t used_bytes, limit_bytes; /* memory of the server; used -1: not told; limit 0: none */
	bool connected;
	uint64_t reconnects; /* since the first connection */
};

enum store_write {
	STORE_WRITTEN,
	STORE_CONFLICT /* the marker is not the expected one: recover */
};

/*
 * The store: opaque records and one marker per partition, in one namespace for pipeline and topic. What is at rest is
 * always the exact effect of a prefix of the partition: a write is atomic and guarded by the expected marker.
 */
struct store {
	void *self;
	/** Connects and checks the server (reachable, cannot evict). ERR_RETRY: away or loading. */
	int (*open)(void *self, struct err *err) MUST_USE;
	/** Reads the marker of a partition and the records of some entities in one step. Values lie in the arena. marker->data NULL: none. ERR_RETRY: away. */
	int (*read)(void *self, int32_t partition, struct slice *marker, struct state_record *records, size_t count,
		    struct arena *arena, struct err *err) MUST_USE;
	/** Replaces records and marker in one atomic step if the marker is `expected` (data NULL: none). A lost reply is resolved inside by reading the marker. ERR_RETRY: away, full (-OOM), loading or read-only: certainly not written, or resolved on the next try. */
	int (*write)(void *self, int32_t partition, struct slice expected, struct slice marker,
		     const struct state_record *records, size_t count, enum store_write *result,
		     struct err *err) MUST_USE;
	/** Looks again (about every minute) at what start-up checked, and at the server for facts(). ERR_RETRY: away; ERR_HALT: it may hold no state any more. */
	int (*check)(void *self, struct err *err) MUST_USE;
	/** The server as last seen: by check(), and wherever a call had to connect. Asks nothing. An evicted record reads as absent, so whoever relies on records compares `server`. */
	struct store_facts (*facts)(void *self);
	/** Disconnects. */
	void (*close)(void *self);
};

/** How a record was decoded. */
enum decoded {
	DECODED,
	DECODE_REFUSED, /* the record is invalid: reason and err say why; never an outage's fault */
	DECODE_WAIT     /* the registry cannot be reached: back-pressure (err says what) */
};

/*
 * The codec: bytes of a record to an event. Key and partition are checked inside too. On DECODE_REFUSED *reason is one
 * of framing registry decode validate key timestamp.
 */
struct codec {
	void *self;
	/** The event's texts are borrowed from the record or lie in the arena; its values lie in the arena. */
	enum decoded (*decode)(void *self, const struct record *record, struct arena *arena, struct event *event,
			       enum reason *reason, struct err *err) MUST_USE;
	/** Told the partition count of the topic, for the partitioner check. */
	void (*partitions)(void *self, int32_t count);
};

/** Time of the daemon; the core never sees it. */
struct clock {
	void *self;
	/** Milliseconds since 1970; may jump. */
	int64_t (*wall_ms)(void *self);
	/** Microseconds that never go back. */
	int64_t (*monotonic_us)(void *self);
	/** Waits. */
	void (*sleep_ms)(void *self, int64_t ms);
	/** 64 random bits, for state generations. */
	uint64_t (*random)(void *self);
};

#endif
