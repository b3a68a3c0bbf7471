/*
 * A simulation of rows event by event in the order of their arrival, whatever they are about: whose turn it is next,
 * planted anomalies at their rate, rows that arrive late and rows that arrive twice. What the entities do is a
 * simulation_source's: portfolios and trades have one each. Card transactions have a simulation of their own.
 */
#ifndef OUTLIERD_SIMULATION_ARRIVALS_H
#define OUTLIERD_SIMULATION_ARRIVALS_H

#include "daemon/cmd/row.h"
#include "daemon/cmd/simulation_heap.h"
#include "rng.h"

struct arrivals;

/** What is simulated. Its world is arrivals->world. */
struct simulation_source {
	const struct row_shape *shape;
	/** An entity's turn: fills values (but not id and time) and sets the time of its next turn. False: it does nothing now. */
	bool (*turn)(struct arrivals *arrivals, uint32_t entity, int64_t time_ms, struct row *row, int64_t *next_ms);
	/** The time of a planned row has come: its values become what they are now. */
	void (*happen)(struct arrivals *arrivals, struct row *row);
	/** Plans an anomaly that follows an ordinary row with arrivals_plan(), or none. */
	int (*plan)(struct arrivals *arrivals, const struct row *row, struct err *err);
	/** Frees the world; NULL does nothing. */
	void (*free_world)(void *world);
};

/** When somebody is active: hours of the day in ms, from before to. */
struct active_hours {
	int64_t from_ms, to_ms;
	bool weekdays; /* on Monday to Friday only */
};

struct arrivals {
	struct simulation_options options;
	const struct simulation_source *source;
	void *world; /* owned */
	struct rng rng;
	struct simulation_heap heap;
	struct row *pending;   /* owned: planned ones and those held back */
	uint32_t *free_places; /* owned */
	uint32_t pending_count, pending_capacity, free_count;
	uint64_t rows;      /* numbers given so far */
	uint64_t anomalies; /* rows of anomalies, planned ones too */
	uint32_t incidents;
};

/** Begins without any entity; a world is given to it before the first turn. ERR_USAGE: an option out of range; ERR_MEMORY. */
struct arrivals *arrivals_new(const struct simulation_options *options, const struct simulation_source *source,
			      struct err *err) MUST_USE;
/** Frees it and its world; NULL does nothing. */
void arrivals_free(struct arrivals *arrivals);

/** Sets an entity's first turn. ERR_MEMORY. */
int arrivals_enter(struct arrivals *arrivals, uint32_t entity, int64_t time_ms, struct err *err) MUST_USE;
/** Plans a row of the newest incident for its time_ms. ERR_MEMORY. */
int arrivals_plan(struct arrivals *arrivals, const struct row *row, struct err *err) MUST_USE;
/** The next arrival. -1: out of memory (ERR_MEMORY). */
int arrivals_next(struct arrivals *arrivals, struct row *row, struct err *err) MUST_USE;

/** The time when an entity has been active for gap_ms more. */
int64_t arrivals_active(const struct active_hours *hours, int64_t time_ms, int64_t gap_ms);
/** Active time between two turns of an entity that has this share of all turns: exponential, such that options.events spread over options.days. */
int64_t arrivals_gap(struct arrivals *arrivals, const struct active_hours *hours, double share);
/** Uniform between the two, both included. */
int64_t arrivals_between(struct arrivals *arrivals, int64_t least, int64_t most);
/** Units: 2^log2, spread by spread_log2 (standard deviation); at least 1. */
int64_t arrivals_size(struct arrivals *arrivals, double log2, double spread_log2);
/** True once in so many. */
bool arrivals_once_in(struct arrivals *arrivals, uint64_t odds);

#endif
