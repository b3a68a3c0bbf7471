/*
 * Ports whose n-th call fails: a table between a daemon and the memory twins. Each call of a port function counts; the one
 * that was asked for, and as many behind it as the fault lasts, end as the fault says, before or after the twin has done
 * what was asked.
 */
#ifndef OUTLIERD_CHAOS_FAULTS_H
#define OUTLIERD_CHAOS_FAULTS_H

#include "daemon/io/memory_broker.h"
#include "daemon/io/memory_store.h"
#include "daemon/pipeline/pipeline.h"

enum port_call {
	CALL_SOURCE_OPEN,
	CALL_POLL,
	CALL_HEADERS,
	CALL_START,
	CALL_PAUSE,
	CALL_COMMITTED,
	CALL_BOUNDS,
	CALL_OFFSET_AT,
	CALL_PARTITION_COUNT,
	CALL_SINK_OPEN,
	CALL_BEGIN,
	CALL_PRODUCE,
	CALL_COMMIT,
	CALL_ABORT,
	CALL_STORE_OPEN,
	CALL_READ,
	CALL_WRITE,
	CALL_CHECK,
	CALL_DECODE,
	CALL_CLOCK,
	CALL_NUMBER
};

/** What a failing call does. */
enum fault_effect {
	FAULT_ERROR,          /* -1 with the fault's error; nothing else happens */
	FAULT_ERROR_AFTER,    /* the twin does it; the caller hears the error all the same */
	FAULT_KILL,           /* the process dies before it is done */
	FAULT_KILL_AFTER,     /* ... after it is done, before the caller hears of it */
	FAULT_NOTHING,        /* poll: a time-out without records */
	FAULT_REVOKE,         /* poll: the assignment is revoked and given again */
	FAULT_LOSE,           /* ... lost and given again */
	FAULT_ABORTED,        /* commit: certainly aborted */
	FAULT_UNKNOWN_DONE,   /* commit: nobody knows; it was done */
	FAULT_UNKNOWN_UNDONE, /* ... it was not */
	FAULT_ABORT_FAILS,    /* produce: the error, and so does the abort that follows */
	FAULT_CONFLICT,       /* write: the marker is not the expected one; read: another marker is there */
	FAULT_GROWN,          /* partition_count: one more */
	FAULT_EVICTED,        /* check: a record was dropped */
	FAULT_RESTARTED,      /* check: another server process, with the same records */
	FAULT_JUMP            /* clock: ten minutes later than it was */
};

struct fault {
	const char *name;
	enum port_call call;
	enum fault_effect effect;
	enum err_code code;
	enum err_action action; /* ERR_EXIT: the daemon must end with this code, else it must not end */
	unsigned times;         /* calls in a row; 0: one */
};

/** The faults: every function with each of its documented errors. */
extern const struct fault faults[];

/** The table between. One for all daemons of a story. */
struct faulty {
	struct ports inner; /* of the daemon that runs */
	struct memory_broker *broker;
	struct memory_store *store;
	int64_t *now_us;           /* of the world's clock */
	const struct fault *fault; /* NULL: only counts */
	size_t n;                  /* the first failing call of its function; the first is 1 */
	size_t counts[CALL_NUMBER];
	bool struck, killed; /* killed: nothing may be called in order any more */
	bool abort_fails;
	bool paused; /* the test's own business: neither counted nor failing */
};

/** For test_world.wrap: puts self, a struct faulty, between. */
void faults_wrap(void *self, struct ports *ports);
/** "source->poll" … */
const char *faults_call_name(enum port_call call);

#endif
