#include "test/chaos/faults.h"

#define JUMP_US (INT64_C(600) * 1000000)

/* The faults of a function that asks a service: away for one call, for several, and for good. */
#define AWAY(call, what, code)                                                                                         \
	{what ": away", call, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 1},                                             \
	    {what ": away for 7 calls", call, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 7},                             \
	{                                                                                                              \
		what ": refused", call, FAULT_ERROR, code, ERR_EXIT, 1                                                 \
	}
#define KILLED(call, what)                                                                                             \
	{what ": killed before", call, FAULT_KILL, ERR_NONE, ERR_EXIT, 1},                                             \
	{                                                                                                              \
		what ": killed after", call, FAULT_KILL_AFTER, ERR_NONE, ERR_EXIT, 1                                   \
	}

const struct fault faults[] = {
    AWAY(CALL_SOURCE_OPEN, "source->open", ERR_CONFIG),
    KILLED(CALL_SOURCE_OPEN, "source->open"),
    {"source->poll: a time-out", CALL_POLL, FAULT_NOTHING, ERR_NONE, ERR_RETRY, 1},
    {"source->poll: offset out of range", CALL_POLL, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RECOVER, 1},
    {"source->poll: not authorized", CALL_POLL, FAULT_ERROR, ERR_UNAVAILABLE, ERR_EXIT, 1},
    {"source->poll: fenced", CALL_POLL, FAULT_ERROR, ERR_FENCED, ERR_EXIT, 1},
    {"source->poll: revoked", CALL_POLL, FAULT_REVOKE, ERR_NONE, ERR_RETRY, 1},
    {"source->poll: lost", CALL_POLL, FAULT_LOSE, ERR_NONE, ERR_RETRY, 1},
    KILLED(CALL_POLL, "source->poll"),
    {"source->headers: out of memory", CALL_HEADERS, FAULT_ERROR, ERR_MEMORY, ERR_EXIT, 1},
    {"source->headers: damaged", CALL_HEADERS, FAULT_ERROR, ERR_DATA, ERR_EXIT, 1},
    {"source->start: not assigned", CALL_START, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RECOVER, 1},
    AWAY(CALL_START, "source->start", ERR_INTERNAL),
    KILLED(CALL_START, "source->start"),
    AWAY(CALL_PAUSE, "source->pause", ERR_UNAVAILABLE),
    AWAY(CALL_COMMITTED, "source->committed", ERR_UNAVAILABLE),
    KILLED(CALL_COMMITTED, "source->committed"),
    AWAY(CALL_BOUNDS, "source->bounds", ERR_UNAVAILABLE),
    AWAY(CALL_OFFSET_AT, "source->offset_at", ERR_UNAVAILABLE),
    AWAY(CALL_PARTITION_COUNT, "source->partition_count", ERR_UNAVAILABLE),
    {"source->partition_count: grown", CALL_PARTITION_COUNT, FAULT_GROWN, ERR_HALT, ERR_EXIT, 1},
    AWAY(CALL_SINK_OPEN, "sink->open", ERR_CONFIG),
    {"sink->open: fenced", CALL_SINK_OPEN, FAULT_ERROR, ERR_FENCED, ERR_EXIT, 1},
    KILLED(CALL_SINK_OPEN, "sink->open"),
    {"sink->begin: away", CALL_BEGIN, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 1},
    {"sink->begin: not open", CALL_BEGIN, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RECOVER, 1},
    {"sink->begin: fenced", CALL_BEGIN, FAULT_ERROR, ERR_FENCED, ERR_RECOVER, 1},
    KILLED(CALL_BEGIN, "sink->begin"),
    {"sink->produce: abortable", CALL_PRODUCE, FAULT_ERROR, ERR_UNAVAILABLE, ERR_ABORT_BATCH, 1},
    {"sink->produce: queue full", CALL_PRODUCE, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 1},
    {"sink->produce: fatal", CALL_PRODUCE, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RECOVER, 1},
    {"sink->produce: too large", CALL_PRODUCE, FAULT_ERROR, ERR_INTERNAL, ERR_EXIT, 1},
    {"sink->produce and abort: fail", CALL_PRODUCE, FAULT_ABORT_FAILS, ERR_UNAVAILABLE, ERR_ABORT_BATCH, 1},
    KILLED(CALL_PRODUCE, "sink->produce"),
    {"sink->commit: aborted", CALL_COMMIT, FAULT_ABORTED, ERR_UNAVAILABLE, ERR_ABORT_BATCH, 1},
    {"sink->commit: aborted 4 times", CALL_COMMIT, FAULT_ABORTED, ERR_UNAVAILABLE, ERR_ABORT_BATCH, 4},
    {"sink->commit: unknown, done", CALL_COMMIT, FAULT_UNKNOWN_DONE, ERR_UNAVAILABLE, ERR_RECOVER, 1},
    {"sink->commit: unknown, not done", CALL_COMMIT, FAULT_UNKNOWN_UNDONE, ERR_UNAVAILABLE, ERR_RECOVER, 1},
    {"sink->commit: fenced, done", CALL_COMMIT, FAULT_UNKNOWN_DONE, ERR_FENCED, ERR_EXIT, 1},
    {"sink->commit: fenced, not done", CALL_COMMIT, FAULT_UNKNOWN_UNDONE, ERR_FENCED, ERR_EXIT, 1},
    KILLED(CALL_COMMIT, "sink->commit"),
    AWAY(CALL_STORE_OPEN, "store->open", ERR_CONFIG),
    AWAY(CALL_READ, "store->read", ERR_HALT),
    {"store->read: loading", CALL_READ, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 30},
    {"store->read: another marker", CALL_READ, FAULT_CONFLICT, ERR_NONE, ERR_RETRY, 1},
    {"store->read: out of memory", CALL_READ, FAULT_ERROR, ERR_MEMORY, ERR_EXIT, 1},
    KILLED(CALL_READ, "store->read"),
    AWAY(CALL_WRITE, "store->write", ERR_HALT),
    {"store->write: full", CALL_WRITE, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 30},
    {"store->write: reply lost", CALL_WRITE, FAULT_ERROR_AFTER, ERR_UNAVAILABLE, ERR_RETRY, 1},
    {"store->write: another marker", CALL_WRITE, FAULT_CONFLICT, ERR_NONE, ERR_RETRY, 1},
    KILLED(CALL_WRITE, "store->write"),
    AWAY(CALL_CHECK, "store->check", ERR_HALT),
    {"store->check: evicted", CALL_CHECK, FAULT_EVICTED, ERR_NONE, ERR_RETRY, 1},
    {"store->check: another server", CALL_CHECK, FAULT_RESTARTED, ERR_NONE, ERR_RETRY, 1},
    {"codec->decode: registry away", CALL_DECODE, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 1},
    {"codec->decode: registry away for 7 calls", CALL_DECODE, FAULT_ERROR, ERR_UNAVAILABLE, ERR_RETRY, 7},
    {"clock: jumps", CALL_CLOCK, FAULT_JUMP, ERR_NONE, ERR_RETRY, 1},
    {0}};

const char *faults_call_name(enum port_call call)
{
	static const char *const names[] = {"source->open",   "source->poll",       "source->headers",
					    "source->start",  "source->pause",      "source->committed",
					    "source->bounds", "source->offset_at",  "source->partition_count",
					    "sink->open",     "sink->begin",        "sink->produce",
					    "sink->commit",   "sink->abort",        "store->open",
					    "store->read",    "store->write",       "store->check",
					    "codec->decode",  "clock->monotonic_us"};
	_Static_assert(sizeof names / sizeof *names == CALL_NUMBER, "a name for each call");
	return names[call];
}

/* Counts a call; true: it is one of the failing ones. */
static bool strikes(struct faulty *faulty, enum port_call call)
{
	const struct fault *fault = faulty->fault;
	if (faulty->paused)
		return false;
	size_t number = ++faulty->counts[call];
	size_t times = fault == NULL || fault->times == 0 ? 1 : fault->times;
	if (fault == NULL || fault->call != call || number < faulty->n || number >= faulty->n + times)
		return false;
	faulty->struck = true;
	faulty->killed = fault->effect == FAULT_KILL || fault->effect == FAULT_KILL_AFTER;
	return true;
}

static int fail(const struct faulty *faulty, struct err *err)
{
	const struct fault *fault = faulty->fault;
	if (faulty->killed)
		return err_set(err, ERR_INTERNAL, "killed");
	return err_set_action(err, fault->code, fault->action, "%s", fault->name);
}

/* True where the twin is to do it although the caller will hear an error. */
static bool done_first(const struct faulty *faulty)
{
	return faulty->fault->effect == FAULT_KILL_AFTER || faulty->fault->effect == FAULT_ERROR_AFTER;
}

/* A call that takes self and err alone. */
#define PASS(call, inner_call)                                                                                         \
	do {                                                                                                           \
		if (!strikes(faulty, call))                                                                            \
			return inner_call;                                                                             \
		if (done_first(faulty) && (inner_call) != 0)                                                           \
			return -1;                                                                                     \
		return fail(faulty, err);                                                                              \
	} while (0)

static int source_open(void *self, const struct source_listener *listener, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_SOURCE_OPEN, inner->open(inner->self, listener, err));
}

static int poll_records(void *self, int timeout_ms, struct record *records, size_t limit, size_t *count,
			struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	if (strikes(faulty, CALL_POLL)) {
		switch (faulty->fault->effect) {
		case FAULT_NOTHING:
			*faulty->now_us += (int64_t)timeout_ms * 1000;
			return 0;
		case FAULT_REVOKE:
		case FAULT_LOSE:
			memory_broker_rebalance(faulty->broker, faulty->fault->effect == FAULT_LOSE);
			break;
		case FAULT_KILL_AFTER:
			if (inner->poll(inner->self, timeout_ms, records, limit, count, err) != 0)
				return -1;
			return fail(faulty, err);
		default:
			return fail(faulty, err);
		}
	}
	*faulty->now_us += limit == 0 ? (int64_t)timeout_ms * 1000 : 0;
	return inner->poll(inner->self, timeout_ms, records, limit, count, err);
}

static int get_headers(void *self, struct record *record, struct arena *arena, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_HEADERS, inner->headers(inner->self, record, arena, err));
}

static void release(void *self)
{
	struct faulty *faulty = self;
	faulty->inner.source.release(faulty->inner.source.self);
}

static int start(void *self, const struct position *positions, size_t count, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_START, inner->start(inner->self, positions, count, err));
}

static int pause_partition(void *self, int32_t partition, bool paused, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_PAUSE, inner->pause(inner->self, partition, paused, err));
}

static int committed(void *self, struct position *positions, size_t count, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_COMMITTED, inner->committed(inner->self, positions, count, err));
}

static int bounds(void *self, int32_t partition, int64_t *low, int64_t *high, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_BOUNDS, inner->bounds(inner->self, partition, low, high, err));
}

static int64_t end_of(void *self, int32_t partition)
{
	struct faulty *faulty = self;
	return faulty->inner.source.end(faulty->inner.source.self, partition);
}

static int offset_at(void *self, int32_t partition, int64_t timestamp_ms, int64_t *offset, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	PASS(CALL_OFFSET_AT, inner->offset_at(inner->self, partition, timestamp_ms, offset, err));
}

static int partition_count(void *self, int32_t *count, struct err *err)
{
	struct faulty *faulty = self;
	struct source *inner = &faulty->inner.source;
	if (strikes(faulty, CALL_PARTITION_COUNT)) {
		if (faulty->fault->effect != FAULT_GROWN)
			return fail(faulty, err);
		/* Topics do not shrink: a first marker made with a count too large would rightly be refused for ever. */
		bool marked = memory_store_marker(faulty->store, 0).data != NULL;
		int status = inner->partition_count(inner->self, count, err);
		*count += marked;
		return status;
	}
	return inner->partition_count(inner->self, count, err);
}

static const char *cluster_id(void *self)
{
	struct faulty *faulty = self;
	return faulty->inner.source.cluster_id(faulty->inner.source.self);
}

static struct membership membership(void *self)
{
	struct faulty *faulty = self;
	return faulty->inner.source.membership(faulty->inner.source.self);
}

static void close_source(void *self)
{
	struct faulty *faulty = self;
	faulty->inner.source.close(faulty->inner.source.self);
}

static int sink_open(void *self, struct err *err)
{
	struct faulty *faulty = self;
	struct sink *inner = &faulty->inner.sink;
	PASS(CALL_SINK_OPEN, inner->open(inner->self, err));
}

static int begin(void *self, struct err *err)
{
	struct faulty *faulty = self;
	struct sink *inner = &faulty->inner.sink;
	PASS(CALL_BEGIN, inner->begin(inner->self, err));
}

static int produce(void *self, const struct message *message, struct err *err)
{
	struct faulty *faulty = self;
	struct sink *inner = &faulty->inner.sink;
	if (!strikes(faulty, CALL_PRODUCE))
		return inner->produce(inner->self, message, err);
	faulty->abort_fails = faulty->fault->effect == FAULT_ABORT_FAILS;
	if (done_first(faulty) && inner->produce(inner->self, message, err) != 0)
		return -1;
	return fail(faulty, err);
}

static enum commit_result commit(void *self, const struct position *offsets, size_t count,
				 const struct membership *member, struct err *err)
{
	struct faulty *faulty = self;
	struct sink *inner = &faulty->inner.sink;
	if (!strikes(faulty, CALL_COMMIT))
		return inner->commit(inner->self, offsets, count, member, err);
	const struct fault *fault = faulty->fault;
	if (fault->effect == FAULT_ABORTED)
		memory_broker_fail_commit(faulty->broker, COMMIT_ABORTED, false);
	else if (fault->effect != FAULT_KILL && fault->effect != FAULT_KILL_AFTER)
		memory_broker_fail_commit(faulty->broker, COMMIT_UNKNOWN, fault->effect == FAULT_UNKNOWN_DONE);
	enum commit_result result = COMMIT_UNKNOWN;
	if (fault->effect != FAULT_KILL)
		result = inner->commit(inner->self, offsets, count, member, err);
	if (result == COMMIT_ABORTED)
		return result;
	/* Killed: whatever is answered, nobody acts upon it. */
	err_clear(err);
	(void)fail(faulty, err);
	return COMMIT_UNKNOWN;
}

static int abort_transaction(void *self, struct err *err)
{
	struct faulty *faulty = self;
	struct sink *inner = &faulty->inner.sink;
	(void)strikes(faulty, CALL_ABORT);
	int status = inner->abort(inner->self, err);
	if (!faulty->abort_fails || status != 0)
		return status;
	faulty->abort_fails = false;
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "sink->abort: fails");
}

static size_t message_max(void *self)
{
	struct faulty *faulty = self;
	return faulty->inner.sink.message_max(faulty->inner.sink.self);
}

static void close_sink(void *self)
{
	struct faulty *faulty = self;
	faulty->inner.sink.close(faulty->inner.sink.self);
}

static int store_open(void *self, struct err *err)
{
	struct faulty *faulty = self;
	struct store *inner = &faulty->inner.store;
	PASS(CALL_STORE_OPEN, inner->open(inner->self, err));
}

static int read_store(void *self, int32_t partition, struct slice *marker, struct state_record *records, size_t count,
		      struct arena *arena, struct err *err)
{
	struct faulty *faulty = self;
	struct store *inner = &faulty->inner.store;
	if (!strikes(faulty, CALL_READ))
		return inner->read(inner->self, partition, marker, records, count, arena, err);
	bool conflict = faulty->fault->effect == FAULT_CONFLICT;
	if ((done_first(faulty) || conflict) &&
	    inner->read(inner->self, partition, marker, records, count, arena, err) != 0)
		return -1;
	if (!conflict)
		return fail(faulty, err);
	/* Recovery asks for the marker alone, and would rightly halt at one that makes no sense. */
	if (count > 0)
		*marker = slice_of("another marker");
	return 0;
}

static int write_store(void *self, int32_t partition, struct slice expected, struct slice marker,
		       const struct state_record *records, size_t count, enum store_write *result, struct err *err)
{
	struct faulty *faulty = self;
	struct store *inner = &faulty->inner.store;
	if (!strikes(faulty, CALL_WRITE))
		return inner->write(inner->self, partition, expected, marker, records, count, result, err);
	switch (faulty->fault->effect) {
	case FAULT_CONFLICT:
		*result = STORE_CONFLICT;
		return 0;
	case FAULT_ERROR_AFTER:
		memory_store_lose_replies(faulty->store, 1);
		return inner->write(inner->self, partition, expected, marker, records, count, result, err);
	case FAULT_KILL_AFTER:
		if (inner->write(inner->self, partition, expected, marker, records, count, result, err) != 0)
			return -1;
		return fail(faulty, err);
	default:
		return fail(faulty, err);
	}
}

static int check(void *self, struct err *err)
{
	struct faulty *faulty = self;
	struct store *inner = &faulty->inner.store;
	if (!strikes(faulty, CALL_CHECK))
		return inner->check(inner->self, err);
	switch (faulty->fault->effect) {
	case FAULT_EVICTED:
		memory_store_evict(faulty->store, 0, slice_of("c0"));
		return inner->check(inner->self, err);
	case FAULT_RESTARTED:
		memory_store_restart(faulty->store);
		return inner->check(inner->self, err);
	default:
		if (done_first(faulty) && inner->check(inner->self, err) != 0)
			return -1;
		return fail(faulty, err);
	}
}

static struct store_facts facts_of(void *self)
{
	struct faulty *faulty = self;
	return faulty->inner.store.facts(faulty->inner.store.self);
}

static void close_store(void *self)
{
	struct faulty *faulty = self;
	faulty->inner.store.close(faulty->inner.store.self);
}

static enum decoded decode(void *self, const struct record *record, struct arena *arena, struct event *event,
			   enum reason *reason, struct err *err)
{
	struct faulty *faulty = self;
	struct codec *inner = &faulty->inner.codec;
	if (!strikes(faulty, CALL_DECODE))
		return inner->decode(inner->self, record, arena, event, reason, err);
	(void)fail(faulty, err);
	return DECODE_WAIT;
}

static void partitions(void *self, int32_t count)
{
	struct faulty *faulty = self;
	faulty->inner.codec.partitions(faulty->inner.codec.self, count);
}

static int64_t wall_ms(void *self)
{
	struct faulty *faulty = self;
	return faulty->inner.clock.wall_ms(faulty->inner.clock.self);
}

static int64_t monotonic_us(void *self)
{
	struct faulty *faulty = self;
	if (strikes(faulty, CALL_CLOCK))
		*faulty->now_us += JUMP_US;
	return faulty->inner.clock.monotonic_us(faulty->inner.clock.self);
}

static void sleep_ms(void *self, int64_t ms)
{
	struct faulty *faulty = self;
	faulty->inner.clock.sleep_ms(faulty->inner.clock.self, ms);
}

static uint64_t random_bits(void *self)
{
	struct faulty *faulty = self;
	return faulty->inner.clock.random(faulty->inner.clock.self);
}

void faults_wrap(void *self, struct ports *ports)
{
	struct faulty *faulty = self;
	faulty->inner = *ports;
	ports->source = (struct source){self,      source_open,     poll_records, get_headers, release,
					start,     pause_partition, committed,    bounds,      end_of,
					offset_at, partition_count, cluster_id,   membership,  close_source};
	ports->sink =
	    (struct sink){self, sink_open, begin, produce, commit, abort_transaction, message_max, close_sink};
	ports->store = (struct store){self, store_open, read_store, write_store, check, facts_of, close_store};
	ports->codec = (struct codec){self, decode, partitions};
	ports->clock = (struct clock){self, wall_ms, monotonic_us, sleep_ms, random_bits};
}
