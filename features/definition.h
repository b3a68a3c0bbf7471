/*
 * The feature set: definitions as configured, compiled once and checked, with the two hashes that identify it
 * (feature-set id, state id). Immutable after feature_set_new(); everything about one configuration that the transition
 * of an entity's state and the vector read is in here. Beside it stands the memory that its entities take and give back,
 * so the entities of a set belong to one thread. Exact meaning of every operation:
 * docs/features.md.
 */
#ifndef OUTLIERD_DEFINITION_H
#define OUTLIERD_DEFINITION_H

#include "features/condition.h"
#include "sha256.h"

#define FEATURES_MAX 256
#define STATE_MAX_EVENTS_LIMIT 65536

enum operation {
	OPERATION_COUNT,
	OPERATION_SUM,
	OPERATION_DISTINCT,
	OPERATION_MEAN,
	OPERATION_MIN,
	OPERATION_MAX,
	OPERATION_STDDEV,
	OPERATION_ZSCORE,
	OPERATION_RATIO,
	OPERATION_QUOTIENT,
	OPERATION_PREVIOUS,
	OPERATION_SINCE_PREVIOUS,
	OPERATION_AGE,
	OPERATION_GEO_SPEED,
	OPERATION_PERCENTILE,
	OPERATION_ROBUST_Z,
	OPERATION_DECAYED_COUNT,
	OPERATION_DECAYED_SUM,
	OPERATION_DISTANCE_HOME,
	OPERATION_STREAK,
	OPERATION_BURST,
	OPERATION_VALUE,
	OPERATION_LOG1P,
	OPERATION_HOUR,
	OPERATION_WEEKDAY,
	OPERATION_NUMBER
};

/** The operation's configured name, "since_previous" …; */
const char *operation_name(enum operation operation);
/** The operation of a configured name; -1: none. */
int operation_parse(const char *name, enum operation *operation) MUST_USE;

struct feature_options {
	const char *name; /* [A-Za-z_][A-Za-z0-9_]* */
	enum operation operation;
	const char *field;     /* NULL where the operation reads none */
	const char *lat, *lon; /* geo_speed, distance_home */
	const char *of[2];     /* quotient: names of features */
	int64_t window_ms;     /* 0: none */
	int64_t half_life_ms;  /* decayed_count, decayed_sum; 0: none */
	int64_t interval_ms;   /* burst; 0: none */
	bool include_current;
	const struct condition_options *where;
	size_t where_count;
	const char *const *values; /* value of a string: its possible values */
	size_t value_count;
	const struct utc_offset *utc_offsets; /* hour, weekday */
	size_t utc_offset_count;
};

struct feature_set_options {
	const char *pipeline;              /* hash keys derive from it */
	const struct event_schema *schema; /* borrowed for the life of the set */
	const struct feature_options *features;
	size_t feature_count;
	uint32_t max_events; /* in reach, per entity; 2 .. STATE_MAX_EVENTS_LIMIT */
	bool keeps_all;      /* the state keeps every field of the schema, for features/amend */
	size_t idle_bytes;   /* of memory that histories have grown out of, kept for others; 0: it is freed */
};

struct feature_set;

/** Checks and compiles. Copies what it needs of the options except the event schema. All problems are reported through `problem` (NULL: only the first, in *err); -1 and ERR_CONFIG when there is any. */
int feature_set_new(struct feature_set **set, const struct feature_set_options *options, feature_problem *problem,
		    void *context, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void feature_set_free(struct feature_set *set);

/** Number of features, the length of a vector. */
size_t feature_set_count(const struct feature_set *set);
/** Name of feature i. */
const char *feature_set_name(const struct feature_set *set, size_t i);
/** Operation of feature i. */
enum operation feature_set_operation(const struct feature_set *set, size_t i);
/** Index of a feature by name; -1: none. */
int feature_set_find(const struct feature_set *set, const char *name);
/** The event schema given to it. */
const struct event_schema *feature_set_schema(const struct feature_set *set);
/** Lower-case hex SHA-256 of the canonical definitions and the fields they read. */
const char *feature_set_id(const struct feature_set *set);
/** Lower-case hex SHA-256 of everything that the transition of the state reads. */
const char *feature_set_state_id(const struct feature_set *set);
/** Longest window + allowed lateness, ms. */
int64_t feature_set_reach_ms(const struct feature_set *set);
/** Longest window, ms; 0 where no feature reads history. */
int64_t feature_set_window_ms(const struct feature_set *set);
/** Width of a pane, ms: ceil(reach / 64). */
int64_t feature_set_pane_ms(const struct feature_set *set);
/** True where feature i is warm at time t_ms: t - window >= complete_since_ms (features without window always). */
bool feature_set_is_warm(const struct feature_set *set, size_t i, int64_t t_ms, int64_t complete_since_ms);

#endif
