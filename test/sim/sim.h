/*
 * The simulator: the daemon's pipeline and its Redis adapter, as they are, run as one to four processes on simulated
 * time in one thread, against models of Kafka and of Redis. A seed decides everything. See README.md in this folder.
 *
 * One schedule at a time: all that the models know lies in one block of memory that is forgotten at its end.
 */
#ifndef OUTLIERD_SIM_H
#define OUTLIERD_SIM_H

#include "daemon/ports.h"
#include "rng.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define NODES_MAX 4
#define PARTITIONS_MAX 4
#define FAULTS_MAX 24
#define MS 1000
#define SECOND 1000000
#define SIM_START_MS INT64_C(1700000000000) /* the wall clock at simulated time 0 */
#define SESSION_US (10 * SECOND)
#define TRANSACTION_US (10 * SECOND)
#define QUIET_LIMIT_US (400 * (int64_t)SECOND) /* after the last fault all must have been worked off by then */

enum fault_kind {
	FAULT_KILL,            /* kill -9 and start again */
	FAULT_STOP,            /* SIGTERM and start again */
	FAULT_PAUSE,           /* SIGSTOP, SIGCONT */
	FAULT_LEAVE,           /* stopped for longer than a session: the group rebalances twice */
	FAULT_NETWORK,         /* a process' requests to Kafka are late, lost, or their replies are */
	FAULT_END_LATE,        /* the next EndTxn comes long after its client has given up, or its reply is lost */
	FAULT_OFFSETS_LATE,    /* likewise the next TxnOffsetCommit */
	FAULT_BROKERS_AWAY,    /* nothing of Kafka answers */
	FAULT_REBALANCE,       /* the group rebalances for no reason */
	FAULT_LOG_BEHIND,      /* H is told too low for a while */
	FAULT_RETENTION,       /* the log's start moves, as far as nobody needs it */
	FAULT_REDIS_AWAY,      /* refused connections, the state is kept */
	FAULT_REDIS_RESET,     /* connections break; what is under way arrives, or does not */
	FAULT_REDIS_SLOW,      /* answers take longer than the time-out */
	FAULT_REDIS_REFUSES,   /* -OOM, -READONLY or -LOADING */
	FAULT_REDIS_GOES_BACK, /* another server takes over that lacks the last writes */
	FAULT_REDIS_EMPTY,     /* restarted empty */
	FAULT_CLOCK,           /* the wall clock jumps */
	FAULT_REGISTRY_AWAY,   /* the codec has to wait */
	FAULT_MEMORY,          /* one of the next allocations fails */
	FAULT_KINDS
};
extern const char *const fault_names[FAULT_KINDS];

enum finale {
	FINALE_NONE,
	FINALE_HOLE,         /* retention passed R and C: halt with the offsets */
	FINALE_HOLE_REBUILT, /* state.on_hole = rebuild: goes on */
	FINALE_RECREATED,    /* another log under the same name */
	FINALE_TRUNCATED,    /* the log ends before C */
	FINALE_GROWN,        /* more partitions */
	FINALE_OFFSETS_LOST, /* the group's offsets are gone */
	FINALE_SET_BACK,     /* an operator set the group back */
	FINALE_ACCEPTED,     /* --accept-state after that */
	FINALE_STATE_ID,     /* other rules */
	FINALE_CAPS,         /* too many dead letters */
	FINALE_CORRUPT,      /* a damaged record */
	FINALE_EVICTED,      /* Redis dropped records */
	FINALE_LATE,         /* too many late events */
	FINALE_CLUSTER,      /* another Kafka cluster */
	FINALE_MARKER,       /* a damaged marker */
	FINALE_EMPTIED,      /* Redis loses everything while nothing is sent */
	FINALES
};
extern const char *const finale_names[FINALES];

struct fault {
	enum fault_kind kind;
	bool off; /* left out by the shrinker */
	int node;
	int64_t at_us, length_us;
	uint64_t value;
};

/** All that a seed decides beforehand. */
struct plan {
	uint64_t seed;
	int nodes, partitions, entities;
	int events;        /* turns of the producer */
	int64_t length_us; /* of the part with faults */
	uint32_t batch_records[NODES_MAX];
	int64_t write_interval_ms;
	uint64_t write_records;
	size_t cache_bytes, message_max;
	bool dynamic; /* members without an instance id */
	bool busy;    /* the producer sends in bursts */
	struct fault faults[FAULTS_MAX];
	int fault_count;
	enum finale finale;
};

struct sim;
struct node;
struct kafka;
struct redis;
struct reference;
typedef void sim_action(struct sim *sim, void *self, uint64_t argument);

struct sim_event {
	int64_t at_us;
	uint64_t order;
	sim_action *action;
	void *self;
	uint64_t argument;
};

struct sim_stats {
	uint64_t schedules, records, outputs, commits, writes, kills, exits_fenced, rebuilds;
	uint64_t faults[FAULT_KINDS], finales[FINALES];
};

struct sim {
	struct plan plan;
	struct rng choices; /* of delays and fates */
	struct rng stream;  /* of what the producer sends */
	int64_t now_us;
	struct sim_event *heap;
	size_t heap_count, heap_capacity;
	uint64_t order;
	bool ended, failed;
	char failure[1024];
	bool quiet;    /* no fault any more */
	bool finale;   /* its cause was injected: halts are allowed */
	bool unstable; /* a halted partition or an exit 76 may come */
	int64_t quiet_us;
	int produced;
	struct kafka *kafka;
	struct redis *redis;
	struct node *nodes[NODES_MAX];
	struct node *running; /* whose fiber runs now; NULL: none */
	struct reference *reference;
	bool loud; /* print the trace as it comes */
	char (*trace)[200];
	uint64_t traced;
	struct sim_stats *stats;
};

/* sim.c */

/** Runs one schedule; true: no invariant was violated. stats may be NULL. */
bool sim_run(const struct plan *plan, bool loud, struct sim_stats *stats, char failure[1024]);
/** The parts of sim_run(), for tests of the models: a world in which nothing is begun, one event, the end. */
struct sim *sim_new(const struct plan *plan, bool loud, struct sim_stats *stats);
/** See sim_new(). */
void sim_step(struct sim *sim);
/** See sim_new(). */
void sim_end(struct sim *sim);
/** Memory of the schedule, zeroed; never freed by itself. */
void *sim_take(size_t size);
/** A larger copy of an array of count items, for capacity items. */
void *sim_grow(const void *items, size_t count, size_t capacity, size_t size);
/** A copy of bytes. */
struct slice sim_copy(struct slice bytes);
/** Has an action done after a while. */
void sim_after(struct sim *sim, int64_t delay_us, sim_action *action, void *self, uint64_t argument);
/** Uniform in [0, bound). */
uint64_t sim_below(struct sim *sim, uint64_t bound);
/** Uniform in [low, high]. */
int64_t sim_between(struct sim *sim, int64_t low, int64_t high);
/** True once in so many times. */
bool sim_once_in(struct sim *sim, uint64_t times);
/** A line of the trace. */
void sim_trace(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
/** An invariant is violated: the schedule ends. The first one counts. */
void sim_fail(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
/** The wall clock of the world. */
int64_t sim_wall_ms(const struct sim *sim);
/** The last lines of the trace of the schedule that ran last. */
void sim_print_trace(FILE *file);

/* plan.c */

/** What a seed decides. */
void plan_make(uint64_t seed, struct plan *plan);
/** For people. */
void plan_print(const struct plan *plan, FILE *file);

/* subject.c: what the simulated daemons compute, and the records that they are fed. */

struct feature_set;
struct feature_set_options;
struct publish_options;
struct pseudonym_options;
struct champion;
/** Made once for all schedules. other_rules: with another state id. */
const struct feature_set *subject_set(bool other_rules);
/** Which of several configurations the schedule of this seed is about. */
void subject_choose(uint64_t seed);
/** What it is made from. */
const struct feature_set_options *subject_options(void);
/** Likewise. */
const struct publish_options *subject_publish(void);
/** Likewise. */
const struct champion *subject_champion(bool other_rules);
/** NULL: none. */
const struct pseudonym_options *subject_pseudonyms(void);
/** The headers of a record of the input. */
int subject_headers(struct record *record, struct arena *arena, struct err *err) MUST_USE;
/** A codec that never has to wait (reference), or does while the registry is away (node). */
struct codec subject_codec(struct node *node);
/** Appends what the producer sends in one turn. */
void subject_produce(struct sim *sim);
/** One event of an entity; its time as given. */
void subject_send(struct sim *sim, int entity, int64_t time_ms);
/** Poison, for the caps. */
void subject_poison(struct sim *sim, int32_t partition);
/** The key of entity number n lies in this partition. */
int32_t subject_partition(const struct sim *sim, int entity);

/* faults.c and finale.c */

/** Lets the plan's faults come. */
void faults_begin(struct sim *sim);
/** All faults end now. */
void faults_end(struct sim *sim);
/** Injects the finale's cause and watches what becomes of it; ends the schedule. */
void finale_begin(struct sim *sim);

#endif
